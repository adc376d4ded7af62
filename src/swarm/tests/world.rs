//! Sources of every kind in virtual time, and disk workers that keep what comes in memory. For tests.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use crate::content::manifest::{ChunkHasher, ManifestBuilder};
use crate::content::partial::Bits;
use crate::content::{Chunks, FileId, Manifest};
use crate::disk::{Arrival, Plan};
use crate::error::Code;
use crate::identity::PublicKey;
use crate::swarm::limits;
use crate::swarm::{Wanted, *};
use crate::wire::message::{BlockIs, GetBlocks, GetManifest, HavesIs, Item, ManifestIs, Reason, Refused};

/// How a source behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Honest,
    /// Every byte of content is another one.
    Liar,
    /// Answers nothing.
    Mute,
    /// Cannot be dialled.
    Away,
    /// Has nothing.
    Empty,
    /// Has something else by now.
    Changed,
    /// Has not begun to share.
    Busy,
    /// Its manifest is wrong.
    Forger,
}

pub(super) type Opened = (Plan, Vec<u8>, BTreeMap<ChunkIndex, u64>);

pub(super) struct World {
    pub(super) now: Time,
    pub(super) swarm: Swarm,
    pub(super) kinds: BTreeMap<PeerId, Kind>,
    pub(super) up: HashSet<PeerId>,
    /// Messages that each source has not answered.
    pub(super) inbox: VecDeque<(PeerId, Message)>,
    pub(super) content: BTreeMap<FileId, Vec<u8>>,
    /// Per token: plan, bytes, bytes of each chunk that came.
    pub(super) disk: BTreeMap<FileToken, Opened>,
    pub(super) arrived: Vec<Vec<u8>>,
    /// Copies that were ordered, and how many of them come to nothing.
    pub(super) copied: usize,
    pub(super) not_copied: usize,
    pub(super) events: Vec<JobEvent>,
    pub(super) warnings: Vec<String>,
    pub(super) dropped: Vec<PeerId>,
    pub(super) dialled: Vec<(Time, PeerId)>,
    pub(super) served: BTreeMap<PeerId, u64>,
    pub(super) first_offset: Option<u64>,
    /// What a peer says that it has of a file, and then gives. Who is not named says nothing, and gives all.
    pub(super) maps: BTreeMap<(PeerId, FileId), Bits>,
    /// Chunks that lie there from before.
    pub(super) there: BTreeMap<FileId, Vec<ChunkIndex>>,
    /// Manifests that were needed.
    pub(super) proofs: BTreeMap<FileId, Manifest>,
    /// Who heard that something is here, and how many links end before somebody hears it.
    pub(super) heard: Vec<PeerId>,
    pub(super) unheard: u32,
    /// So many connections are refused once a link ended so.
    pub(super) refuses: u32,
    pub(super) refused: u32,
    /// False: who hears it says nothing to that.
    pub(super) answers_got: bool,
    /// When bytes of what were given, and how many.
    pub(super) given: Vec<(Time, FileId, u64)>,
}

pub(super) fn peer(n: u8) -> PeerId {
    PublicKey([n; 32]).peer_id()
}

pub(super) fn manifest(bytes: &[u8]) -> Manifest {
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    let mut builder = ManifestBuilder::new(chunks);
    for index in chunks.iter() {
        builder.push(proof(chunks, index, bytes));
    }
    builder.finish().unwrap()
}

pub(super) fn proof(chunks: Chunks, index: ChunkIndex, bytes: &[u8]) -> crate::content::manifest::ChunkProof {
    let range = chunks.range(index);
    let mut hasher = ChunkHasher::new(chunks, index);
    hasher.update(&bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
    hasher.finish().unwrap()
}

impl World {
    pub(super) fn new(kinds: &[(u8, Kind)]) -> Self {
        let mut world = Self {
            now: Time(1_000_000_000),
            swarm: Swarm::new(0),
            kinds: kinds.iter().map(|&(n, kind)| (peer(n), kind)).collect(),
            up: HashSet::new(),
            inbox: VecDeque::new(),
            content: BTreeMap::new(),
            disk: BTreeMap::new(),
            arrived: Vec::new(),
            copied: 0,
            not_copied: 0,
            events: Vec::new(),
            warnings: Vec::new(),
            dropped: Vec::new(),
            dialled: Vec::new(),
            served: BTreeMap::new(),
            first_offset: None,
            maps: BTreeMap::new(),
            there: BTreeMap::new(),
            proofs: BTreeMap::new(),
            heard: Vec::new(),
            unheard: 0,
            refuses: 0,
            refused: 0,
            answers_got: true,
            given: Vec::new(),
        };
        for &(n, _) in kinds {
            world.swarm.handle_peer(world.now, peer(n));
        }
        world
    }

    pub(super) fn fetch(&mut self, job: u64, files: &[(&str, &[u8])], holders: &[u8]) {
        let holders: Vec<_> = holders.iter().map(|n| peer(*n)).collect();
        let files = files.iter().map(|(path, bytes)| {
            let id = blake3::hash(bytes).into();
            self.content.insert(id, bytes.to_vec());
            let size = bytes.len() as u64;
            let to = path.parse().unwrap();
            let (asked, holders) = ((*path).into(), holders.clone());
            Wanted {
                here: None,
                id,
                size,
                modified: 0,
                executable: false,
                asked,
                to,
                holders,
                keep: None,
                some: vec![],
            }
        });
        let files = files.collect();
        let job = Job {
            id: JobId(job),
            destination: PathBuf::from("/d"),
            files,
            folders: Vec::new(),
            background: false,
        };
        self.swarm.handle_job(self.now, job);
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.swarm.poll_output() {
            match output {
                Output::Dial(p) => {
                    self.dialled.push((self.now, p));
                    assert!(!self.up.contains(&p));
                    if self.kinds[&p] == Kind::Away || self.refused > 0 {
                        self.refused = self.refused.saturating_sub(1);
                        self.swarm.handle_down(self.now, p);
                    } else {
                        self.up.insert(p);
                        self.swarm.handle_up(self.now, p);
                    }
                }
                Output::Drop(p, _) => {
                    self.dropped.push(p);
                    self.up.remove(&p);
                    self.inbox.retain(|(q, _)| *q != p);
                }
                Output::Ask(p, _, Message::GotFile(m)) => self.got(p, m.request),
                Output::Ask(p, _, Message::Cancel(c)) => self.inbox.retain(|(q, m)| {
                    let is = |request| *q == p && request == c.request;
                    !match m {
                        Message::GetBlocks(b) => is(b.request),
                        Message::GetHaves(h) => is(h.request),
                        _ => false,
                    }
                }),
                Output::Ask(p, _, message) => self.inbox.push_back((p, message)),
                Output::Lanes(p, count) => self.swarm.handle_lanes(self.now, p, count, true),
                Output::Disk(command) => self.disk(command),
                Output::WriteNothing(token, chunk) => {
                    self.swarm.handle_disk(self.now, disk::Event::Chunk(token, chunk, true));
                }
                Output::Event(event) => self.events.push(event),
                Output::Warning(text) => self.warnings.push(text),
            }
        }
    }

    /// A source is told that something is here.
    fn got(&mut self, p: PeerId, request: u64) {
        if self.unheard > 0 {
            self.unheard -= 1;
            self.up.remove(&p);
            self.refused = std::mem::take(&mut self.refuses);
            self.swarm.handle_down(self.now, p);
        } else {
            self.heard.push(p);
            if self.answers_got {
                handle_noted(&mut self.swarm, p, request);
            }
        }
    }

    fn disk(&mut self, command: disk::Command) {
        let event = match command {
            disk::Command::Open(token, plan) => {
                assert!(self.disk.values().all(|(p, ..)| p.id != plan.id), "one content at a time");
                let mut bytes = vec![0; usize::try_from(plan.size).unwrap()];
                let there = self.there.get(&plan.id).cloned().unwrap_or_default();
                if !there.is_empty() {
                    bytes.clone_from(&self.content[&plan.id]);
                }
                self.disk.insert(token, (plan, bytes, BTreeMap::new()));
                disk::Event::Opened(token, there, None)
            }
            disk::Command::Copy(token, plan, _) => {
                let there = self.arrived.iter().find(|bytes| FileId::from(blake3::hash(bytes)) == plan.id);
                self.arrived.push(there.expect("what is copied has arrived").clone());
                self.copied += 1;
                if self.copied <= self.not_copied {
                    self.arrived.pop();
                    disk::Event::NotCopied(token)
                } else {
                    disk::Event::Arrived(token, Arrival::Saved(PathBuf::new()))
                }
            }
            disk::Command::Publish(token) => {
                let (plan, bytes, _) = self.disk.remove(&token).unwrap();
                let kept = plan.keep.is_some();
                assert!(kept || FileId::from(blake3::hash(&bytes)) == plan.id);
                self.arrived.push(bytes);
                let arrival = if kept { Arrival::Kept } else { Arrival::Saved(PathBuf::new()) };
                disk::Event::Arrived(token, arrival)
            }
            disk::Command::Close(token) => {
                self.disk.remove(&token);
                return;
            }
            _ => return,
        };
        self.swarm.handle_disk(self.now, event);
    }

    /// One message is answered, whole. `false`: there is none that anybody answers.
    pub(super) fn answer(&mut self) -> bool {
        let answers = |(p, _): &(PeerId, Message)| self.kinds[p] != Kind::Mute;
        let Some(n) = self.inbox.iter().position(answers) else { return false };
        let Some((p, message)) = self.inbox.remove(n) else { return false };
        let kind = self.kinds[&p];
        match message {
            Message::GetManifest(m) if !matches!(kind, Kind::Empty | Kind::Changed | Kind::Busy) => {
                let mut values = manifest(&self.content[&m.file]).as_bytes().to_vec();
                if kind == Kind::Forger {
                    values[0] ^= 1;
                }
                let page = ManifestIs { request: m.request, values };
                self.swarm.handle_manifest(self.now, p, &page);
            }
            Message::GetBlocks(GetBlocks { request, .. })
            | Message::GetManifest(GetManifest { request, .. })
                if matches!(kind, Kind::Empty | Kind::Changed | Kind::Busy) =>
            {
                let reason = match kind {
                    Kind::Empty => Reason::Unknown,
                    Kind::Changed => Reason::Changed,
                    _ => Reason::Busy,
                };
                let refused = Refused { request, item: None, reason };
                self.swarm.handle_refused(self.now, p, &refused);
            }
            Message::GetBlocks(m) => {
                for (n, item) in (0..).zip(&m.items) {
                    self.first_offset.get_or_insert(item.offset);
                    if self.up.contains(&p) {
                        self.give(p, m.request, n, item);
                    }
                }
            }
            Message::GetHaves(m) => match self.maps.get(&(p, m.file)) {
                Some(map) => {
                    let haves = HavesIs { request: m.request, map: map.to_map(), more: vec![] };
                    self.swarm.handle_haves(self.now, p, &haves).unwrap();
                }
                None => {
                    let refused = Refused { request: m.request, item: None, reason: Reason::Unknown };
                    self.swarm.handle_refused(self.now, p, &refused);
                }
            },
            other => panic!("{other:?}"),
        }
        self.drain();
        true
    }

    fn give(&mut self, p: PeerId, request: u64, item: u32, wanted: &Item) {
        let (mut offset, end) = (wanted.offset, wanted.offset + wanted.len);
        if let Some(map) = self.maps.get(&(p, wanted.file)) {
            let chunk = map.chunks().at_offset(offset).unwrap_or_else(|| map.chunks().last());
            assert!(map.has(chunk), "it is asked for what it has not");
        }
        while offset < end {
            let len = usize::try_from((end - offset).min(limits::BLOCK as u64)).unwrap();
            let block = BlockIs { request, item, offset };
            let target = self.swarm.check_block(p, &block, len).unwrap();
            if self.swarm.handle_block(self.now, p, &block, len) {
                let at = usize::try_from(offset).unwrap();
                let mut bytes = self.content[&wanted.file][at..at + len].to_vec();
                if self.kinds[&p] == Kind::Liar {
                    bytes[0] ^= 1;
                }
                self.write(target.unwrap(), at, &bytes);
                *self.served.entry(p).or_default() += len as u64;
                self.given.push((self.now, wanted.file, len as u64));
            }
            offset += len as u64;
            // A hundredth of a second for 128 KiB: 13 MB/s.
            self.now = self.now + Duration::from_millis(10);
            self.drain();
        }
    }

    fn write(&mut self, target: BlockTarget, at: usize, bytes: &[u8]) {
        let Some((plan, all, came)) = self.disk.get_mut(&target.token) else { return };
        let chunks = Chunks::of(plan.size).unwrap();
        let before = came.entry(target.chunk).or_insert(0);
        assert_eq!(*before, target.offset, "each byte of a chunk is written once, in order");
        all[at..at + bytes.len()].copy_from_slice(bytes);
        *before += bytes.len() as u64;
        if *before == chunks.len_of(target.chunk) {
            came.remove(&target.chunk);
            let bytes = &self.content[&plan.id];
            let proofs = self.proofs.entry(plan.id).or_insert_with(|| manifest(bytes));
            let good = proofs.proves(target.chunk, &proof(chunks, target.chunk, all));
            self.swarm.handle_disk(self.now, disk::Event::Chunk(target.token, target.chunk, good));
        }
    }

    /// Until nothing is left to do.
    pub(super) fn run(&mut self) {
        for _ in 0..100_000 {
            while self.answer() {}
            let Some(due) = self.swarm.poll_timeout() else {
                assert!(self.swarm.jobs.downloads.is_empty() && self.swarm.sources.asked.is_empty());
                assert!(self.swarm.sources.by_peer.values().all(|s| s.owed == 0 && s.requests.is_empty()));
                assert!(self.disk.is_empty());
                return;
            };
            self.now = self.now.max(due);
            self.swarm.handle_timeout(self.now);
            self.drain();
        }
        panic!("it never ends");
    }

    pub(super) fn finished(&self) -> Vec<(u64, u64, Option<Code>)> {
        let finished = self.events.iter().filter_map(|e| match e {
            JobEvent::Finished(job, files, failure) => {
                Some((job.0, *files, failure.as_ref().map(|f| f.code)))
            }
            _ => None,
        });
        finished.collect()
    }
}

/// A file of which only what it is counts.
pub(super) fn named(id: FileId, chunks: Chunks, holders: &[PeerId]) -> Wanted {
    Wanted {
        here: None,
        id,
        size: chunks.size(),
        modified: 0,
        executable: false,
        asked: "a".into(),
        to: "a".parse().unwrap(),
        holders: holders.to_vec(),
        keep: None,
        some: vec![],
    }
}

pub(super) fn content(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
