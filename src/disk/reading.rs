//! Reading what lies in the chunk store, where partial files are kept that are never published. What is read
//! there is believed only after its value was checked: it may have lain there for months.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::place::{PARTIAL, manifest_name};
use super::stamp::unchanged;
use crate::content::manifest::{ChunkHasher, VALUE};
use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, FileId, Manifest, Span, Stamp};
use crate::sys::facts::Facts;
use crate::sys::file::read_exact_at;
use crate::sys::folder::Folder;
use crate::sys::refusal::{Refusal, refusal};

/// Bytes read in one step of [`verify`].
const STEP: usize = 1 << 20;

/// Why bytes of the store are not given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoredError {
    /// The file, or the manifest that proves it, is not there; or that proves something else.
    #[error("it is not in the store")]
    Missing,
    /// It is another file than it was when it was opened, or was written to.
    #[error("it changed")]
    Changed,
    /// The bytes are not those that came, or cannot be read.
    #[error("its bytes are not what they were")]
    Rotten,
    /// It is unknown: no descriptor is left, no permission.
    #[error(transparent)]
    Io(io::Error),
}

impl StoredError {
    /// What `e` means that came up when something in the store was opened.
    fn opening(e: io::Error) -> Self {
        match refusal(&e) {
            Refusal::Gone | Refusal::Link | Refusal::NotFolder | Refusal::NotFile => Self::Missing,
            _ => Self::Io(e),
        }
    }

    /// True if it could be had, had this process (or machine) not too many files open.
    #[must_use]
    pub(crate) fn is_want_of_descriptors(&self) -> bool {
        let Self::Io(e) = self else { return false };
        refusal(e) == Refusal::TooManyOpen
    }
}

/// One file of the store, open for reading.
#[derive(Debug)]
pub(crate) struct StoredReader {
    file: File,
    /// What it was like when it was opened.
    stamp: Stamp,
    manifest: Arc<Manifest>,
    /// The chunks whose value was checked since.
    proved: Bits,
}

impl StoredReader {
    /// Opens the file `id`, cut into `chunks`, of the store in the folder `store`, and its manifest, which is
    /// proved.
    ///
    /// # Errors
    /// [`StoredError::Missing`] or [`StoredError::Io`].
    pub(crate) fn open(store: &Path, id: FileId, chunks: Chunks) -> Result<Self, StoredError> {
        let folder = Folder::open(store).and_then(|f| f.enter(PARTIAL)).map_err(StoredError::opening)?;
        let file = folder.open_file(&id.to_string(), false).map_err(StoredError::opening)?;
        let stamp = Stamp::of(&Facts::of(&file).map_err(StoredError::Io)?);
        let manifest = Arc::new(manifest(&folder, id, chunks)?);
        Ok(Self { file, stamp, manifest, proved: Bits::none(chunks) })
    }

    /// What proves its chunks.
    #[must_use]
    pub(crate) const fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Reads all of a chunk and checks its value, unless that was done since the file was opened. `buffer` is
    /// where it is read to, piece by piece.
    ///
    /// # Errors
    /// [`StoredError::Rotten`] or [`StoredError::Changed`].
    pub(crate) fn prove(&mut self, chunk: ChunkIndex, buffer: &mut [u8]) -> Result<(), StoredError> {
        if self.proved.has(chunk) {
            return Ok(());
        }
        let intact = matches_manifest(&self.file, &self.manifest, chunk, buffer, &mut |_| true);
        // First: what is wrong because somebody is writing to it did not rot.
        self.check_stamp()?;
        if !matches!(intact, Ok(Some(true))) {
            return Err(StoredError::Rotten);
        }
        self.proved.insert(chunk);
        Ok(())
    }

    /// Fills `buffer` with the bytes at `offset`, which must lie in chunks that were [proved](Self::prove).
    ///
    /// # Errors
    /// [`StoredError::Changed`], [`StoredError::Rotten`]: what is in the buffer must not be given out.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoredError> {
        debug_assert!(
            self.manifest.chunks().touched(offset, buffer.len() as u64).all(|c| self.proved.has(c)),
            "it is given out unproved"
        );
        let read = read_exact_at(&self.file, buffer, offset);
        // Looked at after the reading: what was read before a change was not proved.
        self.check_stamp()?;
        read.map_err(|e| {
            log::debug!("{:?} cannot be read any more: {e}", self.manifest.file());
            StoredError::Rotten
        })
    }

    fn check_stamp(&self) -> Result<(), StoredError> {
        match unchanged(&self.file, &self.stamp) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoredError::Changed),
            Err(e) => Err(StoredError::Io(e)),
        }
    }
}

/// The manifest that lies beside the data.
fn manifest(folder: &Folder, id: FileId, chunks: Chunks) -> Result<Manifest, StoredError> {
    let mut values = Vec::new();
    if !chunks.is_single() {
        let file = folder.open_file(&manifest_name(id), false).map_err(StoredError::opening)?;
        let len = u64::from(chunks.count()) * VALUE as u64;
        if file.metadata().map_err(StoredError::Io)?.len() != len {
            return Err(StoredError::Missing);
        }
        file.take(len).read_to_end(&mut values).map_err(StoredError::Io)?;
    }
    Manifest::prove(id, chunks.size(), &values).map_err(|e| {
        log::debug!("the manifest of {id:?} in the store: {e}");
        StoredError::Missing
    })
}

/// Whether a chunk of the file has its value. `on_step` gets the bytes of each step; `None`: it said that
/// this is to end.
///
/// # Errors
/// What the operating system says when it cannot be read.
pub(crate) fn matches_manifest(
    file: &File,
    manifest: &Manifest,
    chunk: ChunkIndex,
    buffer: &mut [u8],
    on_step: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Option<bool>> {
    let mut range = manifest.chunks().range(chunk);
    let mut hasher = ChunkHasher::new(manifest.chunks(), chunk);
    while !range.is_empty() {
        let n = usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(buffer.len());
        if let Err(e) = read_exact_at(file, &mut buffer[..n], range.start) {
            log::debug!("chunk {} of {:?} cannot be read: {e}", chunk.get(), manifest.file());
            return Err(e);
        }
        hasher.update(&buffer[..n]);
        range.start += n as u64;
        if !on_step(n as u64) {
            return Ok(None);
        }
    }
    Ok(Some(hasher.finish().is_some_and(|proof| manifest.proves(chunk, &proof))))
}

/// Reads these chunks of the file `id` of `size` bytes in the store again and returns those that are rotten:
/// with another value than they had, not to be read, or without what proves them. Chunks that the file does
/// not have are left out. After each step `on_step` gets how many bytes were read; once it says `false`, that
/// is all, and what was found so far is returned.
///
/// No disk worker may write to these chunks meanwhile.
///
/// # Errors
/// When it cannot be found out: an impossible size, no permission, too many open files.
pub(crate) fn verify(
    store: &Path,
    id: FileId,
    size: u64,
    spans: &[Span],
    on_step: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Vec<ChunkIndex>> {
    let chunks = Chunks::of(size).ok_or(io::ErrorKind::InvalidInput)?;
    let wanted = chunks.iter().filter(|c| spans.iter().any(|s| s.from <= c.get() && c.get() < s.to));
    let stored = match StoredReader::open(store, id, chunks) {
        Ok(stored) => stored,
        Err(StoredError::Io(e)) => return Err(e),
        // Nothing of it can be had.
        Err(_) => return Ok(wanted.collect()),
    };
    let mut buffer = vec![0; STEP];
    let mut rotten = Vec::new();
    for chunk in wanted {
        match matches_manifest(&stored.file, &stored.manifest, chunk, &mut buffer, on_step) {
            Ok(Some(true)) => {}
            Ok(Some(false)) | Err(_) => rotten.push(chunk),
            Ok(None) => break,
        }
    }
    Ok(rotten)
}
