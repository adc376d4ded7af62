//! The sender of a simulated process: who is connected and what they ask. What each is owed is known by the
//! real `SenderClient`; where the bytes come from is in serving.rs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::around::Around;
use super::happening::{ConnEnd, ConnId, Happening};
use crate::accounts::{AccountHost, Payer};
use crate::content::FileId;
use crate::content::partial::Bits;
use crate::identity::PeerId;
use crate::peer::event::PeerEvent;
use crate::peer::swarms::LiveSeed;
use crate::sender::client::{HavesWatch, SenderClient};
use crate::sender::owner_catalogues::{OwnerCatalogues, ServedCatalogue};
use crate::sender::quick::Quick;
use crate::sender::searches::{SearchPort, SearchPortOutput};
use crate::sender::serving::{ServedPeers, ServingReport};
use crate::sender::super_seed::SuperSeed;
use crate::sender::through::ThroughQuestions;
use crate::sender::told::PeersHere;
use crate::sender::{SenderCommand, SenderEvent, SharedContent, StoredFile};
use crate::time::Time;
use crate::wire::Message;
use crate::wire::frame::{Decoder, Piece};
use crate::wire::message::{DialBack, GetBuckets, GetHead, Reason, Refused, Told};

/// Chunks that came are reported to who wants to know once in this time.
const HAVES: Duration = Duration::from_millis(20);

/// While it ends, it looks this often whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// Whether new requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SenderState {
    Serving,
    Finishing,
    Stopped,
}

/// Somebody who asks.
#[derive(Debug)]
pub(super) struct ServedConn {
    pub(super) client: SenderClient,
    decoder: Decoder,
    /// It is called when the connection takes more.
    waits: bool,
}

/// The sender.
#[derive(Debug)]
pub(super) struct SimSender {
    pub(super) offer: Arc<SharedContent>,
    here: PeersHere,
    pub(super) seeds: BTreeMap<FileId, Arc<dyn LiveSeed>>,
    pub(super) stored: BTreeMap<FileId, StoredFile>,
    /// The owners whose files anybody may have.
    owners: Arc<BTreeSet<PeerId>>,
    owner_catalogues: OwnerCatalogues,
    through: ThroughQuestions<ConnId>,
    searches: SearchPort<ConnId>,
    pub(super) super_seed: SuperSeed,
    pub(super) conns: BTreeMap<ConnId, ServedConn>,
    state: SenderState,
    pub(super) report: ServingReport,
    /// When the chunks that came are reported.
    haves_due: Option<Time>,
    look: Time,
}

impl SimSender {
    pub(super) fn new() -> Self {
        Self {
            offer: Arc::default(),
            here: PeersHere::default(),
            seeds: BTreeMap::new(),
            stored: BTreeMap::new(),
            owners: Arc::default(),
            owner_catalogues: OwnerCatalogues::default(),
            through: ThroughQuestions::default(),
            searches: SearchPort::default(),
            super_seed: SuperSeed::default(),
            conns: BTreeMap::new(),
            state: SenderState::Serving,
            report: ServingReport::default(),
            haves_due: None,
            look: Time::ZERO,
        }
    }

    /// The controller asks for something.
    pub(super) fn command(&mut self, around: &mut Around<'_>, command: SenderCommand) {
        match command {
            SenderCommand::Offer(offer) => self.offer = offer,
            SenderCommand::Reader(..) => {}
            SenderCommand::Table(peer, Some(record)) => drop(self.here.table.insert(peer, record)),
            SenderCommand::Table(peer, None) => drop(self.here.table.remove(&peer)),
            // What is there of a file comes by `seeds`, and where the store is, is known.
            SenderCommand::PartialSeed(_) | SenderCommand::Store(_) => {}
            SenderCommand::Stored(id, Some(file)) => drop(self.stored.insert(id, file)),
            SenderCommand::Stored(id, None) => drop(self.stored.remove(&id)),
            SenderCommand::Open(owners) => self.owners = Arc::new(owners),
            SenderCommand::OwnerCatalogue(origin, served) => self.owner_catalogues.set(origin, served),
            SenderCommand::Listed(owner, served) => self.owner_catalogues.set_listed(owner, served),
            SenderCommand::Through(ticket, answer) => {
                if let Some((id, message)) = self.through.answer(ticket, answer) {
                    self.send(around, id, &message);
                }
            }
            SenderCommand::Found(ticket, answer) => {
                if let Some(id) = self.searches.answer(around.now(), ticket, answer) {
                    self.drained(around, id);
                }
                self.pass_searches_on(around);
            }
            SenderCommand::Kept(kept) => self.owner_catalogues.set_kept(kept),
            SenderCommand::AskBack(peer) => self.ask_back(around, peer),
            // Everybody can be dialled here, and nobody asks for what it is to prove.
            SenderCommand::DialBack(_)
            | SenderCommand::Meet(_)
            | SenderCommand::Relay(..)
            | SenderCommand::Withhold(_)
            | SenderCommand::Limit(_)
            | SenderCommand::Give(..) => {}
            SenderCommand::Finish => {
                self.state = SenderState::Finishing;
                self.check_finished(around);
            }
            SenderCommand::Stop => {
                for id in std::mem::take(&mut self.conns).into_keys() {
                    around.network.close(id, ConnEnd::Listener);
                }
                self.stopped(around);
            }
        }
    }

    fn ask_back(&self, around: &mut Around<'_>, peer: PeerId) {
        match self.conns.iter().find(|(_, conn)| conn.client.peer == peer) {
            Some((id, _)) => self.send(around, *id, &Message::DialBack(DialBack { request: 0 })),
            None => around.tell(PeerEvent::Sender(SenderEvent::NotConnected(peer))),
        }
    }

    // ---- connections

    /// A peer connected.
    pub(super) fn accepted(&mut self, around: &mut Around<'_>, id: ConnId, peer: PeerId) {
        if self.state == SenderState::Stopped {
            around.network.close(id, ConnEnd::Listener);
            return;
        }
        let client = SenderClient::new(peer, around.now());
        self.conns.insert(id, ServedConn { client, decoder: Decoder::default(), waits: false });
    }

    /// A connection is over.
    pub(super) fn closed(&mut self, around: &mut Around<'_>, id: ConnId) {
        let Some(conn) = self.conns.remove(&id) else { return };
        self.through.forget(id);
        self.searches.forget(id);
        for (file, given) in conn.client.all_given() {
            self.super_seed.take_back(file, given);
        }
        around.network.close(id, ConnEnd::Listener);
        self.report.hasten_if_reported(around.now());
        self.check_finished(around);
    }

    /// Requests came.
    pub(super) fn received(&mut self, around: &mut Around<'_>, id: ConnId, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(conn) = self.conns.get_mut(&id) {
            let (used, piece) = conn.decoder.feed(rest).expect("our own frames are well formed");
            rest = &rest[used..];
            match piece {
                Piece::More => break,
                Piece::Frame(frame) => {
                    let message = Message::decode(&frame).expect("our own requests are well formed");
                    self.request(around, id, message.expect("both ends know the same kinds"));
                }
                Piece::Payload(..) => panic!("no request has a payload"),
            }
        }
        self.drained(around, id);
    }

    /// The connection takes more, if it was waited for.
    pub(super) fn called(&mut self, around: &mut Around<'_>, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.waits = false;
            self.drained(around, id);
        }
        self.check_finished(around);
    }

    fn drained(&mut self, around: &mut Around<'_>, id: ConnId) {
        loop {
            let Some(conn) = self.conns.get_mut(&id).filter(|conn| !conn.waits) else { return };
            let peer = conn.client.peer;
            let page = conn.client.questions.next_page(&self.here.table);
            let page = page.or_else(|| self.searches.next_page(around.now(), id));
            let free = if let Some(page) = page {
                self.pass_searches_on(around);
                Some(around.network.send(id, ConnEnd::Listener, page.encode()))
            } else if let Some(question) = conn.client.questions.next() {
                match (self.begin_answer(around, peer, &question), self.conns.get_mut(&id)) {
                    (Ok(answer), Some(conn)) => conn.client.questions.begin(answer),
                    (Ok(_), None) => {}
                    (Err(reason), _) => self.refuse(around, id, question.request(), None, reason),
                }
                continue;
            } else {
                self.push_blocks(around, id)
            };
            let Some(free) = free else { return };
            if free > around.now()
                && let Some(conn) = self.conns.get_mut(&id)
            {
                conn.waits = true;
                around.network.at(free, around.process, Happening::Drained(id));
            }
        }
    }

    pub(super) fn send(&self, around: &mut Around<'_>, id: ConnId, message: &Message) {
        around.network.send(id, ConnEnd::Listener, message.encode());
    }

    pub(super) fn refuse(
        &self,
        around: &mut Around<'_>,
        id: ConnId,
        request: u64,
        item: Option<u32>,
        reason: Reason,
    ) {
        self.send(around, id, &Message::Refused(Refused { request, item, reason }));
    }

    // ---- requests

    fn request(&mut self, around: &mut Around<'_>, id: ConnId, message: Message) {
        let is_serving = self.state == SenderState::Serving;
        let now = around.now();
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let is_taken = |taken: bool| if taken { Ok(()) } else { Err(Reason::Busy) };
        let (request, taken) = match message {
            Message::GetBlocks(m) => (m.request, is_taken(conn.client.take_blocks(now, m, is_serving))),
            Message::GetAny(m) => (m.request, is_taken(conn.client.take_any(now, m, is_serving))),
            Message::GetHaves(m) => {
                conn.client.watches.insert(m.request, HavesWatch::new(m.file, m.size));
                self.haves_due = Some(now);
                (m.request, Ok(()))
            }
            question @ (Message::GetHead(_)
            | Message::GetBuckets(_)
            | Message::GetManifest(_)
            | Message::GetKept(_)
            | Message::GetTable(_)) => (question.request(), conn.client.questions.ask(question)),
            Message::FetchThrough(m) => {
                let peer = conn.client.peer;
                let asked = self.through.ask(id, m.request);
                if let Some(ticket) = asked {
                    around.tell(PeerEvent::Sender(SenderEvent::FetchThrough(peer, ticket, m)));
                }
                (m.request, is_taken(asked.is_some()))
            }
            Message::Search(m) => {
                let (request, peer) = (m.request, conn.client.peer);
                let payer = Payer { host: AccountHost::Unproved, peer };
                let taken = self.searches.ask(now, id, payer, m);
                self.pass_searches_on(around);
                (request, taken)
            }
            Message::Cancel(m) => {
                conn.client.cancel(m.request);
                self.searches.cancel(now, id, m.request);
                self.pass_searches_on(around);
                return;
            }
            // Nobody here asks who has what.
            Message::GotFile(_) => return,
            Message::Tell(line) => {
                let teller = Payer { host: AccountHost::Unproved, peer: conn.client.peer };
                let request = line.request;
                let taken = self.here.hear(now, Some(teller), line).map(|line| {
                    around.tell(PeerEvent::Sender(SenderEvent::Told(line)));
                    self.send(around, id, &Message::Told(Told { request }));
                });
                (request, taken)
            }
            other => panic!("nobody here asks by {}", other.name()),
        };
        if let Err(reason) = taken {
            self.refuse(around, id, request, None, reason);
        }
    }

    /// Does what follows from what others search.
    fn pass_searches_on(&mut self, around: &mut Around<'_>) {
        while let Some(output) = self.searches.poll_output() {
            match output {
                SearchPortOutput::Ask(search) => {
                    around.tell(PeerEvent::Sender(SenderEvent::Search(search)));
                }
                SearchPortOutput::Refuse(id, m) => self.refuse(around, id, m.request, m.item, m.reason),
            }
        }
    }

    fn begin_answer(
        &mut self,
        around: &mut Around<'_>,
        peer: PeerId,
        question: &Message,
    ) -> Result<Quick, Reason> {
        match question {
            Message::GetHead(m) => self.head(peer, m),
            Message::GetBuckets(m) => self.buckets(peer, m),
            Message::GetManifest(m) => {
                let found = self.manifest(around, peer, m.file)?;
                Quick::manifest(found, m)
            }
            Message::GetKept(m) => Ok(Quick::Kept(self.owner_catalogues.kept(m.request, peer, &self.owners))),
            Message::GetTable(m) => Ok(Quick::table(m)),
            _ => Err(Reason::Malformed),
        }
    }

    fn head(&self, peer: PeerId, m: &GetHead) -> Result<Quick, Reason> {
        let Some(origin) = m.origin else {
            return Quick::head(&self.offer.head, &self.offer.shelf.catalogue, m).ok_or(Reason::Busy);
        };
        let served = self.owner_catalogue(peer, origin)?;
        Quick::head(&served.signed, &served.catalogue, m).ok_or(Reason::Busy)
    }

    fn buckets(&self, peer: PeerId, m: &GetBuckets) -> Result<Quick, Reason> {
        let catalogue = match m.origin {
            None => &self.offer.shelf.catalogue,
            Some(origin) => &*self.owner_catalogue(peer, origin)?.catalogue,
        };
        Quick::buckets(catalogue, m).ok_or(Reason::Changed)
    }

    fn owner_catalogue(&self, peer: PeerId, origin: PeerId) -> Result<&ServedCatalogue, Reason> {
        let may_have = self.may_have(peer, origin);
        self.owner_catalogues.get(origin, may_have).ok_or_else(|| self.unknown())
    }

    /// True if `peer` may have files of this owner.
    pub(super) fn may_have(&self, peer: PeerId, owner: PeerId) -> bool {
        owner == peer || self.owners.contains(&owner)
    }

    /// Why there is no such content: before the first scan it may yet come.
    pub(super) fn unknown(&self) -> Reason {
        if self.offer.head.is_empty() { Reason::Busy } else { Reason::Unknown }
    }

    // ---- what time brings

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let look = (self.state == SenderState::Finishing).then_some(self.look);
        [self.haves_due, self.report.due(), look].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, around: &mut Around<'_>) {
        let now = around.now();
        if self.haves_due.is_some_and(|at| at <= now) {
            self.tell_haves(around);
        }
        if self.report.due().is_some_and(|at| at <= now) {
            self.tell_serving(around);
        }
        self.look = now + LOOK;
        self.check_finished(around);
    }

    fn tell_haves(&mut self, around: &mut Around<'_>) {
        let mut conns = std::mem::take(&mut self.conns);
        for (id, conn) in &mut conns {
            let peer = conn.client.peer;
            let mut over = Vec::new();
            for (request, watch) in &mut conn.client.watches {
                let have = self.have(around, peer, watch.file);
                match have.filter(|have: &Bits| have.chunks().size() == watch.size) {
                    Some(have) => {
                        if let Some(haves) = watch.next(*request, have) {
                            self.send(around, *id, &Message::Haves(haves));
                        }
                    }
                    None => over.push(*request),
                }
            }
            for request in over {
                conn.client.watches.remove(&request);
                self.refuse(around, *id, request, None, Reason::Unknown);
            }
        }
        self.conns = conns;
        let is_watched = self.conns.values().any(|conn| !conn.client.watches.is_empty());
        self.haves_due = is_watched.then(|| around.now() + HAVES);
    }

    /// Tells the controller who is being served, while somebody is and once when nobody is any more.
    fn tell_serving(&mut self, around: &mut Around<'_>) {
        let now = around.now();
        let mut serving: BTreeMap<PeerId, u64> = BTreeMap::new();
        for client in self.conns.values().map(|c| &c.client).filter(|c| c.bytes > 0 && !c.is_finished(now)) {
            *serving.entry(client.peer).or_default() += client.bytes;
        }
        let tell = |serving: &ServedPeers| {
            around.tell(PeerEvent::Sender(SenderEvent::Serving(serving.clone())));
            true
        };
        self.report.renew(now, serving.into_iter().collect(), tell);
    }

    /// Says that nothing is under way any more, once that is so.
    fn check_finished(&mut self, around: &mut Around<'_>) {
        let now = around.now();
        let mut conns = self.conns.values();
        if self.state == SenderState::Finishing
            && conns.all(|c| !c.waits && !c.client.is_busy() && c.client.is_finished(now))
        {
            for id in std::mem::take(&mut self.conns).into_keys() {
                around.network.close(id, ConnEnd::Listener);
            }
            self.stopped(around);
        }
    }

    fn stopped(&mut self, around: &mut Around<'_>) {
        if self.state != SenderState::Stopped {
            self.state = SenderState::Stopped;
            around.part_says(PeerEvent::Sender(SenderEvent::Stopped));
        }
    }
}
