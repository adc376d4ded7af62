//! Several networks, and the links between peers of them. Pure.
//!
//! A link is a TCP connection: nothing on it is lost or overtaken, but while it is cut. Datagrams are not really
//! signed where there are links: what is relayed is the encoded body.

use std::rc::Rc;
use std::sync::Arc;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use super::World;
use super::flight::{Payload, SimEnvelope, What};
use crate::address::Host;
use crate::identity::{Contact, PeerId};
use crate::lan::{LinkChange, LinkDatagram, NetworkPrefix, Packet, TellingForm};
use crate::wire::message::RelayedDatagram;

/// How long a datagram takes over a link, and a dial to be proved.
const ACROSS: Duration = Duration::from_millis(4);

/// A link between two peers, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimLink {
    /// Its ends.
    pub ends: [usize; 2],
    /// False while the router between them lets nothing through.
    pub is_up: bool,
}

/// A world of several networks.
#[derive(Debug)]
pub struct Networks(pub World);

impl Deref for Networks {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl DerefMut for Networks {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0
    }
}

impl Networks {
    /// Before their start, puts these peers on a network of their own.
    pub fn put_on_network(&mut self, network: u8, places: impl IntoIterator<Item = usize>) {
        for place in places {
            let low = u16::try_from(place).unwrap_or(u16::MAX) + 1;
            let [high, low] = low.to_be_bytes();
            self.readdress(place, Ipv4Addr::new(10, network, high, low));
            let node = &mut self.nodes[place];
            node.side = network;
            let ip = IpAddr::V4(Ipv4Addr::new(10, network, 0, 0));
            node.system.network = Some(NetworkPrefix { ip, prefix: 16 });
        }
    }

    /// Makes a link between two peers that run.
    pub fn link_up(&mut self, ends: [usize; 2]) {
        self.links.retain(|link| link.ends != ends);
        self.links.push(SimLink { ends, is_up: true });
        let now = self.now;
        for [own, other] in [ends, [ends[1], ends[0]]] {
            let (peer, ip) = (self.nodes[other].id, self.nodes[other].ip);
            let host = Host { ip: ip.into(), scope: 0 };
            self.with(own, |machines| {
                machines.handle_link(now, peer, LinkChange::Up(host));
                machines.handle_proved(now, peer, host);
            });
        }
    }

    /// Cuts all links: both ends notice at once.
    pub fn cut_links(&mut self) {
        let now = self.now;
        for at in 0..self.links.len() {
            self.links[at].is_up = false;
            let [one, other] = self.links[at].ends;
            for [own, of] in [[one, other], [other, one]] {
                let peer = self.nodes[of].id;
                self.with(own, |machines| machines.handle_link(now, peer, LinkChange::Lost));
            }
        }
    }

    /// Makes all links again.
    pub fn heal_links(&mut self) {
        let all: Vec<_> = self.links.iter().map(|link| link.ends).collect();
        all.into_iter().for_each(|ends| self.link_up(ends));
    }

    /// True if all that run show exactly the others that run, whatever network they are on.
    #[must_use]
    pub fn agree(world: &World) -> bool {
        let count = world.nodes.iter().filter(|node| node.is_up()).count();
        let is_right = |id: &PeerId| world.nodes[world.places[id]].is_up();
        let up = || world.nodes.iter().filter(|node| node.is_up());
        up().all(|node| node.shown.len() + 1 == count) && up().all(|node| node.shown.keys().all(is_right))
    }

    /// Has a peer broadcast an envelope, whatever it holds: for liars.
    pub fn envelop(&mut self, from: usize, of: PeerId, at: SocketAddr, signed: Arc<[u8]>) {
        let envelope = SimEnvelope::new(self.nodes[from].id, 1, of, Some(at), signed);
        broadcast_envelope(&mut self.0, from, envelope);
    }
}

/// A datagram goes into a link, if that stands.
pub(super) fn relay(world: &mut World, from: usize, relay: LinkDatagram) {
    let LinkDatagram { to, payer, datagram, .. } = relay;
    let Some(to) = world.places.get(&to).copied() else { return };
    let is_of = |ends: [usize; 2]| ends == [from, to] || ends == [to, from];
    if world.links.iter().any(|link| link.is_up && is_of(link.ends)) {
        let gateway = world.nodes[from].id;
        let RelayedDatagram { at, hops, signed } = datagram;
        let datagram = Rc::new(SimEnvelope::new(gateway, hops, payer.peer, at, signed));
        world.queue.push(world.now + ACROSS, What::Relayed { to, datagram });
    }
}

/// A datagram comes out of a link.
pub(super) fn bring(world: &mut World, to: usize, datagram: &SimEnvelope) {
    let SimEnvelope { gateway, hops, peer, at, signed, .. } = datagram;
    let now = world.now;
    if world.nodes[to].asleep || world.nodes[to].id == *peer {
        return;
    }
    world.with(to, |machines| {
        if let Some(source) = machines.admit_relayed(now, *gateway, *at, *peer)
            && let Some(body) = datagram.body()
        {
            let packet = Packet { source, peer: *peer, body, signed };
            machines.handle_told(now, TellingForm::Link, *hops, &packet).ok();
        }
    });
}

/// A gateway broadcasts an envelope.
pub(super) fn broadcast_envelope(world: &mut World, from: usize, envelope: SimEnvelope) {
    world.envelopes += 1;
    world.broadcast_payload(from, Payload::Enveloped(Rc::new(envelope)));
}

/// A dial to where a gateway says that a peer is: TLS proves whoever is there. The caller drains.
pub(super) fn prove_told(world: &mut World, by: usize, contact: &Contact) {
    let now = world.now;
    world.told_dials += 1;
    let there = world.places.get(&contact.id).map(|of| &world.nodes[*of]);
    let ip = there.filter(|node| node.is_up()).map(|node| IpAddr::V4(node.ip));
    let host = contact.hosts.iter().find(|host| Some(host.ip) == ip).copied();
    if let (Some(host), Some(machines)) = (host, &mut world.nodes[by].machines) {
        machines.handle_proved(now, contact.id, host);
    }
}
