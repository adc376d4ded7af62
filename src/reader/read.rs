//! One file that is read: what of it is asked of whom next, what came, and what is given. Pure; part of
//! reader/mod.rs.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use super::cells::{SliceCell, SliceWindow};
use super::givers::Giver;
use super::{ReadId, ReadOrder};
use crate::content::manifest::{ChunkHasher, ChunkProof, VALUE};
use crate::content::slice::{self, SLICE};
use crate::content::{ChunkIndex, Chunks, Claim, FileId, Manifest};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::reader::limits;
use crate::time::Time;

/// Why a peer does not give a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReadRefusal {
    Unknown,
    Wrong,
    Changed,
}

/// What a peer has of a file.
#[derive(Debug, Default)]
pub(super) struct ReadHolder {
    /// It has all of it; or else some, and refuses the rest.
    pub(super) has_all: bool,
    /// It is not asked any more.
    pub(super) out: Option<ReadRefusal>,
    /// Chunks that it refused.
    lacks: BTreeSet<u32>,
    /// Wrong bytes that it sent.
    wrong: u8,
}

/// Slices that are to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlicesToAsk {
    pub(super) first: u64,
    pub(super) count: u64,
    /// As bytes of whole chunks.
    pub(super) by_chunk: bool,
    /// With paths up to the file id.
    pub(super) to_file: bool,
}

/// What proves chunks.
#[derive(Debug, Default)]
struct ReadManifest {
    proved: Option<Manifest>,
    values: Vec<u8>,
    is_asked: bool,
    /// However little is read.
    is_needed: bool,
}

/// What a block, slice or page is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CameAs {
    /// It is right, or is not known to be wrong.
    Fine,
    /// It is wrong.
    Wrong,
    /// Something in a chunk is wrong that several gave.
    WrongOfSeveral,
}

/// A chunk that is asked for as a whole. It is hashed as it comes, while its bytes are in the processor's caches.
#[derive(Debug)]
struct WholeChunk {
    /// Who gave some of it.
    givers: BTreeSet<PeerId>,
    hasher: ChunkHasher,
    /// The slice that is hashed next.
    next: u64,
    end: u64,
}

impl WholeChunk {
    fn new(chunks: Chunks, chunk: ChunkIndex) -> Self {
        let Range { start, end } = slice::of_chunk(chunks, chunk);
        Self { givers: BTreeSet::new(), hasher: ChunkHasher::new(chunks, chunk), next: start, end }
    }

    /// Hashes what is there. Its proof, once all of it came.
    fn hash_on(&mut self, cells: &SliceWindow) -> Option<ChunkProof> {
        while self.next < self.end {
            let SliceCell::Came(bytes) = cells.get(self.next)? else { return None };
            self.hasher.update(bytes);
            self.next += 1;
        }
        self.hasher.finish()
    }
}

/// One file that is read.
#[derive(Debug)]
pub(super) struct FileRead {
    id: ReadId,
    file: FileId,
    chunks: Chunks,
    range: Range<u64>,
    cells: SliceWindow,
    /// Chunks that are asked for as a whole.
    by_chunk: BTreeMap<ChunkIndex, WholeChunk>,
    /// Chunks of which several gave something wrong: by slices it comes out who.
    by_slices: BTreeSet<ChunkIndex>,
    manifest: ReadManifest,
    pub(super) holders: BTreeMap<PeerId, ReadHolder>,
    /// Pieces that were given and are not taken.
    pub(super) waiting: usize,
    given: u64,
    /// When something came last, or nothing was missing.
    pub(super) moved: Time,
}

impl FileRead {
    /// Of which nothing is asked yet.
    ///
    /// # Errors
    /// There is no such file.
    pub(super) fn new(now: Time, order: ReadOrder) -> Result<Self, Failure> {
        let ReadOrder { id, claim: (file, size), range, holders, some } = order;
        let chunks =
            Chunks::of(size).ok_or_else(|| Failure::other("the file is larger than a file can be"))?;
        if size == 0 && file != FileId::from(blake3::hash(&[])) {
            return Err(Failure::new(Code::NoHolder, "what those gave who have it was wrong"));
        }
        let range = range.start.min(size)..range.end.min(size);
        let is_empty = range.is_empty();
        let (base, end) = (range.start / SLICE, if is_empty { 0 } else { range.end.div_ceil(SLICE) });
        let mut read = Self {
            id,
            file,
            chunks,
            range,
            cells: SliceWindow::new(chunks, base, end),
            by_chunk: BTreeMap::new(),
            by_slices: BTreeSet::new(),
            manifest: ReadManifest::default(),
            holders: BTreeMap::new(),
            waiting: 0,
            given: 0,
            moved: now,
        };
        read.add_holders(&holders, true);
        read.add_holders(&some, false);
        Ok(read)
    }

    pub(super) const fn id(&self) -> ReadId {
        self.id
    }

    /// What is read.
    pub(super) const fn claim(&self) -> Claim {
        (self.file, self.chunks.size())
    }

    pub(super) const fn chunks(&self) -> Chunks {
        self.chunks
    }

    pub(super) const fn is_over(&self) -> bool {
        self.cells.is_over()
    }

    pub(super) const fn left(&self) -> u64 {
        self.cells.left()
    }

    /// Peers that have all of it, or some.
    pub(super) fn add_holders(&mut self, peers: &[PeerId], has_all: bool) {
        for &peer in peers {
            if self.holders.len() < limits::READ_HOLDERS || self.holders.contains_key(&peer) {
                let holder = self.holders.entry(peer).or_default();
                holder.has_all |= has_all;
                // It says so once more.
                holder.out = holder.out.filter(|why| !has_all || *why != ReadRefusal::Unknown);
            }
        }
    }

    /// True if nobody gives it any more. Whoever says that it has all of it and gives nothing may have been started
    /// again, and says so once more when it has read its files.
    pub(super) fn is_hopeless(&self) -> bool {
        let may_give =
            |holder: &ReadHolder| holder.out.is_none_or(|why| holder.has_all && why == ReadRefusal::Unknown);
        !self.holders.values().any(may_give)
    }

    /// Has a window of so many bytes.
    pub(super) fn extend(&mut self, window: u64) {
        self.cells.extend(window);
    }

    /// Those who may give what is to be asked for first: nobody if that is nothing.
    pub(super) fn givers_of_next(&self) -> impl Iterator<Item = PeerId> {
        let next = self.cells.first_free().map(|slice| self.chunk_of(slice).get());
        let may_give = move |holder: &ReadHolder| {
            holder.out.is_none() && next.is_some_and(|chunk| !holder.lacks.contains(&chunk))
        };
        self.holders.iter().filter(move |(_, holder)| may_give(holder)).map(|(peer, _)| *peer)
    }

    /// True if somebody may give it.
    pub(super) fn candidates(&self) -> impl Iterator<Item = PeerId> {
        self.holders.iter().filter(|(_, holder)| holder.out.is_none()).map(|(peer, _)| *peer)
    }

    /// The page of the manifest that is to be asked for.
    pub(super) fn next_page(&self, peer: PeerId) -> Option<u32> {
        let ReadManifest { proved, values, is_asked, is_needed } = &self.manifest;
        let may_give = self.holders.get(&peer).is_some_and(|holder| holder.out.is_none());
        let is_wanted = !self.chunks.is_single() && (*is_needed || self.left() > limits::WORTH_MANIFEST);
        (may_give && is_wanted && proved.is_none() && !is_asked)
            .then(|| u32::try_from(values.len() / limits::PAGE).unwrap_or(u32::MAX))
    }

    /// A page of the manifest is asked for, or what was asked for does not come.
    pub(super) const fn page_asked(&mut self, is_asked: bool) {
        self.manifest.is_asked = is_asked;
    }

    /// A page of the manifest came.
    pub(super) fn page_came(&mut self, page: &[u8]) -> CameAs {
        let manifest = &mut self.manifest;
        manifest.is_asked = false;
        let all = self.chunks.count() as usize * VALUE;
        let wanted = all.saturating_sub(manifest.values.len()).min(limits::PAGE);
        if page.len() != wanted {
            manifest.values = Vec::new();
            return CameAs::Wrong;
        }
        manifest.values.extend_from_slice(page);
        if manifest.values.len() < all {
            return CameAs::Fine;
        }
        let values = std::mem::take(&mut manifest.values);
        match Manifest::prove(self.file, self.chunks.size(), &values) {
            Ok(proved) => {
                manifest.proved = Some(proved);
                CameAs::Fine
            }
            Err(_) => CameAs::Wrong,
        }
    }

    /// Up to `room` bytes that `peer` can be asked for next.
    pub(super) fn next_ask(&mut self, peer: PeerId, giver: &Giver, room: u64) -> Option<SlicesToAsk> {
        if self.holders.get(&peer)?.out.is_some() {
            return None;
        }
        let end = self.cells.window_end();
        let mut first = self.cells.base();
        let by_chunk = loop {
            if first >= end {
                return None;
            }
            if !self.cells.is_free(first) {
                first += 1;
                continue;
            }
            if let Some(by_chunk) = self.way(peer, giver, first) {
                break by_chunk;
            }
            // That holds for all of its chunk.
            first = slice::of_chunk(self.chunks, self.chunk_of(first)).end;
        };
        let most = (room.min(limits::READ_REQUEST) / SLICE).max(1);
        let mut count = 1;
        while count < most
            && self.cells.is_free(first + count)
            && self.way(peer, giver, first + count) == Some(by_chunk)
        {
            count += 1;
        }
        let to_file = self.manifest.proved.is_none() && !self.chunks.is_single();
        Some(SlicesToAsk { first, count, by_chunk, to_file })
    }

    /// How a slice is asked of this peer: with its whole chunk, or alone; `None`: not now, or not at all.
    fn way(&mut self, peer: PeerId, giver: &Giver, slice: u64) -> Option<bool> {
        let chunk = self.chunk_of(slice);
        if self.holders.get(&peer)?.lacks.contains(&chunk.get()) {
            return None;
        }
        if self.by_chunk.contains_key(&chunk) {
            return Some(true);
        }
        let len = self.chunks.len_of(chunk);
        let is_short = len <= limits::CHUNK_AT_ONCE
            || giver.pacing.rate().is_some() && giver.pacing.time_for(len) <= limits::CHUNK_TIME;
        let is_provable = self.manifest.proved.is_some() || self.chunks.is_single();
        if (is_short || giver.lacks_slices) && is_provable && !self.by_slices.contains(&chunk) {
            if self.cells.are_all(chunk, |cell| matches!(cell, SliceCell::Free)) {
                self.by_chunk.insert(chunk, WholeChunk::new(self.chunks, chunk));
                return Some(true);
            }
            if self.cells.comes_whole(chunk) {
                return None;
            }
        }
        (!giver.lacks_slices).then_some(false)
    }

    /// Who does not know slices gives whole chunks alone: as long as nothing was given, they are taken from the
    /// beginning of the first one to the end of the last one.
    pub(super) fn take_whole_chunks(&mut self) {
        self.manifest.is_needed = true;
        if self.given > 0 || self.cells.base() != self.range.start / SLICE {
            return;
        }
        let first = slice::of_chunk(self.chunks, self.chunk_of(self.cells.base())).start;
        let last =
            self.chunks.at_offset(self.range.end.saturating_sub(1)).unwrap_or_else(|| self.chunks.last());
        self.cells.widen(first, slice::of_chunk(self.chunks, last).end);
    }

    fn chunk_of(&self, slice: u64) -> ChunkIndex {
        self.chunks.at_offset(slice.saturating_mul(SLICE)).unwrap_or_else(|| self.chunks.last())
    }

    /// These slices are asked for with this request.
    pub(super) fn asked(&mut self, ask: SlicesToAsk, request: u64) {
        self.cells.ask(ask.first, ask.count, request);
    }

    /// What did not come of a request is to be asked for again.
    pub(super) fn release(&mut self, request: u64) {
        self.cells.release(request);
    }

    /// The first slice that was asked for and did not come, if `peer` may give it; and the request.
    pub(super) fn first_asked(&self, peer: PeerId) -> Option<u64> {
        let (slice, request) = self.cells.first_asked()?;
        let holder = self.holders.get(&peer)?;
        (holder.out.is_none() && !holder.lacks.contains(&self.chunk_of(slice).get())).then_some(request)
    }

    /// Bytes of a request came.
    pub(super) fn append(&mut self, request: u64, offset: u64, bytes: &[u8]) {
        self.cells.append(request, offset, bytes);
    }

    /// All bytes of a slice came.
    pub(super) fn slice_came(&mut self, request: u64, number: u64, path: &[u8], to_file: bool) -> CameAs {
        let Some(bytes) = self.cells.whole(request, number) else { return CameAs::Fine };
        let values = self.manifest.proved.as_ref().map(|manifest| manifest.as_bytes().as_chunks().0);
        let value = values.and_then(|values| values.get(self.chunk_of(number).at())).filter(|_| !to_file);
        if slice::verify(self.file, self.chunks, number, bytes, path, value).is_err() {
            // Where it was the last one of its request, nothing is left that would be taken back.
            self.cells.release(request);
            return CameAs::Wrong;
        }
        self.cells.came(number, true);
        CameAs::Fine
    }

    /// All bytes of a block came.
    pub(super) fn block_came(&mut self, peer: PeerId, request: u64, range: Range<u64>) -> CameAs {
        let mut worth = CameAs::Fine;
        for number in range.start / SLICE..range.end.div_ceil(SLICE) {
            if self.cells.whole(request, number).is_none() {
                continue;
            }
            self.cells.came(number, false);
            let chunk = self.chunk_of(number);
            let Some(whole) = self.by_chunk.get_mut(&chunk) else { continue };
            whole.givers.insert(peer);
            let Some(proof) = whole.hash_on(&self.cells) else { continue };
            let is_one = whole.givers.len() == 1;
            let is_right = match &self.manifest.proved {
                Some(manifest) => manifest.proves(chunk, &proof),
                None => proof == ChunkProof::Whole(self.file),
            };
            self.cells.settle(chunk, is_right);
            self.by_chunk.remove(&chunk);
            if !is_right && is_one {
                worth = CameAs::Wrong;
            } else if !is_right {
                self.by_slices.insert(chunk);
                worth = CameAs::WrongOfSeveral;
            }
        }
        worth
    }

    /// A peer refuses a slice.
    pub(super) fn refused(&mut self, peer: PeerId, slice: u64, why: ReadRefusal) {
        let chunk = self.chunk_of(slice).get();
        let Some(holder) = self.holders.get_mut(&peer) else { return };
        if holder.has_all || why != ReadRefusal::Unknown {
            holder.out = Some(why);
        } else {
            holder.lacks.insert(chunk);
        }
    }

    /// A peer gives no manifest: neither does it prove slices.
    pub(super) fn no_manifest(&mut self, peer: PeerId, why: ReadRefusal) {
        if let Some(holder) = self.holders.get_mut(&peer) {
            holder.out = Some(why);
        }
    }

    /// A peer gave something wrong. True if it is not asked any more.
    pub(super) fn blame(&mut self, peer: PeerId) -> bool {
        let Some(holder) = self.holders.get_mut(&peer) else { return true };
        holder.wrong = holder.wrong.saturating_add(1);
        if holder.wrong >= limits::READ_WRONG {
            holder.out = Some(ReadRefusal::Wrong);
        }
        holder.out.is_some()
    }

    /// True if the next bytes are there, and whoever reads did not take those before.
    pub(super) fn waits_for_reader(&self) -> bool {
        self.cells.is_ready()
    }

    /// The next bytes, if they are there.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        loop {
            let (slice, mut bytes) = self.cells.take()?;
            let chunk = self.chunk_of(slice);
            self.by_slices.retain(|other| *other >= chunk);
            let start = slice.saturating_mul(SLICE);
            let cut =
                |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
            let (from, to) = (cut(self.range.start), cut(self.range.end));
            if from < to {
                bytes.truncate(to);
                bytes.drain(..from);
                self.given += bytes.len() as u64;
                return Some(bytes);
            }
        }
    }

    /// Why nobody gives it.
    pub(super) fn why_not_given(&self) -> Failure {
        let is_any_left = self.candidates().next().is_some();
        let why = self.holders.values().filter_map(|holder| holder.out).max().filter(|_| !is_any_left);
        let why = match why {
            Some(ReadRefusal::Changed) => {
                "changed: its owner has something else there by now, and nobody has it as it was"
            }
            Some(ReadRefusal::Wrong) => "what those gave who have it was wrong",
            Some(ReadRefusal::Unknown) => "nobody who had it shares it any more",
            None => "no peer that has it could be reached or gives it (with the right bytes)",
        };
        self.failed(Code::NoHolder, why)
    }

    /// It ends for this reason. It is said how far it came.
    pub(super) fn failed(&self, code: Code, why: &str) -> Failure {
        if self.given == 0 {
            return Failure::new(code, why);
        }
        let (given, at) = (self.given, self.range.start + self.given);
        Failure::new(
            code,
            format!("{why}; {given} bytes were written, `--offset {at}` continues behind them"),
        )
    }
}
