//! The clock, the queue and the network of a simulation of whole peers: datagrams that are lost and overtake
//! each other, and connections, where what is lost comes late.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::happening::{ConnEnd, ConnId, ConnRole, Happening};
use crate::identity::{Identity, PeerId};
use crate::lan::{Endpoint, Via};
use crate::limits;
use crate::sim::queue::Queue;
use crate::sim::{Link, Rng};
use crate::time::Time;
use crate::wire::datagram::{self, Body, Envelope};

/// What is lost on a connection is sent again after this time.
const SENT_AGAIN: Duration = Duration::from_millis(200);

/// Whoever dials a host that is cut off gives up after this time.
const NO_ANSWER: Duration = Duration::from_secs(5);

/// Bytes that one connection carries in a second.
const RATE: u64 = 12_500_000;

/// A process: which peer, and the number of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) place: usize,
    pub(super) start: u64,
}

/// Who dials, as TLS proves it and the kernel tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialler {
    pub(super) process: Process,
    pub(super) peer: PeerId,
    pub(super) from: Ipv4Addr,
}

/// A signed datagram. Its signature is not checked by each of those whom it reaches.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) signed: Arc<[u8]>,
    pub(super) from: PeerId,
    pub(super) body: Body,
}

impl Datagram {
    /// What a peer sends: its signature is as good for each of those whom it reaches.
    pub(super) fn seal(identity: &Identity, body: Body) -> Self {
        Self { signed: datagram::seal(identity, &body).into(), from: identity.id(), body }
    }

    /// What these bytes say; `None` if they are no signed datagram.
    pub(super) fn open(signed: Arc<[u8]>) -> Option<Self> {
        let envelope = Envelope::parse(&signed).ok()?;
        let (from, body) = (envelope.key().peer_id(), envelope.open().ok()?);
        Some(Self { signed, from, body })
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug)]
struct Pipe {
    /// It takes more from then on.
    free: Time,
    /// When the last of what is under way arrives: nothing overtakes.
    last: Time,
}

/// A connection, while both ends have it.
#[derive(Debug)]
struct Conn {
    role: ConnRole,
    dialler: Process,
    listener: Process,
    to_dialler: Pipe,
    to_listener: Pipe,
}

impl Conn {
    const fn process(&self, end: ConnEnd) -> Process {
        match end {
            ConnEnd::Dialler => self.dialler,
            ConnEnd::Listener => self.listener,
        }
    }
}

/// The network, and all that is to happen.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) now: Time,
    pub(super) rng: Rng,
    pub(super) link: Link,
    queue: Queue<(Process, Happening)>,
    /// The processes that run, by the addresses of their hosts, with the port of discovery's own socket.
    hosts: BTreeMap<Ipv4Addr, (Process, u16)>,
    conns: BTreeMap<ConnId, Conn>,
    /// Hosts between which nothing passes but what goes to everyone, in both orders.
    apart: BTreeSet<[Ipv4Addr; 2]>,
    /// Hosts that are cut off: nothing at all passes between them and the others.
    cut_off: BTreeSet<Ipv4Addr>,
    last_conn: u64,
    /// Datagrams that were sent.
    pub(super) datagrams: u64,
    /// Bytes that were sent over connections.
    pub(super) bytes: u64,
}

impl Network {
    pub(super) fn new(seed: u64, link: Link) -> Self {
        Self {
            now: Time::ZERO + Duration::from_secs(1_000),
            rng: Rng::new(seed),
            link,
            queue: Queue::default(),
            hosts: BTreeMap::new(),
            conns: BTreeMap::new(),
            apart: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            last_conn: 0,
            datagrams: 0,
            bytes: 0,
        }
    }

    /// What happens next by `until`, with its time, which is now from then on.
    pub(super) fn next(&mut self, until: Time) -> Option<(Process, Happening)> {
        let (at, next) = self.queue.pop(until)?;
        self.now = at;
        Some(next)
    }

    /// When something happens next.
    pub(super) fn first(&self) -> Option<Time> {
        self.queue.first()
    }

    /// Lets something happen to a process, at a time.
    pub(super) fn at(&mut self, at: Time, to: Process, what: Happening) {
        self.queue.push(at, (to, what));
    }

    /// Lets something happen to a process after a time.
    pub(super) fn after(&mut self, time: Duration, to: Process, what: Happening) {
        self.at(self.now + time, to, what);
    }

    /// A process has started on a host; discovery's own socket there has this port.
    pub(super) fn started(&mut self, ip: Ipv4Addr, process: Process, port: u16) {
        self.hosts.insert(ip, (process, port));
    }

    /// Nothing but what goes to everyone passes between these two from now on, or all does.
    pub(super) fn keep_apart(&mut self, [one, other]: [Ipv4Addr; 2], is_apart: bool) {
        for pair in [[one, other], [other, one]] {
            if is_apart {
                self.apart.insert(pair);
            } else {
                self.apart.remove(&pair);
            }
        }
    }

    /// Nothing at all passes between these and the others from now on, or all does. What was under way on connections
    /// between them is lost: when they are together again, these are over at both ends.
    pub(super) fn cut_off(&mut self, hosts: BTreeSet<Ipv4Addr>, is_cut: bool) {
        if is_cut {
            self.cut_off = hosts;
            return;
        }
        let dead: Vec<_> = self.conns.keys().copied().filter(|id| self.is_dead(*id)).collect();
        self.cut_off.clear();
        for id in dead {
            let Some(Conn { role, dialler, listener, .. }) = self.conns.remove(&id) else { continue };
            self.at(self.now, dialler, Happening::Closed(id, role, ConnEnd::Dialler));
            self.at(self.now, listener, Happening::Closed(id, role, ConnEnd::Listener));
        }
    }

    fn is_cut(&self, one: Ipv4Addr, other: Ipv4Addr) -> bool {
        self.cut_off.contains(&one) != self.cut_off.contains(&other)
    }

    /// True if the ends of a connection are cut off from each other.
    fn is_dead(&self, id: ConnId) -> bool {
        let host = |process: Process| self.hosts.iter().find(|(_, (p, _))| *p == process).map(|(ip, _)| *ip);
        let ends = self.conns.get(&id).and_then(|conn| host(conn.dialler).zip(host(conn.listener)));
        ends.is_some_and(|(one, other)| self.is_cut(one, other))
    }

    /// A process is gone: the other ends of its connections are told by its machine.
    pub(super) fn ended(&mut self, ip: Ipv4Addr, process: Process) {
        self.hosts.remove(&ip);
        let concerned = self.conns.iter().filter(|(_, c)| c.dialler == process || c.listener == process);
        let ends: Vec<_> = concerned
            .map(|(id, c)| (*id, if c.dialler == process { ConnEnd::Dialler } else { ConnEnd::Listener }))
            .collect();
        for (id, end) in ends {
            self.close(id, end);
        }
    }

    fn source(&self, ip: Ipv4Addr, via: Via) -> Option<Endpoint> {
        let (_, own) = self.hosts.get(&ip)?;
        let port = if via == Via::Own { *own } else { limits::DISCOVERY_PORT };
        Some(Endpoint { at: SocketAddr::from((ip, port)), via })
    }

    /// Sends a datagram from a host's own socket to everyone else.
    pub(super) fn broadcast(&mut self, from: Ipv4Addr, datagram: &Rc<Datagram>) {
        let Some(source) = self.source(from, Via::Own) else { return };
        let others = self
            .hosts
            .iter()
            .filter(|(ip, _)| **ip != from && !self.is_cut(from, **ip))
            .map(|(_, (process, _))| *process);
        let source = Endpoint { via: Via::Shared, ..source };
        for to in others.collect::<Vec<_>>() {
            self.carry(to, source, datagram);
        }
    }

    /// Sends a datagram from a host to an address, out of the socket that `to` names.
    pub(super) fn unicast(&mut self, from: Ipv4Addr, to: Endpoint, datagram: &Rc<Datagram>) {
        let (Some(source), IpAddr::V4(ip)) = (self.source(from, to.via), to.at.ip()) else { return };
        let Some((process, own)) = self.hosts.get(&ip).copied() else { return };
        if self.apart.contains(&[from, ip]) || self.is_cut(from, ip) {
            return;
        }
        let via = match to.at.port() {
            limits::DISCOVERY_PORT => Via::Shared,
            port if port == own => Via::Own,
            _ => return,
        };
        self.carry(process, Endpoint { via, ..source }, datagram);
    }

    fn carry(&mut self, to: Process, source: Endpoint, datagram: &Rc<Datagram>) {
        self.datagrams += 1;
        for after in self.link.arrivals(&mut self.rng).into_iter().flatten() {
            self.after(after, to, Happening::Datagram(source, Rc::clone(datagram)));
        }
    }

    /// Dials a host: `Connected` or `Closed` tells whether that could be.
    pub(super) fn dial(&mut self, dialler: &Dialler, ip: Ipv4Addr, role: ConnRole) -> ConnId {
        let Dialler { process: dialler, peer, from } = *dialler;
        self.last_conn += 1;
        let id = ConnId(self.last_conn);
        let there = self.way();
        let back = there + self.way();
        if self.is_cut(from, ip) {
            // Nobody refuses it.
            self.after(NO_ANSWER, dialler, Happening::Closed(id, role, ConnEnd::Dialler));
            return id;
        }
        let is_apart = self.apart.contains(&[from, ip]);
        let Some((listener, _)) = self.hosts.get(&ip).copied().filter(|_| !is_apart) else {
            self.after(back, dialler, Happening::Closed(id, role, ConnEnd::Dialler));
            return id;
        };
        let pipe = |at| Pipe { free: self.now, last: self.now + at };
        let (to_listener, to_dialler) = (pipe(there), pipe(back));
        self.conns.insert(id, Conn { role, dialler, listener, to_dialler, to_listener });
        self.after(there, listener, Happening::Accepted(id, role, peer, from));
        self.after(back, dialler, Happening::Connected(id, role));
        id
    }

    /// Connections that were dialled so far.
    pub(super) const fn dialled(&self) -> u64 {
        self.last_conn
    }

    /// How long something takes on a connection from one end to the other.
    fn way(&mut self) -> Duration {
        let late = if self.rng.permille(self.link.loss) { SENT_AGAIN } else { Duration::ZERO };
        self.link.delay + self.rng.time(self.link.jitter) + late
    }

    /// Sends bytes from this end of a connection; when the end takes more.
    pub(super) fn send(&mut self, id: ConnId, from: ConnEnd, bytes: Vec<u8>) -> Time {
        let way = self.way();
        let now = self.now;
        if !self.cut_off.is_empty() && self.is_dead(id) {
            return now;
        }
        let Some(conn) = self.conns.get_mut(&id) else { return now };
        self.bytes += bytes.len() as u64;
        let (role, to) = (conn.role, conn.process(from.other()));
        let pipe = if from == ConnEnd::Dialler { &mut conn.to_listener } else { &mut conn.to_dialler };
        pipe.free = pipe.free.max(now) + Duration::from_nanos(bytes.len() as u64 * 1_000_000_000 / RATE);
        pipe.last = pipe.last.max(pipe.free + way);
        let (at, free) = (pipe.last, pipe.free);
        self.at(at, to, Happening::Bytes(id, role, from.other(), bytes));
        free
    }

    /// Closes a connection from this end; the other end hears of it after all that was sent.
    pub(super) fn close(&mut self, id: ConnId, from: ConnEnd) {
        let way = self.way();
        let Some(conn) = self.conns.remove(&id) else { return };
        let pipe = if from == ConnEnd::Dialler { conn.to_listener } else { conn.to_dialler };
        let at = pipe.last.max(self.now + way);
        self.at(at, conn.process(from.other()), Happening::Closed(id, conn.role, from.other()));
    }
}
