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

/// Cuts peers into [`TableIs`] pages; at least one, the last one marked.
#[must_use]
pub fn table_pages<'t>(request: u64, table: impl IntoIterator<Item = &'t PeerRecord>) -> Vec<TableIs> {
    let mut pages = vec![Vec::new()];
    let mut bytes = 0;
    for record in table.into_iter().take(limits::PEERS) {
        let row = record.signed.len() + ROW;
        if bytes + row > limits::PAGE {
            pages.push(Vec::new());
            bytes = 0;
        }
        bytes += row;
        if let Some(page) = pages.last_mut() {
            page.push(record.clone());
        }
    }
    let count = pages.len();
    let page =
        |(n, rows): (usize, Vec<PeerRecord>)| TableIs { request, rows: rows.into(), last: n + 1 == count };
    pages.into_iter().enumerate().map(page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use crate::wire::Message;

    #[test]
    fn tables_are_cut_into_pages() {
        let signed = |n: u32| Arc::from([&n.to_be_bytes()[..], &[9; 1_100]].concat());
        let at = |n: u32| match n % 2 {
            0 => SocketAddr::from(([10, 0, 0, 1], 7)),
            _ => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 9], u16::MAX)),
        };
        let table: Vec<_> = (0..3_000).map(|n| PeerRecord { at: at(n), signed: signed(n) }).collect();
        let pages = table_pages(4, &table);
        assert_eq!(pages.len(), 4);
        let mut back = Vec::new();
        for (n, page) in pages.iter().enumerate() {
            assert_eq!(page.last, n == 3);
            drop(Message::Table(page.clone()).encode());
            let read: TableIs = decode(&encode(page)).unwrap();
            back.extend(read.rows);
        }
        assert_eq!(back, table);
        assert!(encode(&table[1]).len() <= table[1].signed.len() + ROW);
        assert!(table_pages(4, [])[0].last);
    }

    #[test]
    fn a_row_that_cannot_be_is_left_out() {
        let row = |len| PeerRecordRow { ip: [9; 16], port: 1, signed: vec![0; len] };
        let rows: Rows<PeerRecord> = decode(&encode(&[row(0), row(7), row(limits::DATAGRAM + 1)])).unwrap();
        assert_eq!((rows.len(), rows.count()), (1, 3));
    }
}
