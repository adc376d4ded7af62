//! Whose turn it is: connections that have something to do, one host after the other. Pure.
//!
//! A host with many connections gets no more turns than one with a single one, while both have something to
//! do. Within a host the connections take turns.

use std::collections::{BTreeMap, VecDeque};

use crate::accounts::AccountHost;

/// Those that have something to do. `K` names a connection, and stands in it once at most.
#[derive(Debug)]
pub(super) struct ReadyQueue<K> {
    hosts: VecDeque<AccountHost>,
    waiting: BTreeMap<AccountHost, VecDeque<K>>,
    len: usize,
}

impl<K> Default for ReadyQueue<K> {
    fn default() -> Self {
        Self { hosts: VecDeque::new(), waiting: BTreeMap::new(), len: 0 }
    }
}

impl<K> ReadyQueue<K> {
    /// How many stand in it.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Puts one in, which is not in it.
    pub(super) fn push(&mut self, host: AccountHost, key: K) {
        let waiting = self.waiting.entry(host).or_default();
        if waiting.is_empty() {
            self.hosts.push_back(host);
        }
        waiting.push_back(key);
        self.len += 1;
    }

    /// The one whose turn it is.
    pub(super) fn pop(&mut self) -> Option<K> {
        let host = self.hosts.pop_front()?;
        let waiting = self.waiting.get_mut(&host)?;
        let key = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&host);
        } else {
            self.hosts.push_back(host);
        }
        self.len -= usize::from(key.is_some());
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> AccountHost {
        AccountHost::V4([10, 0, 0, n].into())
    }

    #[test]
    fn one_with_many_connections_waits_for_those_with_few() {
        let mut queue = ReadyQueue::default();
        for n in 0..64 {
            queue.push(host(1), n);
        }
        queue.push(host(2), 100);
        queue.push(host(3), 200);
        // Whoever has more to do stands in it again.
        let mut turns = Vec::new();
        for _ in 0..12 {
            let key = queue.pop().unwrap();
            let owner = if key < 64 {
                1
            } else if key < 200 {
                2
            } else {
                3
            };
            queue.push(host(owner), key);
            turns.push(owner);
        }
        assert_eq!([1, 2, 3].map(|n| turns.iter().filter(|t| **t == n).count()), [4, 4, 4]);
        assert_eq!(queue.len(), 66);
    }

    #[test]
    fn each_comes_once_in_the_order_of_its_host() {
        let mut queue = ReadyQueue::default();
        for (n, key) in [(1, 'a'), (1, 'b'), (2, 'c'), (1, 'd')] {
            queue.push(host(n), key);
        }
        let order: String = core::iter::from_fn(|| queue.pop()).collect();
        assert_eq!((order.as_str(), queue.len()), ("acbd", 0));
    }
}
