//! The name of a group. Pure.

use core::fmt;

use unicode_normalization::UnicodeNormalization as _;

use super::limits;
use crate::text;

/// The name of a group: 1 to 64 bytes, nothing that cannot be seen, no white space at its ends. It is no
/// secret. Two groups of one passphrase and different names are different groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(String);

/// Why a text is no name of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupNameError {
    /// Nothing is there.
    #[error("the name of a group is missing")]
    Empty,
    /// It takes more than 64 bytes.
    #[error("the name of the group is too long: {} bytes at most", limits::GROUP_NAME)]
    Long,
    /// Two who type what looks the same would not meet.
    #[error("the name of the group has characters that cannot be seen")]
    Hidden,
}

impl GroupName {
    /// `text` as a name. The same letters are one name, however a keyboard composes them (Unicode NFC).
    ///
    /// # Errors
    /// It is none. Nothing is left out or cut silently: the others would be in another group.
    pub fn parse(text: &str) -> Result<Self, GroupNameError> {
        let name: String = text.trim().nfc().collect();
        if name.is_empty() {
            return Err(GroupNameError::Empty);
        }
        if name.len() > limits::GROUP_NAME {
            return Err(GroupNameError::Long);
        }
        if text::without_hidden(&name) != name {
            return Err(GroupNameError::Hidden);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_however_it_is_typed_and_never_changed_silently() {
        assert_eq!(GroupName::parse(" b\u{fc}ro\n"), GroupName::parse("bu\u{308}ro"));
        assert_eq!(GroupName::parse("our office").unwrap().as_str(), "our office");
        assert_eq!(GroupName::parse(" \n"), Err(GroupNameError::Empty));
        assert_eq!(GroupName::parse(&"x".repeat(65)), Err(GroupNameError::Long));
        for hidden in ["a\u{202e}b", "a\u{7}b", "a\nb"] {
            assert_eq!(GroupName::parse(hidden), Err(GroupNameError::Hidden), "{hidden:?}");
        }
    }
}
