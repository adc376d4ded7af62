//! The sender: serves head, buckets, manifests and blocks out of one [`SharedContent`], the table of peers,
//! and what is kept here for others.
//!
//! Requests name content, never paths, and only bytes leave of files on the shelf, of those that are being
//! fetched (partial_seeds.rs), and of the chunk store (store.rs), looked for in this order. Nothing is made
//! before the socket took what was made so far; what was read ahead for a slow asker is dropped when others
//! need its place. Shared files are read by a thread of their own (reader.rs), up to 1 MiB at once, everything
//! else on this thread, in steps of 256 KiB. Before and after each step the file must be what was hashed.

mod background;
mod blocks;
mod cached_files;
pub(crate) mod client;
mod content_queue;
mod dial_back;
mod file_turns;
mod handle;
mod introductions;
pub(crate) mod limits;
mod link_port;
mod links;
mod offers;
mod open_files;
pub(crate) mod owner_catalogues;
mod partial_seeds;
pub(crate) mod quick;
pub(crate) mod reader;
mod reader_lanes;
mod reads;
pub(crate) mod searches;
pub(crate) mod sent;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
pub(crate) mod serving;
mod shared_files;
mod slices;
mod store;
mod store_files;
pub(crate) mod super_seed;
mod swarm;
pub(crate) mod through;
pub(crate) mod told;
mod unfit;
mod withheld;

pub(crate) use self::handle::{
    GivenFiles, KeptOf, SenderCommand, SenderEvent, SenderHandle, SharedContent, StoredFile, start_sender,
};
pub(crate) use self::reader::SharedReader;
pub(crate) use self::sent::{SentFor, SentPart};
pub(crate) use self::told::ToldLine;
pub(crate) use self::withheld::WithheldChunk;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::Sender;

use self::background::BackgroundThrottle;
use self::client::SenderClient;
use self::dial_back::Following;
use self::link_port::LinkPort;
use self::owner_catalogues::ServedCatalogue;
use self::partial_seeds::PartialSeeds;
use self::quick::Quick;
use self::serving::ServingReport;
use self::shared_files::SharedFiles;
use self::slices::HashedChunks;
use self::store::Store;
use self::super_seed::SuperSeed;
use self::swarm::note_got;
use self::through::OtherOwners;
use self::told::PeersHere;
use self::withheld::WithheldChunks;
use crate::address::Host;
use crate::content::{FileId, Manifest};
use crate::counters::Counters;
use crate::identity::{Contact, PeerId};
use crate::sys::descriptors;
use crate::text;
use crate::time::Time;
use crate::transfer::Gate;
use crate::transfer::connection::{Closed, Dial};
use crate::transfer::engine::Role;
use crate::transfer::meeting_port::MeetingPort;
use crate::transfer::meetings::MeetingProved;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{DialBack, GetBuckets, GetHead, Reason, Refused, Told};

/// Bytes sent, and read on this thread, in one step.
const STEP: usize = 256 << 10;

/// Chunks that came are reported to who wants to know once in this time.
const HAVES: Duration = Duration::from_millis(20);

/// After `Stop`: connections have this long to take what was made for them.
const STOP: Duration = Duration::from_millis(500);

/// Who was sent content within this time may still have some of it to read. Longer than a full buffer of
/// the kernel takes on a link of a megabit a second.
const ON_ITS_WAY: Duration = Duration::from_secs(30);

/// While it ends, it looks this often whether it has.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SenderState {
    Serving,
    /// What is under way is sent.
    Finishing,
    /// It is in the kernel: whoever it is for reads it.
    Draining,
    Stopping(Time),
    Stopped,
}

/// Why there is no such content: before the first scan it may yet come.
fn unknown(offer: &SharedContent) -> Reason {
    if offer.head.is_empty() { Reason::Busy } else { Reason::Unknown }
}

/// What is given later than it is asked for.
#[derive(Debug, Default)]
struct Restraints {
    /// What is asked for in the background.
    throttle: BackgroundThrottle<ConnId>,
    /// What its asker is to prove that it has.
    withheld: WithheldChunks,
}

/// Connections that others asked for.
#[derive(Debug)]
struct DialBacks {
    /// Those that we made.
    made: BTreeMap<ConnId, PeerId>,
    following: Following,
    /// Those that both ends make.
    meetings: MeetingPort,
}

/// The sender's role.
#[derive(Debug)]
pub(super) struct SenderRole {
    events: Sender<SenderEvent>,
    offer: Arc<SharedContent>,
    here: PeersHere,
    state: SenderState,
    clients: BTreeMap<ConnId, SenderClient>,
    /// Connections that end when the other end has read everything.
    draining: BTreeMap<ConnId, (PeerId, u64)>,
    back: DialBacks,
    shared: SharedFiles,
    /// What slices of files are proved with.
    hashed: HashedChunks,
    /// What is served of files that are not shared.
    partial_seeds: PartialSeeds,
    super_seed: SuperSeed,
    /// What is kept here for others.
    store: Store,
    other_owners: OtherOwners,
    /// What limits how much is made.
    gate: Gate<ConnId>,
    restraints: Restraints,
    counters: Arc<Counters>,
    /// Where what is not shared is read to.
    buffer: Vec<u8>,
    serving: ServingReport,
    links: LinkPort,
    /// While it ends: when to look whether it has.
    look: Time,
}

impl SenderRole {
    pub(super) fn new(
        events: Sender<SenderEvent>,
        gate: Gate<ConnId>,
        counters: Arc<Counters>,
        reader: SharedReader,
    ) -> Self {
        Self {
            links: LinkPort::new(events.clone()),
            events,
            offer: Arc::default(),
            here: PeersHere::default(),
            state: SenderState::Serving,
            clients: BTreeMap::new(),
            draining: BTreeMap::new(),
            back: DialBacks {
                made: BTreeMap::new(),
                following: Following::default(),
                meetings: MeetingPort::new(false),
            },
            shared: SharedFiles::new(reader),
            hashed: HashedChunks::default(),
            partial_seeds: PartialSeeds::new(
                usize::try_from(descriptors::allowed() / 8).unwrap_or(usize::MAX),
            ),
            super_seed: SuperSeed::default(),
            store: Store::new(),
            other_owners: OtherOwners::default(),
            gate,
            restraints: Restraints::default(),
            counters,
            buffer: vec![0; STEP],
            serving: ServingReport::default(),
            look: Time::ZERO,
        }
    }

    /// Says that nothing is under way any more, once that is so.
    fn check_finished(&mut self, now: Time, net: &mut Net) {
        let is_done =
            |(id, c): (&ConnId, &SenderClient)| !c.is_busy() && c.is_finished(now) && net.is_flushed(*id);
        if self.state == SenderState::Finishing && self.clients.iter().all(is_done) {
            self.half_close(now, net);
        }
        let finished = match self.state {
            SenderState::Serving | SenderState::Finishing | SenderState::Stopped => false,
            SenderState::Draining => {
                self.draining.retain(|id, _| net.is_there(*id));
                self.draining.is_empty()
            }
            SenderState::Stopping(since) => now.since(since) >= STOP || net.is_empty(),
        };
        if finished {
            self.state = SenderState::Stopped;
            self.serving.tell_all_sent(&self.events);
            drop(self.events.send(SenderEvent::Stopped));
        }
    }

    /// All is in the kernel. Were it left there, whoever hears that we left would not read it any more.
    fn half_close(&mut self, now: Time, net: &mut Net) {
        self.state = SenderState::Draining;
        net.listeners.stop();
        for (id, client) in std::mem::take(&mut self.clients) {
            self.gate.forget(id);
            self.restraints.throttle.forget(id);
            self.shared.lanes.forget(id);
            self.links.forget(id);
            if client.was_served_within(now, ON_ITS_WAY) {
                net.half_close(now, id);
                self.draining.insert(id, (client.peer, client.bytes));
            } else {
                net.close(now, id);
            }
        }
        self.serving.hasten(now);
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
            self.back.made.iter().map(|(id, p)| (*id, *p)).partition(|(_, p)| *p == contact.id);
        let under_way = |(id, _): &&(ConnId, PeerId)| !self.clients.contains_key(id);
        let count = open.iter().filter(under_way).count();
        if self.state != SenderState::Serving
            || of.iter().any(|o| under_way(&o))
            || !self.back.following.may_dial(now, contact.id, count)
        {
            return;
        }
        // It asks because it has no connection with us: those that we take for open are not.
        for (id, _) in of {
            net.close(now, id);
            self.back.made.remove(&id);
            self.forget(id);
        }
        match net.dial(now, Dial::to(contact, contact.ports.receiver)) {
            Ok(id) => drop(self.back.made.insert(id, contact.id)),
            Err(how) => log::debug!("{} cannot be dialled back: {how:?}", contact.id),
        }
    }

    /// The answer to a request for a head: our own, or that of an owner whose files are kept here.
    fn head(&self, peer: PeerId, m: &GetHead) -> Result<Quick, Reason> {
        let Some(origin) = m.origin else {
            return Quick::head(&self.offer.head, &self.offer.shelf.catalogue, m).ok_or(Reason::Busy);
        };
        let served = self.owner_catalogue(peer, origin)?;
        Quick::head(&served.signed, &served.catalogue, m).ok_or(Reason::Busy)
    }

    /// The answer to a request for buckets, of this peer's catalogue or of an owner's whose files it keeps.
    fn buckets(&self, peer: PeerId, m: &GetBuckets) -> Result<Quick, Reason> {
        let catalogue = match m.origin {
            None => &self.offer.shelf.catalogue,
            Some(origin) => &*self.owner_catalogue(peer, origin)?.catalogue,
        };
        Quick::buckets(catalogue, m).ok_or(Reason::Changed)
    }

    /// What `peer` may know of an owner: of one that is here, all; else the same rule as for its files.
    fn owner_catalogue(&self, peer: PeerId, origin: PeerId) -> Result<&ServedCatalogue, Reason> {
        let may_have = self.store.may_have(peer, origin);
        self.other_owners.catalogues.get(origin, may_have).ok_or_else(|| unknown(&self.offer))
    }

    /// What proves a file, from wherever it is known.
    fn manifest(&mut self, now: Time, peer: PeerId, file: FileId) -> Result<Arc<Manifest>, Reason> {
        let known = self.offer.file(peer, file).map(|f| &f.manifest);
        match known.or_else(|| self.partial_seeds.get(file)?.manifest()) {
            Some(manifest) => Ok(Arc::clone(manifest)),
            None if self.store.chunks(peer, file).is_some() => self.store.manifest(now, peer, file),
            None => Err(unknown(&self.offer)),
        }
    }

    /// Sends one page of what a client asked that needs no file; false: there is nothing to say.
    fn answer(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        loop {
            let Some(client) = self.clients.get_mut(&id) else { return false };
            if let Some(page) = client.questions.next_page(&self.here.table) {
                net.push(id, &page.encode(), &[]);
                return true;
            }
            let peer = client.peer;
            let Some(question) = client.questions.next() else { return false };
            match (self.begin_answer(now, peer, &question), self.clients.get_mut(&id)) {
                (Ok(answer), Some(client)) => client.questions.begin(answer),
                (Ok(_), None) => return false,
                (Err(reason), _) => {
                    let refused = Refused { request: question.request(), item: None, reason };
                    net.push(id, &Message::Refused(refused).encode(), &[]);
                    return true;
                }
            }
        }
    }

    fn begin_answer(&mut self, now: Time, peer: PeerId, question: &Message) -> Result<Quick, Reason> {
        match question {
            Message::GetHead(m) => self.head(peer, m),
            Message::GetBuckets(m) => self.buckets(peer, m),
            Message::GetManifest(m) => {
                let answer = self.manifest(now, peer, m.file).and_then(|found| Quick::manifest(found, m));
                self.tell_trouble();
                answer
            }
            Message::GetKept(m) => {
                Ok(Quick::Kept(self.other_owners.catalogues.kept(m.request, peer, self.store.owners())))
            }
            Message::GetTable(m) => Ok(Quick::table(m)),
            _ => Err(Reason::Malformed),
        }
    }

    fn take_request(&mut self, now: Time, net: &mut Net, id: ConnId, message: Message) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let request = message.request();
        let taken = match message {
            Message::GetBlocks(m) => {
                let begin = self.state == SenderState::Serving;
                if client.take_blocks(now, m, begin) { Ok(()) } else { Err(Reason::Busy) }
            }
            Message::GetAny(m) => self.take_any(now, id, m),
            Message::GetHaves(m) => self.watch(now, id, &m),
            Message::GotFile(m) => {
                note_got(now, self, net, id, &m);
                return Ok(());
            }
            question @ (Message::GetHead(_)
            | Message::GetBuckets(_)
            | Message::GetManifest(_)
            | Message::GetKept(_)
            | Message::GetTable(_)) => client.questions.ask(question),
            Message::GetSlices(m) => self.take_slices(now, id, m),
            Message::Tell(line) => self.here.hear(now, net.payer(id), line).and_then(|line| {
                self.events.try_send(SenderEvent::Told(line)).map_err(|_| Reason::Busy)?;
                net.send(id, &Message::Told(Told { request }));
                Ok(())
            }),
            said @ (Message::OfferFiles(_) | Message::OfferNews(_)) => offers::take(self, now, net, id, said),
            Message::FetchThrough(m) => self.other_owners.questions.take(id, client.peer, m, &self.events),
            Message::Search(m) => self.other_owners.search(now, net, id, m, &self.events),
            Message::Meet(m) => self.links.introduce(now, net, id, m),
            Message::Relay(m) => self.links.take(now, net, id, m, self.state == SenderState::Serving),
            Message::Cancel(_) => {
                client.cancel(request);
                self.other_owners.cancel_search(now, net, id, request, &self.events);
                return Ok(());
            }
            // Whom we dialled back does not wait for us any more, and closes.
            Message::Refused(_) if self.back.made.contains_key(&id) => return Ok(()),
            answer => return Err(format!("it sent an answer where requests belong: {}", answer.name())),
        };
        if let Err(reason) = taken {
            net.send(id, &Message::Refused(Refused { request, item: None, reason }));
        }
        Ok(())
    }

    /// Who asked over this connection is gone.
    fn forget(&mut self, id: ConnId) {
        self.links.forget(id);
        self.shared.lanes.forget(id);
        self.other_owners.forget(id);
        let Some(client) = self.clients.remove(&id) else { return };
        for (file, given) in client.all_given() {
            self.super_seed.take_back(file, given);
        }
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
            SenderCommand::Reader(share, reader) => self.shared.set_reader(share, reader, net),
            SenderCommand::Offer(offer) => {
                self.offer = offer;
                self.shared.renew(&self.offer);
            }
            SenderCommand::Table(peer, Some(record)) => drop(self.here.table.insert(peer, record)),
            SenderCommand::Table(peer, None) => {
                self.back.meetings.forget(now, net, peer);
                self.here.table.remove(&peer);
            }
            SenderCommand::PartialSeed(seed) => self.partial_seeds.add(now, seed),
            SenderCommand::Limit(limit) => self.gate.set_limit(now, limit),
            SenderCommand::Store(folder) => self.store.set_folder(folder),
            SenderCommand::Stored(id, file) => self.store.set(id, file),
            SenderCommand::Open(owners) => self.store.set_owners(owners),
            SenderCommand::OwnerCatalogue(origin, served) => self.other_owners.catalogues.set(origin, served),
            SenderCommand::Listed(owner, served) => self.other_owners.catalogues.set_listed(owner, served),
            SenderCommand::Through(ticket, answer) => {
                if let Some((id, message)) = self.other_owners.questions.answer(ticket, answer) {
                    net.send(id, &message);
                }
            }
            SenderCommand::Found(ticket, answer) => {
                self.other_owners.found(now, net, ticket, answer, &self.events);
            }
            SenderCommand::Withhold(chunk) => self.restraints.withheld.withhold(chunk),
            SenderCommand::Give(peer, file) => self.restraints.withheld.give(peer, file),
            SenderCommand::Kept(kept) => self.other_owners.catalogues.set_kept(kept),
            SenderCommand::Relay(peer, queued) => self.links.relay(now, net, peer, &queued),
            SenderCommand::AskBack(peer) => self.ask_back(net, peer),
            SenderCommand::DialBack(contact) => self.dial_back(now, net, &contact),
            SenderCommand::Meet(meeting) => self.back.meetings.begin(now, net, meeting),
            SenderCommand::Finish => {
                if self.state == SenderState::Serving {
                    self.state = SenderState::Finishing;
                }
                self.check_finished(now, net);
            }
            SenderCommand::Stop => {
                if matches!(self.state, SenderState::Serving | SenderState::Finishing | SenderState::Draining)
                {
                    self.state = SenderState::Stopping(now);
                    net.listeners.stop();
                    for id in net.ids() {
                        self.gate.forget(id);
                        self.restraints.throttle.forget(id);
                        self.links.forget(id);
                        net.close(now, id);
                    }
                    self.clients.clear();
                    self.shared.lanes.clear();
                    self.draining.clear();
                }
                self.check_finished(now, net);
            }
        }
    }

    fn on_inbox(&mut self, now: Time, net: &mut Net) {
        self.take_read(now, net);
    }

    fn on_proved(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
        match self.back.meetings.on_proved(now, net, id, peer) {
            MeetingProved::Introducer | MeetingProved::Stranger => return,
            MeetingProved::Met => {
                self.clients.insert(id, SenderClient::new(peer, now));
                return;
            }
            MeetingProved::Other => {}
        }
        self.clients.insert(id, SenderClient::new(peer, now));
        drop(self.events.try_send(SenderEvent::Proved(peer, host)));
        if !self.back.made.contains_key(&id) {
            // It only tells how things are, and may be skipped.
            drop(self.events.try_send(SenderEvent::Called(peer, host)));
        }
    }

    fn on_alive(&mut self, peer: PeerId, host: Host) {
        // A sign of life may be skipped: the next one comes.
        drop(self.events.try_send(SenderEvent::Proved(peer, host)));
    }

    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        if self.back.meetings.on_frame(now, net, id, &frame) {
            return Ok(());
        }
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
        if self.answer(now, net, id) || self.other_owners.push_found(now, net, id, &self.events) {
            return true;
        }
        let pushed = self.push_blocks(now, net, id);
        self.tell_trouble();
        pushed
    }

    fn is_busy(&self, id: ConnId) -> bool {
        self.links.has(id)
            || self.other_owners.searches.has(id)
            || self.clients.get(&id).is_some_and(SenderClient::is_busy)
    }

    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, how: Closed) {
        if self.back.meetings.on_closed(now, net, id) {
            return;
        }
        self.forget(id);
        if let Some(peer) = self.back.made.remove(&id) {
            log::debug!("the connection that {peer} asked for is over: {}", text::shown(&format!("{how:?}")));
        }
        self.gate.forget(id);
        self.restraints.throttle.forget(id);
        self.serving.hasten_if_reported(now);
        self.check_finished(now, net);
    }

    fn poll_timeout(&self) -> Option<Time> {
        let look =
            matches!(self.state, SenderState::Stopping(_) | SenderState::Finishing | SenderState::Draining);
        let look = look.then_some(self.look);
        let files = [self.partial_seeds.poll_timeout(), self.store.poll_timeout()];
        let turns = [self.gate.poll_timeout(), self.restraints.throttle.poll_timeout()];
        let others = [self.serving.due(), self.partial_seeds.report_due, look];
        let ports =
            [self.shared.lanes.poll_timeout(), self.links.poll_timeout(), self.back.meetings.poll_timeout()];
        files.into_iter().chain(turns).chain(others).chain(ports).flatten().min()
    }

    fn on_timeout(&mut self, now: Time, net: &mut Net) {
        for id in [self.gate.call(now), self.restraints.throttle.call(now)].into_iter().flatten() {
            net.enqueue(id);
        }
        for id in self.shared.lanes.due(now) {
            net.enqueue(id);
        }
        if self.serving.due().is_some_and(|t| t <= now) {
            self.report(now);
        }
        if self.partial_seeds.report_due.is_some_and(|t| t <= now) {
            self.tell_haves(now, net);
        }
        self.links.answer(now, net);
        self.back.meetings.on_timeout(now, net);
        self.partial_seeds.tidy(now);
        self.store.tidy(now);
        self.look = now + LOOK;
        self.check_finished(now, net);
    }
}
