//! What is lent to others, and how it is divided. Pure.
//!
//! Lent is `--lend`, and never so much that the file system's reserve is touched. One origin may have
//! `lent / max(8, live origins)`, and so may one source address: a thousand identities at one address get no
//! more than one.

use std::collections::BTreeMap;

use core::net::IpAddr;

use crate::custody::limits;
use crate::identity::PeerId;
use crate::wire::custody::Space;

/// How much may be lent.
#[derive(Clone, Copy, Debug)]
pub struct Lend {
    /// Bytes for others, in all; 0 turns keeping off. Default: [`default_lend`].
    pub bytes: u64,
    /// Bytes of free space that are never touched. Default: `LEND_RESERVE`.
    pub reserve: u64,
}

/// What is lent when nothing else was said: the smaller of 10 GiB and a tenth of the free space.
#[must_use]
pub fn default_lend(free: u64) -> u64 {
    limits::LEND.min(free / 10)
}

/// The books: what is taken, by origin and by source address.
#[derive(Clone, Debug)]
pub struct Quota {
    lend: Lend,
    /// Free bytes of the file system, without what is promised but not here yet.
    free: u64,
    taken: u64,
    origins: BTreeMap<PeerId, u64>,
    sources: BTreeMap<IpAddr, u64>,
}

impl Quota {
    /// Nothing is taken yet; `free` bytes are free.
    #[must_use]
    pub const fn new(lend: Lend, free: u64) -> Self {
        Self { lend, free, taken: 0, origins: BTreeMap::new(), sources: BTreeMap::new() }
    }

    /// The file system has so many free bytes, those aside that accepted chunks will still need.
    pub const fn set_free(&mut self, free: u64) {
        self.free = free;
    }

    /// Bytes that are lent in all.
    #[must_use]
    pub const fn lent(&self) -> u64 {
        self.lend.bytes
    }

    /// Bytes taken in all.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Bytes taken for one origin.
    #[must_use]
    pub fn taken_for(&self, origin: PeerId) -> u64 {
        self.origins.get(&origin).copied().unwrap_or(0)
    }

    /// What one origin or one address may have: by those origins that are live and have something here,
    /// `asker` with them.
    #[must_use]
    pub fn share(&self, asker: PeerId, is_live: impl Fn(PeerId) -> bool) -> u64 {
        let others = self.origins.keys().filter(|o| **o != asker && is_live(**o)).count() as u64;
        self.lend.bytes / limits::SHARES_MIN.max(others + 1)
    }

    /// The space for `origin` when it is offered from `source`.
    #[must_use]
    pub fn space(&self, origin: PeerId, source: IpAddr, is_live: impl Fn(PeerId) -> bool) -> Space {
        let lent = self.lend.bytes.saturating_sub(self.taken);
        let free = lent.min(self.free.saturating_sub(self.lend.reserve));
        let share = self.share(origin, is_live);
        let by_origin = share.saturating_sub(self.taken_for(origin));
        let by_source = share.saturating_sub(self.sources.get(&source).copied().unwrap_or(0));
        Space { request: 0, free, share: free.min(by_origin).min(by_source) }
    }

    /// Takes `bytes` for `origin`, offered from `source`. Whoever calls asked [`Self::space`] before.
    pub fn take(&mut self, origin: PeerId, source: IpAddr, bytes: u64) {
        self.taken = self.taken.saturating_add(bytes);
        self.free = self.free.saturating_sub(bytes);
        for sum in [self.origins.entry(origin).or_default(), self.sources.entry(source).or_default()] {
            *sum = sum.saturating_add(bytes);
        }
    }

    /// Gives back what was taken so.
    pub fn give_back(&mut self, origin: PeerId, source: IpAddr, bytes: u64) {
        fn less<K: Ord>(map: &mut BTreeMap<K, u64>, key: K, bytes: u64) {
            if let Some(sum) = map.get_mut(&key) {
                *sum = sum.saturating_sub(bytes);
                if *sum == 0 {
                    map.remove(&key);
                }
            }
        }
        self.taken = self.taken.saturating_sub(bytes);
        self.free = self.free.saturating_add(bytes);
        less(&mut self.origins, origin, bytes);
        less(&mut self.sources, source, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn peer(n: u64) -> PeerId {
        PeerId(*blake3::hash(&n.to_le_bytes()).as_bytes())
    }

    fn at(n: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + n).into())
    }

    fn quota() -> Quota {
        Quota::new(Lend { bytes: 8 * GIB, reserve: GIB }, 100 * GIB)
    }

    /// Offers of 16 MiB until one does not fit; how much was taken.
    fn fill(quota: &mut Quota, origin: PeerId, source: IpAddr) -> u64 {
        let mut got = 0;
        while quota.space(origin, source, |_| true).share >= 16 << 20 {
            quota.take(origin, source, 16 << 20);
            got += 16 << 20;
        }
        got
    }

    #[test]
    fn an_origin_gets_an_eighth_and_less_when_there_are_more() {
        let mut quota = quota();
        assert_eq!(fill(&mut quota, peer(1), at(1)), GIB);
        assert_eq!(quota.space(peer(1), at(2), |_| true).share, 0);
        for n in 2..=7 {
            fill(&mut quota, peer(n), at(7));
        }
        assert!(quota.space(peer(9), at(9), |_| true).share > 0);
        for n in 10..26_u32 {
            quota.take(peer(n.into()), at(n), 1);
        }
        // 1, 2 and 10 to 25 are there, and the one that asks: 19 shares. (3 to 7 got nothing.)
        assert_eq!(quota.share(peer(99), |_| true), 8 * GIB / 19);
        assert_eq!(quota.share(peer(99), |_| false), GIB);
    }

    #[test]
    fn a_thousand_identities_at_one_address_get_one_share() {
        let mut quota = quota();
        let mut got = 0;
        for n in 0..1_000 {
            got += fill(&mut quota, peer(n), at(1));
        }
        assert!(got <= GIB, "{got}");
        assert!(quota.space(peer(5_000), at(2), |_| true).share >= GIB / 8);
    }

    #[test]
    fn the_reserve_is_never_touched_and_what_is_given_back_is_free_again() {
        let mut quota = Quota::new(Lend { bytes: 8 * GIB, reserve: GIB }, GIB + (100 << 20));
        assert_eq!(quota.space(peer(1), at(1), |_| true).share, 100 << 20);
        quota.take(peer(1), at(1), 100 << 20);
        assert_eq!(quota.space(peer(1), at(1), |_| true).free, 0);
        quota.give_back(peer(1), at(1), 100 << 20);
        assert_eq!((quota.taken(), quota.taken_for(peer(1))), (0, 0));
        assert_eq!(quota.space(peer(1), at(1), |_| true).free, 100 << 20);
        quota.set_free(5);
        assert_eq!(quota.space(peer(1), at(1), |_| true).free, 0);
        assert_eq!((default_lend(50 * GIB), default_lend(500 * GIB)), (5 * GIB, 10 * GIB));
    }
}
