//! When a peer says in the table where it is, and when it looks for one that went silent. Pure.
//!
//! Its own record is put each hour, and at once after a change. One that went silent is looked for soon, and then ever
//! more seldom, until it is here again.

use core::time::Duration;
use std::collections::BTreeMap;

use super::limits;
use super::moment::Moment;
use crate::identity::PeerId;
use crate::time::Time;

/// A peer that went silent.
#[derive(Clone, Copy, Debug)]
struct MissingPeer {
    next: Time,
    pause: Duration,
}

/// A record that is to be read: that of this peer in this month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordOf {
    pub(super) peer: PeerId,
    pub(super) month: u64,
}

/// When records are put and read.
#[derive(Debug)]
pub(super) struct PeerRecords {
    /// When that of this peer is put next.
    put: Time,
    /// At most [`limits::MISSING`].
    missing: BTreeMap<PeerId, MissingPeer>,
}

impl PeerRecords {
    /// Nobody is missed.
    pub(super) const fn new() -> Self {
        Self { put: Time::ZERO, missing: BTreeMap::new() }
    }

    /// There is another node, or this machine is elsewhere: all is put and looked for again.
    pub(super) fn handle_changed(&mut self, now: Time) {
        self.put = now;
        self.missing
            .values_mut()
            .for_each(|peer| *peer = MissingPeer { next: now, pause: limits::FIRST_LOOK });
    }

    /// A peer went silent: where is it now?
    pub(super) fn handle_missing(&mut self, now: Time, peer: PeerId) {
        if self.missing.len() < limits::MISSING {
            let pause = limits::FIRST_LOOK;
            self.missing.entry(peer).or_insert(MissingPeer { next: now + pause, pause });
        }
    }

    /// It is here again.
    pub(super) fn handle_here(&mut self, peer: PeerId) {
        self.missing.remove(&peer);
    }

    /// No node took the record.
    pub(super) fn handle_not_put(&mut self, now: Time) {
        self.put = self.put.min(now + limits::RETRY);
    }

    /// True if the record of this peer is to be put now.
    pub(super) fn is_put_due(&mut self, now: Time) -> bool {
        let is_due = self.put <= now;
        if is_due {
            self.put = now + limits::PUT_EVERY;
        }
        is_due
    }

    /// What is to be read now.
    pub(super) fn due_reads(&mut self, moment: Moment) -> Vec<RecordOf> {
        let mut due = Vec::new();
        for (id, missing) in self.missing.iter_mut().filter(|(_, missing)| missing.next <= moment.now) {
            missing.next = moment.now + missing.pause;
            missing.pause = (missing.pause * 2).min(limits::LOOK_EVERY);
            due.extend(moment.months().into_iter().map(|month| RecordOf { peer: *id, month }));
        }
        due
    }

    /// True as long as a peer is missed.
    pub(super) fn misses(&self, peer: PeerId) -> bool {
        self.missing.contains_key(&peer)
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Time {
        self.missing.values().map(|missing| missing.next).fold(self.put, Time::min)
    }
}
