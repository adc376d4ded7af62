//! The bytes of shared files: who gets which of them next. Threads of their own read them, one for each share, so that a
//! disk that hangs holds up nothing else (reader_lanes.rs). Part of the sender; what is asked of such a thread and ready
//! is kept in reads.rs.

use std::sync::Arc;

use super::blocks::{Fetched, FetchedFrom, within};
use super::cached_files::CachedFiles;
use super::open_files::ReadFault;
use super::reader::{ReaderAnswer, ReaderCommand, SharedReader};
use super::reader_lanes::{LaneId, ReaderLanes};
use super::reads::{ReadDone, ReadyPart};
use super::unfit::UnfitFiles;
use super::{SenderRole, slices};
use crate::content::{FileId, ShareName};
use crate::identity::PeerId;
use crate::library::SharedFile;
use crate::sender::{SenderEvent, SharedContent, limits};
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::message::{Item, Reason};

/// The readers, what they read, and what they could not.
#[derive(Debug)]
pub(super) struct SharedFiles {
    cached: CachedFiles,
    pub(super) lanes: ReaderLanes,
    unfit: UnfitFiles,
}

/// A client, and the reader that reads what it is to be sent.
#[derive(Clone, Copy, Debug)]
struct ReaderClient {
    id: ConnId,
    lane: LaneId,
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
        Self { cached: CachedFiles::default(), lanes: ReaderLanes::new(reader), unfit: UnfitFiles::default() }
    }

    /// A share has another reader from now on, or none. Those go on who waited for the one before.
    pub(super) fn set_reader(&mut self, share: ShareName, reader: Option<SharedReader>, net: &mut Net) {
        self.lanes.set(share, reader).into_iter().for_each(|id| net.enqueue(id));
    }

    /// This is shared from now on.
    pub(super) fn renew(&mut self, offer: &Arc<SharedContent>) {
        self.unfit.renew(|id| offer.shelf.files.contains_key(id));
        self.lanes.all_mut().for_each(|lane| lane.reads.drop_faults());
        self.cached.renew(&offer.shelf);
        self.lanes.tell_all(|| ReaderCommand::Offer(Arc::clone(offer)));
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
    fn is_cached(&mut self, now: Time, client: ReaderClient, item: Item, plan: ReadPlan) -> bool {
        plan == ReadPlan::Blocks
            && self.cached.may_read(now, item.file)
            && self.lanes.get_mut(client.lane).reads.ready(client.id, item, false) == ReadyPart::Nothing
    }

    /// Has these read for a client, all by one reader.
    fn ask(&mut self, now: Time, client: ReaderClient, offer: &Arc<SharedContent>, items: Vec<Item>) {
        let lane = self.lanes.get_mut(client.lane);
        if let Some(job) = lane.reads.ask(now, client.id, items) {
            lane.reader.send(ReaderCommand::Read(Arc::clone(offer), job));
        }
    }

    /// Those go on that a buffer is free for.
    pub(super) fn call_waiting(&mut self, net: &mut Net) {
        for lane in self.lanes.all_mut() {
            while let Some(id) = lane.reads.next_waiting() {
                net.enqueue(id);
            }
        }
    }

    /// Takes what was read, up to what a reader has done by now. Returns for whom, where anybody still wants it.
    fn take_answers(&mut self, now: Time, offer: &Arc<SharedContent>) -> Vec<ConnId> {
        let cached = &mut self.cached;
        let mut wanted = Vec::new();
        for lane in self.lanes.all_mut() {
            while let Some(answer) = lane.reader.next_answer() {
                let done = Self::taken(cached, offer, answer);
                wanted.extend(lane.reads.done(now, done));
            }
        }
        wanted
    }

    fn taken(
        cached: &mut CachedFiles,
        offer: &Arc<SharedContent>,
        answer: ReaderAnswer,
    ) -> ReadDone<ReadFault> {
        let ReaderAnswer { offer: read, mut done, open } = answer;
        // What is wrong with a file of an earlier offer may be right with the present one.
        if !Arc::ptr_eq(&read, offer) {
            done.pieces.retain(|piece| piece.fault.is_none());
        } else if let Some((id, file)) = open {
            cached.add(id, file);
        }
        done
    }
}

impl SenderRole {
    /// Those go on for whom something was read.
    pub(super) fn take_read(&mut self, now: Time, net: &mut Net) {
        for id in self.shared.take_answers(now, &self.offer) {
            net.enqueue(id);
        }
        self.shared.call_waiting(net);
    }

    /// The file of the shelf, if it can be given to that peer now.
    pub(super) fn shared_file(&self, now: Time, peer: PeerId, file: FileId) -> Option<&SharedFile> {
        self.offer.file(peer, file).filter(|_| !self.shared.is_unfit(now, file))
    }

    /// What is ready of an item of the shelf. What is not there is asked for, unless the reader is hung.
    fn read_or_ask(&mut self, now: Time, id: ConnId, item: Item, plan: ReadPlan) -> ReadyPart {
        let lane = lane_of(self, item.file);
        let reads = &mut self.shared.lanes.get_mut(lane).reads;
        let part = reads.ready(id, item, plan != ReadPlan::Blocks);
        if part != ReadyPart::Nothing || reads.is_hung(now) {
            return part;
        }
        let items = match plan {
            ReadPlan::Blocks => self.shared_items(now, ReaderClient { id, lane }, 0),
            ReadPlan::Slices { until } => shared_slices(&self.offer, item, until),
        };
        self.shared.ask(now, ReaderClient { id, lane }, &self.offer, items);
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
        let lane = self.shared.lanes.of(&self.offer.shelf, item.file);
        let buffer = &mut self.buffer[..len];
        if self.shared.is_cached(now, ReaderClient { id, lane }, item, plan)
            && self.shared.cached.read(now, item.file, file, item.offset, buffer)
        {
            return Ok(Some(Fetched { len, size, source: FetchedFrom::Buffer }));
        }
        match self.read_or_ask(now, id, item, plan) {
            ReadyPart::Bytes(len) => Ok(Some(Fetched { len, size, source: FetchedFrom::Reader(lane) })),
            ReadyPart::Asked => Ok(None),
            ReadyPart::Nothing => Err(Reason::Busy),
            ReadyPart::Fault => {
                let fault = self.shared.lanes.get_mut(lane).reads.take_fault(id);
                Err(fault.map_or(Reason::Busy, |fault| self.shared_fault(now, item.file, fault)))
            }
        }
    }

    /// True if what a client is to be sent next are blocks of a shared file that are still being read. They
    /// are asked for.
    pub(super) fn waits_for_reader(&mut self, now: Time, id: ConnId) -> bool {
        let Some(client) = self.clients.get(&id) else { return false };
        let Some(item) = client.upcoming().next() else { return false };
        let file = self.shared_file(now, client.peer, item.file);
        // Why nothing of it is given is said when it is its turn.
        file.is_some_and(|file| within(file.manifest.chunks(), item).is_ok())
            && !self.shared.is_cached(
                now,
                ReaderClient { id, lane: lane_of(self, item.file) },
                item,
                ReadPlan::Blocks,
            )
            && self.read_or_ask(now, id, item, ReadPlan::Blocks) == ReadyPart::Asked
    }

    /// Has read what a client is to be sent next, and after what is ready for it.
    pub(super) fn read_ahead(&mut self, now: Time, id: ConnId) {
        if self.waits_for_reader(now, id) {
            return;
        }
        let Some(next) = self.clients.get(&id).and_then(|client| client.upcoming().next()) else { return };
        let lane = lane_of(self, next.file);
        let reads = &self.shared.lanes.get(lane).reads;
        if reads.is_hung(now) {
            return;
        }
        let Some(ahead) = reads.asked_ahead(id) else { return };
        let items = self.shared_items(now, ReaderClient { id, lane }, ahead);
        if !items.is_empty() {
            self.shared.ask(now, ReaderClient { id, lane }, &self.offer, items);
        }
    }

    /// What a client is to be sent next of shared files that one reader reads, after so many bytes of it.
    fn shared_items(&self, now: Time, client: ReaderClient, ahead: u64) -> Vec<Item> {
        let (mut skip, mut room) = (ahead, limits::READ_JOB as u64);
        let mut items = Vec::new();
        let Some(asker) = self.clients.get(&client.id) else { return items };
        for item in asker.upcoming() {
            let file = self.shared_file(now, asker.peer, item.file);
            let is_wrong = file.is_none_or(|file| within(file.manifest.chunks(), item).is_err());
            if is_wrong || lane_of(self, item.file) != client.lane {
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

/// Which reader reads a file of the shelf.
fn lane_of(role: &SenderRole, file: FileId) -> LaneId {
    role.shared.lanes.of(&role.offer.shelf, file)
}

/// The slices of a shared file from this one on, as many as fit a job.
fn shared_slices(offer: &SharedContent, item: Item, until: u64) -> Vec<Item> {
    let file = offer.shelf.files.get(&item.file);
    file.map_or_else(Vec::new, |file| slices::items(item, file.manifest.chunks(), until))
}
