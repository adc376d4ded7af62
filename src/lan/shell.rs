//! The thread of `lan`: sockets, signatures and the clock for the machines that `machines.rs` puts together,
//! which make every decision. Nothing is decided here but what costs the operating system.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use core::net::SocketAddr;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use mio::{Events, Poll, Token};
use zeroize::Zeroizing;

use super::facts::{InterfaceTally, LanFacts};
use super::interfaces::Interfaces;
use super::machines::{LanOutput, Machines};
use super::sealing::{ON_THE_WIRE, Sealing};
use super::sockets::BoundSockets;
use super::tally::Tally;
use super::traffic::{Endpoint, Packet, TellingForm, Via};
use super::{Command, Commands, Event, Handle, LanConfig, SayOutcome};
use crate::address::Host;
use crate::identity::{Identity, PeerId, fill_random};
use crate::lan::limits;
use crate::sys::bell::Bell;
use crate::sys::clock;
use crate::sys::neighbours::{self, Neighbour};
use crate::sys::net_changes::NetChanges;
use crate::sys::thread::Thread;
use crate::time::Time;
use crate::wire::DecodeError;
use crate::wire::datagram::{Body, Envelope, seal};
use crate::wire::envelope::{GatewayEnvelope, wrap};
use crate::wire::message::{PeerRecord, RelayedDatagram};

/// The tokens of the bell and of changes of the network: no socket has them.
const BELL: Token = Token(usize::MAX);
const CHANGES: Token = Token(usize::MAX - 1);

/// Events of one poll.
const EVENTS: usize = 16;

/// Reports that the controller has not taken yet, before it is waited for.
const REPORTS: usize = 1_024;

/// When reports wait, they are offered again after this time.
const OFFER_AGAIN: core::time::Duration = core::time::Duration::from_millis(20);

/// Starts the thread. It ends when the handle is dropped, or after [`Command::Leave`].
///
/// # Errors
/// When the discovery port cannot be opened, or the system has no thread or randomness to give.
pub fn start(config: LanConfig) -> io::Result<Handle> {
    let mut sockets = BoundSockets::open(config.port)?;
    let poll = Poll::new()?;
    sockets.register(poll.registry())?;
    let bell = Bell::new(poll.registry(), BELL)?;
    let mut seed = Zeroizing::new([0; 32]);
    fill_random(&mut *seed).map_err(io::Error::other)?;

    let tally = Arc::new(Tally::default());
    let stop = Arc::new(AtomicBool::new(false));
    let (commands, inbox) = unbounded();
    let (reports, events) = bounded(REPORTS);
    let mut machines =
        Machines::new(clock::now(), config.identity.id(), config.instance, config.own.clone(), *seed);
    machines.restore_room(config.heard);
    let shell = LanShell {
        machines,
        identity: config.identity,
        sealing: Sealing::new(config.seal),
        names: config.interfaces,
        interfaces: Interfaces::default(),
        changes: NetChanges::start(poll.registry(), CHANGES),
        listing: InterfaceLooks::default(),
        sockets,
        inbox,
        reports,
        waiting: VecDeque::new(),
        tally: Arc::clone(&tally),
        by_interface: InterfaceTally::default(),
        more: false,
        stop: Arc::clone(&stop),
        _bell: bell.clone(),
    };
    let thread = Thread::spawn("lan", move || shell.run(poll))?;
    Ok(Handle { commands: Commands { sender: commands, bell }, stop, events, tally, _thread: thread })
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Then {
    Go,
    End,
}

/// When the interfaces are listed.
#[derive(Debug, Default)]
struct InterfaceLooks {
    last: Option<Time>,
    /// They have changed since.
    is_due: bool,
    /// It will be told when they change, and nothing is to be tried again.
    is_told: bool,
}

impl InterfaceLooks {
    /// When they are listed next.
    fn next(&self) -> Option<Time> {
        let rest = match (self.is_due, self.is_told) {
            // A machine on which containers come and go changes often.
            (true, _) => limits::INTERFACES / 4,
            (false, true) => limits::INTERFACES_TOLD,
            (false, false) => limits::INTERFACES,
        };
        self.last.map(|at| at + rest)
    }

    /// True if they are listed now.
    fn begins(&mut self, now: Time) -> bool {
        // Awake for another reason, it looks a little early: one wake-up less each time.
        let early = if self.is_due { core::time::Duration::ZERO } else { limits::INTERFACES / 4 };
        let begins = self.next().is_none_or(|at| now + early >= at);
        if begins {
            *self = Self { last: Some(now), ..Self::default() };
        }
        begins
    }
}

struct LanShell {
    machines: Machines,
    identity: Arc<Identity>,
    sealing: Sealing,
    names: Vec<String>,
    interfaces: Interfaces,
    /// `None`: nobody tells when they change.
    changes: Option<NetChanges>,
    listing: InterfaceLooks,
    sockets: BoundSockets,
    inbox: Receiver<Command>,
    reports: Sender<Event>,
    waiting: VecDeque<Event>,
    tally: Arc<Tally>,
    by_interface: InterfaceTally,
    /// A socket may have more than one turn reads.
    more: bool,
    /// True once the handle is dropped.
    stop: Arc<AtomicBool>,
    /// Were the last one closed right after it rang, the ring would be lost with it.
    _bell: Bell,
}

impl LanShell {
    fn run(mut self, mut poll: Poll) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = clock::now();
            self.list_interfaces(now);
            if self.take_commands(now) == Then::End {
                return;
            }
            self.machines.handle_timeout(now);
            self.waiting.extend(self.sealing.outsiders.poll_saying(now).map(Event::Outsiders));
            self.tally.outsiders(self.sealing.outsiders.count(now));
            if self.do_outputs(now) == Then::End {
                return;
            }
            self.offer_reports();
            let timeout = self.timeout(clock::now());
            match poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.waiting.push_back(Event::Trouble(format!("finding peers stopped: {e}")));
                    self.offer_reports();
                    return;
                }
            }
            self.read_sockets();
        }
    }

    fn timeout(&self, now: Time) -> core::time::Duration {
        if self.more {
            return core::time::Duration::ZERO;
        }
        let tick = self.listing.next().unwrap_or(now);
        let due = [self.machines.poll_timeout(), self.sealing.outsiders.poll_timeout()];
        let next = due.into_iter().flatten().fold(tick, Time::min);
        let wait = next.since(now);
        // Polling counts in milliseconds, rounded down: one more, or it would spin for the rest.
        let wait = if wait.is_zero() { wait } else { wait + core::time::Duration::from_micros(999) };
        if self.waiting.is_empty() { wait } else { wait.min(OFFER_AGAIN) }
    }

    fn list_interfaces(&mut self, now: Time) {
        if self.changes.as_ref().is_some_and(NetChanges::take) {
            self.listing.is_due = true;
        }
        if !self.listing.begins(now) {
            return;
        }
        match Interfaces::list(&self.names) {
            Ok(found) => {
                if found != self.interfaces {
                    let addresses: Vec<_> = found.addresses().collect();
                    log::debug!(
                        "sending to {:?} and by {:?}; here as {addresses:?}",
                        found.broadcasts,
                        found.multicasts
                    );
                    self.machines.handle_links(now, found.links.clone());
                    self.by_interface.retain(&found);
                    if found.names != self.interfaces.names {
                        self.waiting.push_back(Event::Interfaces(found.names.clone()));
                    }
                    // With the same address it may soon be in another network.
                    if found.have_lost_cables_of(&self.interfaces) {
                        self.waiting.push_back(Event::NetworkChanged);
                    }
                    self.interfaces = found;
                }
                let is_joined = self.sockets.join(&self.interfaces);
                self.listing.is_told = is_joined && self.changes.is_some();
            }
            Err(e) => log::debug!("listing the interfaces: {e}"),
        }
    }

    fn take_commands(&mut self, now: Time) -> Then {
        // Looked at first: what was asked before the handle was dropped is done, above all a leave.
        let is_stopped = self.stop.load(Ordering::Acquire);
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                Command::Own(own) => self.machines.handle_own(now, own),
                Command::Proved(id, host) => self.machines.handle_proved(now, id, host),
                Command::Doubt(id) => self.machines.handle_doubt(now, id),
                Command::Reach(id) => self.machines.handle_reach(now, id),
                Command::Table(teller, records) => self.take_table(now, teller, &records),
                Command::Instance(instance) => self.machines.handle_instance(now, instance),
                Command::AskBack(id, all) => self.machines.handle_ask_back(now, id, all),
                Command::Leave => self.machines.handle_leave(now),
                Command::Seek(files) => self.machines.handle_seek(now, files),
                Command::Has(peer, files) => self.machines.handle_has(now, peer, files),
                Command::Facts => {
                    let facts = self.facts(now);
                    self.waiting.push_back(Event::Facts(facts));
                }
                Command::Say(number, text) => self.say(now, number, &text),
                Command::Link(peer, change) => self.machines.handle_link(now, peer, change),
                Command::Relayed(from, datagrams) => self.take_relayed(now, from, &datagrams),
            }
        }
        // The leaves are still to be sent.
        if is_stopped && !self.machines.is_leaving() { Then::End } else { Then::Go }
    }

    fn say(&mut self, now: Time, number: u64, text: &str) {
        let said = clock::unix_millis();
        let said = self.machines.handle_say(now, said, text).map(|()| said);
        self.waiting.push_back(Event::Said(SayOutcome { number, said }));
    }

    fn take_table(&mut self, now: Time, teller: PeerId, records: &[PeerRecord]) {
        let mut left = limits::CANDIDATES;
        for PeerRecord { at, signed } in records {
            let envelope = match Envelope::parse(signed) {
                Ok(envelope) => envelope,
                Err(e) => {
                    self.tally.unreadable(&e);
                    continue;
                }
            };
            let id = envelope.key().peer_id();
            // Most are known already; they cost no signature check, and of the others no more than
            // `CANDIDATES`.
            if !self.machines.lacks(id) || left == 0 || !self.interfaces.may_hear(*at) {
                continue;
            }
            left -= 1;
            match envelope.open() {
                Ok(body) => {
                    let source = Endpoint { at: *at, via: Via::Own };
                    let packet = Packet { source, peer: id, body: &body, signed };
                    self.machines.handle_table(now, teller, &packet);
                }
                Err(e) => self.tally.unreadable(&e),
            }
        }
    }

    /// Takes what a link brought.
    fn take_relayed(&mut self, now: Time, from: PeerId, datagrams: &[RelayedDatagram]) {
        for RelayedDatagram { at, hops, signed } in datagrams {
            let envelope = match Envelope::parse(signed) {
                Ok(envelope) => envelope,
                Err(e) => {
                    self.tally.unreadable(&e);
                    continue;
                }
            };
            let id = envelope.key().peer_id();
            if id == self.identity.id() {
                continue;
            }
            let Some(source) = self.machines.admit_relayed(now, from, *at, id) else {
                self.tally.limited();
                continue;
            };
            match envelope.open() {
                Ok(body) => {
                    let packet = Packet { source, peer: id, body: &body, signed };
                    let result = self.machines.handle_told(now, TellingForm::Link, *hops, &packet);
                    self.tally.heard(result);
                }
                Err(e) => self.tally.unreadable(&e),
            }
        }
    }

    /// Takes a datagram of another network that a gateway broadcast.
    fn take_envelope(&mut self, now: Time, bytes: &[u8], source: Endpoint) {
        let (outer, inner) = match GatewayEnvelope::parse(bytes).and_then(|outer| {
            let inner = Envelope::parse(outer.datagram)?;
            Ok((outer, inner))
        }) {
            Ok(both) => both,
            Err(e) => return self.tally.unreadable(&e),
        };
        let (gateway, id) = (outer.gateway.peer_id(), inner.key().peer_id());
        if [gateway, id].contains(&self.identity.id()) {
            return;
        }
        let told = Endpoint { at: outer.at, via: Via::Gateway(gateway) };
        if !self.machines.admit_envelope(now, source, gateway)
            || !self.machines.admit(now, told, id, |nonce| inner.contains(nonce))
        {
            return self.tally.limited();
        }
        if !outer.is_signed() {
            return self.tally.unreadable(&DecodeError::Signature);
        }
        match inner.open() {
            Ok(body) => {
                let signed = Arc::from(outer.datagram);
                let packet = Packet { source: told, peer: id, body: &body, signed: &signed };
                let result = self.machines.handle_told(now, TellingForm::Envelope, outer.hops, &packet);
                self.tally.heard(result);
            }
            Err(e) => self.tally.unreadable(&e),
        }
    }

    fn read_sockets(&mut self) {
        self.more = false;
        // One byte more than a datagram may have, so that one that was cut off is seen as too long.
        let mut buffer = [0; ON_THE_WIRE + 1];
        let now = clock::now();
        for place in 0..self.sockets.len() {
            let mut left = limits::DATAGRAMS_A_TURN;
            while let Some((len, source)) = self.sockets.receive(place, &mut buffer) {
                self.take_datagram(now, &buffer[..len], source);
                left -= 1;
                if left == 0 {
                    self.more = true;
                    break;
                }
            }
        }
    }

    fn take_datagram(&mut self, now: Time, bytes: &[u8], source: Endpoint) {
        if !self.interfaces.may_hear(source.at) {
            self.tally.limited();
            return;
        }
        let Some(datagram) = self.sealing.inward(now, bytes, source, &self.tally) else { return };
        if GatewayEnvelope::is_one(&datagram) {
            return self.take_envelope(now, &datagram, source);
        }
        let envelope = match Envelope::parse(&datagram) {
            Ok(envelope) => envelope,
            Err(e) => return self.tally.unreadable(&e),
        };
        let id = envelope.key().peer_id();
        // Our own broadcasts come back by every interface; they cost no signature check. Only a datagram
        // with our key and another instance matters, and that is told apart after reading it.
        if id == self.identity.id() && self.sockets_are_ours(source.at) {
            return;
        }
        if id != self.identity.id() {
            self.sealing.outsiders.handle_member();
        }
        if !self.machines.admit(now, source, id, |nonce| envelope.contains(nonce)) {
            self.tally.limited();
            return;
        }
        match envelope.open() {
            Ok(body) => {
                let signed = Arc::from(&*datagram);
                let packet = Packet { source, peer: id, body: &body, signed: &signed };
                let result = self.machines.handle_packet(now, &packet);
                if result.is_ok() {
                    self.by_interface.heard(self.interfaces.towards(source.at));
                }
                self.tally.heard(result);
            }
            Err(e) => self.tally.unreadable(&e),
        }
    }

    /// True if `source` is our own socket, as far as its port tells: then it is on this machine, for the
    /// key is ours too.
    fn sockets_are_ours(&self, source: SocketAddr) -> bool {
        let here = source.ip().is_loopback() || self.interfaces.addresses().any(|ip| ip == source.ip());
        here && self.sockets.own_port(source.is_ipv6()) == Some(source.port())
    }

    fn do_outputs(&mut self, now: Time) -> Then {
        while let Some(output) = self.machines.poll_output() {
            match output {
                LanOutput::Broadcast(body) => {
                    let signed: Arc<[u8]> = self.sign(&body).into();
                    self.send(now, None, &signed);
                    self.machines.handle_said(now, self.identity.id(), &body.message, &signed);
                }
                LanOutput::Envelope { hops, peer, at, signed } => {
                    log::trace!("{peer} of another network is passed on, {hops} links away");
                    self.send(now, None, &wrap(&self.identity, hops, at, &signed));
                }
                LanOutput::Unicast { to, body } => self.send(now, Some(to), &self.sign(&body)),
                LanOutput::Forward { to, peer, signed } => {
                    log::trace!("what {peer} said is sent once more");
                    self.send(now, to, &signed);
                }
                LanOutput::LookAround => {
                    let found = self.neighbours();
                    self.machines.handle_neighbours(now, found);
                }
                // What is heard is another group's: no firewall is in its way.
                LanOutput::Event(Event::NobodyHeard) if self.sealing.outsiders.count(now) > 0 => {}
                LanOutput::Event(event) => self.waiting.push_back(event),
                LanOutput::Left => {
                    self.offer_reports();
                    return Then::End;
                }
            }
        }
        Then::Go
    }

    /// Sends to everyone on every link.
    fn broadcast(&mut self, now: Time, bytes: &[u8]) {
        let Self { interfaces, tally, by_interface, .. } = self;
        if self.sockets.broadcast(bytes, interfaces, tally, by_interface) {
            self.machines.handle_link_up(now);
        }
    }

    /// How things are.
    fn facts(&self, now: Time) -> LanFacts {
        let hearing = self.machines.hearing(now);
        LanFacts {
            interfaces: self.by_interface.used(&self.interfaces),
            own_ports: self.sockets.own_ports(),
            deaf: now.since(hearing.heard),
            is_deaf: hearing.is_deaf,
            outsiders: self.sealing.outsiders.count(now),
        }
    }

    /// Sends a signed datagram to one place, or to everyone.
    fn send(&mut self, now: Time, to: Option<Endpoint>, signed: &[u8]) {
        let bytes = match self.sealing.outward(signed) {
            Ok(bytes) => bytes,
            Err(e) => {
                log::debug!("a datagram cannot be sealed: {e}");
                return self.tally.sent(false);
            }
        };
        let Some(to) = to else {
            self.broadcast(now, &bytes);
            return;
        };
        let sent = self.sockets.send(to, &bytes, &self.interfaces);
        if let Err(e) = &sent {
            log::debug!("sending to {}: {e}", to.at);
        }
        self.tally.sent(sent.is_ok());
    }

    /// The hosts that the system knows on the links that are used.
    fn neighbours(&self) -> Vec<Host> {
        let found = neighbours::neighbours().unwrap_or_else(|e| {
            log::debug!("listing the neighbours: {e}");
            Vec::new()
        });
        let hosts = found.into_iter().map(|Neighbour { ip, scope }| Host { ip, scope });
        hosts.filter(|host| self.interfaces.may_hear(host.socket(0))).collect()
    }

    fn sign(&self, body: &Body) -> Vec<u8> {
        seal(&self.identity, body)
    }

    /// Reports what the controller takes. It is waited for only when far behind, and never in a leave.
    fn offer_reports(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            match self.reports.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Disconnected(_)) => self.waiting.clear(),
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    break;
                }
            }
        }
        if self.waiting.len() > limits::EVENTS_WAITING
            && !self.machines.is_leaving()
            && let Some(event) = self.waiting.pop_front()
            && self.reports.send(event).is_err()
        {
            self.waiting.clear();
        }
    }
}
