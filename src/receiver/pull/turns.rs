//! Whose turn it is to be dialled for what is pulled of everyone: so many at a time that their connections do not
//! drive out one another. Pure; it stands between the machines and the shell (receiver/pulls/mod.rs).

use std::collections::{BTreeMap, BTreeSet};

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
///
/// What is asked most often, whether a place is free, is known without a look at those who wait: a large network has a
/// thousand of them for a while.
#[derive(Debug, Default)]
pub(in crate::receiver) struct DialTurns {
    /// Peers that have a place.
    placed: BTreeMap<PeerId, Placed>,
    /// Places by the host that has them.
    taken: BTreeMap<Option<AccountHost>, usize>,
    /// Peers that wait for a place, and where they stand.
    waiting: BTreeMap<PeerId, Waiting>,
    /// Those who wait by host, in the order in which they are dialled.
    queues: BTreeMap<Option<AccountHost>, BTreeMap<Ticket, PeerId>>,
    /// The first of each queue.
    firsts: BTreeMap<Ticket, Option<AccountHost>>,
    last: Ticket,
    /// Peers to which a connection stands: they need not be dialled.
    up: BTreeSet<PeerId>,
    /// Where those are that are here; those of whom that is not known share one place.
    hosts: BTreeMap<PeerId, AccountHost>,
}

/// Rises with each peer that begins to wait.
type Ticket = u64;

/// A peer that has a place.
#[derive(Clone, Copy, Debug)]
struct Placed {
    since: Time,
    /// Whose place it is.
    host: Option<AccountHost>,
}

/// A peer that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    ticket: Ticket,
    /// In whose queue.
    host: Option<AccountHost>,
}

impl DialTurns {
    /// A machine would dial this peer. True: at once; else it waits for its turn.
    pub(in crate::receiver) fn handle_dial(&mut self, now: Time, peer: PeerId) -> bool {
        if self.placed.contains_key(&peer) {
            return true;
        }
        if self.up.contains(&peer) {
            // What it brings takes the time of others all the same.
            self.place(now, peer);
            return true;
        }
        if !self.waiting.contains_key(&peer) {
            self.last += 1;
            self.queue(peer, Waiting { ticket: self.last, host: self.host(peer) });
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
        if free == 0 {
            return None;
        }
        loop {
            // Not many are passed over: whoever has no place is served.
            let has_place = |host: &Option<AccountHost>| self.taken.get(host).is_none_or(|n| *n < free);
            let (ticket, host) = self.firsts.iter().find(|(_, host)| has_place(host))?;
            let peer = *self.queues.get(host)?.get(ticket)?;
            self.unqueue(peer);
            if wanted(peer) {
                self.place(now, peer);
                return Some(peer);
            }
        }
    }

    fn host(&self, peer: PeerId) -> Option<AccountHost> {
        self.hosts.get(&peer).copied()
    }

    fn place(&mut self, now: Time, peer: PeerId) {
        let host = self.host(peer);
        if self.placed.insert(peer, Placed { since: now, host }).is_none() {
            *self.taken.entry(host).or_default() += 1;
        }
    }

    fn queue(&mut self, peer: PeerId, waiting: Waiting) {
        let Waiting { ticket, host } = waiting;
        self.waiting.insert(peer, waiting);
        let queue = self.queues.entry(host).or_default();
        if let Some((first, _)) = queue.first_key_value() {
            self.firsts.remove(first);
        }
        queue.insert(ticket, peer);
        self.firsts.extend(queue.first_key_value().map(|(first, _)| (*first, host)));
    }

    fn unqueue(&mut self, peer: PeerId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&peer)?;
        let queue = self.queues.get_mut(&waiting.host)?;
        queue.remove(&waiting.ticket);
        self.firsts.remove(&waiting.ticket);
        match queue.first_key_value() {
            Some((first, _)) => drop(self.firsts.insert(*first, waiting.host)),
            None => drop(self.queues.remove(&waiting.host)),
        }
        Some(waiting)
    }

    /// This peer is here, at that host.
    pub(in crate::receiver) fn handle_here(&mut self, peer: PeerId, host: AccountHost) {
        if self.hosts.insert(peer, host) == Some(host) {
            return;
        }
        if let Some(waiting) = self.unqueue(peer) {
            self.queue(peer, Waiting { host: Some(host), ..waiting });
        }
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
        self.unqueue(peer);
    }

    /// Nothing is wanted of this peer for now.
    pub(in crate::receiver) fn handle_done(&mut self, peer: PeerId) {
        let Some(Placed { host, .. }) = self.placed.remove(&peer) else { return };
        if let Some(taken) = self.taken.get_mut(&host) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(&host);
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(in crate::receiver) fn poll_timeout(&self) -> Option<Time> {
        let first = self.placed.values().map(|placed| placed.since).min();
        Some(first.filter(|_| !self.waiting.is_empty())? + limits::PULL_TURN)
    }

    /// Whose turn was long gives its place back.
    pub(in crate::receiver) fn handle_timeout(&mut self, now: Time) {
        let over = |placed: &Placed| placed.since + limits::PULL_TURN <= now;
        let over: Vec<_> =
            self.placed.iter().filter(|(_, placed)| over(placed)).map(|(peer, _)| *peer).collect();
        over.into_iter().for_each(|peer| self.handle_done(peer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u16) -> PeerId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    fn host(n: u16) -> AccountHost {
        AccountHost::V6(n.into())
    }

    /// Who is dialled now, in that order.
    fn dialled(turns: &mut DialTurns) -> Vec<PeerId> {
        std::iter::from_fn(|| turns.poll_dial(Time::ZERO, |_| true)).collect()
    }

    fn peers(numbers: impl IntoIterator<Item = u16>) -> Vec<PeerId> {
        numbers.into_iter().map(peer).collect()
    }

    #[test]
    fn each_host_is_served_in_the_order_of_its_peers_and_none_passes_its_share() {
        let mut turns = DialTurns::default();
        for n in 0..100 {
            turns.handle_here(peer(n), host(n / 50));
            assert!(!turns.handle_dial(Time::ZERO, peer(n)));
        }
        // The first host has as many as are free then, and so has the second.
        let first = dialled(&mut turns);
        assert_eq!(first[..3], peers(0..3));
        let of = |host: u16| first.iter().filter(|p| turns.hosts[*p] == self::host(host)).count();
        assert_eq!((of(0), of(1), first.len()), (32, 16, 48));
        assert_eq!(turns.taken, [(Some(host(0)), 32), (Some(host(1)), 16)].into());
        turns.handle_done(peer(0));
        assert_eq!(dialled(&mut turns), peers([66]));
        for n in 0..100 {
            turns.handle_gone(peer(n));
        }
        assert!(turns.taken.is_empty() && turns.queues.is_empty() && turns.firsts.is_empty());
    }

    #[test]
    fn who_is_known_to_be_somewhere_else_waits_there_in_its_old_place() {
        let mut turns = DialTurns::default();
        for n in 0..90 {
            assert!(!turns.handle_dial(Time::ZERO, peer(n)));
        }
        // All of unknown places count as one.
        assert_eq!(dialled(&mut turns), peers(0..32));
        turns.handle_here(peer(80), host(1));
        turns.handle_here(peer(70), host(1));
        assert_eq!(dialled(&mut turns), peers([70, 80]));
        // A place is given back by whoever had it, wherever its peer is by then.
        turns.handle_here(peer(3), host(2));
        turns.handle_done(peer(3));
        assert_eq!(turns.taken, [(None, 31), (Some(host(1)), 2)].into());
    }
}
