//! One file that is being fetched: of whom which of its bytes are asked next. Pure; part of swarm/mod.rs.
//!
//! A chunk is missing, open (being fetched, of one source at a time), checking (all its bytes are with
//! the disk workers) or there; or, of a file of which a part is kept only, unwanted (progress.rs). Bytes of
//! an open chunk come in order and each is written once: when its source is lost, or is so slow that another
//! one is done with everything else, that one goes on behind what came.
//!
//! Several sources fetch different chunks at once; who is faster is asked for more (pacing.rs), and who has
//! nothing is left out (refusals.rs). The order is: chunks that lost their source, the last chunk (it alone
//! proves the size), then one after the other from a place that each downloader chooses for itself, so that
//! those who begin together have different ones. What changes when others fetch the same file is in
//! members.rs.

mod progress;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::progress::{CheckedChunk, FileProgress};
pub(super) use self::refusals::NotGiven;
use self::refusals::Refusals;
use super::members::{Members, fits_map};
use crate::content::manifest::VALUE;
use crate::content::{ChunkIndex, Chunks, Claim, FileId, Manifest, SafePath, Span};
use crate::disk::FileToken;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::swarm::{JobId, Wanted};
use crate::time::Time;

/// How far a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    Missing,
    Open,
    Checking,
    There,
    /// Nobody asked for it: whatever is said of it changes nothing.
    Unwanted,
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

/// Files that are being fetched.
pub(super) type Downloads = BTreeMap<FileToken, FileDownload>;

/// One file.
#[derive(Debug)]
pub(super) struct FileDownload {
    pub(super) token: FileToken,
    pub(super) job: JobId,
    pub(super) id: FileId,
    pub(super) to: SafePath,
    pub(super) chunks: Chunks,
    /// It is throttled while files that a user waits for come.
    pub(super) background: bool,
    /// A user waits for it: neither is it to be kept, nor does it prove that somebody keeps it.
    pub(super) is_for_user: bool,
    pub(super) phase: DownloadPhase,
    /// Who is asked, at most [`limits::FILE_SOURCES`].
    pub(super) sources: BTreeSet<PeerId>,
    /// Who has all of it, as the controller says.
    pub(super) holders: BTreeSet<PeerId>,
    /// Those of them that were asked, and whose link was lost.
    pub(super) lost: BTreeSet<PeerId>,
    /// Who may have some of it.
    pub(super) members: Members,
    /// When it was begun, or the last holder of it proved to be none.
    pub(super) since: Time,
    /// When bytes of it came last.
    pub(super) moved: Time,
    /// Bytes verified.
    pub(super) done: u64,
    /// Some of them were fetched since this peer started.
    begun: bool,
    proof: ManifestState,
    pub(super) progress: FileProgress,
    /// What the sources did not give.
    pub(super) refusals: Refusals,
}

impl FileDownload {
    pub(super) fn new(
        now: Time,
        token: FileToken,
        job: JobId,
        what: Wanted,
        chunks: Chunks,
        background: bool,
        shuffle_key: u64,
    ) -> Self {
        let wanted = what.keep.unwrap_or_else(|| Span { from: 0, to: chunks.count() });
        let mut download = Self {
            token,
            job,
            id: what.id,
            to: what.to,
            chunks,
            background,
            is_for_user: !background && what.keep.is_none(),
            phase: DownloadPhase::Opening,
            sources: BTreeSet::new(),
            holders: what.holders.into_iter().collect(),
            lost: BTreeSet::new(),
            members: Members::new(shuffle_key),
            since: now,
            moved: now,
            done: 0,
            begun: false,
            proof: if chunks.is_single() { ManifestState::There } else { ManifestState::Missing },
            progress: FileProgress::new(chunks, wanted, shuffle_key),
            refusals: Refusals::default(),
        };
        if fits_map(chunks) {
            download.add_members(&what.some);
        }
        download
    }

    /// Bytes that are wanted.
    pub(super) fn size(&self) -> u64 {
        self.progress.size()
    }

    /// Bytes that are wanted and not there.
    pub(super) fn left(&self) -> u64 {
        self.size().saturating_sub(self.done)
    }

    /// True if all that is wanted is there, and proved.
    pub(super) const fn is_whole(&self) -> bool {
        self.progress.is_complete() && self.is_proved()
    }

    /// What it is to be.
    pub(super) const fn claim(&self) -> Claim {
        (self.id, self.chunks.size())
    }

    /// The disk workers say what is there. True: everything. (Without what proves it, that is to be fetched
    /// first: they do not know it for what it is.)
    pub(super) fn opened(&mut self, there: &[ChunkIndex], manifest: Option<&Arc<Manifest>>) -> bool {
        self.phase = DownloadPhase::Fetching;
        if manifest.is_some_and(|m| m.file() == self.id && m.chunks() == self.chunks) {
            self.proof = ManifestState::There;
        }
        self.done += self.progress.opened(there);
        self.is_whole()
    }

    /// True if `peer` may be asked for it.
    pub(super) fn is_candidate(&self, peer: PeerId) -> bool {
        (self.holders.contains(&peer) || self.members.has(peer)) && !self.refusals.is_useless(peer)
    }

    /// All that may be asked for it.
    pub(super) fn candidates(&self) -> impl Iterator<Item = PeerId> {
        let some = self.members.peers().filter(|p| !self.holders.contains(p));
        self.holders.iter().copied().chain(some).filter(|p| !self.refusals.is_useless(*p))
    }

    /// True if `peer` may become (or is) a source of it now. Those that have all of it and those that have
    /// some are counted apart.
    pub(super) fn may_join(&self, peer: PeerId) -> bool {
        if self.phase != DownloadPhase::Fetching {
            return false;
        }
        let all = self.holders.contains(&peer);
        let most = if all { limits::FILE_SOURCES } else { limits::NEIGHBOURS };
        let like = || self.sources.iter().filter(|p| self.holders.contains(p) == all);
        self.is_candidate(peer)
            && (self.sources.contains(&peer)
                || like().count() < most
                // Where nobody has all of it, those who have nothing that is missing keep nobody out.
                || (self.holders.is_empty() && like().filter(|p| self.may_give(**p)).count() < most))
    }

    /// True if `peer` has this chunk, as far as it is known.
    pub(super) fn gives(&self, peer: PeerId, chunk: ChunkIndex) -> bool {
        self.holders.contains(&peer) || self.members.gives(peer, chunk)
    }

    /// True if bytes can be asked for.
    pub(super) fn wants_bytes(&self) -> bool {
        self.phase == DownloadPhase::Fetching && (!self.is_proved() || self.progress.wants_bytes())
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
        let may = self.holders.contains(&peer) || (self.members.is_known(peer) && self.may_give(peer));
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
    /// `gently`: nobody is asked for any of several chunks meanwhile, so whoever has all of it is for this
    /// one.
    pub(super) fn next_range(&mut self, peer: PeerId, lane: u8, most: u64, gently: bool) -> Option<Range> {
        // Of a manifest in several pages, all must be there: a page may come after blocks.
        let soon = matches!(&self.proof, ManifestState::Asked(p, _) if *p == peer)
            && self.chunks.count() as usize * VALUE <= limits::PAGE;
        if !self.is_proved() && !soon {
            return None;
        }
        let chunk = self.pick(peer, lane, gently)?;
        self.progress.ask(chunk, lane, most)
    }

    /// The chunk to ask `peer` for over `lane`: the one it was asked a part of there, one without a source,
    /// or a new one.
    fn pick(&mut self, peer: PeerId, lane: u8, gently: bool) -> Option<ChunkIndex> {
        if let Some(chunk) = self.progress.begun_with(peer, lane) {
            return Some(chunk);
        }
        let (holders, members) = (&self.holders, &self.members);
        let gives = |chunk| holders.contains(&peer) || members.gives(peer, chunk);
        if let Some(chunk) = self.progress.adopt(peer, lane, gives) {
            return Some(chunk);
        }
        let chunk = if self.holders.contains(&peer) {
            // With others about, it chooses itself what it gives.
            if self.has_swarm() && !gently {
                return None;
            }
            self.progress.next_missing()?
        } else {
            self.members.rarest(peer, self.progress.states())?
        };
        self.progress.open(peer, chunk, lane, 0);
        Some(chunk)
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
        self.progress.latest(peer, |chunk| self.gives(peer, chunk), late)
    }

    /// The next `len` bytes of a chunk go to the disk workers. True: it is complete, and was asked for again
    /// over another connection, where what is left is not wanted any more.
    pub(super) fn came(&mut self, chunk: ChunkIndex, len: u64) -> bool {
        let Some(again) = self.progress.came(chunk, len) else { return false };
        self.refusals.came();
        again
    }

    /// The disk workers checked a chunk; perhaps one that nobody asked them about: a crash left it there
    /// without a note, or it was only believed to be there.
    pub(super) fn checked(&mut self, chunk: ChunkIndex, good: bool) -> Checked {
        match self.progress.checked(chunk, good) {
            None => Checked::Fine,
            Some(CheckedChunk::There) => {
                self.begun = true;
                self.done += self.chunks.len_of(chunk);
                if self.is_whole() { Checked::Complete } else { Checked::Fine }
            }
            Some(CheckedChunk::Wrong { was_there, blame }) => {
                if was_there {
                    self.done -= self.chunks.len_of(chunk);
                }
                self.phase = DownloadPhase::Fetching;
                blame.map_or(Checked::Fine, |peer| Checked::Wrong(peer, self.refusals.blame(peer)))
            }
        }
    }

    /// `peer` is too busy to give it now.
    pub(super) fn put_off(&mut self, now: Time, peer: PeerId) {
        self.release(peer);
        self.refusals.put_off(now, peer);
    }

    /// `peer` is not asked for this file any more.
    pub(super) fn give_up(&mut self, now: Time, peer: PeerId) {
        self.ignore(peer);
        self.since = now;
    }

    /// `peer` said why it does not give it, and is not asked for it any more.
    pub(super) fn refused(&mut self, now: Time, peer: PeerId, why: NotGiven) {
        self.give_up(now, peer);
        self.refusals.note_why(peer, why);
    }

    /// Why it is not given, if all who have it say the same: one stranger decides nothing.
    pub(super) fn why_not_given(&self) -> Option<NotGiven> {
        let mut all = self.holders.iter().map(|peer| self.refusals.why(*peer));
        let first = all.next().flatten()?;
        all.all(|why| why == Some(first)).then_some(first)
    }

    /// True if all who had it have another content in its place by now.
    pub(super) fn is_changed(&self) -> bool {
        self.why_not_given() == Some(NotGiven::Changed)
    }

    /// `peer`, which never was of any use, is not asked for this file any more.
    pub(super) fn ignore(&mut self, peer: PeerId) {
        self.exclude(peer);
        // Nor if it had nothing before: it could put the end off for ever.
        self.refusals.forget_denied(peer);
    }

    fn exclude(&mut self, peer: PeerId) {
        self.release(peer);
        self.refusals.exclude(peer);
    }

    /// `peer` has nothing of it yet, or for a moment: it is asked again, but only the first answer of that
    /// kind puts off the time when the file is given up.
    pub(super) fn deny(&mut self, now: Time, peer: PeerId) {
        self.exclude(peer);
        if self.refusals.deny(now, peer) {
            self.since = now;
        }
    }

    /// If nobody can be asked for it, those who had nothing of it a while ago can be asked again.
    pub(super) fn ask_again(&mut self, now: Time) {
        if !self.waits() {
            return;
        }
        for peer in self.refusals.denied_long_ago(now) {
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
        self.refusals.forgive(peer);
    }

    /// `peer` is no source of it any more: what it owed is asked of others.
    pub(super) fn release(&mut self, peer: PeerId) {
        if self.sources.remove(&peer) && self.holders.contains(&peer) {
            self.lost.insert(peer);
        }
        self.members.release(peer);
        if matches!(&self.proof, ManifestState::Asked(p, _) if *p == peer) {
            self.proof = ManifestState::Missing;
        }
        self.progress.release(peer);
    }
}

/// `peer` found that it is not as it was when it was hashed, and hashes it again. Often it turns out to be the same (only
/// its times or links changed), of which nobody is told: it is asked again if nobody else has it.
pub(super) fn not_as_hashed(now: Time, peer: PeerId, download: &mut FileDownload) {
    download.deny(now, peer);
    download.refusals.note_why(peer, NotGiven::Changed);
}
