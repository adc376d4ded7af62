//! The ends of a connection. Pure.

use core::net::SocketAddr;

/// Between whom a connection is, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpEnds {
    /// The client.
    pub(crate) from: SocketAddr,
    /// Where it asks, of the addresses of this machine.
    pub(crate) at: SocketAddr,
    /// By TLS.
    pub(crate) is_private: bool,
}
