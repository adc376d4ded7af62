//! Whose turn it is to be dialled for what is pulled of everyone: so many at a time that their connections do not
//! drive out one another. Pure; it stands between the machines and the shell (receiver/pulls.rs).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::identity::PeerId;
use crate::receiver::limits;
use crate::time::Time;

/// Peers that are dialled and asked, and those that wait for that.
///
/// A place is given back when nothing is wanted of its peer any more, and after [`limits::PULL_TURN`]: whoever is slow
/// goes on then, beside the others, as long as there is a connection for it.
#[derive(Debug, Default)]
pub(in crate::receiver) struct DialTurns {
    /// Peers that have a place, and since when.
    placed: BTreeMap<PeerId, Time>,
    /// Peers that wait for a place, in the order in which they are dialled.
    queue: VecDeque<PeerId>,
    /// The same peers.
    waiting: BTreeSet<PeerId>,
    /// Peers to which a connection stands: they need not be dialled.
    up: BTreeSet<PeerId>,
}

impl DialTurns {
    /// A machine would dial this peer. True: at once; else it waits for its turn.
    pub(in crate::receiver) fn handle_dial(&mut self, now: Time, peer: PeerId) -> bool {
        if self.placed.contains_key(&peer) {
            return true;
        }
        if self.up.contains(&peer) {
            // What it brings takes the time of others all the same.
            self.placed.insert(peer, now);
            return true;
        }
        if self.waiting.insert(peer) {
            self.queue.push_back(peer);
        }
        false
    }

    /// The next peer to be dialled. Of one that waited nothing may be `wanted` any more.
    pub(in crate::receiver) fn poll_dial(
        &mut self,
        now: Time,
        wanted: impl Fn(PeerId) -> bool,
    ) -> Option<PeerId> {
        while self.placed.len() < limits::PULLS_DIALLED {
            let peer = self.queue.pop_front()?;
            self.waiting.remove(&peer);
            if wanted(peer) {
                self.placed.insert(peer, now);
                return Some(peer);
            }
        }
        None
    }

    /// A connection to this peer stands.
    pub(in crate::receiver) fn handle_up(&mut self, peer: PeerId) {
        self.up.insert(peer);
    }

    /// None does any more.
    pub(in crate::receiver) fn handle_down(&mut self, peer: PeerId) {
        self.up.remove(&peer);
    }

    /// This peer is gone.
    pub(in crate::receiver) fn handle_gone(&mut self, peer: PeerId) {
        self.up.remove(&peer);
        self.handle_done(peer);
        if self.waiting.remove(&peer) {
            self.queue.retain(|other| *other != peer);
        }
    }

    /// Nothing is wanted of this peer for now.
    pub(in crate::receiver) fn handle_done(&mut self, peer: PeerId) {
        self.placed.remove(&peer);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(in crate::receiver) fn poll_timeout(&self) -> Option<Time> {
        let since = self.placed.values().min().filter(|_| !self.queue.is_empty())?;
        Some(*since + limits::PULL_TURN)
    }

    /// Whose turn was long gives its place back.
    pub(in crate::receiver) fn handle_timeout(&mut self, now: Time) {
        self.placed.retain(|_, since| *since + limits::PULL_TURN > now);
    }
}
