//! The sender: serves head, buckets, manifests, blocks and the table of peers out of one [`Offer`], and what is
//! kept here for others.
//!
//! Requests name content, never paths, and only bytes leave of files on the shelf, of those that are being fetched
//! (holding.rs), and of the chunk store (store.rs), looked for in this order. Nothing is made before the socket took what was made so far, so a slow asker costs no memory. Blocks are read in
//! steps of 256 KiB on this thread; before and after each step the file must be what was hashed.

mod crowd;
pub(super) mod estates;
mod store;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crossbeam_channel::Sender;
use rustix::io::Errno;

use self::estates::{Estate, Estates};
use self::store::Store;
use super::connection::Closed;
use super::dialback::Following;
use super::engine::Role;
use super::giving::Giving;
use super::holding::Holding;
use super::net::{ConnId, Net};
use super::rate::Gate;
use super::serve::{Client, Quick};
use super::{Offer, SenderCommand, SenderEvent};
use crate::content::library::{OpenError, SharedFile, open, unchanged};
use crate::content::{Chunks, FileId, Manifest};
use crate::identity::PeerId;
use crate::limits;
use crate::routes::{Contact, Host};
use crate::sys::descriptors;
use crate::text;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{BlockIs, DialBack, GetBuckets, GetHead, Item, Reason, Refused};

/// Bytes read from a file in one step.
const STEP: usize = 256 << 10;

/// How often the controller hears who is served, at most.
const SERVING: Duration = Duration::from_millis(250);

/// Chunks that came are told to who wants to know once in this time.
const HAVES: Duration = Duration::from_millis(20);

/// After `Stop`: connections have this long to take what was made for them.
const STOP: Duration = Duration::from_millis(500);

/// Who was sent content within this time may still have some of it to read. Longer than a full buffer of
/// the kernel takes on a link of a megabit a second.
const ON_ITS_WAY: Duration = Duration::from_secs(30);

/// While it ends, it looks this often whether it has.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Serving,
    /// What is under way is sent.
    Finishing,
    /// It is in the kernel: whoever it is for reads it.
    Parting,
    Stopping(Time),
    Stopped,
}

/// Why there is no such content: before the first scan it may yet come.
fn unknown(offer: &Offer) -> Reason {
    if offer.head.is_empty() { Reason::Busy } else { Reason::Unknown }
}

/// The length of an item, if it lies in the file.
fn within(chunks: Chunks, item: Item) -> Result<usize, Reason> {
    let inside = item.offset.checked_add(item.len).is_some_and(|end| end <= chunks.size());
    usize::try_from(item.len).ok().filter(|_| inside).ok_or(Reason::Malformed)
}

/// Reads the bytes at `offset`, then checks that the file still is what was hashed.
fn fill(f: &File, file: &SharedFile, offset: u64, buffer: &mut [u8]) -> Result<(), OpenError> {
    f.read_exact_at(buffer, offset)?;
    if unchanged(f, &file.stamp)? { Ok(()) } else { Err(OpenError::Changed) }
}

/// True if the file could be read, had this process (or machine) not too many open.
fn is_want_of_descriptors(e: &OpenError) -> bool {
    let OpenError::Io(e) = e else { return false };
    matches!(Errno::from_io_error(e), Some(Errno::MFILE | Errno::NFILE))
}

/// The sender's role.
#[derive(Debug)]
pub(super) struct SenderRole {
    events: Sender<SenderEvent>,
    offer: Arc<Offer>,
    state: State,
    clients: BTreeMap<ConnId, Client>,
    /// Connections that end when the other end has read everything.
    parting: BTreeMap<ConnId, (PeerId, u64)>,
    /// Connections that we made because their other end asked for it.
    back: BTreeMap<ConnId, PeerId>,
    following: Following,
    open: OpenFiles,
    /// What is served of files that are not shared.
    holding: Holding,
    giving: Giving,
    /// What is kept here for others.
    store: Store,
    estates: Estates,
    /// What limits how much is made.
    gate: Gate<ConnId>,
    /// When to look for chunks to be told of; `None` while nobody wants to know.
    haves: Option<Time>,
    /// Files found changed, until there is a new offer.
    changed: BTreeSet<FileId>,
    /// Files that could not be read, and until when that is not tried again.
    unreadable: BTreeMap<FileId, Time>,
    buffer: Vec<u8>,
    /// Who the controller knows to be served.
    told: Vec<(PeerId, u64)>,
    /// When that is to be looked at again; `None` while nobody is served.
    report: Option<Time>,
    /// While it ends: when to look whether it has.
    look: Time,
}

/// Files kept open between two requests.
#[derive(Debug, Default)]
struct OpenFiles {
    files: BTreeMap<FileId, (File, u64)>,
    uses: u64,
}

impl OpenFiles {
    fn get(&mut self, id: FileId) -> Option<&File> {
        self.uses += 1;
        let (file, used) = self.files.get_mut(&id)?;
        *used = self.uses;
        Some(file)
    }

    fn insert(&mut self, id: FileId, file: File) {
        if self.files.len() >= limits::OPEN_FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id)
        {
            self.files.remove(&oldest);
        }
        self.files.insert(id, (file, self.uses));
    }
}

impl SenderRole {
    pub(super) fn new(events: Sender<SenderEvent>, gate: Gate<ConnId>) -> Self {
        Self {
            events,
            offer: Arc::default(),
            state: State::Serving,
            clients: BTreeMap::new(),
            parting: BTreeMap::new(),
            back: BTreeMap::new(),
            following: Following::default(),
            open: OpenFiles::default(),
            holding: Holding::new(usize::try_from(descriptors::allowed() / 8).unwrap_or(usize::MAX)),
            giving: Giving::default(),
            store: Store::new(),
            estates: Estates::default(),
            gate,
            haves: None,
            changed: BTreeSet::new(),
            unreadable: BTreeMap::new(),
            buffer: vec![0; STEP],
            told: Vec::new(),
            report: None,
            look: Time::ZERO,
        }
    }

    /// One step for the oldest request for blocks of a client: about [`STEP`] bytes, or what the limit
    /// allows, of one file or of many small ones.
    fn push_blocks(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let Some(client) = self.clients.get(&id).filter(|c| c.wants_blocks()) else { return false };
        let mut left = self.gate.ask(now, client.peer, id).min(STEP as u64);
        let mut pushed = false;
        while left > 0 {
            pushed |= self.choose(now, net, id);
            let Some(client) = self.clients.get_mut(&id) else { break };
            let Some((request, number, item)) = client.next_item() else { break };
            let peer = client.peer;
            // What was begun over one connection may go on over another one of the same peer.
            let may = self.state == State::Serving
                || self.clients.values().any(|c| c.peer == peer && c.is_under_way(item.file));
            let step = item.len.min(left);
            pushed = true;
            let pushed_one = if may {
                self.push_item(now, net, (id, peer), (request, number), Item { len: step, ..item })
            } else {
                Err(Reason::Busy)
            };
            match pushed_one {
                Ok((step, size)) => {
                    left -= step;
                    self.gate.passed(step);
                    if let Some(client) = self.clients.get_mut(&id) {
                        if !client.is_chosen() {
                            self.giving.note(item.file, size, item.offset);
                        }
                        client.advance(now, step, size);
                    }
                    self.holding.used(now, item.file);
                    // The first byte is told at once.
                    self.report.get_or_insert(now);
                }
                Err(reason) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.skip_item();
                    }
                    let refused = Refused { request, item: Some(number), reason };
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
        (id, peer): (ConnId, PeerId),
        (request, number): (u64, u32),
        item: Item,
    ) -> Result<(u64, u64), Reason> {
        let offer = Arc::clone(&self.offer);
        let rests = self.unreadable.get(&item.file).is_some_and(|until| now < *until);
        let shared = offer.shelf.files.get(&item.file);
        let shared = shared.filter(|_| !self.changed.contains(&item.file) && !rests);
        let (len, size) = if let Some(file) = shared {
            let chunks = file.manifest.chunks();
            let len = within(chunks, item)?;
            self.read_shared(now, &offer, file, item, len)?;
            (len, chunks.size())
        } else if let Some(held) = self.holding.get(item.file).filter(|h| h.has_all(item.offset, item.len)) {
            let len = within(held.chunks(), item)?;
            if let Err(e) = held.read(item.offset, &mut self.buffer[..len]) {
                log::debug!("{:?} is not served any more: {e}", item.file);
                return Err(Reason::Changed);
            }
            (len, held.chunks().size())
        } else if self.store.chunks(peer, item.file).is_some() {
            self.store.fill(now, peer, item, &mut self.buffer)?
        } else {
            return Err(self.nothing_of(item, rests));
        };
        self.push_read(net, id, request, number, (item, len));
        Ok((len as u64, size))
    }

    /// Why nothing of an item is given.
    fn nothing_of(&self, item: Item, rests: bool) -> Reason {
        match self.holding.get(item.file) {
            // That part of it has not come yet.
            Some(held) => within(held.chunks(), item).err().unwrap_or(Reason::Unknown),
            None if rests || self.changed.contains(&item.file) => Reason::Changed,
            None => unknown(&self.offer),
        }
    }

    /// Fills the beginning of the buffer with bytes of a file of the shelf.
    fn read_shared(
        &mut self,
        now: Time,
        offer: &Offer,
        file: &SharedFile,
        item: Item,
        len: usize,
    ) -> Result<(), Reason> {
        match self.read(offer, item.file, file, item.offset, len) {
            Ok(()) => Ok(()),
            Err(e) if is_want_of_descriptors(&e) => {
                log::warn!("no file descriptor is left: {} is served a little later", file.path);
                self.open.files.clear();
                Err(Reason::Busy)
            }
            // A bad disk, a share that is away: it may be well again, so it is not given up.
            Err(OpenError::Io(e)) if e.kind() != io::ErrorKind::UnexpectedEof => {
                if self.unreadable.insert(item.file, now + limits::UNREADABLE).is_none() {
                    log::warn!("{} cannot be read, so others do not get it from here: {e}", file.path);
                }
                self.open.files.remove(&item.file);
                Err(Reason::Changed)
            }
            Err(e) => {
                log::debug!("{} cannot be served: {e}", file.path);
                self.changed.insert(item.file);
                self.open.files.remove(&item.file);
                drop(self.events.send(SenderEvent::Changed(file.path.clone())));
                Err(Reason::Changed)
            }
        }
    }

    /// Pushes what was read into the buffer, as blocks.
    fn push_read(
        &mut self,
        net: &mut Net,
        id: ConnId,
        request: u64,
        number: u32,
        (item, len): (Item, usize),
    ) {
        let mut offset = item.offset;
        for block in self.buffer[..len].chunks(limits::BLOCK) {
            let head = Message::Block(BlockIs { request, item: number, offset });
            net.push(id, &head.encode_with(block.len()), block);
            offset += block.len() as u64;
        }
    }

    /// Fills the beginning of the buffer. Bytes are given out only if the file is what was hashed before
    /// and after they were read.
    fn read(
        &mut self,
        offer: &Offer,
        id: FileId,
        file: &SharedFile,
        offset: u64,
        len: usize,
    ) -> Result<(), OpenError> {
        let buffer = &mut self.buffer[..len];
        // Opening checks before the reading; what was checked after the last step is still open.
        if let Some(f) = self.open.get(id) {
            return fill(f, file, offset, buffer);
        }
        let f = open(&offer.shelf.root, file)?;
        fill(&f, file, offset, buffer)?;
        if (len as u64) < file.stamp.size {
            self.open.insert(id, f);
        }
        Ok(())
    }

    /// Tells the controller who is being served, while somebody is and once when nobody is any more.
    fn report(&mut self, now: Time) {
        let mut serving = BTreeMap::new();
        let clients = self.clients.values().filter(|c| c.bytes > 0 && !c.is_finished(now));
        for (peer, bytes) in clients.map(|c| (c.peer, c.bytes)).chain(self.parting.values().copied()) {
            *serving.entry(peer).or_insert(0) += bytes;
        }
        let serving: Vec<_> = serving.into_iter().collect();
        let told =
            serving == self.told || self.events.try_send(SenderEvent::Serving(serving.clone())).is_ok();
        self.report = (!told || !serving.is_empty()).then_some(now + SERVING);
        if told {
            self.told = serving;
        }
    }

    /// Says that nothing is under way any more, once that is so.
    fn check_finished(&mut self, now: Time, net: &mut Net) {
        let is_done = |(id, c): (&ConnId, &Client)| !c.is_busy() && c.is_finished(now) && net.is_flushed(*id);
        if self.state == State::Finishing && self.clients.iter().all(is_done) {
            self.part(now, net);
        }
        let finished = match self.state {
            State::Serving | State::Finishing | State::Stopped => false,
            State::Parting => {
                self.parting.retain(|id, _| net.is_there(*id));
                self.parting.is_empty()
            }
            State::Stopping(since) => now.since(since) >= STOP || net.is_empty(),
        };
        if finished {
            self.state = State::Stopped;
            drop(self.events.send(SenderEvent::Stopped));
        }
    }

    /// All is in the kernel. Were it left there, whoever hears that we left would not read it any more.
    fn part(&mut self, now: Time, net: &mut Net) {
        self.state = State::Parting;
        net.stop_accepting();
        for (id, client) in std::mem::take(&mut self.clients) {
            self.gate.forget(id);
            if client.was_served_within(now, ON_ITS_WAY) {
                net.part(now, id);
                self.parting.insert(id, (client.peer, client.bytes));
            } else {
                net.close(now, id);
            }
        }
        self.report = Some(now);
    }

    /// Asks a peer, over a connection that it made, to dial our receiver.
    fn ask_back(&self, net: &mut Net, peer: PeerId) {
        let open = self.clients.iter().find(|(_, client)| client.peer == peer);
        match open {
            Some((id, _)) => net.send(*id, &Message::DialBack(DialBack { request: 0 })),
            None => drop(self.events.try_send(SenderEvent::NotConnected(peer))),
        }
    }

    /// Dials the receiver of a peer that asked for it, as often as the limits allow.
    fn dial_back(&mut self, now: Time, net: &mut Net, contact: &Contact) {
        let (of, open): (Vec<_>, Vec<_>) =
            self.back.iter().map(|(id, p)| (*id, *p)).partition(|(_, p)| *p == contact.id);
        let under_way = |(id, _): &&(ConnId, PeerId)| !self.clients.contains_key(id);
        let count = open.iter().filter(under_way).count();
        if self.state != State::Serving
            || of.iter().any(|o| under_way(&o))
            || !self.following.may_dial(now, contact.id, count)
        {
            return;
        }
        // It asks because it has no connection with us: those that we take for open are not.
        for (id, _) in of {
            net.close(now, id);
            self.back.remove(&id);
            self.clients.remove(&id);
        }
        match net.dial(now, contact, contact.ports.receiver) {
            Ok(id) => drop(self.back.insert(id, contact.id)),
            Err(how) => log::debug!("{} cannot be dialled back: {how:?}", contact.id),
        }
    }

    /// The answer to a request for a head: our own, or that of an owner whose files are kept here.
    fn head(&self, peer: PeerId, m: &GetHead) -> Result<Quick, Reason> {
        let Some(origin) = m.origin else {
            return Quick::head(&self.offer.head, &self.offer.shelf.catalogue, m).ok_or(Reason::Busy);
        };
        let estate = self.estate(peer, origin)?;
        Quick::head(&estate.signed, &estate.catalogue, m).ok_or(Reason::Busy)
    }

    /// The same for buckets.
    fn buckets(&self, peer: PeerId, m: &GetBuckets) -> Result<Quick, Reason> {
        let catalogue = match m.origin {
            None => &self.offer.shelf.catalogue,
            Some(origin) => &*self.estate(peer, origin)?.catalogue,
        };
        Quick::buckets(catalogue, m).ok_or(Reason::Changed)
    }

    /// What `peer` may know of an owner: the same rule as for its files.
    fn estate(&self, peer: PeerId, origin: PeerId) -> Result<&Estate, Reason> {
        let estate = self.estates.get(origin).filter(|_| self.store.may_have(peer, origin));
        estate.ok_or_else(|| unknown(&self.offer))
    }

    /// What proves a file, from wherever it is known.
    fn manifest(&mut self, now: Time, peer: PeerId, file: FileId) -> Result<Arc<Manifest>, Reason> {
        let known = self.offer.shelf.files.get(&file).map(|f| &f.manifest);
        match known.or_else(|| self.holding.get(file)?.manifest()) {
            Some(manifest) => Ok(Arc::clone(manifest)),
            None if self.store.chunks(peer, file).is_some() => self.store.manifest(now, peer, file),
            None => Err(unknown(&self.offer)),
        }
    }

    fn take_quick(&mut self, id: ConnId, quick: Quick) -> Result<(), Reason> {
        self.clients.get_mut(&id).map_or(Ok(()), |client| client.take_quick(quick))
    }

    fn take_request(&mut self, now: Time, net: &mut Net, id: ConnId, message: Message) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let peer = client.peer;
        let (request, taken) = match message {
            Message::GetBlocks(m) => {
                let (request, begin) = (m.request, self.state == State::Serving);
                (request, if client.take_blocks(now, m, begin) { Ok(()) } else { Err(Reason::Busy) })
            }
            Message::GetAny(m) => (m.request, self.take_any(now, id, m)),
            Message::GetHaves(m) => (m.request, self.watch(now, id, &m)),
            Message::GetHead(m) => {
                (m.request, self.head(peer, &m).and_then(|quick| self.take_quick(id, quick)))
            }
            Message::GetBuckets(m) => {
                (m.request, self.buckets(peer, &m).and_then(|quick| self.take_quick(id, quick)))
            }
            Message::GetManifest(m) => {
                let quick = self.manifest(now, peer, m.file).and_then(|found| Quick::manifest(found, &m));
                self.tell_trouble();
                (m.request, quick.and_then(|quick| self.take_quick(id, quick)))
            }
            Message::GetKept(m) => {
                let pages = self.estates.kept(m.request, peer, self.store.owners());
                (m.request, self.take_quick(id, Quick::Kept(pages)))
            }
            Message::GetTable(m) => (m.request, self.take_quick(id, Quick::table(&self.offer, &m))),
            Message::Cancel(m) => {
                client.cancel(m.request);
                return Ok(());
            }
            // Whom we dialled back does not wait for us any more, and closes.
            Message::Refused(_) if self.back.contains_key(&id) => return Ok(()),
            answer => return Err(format!("it sent an answer where requests belong: {}", answer.name())),
        };
        if let Err(reason) = taken {
            net.send(id, &Message::Refused(Refused { request, item: None, reason }));
        }
        Ok(())
    }

    /// Tells the controller what was found wrong in the store.
    fn tell_trouble(&mut self) {
        while let Some(event) = self.store.next_event() {
            drop(self.events.send(event));
        }
    }
}

impl Role for SenderRole {
    type Command = SenderCommand;

    fn on_command(&mut self, now: Time, net: &mut Net, command: SenderCommand) {
        match command {
            SenderCommand::Offer(offer) => {
                self.offer = offer;
                self.changed.clear();
                let files = &self.offer.shelf.files;
                self.unreadable.retain(|id, _| files.contains_key(id));
                // A file may have been replaced by another one of the same content.
                self.open.files.retain(|id, (f, _)| {
                    files.get(id).is_some_and(|file| unchanged(f, &file.stamp).unwrap_or(false))
                });
            }
            SenderCommand::Hold(held) => self.holding.add(now, held),
            SenderCommand::Store(folder) => self.store.set_folder(folder),
            SenderCommand::Stored(id, file) => self.store.set(id, file),
            SenderCommand::Open(owners) => self.store.set_owners(owners),
            SenderCommand::Estate(origin, estate) => self.estates.set(origin, estate),
            SenderCommand::Kept(kept) => self.estates.set_kept(kept),
            SenderCommand::AskBack(peer) => self.ask_back(net, peer),
            SenderCommand::DialBack(contact) => self.dial_back(now, net, &contact),
            SenderCommand::Finish => {
                if self.state == State::Serving {
                    self.state = State::Finishing;
                }
                self.check_finished(now, net);
            }
            SenderCommand::Stop => {
                if matches!(self.state, State::Serving | State::Finishing | State::Parting) {
                    self.state = State::Stopping(now);
                    net.stop_accepting();
                    for id in net.ids() {
                        self.gate.forget(id);
                        net.close(now, id);
                    }
                    self.clients.clear();
                    self.parting.clear();
                }
                self.check_finished(now, net);
            }
        }
    }

    fn on_proved(&mut self, now: Time, _net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
        self.clients.insert(id, Client::new(peer, now));
        drop(self.events.try_send(SenderEvent::Proved(peer, host)));
    }

    fn on_alive(&mut self, peer: PeerId, host: Host) {
        // A sign of life may be skipped: the next one comes.
        drop(self.events.try_send(SenderEvent::Proved(peer, host)));
    }

    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        match Message::decode(&frame) {
            Ok(Some(message)) => self.take_request(now, net, id, message),
            Ok(None) => {
                net.refuse(id, &frame);
                Ok(())
            }
            Err(e) => {
                let refused = Refused {
                    request: crate::wire::message::request_of(&frame),
                    item: None,
                    reason: Reason::Malformed,
                };
                log::debug!("a request is malformed: {e}");
                net.send(id, &Message::Refused(refused));
                Ok(())
            }
        }
    }

    fn on_drained(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        if let Some(answer) = client.next_quick() {
            net.push(id, &answer.encode(), &[]);
            return true;
        }
        let pushed = self.push_blocks(now, net, id);
        self.tell_trouble();
        pushed
    }

    fn is_busy(&self, id: ConnId) -> bool {
        self.clients.get(&id).is_some_and(Client::is_busy)
    }

    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, how: Closed) {
        self.clients.remove(&id);
        if let Some(peer) = self.back.remove(&id) {
            log::debug!("the connection that {peer} asked for is over: {}", text::shown(&format!("{how:?}")));
        }
        self.gate.forget(id);
        if !self.told.is_empty() {
            self.report = Some(now);
        }
        self.check_finished(now, net);
    }

    fn poll_timeout(&self) -> Option<Time> {
        let look = matches!(self.state, State::Stopping(_) | State::Finishing | State::Parting);
        let look = look.then_some(self.look);
        let files = [self.holding.poll_timeout(), self.store.poll_timeout()];
        let others = [self.report, self.haves, self.gate.poll_timeout(), look];
        files.into_iter().chain(others).flatten().min()
    }

    fn on_timeout(&mut self, now: Time, net: &mut Net) {
        if let Some(id) = self.gate.call(now) {
            net.enqueue(id);
        }
        if self.report.is_some_and(|t| t <= now) {
            self.report(now);
        }
        if self.haves.is_some_and(|t| t <= now) {
            self.tell_haves(now, net);
        }
        self.holding.tidy(now);
        self.store.tidy(now);
        self.look = now + LOOK;
        self.check_finished(now, net);
    }
}
