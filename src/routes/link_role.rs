//! The thread that has the links that this peer made, and dials where gateways say that peers are.
//!
//! Over a link two questions are open, so that the other end always has one to answer when something comes there;
//! a third one waits until one of them is answered.

use std::collections::BTreeMap;
use std::io;

use crossbeam_channel::Sender;

use super::{LinkPeer, RouteFault, RouteId, ToldAddress, limits};
use crate::address::Host;
use crate::identity::tls::Tls;
use crate::identity::{Contact, PeerId};
use crate::time::Time;
use crate::transfer::connection::{Closed, Dial, DialFault};
use crate::transfer::engine::Role;
use crate::transfer::link_queue::{LinkQueue, QueuedDatagram};
use crate::transfer::net::{ConnId, Net};
use crate::transfer::{Engine, EngineHandle};
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{Reason, Relay, RelayedDatagram};

/// What the controller asks of the links.
#[derive(Debug)]
pub(crate) enum LinksCommand {
    /// Make a link: dial these addresses at this port.
    Dial(RouteId, Vec<Host>, u16),
    /// End it.
    Close(RouteId),
    /// This is to cross the link with this peer.
    Relay(PeerId, QueuedDatagram),
    /// See whether this peer is where a gateway says that it is.
    Try(ToldAddress, Contact),
}

/// What the links report.
#[derive(Debug)]
pub(crate) enum LinksEvent {
    /// TLS proved a peer at the end of a route.
    Up(RouteId, LinkPeer),
    /// The link, or the attempt, is over.
    Down(RouteId, RouteFault),
    /// A link brought these.
    Relayed(PeerId, Vec<RelayedDatagram>),
    /// TLS proved this peer at this address, or a byte came from it.
    Proved(PeerId, Host),
    /// Nobody, or another one, is where a gateway says that a peer is.
    NotThere(ToldAddress),
}

/// The running thread.
pub(crate) type LinksHandle = EngineHandle<LinksCommand, LinksEvent>;

/// Events that wait for the controller, at most.
const EVENTS: usize = 1_024;

/// Questions of one link that are open.
const OPEN: usize = 2;

/// Starts the thread.
///
/// # Errors
/// What the operating system says.
pub(crate) fn start_links(engine: Engine, tls: Tls) -> io::Result<LinksHandle> {
    let (tell, events) = crossbeam_channel::bounded(EVENTS);
    let role = LinkRole { events: tell, links: BTreeMap::new(), tried: BTreeMap::new() };
    engine.start("links", tls, Vec::new(), events, role)
}

/// A link that this peer made, or makes.
#[derive(Debug)]
struct MadeLink {
    route: RouteId,
    /// Who is there, once TLS proved it.
    peer: Option<PeerId>,
    queue: LinkQueue,
    /// Questions that are not answered yet.
    open: usize,
    next_request: u64,
    /// When the last answer came.
    answered: Time,
}

#[derive(Debug)]
struct LinkRole {
    events: Sender<LinksEvent>,
    links: BTreeMap<ConnId, MadeLink>,
    tried: BTreeMap<ConnId, ToldAddress>,
}

impl LinkRole {
    fn tell(&self, event: LinksEvent) {
        drop(self.events.send(event));
    }

    fn dial(&mut self, now: Time, net: &mut Net, route: RouteId, hosts: &[Host], port: u16) {
        match net.dial(now, Dial::anyone(hosts, port)) {
            Ok(id) => {
                let queue = LinkQueue::default();
                let link = MadeLink { route, peer: None, queue, open: 0, next_request: 1, answered: now };
                self.links.insert(id, link);
            }
            Err(how) => self.tell(LinksEvent::Down(route, fault(how))),
        }
    }

    fn close(&mut self, now: Time, net: &mut Net, route: RouteId) {
        let of = self.links.iter().find(|(_, link)| link.route == route).map(|(id, _)| *id);
        if let Some(id) = of {
            self.links.remove(&id);
            net.close(now, id);
        }
    }

    fn attempt(&mut self, now: Time, net: &mut Net, address: ToldAddress, contact: &Contact) {
        match net.dial(now, Dial::to(contact, contact.ports.sender)) {
            Ok(id) => drop(self.tried.insert(id, address)),
            Err(_) => self.tell(LinksEvent::NotThere(address)),
        }
    }

    /// Asks over a link, if it may: to bring what waits, and so that the other end always has a question.
    fn ask(&mut self, now: Time, net: &mut Net, id: ConnId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.peer.is_some()) else { return };
        while link.open == 0 || link.open < OPEN && link.queue.is_ready(now) {
            let relay = Relay { request: link.next_request, datagrams: link.queue.take(now).into() };
            link.next_request += 1;
            link.open += 1;
            net.send(id, &Message::Relay(relay));
        }
    }

    fn is_over(&mut self, now: Time, net: &mut Net, id: ConnId, fault: RouteFault) {
        if let Some(link) = self.links.remove(&id) {
            net.close(now, id);
            self.tell(LinksEvent::Down(link.route, fault));
        }
    }
}

impl Role for LinkRole {
    type Command = LinksCommand;

    fn on_command(&mut self, now: Time, net: &mut Net, command: LinksCommand) {
        match command {
            LinksCommand::Dial(route, hosts, port) => self.dial(now, net, route, &hosts, port),
            LinksCommand::Close(route) => self.close(now, net, route),
            LinksCommand::Relay(peer, queued) => {
                let of = self.links.iter_mut().find(|(_, link)| link.peer == Some(peer));
                if let Some((id, link)) = of {
                    link.queue.push(now, queued);
                    let id = *id;
                    self.ask(now, net, id);
                }
            }
            LinksCommand::Try(address, contact) => self.attempt(now, net, address, &contact),
        }
    }

    fn on_proved(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
        if let Some(address) = self.tried.remove(&id) {
            self.tell(LinksEvent::Proved(address.peer, host));
            net.close(now, id);
            return;
        }
        if let Some(link) = self.links.get_mut(&id) {
            (link.peer, link.answered) = (Some(peer), now);
            let route = link.route;
            self.tell(LinksEvent::Up(route, LinkPeer { peer, host }));
            self.ask(now, net, id);
        }
    }

    fn on_alive(&mut self, peer: PeerId, host: Host) {
        // A sign of life may be skipped: the next one comes.
        drop(self.events.try_send(LinksEvent::Proved(peer, host)));
    }

    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        match Message::decode(&frame).map_err(|e| e.to_string())? {
            Some(Message::Relayed(relayed)) => {
                link.open = link.open.checked_sub(1).ok_or("it answered what nobody asked")?;
                link.answered = now;
                let datagrams: Vec<_> = relayed.datagrams.into_iter().collect();
                if let Some(peer) = link.peer.filter(|_| !datagrams.is_empty()) {
                    // What the controller does not take now is lost, as on any network.
                    drop(self.events.try_send(LinksEvent::Relayed(peer, datagrams)));
                }
                self.ask(now, net, id);
            }
            Some(Message::Refused(refused)) => {
                let fault = match refused.reason {
                    Reason::NotOffered => RouteFault::NoLinks,
                    _ => RouteFault::Busy,
                };
                self.is_over(now, net, id, fault);
            }
            Some(Message::DialBack(_)) | None => {}
            Some(other) => return Err(format!("it sent {} over a link", other.name())),
        }
        Ok(())
    }

    fn is_busy(&self, id: ConnId) -> bool {
        self.links.contains_key(&id)
    }

    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, how: Closed) {
        if let Some(address) = self.tried.remove(&id) {
            self.tell(LinksEvent::NotThere(address));
        }
        self.is_over(now, net, id, fault(how));
    }

    fn poll_timeout(&self) -> Option<Time> {
        let up = self.links.values().filter(|link| link.peer.is_some());
        let due = |link: &MadeLink| {
            let dead = link.answered + limits::DEAD;
            // What waits for an answer first is looked at when that comes.
            link.queue.next().filter(|_| link.open < OPEN).map_or(dead, |at| at.min(dead))
        };
        up.map(due).min()
    }

    fn on_timeout(&mut self, now: Time, net: &mut Net) {
        let is_dead = |link: &MadeLink| link.peer.is_some() && link.answered + limits::DEAD <= now;
        let dead: Vec<_> = self.links.iter().filter(|(_, link)| is_dead(link)).map(|(id, _)| *id).collect();
        for id in dead {
            self.is_over(now, net, id, RouteFault::Lost);
        }
        let all: Vec<_> = self.links.keys().copied().collect();
        all.into_iter().for_each(|id| self.ask(now, net, id));
    }
}

/// Why a link is over.
fn fault(how: Closed) -> RouteFault {
    match how {
        Closed::Unreachable(DialFault { kind, text }) | Closed::Unproved(DialFault { kind, text }) => {
            log::debug!("a route cannot be had: {}", crate::text::shown(&text));
            kind.into()
        }
        Closed::Clean | Closed::Lost(_) | Closed::Misbehaved(_) => RouteFault::Lost,
    }
}
