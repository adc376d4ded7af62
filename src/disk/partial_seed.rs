//! A file that is being fetched, or was a while ago, as others may have it: the chunks that are there and
//! verified. The disk coordinator alone writes it; the sender reads it, by a descriptor of its own, so that
//! it needs no path and sees what is under the final name later, too.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::stamp::unchanged;
use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, FileId, Manifest, Stamp};
use crate::sys::facts::Facts;
use crate::sys::file::read_exact_at;

/// What is there of one file.
#[derive(Debug)]
pub(crate) struct PartialSeed {
    id: FileId,
    chunks: Chunks,
    file: File,
    manifest: OnceLock<Arc<Manifest>>,
    /// A bit for each chunk, as in [`Bits`].
    have: Box<[AtomicU64]>,
    /// What the file is like since it is complete and nobody here writes to it any more.
    stamp: OnceLock<Stamp>,
    /// It is not what it was.
    gone: AtomicBool,
}

impl PartialSeed {
    /// Nothing of the file yet; `file` is open for reading.
    pub(crate) fn new(id: FileId, chunks: Chunks, file: File) -> Self {
        let words = (chunks.count() as usize).div_ceil(64);
        Self {
            id,
            chunks,
            file,
            manifest: OnceLock::new(),
            have: (0..words).map(|_| AtomicU64::new(0)).collect(),
            stamp: OnceLock::new(),
            gone: AtomicBool::new(false),
        }
    }

    /// Its content.
    #[must_use]
    pub(crate) const fn id(&self) -> FileId {
        self.id
    }

    /// How it is cut.
    #[must_use]
    pub(crate) const fn chunks(&self) -> Chunks {
        self.chunks
    }

    /// What proves its chunks, once that is known.
    #[must_use]
    pub(crate) fn manifest(&self) -> Option<&Arc<Manifest>> {
        self.manifest.get()
    }

    /// True if this chunk is there.
    #[must_use]
    pub(crate) fn has(&self, chunk: ChunkIndex) -> bool {
        let word = self.have.get(chunk.at() / 64).map_or(0, |w| w.load(Ordering::Acquire));
        word >> (chunk.at() % 64) & 1 == 1 && !self.is_gone()
    }

    /// True if all bytes of the `len` at `offset` are there.
    #[must_use]
    pub(crate) fn has_all(&self, offset: u64, len: u64) -> bool {
        let end = offset.checked_add(len);
        end.is_some_and(|end| end <= self.chunks.size())
            && self.chunks.touched(offset, len).all(|chunk| self.has(chunk))
    }

    /// The chunks that are there now.
    #[must_use]
    pub(crate) fn have(&self) -> Bits {
        let mut bits = Bits::none(self.chunks);
        for chunk in self.chunks.iter().filter(|c| self.has(*c)) {
            bits.insert(chunk);
        }
        bits
    }

    /// True if nothing of it can be had any more.
    #[must_use]
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// True once all of it is there under its final name.
    #[must_use]
    pub(crate) fn is_complete(&self) -> bool {
        self.stamp.get().is_some()
    }

    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// What the operating system says, [`io::ErrorKind::InvalidData`] if the file was changed since it was
    /// complete. Either way it is [gone](Self::is_gone) then.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let read = read_exact_at(&self.file, buffer, offset).and_then(|()| match self.stamp.get() {
            // Looked at after the reading: what was read before a change must not be given out.
            Some(stamp) if !unchanged(&self.file, stamp)? => Err(io::ErrorKind::InvalidData.into()),
            _ => Ok(()),
        });
        if read.is_err() {
            self.end();
        }
        read
    }

    /// The manifest is proved.
    pub(super) fn prove(&self, manifest: &Arc<Manifest>) {
        // It is the same one whenever it comes: it proves itself.
        drop(self.manifest.set(Arc::clone(manifest)));
    }

    /// A chunk is there and verified, or not any more.
    pub(super) fn set(&self, chunk: ChunkIndex, there: bool) {
        let Some(word) = self.have.get(chunk.at() / 64) else { return };
        let bit = 1 << (chunk.at() % 64);
        if there {
            word.fetch_or(bit, Ordering::AcqRel);
        } else {
            word.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// It is under its final name, where its user may do with it what they want.
    pub(super) fn complete(&self) {
        match Facts::of(&self.file) {
            Ok(facts) => drop(self.stamp.set(Stamp::of(&facts))),
            Err(_) => self.end(),
        }
    }

    /// Nothing of it is given out any more.
    pub(crate) fn end(&self) {
        self.gone.store(true, Ordering::Release);
    }
}
