//! The side of the control socket that answers: a Unix socket that only this user can open (`socket` says
//! where). The side that asks is `client`.
//!
//! One thread has all clients and waits for nothing but them. The controller answers into a channel of the
//! request's own and rings for it, so a slow client delays nobody, and a thousand that wait for their downloads cost
//! a descriptor each. A client that goes away ends nothing: a download that it waited for goes on.

mod client;
mod conversation;
mod own_output;
mod places;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::{Events, Poll, Registry, Token};

use self::client::{Client, Turn};
pub(super) use self::conversation::parse;
use self::places::{ClientId, Places};
use super::answers::Answers;
use super::socket::{BoundSocket, SocketPlace};
use super::{Ask, Request};
use crate::control::limits;
use crate::error::Failure;
use crate::sys::bell::Bell;
use crate::sys::local::{self, PolledListener, PolledStream};
use crate::sys::owner::UserId;
use crate::sys::refusal::{Refusal, refusal};
use crate::sys::thread::Thread;
use crate::sys::{clock, descriptors};
use crate::time::Time;

/// What a poll returns for the listener, and for the bell. A client has twice its number, and what it handed over one
/// more; the first client has the number [`FIRST`].
const LISTENER: Token = Token(0);
const BELL: Token = Token(1);
const FIRST: u64 = 1;

/// Events of one poll.
const EVENTS: usize = 256;

/// The running server. Dropping it removes the socket, lets answers under way be finished, and ends.
#[derive(Debug)]
pub(crate) struct ControlServer {
    socket: SocketPlace,
    stop: Arc<AtomicBool>,
    bell: Bell,
    thread: Option<Thread>,
}

/// Starts to answer for the peer in `directory`, whose `.potluck` is made if needed and closed to other
/// users. The caller holds the directory's lock.
///
/// # Errors
/// When the folder or the socket cannot be made.
pub(crate) fn start(directory: &Path, asks: Sender<Ask>) -> io::Result<ControlServer> {
    super::make_state(&directory.join(".potluck"))?;
    let BoundSocket { place: socket, listener } = SocketPlace::bind(directory)?;
    let poll = Poll::new()?;
    let bell = Bell::new(poll.registry(), BELL)?;
    let listener = listener.polled(poll.registry(), LISTENER)?;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = Clients {
        asks,
        registry: poll.registry().try_clone()?,
        folder: socket.folder().to_owned(),
        bell: bell.clone(),
        woken: unbounded(),
        all: BTreeMap::new(),
        places: Places::default(),
        next: FIRST,
    };
    let shell =
        ServerShell { poll, listener: Some(listener), stop: Arc::clone(&stop), clients, accept_at: None };
    let thread = Thread::spawn("control", move || shell.run())?;
    Ok(ControlServer { socket, stop, bell, thread: Some(thread) })
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        // Before the clients are let go: who asked for `exit` must find nobody here afterwards.
        if let Err(e) = self.socket.remove() {
            log::debug!("the control socket stays behind: {e}");
        }
        self.stop.store(true, Ordering::SeqCst);
        self.bell.ring();
        drop(self.thread.take());
    }
}

/// The thread: it lets clients in and gives each its turns.
struct ServerShell {
    poll: Poll,
    /// `None` once the server is to end.
    listener: Option<PolledListener>,
    stop: Arc<AtomicBool>,
    clients: Clients,
    /// When somebody may be let in again. `None`: at the next event of the listener.
    accept_at: Option<Time>,
}

impl ServerShell {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = clock::now();
            let timeout = self.timeout(now);
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return log::warn!("one-shot commands find no peer here any more: {e}"),
            }
            let now = clock::now();
            let mut due: BTreeSet<ClientId> = self.clients.woken.1.try_iter().map(ClientId).collect();
            let mut gone = Vec::new();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept_at = Some(now),
                    BELL => {}
                    Token(n) => {
                        let id = ClientId(n as u64 / 2);
                        due.insert(id);
                        if event.is_write_closed() && n.is_multiple_of(2) {
                            gone.push(id);
                        } else if event.is_write_closed() {
                            self.clients.output_closed(id);
                        }
                    }
                }
            }
            if self.stop.load(Ordering::SeqCst) && self.listener.take().is_some() {
                due.extend(self.clients.all.keys());
                self.clients.all.values_mut().for_each(Client::hurry);
            }
            due.into_iter().for_each(|id| self.clients.take_turns(now, id, self.listener.is_none()));
            // What they asked for before they went is begun.
            gone.into_iter().for_each(|id| self.clients.let_go(id));
            self.clients.drop_stuck(now);
            if self.accept_at.is_some_and(|at| at <= now) {
                self.accept(now);
            }
            if self.listener.is_none() && self.clients.all.is_empty() {
                return;
            }
        }
    }

    fn timeout(&self, now: Time) -> Option<Duration> {
        let stuck = self.clients.all.values().filter_map(Client::drop_at).min();
        // While all places are taken, an answer makes one free, or somebody has said nothing for too long.
        let is_full = self.clients.places.are_taken(now);
        let accept = self.accept_at.map(|at| if is_full { at.max(now) + limits::CONTROL_ACCEPT } else { at });
        stuck.into_iter().chain(accept).min().map(|at| at.since(now))
    }

    /// Lets in who waits for it, as far as there are places.
    fn accept(&mut self, now: Time) {
        let Some(listener) = &self.listener else { return self.accept_at = None };
        while !self.clients.places.are_taken(now) {
            match listener.accept() {
                Ok(stream) => {
                    if let Err(e) = self.clients.admit(now, stream) {
                        log::debug!("a client of the control socket was dropped: {e}");
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return self.accept_at = None,
                Err(e) if refusal(&e) == Refusal::TooManyOpen => {
                    return self.accept_at = Some(now + limits::CONTROL_ACCEPT);
                }
                Err(e) => log::debug!("a client of the control socket went away: {e}"),
            }
        }
    }
}

/// All who are connected.
struct Clients {
    asks: Sender<Ask>,
    registry: Registry,
    /// The folder that the socket lies in.
    folder: PathBuf,
    bell: Bell,
    /// Those for whom there are answers.
    woken: (Sender<u64>, Receiver<u64>),
    all: BTreeMap<ClientId, Client>,
    places: Places<UserId>,
    /// The number of the next one.
    next: u64,
}

impl Clients {
    /// Lets a client in, if its user may ask.
    fn admit(&mut self, now: Time, stream: PolledStream) -> io::Result<()> {
        let user = stream.user();
        let is_own = user.is_some_and(|user| user == UserId::own() || user.is_root());
        let id = ClientId(self.next);
        self.next += 1;
        let mut client = Client::new(stream, user.unwrap_or_else(UserId::own));
        let may_ask = is_own || user.is_none() && local::is_closed(&self.folder);
        if !may_ask {
            client.refuse(Failure::other("this peer belongs to another user"))?;
            return client.go_on(now).map(drop);
        }
        client.register(&self.registry, token_of(id)?)?;
        if let Some(idle) = self.places.enter(now, client.user, id) {
            log::debug!("a client of the control socket says nothing and makes way for another one");
            self.all.remove(&idle);
        }
        self.all.insert(id, client);
        Ok(())
    }

    /// Gives a client its turns, until something has to happen first. `is_ending`: nothing new is begun.
    fn take_turns(&mut self, now: Time, id: ClientId, is_ending: bool) {
        loop {
            let Some(client) = self.all.get_mut(&id) else { return };
            let turn = client.go_on(now);
            if is_ending && client.is_done() {
                return self.let_go(id);
            }
            match turn {
                Ok(Turn::Asks(request)) => self.ask(now, id, *request),
                Ok(Turn::Answered) => self.places.answered(now, client.user, id),
                Ok(Turn::Waits) => return,
                Ok(Turn::Again) => return self.wake(id),
                Ok(Turn::Gone) => return self.let_go(id),
                Err(e) => {
                    log::debug!("a client of the control socket was dropped: {e}");
                    return self.let_go(id);
                }
            }
        }
    }

    /// Passes a request on.
    fn ask(&mut self, now: Time, id: ClientId, request: Request) {
        let Some(client) = self.all.get_mut(&id) else { return };
        let most = most_waiting(&request);
        if !request.is_long() {
            self.places.ask(client.user, id);
        } else if !self.places.wait(client.user, id, most) {
            let message =
                format!("{most} commands wait for this peer already: try again when one of them has ended");
            return refuse(client, Failure::other(message));
        }
        let (answers, awaited) = Answers::with_bell(id.0, self.woken.0.clone(), self.bell.clone());
        let is_reading = matches!(request, Request::Cat(_));
        if self.asks.send(Ask { request, replies: answers }).is_ok() {
            match token_of(id) {
                Ok(Token(n)) if is_reading => client.await_bytes(awaited, &self.registry, Token(n + 1)),
                _ => client.await_answers(awaited),
            }
        } else {
            self.places.answered(now, client.user, id);
            refuse(client, Failure::other("the peer is leaving"));
        }
    }

    /// Its turn comes again after those of others.
    fn wake(&self, id: ClientId) {
        if self.woken.0.send(id.0).is_ok() {
            self.bell.ring();
        }
    }

    /// Nobody reads any more what a client handed over.
    fn output_closed(&mut self, id: ClientId) {
        if let Some(client) = self.all.get_mut(&id) {
            client.output_closed();
        }
    }

    fn let_go(&mut self, id: ClientId) {
        if let Some(client) = self.all.remove(&id) {
            self.places.leave(client.user, id);
        }
    }

    /// Lets those go that take no answers.
    fn drop_stuck(&mut self, now: Time) {
        let is_stuck = |client: &Client| client.drop_at().is_some_and(|at| at <= now);
        let stuck: Vec<_> =
            self.all.iter().filter(|(_, client)| is_stuck(client)).map(|(id, _)| *id).collect();
        for id in stuck {
            log::debug!("a client of the control socket takes no answers, and was dropped");
            self.let_go(id);
        }
    }
}

/// What a poll returns for a client.
fn token_of(id: ClientId) -> io::Result<Token> {
    usize::try_from(id.0)
        .ok()
        .and_then(|n| n.checked_mul(2))
        .map(Token)
        .ok_or_else(|| io::ErrorKind::QuotaExceeded.into())
}

fn refuse(client: &mut Client, failure: Failure) {
    if let Err(e) = client.refuse(failure) {
        log::debug!("a client of the control socket is not told: {e}");
    }
}

/// How many of one user may wait for the end of something long: few enough that descriptors are left for
/// everything else. Whoever wants the peer to leave is heard all the same.
fn most_waiting(request: &Request) -> usize {
    let allowed = usize::try_from(descriptors::allowed() / limits::CONTROL_DESCRIPTORS).unwrap_or(usize::MAX);
    let most = allowed.min(limits::CONTROL_WAITING);
    if matches!(request, Request::Exit(_)) { most + limits::CONTROL_LEAVING } else { most }
}
