//! The envelope in which a gateway broadcasts a datagram of another network, signed by the gateway. Pure.
//!
//! ```text
//! offset      bytes  what
//! 0           4      magic "PTLE"
//! 4           1      version, 1
//! 5           32     the gateway's Ed25519 public key (RFC 8032), raw
//! 37          1      links that the datagram has crossed
//! 38          16     where the teller saw its sender: IPv6, or IPv4 mapped into it
//! 54          2      and the port there, big endian
//! 56          n      the datagram, as its sender signed it
//! 56 + n      64     Ed25519 signature over "potluck envelope 1\0" and all bytes before it
//! ```
//!
//! It has a magic of its own, so that a peer that knows no envelopes drops it unread.

use core::net::SocketAddr;

use super::relay::{address, octets};
use crate::codec::DecodeError;
use crate::identity::{Identity, PublicKey, SIGNATURE, verify};
use crate::wire::datagram::DATAGRAM_MIN;
use crate::wire::limits;

/// The first bytes of every envelope.
pub const MAGIC: [u8; 4] = *b"PTLE";

/// The version that is written, and the only one that is read.
pub const VERSION: u8 = 1;

/// What the signature covers in front of the envelope.
const CONTEXT: &[u8] = b"potluck envelope 1\0";

/// Offset of the key, of the hops, of the address, of the port, and of the datagram.
const KEY: usize = MAGIC.len() + 1;
const HOPS: usize = KEY + 32;
const IP: usize = HOPS + 1;
const PORT: usize = IP + 16;
const DATAGRAM: usize = PORT + 2;

/// Bytes around a datagram.
pub(crate) const AROUND: usize = DATAGRAM + SIGNATURE;

/// A datagram of another network, in its envelope. Nothing is proved by it but who the gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayEnvelope<'a> {
    /// The gateway's key.
    pub gateway: PublicKey,
    /// Links that the datagram has crossed.
    pub hops: u8,
    /// Where the teller saw its sender.
    pub at: SocketAddr,
    /// All of it.
    pub datagram: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> GatewayEnvelope<'a> {
    /// True if these bytes claim to be an envelope.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Looks at an envelope. Nothing in it is proved yet.
    ///
    /// # Errors
    /// [`DecodeError::Short`], [`DecodeError::Long`], [`DecodeError::Magic`], [`DecodeError::Version`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > limits::ENVELOPE {
            return Err(DecodeError::Long);
        }
        if !Self::is_one(bytes) {
            return Err(DecodeError::Magic);
        }
        match bytes.get(MAGIC.len()) {
            None => return Err(DecodeError::Short),
            Some(&VERSION) => {}
            Some(&other) => return Err(DecodeError::Version(other)),
        }
        if bytes.len() < AROUND + DATAGRAM_MIN {
            return Err(DecodeError::Short);
        }
        let key = bytes[KEY..HOPS].try_into().map_err(|_| DecodeError::Short)?;
        let ip = bytes[IP..PORT].try_into().map_err(|_| DecodeError::Short)?;
        let port = bytes[PORT..DATAGRAM].try_into().map_err(|_| DecodeError::Short)?;
        Ok(Self {
            gateway: PublicKey(key),
            hops: bytes[HOPS],
            at: SocketAddr::new(address(ip), u16::from_be_bytes(port)),
            datagram: &bytes[DATAGRAM..bytes.len() - SIGNATURE],
            bytes,
        })
    }

    /// True if the gateway signed it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let (signed, signature) = self.bytes.split_at(self.bytes.len() - SIGNATURE);
        verify(&self.gateway, CONTEXT, signed, signature)
    }
}

/// Puts a datagram into an envelope of `identity`.
#[must_use]
pub fn wrap(identity: &Identity, hops: u8, at: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(AROUND + datagram.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&identity.public().0);
    bytes.push(hops);
    bytes.extend_from_slice(&octets(at.ip()));
    bytes.extend_from_slice(&at.port().to_be_bytes());
    bytes.extend_from_slice(datagram);
    let signature = identity.sign(CONTEXT, &bytes);
    bytes.extend_from_slice(&signature);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_envelope_comes_back_and_one_that_was_changed_is_not_signed() {
        let identity = Identity::from_seed([3; 32]).unwrap();
        for at in ["10.0.0.1:40000", "[fd00::1]:27272"] {
            let at: SocketAddr = at.parse().unwrap();
            let inner = vec![7; limits::DATAGRAM];
            let bytes = wrap(&identity, 2, at, &inner);
            assert_eq!(bytes.len(), limits::ENVELOPE);
            let envelope = GatewayEnvelope::parse(&bytes).unwrap();
            assert_eq!((envelope.hops, envelope.at, envelope.datagram), (2, at, &*inner));
            assert!(envelope.is_signed() && envelope.gateway == identity.public());
            for place in [KEY, HOPS, IP, PORT, DATAGRAM, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert!(!GatewayEnvelope::parse(&changed).unwrap().is_signed(), "byte {place}");
            }
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let identity = Identity::from_seed([3; 32]).unwrap();
        let at = "10.0.0.1:1".parse().unwrap();
        let bytes = wrap(&identity, 1, at, &[7; DATAGRAM_MIN]);
        assert!(GatewayEnvelope::parse(&bytes).is_ok());
        let short = wrap(&identity, 1, at, &[7; DATAGRAM_MIN - 1]);
        assert!(matches!(GatewayEnvelope::parse(&short), Err(DecodeError::Short)));
        let long = wrap(&identity, 1, at, &[7; limits::DATAGRAM + 1]);
        assert!(matches!(GatewayEnvelope::parse(&long), Err(DecodeError::Long)));
        let mut later = bytes;
        later[4] = 9;
        assert!(matches!(GatewayEnvelope::parse(&later), Err(DecodeError::Version(9))));
        assert!(matches!(GatewayEnvelope::parse(b"PTLK"), Err(DecodeError::Magic)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_400)) {
            drop(GatewayEnvelope::parse(&[&MAGIC[..], &[VERSION], &bytes].concat()).map(|e| e.is_signed()));
        }
    }
}
