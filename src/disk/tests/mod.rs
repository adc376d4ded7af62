//! The workers as the receiver sees them: a rig that plays the receiver, and what must hold.

mod copies;
mod crash;
mod faults;
mod keep;
mod names;
mod partial_seed;
mod power;
mod reading;
mod refused;
mod resume;
mod sparse;
mod speed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::content::manifest::{ChunkHasher, ManifestBuilder};
use crate::content::{Chunks, FileId};
use crate::error::Code;
use crate::sys::{file, testing};

const DEADLINE: Duration = Duration::from_secs(20);

/// 2001-09-09, and a quarter of a second.
const MODIFIED: i64 = 1_000_000_000_250;

/// A file at its owner's.
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    pub(super) chunks: Chunks,
    pub(super) manifest: Arc<Manifest>,
}

impl Source {
    pub(super) fn new(len: usize, seed: u64) -> Self {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        Self::of(bytes)
    }

    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let chunks = Chunks::of(bytes.len() as u64).unwrap();
        let mut builder = ManifestBuilder::new(chunks);
        for chunk in chunks.iter() {
            let mut hasher = ChunkHasher::new(chunks, chunk);
            hasher.update(slice(&bytes, chunks, chunk));
            builder.push(hasher.finish().unwrap());
        }
        Self { bytes, chunks, manifest: Arc::new(builder.finish().unwrap()) }
    }

    pub(super) fn id(&self) -> FileId {
        self.manifest.file()
    }

    pub(super) fn plan(&self, destination: &Path, to: &str) -> Plan {
        Plan {
            id: self.id(),
            size: self.chunks.size(),
            destination: destination.to_owned(),
            to: to.parse().unwrap(),
            asked: format!("the folder of {to}").into(),
            modified: MODIFIED,
            executable: false,
            keep: None,
        }
    }

    pub(super) fn chunk(&self, chunk: ChunkIndex) -> &[u8] {
        slice(&self.bytes, self.chunks, chunk)
    }
}

fn slice(bytes: &[u8], chunks: Chunks, chunk: ChunkIndex) -> &[u8] {
    let range = chunks.range(chunk);
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

/// Plays the receiver.
pub(super) struct Rig {
    pub(super) disk: Handle,
    pool: BlockPool,
    woken: Receiver<()>,
    next: u64,
    /// What others may have of each file.
    pub(super) seeds: BTreeMap<FileId, Arc<PartialSeed>>,
}

impl Rig {
    pub(super) fn new() -> Self {
        let (wake, woken) = bounded(1);
        let disk = start(move || {
            // One is enough: the queue is emptied after each.
            wake.try_send(()).unwrap_or_default();
        })
        .unwrap();
        Self { disk, pool: BlockPool::default(), woken, next: 0, seeds: BTreeMap::new() }
    }

    /// The next event, only looked for when the waker said so.
    pub(super) fn event(&mut self) -> Event {
        loop {
            match self.disk.events.try_recv() {
                Ok(Event::PartialSeed(seed)) => {
                    self.seeds.insert(seed.id(), seed);
                    continue;
                }
                Ok(event) => return event,
                Err(_) => {}
            }
            self.woken.recv_timeout(DEADLINE).expect("an event in time");
        }
    }

    pub(super) fn tell(&self, command: Command) {
        self.disk.commands.send(command).unwrap();
    }

    pub(super) fn open(&mut self, plan: Plan) -> FileToken {
        self.next += 1;
        self.tell(Command::Open(FileToken(self.next), plan));
        FileToken(self.next)
    }

    pub(super) fn copy(&mut self, plan: Plan, source: &Path) -> FileToken {
        self.next += 1;
        self.tell(Command::Copy(FileToken(self.next), plan, source.to_owned()));
        FileToken(self.next)
    }

    /// A free block, waiting for one when the disks are behind.
    pub(super) fn block(&mut self) -> Block {
        loop {
            if let Some(block) = self.pool.take() {
                return block;
            }
            // Another one comes home sooner or later; nothing else tells of it.
            std::thread::yield_now();
        }
    }

    pub(super) fn write(&mut self, token: FileToken, chunk: ChunkIndex, bytes: &[u8]) {
        if bytes.is_empty() {
            let block = self.block();
            return self.tell(Command::Write(token, chunk, 0, block));
        }
        for (i, piece) in bytes.chunks(limits::BLOCK).enumerate() {
            self.write_at(token, chunk, i * limits::BLOCK, piece);
        }
    }

    pub(super) fn write_at(&mut self, token: FileToken, chunk: ChunkIndex, at: usize, bytes: &[u8]) {
        let mut block = self.block();
        assert_eq!(block.extend(bytes), bytes.len());
        self.tell(Command::Write(token, chunk, at as u64, block));
    }

    /// What opening was answered by.
    pub(super) fn opened(&mut self, token: FileToken) -> Result<(Vec<ChunkIndex>, bool), Outcome> {
        match self.event() {
            Event::Opened(t, believed, manifest) if t == token => Ok((believed, manifest.is_some())),
            Event::Arrived(t, arrival) if t == token => Err(Ok(arrival)),
            Event::Failed(t, failure) if t == token => Err(Err(failure)),
            other => panic!("{other:?}"),
        }
    }

    /// Fetches all that is missing and publishes; also how many bytes were fetched.
    pub(super) fn fetch(&mut self, source: &Source, plan: Plan) -> (Outcome, u64) {
        let token = self.open(plan);
        let believed = match self.opened(token) {
            Ok((believed, _)) => believed,
            Err(outcome) => return (outcome, 0),
        };
        self.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
        let have: BTreeSet<ChunkIndex> = believed.into_iter().collect();
        let missing: BTreeSet<_> = source.chunks.iter().filter(|c| !have.contains(c)).collect();
        self.fill(source, token, missing, 0)
    }

    /// Fetches the chunks `missing`, the last one first, until the file is there.
    pub(super) fn fill(
        &mut self,
        source: &Source,
        token: FileToken,
        mut missing: BTreeSet<ChunkIndex>,
        mut fetched: u64,
    ) -> (Outcome, u64) {
        let mut asked: Vec<ChunkIndex> = missing.iter().copied().collect();
        if asked.is_empty() {
            self.tell(Command::Publish(token));
        }
        loop {
            if let Some(chunk) = asked.pop() {
                fetched += source.chunks.len_of(chunk);
                let bytes = source.chunk(chunk).to_vec();
                self.write(token, chunk, &bytes);
                if !asked.is_empty() && self.disk.events.is_empty() {
                    continue;
                }
            }
            match self.event() {
                Event::Chunk(t, chunk, true) if t == token => {
                    missing.remove(&chunk);
                    asked.retain(|c| *c != chunk);
                    if missing.is_empty() {
                        self.tell(Command::Publish(token));
                    }
                }
                Event::Chunk(t, chunk, false) if t == token => {
                    // A `Publish` that crossed this report makes the coordinator say it a second time.
                    if missing.insert(chunk) {
                        asked.push(chunk);
                    }
                }
                Event::Arrived(t, arrival) if t == token => return (Ok(arrival), fetched),
                Event::Failed(t, failure) if t == token => return (Err(failure), fetched),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Syncs and ends the workers.
    pub(super) fn flush(&mut self) {
        self.tell(Command::Flush);
        assert!(matches!(self.event(), Event::Idle));
    }
}

pub(super) type Outcome = Result<Arrival, Failure>;

pub(super) fn saved(folder: &Path, name: &str) -> Outcome {
    Ok(Arrival::Saved(folder.join(name)))
}

/// The names in a folder; also those that hide.
pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_of_every_size_arrive_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let sizes = [0, 1, 65_535, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 7_864_320, 80 << 20];
    for (i, len) in sizes.into_iter().enumerate() {
        let source = Source::new(len, i as u64);
        let name = format!("file {len}");
        let mut plan = source.plan(dir.path(), &name);
        plan.executable = i % 2 == 1;
        let (outcome, fetched) = rig.fetch(&source, plan.clone());
        assert_eq!(outcome, saved(dir.path(), &name));
        assert_eq!(fetched, len as u64);
        let path = dir.path().join(&name);
        assert!(fs::read(&path).unwrap() == source.bytes, "{len}");
        let modified = Facts::at(&path).unwrap().modified;
        assert_eq!(modified.div_euclid(1_000_000), i128::from(MODIFIED));
        assert_eq!(testing::mode(&path) & 0o111 != 0, plan.executable, "{len}");
        assert_eq!(testing::mode(&path) & 0o7022, 0);
        assert_eq!(rig.fetch(&source, plan), (Ok(Arrival::AlreadyThere(path)), 0));
    }
    assert_eq!(names_in(dir.path()).len(), sizes.len(), "nothing but the files is left");
}

#[test]
fn times_before_1970_and_paths_in_folders_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let source = Source::new(100, 1);
    let mut plan = source.plan(dir.path(), "a/b/c");
    plan.modified = -1_500;
    assert_eq!(rig.fetch(&source, plan).0, saved(dir.path(), "a/b/c"));
    assert_eq!(Facts::at(&dir.path().join("a/b/c")).unwrap().modified, -1_500_000_000);
    rig.tell(Command::Folder(FileToken(9), dir.path().into(), "a/B/empty".parse().unwrap()));
    rig.flush();
    assert_eq!(names_in(&dir.path().join("a/b")), ["c", "empty"], "`B` counts as `b`");
}

#[test]
fn blocks_in_any_order_and_twice_make_the_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let source = Source::new(1 << 30 >> 4, 3);
    let small = Source::new(60_000, 4);
    let a = rig.open(small.plan(dir.path(), "small"));
    rig.opened(a).unwrap();
    let only = small.chunks.last();
    for (at, end) in [(50_000, 60_000), (20_000, 50_000), (50_000, 60_000), (0, 20_000), (0, 20_000)] {
        rig.write_at(a, only, at, &small.bytes[at..end]);
    }
    assert!(matches!(rig.event(), Event::Chunk(t, c, true) if t == a && c == only));
    rig.tell(Command::Publish(a));
    assert!(matches!(rig.event(), Event::Arrived(..)));
    assert_eq!(fs::read(dir.path().join("small")).unwrap(), small.bytes);

    let b = rig.open(source.plan(dir.path(), "large"));
    rig.opened(b).unwrap();
    rig.tell(Command::Manifest(b, Arc::clone(&source.manifest)));
    for chunk in source.chunks.iter() {
        let bytes = source.chunk(chunk).to_vec();
        let half = bytes.len() / 2;
        rig.write_at(b, chunk, half, &bytes[half..]);
        rig.write_at(b, chunk, half, &vec![0; bytes.len() - half]);
        rig.write_at(b, chunk, 0, &bytes[..half]);
        // Late ones, of another source that lies: they must not reach the file.
        rig.write_at(b, chunk, 0, &vec![0; half]);
        rig.write_at(b, chunk, half, &vec![0; half]);
        assert!(matches!(rig.event(), Event::Chunk(t, c, true) if t == b && c == chunk));
    }
    rig.tell(Command::Publish(b));
    assert!(matches!(rig.event(), Event::Arrived(..)));
    assert!(fs::read(dir.path().join("large")).unwrap() == source.bytes);
}

#[test]
fn many_small_files_are_published_in_groups() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let sources: Vec<Source> = (0..600).map(|n| Source::new(1_000 + n, n as u64)).collect();
    let mut tokens = BTreeMap::new();
    for (n, source) in sources.iter().enumerate() {
        tokens.insert(rig.open(source.plan(dir.path(), &format!("d{}/f{n}", n % 3))), n);
    }
    let mut arrived = 0;
    while arrived < sources.len() {
        match rig.event() {
            Event::Opened(t, believed, _) => {
                assert!(believed.is_empty());
                let source = &sources[tokens[&t]];
                rig.write(t, source.chunks.last(), &source.bytes);
            }
            Event::Chunk(t, _, true) => rig.tell(Command::Publish(t)),
            Event::Arrived(_, Arrival::Saved(_)) => arrived += 1,
            other => panic!("{other:?}"),
        }
    }
    for (n, source) in sources.iter().enumerate() {
        assert_eq!(fs::read(dir.path().join(format!("d{}/f{n}", n % 3))).unwrap(), source.bytes);
    }
    assert_eq!(names_in(dir.path()), ["d0", "d1", "d2"]);
}
