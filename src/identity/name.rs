//! The name shown beside a peer id. Pure.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::PeerId;
use crate::limits;
use crate::text;

/// A name: 1 to 64 bytes, no control or bidirectional characters, no white space at its ends.
/// It identifies nobody; the id beside it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PeerName(String);

impl PeerName {
    /// `name` with everything that is not allowed left out, cut at the limit. `None`: nothing was left.
    #[must_use]
    pub fn cleaned(name: &str) -> Option<Self> {
        let clean: String = name.chars().filter(|c| !text::is_unprintable(*c)).collect();
        let clean = clean.trim();
        let mut end = clean.len().min(limits::NAME);
        while !clean.is_char_boundary(end) {
            end -= 1;
        }
        let clean = clean[..end].trim_end();
        (!clean.is_empty()).then(|| Self(clean.to_owned()))
    }

    /// The default: the folder's name and four characters of the id.
    #[must_use]
    pub fn of_folder(folder: &str, id: PeerId) -> Self {
        let mut short = folder.to_owned();
        while short.len() > limits::NAME - 5 {
            short.pop();
        }
        let short = Self::cleaned(&short).map_or_else(|| "peer".to_owned(), |n| n.0);
        Self(format!("{short}-{}", id.prefix(4)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for PeerName {
    /// From the network: cleaned, never raw. An empty one becomes `?`.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(d)?;
        Ok(Self::cleaned(&raw).unwrap_or_else(|| Self("?".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_and_cut() {
        assert_eq!(PeerName::cleaned(" a\u{1b}[31mb\u{202e}c\n").unwrap().as_str(), "a[31mbc");
        assert_eq!(PeerName::cleaned("\u{7}\n "), None);
        let long = PeerName::cleaned(&"ä".repeat(100)).unwrap();
        assert_eq!(long.as_str().len(), 64);
        let id = PeerId([0; 32]);
        assert_eq!(PeerName::of_folder("peer1", id).as_str(), "peer1-aaaa");
        assert!(PeerName::of_folder(&"ä".repeat(100), id).as_str().len() <= limits::NAME);
        assert_eq!(PeerName::of_folder("\n", id).as_str(), "peer-aaaa");
    }
}
