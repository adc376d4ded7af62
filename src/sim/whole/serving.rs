//! Where the bytes that a simulated sender gives come from: what is shared, what is being fetched, what is
//! kept.

use std::path::PathBuf;
use std::sync::Arc;

use super::around::Around;
use super::happening::{ConnEnd, ConnId};
use super::sender::SimSender;
use crate::content::partial::Bits;
use crate::content::{Chunks, FileId, Manifest};
use crate::identity::PeerId;
use crate::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BlockIs, Item, Reason};

/// Bytes read from a file in one step.
const STEP: u64 = 256 << 10;

impl SimSender {
    /// The folders in which what `peer` may have of a content lies; none: it may have nothing of it.
    fn folders(&self, around: &Around<'_>, peer: PeerId, file: FileId) -> Vec<PathBuf> {
        let settings = around.settings;
        if self.offer.shelf.files.contains_key(&file) {
            return vec![settings.shared()];
        }
        let is_open = |owner: &PeerId| self.may_have(peer, *owner);
        let is_stored = self.stored.get(&file).is_some_and(|stored| stored.owners.iter().any(is_open));
        let mut folders = Vec::new();
        if self.seeds.contains_key(&file) {
            folders.extend([settings.downloads(), settings.shared()]);
        }
        if is_stored || self.seeds.contains_key(&file) {
            folders.push(settings.store());
        }
        folders
    }

    /// The chunks that are here for `peer`.
    pub(super) fn have(&self, around: &Around<'_>, peer: PeerId, file: FileId) -> Option<Bits> {
        around.disk.have(file, &self.folders(around, peer, file))
    }

    /// What proves a file.
    pub(super) fn manifest(
        &self,
        around: &Around<'_>,
        peer: PeerId,
        file: FileId,
    ) -> Result<Arc<Manifest>, Reason> {
        around.disk.manifest(file, &self.folders(around, peer, file)).ok_or_else(|| self.unknown())
    }

    /// Gives some bytes of what is owed on a connection; when that takes more, if anything was given.
    pub(super) fn push_blocks(&mut self, around: &mut Around<'_>, id: ConnId) -> Option<Time> {
        let now = around.now();
        if !self.choose(around, id) {
            return Some(now);
        }
        let conn = self.conns.get_mut(&id)?;
        let (peer, due) = (conn.client.peer, conn.client.next_item()?);
        let item = Item { len: due.left.len.min(STEP), ..due.left };
        let folders = self.folders(around, peer, item.file);
        let size = around.disk.have(item.file, &folders).map(|have| have.chunks().size());
        let read = around.disk.read(item.file, &folders, item.offset, item.len).map(<[u8]>::to_vec);
        let (Some(size), Some(bytes)) = (size, read) else {
            let reason = self.unknown();
            self.conns.get_mut(&id)?.client.skip_item();
            self.refuse(around, id, due.request, Some(due.number), reason);
            return Some(now);
        };
        let (mut free, mut offset) = (now, item.offset);
        for block in bytes.chunks(limits::BLOCK) {
            let head = Message::Block(BlockIs { request: due.request, item: due.number, offset });
            let frame = [&head.encode_with(block.len())[..], block].concat();
            free = around.network.send(id, ConnEnd::Listener, frame);
            offset += block.len() as u64;
        }
        let conn = self.conns.get_mut(&id)?;
        if !conn.client.is_chosen()
            && let Some((chunks, chunk)) = self.super_seed.note(item.file, size, item.offset)
        {
            conn.client.was_given(item.file, chunks, chunk);
        }
        conn.client.advance(now, item.len, size);
        self.report.begin(now);
        Some(free)
    }

    /// Chooses the chunk for a request that leaves it to us, if that is what comes next. False: it was
    /// refused.
    fn choose(&mut self, around: &mut Around<'_>, id: ConnId) -> bool {
        let Some(conn) = self.conns.get(&id) else { return true };
        let Some(any) = conn.client.next_any() else { return true };
        let (request, file, peer) = (any.request, any.file, conn.client.peer);
        let want = Chunks::of(any.size).and_then(|chunks| Bits::from_map(chunks, &any.want));
        let have = self.have(around, peer, file);
        let Some((want, have)) = want.zip(have).filter(|(want, have)| want.chunks() == have.chunks()) else {
            return self.refuse_any(around, id, request);
        };
        let chunks = want.chunks();
        let given = conn.client.given(file).filter(|given| given.chunks() == chunks);
        let mut given = given.map_or_else(|| Bits::none(chunks), Bits::clone);
        let Some(chunk) = self.super_seed.choose(file, &want, &given, |chunk| have.has(chunk)) else {
            return self.refuse_any(around, id, request);
        };
        given.insert(chunk);
        let item = Item { file, offset: chunks.range(chunk).start, len: chunks.len_of(chunk) };
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.client.choose(Some((item, given)));
        }
        true
    }

    fn refuse_any(&mut self, around: &mut Around<'_>, id: ConnId, request: u64) -> bool {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.client.choose(None);
        }
        self.refuse(around, id, request, None, self.unknown());
        false
    }
}
