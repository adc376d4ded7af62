//! A network of custodians in virtual time: messages take a millisecond, bytes 10 MB/s, a crash is noticed
//! after 7.5 s. Nothing is shared between the peers but what they send. What presence tells of a peer (its
//! start, and whether it stays) comes to the others as in the program: what holds when it arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use potluck::content::Span;
use potluck::content::{Catalogue, Entry, EntryKind, FileId, FolderIdentity, LeftOut, Omission};
use potluck::custody::custodian::{Custodian, CustodianConfig, CustodianOutput, withdraw};
use potluck::custody::handoff::HandoffReport;
use potluck::custody::ledger::Ledger;
use potluck::custody::look::SharedLook;
use potluck::custody::quota::Lend;
use potluck::custody::recovery::Decision;
use potluck::custody::{keeper, placement};
use potluck::identity::{Identity, Instance, PeerId};
use potluck::limits;
use potluck::sim::{Link, Queue, Rng};
use potluck::time::Time;
use potluck::wire::custody::CustodyMessage;
use potluck::wire::datagram::PresenceState;

const LATENCY: Duration = Duration::from_millis(1);
/// Messages go over connections, so none is lost or comes twice.
const LINK: Link = Link { delay: LATENCY, jitter: Duration::ZERO, loss: 0, broadcast_loss: 0, copies: 0 };
const CRASH_SEEN: Duration = Duration::from_millis(7_500);
/// A change of what a peer says of itself is broadcast after this time, at most.
const CHANGE_SEEN: Duration = Duration::from_millis(250);
const RATE: u64 = 10_000_000;

#[derive(Debug)]
enum Event {
    Deliver { from: usize, to: usize, message: CustodyMessage },
    Unreachable { at: usize, peer: usize },
    Wake(usize),
    Fetched { at: usize, file: FileId, size: u64, span: Span, sources: Vec<PeerId> },
    ChallengeAnswered { at: usize, peer: PeerId, key: (PeerId, FileId), chunk: u32 },
    Pulled { at: usize, origin: PeerId, from: PeerId },
    Here { at: usize, peer: usize },
    Gone { at: usize, peer: usize, graceful: bool },
}

impl Event {
    /// The peer that it happens to.
    const fn place(&self) -> usize {
        match self {
            Self::Deliver { to: at, .. }
            | Self::Wake(at)
            | Self::Unreachable { at, .. }
            | Self::Fetched { at, .. }
            | Self::ChallengeAnswered { at, .. }
            | Self::Pulled { at, .. }
            | Self::Here { at, .. }
            | Self::Gone { at, .. } => *at,
        }
    }
}

pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) identity: Identity,
    pub(crate) ip: IpAddr,
    pub(crate) config: CustodianConfig,
    /// The start that runs; `None` while it is away.
    pub(crate) machine: Option<Custodian>,
    pub(crate) starts: u64,
    /// What it says of itself.
    pub(crate) state: PresenceState,
    pub(crate) ledger: Ledger,
    pub(crate) store: BTreeMap<FileId, BTreeSet<Span>>,
    pub(crate) shared: Arc<Catalogue>,
    pub(crate) left_out: Arc<LeftOut>,
    pub(crate) folder_identity: FolderIdentity,
    pub(crate) published: Option<(Arc<[u8]>, Catalogue)>,
    version: u64,
    armed: Option<Time>,
    pub(crate) report: Option<HandoffReport>,
    pub(crate) asked: Vec<(usize, u64)>,
    /// How many files it was told to be left out from then on.
    pub(crate) withdrawn: Vec<usize>,
    pub(crate) restored: Vec<Entry>,
    pub(crate) conflict: bool,
    /// What a daemon decides when it is asked.
    pub(crate) decides: Option<Decision>,
    /// It says that it has what it accepted, and throws it away.
    pub(crate) hollow: bool,
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    pub(crate) peers: Vec<Peer>,
    pub(crate) by_id: BTreeMap<PeerId, usize>,
    events: Queue<Event>,
    /// Bytes that keepers fetched.
    pub(crate) moved: u64,
    pub(crate) messages: u64,
    /// Who has what in its store.
    pub(crate) stores: BTreeMap<FileId, BTreeMap<usize, BTreeSet<Span>>>,
    /// Files whose holders changed since this was last taken.
    pub(crate) touched: BTreeSet<FileId>,
    /// Who was to give somebody chunks for its store.
    pub(crate) sources: BTreeSet<(PeerId, FileId)>,
}

pub(crate) const GIB: u64 = 1 << 30;

pub(crate) fn config(copies: u8, lend: u64) -> CustodianConfig {
    let keeper = keeper::KeeperConfig {
        lend: Lend { bytes: lend, reserve: 0 },
        free: u64::MAX / 4,
        keep: limits::KEEP_DAYS,
        keep_deleted: limits::KEEP_DELETED,
    };
    CustodianConfig { copies, auto_copy: 10 * GIB, repair: limits::REPAIR_DELAY, keeper, secret: [7; 32] }
}

pub(crate) fn entry(path: &str, seed: u64, size: u64) -> Entry {
    let id = FileId(*blake3::hash(&seed.to_le_bytes()).as_bytes());
    Entry {
        path: path.parse().unwrap(),
        kind: EntryKind::File { id, size, modified: 0, executable: false, since: 0 },
    }
}

pub(crate) const fn id_of(entry: &Entry) -> FileId {
    match entry.kind {
        EntryKind::File { id, .. } => id,
        EntryKind::Folder => FileId([0; 32]),
    }
}

impl Peer {
    const fn instance(&self) -> Instance {
        Instance { count: self.starts, random: 5 }
    }
}

impl World {
    pub(crate) fn new(seed: u64, count: usize, config: CustodianConfig) -> Self {
        let mut rng = Rng::new(seed);
        let peers: Vec<Peer> = (0..count)
            .map(|n| {
                let identity = Identity::from_seed(rng.seed()).unwrap();
                let n = u32::try_from(n).unwrap();
                Peer {
                    id: identity.id(),
                    identity,
                    ip: IpAddr::V4(Ipv4Addr::from(0x0a00_0001 + n)),
                    config,
                    machine: None,
                    starts: 0,
                    state: PresenceState::Here,
                    ledger: Ledger::default(),
                    store: BTreeMap::new(),
                    shared: Arc::default(),
                    left_out: Arc::default(),
                    folder_identity: FolderIdentity { device: 1, inode: u64::from(n) + 1, birth: 7 },
                    published: None,
                    version: 0,
                    armed: None,
                    report: None,
                    asked: Vec::new(),
                    withdrawn: Vec::new(),
                    restored: Vec::new(),
                    conflict: false,
                    decides: None,
                    hollow: false,
                }
            })
            .collect();
        let by_id = peers.iter().enumerate().map(|(n, p)| (p.id, n)).collect();
        Self {
            now: Time(1_000_000_000),
            rng,
            peers,
            by_id,
            events: Queue::default(),
            moved: 0,
            messages: 0,
            stores: BTreeMap::new(),
            touched: BTreeSet::new(),
            sources: BTreeSet::new(),
        }
    }

    fn at(&mut self, time: Time, event: Event) {
        self.events.push(time, event);
    }

    pub(crate) fn share(&mut self, peer: usize, entries: impl IntoIterator<Item = Entry>) {
        let changes = entries.into_iter().map(|e| (e.path, Some(e.kind))).collect();
        self.change(peer, changes);
    }

    /// Files are taken out of `shared/`, in one scan.
    pub(crate) fn remove(&mut self, peer: usize, paths: &[&str]) {
        let changes = paths.iter().map(|p| (p.parse().unwrap(), None)).collect();
        self.change(peer, changes);
    }

    /// What lies at these paths is left out of what is shared, and nothing else is.
    pub(crate) fn leave_out(&mut self, peer: usize, paths: &[&str]) {
        let paths: Vec<potluck::content::SafePath> = paths.iter().map(|p| p.parse().unwrap()).collect();
        let left_out = paths.iter().map(|path| (path.clone(), Omission::Ignored));
        self.peers[peer].left_out = Arc::new(left_out.collect());
        self.change(peer, paths.into_iter().map(|path| (path, None)).collect());
    }

    fn change(&mut self, peer: usize, changes: BTreeMap<potluck::content::SafePath, Option<EntryKind>>) {
        let p = &mut self.peers[peer];
        self.touched.extend(p.shared.entries().filter(|e| changes.contains_key(&e.path)).map(id_of));
        p.shared = Arc::new(p.shared.changed(&changes));
        self.touched.extend(p.shared.entries().filter(|e| changes.contains_key(&e.path)).map(id_of));
        self.scan(peer);
    }

    fn scan(&mut self, peer: usize) {
        let now = self.now;
        let p = &mut self.peers[peer];
        if let Some(machine) = &mut p.machine {
            let (identity, found) = (p.folder_identity, Arc::clone(&p.shared));
            let left_out = Arc::clone(&p.left_out);
            withdraw(machine, now, identity, &left_out, &BTreeMap::new(), &found);
            machine.scanned(now, &SharedLook { identity, left_out, found, ..SharedLook::default() });
        }
        self.publish(peer);
    }

    /// Makes a new head of what lies there and what is to be named beside it.
    fn publish(&mut self, peer: usize) {
        let now = self.now;
        let p = &mut self.peers[peer];
        let instance = p.instance();
        let Some(machine) = &mut p.machine else { return };
        let beside = machine.recovery().intends().map(|e| (e.path.clone(), Some(e.kind.clone()))).collect();
        let catalogue = p.shared.changed(&beside);
        p.version += 1;
        let head = catalogue.head(p.identity.public(), instance, p.version);
        let signed: Arc<[u8]> = Arc::from(head.sign(&p.identity));
        machine.published(now, &signed, &catalogue);
        p.published = Some((signed, catalogue));
        self.drain(peer);
    }

    /// All others pull a peer's newest catalogue, as small networks do on sight.
    pub(crate) fn browse(&mut self, peer: usize) {
        let origin = self.peers[peer].id;
        for at in (0..self.peers.len()).filter(|at| *at != peer) {
            self.at(self.now + 5 * LATENCY, Event::Pulled { at, origin, from: origin });
        }
    }

    pub(crate) fn start(&mut self, peer: usize) {
        let now = self.now;
        let p = &mut self.peers[peer];
        assert!(p.machine.is_none());
        p.starts += 1;
        (p.version, p.armed, p.report, p.state) = (0, None, None, PresenceState::Here);
        let instance = p.instance();
        let present = p.store.iter().map(|(f, s)| (*f, s.iter().copied().collect())).collect();
        p.config.secret = self.rng.seed();
        p.machine = Some(Custodian::new(now, p.id, instance, p.config, p.ledger.clone(), &present));
        self.touch_all(peer);
        self.drain(peer);
        self.scan(peer);
        for other in 0..self.peers.len() {
            if other != peer && self.peers[other].machine.is_some() {
                let (a, b) =
                    (self.rng.time(Duration::from_millis(300)), self.rng.time(Duration::from_millis(300)));
                self.at(now + a, Event::Here { at: other, peer });
                self.at(now + b, Event::Here { at: peer, peer: other });
            }
        }
    }

    pub(crate) fn start_all(&mut self) {
        for peer in 0..self.peers.len() {
            self.start(peer);
        }
    }

    fn touch_all(&mut self, peer: usize) {
        let p = &self.peers[peer];
        self.touched.extend(p.store.keys().copied().chain(p.shared.entries().map(id_of)));
    }

    /// The process is gone; its disk stays.
    pub(crate) fn crash(&mut self, peer: usize) {
        self.stop(peer, CRASH_SEEN, false);
    }

    /// The process is gone, and its disk with it.
    pub(crate) fn die(&mut self, peer: usize) {
        self.crash(peer);
        let p = &mut self.peers[peer];
        p.ledger = Ledger::default();
        p.shared = Arc::default();
        for file in std::mem::take(&mut p.store).into_keys() {
            if let Some(peers) = self.stores.get_mut(&file) {
                peers.remove(&peer);
            }
        }
    }

    fn stop(&mut self, peer: usize, seen: Duration, graceful: bool) {
        self.touch_all(peer);
        self.peers[peer].machine = None;
        for at in 0..self.peers.len() {
            if self.peers[at].machine.is_some() {
                self.at(self.now + seen, Event::Gone { at, peer, graceful });
            }
        }
    }

    /// `exit`: hands over, then leaves.
    pub(crate) fn exit(&mut self, peer: usize) {
        let now = self.now;
        self.peers[peer].state = PresenceState::Leaving;
        let said = now + self.rng.time(CHANGE_SEEN);
        for at in 0..self.peers.len() {
            if at != peer && self.peers[at].machine.is_some() {
                self.at(said + LATENCY, Event::Here { at, peer });
            }
        }
        if let Some(machine) = &mut self.peers[peer].machine {
            machine.leave(now);
        }
        self.drain(peer);
    }

    /// Lets time pass up to `until`, or until `is_done`.
    pub(crate) fn run_while(
        &mut self,
        time: Duration,
        mut is_done: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let (began, until) = (self.now, self.now + time);
        loop {
            if is_done(self) {
                return Some(self.now.since(began));
            }
            match self.events.first() {
                Some(at) if at <= until => self.step(),
                _ => break,
            }
        }
        self.now = until;
        None
    }

    pub(crate) fn run(&mut self, time: Duration) {
        assert_eq!(self.run_while(time, |_| false), None);
    }

    pub(crate) fn step(&mut self) {
        let Some((at, event)) = self.events.pop(Time(u64::MAX)) else { return };
        self.now = self.now.max(at);
        let now = self.now;
        let place = event.place();
        let Some(mut machine) = self.peers[place].machine.take() else {
            if let Event::Deliver { from, to, .. } = event {
                self.at(now + Duration::from_secs(1), Event::Unreachable { at: from, peer: to });
            }
            return;
        };
        match event {
            Event::Deliver { from, message, .. } => {
                self.messages += 1;
                let (id, ip) = (self.peers[from].id, self.peers[from].ip);
                machine.message(now, id, ip, message);
            }
            Event::Unreachable { peer, .. } => machine.unreachable(now, self.peers[peer].id),
            Event::Wake(_) => {
                if self.peers[place].armed.is_some_and(|at| at <= now) {
                    self.peers[place].armed = None;
                    machine.handle_timeout(now);
                }
            }
            Event::Fetched { file, size, span, sources, .. } => {
                let parts: Vec<Span> =
                    sources.iter().flat_map(|s| self.has(self.by_id[s], file, size)).collect();
                let lacking = placement::coverage(span, &parts).iter().any(|(_, n)| *n == 0);
                let is_there = self.peers[place].store.get(&file).is_some_and(|spans| spans.contains(&span));
                if self.peers[place].hollow {
                    machine.fetched(now, file, span, span.len(), true);
                } else if lacking && !is_there {
                    machine.failed(now, file);
                } else {
                    // Asked for twice, it comes once.
                    if !is_there {
                        self.store(place, file, size, span);
                    }
                    machine.fetched(now, file, span, span.len(), true);
                }
            }
            Event::ChallengeAnswered { peer, key, chunk, .. } => {
                let other = self.by_id[&peer];
                let is_up = self.peers[other].machine.is_some();
                let part = Span { from: chunk, to: chunk + 1 };
                let store = self.stores.get(&key.1).and_then(|p| p.get(&other));
                let is_right = is_up && store.is_some_and(|s| s.iter().any(|s| s.covers(&part)));
                machine.challenge_answered(now, peer, key, is_right);
            }
            Event::Pulled { origin, from, .. } => {
                let from = &self.peers[self.by_id[&from]];
                let theirs = from.machine.as_ref().and_then(|m| {
                    let owner = m.keeper().owner_catalogue(origin).filter(|e| e.is_whole())?;
                    Some((Arc::clone(owner.signed()), Catalogue::of(owner.entries().cloned())))
                });
                let own = from.published.clone().filter(|_| from.id == origin && from.machine.is_some());
                if let Some((signed, catalogue)) = own.or(theirs) {
                    machine.learned(now, origin, &signed, &catalogue);
                }
            }
            Event::Here { peer, .. } => {
                let p = &self.peers[peer];
                if p.machine.is_some() {
                    machine.here(now, p.id, p.instance(), p.state);
                }
            }
            Event::Gone { peer, graceful, .. } => {
                // It may be back already: presence would not call it gone then.
                if self.peers[peer].machine.is_none() {
                    machine.gone(now, self.peers[peer].id, graceful);
                }
            }
        }
        self.peers[place].machine = Some(machine);
        self.drain(place);
    }

    /// A part of a file came to a peer.
    fn store(&mut self, peer: usize, file: FileId, size: u64, span: Span) {
        self.moved += span.bytes(size);
        self.peers[peer].store.entry(file).or_default().insert(span);
        self.stores.entry(file).or_default().entry(peer).or_default().insert(span);
        self.touched.insert(file);
    }

    /// What a peer that is up can give of a file.
    pub(crate) fn has(&self, peer: usize, file: FileId, size: u64) -> Vec<Span> {
        let p = &self.peers[peer];
        if p.machine.is_none() {
            return Vec::new();
        }
        let mut parts: Vec<Span> = p.store.get(&file).into_iter().flatten().copied().collect();
        if p.shared.entries().any(|e| id_of(e) == file) {
            parts.extend(Span::whole(size));
        }
        parts
    }

    /// Copies at peers that are up.
    pub(crate) fn copies(&self, file: FileId, size: u64) -> u32 {
        let parts: Vec<Span> = (0..self.peers.len()).flat_map(|p| self.has(p, file, size)).collect();
        placement::copies(Span::whole(size).unwrap(), &parts)
    }

    /// Copies in the stores of peers that are up, counted quickly: own files are not among them.
    pub(crate) fn kept_copies(&self, file: FileId, size: u64) -> u32 {
        let peers = self.stores.get(&file).into_iter().flatten();
        let up = peers.filter(|(p, _)| self.peers[**p].machine.is_some());
        let parts: Vec<Span> = up.flat_map(|(_, s)| s.iter().copied()).collect();
        placement::copies(Span::whole(size).unwrap(), &parts)
    }

    /// Bytes in a peer's store.
    pub(crate) fn load(&self, peer: usize) -> u64 {
        self.peers[peer].machine.as_ref().map_or(0, |m| m.keeper().quota().taken())
    }

    /// Sends a message that no machine made.
    pub(crate) fn forge(&mut self, from: usize, to: usize, message: CustodyMessage) {
        self.send(from, to, message);
    }

    fn send(&mut self, from: usize, to: usize, message: CustodyMessage) {
        for after in LINK.arrivals(&mut self.rng).into_iter().flatten() {
            self.at(self.now + after, Event::Deliver { from, to, message: message.clone() });
        }
    }

    fn drain(&mut self, peer: usize) {
        let now = self.now;
        let mut left = None;
        let mut publish = false;
        while let Some(output) = self.peers[peer].machine.as_mut().and_then(Custodian::poll_output) {
            match output {
                CustodianOutput::Send(to, message) => {
                    let to = self.by_id[&to];
                    self.send(peer, to, message);
                }
                CustodianOutput::Fetch { file, size, span, sources } => {
                    self.sources.extend(sources.iter().map(|source| (*source, file)));
                    let time = Duration::from_nanos(span.bytes(size) * (1_000_000_000 / RATE) + 10_000_000);
                    self.at(now + time, Event::Fetched { at: peer, file, size, span, sources });
                }
                CustodianOutput::Drop { file, keep } => {
                    let keep: BTreeSet<Span> = keep.into_iter().collect();
                    let spans = self.peers[peer].store.entry(file).or_default();
                    spans.retain(|s| keep.iter().any(|k| k.covers(s)));
                    let spans = spans.clone();
                    if spans.is_empty() {
                        self.peers[peer].store.remove(&file);
                    }
                    self.stores.entry(file).or_default().insert(peer, spans);
                    self.touched.insert(file);
                }
                CustodianOutput::Challenge { peer: whom, key, chunk, .. } => {
                    self.at(now + 5 * LATENCY, Event::ChallengeAnswered { at: peer, peer: whom, key, chunk });
                }
                CustodianOutput::Pull { origin, from } => {
                    self.at(now + 5 * LATENCY, Event::Pulled { at: peer, origin, from });
                }
                CustodianOutput::Record(record) => self.peers[peer].ledger.apply(record),
                CustodianOutput::Ask { files, bytes } => {
                    self.peers[peer].asked.push((files, bytes));
                    let p = &mut self.peers[peer];
                    if let (Some(decision), Some(machine)) = (p.decides, &mut p.machine) {
                        machine.decide(now, decision);
                    }
                }
                // Nothing is mounted in this world.
                CustodianOutput::Absent(..) => unreachable!(),
                CustodianOutput::Withdrawn(count) => self.peers[peer].withdrawn.push(count.files),
                CustodianOutput::Restore(entry, _) => self.peers[peer].restored.push(entry),
                CustodianOutput::Publish => publish = true,
                CustodianOutput::Conflict => self.peers[peer].conflict = true,
                CustodianOutput::Leaving(_) => {}
                CustodianOutput::Left(report) => left = Some(report),
            }
        }
        if let Some(report) = left {
            self.peers[peer].report = Some(report);
            self.stop(peer, 10 * LATENCY, true);
            return;
        }
        if publish {
            self.publish(peer);
        }
        self.arm(peer);
    }

    fn arm(&mut self, peer: usize) {
        let p = &mut self.peers[peer];
        let Some(at) = p.machine.as_ref().and_then(Custodian::poll_timeout) else { return };
        let at = at.max(self.now + Duration::from_nanos(1));
        if p.armed.is_none_or(|armed| at < armed) {
            p.armed = Some(at);
            self.at(at, Event::Wake(peer));
        }
    }
}
