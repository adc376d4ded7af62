//! Blocks of files: whose turn it is, and where they come from: the shelf (shared_files.rs), what is being
//! fetched, or the chunk store. Part of the sender.

use super::client::DueItem;
use super::reader_lanes::LaneId;
use super::sent::SentPart;
use super::shared_files::{ReadPlan, SharedFiles};
use super::{STEP, SenderRole, SenderState, unknown};
use crate::accounts::Payer;
use crate::content::{ByteRanges, Chunks};
use crate::identity::PeerId;
use crate::sender::limits;
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{BlockIs, Item, Reason, Refused};

/// The length of an item, if it lies in the file.
pub(super) fn within(chunks: Chunks, item: Item) -> Result<usize, Reason> {
    let inside = item.offset.checked_add(item.len).is_some_and(|end| end <= chunks.size());
    usize::try_from(item.len).ok().filter(|_| inside).ok_or(Reason::Malformed)
}

/// Bytes that are there to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetched {
    pub(super) len: usize,
    /// The size of the file.
    pub(super) size: u64,
    pub(super) source: FetchedFrom,
}

impl Fetched {
    /// They were used.
    pub(super) fn consume(self, now: Time, id: ConnId, shared: &mut SharedFiles) {
        if let FetchedFrom::Reader(lane) = self.source {
            shared.lanes.get_mut(lane).reads.consume(now, id, self.len);
        }
    }
}

/// Where such bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchedFrom {
    /// Among what this reader of shared files read for the client.
    Reader(LaneId),
    /// In the role's buffer.
    Buffer,
}

/// What became of an attempt to send something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PushStep {
    /// So much was pushed, of a file of this size.
    Pushed { bytes: u64, size: u64 },
    /// There is more to do first, when the others had their turn.
    Again,
    /// It is being read; the client is called when it is there.
    Waits,
}

impl SenderRole {
    /// One step for the oldest request for blocks of a client: about [`STEP`] bytes, or what the limit
    /// allows, of one file or of many small ones. False: there is nothing for it, or not yet.
    pub(super) fn push_blocks(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let Some(client) = self.clients.get(&id).filter(|c| c.wants_blocks()) else { return false };
        let (peer, background) = (client.peer, client.is_background());
        let mut pushed = self.choose(now, net, id);
        if self.waits_for_reader(now, id) {
            // A turn that the limits give is not lost on one who has nothing to send.
            return pushed;
        }
        let room = if background { self.restraints.throttle.ask(now, id) } else { u64::MAX };
        if room == 0 {
            return pushed;
        }
        let Some(payer) = net.payer(id) else { return pushed };
        let mut left = self.gate.ask(now, payer, id).min(STEP as u64).min(room);
        while left > 0 {
            pushed |= self.choose(now, net, id);
            let Some(client) = self.clients.get_mut(&id).filter(|c| c.is_background() == background) else {
                break;
            };
            let slices = client.next_slices();
            let Some(due) = client.next_item() else { break };
            let item = due.left;
            // What was begun over one connection may go on over another one of the same peer.
            let may = self.state == SenderState::Serving
                || self.clients.values().any(|c| c.peer == peer && c.is_under_way(item.file));
            let step = item.len.min(left);
            let step = match slices {
                _ if !may => Err(Reason::Busy),
                Some(asked) => self.push_slice(now, net, id, peer, &asked, item),
                None => {
                    self.push_item(now, net, id, peer, DueItem { left: Item { len: step, ..item }, ..due })
                }
            };
            match step {
                Ok(PushStep::Pushed { bytes, size }) => {
                    // A slice goes out whole, also if a limit has less left.
                    left = left.saturating_sub(bytes.max(1));
                    self.count(now, payer, id, item, bytes, size);
                }
                Ok(PushStep::Again) => {
                    net.enqueue(id);
                    return pushed;
                }
                Ok(PushStep::Waits) => break,
                Err(reason) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.skip_item();
                    }
                    let refused = Refused { request: due.request, item: Some(due.number), reason };
                    net.send(id, &Message::Refused(refused));
                }
            }
            pushed = true;
        }
        self.read_ahead(now, id);
        self.shared.call_waiting(net);
        pushed
    }

    /// Bytes of an item of a client were pushed, of a file of this size.
    fn count(&mut self, now: Time, to: Payer<PeerId>, id: ConnId, item: Item, bytes: u64, size: u64) {
        self.gate.passed(bytes);
        self.counters.sent.add(bytes);
        if let Some(client) = self.clients.get_mut(&id) {
            let ranges = ByteRanges::of([(item.offset, item.offset.saturating_add(bytes))]);
            let part = SentPart { to, file: item.file, size, why: client.sent_for(), bytes, ranges };
            self.serving.note(part, &self.events);
            if !client.is_background() {
                self.restraints.throttle.others(now, bytes);
            }
            if client.next_slices().is_none()
                && !client.is_chosen()
                && let Some((chunks, chunk)) = self.super_seed.note(item.file, size, item.offset)
            {
                client.was_given(item.file, chunks, chunk);
            }
            client.advance(now, bytes, size);
        }
        self.partial_seeds.used(now, item.file);
        // The first byte is reported at once.
        self.serving.begin(now);
    }

    /// Pushes some bytes of a file, as blocks.
    fn push_item(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        peer: PeerId,
        due: DueItem,
    ) -> Result<PushStep, Reason> {
        let DueItem { request, number, left } = due;
        let Some(found) = self.fetch(now, id, peer, left, ReadPlan::Blocks)? else {
            return Ok(PushStep::Waits);
        };
        let mut offset = left.offset;
        for block in self.bytes(id, found).chunks(limits::BLOCK) {
            let head = Message::Block(BlockIs { request, item: number, offset });
            net.push(id, &head.encode_with(block.len()), block);
            offset += block.len() as u64;
        }
        found.consume(now, id, &mut self.shared);
        Ok(PushStep::Pushed { bytes: found.len as u64, size: found.size })
    }

    /// Finds bytes of a file, from wherever it is: all of the item or the beginning of it. `None`: they are
    /// being read.
    pub(super) fn fetch(
        &mut self,
        now: Time,
        id: ConnId,
        peer: PeerId,
        item: Item,
        plan: ReadPlan,
    ) -> Result<Option<Fetched>, Reason> {
        if self.restraints.withheld.has(peer, item) {
            return Err(Reason::Busy);
        }
        if self.shared_file(now, peer, item.file).is_some() {
            return self.fetch_shared(now, id, item, plan);
        }
        let seed = self.partial_seeds.get(item.file).filter(|h| h.has_all(item.offset, item.len));
        let (len, size) = if let Some(seed) = seed {
            let len = within(seed.chunks(), item)?;
            if let Err(e) = seed.read(item.offset, &mut self.buffer[..len]) {
                log::debug!("{:?} is not served any more: {e}", item.file);
                return Err(Reason::Changed);
            }
            (len, seed.chunks().size())
        } else if self.store.chunks(peer, item.file).is_some() {
            self.store.fill(now, peer, item, &mut self.buffer)?
        } else {
            return Err(self.nothing_of(now, peer, item));
        };
        Ok(Some(Fetched { len, size, source: FetchedFrom::Buffer }))
    }

    /// The bytes that were [found](Self::fetch) last.
    pub(super) fn bytes(&self, id: ConnId, found: Fetched) -> &[u8] {
        let bytes = match found.source {
            FetchedFrom::Reader(lane) => self.shared.lanes.get(lane).reads.front(id),
            FetchedFrom::Buffer => &self.buffer,
        };
        bytes.get(..found.len).unwrap_or_default()
    }

    /// Why nothing of an item is given.
    fn nothing_of(&self, now: Time, peer: PeerId, item: Item) -> Reason {
        match self.partial_seeds.get(item.file) {
            // That part of it has not come yet.
            Some(seed) => within(seed.chunks(), item).err().unwrap_or(Reason::Unknown),
            None if self.offer.file(peer, item.file).is_some() && self.shared.is_unfit(now, item.file) => {
                Reason::Changed
            }
            None => unknown(&self.offer),
        }
    }
}
