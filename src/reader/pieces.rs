//! What comes for those who read: blocks, slices, pages of manifests, refusals. Pure; part of reader/mod.rs.

use super::read::{CameAs, ReadRefusal};
use super::{PendingRead, PendingWhat, Readers};
use crate::content::slice::{self, SLICE};
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::message::{BlockIs, ManifestIs, Reason, Refused, SliceIs};

/// The first number of a request. The swarm counts its own from 1 upwards, and pulls from 2^63.
pub(super) const FIRST_REQUEST: u64 = 1 << 62;

/// True if a request with this number was made for somebody who reads.
pub(crate) const fn is_of_reader(request: u64) -> bool {
    request >> 62 == FIRST_REQUEST >> 62
}

const UNASKED: &str = "it sent bytes that nobody asked for";

/// A block or a slice whose bytes come next.
#[derive(Clone, Debug)]
pub(crate) struct PieceHead {
    request: u64,
    /// Where its bytes begin in the file.
    offset: u64,
    len: u64,
    /// Of a slice: its number, and what proves it.
    slice: Option<(u64, Vec<u8>)>,
}

impl PieceHead {
    /// Of a block of so many bytes.
    pub(crate) const fn of_block(block: &BlockIs, len: usize) -> Self {
        Self { request: block.request, offset: block.offset, len: len as u64, slice: None }
    }

    /// Of a slice of so many bytes.
    pub(crate) fn of_slice(slice: SliceIs, len: usize) -> Self {
        let offset = slice.slice.saturating_mul(SLICE);
        Self { request: slice.request, offset, len: len as u64, slice: Some((slice.slice, slice.path)) }
    }
}

impl Readers {
    /// A block or slice begins. True if its bytes are wanted, which are then given to [`Self::take_bytes`].
    ///
    /// # Errors
    /// In words, if nobody asked this peer for this: it is wrong, and its connection ends.
    pub(crate) fn check_piece(&self, peer: PeerId, head: &PieceHead) -> Result<bool, &'static str> {
        let Some(pending) = self.asked.get(&head.request) else {
            let may_come = self.givers.get(&peer).is_some_and(|giver| giver.may_be_late(head.len));
            return if may_come { Ok(false) } else { Err(UNASKED) };
        };
        if pending.peer != peer || head.len == 0 {
            return Err(UNASKED);
        }
        let (left, is_whole) = match (&pending.what, &head.slice) {
            (PendingWhat::Blocks { left }, None) => (left, true),
            (PendingWhat::Slices { left, .. }, Some((number, _))) => {
                let chunks = self.reads.get(&pending.read).map(|read| read.chunks());
                let range = chunks.and_then(|chunks| slice::range(chunks, *number));
                (left, range.is_some_and(|range| range.end - range.start == head.len))
            }
            _ => return Err(UNASKED),
        };
        let is_next = head.offset == left.start && head.len <= left.end - left.start;
        if is_next && is_whole { Ok(true) } else { Err(UNASKED) }
    }

    /// Some bytes of a piece came, the first of which is `at` bytes behind its beginning.
    pub(crate) fn take_bytes(&mut self, head: &PieceHead, at: u64, bytes: &[u8]) {
        let Some(pending) = self.asked.get(&head.request) else { return };
        if let Some(read) = self.reads.get_mut(&pending.read) {
            read.append(head.request, head.offset.saturating_add(at), bytes);
        }
    }

    /// A piece that [`Self::check_piece`] let pass is complete. True if it was still wanted.
    pub(crate) fn handle_piece(&mut self, now: Time, peer: PeerId, head: PieceHead) -> bool {
        let PieceHead { request, offset, len, slice } = head;
        let Some(pending) = self.asked.get_mut(&request).filter(|pending| pending.peer == peer) else {
            if let Some(giver) = self.givers.get_mut(&peer) {
                giver.heard(now);
                giver.gave_late(len);
            }
            return false;
        };
        let PendingRead { read: id, what, .. } = pending;
        let id = *id;
        let (is_over, to_file) = match what {
            PendingWhat::Page => return false,
            PendingWhat::Slices { left, to_file, .. } => {
                left.start = left.start.saturating_add(len);
                (left.is_empty(), *to_file)
            }
            PendingWhat::Blocks { left } => {
                left.start = left.start.saturating_add(len);
                (left.is_empty(), false)
            }
        };
        if is_over {
            self.asked.remove(&request);
        }
        if let Some(giver) = self.givers.get_mut(&peer) {
            giver.gave(now, len);
            if is_over {
                giver.answered(0, false);
            }
        }
        let Some(read) = self.reads.get_mut(&id) else { return false };
        read.moved = now;
        let worth = match &slice {
            Some((number, path)) => read.slice_came(request, *number, path, to_file),
            None => read.block_came(peer, request, offset..offset.saturating_add(len)),
        };
        match worth {
            CameAs::Fine => {
                if let Some(giver) = self.givers.get_mut(&peer) {
                    giver.did_well();
                }
            }
            CameAs::WrongOfSeveral => {}
            CameAs::Wrong => self.wrong(now, id, peer),
        }
        self.go_on(now, id);
        self.schedule(now);
        true
    }

    /// A page of a manifest came.
    pub(crate) fn handle_manifest(&mut self, now: Time, peer: PeerId, page: &ManifestIs) {
        let is_asked = |pending: &&PendingRead| pending.peer == peer && pending.what == PendingWhat::Page;
        let Some(id) = self.asked.get(&page.request).filter(is_asked).map(|pending| pending.read) else {
            return;
        };
        self.asked.remove(&page.request);
        if let Some(giver) = self.givers.get_mut(&peer) {
            giver.heard(now);
            giver.pacing.answered(now);
            giver.answered(0, false);
        }
        if self.reads.get_mut(&id).is_some_and(|read| read.page_came(&page.values) != CameAs::Fine) {
            self.wrong(now, id, peer);
        }
        self.schedule(now);
    }

    /// A request, or one item of it, is not answered.
    pub(crate) fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused) {
        let Some(pending) = self.asked.get(&refused.request).filter(|pending| pending.peer == peer) else {
            return;
        };
        let (id, what) = (pending.read, pending.what.clone());
        self.take_back(refused.request);
        let Some(giver) = self.givers.get_mut(&peer) else { return };
        giver.heard(now);
        let why = match refused.reason {
            Reason::Busy => {
                giver.rest(now);
                return self.schedule(now);
            }
            // That peer is of a version that knows no slices.
            Reason::NotOffered if matches!(what, PendingWhat::Slices { .. }) && !giver.lacks_slices => {
                giver.lacks_slices = true;
                if let Some(read) = self.reads.get_mut(&id) {
                    read.take_whole_chunks();
                }
                return self.schedule(now);
            }
            Reason::Changed => ReadRefusal::Changed,
            _ => ReadRefusal::Unknown,
        };
        let slice = match &what {
            PendingWhat::Page => None,
            PendingWhat::Slices { first, .. } => Some(first.saturating_add(refused.item.unwrap_or(0).into())),
            PendingWhat::Blocks { left } => Some(left.start / SLICE),
        };
        if let Some(read) = self.reads.get_mut(&id) {
            match slice {
                Some(slice) => read.refused(peer, slice, why),
                // Its slices prove themselves.
                None => read.no_manifest(peer, why),
            }
            if read.is_hopeless() {
                self.fail(id);
            }
        }
        self.schedule(now);
    }
}
