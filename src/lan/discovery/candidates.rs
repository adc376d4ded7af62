//! The peers that have to prove themselves, who of them has a place, and whose turn it is to be asked. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use core::cmp::Reverse;
use core::time::Duration;

use super::by_id::{ById, Seed};
use super::candidate::Candidate;
use super::host_counts::HostCounts;
use crate::accounts::{Account, AccountHost, Grant};
use crate::identity::PeerId;
use crate::lan::limits;
use crate::time::Time;

/// With no place left, one that was asked this often and did not answer goes for one that was not asked yet.
const ASKED_ENOUGH: u8 = 4;

/// For so long it is remembered when a peer of a host was asked last.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The candidates. Invariants: each has a place in the account, and its key in `due` is the time that it
/// holds.
#[derive(Debug)]
pub(super) struct Candidates {
    all: ById<Candidate>,
    due: BTreeSet<(Time, PeerId)>,
    places: Account<PeerId, PeerId>,
    counts: HostCounts,
    /// When a peer of a host was asked last. Hosts take turns, so that many peers of one do not make those of
    /// others wait.
    asked: BTreeMap<AccountHost, Time>,
}

impl Candidates {
    /// Without any.
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            all: HashMap::with_hasher(seed),
            due: BTreeSet::new(),
            places: Account::new(limits::CANDIDATES as u64, limits::CANDIDATES_OF_HOST),
            counts: HostCounts::default(),
            asked: BTreeMap::new(),
        }
    }

    /// A candidate.
    pub(super) fn get(&self, id: PeerId) -> Option<&Candidate> {
        self.all.get(&id)
    }

    /// A candidate, to be changed.
    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Candidate> {
        self.all.get_mut(&id)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.all.values()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many there are, those of one host up to a bound.
    pub(super) const fn counted(&self) -> usize {
        self.counts.counted()
    }

    /// Gives a place to one that is not among them, if there is one for it: one that its host's share has room
    /// for, or that of another one of its host, which was asked often and does not answer.
    pub(super) fn insert(&mut self, now: Time, id: PeerId, candidate: Candidate) {
        let mut grant = self.places.charge(now, candidate.payer, id, 1);
        if grant == Grant::Refused
            && let Some(silent) = self.most_asked(candidate.payer.host)
        {
            self.remove(silent);
            grant = self.places.charge(now, candidate.payer, id, 1);
        }
        let Grant::Given(yielding) = grant else { return };
        yielding.into_iter().for_each(|other| drop(self.remove(other)));
        self.due.extend(candidate.due.map(|due| (due, id)));
        self.counts.add(candidate.payer.host);
        self.all.insert(id, candidate);
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: PeerId) -> Option<Candidate> {
        let candidate = self.all.remove(&id)?;
        self.places.free(id);
        self.counts.remove(candidate.payer.host);
        if let Some(due) = candidate.due {
            self.due.remove(&(due, id));
        }
        Some(candidate)
    }

    /// One of that host that was asked often and does not answer.
    fn most_asked(&self, host: AccountHost) -> Option<PeerId> {
        let asked = self.all.iter().filter(|(_, c)| c.payer.host == host && c.tries >= ASKED_ENOUGH);
        asked.max_by_key(|(id, c)| (c.tries, Reverse(c.since), **id)).map(|(id, _)| *id)
    }

    /// It is asked at `due`, or not at all.
    pub(super) fn ask_at(&mut self, id: PeerId, due: Option<Time>) {
        if let Some(candidate) = self.all.get_mut(&id) {
            if let Some(old) = candidate.due {
                self.due.remove(&(old, id));
            }
            candidate.due = due;
            self.due.extend(due.map(|due| (due, id)));
        }
    }

    /// When the first one is to be asked.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whose turn it is: of those that are due one of the host whose turn was longest ago.
    pub(super) fn next_to_ask(&self, now: Time) -> Option<PeerId> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now);
        let turn = due.min_by_key(|(at, id)| {
            let host = self.all.get(id).map(|c| c.payer.host);
            (host.and_then(|host| self.asked.get(&host)), *at, *id)
        });
        turn.map(|(_, id)| *id)
    }

    /// True if none of the host of this one was asked for a while.
    pub(super) fn is_first_of_host(&self, now: Time, id: PeerId) -> bool {
        let asked = self.all.get(&id).and_then(|c| self.asked.get(&c.payer.host));
        asked.is_none_or(|at| now.since(*at) >= REMEMBERED)
    }

    /// When the first one is to be asked of whose host none was asked for a while.
    pub(super) fn next_first_of_host(&self, now: Time) -> Option<Time> {
        self.due.iter().find(|(_, id)| self.is_first_of_host(now, *id)).map(|(at, _)| *at)
    }

    /// This one was asked.
    pub(super) fn note_asked(&mut self, now: Time, id: PeerId) {
        let Some(host) = self.all.get(&id).map(|c| c.payer.host) else { return };
        if self.asked.len() >= limits::CANDIDATES && !self.asked.contains_key(&host) {
            self.asked.retain(|_, at| now.since(*at) < REMEMBERED);
        }
        if self.asked.len() < limits::CANDIDATES || self.asked.contains_key(&host) {
            self.asked.insert(host, now);
        }
    }

    /// There are no more than there may be, each is asked when it says, and is one of those that `may_be`.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self, may_be: impl Fn(PeerId) -> bool) {
        assert!(self.all.len() <= limits::CANDIDATES && self.asked.len() <= limits::CANDIDATES);
        let due: BTreeSet<_> = self.all.iter().filter_map(|(id, c)| Some((c.due?, *id))).collect();
        assert_eq!(due, self.due, "candidates are asked at other times than they say");
        assert!(self.all.keys().all(|id| may_be(*id)), "a candidate is in the wrong table");
    }

    /// In a debug build: the account gave a place to those that have one.
    pub(super) fn check(&self) {
        self.places.check("candidates", self.all.keys().map(|id| (*id, 1)));
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;
    use std::sync::Arc;

    use super::*;
    use crate::address::Ports;
    use crate::identity::{Instance, PeerName};
    use crate::lan::discovery::voice::Voice;
    use crate::lan::rng::Rng;
    use crate::lan::traffic::{Endpoint, Via};
    use crate::wire::datagram::{Body, DatagramMessage, Presence, PresenceState};

    fn id(n: usize) -> PeerId {
        let mut id = [7; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    fn candidate(host: u8, peer: PeerId, tries: u8) -> Candidate {
        let name = PeerName::of_folder("peer", peer);
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
        let instance = Instance { count: 1, random: 1 };
        let body = Body { instance, sequence: 1, presence, message: DatagramMessage::Here };
        let from = Endpoint { at: SocketAddr::from(([10, 0, 0, host], 1)), via: Via::Own };
        let voice = Voice::new(&body, &Arc::from([]));
        let candidate = Candidate::new(Time::ZERO, peer, voice, from, &mut Rng::new([1; 32]));
        Candidate { tries, ..candidate }
    }

    #[test]
    fn a_candidate_without_a_place_takes_that_of_one_of_its_own_host_only() {
        let mut candidates = Candidates::new(Seed(1));
        let other = id(limits::CANDIDATES);
        candidates.insert(Time::ZERO, other, candidate(2, other, 2 * ASKED_ENOUGH));
        for n in 1..limits::CANDIDATES {
            candidates.insert(Time::ZERO, id(n), candidate(1, id(n), if n < 3 { ASKED_ENOUGH } else { 0 }));
        }
        assert_eq!(candidates.len(), limits::CANDIDATES);
        for (n, is_given) in [(1, true), (2, true), (3, false)] {
            let late = id(limits::CANDIDATES + n);
            candidates.insert(Time::ZERO, late, candidate(1, late, 0));
            assert_eq!(candidates.get(late).is_some(), is_given, "{n}");
            assert!(candidates.get(other).is_some(), "another host's was asked more often, and stays");
        }
        assert!(candidates.get(id(1)).is_none() && candidates.get(id(2)).is_none());
        assert_eq!(candidates.len(), limits::CANDIDATES);
        candidates.check();
    }
}
