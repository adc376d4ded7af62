//! Who is here, and since when others are away. Pure.

use std::collections::BTreeMap;

use crate::identity::PeerId;
use crate::time::Time;

/// The other peers, as far as they matter to a keeper.
#[derive(Debug)]
pub(super) struct LivePeers {
    /// Those that are here; true: about to leave.
    here: BTreeMap<PeerId, bool>,
    /// Since when others are away, and whether they left gracefully.
    away: BTreeMap<PeerId, (Time, bool)>,
    began: Time,
}

impl LivePeers {
    /// Nobody is here yet.
    pub(super) const fn new(now: Time) -> Self {
        Self { here: BTreeMap::new(), away: BTreeMap::new(), began: now }
    }

    /// A peer is here. True if it was not.
    pub(super) fn come(&mut self, peer: PeerId) -> bool {
        let is_new = self.here.insert(peer, false).is_none();
        if is_new {
            self.away.remove(&peer);
        }
        is_new
    }

    /// A peer that is here is about to leave.
    pub(super) fn leaving(&mut self, peer: PeerId) {
        if let Some(leaving) = self.here.get_mut(&peer) {
            *leaving = true;
        }
    }

    /// A peer is gone. True if it was here.
    pub(super) fn gone(&mut self, peer: PeerId) -> bool {
        self.here.remove(&peer).is_some()
    }

    /// It is remembered since when `peer` is away, and whether it said that it goes.
    pub(super) fn miss(&mut self, now: Time, peer: PeerId, graceful: bool) {
        self.away.insert(peer, (now, graceful));
    }

    /// Nothing of `peer` is kept any more.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.away.remove(&peer);
    }

    /// True if `peer` is here.
    pub(super) fn has(&self, peer: PeerId) -> bool {
        self.here.contains_key(&peer)
    }

    /// True if `peer` is here, and not about to leave.
    pub(super) fn stays(&self, peer: PeerId) -> bool {
        self.here.get(&peer) == Some(&false)
    }

    /// All that are here.
    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.here.keys().copied()
    }

    /// Since when `peer` is away, and whether it left gracefully. Who was not seen since the start has been
    /// away since then.
    pub(super) fn away_since(&self, peer: PeerId) -> (Time, bool) {
        self.away.get(&peer).copied().unwrap_or((self.began, false))
    }
}
