//! The shell: one thread with its listeners and connections. What is answered is decided by a [`HttpService`].
//!
//! Events of mio are edges: they set what can be read and written, until a call says "would block". Each connection has
//! its turn, and nobody a second one before the others had theirs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

use super::limits;
use super::machine::{HttpConnection, HttpEvent};
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

/// Bytes that are read at once.
const READ: usize = 16 << 10;

/// Pieces that are written at once.
const AT_ONCE: usize = 16;

/// Steps of one connection before the others have their turn.
const TURN: usize = 16;

/// When there is no descriptor for a connection, it is looked again after this time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The number of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HttpId(pub(crate) u64);

/// What answers requests.
pub(crate) trait HttpService: Send {
    /// Something came of a client.
    fn handle_event(&mut self, now: Time, id: HttpId, event: HttpEvent, http: &mut HttpConnection);

    /// The client can take more of an answer that was begun, or something is there for it.
    fn go_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection);

    /// The connection is closed.
    fn forget(&mut self, id: HttpId);

    /// True if nothing is done for the connection that others should wait for: it may be closed to make way.
    fn yields(&self, id: HttpId) -> bool;
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
    /// What the operating system says.
    pub(crate) fn start<S: HttpService + 'static>(
        name: &str,
        sockets: Vec<std::net::TcpListener>,
        service: impl FnOnce(HttpWaker) -> S,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Bell::new(poll.registry(), BELL)?;
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
            service: service(HttpWaker { woken: woken_to, bell: bell.clone() }),
            all: BTreeMap::new(),
            places: Account::new(limits::CONNECTIONS, limits::CONNECTIONS_OF_HOST),
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
        self.clients.poll_timeout().into_iter().chain(self.accept_at).min().map(|at| at.since(now))
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
    stream: TcpStream,
    http: HttpConnection,
    readable: bool,
    writable: bool,
    is_shut: bool,
}

/// All connections.
struct HttpClients<S> {
    registry: Registry,
    service: S,
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
        let http = HttpConnection::new(now);
        self.all.insert(id, HttpClient { stream, http, readable: false, writable: false, is_shut: false });
        Ok(())
    }

    fn event(&mut self, id: HttpId, event: &mio::event::Event) {
        let Some(client) = self.all.get_mut(&id) else { return };
        client.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        client.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.all.values().filter_map(|client| client.http.poll_timeout()).min()
    }

    /// Those whose time is over are to have a turn.
    fn timed_out(&mut self, now: Time) -> Vec<HttpId> {
        let mut due = Vec::new();
        for (id, client) in &mut self.all {
            if client.http.poll_timeout().is_some_and(|at| at <= now) {
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
        let mut has_moved = client.read(now)?;
        while let Some(event) = client.http.poll_event() {
            self.places.touch(now, id);
            self.service.handle_event(now, id, event, &mut client.http);
            has_moved = true;
        }
        self.service.go_on(now, id, &mut client.http);
        has_moved |= client.write(now)?;
        if client.http.has_said_all() && !client.is_shut {
            client.is_shut = true;
            client.stream.shutdown(Shutdown::Write)?;
        }
        if client.http.is_over() {
            self.close(id);
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

impl HttpClient {
    /// Reads what there is, up to some bytes. True: something came.
    fn read(&mut self, now: Time) -> io::Result<bool> {
        if !self.readable || !self.http.hears() {
            return Ok(false);
        }
        let mut bytes = [0; READ];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => {
                    self.readable = false;
                    self.http.handle_end(now);
                }
                Ok(len) => self.http.handle_bytes(now, &bytes[..len]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(false);
                }
                Err(e) => return Err(e),
            }
            return Ok(true);
        }
    }

    /// Writes what it takes now. True: it took something.
    fn write(&mut self, now: Time) -> io::Result<bool> {
        let mut has_moved = false;
        while self.writable && !self.http.output().is_empty() {
            let slices: Vec<_> = self.http.output().pieces().take(AT_ONCE).map(IoSlice::new).collect();
            match self.stream.write_vectored(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    self.http.handle_taken(now, bytes);
                    has_moved = true;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) => return Err(e),
            }
        }
        Ok(has_moved)
    }
}
