//! The peer id: BLAKE3 of the Ed25519 public key. Pure.

use core::fmt;
use core::str::FromStr;

use data_encoding::{BASE32_NOPAD, Specification};
use serde::{Deserialize, Serialize};

/// An Ed25519 public key (RFC 8032), 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublicKey(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl PublicKey {
    /// The id of the peer that holds this key.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        PeerId(*blake3::hash(&self.0).as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.peer_id())
    }
}

/// BLAKE3 of a peer's public key. Shown as its first eight characters in base32 (RFC 4648, lower case).
///
/// Never changes, whatever the address. Ordered by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeerId(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// What is not a peer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a peer id: it has 52 characters, a to z and 2 to 7")]
pub struct ParsePeerIdError;

/// Characters of a whole id: 256 bits, five in each.
const CHARACTERS: usize = 52;

impl PeerId {
    /// True if `word` looks like a whole id: 52 characters of base32, in whatever case. Not all such words are
    /// ids (the last character has four bits to spare), but whoever reads one takes it for one.
    #[must_use]
    pub fn is_whole(word: &str) -> bool {
        word.len() == CHARACTERS && word.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'2'..=b'7'))
    }

    /// All 52 characters.
    #[must_use]
    pub fn full(&self) -> String {
        BASE32_NOPAD.encode(&self.0).to_lowercase()
    }

    /// The first `n` characters.
    #[must_use]
    pub fn prefix(&self, n: usize) -> String {
        let mut text = self.full();
        text.truncate(n);
        text
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix(8))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

impl FromStr for PeerId {
    type Err = ParsePeerIdError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let mut spec = Specification::new();
        spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        spec.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        spec.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
        let encoding = spec.encoding().map_err(|_| ParsePeerIdError)?;
        let bytes = encoding.decode(s.as_bytes()).map_err(|_| ParsePeerIdError)?;
        bytes.try_into().map(Self).map_err(|_| ParsePeerIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip() {
        let id = PublicKey([7; 32]).peer_id();
        assert_eq!(id.full().len(), 52);
        assert_eq!(id.full().parse(), Ok(id));
        assert_eq!(id.full().to_uppercase().parse(), Ok(id));
        assert_eq!(id.prefix(4), id.to_string()[..4]);
        for bad in ["", "a", "1", &"a".repeat(51), &"a".repeat(53), "ä"] {
            assert_eq!(bad.parse::<PeerId>(), Err(ParsePeerIdError), "{bad}");
            assert!(!PeerId::is_whole(bad), "{bad}");
        }
        let odd = format!("{}B", "a".repeat(51));
        assert_eq!((PeerId::is_whole(&id.full()), PeerId::is_whole(&odd)), (true, true));
        assert!(odd.parse::<PeerId>().is_err() && !PeerId::is_whole(&"1".repeat(52)));
    }
}
