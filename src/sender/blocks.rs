//! Blocks of files: whose turn it is, and where they come from: the shelf (open_files.rs), what is being
//! fetched, or the chunk store. Part of the sender.

use std::sync::Arc;

use super::client::DueItem;
use super::open_files::ReadFault;
use super::{STEP, SenderRole, SenderState, unknown};
use crate::content::Chunks;
use crate::identity::PeerId;
use crate::library::SharedFile;
use crate::sender::limits;
use crate::sender::{SenderEvent, SharedContent};
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{BlockIs, Item, Reason, Refused};

/// The length of an item, if it lies in the file.
pub(super) fn within(chunks: Chunks, item: Item) -> Result<usize, Reason> {
    let inside = item.offset.checked_add(item.len).is_some_and(|end| end <= chunks.size());
    usize::try_from(item.len).ok().filter(|_| inside).ok_or(Reason::Malformed)
}

impl SenderRole {
    /// One step for the oldest request for blocks of a client: about [`STEP`] bytes, or what the limit
    /// allows, of one file or of many small ones.
    pub(super) fn push_blocks(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let Some(client) = self.clients.get(&id).filter(|c| c.wants_blocks()) else { return false };
        let (peer, background) = (client.peer, client.is_background());
        let room = if background { self.throttle.ask(now, id) } else { u64::MAX };
        if room == 0 {
            return false;
        }
        let mut left = self.gate.ask(now, peer, id).min(STEP as u64).min(room);
        let mut pushed = false;
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
            pushed = true;
            let pushed_one = match slices {
                _ if !may => Err(Reason::Busy),
                Some(asked) => match self.push_slice(now, net, id, peer, &asked, item).transpose() {
                    Some(sent) => sent,
                    None => {
                        // Its chunk is not hashed yet. That goes on when the others had their turn.
                        net.enqueue(id);
                        return false;
                    }
                },
                None => {
                    self.push_item(now, net, id, peer, DueItem { left: Item { len: step, ..item }, ..due })
                }
            };
            match pushed_one {
                Ok((step, size)) => {
                    // A slice goes out whole, also if a limit has less left.
                    left = left.saturating_sub(step.max(1));
                    self.gate.passed(step);
                    self.counters.sent.add(step);
                    if !background {
                        self.throttle.others(now, step);
                    }
                    if let Some(client) = self.clients.get_mut(&id) {
                        if slices.is_none()
                            && !client.is_chosen()
                            && let Some((chunks, chunk)) = self.super_seed.note(item.file, size, item.offset)
                        {
                            client.was_given(item.file, chunks, chunk);
                        }
                        client.advance(now, step, size);
                    }
                    self.partial_seeds.used(now, item.file);
                    // The first byte is reported at once.
                    self.serving.begin(now);
                }
                Err(reason) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.skip_item();
                    }
                    let refused = Refused { request: due.request, item: Some(due.number), reason };
                    net.send(id, &Message::Refused(refused));
                }
            }
        }
        pushed
    }

    /// Reads and pushes some bytes of a file, as blocks. Returns how many, and the file's size.
    fn push_item(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        peer: PeerId,
        due: DueItem,
    ) -> Result<(u64, u64), Reason> {
        let (len, size) = self.read_item(now, peer, due.left)?;
        self.push_read(net, id, due, len);
        Ok((len as u64, size))
    }

    /// Fills the beginning of the buffer with bytes of a file, from wherever it is. Returns how many, and the
    /// file's size.
    pub(super) fn read_item(&mut self, now: Time, peer: PeerId, item: Item) -> Result<(usize, u64), Reason> {
        let offer = Arc::clone(&self.offer);
        let rests = self.unfit.rests(now, item.file);
        let shared = offer.shelf.files.get(&item.file);
        let shared = shared.filter(|_| !self.unfit.is_changed(item.file) && !rests);
        let (len, size) = if let Some(file) = shared {
            let chunks = file.manifest.chunks();
            let len = within(chunks, item)?;
            self.read_shared(now, &offer, file, item, len)?;
            (len, chunks.size())
        } else if let Some(seed) =
            self.partial_seeds.get(item.file).filter(|h| h.has_all(item.offset, item.len))
        {
            let len = within(seed.chunks(), item)?;
            if let Err(e) = seed.read(item.offset, &mut self.buffer[..len]) {
                log::debug!("{:?} is not served any more: {e}", item.file);
                return Err(Reason::Changed);
            }
            (len, seed.chunks().size())
        } else if self.store.chunks(peer, item.file).is_some() {
            self.store.fill(now, peer, item, &mut self.buffer)?
        } else {
            return Err(self.nothing_of(item, rests));
        };
        Ok((len, size))
    }

    /// Why nothing of an item is given.
    fn nothing_of(&self, item: Item, rests: bool) -> Reason {
        match self.partial_seeds.get(item.file) {
            // That part of it has not come yet.
            Some(seed) => within(seed.chunks(), item).err().unwrap_or(Reason::Unknown),
            None if rests || self.unfit.is_changed(item.file) => Reason::Changed,
            None => unknown(&self.offer),
        }
    }

    /// Fills the beginning of the buffer with bytes of a file of the shelf.
    fn read_shared(
        &mut self,
        now: Time,
        offer: &SharedContent,
        file: &SharedFile,
        item: Item,
        len: usize,
    ) -> Result<(), Reason> {
        let fault =
            match self.open.read(&offer.shelf.root, item.file, file, item.offset, &mut self.buffer[..len]) {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            };
        match fault {
            ReadFault::NoDescriptor => {
                log::warn!("no file descriptor is left: {} is served a little later", file.path);
                return Err(Reason::Busy);
            }
            ReadFault::Unreadable(e) => {
                if self.unfit.fail(now, item.file) {
                    log::warn!("{} cannot be read, so others do not get it from here: {e}", file.path);
                }
            }
            ReadFault::Unfit(e) => {
                log::debug!("{} cannot be served: {e}", file.path);
                self.unfit.change(item.file);
                drop(self.events.send(SenderEvent::Changed(file.path.clone())));
            }
        }
        Err(Reason::Changed)
    }

    /// Pushes the bytes that were read into the buffer, as blocks.
    fn push_read(&mut self, net: &mut Net, id: ConnId, due: DueItem, len: usize) {
        let DueItem { request, number, left } = due;
        let mut offset = left.offset;
        for block in self.buffer[..len].chunks(limits::BLOCK) {
            let head = Message::Block(BlockIs { request, item: number, offset });
            net.push(id, &head.encode_with(block.len()), block);
            offset += block.len() as u64;
        }
    }
}
