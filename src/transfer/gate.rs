//! Limits of speed: how many bytes of content may pass now, and whose turn it is. Pure; the shells are
//! sender/mod.rs and receiver/mod.rs.
//!
//! All connections of a role share one token bucket. While it is empty, those that have something to pass
//! wait in a line. It moves on by one part at a time, and next comes the host whose turn is longest ago, and
//! there the peer: a host with many peers, or a peer with many connections, gets no more than others.

use core::num::NonZeroU64;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::accounts::{AccountHost, Payer};
use crate::identity::PeerId;
use crate::rate::Limit;
use crate::time::Time;
use crate::transfer::limits;

/// What may be saved up, in time of the limit: in no second more than 1.1 times its bytes pass.
const BURST: Duration = Duration::from_millis(100);

/// What passes at once, in parts of a second: half of [`BURST`], so that waking up late loses nothing.
const PARTS: u64 = 20;

/// Bytes of such a part, at least: frames and records around it cost some 50 bytes.
const PART_MIN: u64 = 1_000;

/// And at most: what a sender reads in one step.
const PART_MAX: u64 = 256 << 10;

/// How far ahead blocks are asked for under a limit, in parts of a second: twice that is answered late.
const AHEADS: u64 = 2;

/// Bytes asked ahead under a limit, at least: a few parts, on any link.
const AHEAD_MIN: u64 = 16 << 10;

/// Bytes that may be owed under this limit. What is asked beyond comes as fast as the link carries it and
/// lies in the kernel.
pub(crate) fn ahead(limit: NonZeroU64) -> u64 {
    (limit.get() / AHEADS).max(AHEAD_MIN)
}

/// A token bucket in one number (GCRA, ITU-T I.371): the time at which it will be full again.
#[derive(Clone, Copy, Debug)]
struct ByteBucket {
    rate: NonZeroU64,
    full_at: Time,
}

impl ByteBucket {
    fn time_for(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.get());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn part(self) -> u64 {
        (self.rate.get() / PARTS).clamp(PART_MIN, PART_MAX)
    }

    /// When a part is there.
    fn next(self) -> Time {
        let part = self.time_for(self.part());
        self.full_at + part - BURST.max(part * 2)
    }
}

/// The limit of one role; `K` names a connection.
#[derive(Debug)]
pub(crate) struct Gate<K> {
    bucket: Option<ByteBucket>,
    /// Who waits, in the order in which they came.
    line: VecDeque<(Payer<PeerId>, K)>,
    /// Whose turn it is.
    called: Option<K>,
    /// When each host, and each peer, had its last turn; those of long ago are forgotten.
    hosts: BTreeMap<AccountHost, u64>,
    peers: BTreeMap<PeerId, u64>,
    turn: u64,
}

impl<K: Copy + Eq> Gate<K> {
    pub(crate) fn new(limit: Limit) -> Self {
        let bucket = limit.map(|rate| ByteBucket { rate, full_at: Time::ZERO });
        Self {
            bucket,
            line: VecDeque::new(),
            called: None,
            hosts: BTreeMap::new(),
            peers: BTreeMap::new(),
            turn: 0,
        }
    }

    /// This holds from now on, also for those that wait.
    pub(crate) fn set_limit(&mut self, now: Time, limit: Limit) {
        if self.bucket.map(|bucket| bucket.rate) != limit {
            self.bucket = limit.map(|rate| ByteBucket { rate, full_at: now });
        }
    }

    /// Bytes that may pass now on this connection, which has some. 0: it stands in the line.
    pub(crate) fn ask(&mut self, now: Time, payer: Payer<PeerId>, key: K) -> u64 {
        let Some(bucket) = &mut self.bucket else { return u64::MAX };
        let called = self.called == Some(key);
        if called {
            self.called = None;
        }
        if bucket.next() <= now && (called || (self.line.is_empty() && self.called.is_none())) {
            bucket.full_at = bucket.full_at.max(now);
            let part = bucket.part();
            self.note_turn(payer);
            return part;
        }
        if !self.line.iter().any(|(_, k)| *k == key) {
            self.line.push_back((payer, key));
        }
        0
    }

    /// This many bytes passed, of those that [`Self::ask`] allowed.
    pub(crate) fn passed(&mut self, bytes: u64) {
        if let Some(bucket) = &mut self.bucket {
            bucket.full_at = bucket.full_at + bucket.time_for(bytes);
        }
    }

    /// When [`Self::call`] is due; `None` while nobody waits.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        // Those who wait when a limit ends are all due.
        (!self.line.is_empty()).then(|| self.bucket.map_or(Time::ZERO, ByteBucket::next))
    }

    /// The connection whose turn it is, which is to ask again. (One that does not, because nothing can pass
    /// on it any more, loses its turn with the next call.)
    pub(crate) fn call(&mut self, now: Time) -> Option<K> {
        self.poll_timeout().filter(|due| *due <= now)?;
        let last = |payer: Payer<PeerId>| (self.hosts.get(&payer.host), self.peers.get(&payer.peer));
        let turn = |(_, (payer, _)): &(usize, &(Payer<PeerId>, K))| last(*payer);
        let (at, _) = self.line.iter().enumerate().min_by_key(turn)?;
        let (_, key) = self.line.remove(at)?;
        self.called = Some(key);
        Some(key)
    }

    /// This connection is over.
    pub(crate) fn forget(&mut self, key: K) {
        self.line.retain(|(_, k)| *k != key);
        self.called = self.called.filter(|k| *k != key);
    }

    fn note_turn(&mut self, payer: Payer<PeerId>) {
        self.turn += 1;
        self.hosts.insert(payer.host, self.turn);
        self.peers.insert(payer.peer, self.turn);
        let (now, most) = (self.turn, limits::CONNECTIONS);
        let is_late = |turn: &mut u64| *turn + (most as u64) > now;
        if self.hosts.len() > 2 * most {
            self.hosts.retain(|_, turn| is_late(turn));
        }
        if self.peers.len() > 2 * most {
            self.peers.retain(|_, turn| is_late(turn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Rng;

    const ONE: Payer<PeerId> = payer(1, 1);

    const fn payer(host: u8, peer: u8) -> Payer<PeerId> {
        let host = AccountHost::V4(core::net::Ipv4Addr::new(10, 0, 0, host));
        Payer { host, peer: PeerId([peer; 32]) }
    }

    fn gate(rate: u64) -> Gate<u32> {
        Gate::new(NonZeroU64::new(rate))
    }

    /// What passes from `from` to `to` on connections that always have something, with an engine that wakes
    /// up to 40 ms late: when, on which one, bytes.
    fn run(
        gate: &mut Gate<u32>,
        from: Time,
        to: Time,
        all: &[(Payer<PeerId>, u32)],
    ) -> Vec<(Time, u32, u64)> {
        let mut late = Rng::new(from.0);
        let mut passed = Vec::new();
        let (mut now, mut ready) = (from, all.to_vec());
        while now < to {
            for (peer, key) in std::mem::take(&mut ready) {
                loop {
                    let bytes = gate.ask(now, peer, key);
                    if bytes == 0 {
                        break;
                    }
                    gate.passed(bytes);
                    passed.push((now, key, bytes));
                }
            }
            let due = gate.poll_timeout().expect("somebody waits");
            if due > now {
                now = due + Duration::from_millis(late.below(40));
            }
            let called = gate.call(now).expect("it is due");
            ready.extend(all.iter().filter(|(_, key)| *key == called));
        }
        passed
    }

    /// Least and most bytes in any second of it.
    fn in_a_second(passed: &[(Time, u32, u64)], end: Time) -> (u64, u64) {
        let second = Duration::from_secs(1);
        let within = |from: Time, to: Time, both: bool| -> u64 {
            let there = passed.iter().filter(|(t, ..)| *t > from && (*t < to || (both && *t == to)));
            there.map(|(.., bytes)| bytes).sum()
        };
        let starts = || passed.iter().map(|(t, ..)| *t).filter(|t| *t + second < end);
        let least = starts().map(|t| within(t, t + second, false)).min().unwrap();
        let most = starts().map(|t| within(Time(t.0 - 1), t + second, true)).max().unwrap();
        (least, most)
    }

    #[test]
    fn the_rate_holds_within_a_tenth_in_any_second() {
        for rate in [20_000, 50_000, 1_000_000, 10_000_000, 50_000_000] {
            let mut gate = gate(rate);
            let (begin, end) = (Time(9_000_000_000), Time(15_000_000_000));
            let passed = run(&mut gate, begin, end, &[(ONE, 1), (ONE, 2)]);
            let (least, most) = in_a_second(&passed, end);
            let part = (rate / PARTS).min(PART_MAX);
            assert!(least + part >= rate * 9 / 10 && most <= rate * 11 / 10, "{rate}: {least} to {most}");
            let all: u64 = passed.iter().map(|(.., bytes)| bytes).sum();
            assert!(all * 100 >= 6 * rate * 98 && all * 100 <= 6 * rate * 103, "{rate}: {all} in 6 s");
        }
    }

    #[test]
    fn another_limit_holds_at_once_and_none_lets_all_pass_who_wait() {
        let mut gate = gate(20_000);
        let all = [(ONE, 1), (payer(2, 2), 2)];
        let (begin, middle) = (Time(9_000_000_000), Time(12_000_000_000));
        run(&mut gate, begin, middle, &all);
        gate.set_limit(middle, NonZeroU64::new(1_000_000));
        let end = middle + Duration::from_secs(4);
        let (least, most) = in_a_second(&run(&mut gate, middle, end, &all), end);
        assert!(least + 50_000 >= 900_000 && most <= 1_100_000, "{least} to {most}");
        // The same once more gives nothing beyond it.
        let due = gate.poll_timeout();
        gate.set_limit(end, NonZeroU64::new(1_000_000));
        assert!(due.is_some() && gate.poll_timeout() == due);
        gate.set_limit(end, None);
        while let Some(key) = gate.call(end) {
            assert_eq!(gate.ask(end, ONE, key), u64::MAX);
        }
        assert_eq!((gate.line.len(), gate.poll_timeout()), (0, None));
    }

    #[test]
    fn after_an_hour_of_nothing_no_more_passes_at_once() {
        let mut gate = gate(1_000_000);
        run(&mut gate, Time(1_000_000_000), Time(2_000_000_000), &[(ONE, 1)]);
        gate.forget(1);
        let later = Time(3_600_000_000_000);
        let end = later + Duration::from_secs(3);
        let passed = run(&mut gate, later, end, &[(ONE, 1)]);
        let at_once: u64 = passed.iter().filter(|(t, ..)| *t == later).map(|(.., bytes)| bytes).sum();
        assert_eq!(at_once, 100_000);
        assert!(in_a_second(&passed, end).1 <= 1_100_000);
    }

    #[test]
    fn each_peer_has_its_share_however_many_connections_it_has() {
        let peers = [1, 2, 3].map(|n| payer(1, n));
        let mut gate = gate(2_000_000);
        let all: Vec<_> = (0..7).map(|n| (peers[usize::try_from(n).unwrap().min(2)], n)).collect();
        let passed = run(&mut gate, Time(1), Time(20_000_000_000), &all);
        let sum = |keys: std::ops::Range<u32>| -> u64 {
            passed.iter().filter(|(_, key, _)| keys.contains(key)).map(|(.., bytes)| bytes).sum()
        };
        let shares = [sum(0..1), sum(1..2), sum(2..7)];
        assert!(shares.iter().all(|s| (13_000_000..14_000_000).contains(s)), "{shares:?}");
        // And its connections among each other.
        assert!((2..7).all(|key| sum(key..key + 1) > 2_500_000));
    }

    #[test]
    fn each_host_has_its_share_however_many_peers_it_has() {
        let mut gate = gate(2_000_000);
        let all: Vec<_> = (0..8).map(|n| (payer(1 + n / 7, n), u32::from(n))).collect();
        let passed = run(&mut gate, Time(1), Time(20_000_000_000), &all);
        let alone: u64 = passed.iter().filter(|(_, key, _)| *key == 7).map(|(.., bytes)| bytes).sum();
        let others: u64 = passed.iter().filter(|(_, key, _)| *key < 7).map(|(.., bytes)| bytes).sum();
        assert!(alone * 100 > others * 95, "{alone} and {others}");
    }

    #[test]
    fn who_is_gone_or_has_nothing_any_more_holds_nobody_up() {
        let mut gate = gate(1_000_000);
        let now = Time(1_000_000_000);
        for (key, allowed) in [(1, 50_000), (1, 50_000), (1, 0), (1, 0), (2, 0), (3, 0), (4, 0)] {
            let bytes = gate.ask(now, ONE, key);
            assert_eq!(bytes, allowed, "{key}");
            gate.passed(bytes);
        }
        gate.forget(1);
        let due = gate.poll_timeout().unwrap();
        assert!(gate.call(Time(due.0 - 1)).is_none());
        // 2 is called and does not come; 3 is called, asks and has nothing: the next one is due at once.
        assert_eq!((gate.call(due), gate.poll_timeout()), (Some(2), Some(due)));
        assert_eq!(gate.call(due), Some(3));
        assert_eq!(gate.ask(due, ONE, 3), 50_000);
        assert_eq!((gate.call(due), gate.poll_timeout()), (Some(4), None));
        gate.forget(4);
        assert_eq!(gate.ask(due, ONE, 2), 50_000, "the line is empty");
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let mut gate = Gate::new(None);
        for key in 0..3 {
            assert_eq!(gate.ask(Time(1), ONE, key), u64::MAX);
            gate.passed(1 << 40);
        }
        assert_eq!((gate.poll_timeout(), gate.call(Time(1 << 60))), (None, None));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut gate = gate(50_000_000);
        for n in 0..1_000_u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_le_bytes());
            let now = Time(u64::from(n) * 1_000_000_000);
            let payer = Payer { host: AccountHost::Link(n), peer: PeerId(id) };
            assert!(gate.ask(now, payer, n) > 0);
        }
        let most = 2 * limits::CONNECTIONS + 1;
        assert!(gate.hosts.len() <= most && gate.peers.len() <= most);
    }
}
