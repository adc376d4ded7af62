//! Passes datagrams on between networks: those that were said to everyone on a network of this peer go over its
//! links, and those that come over a link go to everyone here, in an envelope. Pure; `lan/machines.rs` hosts it.
//!
//! Each datagram passes once, whichever way it comes, so that neither two gateways side by side nor a circle of
//! networks make a storm. Of several gateways on one network the first one broadcasts, and the others, which wait
//! a little each time, leave it at that. What only its own network needs does not cross: an answer crosses where
//! its question came from, and a question about a peer only where that peer is.

mod near;
mod passed;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use core::net::SocketAddr;
use core::time::Duration;

use self::passed::{NoncesAcross, PassedDatagrams};
use self::waiting::{WaitingEnvelope, WaitingEnvelopes};
use super::LinkDatagram;
use super::limits;
use super::rng::Rng;
use crate::accounts::{AccountHost, Payer};
use crate::address::Host;
use crate::identity::PeerId;
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;
use crate::wire::message::RelayedDatagram;

/// An envelope is broadcast within this time, so that of several gateways one is the first.
const WITHIN: Duration = Duration::from_millis(30);

/// What the machine wants done.
#[derive(Debug)]
pub(super) enum GatewayOutput {
    /// Pass this on over a link.
    Relay(LinkDatagram),
    /// Broadcast this datagram in an envelope.
    Envelope {
        /// Links that it has crossed.
        hops: u8,
        /// Who signed it.
        peer: PeerId,
        /// Where the teller saw its sender.
        at: SocketAddr,
        /// All of it.
        signed: Arc<[u8]>,
    },
}

/// A datagram that may be passed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing<'a> {
    /// Who signed it.
    pub peer: PeerId,
    /// Whose share it takes part of: the host at which that peer is as far as it is proved, or where the link leads
    /// that brought it.
    pub charged: AccountHost,
    /// Where that peer is, as far as is known; `None`: it is this peer.
    pub at: Option<SocketAddr>,
    /// Links that it has crossed.
    pub hops: u8,
    /// What it says.
    pub message: &'a DatagramMessage,
    /// All of it.
    pub signed: &'a Arc<[u8]>,
}

impl Passing<'_> {
    fn payer(&self) -> Payer<PeerId> {
        Payer { host: self.charged, peer: self.peer }
    }
}

/// The peer at the other end of a link.
#[derive(Debug)]
struct LinkEnd {
    host: Host,
    /// What it passes on.
    taken: TokenBucket,
}

/// The machine. Without a link it does nothing.
#[derive(Debug)]
pub(super) struct Gateway {
    links: BTreeMap<PeerId, LinkEnd>,
    passed: PassedDatagrams,
    across: NoncesAcross,
    waiting: WaitingEnvelopes,
    rng: Rng,
    outputs: VecDeque<GatewayOutput>,
}

impl Gateway {
    /// One without links.
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            links: BTreeMap::new(),
            passed: PassedDatagrams::default(),
            across: NoncesAcross::default(),
            waiting: WaitingEnvelopes::default(),
            rng,
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do, until there is none.
    pub(super) fn poll_output(&mut self) -> Option<GatewayOutput> {
        self.outputs.pop_front()
    }

    /// A link with this peer is up. False: there are too many.
    pub(super) fn handle_linked(&mut self, peer: PeerId, host: Host) -> bool {
        let has_room = self.links.len() < limits::LINKS || self.links.contains_key(&peer);
        if has_room {
            self.links.insert(peer, LinkEnd { host, taken: TokenBucket::default() });
        }
        has_room
    }

    /// The link with this peer is down.
    pub(super) fn handle_unlinked(&mut self, peer: PeerId) {
        self.links.remove(&peer);
    }

    /// Where a datagram comes from that a link brought, if that may bring one more now.
    pub(super) fn admit(&mut self, now: Time, from: PeerId, at: Option<SocketAddr>) -> Option<SocketAddr> {
        let link = self.links.get_mut(&from)?;
        let may_bring = link.taken.take(now, limits::LINK_TRAFFIC);
        let at = at.unwrap_or_else(|| link.host.socket(limits::DISCOVERY_PORT));
        may_bring.then_some(at)
    }

    /// Where the link with this peer leads.
    pub(super) fn link_host(&self, peer: PeerId) -> AccountHost {
        self.links.get(&peer).map_or(AccountHost::Unproved, |link| link.host.into())
    }

    /// This was said to everyone on a network of ours, by a peer that is here or by ourselves, or came in an
    /// envelope of another gateway. `is_near` tells whether a peer is on a network of ours.
    pub(super) fn handle_near(&mut self, now: Time, passing: Passing<'_>, is_near: impl Fn(PeerId) -> bool) {
        self.waiting.forget(passing.signed);
        if self.links.is_empty() || !self.passed.take(now, passing.signed, is_line(passing.message)) {
            return;
        }
        // The other end of a link may hear nothing that is said to everyone here, though it is near.
        if passing.hops > 0 || self.links.contains_key(&passing.peer) {
            self.across.note(now, passing.message);
        }
        if self.crosses(now, passing.message, is_near) {
            self.pass_over_links(None, passing);
        }
    }

    /// A link brought this.
    pub(super) fn handle_relayed(&mut self, now: Time, from: PeerId, passing: Passing<'_>) {
        if !self.passed.take(now, passing.signed, is_line(passing.message)) {
            return;
        }
        self.across.note(now, passing.message);
        let envelope = WaitingEnvelope {
            due: now + self.rng.delay(WITHIN),
            hops: passing.hops,
            payer: passing.payer(),
            at: passing.at.unwrap_or_else(|| SocketAddr::from(([0; 4], 0))),
            is_presence: *passing.message == DatagramMessage::Here,
            signed: Arc::clone(passing.signed),
        };
        self.waiting.push(now, envelope);
        self.pass_over_links(Some(from), passing);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.waiting.poll_timeout()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        while let Some(WaitingEnvelope { hops, payer, at, signed, .. }) = self.waiting.take_due(now) {
            let peer = payer.peer;
            self.outputs.push_back(GatewayOutput::Envelope { hops, peer, at, signed });
        }
    }

    /// It holds no more than it may.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check(&self) {
        assert!(self.links.len() <= limits::LINKS);
        self.passed.check_bounds();
        self.across.check_bounds();
        self.waiting.check_bounds();
    }

    fn pass_over_links(&mut self, but: Option<PeerId>, passing: Passing<'_>) {
        let Passing { peer, at, hops, message, signed, .. } = passing;
        if hops >= limits::HOPS {
            return;
        }
        for to in self.links.keys().filter(|to| **to != peer && Some(**to) != but) {
            let datagram = RelayedDatagram { at, hops: hops + 1, signed: Arc::clone(signed) };
            let is_presence = *message == DatagramMessage::Here;
            let relay = LinkDatagram { to: *to, payer: passing.payer(), is_presence, datagram };
            self.outputs.push_back(GatewayOutput::Relay(relay));
        }
    }

    /// True if another network may need it.
    fn crosses(&self, now: Time, message: &DatagramMessage, is_near: impl Fn(PeerId) -> bool) -> bool {
        match message {
            DatagramMessage::Here
            | DatagramMessage::Hello { .. }
            | DatagramMessage::Leave
            | DatagramMessage::Seek { .. }
            | DatagramMessage::Has { .. }
            | DatagramMessage::Room(_)
            | DatagramMessage::RoomMissing { .. }
            | DatagramMessage::Other => true,
            DatagramMessage::Proof { echoes, .. } => self.across.has_any(now, echoes),
            DatagramMessage::Probe { peer, .. } | DatagramMessage::DialBack { peer } => {
                !is_near(*peer) || self.links.contains_key(peer)
            }
        }
    }
}

/// True of what is sent once more, byte for byte, to whoever lacks it.
const fn is_line(message: &DatagramMessage) -> bool {
    matches!(message, DatagramMessage::Room(_))
}

#[cfg(test)]
mod tests;
