//! The datagrams of a group: those of `wire/datagram.rs`, sealed. Pure; chance comes from outside.
//!
//! ```text
//! offset      bytes  what
//! 0           4      magic "PTLG"
//! 4           1      version, 1
//! 5           24     nonce, at random
//! 29          n      a whole datagram, or an envelope, of 480 to 1,320 bytes, encrypted
//! 29 + n      16     tag
//! ```
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): its nonces are long enough to be drawn at random by peers
//! that know nothing of each other and share one key. The bytes in front of the encrypted ones are
//! authenticated too. Whoever has no key drops all of this by its magic, which is no other datagram's.

use core::fmt;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};

use crate::limits;
use crate::wire::datagram::DATAGRAM_MIN;

/// The first bytes of a sealed datagram.
const MAGIC: [u8; 4] = *b"PTLG";

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

/// Bytes of a nonce.
pub const NONCE: usize = 24;

/// Offset of the encrypted bytes.
const BODY: usize = MAGIC.len() + 1 + NONCE;

/// Bytes of a tag.
const TAG: usize = 16;

/// Bytes that sealing adds.
pub const OVERHEAD: usize = BODY + TAG;

/// Seals and opens the datagrams of one group.
#[derive(Clone)]
pub struct DatagramSeal(XChaCha20Poly1305);

impl fmt::Debug for DatagramSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatagramSeal(…)")
    }
}

/// Why a datagram is none of this group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// It is not sealed: one of the open network, or not potluck's.
    Unsealed,
    /// Its length is not that of a sealed datagram.
    Length,
    /// Sealed in a way that is not known here.
    Version(u8),
    /// It was sealed with another key, or changed on its way.
    Key,
}

/// True for what looks like a datagram of some group, whichever that is: all that can be told without its key.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC) && has_length(bytes)
}

fn has_length(bytes: &[u8]) -> bool {
    (DATAGRAM_MIN + OVERHEAD..=limits::ENVELOPE + OVERHEAD).contains(&bytes.len())
}

impl DatagramSeal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// `datagram`, sealed. `nonce` is random, and used for nothing else.
    ///
    /// # Panics
    /// Never: a datagram is much shorter than what the cipher takes.
    #[must_use]
    pub fn seal(&self, nonce: [u8; NONCE], datagram: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(datagram.len() + OVERHEAD);
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        let payload = Payload { msg: datagram, aad: &bytes };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).expect("a datagram is short");
        bytes.extend_from_slice(&sealed);
        bytes
    }

    /// The datagram in `bytes`. Also where a fuzzer enters: no input may panic.
    ///
    /// # Errors
    /// It is none of this group.
    pub fn open(&self, bytes: &[u8]) -> Result<Vec<u8>, NotOpened> {
        if !bytes.starts_with(&MAGIC) {
            return Err(NotOpened::Unsealed);
        }
        match bytes.get(MAGIC.len()) {
            Some(&VERSION) => {}
            Some(&other) => return Err(NotOpened::Version(other)),
            None => return Err(NotOpened::Length),
        }
        // Before a byte is decrypted.
        if !has_length(bytes) {
            return Err(NotOpened::Length);
        }
        let (head, sealed) = bytes.split_at(BODY);
        let nonce = head[BODY - NONCE..].try_into().map_err(|_| NotOpened::Length)?;
        self.0.decrypt(nonce, Payload { msg: sealed, aad: head }).map_err(|_| NotOpened::Key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seal() -> DatagramSeal {
        DatagramSeal::new(&[7; 32])
    }

    #[test]
    fn a_sealed_datagram_looks_so() {
        let inner: Vec<u8> = (0..480_u32).map(|n| n.to_le_bytes()[0]).collect();
        let bytes = seal().seal([9; NONCE], &inner);
        assert_eq!(bytes.len(), 480 + OVERHEAD);
        assert_eq!(&bytes[..BODY], [&b"PTLG\x01"[..], &[9; NONCE]].concat());
        // The same as libsodium makes.
        assert_eq!(
            blake3::hash(&bytes).to_string(),
            "6dd7dfdd456b6d24d56539a9f4d14267026ea0915afef5c69f98c7e40b9ecd31"
        );
        assert_eq!(seal().open(&bytes), Ok(inner));
    }

    #[test]
    fn what_is_not_of_this_group_does_not_open() {
        let inner = [1; 480];
        let bytes = seal().seal([9; NONCE], &inner);
        assert_eq!(DatagramSeal::new(&[8; 32]).open(&bytes), Err(NotOpened::Key));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(seal().open(&changed).is_err(), "byte {place}");
            assert!(seal().open(&bytes[..place]).is_err(), "cut at {place}");
        }
        assert_eq!(seal().open(&inner), Err(NotOpened::Unsealed));
        assert_eq!(seal().open(&seal().seal([9; NONCE], &[1; 479])), Err(NotOpened::Length));
        assert_eq!(seal().open(&seal().seal([9; NONCE], &[1; 1_321])), Err(NotOpened::Length));
        assert!(seal().open(&seal().seal([9; NONCE], &[1; 1_320])).is_ok());
        let mut later = bytes;
        later[4] = 2;
        assert_eq!(seal().open(&later), Err(NotOpened::Version(2)));
    }

    proptest! {
        #[test]
        fn opening_never_panics_and_opens_nothing(junk in prop::collection::vec(any::<u8>(), 0..1_400), is_ours in any::<bool>()) {
            let mut junk = junk;
            if is_ours && junk.len() > MAGIC.len() {
                junk[..4].copy_from_slice(&MAGIC);
                junk[4] = VERSION;
            }
            prop_assert!(seal().open(&junk).is_err());
        }
    }
}
