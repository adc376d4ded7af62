//! The thread that speaks to the gateway: its socket, and the table of routes. What is said is decided in
//! mapper/mod.rs.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::mapper::{Output, PortMapper, Route};
use super::{GATEWAY_PORT, MappingState};
use crate::identity::fill_random;
use crate::sys::bell::Bell;
use crate::sys::clock;
use crate::sys::gateway::RouteTable;
use crate::sys::thread::Thread;

const SOCKET: Token = Token(0);
const BELL: Token = Token(1);

/// Time between two looks at the table of routes.
const LOOK: Duration = Duration::from_secs(5);

/// Bytes of a datagram that are read: PCP has none that is longer (RFC 6887, 7).
const DATAGRAM: usize = 1_100;

/// States that wait for the controller, at most. It does not wait for this thread, so this one may wait for it.
const STATES: usize = 16;

/// The running thread. Dropped, it has the gateway forget the mapping, and ends.
#[derive(Debug)]
pub(crate) struct PortMappingHandle {
    /// What becomes of the mapping.
    pub(crate) events: Receiver<MappingState>,
    stop: Arc<AtomicBool>,
    bell: Bell,
    // Joined last.
    _thread: Thread,
}

impl Drop for PortMappingHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
    }
}

/// Starts the thread, which maps the TCP port `inside` at the gateway that `routes` tell.
///
/// # Errors
/// What the operating system says.
pub(crate) fn start_port_mapping(inside: u16, routes: Option<RouteTable>) -> io::Result<PortMappingHandle> {
    let mut nonce = [0; 12];
    fill_random(&mut nonce).map_err(io::Error::other)?;
    let poll = Poll::new()?;
    let bell = Bell::new(poll.registry(), BELL)?;
    let (tell, events) = crossbeam_channel::bounded(STATES);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mapper = PortMapper::new(inside, nonce);
    let worker = Worker { mapper, routes, poll, socket: None, tell, stop: stopped };
    let thread = Thread::spawn("port-mapping", move || worker.run())?;
    Ok(PortMappingHandle { events, stop, bell, _thread: thread })
}

struct Worker {
    mapper: PortMapper,
    routes: Option<RouteTable>,
    poll: Poll,
    /// The socket for the present way outside, connected: the kernel drops what comes from elsewhere.
    socket: Option<(Route, UdpSocket)>,
    tell: Sender<MappingState>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(mut self) {
        let mut events = Events::with_capacity(4);
        let mut look = clock::now();
        while !self.stop.load(Ordering::Acquire) {
            let now = clock::now();
            if look <= now {
                look = now + LOOK;
                self.look();
            }
            self.mapper.handle_timeout(now);
            self.act();
            let due = self.mapper.poll_timeout().map_or(look, |due| due.min(look));
            if let Err(e) = self.poll.poll(&mut events, Some(due.since(clock::now())))
                && e.kind() != io::ErrorKind::Interrupted
            {
                log::warn!("no port is mapped any more: {e}");
                return;
            }
            self.read();
        }
        self.mapper.handle_end();
        self.act();
    }

    /// Looks which way leads outside now.
    fn look(&mut self) {
        let gateway = self.routes.as_mut().and_then(|routes| routes.gateway().ok().flatten());
        let connected = gateway.and_then(|gateway| connect(gateway).ok());
        let route = connected.as_ref().map(|(route, _)| *route);
        if route != self.socket.as_ref().map(|(route, _)| *route) {
            if let Some((_, mut before)) = self.socket.take() {
                drop(self.poll.registry().deregister(&mut before));
            }
            self.socket = connected.and_then(|(route, mut socket)| {
                self.poll.registry().register(&mut socket, SOCKET, Interest::READABLE).ok()?;
                Some((route, socket))
            });
        }
        self.mapper.handle_route(clock::now(), self.socket.as_ref().map(|(route, _)| *route));
    }

    fn read(&mut self) {
        let mut buffer = [0; DATAGRAM];
        let Some((_, socket)) = &self.socket else { return };
        loop {
            match socket.recv(&mut buffer) {
                Ok(len) => self.mapper.handle_datagram(clock::now(), &buffer[..len]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                // A gateway that has no such port says so for each request: it answers nothing.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(e) => {
                    log::debug!("the gateway cannot be heard: {e}");
                    return;
                }
            }
        }
    }

    fn act(&mut self) {
        while let Some(output) = self.mapper.poll_output() {
            match output {
                Output::Send(bytes) => {
                    if let Some((_, socket)) = &self.socket
                        && let Err(e) = socket.send(&bytes)
                    {
                        log::debug!("the gateway cannot be asked: {e}");
                    }
                }
                Output::Tell(state) => drop(self.tell.send(state)),
            }
        }
    }
}

/// A socket that speaks with this gateway alone.
fn connect(gateway: Ipv4Addr) -> io::Result<(Route, UdpSocket)> {
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
    socket.connect(SocketAddr::from((gateway, GATEWAY_PORT)))?;
    let SocketAddr::V4(own) = socket.local_addr()? else { return Err(io::ErrorKind::Unsupported.into()) };
    Ok((Route { gateway, own: *own.ip() }, socket))
}
