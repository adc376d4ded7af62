//! Lines that others miss, and when they are sent to them once more. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use super::line_id::LineId;
use super::turns::{WaitingItem, next_turn};
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::identity::PeerId;
use crate::lan::limits;
use crate::lan::rng::Rng;
use crate::lan::traffic::Endpoint;
use crate::rate::TokenBucket;
use crate::time::Time;

/// What went to everyone once more does not do so again within this time: several ask for it at once.
pub(super) const HOLD: Duration = Duration::from_millis(100);

/// To whom a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RepairFor {
    Everyone,
    One(PeerId),
}

/// A line, and to whom it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RepairKey {
    pub line: LineId,
    pub to: RepairFor,
}

/// A repair that waits.
#[derive(Clone, Copy, Debug)]
struct PendingRepair {
    due: Time,
    /// `None`: to everyone.
    to: Option<Endpoint>,
    host: AccountHost,
}

/// A repair that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DueRepair {
    pub line: LineId,
    /// `None`: to everyone.
    pub to: Option<Endpoint>,
}

/// Those that wait, at most [`limits::REPAIRS_WAITING`]. The hosts that ask have equal shares, and equal turns.
#[derive(Debug)]
pub(super) struct Repairs {
    all: BTreeMap<RepairKey, PendingRepair>,
    places: Account<PeerId, RepairKey>,
    pace: TokenBucket,
}

impl Default for Repairs {
    fn default() -> Self {
        let places = Account::new(limits::REPAIRS_WAITING as u64, limits::REPAIRS_OF_HOST);
        Self { all: BTreeMap::new(), places, pace: TokenBucket::default() }
    }
}

impl Repairs {
    /// The payer misses a line, which is to be sent at `due`: to everyone, unless it is to go `to` one. Without a
    /// place it is not sent.
    pub(super) fn put(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        line: LineId,
        to: Option<Endpoint>,
        due: Time,
    ) {
        let key = RepairKey { line, to: to.map_or(RepairFor::Everyone, |_| RepairFor::One(payer.peer)) };
        if self.all.contains_key(&key) {
            return;
        }
        let Grant::Given(yielding) = self.places.charge(now, payer, key, 1) else { return };
        for other in yielding {
            self.all.remove(&other);
        }
        self.all.insert(key, PendingRepair { due, to, host: payer.host });
        self.places.check("repairs", self.all.keys().map(|key| (*key, 1)));
    }

    /// Somebody else sent this line to everyone.
    pub(super) fn note_heard(&mut self, line: LineId) {
        self.remove(RepairKey { line, to: RepairFor::Everyone });
    }

    /// When the next one may go out.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = self.all.values().map(|repair| repair.due).min();
        due.map(|at| at.max(self.pace.next(limits::REPAIR_RATE)))
    }

    /// The next one to be sent now.
    pub(super) fn take_due(&mut self, now: Time, rng: &mut Rng) -> Option<DueRepair> {
        if !self.pace.has(now, limits::REPAIR_RATE) {
            return None;
        }
        let waiting = self.all.iter().map(|(key, repair)| WaitingItem {
            host: repair.host,
            due: repair.due,
            key: *key,
        });
        let key = next_turn(now, rng, waiting)?;
        let repair = self.remove(key)?;
        self.pace.take(now, limits::REPAIR_RATE);
        Some(DueRepair { line: key.line, to: repair.to })
    }

    /// There are no more than may be.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.all.len() <= limits::REPAIRS_WAITING && self.all.len() as u64 == self.places.held());
    }

    fn remove(&mut self, key: RepairKey) -> Option<PendingRepair> {
        self.places.free(key);
        self.all.remove(&key)
    }
}
