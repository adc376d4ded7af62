//! What was asked of which source, and has not come. Pure; part of swarm/mod.rs.

use super::download::Downloads;
use super::members::{Any, any_over, check_any};
use super::sources::Sources;
use super::{BlockTarget, LOOK, Output, Outputs};
use crate::content::{ChunkIndex, FileId};
use crate::disk::FileToken;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BlockIs, Cancel, GetBlocks, GetManifest, Item};

/// Bytes of one chunk that one source was asked for.
#[derive(Debug)]
pub(super) struct AskedItem {
    pub(super) token: FileToken,
    pub(super) chunk: ChunkIndex,
    /// Offset in the file.
    pub(super) offset: u64,
    pub(super) left: u64,
    /// The connection it was asked on.
    pub(super) lane: u8,
    /// Another source is asked for it by now.
    pub(super) void: bool,
}

/// What was asked for, and has not come in full.
#[derive(Debug)]
pub(super) enum PendingRequest {
    Blocks(Vec<AskedItem>),
    Manifest(FileToken),
    /// Any of several chunks.
    Any(Any),
    /// To hear which chunks it has, again and again.
    Haves(FileToken),
}

/// A page of a manifest, to be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskedPage {
    pub(super) token: FileToken,
    pub(super) file: FileId,
    pub(super) page: u32,
}

impl Sources {
    /// A number for a request of `bytes` bytes to `peer`, on the connection `lane`.
    pub(super) fn request(&mut self, now: Time, peer: PeerId, lane: u8, bytes: u64) -> u64 {
        if self.look <= now {
            self.look = now + LOOK;
        }
        self.next_request += 1;
        let request = self.next_request;
        if let Some(source) = self.by_peer.get_mut(&peer) {
            if source.requests.is_empty() {
                source.heard = now;
                source.pacing.begin(now);
                source.lanes.begin(now);
            }
            source.requests.insert(request);
            source.owed += bytes;
            source.lanes.asked(now, lane, bytes);
        }
        request
    }

    /// Asks `peer` for a page of the manifest of a file.
    pub(super) fn ask_manifest(&mut self, now: Time, peer: PeerId, asked: &AskedPage, outputs: &mut Outputs) {
        let AskedPage { token, file, page } = *asked;
        let request = self.request(now, peer, 0, 0);
        self.asked.insert(request, (peer, PendingRequest::Manifest(token)));
        let message = Message::GetManifest(GetManifest { request, file, page });
        outputs.push_back(Output::Ask(peer, 0, message));
    }

    /// Asks `peer` for these bytes of files, on one connection.
    pub(super) fn ask_blocks(
        &mut self,
        now: Time,
        peer: PeerId,
        lane: u8,
        items: Vec<(FileId, AskedItem)>,
        downloads: &Downloads,
        outputs: &mut Outputs,
    ) {
        if items.is_empty() {
            return;
        }
        let bytes = items.iter().map(|(_, i)| i.left).sum();
        let request = self.request(now, peer, lane, bytes);
        let wire =
            items.iter().map(|(file, i)| Item { file: *file, offset: i.offset, len: i.left }).collect();
        let behind = |item: &AskedItem| downloads.get(&item.token).is_some_and(|d| d.background);
        let background = items.iter().all(|(_, item)| behind(item));
        let message = Message::GetBlocks(GetBlocks { request, items: wire, background });
        outputs.push_back(Output::Ask(peer, lane, message));
        let items = items.into_iter().map(|(_, item)| item).collect();
        self.asked.insert(request, (peer, PendingRequest::Blocks(items)));
    }

    /// A request has its whole answer.
    pub(super) fn answered(&mut self, peer: PeerId, request: u64) {
        self.asked.remove(&request);
        if let Some(source) = self.by_peer.get_mut(&peer) {
            source.requests.remove(&request);
            source.watches.remove(&request);
        }
    }

    /// A block begins: where its bytes go. `Ok(None)`: nowhere, it is not wanted any more.
    ///
    /// # Errors
    /// In words, if nobody asked this peer for this: it is wrong, and its connection ends.
    pub(super) fn check_block(
        &self,
        peer: PeerId,
        block: &BlockIs,
        len: usize,
        downloads: &Downloads,
    ) -> Result<Option<BlockTarget>, &'static str> {
        const UNASKED: &str = "it sent a block that nobody asked for";
        let Some((asked_of, asked)) = self.asked.get(&block.request) else {
            let late = self.by_peer.get(&peer).map_or(0, |s| s.late);
            return if len as u64 <= late { Ok(None) } else { Err(UNASKED) };
        };
        let items = match asked {
            PendingRequest::Blocks(items) => items,
            PendingRequest::Any(any) => {
                if *asked_of != peer {
                    return Err(UNASKED);
                }
                let chunk = check_any(peer, any, block, len, downloads)?;
                let to = chunk.and_then(|c| Some((c, downloads.get(&any.token)?)));
                return Ok(to.map(|(chunk, download)| BlockTarget {
                    token: any.token,
                    chunk,
                    offset: block.offset - download.chunks.range(chunk).start,
                }));
            }
            PendingRequest::Manifest(_) | PendingRequest::Haves(_) => {
                return Err("it sent a block where none was asked for");
            }
        };
        let item = items.get(block.item as usize).ok_or("it sent a block of no item")?;
        if *asked_of != peer || block.offset != item.offset || len == 0 || len as u64 > item.left {
            return Err(UNASKED);
        }
        let Some(download) = downloads.get(&item.token) else { return Ok(None) };
        if item.void || !download.sources.contains(&peer) {
            return Ok(None);
        }
        if !download.is_proved() {
            return Err("it sent a block before its manifest");
        }
        let offset = item.offset - download.chunks.range(item.chunk).start;
        match download.progress.expects(peer, item.chunk, offset) {
            Some(true) => Ok(Some(BlockTarget { token: item.token, chunk: item.chunk, offset })),
            Some(false) => Err("it sent a block out of order"),
            None => Ok(None),
        }
    }

    /// The items that `which` names, and the manifest of a file, are not expected of `peer` any more.
    /// Requests of which nothing else is left are cancelled; of others such items come and go nowhere.
    pub(super) fn take_back(
        &mut self,
        peer: PeerId,
        which: impl Fn(&AskedItem) -> bool,
        manifest: Option<FileToken>,
        downloads: &mut Downloads,
        outputs: &mut Outputs,
    ) {
        let Some(source) = self.by_peer.get_mut(&peer) else { return };
        let (mut over, mut ended) = (Vec::new(), Vec::new());
        for &request in &source.requests {
            match self.asked.get_mut(&request) {
                Some((_, PendingRequest::Blocks(items))) => {
                    let mut wanted = false;
                    for item in items.iter_mut() {
                        item.void |= which(item);
                        wanted |= !item.void && item.left > 0;
                    }
                    if !wanted {
                        let left: u64 = items.iter().map(|i| i.left).sum();
                        let lane = items.first().map_or(0, |i| i.lane);
                        over.push((request, lane, left));
                    }
                }
                Some((_, PendingRequest::Manifest(token))) if manifest == Some(*token) => {
                    over.push((request, 0, 0))
                }
                Some((_, PendingRequest::Any(any))) => {
                    let Any { token, chunk, offset, left, lane, .. } = *any;
                    let item = |chunk| AskedItem { token, chunk, offset, left, lane, void: false };
                    if manifest == Some(token) || chunk.is_some_and(|c| which(&item(c))) {
                        over.push((request, lane, left));
                        ended.push(token);
                    }
                }
                _ => {}
            }
        }
        for &(_, lane, left) in &over {
            source.take_back(lane, left);
        }
        for token in ended {
            any_over(downloads, peer, token);
        }
        if let Some(token) = manifest {
            self.unwatch(peer, token, outputs);
        }
        for (request, lane, _) in over {
            self.answered(peer, request);
            outputs.push_back(Output::Ask(peer, lane, Message::Cancel(Cancel { request })));
        }
    }
}
