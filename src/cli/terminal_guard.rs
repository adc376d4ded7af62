//! Bytes of files that others share do not go to a terminal as they are, if it would obey them.

use std::io::{self, IsTerminal};

use crate::error::Failure;

/// The first byte of the C1 controls in UTF-8 (RFC 3629), and the last of those that come second.
const C1: u8 = 0xc2;
const C1_END: u8 = 0x9f;

/// Looks at what is to be written.
#[derive(Debug)]
pub(super) struct TerminalGuard {
    is_terminal: bool,
    /// The byte before.
    last: u8,
}

impl TerminalGuard {
    /// For standard output. What goes to a file or a program is not looked at.
    pub(super) fn of_stdout() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), last: 0 }
    }

    /// Looks at the next bytes.
    ///
    /// # Errors
    /// A terminal would take some of them for a command.
    pub(super) fn check(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if !self.is_terminal {
            return Ok(());
        }
        for &byte in bytes {
            let is_control = byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0x7f;
            if is_control || self.last == C1 && byte <= C1_END {
                let message = "this file is not plain text, and a terminal would obey what is in it: send it to a \
                               file or a program (`potluck cat FILE > NAME`)";
                return Err(Failure::other(message));
            }
            self.last = byte;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_to_a_terminal_and_what_it_would_obey_does_not() {
        let check = |pieces: &[&[u8]], is_terminal| {
            let mut guard = TerminalGuard { is_terminal, last: 0 };
            pieces.iter().try_for_each(|piece| guard.check(piece))
        };
        for text in ["plain\ttext\r\n", "grüße, 世界, سلام\n", "\u{a0}"] {
            assert!(check(&[text.as_bytes()], true).is_ok());
        }
        for obeyed in ["\u{1b}[31m", "a\0b", "\u{7f}", "\u{9b}31m", "\u{8}"] {
            assert!(check(&[obeyed.as_bytes()], true).is_err());
            assert!(check(&[obeyed.as_bytes()], false).is_ok());
        }
        assert!(check(&[b"\xc2", b"\x9b"], true).is_err(), "it comes in pieces");
    }
}
