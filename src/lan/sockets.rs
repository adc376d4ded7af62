//! The four UDP sockets of a peer: one of its own and the shared one, for IPv4 and for IPv6.

use std::collections::BTreeSet;
use std::io;

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::facts::InterfaceTally;
use super::interfaces::Interfaces;
use super::tally::Tally;
use super::traffic::{Endpoint, Via};
use crate::sys::net;

/// The IPv6 group of discovery: transient, link-local scope (RFC 4291 §2.7), the last 32 bits from the
/// name of the program ("ptlk"), so that no assigned group is hit.
pub(super) const GROUP: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x7074, 0x6c6b);

/// Bytes that the kernel keeps for a socket whose thread is busy (more than some systems grant).
const RECEIVE_BUFFER: usize = 1 << 20;

/// One of the sockets.
#[derive(Debug)]
struct One {
    socket: UdpSocket,
    via: Via,
    v6: bool,
}

/// Where a datagram goes, and by which interface and from which address, if not by those that the system chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    at: SocketAddr,
    index: Option<u32>,
    from: Option<Ipv6Addr>,
}

impl Target {
    /// The system chooses by which interface, and from where.
    const fn of(at: SocketAddr) -> Self {
        Self { at, index: None, from: None }
    }
}

/// Those of them that could be had.
#[derive(Debug)]
pub(super) struct BoundSockets {
    all: Vec<One>,
    port: u16,
    joined: BTreeSet<u32>,
    failed: BTreeSet<Target>,
}

impl BoundSockets {
    /// Opens them on discovery port `port`. Without IPv6 (or IPv4) the other one has to do.
    ///
    /// # Errors
    /// When there is neither.
    pub(super) fn open(port: u16) -> io::Result<Self> {
        let mut all = Vec::new();
        let mut trouble = None;
        for v6 in [false, true] {
            // Both or none: a socket alone hears questions that it cannot answer.
            match (open(v6, 0), open(v6, port)) {
                (Ok(own), Ok(shared)) => {
                    all.push(One { socket: own, via: Via::Own, v6 });
                    all.push(One { socket: shared, via: Via::Shared, v6 });
                }
                (Err(e), _) | (_, Err(e)) => {
                    log::debug!("no {} discovery: {e}", if v6 { "IPv6" } else { "IPv4" });
                    trouble = trouble.or(Some(e));
                }
            }
        }
        match trouble {
            Some(e) if all.is_empty() => {
                let text = format!("udp port {port}, on which peers find each other, cannot be opened: {e}");
                Err(io::Error::new(e.kind(), text))
            }
            _ => Ok(Self { all, port, joined: BTreeSet::new(), failed: BTreeSet::new() }),
        }
    }

    /// Registers them, each with its place as token.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        for (place, one) in self.all.iter_mut().enumerate() {
            registry.register(&mut one.socket, Token(place), Interest::READABLE)?;
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The ports of our own sockets, for IPv4 and IPv6.
    pub(super) fn own_ports(&self) -> Vec<u16> {
        [false, true].into_iter().filter_map(|v6| self.own_port(v6)).collect()
    }

    /// The port of our own socket.
    pub(super) fn own_port(&self, v6: bool) -> Option<u16> {
        let own = self.all.iter().find(|o| o.v6 == v6 && o.via == Via::Own)?;
        own.socket.local_addr().ok().map(|at| at.port())
    }

    /// Reads one datagram from the socket at `place`; `None` when there is none.
    pub(super) fn receive(&self, place: usize, buffer: &mut [u8]) -> Option<(usize, Endpoint)> {
        let one = self.all.get(place)?;
        loop {
            match one.socket.recv_from(buffer) {
                Ok((len, at)) => return Some((len, Endpoint { at, via: one.via })),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
                // An error of an earlier send (ICMP "unreachable") arrives here, once: no reason to stop.
                Err(e) => log::trace!("receiving: {e}"),
            }
        }
    }

    /// Joins the group on the interfaces where that was not done. False: on some it cannot be done now.
    pub(super) fn join(&mut self, interfaces: &Interfaces) -> bool {
        self.joined.retain(|index| interfaces.multicasts.contains(index));
        let Some(shared) = self.all.iter().find(|o| o.v6 && o.via == Via::Shared) else { return true };
        let mut is_done = true;
        for index in &interfaces.multicasts {
            if self.joined.contains(index) {
                continue;
            }
            match shared.socket.join_multicast_v6(&GROUP, *index) {
                Ok(()) => {}
                // Still joined, from before the interface lost its address for a while.
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
                Err(e) => {
                    log::debug!("joining the group on interface {index}: {e}");
                    is_done = false;
                    continue;
                }
            }
            self.joined.insert(*index);
        }
        is_done
    }

    /// Sends to everyone on every link. True if a link works now that did not before (an IPv6 address
    /// whose uniqueness was being checked, a cable).
    pub(super) fn broadcast(
        &mut self,
        bytes: &[u8],
        interfaces: &Interfaces,
        tally: &Tally,
        by_interface: &mut InterfaceTally,
    ) -> bool {
        let v4 = interfaces.broadcasts.iter();
        let v4 = v4.map(|to| Target { index: to.index, ..Target::of((to.ip, self.port).into()) });
        let group = |index| Target::of(SocketAddrV6::new(GROUP, self.port, 0, index).into());
        let v6 = interfaces.multicasts.iter().map(|index| group(*index));
        let routable = interfaces.routable.iter();
        let routable = routable.map(|(index, from)| Target { from: Some(*from), ..group(*index) });
        let targets: Vec<Target> = v4.chain(v6).chain(routable).collect();
        self.failed.retain(|t| targets.contains(t));
        let mut recovered = false;
        for to in targets {
            let sent = self.send_one(to, Via::Own, bytes);
            tally.sent(sent.is_ok());
            by_interface.broadcast(to.index.or_else(|| interfaces.towards(to.at)), &sent);
            match sent {
                Ok(()) => recovered |= self.failed.remove(&to),
                Err(e) => {
                    if self.failed.insert(to) {
                        log::debug!("broadcasting to {}: {e}", to.at);
                    }
                }
            }
        }
        recovered
    }

    /// Sends to one, by each interface that leads there.
    ///
    /// # Errors
    /// What the operating system says, if it goes out by none of them.
    pub(super) fn send(&self, to: Endpoint, bytes: &[u8], interfaces: &Interfaces) -> io::Result<()> {
        let Endpoint { at, via } = to;
        let ways = interfaces.ways_to(at.ip());
        if ways.is_empty() {
            return self.send_one(Target::of(at), via, bytes);
        }
        let send = |index| self.send_one(Target { index: Some(index), ..Target::of(at) }, via, bytes);
        // Each of them is tried, whatever comes of the others.
        let sent: Vec<_> = ways.into_iter().map(send).collect();
        sent.into_iter().reduce(io::Result::or).unwrap_or(Ok(()))
    }

    fn send_one(&self, to: Target, via: Via, bytes: &[u8]) -> io::Result<()> {
        let Target { at: to, index, from } = to;
        let one = self.all.iter().find(|o| o.v6 == to.is_ipv6() && o.via == via);
        let one = one.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        if let SocketAddr::V6(v6) = to
            && v6.ip().is_multicast()
        {
            SockRef::from(&one.socket).set_multicast_if_v6(v6.scope_id())?;
        }
        match (to, index, from) {
            (SocketAddr::V4(to), Some(index), _) => net::send_by(&one.socket, bytes, to, index),
            (SocketAddr::V6(to), _, Some(from)) => net::send_from(&one.socket, bytes, to, from),
            _ => one.socket.send_to(bytes, to).map(drop),
        }
    }
}

fn open(v6: bool, port: u16) -> io::Result<UdpSocket> {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if port != 0 {
        net::share_port(&socket)?;
    }
    if v6 {
        socket.set_only_v6(true)?;
        socket.set_multicast_loop_v6(true)?;
        socket.set_multicast_hops_v6(1)?;
    } else {
        socket.set_broadcast(true)?;
    }
    if let Err(e) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        log::debug!("a larger receive buffer was refused: {e}");
    }
    let any = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    socket.bind(&SocketAddr::new(any, port).into())?;
    Ok(UdpSocket::from_std(socket.into()))
}
