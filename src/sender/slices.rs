//! Slices of files with what proves them. Part of the sender.
//!
//! The path of a slice is made of the values of all slices of its chunk, so a chunk is hashed before the
//! first of its slices leaves: step by step, as blocks are read, so that others have their turn meanwhile.
//! What that gave is kept for those that are asked for next.

use std::collections::BTreeMap;

use super::{STEP, SenderRole};
use crate::content::slice::{self, ChunkSlices, SLICE};
use crate::content::{ChunkIndex, Chunks, FileId, manifest::ChunkProof};
use crate::identity::PeerId;
use crate::sender::limits;
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{GetSlices, Item, Reason, SliceIs};

/// Which chunk: file, its size, number of the chunk.
type ChunkKey = (FileId, u64, u32);

/// Chunks whose slices are hashed, or being hashed.
#[derive(Debug, Default)]
pub(super) struct HashedChunks {
    chunks: BTreeMap<ChunkKey, HashedChunk>,
    uses: u64,
}

/// What is known of one chunk: at most 256 values, and a path.
#[derive(Debug)]
struct HashedChunk {
    slices: ChunkSlices,
    /// From the chunk up to the file id.
    above: Vec<u8>,
    used: u64,
}

impl HashedChunks {
    /// Puts it back. The chunk that was not used longest goes: there is room for one that each connection
    /// waits for.
    fn keep(&mut self, key: ChunkKey, slices: ChunkSlices, above: Vec<u8>) {
        if self.chunks.len() >= limits::CONNECTIONS
            && let Some(oldest) = self.chunks.iter().min_by_key(|(_, k)| k.used).map(|(key, _)| *key)
        {
            self.chunks.remove(&oldest);
        }
        self.uses += 1;
        self.chunks.insert(key, HashedChunk { slices, above, used: self.uses });
    }
}

impl SenderRole {
    /// Queues a request for slices, if there are such.
    pub(super) fn take_slices(&mut self, now: Time, id: ConnId, m: GetSlices) -> Result<(), Reason> {
        let Some(client) = self.clients.get(&id) else { return Ok(()) };
        let chunks = self.cut(client.peer, m.file, m.size)?;
        let end = m.first.checked_add(m.count.into());
        if end.is_none_or(|end| end > slice::count(chunks)) {
            return Err(Reason::Malformed);
        }
        let taken = self.clients.get_mut(&id).is_none_or(|client| client.take_slices(now, m));
        if taken { Ok(()) } else { Err(Reason::Busy) }
    }

    /// Pushes one slice; returns its bytes, and the file's size. `None`: its chunk is not hashed yet, but one
    /// step more of it is.
    pub(super) fn push_slice(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        peer: PeerId,
        asked: &GetSlices,
        item: Item,
    ) -> Result<Option<(u64, u64)>, Reason> {
        let chunks = self.cut(peer, asked.file, asked.size)?;
        let chunk = chunks.at_offset(item.offset).unwrap_or_else(|| chunks.last());
        let key = (asked.file, asked.size, chunk.get());
        let (slices, above) = match self.open.hashed.chunks.remove(&key) {
            Some(known) if known.slices.next().is_none() => (known.slices, known.above),
            begun => {
                let begun = begun.map_or_else(|| ChunkSlices::new(chunks, chunk), |known| known.slices);
                let slices = self.hash_step(now, peer, asked.file, chunks, begun)?;
                if slices.next().is_some() {
                    self.open.hashed.keep(key, slices, Vec::new());
                    return Ok(None);
                }
                let above = self.prove_slices(now, peer, asked.file, chunks, chunk, &slices)?;
                (slices, above)
            }
        };
        let sent = self.read_item(now, peer, item).and_then(|(len, _)| {
            let number = item.offset / SLICE;
            let path = slices.path(number).filter(|_| len as u64 == item.len);
            let path = path.ok_or(Reason::Changed)?;
            let path = if asked.to_file { [&path[..], &above].concat() } else { path };
            let head = Message::Slice(SliceIs { request: asked.request, slice: number, path });
            net.push(id, &head.encode_with(len), &self.buffer[..len]);
            Ok(Some((len as u64, asked.size)))
        });
        self.open.hashed.keep(key, slices, above);
        sent
    }

    /// Hashes about [`STEP`] bytes more of a chunk.
    fn hash_step(
        &mut self,
        now: Time,
        peer: PeerId,
        file: FileId,
        chunks: Chunks,
        mut slices: ChunkSlices,
    ) -> Result<ChunkSlices, Reason> {
        let mut read = 0;
        while let Some(range) = slices.next().and_then(|next| slice::range(chunks, next))
            && read < STEP
        {
            let item = Item { file, offset: range.start, len: range.end - range.start };
            let (len, _) = self.read_item(now, peer, item)?;
            if len as u64 != item.len {
                return Err(Reason::Changed);
            }
            slices.push(&self.buffer[..len]);
            read += len;
        }
        Ok(slices)
    }

    /// Checks that what was hashed is the chunk, and returns the path from there to the file id.
    fn prove_slices(
        &mut self,
        now: Time,
        peer: PeerId,
        file: FileId,
        chunks: Chunks,
        chunk: ChunkIndex,
        slices: &ChunkSlices,
    ) -> Result<Vec<u8>, Reason> {
        let proof = slices.proof().ok_or(Reason::Changed)?;
        if chunks.is_single() {
            return if proof == ChunkProof::Whole(file) { Ok(Vec::new()) } else { Err(Reason::Changed) };
        }
        let manifest = self.manifest(now, peer, file)?;
        if manifest.chunks() != chunks || !manifest.proves(chunk, &proof) {
            return Err(Reason::Changed);
        }
        Ok(slice::path_of_chunk(&manifest, chunk))
    }
}
