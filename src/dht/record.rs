//! The record of a peer in the table: where it may be, sealed with keys of its group. Pure; chance comes from outside.
//!
//! ```text
//! offset  bytes  what
//! 0       24     nonce, at random
//! 24      97     how many addresses (1 byte), then 16 places of 6 bytes: IPv4 address and port, big endian; encrypted
//! 121     16     tag
//! ```
//!
//! XChaCha20-Poly1305, as for the datagrams of a group. The length is always the same, so that it says nothing. The
//! key is of one peer and one month: a record that is put under the number of another one does not open.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::limits;

/// Bytes of a nonce.
pub(super) const NONCE: usize = 24;

/// Bytes of an address with its port.
const ADDRESS: usize = 6;

/// Bytes that are encrypted.
const PLAIN: usize = 1 + limits::RECORD_ADDRESSES * ADDRESS;

/// Bytes of a tag.
const TAG: usize = 16;

/// Bytes of a record.
pub(super) const RECORD: usize = NONCE + PLAIN + TAG;

/// The keys of the record of one peer in one month. They are wiped from memory when dropped.
#[derive(Clone)]
pub(super) struct RecordKeys {
    /// What the signing key of the record is made of: not the peer's own, which would name it.
    pub(super) signing: Zeroizing<[u8; 32]>,
    /// What its value is sealed with.
    seal: XChaCha20Poly1305,
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKeys(…)")
    }
}

impl RecordKeys {
    pub(super) fn new(signing: Zeroizing<[u8; 32]>, seal: &[u8; 32]) -> Self {
        Self { signing, seal: XChaCha20Poly1305::new(seal.into()) }
    }

    /// The record that says that the peer may be at these addresses, of which the first ones count. `nonce` is
    /// random, and used for nothing else.
    ///
    /// # Panics
    /// Never: a record is much shorter than what the cipher takes.
    pub(super) fn seal(&self, nonce: [u8; NONCE], addresses: &[SocketAddrV4]) -> Vec<u8> {
        let addresses = &addresses[..addresses.len().min(limits::RECORD_ADDRESSES)];
        let mut plain = Vec::with_capacity(PLAIN);
        plain.push(u8::try_from(addresses.len()).unwrap_or_default());
        for address in addresses {
            plain.extend_from_slice(&address.ip().octets());
            plain.extend_from_slice(&address.port().to_be_bytes());
        }
        plain.resize(PLAIN, 0);
        let payload = Payload { msg: &plain, aad: &[] };
        let sealed = self.seal.encrypt(&XNonce::from(nonce), payload).expect("a record is short");
        [&nonce[..], &sealed].concat()
    }

    /// The addresses in a record; `None`: it is none of this peer and month. No input may panic.
    pub(super) fn open(&self, record: &[u8]) -> Option<Vec<SocketAddrV4>> {
        // Before a byte is decrypted.
        if record.len() != RECORD {
            return None;
        }
        let (nonce, sealed) = record.split_at(NONCE);
        let nonce: XNonce = nonce.try_into().ok()?;
        let plain = self.seal.decrypt(&nonce, Payload { msg: sealed, aad: &[] }).ok()?;
        let (count, places) = plain.split_first()?;
        let address = |place: &[u8]| {
            let ip: [u8; 4] = place[..4].try_into().ok()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), u16::from_be_bytes([place[4], place[5]])))
        };
        places.chunks_exact(ADDRESS).take(usize::from(*count)).map(address).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(n: u8) -> RecordKeys {
        RecordKeys::new(Zeroizing::new([n; 32]), &[n; 32])
    }

    #[test]
    fn a_record_is_as_long_as_any_other_one_and_opens_for_one_peer_alone() {
        let at: Vec<SocketAddrV4> =
            (1..40).map(|n| SocketAddrV4::new([11, 0, 0, n].into(), 27_281)).collect();
        for count in [0, 1, 16] {
            let record = keys(1).seal([9; NONCE], &at[..count]);
            assert_eq!(record.len(), 137, "BEP 44 has values of up to 1,000 bytes");
            assert_eq!(keys(1).open(&record), Some(at[..count].to_vec()));
            assert_eq!(keys(2).open(&record), None);
        }
        let record = keys(1).seal([9; NONCE], &at);
        assert_eq!(keys(1).open(&record), Some(at[..16].to_vec()), "the first ones count");
        for place in 0..record.len() {
            let mut changed = record.clone();
            changed[place] ^= 1;
            assert_eq!(keys(1).open(&changed), None, "byte {place}");
            assert_eq!(keys(1).open(&record[..place]), None, "cut at {place}");
        }
        assert_eq!(keys(1).open(&vec![0; 100_000]), None);
    }

    proptest! {
        #[test]
        fn no_value_of_a_stranger_opens(junk in prop::collection::vec(any::<u8>(), 0..1_000)) {
            prop_assert_eq!(keys(1).open(&junk), None);
        }
    }
}
