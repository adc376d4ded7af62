//! What both ends of a connection prove beside their keys, when their network is not open to everyone: that
//! they have a secret of that network. Pure.

use core::fmt;

use zeroize::Zeroizing;

use super::tls::ALPN;

/// Bytes of the proof that each end sends.
pub const CHANNEL_PROOF: usize = 32;

/// The label of the exported keying material (RFC 5705, RFC 8446 §7.5).
pub(super) const EXPORTER: &[u8] = b"EXPORTER-potluck-group-1";

/// Which end of a connection somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It opened the connection.
    Dialled,
    /// It took it.
    Accepted,
}

/// The secret by which connections are bound to a network, and the tag of that network in the TLS handshake.
/// It is wiped from memory when dropped.
#[derive(Clone)]
pub struct ChannelBinding {
    key: Zeroizing<[u8; 32]>,
    tag: [u8; 8],
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBinding(…)")
    }
}

impl ChannelBinding {
    /// Of a secret, and a tag that everyone on the wire may see.
    #[must_use]
    pub const fn new(key: Zeroizing<[u8; 32]>, tag: [u8; 8]) -> Self {
        Self { key, tag }
    }

    /// The application protocol (RFC 7301) of the network: whoever speaks another one is refused in the
    /// handshake, before any key is shown.
    #[must_use]
    pub fn protocol(&self) -> Vec<u8> {
        [ALPN, b"+", data_encoding::HEXLOWER.encode(&self.tag).as_bytes()].concat()
    }

    /// What an end sends: a MAC over what only the two ends of this one TLS connection can compute. Somebody
    /// between them has two connections, of which neither exports what the other one does; and what one end
    /// sent proves nothing for the other one.
    #[must_use]
    pub fn proof(&self, end: End, exported: &[u8; 32]) -> [u8; CHANNEL_PROOF] {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(match end {
            End::Dialled => b"dialled\0",
            End::Accepted => b"accepted\0",
        });
        *mac.update(exported).finalize().as_bytes()
    }

    /// True if `proof` is that of this end. Takes the same time whatever it is.
    #[must_use]
    pub fn is_proof(&self, end: End, exported: &[u8; 32], proof: &[u8; CHANNEL_PROOF]) -> bool {
        blake3::Hash::from_bytes(self.proof(end, exported)) == blake3::Hash::from_bytes(*proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_end_one_connection_and_one_network() {
        let binding = ChannelBinding::new(Zeroizing::new([7; 32]), [0xab; 8]);
        assert_eq!(binding.protocol(), b"potluck/1+abababababababab");
        let proof = binding.proof(End::Dialled, &[1; 32]);
        assert_eq!(
            data_encoding::HEXLOWER.encode(&proof),
            "8ca1fa9eb213f73c9f3cbdf903ac0e8d82ee6ad7ddf0215333ec68e0cde6de52"
        );
        assert!(binding.is_proof(End::Dialled, &[1; 32], &proof));
        assert!(!binding.is_proof(End::Accepted, &[1; 32], &proof));
        assert!(!binding.is_proof(End::Dialled, &[2; 32], &proof));
        let other = ChannelBinding::new(Zeroizing::new([8; 32]), [0xab; 8]);
        assert!(!other.is_proof(End::Dialled, &[1; 32], &proof));
        assert_eq!(format!("{binding:?}"), "ChannelBinding(…)");
    }
}
