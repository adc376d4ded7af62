//! The table of peers, as one peer tells it to another. Pure.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec::DecodeError;
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
    /// Each with its length in front, two bytes, big endian.
    #[serde(with = "serde_bytes")]
    pub datagrams: Vec<u8>,
    /// For each of them the address at which its own discovery socket answered whoever tells: 16 bytes
    /// IPv6 (an IPv4 one mapped into it, RFC 4291 §2.5.5.2), two bytes port, big endian.
    #[serde(with = "serde_bytes", default)]
    pub addresses: Vec<u8>,
    /// True on the last page.
    pub last: bool,
}

/// A peer, as another one passes it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where its own discovery socket answered. Its scope, for a link-local address, does not travel.
    pub at: SocketAddr,
    /// Its newest announcement, signed by itself.
    pub signed: Arc<[u8]>,
}

/// Bytes of one address in [`TableIs::addresses`].
const ADDRESS: usize = 18;

/// The announcements in [`TableIs::datagrams`].
///
/// # Errors
/// [`DecodeError`]: cut off, or one is longer than a datagram.
pub fn datagrams(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut all = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        if length > limits::DATAGRAM || length == 0 {
            return Err(DecodeError::Value("an announcement has 1 to 1,200 bytes"));
        }
        let (one, rest) = rest.split_at_checked(length).ok_or(DecodeError::Short)?;
        all.push(one.to_vec());
        bytes = rest;
    }
    if bytes.is_empty() { Ok(all) } else { Err(DecodeError::Short) }
}

/// The peers in a [`TableIs`]. None without addresses, as a peer of an earlier version sends it.
///
/// # Errors
/// [`DecodeError`]: cut off, too many, or not an address for each announcement.
pub fn told(table: &TableIs) -> Result<Vec<Told>, DecodeError> {
    let datagrams = datagrams(&table.datagrams)?;
    if table.addresses.is_empty() {
        return Ok(Vec::new());
    }
    if datagrams.len() > limits::PEERS || table.addresses.len() != datagrams.len() * ADDRESS {
        return Err(DecodeError::Value("a table has an address for each announcement"));
    }
    let told = datagrams.into_iter().zip(table.addresses.chunks_exact(ADDRESS));
    let told = told.filter_map(|(signed, address)| {
        let (ip, port) = address.split_first_chunk::<16>()?;
        let ip = Ipv6Addr::from(*ip);
        let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
        let at = SocketAddr::new(ip, u16::from_be_bytes(port.try_into().ok()?));
        Some(Told { at, signed: signed.into() })
    });
    Ok(told.collect())
}

/// Cuts peers into [`TableIs`] pages; at least one, the last one marked.
#[must_use]
pub fn table_pages(request: u64, table: &[Told]) -> Vec<TableIs> {
    let page = TableIs { request, datagrams: Vec::new(), addresses: Vec::new(), last: false };
    let mut pages = vec![page.clone()];
    for Told { at, signed } in table.iter().take(limits::PEERS) {
        let Ok(length) = u16::try_from(signed.len()) else { continue };
        let before = &pages[pages.len() - 1];
        if before.datagrams.len() + before.addresses.len() + signed.len() + 2 + ADDRESS > limits::PAGE {
            pages.push(page.clone());
        }
        let last = pages.len() - 1;
        let ip = match at.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        pages[last].addresses.extend(ip.octets());
        pages[last].addresses.extend(at.port().to_be_bytes());
        pages[last].datagrams.extend(length.to_be_bytes());
        pages[last].datagrams.extend_from_slice(signed);
    }
    if let Some(page) = pages.last_mut() {
        page.last = true;
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Message;

    #[test]
    fn tables_are_cut_into_pages() {
        let signed = |n: u32| Arc::from([&n.to_be_bytes()[..], &[9; 1_100]].concat());
        let at = |n: u32| match n % 2 {
            0 => SocketAddr::from(([10, 0, 0, 1], 7)),
            _ => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 9], u16::MAX)),
        };
        let table: Vec<_> = (0..3_000).map(|n| Told { at: at(n), signed: signed(n) }).collect();
        let pages = table_pages(4, &table);
        assert_eq!(pages.len(), 4);
        let mut back = Vec::new();
        for (n, page) in pages.iter().enumerate() {
            assert_eq!(page.last, n == 3);
            back.extend(told(page).unwrap());
            drop(Message::Table(page.clone()).encode());
        }
        assert_eq!(back, table);
        let mut page = table_pages(4, &table[..2]).remove(0);
        page.addresses.pop();
        assert!(told(&page).is_err());
        page.addresses.clear();
        assert_eq!(told(&page).unwrap(), [], "a page of an earlier version");
        assert!(table_pages(4, &[])[0].last);
        assert!(datagrams(&[0, 2, 1]).is_err() && datagrams(&[0]).is_err() && datagrams(&[0, 0]).is_err());
    }
}
