//! Addresses and ports of peers. Pure.

use core::fmt;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};

use serde::{Deserialize, Serialize};

/// An address without a port. Link-local IPv6 addresses need the interface beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    /// The address.
    pub ip: IpAddr,
    /// Index of the interface for link-local IPv6, else 0.
    pub scope: u32,
}

impl Host {
    /// This address with a port.
    #[must_use]
    pub fn socket(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope).into(),
        }
    }
}

impl From<SocketAddr> for Host {
    /// The address that a packet came from. An IPv4 address mapped into IPv6 becomes the IPv4 one.
    fn from(a: SocketAddr) -> Self {
        match a {
            SocketAddr::V4(a) => Self { ip: (*a.ip()).into(), scope: 0 },
            SocketAddr::V6(a) => match a.ip().to_ipv4_mapped() {
                Some(ip) => Self { ip: ip.into(), scope: 0 },
                None => Self { ip: (*a.ip()).into(), scope: a.scope_id() },
            },
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            0 => write!(f, "{}", self.ip),
            scope => write!(f, "{}%{scope}", self.ip),
        }
    }
}

/// A peer's four TCP ports, as announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ports {
    /// Bytes that fulfil a download come here when a sender dials back.
    pub receiver: u16,
    /// Catalogues, manifests and blocks are served here.
    pub sender: u16,
    /// Keepers report here.
    pub distributor: u16,
    /// Chunks are taken into custody here.
    pub distributee: u16,
}
