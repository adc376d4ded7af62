//! The ports of custody of a simulated process: they carry messages, as bytes, and decide nothing.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeMap;

use super::around::Around;
use super::happening::{ConnEnd, ConnId, ConnRole};
use super::receiver::address;
use crate::address::Host;
use crate::distribution::{CustodyCommand, CustodyEvent};
use crate::identity::{Contact, PeerId};
use crate::peer::event::PeerEvent;
use crate::wire::custody::CustodyMessage;
use crate::wire::frame::{self, Decoder, Piece};

/// A peer that can be asked.
#[derive(Debug)]
struct CustodyLink {
    contact: Contact,
    /// The connection on which it is asked.
    conn: Option<ConnId>,
    /// Requests without an answer.
    open: usize,
}

/// A connection.
#[derive(Debug)]
struct CustodyConn {
    peer: PeerId,
    ip: Ipv4Addr,
    end: ConnEnd,
    decoder: Decoder,
    /// Frames that are sent as soon as it stands; `None`: it does.
    waiting: Option<Vec<Vec<u8>>>,
}

/// Both ports.
#[derive(Debug, Default)]
pub(super) struct SimCustody {
    links: BTreeMap<PeerId, CustodyLink>,
    conns: BTreeMap<ConnId, CustodyConn>,
}

impl SimCustody {
    /// The controller asks for something.
    pub(super) fn command(&mut self, around: &mut Around<'_>, command: CustodyCommand) {
        match command {
            CustodyCommand::Peer(contact) => {
                let fresh = || CustodyLink { contact: contact.clone(), conn: None, open: 0 };
                let link = self.links.entry(contact.id).or_insert_with(fresh);
                link.contact = contact;
            }
            CustodyCommand::Gone(peer) => {
                if let Some(id) = self.links.remove(&peer).and_then(|link| link.conn) {
                    self.conns.remove(&id);
                    around.network.close(id, ConnEnd::Dialler);
                }
            }
            CustodyCommand::Send(peer, message) if is_answer(&message) => {
                let is_its = |conn: &CustodyConn| conn.peer == peer && conn.end == ConnEnd::Listener;
                if let Some((id, _)) = self.conns.iter().rev().find(|(_, conn)| is_its(conn)) {
                    around.network.send(*id, ConnEnd::Listener, framed(&message));
                }
            }
            CustodyCommand::Send(peer, message) => self.ask(around, peer, &message),
        }
    }

    fn ask(&mut self, around: &mut Around<'_>, peer: PeerId, message: &CustodyMessage) {
        let link = self.links.get_mut(&peer);
        let ip =
            link.as_ref().and_then(|l| l.contact.hosts.first()).and_then(|host| address(host, around.ip));
        let Some((link, ip)) = link.zip(ip) else {
            around.part_says(PeerEvent::Custody(CustodyEvent::Unreachable(peer)));
            return;
        };
        link.open += 1;
        let id = *link.conn.get_or_insert_with(|| {
            let id = around.dial(ip, ConnRole::Custody);
            let decoder = Decoder::default();
            let waiting = Some(Vec::new());
            self.conns.insert(id, CustodyConn { peer, ip, end: ConnEnd::Dialler, decoder, waiting });
            id
        });
        match self.conns.get_mut(&id).and_then(|conn| conn.waiting.as_mut()) {
            Some(waiting) => waiting.push(framed(message)),
            None => drop(around.network.send(id, ConnEnd::Dialler, framed(message))),
        }
    }

    /// A connection that was dialled stands.
    pub(super) fn connected(&mut self, around: &mut Around<'_>, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        for frame in conn.waiting.take().into_iter().flatten() {
            around.network.send(id, ConnEnd::Dialler, frame);
        }
        let host = Host { ip: IpAddr::V4(conn.ip), scope: 0 };
        around.tell(PeerEvent::Custody(CustodyEvent::Authenticated(conn.peer, host)));
    }

    /// A peer connected.
    pub(super) fn accepted(&mut self, around: &mut Around<'_>, id: ConnId, peer: PeerId, ip: Ipv4Addr) {
        let decoder = Decoder::default();
        self.conns.insert(id, CustodyConn { peer, ip, end: ConnEnd::Listener, decoder, waiting: None });
        let host = Host { ip: IpAddr::V4(ip), scope: 0 };
        around.tell(PeerEvent::Custody(CustodyEvent::Authenticated(peer, host)));
    }

    /// A connection is over, or could not be had.
    pub(super) fn closed(&mut self, around: &mut Around<'_>, id: ConnId) {
        let Some(conn) = self.conns.remove(&id) else { return };
        around.network.close(id, conn.end);
        if conn.end == ConnEnd::Dialler
            && let Some(link) = self.links.get_mut(&conn.peer)
        {
            link.conn = None;
            if std::mem::take(&mut link.open) > 0 {
                around.tell(PeerEvent::Custody(CustodyEvent::Unreachable(conn.peer)));
            }
        }
    }

    /// Messages came.
    pub(super) fn received(&mut self, around: &mut Around<'_>, id: ConnId, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let mut rest = bytes;
        loop {
            let (used, piece) = conn.decoder.feed(rest).expect("our own frames are well formed");
            rest = &rest[used..];
            let Piece::Frame(frame) = piece else { return };
            let message = CustodyMessage::decode(&frame).expect("our own messages are well formed");
            let message = message.expect("both ends know the same kinds");
            if conn.end == ConnEnd::Dialler
                && let Some(link) = self.links.get_mut(&conn.peer)
            {
                link.open = link.open.saturating_sub(1);
            }
            let event = CustodyEvent::Message(conn.peer, IpAddr::V4(conn.ip), message);
            around.tell(PeerEvent::Custody(event));
        }
    }
}

fn is_answer(message: &CustodyMessage) -> bool {
    !message.kind().answers().is_empty()
}

fn framed(message: &CustodyMessage) -> Vec<u8> {
    let (kind, header) = message.encode();
    [&frame::prefix(kind, header.len(), 0)[..], &header].concat()
}
