//! `chat` as people read it, and lines as they come.

use core::ops::ControlFlow;

use super::parts::short_id;
use super::{Page, Show};
use crate::cli::human::count;
use crate::cli::output::Style;
use crate::control::{Audience, ChatRequest, ChatRow, IgnoredRow, Reply};
use crate::sys::{clock, local_time};
use crate::text::shown;

#[derive(Debug)]
struct ChatShow {
    /// Now, in milliseconds since 1970.
    now: u64,
    ignored: Vec<IgnoredRow>,
}

/// What shows it.
pub(super) fn show(_: &ChatRequest) -> Box<dyn Show> {
    Box::new(ChatShow { now: clock::unix_millis(), ignored: Vec::new() })
}

impl Show for ChatShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Line(row) => page.line(&line(&row, self.now, page.style)),
            Reply::Ignored(row) => {
                self.ignored.push(row);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        if self.ignored.is_empty() || !worked {
            return String::new();
        }
        let names: Vec<_> = self.ignored.iter().map(|row| named(&row.name, &row.id)).collect();
        format!("{}\n", style.dim(&format!("ignored: {}", names.join(", "))))
    }
}

/// A line with its time, and who said it to whom; `now` is in milliseconds since 1970.
pub(in crate::cli) fn line(row: &ChatRow, now: u64, style: Style) -> String {
    let ChatRow { name, id, look_alike, mine, to, said, text } = row;
    let name = match (mine, look_alike) {
        (true, _) => "you".to_owned(),
        (false, true) => named(name, id),
        (false, false) => shown(name).into_owned(),
    };
    let to = match to {
        Audience::Everyone => String::new(),
        Audience::Us => " (to you alone)".to_owned(),
        Audience::One { name, .. } => format!(" (to {} alone)", shown(name)),
    };
    let when = style.dim(&local_time::shown(*said, now));
    format!("{when} {}{to}: {}", style.bold(&name), shown(text))
}

/// So many lines of a peer did not come.
pub(in crate::cli) fn missed(name: &str, lines: u64) -> String {
    let were = if lines == 1 { "was" } else { "were" };
    format!("{} of {} {were} missed", count(lines, "line"), shown(name))
}

fn named(name: &str, id: &str) -> String {
    format!("{} ({})", shown(name), short_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style::PLAIN;

    fn row() -> ChatRow {
        ChatRow {
            name: "anna".into(),
            id: "abcdefghij".into(),
            look_alike: false,
            mine: false,
            to: Audience::Everyone,
            said: 50,
            text: "hello".into(),
        }
    }

    /// What is shown of a line behind its time.
    fn said(row: &ChatRow) -> String {
        let line = line(row, 50, PLAIN);
        let (time, said) = line.split_at("00:00 ".len());
        assert!(time.as_bytes()[2] == b':' && time.ends_with(' '), "{line}");
        said.to_owned()
    }

    #[test]
    fn who_said_it_to_whom_is_told() {
        assert_eq!(said(&row()), "anna: hello");
        assert_eq!(said(&ChatRow { look_alike: true, ..row() }), "anna (abcdefgh): hello");
        assert_eq!(said(&ChatRow { to: Audience::Us, ..row() }), "anna (to you alone): hello");
        let to = Audience::One { name: "bert".into(), id: "x".into() };
        assert_eq!(said(&ChatRow { mine: true, to, ..row() }), "you (to bert alone): hello");
        assert_eq!(missed("anna", 1), "1 line of anna was missed");
        assert_eq!(missed("anna", 68), "68 lines of anna were missed");
    }

    #[test]
    fn nothing_of_a_peer_is_shown_raw() {
        let evil = "\u{1b}]0;\u{7}\r\n\u{202e}\u{9b}".to_owned();
        let to = Audience::One { name: evil.clone(), id: evil.clone() };
        let row = ChatRow {
            name: evil.clone(),
            id: evil.clone(),
            look_alike: true,
            to,
            text: evil.clone(),
            ..row()
        };
        let shown = [line(&row, 50, PLAIN), missed(&evil, 2), named(&evil, &evil)].concat();
        assert!(!shown.chars().any(crate::text::is_unprintable), "{shown:?}");
    }
}
