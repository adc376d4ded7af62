//! Slices of files with what proves them. Part of the sender.
//!
//! The path of a slice is made of the values of all slices of its chunk, so a chunk is hashed before the
//! first of its slices leaves: step by step, as blocks are read, so that others have their turn meanwhile.
//! What that gave is kept for those that are asked for next.

use std::collections::BTreeMap;

use super::blocks::PushStep;
use super::shared_files::ReadPlan;
use super::{STEP, SenderRole};
use crate::content::slice::{self, ChunkSlices, SLICE, SLICE_BYTES};
use crate::content::{ChunkIndex, Chunks, FileId, manifest::ChunkProof};
use crate::identity::PeerId;
use crate::sender::limits;
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{GetSlices, Item, Reason, SliceIs};

/// Which chunk: file, its size, number of the chunk.
type ChunkKey = (FileId, u64, u32);

/// One chunk of a file.
#[derive(Clone, Copy, Debug)]
struct FileChunk {
    file: FileId,
    chunks: Chunks,
    chunk: ChunkIndex,
}

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

    /// Pushes one slice, or hashes one step more of its chunk.
    pub(super) fn push_slice(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        peer: PeerId,
        asked: &GetSlices,
        item: Item,
    ) -> Result<PushStep, Reason> {
        let chunks = self.cut(peer, asked.file, asked.size)?;
        let chunk = chunks.at_offset(item.offset).unwrap_or_else(|| chunks.last());
        let of = FileChunk { file: asked.file, chunks, chunk };
        let key = (asked.file, asked.size, chunk.get());
        let (slices, above) = match self.hashed.chunks.remove(&key) {
            Some(known) if known.slices.next().is_none() => (known.slices, known.above),
            begun => {
                let mut slices = begun.map_or_else(|| ChunkSlices::new(chunks, chunk), |known| known.slices);
                let step = self.hash_step(now, id, peer, of, &mut slices)?;
                if slices.next().is_some() {
                    self.hashed.keep(key, slices, Vec::new());
                    return Ok(step);
                }
                let above = self.prove_slices(now, peer, of, &slices)?;
                (slices, above)
            }
        };
        let end = (asked.first + u64::from(asked.count)).saturating_mul(SLICE);
        let plan = ReadPlan::Slices { until: end.min(chunks.range(chunk).end) };
        let sent = self.fetch(now, id, peer, item, plan).and_then(|found| {
            let Some(found) = found else { return Ok(PushStep::Waits) };
            let number = item.offset / SLICE;
            let path = slices.path(number).filter(|_| found.len as u64 == item.len);
            let path = path.ok_or(Reason::Changed)?;
            let path = if asked.to_file { [&path[..], &above].concat() } else { path };
            let head = Message::Slice(SliceIs { request: asked.request, slice: number, path });
            net.push(id, &head.encode_with(found.len), self.bytes(id, found));
            found.consume(now, id, &mut self.shared);
            Ok(PushStep::Pushed { bytes: found.len as u64, size: asked.size })
        });
        self.hashed.keep(key, slices, above);
        sent
    }

    /// Hashes about [`STEP`] bytes more of a chunk, as far as they are there.
    fn hash_step(
        &mut self,
        now: Time,
        id: ConnId,
        peer: PeerId,
        of: FileChunk,
        slices: &mut ChunkSlices,
    ) -> Result<PushStep, Reason> {
        let plan = ReadPlan::Slices { until: of.chunks.range(of.chunk).end };
        let mut hashed = 0;
        while let Some(range) = slices.next().and_then(|next| slice::range(of.chunks, next))
            && hashed < STEP
        {
            let item = Item { file: of.file, offset: range.start, len: range.end - range.start };
            let Some(found) = self.fetch(now, id, peer, item, plan)? else { return Ok(PushStep::Waits) };
            if found.len as u64 != item.len {
                return Err(Reason::Changed);
            }
            slices.push(self.bytes(id, found));
            found.consume(now, id, &mut self.shared);
            hashed += found.len;
        }
        Ok(PushStep::Again)
    }

    /// Checks that what was hashed is the chunk, and returns the path from there to the file id.
    fn prove_slices(
        &mut self,
        now: Time,
        peer: PeerId,
        of: FileChunk,
        slices: &ChunkSlices,
    ) -> Result<Vec<u8>, Reason> {
        let FileChunk { file, chunks, chunk } = of;
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

/// The slices of a file from this one on, up to an offset of the file: as many as the reader reads at once.
pub(super) fn items(first: Item, chunks: Chunks, until: u64) -> Vec<Item> {
    let more = (first.offset / SLICE + 1..).map_while(|number| slice::range(chunks, number));
    let more = more.take_while(|range| range.start < until);
    let more = more.map(|range| Item { offset: range.start, len: range.end - range.start, ..first });
    core::iter::once(first).chain(more).take(limits::READ_JOB / SLICE_BYTES).collect()
}
