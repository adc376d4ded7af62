//! What the room puts into datagrams: a line, and which lines somebody misses. Pure.
//!
//! A line is one signed datagram of its origin. Whoever repairs it sends that datagram once more, byte for byte,
//! so that a line needs no second signature, and whoever gets it need not trust who sent it.

use serde::{Deserialize, Serialize};

use crate::codec::DecodeError;
use crate::identity::{Instance, PeerId};
use crate::wire::limits;

/// A line that somebody said to everyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLine {
    /// Its number among those of its origin: the first one is 1.
    pub number: u64,
    /// When it was said, by the clock of who said it: milliseconds since 1970. It is only shown.
    pub said: u64,
    /// 1 to [`limits::LINE`] bytes; hostile until it is shown by `text::shown`.
    pub text: String,
}

/// Lines of one origin that somebody misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomGap {
    /// Whose.
    pub origin: PeerId,
    /// Of which of its starts.
    pub instance: Instance,
    /// The number of the first one, at least 1.
    pub first: u64,
    /// Bit n stands for the line `first + n`.
    pub missing: u32,
}

impl RoomLine {
    /// Checks what the types do not say.
    ///
    /// # Errors
    /// [`DecodeError::Value`].
    pub(super) const fn check(&self) -> Result<(), DecodeError> {
        if self.text.is_empty() || self.text.len() > limits::LINE {
            return Err(DecodeError::Value("a line of no or of too many bytes"));
        }
        if self.number == 0 {
            return Err(DecodeError::Value("line 0"));
        }
        Ok(())
    }
}

impl RoomGap {
    /// The lines that are missed.
    pub fn numbers(self) -> impl Iterator<Item = u64> {
        (0..u32::BITS)
            .filter(move |bit| self.missing & 1 << bit != 0)
            .map(move |bit| self.first + u64::from(bit))
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// [`DecodeError::Value`].
    fn check(self) -> Result<(), DecodeError> {
        if self.first == 0 || self.first > u64::MAX - u64::from(u32::BITS) {
            return Err(DecodeError::Value("a gap outside all lines"));
        }
        Ok(())
    }
}

/// Checks what somebody says to miss.
///
/// # Errors
/// [`DecodeError::Value`].
pub(super) fn check_gaps(gaps: &[RoomGap]) -> Result<(), DecodeError> {
    if gaps.len() > limits::ROOM_GAPS {
        return Err(DecodeError::Value("too many gaps"));
    }
    gaps.iter().try_for_each(|gap| gap.check())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(first: u64, missing: u32) -> RoomGap {
        RoomGap { origin: PeerId([1; 32]), instance: Instance { count: 1, random: 2 }, first, missing }
    }

    #[test]
    fn a_gap_names_its_lines() {
        assert_eq!(gap(7, 0b1_0011).numbers().collect::<Vec<_>>(), [7, 8, 11]);
        assert_eq!(gap(7, u32::MAX).numbers().last(), Some(38));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let line = |number, text: String| RoomLine { number, said: 0, text }.check().is_ok();
        assert!(line(1, "x".repeat(limits::LINE)) && line(u64::MAX, "x".into()));
        assert!(!line(1, "x".repeat(limits::LINE + 1)) && !line(1, String::new()) && !line(0, "x".into()));
        assert!(check_gaps(&[gap(1, 1); limits::ROOM_GAPS]).is_ok());
        for gaps in [vec![gap(1, 1); limits::ROOM_GAPS + 1], vec![gap(0, 1)], vec![gap(u64::MAX - 1, 1)]] {
            assert!(check_gaps(&gaps).is_err());
        }
    }
}
