//! What crosses a link: datagrams of others, as they were signed. Pure.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::later::Rows;
use crate::wire::limits;

/// Brings datagrams, and asks for those of the other side. Answer: one [`Relayed`], at once if something
/// waits there, else when something comes, or after some seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Number of the request.
    pub request: u64,
    /// At most 32.
    pub datagrams: Rows<RelayedDatagram>,
}

/// Datagrams of the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relayed {
    /// Number of the request.
    pub request: u64,
    /// At most 32.
    pub datagrams: Rows<RelayedDatagram>,
}

impl Body for Relay {
    fn check(&self) -> Result<(), DecodeError> {
        check(&self.datagrams)
    }
}

impl Body for Relayed {
    fn check(&self) -> Result<(), DecodeError> {
        check(&self.datagrams)
    }
}

fn check(datagrams: &Rows<RelayedDatagram>) -> Result<(), DecodeError> {
    if datagrams.count() > limits::RELAYED {
        return Err(DecodeError::Value("too many datagrams at once"));
    }
    Ok(())
}

/// A datagram on its way over a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RelayedRow", into = "RelayedRow")]
pub struct RelayedDatagram {
    /// Where whoever passed it on saw its sender. `None`: it is of the peer at the other end of the link, which
    /// is where the link comes from.
    pub at: Option<SocketAddr>,
    /// Links that it has crossed, this one included.
    pub hops: u8,
    /// All of it, as it was signed.
    pub signed: Arc<[u8]>,
}

/// [`RelayedDatagram`] as it is written.
#[derive(Serialize, Deserialize)]
struct RelayedRow {
    /// IPv6, or IPv4 mapped into it (RFC 4291 §2.5.5.2); empty: it is of the peer at the other end.
    #[serde(with = "serde_bytes")]
    ip: Vec<u8>,
    port: u16,
    hops: u8,
    #[serde(with = "serde_bytes")]
    signed: Vec<u8>,
}

impl From<RelayedDatagram> for RelayedRow {
    fn from(RelayedDatagram { at, hops, signed }: RelayedDatagram) -> Self {
        let ip = at.map_or_else(Vec::new, |at| octets(at.ip()).to_vec());
        Self { ip, port: at.map_or(0, |at| at.port()), hops, signed: signed.to_vec() }
    }
}

impl TryFrom<RelayedRow> for RelayedDatagram {
    type Error = &'static str;

    fn try_from(RelayedRow { ip, port, hops, signed }: RelayedRow) -> Result<Self, Self::Error> {
        if signed.is_empty() || signed.len() > limits::DATAGRAM {
            return Err("a datagram has 1 to 1,200 bytes");
        }
        let at = match (ip.as_array(), ip.is_empty()) {
            (Some(ip), _) => Some(SocketAddr::new(address(*ip), port)),
            (None, true) => None,
            (None, false) => return Err("an address has 16 bytes"),
        };
        Ok(Self { at, hops, signed: signed.into() })
    }
}

/// An address as 16 bytes.
pub(super) const fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// The address in 16 bytes.
pub(super) fn address(ip: [u8; 16]) -> IpAddr {
    let ip = Ipv6Addr::from(ip);
    ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn a_datagram_comes_back_and_one_that_cannot_be_is_left_out() {
        let signed: Arc<[u8]> = vec![7; limits::DATAGRAM].into();
        let all = [None, Some("10.0.0.1:9".parse().unwrap()), Some("[fd00::1]:9".parse().unwrap())];
        let all = all.map(|at| RelayedDatagram { at, hops: 3, signed: Arc::clone(&signed) });
        let relay = Relay { request: 4, datagrams: all.to_vec().into() };
        assert_eq!(decode::<Relay>(&encode(&relay)).unwrap(), relay);
        let row = |ip: usize, len| RelayedRow { ip: vec![9; ip], port: 1, hops: 1, signed: vec![0; len] };
        let bad = [row(16, 0), row(4, 7), row(16, limits::DATAGRAM + 1), row(16, 7)];
        let rows: Rows<RelayedDatagram> = decode(&encode(&bad)).unwrap();
        assert_eq!((rows.len(), rows.count()), (1, 4));
    }

    #[test]
    fn as_many_as_there_may_be_fit_their_header_and_more_are_refused() {
        let at = Some("[fd00::1]:65000".parse().unwrap());
        let one = RelayedDatagram { at, hops: 4, signed: vec![7; limits::DATAGRAM].into() };
        let of = |count| Relay { request: u64::MAX, datagrams: vec![one.clone(); count].into() };
        assert!(encode(&of(limits::RELAYED)).len() <= limits::RELAY_HEADER);
        assert!(of(limits::RELAYED).check().is_ok() && of(limits::RELAYED + 1).check().is_err());
    }
}
