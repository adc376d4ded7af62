//! What keepers said of their space. Pure.

use std::collections::BTreeMap;

use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Space;

/// Space by keeper and origin, and when it was said.
#[derive(Debug)]
pub(super) struct KnownSpaces(BTreeMap<(PeerId, PeerId), (Space, Time)>);

impl KnownSpaces {
    /// Nobody said anything yet.
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// What a peer said of its space, if it said so after `from`.
    pub(super) fn of(&self, from: Time, peer: PeerId, origin: PeerId) -> Option<Space> {
        let (space, at) = self.0.get(&(peer, origin))?;
        (*at >= from).then_some(*space)
    }

    /// What a peer says of its space now.
    pub(super) fn say(&mut self, now: Time, peer: PeerId, origin: PeerId, space: Space) {
        self.0.insert((peer, origin), (space, now));
    }

    /// It is less than what the peer said, which is no newer for that.
    pub(super) fn lessen(&mut self, peer: PeerId, origin: PeerId, less: Space) {
        if let Some((space, _)) = self.0.get_mut(&(peer, origin)) {
            *space = less;
        }
    }

    /// A peer is gone.
    pub(super) fn forget(&mut self, peer: PeerId) {
        let spaces = self.0.range((peer, PeerId([0; 32]))..=(peer, PeerId([255; 32])));
        for at in spaces.map(|(at, _)| *at).collect::<Vec<_>>() {
            self.0.remove(&at);
        }
    }
}
