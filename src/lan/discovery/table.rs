//! Who is here, who might be, and who said that it left. Pure.
//!
//! A peer is *here* once it proved itself: it echoed a nonce, or a TLS handshake knew its key. Before
//! that it is a *candidate*, in a table of its own, so that a flood of invented peers pushes out no real
//! one. A peer that is here may be a candidate too: with a new address, or a new instance at one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use core::net::SocketAddr;
use core::time::Duration;

use super::probe::Suspicion;
use crate::address::Host;
use crate::identity::{Instance, PeerId};
use crate::lan::Via;
use crate::lan::limits;
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::wire::datagram::{Body, Presence, PresenceState};

/// Which sequence numbers of an instance were heard: the highest and the 64 below it (as the
/// anti-replay window of RFC 4303 §3.4.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    highest: u64,
    seen: u64,
}

/// What a sequence number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SequenceState {
    /// Not heard before.
    New,
    /// Another copy, by another way or replayed.
    Copy,
    /// Too old to tell.
    Old,
}

impl Window {
    /// Looks `sequence` up and remembers it.
    pub(super) const fn take(&mut self, sequence: u64) -> SequenceState {
        if sequence > self.highest {
            let ahead = sequence - self.highest;
            self.seen = if ahead >= 64 { 1 } else { self.seen << ahead | 1 };
            self.highest = sequence;
            return SequenceState::New;
        }
        let behind = self.highest - sequence;
        if behind >= 64 {
            return SequenceState::Old;
        }
        let bit = 1 << behind;
        if self.seen & bit != 0 {
            return SequenceState::Copy;
        }
        self.seen |= bit;
        SequenceState::New
    }
}

/// The newest that an instance of a peer said.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub instance: Instance,
    pub window: Window,
    pub presence: Presence,
    pub signed: Arc<[u8]>,
    /// Questions of it that are taken.
    pub questions: TokenBucket,
    /// The last one that was answered, and when.
    pub answered: Option<(u64, Time)>,
}

impl Voice {
    /// The voice that `body` is the first word of.
    pub(super) fn new(body: &Body, signed: &Arc<[u8]>) -> Self {
        let mut window = Window::default();
        window.take(body.sequence);
        Self {
            instance: body.instance,
            window,
            presence: body.presence.clone(),
            signed: Arc::clone(signed),
            questions: TokenBucket::default(),
            answered: None,
        }
    }

    /// Takes over what a newer datagram says. True if a fact changed that others want to know.
    pub(super) fn update(&mut self, body: &Body, signed: &Arc<[u8]>) -> bool {
        self.signed = Arc::clone(signed);
        let (old, new) = (&self.presence, &body.presence);
        // One that overtook a newer one: within an instance a catalogue never goes back, and who leaves goes.
        if new.catalogue < old.catalogue
            || (old.state, new.state) == (PresenceState::Leaving, PresenceState::Here)
        {
            return false;
        }
        let changed = (&old.name, old.ports, old.catalogue, old.state)
            != (&new.name, new.ports, new.catalogue, new.state);
        if changed || *old != *new {
            self.presence = new.clone();
        }
        changed
    }
}

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
    /// Its words on files that are taken.
    pub seeks: TokenBucket,
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

/// A peer, or a new address of one, that has to prove itself.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub voice: Voice,
    /// Where it was heard, or where another peer says that it answers.
    pub at: SocketAddr,
    pub via: Via,
    /// What it has to echo.
    pub nonce: u64,
    /// Questions sent.
    pub tries: u8,
    /// When the last one was sent, or when it was heard first.
    pub since: Time,
    /// True if a question went out by broadcast: then any address may answer.
    pub called: bool,
    /// The hello that the questions answer too.
    pub carried: Option<u64>,
    /// True if it is only known from another peer's table.
    pub exchanged: bool,
    due: Option<Time>,
}

impl Candidate {
    /// One that is to be asked at `due`.
    pub(super) const fn new(now: Time, voice: Voice, at: SocketAddr, via: Via, nonce: u64) -> Self {
        let (tries, called, carried, exchanged) = (0, false, None, false);
        Self { voice, at, via, nonce, tries, since: now, called, carried, exchanged, due: None }
    }
}

/// Peers by id. An id is a hash already, so a part of it will do; the seed keeps others from choosing ids
/// that meet in one place. Ordered maps cost three times as much with 1,000 peers, most of it cache misses.
type ById<T> = HashMap<PeerId, T, Seed>;

/// The secret of [`ById`].
#[derive(Clone, Copy, Debug)]
struct Seed(u64);

/// Hashes one id with it.
#[derive(Debug)]
struct IdHasher(u64);

impl BuildHasher for Seed {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks_exact(8).take(2) {
            let word = part.try_into().map_or(0, u64::from_le_bytes);
            // Folded, so that every bit of the id and of the seed reaches every bit of the result.
            let wide = u128::from(self.0 ^ word) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
            let bytes = wide.to_le_bytes();
            let (low, high) = bytes.split_at(8);
            let half = |half: &[u8]| half.try_into().map_or(0, u64::from_le_bytes);
            self.0 = half(low) ^ half(high);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
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

    /// The peers that are here.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &PeerEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// True if that peer is here.
    pub(super) fn has(&self, id: PeerId) -> bool {
        self.entries.contains_key(&id)
    }

    /// What is known of a peer that is here, to be changed.
    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut PeerEntry> {
        self.entries.get_mut(&id)
    }

    /// One of the candidates.
    pub(super) fn candidate_mut(&mut self, id: PeerId) -> Option<&mut Candidate> {
        self.candidates.get_mut(&id)
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
            seeks: TokenBucket::default(),
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

    /// Begins to count the questions to candidate `id` again.
    pub(super) fn restart(&mut self, now: Time, id: PeerId) {
        if let Some(candidate) = self.candidates.get_mut(&id) {
            (candidate.tries, candidate.since) = (0, now);
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_window_knows_new_copied_and_old() {
        let mut window = Window::default();
        assert_eq!(window.take(5), SequenceState::New);
        assert_eq!(window.take(5), SequenceState::Copy);
        assert_eq!(window.take(3), SequenceState::New);
        assert_eq!(window.take(3), SequenceState::Copy);
        assert_eq!(window.take(100), SequenceState::New);
        assert_eq!(window.take(37), SequenceState::New);
        assert_eq!(window.take(36), SequenceState::Old);
        assert_eq!(window.take(u64::MAX), SequenceState::New);
        assert_eq!(window.take(u64::MAX), SequenceState::Copy);
        assert_eq!(window.take(100), SequenceState::Old);
    }

    proptest! {
        #[test]
        fn no_number_is_new_twice(numbers in proptest::collection::vec(1_u64..200, 0..400)) {
            let (mut window, mut seen) = (Window::default(), BTreeSet::new());
            for n in numbers {
                let heard = window.take(n);
                prop_assert_eq!(heard == SequenceState::New, heard != SequenceState::Old && !seen.contains(&n));
                if heard == SequenceState::New {
                    seen.insert(n);
                }
            }
        }
    }

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
