//! Whose turn it is: connections that have something to do, one host after the other. Pure.
//!
//! A host with many peers gets no more turns than one with a single one, while both have something to do; nor
//! does a peer with many connections get more than another one of its host. Within a peer the connections take
//! turns.

use std::collections::{BTreeMap, VecDeque};

use crate::accounts::AccountHost;
use crate::identity::PeerId;

/// Lines that take turns; each is there while something waits in it.
#[derive(Debug)]
struct Lines<G, L> {
    order: VecDeque<G>,
    waiting: BTreeMap<G, L>,
}

impl<G, L> Default for Lines<G, L> {
    fn default() -> Self {
        Self { order: VecDeque::new(), waiting: BTreeMap::new() }
    }
}

impl<G: Copy + Ord, L: Default> Lines<G, L> {
    /// The line of one of them, which has something waiting from now on.
    fn line(&mut self, of: G) -> &mut L {
        if !self.waiting.contains_key(&of) {
            self.order.push_back(of);
        }
        self.waiting.entry(of).or_default()
    }

    /// Takes something out of the line whose turn it is, by `pop`, which also says whether the line is empty now.
    fn turn<T>(&mut self, pop: impl FnOnce(&mut L) -> (Option<T>, bool)) -> Option<T> {
        let of = self.order.pop_front()?;
        let (taken, is_empty) = pop(self.waiting.get_mut(&of)?);
        if is_empty {
            self.waiting.remove(&of);
        } else {
            self.order.push_back(of);
        }
        taken
    }
}

/// The connections of a host, by the peer that TLS proved; `None` while it has not.
type HostLine<K> = Lines<Option<PeerId>, VecDeque<K>>;

/// Those that have something to do. `K` names a connection, and stands in it once at most.
#[derive(Debug)]
pub(super) struct ReadyQueue<K> {
    hosts: Lines<AccountHost, HostLine<K>>,
    len: usize,
}

impl<K> Default for ReadyQueue<K> {
    fn default() -> Self {
        Self { hosts: Lines::default(), len: 0 }
    }
}

impl<K> ReadyQueue<K> {
    /// How many stand in it.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Puts one in, which is not in it.
    pub(super) fn push(&mut self, host: AccountHost, peer: Option<PeerId>, key: K) {
        self.hosts.line(host).line(peer).push_back(key);
        self.len += 1;
    }

    /// The one whose turn it is.
    pub(super) fn pop(&mut self) -> Option<K> {
        let of_peer = |line: &mut VecDeque<K>| (line.pop_front(), line.is_empty());
        let key = self.hosts.turn(|peers| (peers.turn(of_peer), peers.waiting.is_empty()))?;
        self.len -= 1;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> AccountHost {
        AccountHost::V4([10, 0, 0, n].into())
    }

    /// How many of twelve turns each of three gets, of whom the first has many connections; whoever had a turn
    /// has more to do.
    fn turns(of: impl Fn(usize) -> (AccountHost, Option<PeerId>)) -> [usize; 3] {
        let mut queue = ReadyQueue::default();
        let push = |queue: &mut ReadyQueue<usize>, key: usize| {
            let owner = key.saturating_sub(63);
            let (host, peer) = of(owner);
            queue.push(host, peer, key);
            owner
        };
        for key in 0..66 {
            push(&mut queue, key);
        }
        let mut turns = [0; 3];
        for _ in 0..12 {
            let key = queue.pop().unwrap();
            turns[push(&mut queue, key)] += 1;
        }
        assert_eq!(queue.len(), 66);
        turns
    }

    #[test]
    fn one_with_many_connections_waits_for_those_with_few() {
        let peer = |n| Some(PeerId([n; 32]));
        let of_hosts = |owner: usize| (host(u8::try_from(owner).unwrap()), None);
        let of_peers = |owner: usize| (host(1), peer(u8::try_from(owner).unwrap()));
        assert_eq!((turns(of_hosts), turns(of_peers)), ([4, 4, 4], [4, 4, 4]));
        // A host with two peers is one host.
        let of_both = |owner: usize| if owner == 2 { (host(2), peer(2)) } else { of_peers(owner) };
        assert_eq!(turns(of_both), [3, 3, 6]);
    }

    #[test]
    fn each_comes_once_in_the_order_of_its_host() {
        let mut queue = ReadyQueue::default();
        for (n, key) in [(1, 'a'), (1, 'b'), (2, 'c'), (1, 'd')] {
            queue.push(host(n), None, key);
        }
        let order: String = core::iter::from_fn(|| queue.pop()).collect();
        assert_eq!((order.as_str(), queue.len()), ("acbd", 0));
    }
}
