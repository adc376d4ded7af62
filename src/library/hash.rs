//! The hashing threads: they read files chunk by chunk and notice when one changes meanwhile. Their
//! orders come from `inventory`.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::Receiver;

use super::LibraryRoot;
use super::inventory::HashJob;
use super::open::{OpenError, open_beneath};
use crate::content::manifest::{ChunkHasher, ManifestBuilder};
use crate::content::{Chunks, Manifest, SafePath, Stamp};
use crate::counters::Counter;
use crate::disk::unchanged;
use crate::sys::{clock, readahead};

/// Bytes read at once: large enough for a disk, small enough to stay in the processor's cache.
pub(super) const BUFFER: usize = 256 << 10;

/// Bytes after which it is checked that the file is still the same, so that the hashing of a large one
/// that is being written to ends early.
const CHECK: u64 = 64 << 20;

/// Why there is no hash.
#[derive(Debug)]
pub(super) enum HashError {
    /// It changed while it was read, or before.
    Changed,
    /// It is gone.
    Gone,
    /// It cannot be read.
    Io(io::Error),
    /// The library stops.
    Stopped,
}

/// What became of a job.
#[derive(Debug)]
pub(super) struct Hashed {
    pub(super) job: HashJob,
    /// When reading began: seconds since 1970.
    pub(super) began: u64,
    pub(super) result: Result<Manifest, HashError>,
}

/// What both sides of a hashing thread see.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// Bytes of the file under way.
    pub(super) done: AtomicU64,
    /// Set when the library stops.
    pub(super) stop: AtomicBool,
}

/// Works until the orders end. Each message is one thread's share: small files come several at once.
pub(super) fn work(
    root: &LibraryRoot,
    gauge: &Gauge,
    counter: &Counter,
    orders: &Receiver<Vec<HashJob>>,
    done: impl Fn(Vec<Hashed>) -> bool,
) {
    let mut buffer = vec![0; BUFFER];
    for jobs in orders {
        let hashed = jobs.into_iter().map(|job| {
            let began = clock::unix_seconds();
            let result = hash(root, &job, &mut buffer, gauge);
            counter.add(gauge.done.load(Ordering::Relaxed));
            Hashed { job, began, result }
        });
        if !done(hashed.collect()) {
            return;
        }
    }
}

fn hash(root: &LibraryRoot, job: &HashJob, buffer: &mut [u8], gauge: &Gauge) -> Result<Manifest, HashError> {
    gauge.done.store(0, Ordering::Relaxed);
    let done = |total| gauge.done.store(total, Ordering::Relaxed);
    hash_file(root, &job.path, &job.stamp, buffer, done, || gauge.stop.load(Ordering::Relaxed))
}

/// Hashes a file that is to be what the stamp says before and after. `done` gets the bytes read so far.
pub(super) fn hash_file(
    root: &LibraryRoot,
    path: &SafePath,
    stamp: &Stamp,
    buffer: &mut [u8],
    mut done: impl FnMut(u64),
    is_stopped: impl Fn() -> bool,
) -> Result<Manifest, HashError> {
    let file = open_beneath(root, path)?;
    let same = |file: &File| match unchanged(file, stamp) {
        Ok(true) => Ok(()),
        Ok(false) => Err(HashError::Changed),
        Err(e) => Err(HashError::Io(e)),
    };
    same(&file)?;
    if stamp.size > CHECK
        && let Err(e) = readahead::sequential(&file)
    {
        log::debug!("no read-ahead for {path}: {e}");
    }
    let mut next_check = CHECK;
    let manifest = read(&file, stamp.size, buffer, |total| {
        done(total);
        if is_stopped() {
            return Err(HashError::Stopped);
        }
        if total >= next_check {
            next_check = total + CHECK;
            same(&file)?;
        }
        Ok(())
    })?;
    same(&file)?;
    Ok(manifest)
}

/// Reads `size` bytes and no more; `progress` gets the bytes read so far.
fn read(
    mut from: impl Read,
    size: u64,
    buffer: &mut [u8],
    mut progress: impl FnMut(u64) -> Result<(), HashError>,
) -> Result<Manifest, HashError> {
    // The inventory takes in no file that cannot be cut; a size above it is a change.
    let chunks = Chunks::of(size).ok_or(HashError::Changed)?;
    let mut builder = ManifestBuilder::new(chunks);
    let mut total = 0;
    for index in chunks.iter() {
        let mut hasher = ChunkHasher::new(chunks, index);
        let mut left = chunks.len_of(index);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let n = match from.read(&mut buffer[..most]) {
                Ok(0) => return Err(HashError::Changed),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(HashError::Io(e)),
            };
            hasher.update(&buffer[..n]);
            left -= n as u64;
            total += n as u64;
            progress(total)?;
        }
        builder.push(hasher.finish().ok_or(HashError::Changed)?);
    }
    builder.finish().ok_or(HashError::Changed)
}

/// The manifest of exactly `size` bytes; `None` if there are fewer or the size is impossible.
#[cfg(test)]
pub(crate) fn manifest_of(from: impl Read, size: u64) -> Option<Manifest> {
    read(from, size, &mut vec![0; BUFFER], |_| Ok(())).ok()
}

impl From<OpenError> for HashError {
    fn from(e: OpenError) -> Self {
        match e {
            OpenError::Changed => Self::Changed,
            OpenError::Gone => Self::Gone,
            OpenError::Io(e) => Self::Io(e),
        }
    }
}
