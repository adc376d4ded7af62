//! What is on its way in a world of discovery. Pure.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use core::net::SocketAddr;

use crate::codec::encode;
use crate::identity::PeerId;
use crate::lan::Endpoint;
use crate::time::Time;
use crate::wire::datagram::{Body, read_body};

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// Taken for signed.
    Plain(Rc<PlainDatagram>),
    /// With a claimed sender and a wrong signature.
    Forged(PeerId),
    /// With a real signature.
    Sealed(Rc<[u8]>),
    /// In the envelope of a gateway.
    Enveloped(Rc<SimEnvelope>),
}

/// A datagram that is taken for signed. A thousand may hear it: its bytes are made once for all of them.
#[derive(Debug)]
pub(super) struct PlainDatagram {
    pub(super) peer: PeerId,
    pub(super) body: Body,
    signed: OnceCell<Arc<[u8]>>,
}

impl PlainDatagram {
    /// What this peer says.
    pub(super) const fn new(peer: PeerId, body: Body) -> Self {
        Self { peer, body, signed: OnceCell::new() }
    }

    /// What stands for all of it.
    pub(super) fn signed(&self) -> &Arc<[u8]> {
        self.signed.get_or_init(|| Arc::from(encode(&self.body)))
    }
}

/// A datagram of another network, as a gateway broadcasts it or a link brings it.
#[derive(Debug)]
pub(super) struct SimEnvelope {
    /// The gateway that broadcasts it, or the peer at whose end of a link it went in.
    pub(super) gateway: PeerId,
    pub(super) hops: u8,
    /// Who signed it.
    pub(super) peer: PeerId,
    /// Where that one was seen; `None`: it is the peer at the other end of the link.
    pub(super) at: Option<SocketAddr>,
    pub(super) signed: Arc<[u8]>,
    body: OnceCell<Option<Body>>,
}

impl SimEnvelope {
    /// Through this gateway, of this peer.
    pub(super) const fn new(
        gateway: PeerId,
        hops: u8,
        peer: PeerId,
        at: Option<SocketAddr>,
        signed: Arc<[u8]>,
    ) -> Self {
        Self { gateway, hops, peer, at, signed, body: OnceCell::new() }
    }

    /// What it says, read once for all that hear it. `None`: it cannot be read.
    pub(super) fn body(&self) -> Option<&Body> {
        self.body.get_or_init(|| read_body(&self.signed).ok()).as_ref()
    }
}

/// What is to happen.
#[derive(Debug)]
pub(super) enum What {
    Timer(usize),
    Table {
        to: usize,
        teller: usize,
    },
    /// A link brings this.
    Relayed {
        to: usize,
        datagram: Rc<SimEnvelope>,
    },
    Flight(Flight),
}

/// One datagram on its way to all its receivers: one place in the queue, however many they are.
#[derive(Debug)]
pub(super) struct Flight {
    /// The address that it comes from, and the socket that it comes in on.
    pub(super) source: Endpoint,
    pub(super) payload: Payload,
    /// Who receives it when, the last first.
    pub(super) arrivals: Vec<(Time, usize)>,
}

/// What happens now.
pub(super) enum Next {
    Timer(usize),
    Table { to: usize, teller: usize },
    Relayed { to: usize, datagram: Rc<SimEnvelope> },
    Packet { to: usize, source: Endpoint, payload: Payload },
}

impl What {
    /// What of it happens now, and when the rest of it does. `None`: nothing of it is left, not even now.
    pub(super) fn take(&mut self) -> (Option<Next>, Option<Time>) {
        let flight = match self {
            Self::Timer(place) => return (Some(Next::Timer(*place)), None),
            Self::Table { to, teller } => return (Some(Next::Table { to: *to, teller: *teller }), None),
            Self::Relayed { to, datagram } => {
                return (Some(Next::Relayed { to: *to, datagram: Rc::clone(datagram) }), None);
            }
            Self::Flight(flight) => flight,
        };
        let next = flight.arrivals.pop().map(|(_, to)| Next::Packet {
            to,
            source: flight.source,
            payload: flight.payload.clone(),
        });
        (next, flight.arrivals.last().map(|(at, _)| *at))
    }
}
