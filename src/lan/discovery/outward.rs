//! Whoever hears nothing that goes to everyone asks the hosts beside it, one by one. Pure.
//!
//! A firewall that lets in nothing but answers keeps every announcement and every question of others out. An
//! access point may pass no broadcasts on. A peer behind one of them is heard by all and hears nobody. But
//! those that hear it ask it, and so its system learns where they are (ARP, RFC 826; neighbour discovery, RFC
//! 4861), before the firewall drops what they ask. A question from here finds its way out, and the answer
//! comes back by the same path.
//!
//! The neighbours are what the system says. Anyone on the link can make it believe in many, so few are asked
//! in a second, those first that were asked least.

use std::collections::{BTreeMap, BTreeSet};

use core::net::SocketAddr;
use core::time::Duration;

use crate::address::Host;
use crate::lan::limits;
use crate::lan::rng::Rng;
use crate::lan::traffic::{Endpoint, Via};
use crate::time::Time;

/// Without a word to everyone for this many intervals between announcements, a peer is deaf.
const DEAF: u32 = 3;

/// Between two questions to one neighbour, the first of them doubled each time up to the second.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(16)];

/// A neighbour that is asked.
#[derive(Clone, Copy, Debug)]
struct Neighbour {
    /// What it has to echo: it goes to that address alone.
    nonce: u64,
    /// Questions sent.
    tries: u32,
    /// When it may be asked again.
    due: Time,
}

/// How well a peer hears what goes to everyone.
#[derive(Clone, Copy, Debug)]
pub(in crate::lan) struct BroadcastHearing {
    /// When something of that kind was last heard from another host; before that, the start.
    pub(in crate::lan) heard: Time,
    /// That is so long ago that the neighbours are asked one by one.
    pub(in crate::lan) is_deaf: bool,
}

/// The neighbours that were asked, and whether they need to be.
#[derive(Debug)]
pub(super) struct Outward {
    /// When something that goes to everyone was last heard from another host.
    heard: Time,
    /// When the neighbours were last looked at.
    looked: Time,
    asked: BTreeMap<Host, Neighbour>,
}

impl Outward {
    /// That of a peer that starts now.
    pub(super) const fn new(now: Time) -> Self {
        Self { heard: now, looked: now, asked: BTreeMap::new() }
    }

    /// Another host said something to everyone, and it arrived.
    pub(super) fn hear(&mut self, now: Time) {
        self.heard = now;
        self.asked.clear();
    }

    /// How well that is heard, with announcements each `interval`.
    pub(super) fn hearing(&self, now: Time, interval: Duration) -> BroadcastHearing {
        BroadcastHearing { heard: self.heard, is_deaf: self.is_deaf(now, interval) }
    }

    /// True if nothing of that kind was heard for a while, with announcements each `interval`.
    fn is_deaf(&self, now: Time, interval: Duration) -> bool {
        now.since(self.heard) >= interval * DEAF
    }

    /// True if the neighbours are to be looked at now, counted as done.
    pub(super) fn take_look(&mut self, now: Time, interval: Duration) -> bool {
        let is_due = self.is_deaf(now, interval) && now.since(self.looked) >= limits::LOOK_AROUND;
        if is_due {
            self.looked = now;
        }
        is_due
    }

    /// True if a datagram from `host` has the nonce that was sent to it alone.
    pub(super) fn is_answered(&self, host: Host, holds: impl Fn(u64) -> bool) -> bool {
        self.asked.get(&host).is_some_and(|neighbour| holds(neighbour.nonce))
    }

    /// These are the neighbours now, of which none is known to be a peer: the questions that are due, and to
    /// whom they go. Of those that are no neighbours any more nothing is remembered.
    pub(super) fn ask(
        &mut self,
        now: Time,
        neighbours: &BTreeSet<Host>,
        rng: &mut Rng,
    ) -> Vec<(Endpoint, u64)> {
        let neighbours: BTreeSet<_> = neighbours.iter().take(limits::NEIGHBOURS_ASKED).collect();
        self.asked.retain(|host, _| neighbours.contains(host));
        for host in neighbours {
            let new = || Neighbour { nonce: rng.nonce(), tries: 0, due: now };
            self.asked.entry(*host).or_insert_with(new);
        }
        let mut due: Vec<_> = self.asked.iter_mut().filter(|(_, neighbour)| neighbour.due <= now).collect();
        due.sort_by_key(|(_, neighbour)| (neighbour.tries, neighbour.due));
        due.truncate(limits::ASKED_A_LOOK);
        let question = |(host, neighbour): (&Host, &mut Neighbour)| {
            let wait = AGAIN[0] * 2_u32.saturating_pow(neighbour.tries.min(8));
            neighbour.tries = neighbour.tries.saturating_add(1);
            neighbour.due = now + wait.min(AGAIN[1]);
            let at: SocketAddr = host.socket(limits::DISCOVERY_PORT);
            (Endpoint { at, via: Via::Own }, neighbour.nonce)
        };
        due.into_iter().map(question).collect()
    }

    /// It remembers no more than it may.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.asked.len() <= limits::NEIGHBOURS_ASKED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    fn host(n: u16) -> Host {
        let [high, low] = n.to_be_bytes();
        Host { ip: [10, 0, high, low].into(), scope: 0 }
    }

    /// Whom it asks now, of these neighbours.
    fn asks(outward: &mut Outward, ms: u64, neighbours: &[Host]) -> Vec<Host> {
        let neighbours = neighbours.iter().copied().collect();
        let asked = outward.ask(at(ms), &neighbours, &mut Rng::new([ms.to_le_bytes()[0]; 32]));
        assert!(asked.iter().all(|(to, _)| to.at.port() == limits::DISCOVERY_PORT && to.via == Via::Own));
        asked.into_iter().map(|(to, _)| to.host()).collect()
    }

    #[test]
    fn only_who_hears_nothing_for_three_intervals_looks_around() {
        let mut outward = Outward::new(at(0));
        assert!(!outward.take_look(at(2_999), INTERVAL));
        assert!(outward.take_look(at(3_000), INTERVAL) && !outward.take_look(at(3_000), INTERVAL));
        assert!(!outward.take_look(at(3_000) + limits::LOOK_AROUND - Duration::from_millis(1), INTERVAL));
        assert!(outward.take_look(at(3_000) + limits::LOOK_AROUND, INTERVAL));
        outward.hear(at(5_000));
        assert!(!outward.take_look(at(7_999), INTERVAL) && outward.take_look(at(8_000), INTERVAL));
        assert!(!outward.is_deaf(at(8_000), 2 * INTERVAL), "in a larger network announcements are rarer");
    }

    #[test]
    fn a_neighbour_is_asked_again_ever_later_and_forgotten_once_it_is_none() {
        let mut outward = Outward::new(at(0));
        let all = [host(1)];
        let times = (0..60_000).step_by(500).filter(|ms| !asks(&mut outward, *ms, &all).is_empty());
        assert_eq!(times.collect::<Vec<_>>(), [0, 1_000, 3_000, 7_000, 15_000, 31_000, 47_000]);
        assert!(asks(&mut outward, 60_000, &[]).is_empty() && outward.asked.is_empty());
        assert_eq!(asks(&mut outward, 60_001, &all), all, "it came again");
    }

    #[test]
    fn only_the_nonce_of_an_address_answers_for_it() {
        let mut outward = Outward::new(at(0));
        let asked = outward.ask(at(0), &BTreeSet::from([host(1), host(2)]), &mut Rng::new([1; 32]));
        let [(first, nonce), (second, other)] = asked[..] else { panic!("{asked:?}") };
        assert_ne!(nonce, other);
        let answers = |to: Endpoint, n| outward.is_answered(to.host(), |of| of == n);
        assert!(answers(first, nonce) && answers(second, other));
        assert!(!answers(first, other) && !answers(second, nonce));
        assert!(!outward.is_answered(host(3), |_| true), "it was not asked");
    }

    #[test]
    fn invented_neighbours_cost_little_and_hide_no_real_one() {
        let mut outward = Outward::new(at(0));
        let all: Vec<_> = (0..4_000).map(host).collect();
        let real = host(700);
        let mut asked = Vec::new();
        let found = (0..600).find(|second| {
            let now = asks(&mut outward, second * 1_000, &all);
            assert!(now.len() <= limits::ASKED_A_LOOK);
            outward.check_bounds();
            asked.extend(now);
            asked.contains(&real)
        });
        assert!(found.is_some_and(|seconds| seconds < 300), "{found:?}");
    }
}
