//! Messages by which two peers that cannot dial each other learn of a third one, the introducer, where to dial at the
//! same moment. Pure; part of message.rs.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::relay::{address, octets};
use crate::identity::PeerId;

/// Asks the server to tell where the connection comes from by which `peer` asks for the asker. Answer: [`MetAt`],
/// once both have asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meet {
    /// Number of the request.
    pub request: u64,
    /// Who is to be met.
    pub peer: PeerId,
    /// True if the asker is to ask over the connection that comes of it, false if it is to answer.
    pub is_asking: bool,
}

/// Where the other one's connection comes from, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "MetRow", into = "MetRow")]
pub struct MetAt {
    /// Number of the request.
    pub request: u64,
    /// Address and port; any, for nobody proved them.
    pub at: SocketAddr,
}

/// [`MetAt`] as it is written.
#[derive(Serialize, Deserialize)]
struct MetRow {
    request: u64,
    /// IPv6, or IPv4 mapped into it (RFC 4291 §2.5.5.2).
    #[serde(with = "serde_bytes")]
    ip: [u8; 16],
    port: u16,
}

impl From<MetAt> for MetRow {
    fn from(MetAt { request, at }: MetAt) -> Self {
        Self { request, ip: octets(at.ip()), port: at.port() }
    }
}

impl From<MetRow> for MetAt {
    fn from(MetRow { request, ip, port }: MetRow) -> Self {
        Self { request, at: SocketAddr::new(address(ip), port) }
    }
}

says_all!(Meet, MetAt);
