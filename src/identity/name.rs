//! The name shown beside a peer id. Pure.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::PeerId;
use crate::limits;
use crate::text;

/// A name: 1 to 64 bytes, no control or bidirectional characters, no joiner that joins nothing, no white space at
/// its ends, and nothing that reads as the whole id of a peer. It identifies nobody; the id beside it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PeerName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left of it without what is not allowed.
    #[error("the name is empty, or nothing of it can be shown")]
    Empty,
    /// It would be taken for a peer id.
    #[error("the name looks like a peer id (52 characters, a to z and 2 to 7)")]
    ReadsAsId,
}

impl PeerName {
    /// `name` with everything that is not allowed left out, cut at the limit.
    ///
    /// # Errors
    /// What is left of it is no name.
    pub fn cleaned(name: &str) -> Result<Self, NameError> {
        let clean = text::without_hidden(name);
        let clean = clean.trim();
        let mut end = clean.len().min(limits::NAME);
        while !clean.is_char_boundary(end) {
            end -= 1;
        }
        match clean[..end].trim_end() {
            "" => Err(NameError::Empty),
            id if PeerId::is_whole(id) => Err(NameError::ReadsAsId),
            clean => Ok(Self(clean.to_owned())),
        }
    }

    /// The default: the folder's name and four characters of the id.
    #[must_use]
    pub fn of_folder(folder: &str, id: PeerId) -> Self {
        let mut short = folder.to_owned();
        while short.len() > limits::NAME - 5 {
            short.pop();
        }
        let short = Self::cleaned(&short).map_or_else(|_| "peer".to_owned(), |n| n.0);
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
    /// From the network: cleaned, never raw. An empty one, and one that reads as an id, becomes `?`.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(d)?;
        Ok(Self::cleaned(&raw).unwrap_or_else(|_| Self("?".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_and_cut() {
        assert_eq!(PeerName::cleaned(" a\u{1b}[31mb\u{202e}c\n").unwrap().as_str(), "a[31mbc");
        assert_eq!(PeerName::cleaned("\u{7}\n "), Err(NameError::Empty));
        assert_eq!(PeerName::cleaned("an\u{200d}na").unwrap().as_str(), "anna");
        let persian = "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}";
        assert_eq!(PeerName::cleaned(persian).unwrap().as_str(), persian);
        let long = PeerName::cleaned(&"ä".repeat(100)).unwrap();
        assert_eq!(long.as_str().len(), 64);
        let id = PeerId([0; 32]);
        assert_eq!(PeerName::of_folder("peer1", id).as_str(), "peer1-aaaa");
        assert!(PeerName::of_folder(&"ä".repeat(100), id).as_str().len() <= limits::NAME);
        assert_eq!(PeerName::of_folder("\n", id).as_str(), "peer-aaaa");
    }

    #[test]
    fn no_name_reads_as_an_id() {
        let id = PeerId([7; 32]).full();
        let shouted = id.to_uppercase();
        for name in [
            &id,
            &shouted,
            &format!("  {id}\u{200b}"),
            &format!("{}\u{200d}{}", &id[..9], &id[9..]),
            &format!("{}b", &id[..51]),
        ] {
            assert_eq!(PeerName::cleaned(name), Err(NameError::ReadsAsId), "{name}");
            let heard: PeerName = serde_json::from_value(name.as_str().into()).unwrap();
            assert_eq!(heard.as_str(), "?");
        }
        for name in [&id[..51], &format!("{id}a"), &format!("{id} (2)"), &format!("{}1", &id[..51])] {
            assert_eq!(PeerName::cleaned(name).unwrap().as_str(), name);
        }
        assert_eq!(PeerName::of_folder(&id, PeerId([0; 32])).as_str(), "peer-aaaa");
    }
}
