//! Addresses and ports of peers. Pure.

use core::fmt;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};
use core::str::FromStr;

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

/// The first of a peer's four TCP ports, when none is given: clear of the discovery port and of registered services.
pub const DEFAULT_PORT: u16 = 27_280;

/// Where a peer on another network is, as the user types it: `HOST`, `HOST:PORT` or, for this machine, `PORT`. The
/// port is the first of its four.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RouteTarget {
    /// A name or an address.
    pub host: String,
    /// The receiver's port.
    pub port: u16,
}

impl RouteTarget {
    /// The port that is dialled: that of the sender, the second of the four.
    #[must_use]
    pub const fn sender_port(&self) -> u16 {
        self.port.saturating_add(1)
    }
}

impl FromStr for RouteTarget {
    type Err = &'static str;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "say HOST or HOST:PORT, or the PORT of a peer of this machine";
        let of = |host: &str, port: Option<&str>| {
            let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| HOW))?;
            let is_name = !host.is_empty() && !host.chars().any(|c| c.is_whitespace() || c.is_control());
            let host = host.to_owned();
            if is_name && (1..=65_532).contains(&port) { Ok(Self { host, port }) } else { Err(HOW) }
        };
        if typed.bytes().all(|byte| byte.is_ascii_digit()) {
            return of("127.0.0.1", Some(typed));
        }
        if let Some((host, rest)) = typed.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            return match rest.strip_prefix(':') {
                Some(port) => of(host, Some(port)),
                None if rest.is_empty() => of(host, None),
                None => Err(HOW),
            };
        }
        match typed.split_once(':') {
            // More than one colon: an IPv6 address without a port.
            Some((_, rest)) if rest.contains(':') => of(typed, None),
            Some((host, port)) => of(host, Some(port)),
            None => of(typed, None),
        }
    }
}

impl TryFrom<String> for RouteTarget {
    type Error = &'static str;

    fn try_from(typed: String) -> Result<Self, Self::Error> {
        typed.parse()
    }
}

impl From<RouteTarget> for String {
    fn from(target: RouteTarget) -> Self {
        target.to_string()
    }
}

impl fmt::Display for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_with_or_without_a_port_or_a_port_of_this_machine() {
        for (typed, host, port) in [
            ("nas.local", "nas.local", 27_280),
            ("10.0.0.7:9000", "10.0.0.7", 9_000),
            ("27290", "127.0.0.1", 27_290),
            ("fd00::1", "fd00::1", 27_280),
            ("[fd00::1]:9000", "fd00::1", 9_000),
            ("[fe80::1%eth0]", "fe80::1%eth0", 27_280),
        ] {
            let target: RouteTarget = typed.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{typed}");
            assert_eq!(target.to_string().parse(), Ok(target), "{typed}");
        }
        for typed in
            ["", ":9000", "host:", "host:0", "host:65533", "0", "99999", "[fd00::1]9", "a b", "h:\u{1b}"]
        {
            assert!(typed.parse::<RouteTarget>().is_err(), "{typed:?}");
        }
    }
}
