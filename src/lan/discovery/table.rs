//! Who is here, who might be, and who said that it left. Pure.
//!
//! A peer is *here* once it proved itself: it echoed a nonce, or a TLS handshake knew its key. Before
//! that it is a *candidate*, in a table of its own, so that a flood of invented peers pushes out no real
//! one. A peer that is here may be a candidate too: with a new address, or a new instance at one.
//!
//! Each place is charged to a host, and hosts have equal shares. So one machine with many keys keeps nobody
//! out: a peer of another host finds a place, for which one of the fullest host goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use core::net::SocketAddr;
use core::time::Duration;

use super::by_id::{ById, Seed};
use super::candidate::Candidate;
use super::candidates::Candidates;
use super::host_counts::HostCounts;
use super::probe::Suspicion;
use super::tombstones::Tombstones;
use super::voice::Voice;
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::address::Host;
use crate::identity::{Instance, PeerId};
use crate::lan::limits;
use crate::lan::network_size::NetworkSize;
use crate::lan::traffic::{Endpoint, Via};
use crate::rate::TokenBucket;
use crate::time::Time;

/// What an answer proves of the address that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressProof {
    /// The peer lives. It echoed what went to everyone, so that it may have given a false address.
    Heard,
    /// It is there: it echoed what went to that address alone, or TLS knew its key there.
    Reached,
    /// The peer lives. Where it is, this gateway says.
    Told(PeerId),
}

/// A peer that is here.
#[derive(Clone, Debug)]
pub(super) struct PeerEntry {
    pub voice: Voice,
    /// Addresses from which it echoed a nonce, the last one first; 1 to [`limits::HOSTS`].
    pub hosts: Vec<Host>,
    /// Those of them at which it was reached: nothing is dialled at the others.
    pub reached: Vec<Host>,
    /// True if somebody wants to dial it.
    pub is_wanted: bool,
    /// Through whom it is heard, if it is on another network.
    pub gateway: Option<PeerId>,
    /// What it passes on of other networks.
    pub envelopes: TokenBucket,
    /// Its own socket, at the first of them.
    pub at: SocketAddr,
    /// Its last sign of life.
    pub heard: Time,
    pub suspicion: Option<Suspicion>,
    /// When it was last asked for a sign of life because nothing that goes to everyone is heard here.
    pub kept_up: Time,
    /// When it was last heard from the first of its addresses.
    pub first_heard: Time,
    /// Its hello, which it knows that we answered.
    pub confirmed: Option<u64>,
    pub bucket: TokenBucket,
    armed: Time,
    /// The host to which its place is charged.
    charged: AccountHost,
    /// The host of which it counts for the size of the network.
    counted: AccountHost,
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

    /// It answered from `at`. True if that changed its addresses. Of two that are both heard of the first
    /// stays first, else each burst of a peer with two interfaces would be a change.
    pub(super) fn prove(&mut self, now: Time, at: SocketAddr, proof: AddressProof) -> bool {
        let host = Host::from(at);
        if let AddressProof::Told(_) = proof {
            return self.gateway.is_some() && self.note_told(host);
        }
        let is_reached = proof == AddressProof::Reached && !self.reached.contains(&host);
        if is_reached {
            self.reached.push(host);
        }
        let first = self.hosts.first() == Some(&host);
        if !first && self.hosts.contains(&host) && now.since(self.first_heard) < self.timeout() {
            return is_reached;
        }
        self.first_heard = now;
        self.hosts.retain(|h| *h != host);
        self.hosts.insert(0, host);
        self.hosts.truncate(limits::HOSTS);
        self.reached.retain(|h| self.hosts.contains(h));
        self.at = at;
        !first || is_reached
    }

    /// To which host it belongs, as far as that is proved. An address that others can have without number says
    /// less than any other one.
    fn host(&self) -> AccountHost {
        let reached = self.reached.iter().map(|host| AccountHost::from(*host));
        let is_link = |host: &AccountHost| matches!(host, AccountHost::Link(_));
        reached.min_by_key(is_link).unwrap_or(AccountHost::Unproved)
    }

    /// Where it is asked alone, and from which socket, the `n`th time. `None` if it was not reached there:
    /// whoever echoed what went to everyone may have given the address of a third machine.
    ///
    /// A firewall there may let in only what comes from a place to which its peer wrote, which may have been
    /// our own socket or the shared one. Another one may let in the discovery port alone.
    pub(super) fn asked_at(&self, n: u8) -> Option<Endpoint> {
        let mut at = self.at;
        let via = if n % 3 == 1 { Via::Shared } else { Via::Own };
        if n % 3 == 2 {
            at.set_port(limits::DISCOVERY_PORT);
        }
        let is_near = self.gateway.is_none() && self.reached.contains(&Host::from(at));
        is_near.then_some(Endpoint { at, via })
    }

    /// The addresses at which it may be dialled, the best first.
    pub(super) fn dialled_at(&self) -> Vec<Host> {
        self.hosts.iter().filter(|host| self.reached.contains(host)).copied().collect()
    }
}

/// The tables. Invariants: each entry has a place in the account, and its key in the time queue is the one it
/// holds; who has to be reached is here, and a stranger is not.
#[derive(Debug)]
pub(super) struct PeerTable {
    entries: ById<PeerEntry>,
    entries_due: BTreeSet<(Time, PeerId)>,
    places: Account<PeerId, PeerId>,
    /// Of those places, the ones of peers that are heard through a gateway: charged to it.
    behind_gateways: Account<PeerId, PeerId>,
    counts: HostCounts,
    /// The size of the network, as it was said last.
    said: NetworkSize,
    strangers: Candidates,
    to_reach: Candidates,
    tombstones: Tombstones,
    /// Changes since the account was checked.
    unchecked: usize,
}

impl PeerTable {
    /// An empty one. `seed` is a secret.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entries: HashMap::with_hasher(Seed(seed)),
            entries_due: BTreeSet::new(),
            places: Account::new(limits::PEERS as u64, limits::PEERS_OF_HOST),
            behind_gateways: Account::new(limits::PEERS as u64 / 2, limits::PEERS_OF_HOST),
            counts: HostCounts::default(),
            said: NetworkSize::of(0, 0),
            strangers: Candidates::new(Seed(seed)),
            to_reach: Candidates::new(Seed(seed)),
            tombstones: Tombstones::default(),
            unchecked: 0,
        }
    }

    /// Peers that are here.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Peers that are not here and have to prove themselves.
    pub(super) fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// The size of the network, as far as the tables tell.
    pub(super) const fn network(&self) -> NetworkSize {
        NetworkSize::of(self.counts.counted(), self.strangers.counted())
    }

    /// The size of the network, as far as this one and what peers announce tell: what half of the hosts say,
    /// for one alone may say anything.
    pub(super) fn ask_said(&mut self) -> NetworkSize {
        let mut by_host: BTreeMap<AccountHost, u32> = BTreeMap::new();
        self.entries.values().for_each(|entry| {
            let longest = by_host.entry(entry.counted).or_default();
            *longest = entry.voice.presence.interval.max(*longest);
        });
        let mut said: Vec<u32> = by_host.into_values().collect();
        said.sort_unstable();
        let half = said.get(said.len().saturating_sub(1) / 2).copied().unwrap_or(0);
        self.said = self.network().max(NetworkSize::announced(Duration::from_millis(half.into())));
        self.said
    }

    /// What that was when it was asked last.
    pub(super) fn last_said(&self) -> NetworkSize {
        self.said.max(self.network())
    }

    /// To which host a peer that is here belongs.
    pub(super) fn host(&self, id: PeerId) -> AccountHost {
        self.entries.get(&id).map_or(AccountHost::Unproved, PeerEntry::host)
    }

    /// The peers that are here.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &PeerEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// The tickets of all that were heard.
    pub(super) fn tickets(&self) -> impl Iterator<Item = u64> {
        let voices = self.entries.values().map(|entry| &entry.voice);
        voices.chain(self.strangers.iter().map(|c| &c.voice)).map(|voice| voice.presence.ticket)
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
        self.strangers.get(id).or_else(|| self.to_reach.get(id))
    }

    /// One of the candidates, to be changed.
    pub(super) fn candidate_mut(&mut self, id: PeerId) -> Option<&mut Candidate> {
        self.strangers.get_mut(id).or_else(|| self.to_reach.get_mut(id))
    }

    /// What a peer said that is here, or else one that has to prove itself.
    pub(super) fn voice_mut(&mut self, id: PeerId) -> Option<&mut Voice> {
        let entry = self.entries.get_mut(&id).map(|entry| &mut entry.voice);
        entry.or_else(|| self.strangers.get_mut(id).map(|candidate| &mut candidate.voice))
    }

    /// Adds a peer that answered from `at`. Those that have to go for it come back; `None`: there is no place
    /// for it.
    pub(super) fn insert(
        &mut self,
        now: Time,
        id: PeerId,
        voice: Voice,
        at: SocketAddr,
        proof: AddressProof,
    ) -> Option<Vec<PeerId>> {
        let host = Host::from(at);
        let mut entry = PeerEntry {
            voice,
            hosts: vec![host],
            reached: if proof == AddressProof::Reached { vec![host] } else { Vec::new() },
            is_wanted: false,
            gateway: None,
            envelopes: TokenBucket::default(),
            at,
            heard: now,
            suspicion: None,
            kept_up: Time::ZERO,
            first_heard: now,
            confirmed: None,
            bucket: TokenBucket::default(),
            armed: now,
            charged: AccountHost::Unproved,
            counted: host.into(),
        };
        entry.charged = entry.host();
        let payer = Payer { host: entry.charged, peer: id };
        let Grant::Given(yielding) = self.places.charge(now, payer, id, 1) else { return None };
        yielding.iter().for_each(|other| drop(self.remove(*other)));
        entry.armed = now + entry.timeout();
        self.entries_due.insert((entry.armed, id));
        self.counts.add(entry.counted);
        self.entries.insert(id, entry);
        self.unchecked += 1;
        let AddressProof::Told(gateway) = proof else { return Some(yielding) };
        let Some(more) = self.set_behind(now, id, gateway) else {
            self.remove(id);
            return None;
        };
        Some([yielding, more].concat())
    }

    /// This peer is heard through `gateway` from now on. Those that have to go for it come back; `None`: there
    /// is no place for it in the half that all gateways have together.
    pub(super) fn set_behind(&mut self, now: Time, id: PeerId, gateway: PeerId) -> Option<Vec<PeerId>> {
        let payer = Payer { host: self.host(gateway), peer: id };
        let Grant::Given(yielding) = self.behind_gateways.charge(now, payer, id, 1) else { return None };
        yielding.iter().for_each(|other| drop(self.remove(*other)));
        self.entries.get_mut(&id)?.gateway = Some(gateway);
        self.unchecked += 1;
        Some(yielding)
    }

    /// This peer was heard itself: it is on a link of ours.
    pub(super) fn set_near(&mut self, id: PeerId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && entry.gateway.take().is_some()
        {
            self.behind_gateways.free(id);
        }
    }

    /// The strangers that were heard through a gateway.
    pub(super) fn has_strangers_behind_gateways(&self) -> bool {
        self.strangers.iter().any(|candidate| candidate.from.gateway().is_some())
    }

    /// Charges the place of a peer whose addresses changed to the host at which it was reached. Those that
    /// have to go for it come back.
    pub(super) fn settle(&mut self, now: Time, id: PeerId) -> Vec<PeerId> {
        let Some(entry) = self.entries.get_mut(&id) else { return Vec::new() };
        let host = entry.host();
        if host == AccountHost::Unproved || host == entry.charged {
            return Vec::new();
        }
        self.counts.remove(entry.counted);
        self.counts.add(host);
        entry.counted = host;
        // Without a place in the share of its host it keeps the one that it has.
        let grant = self.places.charge(now, Payer { host, peer: id }, id, 1);
        let Grant::Given(yielding) = grant else { return Vec::new() };
        entry.charged = host;
        self.unchecked += 1;
        yielding.iter().for_each(|other| drop(self.remove(*other)));
        yielding
    }

    /// Takes a peer out. A question to it goes on, for it may be another start that is to answer.
    pub(super) fn remove(&mut self, id: PeerId) -> Option<PeerEntry> {
        let entry = self.entries.remove(&id)?;
        self.entries_due.remove(&(entry.armed, id));
        self.places.free(id);
        self.behind_gateways.free(id);
        self.counts.remove(entry.counted);
        self.unchecked += 1;
        if let Some(candidate) = self.to_reach.remove(id) {
            self.strangers.insert(entry.heard, id, candidate);
        }
        Some(entry)
    }

    /// In a debug build: whatever has a place is charged for, and nothing else. In a large table only now and
    /// then, for it is a look at all of it.
    pub(super) fn check(&mut self) {
        /// Changes of a large table after which it is looked at.
        const CHANGES: usize = 256;
        let held = self.entries.len() + self.strangers.len() + self.to_reach.len();
        if cfg!(debug_assertions) && self.unchecked > 0 && (held <= 64 || self.unchecked >= CHANGES) {
            self.unchecked = 0;
            self.places.check("peers that are here", self.entries.keys().map(|id| (*id, 1)));
            let behind = self.entries.iter().filter(|(_, entry)| entry.gateway.is_some());
            self.behind_gateways.check("peers behind gateways", behind.map(|(id, _)| (*id, 1)));
            self.strangers.check();
            self.to_reach.check();
            self.tombstones.check();
        }
    }

    /// All of it has its bounds, and nobody is in two of the tables that must not be.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.entries.len() <= limits::PEERS);
        self.tombstones.check_bounds();
        assert_eq!(self.entries.len(), self.entries_due.len(), "each peer is looked at once");
        self.iter().for_each(|(id, entry)| {
            assert!(self.entries_due.contains(&(entry.armed, id)), "{id} is never looked at");
            assert!((1..=limits::HOSTS).contains(&entry.hosts.len()), "{id} is nowhere, or everywhere");
            assert!(entry.reached.iter().all(|host| entry.hosts.contains(host)));
            assert!(self.strangers.get(id).is_none(), "{id} is here and a stranger");
        });
        self.strangers.check_bounds(|_| true);
        self.to_reach.check_bounds(|id| self.entries.contains_key(&id));
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

    /// Adds or replaces a candidate, if there is a place for it.
    pub(super) fn propose(&mut self, now: Time, id: PeerId, candidate: Candidate) {
        self.withdraw(id);
        self.unchecked += 1;
        let is_here = self.entries.contains_key(&id);
        let candidates = if is_here { &mut self.to_reach } else { &mut self.strangers };
        candidates.insert(now, id, candidate);
    }

    /// Takes a candidate out.
    pub(super) fn withdraw(&mut self, id: PeerId) -> Option<Candidate> {
        self.unchecked += 1;
        self.strangers.remove(id).or_else(|| self.to_reach.remove(id))
    }

    /// A candidate of which another peer told spoke itself: its place is charged to itself from now on.
    pub(super) fn claim(&mut self, now: Time, id: PeerId) {
        if self.strangers.get(id).is_some_and(|c| c.exchanged)
            && let Some(mut candidate) = self.withdraw(id)
        {
            candidate.exchanged = false;
            candidate.payer = Payer { host: candidate.from.host().into(), peer: id };
            self.propose(now, id, candidate);
        }
    }

    /// Asks candidate `id` at `due`, or not at all.
    pub(super) fn ask_at(&mut self, id: PeerId, due: Option<Time>) {
        self.strangers.ask_at(id, due);
        self.to_reach.ask_at(id, due);
    }

    /// When the first stranger is to be asked.
    pub(super) fn next_question(&self) -> Option<Time> {
        self.strangers.next_due()
    }

    /// Those that are here and are to be asked whether they can be reached.
    pub(super) const fn to_reach(&self) -> &Candidates {
        &self.to_reach
    }

    /// The stranger whose turn it is to be asked.
    pub(super) fn stranger_to_ask(&self, now: Time) -> Option<PeerId> {
        self.strangers.next_to_ask(now)
    }

    /// True if nobody wants to know what this peer, which is here, is to be asked: it did not move, and nobody
    /// wants to dial it.
    pub(super) fn is_idly_asked(&self, id: PeerId) -> bool {
        let (Some(entry), Some(c)) = (self.entries.get(&id), self.to_reach.get(id)) else { return false };
        let stays = entry.hosts.contains(&c.from.host()) && c.voice.instance == entry.voice.instance;
        stays && !entry.is_wanted
    }

    /// This candidate was asked.
    pub(super) fn note_asked(&mut self, now: Time, id: PeerId) {
        self.strangers.note_asked(now, id);
        self.to_reach.note_asked(now, id);
    }

    /// This instance of the peer, and all before it, never come back for a while.
    pub(super) fn bury(&mut self, now: Time, id: PeerId, instance: Instance) {
        self.tombstones.bury(now, Payer { host: self.host(id), peer: id }, instance);
        self.unchecked += 1;
    }

    /// True if that instance said that it left.
    pub(super) fn is_buried(&mut self, now: Time, id: PeerId, instance: Instance) -> bool {
        self.tombstones.is_buried(now, id, instance)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use core::net::Ipv4Addr;

    use super::*;
    use crate::address::Ports;
    use crate::identity::PeerName;
    use crate::wire::datagram::{Body, DatagramMessage, Presence, PresenceState};

    fn id(n: u32) -> PeerId {
        let mut id = [7; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    fn voice() -> Voice {
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let name = PeerName::of_folder("peer", PeerId([0; 32]));
        let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
        let instance = Instance { count: 1, random: 0 };
        let body = Body { instance, sequence: 1, presence, message: DatagramMessage::Here };
        Voice::new(&body, &Arc::from([]))
    }

    /// Lets `keys` peers at each of `hosts` addresses, from `first` on, prove themselves in turn.
    fn flood(table: &mut PeerTable, first: u32, hosts: u32, keys: u32) {
        for n in 0..hosts * keys {
            let at = SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 + first + n % hosts), 5));
            table.insert(Time::ZERO, id(first << 16 | n), voice(), at, AddressProof::Reached);
        }
        table.check();
    }

    fn held(table: &PeerTable, host: u32) -> usize {
        let host = AccountHost::V4(Ipv4Addr::from_bits(0x0a00_0000 + host));
        table.iter().filter(|(_, entry)| entry.host() == host).count()
    }

    #[test]
    fn whatever_one_machine_or_a_hundred_have_another_host_finds_its_places() {
        for (hosts, keys) in [(1, 1), (1, 8), (1, 64), (1, 4_300), (120, 1), (120, 64)] {
            let mut table = PeerTable::new(1);
            flood(&mut table, 1_000, hosts, keys);
            let (before, room) = (table.len(), limits::PEERS - table.len());
            assert_eq!(before, usize::try_from(hosts * keys).unwrap().min(limits::PEERS));
            // Thirty behind one address, and three on one machine.
            flood(&mut table, 1, 1, 30);
            flood(&mut table, 2, 1, 3);
            assert_eq!((held(&table, 1), held(&table, 2)), (30, 3), "{hosts} hosts with {keys} keys");
            assert_eq!(table.len() - before, room.min(33), "nobody goes while there is room");
            if room == 0 {
                let most = (1_000..1_000 + hosts).map(|host| held(&table, host)).max();
                assert!(most >= Some((limits::PEERS - 33) / usize::try_from(hosts).unwrap()), "{most:?}");
            }
        }
    }

    #[test]
    fn those_that_proved_no_address_go_first_and_find_out_what_is_theirs_by_being_reached() {
        let mut table = PeerTable::new(1);
        for n in 0..5_000 {
            let at = SocketAddr::from((Ipv4Addr::from_bits(0x0a01_0000 + n), 5));
            table.insert(Time::ZERO, id(n), voice(), at, AddressProof::Heard);
        }
        assert_eq!(table.len(), limits::PEERS);
        let at = |n: u32| SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 + n), 5));
        assert!(table.insert(Time::ZERO, id(9_000), voice(), at(1), AddressProof::Reached).is_some());
        assert!(table.insert(Time::ZERO, id(9_001), voice(), at(2), AddressProof::Heard).is_none());
        // One of those that are here is reached: it pays with its own host's share from then on.
        let real = table.iter().map(|(id, _)| id).find(|other| *other != id(9_000)).unwrap();
        table.get_mut(real).unwrap().prove(Time::ZERO, at(3), AddressProof::Reached);
        assert!(table.settle(Time::ZERO, real).is_empty());
        assert_eq!(held(&table, 3), 1);
        table.unchecked = usize::MAX;
        table.check();
    }

    #[test]
    fn the_keys_of_one_machine_make_no_large_network() {
        let mut table = PeerTable::new(1);
        flood(&mut table, 1_000, 1, 4_000);
        assert_eq!(table.network(), NetworkSize::of(limits::COUNTED_OF_HOST, 0));
        assert!(table.network().is_small());
        flood(&mut table, 1, 120, 1);
        assert_eq!(table.network(), NetworkSize::of(limits::COUNTED_OF_HOST + 120, 0));
        // What the keys of one machine say of it is one voice of many.
        for entry in
            table.entries.values_mut().filter(|entry| entry.hosts[0].ip == Ipv4Addr::from([10, 0, 3, 232]))
        {
            entry.voice.presence.interval = 100_000;
        }
        assert_eq!(table.ask_said(), table.network());
    }

    #[test]
    #[should_panic(expected = "what is charged is not what is held")]
    fn what_is_in_the_table_and_not_charged_is_caught() {
        let mut table = PeerTable::new(1);
        flood(&mut table, 1, 3, 1);
        table.places.free(id(1 << 16));
        table.unchecked = 1;
        table.check();
    }
}
