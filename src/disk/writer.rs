//! A writer thread: hashes blocks and writes them where they belong. Two of them share the work; the
//! blocks of one chunk all come to the same one, in order of arrival.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::coordinator::WorkerReport;
use super::copy::{CopyStep, Copying};
use super::place::Destination;
use super::{Block, FileToken, Plan, sparse};
use crate::content::manifest::{ChunkHasher, ChunkProof};
use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, Manifest};
use crate::disk::limits;
use crate::sys::file::{read_exact_at, set_modified, write_all_at};

/// What a writer is to do.
#[derive(Debug)]
pub(super) enum WriterTask {
    /// Blocks of this file will come.
    Begin(FileToken, WriteTarget),
    /// Bytes of a chunk at an offset in it.
    Write(FileToken, ChunkIndex, u64, Block),
    /// Make a copy of the file at this path; answered by [`WorkerReport::Copied`].
    Copy(FileToken, Arc<Destination>, Arc<Plan>, PathBuf),
    /// No more blocks of this file will come; answered by [`WorkerReport::Ended`].
    End(FileToken),
    /// Write these bytes at this place of a sidecar.
    Note(Arc<File>, u64, Vec<u8>),
    /// Answered by [`WorkerReport::Written`] when all before it is written.
    Mark,
}

/// Where a file's bytes go.
#[derive(Clone, Debug)]
pub(super) enum WriteTarget {
    /// To their place in the partial file.
    Large(Arc<File>, Arc<Manifest>),
    /// A file of one chunk: kept in memory until it verified, then written at once.
    Small(Arc<Destination>, Arc<Plan>, Chunks),
}

/// What a chunk turned out to be once all its bytes had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrittenChunk {
    /// Not what it should be.
    Wrong,
    /// What it should be.
    Good,
    /// What it should be, and nothing but zeros, which lie in a hole.
    Hole,
}

/// The state of one writer.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Receiver<WriterTask>,
    reports: Sender<WorkerReport>,
    files: HashMap<FileToken, Filling>,
}

/// A file that blocks come for.
#[derive(Debug)]
struct Filling {
    target: WriteTarget,
    chunks: Chunks,
    open: HashMap<ChunkIndex, ChunkProgress>,
    /// Chunks verified here: whatever still comes for them (the last ones are asked of several
    /// sources) must not be written over them.
    done: Bits,
}

/// A chunk that blocks came for.
#[derive(Debug)]
struct ChunkProgress {
    hasher: ChunkHasher,
    /// Bytes hashed: all before this offset are written.
    hashed: u64,
    /// Written ranges beyond it, start to end.
    ahead: BTreeMap<u64, u64>,
    /// Bytes that lie in holes.
    holes: u64,
    /// The chunk of a small file, when it came in several blocks.
    memory: Vec<u8>,
}

impl Writer {
    pub(super) fn new(jobs: Receiver<WriterTask>, reports: Sender<WorkerReport>) -> Self {
        Self { jobs, reports, files: HashMap::new() }
    }

    /// Works until the disk coordinator is gone.
    pub(super) fn run(mut self) {
        while let Ok(job) = self.jobs.recv() {
            let report = match job {
                WriterTask::Begin(token, target) => {
                    self.files.insert(token, Filling::new(target));
                    None
                }
                WriterTask::Write(token, chunk, offset, block) => self.write(token, chunk, offset, &block),
                WriterTask::Copy(token, place, plan, source) => {
                    Some(WorkerReport::Copied(token, copy(token, &place, plan, &source)))
                }
                WriterTask::End(token) => {
                    self.files.remove(&token);
                    Some(WorkerReport::Ended(token))
                }
                WriterTask::Note(sidecar, at, slot) => {
                    // A note saves fetching after a crash; a failing disk shows in the data.
                    if let Err(e) = write_all_at(&sidecar, &slot, at) {
                        log::debug!("a sidecar could not be written: {e}");
                    }
                    None
                }
                WriterTask::Mark => Some(WorkerReport::Written),
            };
            if let Some(report) = report
                && self.reports.send(report).is_err()
            {
                return;
            }
        }
    }

    fn write(
        &mut self,
        token: FileToken,
        chunk: ChunkIndex,
        offset: u64,
        block: &Block,
    ) -> Option<WorkerReport> {
        let filling = self.files.get_mut(&token)?;
        match filling.write(chunk, offset, block.filled()) {
            Ok(None) => None,
            Ok(Some(written)) => {
                // Nothing more of a small one is wanted.
                if filling.is_small() && written != WrittenChunk::Wrong {
                    self.files.remove(&token);
                }
                Some(WorkerReport::Chunk(token, chunk, Ok(written)))
            }
            Err(e) => {
                // The coordinator closes the file; what still comes for it is dropped.
                self.files.remove(&token);
                Some(WorkerReport::Chunk(token, chunk, Err(e)))
            }
        }
    }
}

impl Filling {
    fn new(target: WriteTarget) -> Self {
        let chunks = match &target {
            WriteTarget::Large(_, manifest) => manifest.chunks(),
            WriteTarget::Small(_, _, chunks) => *chunks,
        };
        Self { target, chunks, open: HashMap::new(), done: Bits::none(chunks) }
    }

    const fn is_small(&self) -> bool {
        matches!(self.target, WriteTarget::Small(..))
    }

    /// `Some` when the chunk is complete.
    fn write(&mut self, chunk: ChunkIndex, offset: u64, bytes: &[u8]) -> io::Result<Option<WrittenChunk>> {
        let len = self.chunks.len_of(chunk);
        let end = offset.saturating_add(bytes.len() as u64);
        if end > len || self.done.has(chunk) {
            return Ok(None);
        }
        let progress = self.open.entry(chunk).or_insert_with(|| ChunkProgress {
            hasher: ChunkHasher::new(self.chunks, chunk),
            hashed: 0,
            ahead: BTreeMap::new(),
            holes: 0,
            memory: Vec::new(),
        });
        if progress.covers(offset, end) {
            return Ok(None);
        }
        let whole = offset == 0 && end == len;
        if offset == progress.hashed {
            progress.hasher.update(bytes);
            progress.hashed = end;
        } else {
            progress.ahead.insert(offset, end);
        }
        match &self.target {
            WriteTarget::Large(file, _) => {
                progress.holes += sparse::write(file, bytes, self.chunks.range(chunk).start + offset)?;
            }
            WriteTarget::Small(..) if !whole => progress.remember(len, offset, bytes),
            WriteTarget::Small(..) => {}
        }
        progress.catch_up(&self.target, self.chunks.range(chunk).start)?;
        if progress.hashed < len {
            return Ok(None);
        }
        let Some(progress) = self.open.remove(&chunk) else { return Ok(None) };
        let proof = progress.hasher.finish();
        let is_hole = len > 0 && progress.holes == len;
        let good = proof.is_some_and(|proof| match &self.target {
            WriteTarget::Large(_, manifest) => manifest.proves(chunk, &proof),
            WriteTarget::Small(_, plan, _) => proof == ChunkProof::Whole(plan.id),
        });
        if good {
            if let WriteTarget::Small(place, plan, _) = &self.target {
                save_small(place, plan, if whole { bytes } else { &progress.memory })?;
            }
            self.done.insert(chunk);
        }
        Ok(Some(match (good, is_hole) {
            (false, _) => WrittenChunk::Wrong,
            (true, false) => WrittenChunk::Good,
            (true, true) => WrittenChunk::Hole,
        }))
    }
}

impl ChunkProgress {
    /// True if a byte of the range was written before. An empty range is written only once too.
    fn covers(&self, start: u64, end: u64) -> bool {
        start < self.hashed || self.ahead.range(..end).next_back().is_some_and(|(_, e)| *e > start)
    }

    fn remember(&mut self, len: u64, offset: u64, bytes: &[u8]) {
        let (Ok(len), Ok(at)) = (usize::try_from(len), usize::try_from(offset)) else { return };
        self.memory.resize(len, 0);
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Hashes what was written ahead and is reached by now.
    fn catch_up(&mut self, target: &WriteTarget, start: u64) -> io::Result<()> {
        while let Some(end) = self.ahead.remove(&self.hashed) {
            let mut piece = vec![0; usize::try_from(end - self.hashed).unwrap_or(0)];
            match target {
                WriteTarget::Large(file, _) => read_exact_at(file, &mut piece, start + self.hashed)?,
                WriteTarget::Small(..) => {
                    let at = usize::try_from(self.hashed).unwrap_or(0);
                    let len = piece.len();
                    piece.copy_from_slice(&self.memory[at..at + len]);
                }
            }
            self.hasher.update(&piece);
            self.hashed = end;
        }
        Ok(())
    }
}

/// Makes the copy of a small file: at most a chunk of it in memory.
fn copy(token: FileToken, place: &Destination, plan: Arc<Plan>, source: &Path) -> io::Result<Option<File>> {
    // A byte more than the file has: one that grew is noticed.
    let mut buffer = vec![0; usize::try_from(plan.size.min(limits::CHUNK_MAX)).unwrap_or(0) + 1];
    let mut step = Copying::begin(token, place, plan, source)?;
    loop {
        match step {
            CopyStep::More(copying) => step = copying.step(&mut buffer)?,
            CopyStep::Whole(file) => return Ok(Some(file)),
            CopyStep::Other => return Ok(None),
        }
    }
}

/// Writes a verified small file into the folder of partial files, complete but for its name.
fn save_small(place: &Destination, plan: &Plan, bytes: &[u8]) -> io::Result<()> {
    let partial = place.partial()?;
    let name = plan.id.to_string();
    let file = match partial.create(&name, plan.executable) {
        // Something else lies there: what a crash left of it was looked at before.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            partial.remove(&name)?;
            partial.create(&name, plan.executable)?
        }
        made => made?,
    };
    let written = write_all_at(&file, bytes, 0);
    if written.is_err() {
        partial.remove(&name)?;
    } else {
        place.set("the time", set_modified(&file, plan.modified));
    }
    written
}
