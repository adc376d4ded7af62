//! The shell: one thread with its listeners and connections. What is answered is decided by a [`HttpService`].
//!
//! Events of mio are edges: they set what can be read and written, until a call says "would block". Each connection has
//! its turn, and nobody a second one before the others had theirs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use rustls::ServerConfig;

use super::ends::HttpEnds;
use super::machine::{HttpConnection, HttpEvent};
use super::wire::HttpWire;
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::address::Host;
use crate::sys::bell::Bell;
use crate::sys::clock;
use crate::sys::refusal::{Refusal, refusal};
use crate::sys::thread::Thread;
use crate::time::Time;

/// What a poll returns for the bell; listeners have the tokens behind it, connections those from [`FIRST`] on.
const BELL: Token = Token(0);
const FIRST: u64 = 16;

/// Events of one poll.
const EVENTS: usize = 256;

/// Steps of one connection before the others have their turn.
const TURN: usize = 16;

/// When there is no descriptor for a connection, it is looked again after this time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The number of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HttpId(pub(crate) u64);

/// Which client it is, and its connection.
pub(crate) struct HttpClientEnd<'a> {
    pub(crate) id: HttpId,
    pub(crate) ends: HttpEnds,
    pub(crate) http: &'a mut HttpConnection,
}

/// What answers requests.
pub(crate) trait HttpService: Send {
    /// Something came of a client.
    fn handle_event(&mut self, now: Time, client: HttpClientEnd<'_>, event: HttpEvent);

    /// What other threads told is taken in. Those that wait for it have a turn.
    fn hear(&mut self, _now: Time) -> Vec<HttpId> {
        Vec::new()
    }

    /// When [`Self::handle_timeout`] is due.
    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// False: nothing is answered any more, and the server ends.
    fn handle_timeout(&mut self, _now: Time) -> bool {
        true
    }

    /// The client can take more of an answer that was begun, or something is there for it.
    fn go_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection);

    /// The connection is closed.
    fn forget(&mut self, id: HttpId);

    /// True if nothing is done for the connection that others should wait for: it may be closed to make way.
    fn yields(&self, id: HttpId) -> bool;
}

/// Where connections come from.
pub(crate) struct HttpFront {
    pub(crate) sockets: Vec<std::net::TcpListener>,
    /// For those who want it.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Connections at a time, and those of one host while there are places for each.
    pub(crate) places: (u64, u64),
}

/// How connections are woken that wait for an answer of another thread.
#[derive(Clone, Debug)]
pub(crate) struct HttpWaker {
    pub(crate) woken: Sender<u64>,
    pub(crate) bell: Bell,
}

/// The running server. Dropping it closes all connections.
#[derive(Debug)]
pub(crate) struct HttpServer {
    stop: Arc<AtomicBool>,
    bell: Bell,
    // Joined when it is dropped.
    _thread: Thread,
}

impl HttpServer {
    /// Answers at these sockets, by the service that `service` makes.
    ///
    /// # Errors
    /// What the operating system says, or the service cannot be made.
    pub(crate) fn start<S: HttpService + 'static>(
        name: &str,
        front: HttpFront,
        service: impl FnOnce(HttpWaker) -> io::Result<S>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Bell::new(poll.registry(), BELL)?;
        let HttpFront { sockets, tls, places: (all, of_host) } = front;
        let mut listeners = Vec::new();
        for (n, socket) in sockets.into_iter().enumerate() {
            socket.set_nonblocking(true)?;
            let mut socket = TcpListener::from_std(socket);
            poll.registry().register(&mut socket, Token(BELL.0 + 1 + n), Interest::READABLE)?;
            listeners.push(socket);
        }
        let (woken_to, woken) = crossbeam_channel::unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let clients = HttpClients {
            registry: poll.registry().try_clone()?,
            service: service(HttpWaker { woken: woken_to, bell: bell.clone() })?,
            tls,
            all: BTreeMap::new(),
            places: Account::new(all, of_host),
            next: FIRST,
        };
        let shell = ServerShell {
            poll,
            listeners,
            woken,
            stop: Arc::clone(&stop),
            again: BTreeSet::new(),
            accept_at: None,
            clients,
        };
        let thread = Thread::spawn(name, move || shell.run())?;
        Ok(Self { stop, bell, _thread: thread })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.bell.ring();
    }
}

/// The thread.
struct ServerShell<S> {
    poll: Poll,
    listeners: Vec<TcpListener>,
    woken: Receiver<u64>,
    stop: Arc<AtomicBool>,
    /// Connections that have more to do than one turn allows.
    again: BTreeSet<HttpId>,
    /// When somebody may be let in again. `None`: at the next event of a listener.
    accept_at: Option<Time>,
    clients: HttpClients<S>,
}

impl<S: HttpService> ServerShell<S> {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = clock::now();
            match self.poll.poll(&mut events, self.timeout(now)) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return log::warn!("no page is shown any more: {e}"),
            }
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let now = clock::now();
            let is_due = self.clients.service.poll_timeout().is_some_and(|at| at <= now);
            if is_due && !self.clients.service.handle_timeout(now) {
                return;
            }
            let mut due = std::mem::take(&mut self.again);
            due.extend(self.woken.try_iter().map(HttpId));
            for event in &events {
                let Token(token) = event.token();
                let id = HttpId(token as u64);
                if id.0 >= FIRST {
                    self.clients.event(id, event);
                    due.insert(id);
                } else if event.token() != BELL {
                    self.accept_at = Some(now);
                }
            }
            due.extend(self.clients.timed_out(now));
            due.extend(self.clients.service.hear(now));
            for id in due {
                if self.clients.take_turn(now, id) {
                    self.again.insert(id);
                }
            }
            if self.accept_at.is_some_and(|at| at <= now) {
                self.accept_at = None;
                self.accept(now);
            }
        }
    }

    fn timeout(&self, now: Time) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let service = self.clients.service.poll_timeout();
        let all = [self.clients.poll_timeout(), self.accept_at, service];
        all.into_iter().flatten().min().map(|at| at.since(now))
    }

    fn accept(&mut self, now: Time) {
        for listener in &self.listeners {
            loop {
                match listener.accept() {
                    Ok((stream, from)) => {
                        if let Err(e) = self.clients.admit(now, stream, from) {
                            log::debug!("a connection for a page was dropped: {e}");
                        }
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) if refusal(&e) == Refusal::TooManyOpen => {
                        self.accept_at = Some(now + ACCEPT_AGAIN);
                        break;
                    }
                    Err(e) => log::debug!("a connection for a page went away: {e}"),
                }
            }
        }
    }
}

/// One connection.
struct HttpClient {
    wire: HttpWire,
    http: HttpConnection,
    ends: HttpEnds,
}

/// All connections.
struct HttpClients<S> {
    registry: Registry,
    service: S,
    tls: Option<Arc<ServerConfig>>,
    all: BTreeMap<HttpId, HttpClient>,
    /// What idles, and what was used longest ago, makes way for others of its host; and the host that has most for
    /// other hosts.
    places: Account<(), HttpId>,
    next: u64,
}

impl<S: HttpService> HttpClients<S> {
    /// Lets a connection in, if there is a place for it.
    fn admit(&mut self, now: Time, mut stream: TcpStream, from: SocketAddr) -> io::Result<()> {
        let id = HttpId(self.next);
        self.next += 1;
        // Before a place is charged: whoever is gone already costs none.
        stream.set_nodelay(true)?;
        let at = stream.local_addr()?;
        let payer = Payer { host: AccountHost::from(Host::from(from)), peer: () };
        match self.places.charge(now, payer, id, 1) {
            Grant::Given(yielding) => yielding.into_iter().for_each(|id| self.close(id)),
            Grant::Refused => {
                // Of its own host, one makes way that came first of those for which nothing is done.
                let is_one = |id: &HttpId| {
                    self.places.payer(*id).is_some_and(|held| held.host == payer.host)
                        && self.service.yields(*id)
                };
                let Some(first) = self.all.keys().copied().find(is_one) else {
                    return Err(io::ErrorKind::QuotaExceeded.into());
                };
                self.close(first);
                if self.places.charge(now, payer, id, 1) == Grant::Refused {
                    return Err(io::ErrorKind::QuotaExceeded.into());
                }
            }
        }
        let token = usize::try_from(id.0).map(Token).map_err(io::Error::other);
        let registered = token.and_then(|token| {
            self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)
        });
        if let Err(e) = registered {
            self.places.free(id);
            return Err(e);
        }
        let wire = HttpWire::new(now, stream, self.tls.clone());
        let ends = HttpEnds { from, at, is_private: false };
        self.all.insert(id, HttpClient { wire, http: HttpConnection::new(now), ends });
        Ok(())
    }

    fn event(&mut self, id: HttpId, event: &mio::event::Event) {
        let Some(client) = self.all.get_mut(&id) else { return };
        client.wire.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        client.wire.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    fn poll_timeout(&self) -> Option<Time> {
        let timeouts = |client: &HttpClient| [client.http.poll_timeout(), client.wire.met_by()];
        self.all.values().flat_map(timeouts).flatten().min()
    }

    /// Those whose time is over are to have a turn.
    fn timed_out(&mut self, now: Time) -> Vec<HttpId> {
        let mut due = Vec::new();
        for (id, client) in &mut self.all {
            if client.wire.met_by().is_some_and(|at| at <= now) {
                client.http.abort();
                due.push(*id);
            } else if client.http.poll_timeout().is_some_and(|at| at <= now) {
                client.http.handle_timeout(now);
                due.push(*id);
            }
        }
        due
    }

    /// Gives a connection its turn. True: it has more to do.
    fn take_turn(&mut self, now: Time, id: HttpId) -> bool {
        for _ in 0..TURN {
            match self.step(now, id) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(e) => {
                    log::debug!("a connection for a page was lost: {e}");
                    self.close(id);
                    return false;
                }
            }
        }
        true
    }

    /// True if something happened.
    fn step(&mut self, now: Time, id: HttpId) -> io::Result<bool> {
        let Some(client) = self.all.get_mut(&id) else { return Ok(false) };
        let HttpClient { wire, http, ends } = client;
        let mut has_moved = wire.read(now, http)?;
        ends.is_private = wire.is_private();
        while let Some(event) = http.poll_event() {
            self.places.touch(now, id);
            self.service.handle_event(now, HttpClientEnd { id, ends: *ends, http }, event);
            has_moved = true;
        }
        self.service.go_on(now, id, http);
        // More of a body that is wanted now came before.
        has_moved |= http.has_events();
        has_moved |= wire.write(now, http)?;
        if http.has_said_all() && wire.is_flushed() {
            wire.shut()?;
        }
        if http.is_over() {
            if http.is_aborted() {
                self.close(id);
            } else if wire.is_flushed() {
                drop(wire.shut());
                self.close(id);
            } else {
                wire.wait_for_flush(now);
            }
            return Ok(false);
        }
        Ok(has_moved)
    }

    fn close(&mut self, id: HttpId) {
        if self.all.remove(&id).is_some() {
            self.places.free(id);
            self.service.forget(id);
        }
    }
}
