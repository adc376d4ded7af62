//! The way to standard output and standard error, and JSON as it is printed.
//!
//! Nothing else in the program prints, and nothing here uses `println!`: it panics when the reader has
//! gone (`potluck list | head -1`) or the terminal was closed.

use core::fmt::Write as _;
use core::ops::ControlFlow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::control::Reply;
use crate::control::line::Versioned;
use crate::error::Failure;
use crate::sys::terminal;
use crate::text;

/// True once standard output took no more for another reason than that its reader has gone.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Writes to standard output at once. Breaks when nobody reads it any more.
pub(crate) fn out(text: &str) -> ControlFlow<()> {
    let written = write_to(io::stdout().lock(), text);
    if written.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::BrokenPipe) {
        FAILED.store(true, Ordering::Relaxed);
    }
    flow(&written)
}

/// Writes bytes of a file to standard output as they are. Breaks when nobody reads them any more.
pub(crate) fn raw(bytes: &[u8]) -> ControlFlow<()> {
    // What goes to a terminal line by line is held back here for nothing.
    let written = terminal::stdout_as_it_is().and_then(|mut to| to.write_all(bytes));
    if written.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::BrokenPipe) {
        FAILED.store(true, Ordering::Relaxed);
    }
    flow(&written)
}

/// True if something could not be written to standard output (a full disk) that somebody waits for.
pub(crate) fn has_failed() -> bool {
    FAILED.load(Ordering::Relaxed)
}

/// Writes to standard error. When nobody reads it, there is nobody to tell.
pub(crate) fn err(text: &str) {
    let _nobody_reads: io::Result<()> = write_to(io::stderr().lock(), text);
}

fn write_to(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes()).and_then(|()| to.flush())
}

const fn flow(written: &io::Result<()>) -> ControlFlow<()> {
    if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// True on a terminal that can only write line below line (`TERM=dumb`), or in an editor that stands for one.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// How text looks: with or without colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// True on a terminal without `NO_COLOR` (<https://no-color.org>) and `TERM=dumb`.
    pub(crate) color: bool,
    /// How wide a line may be; `None`: as wide as it is, for it goes to no terminal.
    pub(crate) columns: Option<usize>,
}

impl Style {
    /// Text alone, of whatever width.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { color: false, columns: None };

    /// The style of standard output.
    pub(crate) fn of_stdout() -> Self {
        let columns = terminal::columns().filter(|columns| *columns > 0).map(usize::from);
        Self { columns, ..Self::of(&io::stdout()) }
    }

    /// The style of standard error.
    pub(crate) fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
        Self { color: stream.is_terminal() && !set("NO_COLOR") && !dumb, columns: None }
    }

    /// Bold.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Less important.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Something is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// An object as one line of JSON, with its version. Strings are raw, but everything that must not reach a terminal is
/// written as `\uXXXX`: what JSON leaves as it is (DEL, C1, bidirectional characters) as well.
pub(crate) fn json_line(object: &impl Serialize) -> String {
    let json = serde_json::to_string(&Versioned::of(object)).unwrap_or_else(|e| {
        // Paths have a form of their own where they are not UTF-8, and nothing else can fail.
        let failure = Reply::Failed(Failure::other(format!("this answer has no form as JSON: {e}")));
        serde_json::to_string(&Versioned::of(&failure)).unwrap_or_default()
    });
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if text::is_unprintable(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(line, "\\u{unit:04x}").unwrap_or(());
            }
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys_and_stays_the_same_text() {
        let hostile = "a\u{1b}]52;\u{7}\u{9b}\u{7f}\u{202e}\u{2028}\u{e0041}\r\n\"\\ ünïcode";
        let reply = Reply::Note { text: hostile.to_owned() };
        let line = json_line(&reply);
        assert!(!line.trim_end_matches('\n').chars().any(text::is_unprintable), "{line}");
        assert_eq!(serde_json::from_str::<Reply>(&line).unwrap(), reply);
    }

    #[test]
    fn what_has_no_form_as_json_is_a_failure_that_has_one() {
        /// As no answer is: JSON has names for its members.
        #[derive(Serialize)]
        struct Nameless {
            pairs: std::collections::BTreeMap<(u8, u8), u8>,
        }
        let line = json_line(&Nameless { pairs: [((1, 2), 3)].into() });
        let said = "this answer has no form as JSON: key must be a string";
        assert_eq!(serde_json::from_str::<Reply>(&line).unwrap(), Reply::Failed(Failure::other(said)));
    }

    #[test]
    fn no_colours_without_a_terminal() {
        let plain = Style::PLAIN;
        assert_eq!(plain.bold("x"), "x");
        assert_eq!(Style { color: true, ..Style::PLAIN }.red("x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
