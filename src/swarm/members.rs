//! Many who fetch the same file at once: what each of them has so far, and which chunk to ask of whom.
//! Pure; part of swarm/mod.rs.
//!
//! Who has some chunks tells which (`haves`), and is asked for those that fewest have; a shuffle key decides
//! ties. Who has all of them is asked for any of those that are missing (`get_any`, sender/super_seed.rs): it
//! alone knows what it gave to others, and gives what it gave least. So everybody soon has something that the
//! others lack, and one copy out of the owner's line is enough for all.

use std::collections::BTreeMap;

use super::download::{Chunk, Downloads, FileDownload};
use super::requests::PendingRequest;
use super::sources::{SourceLink, Sources};
use super::{Output, Outputs, Swarm};
use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, Claim};
use crate::disk::FileToken;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BlockIs, Cancel, GetAny, GetHaves, HavesIs};

/// A request for any of several chunks.
#[derive(Debug)]
pub(super) struct Any {
    pub(super) token: FileToken,
    /// Which one it is, since its first block came.
    pub(super) chunk: Option<ChunkIndex>,
    /// Where its next block begins in the file.
    pub(super) offset: u64,
    /// Bytes that may still come.
    pub(super) left: u64,
    pub(super) lane: u8,
    /// Nobody wants it any more.
    pub(super) void: bool,
}

/// Any of several chunks, to be asked for.
#[derive(Debug)]
pub(super) struct AskedAny {
    token: FileToken,
    claim: Claim,
    want: Bits,
    /// Bytes of a chunk.
    pub(super) bytes: u64,
    background: bool,
}

/// Those who may have some chunks of one file.
#[derive(Debug, Default)]
pub(super) struct Members {
    some: BTreeMap<PeerId, Neighbour>,
    /// Requests for any chunk that were not answered, by who owes them.
    any: BTreeMap<PeerId, u32>,
    /// Decides ties.
    shuffle_key: u32,
}

#[derive(Debug, Default)]
struct Neighbour {
    /// The request that its haves answer, and when it was made.
    watch: Option<(u64, Time)>,
    /// What it has.
    map: Option<Bits>,
}

impl Members {
    /// Nobody yet. `shuffle_key` differs from downloader to downloader.
    pub(super) fn new(shuffle_key: u64) -> Self {
        // The upper half: the lower bits chose where the download begins.
        Self { shuffle_key: u32::try_from(shuffle_key >> 32).unwrap_or(0), ..Self::default() }
    }

    pub(super) fn has(&self, peer: PeerId) -> bool {
        self.some.contains_key(&peer)
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.some.keys().copied()
    }

    /// True if `peer` said what it has.
    pub(super) fn is_known(&self, peer: PeerId) -> bool {
        self.some.get(&peer).is_some_and(|n| n.map.is_some())
    }

    pub(super) fn gives(&self, peer: PeerId, chunk: ChunkIndex) -> bool {
        self.some.get(&peer).and_then(|n| n.map.as_ref()).is_some_and(|map| map.has(chunk))
    }

    /// The missing chunk that `peer` has and fewest others have.
    pub(super) fn rarest(&mut self, peer: PeerId, states: &[Chunk]) -> Option<ChunkIndex> {
        let map = self.some.get(&peer)?.map.as_ref()?;
        // An odd step: neighbouring chunks do not follow each other, and each round begins elsewhere.
        self.shuffle_key = self.shuffle_key.wrapping_add(0x9e37_79b1);
        let shuffle_key = self.shuffle_key;
        let missing = map.iter().filter(|c| states.get(c.at()) == Some(&Chunk::Missing));
        let others = || self.some.values().filter_map(|n| n.map.as_ref());
        missing.min_by_key(|c| {
            let have = others().filter(|map| map.has(*c)).count();
            (have, c.get().wrapping_mul(0x85eb_ca6b) ^ shuffle_key)
        })
    }

    /// `peer` is not linked any more, or is not asked any more.
    pub(super) fn release(&mut self, peer: PeerId) {
        self.any.remove(&peer);
        if let Some(neighbour) = self.some.get_mut(&peer) {
            *neighbour = Neighbour::default();
        }
    }

    /// One request of `peer` for any chunk is over.
    fn answered(&mut self, peer: PeerId) {
        if let Some(count) = self.any.get_mut(&peer) {
            *count = count.saturating_sub(1);
        }
    }

    fn outstanding(&self) -> u32 {
        self.any.values().sum()
    }
}

impl FileDownload {
    /// True if others fetch it too, and what they have is known. (Of a single chunk there is no choice.)
    pub(super) fn has_swarm(&self) -> bool {
        !self.chunks.is_single() && self.members.some.values().any(|n| n.map.is_some())
    }

    /// True if `peer` has something that is missing here, or may have.
    pub(super) fn may_give(&self, peer: PeerId) -> bool {
        let lacks = |c: ChunkIndex| {
            let state = self.progress.state(c);
            !self.is_proved() || !matches!(state, Some(Chunk::There | Chunk::Unwanted))
        };
        self.holders.contains(&peer)
            || self
                .members
                .some
                .get(&peer)
                .is_some_and(|n| n.map.as_ref().is_none_or(|map| map.iter().any(lacks)))
    }

    /// Those who were asked what they have before `then`, and have not said it.
    pub(super) fn mute_since(&self, then: Time) -> Vec<PeerId> {
        let mute = |n: &Neighbour| n.map.is_none() && n.watch.is_some_and(|(_, asked)| asked <= then);
        self.members.some.iter().filter(|(_, n)| mute(n)).map(|(peer, _)| *peer).collect()
    }

    /// More peers that may have some of it.
    pub(super) fn add_members(&mut self, peers: &[PeerId]) {
        for &peer in peers {
            if self.members.some.len() >= limits::SWARM_MEMBERS {
                return;
            }
            self.members.some.entry(peer).or_default();
            self.forgive(peer);
        }
    }

    /// The chunks to ask `peer` for any of, if it is to be asked so. With several who have all of it, each
    /// is asked for other chunks.
    fn next_any(&self, peer: PeerId) -> Option<Bits> {
        if !self.has_swarm() || !self.is_proved() || !self.holders.contains(&peer) {
            return None;
        }
        let whole: Vec<_> = self.holders.iter().filter(|p| **p == peer || self.sources.contains(p)).collect();
        let place = whole.iter().position(|p| **p == peer).unwrap_or(0);
        let mut all = Bits::none(self.chunks);
        let mut share = Bits::none(self.chunks);
        for chunk in self.chunks.iter().filter(|c| self.progress.state(*c) == Some(Chunk::Missing)) {
            all.insert(chunk);
            if chunk.at() % whole.len() == place {
                share.insert(chunk);
            }
        }
        if all.count() <= self.members.outstanding() {
            return None;
        }
        let mine = self.members.any.get(&peer).copied().unwrap_or(0);
        Some(if share.count() > mine { share } else { all })
    }

    /// The chunks to ask `peer` for any of, which counts as asked for.
    pub(super) fn ask_any(&mut self, peer: PeerId) -> Option<AskedAny> {
        let want = self.next_any(peer)?;
        *self.members.any.entry(peer).or_insert(0) += 1;
        let (bytes, background) = (self.chunks.chunk_size(), self.background);
        Some(AskedAny { token: self.token, claim: self.claim(), want, bytes, background })
    }
}

impl Swarm {
    /// Peers that fetch a content too, or have some of it.
    pub(crate) fn handle_swarm(&mut self, now: Time, claim: Claim, peers: &[PeerId]) {
        if self.jobs.add_members(claim, peers) {
            for &peer in peers {
                self.sources.entry(now, peer);
            }
            self.schedule(now);
        }
    }

    /// A peer tells which chunks it has.
    ///
    /// # Errors
    /// In words, if they are no chunks of that file: its connection ends.
    pub(crate) fn handle_haves(
        &mut self,
        now: Time,
        peer: PeerId,
        haves: &HavesIs,
    ) -> Result<(), &'static str> {
        // One that was taken back may still be on its way.
        let Some((asked_of, PendingRequest::Haves(token))) = self.sources.asked.get(&haves.request) else {
            return Ok(());
        };
        if *asked_of != peer {
            return Ok(());
        }
        let Some(download) = self.jobs.downloads.get_mut(token) else { return Ok(()) };
        let chunks = download.chunks;
        let Some(neighbour) = download.members.some.get_mut(&peer) else { return Ok(()) };
        if !haves.map.is_empty() {
            neighbour.map = Some(Bits::from_map(chunks, &haves.map).ok_or("its map is of another file")?);
        }
        for &n in &haves.more {
            let chunk = chunks.index(n).ok_or("it has a chunk that the file has not")?;
            neighbour.map.get_or_insert_with(|| Bits::none(chunks)).insert(chunk);
        }
        // There is no more to hear of it.
        let over = neighbour.map.as_ref().is_some_and(Bits::is_full);
        if let Some(source) = self.sources.get_mut(peer) {
            source.heard = source.heard.max(now);
            if over {
                source.watches.remove(&haves.request);
            }
        }
        if over {
            self.sources.asked.remove(&haves.request);
            let cancel = Cancel { request: haves.request };
            self.outputs.push_back(Output::Ask(peer, 0, Message::Cancel(cancel)));
            self.sources.watch(now, peer, &mut self.jobs.downloads, &mut self.outputs);
        }
        self.sources.note_swarms(&self.jobs.downloads);
        self.fill(now, peer);
        Ok(())
    }
}

impl Sources {
    /// Asks `peer` for any of several chunks.
    pub(super) fn ask_any(&mut self, now: Time, peer: PeerId, asked: AskedAny, outputs: &mut Outputs) {
        let AskedAny { token, claim: (file, size), want, bytes, background } = asked;
        let request = self.request(now, peer, 0, bytes);
        let any = Any { token, chunk: None, offset: 0, left: bytes, lane: 0, void: false };
        self.asked.insert(request, (peer, PendingRequest::Any(any)));
        let message = Message::GetAny(GetAny { request, file, size, want: want.to_map(), background });
        outputs.push_back(Output::Ask(peer, 0, message));
    }

    /// Asks `peer` what it has of those files of which it may have some.
    pub(super) fn watch(
        &mut self,
        now: Time,
        peer: PeerId,
        downloads: &mut Downloads,
        outputs: &mut Outputs,
    ) {
        // One that was too busy is not asked again at once.
        let Some(source) = self.by_peer.get_mut(&peer).filter(|s| s.rest_until <= now) else { return };
        for download in downloads.values_mut() {
            if source.watches.len() >= limits::REQUESTS_OPEN {
                // It would refuse more. The others are asked for when some of these are over.
                return;
            }
            if !download.members.has(peer) || !download.may_join(peer) || download.holders.contains(&peer) {
                continue;
            }
            let (token, file, size) = (download.token, download.id, download.chunks.size());
            let Some(neighbour) = download.members.some.get_mut(&peer).filter(|n| n.watch.is_none()) else {
                continue;
            };
            self.next_request += 1;
            let request = self.next_request;
            neighbour.watch = Some((request, now));
            download.sources.insert(peer);
            source.watches.insert(request);
            self.asked.insert(request, (peer, PendingRequest::Haves(token)));
            let message = Message::GetHaves(GetHaves { request, file, size });
            outputs.push_back(Output::Ask(peer, 0, message));
        }
    }

    /// Takes back the watches of a file.
    pub(super) fn unwatch(&mut self, peer: PeerId, token: FileToken, outputs: &mut Outputs) {
        let Some(source) = self.by_peer.get_mut(&peer) else { return };
        let over = |request: &u64| matches!(self.asked.get(request), Some((_, PendingRequest::Haves(of))) if *of == token);
        let over: Vec<_> = source.watches.iter().copied().filter(over).collect();
        for request in over {
            source.watches.remove(&request);
            self.asked.remove(&request);
            outputs.push_back(Output::Ask(peer, 0, Message::Cancel(Cancel { request })));
        }
    }

    /// Which sources are asked little at a time: what is asked of one cannot be asked of another.
    pub(super) fn note_swarms(&mut self, downloads: &Downloads) {
        let swarms: Vec<&FileDownload> = downloads.values().filter(|d| d.has_swarm()).collect();
        for (peer, source) in self.by_peer.iter_mut().filter(|(_, s)| s.link == SourceLink::Up) {
            let theirs = swarms.iter().filter(|d| d.is_candidate(*peer));
            source.swarm_chunk = theirs.map(|d| d.chunks.chunk_size()).max();
        }
    }

    /// Such a block is complete: its chunk is opened with the first one. True: the request is answered.
    pub(super) fn any_came(
        &mut self,
        peer: PeerId,
        block: &BlockIs,
        chunk: Option<ChunkIndex>,
        len: u64,
        downloads: &mut Downloads,
        outputs: &mut Outputs,
    ) -> bool {
        let request = block.request;
        let Some((_, PendingRequest::Any(any))) = self.asked.get_mut(&request) else { return false };
        let Some(download) = downloads.get_mut(&any.token) else { return false };
        if any.chunk.is_none() {
            let first = download.chunks.at_offset(block.offset);
            any.chunk = first;
            // The last chunk of a file may be shorter than what was allowed for.
            let whole = first.map_or(0, |c| download.chunks.len_of(c));
            let unused = any.left.saturating_sub(whole);
            any.left -= unused;
            if let Some(source) = self.by_peer.get_mut(&peer) {
                source.settle(any.lane, unused);
            }
            if let Some(chunk) = chunk {
                download.progress.open(peer, chunk, any.lane, whole);
            }
        }
        any.left = any.left.saturating_sub(len);
        any.offset = block.offset + len;
        let (token, left, lane) = (any.token, any.left, any.lane);
        if left == 0 {
            any_over(downloads, peer, token);
            return true;
        }
        if chunk.is_none() {
            // It is here by now: the rest of it need not come.
            any_over(downloads, peer, token);
            if let Some(source) = self.by_peer.get_mut(&peer) {
                source.take_back(lane, left);
            }
            outputs.push_back(Output::Ask(peer, lane, Message::Cancel(Cancel { request })));
            return true;
        }
        false
    }
}

/// One request for any chunk is over, whichever way.
pub(super) fn any_over(downloads: &mut Downloads, peer: PeerId, token: FileToken) {
    if let Some(download) = downloads.get_mut(&token) {
        download.members.answered(peer);
    }
}

/// A block that answers a request for any chunk: which chunk it is of, and whether it is wanted.
///
/// # Errors
/// In words, if it is no such block.
pub(super) fn check_any(
    peer: PeerId,
    any: &Any,
    block: &BlockIs,
    len: usize,
    downloads: &Downloads,
) -> Result<Option<ChunkIndex>, &'static str> {
    const UNASKED: &str = "it sent a block that nobody asked for";
    if block.item != 0 || len == 0 || len as u64 > any.left {
        return Err(UNASKED);
    }
    let Some(download) = downloads.get(&any.token) else { return Ok(None) };
    let chunks = download.chunks;
    let Some(chunk) = any.chunk else {
        let begins = |c: &ChunkIndex| chunks.range(*c).start == block.offset;
        let chunk = chunks.at_offset(block.offset).filter(begins).ok_or(UNASKED)?;
        if len as u64 > chunks.len_of(chunk) {
            return Err(UNASKED);
        }
        let missing = download.progress.state(chunk) == Some(Chunk::Missing);
        return Ok((missing && !any.void && download.sources.contains(&peer)).then_some(chunk));
    };
    if block.offset != any.offset {
        return Err(UNASKED);
    }
    let expected = download.progress.expects(peer, chunk, block.offset - chunks.range(chunk).start);
    match expected {
        Some(true) if !any.void => Ok(Some(chunk)),
        Some(false) => Err("it sent a block out of order"),
        _ => Ok(None),
    }
}

/// Bytes to ask ahead of a source in a swarm, at least: two chunks, but not more than of any other.
pub(super) fn least_ahead(chunk: u64) -> u64 {
    (2 * chunk).min(limits::AHEAD_MIN)
}

/// True if others may report which of `chunks` they have: not if the map would be too long.
pub(super) const fn fits_map(chunks: Chunks) -> bool {
    chunks.count() <= limits::MAP_CHUNKS
}
