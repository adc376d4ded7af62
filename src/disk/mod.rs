//! The disk workers: they hash and write what arrives, keep partial files, and publish whole ones, so
//! that the engine's threads never wait for a disk (docs/ARCHITECTURE.md, "The life of a download").
//!
//! Four threads, each owner of its own state: the coordinator (`coordinator.rs`, `save.rs`, `finish.rs`) owns
//! what is known of every file and passes work on; two writers (`writer.rs`) hash and write, a chunk's blocks
//! always the same one; the slow thread (`slow.rs`) syncs, publishes and hashes again what was only believed.
//!
//! Invariant: nothing lies under its final name that was not verified and synced; but for a moment an empty
//! file, where the file system can only rename (sys/rename.rs). Invariant: nothing of ours lies in a
//! destination but [`.potluck-partial`](crate::content::path::RESERVED), and that goes with its last file.
//!
//! The store of what is kept for others is a destination of which nothing is published (`keep.rs`); what it
//! holds is read and dropped by whoever asks, without a worker (`stored.rs`). Whether an open file still is
//! what was hashed is asked of `stamp.rs`.

mod arrival;
mod coordinator;
mod copy;
mod finish;
mod keep;
pub(crate) mod limits;
pub(crate) mod names;
mod open;
mod partial_seed;
mod place;
mod places;
mod publish;
mod reading;
mod save;
mod slow;
mod sparse;
mod stamp;
mod starved;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod turn;
mod twins;
mod walk;
mod writer;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

pub(crate) use self::arrival::Arrival;
pub(crate) use self::partial_seed::PartialSeed;
pub(crate) use self::place::PARTIAL;
pub(crate) use self::reading::{StoredError, StoredReader, matches_manifest, verify as verify_stored};
pub(crate) use self::stamp::unchanged;
pub(crate) use self::stored::{discard_partials, drop_stored, lose_stored, stored};
use crate::content::{ChunkIndex, FileId, Manifest, SafePath, Span, partial};
use crate::error::Failure;
use crate::sys::bell::Bell;
use crate::sys::boot::boot;
use crate::sys::facts::Facts;
use crate::sys::folder::Folder;
use crate::sys::thread::Thread;

/// A file that is being put together, for as long as this peer runs. Chosen by the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileToken(pub u64);

/// What is to be put together, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Its content.
    pub id: FileId,
    /// Bytes, as announced.
    pub size: u64,
    /// The folder that everything goes into.
    pub destination: PathBuf,
    /// Path below it.
    pub to: SafePath,
    /// The word of the user that brings it, and brings it again.
    pub asked: Arc<str>,
    /// Modification time, milliseconds since 1970.
    pub modified: i64,
    /// Whether it gets the executable bit.
    pub executable: bool,
    /// Only these chunks are put together, and the file is kept as a partial one, for others: it never gets
    /// a name. What lies there from before is kept too.
    pub keep: Option<Span>,
}

impl Plan {
    /// True if this chunk is to be put there.
    fn wants(&self, chunk: ChunkIndex) -> bool {
        self.keep.is_none_or(|span| span.from <= chunk.get() && chunk.get() < span.to)
    }

    /// Bytes that are to be put there.
    fn bytes(&self) -> u64 {
        self.keep.map_or(self.size, |span| span.bytes(self.size))
    }
}

/// A buffer of [`crate::disk::limits::BLOCK`] bytes out of the process's fixed pool; dropping it gives it
/// back.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Box<[u8]>,
    filled: usize,
    home: Sender<Box<[u8]>>,
    hunger: Option<Arc<Hunger>>,
}

/// Whether the pool's owner waits for buffers.
#[derive(Debug)]
struct Hunger {
    waits: AtomicBool,
    bell: Bell,
}

/// Buffers that are back before an owner that waits is woken: one at a time would be a wake-up for each.
const WORTH_WAKING: usize = 16;

impl Block {
    /// The bytes filled so far.
    #[must_use]
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Copies as much of `bytes` as fits behind what is filled; returns how much that was.
    pub(crate) fn extend(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.bytes.len() - self.filled);
        self.bytes[self.filled..self.filled + n].copy_from_slice(&bytes[..n]);
        self.filled += n;
        n
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // A full or closed channel means that the pool itself is gone; the buffer then just is freed.
        drop(self.home.try_send(std::mem::take(&mut self.bytes)));
        if let Some(hunger) = &self.hunger
            && self.home.len() >= WORTH_WAKING
            && hunger.waits.swap(false, Ordering::AcqRel)
        {
            hunger.bell.ring();
        }
    }
}

/// The fixed pool: [`crate::disk::limits::BLOCK_POOL`] bytes in all, made as they are first needed.
#[derive(Debug)]
pub(crate) struct BlockPool {
    home: Sender<Box<[u8]>>,
    free: Receiver<Box<[u8]>>,
    /// Buffers that may still be made.
    unmade: usize,
    hunger: Option<Arc<Hunger>>,
}

impl Default for BlockPool {
    fn default() -> Self {
        let buffers = limits::BLOCK_POOL / limits::BLOCK;
        let (home, free) = bounded(buffers);
        Self { home, free, unmade: buffers, hunger: None }
    }
}

impl BlockPool {
    /// A pool that rings when buffers are back after there were none.
    #[must_use]
    pub(crate) fn with_bell(bell: Bell) -> Self {
        let hunger = Arc::new(Hunger { waits: AtomicBool::new(false), bell });
        Self { hunger: Some(hunger), ..Self::default() }
    }

    /// An empty buffer; `None` when all are in use: the disks are behind, so stop reading for a while.
    pub(crate) fn take(&mut self) -> Option<Block> {
        let bytes = self.free.try_recv().ok().or_else(|| {
            if let Some(unmade) = self.unmade.checked_sub(1) {
                self.unmade = unmade;
                return Some(vec![0; limits::BLOCK].into_boxed_slice());
            }
            self.hunger.as_ref()?.waits.store(true, Ordering::Release);
            // One may have come back before that could be seen.
            self.free.try_recv().ok()
        })?;
        Some(Block { bytes, filled: 0, home: self.home.clone(), hunger: self.hunger.clone() })
    }
}

/// What the receiver asks of the disk workers.
#[derive(Debug)]
pub(crate) enum Command {
    /// Begin, or go on with what lies there from before: answered by `Opened`, `Arrived` or `Failed`.
    /// One content at a time in one destination: a second token for it is `Failed`, unless the first
    /// one is closing, which is waited for. An empty file is `Opened` with its only chunk there.
    Open(FileToken, Plan),
    /// Make it as a copy of the file at this path, which has that content: answered by `Arrived`,
    /// `Failed`, or `NotCopied`. Any number of one content at a time.
    Copy(FileToken, Plan, PathBuf),
    /// The proved manifest; before the first `Write` of a file of several chunks.
    Manifest(FileToken, Arc<Manifest>),
    /// Bytes of a chunk at an offset in it, in any order. When all bytes of the chunk came: `Chunk`.
    /// Bytes that overlap what came before are dropped, whatever they are.
    Write(FileToken, ChunkIndex, u64, Block),
    /// All chunks are there: re-hash what was only believed, sync, move to the final name. What is kept
    /// only has none: it is noted down instead, and all of it synced.
    /// Answered by `Arrived`, `Chunk(.., false)` for each one that did not hold, or `Failed`.
    Publish(FileToken),
    /// Sync what is there and forget the token; what arrived stays for a later one. No answer.
    Close(FileToken),
    /// Make an empty folder below a destination. Answered by `Failed` only.
    Folder(FileToken, PathBuf, SafePath),
    /// Sync everything, then answer `Idle`.
    Flush,
    /// All of these, in this order: one waking instead of many.
    Several(Vec<Self>),
}

/// What the disk workers report.
#[derive(Debug)]
pub(crate) enum Event {
    /// What others may have of a file of a megabyte or more, now and while it is open, and after it was
    /// published. Comes before `Opened`; not at all if there is no descriptor left for it.
    PartialSeed(Arc<PartialSeed>),
    /// Ready for bytes: the chunks believed to be there already (by the sidecar), and the manifest if
    /// one was stored beside them.
    Opened(FileToken, Vec<ChunkIndex>, Option<Arc<Manifest>>),
    /// A chunk is complete: true if it verified; false: it is to be fetched again. Also comes unasked:
    /// false for a believed chunk that did not hold, true for one that a crash left in the partial
    /// file without a note; and again for one that is written once more though it is there.
    Chunk(FileToken, ChunkIndex, bool),
    /// The file is under its final name (or was there). What is kept only is on the disk, and no worker has
    /// it open any more.
    Arrived(FileToken, Arrival),
    /// After `Copy`: the file at that path has another content by now, or is gone. The token is forgotten.
    NotCopied(FileToken),
    /// This file cannot go on (disk full, no permission, a vanished folder). What arrived stays.
    Failed(FileToken, Failure),
    /// After `Flush`.
    Idle,
}

/// The running workers. Dropping it syncs what is there and ends them.
#[derive(Debug)]
pub(crate) struct Handle {
    /// Never blocks; the block pool bounds what is under way.
    pub commands: Sender<Command>,
    /// What they report; they wait while it is full.
    pub events: Receiver<Event>,
    // Joined last, after both channels are closed.
    threads: Vec<Thread>,
}

/// Starts the workers. `waker` is called after events were queued, from one of their threads.
///
/// # Errors
/// What the operating system says when it has no thread to give.
pub(crate) fn start(waker: impl Fn() + Send + Sync + 'static) -> io::Result<Handle> {
    let (commands, commanded) = unbounded();
    let (event, events) = bounded(limits::EVENTS);
    let (report, reports) = unbounded();
    let (job_a, jobs_a) = unbounded();
    let (job_b, jobs_b) = unbounded();
    let (task, tasks) = unbounded();
    let coordinator =
        coordinator::DiskCoordinator::new(commanded, reports, event, Box::new(waker), [job_a, job_b], task);
    // Made first: if a thread cannot be had, its drop ends those that run.
    let mut handle = Handle { commands, events, threads: Vec::new() };
    handle.threads.push(Thread::spawn("disk", move || coordinator.run())?);
    for (name, jobs) in [("disk-write-1", jobs_a), ("disk-write-2", jobs_b)] {
        let writer = writer::Writer::new(jobs, report.clone());
        handle.threads.push(Thread::spawn(name, move || writer.run())?);
    }
    let slow = slow::Slow::new(tasks, report);
    handle.threads.push(Thread::spawn("disk-slow", move || slow.run())?);
    Ok(handle)
}

/// A partial file that lies in a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// Its content.
    pub id: FileId,
    /// Bytes of the whole file; `None` if no whole sidecar lies beside it.
    pub size: Option<u64>,
    /// Bytes of it that are believed to be there.
    pub have: u64,
    /// Bytes that it takes on the disk.
    pub on_disk: u64,
    /// Where it was to go, and the word of the user that brings it.
    pub asked: Option<(SafePath, String)>,
}

/// The partial files in `destination`, in the order of their ids, [`limits::UNFINISHED`] of them at
/// most; none if the folder is not there.
///
/// # Errors
/// What the operating system says.
pub(crate) fn partials(destination: &Path) -> io::Result<Vec<Leftover>> {
    let folder = match Folder::open(destination).and_then(|f| f.enter(PARTIAL)) {
        Ok(folder) => folder,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let (mut found, boot) = (Vec::new(), boot());
    let mut ids: Vec<FileId> = folder.names()?.iter().filter_map(|name| name.parse().ok()).collect();
    ids.sort();
    for id in ids.into_iter().take(limits::UNFINISHED) {
        let name = id.to_string();
        let Ok(data) = folder.open_file(&name, false) else { continue };
        let mut sidecar = Vec::new();
        let read =
            folder.open_file(&place::have_name(id), false).and_then(|mut f| f.read_to_end(&mut sidecar));
        let known =
            read.ok().and_then(|_| partial::describe(&sidecar, boot.as_ref())).filter(|(of, _)| *of == id);
        let facts = Facts::of(&data)?;
        found.push(Leftover {
            id,
            size: known.as_ref().map(|(_, have)| have.chunks().size()),
            have: known.map_or(0, |(_, have)| have.bytes()),
            on_disk: facts.allocated,
            asked: place::asked(&folder, id),
        });
    }
    Ok(found)
}
