//! Reading the files of the chunk store. It knows neither who may have them nor what an error means to
//! whoever asks. Part of the sender; the bytes are read by disk/reading.rs.
//!
//! No byte of a chunk leaves before all of the chunk was read and its value checked, once since the file was
//! opened.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::STEP;
use crate::content::{ChunkIndex, Chunks, FileId, Manifest};
use crate::disk::{StoredError, StoredReader};
use crate::sender::limits;
use crate::time::Time;

/// Files of the store that are kept open between two requests.
#[derive(Debug)]
pub(super) struct StoreFiles {
    folder: PathBuf,
    open: BTreeMap<FileId, Opened>,
    uses: u64,
    /// Where chunks are read to when they are checked.
    buffer: Box<[u8]>,
}

#[derive(Debug)]
struct Opened {
    stored: StoredReader,
    /// Number of its last use, and when that was.
    used: (u64, Time),
}

impl StoreFiles {
    /// None is open, and no folder known.
    pub(super) fn new() -> Self {
        Self { folder: PathBuf::new(), open: BTreeMap::new(), uses: 0, buffer: vec![0; STEP].into() }
    }

    /// Where the store lies.
    pub(super) fn set_folder(&mut self, folder: PathBuf) {
        self.folder = folder;
        self.open.clear();
    }

    /// A file is not there any more, or another one.
    pub(super) fn close(&mut self, file: FileId) {
        self.open.remove(&file);
    }

    /// What proves a file.
    ///
    /// # Errors
    /// Those of [`StoredReader::open`].
    pub(super) fn manifest(
        &mut self,
        now: Time,
        file: FileId,
        chunks: Chunks,
    ) -> Result<Arc<Manifest>, StoredError> {
        let manifest = self.opened(now, file, chunks).map(|stored| Arc::clone(stored.manifest()));
        manifest.inspect_err(|e| self.close_after(file, e))
    }

    /// Proves a chunk, and fills `buffer` with bytes of it, from `offset` of the file on.
    ///
    /// # Errors
    /// Those of [`StoredReader`]. What changed was opened and tried once more.
    pub(super) fn read(
        &mut self,
        now: Time,
        file: FileId,
        chunks: Chunks,
        chunk: ChunkIndex,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), StoredError> {
        let mut got = self.try_read(now, file, chunks, chunk, offset, buffer);
        if matches!(got, Err(StoredError::Changed)) {
            // More of it may have come, or another file took its place.
            self.open.remove(&file);
            got = self.try_read(now, file, chunks, chunk, offset, buffer);
        }
        got.inspect_err(|e| self.close_after(file, e))
    }

    fn try_read(
        &mut self,
        now: Time,
        file: FileId,
        chunks: Chunks,
        chunk: ChunkIndex,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), StoredError> {
        let mut scratch = std::mem::take(&mut self.buffer);
        let stored = self.opened(now, file, chunks);
        let got = stored.and_then(|stored| {
            stored.prove(chunk, &mut scratch)?;
            if buffer.is_empty() { Ok(()) } else { stored.read(offset, buffer) }
        });
        self.buffer = scratch;
        got
    }

    /// The open file; it is opened if it is not.
    fn opened(&mut self, now: Time, file: FileId, chunks: Chunks) -> Result<&mut StoredReader, StoredError> {
        self.uses += 1;
        let used = (self.uses, now);
        if !self.open.contains_key(&file) {
            let stored = StoredReader::open(&self.folder, file, chunks)?;
            self.make_room(stored.manifest().as_bytes().len());
            self.open.insert(file, Opened { stored, used });
        }
        let opened = self.open.get_mut(&file).ok_or(StoredError::Missing)?;
        opened.used = used;
        Ok(&mut opened.stored)
    }

    /// Closes those that were not used longest, until one more with that many bytes of manifest has room.
    fn make_room(&mut self, bytes: usize) {
        let len = |opened: &Opened| opened.stored.manifest().as_bytes().len();
        while self.open.len() >= limits::OPEN_FILES
            || self.open.values().map(len).sum::<usize>() + bytes > limits::STORED_MANIFESTS
        {
            let Some(oldest) = self.open.iter().min_by_key(|(_, o)| o.used.0).map(|(id, _)| *id) else {
                return;
            };
            self.open.remove(&oldest);
        }
    }

    fn close_after(&mut self, file: FileId, e: &StoredError) {
        if e.is_want_of_descriptors() {
            self.open.clear();
        } else if !matches!(e, StoredError::Rotten) {
            // The rest of a file of which one chunk is wrong may be well, and stays open.
            self.open.remove(&file);
        }
    }

    /// Closes those that nobody asked for in a while: what is opened again is checked again.
    pub(super) fn tidy(&mut self, now: Time) {
        self.open.retain(|_, opened| now.since(opened.used.1) < limits::LINGER);
    }

    /// When [`Self::tidy`] may find something.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.open.values().map(|opened| opened.used.1 + limits::LINGER).min()
    }
}
