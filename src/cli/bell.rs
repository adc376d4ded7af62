//! The bell of a terminal, and the notification that some terminals show (OSC 9, as iTerm2 has it:
//! <https://iterm2.com/documentation-escape-codes.html>).

use std::io::IsTerminal;

use super::output;
use crate::control::DownloadSum;
use crate::text::shown;

/// A download that took so long is worth a bell, in milliseconds: whoever waited is likely to do something else.
const LONG: u64 = 10_000;

/// Characters of a notification, at most: none shows more.
const MESSAGE: usize = 120;

/// What `TERM_PROGRAM` is, and what `TERM` begins with, where OSC 9 is a notification. Elsewhere it may be something
/// else (in ConEmu it is), or be shown.
const PROGRAMS: [&str; 3] = ["iTerm.app", "WezTerm", "ghostty"];
const TERMS: [&str; 4] = ["xterm-kitty", "xterm-ghostty", "foot", "wezterm"];

/// What a terminal says of itself.
#[derive(Clone, Debug, Default)]
struct TerminalName {
    term: String,
    program: String,
    /// Another program stands between (tmux, screen), which keeps such sequences to itself.
    is_wrapped: bool,
}

impl TerminalName {
    /// The one that this process runs in.
    fn of_environment() -> Self {
        let get = |name| std::env::var(name).unwrap_or_default();
        let is_wrapped = ["TMUX", "STY"].iter().any(|name| std::env::var_os(name).is_some());
        Self { term: get("TERM"), program: get("TERM_PROGRAM"), is_wrapped }
    }

    /// True if it shows notifications.
    fn notifies(&self) -> bool {
        let named = PROGRAMS.contains(&self.program.as_str());
        !self.is_wrapped && (named || TERMS.iter().any(|term| self.term.starts_with(term)))
    }
}

/// What rings for a download that is over; nothing for one that did not take long.
pub(super) fn of_download(sum: &DownloadSum) -> String {
    if sum.millis < LONG {
        return String::new();
    }
    let how = super::show::download::outcome(sum);
    sequence(&format!("potluck: {}: {how}", sum.what), &TerminalName::of_environment())
}

/// Rings on standard error, if that is a terminal.
pub(super) fn ring(sequence: &str) {
    if !sequence.is_empty() && std::io::stderr().is_terminal() {
        output::err(sequence);
    }
}

/// Bytes that move no cursor.
fn sequence(message: &str, terminal: &TerminalName) -> String {
    if !terminal.notifies() {
        return "\x07".to_owned();
    }
    let message: String = shown(message).chars().take(MESSAGE).collect();
    format!("\x1b]9;{message}\x1b\\\x07")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_goes_only_where_it_is_known() {
        let of = |term: &str, program: &str, is_wrapped| TerminalName {
            term: term.to_owned(),
            program: program.to_owned(),
            is_wrapped,
        };
        for terminal in [of("xterm-kitty", "", false), of("xterm-256color", "WezTerm", false)] {
            assert_eq!(sequence("done", &terminal), "\x1b]9;done\x1b\\\x07");
        }
        for terminal in [of("xterm-256color", "", false), of("dumb", "", false), of("xterm-kitty", "", true)]
        {
            assert_eq!(sequence("done", &terminal), "\x07");
        }
        let evil = sequence(&"\x1b\\\x07\u{202e}x".repeat(100), &of("foot", "", false));
        let inside = evil.strip_prefix("\x1b]9;").and_then(|rest| rest.strip_suffix("\x1b\\\x07")).unwrap();
        assert!(
            !inside.chars().any(crate::text::is_unprintable) && inside.chars().count() <= MESSAGE,
            "{inside:?}"
        );
    }
}
