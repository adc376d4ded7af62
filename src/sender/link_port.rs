//! What this peer does as a gateway: the links that others made to it, on their connections, and whom it tells of each
//! other. What is answered when is in `links.rs` and `introductions.rs`.

use crossbeam_channel::Sender;

use super::SenderEvent;
use super::introductions::{Introduction, Introductions};
use super::links::ServedLinks;
use crate::identity::PeerId;
use crate::time::Time;
use crate::transfer::connection::Connection;
use crate::transfer::link_queue::QueuedDatagram;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{Meet, Reason, Relay};

/// The links, and who hears of them.
#[derive(Debug)]
pub(super) struct LinkPort {
    events: Sender<SenderEvent>,
    links: ServedLinks,
    introductions: Introductions<ConnId>,
}

impl LinkPort {
    /// Without any.
    pub(super) fn new(events: Sender<SenderEvent>) -> Self {
        Self { events, links: ServedLinks::default(), introductions: Introductions::default() }
    }

    /// A link brought datagrams, and asks for ours. `may_begin`: the first question makes a link.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn take(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        relay: Relay,
        may_begin: bool,
    ) -> Result<(), Reason> {
        let payer = net.payer(id).filter(|_| may_begin || self.links.has(id)).ok_or(Reason::Busy)?;
        let asked = self.links.ask(now, id, payer, relay.request)?;
        for peer in asked.yielded {
            drop(self.events.send(SenderEvent::Unlinked(peer)));
        }
        if let Some(host) = net.host(id).filter(|_| asked.is_new) {
            drop(self.events.send(SenderEvent::Linked(payer.peer, host)));
        }
        let datagrams: Vec<_> = relay.datagrams.into_iter().collect();
        if !datagrams.is_empty() {
            // What the controller does not take now is lost, as on any network.
            drop(self.events.try_send(SenderEvent::Relayed(payer.peer, datagrams)));
        }
        self.answer(now, net);
        Ok(())
    }

    /// This is to cross the link that `peer` made.
    pub(super) fn relay(&mut self, now: Time, net: &mut Net, peer: PeerId, queued: &QueuedDatagram) {
        self.links.push(now, peer, queued);
        self.answer(now, net);
    }

    /// Answers the questions that are due.
    pub(super) fn answer(&mut self, now: Time, net: &mut Net) {
        while let Some((id, relayed)) = self.links.next_answer(now) {
            net.send(id, &Message::Relayed(relayed));
        }
        self.links.check();
    }

    /// Whoever asks over this connection wants to meet another peer.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn introduce(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        meet: Meet,
    ) -> Result<(), Reason> {
        let at = net.get(id).and_then(Connection::address);
        let (payer, at) = net.payer(id).zip(at).ok_or(Reason::Busy)?;
        for Introduction { id, answer } in self.introductions.ask(now, id, payer, meet, at)? {
            net.send(id, &Message::Met(answer));
        }
        Ok(())
    }

    /// When [`Self::answer`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.links.poll_timeout()
    }

    /// True if this connection is a link.
    pub(super) fn has(&self, id: ConnId) -> bool {
        self.links.has(id)
    }

    /// This connection is over.
    pub(super) fn forget(&mut self, id: ConnId) {
        self.introductions.forget(id);
        if let Some(peer) = self.links.forget(id) {
            drop(self.events.send(SenderEvent::Unlinked(peer)));
        }
    }
}
