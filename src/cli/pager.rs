//! An answer that is longer than the terminal is shown page by page, by the program that the user likes for that.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use super::output;
use crate::sys::terminal;

/// What `less` does if the user does not say: it ends at once where all fits, shows colours, and leaves what it showed.
const LESS: &str = "FRX";

/// Writes the end of an answer to standard output: through a pager, if that is a terminal with fewer rows.
pub(super) fn out(text: &str) {
    let is_long = terminal::rows().is_some_and(|rows| text.lines().count() >= usize::from(rows));
    let is_shown = is_long && pager(|name| env::var_os(name)).is_some_and(|pager| page(&pager, text));
    if !is_shown {
        let _reader_gone: core::ops::ControlFlow<()> = output::out(text);
    }
}

/// The pager, as other programs take it from the environment; `None`: the user wants none, or the terminal cannot.
fn pager(variable: impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    let is_dumb = variable("TERM").is_none_or(|terminal| terminal == "dumb");
    let pager = variable("PAGER").unwrap_or_else(|| "less".into());
    (!is_dumb && !pager.is_empty() && pager != "cat").then_some(pager)
}

/// Shows a text by that command. False: there is no such command.
fn page(pager: &OsString, text: &str) -> bool {
    let mut command = Command::new("sh");
    command.arg("-c").arg(pager).stdin(Stdio::piped());
    if env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let Ok(mut shown) = command.spawn() else { return false };
    if let Some(mut input) = shown.stdin.take() {
        // Who has read enough closes the pager before it has taken all.
        let _read_enough: std::io::Result<()> = input.write_all(text.as_bytes());
    }
    // 127, by POSIX: the shell found no such command.
    shown.wait().is_ok_and(|status| status.code() != Some(127))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_is_taken_from_the_environment_like_everywhere() {
        let of = |wanted: Option<&str>, terminal: Option<&str>| {
            pager(|name| if name == "PAGER" { wanted } else { terminal }.map(OsString::from))
        };
        let xterm = Some("xterm");
        assert_eq!(of(None, xterm), Some("less".into()));
        assert_eq!(of(Some("most -s"), xterm), Some("most -s".into()));
        for none in [of(Some(""), xterm), of(Some("cat"), xterm), of(None, Some("dumb")), of(None, None)] {
            assert_eq!(none, None);
        }
    }

    #[test]
    fn a_pager_that_is_not_there_shows_nothing() {
        assert!(!page(&"potluck-no-such-pager 2>/dev/null".into(), "text"));
        assert!(page(&"cat >/dev/null".into(), "text") && page(&"true".into(), &"text\n".repeat(100_000)));
    }
}
