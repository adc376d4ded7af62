//! What happens to the processes of a simulation of whole peers.

use core::net::Ipv4Addr;
use std::rc::Rc;

use super::network::Datagram;
use crate::disk;
use crate::identity::PeerId;
use crate::lan::Endpoint;
use crate::peer::event::PeerEvent;

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnId(pub(super) u64);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnRole {
    /// From a receiver to a sender.
    Content,
    /// Between the ports of custody.
    Custody,
}

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnEnd {
    /// Whoever made it.
    Dialler,
    /// Whoever took it.
    Listener,
}

impl ConnEnd {
    /// The end that this one talks to.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// What happens to a process.
#[derive(Debug)]
pub(super) enum Happening {
    /// The time came that one of its machines waits for.
    Timer,
    /// A datagram came from there.
    Datagram(Endpoint, Rc<Datagram>),
    /// The connection that it dialled stands.
    Connected(ConnId, ConnRole),
    /// This peer connected to it, from this address.
    Accepted(ConnId, ConnRole, PeerId, Ipv4Addr),
    /// Bytes came to this end.
    Bytes(ConnId, ConnRole, ConnEnd, Vec<u8>),
    /// A connection is over, or was not to be had.
    Closed(ConnId, ConnRole, ConnEnd),
    /// A connection that the sender has takes more.
    Drained(ConnId),
    /// A disk worker reports.
    Disk(disk::Event),
    /// Rows are on the disk.
    Written(u64),
    /// Another part reports.
    Reported(Box<PeerEvent>),
}

impl Happening {
    /// What kind it is and how much, for the log.
    pub(super) fn mark(&self) -> (u8, u64) {
        match self {
            Self::Timer => (0, 0),
            Self::Datagram(_, datagram) => (1, datagram.signed.len() as u64),
            Self::Connected(id, _) => (2, id.0),
            Self::Accepted(id, ..) => (3, id.0),
            Self::Bytes(_, _, _, bytes) => (4, bytes.len() as u64),
            Self::Closed(id, ..) => (5, id.0),
            Self::Drained(id) => (6, id.0),
            Self::Disk(_) => (7, 0),
            Self::Written(number) => (8, *number),
            Self::Reported(_) => (9, 0),
        }
    }
}
