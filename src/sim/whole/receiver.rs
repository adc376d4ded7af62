//! The receiver of a simulated process: the machines are the real ones, and so are the bytes on the
//! connections.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use core::net::{IpAddr, Ipv4Addr};

use super::around::Around;
use super::happening::{ConnEnd, ConnId, ConnRole};
use super::seed::SimSeed;
use crate::address::Host;
use crate::disk;
use crate::disk::FileToken;
use crate::identity::{Contact, PeerId};
use crate::peer::event::PeerEvent;
use crate::receiver::answers::handle_answer;
use crate::receiver::pull::PullOutput;
use crate::receiver::pulls::Pulls;
use crate::receiver::search::FoundOutcome;
use crate::receiver::{ReceiverCommand, ReceiverEvent};
use crate::swarm::{self, BlockTarget, Job, Swarm, has_all, put_first};
use crate::time::Time;
use crate::wire::Message;
use crate::wire::frame::{Decoder, Frame, Piece};
use crate::wire::message::BlockIs;

/// A peer that is, or may be, connected.
#[derive(Debug, Default)]
struct PeerLink {
    contact: Option<Contact>,
    conn: Option<ConnId>,
    is_up: bool,
}

/// A block whose payload is coming in.
#[derive(Debug)]
struct Incoming {
    head: BlockIs,
    to: Option<BlockTarget>,
    bytes: Vec<u8>,
}

/// A connection on which answers come.
#[derive(Debug)]
struct AskedConn {
    peer: PeerId,
    decoder: Decoder,
    incoming: Option<Incoming>,
    heard: Time,
}

/// The receiver.
#[derive(Debug)]
pub(super) struct SimReceiver {
    swarm: Swarm,
    pulls: Pulls,
    links: BTreeMap<PeerId, PeerLink>,
    conns: BTreeMap<ConnId, AskedConn>,
    /// What others may have of files that are open.
    seeds: BTreeMap<FileToken, Arc<SimSeed>>,
    /// What keepers of the index answered.
    pub(super) found: Vec<(u64, FoundOutcome)>,
    is_stopped: bool,
}

impl SimReceiver {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            swarm: Swarm::new(seed),
            pulls: Pulls::default(),
            links: BTreeMap::new(),
            conns: BTreeMap::new(),
            seeds: BTreeMap::new(),
            found: Vec::new(),
            is_stopped: false,
        }
    }

    /// The controller asks for something.
    pub(super) fn command(&mut self, around: &mut Around<'_>, command: ReceiverCommand) {
        let now = around.now();
        match command {
            ReceiverCommand::Peer(contact) => {
                let peer = contact.id;
                self.pulls.handle_here(peer, &contact.hosts);
                self.links.entry(peer).or_default().contact = Some(contact);
                self.swarm.handle_peer(now, peer);
            }
            ReceiverCommand::Gone(peer) => {
                self.unlink(around, peer);
                self.links.remove(&peer);
                self.swarm.handle_gone(now, peer);
                self.pulls.handle_gone(now, peer);
            }
            ReceiverCommand::Fetch(job) | ReceiverCommand::FetchBy(job, _) => self.swarm.handle_job(now, job),
            ReceiverCommand::Holders(claim, peers) => self.swarm.handle_holders(now, claim, &peers),
            ReceiverCommand::HasAll(job, peer) => has_all(now, job, peer, &mut self.swarm),
            ReceiverCommand::Changed(claim, peer) => self.swarm.handle_changed(now, claim, peer),
            ReceiverCommand::Swarm(claim, peers) => self.swarm.handle_swarm(now, claim, &peers),
            ReceiverCommand::Cancel(job) => self.swarm.handle_cancel(now, job),
            ReceiverCommand::First(job) => put_first(&mut self.swarm, job),
            ReceiverCommand::Catalogue(peer) => self.pulls.want_catalogue(now, peer),
            ReceiverCommand::CatalogueMemory(bytes) => self.pulls.set_catalogue_memory(bytes),
            ReceiverCommand::OwnerCatalogue { from, origin } => {
                self.pulls.want_owner_catalogue(now, from, origin);
            }
            ReceiverCommand::Kept(peer) => self.pulls.want_kept(now, peer),
            ReceiverCommand::Table(peer) => self.pulls.want_table(now, peer),
            ReceiverCommand::Tell(line, said) => self.pulls.tell(now, line, said),
            ReceiverCommand::SayOfOffer(letter) => self.pulls.say_of_offer(now, letter),
            ReceiverCommand::FetchThrough { from, file } => self.pulls.want_through(now, from, file),
            ReceiverCommand::Search { from, number, search, known } => {
                self.pulls.search(now, from, number, search, known);
            }
            // The disk is one, whoever works on it; and everybody can be dialled here.
            ReceiverCommand::Store(..) | ReceiverCommand::Meet(_) | ReceiverCommand::Limit(_) => {}
            // Nobody reads here.
            ReceiverCommand::Read(..) | ReceiverCommand::ReadFrom(..) => {}
            ReceiverCommand::Stop => self.stop(around),
        }
        self.pump(around);
    }

    /// The controller has something fetched.
    pub(super) fn fetch(&mut self, around: &mut Around<'_>, job: Job) {
        self.command(around, ReceiverCommand::Fetch(job));
    }

    fn stop(&mut self, around: &mut Around<'_>) {
        if std::mem::replace(&mut self.is_stopped, true) {
            return;
        }
        self.swarm.handle_stop();
        self.pump(around);
        for peer in self.links.keys().copied().collect::<Vec<_>>() {
            self.unlink(around, peer);
        }
        around.part_says(PeerEvent::Receiver(ReceiverEvent::Stopped));
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.swarm.poll_timeout(), self.pulls.poll_timeout()].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, around: &mut Around<'_>) {
        let now = around.now();
        for conn in self.conns.values() {
            self.swarm.handle_heard(conn.heard, conn.peer);
        }
        self.swarm.handle_timeout(now);
        self.pulls.handle_timeout(now);
        self.pump(around);
    }

    /// A disk worker reports.
    pub(super) fn disk_said(&mut self, around: &mut Around<'_>, event: disk::Event) {
        if let disk::Event::Arrived(token, _) = &event
            && let Some(seed) = self.seeds.remove(token)
        {
            seed.complete();
        }
        self.swarm.handle_disk(around.now(), event);
        self.pump(around);
    }

    // ---- connections

    /// A connection that was dialled stands.
    pub(super) fn connected(&mut self, around: &mut Around<'_>, id: ConnId) {
        let now = around.now();
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.heard = now;
        let peer = conn.peer;
        let Some(link) = self.links.get_mut(&peer).filter(|link| link.conn == Some(id)) else { return };
        link.is_up = true;
        if let Some(host) = link.contact.as_ref().and_then(|contact| contact.hosts.first()) {
            around.tell(PeerEvent::Receiver(ReceiverEvent::Proved(peer, *host)));
        }
        self.swarm.handle_up(now, peer);
        self.pulls.handle_up(now, peer);
        self.pump(around);
    }

    /// A connection is over, or could not be had.
    pub(super) fn closed(&mut self, around: &mut Around<'_>, id: ConnId) {
        let Some(conn) = self.conns.get(&id) else { return };
        let (now, peer) = (around.now(), conn.peer);
        self.unlink(around, peer);
        around.tell(PeerEvent::Receiver(ReceiverEvent::Lost(peer)));
        self.swarm.handle_down(now, peer);
        self.pulls.handle_down(now, peer);
        self.pump(around);
    }

    /// Answers came.
    pub(super) fn received(&mut self, around: &mut Around<'_>, id: ConnId, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(conn) = self.conns.get_mut(&id) {
            conn.heard = around.now();
            let (used, piece) = conn.decoder.feed(rest).expect("our own frames are well formed");
            rest = &rest[used..];
            match piece {
                Piece::More => break,
                Piece::Frame(frame) => {
                    let peer = conn.peer;
                    let taken = self.take_frame(around, id, peer, &frame);
                    assert_eq!(taken, Ok(()), "an honest peer breaks no rule");
                }
                Piece::Payload(part, is_last) => {
                    if let Some(incoming) = &mut conn.incoming {
                        incoming.bytes.extend_from_slice(part);
                    }
                    if is_last {
                        self.take_block(around, id);
                    }
                }
            }
            self.pump(around);
        }
    }

    fn take_frame(
        &mut self,
        around: &Around<'_>,
        id: ConnId,
        peer: PeerId,
        frame: &Frame,
    ) -> Result<(), String> {
        match Message::decode(frame).map_err(|e| e.to_string())? {
            Some(Message::Block(head)) => {
                let to = self.swarm.check_block(peer, &head, frame.payload)?;
                if let Some(conn) = self.conns.get_mut(&id) {
                    conn.incoming = Some(Incoming { head, to, bytes: Vec::new() });
                }
                Ok(())
            }
            Some(message) => handle_answer(around.now(), &mut self.swarm, &mut self.pulls, peer, message),
            None => Ok(()),
        }
    }

    fn take_block(&mut self, around: &mut Around<'_>, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(Incoming { head, to, bytes }) = conn.incoming.take() else { return };
        let is_wanted = self.swarm.handle_block(around.now(), conn.peer, &head, bytes.len());
        if let Some(target) = to.filter(|_| is_wanted)
            && let Some(event) = around.disk.write(target.token, target.chunk, target.offset, &bytes)
        {
            around.disk_says(event);
        }
    }

    /// A connection to `peer`: `Some(true)` it stands, `Some(false)` it is coming, `None` it cannot be.
    fn connect(&mut self, around: &mut Around<'_>, peer: PeerId) -> Option<bool> {
        let link = self.links.get_mut(&peer).filter(|_| !self.is_stopped)?;
        if link.conn.is_some() {
            return Some(link.is_up);
        }
        let ip = address(link.contact.as_ref()?.hosts.first()?, around.ip)?;
        let id = around.dial(ip, ConnRole::Content);
        let heard = around.now();
        self.conns.insert(id, AskedConn { peer, decoder: Decoder::default(), incoming: None, heard });
        link.conn = Some(id);
        Some(false)
    }

    /// Forgets and closes the connection to `peer`.
    fn unlink(&mut self, around: &mut Around<'_>, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.is_up = false;
        if let Some(id) = link.conn.take() {
            self.conns.remove(&id);
            around.network.close(id, ConnEnd::Dialler);
        }
    }

    fn ask(&self, around: &mut Around<'_>, peer: PeerId, message: &Message) {
        if let Some(id) = self.links.get(&peer).and_then(|link| link.conn) {
            around.network.send(id, ConnEnd::Dialler, message.encode());
        }
    }

    // ---- what the machines want

    fn pump(&mut self, around: &mut Around<'_>) {
        loop {
            if let Some(output) = self.swarm.poll_output() {
                self.swarm_output(around, output);
            } else if let Some(output) = self.pulls.poll_output(around.now()) {
                self.pull_output(around, output);
            } else {
                return;
            }
        }
    }

    fn swarm_output(&mut self, around: &mut Around<'_>, output: swarm::Output) {
        let now = around.now();
        match output {
            swarm::Output::Dial(peer) => match self.connect(around, peer) {
                Some(true) => self.swarm.handle_up(now, peer),
                Some(false) => {}
                None => self.swarm.handle_down(now, peer),
            },
            swarm::Output::Drop(peer, _) => {
                self.unlink(around, peer);
                around.tell(PeerEvent::Receiver(ReceiverEvent::Lost(peer)));
                self.pulls.handle_down(now, peer);
            }
            // All lanes share one link, so one connection stands for all of them.
            swarm::Output::Ask(peer, _, message) => self.ask(around, peer, &message),
            swarm::Output::Lanes(peer, count) => self.swarm.handle_lanes(now, peer, count, true),
            swarm::Output::Disk(command) => self.order(around, command),
            swarm::Output::WriteNothing(token, chunk) => {
                around.disk_says(disk::Event::Chunk(token, chunk, true));
            }
            swarm::Output::Event(event) => around.tell(PeerEvent::Receiver(ReceiverEvent::Job(event))),
            swarm::Output::Warning(text) => {
                around.tell(PeerEvent::Receiver(ReceiverEvent::Warning(text)));
            }
        }
    }

    fn pull_output(&mut self, around: &mut Around<'_>, output: PullOutput) {
        let now = around.now();
        match output {
            PullOutput::Dial(peer) => match self.connect(around, peer) {
                Some(true) => self.pulls.handle_up(now, peer),
                Some(false) => {}
                None => self.pulls.handle_down(now, peer),
            },
            PullOutput::Drop(peer, _) => {
                self.unlink(around, peer);
                around.tell(PeerEvent::Receiver(ReceiverEvent::Lost(peer)));
                self.swarm.handle_down(now, peer);
                self.pulls.handle_down(now, peer);
            }
            PullOutput::Ask(peer, message) => self.ask(around, peer, &message),
            PullOutput::Tell(event) => {
                if let ReceiverEvent::Found { number, outcome, .. } = &event {
                    self.found.push((*number, outcome.clone()));
                }
                around.tell(PeerEvent::Receiver(event));
            }
        }
    }

    /// Has the disk workers do something.
    fn order(&mut self, around: &mut Around<'_>, command: disk::Command) {
        if let disk::Command::Open(token, plan) = &command
            && let Some(seed) = SimSeed::of(plan)
        {
            let seed = Arc::new(seed);
            self.seeds.insert(*token, Arc::clone(&seed));
            around.tell(PeerEvent::PartialSeed(seed));
        }
        let events: VecDeque<_> = around.disk.handle(command).into();
        for event in events {
            around.disk_says(event);
        }
    }
}

/// The simulated host that an address leads to from `own`.
pub(super) fn address(host: &Host, own: Ipv4Addr) -> Option<Ipv4Addr> {
    match host.ip {
        IpAddr::V4(ip) if ip.is_loopback() => Some(own),
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}
