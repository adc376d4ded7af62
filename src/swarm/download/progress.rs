//! Which chunks of a file are there, and whose bytes come for the others. Pure; part of swarm/mod.rs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chunk, Range};
use crate::content::{ChunkIndex, Chunks, Span};
use crate::identity::PeerId;

/// How often a chunk of which nothing comes is taken from one source and asked of another.
const TAKEN: u8 = 2;

/// A chunk on its way.
#[derive(Debug)]
struct OpenChunk {
    /// Who was asked for it; `None`: it waits for another source.
    source: Option<PeerId>,
    /// The first one that was asked.
    first: PeerId,
    /// More than one was asked, so nobody can be blamed for it.
    mixed: bool,
    /// The connection that it was asked on.
    lane: u8,
    /// All connections that it was asked on, `lane` and those on which it was asked again, as a set of bits.
    lanes: u8,
    /// Bytes from its beginning that were asked for.
    asked: u64,
    /// Bytes from its beginning that came.
    got: u64,
    /// How often it was taken from a source since a byte of it came.
    taken: u8,
}

/// What a check of the disk workers changed.
#[derive(Debug)]
pub(super) enum CheckedChunk {
    /// The chunk is there now.
    There,
    /// It is missing, though it was taken for there if `was_there`; `blame` alone gave it.
    Wrong { was_there: bool, blame: Option<PeerId> },
}

/// The chunks of one file.
#[derive(Debug)]
pub(in crate::swarm) struct FileProgress {
    chunks: Chunks,
    /// The chunks that are wanted.
    wanted: Span,
    states: Box<[Chunk]>,
    there: u32,
    /// Where it begins, and how many chunks from there on (round the end) are not missing.
    begin: u32,
    cursor: u32,
    open: BTreeMap<ChunkIndex, OpenChunk>,
    /// Chunks with the disk workers, and who alone gave them.
    checking: BTreeMap<ChunkIndex, Option<PeerId>>,
    /// Chunks that came wrong. They stay with one source, so that it is known whom to blame.
    doubtful: BTreeSet<ChunkIndex>,
}

impl FileProgress {
    /// Nothing is known of the chunks yet. `shuffle_key` chooses where to begin.
    pub(super) fn new(chunks: Chunks, wanted: Span, shuffle_key: u64) -> Self {
        Self {
            chunks,
            wanted,
            states: Box::default(),
            there: 0,
            begin: u32::try_from(shuffle_key % u64::from(chunks.count())).unwrap_or(0),
            cursor: 0,
            open: BTreeMap::new(),
            checking: BTreeMap::new(),
            doubtful: BTreeSet::new(),
        }
    }

    /// Bytes that are wanted.
    pub(super) fn size(&self) -> u64 {
        self.wanted.bytes(self.chunks.size())
    }

    /// The disk workers say what is there: the bytes of what of it is wanted.
    pub(super) fn opened(&mut self, there: &[ChunkIndex]) -> u64 {
        let wanted = self.wanted.from..self.wanted.to;
        let state = |n| if wanted.contains(&n) { Chunk::Missing } else { Chunk::Unwanted };
        self.states = (0..self.chunks.count()).map(state).collect();
        let mut bytes = 0;
        for &chunk in there {
            if let Some(state @ Chunk::Missing) = self.states.get_mut(chunk.at()) {
                *state = Chunk::There;
                self.there += 1;
                bytes += self.chunks.len_of(chunk);
            }
        }
        bytes
    }

    /// True if all that is wanted is there.
    pub(super) const fn is_complete(&self) -> bool {
        self.there == self.wanted.len()
    }

    /// True if bytes of chunks can be asked for.
    pub(super) fn wants_bytes(&self) -> bool {
        let begun = self.there as usize + self.open.len() + self.checking.len();
        begun < self.wanted.len() as usize
            || self.open.iter().any(|(c, o)| o.source.is_none() || o.asked < self.chunks.len_of(*c))
    }

    /// How far each chunk is; nothing before the disk workers said what is there.
    pub(in crate::swarm) const fn states(&self) -> &[Chunk] {
        &self.states
    }

    /// How far a chunk is.
    pub(in crate::swarm) fn state(&self, chunk: ChunkIndex) -> Option<Chunk> {
        self.states.get(chunk.at()).copied()
    }

    /// The chunk that `peer` was asked a part of over `lane`.
    pub(super) fn begun_with(&self, peer: PeerId, lane: u8) -> Option<ChunkIndex> {
        let mine = |(&chunk, o): (&ChunkIndex, &OpenChunk)| {
            let here = o.source == Some(peer) && o.lane == lane;
            (here && o.asked < self.chunks.len_of(chunk)).then_some(chunk)
        };
        self.open.iter().find_map(mine)
    }

    /// A chunk that lost its source and that `peer` `gives`: it goes on with `peer`, over `lane`.
    pub(super) fn adopt(
        &mut self,
        peer: PeerId,
        lane: u8,
        gives: impl Fn(ChunkIndex) -> bool,
    ) -> Option<ChunkIndex> {
        let (&chunk, open) = self.open.iter_mut().find(|(c, o)| o.source.is_none() && gives(**c))?;
        open.source = Some(peer);
        open.lane = lane;
        open.lanes = 1 << lane;
        open.mixed |= open.first != peer;
        open.asked = open.got;
        Some(chunk)
    }

    /// The last chunk, or the next one from the place where this downloader begins.
    pub(super) fn next_missing(&mut self) -> Option<ChunkIndex> {
        let (last, count) = (self.chunks.last(), self.chunks.count());
        if self.states[last.at()] == Chunk::Missing {
            return Some(last);
        }
        while self.cursor < count {
            let n = (u64::from(self.begin) + u64::from(self.cursor)) % u64::from(count);
            let chunk = self.chunks.index(u32::try_from(n).ok()?)?;
            if self.states[chunk.at()] == Chunk::Missing {
                return Some(chunk);
            }
            self.cursor += 1;
        }
        None
    }

    /// `chunk`, which was missing, is fetched from `peer`, who was asked for its first `asked` bytes.
    pub(in crate::swarm) fn open(&mut self, peer: PeerId, chunk: ChunkIndex, lane: u8, asked: u64) {
        self.states[chunk.at()] = Chunk::Open;
        let (source, lanes) = (Some(peer), 1 << lane);
        let open = OpenChunk { source, first: peer, mixed: false, lane, lanes, asked, got: 0, taken: 0 };
        self.open.insert(chunk, open);
    }

    /// The next bytes of an open chunk, at most `most`; they count as asked for over `lane`.
    pub(super) fn ask(&mut self, chunk: ChunkIndex, lane: u8, most: u64) -> Option<Range> {
        let len = self.chunks.len_of(chunk);
        let open = self.open.get_mut(&chunk)?;
        let range = Range { chunk, offset: open.asked, len: most.min(len - open.asked), lane };
        open.asked += range.len;
        Some(range)
    }

    /// The chunk with most bytes left that a source other than `peer` owes, of those that `peer` `gives` and
    /// `late` says are worth it, given the bytes left: who owes it.
    pub(super) fn latest(
        &self,
        peer: PeerId,
        gives: impl Fn(ChunkIndex) -> bool,
        late: impl Fn(PeerId, u64) -> bool,
    ) -> Option<(ChunkIndex, PeerId)> {
        let left = |chunk: ChunkIndex, open: &OpenChunk| self.chunks.len_of(chunk) - open.got;
        // Were all of them silent, a chunk would go round for ever, and nobody would be given up.
        let movable =
            self.open.iter().filter(|(c, o)| o.taken < TAKEN && !self.doubtful.contains(c) && gives(**c));
        let owed = movable.filter_map(|(&c, o)| Some((c, o.source?, left(c, o))));
        let late = owed.filter(|&(_, source, left)| source != peer && late(source, left));
        late.max_by_key(|&(_, _, left)| left).map(|(chunk, source, _)| (chunk, source))
    }

    /// `chunk` is taken from its source: whoever is asked next goes on behind what came.
    pub(in crate::swarm) fn take_from(&mut self, chunk: ChunkIndex) {
        if let Some(open) = self.open.get_mut(&chunk) {
            open.source = None;
            open.taken += 1;
        }
    }

    /// Who alone gave all bytes of a chunk that is being checked.
    pub(in crate::swarm) fn giver(&self, chunk: ChunkIndex) -> Option<PeerId> {
        self.checking.get(&chunk).copied().flatten()
    }

    /// Bytes that `peer` was asked for on connections which are all `late`, to be asked for again over
    /// `lane`: whatever comes first counts.
    pub(in crate::swarm) fn late_range(&mut self, peer: PeerId, late: u8, lane: u8) -> Option<Range> {
        let is_late = |o: &OpenChunk| o.source == Some(peer) && o.asked > o.got && o.lanes & !late == 0;
        let (&chunk, open) = self.open.iter_mut().find(|(_, o)| is_late(o))?;
        open.lanes |= 1 << lane;
        Some(Range { chunk, offset: open.got, len: open.asked - open.got, lane })
    }

    /// True if the bytes at `offset` of `chunk` are the next ones that `peer` owes, `None` if it owes
    /// nothing of that chunk (any more), or they came over another connection to it before.
    pub(in crate::swarm) fn expects(&self, peer: PeerId, chunk: ChunkIndex, offset: u64) -> Option<bool> {
        let open = self.open.get(&chunk).filter(|o| o.source == Some(peer))?;
        let again = open.lanes.count_ones() > 1;
        (!again || offset >= open.got).then_some(open.got == offset)
    }

    /// The next `len` bytes of a chunk go to the disk workers; `None`: it is not open. True: it is complete,
    /// and was asked for again over another connection, where what is left is not wanted any more.
    pub(super) fn came(&mut self, chunk: ChunkIndex, len: u64) -> Option<bool> {
        let open = self.open.get_mut(&chunk)?;
        open.got += len;
        open.taken = 0;
        let (complete, again) = (open.got >= self.chunks.len_of(chunk), open.lanes.count_ones() > 1);
        if complete {
            let blame = (!open.mixed).then_some(open.first);
            self.open.remove(&chunk);
            self.check(chunk, blame);
        }
        Some(complete && again)
    }

    /// All bytes of a chunk are with the disk workers.
    pub(in crate::swarm) fn check(&mut self, chunk: ChunkIndex, blame: Option<PeerId>) {
        self.states[chunk.at()] = Chunk::Checking;
        self.checking.insert(chunk, blame);
    }

    /// The disk workers checked a chunk. `None`: that changes nothing.
    pub(super) fn checked(&mut self, chunk: ChunkIndex, good: bool) -> Option<CheckedChunk> {
        let state = self.state(chunk)?;
        let blame = self.checking.remove(&chunk).flatten();
        match (state, good) {
            (Chunk::Missing | Chunk::Open | Chunk::Checking, true) => {
                self.open.remove(&chunk);
                self.doubtful.remove(&chunk);
                self.states[chunk.at()] = Chunk::There;
                self.there += 1;
                Some(CheckedChunk::There)
            }
            (Chunk::Checking | Chunk::There, false) => {
                let was_there = state == Chunk::There;
                if was_there {
                    self.there -= 1;
                }
                self.doubtful.insert(chunk);
                self.states[chunk.at()] = Chunk::Missing;
                let steps = (chunk.get() + self.chunks.count() - self.begin) % self.chunks.count();
                self.cursor = self.cursor.min(steps);
                Some(CheckedChunk::Wrong { was_there, blame })
            }
            _ => None,
        }
    }

    /// What `peer` owed is asked of others.
    pub(super) fn release(&mut self, peer: PeerId) {
        for open in self.open.values_mut().filter(|o| o.source == Some(peer)) {
            open.source = None;
        }
    }
}
