//! What passes between the shell, the machine of discovery, and the machines beside it. Pure.

use std::sync::Arc;

use core::net::SocketAddr;

use crate::address::Host;
use crate::identity::PeerId;
use crate::wire::datagram::{Body, DatagramMessage};

/// The socket that a datagram comes in on or leaves from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// This peer's own.
    Own,
    /// The one on the discovery port, which the peers of a host share.
    Shared,
    /// None: it came through this gateway, and where it came from is what the gateway says. Nothing can be sent
    /// back there, so what answers goes to everyone.
    Gateway(PeerId),
}

/// Where a datagram comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address of the other peer.
    pub at: SocketAddr,
    /// The socket of this peer.
    pub via: Via,
}

impl Endpoint {
    /// The address of the other peer, without its port.
    #[must_use]
    pub fn host(&self) -> Host {
        Host::from(self.at)
    }

    /// Through whom it came, if it did not come from there itself.
    #[must_use]
    pub const fn gateway(&self) -> Option<PeerId> {
        match self.via {
            Via::Gateway(id) => Some(id),
            Via::Own | Via::Shared => None,
        }
    }
}

/// What brought a datagram of another network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellingForm {
    /// A link of this peer.
    Link,
    /// The envelope of another gateway.
    Envelope,
}

/// A datagram whose signature was verified.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where it came from.
    pub source: Endpoint,
    /// Who signed it.
    pub peer: PeerId,
    /// What it says.
    pub body: &'a Body,
    /// The datagram itself, to be passed on to newcomers.
    pub signed: &'a Arc<[u8]>,
}

/// To whom a machine says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// Everyone on every link, from our own socket.
    Everyone,
    /// The peer at this address.
    At(Endpoint),
    /// A peer that is here, where its own socket answered last. Who is not here gets nothing.
    Peer {
        /// Which.
        id: PeerId,
        /// From this socket of ours.
        via: Via,
    },
}

/// What a peer that is here said, and what discovery has no use for.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// Who said it.
    pub peer: PeerId,
    /// True if it came from an address that the peer has proved. The first copy of a broadcast may come
    /// from another one.
    pub is_proved: bool,
    /// True if it came from an address at which the peer was reached: by a nonce that was sent there alone.
    pub is_reached: bool,
    /// Where an answer goes: to an address that the peer has proved. `None` if that is off the link.
    pub answer: Option<Endpoint>,
    /// What it said.
    pub message: DatagramMessage,
}
