//! The table of peers, as one peer tells it to another. Pure.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::later::Rows;
use crate::wire::limits;

/// Asks for the peers in the table. Answer: [`TableIs`] once or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTable {
    /// Number of the request.
    pub request: u64,
}

/// Some peers: their signed announcements, and where they answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableIs {
    /// Number of the request.
    pub request: u64,
    /// At most [`limits::PEERS`] in all pages.
    pub rows: Rows<PeerRecord>,
    /// True on the last page.
    pub last: bool,
}

says_all!(GetTable);

impl Body for TableIs {
    fn check(&self) -> Result<(), DecodeError> {
        if self.rows.count() > limits::PEERS {
            return Err(DecodeError::Value("a table has at most 4,096 peers"));
        }
        Ok(())
    }
}

/// A peer, as another one passes it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PeerRecordRow", into = "PeerRecordRow")]
pub struct PeerRecord {
    /// Where its own discovery socket answered. Its scope, for a link-local address, does not travel.
    pub at: SocketAddr,
    /// Its newest announcement, signed by itself.
    pub signed: Arc<[u8]>,
}

/// [`PeerRecord`] as it is written.
#[derive(Serialize, Deserialize)]
struct PeerRecordRow {
    /// IPv6, or IPv4 mapped into it (RFC 4291 §2.5.5.2).
    #[serde(with = "serde_bytes")]
    ip: [u8; 16],
    port: u16,
    #[serde(with = "serde_bytes")]
    signed: Vec<u8>,
}

impl From<PeerRecord> for PeerRecordRow {
    fn from(PeerRecord { at, signed }: PeerRecord) -> Self {
        let ip = match at.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self { ip: ip.octets(), port: at.port(), signed: signed.to_vec() }
    }
}

impl TryFrom<PeerRecordRow> for PeerRecord {
    type Error = &'static str;

    fn try_from(PeerRecordRow { ip, port, signed }: PeerRecordRow) -> Result<Self, Self::Error> {
        if signed.is_empty() || signed.len() > limits::DATAGRAM {
            return Err("an announcement has 1 to 1,200 bytes");
        }
        let ip = Ipv6Addr::from(ip);
        let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
        Ok(Self { at: SocketAddr::new(ip, port), signed: signed.into() })
    }
}

/// Bytes of a row beside its announcement, at most.
pub const ROW: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn a_row_that_cannot_be_is_left_out() {
        let row = |len| PeerRecordRow { ip: [9; 16], port: 1, signed: vec![0; len] };
        let rows: Rows<PeerRecord> = decode(&encode(&[row(0), row(7), row(limits::DATAGRAM + 1)])).unwrap();
        assert_eq!((rows.len(), rows.count()), (1, 3));
    }
}
