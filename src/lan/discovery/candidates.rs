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

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many there are, those of one host up to a bound.
    pub(super) const fn counted(&self) -> usize {
        self.counts.counted()
    }

    /// Gives a place to one that is not among them, if there is one for it.
    pub(super) fn insert(&mut self, now: Time, id: PeerId, candidate: Candidate) {
        match self.places.charge(now, candidate.payer, id, 1) {
            Grant::Given(yielding) => yielding.into_iter().for_each(|other| drop(self.remove(other))),
            Grant::Refused => {
                let Some(silent) = self.most_asked() else { return };
                self.remove(silent);
                self.places.charge(now, candidate.payer, id, 1);
            }
        }
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

    /// One that was asked often and does not answer.
    fn most_asked(&self) -> Option<PeerId> {
        let asked = self.all.iter().filter(|(_, c)| c.tries >= ASKED_ENOUGH);
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

    /// In a debug build: the account gave a place to those that have one.
    pub(super) fn check(&self) {
        self.places.check("candidates", self.all.keys().map(|id| (*id, 1)));
    }
}
