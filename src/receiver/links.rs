//! The connections of the receiver (`mod.rs`) to each peer: those that it dialled, further ones for blocks,
//! and those that others dialled back.

use super::{ReceiverEvent, ReceiverRole};
use crate::address::Host;
use crate::identity::{Contact, PeerId};
use crate::text;
use crate::time::Time;
use crate::transfer::connection::Dial;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{Reason, Refused};

/// A peer that is, or may be, connected.
#[derive(Debug, Default)]
pub(super) struct PeerLink {
    pub(super) contact: Option<Contact>,
    pub(super) conn: Option<ConnId>,
    /// TLS is through.
    pub(super) up: bool,
    /// How it came.
    way: LinkWay,
    /// More connections to it, for blocks: numbers 1 and up. Those that stand come first.
    pub(super) lanes: Vec<Lane>,
}

/// How a connection to a peer came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LinkWay {
    /// It was dialled here.
    #[default]
    Dialled,
    /// The peer made it.
    Back,
    /// Both made it, where neither can dial the other.
    Met,
}

/// A further connection to a peer.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) conn: ConnId,
    pub(super) up: bool,
}

impl ReceiverRole {
    /// A connection to `peer`: `Some(true)` it stands, `Some(false)` it is coming, `None` it cannot be.
    pub(super) fn connect(&mut self, now: Time, net: &mut Net, peer: PeerId) -> Option<bool> {
        let link = self.links.get_mut(&peer)?;
        if link.conn.is_some() {
            return Some(link.up);
        }
        let contact = link.contact.as_ref()?;
        match net.dial(now, Dial::to(contact, contact.ports.sender)) {
            Ok(id) => {
                (link.conn, link.way) = (Some(id), LinkWay::Dialled);
                self.dialled.insert(id, peer);
                self.asking.handle_dialling(now, peer);
                Some(false)
            }
            Err(how) => {
                log::debug!("{peer} cannot be dialled: {how:?}");
                self.asking.handle_failed(now, peer);
                None
            }
        }
    }

    pub(super) fn ask(&mut self, net: &mut Net, peer: PeerId, message: &Message) {
        if let Some(id) = self.links.get(&peer).and_then(|l| l.conn) {
            net.send(id, message);
        }
    }

    pub(super) fn ask_on(&mut self, net: &mut Net, peer: PeerId, lane: u8, message: &Message) {
        let Some(link) = self.links.get(&peer) else { return };
        let further = usize::from(lane).checked_sub(1).and_then(|n| link.lanes.get(n));
        if let Some(id) = further.map_or(link.conn, |l| Some(l.conn)) {
            net.send(id, message);
        }
    }

    /// Makes connections until there are `count` to `peer`.
    pub(super) fn widen(&mut self, now: Time, net: &mut Net, peer: PeerId, count: u8) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let Some(contact) = &link.contact else { return };
        // One that dialled back, or was met, has one connection: it cannot be dialled for more.
        while link.way == LinkWay::Dialled && link.lanes.len() + 1 < usize::from(count) {
            match net.dial(now, Dial::to(contact, contact.ports.sender)) {
                Ok(conn) => {
                    link.lanes.push(Lane { conn, up: false });
                    self.dialled.insert(conn, peer);
                }
                Err(how) => {
                    log::debug!("{peer} cannot be dialled once more: {how:?}");
                    break;
                }
            }
        }
        self.widened(now, peer);
    }

    /// Tells the swarm how many connections to `peer` stand. One that loses the first packets takes a second
    /// or more to be made, so the others do not wait for it.
    pub(super) fn widened(&mut self, now: Time, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        // They have no number yet, so nobody minds the order.
        link.lanes.sort_by_key(|l| !l.up);
        let up = link.lanes.iter().filter(|l| l.up).count();
        let count = u8::try_from(1 + up).unwrap_or(u8::MAX);
        self.swarm.handle_lanes(now, peer, count, up == link.lanes.len());
    }

    /// Forgets and closes the connections to `peer`. False: there was none.
    pub(super) fn unlink(&mut self, now: Time, net: &mut Net, peer: PeerId) -> bool {
        let Some(link) = self.links.get_mut(&peer) else { return false };
        link.up = false;
        let way = std::mem::take(&mut link.way);
        let lanes = std::mem::take(&mut link.lanes).into_iter().map(|l| l.conn);
        let all: Vec<_> = link.conn.take().into_iter().chain(lanes).collect();
        for &id in &all {
            self.dialled.remove(&id);
            self.incoming.remove(&id);
            self.gate.forget(id);
            // One that is over already is no longer known there.
            net.close(now, id);
        }
        if way == LinkWay::Met {
            self.tell(ReceiverEvent::MetOver(peer));
        }
        !all.is_empty()
    }

    pub(super) fn drop_link(&mut self, now: Time, net: &mut Net, peer: PeerId, why: &str) {
        if self.unlink(now, net, peer) {
            log::debug!("the connection to {peer} is closed: {}", text::shown(why));
            self.tell(ReceiverEvent::Lost(peer));
        }
    }

    /// A peer came to our own port.
    pub(super) fn dialled_back(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId) {
        let wanted = self.stopping.is_none() && self.asking.waits_for(peer);
        if self.links.get(&peer).is_none_or(|link| !wanted || link.up) {
            let refused = Refused { request: 0, item: None, reason: Reason::NotOffered };
            net.send(id, &Message::Refused(refused));
            net.close(now, id);
            return;
        }
        log::debug!("{peer} dialled back");
        self.adopt(now, net, id, peer, LinkWay::Back);
    }

    /// A peer was met, though neither could dial the other.
    pub(super) fn met(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
        // Invariant: it is here, for the meeting with one that goes ends. Where it can be dialled is not known, so
        // the controller did not tell of it.
        if self.stopping.is_some() || self.links.entry(peer).or_default().up {
            net.close(now, id);
            return;
        }
        self.pulls.handle_here(peer, &[host]);
        self.tell(ReceiverEvent::Met(peer));
        self.adopt(now, net, id, peer, LinkWay::Met);
    }

    /// This connection, which was not dialled alone, is the one over which the peer is asked.
    fn adopt(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId, way: LinkWay) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        // The one that we are still making is not needed any more.
        if let Some(dialling) = link.conn.replace(id) {
            self.dialled.remove(&dialling);
            net.close(now, dialling);
        }
        (link.up, link.way) = (true, way);
        self.dialled.insert(id, peer);
        // That we could not dial it is no failure of its own.
        self.swarm.handle_peer(now, peer);
        self.up(now, net, peer, true);
    }

    /// The first connection with a peer stands.
    pub(super) fn up(&mut self, now: Time, net: &mut Net, peer: PeerId, back: bool) {
        self.asking.handle_up(peer, back);
        self.swarm.handle_up(now, peer);
        self.pulls.handle_up(now, peer);
        self.reading.machine.handle_up(now, peer);
        self.pump(now, net);
    }
}
