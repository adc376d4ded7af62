//! Port mapping: asks the router that leads outside to pass a TCP port of it on to this machine, by PCP
//! (RFC 6887), or by NAT-PMP (RFC 6886) where that is all it speaks. Only if the user wants it (`--map-port`).
//!
//! One port is mapped: that of the sender (`t+1`), for it is the one that others dial. Whatever two peers say to
//! each other goes over such a connection, or over one that is dialled from here because the other end asked.
//!
//! `packets.rs` has the datagrams, `mapper/` decides what is sent when, and `shell.rs` has the socket.

mod mapper;
mod packets;
mod shell;

use core::net::SocketAddrV4;

pub(crate) use self::shell::{PortMappingHandle, start_port_mapping};

/// The UDP port at which a gateway is asked.
pub(crate) const GATEWAY_PORT: u16 = 5_351;

/// The result by which both protocols say that they do not speak the version.
const UNSUPPORTED_VERSION: u16 = 1;

/// By which protocol a gateway is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MappingProtocol {
    /// RFC 6887.
    Pcp,
    /// RFC 6886.
    NatPmp,
}

/// Where a mapping stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MappingState {
    /// The gateway was asked, and may still answer.
    Asking,
    /// Whoever connects there comes to the sender's port.
    Mapped(SocketAddrV4, MappingProtocol),
    /// No router leads outside, by IPv4.
    NoGateway,
    /// The gateway answers neither protocol.
    NoAnswer,
    /// The gateway refuses, with this number of a result.
    Refused(MappingProtocol, u16),
}
