//! Whose turn it is to be dialled for what is pulled of everyone: so many at a time that their connections do not
//! drive out one another. Pure; it stands between the machines and the shell (receiver/pulls/mod.rs).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::accounts::AccountHost;
use crate::identity::PeerId;
use crate::receiver::limits;
use crate::time::Time;

/// Peers that are dialled and asked, and those that wait for that.
///
/// A place is given back when nothing is wanted of its peer any more, and after [`limits::PULL_TURN`]: whoever is slow
/// goes on then, beside the others, as long as there is a connection for it.
///
/// A host gets another place only while more are free than it has (dynamic thresholds: Choudhury and Hahne, IEEE/ACM
/// Transactions on Networking 6(2), 1998). So one host with any number of peers has half of the places, and with any
/// number of them who has none yet is not held up.
#[derive(Debug, Default)]
pub(in crate::receiver) struct DialTurns {
    /// Peers that have a place, and since when.
    placed: BTreeMap<PeerId, Time>,
    /// Peers that wait for a place, in the order in which they are dialled.
    queue: VecDeque<PeerId>,
    /// Peers in `queue`, to find one there.
    waiting: BTreeSet<PeerId>,
    /// Peers to which a connection stands: they need not be dialled.
    up: BTreeSet<PeerId>,
    /// Where those are that are here.
    hosts: BTreeMap<PeerId, AccountHost>,
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
        let free = limits::PULLS_DIALLED.saturating_sub(self.placed.len());
        let mut taken: BTreeMap<Option<AccountHost>, usize> = BTreeMap::new();
        for peer in self.placed.keys() {
            *taken.entry(self.host(*peer)).or_default() += 1;
        }
        loop {
            // Without a free place none has one.
            let has_place = |peer: &PeerId| taken.get(&self.host(*peer)).copied().unwrap_or_default() < free;
            let next = self.queue.iter().position(has_place)?;
            let peer = self.queue.remove(next)?;
            self.waiting.remove(&peer);
            if wanted(peer) {
                self.placed.insert(peer, now);
                return Some(peer);
            }
        }
    }

    /// Where a peer is; those of whom that is not known share one place.
    fn host(&self, peer: PeerId) -> Option<AccountHost> {
        self.hosts.get(&peer).copied()
    }

    /// This peer is here, at that host.
    pub(in crate::receiver) fn handle_here(&mut self, peer: PeerId, host: AccountHost) {
        self.hosts.insert(peer, host);
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
        self.hosts.remove(&peer);
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
