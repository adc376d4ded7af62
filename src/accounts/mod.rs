//! Fair shares of what strangers can make a peer hold: connections, rows, promises, bytes. Pure.
//!
//! A share is a guarantee and not a cap. Whoever asks gets what is free. When nothing is free and the host that
//! asks holds less than its share, the host that is furthest above its own share yields: there the peer that
//! holds most, and there the item that was used longest ago.

mod host;
mod queue;

use core::fmt::Debug;
use std::collections::{BTreeMap, BTreeSet, btree_set};

pub(crate) use self::host::AccountHost;
pub(crate) use self::queue::FairQueue;
use crate::time::Time;

/// To whom something is charged: a peer at a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Payer<P> {
    pub(crate) host: AccountHost,
    pub(crate) peer: P,
}

/// What an account says to who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grant<K> {
    /// It is charged. These yielded: they are no longer charged, and are to be given up.
    Given(Vec<K>),
    /// There is no more than others need for their shares. Nothing changed.
    Refused,
}

/// One resource. `P` names a peer, `K` an item that is held.
#[derive(Clone, Debug)]
pub(crate) struct Account<P, K> {
    limit: u64,
    minimum: u64,
    held: u64,
    items: BTreeMap<K, HeldItem<P>>,
    hosts: BTreeMap<AccountHost, HostShare<P, K>>,
}

#[derive(Clone, Copy, Debug)]
struct HeldItem<P> {
    payer: Payer<P>,
    amount: u64,
    used: Time,
}

#[derive(Clone, Debug)]
struct HostShare<P, K> {
    held: u64,
    peers: BTreeMap<P, PeerShare<K>>,
    /// Peers of the host by what each holds, so that the fullest is known without a look at all.
    by_held: BTreeSet<(u64, P)>,
}

#[derive(Clone, Debug)]
struct PeerShare<K> {
    held: u64,
    /// What was used longest ago comes first.
    items: BTreeSet<(Time, K)>,
}

impl<P: Copy + Ord + Debug, K: Copy + Ord + Debug> Account<P, K> {
    /// An account of which `limit` may be held by all together. The share of a host is never less than
    /// `minimum`, however many hosts there are.
    pub(crate) const fn new(limit: u64, minimum: u64) -> Self {
        Self { limit, minimum, held: 0, items: BTreeMap::new(), hosts: BTreeMap::new() }
    }

    /// What all hold together.
    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    /// What a host holds.
    pub(crate) fn held_by(&self, host: AccountHost) -> u64 {
        self.hosts.get(&host).map_or(0, |h| h.held)
    }

    /// To whom an item is charged.
    pub(crate) fn payer(&self, item: K) -> Option<Payer<P>> {
        self.items.get(&item).map(|held| held.payer)
    }

    /// What the payer holds that was used longest ago.
    pub(crate) fn oldest_of(&self, payer: Payer<P>) -> Option<K> {
        let peer = self.hosts.get(&payer.host)?.peers.get(&payer.peer)?;
        peer.items.first().map(|(_, item)| *item)
    }

    /// What a host holds that was used longest ago: a look at each of its peers.
    pub(crate) fn oldest_at(&self, host: AccountHost) -> Option<K> {
        let peers = self.hosts.get(&host)?.peers.values();
        peers.filter_map(|peer| peer.items.first()).min().map(|(_, item)| *item)
    }

    /// What every host may have, with `host` among those that hold something.
    pub(crate) fn share(&self, host: AccountHost) -> u64 {
        let others = self.hosts.len() - usize::from(self.hosts.contains_key(&host));
        (self.limit / (others as u64 + 1)).max(self.minimum)
    }

    /// From now on `limit` may be held. What is held above it stays, until somebody below its share asks.
    pub(crate) const fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// What yields first as long as more is held than may be: of the host that holds most, the peer that holds most, and
    /// there what was used longest ago. It is no longer charged.
    pub(crate) fn shed(&mut self) -> Option<K> {
        if self.held <= self.limit {
            return None;
        }
        let fullest = self.hosts.values().max_by_key(|host| host.held)?;
        let (_, peer) = fullest.by_held.last()?;
        let (_, item) = *fullest.peers.get(peer)?.items.first()?;
        self.release(item);
        Some(item)
    }

    /// An amount up to which a new item of the payer is given, whatever has to yield for it.
    pub(crate) fn available(&self, payer: Payer<P>) -> u64 {
        let free = self.limit.saturating_sub(self.held);
        let share = self.share(payer.host);
        let below = share.saturating_sub(self.held_by(payer.host));
        let others = self.hosts.iter().filter(|(host, _)| **host != payer.host);
        let above = others.map(|(_, h)| h.held.saturating_sub(share)).sum::<u64>();
        let excess = self.held.saturating_sub(self.limit);
        let from_others = (free + above).saturating_sub(excess);
        if from_others < below {
            return free.max(from_others);
        }
        let peers = self.hosts.get(&payer.host).map(|h| &h.peers);
        let held = |peer: &P| peers.and_then(|p| p.get(peer)).map_or(0, |p| p.held);
        let most = peers.into_iter().flat_map(BTreeMap::values).map(|p| p.held).max().unwrap_or(0);
        // What moves between two peers of a host makes them equal at most.
        let among = (most.saturating_sub(held(&payer.peer)) / 2).saturating_sub(excess);
        free.max(below).max(among)
    }

    /// Charges `amount` for an item. An item that is charged already grows or shrinks to that amount, and stays
    /// as it was when that is refused.
    pub(crate) fn charge(&mut self, now: Time, payer: Payer<P>, item: K, amount: u64) -> Grant<K> {
        let before = self.release(item);
        let Some(yielding) = self.who_yields(payer, amount) else {
            if let Some(held) = before {
                self.insert(held.used, held.payer, item, held.amount);
            }
            return Grant::Refused;
        };
        for key in &yielding {
            self.release(*key);
        }
        self.insert(now, payer, item, amount);
        Grant::Given(yielding)
    }

    /// Nothing is charged for the item any more.
    pub(crate) fn free(&mut self, item: K) {
        self.release(item);
    }

    /// It was used: of a peer's items it is the last to yield.
    pub(crate) fn touch(&mut self, now: Time, item: K) {
        let Some(held) = self.items.get_mut(&item) else { return };
        let before = std::mem::replace(&mut held.used, now);
        let share = self.hosts.get_mut(&held.payer.host).and_then(|h| h.peers.get_mut(&held.payer.peer));
        if let Some(share) = share {
            share.items.remove(&(before, item));
            share.items.insert((now, item));
        }
    }

    /// The items that have to yield so that `amount` more is free for the payer; `None`: too few may.
    fn who_yields(&self, payer: Payer<P>, amount: u64) -> Option<Vec<K>> {
        let mut missing = (self.held + amount).saturating_sub(self.limit);
        if missing == 0 {
            return Some(Vec::new());
        }
        let would_hold = self.held_by(payer.host) + amount;
        let share = self.share(payer.host);
        let within = would_hold <= share;
        if !within && !self.may_move(payer, amount) {
            return None;
        }
        let mut left: BTreeMap<AccountHost, Vec<PeerLeft<'_, P, K>>> = BTreeMap::new();
        let mut yielding = Vec::new();
        while missing > 0 {
            // What a host holds and still has after those that yield already.
            let holds = |host: &AccountHost| left.get(host).map_or_else(|| self.held_by(*host), |l| sum(l));
            let host = if within {
                let fullest = self.hosts.keys().filter(|h| **h != payer.host).max_by_key(|h| holds(h))?;
                // With more hosts than there are minima nobody is above its share, but some have more than others.
                if holds(fullest) <= share.min(would_hold) {
                    return None;
                }
                *fullest
            } else {
                payer.host
            };
            let peers = left.entry(host).or_insert_with(|| self.peers_left(host));
            let own = peers.iter().find(|p| p.peer == payer.peer).map_or(0, |p| p.held);
            let fullest = peers.iter_mut().max_by_key(|p| p.held)?;
            // Within one host nothing moves between two that would only change places.
            if !within && own + amount >= fullest.held {
                return None;
            }
            let (_, key) = *fullest.items.next()?;
            let size = self.items.get(&key)?.amount;
            fullest.held -= size;
            missing = missing.saturating_sub(size);
            yielding.push(key);
        }
        Some(yielding)
    }

    /// True if a peer of the payer's host holds more than the payer would: within one host nothing moves
    /// between two that would only change places.
    fn may_move(&self, payer: Payer<P>, amount: u64) -> bool {
        let Some(host) = self.hosts.get(&payer.host) else { return false };
        let own = host.peers.get(&payer.peer).map_or(0, |peer| peer.held);
        host.by_held.last().is_some_and(|(fullest, _)| own + amount < *fullest)
    }

    fn peers_left(&self, host: AccountHost) -> Vec<PeerLeft<'_, P, K>> {
        let peers = self.hosts.get(&host).into_iter().flat_map(|h| &h.peers);
        peers
            .map(|(peer, share)| PeerLeft { peer: *peer, held: share.held, items: share.items.iter() })
            .collect()
    }

    fn insert(&mut self, now: Time, payer: Payer<P>, item: K, amount: u64) {
        self.held += amount;
        let host = self.hosts.entry(payer.host);
        let host =
            host.or_insert_with(|| HostShare { held: 0, peers: BTreeMap::new(), by_held: BTreeSet::new() });
        host.held += amount;
        let peer = host.peers.entry(payer.peer);
        let peer = peer.or_insert_with(|| PeerShare { held: 0, items: BTreeSet::new() });
        host.by_held.remove(&(peer.held, payer.peer));
        peer.held += amount;
        host.by_held.insert((peer.held, payer.peer));
        peer.items.insert((now, item));
        self.items.insert(item, HeldItem { payer, amount, used: now });
    }

    fn release(&mut self, item: K) -> Option<HeldItem<P>> {
        let held = self.items.remove(&item)?;
        self.held -= held.amount;
        let host = self.hosts.get_mut(&held.payer.host)?;
        host.held -= held.amount;
        if let Some(peer) = host.peers.get_mut(&held.payer.peer) {
            host.by_held.remove(&(peer.held, held.payer.peer));
            peer.held -= held.amount;
            peer.items.remove(&(held.used, item));
            if peer.items.is_empty() {
                host.peers.remove(&held.payer.peer);
            } else {
                host.by_held.insert((peer.held, held.payer.peer));
            }
        }
        if host.peers.is_empty() {
            self.hosts.remove(&held.payer.host);
        }
        Some(held)
    }

    /// In a debug build: what is charged is what is held, and the sums are right. `held` has each item once.
    ///
    /// # Panics
    /// When they are not: something is held that nobody pays for, or paid for and not held.
    pub(crate) fn check(&self, what: &str, held: impl IntoIterator<Item = (K, u64)>) {
        if !cfg!(debug_assertions) {
            return;
        }
        let mut number = 0;
        for (key, amount) in held {
            let charged = self.items.get(&key).map(|item| item.amount);
            assert_eq!(charged, Some(amount), "{what}: what is charged is not what is held: {key:?}");
            number += 1;
        }
        // All that is held is charged; as many are charged, so that no other one is.
        assert_eq!(self.items.len(), number, "{what}: what is charged is not what is held");
        let sums = self.hosts.values().flat_map(|h| h.peers.values()).map(|p| p.held).sum::<u64>();
        let hosts = self.hosts.values().map(|h| h.held).sum::<u64>();
        let all = self.items.values().map(|item| item.amount).sum::<u64>();
        assert_eq!((self.held, hosts, sums), (all, all, all), "{what}: the sums are wrong");
    }
}

/// What a peer would still hold while it is worked out who yields.
#[derive(Debug)]
struct PeerLeft<'a, P, K> {
    peer: P,
    held: u64,
    /// What yields first comes first.
    items: btree_set::Iter<'a, (Time, K)>,
}

fn sum<P, K>(peers: &[PeerLeft<'_, P, K>]) -> u64 {
    peers.iter().map(|p| p.held).sum()
}

#[cfg(test)]
mod tests;
