//! One file that is being fetched: which of its chunks are there, which bytes to ask of whom next. Pure.
//!
//! A chunk is missing, open (being fetched, of one source at a time), checking (all its bytes are with
//! the disk workers) or there; or, of a file of which a part is kept only, unwanted. Bytes of an open chunk come in order and each is written once: when its
//! source is lost, or is so slow that another one is done with everything else, that one goes on behind
//! what came.
//!
//! Several sources fetch different chunks at once; who is faster is asked for more (pacing.rs). The order
//! is: chunks that lost their source, the last chunk (it alone proves the size), then one after the other
//! from a place that each downloader chooses for itself, so that those who begin together have different
//! ones. What changes when others fetch the same file is in crowd.rs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::members::{Crowd, can_be_told};
use crate::content::manifest::VALUE;
use crate::content::{ChunkIndex, Chunks, Claim, FileId, Manifest, SafePath, Span};
use crate::disk::FileToken;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::swarm::{JobId, Wanted};
use crate::time::Time;

/// How often a chunk of which nothing comes is taken from one source and asked of another.
const TAKEN: u8 = 2;

/// While nobody else has anything of it, one who had nothing is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    Missing,
    Open,
    Checking,
    There,
    /// Nobody asked for it: whatever is said of it changes nothing.
    Unwanted,
}

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
    /// The same and those that it was asked on again, as a set of bits.
    lanes: u8,
    /// Bytes from its beginning that were asked for.
    asked: u64,
    /// Bytes from its beginning that came.
    got: u64,
    /// How often it was taken from a source since a byte of it came.
    taken: u8,
}

/// What is known of the manifest.
#[derive(Debug)]
enum ManifestState {
    /// The file id is all the proof, or the manifest is there and proved.
    There,
    /// To be asked for.
    Missing,
    /// Asked of one source; the values so far.
    Asked(PeerId, Vec<u8>),
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DownloadPhase {
    /// The disk workers look what is there.
    Opening,
    /// Chunks are missing.
    Fetching,
    /// All chunks are there; the disk workers publish the file.
    Publishing,
}

/// Some bytes of one chunk, to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) chunk: ChunkIndex,
    /// Offset in the chunk.
    pub(super) offset: u64,
    pub(super) len: u64,
    /// The connection of the source to ask on: its bytes come in order there.
    pub(super) lane: u8,
}

/// What follows from a chunk's check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// Nothing to be said.
    Fine,
    /// All chunks are there.
    Complete,
    /// It was wrong, and this source alone gave it; how many wrong ones that makes.
    Wrong(PeerId, u8),
}

/// One file.
#[derive(Debug)]
pub(super) struct FileDownload {
    pub(super) token: FileToken,
    pub(super) job: JobId,
    pub(super) id: FileId,
    pub(super) to: SafePath,
    pub(super) chunks: Chunks,
    /// The chunks that are wanted.
    wanted: Span,
    /// It gives way to files of other jobs.
    pub(super) background: bool,
    pub(super) phase: DownloadPhase,
    /// Who is asked, at most [`limits::FILE_SOURCES`].
    pub(super) sources: BTreeSet<PeerId>,
    /// Who has all of it, as the controller says.
    pub(super) holders: BTreeSet<PeerId>,
    /// Who may have some of it.
    pub(super) crowd: Crowd,
    /// When it was begun, or the last holder of it proved to be none.
    pub(super) since: Time,
    /// When bytes of it came last.
    pub(super) moved: Time,
    /// Bytes verified.
    pub(super) done: u64,
    /// Some of them were fetched since this peer started.
    begun: bool,
    proof: ManifestState,
    pub(super) states: Box<[Chunk]>,
    there: u32,
    /// Where it begins, and how many chunks from there on (round the end) are not missing.
    begin: u32,
    cursor: u32,
    open: BTreeMap<ChunkIndex, OpenChunk>,
    /// Chunks with the disk workers, and who alone gave them.
    checking: BTreeMap<ChunkIndex, Option<PeerId>>,
    /// Chunks that came wrong. They stay with one source, so that it is known whom to blame.
    doubtful: BTreeSet<ChunkIndex>,
    /// Wrong chunks or manifests that each source gave.
    wrong: BTreeMap<PeerId, u8>,
    /// Holders that have nothing (good) for this file.
    useless: BTreeSet<PeerId>,
    /// When those said it last who fetch it too, or kept some of it, and have nothing of it now.
    denied: BTreeMap<PeerId, Time>,
    /// Holders that were too busy to give it whenever they were asked, since when.
    busy: BTreeMap<PeerId, Time>,
}

impl FileDownload {
    pub(super) fn new(
        now: Time,
        (token, job): (FileToken, JobId),
        (what, chunks): (Wanted, Chunks),
        background: bool,
        lot: u64,
    ) -> Self {
        let mut download = Self {
            token,
            job,
            id: what.id,
            to: what.to,
            chunks,
            wanted: what.keep.unwrap_or_else(|| Span { from: 0, to: chunks.count() }),
            background,
            phase: DownloadPhase::Opening,
            sources: BTreeSet::new(),
            holders: what.holders.into_iter().collect(),
            crowd: Crowd::new(lot),
            since: now,
            moved: now,
            done: 0,
            begun: false,
            proof: if chunks.is_single() { ManifestState::There } else { ManifestState::Missing },
            states: Box::default(),
            there: 0,
            begin: u32::try_from(lot % u64::from(chunks.count())).unwrap_or(0),
            cursor: 0,
            open: BTreeMap::new(),
            checking: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            wrong: BTreeMap::new(),
            useless: BTreeSet::new(),
            denied: BTreeMap::new(),
            busy: BTreeMap::new(),
        };
        if can_be_told(chunks) {
            download.add_crowd(&what.some);
        }
        download
    }

    /// Bytes that are wanted.
    pub(super) fn size(&self) -> u64 {
        self.wanted.bytes(self.chunks.size())
    }

    /// True if all that is wanted is there, and proved.
    pub(super) const fn is_whole(&self) -> bool {
        self.there == self.wanted.len() && self.is_proved()
    }

    /// What it is to be.
    pub(super) const fn claim(&self) -> Claim {
        (self.id, self.chunks.size())
    }

    /// The disk workers say what is there. True: everything. (Without what proves it, that is to be fetched
    /// first: they do not know it for what it is.)
    pub(super) fn opened(&mut self, there: &[ChunkIndex], manifest: Option<&Arc<Manifest>>) -> bool {
        self.phase = DownloadPhase::Fetching;
        let wanted = self.wanted.from..self.wanted.to;
        let state = |n| if wanted.contains(&n) { Chunk::Missing } else { Chunk::Unwanted };
        self.states = (0..self.chunks.count()).map(state).collect();
        if manifest.is_some_and(|m| m.file() == self.id && m.chunks() == self.chunks) {
            self.proof = ManifestState::There;
        }
        for &chunk in there {
            if let Some(state @ Chunk::Missing) = self.states.get_mut(chunk.at()) {
                *state = Chunk::There;
                self.there += 1;
                self.done += self.chunks.len_of(chunk);
            }
        }
        self.is_whole()
    }

    /// True if `peer` may be asked for it.
    pub(super) fn is_candidate(&self, peer: PeerId) -> bool {
        (self.holders.contains(&peer) || self.crowd.has(peer)) && !self.useless.contains(&peer)
    }

    /// All that may be asked for it.
    pub(super) fn candidates(&self) -> impl Iterator<Item = PeerId> {
        let some = self.crowd.peers().filter(|p| !self.holders.contains(p));
        self.holders.iter().copied().chain(some).filter(|p| !self.useless.contains(p))
    }

    /// True if `peer` may become (or is) a source of it now. Those that have all of it and those that have
    /// some are counted apart.
    pub(super) fn may_join(&self, peer: PeerId) -> bool {
        let all = self.holders.contains(&peer);
        let most = if all { limits::FILE_SOURCES } else { limits::NEIGHBOURS };
        let like = || self.sources.iter().filter(|p| self.holders.contains(p) == all);
        self.phase == DownloadPhase::Fetching
            && self.is_candidate(peer)
            && (self.sources.contains(&peer)
                || like().count() < most
                // Where nobody has all of it, those who have nothing that is missing keep nobody out.
                || (self.holders.is_empty() && like().filter(|p| self.may_give(**p)).count() < most))
    }

    /// True if `peer` has this chunk, as far as it is known.
    pub(super) fn gives(&self, peer: PeerId, chunk: ChunkIndex) -> bool {
        self.holders.contains(&peer) || self.crowd.gives(peer, chunk)
    }

    /// True if bytes can be asked for.
    pub(super) fn wants_bytes(&self) -> bool {
        let begun = self.there as usize + self.open.len() + self.checking.len();
        self.phase == DownloadPhase::Fetching
            && (begun < self.wanted.len() as usize
                || !self.is_proved()
                || self.open.iter().any(|(c, o)| o.source.is_none() || o.asked < self.chunks.len_of(*c)))
    }

    /// True if a chunk of it was fetched and found good.
    pub(super) const fn is_begun(&self) -> bool {
        self.begun
    }

    /// Its sources, but those that have nothing of what is missing.
    pub(super) fn givers(&self) -> impl Iterator<Item = PeerId> {
        self.sources.iter().copied().filter(|p| self.may_give(*p))
    }

    /// True if bytes are missing that nobody is asked for.
    pub(super) fn waits(&self) -> bool {
        self.givers().next().is_none() && self.wants_bytes()
    }

    // ---- manifest ----------------------------------------------------------------------------

    /// Page of the manifest to be asked of `peer` now, if any.
    pub(super) fn next_page(&mut self, peer: PeerId) -> Option<u32> {
        // Who has not said that it has something is not asked for what proves it either.
        let may = self.holders.contains(&peer) || (self.crowd.is_known(peer) && self.may_give(peer));
        if !matches!(self.proof, ManifestState::Missing) || !may {
            return None;
        }
        self.proof = ManifestState::Asked(peer, Vec::new());
        Some(0)
    }

    /// A page came. `Ok(None)`: ask for that next page; `Ok(Some)`: proved.
    pub(super) fn page(&mut self, peer: PeerId, values: &[u8]) -> Result<Option<Arc<Manifest>>, u32> {
        let ManifestState::Asked(source, kept) = &mut self.proof else { return Ok(None) };
        if *source != peer {
            return Ok(None);
        }
        let expected = self.chunks.count() as usize * VALUE;
        let room = expected - kept.len();
        kept.extend_from_slice(&values[..values.len().min(room)]);
        if values.len() == limits::PAGE && kept.len() < expected {
            return Err(u32::try_from(kept.len() / limits::PAGE).unwrap_or(u32::MAX));
        }
        // Too few or too many values do not prove the file.
        let whole = if values.len() > room { &[][..] } else { &kept[..] };
        if let Ok(manifest) = Manifest::prove(self.id, self.chunks.size(), whole) {
            self.proof = ManifestState::There;
            return Ok(Some(Arc::new(manifest)));
        }
        self.proof = ManifestState::Missing;
        Ok(None)
    }

    /// True once chunks can be checked.
    pub(super) const fn is_proved(&self) -> bool {
        matches!(self.proof, ManifestState::There)
    }

    // ---- chunks ------------------------------------------------------------------------------

    /// The next bytes to ask of `peer`, at most `most`, over the connection `lane`.
    /// `gently`: nobody is asked for any of several chunks meanwhile, so whoever has all of it is for this one.
    pub(super) fn next_range(&mut self, peer: PeerId, lane: u8, most: u64, gently: bool) -> Option<Range> {
        // Of a manifest in several pages, all must be there: a page may come after blocks.
        let soon = matches!(&self.proof, ManifestState::Asked(p, _) if *p == peer)
            && self.chunks.count() as usize * VALUE <= limits::PAGE;
        if !self.is_proved() && !soon {
            return None;
        }
        let chunk = self.pick(peer, lane, gently)?;
        let len = self.chunks.len_of(chunk);
        let open = self.open.get_mut(&chunk)?;
        let range = Range { chunk, offset: open.asked, len: most.min(len - open.asked), lane };
        open.asked += range.len;
        Some(range)
    }

    /// The chunk to ask `peer` for over `lane`: the one it was asked a part of there, one without a source,
    /// or a new one.
    fn pick(&mut self, peer: PeerId, lane: u8, gently: bool) -> Option<ChunkIndex> {
        let chunks = self.chunks;
        let mine = |(&chunk, o): (&ChunkIndex, &OpenChunk)| {
            let here = o.source == Some(peer) && o.lane == lane;
            (here && o.asked < chunks.len_of(chunk)).then_some(chunk)
        };
        if let Some(chunk) = self.open.iter().find_map(mine) {
            return Some(chunk);
        }
        let orphan = self.open.iter().find(|(c, o)| o.source.is_none() && self.gives(peer, **c));
        if let Some(chunk) = orphan.map(|(c, _)| *c)
            && let Some(open) = self.open.get_mut(&chunk)
        {
            open.source = Some(peer);
            open.lane = lane;
            open.lanes = 1 << lane;
            open.mixed |= open.first != peer;
            open.asked = open.got;
            return Some(chunk);
        }
        let chunk = if self.holders.contains(&peer) {
            // With others about, it chooses itself what it gives.
            if self.is_crowded() && !gently {
                return None;
            }
            self.next_missing()?
        } else {
            self.crowd.rarest(peer, &self.states)?
        };
        self.open(peer, chunk, lane, 0);
        Some(chunk)
    }

    /// The last chunk, or the next one from the place where this downloader begins.
    fn next_missing(&mut self) -> Option<ChunkIndex> {
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
    pub(super) fn open(&mut self, peer: PeerId, chunk: ChunkIndex, lane: u8, asked: u64) {
        self.states[chunk.at()] = Chunk::Open;
        let (source, lanes) = (Some(peer), 1 << lane);
        let open = OpenChunk { source, first: peer, mixed: false, lane, lanes, asked, got: 0, taken: 0 };
        self.open.insert(chunk, open);
    }

    /// The chunk with most bytes left that a source other than `peer` owes, of those that `late` says
    /// are worth it, given the bytes left: who owes it.
    pub(super) fn latest(
        &self,
        peer: PeerId,
        late: impl Fn(PeerId, u64) -> bool,
    ) -> Option<(ChunkIndex, PeerId)> {
        if !self.is_proved() {
            return None;
        }
        let left = |chunk: ChunkIndex, open: &OpenChunk| self.chunks.len_of(chunk) - open.got;
        // Were all of them silent, a chunk would go round for ever, and nobody would be given up.
        let movable = self
            .open
            .iter()
            .filter(|(c, o)| o.taken < TAKEN && !self.doubtful.contains(c) && self.gives(peer, **c));
        let owed = movable.filter_map(|(&c, o)| Some((c, o.source?, left(c, o))));
        let late = owed.filter(|&(_, source, left)| source != peer && late(source, left));
        late.max_by_key(|&(_, _, left)| left).map(|(chunk, source, _)| (chunk, source))
    }

    /// `chunk` is taken from its source: whoever is asked next goes on behind what came.
    pub(super) fn take_from(&mut self, chunk: ChunkIndex) {
        if let Some(open) = self.open.get_mut(&chunk) {
            open.source = None;
            open.taken += 1;
        }
    }

    /// Who alone gave all bytes of a chunk that is being checked.
    pub(super) fn giver(&self, chunk: ChunkIndex) -> Option<PeerId> {
        self.checking.get(&chunk).copied().flatten()
    }

    /// Bytes that `peer` was asked for on connections which are all `late`, to be asked for again over
    /// `lane`: whatever comes first counts.
    pub(super) fn late_range(&mut self, peer: PeerId, late: u8, lane: u8) -> Option<Range> {
        let is_late = |o: &OpenChunk| o.source == Some(peer) && o.asked > o.got && o.lanes & !late == 0;
        let (&chunk, open) = self.open.iter_mut().find(|(_, o)| is_late(o))?;
        open.lanes |= 1 << lane;
        Some(Range { chunk, offset: open.got, len: open.asked - open.got, lane })
    }

    /// True if the bytes at `offset` of `chunk` are the next ones that `peer` owes, `None` if it owes
    /// nothing of that chunk (any more), or they came over another connection to it before.
    pub(super) fn expects(&self, peer: PeerId, chunk: ChunkIndex, offset: u64) -> Option<bool> {
        let open = self.open.get(&chunk).filter(|o| o.source == Some(peer))?;
        let again = open.lanes.count_ones() > 1;
        (!again || offset >= open.got).then_some(open.got == offset)
    }

    /// The next `len` bytes of a chunk go to the disk workers. True: it is complete, and was asked for again
    /// over another connection, where what is left is not wanted any more.
    pub(super) fn came(&mut self, chunk: ChunkIndex, len: u64) -> bool {
        let Some(open) = self.open.get_mut(&chunk) else { return false };
        open.got += len;
        open.taken = 0;
        self.busy.clear();
        let (complete, again) = (open.got >= self.chunks.len_of(chunk), open.lanes.count_ones() > 1);
        if complete {
            let blame = (!open.mixed).then_some(open.first);
            self.open.remove(&chunk);
            self.check(chunk, blame);
        }
        complete && again
    }

    /// All bytes of a chunk are with the disk workers.
    pub(super) fn check(&mut self, chunk: ChunkIndex, blame: Option<PeerId>) {
        self.states[chunk.at()] = Chunk::Checking;
        self.checking.insert(chunk, blame);
    }

    /// The disk workers checked a chunk; perhaps one that nobody asked them about: a crash left it there
    /// without a note, or it was only believed to be there.
    pub(super) fn checked(&mut self, chunk: ChunkIndex, good: bool) -> Checked {
        let Some(&state) = self.states.get(chunk.at()) else { return Checked::Fine };
        let blame = self.checking.remove(&chunk).flatten();
        match (state, good) {
            (Chunk::Missing | Chunk::Open | Chunk::Checking, true) => {
                self.open.remove(&chunk);
                self.doubtful.remove(&chunk);
                self.states[chunk.at()] = Chunk::There;
                self.there += 1;
                self.begun = true;
                self.done += self.chunks.len_of(chunk);
                if self.is_whole() { Checked::Complete } else { Checked::Fine }
            }
            (Chunk::Checking | Chunk::There, false) => {
                if state == Chunk::There {
                    self.there -= 1;
                    self.done -= self.chunks.len_of(chunk);
                }
                self.doubtful.insert(chunk);
                self.states[chunk.at()] = Chunk::Missing;
                let steps = (chunk.get() + self.chunks.count() - self.begin) % self.chunks.count();
                self.cursor = self.cursor.min(steps);
                self.phase = DownloadPhase::Fetching;
                blame.map_or(Checked::Fine, |peer| Checked::Wrong(peer, self.blame(peer)))
            }
            _ => Checked::Fine,
        }
    }

    /// Counts a wrong chunk or manifest of `peer`.
    pub(super) fn blame(&mut self, peer: PeerId) -> u8 {
        let wrong = self.wrong.entry(peer).or_insert(0);
        *wrong = wrong.saturating_add(1);
        *wrong
    }

    /// `peer` is too busy to give it now.
    pub(super) fn put_off(&mut self, now: Time, peer: PeerId) {
        self.release(peer);
        self.busy.entry(peer).or_insert(now);
    }

    /// Since when `peer` has been too busy to give anything of it.
    pub(super) fn busy_since(&self, peer: PeerId) -> Option<Time> {
        self.busy.get(&peer).copied()
    }

    /// `peer` is not asked for this file any more.
    pub(super) fn give_up(&mut self, now: Time, peer: PeerId) {
        self.ignore(peer);
        self.since = now;
    }

    /// The same of one that never was of any use.
    pub(super) fn ignore(&mut self, peer: PeerId) {
        self.exclude(peer);
        // Nor if it had nothing before: it could put the end off for ever.
        self.denied.remove(&peer);
    }

    fn exclude(&mut self, peer: PeerId) {
        self.release(peer);
        self.useless.insert(peer);
    }

    /// `peer` has nothing of it yet, or for a moment: it is asked again, but only the first answer of that kind puts
    /// off the time when the file is given up.
    pub(super) fn deny(&mut self, now: Time, peer: PeerId) {
        self.exclude(peer);
        if self.denied.insert(peer, now).is_none() {
            self.since = now;
        }
    }

    /// If nobody can be asked for it, those who had nothing of it a while ago can be asked again.
    pub(super) fn ask_again(&mut self, now: Time) {
        if !self.waits() {
            return;
        }
        let due = self.denied.iter().filter(|(_, at)| now.since(**at) >= ASK_AGAIN);
        for peer in due.map(|(peer, _)| *peer).collect::<Vec<_>>() {
            self.forgive(peer);
        }
    }

    /// The controller names (again) who has it.
    pub(super) fn add_holders(&mut self, holders: &[PeerId]) {
        for &peer in holders {
            self.holders.insert(peer);
            self.forgive(peer);
        }
    }

    /// Whoever only lacked it may have it now; whoever lied stays out.
    pub(super) fn forgive(&mut self, peer: PeerId) {
        self.busy.remove(&peer);
        if self.wrong.get(&peer).is_none_or(|&n| n < 2) {
            self.useless.remove(&peer);
        }
    }

    /// `peer` is no source of it any more: what it owed is asked of others.
    pub(super) fn release(&mut self, peer: PeerId) {
        self.sources.remove(&peer);
        self.crowd.release(peer);
        if matches!(&self.proof, ManifestState::Asked(p, _) if *p == peer) {
            self.proof = ManifestState::Missing;
        }
        for open in self.open.values_mut().filter(|o| o.source == Some(peer)) {
            open.source = None;
        }
    }
}
