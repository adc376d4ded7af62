//! Who is here, who might be, and who said that it left. Pure.
//!
//! A peer is *here* once it proved itself: it echoed a nonce, or a TLS handshake knew its key. Before
//! that it is a *candidate*, in a table of its own, so that a flood of invented peers pushes out no real
//! one. A peer that is here may be a candidate too: with a new address, or a new instance at one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use core::net::SocketAddr;
use core::time::Duration;

use super::by_id::{ById, Seed};
use super::candidate::Candidate;
use super::probe::Suspicion;
use super::voice::Voice;
use crate::address::Host;
use crate::identity::{Instance, PeerId};
use crate::lan::limits;
use crate::lan::network_size::NetworkSize;
use crate::rate::TokenBucket;
use crate::time::Time;

/// A peer that is here.
#[derive(Clone, Debug)]
pub(super) struct PeerEntry {
    pub voice: Voice,
    /// Proved addresses, the last proved one first; 1 to [`limits::HOSTS`].
    pub hosts: Vec<Host>,
    /// Its own socket, at the first of them.
    pub at: SocketAddr,
    /// Its last sign of life.
    pub heard: Time,
    pub suspicion: Option<Suspicion>,
    /// When it was last heard from the first of its addresses.
    pub first_heard: Time,
    /// Its hello, which it knows that we answered.
    pub confirmed: Option<u64>,
    pub bucket: TokenBucket,
    armed: Time,
}

impl PeerEntry {
    /// How long it may be silent: about six seconds, but at least three of its intervals.
    pub(super) fn timeout(&self) -> Duration {
        let interval = Duration::from_millis(u64::from(self.voice.presence.interval))
            .clamp(limits::INTERVAL_MIN, limits::INTERVAL_MAX);
        let (ms, six) = (interval.as_millis(), 6_000);
        let silent = ((six + ms / 2) / ms).clamp(3, 6);
        interval * u32::try_from(silent).unwrap_or(6)
    }

    /// A sign of life came.
    pub(super) const fn hear(&mut self, now: Time) {
        self.heard = now;
        self.suspicion = None;
    }

    /// Takes `at` for proved. True if that changed its addresses. Of two that are both proved and heard of
    /// the first stays first, else each burst of a peer with two interfaces would be a change.
    pub(super) fn prove(&mut self, now: Time, at: SocketAddr) -> bool {
        let host = Host::from(at);
        let first = self.hosts.first() == Some(&host);
        if !first && self.hosts.contains(&host) && now.since(self.first_heard) < self.timeout() {
            return false;
        }
        self.first_heard = now;
        self.hosts.retain(|h| *h != host);
        self.hosts.insert(0, host);
        self.hosts.truncate(limits::HOSTS);
        self.at = at;
        !first
    }
}

/// The tables. Invariants: a candidate's or entry's key in a time queue is the one it holds; tombstones
/// are at most [`limits::TOMBSTONES`].
#[derive(Debug)]
pub(super) struct PeerTable {
    entries: ById<PeerEntry>,
    entries_due: BTreeSet<(Time, PeerId)>,
    candidates: ById<Candidate>,
    candidates_due: BTreeSet<(Time, PeerId)>,
    tombstones: BTreeMap<PeerId, (Instance, Time)>,
}

impl PeerTable {
    /// An empty one. `seed` is a secret.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entries: HashMap::with_hasher(Seed(seed)),
            entries_due: BTreeSet::new(),
            candidates: HashMap::with_hasher(Seed(seed)),
            candidates_due: BTreeSet::new(),
            tombstones: BTreeMap::new(),
        }
    }

    /// Peers that are here.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Peers that have to prove themselves.
    pub(super) fn candidates(&self) -> usize {
        self.candidates.len()
    }

    /// The size of the network, as far as the tables tell.
    pub(super) fn network(&self) -> NetworkSize {
        NetworkSize::of(self.entries.len(), self.candidates.len())
    }

    /// The size of the network, as far as this one and what peers announce tell.
    pub(super) fn said_network(&self) -> NetworkSize {
        let longest = self.entries.values().map(|e| e.voice.presence.interval).max().unwrap_or(0);
        let announced = NetworkSize::announced(Duration::from_millis(longest.into()));
        self.network().max(announced)
    }

    /// The peers that are here.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &PeerEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// True if that peer is here.
    pub(super) fn has(&self, id: PeerId) -> bool {
        self.entries.contains_key(&id)
    }

    /// What is known of a peer that is here.
    pub(super) fn get(&self, id: PeerId) -> Option<&PeerEntry> {
        self.entries.get(&id)
    }

    /// What is known of a peer that is here, to be changed.
    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut PeerEntry> {
        self.entries.get_mut(&id)
    }

    /// One of the candidates.
    pub(super) fn candidate(&self, id: PeerId) -> Option<&Candidate> {
        self.candidates.get(&id)
    }

    /// One of the candidates, to be changed.
    pub(super) fn candidate_mut(&mut self, id: PeerId) -> Option<&mut Candidate> {
        self.candidates.get_mut(&id)
    }

    /// What a peer said that is here, or else one that has to prove itself.
    pub(super) fn voice_mut(&mut self, id: PeerId) -> Option<&mut Voice> {
        let candidate = self.candidates.get_mut(&id).map(|candidate| &mut candidate.voice);
        self.entries.get_mut(&id).map(|entry| &mut entry.voice).or(candidate)
    }

    /// Adds a peer that proved itself at `at`. False if there is no room; nobody here is pushed out.
    pub(super) fn insert(&mut self, now: Time, id: PeerId, voice: Voice, at: SocketAddr) -> bool {
        if self.entries.len() >= limits::PEERS {
            return false;
        }
        let mut entry = PeerEntry {
            voice,
            hosts: vec![Host::from(at)],
            at,
            heard: now,
            suspicion: None,
            first_heard: now,
            confirmed: None,
            bucket: TokenBucket::default(),
            armed: now,
        };
        entry.armed = now + entry.timeout();
        self.entries_due.insert((entry.armed, id));
        self.entries.insert(id, entry);
        true
    }

    /// Takes a peer out.
    pub(super) fn remove(&mut self, id: PeerId) -> Option<PeerEntry> {
        let entry = self.entries.remove(&id)?;
        self.entries_due.remove(&(entry.armed, id));
        Some(entry)
    }

    /// Looks at peer `id` again at `at` (a sign of life in between needs no call: what is due is
    /// checked against it).
    pub(super) fn arm(&mut self, id: PeerId, at: Time) {
        if let Some(entry) = self.entries.get_mut(&id)
            && entry.armed != at
        {
            self.entries_due.remove(&(entry.armed, id));
            entry.armed = at;
            self.entries_due.insert((at, id));
        }
    }

    /// When the first peer is to be looked at.
    pub(super) fn next_entry(&self) -> Option<(Time, PeerId)> {
        self.entries_due.first().copied()
    }

    /// Adds or replaces a candidate, asked at `due`. When full the one that waits longest goes, first of
    /// those that were never heard.
    pub(super) fn propose(&mut self, id: PeerId, mut candidate: Candidate, due: Option<Time>) {
        self.withdraw(id);
        if self.candidates.len() >= limits::CANDIDATES
            && let Some(oldest) =
                self.candidates.iter().min_by_key(|(id, c)| (!c.exchanged, c.since, **id)).map(|(id, _)| *id)
        {
            self.withdraw(oldest);
        }
        candidate.due = due;
        self.candidates_due.extend(due.map(|due| (due, id)));
        self.candidates.insert(id, candidate);
    }

    /// Takes a candidate out.
    pub(super) fn withdraw(&mut self, id: PeerId) -> Option<Candidate> {
        let candidate = self.candidates.remove(&id)?;
        if let Some(due) = candidate.due {
            self.candidates_due.remove(&(due, id));
        }
        Some(candidate)
    }

    /// Asks candidate `id` at `due`, or not at all.
    pub(super) fn ask_at(&mut self, id: PeerId, due: Option<Time>) {
        if let Some(candidate) = self.candidates.get_mut(&id) {
            if let Some(old) = candidate.due {
                self.candidates_due.remove(&(old, id));
            }
            candidate.due = due;
            self.candidates_due.extend(due.map(|due| (due, id)));
        }
    }

    /// When the first candidate is to be asked.
    pub(super) fn next_candidate(&self) -> Option<(Time, PeerId)> {
        self.candidates_due.first().copied()
    }

    /// This instance of the peer, and all before it, never come back (for [`limits::TOMBSTONE`]).
    pub(super) fn bury(&mut self, now: Time, id: PeerId, instance: Instance) {
        if self.tombstones.len() >= limits::TOMBSTONES && !self.tombstones.contains_key(&id) {
            self.tombstones.retain(|_, (_, until)| *until > now);
            let oldest = self.tombstones.iter().min_by_key(|(_, (_, until))| *until).map(|(id, _)| *id);
            if let Some(oldest) = oldest
                && self.tombstones.len() >= limits::TOMBSTONES
            {
                self.tombstones.remove(&oldest);
            }
        }
        self.tombstones.insert(id, (instance, now + limits::TOMBSTONE));
    }

    /// True if that instance said that it left.
    pub(super) fn is_buried(&mut self, now: Time, id: PeerId, instance: Instance) -> bool {
        if self.tombstones.is_empty() {
            return false;
        }
        match self.tombstones.get(&id) {
            Some((_, until)) if *until <= now => {
                self.tombstones.remove(&id);
                false
            }
            Some((last, _)) => instance <= *last,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_holds_its_instance_and_earlier_ones_for_its_time() {
        let mut table = PeerTable::new(1);
        let (id, now) = (PeerId([1; 32]), Time::ZERO);
        let of = |count| Instance { count, random: 0 };
        table.bury(now, id, of(5));
        assert!(table.is_buried(now, id, of(5)));
        assert!(table.is_buried(now, id, of(4)));
        assert!(!table.is_buried(now, id, of(6)));
        assert!(!table.is_buried(now + limits::TOMBSTONE, id, of(5)));
        for i in 0..limits::TOMBSTONES + 10 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&i.to_le_bytes());
            table.bury(now + Duration::from_nanos(i as u64), PeerId(id), of(1));
        }
        assert_eq!(table.tombstones.len(), limits::TOMBSTONES);
    }
}
