//! What other peers share, as the receiver gave it, and why something of it is not there. Pure.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::{Catalogue, Head};
use crate::control::UnlistedCause;
use crate::identity::PeerId;
use crate::receiver::catalogue::NoCatalogueCause;
use crate::time::Time;

/// What found no place is asked for again after this time: others may be gone by then.
const NO_PLACE: Duration = Duration::from_secs(30);

/// Any other catalogue that could not be pulled is asked for again after this time.
const PULL_AGAIN: Duration = Duration::from_secs(5);

/// Why a catalogue is not there, and how long it is not asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unlisted {
    pub(super) cause: UnlistedCause,
    pub(super) until: Time,
}

impl Unlisted {
    /// It did not come.
    pub(super) fn new(now: Time, cause: NoCatalogueCause) -> Self {
        let (cause, rest) = match cause {
            NoCatalogueCause::Busy => (UnlistedCause::Busy, PULL_AGAIN),
            NoCatalogueCause::NoAnswer => (UnlistedCause::NoAnswer, PULL_AGAIN),
            NoCatalogueCause::TooMuch => (UnlistedCause::TooMany, NO_PLACE),
            NoCatalogueCause::Wrong => (UnlistedCause::Wrong, PULL_AGAIN),
        };
        Self { cause, until: now + rest }
    }
}

/// The catalogues that the receiver gave and has not taken back, of peers that are here and of others. It
/// sees to it that they do not take too much memory.
#[derive(Debug, Default)]
pub(super) struct Catalogues(BTreeMap<PeerId, (Head, Arc<Catalogue>)>);

impl Catalogues {
    pub(super) fn get(&self, owner: PeerId) -> Option<&(Head, Arc<Catalogue>)> {
        self.0.get(&owner)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &Arc<Catalogue>)> {
        self.0.iter().map(|(owner, (_, catalogue))| (*owner, catalogue))
    }

    /// Takes what the receiver gave, instead of what it gave before.
    pub(super) fn set(&mut self, owner: PeerId, head: Head, catalogue: Arc<Catalogue>) {
        self.0.insert(owner, (head, catalogue));
    }

    /// The receiver takes it back.
    pub(super) fn remove(&mut self, owner: PeerId) {
        self.0.remove(&owner);
    }
}
