//! The sender: serves head, buckets, manifests, blocks and the table of peers out of one [`Offer`].
//!
//! Requests name content, never paths, and only bytes of files on the shelf leave. Nothing is made
//! before the socket took what was made so far, so a slow asker costs no memory. Blocks are read in
//! steps of 256 KiB on this thread; before and after each step the file must be what was hashed.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crossbeam_channel::Sender;
use rustix::io::Errno;

use super::connection::Closed;
use super::engine::Role;
use super::net::{ConnId, Net};
use super::refuser::refuse;
use super::serve::{Client, Quick};
use super::{Offer, SenderCommand, SenderEvent};
use crate::content::FileId;
use crate::content::library::{OpenError, SharedFile, open, unchanged};
use crate::identity::PeerId;
use crate::limits;
use crate::routes::Host;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{BlockIs, Item, Reason, Refused};

/// Bytes read from a file in one step.
const STEP: usize = 256 << 10;

/// How often the controller hears who is served, at most.
const SERVING: Duration = Duration::from_millis(250);

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
    open: OpenFiles,
    /// Files found changed, until there is a new offer.
    changed: BTreeSet<FileId>,
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
    pub(super) fn new(events: Sender<SenderEvent>) -> Self {
        Self {
            events,
            offer: Arc::default(),
            state: State::Serving,
            clients: BTreeMap::new(),
            parting: BTreeMap::new(),
            open: OpenFiles::default(),
            changed: BTreeSet::new(),
            buffer: vec![0; STEP],
            told: Vec::new(),
            report: None,
            look: Time::ZERO,
        }
    }

    /// One step for the oldest request for blocks of a client: about [`STEP`] bytes, of one file or of
    /// many small ones.
    fn push_blocks(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let mut left = STEP as u64;
        let mut pushed = false;
        while left > 0 {
            let Some(client) = self.clients.get_mut(&id) else { break };
            let Some((request, number, item)) = client.next_item() else { break };
            let may = self.state == State::Serving || client.is_under_way(item.file);
            let step = item.len.min(left);
            pushed = true;
            let pushed_one = if may {
                self.push_item(net, id, request, number, Item { len: step, ..item })
            } else {
                Err(Reason::Busy)
            };
            match pushed_one {
                Ok(size) => {
                    left -= step;
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.advance(now, step, size);
                    }
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

    /// Reads and pushes some bytes of a file, as blocks. Returns the file's size.
    fn push_item(
        &mut self,
        net: &mut Net,
        id: ConnId,
        request: u64,
        number: u32,
        item: Item,
    ) -> Result<u64, Reason> {
        let offer = Arc::clone(&self.offer);
        let file = offer.shelf.files.get(&item.file).ok_or_else(|| unknown(&offer))?;
        let size = file.manifest.chunks().size();
        if item.offset.checked_add(item.len).is_none_or(|end| end > size) {
            return Err(Reason::Malformed);
        }
        if self.changed.contains(&item.file) {
            return Err(Reason::Changed);
        }
        let len = usize::try_from(item.len).map_err(|_| Reason::Malformed)?;
        match self.read(&offer, item.file, file, item.offset, len) {
            Ok(()) => {}
            Err(e) if is_want_of_descriptors(&e) => {
                log::warn!("no file descriptor is left: {} is served a little later", file.path);
                self.open.files.clear();
                return Err(Reason::Busy);
            }
            Err(e) => {
                log::debug!("{} cannot be served: {e}", file.path);
                self.changed.insert(item.file);
                self.open.files.remove(&item.file);
                drop(self.events.send(SenderEvent::Changed(file.path.clone())));
                return Err(Reason::Changed);
            }
        }
        let mut offset = item.offset;
        for block in self.buffer[..len].chunks(limits::BLOCK) {
            let head = Message::Block(BlockIs { request, item: number, offset });
            net.push(id, &head.encode_with(block.len()), block);
            offset += block.len() as u64;
        }
        Ok(size)
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
            if client.was_served_within(now, ON_ITS_WAY) {
                net.part(now, id);
                self.parting.insert(id, (client.peer, client.bytes));
            } else {
                net.close(now, id);
            }
        }
        self.report = Some(now);
    }

    fn take_request(&mut self, now: Time, net: &mut Net, id: ConnId, message: Message) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let refused = match message {
            Message::GetBlocks(m) => {
                let begin = self.state == State::Serving;
                let request = m.request;
                (!client.take_blocks(now, m, begin)).then_some((request, Reason::Busy))
            }
            Message::Cancel(m) => {
                client.cancel(m.request);
                None
            }
            Message::GetHead(m) => {
                let request = m.request;
                let quick = Quick::head(&self.offer, m).ok_or(Reason::Busy);
                quick.and_then(|q| client.take_quick(q)).err().map(|r| (request, r))
            }
            Message::GetBuckets(m) => {
                let request = m.request;
                let quick = Quick::buckets(&self.offer, m).ok_or(Reason::Changed);
                quick.and_then(|q| client.take_quick(q)).err().map(|r| (request, r))
            }
            Message::GetManifest(m) => {
                let file = self.offer.shelf.files.get(&m.file);
                let manifest = file.map(|f| Arc::clone(&f.manifest)).ok_or_else(|| unknown(&self.offer));
                let quick = manifest.and_then(|manifest| Quick::manifest(manifest, &m));
                quick.and_then(|q| client.take_quick(q)).err().map(|r| (m.request, r))
            }
            Message::GetTable(m) => {
                let quick = Quick::table(&self.offer, &m);
                client.take_quick(quick).err().map(|r| (m.request, r))
            }
            answer => return Err(format!("it sent an answer where requests belong: {}", answer.name())),
        };
        if let Some((request, reason)) = refused {
            net.send(id, &Message::Refused(Refused { request, item: None, reason }));
        }
        Ok(())
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
                // A file may have been replaced by another one of the same content.
                self.open.files.retain(|id, (f, _)| {
                    files.get(id).is_some_and(|file| unchanged(f, &file.stamp).unwrap_or(false))
                });
            }
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
                refuse(net, id, &frame);
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
        self.push_blocks(now, net, id)
    }

    fn is_busy(&self, id: ConnId) -> bool {
        self.clients.get(&id).is_some_and(Client::is_busy)
    }

    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, _how: Closed) {
        self.clients.remove(&id);
        if !self.told.is_empty() {
            self.report = Some(now);
        }
        self.check_finished(now, net);
    }

    fn poll_timeout(&self) -> Option<Time> {
        let look = matches!(self.state, State::Stopping(_) | State::Finishing | State::Parting);
        let look = look.then_some(self.look);
        [look, self.report].into_iter().flatten().min()
    }

    fn on_timeout(&mut self, now: Time, net: &mut Net) {
        if self.report.is_some_and(|t| t <= now) {
            self.report(now);
        }
        self.look = now + LOOK;
        self.check_finished(now, net);
    }
}
