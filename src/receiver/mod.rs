//! The receiver: connects to the sender ports of other peers and carries between them, the disk
//! workers and the pure machines that decide (swarm/, catalogue/, kept.rs, dial_back.rs). On its own port come peers
//! that it asked to dial back; nobody else has a place there.
//!
//! A block goes from the decrypted record into a buffer of the fixed pool and from there to the disk
//! workers. While the pool is empty nothing is read: TCP then slows the senders down.

mod catalogue;
mod dial_back;
mod disks;
mod handle;
mod kept;
pub(crate) mod limits;
mod table;

pub use self::handle::{ReceiverCommand, ReceiverEvent, ReceiverHandle, start_receiver};

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use self::catalogue::Catalogues;
use self::dial_back::DialBackRequests;
use self::disks::Disks;
use self::kept::Keepers;
use self::table::Coming;
use crate::address::Host;
use crate::counters::Counters;
use crate::disk::{self, Block, BlockPool};
use crate::identity::{Contact, PeerId};
use crate::swarm::{self, BlockTarget, JobEvent, Swarm};
use crate::sys::bell::Bell;
use crate::text;
use crate::time::Time;
use crate::transfer::Gate;
use crate::transfer::connection::Closed;
use crate::transfer::engine::Role;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{BlockIs, Cancel, GetTable, Reason, Refused};

/// Low bits of the number of each request for a table of peers.
const TABLE_TAG: u64 = 2;

/// After `Stop` the disk workers have this long to sync; the sidecars bound what a late one costs.
const STOP: Duration = Duration::from_millis(900);

/// Whoever is not read from for long, though it may have sent all that it was asked for, hears from us so
/// often. Well within [`crate::transfer::limits::IDLE`].
const STILL_HERE: Duration = Duration::from_secs(10);

/// The number of no request.
const NEVER: u64 = 0;

/// A peer that is, or may be, connected.
#[derive(Debug, Default)]
struct PeerLink {
    contact: Option<Contact>,
    conn: Option<ConnId>,
    /// TLS is through.
    up: bool,
    /// The peer made it.
    back: bool,
    /// Ask for its table when it is up.
    table: bool,
    /// The table that it is sending.
    coming: Option<Coming>,
    /// More connections to it, for blocks: numbers 1 and up. Those that stand come first.
    lanes: Vec<Lane>,
}

/// A further connection to a peer.
#[derive(Debug)]
struct Lane {
    conn: ConnId,
    up: bool,
}

/// A block whose payload is coming in.
#[derive(Debug)]
struct Incoming {
    head: BlockIs,
    len: usize,
    /// `None`: nobody wants it any more.
    to: Option<(BlockTarget, Block)>,
}

/// The receiver's role.
#[derive(Debug)]
struct ReceiverRole {
    events: Sender<ReceiverEvent>,
    disks: Disks,
    swarm: Swarm,
    catalogues: Catalogues,
    keepers: Keepers,
    links: BTreeMap<PeerId, PeerLink>,
    asking: DialBackRequests,
    /// The connections on which we ask: those that we dialled, and those that others dialled back.
    dialled: BTreeMap<ConnId, PeerId>,
    pool: BlockPool,
    /// Taken out of the pool before a frame is read, so that there is a place for it.
    spare: Option<Block>,
    incoming: BTreeMap<ConnId, Incoming>,
    /// What limits how much of their payload is read.
    gate: Gate<ConnId>,
    counters: Arc<Counters>,
    next_table: u64,
    stopping: Option<Time>,
}

impl ReceiverRole {
    pub(super) fn new(
        events: Sender<ReceiverEvent>,
        bell: Bell,
        (disk_commands, disk_events): (Sender<disk::Command>, Receiver<disk::Event>),
        swarm: Swarm,
        gate: Gate<ConnId>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            events,
            disks: Disks::new(disk_commands, disk_events),
            swarm,
            catalogues: Catalogues::default(),
            keepers: Keepers::default(),
            links: BTreeMap::new(),
            asking: DialBackRequests::default(),
            dialled: BTreeMap::new(),
            pool: BlockPool::with_bell(bell),
            spare: None,
            incoming: BTreeMap::new(),
            gate,
            counters,
            next_table: 0,
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

    /// Does what the machines ask for, until they are silent.
    fn pump(&mut self, now: Time, net: &mut Net) {
        loop {
            if let Some(output) = self.swarm.poll_output() {
                self.swarm_output(now, net, output);
            } else if let Some(output) = self.catalogues.poll_output() {
                self.catalogue_output(now, net, output);
            } else if let Some(output) = self.keepers.poll_output() {
                self.kept_output(now, net, output);
            } else if let Some(output) = self.asking.poll_output() {
                self.asking_output(now, output);
            } else {
                return;
            }
        }
    }

    fn swarm_output(&mut self, now: Time, net: &mut Net, output: swarm::Output) {
        match output {
            swarm::Output::Dial(peer) => match self.connect(now, net, peer) {
                Some(true) => self.swarm.handle_up(now, peer),
                Some(false) => {}
                None => self.swarm.handle_down(now, peer),
            },
            swarm::Output::Drop(peer, why) => {
                self.drop_link(now, net, peer, &why);
                self.catalogues.handle_down(now, peer);
                self.keepers.handle_down(now, peer);
            }
            swarm::Output::Ask(peer, lane, message) => self.ask_on(net, peer, lane, &message),
            swarm::Output::Lanes(peer, count) => self.widen(now, net, peer, count),
            swarm::Output::Disk(command) => self.disks.send(command),
            swarm::Output::WriteNothing(token, chunk) => match self.pool.take() {
                Some(block) => self.disks.send(disk::Command::Write(token, chunk, 0, block)),
                // It is asked for again by whoever opens the file again; there is no hurry for nothing.
                None => self.swarm.handle_disk(now, disk::Event::Chunk(token, chunk, false)),
            },
            swarm::Output::Event(event) => {
                if let JobEvent::Finished(job, ..) = event {
                    self.disks.job_over(job);
                }
                self.tell(ReceiverEvent::Job(event));
            }
            swarm::Output::Warning(text) => self.tell(ReceiverEvent::Warning(text)),
        }
    }

    fn catalogue_output(&mut self, now: Time, net: &mut Net, output: catalogue::Output) {
        match output {
            catalogue::Output::Dial(peer) => match self.connect(now, net, peer) {
                Some(true) => self.catalogues.handle_up(now, peer),
                Some(false) => {}
                None => self.catalogues.handle_down(now, peer),
            },
            catalogue::Output::Drop(peer, why) => {
                self.drop_link(now, net, peer, &why);
                self.swarm.handle_down(now, peer);
                self.keepers.handle_down(now, peer);
            }
            catalogue::Output::Ask(peer, message) => self.ask(net, peer, &message),
            catalogue::Output::Done(peer, head, catalogue) => {
                self.tell(ReceiverEvent::Catalogue(peer, head, catalogue));
            }
            catalogue::Output::Estate { from, origin, signed, catalogue } => {
                self.tell(ReceiverEvent::Estate { from, origin, signed, catalogue });
            }
            catalogue::Output::GaveUp(peer) => self.tell(ReceiverEvent::NoCatalogue(peer)),
            catalogue::Output::NoEstate { from, origin } => {
                self.tell(ReceiverEvent::NoEstate { from, origin });
            }
            catalogue::Output::Warning(text) => self.tell(ReceiverEvent::Warning(text)),
        }
    }

    fn kept_output(&mut self, now: Time, net: &mut Net, output: kept::Output) {
        match output {
            kept::Output::Dial(peer) => match self.connect(now, net, peer) {
                Some(true) => self.keepers.handle_up(now, peer),
                Some(false) => {}
                None => self.keepers.handle_down(now, peer),
            },
            kept::Output::Drop(peer, why) => {
                self.drop_link(now, net, peer, &why);
                self.swarm.handle_down(now, peer);
                self.catalogues.handle_down(now, peer);
            }
            kept::Output::Ask(peer, message) => self.ask(net, peer, &message),
            kept::Output::Done(peer, kept) => self.tell(ReceiverEvent::Kept(peer, kept)),
            kept::Output::GaveUp(peer) => self.tell(ReceiverEvent::NoKept(peer)),
            kept::Output::Warning(text) => self.tell(ReceiverEvent::Warning(text)),
        }
    }

    fn asking_output(&mut self, now: Time, output: dial_back::Output) {
        match output {
            dial_back::Output::Ask(peer, before) => self.tell(ReceiverEvent::AskBack(peer, before)),
            dial_back::Output::Blocked(peer) => {
                self.swarm.handle_blocked(now, peer);
                self.tell(ReceiverEvent::Blocked(peer));
            }
        }
    }

    /// A connection to `peer`: `Some(true)` it stands, `Some(false)` it is coming, `None` it cannot be.
    fn connect(&mut self, now: Time, net: &mut Net, peer: PeerId) -> Option<bool> {
        let link = self.links.get_mut(&peer)?;
        if link.conn.is_some() {
            return Some(link.up);
        }
        let contact = link.contact.as_ref()?;
        match net.dial(now, contact, contact.ports.sender) {
            Ok(id) => {
                (link.conn, link.back) = (Some(id), false);
                self.dialled.insert(id, peer);
                self.asking.handle_dialling(now, peer);
                Some(false)
            }
            Err(how) => {
                log::debug!("{peer} cannot be dialled: {how:?}");
                self.asking.handle_failed(now, peer);
                None
            }
        }
    }

    fn ask(&mut self, net: &mut Net, peer: PeerId, message: &Message) {
        if let Some(id) = self.links.get(&peer).and_then(|l| l.conn) {
            net.send(id, message);
        }
    }

    fn ask_on(&mut self, net: &mut Net, peer: PeerId, lane: u8, message: &Message) {
        let Some(link) = self.links.get(&peer) else { return };
        let further = usize::from(lane).checked_sub(1).and_then(|n| link.lanes.get(n));
        if let Some(id) = further.map_or(link.conn, |l| Some(l.conn)) {
            net.send(id, message);
        }
    }

    /// Makes connections until there are `count` to `peer`.
    fn widen(&mut self, now: Time, net: &mut Net, peer: PeerId, count: u8) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let Some(contact) = &link.contact else { return };
        // One that dialled back has one connection: it cannot be dialled for more.
        while !link.back && link.lanes.len() + 1 < usize::from(count) {
            match net.dial(now, contact, contact.ports.sender) {
                Ok(conn) => {
                    link.lanes.push(Lane { conn, up: false });
                    self.dialled.insert(conn, peer);
                }
                Err(how) => {
                    log::debug!("{peer} cannot be dialled once more: {how:?}");
                    break;
                }
            }
        }
        self.widened(now, peer);
    }

    /// Tells the swarm how many connections to `peer` stand. One that loses the first packets takes a second
    /// or more to be made, so the others do not wait for it.
    fn widened(&mut self, now: Time, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        // They have no number yet, so nobody minds the order.
        link.lanes.sort_by_key(|l| !l.up);
        let up = link.lanes.iter().filter(|l| l.up).count();
        let count = u8::try_from(1 + up).unwrap_or(u8::MAX);
        self.swarm.handle_lanes(now, peer, count, up == link.lanes.len());
    }

    /// Forgets and closes the connections to `peer`. False: there was none.
    fn unlink(&mut self, now: Time, net: &mut Net, peer: PeerId) -> bool {
        let Some(link) = self.links.get_mut(&peer) else { return false };
        link.up = false;
        let lanes = std::mem::take(&mut link.lanes).into_iter().map(|l| l.conn);
        let all: Vec<_> = link.conn.take().into_iter().chain(lanes).collect();
        for &id in &all {
            self.dialled.remove(&id);
            self.incoming.remove(&id);
            self.gate.forget(id);
            // One that is over already is no longer known there.
            net.close(now, id);
        }
        !all.is_empty()
    }

    fn drop_link(&mut self, now: Time, net: &mut Net, peer: PeerId, why: &str) {
        if self.unlink(now, net, peer) {
            log::debug!("the connection to {peer} is closed: {}", text::shown(why));
            self.tell(ReceiverEvent::Lost(peer));
        }
    }

    fn answer(&mut self, now: Time, peer: PeerId, message: Message) -> Result<(), String> {
        // Answers come in the order of the questions: what is owed behind a long one is not late.
        self.catalogues.handle_heard(now, peer);
        self.keepers.handle_heard(now, peer);
        match message {
            Message::Head(m) => self.catalogues.handle_head(now, peer, &m),
            Message::Bucket(m) => self.catalogues.handle_bucket(now, peer, m),
            Message::Manifest(m) => self.swarm.handle_manifest(now, peer, &m),
            Message::Haves(m) => self.swarm.handle_haves(now, peer, &m)?,
            Message::Table(m) => {
                let link = self.links.get_mut(&peer);
                let asked = link.and_then(|link| Some((link.coming.take()?, link)));
                let (coming, link) = asked.ok_or("it sent a table that nobody asked for")?;
                let (told, left) = coming.take(m)?;
                link.coming = left;
                self.tell(ReceiverEvent::Table(peer, told));
            }
            Message::Kept(m) => self.keepers.handle_page(now, peer, m),
            Message::Refused(m) => self.refused(now, peer, &m),
            Message::DialBack(_) => self.tell(ReceiverEvent::DialBack(peer)),
            // Blocks have their own way; requests have no place on a connection that we dialled.
            other => return Err(format!("it sent {} where an answer belongs", other.name())),
        }
        Ok(())
    }

    fn refused(&mut self, now: Time, peer: PeerId, m: &Refused) {
        match m.request & 3 {
            swarm::TAG => self.swarm.handle_refused(now, peer, m),
            catalogue::TAG => self.catalogues.handle_refused(now, peer, m),
            kept::TAG => self.keepers.handle_refused(peer, m),
            _ => {}
        }
    }

    fn begin_block(&mut self, peer: PeerId, id: ConnId, head: BlockIs, len: usize) -> Result<(), String> {
        let target = self.swarm.check_block(peer, &head, len)?;
        // `takes` saw to it that there is a spare block.
        let to = target.and_then(|t| Some((t, self.spare.take()?)));
        self.incoming.insert(id, Incoming { head, len, to });
        Ok(())
    }

    /// A peer came to our own port.
    fn dialled_back(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId) {
        let wanted = self.stopping.is_none() && self.asking.waits_for(peer);
        let Some(link) = self.links.get_mut(&peer).filter(|link| wanted && !link.up) else {
            let refused = Refused { request: 0, item: None, reason: Reason::NotOffered };
            net.send(id, &Message::Refused(refused));
            net.close(now, id);
            return;
        };
        // The one that we are still making is not needed any more.
        if let Some(dialling) = link.conn.replace(id) {
            self.dialled.remove(&dialling);
            net.close(now, dialling);
        }
        (link.up, link.back) = (true, true);
        self.dialled.insert(id, peer);
        log::debug!("{peer} dialled back");
        // That we could not dial it is no failure of its own.
        self.swarm.handle_peer(now, peer);
        self.up(now, net, peer, true);
    }

    /// The first connection with a peer stands.
    fn up(&mut self, now: Time, net: &mut Net, peer: PeerId, back: bool) {
        self.asking.handle_up(peer, back);
        self.swarm.handle_up(now, peer);
        self.catalogues.handle_up(now, peer);
        self.keepers.handle_up(now, peer);
        self.ask_table(net, peer);
        self.pump(now, net);
    }

    fn want_table(&mut self, now: Time, net: &mut Net, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.table = true;
        if self.connect(now, net, peer) == Some(true) {
            self.ask_table(net, peer);
        }
    }

    fn ask_table(&mut self, net: &mut Net, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if std::mem::take(&mut link.table) {
            self.next_table += 4;
            let request = self.next_table | TABLE_TAG;
            link.coming = Some(Coming::new(request));
            self.ask(net, peer, &Message::GetTable(GetTable { request }));
        }
    }

    fn stop(&mut self, now: Time, net: &mut Net) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(now + STOP);
        self.swarm.handle_stop();
        self.pump(now, net);
        net.stop_accepting();
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
                self.links.entry(peer).or_default().contact = Some(contact);
                self.swarm.handle_peer(now, peer);
            }
            ReceiverCommand::Gone(peer) => {
                self.unlink(now, net, peer);
                self.links.remove(&peer);
                self.asking.handle_gone(peer);
                self.swarm.handle_gone(now, peer);
                self.catalogues.handle_gone(peer);
                self.keepers.handle_gone(peer);
            }
            ReceiverCommand::Fetch(job) => self.swarm.handle_job(now, job),
            ReceiverCommand::FetchBy(job, workers) => {
                self.disks.bring(job.id, job.destination.clone(), workers);
                self.swarm.handle_job(now, job);
            }
            ReceiverCommand::Store(folder, workers) => self.disks.keep(folder, workers),
            ReceiverCommand::Holders(claim, peers) => self.swarm.handle_holders(now, claim, &peers),
            ReceiverCommand::Crowd(claim, peers) => self.swarm.handle_crowd(now, claim, &peers),
            ReceiverCommand::Cancel(job) => self.swarm.handle_cancel(now, job),
            ReceiverCommand::Catalogue(peer) => self.catalogues.handle_wanted(now, peer),
            ReceiverCommand::Estate { from, origin } => self.catalogues.handle_estate(now, from, origin),
            ReceiverCommand::Kept(peer) => self.keepers.handle_wanted(now, peer),
            ReceiverCommand::Table(peer) => self.want_table(now, net, peer),
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
                disk::Event::Held(held) => self.tell(ReceiverEvent::Held(held)),
                event => self.swarm.handle_disk(now, event),
            }
        }
        self.pump(now, net);
    }

    fn on_proved(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
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

    fn takes(&mut self, now: Time, id: ConnId) -> usize {
        if self.spare.is_none() && self.incoming.get(&id).is_none_or(|i| i.to.is_none()) {
            self.spare = self.pool.take();
            if self.spare.is_none() {
                self.counters.pool_waits.add(1);
                return 0;
            }
        }
        // What is not in the midst of a block may be a small frame, which the limit does not hold up.
        let peer = self.dialled.get(&id).filter(|_| self.incoming.contains_key(&id));
        peer.map_or(usize::MAX, |&peer| usize::try_from(self.gate.ask(now, peer, id)).unwrap_or(usize::MAX))
    }

    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        // Of one that is being closed: nothing counts any more.
        let Some(&peer) = self.dialled.get(&id) else { return Ok(()) };
        match Message::decode(&frame).map_err(|e| e.to_string())? {
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
        if let Some(Incoming { to: Some((_, block)), .. }) = self.incoming.get_mut(&id) {
            // The frame's bound is a block's length, so all of it fits.
            block.extend(bytes);
        }
    }

    fn on_payload_end(&mut self, now: Time, net: &mut Net, id: ConnId) {
        let Some(Incoming { head, len, to }) = self.incoming.remove(&id) else { return };
        self.counters.received.add(len as u64);
        let Some(&peer) = self.dialled.get(&id) else { return };
        let wanted = self.swarm.handle_block(now, peer, &head, len);
        if let Some((target, block)) = to.filter(|_| wanted) {
            self.disks.send(disk::Command::Write(target.token, target.chunk, target.offset, block));
        } else {
            self.counters.discarded.add(len as u64);
        }
        self.pump(now, net);
    }

    fn is_busy(&self, id: ConnId) -> bool {
        self.dialled.get(&id).is_some_and(|&peer| {
            self.swarm.is_owed_by(peer) || self.catalogues.is_owed_by(peer) || self.keepers.is_owed_by(peer)
        })
    }

    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, how: Closed) {
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
        self.catalogues.handle_down(now, peer);
        self.keepers.handle_down(now, peer);
        self.pump(now, net);
    }

    fn poll_timeout(&self) -> Option<Time> {
        let asking = self.asking.poll_timeout().filter(|_| self.stopping.is_none());
        let pulls = [self.catalogues.poll_timeout(), self.keepers.poll_timeout()];
        let others = [self.swarm.poll_timeout(), self.gate.poll_timeout(), asking, self.stopping];
        pulls.into_iter().chain(others).flatten().min()
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
            let held = net.is_held(id);
            if held && net.sent(id).is_some_and(|sent| now.since(sent) >= STILL_HERE) {
                // Nor is it to think that nobody is here: to cancel what was never asked changes nothing.
                net.send(id, &Message::Cancel(Cancel { request: NEVER }));
            }
            let heard = if held { Some(now) } else { net.heard(id) };
            if let Some(heard) = heard {
                self.swarm.handle_heard(heard, peer);
            }
        }
        self.swarm.handle_timeout(now);
        self.catalogues.handle_timeout(now);
        self.keepers.handle_timeout(now);
        if self.stopping.is_none() {
            self.asking.handle_timeout(now);
        }
        self.pump(now, net);
    }
}
