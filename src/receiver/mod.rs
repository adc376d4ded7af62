//! The receiver: connects to the sender ports of other peers and carries between them, the disk
//! workers and the pure machines that decide (swarm/, pull/, dial_back.rs). On its own port come peers that it
//! asked to dial back; nobody else has a place there.
//!
//! A block goes from the decrypted record into a buffer of the fixed pool and from there to the disk
//! workers. While the pool is empty nothing is read: TCP then slows the senders down.
//!
//! `links` has the connections, `outputs` does what the machines ask for.

pub(crate) mod answers;
pub(crate) mod catalogue;
mod dial_back;
mod disks;
mod handle;
pub(crate) mod kept;
pub(crate) mod limits;
mod links;
pub(crate) mod offering;
mod outputs;
mod peer_memory;
pub(crate) mod pull;
pub(crate) mod pulls;
mod reading;
pub(crate) mod search;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
pub(crate) mod table;
pub(crate) mod telling;
pub(crate) mod through;

pub(crate) use self::handle::{ReceiverCommand, ReceiverEvent, ReceiverHandle, start_receiver};

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossbeam_channel::Sender;

use self::answers::handle_answer;
use self::dial_back::DialBackRequests;
use self::disks::Disks;
use self::links::PeerLink;
use self::pulls::Pulls;
use self::reading::{IncomingPiece, Reading};
use crate::address::Host;
use crate::counters::Counters;
use crate::disk::{self, Block, BlockPool};
use crate::identity::PeerId;
use crate::reader::{PieceHead, Readers, is_of_reader};
use crate::swarm::{BlockTarget, JobEvent, Swarm, has_all, put_first};
use crate::sys::bell::Bell;
use crate::text;
use crate::time::Time;
use crate::transfer::Gate;
use crate::transfer::connection::Closed;
use crate::transfer::engine::Role;
use crate::transfer::meeting_port::MeetingPort;
use crate::transfer::meetings::MeetingProved;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{BlockIs, Cancel};

/// After `Stop` the disk workers have this long to sync; the sidecars bound what a late one costs.
const STOP: Duration = Duration::from_millis(900);

/// Whoever is not read from for long, though it may have sent all that it was asked for, hears from us so
/// often. Well within [`crate::transfer::limits::IDLE`].
const STILL_HERE: Duration = Duration::from_secs(10);

/// The number of no request.
const NEVER: u64 = 0;

/// Something whose payload is coming in.
#[derive(Debug)]
enum Incoming {
    /// A block of a download.
    Block {
        head: BlockIs,
        len: usize,
        /// `None`: nobody wants it any more.
        to: Option<(BlockTarget, Block)>,
    },
    /// Something for one who reads.
    Piece(IncomingPiece, usize),
}

impl Incoming {
    /// True if it has its place already.
    const fn has_block(&self) -> bool {
        matches!(self, Self::Block { to: Some(_), .. })
    }
}

/// The receiver's role.
#[derive(Debug)]
struct ReceiverRole {
    events: Sender<ReceiverEvent>,
    disks: Disks,
    swarm: Swarm,
    pulls: Pulls,
    reading: Reading,
    links: BTreeMap<PeerId, PeerLink>,
    asking: DialBackRequests,
    meetings: MeetingPort,
    /// The connections on which we ask: those that we dialled, and those that others dialled back.
    dialled: BTreeMap<ConnId, PeerId>,
    pool: BlockPool,
    /// Taken out of the pool before a frame is read, so that there is a place for it.
    spare: Option<Block>,
    incoming: BTreeMap<ConnId, Incoming>,
    /// What limits how much of their payload is read.
    gate: Gate<ConnId>,
    counters: Arc<Counters>,
    stopping: Option<Time>,
}

impl ReceiverRole {
    pub(super) fn new(
        events: Sender<ReceiverEvent>,
        bell: Bell,
        disks: Disks,
        swarm: Swarm,
        gate: Gate<ConnId>,
        counters: Arc<Counters>,
        readers: Readers,
    ) -> Self {
        Self {
            events,
            disks,
            swarm,
            pulls: Pulls::default(),
            reading: Reading::new(readers, bell.clone()),
            links: BTreeMap::new(),
            asking: DialBackRequests::default(),
            meetings: MeetingPort::new(true),
            dialled: BTreeMap::new(),
            pool: BlockPool::with_bell(bell),
            spare: None,
            incoming: BTreeMap::new(),
            gate,
            counters,
            stopping: None,
        }
    }

    /// Waits while the controller is behind; it never waits for us.
    fn tell(&self, event: ReceiverEvent) {
        if matches!(event, ReceiverEvent::Job(JobEvent::Progress(_))) {
            drop(self.events.try_send(event));
        } else {
            drop(self.events.send(event));
        }
    }

    fn answer(&mut self, now: Time, peer: PeerId, message: Message) -> Result<(), String> {
        if matches!(message, Message::DialBack(_)) {
            self.tell(ReceiverEvent::DialBack(peer));
            return Ok(());
        }
        match message {
            Message::Manifest(page) if is_of_reader(page.request) => {
                self.pulls.handle_heard(now, peer);
                self.reading.machine.handle_manifest(now, peer, &page);
                Ok(())
            }
            Message::Refused(refused) if is_of_reader(refused.request) => {
                self.pulls.handle_heard(now, peer);
                self.reading.machine.handle_refused(now, peer, &refused);
                Ok(())
            }
            message => handle_answer(now, &mut self.swarm, &mut self.pulls, peer, message),
        }
    }

    fn begin_block(&mut self, peer: PeerId, id: ConnId, head: BlockIs, len: usize) -> Result<(), String> {
        let target = self.swarm.check_block(peer, &head, len)?;
        // `takes` saw to it that there is a spare block.
        let to = target.and_then(|t| Some((t, self.spare.take()?)));
        self.incoming.insert(id, Incoming::Block { head, len, to });
        Ok(())
    }

    fn begin_piece(&mut self, peer: PeerId, id: ConnId, head: PieceHead, len: usize) -> Result<(), String> {
        let piece = self.reading.begin_piece(peer, head)?;
        self.incoming.insert(id, Incoming::Piece(piece, len));
        Ok(())
    }

    fn stop(&mut self, now: Time, net: &mut Net) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(now + STOP);
        self.swarm.handle_stop();
        self.reading.machine.handle_stop();
        self.pump(now, net);
        net.listeners.stop();
        let peers: Vec<_> = self.links.keys().copied().collect();
        for peer in peers {
            self.unlink(now, net, peer);
        }
        self.disks.send(disk::Command::Flush);
    }

    fn stopped(&mut self) {
        if self.stopping.take().is_some() {
            self.tell(ReceiverEvent::Stopped);
        }
    }
}

impl Role for ReceiverRole {
    type Command = ReceiverCommand;

    fn on_command(&mut self, now: Time, net: &mut Net, command: ReceiverCommand) {
        match command {
            ReceiverCommand::Peer(contact) => {
                let peer = contact.id;
                self.pulls.handle_here(peer, &contact.hosts);
                self.links.entry(peer).or_default().contact = Some(contact);
                self.swarm.handle_peer(now, peer);
                self.reading.machine.handle_peer(now, peer);
            }
            ReceiverCommand::Meet(meeting) => self.meetings.begin(now, net, meeting),
            ReceiverCommand::Gone(peer) => {
                self.meetings.forget(now, net, peer);
                self.unlink(now, net, peer);
                self.links.remove(&peer);
                self.asking.handle_gone(peer);
                self.swarm.handle_gone(now, peer);
                self.pulls.handle_gone(now, peer);
                self.reading.machine.handle_down(now, peer);
            }
            ReceiverCommand::Fetch(job) => self.swarm.handle_job(now, job),
            ReceiverCommand::FetchBy(job, workers) => {
                self.disks.bring(job.id, job.destination.clone(), workers);
                self.swarm.handle_job(now, job);
            }
            ReceiverCommand::Store(folder, workers) => self.disks.keep(folder, workers),
            // A catalogue that came says so of each file, and what follows of that is found out once: `on_inbox`
            // comes in the same turn, behind all commands.
            ReceiverCommand::Holders(claim, peers) => return self.swarm.handle_holders(now, claim, &peers),
            ReceiverCommand::Changed(claim, peer) => return self.swarm.handle_changed(now, claim, peer),
            ReceiverCommand::Swarm(claim, peers) => return self.swarm.handle_swarm(now, claim, &peers),
            ReceiverCommand::HasAll(job, peer) => has_all(now, job, peer, &mut self.swarm),
            ReceiverCommand::Read(order, answers) if self.stopping.is_none() => {
                self.reading.begin(now, order, answers);
            }
            // Who asked is told that the peer leaves when that channel ends.
            ReceiverCommand::Read(..) => {}
            ReceiverCommand::ReadFrom(claim, peers) => {
                self.reading.machine.handle_holders(now, claim, &peers);
            }
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
            ReceiverCommand::Limit(limit) => {
                self.gate.set_limit(now, limit);
                self.swarm.set_limit(limit);
                self.reading.machine.set_limit(limit);
            }
            ReceiverCommand::Stop => self.stop(now, net),
        }
        self.pump(now, net);
    }

    fn on_turn_end(&mut self) {
        self.disks.pass_on();
    }

    fn on_inbox(&mut self, now: Time, net: &mut Net) {
        while let Some(event) = self.disks.next_event() {
            match event {
                disk::Event::Idle => self.stopped(),
                disk::Event::PartialSeed(seed) => self.tell(ReceiverEvent::PartialSeed(seed)),
                event => self.swarm.handle_disk(now, event),
            }
        }
        self.look_at_reading(now);
        self.pump(now, net);
    }

    fn on_proved(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
        match self.meetings.on_proved(now, net, id, peer) {
            MeetingProved::Introducer | MeetingProved::Stranger => return,
            MeetingProved::Met => return self.met(now, net, id, peer, host),
            MeetingProved::Other => {}
        }
        self.on_alive(peer, host);
        if !self.dialled.contains_key(&id) {
            self.dialled_back(now, net, id, peer);
            return;
        }
        let Some(link) = self.links.get_mut(&peer) else { return };
        if let Some(lane) = link.lanes.iter_mut().find(|l| l.conn == id) {
            lane.up = true;
            self.widened(now, peer);
            self.pump(now, net);
        } else if link.conn == Some(id) {
            link.up = true;
            self.up(now, net, peer, false);
        }
    }

    fn on_alive(&mut self, peer: PeerId, host: Host) {
        // A sign of life may be skipped: the next one comes.
        drop(self.events.try_send(ReceiverEvent::Proved(peer, host)));
    }

    fn takes(&mut self, now: Time, net: &Net, id: ConnId) -> usize {
        if self.spare.is_none() && !self.incoming.get(&id).is_some_and(Incoming::has_block) {
            self.spare = self.pool.take();
            if self.spare.is_none() {
                self.counters.pool_waits.add(1);
                return 0;
            }
        }
        // What is not in the midst of a block may be a small frame, which the limit does not hold up.
        let payer = net.payer(id).filter(|_| self.incoming.contains_key(&id));
        payer.map_or(usize::MAX, |payer| usize::try_from(self.gate.ask(now, payer, id)).unwrap_or(usize::MAX))
    }

    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        if self.meetings.on_frame(now, net, id, &frame) {
            return Ok(());
        }
        // Of one that is being closed: nothing counts any more.
        let Some(&peer) = self.dialled.get(&id) else { return Ok(()) };
        match Message::decode(&frame).map_err(|e| e.to_string())? {
            Some(Message::Block(head)) if is_of_reader(head.request) => {
                self.begin_piece(peer, id, PieceHead::of_block(&head, frame.payload), frame.payload)?;
            }
            Some(Message::Slice(head)) if is_of_reader(head.request) => {
                self.begin_piece(peer, id, PieceHead::of_slice(head, frame.payload), frame.payload)?;
            }
            Some(Message::Block(head)) => self.begin_block(peer, id, head, frame.payload)?,
            Some(message) => self.answer(now, peer, message)?,
            // An answer of a later version.
            None => {}
        }
        self.pump(now, net);
        Ok(())
    }

    fn on_payload(&mut self, id: ConnId, bytes: &[u8]) {
        self.gate.passed(bytes.len() as u64);
        match self.incoming.get_mut(&id) {
            // The frame's bound is a block's length, so all of it fits.
            Some(Incoming::Block { to: Some((_, block)), .. }) => {
                block.extend(bytes);
            }
            Some(Incoming::Piece(piece, _)) => self.reading.take(piece, bytes),
            Some(Incoming::Block { to: None, .. }) | None => {}
        }
    }

    fn on_payload_end(&mut self, now: Time, net: &mut Net, id: ConnId) {
        let Some(incoming) = self.incoming.remove(&id) else { return };
        let (Incoming::Block { len, .. } | Incoming::Piece(_, len)) = incoming;
        self.counters.received.add(len as u64);
        let Some(&peer) = self.dialled.get(&id) else { return };
        let is_wanted = match incoming {
            Incoming::Block { head, len, to } => {
                let wanted = self.swarm.handle_block(now, peer, &head, len);
                let to = to.filter(|_| wanted);
                let is_wanted = to.is_some();
                if let Some((target, block)) = to {
                    self.disks.send(disk::Command::Write(target.token, target.chunk, target.offset, block));
                }
                is_wanted
            }
            Incoming::Piece(piece, _) => self.reading.end_piece(now, peer, piece),
        };
        if !is_wanted {
            self.counters.discarded.add(len as u64);
        }
        self.pump(now, net);
    }

    fn is_busy(&self, id: ConnId) -> bool {
        let owed = |peer: &PeerId| {
            self.swarm.is_owed_by(*peer)
                || self.pulls.is_owed_by(*peer)
                || self.reading.machine.is_owed_by(*peer)
        };
        self.dialled.get(&id).is_some_and(owed)
    }

    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, how: Closed) {
        if self.meetings.on_closed(now, net, id) {
            return;
        }
        self.incoming.remove(&id);
        self.gate.forget(id);
        let Some(peer) = self.dialled.remove(&id) else { return };
        if let Some(link) = self.links.get_mut(&peer)
            && let Some(n) = link.lanes.iter().position(|l| l.conn == id)
            && (!link.lanes[n].up || !self.swarm.is_owed_by(peer))
        {
            // One more could not be had, or was not used for long: those that stand do.
            link.lanes.remove(n);
            self.widened(now, peer);
            self.pump(now, net);
            return;
        }
        if matches!(how, Closed::Unreachable(_)) {
            self.asking.handle_failed(now, peer);
        }
        // What was asked on one of several is lost, so all of them are made again.
        self.unlink(now, net, peer);
        if how != Closed::Clean {
            log::debug!("the connection to {peer} is lost: {}", text::shown(&format!("{how:?}")));
            self.tell(ReceiverEvent::Lost(peer));
        }
        self.swarm.handle_down(now, peer);
        self.pulls.handle_down(now, peer);
        self.reading.machine.handle_down(now, peer);
        self.pump(now, net);
    }

    fn poll_timeout(&self) -> Option<Time> {
        let asking = self.asking.poll_timeout().filter(|_| self.stopping.is_none());
        let machines = [
            self.swarm.poll_timeout(),
            self.pulls.poll_timeout(),
            self.reading.machine.poll_timeout(),
            asking,
        ];
        let shells = [self.gate.poll_timeout(), self.meetings.poll_timeout(), self.stopping];
        machines.into_iter().chain(shells).flatten().min()
    }

    fn on_timeout(&mut self, now: Time, net: &mut Net) {
        if let Some(id) = self.gate.call(now) {
            net.enqueue(id);
        }
        if self.stopping.is_some_and(|t| t <= now) {
            self.tell(ReceiverEvent::Warning("the disks did not sync in time".to_owned()));
            self.stopped();
        }
        let busy: BTreeSet<_> = self.dialled.iter().map(|(id, peer)| (*id, *peer)).collect();
        for (id, peer) in busy {
            // Who is not read from cannot be blamed for its silence.
            let paused = net.is_paused(id);
            if paused && net.sent(id).is_some_and(|sent| now.since(sent) >= STILL_HERE) {
                // Nor is it to think that nobody is here: to cancel what was never asked changes nothing.
                net.send(id, &Message::Cancel(Cancel { request: NEVER }));
            }
            let heard = if paused { Some(now) } else { net.heard(id) };
            if let Some(heard) = heard {
                self.swarm.handle_heard(heard, peer);
                self.reading.machine.handle_heard(heard, peer);
            }
        }
        self.swarm.handle_timeout(now);
        self.pulls.handle_timeout(now);
        self.look_at_reading(now);
        self.reading.machine.handle_timeout(now);
        self.meetings.on_timeout(now, net);
        if self.stopping.is_none() {
            self.asking.handle_timeout(now);
        }
        self.pump(now, net);
    }
}
