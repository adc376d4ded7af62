//! What is there of a file that a simulated peer fetches, as others may have it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::content::Claim;
use crate::disk::Plan;
use crate::limits;
use crate::peer::swarms::LiveSeed;

/// A file that is being fetched, or was.
#[derive(Debug)]
pub(super) struct SimSeed {
    claim: Claim,
    is_complete: AtomicBool,
}

impl SimSeed {
    /// That of a file which is large enough for others to have some of it.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        (plan.size >= limits::WORTH_ANOTHER)
            .then(|| Self { claim: (plan.id, plan.size), is_complete: AtomicBool::new(false) })
    }

    /// All of it is there.
    pub(super) fn complete(&self) {
        self.is_complete.store(true, Ordering::Relaxed);
    }
}

impl LiveSeed for SimSeed {
    fn claim(&self) -> Claim {
        self.claim
    }

    fn is_gone(&self) -> bool {
        false
    }

    fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Relaxed)
    }
}
