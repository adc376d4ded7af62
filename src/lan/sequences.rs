//! Whatever strangers say in datagrams, one after the other, the machines of `lan` hold together: for fuzzing
//! and property tests.
//!
//! The bytes of an input choose what happens. Each datagram is well-formed and signed by whom it names, for
//! anyone can make keys; what it says, and the address that it comes from, are up to the input. Strangers
//! know the nonces that were broadcast, and those that were sent to an address of theirs. At one address,
//! that of the victim, there is none of them: they may claim it, and do not hear what is sent there.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::machines::{LanOutput, Machines};
use super::traffic::{Endpoint, Packet, TellingForm, Via};
use super::{Dropped, Event, LinkChange, NetworkPrefix, OwnPresence};
use crate::address::{Host, Ports};
use crate::content::FileId;
use crate::identity::{Instance, PeerId, PeerName};
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage, FILES, Presence, PresenceState};

/// Our own key.
const OURS: PeerId = PeerId([0; 32]);

/// Peers that speak one by one; those of a crowd have other keys.
const PEERS: u8 = 12;

/// Nonces of ours that are remembered.
const NONCES: usize = 64;

/// Datagrams to the victim within a second, at most: what the rates of questions and of answers allow at
/// once, and a second of each.
const TO_VICTIM: usize = 140;

/// Steps of an input, at most: with a thousand peers each takes milliseconds.
const STEPS: usize = 256;

/// Calls at one moment after which there must be nothing more to do at it.
const CALLS: usize = 100;

/// Where the victim is, at which nobody is who speaks.
const VICTIM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 200);

struct LanWorld {
    now: Time,
    machines: Machines,
    /// Who is here, as the controller was told.
    here: BTreeSet<PeerId>,
    /// Nonces that strangers know.
    nonces: VecDeque<u64>,
    /// When something was last sent to the victim that strangers cause.
    to_victim: VecDeque<Time>,
    sequence: u64,
    own: OwnPresence,
    left: bool,
}

/// What a step may choose from.
#[derive(Clone, Copy)]
struct LanStep {
    what: u8,
    n: u8,
    a: u8,
    b: u8,
}

/// Lets happen what the bytes say.
///
/// # Panics
/// When the machines do not hold together.
pub fn run(bytes: &[u8]) {
    let mut world = LanWorld::new();
    let (steps, _) = bytes.as_chunks::<4>();
    for (count, &[what, n, a, b]) in steps.iter().take(STEPS).enumerate() {
        world.step(LanStep { what, n, a, b });
        world.drain();
        // With many peers each look at all of them takes its time.
        if world.here.len() <= 64 || count % 64 == 0 {
            world.check();
        }
    }
    world.check();
    world.leave();
}

fn key(n: u8) -> PeerId {
    PeerId([1 + n % PEERS; 32])
}

/// One of the many keys that one machine can make.
fn key_of_crowd(host: u8, n: u8) -> PeerId {
    let mut id = [0xee; 32];
    id[..2].copy_from_slice(&[host, n]);
    PeerId(id)
}

/// Where something comes from, or is said to be: on the link, off it, on loopback, at a link-local address,
/// at one of several hosts of a link, and at the victim.
fn address(n: u8) -> SocketAddr {
    let port = 1_000 + u16::from(n / 8);
    match n % 8 {
        0..=2 => SocketAddr::from(([10, 0, 0, 2 + n % 3], port)),
        3 => SocketAddr::from(([192, 168, 9, n], port)),
        4 => SocketAddr::from(([127, 0, 0, 1], port)),
        5 => SocketAddr::from(([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(n)], port)),
        6 => SocketAddr::from(([0x2001, 0xdb8, 0, u16::from(n), 0, 0, 0, 1], port)),
        _ => SocketAddr::from((VICTIM, port)),
    }
}

fn is_victim(at: SocketAddr) -> bool {
    at.ip() == VICTIM
}

fn files(n: u8) -> Vec<FileId> {
    (0..n).take(1 + usize::from(n) % FILES).map(|of| FileId([of.wrapping_mul(n) % 20; 32])).collect()
}

impl LanWorld {
    fn new() -> Self {
        let now = Time::ZERO + Duration::from_secs(1_000);
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let own = OwnPresence::new(PeerName::of_folder("own", OURS), ports);
        let instance = Instance { count: 2, random: 0 };
        let mut machines = Machines::new(now, OURS, instance, own.clone(), [7; 32]);
        machines.handle_links(now, links(0));
        Self {
            now,
            machines,
            here: BTreeSet::new(),
            nonces: VecDeque::new(),
            to_victim: VecDeque::new(),
            sequence: 0,
            own,
            left: false,
        }
    }

    fn step(&mut self, step: LanStep) {
        let LanStep { what, n, a, b } = step;
        let (now, peer) = (self.now, key(n));
        match what % 20 {
            0 => self.hear(step, DatagramMessage::Hello { nonce: b.into() }),
            1..=4 => {
                let ask = (b >= 128).then_some(b.into());
                let echoes = (0..=b % 4).filter_map(|of| self.nonce(b.wrapping_add(of))).collect();
                self.hear(step, DatagramMessage::Proof { ask, echoes });
            }
            5 => self.hear(step, DatagramMessage::Here),
            6 => {
                let peer = if b.is_multiple_of(4) { OURS } else { key(b) };
                self.hear(step, DatagramMessage::Probe { peer, nonce: b.into() });
            }
            7 => {
                let peer = if b.is_multiple_of(2) { OURS } else { key(b) };
                self.hear(step, DatagramMessage::DialBack { peer });
            }
            8 if b < 64 => self.hear(step, DatagramMessage::Leave),
            8 => self.hear(step, DatagramMessage::Other),
            9 => self.hear(step, DatagramMessage::Seek { files: files(b) }),
            10 => self.hear(step, DatagramMessage::Has { files: files(b) }),
            11 => self.pass(Duration::from_millis(u64::from(n) * 10)),
            12 if what >= 240 => self.sleep(Duration::from_secs(u64::from(n) * 10)),
            12 => self.pass(Duration::from_millis(u64::from(n) * 100)),
            13 => self.hear_of(step),
            14 => self.crowd(step),
            15 if !is_victim(address(a)) => self.machines.handle_proved(now, peer, Host::from(address(a))),
            16 => match a % 4 {
                0 => self.machines.handle_doubt(now, peer),
                1 => self.machines.handle_reach(now, peer),
                _ => self.machines.handle_ask_back(now, peer, b >= 128),
            },
            17 => self.machines.handle_seek(now, files(n)),
            18 if n >= 128 => self.pass_on(step),
            18 => self.machines.handle_has(now, peer, files(b)),
            _ => self.change(step),
        }
    }

    /// One of the nonces that strangers know.
    fn nonce(&self, n: u8) -> Option<u64> {
        self.nonces.get(usize::from(n) % self.nonces.len().max(1)).copied()
    }

    /// What a peer says of itself, with that message.
    fn body(&mut self, step: LanStep, message: DatagramMessage) -> Body {
        let LanStep { what, n, a, b } = step;
        self.sequence += 1;
        let sequence = if what >= 220 { u64::from(b) + 1 } else { self.sequence };
        let instance = Instance { count: if what >= 200 { u64::from(a % 4) } else { 1 }, random: 0 };
        let interval = [1_000, 0, 22_000, u32::MAX][usize::from(what / 20) % 4];
        let ports = Ports { receiver: a.into(), sender: b.into(), distributor: 0, distributee: u16::MAX };
        let state = if what % 3 == 0 { PresenceState::Leaving } else { PresenceState::Here };
        let name = PeerName::of_folder("peer", key(n));
        Body { instance, sequence, presence: Presence::new(state, name, ports, interval, b.into()), message }
    }

    /// A datagram, as the shell takes it.
    fn hear(&mut self, step: LanStep, message: DatagramMessage) {
        let peer = if step.what >= 250 { OURS } else { key(step.n) };
        let via = if step.n >= 128 { Via::Shared } else { Via::Own };
        let body = self.body(step, message);
        self.hear_from(Endpoint { at: address(step.a), via }, peer, &body);
    }

    fn hear_from(&mut self, source: Endpoint, peer: PeerId, body: &Body) {
        let holds = |nonce| match &body.message {
            DatagramMessage::Proof { echoes, .. } => echoes.contains(&nonce),
            _ => false,
        };
        if self.machines.admit(self.now, source, peer, holds) {
            let signed: Arc<[u8]> = Arc::from([]);
            let packet = Packet { source, peer, body, signed: &signed };
            let _dropped: Result<(), Dropped> = self.machines.handle_packet(self.now, &packet);
        }
    }

    /// One of those that are here passes on what it says it heard of another one.
    fn hear_of(&mut self, step: LanStep) {
        let Some(teller) = self.here.iter().nth(usize::from(step.n) % self.here.len().max(1)).copied() else {
            return;
        };
        let body = self.body(step, DatagramMessage::Here);
        let source = Endpoint { at: address(step.a), via: Via::Own };
        let signed: Arc<[u8]> = Arc::from([]);
        for n in 0..=step.b / 4 {
            let packet = Packet { source, peer: key_of_crowd(step.a, n), body: &body, signed: &signed };
            self.machines.handle_table(self.now, teller, &packet);
        }
    }

    /// Many keys of one host, or of a host each, answer what everyone was asked.
    fn crowd(&mut self, step: LanStep) {
        let Some(nonce) = self.nonces.back().copied() else { return };
        let body = self.body(step, DatagramMessage::Proof { ask: None, echoes: vec![nonce] });
        for n in 0..step.n / 2 {
            let host = if step.b < 128 { step.b } else { n };
            let at = SocketAddr::from(([10, 0, 1 + step.a % 100, host], 1_000 + u16::from(n)));
            self.hear_from(Endpoint { at, via: Via::Own }, key_of_crowd(step.a, n), &body);
        }
    }

    /// A gateway passes on what it says that another peer said elsewhere, over a link or in an envelope; or a link
    /// comes up, or ends. TLS proves where a link leads, so that is not where the victim is.
    fn pass_on(&mut self, step: LanStep) {
        let LanStep { n, a, b, .. } = step;
        let (now, gateway, at, peer) = (self.now, key(n), address(a), key_of_crowd(a, b / 8));
        let message = match b % 8 {
            0 if !is_victim(at) => {
                return self.machines.handle_link(now, gateway, LinkChange::Up(Host::from(at)));
            }
            0 | 1 => {
                let change = if b < 64 { LinkChange::Closed } else { LinkChange::Lost };
                return self.machines.handle_link(now, gateway, change);
            }
            2 => DatagramMessage::Leave,
            3 => DatagramMessage::Probe { peer: key(b / 8), nonce: b.into() },
            4..=6 => {
                DatagramMessage::Proof { ask: Some(a.into()), echoes: self.nonce(a).into_iter().collect() }
            }
            _ => DatagramMessage::Here,
        };
        let body = self.body(step, message);
        let form = if n >= 192 { TellingForm::Link } else { TellingForm::Envelope };
        let source = match form {
            TellingForm::Link => self.machines.admit_relayed(now, gateway, Some(at), peer),
            TellingForm::Envelope => {
                let link = Endpoint { at: address(n), via: Via::Shared };
                let told = Endpoint { at, via: Via::Gateway(gateway) };
                let may = self.machines.admit_envelope(now, link, gateway)
                    && self.machines.admit(now, told, peer, |_| true);
                may.then_some(told)
            }
        };
        let Some(source) = source else { return };
        // Each datagram passes once, so that no two are the same.
        let signed: Arc<[u8]> = Arc::from(self.sequence.to_be_bytes());
        let packet = Packet { source, peer, body: &body, signed: &signed };
        let _dropped: Result<(), Dropped> = self.machines.handle_told(now, form, a % 5, &packet);
    }

    /// Something changes at this peer.
    fn change(&mut self, step: LanStep) {
        let now = self.now;
        match step.n % 4 {
            0 => self.machines.handle_links(now, links(step.a)),
            1 => self.machines.handle_link_up(now),
            2 => self.machines.handle_instance(now, Instance { count: step.a.into(), random: 1 }),
            _ => {
                self.own.catalogue += 1;
                self.machines.handle_own(now, self.own.clone());
            }
        }
    }

    /// Time passes, and what is due meanwhile is done when it is.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.machines.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.catch_up();
        }
        self.now = until;
    }

    /// This machine sleeps, and does what was due only when it wakes.
    fn sleep(&mut self, time: Duration) {
        self.now = self.now + time;
        self.catch_up();
    }

    /// Does what is due now.
    fn catch_up(&mut self) {
        let mut calls = 0;
        while self.machines.poll_timeout().is_some_and(|due| due <= self.now) {
            self.machines.handle_timeout(self.now);
            self.drain();
            calls += 1;
            assert!(calls < CALLS, "there is always something more to do at one moment");
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machines.poll_output() {
            match output {
                LanOutput::Broadcast(body) => self.learn(&body.message),
                LanOutput::Unicast { to, body } if is_victim(to.at) => {
                    // Whom the controller wants to dial is its own business, and a leave the last word.
                    let is_caused =
                        !matches!(body.message, DatagramMessage::DialBack { .. } | DatagramMessage::Leave);
                    if is_caused {
                        self.count_to_victim();
                    }
                }
                LanOutput::Unicast { body, .. } => self.learn(&body.message),
                LanOutput::Forward { to: Some(to), .. } if is_victim(to.at) => self.count_to_victim(),
                LanOutput::Forward { .. } | LanOutput::Envelope { .. } => {}
                LanOutput::LookAround => self.look_around(),
                LanOutput::Event(event) => self.take(event),
                LanOutput::Left => self.left = true,
            }
        }
    }

    /// Strangers can make the system believe in any neighbours, also where the victim is.
    fn look_around(&mut self) {
        let hosts = (0..=u8::MAX).map(|n| Host::from(address(n)));
        self.machines.handle_neighbours(self.now, hosts.collect());
    }

    fn learn(&mut self, message: &DatagramMessage) {
        let nonce = match message {
            DatagramMessage::Hello { nonce } | DatagramMessage::Probe { nonce, .. } => *nonce,
            DatagramMessage::Proof { ask: Some(nonce), .. } => *nonce,
            _ => return,
        };
        self.nonces.retain(|known| *known != nonce);
        self.nonces.push_back(nonce);
        if self.nonces.len() > NONCES {
            self.nonces.pop_front();
        }
    }

    fn count_to_victim(&mut self) {
        let now = self.now;
        self.to_victim.retain(|at| now.since(*at) < Duration::from_secs(1));
        self.to_victim.push_back(now);
        assert!(self.to_victim.len() <= TO_VICTIM, "strangers make us flood a third machine");
    }

    /// The controller is told something.
    fn take(&mut self, event: Event) {
        match event {
            Event::Here(info) => {
                assert!(info.contact.id != OURS, "we are listed ourselves");
                let is_victim = info.contact.hosts.iter().any(|host| host.ip == VICTIM);
                assert!(!is_victim, "a peer is dialled where it did not prove to be");
                self.here.insert(info.contact.id);
            }
            Event::Gone(peer, _) => assert!(self.here.remove(&peer), "{peer} is gone and was not here"),
            Event::DialBack(peer) | Event::AskedToMeet(peer) | Event::Lacking(peer) => {
                assert!(self.here.contains(&peer), "{peer} is not here");
            }
            Event::Sought(peer, files) | Event::Has(peer, files) => {
                assert!(self.here.contains(&peer), "{peer} is not here");
                assert!(files.len() <= FILES);
            }
            _ => {}
        }
    }

    fn check(&self) {
        assert_eq!(self.machines.check(), self.here, "the controller believes that others are here");
    }

    /// Leaves: that takes three datagrams and 40 ms, whatever came before.
    fn leave(&mut self) {
        self.machines.handle_leave(self.now);
        let by = self.now + Duration::from_millis(40);
        while let Some(due) = self.machines.poll_timeout() {
            self.now = self.now.max(due);
            assert!(self.now <= by, "the leave takes too long");
            self.catch_up();
        }
        assert!(self.left, "it waits for nothing, and has not left");
    }
}

fn links(n: u8) -> Vec<NetworkPrefix> {
    let link = |ip: [u8; 4], prefix| NetworkPrefix { ip: ip.into(), prefix };
    let global = NetworkPrefix { ip: [0x2001, 0xdb8, 0, 6, 0, 0, 0, 9].into(), prefix: 64 };
    let all = [link([10, 0, 0, 1], 8), global, link([192, 168, 9, 1], 24)];
    let count = if n.is_multiple_of(4) { 2 } else { usize::from(n % 4) };
    all.into_iter().take(count).collect()
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_strangers_say_the_machines_hold_together() {
        with_bytes(30, 4 * super::STEPS as u64, super::run);
    }
}
