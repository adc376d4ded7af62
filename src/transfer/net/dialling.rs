//! How connections of an engine are made: to one address of a peer after the other, by one of the ways there.

use core::net::IpAddr;
use std::io;

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::{ConnId, Net, choose_congestion_control};
use crate::address::Host;
use crate::sys::net;
use crate::time::Time;
use crate::transfer::connection::{Closed, Connection, ConnectionTls, Dial, DialFault, DialFaultKind};
use crate::transfer::dial_pauses::DialTarget;

impl Net {
    /// Dials one address after the other. The connection exists at once; the role hears of it when TLS proved
    /// the peer, or when no address is left.
    pub(crate) fn dial(&mut self, now: Time, dial: Dial) -> Result<ConnId, Closed> {
        let (stream, tls, host, dial) = self.attempt(now, dial)?;
        self.insert(Connection::new(stream, tls, host, Some(dial), now))
    }

    /// Begins to connect to the next address; tries the one after it while that fails at once.
    /// An address where that failed a moment ago is left out.
    fn attempt(
        &mut self,
        now: Time,
        mut dial: Dial,
    ) -> Result<(TcpStream, ConnectionTls, Host, Dial), Closed> {
        let other = |text: String| DialFault::new(DialFaultKind::Other, text);
        let mut last = other("no address of it is known".to_owned());
        while let Some(host) = dial.hosts.pop_front() {
            let target = DialTarget { host, port: dial.port };
            // What the user typed is dialled as often as its route wants it.
            if dial.peer.is_some_and(|peer| !self.pauses.may_dial(now, target, peer)) {
                last = other(format!("{}: dialling it failed a moment ago", host.socket(dial.port)));
                continue;
            }
            let tls =
                self.tls.dial(dial.peer, host).map_err(|e| Closed::Unreachable(other(e.to_string())))?;
            match connect(host, dial.port, self.pauses.way(target)) {
                Ok(stream) => {
                    // Who dials back is who sends.
                    choose_congestion_control(&stream, host);
                    return Ok((stream, ConnectionTls::new(&self.tls, tls.into()), host, dial));
                }
                Err(e) => {
                    if let Some(peer) = dial.peer {
                        self.pauses.handle_failed(now, target, peer);
                    }
                    last = DialFault::of_io(&e, format!("{}: {e}", host.socket(dial.port)));
                }
            }
        }
        Err(Closed::Unreachable(last))
    }

    /// Remembers what came of dialling, if this connection was dialled: TLS proved the peer, or it ended before.
    pub(crate) fn note_dial(&mut self, now: Time, id: ConnId, is_proved: bool) {
        let Some(c) = self.get(id) else { return };
        let Some(Dial { peer: Some(peer), port, .. }) = c.dial else { return };
        let target = DialTarget { host: c.host, port };
        if is_proved {
            self.pauses.handle_proved(now, target, peer);
        } else {
            self.pauses.handle_failed(now, target, peer);
        }
    }

    /// After a dialled connection failed before it was proved: the next address takes its place.
    /// `false`: there is none.
    pub(crate) fn redial(&mut self, now: Time, id: ConnId) -> bool {
        let Some(c) = self.get_mut(id) else { return false };
        let Some(dial) = c.dial.take() else { return false };
        let Ok((stream, tls, host, dial)) = self.attempt(now, dial) else { return false };
        let mut next = Connection::new(stream, tls, host, Some(dial), now);
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.registry.register(&mut next.stream, Token(id.at()), both).is_err() {
            return false;
        }
        self.touched = true;
        if let Some(c) = self.get_mut(id) {
            let mut old = std::mem::replace(c, next);
            drop(self.registry.deregister(&mut old.stream));
        }
        true
    }
}

/// Of several interfaces that lead to a host, has a socket use the one that is to be tried now: the cable of
/// the one that the system chooses may be out.
fn choose_way(socket: &Socket, host: Host, way: usize) {
    let IpAddr::V4(ip) = host.ip else { return };
    let names = if ip.is_loopback() { Vec::new() } else { net::interfaces_towards(ip) };
    if let Some(name) = names.get(way % names.len().max(1))
        && let Err(e) = net::bind_to_interface(socket, name)
    {
        log::debug!("the interface to {ip} is left to the system: {e}");
    }
}

/// Begins to connect, by this one of the ways there, if there are several.
fn connect(host: Host, port: u16, way: usize) -> io::Result<TcpStream> {
    let to = host.socket(port);
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    choose_way(&socket, host, way);
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(e) if net::is_under_way(&e) => {}
        Err(e) => return Err(e),
    }
    Ok(TcpStream::from_std(socket.into()))
}
