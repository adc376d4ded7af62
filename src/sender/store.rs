//! What the sender gives out of the chunk store: chunks of other owners' files. Part of the sender; the files
//! are opened and read by store_files.rs.
//!
//! Nothing is opened before it is asked for. Files whose owners are not to be given to anybody
//! ([`SenderCommand::Open`](crate::sender::SenderCommand)) are there for these owners only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use super::blocks::within;
use super::store_files::StoreFiles;
use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, FileId, Manifest, Span};
use crate::disk::StoredError;
use crate::identity::PeerId;
use crate::sender::limits;
use crate::sender::{SenderEvent, StoredFile};
use crate::time::Time;
use crate::wire::message::{Item, Reason};

/// The chunk store, as far as others may have it.
#[derive(Debug)]
pub(super) struct Store {
    files: BTreeMap<FileId, StoreEntry>,
    /// Owners whose files anybody may have.
    owners: Arc<BTreeSet<PeerId>>,
    open: StoreFiles,
    /// Rises with each change of what is there, or for whom.
    version: u64,
    /// What the controller is to hear.
    events: VecDeque<SenderEvent>,
}

/// What is there of a file, by the word of whoever put it there.
#[derive(Debug)]
struct StoreEntry {
    chunks: Chunks,
    spans: Box<[Span]>,
    owners: Box<[PeerId]>,
    /// Chunks that were found to be wrong.
    rotten: BTreeSet<u32>,
    /// Nothing of it could be had.
    missing: bool,
}

impl StoreEntry {
    fn has(&self, chunk: ChunkIndex) -> bool {
        let n = chunk.get();
        let named = self.spans.iter().any(|s| s.from <= n && n < s.to);
        named && chunk.at() < self.chunks.count() as usize && !self.missing && !self.rotten.contains(&n)
    }

    /// Why a chunk that is not given is not.
    fn refusal(&self, chunk: ChunkIndex) -> Reason {
        let spoilt = self.missing || self.rotten.contains(&chunk.get());
        if spoilt { Reason::Changed } else { Reason::Unknown }
    }
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            owners: Arc::default(),
            open: StoreFiles::new(),
            version: 0,
            events: VecDeque::new(),
        }
    }

    /// Where it lies.
    pub(super) fn set_folder(&mut self, folder: PathBuf) {
        self.open.set_folder(folder);
    }

    /// Owners whose files anybody may have from now on.
    pub(super) fn set_owners(&mut self, owners: BTreeSet<PeerId>) {
        self.version += 1;
        self.owners = Arc::new(owners);
    }

    /// Owners whose files anybody may have now.
    pub(super) const fn owners(&self) -> &Arc<BTreeSet<PeerId>> {
        &self.owners
    }

    /// This is there of a file from now on; `None`: nothing.
    pub(super) fn set(&mut self, id: FileId, file: Option<StoredFile>) {
        self.version += 1;
        let Some(file) = file else {
            self.files.remove(&id);
            self.open.close(id);
            return;
        };
        // Whoever has not all of a larger one cannot say what it has.
        let Some(chunks) = Chunks::of(file.size).filter(|c| c.count() <= limits::MAP_CHUNKS) else {
            log::warn!("{id:?} is too large to be given out of the store");
            return;
        };
        let (spans, owners) = (file.spans.into(), file.owners.into());
        let entry = StoreEntry { chunks, spans, owners, rotten: BTreeSet::new(), missing: false };
        let before = self.files.insert(id, entry);
        if before.is_some_and(|before| before.chunks != chunks) {
            self.open.close(id);
        }
    }

    /// As long as it is the same, so is what is there.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// True if `peer` may have files of this owner.
    pub(super) fn may_have(&self, peer: PeerId, owner: PeerId) -> bool {
        owner == peer || self.owners.contains(&owner)
    }

    /// The file, if `peer` may have it.
    fn seen_by(&self, peer: PeerId, file: FileId) -> Option<&StoreEntry> {
        let entry = self.files.get(&file)?;
        entry.owners.iter().any(|owner| self.may_have(peer, *owner)).then_some(entry)
    }

    /// How the file is cut, if some of it is there for `peer`.
    pub(super) fn chunks(&self, peer: PeerId, file: FileId) -> Option<Chunks> {
        Some(self.seen_by(peer, file)?.chunks)
    }

    /// True if this chunk is there for `peer`.
    pub(super) fn has(&self, peer: PeerId, file: FileId, chunk: ChunkIndex) -> bool {
        self.seen_by(peer, file).is_some_and(|entry| entry.has(chunk))
    }

    /// The chunks that are there for `peer`, so far as that is known without reading them.
    pub(super) fn have(&self, peer: PeerId, file: FileId) -> Option<Bits> {
        let entry = self.seen_by(peer, file)?;
        let mut bits = Bits::none(entry.chunks);
        for span in &entry.spans {
            let named = (span.from..span.to.min(entry.chunks.count())).filter_map(|n| entry.chunks.index(n));
            for chunk in named.filter(|c| entry.has(*c)) {
                bits.insert(chunk);
            }
        }
        Some(bits)
    }

    /// What proves the file.
    pub(super) fn manifest(
        &mut self,
        now: Time,
        peer: PeerId,
        file: FileId,
    ) -> Result<Arc<Manifest>, Reason> {
        let entry = self.seen_by(peer, file).ok_or(Reason::Unknown)?;
        if entry.missing {
            return Err(Reason::Changed);
        }
        let chunks = entry.chunks;
        self.open.manifest(now, file, chunks).map_err(|e| self.trouble(file, None, &e))
    }

    /// Makes sure that a chunk is what it was.
    pub(super) fn prove(
        &mut self,
        now: Time,
        peer: PeerId,
        file: FileId,
        chunk: ChunkIndex,
    ) -> Result<(), Reason> {
        self.get(now, peer, file, chunk, 0, &mut [])
    }

    /// Fills the beginning of `buffer` with bytes of the item, as far as they lie in one chunk. Returns how
    /// many these are, and the size of the file.
    pub(super) fn fill(
        &mut self,
        now: Time,
        peer: PeerId,
        item: Item,
        buffer: &mut [u8],
    ) -> Result<(usize, u64), Reason> {
        let chunks = self.chunks(peer, item.file).ok_or(Reason::Unknown)?;
        let len = within(chunks, item)?.min(buffer.len());
        let Some(chunk) = chunks.at_offset(item.offset) else { return Ok((0, chunks.size())) };
        let left = chunks.range(chunk).end - item.offset;
        let len = usize::try_from(left).map_or(len, |left| len.min(left));
        self.get(now, peer, item.file, chunk, item.offset, &mut buffer[..len])?;
        Ok((len, chunks.size()))
    }

    /// Proves a chunk, and fills `buffer` with bytes of it.
    fn get(
        &mut self,
        now: Time,
        peer: PeerId,
        file: FileId,
        chunk: ChunkIndex,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), Reason> {
        let entry = self.seen_by(peer, file).ok_or(Reason::Unknown)?;
        if !entry.has(chunk) {
            return Err(entry.refusal(chunk));
        }
        let chunks = entry.chunks;
        let got = self.open.read(now, file, chunks, chunk, offset, buffer);
        got.map_err(|e| self.trouble(file, Some(chunk), &e))
    }

    /// The reason that whoever asked gets for an error; the event for the controller is noted.
    fn trouble(&mut self, file: FileId, chunk: Option<ChunkIndex>, e: &StoredError) -> Reason {
        log::debug!("{file:?} of the store cannot be given: {e}");
        if e.is_want_of_descriptors() {
            log::warn!("no file descriptor is left: what is kept for others is served a little later");
            return Reason::Busy;
        }
        let Some(entry) = self.files.get_mut(&file) else { return Reason::Unknown };
        self.version += 1;
        match (e, chunk) {
            (StoredError::Rotten, Some(chunk)) => {
                if entry.rotten.insert(chunk.get()) {
                    self.events.push_back(SenderEvent::Rotten(file, chunk));
                }
                Reason::Changed
            }
            (StoredError::Missing, _) => {
                entry.missing = true;
                self.events.push_back(SenderEvent::Missing(file));
                Reason::Changed
            }
            // Somebody writes to it, who may soon be done.
            (StoredError::Changed, _) => Reason::Busy,
            _ => Reason::Changed,
        }
    }

    /// What the controller is to hear next.
    pub(super) fn next_event(&mut self) -> Option<SenderEvent> {
        self.events.pop_front()
    }

    /// Closes those that nobody asked for in a while.
    pub(super) fn tidy(&mut self, now: Time) {
        self.open.tidy(now);
    }

    /// When [`Self::tidy`] may find something.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.open.poll_timeout()
    }
}
