//! The loop that all four roles share: one mio poll, listeners, connections, a ready queue of our own.
//!
//! One turn: wait → commands and inbox of the role → edges mark connections → each connection that
//! stood in the ready queue is served once, one host after the other, up to [`limits::TURN`] bytes each way →
//! timers. A connection that stopped at its bound or at back-pressure stands in the queue again; edges only add to it.
//! What the role does with frames is the role's: receiver/, sender/, distribution/.

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use mio::net::TcpListener;
use mio::{Events, Poll};

use super::connection::{Closed, ConnectionPhase, DialFault, DialFaultKind, ReadStep};
use super::net::{ConnId, Net, WAKER};
use super::records::ReadWork;
use crate::address::Host;
use crate::counters::Counters;
use crate::identity::PeerId;
use crate::identity::tls::Tls;
use crate::rate::Limit;
use crate::sys::bell::Bell;
use crate::sys::clock;
use crate::sys::thread::Thread;
use crate::time::Time;
use crate::transfer::limits;
use crate::wire::frame::Frame;

/// Deadlines of connections are looked at this often while something happens on any of them; none of them
/// needs to be more exact. When nothing happens, they are looked at when the next one is due.
const SWEEP: Duration = Duration::from_millis(250);

/// A role that could take no more is asked again after this time, should its bell not ring before.
const PAUSED: Duration = Duration::from_millis(50);

/// A connection that is closing has this long to send what is queued.
const CLOSING: Duration = Duration::from_secs(1);

/// One that is half-closed has this long without a byte that is taken: as long as an `exit` waits.
const DRAINING: Duration = Duration::from_secs(30);

/// How often a role hears that a connection lives, at most.
const TELL: Duration = Duration::from_secs(1);

/// What one role does. All calls come from its engine's thread; none may block for long.
pub(crate) trait Role {
    /// What the controller asks of it.
    type Command;

    /// A command came.
    fn on_command(&mut self, now: Time, net: &mut Net, command: Self::Command);

    /// Something may have come in another channel of the role. Called once each turn, behind all commands of it.
    fn on_inbox(&mut self, _now: Time, _net: &mut Net) {}

    /// Every connection had its turn.
    fn on_turn_end(&mut self) {}

    /// TLS proved a peer.
    fn on_proved(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId, host: Host);

    /// A byte came from a proved peer, which is at this address. At most once a second for each connection.
    fn on_alive(&mut self, peer: PeerId, host: Host);

    /// Bytes that may be read now. 0: nothing is read, and the other end waits.
    fn takes(&mut self, _now: Time, _net: &Net, _id: ConnId) -> usize {
        usize::MAX
    }

    /// A frame came, but its payload.
    ///
    /// # Errors
    /// In words for the log, if the other end must not send this: the connection ends.
    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String>;

    /// A part of the payload of the last frame.
    fn on_payload(&mut self, _id: ConnId, _bytes: &[u8]) {}

    /// The payload is complete.
    fn on_payload_end(&mut self, _now: Time, _net: &mut Net, _id: ConnId) {}

    /// Everything given so far is in the kernel: more with [`Net::push`]? `false`: there is nothing.
    fn on_drained(&mut self, _now: Time, _net: &mut Net, _id: ConnId) -> bool {
        false
    }

    /// True if something is under way on it, so that it is not idle.
    fn is_busy(&self, id: ConnId) -> bool;

    /// The connection is over. Not called for those that the role closed itself.
    fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId, how: Closed);

    /// When [`Self::on_timeout`] is to be called next.
    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// The time has come.
    fn on_timeout(&mut self, _now: Time, _net: &mut Net) {}
}

/// How long connections may take for what. Tests have no time to wait as long as peers do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) handshake: Duration,
    pub(crate) idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: limits::CONNECT, handshake: limits::HANDSHAKE, idle: limits::IDLE }
    }
}

/// An engine before its start: what is needed to hand its bell to others first.
#[derive(Debug)]
pub(crate) struct Engine {
    poll: Poll,
    bell: Bell,
    pub(crate) timeouts: Timeouts,
    pub(crate) limit: Limit,
    pub(crate) counters: Arc<Counters>,
}

impl Engine {
    /// An engine without sockets.
    ///
    /// # Errors
    /// When the operating system has no descriptors left.
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Bell::new(poll.registry(), WAKER)?;
        Ok(Self { poll, bell, timeouts: Timeouts::default(), limit: None, counters: Arc::default() })
    }

    /// Sets a limit for the content that passes on all its connections together.
    #[must_use]
    pub(crate) fn limited(self, limit: Limit) -> Self {
        Self { limit, ..self }
    }

    /// Has what passes counted in `counters`.
    #[must_use]
    pub(crate) fn counted(self, counters: &Arc<Counters>) -> Self {
        Self { counters: Arc::clone(counters), ..self }
    }

    /// Its bell.
    #[must_use]
    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Starts the thread `name`, which runs the role until its handle is dropped.
    pub(crate) fn start<R, E>(
        self,
        name: &str,
        tls: Tls,
        listeners: Vec<TcpListener>,
        events: Receiver<E>,
        role: R,
    ) -> io::Result<EngineHandle<R::Command, E>>
    where
        R: Role + Send + 'static,
        R::Command: Send + 'static,
    {
        let net = Net::new(self.poll.registry().try_clone()?, tls, listeners)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (commands, inbox) = crossbeam_channel::unbounded();
        let timeouts = self.timeouts;
        let running = EngineLoop {
            _bell: self.bell.clone(),
            timeouts,
            poll: self.poll,
            net,
            role,
            inbox,
            stop: Arc::clone(&stop),
            sweep: None,
        };
        let thread = Thread::spawn(name, move || running.run())?;
        Ok(EngineHandle { commands, bell: self.bell, stop, events, _thread: thread })
    }
}

/// A running role. Dropping it ends its thread, at once, without finishing what is under way.
#[derive(Debug)]
pub(crate) struct EngineHandle<C, E> {
    commands: Sender<C>,
    bell: Bell,
    stop: Arc<AtomicBool>,
    /// Its reports. Bounded: a role waits while nobody takes them, but for those that may be skipped.
    pub events: Receiver<E>,
    // Last, so that the thread is joined after `events` is gone: a thread that waits to report ends.
    _thread: Thread,
}

impl<C, E> EngineHandle<C, E> {
    /// Gives it a command. Never blocks; a role that has ended ignores it.
    pub(crate) fn send(&self, command: C) {
        drop(self.commands.send(command));
        self.bell.ring();
    }
}

impl<C, E> EngineHandle<C, E> {
    /// Its bell, for those that give it something by another channel.
    #[must_use]
    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }
}

impl<C, E> Drop for EngineHandle<C, E> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
    }
}

/// Why a connection could not be made that ended so in this phase.
fn dial_fault(phase: ConnectionPhase, how: Closed) -> DialFault {
    match how {
        Closed::Unreachable(fault) | Closed::Unproved(fault) => fault,
        Closed::Lost(text) if phase == ConnectionPhase::Connecting => {
            DialFault::new(DialFaultKind::NoAnswer, text)
        }
        // Whoever takes a connection and then says nothing, or goes, speaks something else.
        Closed::Lost(text) | Closed::Misbehaved(text) => DialFault::new(DialFaultKind::NotAPeer, text),
        Closed::Clean => DialFault::new(DialFaultKind::NotAPeer, "it closed the connection".to_owned()),
    }
}

struct EngineLoop<R: Role> {
    poll: Poll,
    net: Net,
    role: R,
    inbox: Receiver<R::Command>,
    stop: Arc<AtomicBool>,
    timeouts: Timeouts,
    /// Were the last one closed right after it rang, the ring would be lost with it.
    _bell: Bell,
    /// When connections are looked at next; `None` while there are none.
    sweep: Option<Time>,
}

impl<R: Role> EngineLoop<R> {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            let timeout = self.timeout(clock::now());
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    log::error!("waiting for the network failed: {e}");
                    return;
                }
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            self.turn(clock::now(), &events);
        }
    }

    /// How long nothing is to be done; `None`: until something comes.
    fn timeout(&self, now: Time) -> Option<Duration> {
        if self.net.has_ready() {
            return Some(Duration::ZERO);
        }
        let due = [self.sweep, self.role.poll_timeout()].into_iter().flatten().min();
        let timeout = due.map(|t| t.since(now));
        if self.net.has_paused() { Some(timeout.map_or(PAUSED, |t| t.min(PAUSED))) } else { timeout }
    }

    fn turn(&mut self, now: Time, events: &Events) {
        while let Ok(command) = self.inbox.try_recv() {
            self.role.on_command(now, &mut self.net, command);
        }
        self.role.on_inbox(now, &mut self.net);
        for event in events {
            if event.token() != WAKER {
                self.net.event(event);
            }
        }
        self.net.accept(now);
        self.net.resume_paused();
        for _ in 0..self.net.ready_len() {
            let Some(id) = self.net.next_ready() else { break };
            self.serve(now, id);
        }
        if self.role.poll_timeout().is_some_and(|t| t <= now) {
            self.role.on_timeout(now, &mut self.net);
        }
        if self.sweep.is_some_and(|t| t <= now) {
            self.sweep = self.sweep(now);
        }
        self.role.on_turn_end();
        self.net.check_account();
        if self.net.take_touched() || self.net.listeners.wants_descriptors() {
            let soon = now + SWEEP;
            self.sweep = Some(self.sweep.map_or(soon, |t| t.min(soon)));
        }
    }

    /// One connection's turn.
    fn serve(&mut self, now: Time, id: ConnId) {
        let result =
            self.connect(now, id).and_then(|()| self.read(now, id)).and_then(|()| self.write(now, id));
        if let Err(how) = result {
            self.ended(now, id, how);
        }
    }

    fn connect(&mut self, now: Time, id: ConnId) -> Result<(), Closed> {
        let Some(c) = self.net.get_mut(id) else { return Ok(()) };
        if c.phase == ConnectionPhase::Connecting && c.writable {
            match c.is_connected() {
                Ok(true) => {
                    c.phase = ConnectionPhase::Handshaking;
                    c.since = now;
                }
                Ok(false) => c.writable = false,
                Err(e) => {
                    let text = format!("{}: {e}", c.host);
                    return Err(Closed::Unreachable(DialFault::of_io(&e, text)));
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, now: Time, id: ConnId) -> Result<(), Closed> {
        let mut work = ReadWork::default();
        loop {
            let Some(c) = self.net.get_mut(id) else { return Ok(()) };
            match c.phase {
                ConnectionPhase::Handshaking | ConnectionPhase::Proved(_) => {}
                ConnectionPhase::Connecting | ConnectionPhase::Closing => return Ok(()),
                ConnectionPhase::Draining => match c.drain(&mut work) {
                    ReadStep::Closed(how) => return Err(how),
                    ReadStep::Bound => {
                        self.net.enqueue(id);
                        return Ok(());
                    }
                    _ => return Ok(()),
                },
            }
            if c.small.len() > limits::SMALL_QUEUE {
                // It asks and does not read the answers. Writing comes next; then this goes on.
                return Ok(());
            }
            let takes = self.role.takes(now, &self.net, id);
            if takes == 0 {
                self.net.pause(id);
                return Ok(());
            }
            let Some(c) = self.net.get_mut(id) else { return Ok(()) };
            let role = &mut self.role;
            match c.read(now, takes, &mut work, &mut |bytes| role.on_payload(id, bytes)) {
                ReadStep::Proved(peer) => self.proved(now, id, peer)?,
                ReadStep::Frame(frame) => {
                    let payload = frame.payload;
                    self.role.on_frame(now, &mut self.net, id, frame).map_err(Closed::Misbehaved)?;
                    // Whoever announces a payload of nothing has already sent it.
                    if payload == 0 {
                        self.role.on_payload_end(now, &mut self.net, id);
                    }
                }
                ReadStep::PayloadEnd => self.role.on_payload_end(now, &mut self.net, id),
                // The role may take more.
                ReadStep::Bound if !work.is_done() => {}
                ReadStep::Bound => {
                    self.net.enqueue(id);
                    return Ok(());
                }
                ReadStep::Blocked => return Ok(()),
                ReadStep::Closed(how) => return Err(how),
            }
        }
    }

    fn proved(&mut self, now: Time, id: ConnId, peer: PeerId) -> Result<(), Closed> {
        let role = &self.role;
        let Some(going) = self.net.charge(now, id, peer, |id| !role.is_busy(id)) else {
            log::debug!("{peer} has all the connections that it may have while others want some");
            return Err(Closed::Clean);
        };
        for going in going {
            self.net.close(now, going);
            self.role.on_closed(now, &mut self.net, going, Closed::Clean);
        }
        self.net.note_dial(now, id, true);
        if let Some(host) = self.net.host(id) {
            self.role.on_proved(now, &mut self.net, id, peer, host);
        }
        Ok(())
    }

    fn write(&mut self, now: Time, id: ConnId) -> Result<(), Closed> {
        let mut budget = limits::TURN;
        loop {
            let Some(c) = self.net.get_mut(id) else { return Ok(()) };
            if c.phase == ConnectionPhase::Connecting || !c.writable {
                return Ok(());
            }
            if !c.flush(now, &mut budget)? {
                return Ok(());
            }
            match c.phase {
                ConnectionPhase::Closing => {
                    self.net.remove(id);
                    return Ok(());
                }
                ConnectionPhase::Draining => return c.end_writing(),
                ConnectionPhase::Proved(_) => {}
                ConnectionPhase::Connecting | ConnectionPhase::Handshaking => return Ok(()),
            }
            if budget == 0 {
                self.net.enqueue(id);
                return Ok(());
            }
            if !c.small.is_empty() {
                let full = c.small.len() > limits::SMALL_QUEUE;
                c.push_small();
                if full {
                    // It was not read from for that reason.
                    self.net.enqueue(id);
                }
            } else if !self.role.on_drained(now, &mut self.net, id) {
                return Ok(());
            }
        }
    }

    /// A connection is over: another address of the peer is tried, else the role hears of it.
    fn ended(&mut self, now: Time, id: ConnId, how: Closed) {
        let Some(c) = self.net.get(id) else { return };
        let phase = c.phase;
        log::debug!("connection with {} ({phase:?}) ended: {how:?}", c.host);
        match phase {
            ConnectionPhase::Connecting | ConnectionPhase::Handshaking => {
                let dialled = c.dial.is_some();
                self.net.note_dial(now, id, false);
                if dialled && self.net.redial(now, id) {
                    return;
                }
                self.net.remove(id);
                if dialled {
                    self.role.on_closed(now, &mut self.net, id, Closed::Unreachable(dial_fault(phase, how)));
                }
            }
            ConnectionPhase::Proved(_) => {
                self.net.remove(id);
                self.role.on_closed(now, &mut self.net, id, how);
            }
            ConnectionPhase::Closing | ConnectionPhase::Draining => drop(self.net.remove(id)),
        }
    }

    /// Looks at the deadlines of all connections; when it is to do so again.
    fn sweep(&mut self, now: Time) -> Option<Time> {
        self.net.listeners.retry();
        let timeouts = self.timeouts;
        let mut next: Option<Time> = None;
        for id in self.net.ids() {
            let Some(c) = self.net.get_mut(id) else { continue };
            let last = c.heard.max(c.sent);
            let due = match c.phase {
                ConnectionPhase::Connecting => c.since + timeouts.connect,
                ConnectionPhase::Handshaking => c.since + timeouts.handshake,
                ConnectionPhase::Closing => c.since + CLOSING,
                ConnectionPhase::Draining => c.since.max(c.sent) + DRAINING,
                // Who is not read from cannot be blamed for its silence.
                ConnectionPhase::Proved(_) if c.paused => now + timeouts.idle,
                // Busy or not: who neither asks nor takes what it asked for has no place here.
                ConnectionPhase::Proved(_) => last + timeouts.idle,
            };
            let mut look = due;
            if let ConnectionPhase::Proved(peer) = c.phase
                && c.heard > c.reported
            {
                if now.since(c.reported) >= TELL {
                    c.reported = now;
                    let host = c.host;
                    if !c.is_met {
                        self.role.on_alive(peer, host);
                    }
                } else {
                    look = look.min(c.reported + TELL);
                }
            }
            if due <= now {
                self.expired(now, id);
            } else {
                next = Some(next.map_or(look, |t| t.min(look)));
            }
        }
        next
    }

    /// The time of a connection is over.
    fn expired(&mut self, now: Time, id: ConnId) {
        let Some(c) = self.net.get(id) else { return };
        let timed_out = |what: &str| Closed::Lost(format!("{what} took too long"));
        match c.phase {
            ConnectionPhase::Connecting => self.ended(now, id, timed_out("connecting")),
            ConnectionPhase::Handshaking => self.ended(now, id, timed_out("the handshake")),
            ConnectionPhase::Closing | ConnectionPhase::Draining => drop(self.net.remove(id)),
            ConnectionPhase::Proved(_) => {
                self.net.close(now, id);
                self.role.on_closed(now, &mut self.net, id, Closed::Clean);
            }
        }
    }
}
