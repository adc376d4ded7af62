//! Who has nothing, or nothing good, for a file, and who only not now. Pure; part of swarm/mod.rs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::identity::PeerId;
use crate::swarm::BUSY;
use crate::time::Time;

/// While nobody else has anything of it, one who had nothing is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// Why a holder does not give a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::swarm) enum NotGiven {
    /// It has another content in its place by now.
    Changed,
    /// It has no such content (any more).
    Unknown,
    /// What it gave was wrong, twice.
    Wrong,
}

/// What the sources of one file did not give.
#[derive(Debug, Default)]
pub(in crate::swarm) struct Refusals {
    /// Wrong chunks or manifests that each source gave.
    wrong: BTreeMap<PeerId, u8>,
    /// Holders that have nothing (good) for this file.
    useless: BTreeSet<PeerId>,
    /// When those said it last who fetch it too, or kept some of it, and have nothing of it now; and those who hash it
    /// again.
    denied: BTreeMap<PeerId, Time>,
    /// Of the useless ones, those that said why.
    why: BTreeMap<PeerId, NotGiven>,
    /// Holders that were too busy to give it whenever they were asked, since when.
    busy: BTreeMap<PeerId, Time>,
    /// Until when they are not asked again.
    resting: BTreeMap<PeerId, Time>,
}

impl Refusals {
    /// True if `peer` is not to be asked.
    pub(super) fn is_useless(&self, peer: PeerId) -> bool {
        self.useless.contains(&peer)
    }

    /// `peer` is not asked any more.
    pub(super) fn exclude(&mut self, peer: PeerId) {
        self.useless.insert(peer);
    }

    /// `peer` said why it does not give it.
    pub(super) fn note_why(&mut self, peer: PeerId, why: NotGiven) {
        self.why.insert(peer, why);
    }

    /// Why `peer` does not give it, as far as that is known.
    pub(super) fn why(&self, peer: PeerId) -> Option<NotGiven> {
        let is_liar = self.wrong.get(&peer).is_some_and(|&n| n >= 2);
        if is_liar { Some(NotGiven::Wrong) } else { self.why.get(&peer).copied() }
    }

    /// Counts a wrong chunk or manifest of `peer`.
    pub(in crate::swarm) fn blame(&mut self, peer: PeerId) -> u8 {
        let wrong = self.wrong.entry(peer).or_insert(0);
        *wrong = wrong.saturating_add(1);
        *wrong
    }

    /// `peer` is too busy.
    pub(super) fn put_off(&mut self, now: Time, peer: PeerId) {
        self.busy.entry(peer).or_insert(now);
        self.resting.insert(peer, now + BUSY);
    }

    /// True if `peer` was too busy a moment ago.
    pub(in crate::swarm) fn rests(&self, now: Time, peer: PeerId) -> bool {
        self.resting.get(&peer).is_some_and(|until| *until > now)
    }

    /// Since when `peer` has been too busy.
    pub(in crate::swarm) fn busy_since(&self, peer: PeerId) -> Option<Time> {
        self.busy.get(&peer).copied()
    }

    /// Something came: those that were too busy have not kept it up.
    pub(super) fn came(&mut self) {
        self.busy.clear();
    }

    /// `peer` has nothing now. True if it says so for the first time.
    pub(super) fn deny(&mut self, now: Time, peer: PeerId) -> bool {
        self.denied.insert(peer, now).is_none()
    }

    /// `peer` is not asked again because it had nothing for a moment only.
    pub(super) fn forget_denied(&mut self, peer: PeerId) {
        self.denied.remove(&peer);
    }

    /// Who had nothing a while ago.
    pub(super) fn denied_long_ago(&self, now: Time) -> Vec<PeerId> {
        let due = self.denied.iter().filter(|(_, at)| now.since(**at) >= ASK_AGAIN);
        due.map(|(peer, _)| *peer).collect()
    }

    /// Whoever only lacked it may have it now; whoever lied stays out.
    pub(super) fn forgive(&mut self, peer: PeerId) {
        self.busy.remove(&peer);
        self.resting.remove(&peer);
        self.why.remove(&peer);
        if self.wrong.get(&peer).is_none_or(|&n| n < 2) {
            self.useless.remove(&peer);
        }
    }
}
