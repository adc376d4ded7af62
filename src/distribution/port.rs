//! The ports of custody: the distributor's (`t+2`) takes reports and dials other peers' `t+3`, the
//! distributee's (`t+3`) takes questions for space and offers, and dials `t+2`. Both are one role with a
//! direction. It only carries: what is asked and answered is decided by custody/custodian/mod.rs, in another
//! thread.
//!
//! A request goes out over a connection that was dialled for it, an answer over the one that its request came
//! by. Requests are handed to the socket one at a time, when it took all before. While whoever decides is
//! behind, nothing is read: nothing here waits, so no two threads can wait for each other.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crossbeam_channel::Sender;

use crate::address::{Host, Ports};
use crate::distribution::limits;
use crate::identity::{Contact, PeerId};
use crate::text;
use crate::time::Time;
use crate::transfer::connection::{Closed, Dial};
use crate::transfer::engine::Role;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::custody::CustodyMessage;
use crate::wire::frame::{self, Frame};
use crate::wire::message::{self, Reason, Refused};
use crate::wire::registry::{Kind, TcpPort};

/// A report that found no place among the events is tried again after this time.
const AGAIN: Duration = Duration::from_millis(50);

/// What is asked of such a port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CustodyCommand {
    /// How to reach a peer; sent before anything is to be sent to it, and again when it changes.
    Peer(Contact),
    /// A peer is gone: what was to be sent to it is dropped, and nothing more is said of it.
    Gone(PeerId),
    /// A request, or the answer to one that came. An answer to a connection that is over is dropped.
    Send(PeerId, CustodyMessage),
}

/// What it reports.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CustodyEvent {
    /// A request, or the answer to one that was sent; from this peer, authenticated by TLS, at this address.
    Message(PeerId, IpAddr, CustodyMessage),
    /// TLS authenticated this peer at this address, or a byte came from it.
    Authenticated(PeerId, Host),
    /// What was sent to this peer and not answered, or waits to be sent, is void: it could not be dialled,
    /// broke off, refused, or did not answer for long.
    Unreachable(PeerId),
}

/// Which of the two ports it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// `t+2`.
    Distributor,
    /// `t+3`.
    Distributee,
}

impl Port {
    /// True for the kinds of requests that come in here.
    fn takes(self, kind: Kind) -> bool {
        kind.is_asked_at(match self {
            Self::Distributor => TcpPort::Distributor,
            Self::Distributee => TcpPort::Distributee,
        })
    }

    /// True for those that go out from here.
    fn asks(self, kind: Kind) -> bool {
        match self {
            Self::Distributor => Self::Distributee.takes(kind),
            Self::Distributee => Self::Distributor.takes(kind),
        }
    }

    /// The kind of the requests from here that answers of this kind are for; `None` for what is no such
    /// answer.
    fn asked_by(self, kind: Kind) -> Option<Kind> {
        kind.answers().iter().copied().find(|asked| self.asks(*asked))
    }

    /// The port of another peer that they go to.
    const fn dials(self, ports: Ports) -> u16 {
        match self {
            Self::Distributor => ports.distributee,
            Self::Distributee => ports.distributor,
        }
    }
}

/// The whole frame; `None` if the message is longer than its kind may be.
fn framed(message: &CustodyMessage) -> Option<Vec<u8>> {
    let (kind, header) = message.encode();
    if header.len() > message.kind().row().header {
        log::warn!("a message of custody of kind {kind} has {} bytes, and is not sent", header.len());
        return None;
    }
    Some([&frame::prefix(kind, header.len(), 0)[..], &header].concat())
}

/// A peer that can be dialled.
#[derive(Debug)]
struct PortLink {
    contact: Contact,
    conn: Option<ConnId>,
    /// Requests that are to be sent.
    queue: VecDeque<CustodyMessage>,
    /// Requests without an answer, in the order in which they were sent.
    open: VecDeque<CustodyMessage>,
    /// When it was dialled, or asked while nothing was open, or answered: since then it is waited for.
    since: Time,
    /// It was dialled once more because a connection ended before the answers came, and none came since.
    again: bool,
}

impl PortLink {
    fn is_busy(&self) -> bool {
        !self.open.is_empty() || !self.queue.is_empty()
    }
}

/// The role of one of the two ports.
#[derive(Debug)]
pub(super) struct CustodyRole {
    port: Port,
    /// A peer may owe answers for so long without any.
    patience: Duration,
    events: Sender<CustodyEvent>,
    /// Bytes of each event that waits in `events`, or waited when that was looked at last; the oldest first.
    waiting: VecDeque<usize>,
    /// Peers out of reach of which that is still to be reported.
    unreported: BTreeSet<PeerId>,
    /// When that is tried again.
    again: Option<Time>,
    links: BTreeMap<PeerId, PortLink>,
    /// Connections that we made.
    dialled: BTreeMap<ConnId, PeerId>,
    /// Peers that are to be dialled, in that order.
    to_dial: VecDeque<PeerId>,
    /// Connections that others made.
    callers: BTreeMap<ConnId, PeerId>,
    /// Their requests without an answer, by peer, kind and number.
    requests: BTreeMap<(PeerId, u8, u64), ConnId>,
}

impl CustodyRole {
    pub(super) const fn new(events: Sender<CustodyEvent>, port: Port, patience: Duration) -> Self {
        Self {
            port,
            patience,
            events,
            waiting: VecDeque::new(),
            unreported: BTreeSet::new(),
            again: None,
            links: BTreeMap::new(),
            dialled: BTreeMap::new(),
            to_dial: VecDeque::new(),
            callers: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    // ---- towards whoever decides

    /// False if there was no room for it.
    fn tell(&mut self, event: CustodyEvent, bytes: usize) -> bool {
        let is_sent = self.events.try_send(event).is_ok();
        if is_sent {
            self.waiting.push_back(bytes);
        }
        is_sent
    }

    /// True if another message may be read.
    fn has_room(&mut self) -> bool {
        // Only we put something in, so the last ones of those that were sent are what is still there.
        while self.waiting.len() > self.events.len() {
            self.waiting.pop_front();
        }
        !self.events.is_full() && self.waiting.iter().sum::<usize>() < limits::CUSTODY_WAITING
    }

    /// Tells who is out of reach, as far as there is room.
    fn tell_unreachable(&mut self, now: Time) {
        self.again = None;
        while let Some(&peer) = self.unreported.first() {
            if !self.tell(CustodyEvent::Unreachable(peer), 0) {
                self.again = Some(now + AGAIN);
                return;
            }
            self.unreported.pop_first();
        }
    }

    // ---- requests that go out

    fn ask(&mut self, now: Time, net: &mut Net, peer: PeerId, message: CustodyMessage) {
        let Some(link) = self.links.get_mut(&peer) else {
            self.unreported.insert(peer);
            return;
        };
        if link.queue.len() >= limits::CUSTODY_QUEUE {
            self.give_up(now, net, peer, "too much waits to be sent to it");
            return;
        }
        link.queue.push_back(message);
        match link.conn {
            Some(id) => net.enqueue(id),
            None if link.queue.len() == 1 && !self.to_dial.contains(&peer) => self.to_dial.push_back(peer),
            None => {}
        }
        self.dial(now, net);
    }

    /// Dials those who wait for it, as far as there may be more connections.
    fn dial(&mut self, now: Time, net: &mut Net) {
        while let Some(&peer) = self.to_dial.front() {
            if self.dialled.len() >= limits::CUSTODY_DIALLED && !self.close_idle(now, net) {
                return;
            }
            self.to_dial.pop_front();
            let Some(link) = self.links.get_mut(&peer) else { continue };
            if link.conn.is_some() || link.queue.is_empty() {
                continue;
            }
            match net.dial(now, Dial::to(&link.contact, self.port.dials(link.contact.ports))) {
                Ok(id) => {
                    (link.conn, link.since) = (Some(id), now);
                    self.dialled.insert(id, peer);
                }
                Err(how) => self.give_up(now, net, peer, &format!("{how:?}")),
            }
        }
    }

    /// Closes a connection that we made and do not need now. False: there is none.
    fn close_idle(&mut self, now: Time, net: &mut Net) -> bool {
        let links = &self.links;
        let is_idle = |peer: &PeerId| links.get(peer).is_none_or(|link| !link.is_busy());
        let Some((&id, &peer)) = self.dialled.iter().find(|(_, peer)| is_idle(peer)) else { return false };
        self.dialled.remove(&id);
        if let Some(link) = self.links.get_mut(&peer) {
            link.conn = None;
        }
        net.close(now, id);
        true
    }

    /// Drops all that a peer was asked or was to be asked.
    fn give_up(&mut self, now: Time, net: &mut Net, peer: PeerId, why: &str) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        log::debug!("{peer} cannot be asked about custody: {}", text::shown(why));
        (link.queue, link.open, link.again) = (VecDeque::new(), VecDeque::new(), false);
        if let Some(id) = link.conn.take() {
            self.dialled.remove(&id);
            net.close(now, id);
        }
        self.unreported.insert(peer);
    }

    /// Something came over a connection that we made.
    fn take_answer(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        peer: PeerId,
        frame: &Frame,
    ) -> Result<(), String> {
        let Some(link) = self.links.get_mut(&peer) else { return Ok(()) };
        let kind = Kind::of(frame.kind);
        if kind == Some(Kind::Refused) {
            let refused = Message::decode(frame).map_err(|e| e.to_string())?;
            let Some(Message::Refused(Refused { request, reason, .. })) = refused else { return Ok(()) };
            if !link.open.iter().any(|m| m.request() == request) {
                return Err("it refused what nobody asked for".to_owned());
            }
            // Whether it is an offer or a question for space is not known; both would be refused now.
            self.give_up(now, net, peer, &format!("it refused: {reason:?}"));
            return Ok(());
        }
        let Some(asked) = kind.and_then(|kind| self.port.asked_by(kind)) else {
            return self.take_no_part(net, id, frame);
        };
        let Some(message) = CustodyMessage::decode(frame).map_err(|e| e.to_string())? else { return Ok(()) };
        let number = message.request();
        let at = link.open.iter().position(|m| m.kind() == asked && m.request() == number);
        link.open.remove(at.ok_or("it answered what nobody asked for")?);
        (link.since, link.again) = (now, false);
        let is_idle = !link.is_busy();
        self.came(net, id, peer, message, frame.header.len());
        if is_idle {
            // Another peer may wait for the place of this one.
            self.dial(now, net);
        }
        Ok(())
    }

    // ---- requests that come in

    /// Something came over a connection that another peer made.
    fn take_request(&mut self, net: &mut Net, id: ConnId, peer: PeerId, frame: &Frame) -> Result<(), String> {
        if Kind::of(frame.kind).is_none_or(|kind| !self.port.takes(kind)) {
            return self.take_no_part(net, id, frame);
        }
        let request = message::request_of(frame);
        let key = (peer, frame.kind, request);
        let reason = if self.unanswered(peer).count() >= limits::CUSTODY_UNANSWERED {
            Reason::Busy
        } else if let Entry::Vacant(free) = self.requests.entry(key) {
            match CustodyMessage::decode(frame) {
                Ok(Some(message)) => {
                    free.insert(id);
                    self.came(net, id, peer, message, frame.header.len());
                    return Ok(());
                }
                Ok(None) => Reason::NotOffered,
                Err(e) => {
                    log::debug!("a request of {peer} is malformed: {e}");
                    Reason::Malformed
                }
            }
        } else {
            Reason::Malformed
        };
        net.send(id, &Message::Refused(Refused { request, item: None, reason }));
        Ok(())
    }

    /// Requests of a peer without an answer.
    fn unanswered(&self, peer: PeerId) -> impl Iterator<Item = (&(PeerId, u8, u64), &ConnId)> {
        self.requests.range((peer, 0, 0)..=(peer, u8::MAX, u64::MAX))
    }

    fn answer(&mut self, net: &mut Net, peer: PeerId, asked: Kind, message: &CustodyMessage) {
        let Some(id) = self.requests.remove(&(peer, asked.number(), message.request())) else {
            log::debug!("{peer} is gone before it was answered");
            return;
        };
        if let Some(frame) = framed(message) {
            net.send_frame(id, &frame);
        }
    }

    // ---- both

    /// A frame that is neither a request nor an answer of this port: one of a later version is refused or
    /// skipped, any other ends the connection.
    fn take_no_part(&self, net: &mut Net, id: ConnId, frame: &Frame) -> Result<(), String> {
        if Kind::of(frame.kind).is_some() {
            return Err(format!("a frame of kind {} has no place at the {:?}", frame.kind, self.port));
        }
        net.refuse(id, frame);
        Ok(())
    }

    /// A message that has its place; [`Role::takes`] saw to it that there is room.
    fn came(&mut self, net: &Net, id: ConnId, peer: PeerId, message: CustodyMessage, bytes: usize) {
        let Some(connection) = net.get(id) else { return };
        // This machine is one host, whichever of its addresses a peer of it took.
        let is_here = connection.is_of_this_machine();
        let source = if is_here { Ipv4Addr::LOCALHOST.into() } else { connection.host.ip };
        if !self.tell(CustodyEvent::Message(peer, source, message), bytes) {
            log::debug!("nobody takes the messages of custody any more");
        }
    }

    /// A connection that we made is over.
    fn lost(&mut self, now: Time, net: &mut Net, peer: PeerId, how: &Closed) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.conn = None;
        if !link.is_busy() {
            return;
        }
        let is_cut = matches!(how, Closed::Clean | Closed::Lost(_));
        if is_cut && !link.again && now.since(link.since) < self.patience {
            // It may have closed it for being idle at the moment when it was asked. To ask twice changes
            // nothing.
            link.again = true;
            while let Some(message) = link.open.pop_back() {
                link.queue.push_front(message);
            }
            self.to_dial.push_back(peer);
        } else {
            self.give_up(now, net, peer, &format!("{how:?}"));
        }
    }
}

impl Role for CustodyRole {
    type Command = CustodyCommand;

    fn on_command(&mut self, now: Time, net: &mut Net, command: CustodyCommand) {
        match command {
            CustodyCommand::Peer(contact) => match self.links.get_mut(&contact.id) {
                Some(link) => link.contact = contact,
                None => {
                    let (queue, open) = (VecDeque::new(), VecDeque::new());
                    let link = PortLink { contact, conn: None, queue, open, since: now, again: false };
                    self.links.insert(link.contact.id, link);
                }
            },
            CustodyCommand::Gone(peer) => {
                self.give_up(now, net, peer, "it is gone");
                self.links.remove(&peer);
                self.unreported.remove(&peer);
                self.dial(now, net);
            }
            CustodyCommand::Send(peer, message) => {
                let kind = message.kind();
                match kind.answers().iter().copied().find(|asked| self.port.takes(*asked)) {
                    Some(asked) => self.answer(net, peer, asked, &message),
                    None if self.port.asks(kind) => self.ask(now, net, peer, message),
                    None => log::error!("`{}` was given to the {:?}", message.name(), self.port),
                }
            }
        }
        self.tell_unreachable(now);
    }

    fn on_proved(&mut self, _now: Time, _net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
        if !self.dialled.contains_key(&id) {
            self.callers.insert(id, peer);
        }
        self.on_alive(peer, host);
    }

    fn on_alive(&mut self, peer: PeerId, host: Host) {
        // A sign of life may be skipped: the next one comes.
        let _is_sent = self.tell(CustodyEvent::Authenticated(peer, host), 0);
    }

    fn takes(&mut self, _now: Time, _net: &Net, id: ConnId) -> usize {
        // Whoever still shakes hands brings no message.
        let is_authenticated = self.callers.contains_key(&id) || self.dialled.contains_key(&id);
        if !is_authenticated || self.has_room() { usize::MAX } else { 0 }
    }

    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        let taken = if let Some(&peer) = self.dialled.get(&id) {
            self.take_answer(now, net, id, peer, &frame)
        } else if let Some(&peer) = self.callers.get(&id) {
            self.take_request(net, id, peer, &frame)
        } else {
            // Of one that is being closed: nothing counts any more.
            Ok(())
        };
        self.tell_unreachable(now);
        taken
    }

    fn on_drained(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let Some(link) = self.dialled.get(&id).and_then(|peer| self.links.get_mut(peer)) else {
            return false;
        };
        if link.open.len() >= limits::CUSTODY_ASKED {
            return false;
        }
        let Some(message) = link.queue.pop_front() else { return false };
        if let Some(frame) = framed(&message) {
            if link.open.is_empty() {
                link.since = now;
            }
            net.push(id, &frame, &[]);
            link.open.push_back(message);
        }
        true
    }

    fn is_busy(&self, id: ConnId) -> bool {
        if let Some(peer) = self.dialled.get(&id) {
            return self.links.get(peer).is_some_and(PortLink::is_busy);
        }
        self.callers.get(&id).is_some_and(|peer| self.unanswered(*peer).any(|(_, by)| *by == id))
    }

    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, how: Closed) {
        if self.callers.remove(&id).is_some() {
            self.requests.retain(|_, by| *by != id);
        }
        if let Some(peer) = self.dialled.remove(&id) {
            self.lost(now, net, peer, &how);
        }
        self.dial(now, net);
        self.tell_unreachable(now);
    }

    fn poll_timeout(&self) -> Option<Time> {
        let busy = self.dialled.values().filter_map(|peer| self.links.get(peer)).filter(|l| l.is_busy());
        busy.map(|link| link.since + self.patience).chain(self.again).min()
    }

    fn on_timeout(&mut self, now: Time, net: &mut Net) {
        for (id, peer) in self.dialled.clone() {
            let Some(link) = self.links.get_mut(&peer).filter(|link| link.is_busy()) else { continue };
            if net.is_paused(id) {
                // Who is not read from cannot be blamed for its silence.
                link.since = now;
            } else if now.since(link.since) >= self.patience {
                self.give_up(now, net, peer, "it does not answer");
            }
        }
        self.dial(now, net);
        self.tell_unreachable(now);
    }
}
