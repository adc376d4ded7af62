//! How datagrams and tables get from one simulated peer to others, and how its machines take them in. Pure.

use std::rc::Rc;
use std::sync::Arc;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::flight::{Flight, Payload, PlainDatagram, SimEnvelope, What};
use super::{Node, World, own};
use crate::identity::{PeerId, PeerName};
use crate::lan::{Endpoint, Machines, Packet, TellingForm, Via};
use crate::limits;
use crate::sim::Link;
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage, Envelope, Presence, PresenceState, read_body, seal};

impl World {
    /// Keeps a copy of every datagram from now on, as an attacker would.
    pub fn record(&mut self) {
        self.recording = Some(Vec::new());
    }

    /// Sends all that was recorded to everyone again, from `source`.
    pub fn replay(&mut self, source: SocketAddr) {
        let recorded = self.recording.take().unwrap_or_default();
        for datagram in recorded {
            self.inject(source, &Payload::Plain(datagram));
        }
    }

    /// Sends everyone `count` datagrams from `source` that claim to be of `of` and are not signed by it.
    pub fn forge(&mut self, source: SocketAddr, of: PeerId, count: usize) {
        for _ in 0..count {
            self.inject(source, &Payload::Forged(of));
        }
    }

    /// Sends everyone a datagram of a peer that does not exist, rightly signed: anyone can make keys.
    pub fn invent(&mut self, source: SocketAddr, id: PeerId, body: Body) {
        self.inject(source, &Payload::Plain(Rc::new(PlainDatagram::new(id, body))));
    }

    fn inject(&mut self, source: SocketAddr, payload: &Payload) {
        let source = Endpoint { at: source, via: Via::Shared };
        self.send(self.link, 0..self.nodes.len(), source, payload.clone());
    }

    fn send(&mut self, link: Link, to: impl Iterator<Item = usize>, source: Endpoint, payload: Payload) {
        let mut arrivals = Vec::with_capacity(to.size_hint().1.unwrap_or(0));
        for to in to {
            let times = link.arrivals(&mut self.rng).into_iter().flatten();
            arrivals.extend(times.map(|after| (self.now + after, to)));
        }
        arrivals.sort_unstable_by(|a, b| b.cmp(a));
        if let Some((first, _)) = arrivals.last() {
            self.queue.push(*first, What::Flight(Flight { source, payload, arrivals }));
        }
    }

    /// Gives peer `to` the table of `teller`, which it asked for over TCP, if that still runs.
    pub(super) fn table(&mut self, to: usize, teller: usize) {
        let (from, now, unsigned) = (&self.nodes[teller], self.now, Arc::clone(&self.unsigned));
        if !from.is_up() || from.side != self.nodes[to].side {
            return;
        }
        let (teller, table): (_, Vec<_>) = (from.id, from.shown.values().cloned().collect());
        self.tables += 1;
        self.with(to, |machines| {
            for info in &table {
                let presence = Presence { catalogue: info.catalogue, ..presence(&info.name) };
                let message = DatagramMessage::Here;
                let body = Body { instance: info.instance, sequence: 1, presence, message };
                let source = Endpoint { at: info.at, via: Via::Own };
                let peer = info.contact.id;
                machines.handle_table(now, teller, &Packet { source, peer, body: &body, signed: &unsigned });
            }
        });
    }

    pub(super) fn arrive(&mut self, to: usize, source: Endpoint, payload: Payload) {
        let now = self.now;
        let node = &mut self.nodes[to];
        let (Some(machines), false) = (&mut node.machines, node.asleep) else { return };
        if take(machines, now, source, &payload) {
            self.drain(to);
        }
    }

    fn count_sent(&mut self, from: usize) {
        self.sent += 1;
        let node = &mut self.nodes[from];
        node.sent += 1;
        node.last_second.push_back(self.now);
        while node.last_second.front().is_some_and(|at| self.now.since(*at) >= Duration::from_secs(1)) {
            node.last_second.pop_front();
        }
        node.busiest = node.busiest.max(node.last_second.len());
    }

    fn payload(&self, from: usize, body: Body) -> Payload {
        let node = &self.nodes[from];
        match &node.identity {
            Some(identity) => Payload::Sealed(Rc::from(seal(identity, &body))),
            None => Payload::Plain(Rc::new(PlainDatagram::new(node.id, body))),
        }
    }

    /// Keeps a copy of it, if one is kept of every datagram.
    fn note(&mut self, payload: &Payload) {
        if let (Some(recording), Payload::Plain(datagram)) = (&mut self.recording, payload) {
            recording.push(Rc::clone(datagram));
        }
    }

    /// Peer `from` sends what another one signed once more.
    pub(super) fn forward(&mut self, from: usize, to: Option<Endpoint>, peer: PeerId, signed: &[u8]) {
        let payload = match &self.nodes[from].identity {
            Some(_) => Payload::Sealed(Rc::from(signed)),
            // What stands for a signed datagram where nothing is signed, made by [`take`].
            None => match read_body(signed) {
                Ok(body) => Payload::Plain(Rc::new(PlainDatagram::new(peer, body))),
                Err(_) => return,
            },
        };
        match to {
            None => self.broadcast_payload(from, payload),
            Some(to) => self.unicast_payload(from, to, payload),
        }
    }

    pub(super) fn broadcast(&mut self, from: usize, body: Body) {
        let payload = self.payload(from, body);
        let now = self.now;
        if let (Payload::Plain(datagram), Some(machines)) = (&payload, &mut self.nodes[from].machines)
            && !self.links.is_empty()
        {
            machines.handle_said(now, datagram.peer, &datagram.body.message, datagram.signed());
        }
        self.broadcast_payload(from, payload);
    }

    pub(super) fn broadcast_payload(&mut self, from: usize, payload: Payload) {
        self.count_sent(from);
        self.note(&payload);
        let node = &self.nodes[from];
        let source = Endpoint { at: SocketAddr::from((node.ip, node.port)), via: Via::Shared };
        let side = node.side;
        let nodes = self.nodes.iter().enumerate();
        // Our own comes back to us too, but the shell knows it by its port.
        // What goes to everyone is no answer to anything: no wall lets it in.
        let hears =
            |to: usize, n: &Node| to != from && n.side == side && n.is_up() && n.system.wall.is_none();
        let to: Vec<_> = nodes.filter(|(to, n)| hears(*to, n)).map(|(to, _)| to).collect();
        self.send(self.link.of_broadcasts(), to.into_iter(), source, payload);
    }

    pub(super) fn unicast(&mut self, from: usize, to: Endpoint, body: Body) {
        let payload = self.payload(from, body);
        self.unicast_payload(from, to, payload);
    }

    fn unicast_payload(&mut self, from: usize, to: Endpoint, payload: Payload) {
        let Endpoint { at: to, via } = to;
        self.count_sent(from);
        self.note(&payload);
        let now = self.now;
        let node = &mut self.nodes[from];
        let port = if via == Via::Own { node.port } else { limits::DISCOVERY_PORT };
        let (side, source) = (node.side, SocketAddr::from((node.ip, port)));
        if let Some(wall) = &mut node.system.wall {
            wall.note_sent(now, via, to);
        }
        // One peer a host: the shared port of an address is that of the peer there.
        let shared = to.port() == limits::DISCOVERY_PORT;
        let target = if shared {
            match to.ip() {
                IpAddr::V4(ip) => self.hosts.get(&ip).copied(),
                IpAddr::V6(_) => None,
            }
        } else {
            self.addresses.get(&to).copied()
        };
        if let Some(target) = target
            && self.nodes[target].side == side
        {
            // Before anything is sent to one each learns of the other.
            let ips = (source.ip(), to.ip());
            self.nodes[from].system.neighbours.insert(ips.1);
            self.nodes[target].system.neighbours.insert(ips.0);
            let source = Endpoint { at: source, via: if shared { Via::Shared } else { Via::Own } };
            if self.nodes[target].system.wall.as_ref().is_none_or(|wall| wall.lets_in(now, source)) {
                self.send(self.link, core::iter::once(target), source, payload);
            }
        }
    }
}

/// What a table tells of a peer.
fn presence(name: &PeerName) -> Presence {
    Presence::new(PresenceState::Here, name.clone(), own(0).ports, 1_000, 0)
}

/// True if `nonce` stands in a datagram.
fn holds(body: &Body, nonce: u64) -> bool {
    match &body.message {
        DatagramMessage::Hello { nonce: n } | DatagramMessage::Probe { nonce: n, .. } => *n == nonce,
        DatagramMessage::Proof { ask, echoes } => *ask == Some(nonce) || echoes.contains(&nonce),
        DatagramMessage::Room(_) => body.instance.random == nonce,
        DatagramMessage::Here
        | DatagramMessage::Leave
        | DatagramMessage::Other
        | DatagramMessage::Seek { .. }
        | DatagramMessage::Has { .. }
        | DatagramMessage::RoomMissing { .. }
        | DatagramMessage::DialBack { .. } => false,
    }
}

/// Gives a datagram to the machines of a peer as the shell does. False if it was not even read.
fn take(machines: &mut Machines, now: Time, source: Endpoint, payload: &Payload) -> bool {
    // What was not taken is counted by the shell; here the effects are looked at.
    match payload {
        Payload::Plain(datagram) => {
            let PlainDatagram { peer, body, .. } = &**datagram;
            let admitted = machines.admit(now, source, *peer, |nonce| holds(body, nonce));
            if admitted {
                let packet = Packet { source, peer: *peer, body, signed: datagram.signed() };
                machines.handle_packet(now, &packet).ok();
            }
            admitted
        }
        Payload::Enveloped(envelope) => {
            let SimEnvelope { gateway, hops, peer, at, signed, .. } = &**envelope;
            let Some(at) = *at else { return false };
            let told = Endpoint { at, via: Via::Gateway(*gateway) };
            if !machines.admit_envelope(now, source, *gateway) || !machines.admit(now, told, *peer, |_| false)
            {
                return false;
            }
            let Some(body) = envelope.body() else { return false };
            let packet = Packet { source: told, peer: *peer, body, signed };
            machines.handle_told(now, TellingForm::Envelope, *hops, &packet).ok();
            true
        }
        Payload::Forged(id) => {
            machines.admit(now, source, *id, |_| false);
            false
        }
        Payload::Sealed(bytes) => {
            let Ok(envelope) = Envelope::parse(bytes) else { return false };
            let id = envelope.key().peer_id();
            if machines.admit(now, source, id, |nonce| envelope.contains(nonce))
                && let Ok(body) = envelope.open()
            {
                let signed = &Arc::from(&**bytes);
                machines.handle_packet(now, &Packet { source, peer: id, body: &body, signed }).ok();
                return true;
            }
            false
        }
    }
}
