//! The bytes of shared files: who gets which of them next. A thread of its own reads them, so that a disk
//! that hangs holds up nothing else. Part of the sender; what is asked of that thread and ready is kept in
//! reads.rs.

use std::sync::Arc;

use super::blocks::{Fetched, FetchedFrom, within};
use super::cached_files::CachedFiles;
use super::open_files::ReadFault;
use super::reader::{ReaderAnswer, ReaderCommand, SharedReader};
use super::reads::{Reads, ReadyPart};
use super::unfit::UnfitFiles;
use super::{SenderRole, slices};
use crate::content::FileId;
use crate::library::SharedFile;
use crate::sender::{SenderEvent, SharedContent, limits};
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::message::{Item, Reason};

/// The reader, what it read, and what it could not.
#[derive(Debug)]
pub(super) struct SharedFiles {
    reader: SharedReader,
    cached: CachedFiles,
    pub(super) reads: Reads<ConnId, ReadFault>,
    unfit: UnfitFiles,
}

/// What the reader is asked for, if it has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadPlan {
    /// What the client is to be sent next.
    Blocks,
    /// Slices from the item on, up to this offset of the file. All of the item is needed at once.
    Slices { until: u64 },
}

impl SharedFiles {
    pub(super) fn new(reader: SharedReader) -> Self {
        Self { reader, cached: CachedFiles::default(), reads: Reads::default(), unfit: UnfitFiles::default() }
    }

    /// This is shared from now on.
    pub(super) fn renew(&mut self, offer: &Arc<SharedContent>) {
        self.unfit.renew(|id| offer.shelf.files.contains_key(id));
        self.reads.drop_faults();
        self.cached.renew(&offer.shelf);
        self.reader.send(ReaderCommand::Offer(Arc::clone(offer)));
    }

    /// True if it was found changed since there is this offer.
    pub(super) fn is_changed(&self, file: FileId) -> bool {
        self.unfit.is_changed(file)
    }

    /// True if nothing of a file of the shelf is given now.
    pub(super) fn is_unfit(&self, now: Time, file: FileId) -> bool {
        self.unfit.is_changed(file) || self.unfit.rests(now, file)
    }

    /// True if nothing that the reader read is ready for an item, and it may be in memory anyhow.
    fn is_cached(&mut self, now: Time, id: ConnId, item: Item, plan: ReadPlan) -> bool {
        plan == ReadPlan::Blocks
            && self.cached.may_read(now, item.file)
            && self.reads.ready(id, item, false) == ReadyPart::Nothing
    }

    /// Has these read for a client.
    fn ask(&mut self, now: Time, id: ConnId, offer: &Arc<SharedContent>, items: Vec<Item>) {
        if let Some(job) = self.reads.ask(now, id, items) {
            self.reader.send(ReaderCommand::Read(Arc::clone(offer), job));
        }
    }

    /// Those go on that a buffer is free for.
    pub(super) fn call_waiting(&mut self, net: &mut Net) {
        while let Some(id) = self.reads.next_waiting() {
            net.enqueue(id);
        }
    }

    /// Takes what was read. Returns for whom, if anybody still wants it.
    fn take_answer(&mut self, now: Time, offer: &Arc<SharedContent>, answer: ReaderAnswer) -> Option<ConnId> {
        let ReaderAnswer { offer: read, mut done, open } = answer;
        // What is wrong with a file of an earlier offer may be right with the present one.
        if !Arc::ptr_eq(&read, offer) {
            done.pieces.retain(|piece| piece.fault.is_none());
        } else if let Some((id, file)) = open {
            self.cached.add(id, file);
        }
        self.reads.done(now, done)
    }
}

impl SenderRole {
    /// Those go on for whom something was read.
    pub(super) fn take_read(&mut self, now: Time, net: &mut Net) {
        while let Some(answer) = self.shared.reader.next_answer() {
            if let Some(id) = self.shared.take_answer(now, &self.offer, answer) {
                net.enqueue(id);
            }
        }
        self.shared.call_waiting(net);
    }

    /// The file of the shelf, if it can be given now.
    pub(super) fn shared_file(&self, now: Time, file: FileId) -> Option<&SharedFile> {
        self.offer.shelf.files.get(&file).filter(|_| !self.shared.is_unfit(now, file))
    }

    /// What is ready of an item of the shelf. What is not there is asked for, unless the reader is hung.
    fn read_or_ask(&mut self, now: Time, id: ConnId, item: Item, plan: ReadPlan) -> ReadyPart {
        let part = self.shared.reads.ready(id, item, plan != ReadPlan::Blocks);
        if part != ReadyPart::Nothing || self.shared.reads.is_hung(now) {
            return part;
        }
        let items = match plan {
            ReadPlan::Blocks => self.shared_items(now, id, 0),
            ReadPlan::Slices { until } => shared_slices(&self.offer, item, until),
        };
        self.shared.ask(now, id, &self.offer, items);
        ReadyPart::Asked
    }

    /// Finds bytes of a shared file: all of the item or the beginning of it. `None`: they are being read.
    pub(super) fn fetch_shared(
        &mut self,
        now: Time,
        id: ConnId,
        item: Item,
        plan: ReadPlan,
    ) -> Result<Option<Fetched>, Reason> {
        let Some(file) = self.offer.shelf.files.get(&item.file) else { return Err(Reason::Changed) };
        let chunks = file.manifest.chunks();
        let (len, size) = (within(chunks, item)?.min(self.buffer.len()), chunks.size());
        let buffer = &mut self.buffer[..len];
        if self.shared.is_cached(now, id, item, plan)
            && self.shared.cached.read(now, item.file, file, item.offset, buffer)
        {
            return Ok(Some(Fetched { len, size, source: FetchedFrom::Buffer }));
        }
        match self.read_or_ask(now, id, item, plan) {
            ReadyPart::Bytes(len) => Ok(Some(Fetched { len, size, source: FetchedFrom::Reader })),
            ReadyPart::Asked => Ok(None),
            ReadyPart::Nothing => Err(Reason::Busy),
            ReadyPart::Fault => {
                let fault = self.shared.reads.take_fault(id);
                Err(fault.map_or(Reason::Busy, |fault| self.shared_fault(now, item.file, fault)))
            }
        }
    }

    /// True if what a client is to be sent next are blocks of a shared file that are still being read. They
    /// are asked for.
    pub(super) fn waits_for_reader(&mut self, now: Time, id: ConnId) -> bool {
        let Some(item) = self.clients.get(&id).and_then(|client| client.upcoming().next()) else {
            return false;
        };
        let file = self.shared_file(now, item.file);
        // Why nothing of it is given is said when it is its turn.
        file.is_some_and(|file| within(file.manifest.chunks(), item).is_ok())
            && !self.shared.is_cached(now, id, item, ReadPlan::Blocks)
            && self.read_or_ask(now, id, item, ReadPlan::Blocks) == ReadyPart::Asked
    }

    /// Has read what a client is to be sent next, and after what is ready for it.
    pub(super) fn read_ahead(&mut self, now: Time, id: ConnId) {
        if self.waits_for_reader(now, id) || self.shared.reads.is_hung(now) {
            return;
        }
        let Some(ahead) = self.shared.reads.asked_ahead(id) else { return };
        let items = self.shared_items(now, id, ahead);
        if !items.is_empty() {
            self.shared.ask(now, id, &self.offer, items);
        }
    }

    /// What a client is to be sent next of shared files, after so many bytes of it.
    fn shared_items(&self, now: Time, id: ConnId, ahead: u64) -> Vec<Item> {
        let (mut skip, mut room) = (ahead, limits::READ_JOB as u64);
        let mut items = Vec::new();
        let upcoming = self.clients.get(&id).into_iter().flat_map(|client| client.upcoming());
        for item in upcoming {
            let file = self.shared_file(now, item.file);
            if file.is_none_or(|file| within(file.manifest.chunks(), item).is_err()) {
                break;
            }
            // After what is ready comes what needs no reader.
            if skip < item.len && self.shared.cached.may_read(now, item.file) {
                break;
            }
            if skip > 0 && skip >= item.len {
                skip -= item.len;
                continue;
            }
            let len = (item.len - skip).min(room);
            items.push(Item { offset: item.offset + skip, len, ..item });
            (skip, room) = (0, room - len);
            if room == 0 || items.len() >= limits::REQUEST_ITEMS {
                break;
            }
        }
        items
    }

    /// What whoever asked hears, when bytes of a file of the shelf cannot be had.
    fn shared_fault(&mut self, now: Time, id: FileId, fault: ReadFault) -> Reason {
        let Some(file) = self.offer.shelf.files.get(&id) else { return Reason::Changed };
        match fault {
            ReadFault::NoDescriptor => {
                self.shared.cached.clear();
                log::warn!("no file descriptor is left: {} is served a little later", file.path);
                return Reason::Busy;
            }
            ReadFault::Unreadable(e) => {
                if self.shared.unfit.fail(now, id) {
                    log::warn!("{} cannot be read, so others do not get it from here: {e}", file.path);
                }
            }
            ReadFault::Unfit(e) => {
                log::debug!("{} cannot be served: {e}", file.path);
                self.shared.unfit.change(id);
                drop(self.events.send(SenderEvent::Changed(file.path.clone())));
            }
        }
        Reason::Changed
    }
}

/// The slices of a shared file from this one on, as many as fit a job.
fn shared_slices(offer: &SharedContent, item: Item, until: u64) -> Vec<Item> {
    let file = offer.shelf.files.get(&item.file);
    file.map_or_else(Vec::new, |file| slices::items(item, file.manifest.chunks(), until))
}
