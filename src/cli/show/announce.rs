//! `announce` as people read it.

use core::ops::ControlFlow;

use super::{Page, Show};
use crate::cli::output::Style;
use crate::control::file_word::typed_path;
use crate::control::{AnnounceRequest, AnnouncedRow, Reply};
use crate::text::shown;

/// True as long as nothing was told that was asked for.
#[derive(Debug)]
struct AnnounceShow {
    is_empty: bool,
}

/// What shows it.
pub(super) fn show(_: &AnnounceRequest) -> Box<dyn Show> {
    Box::new(AnnounceShow { is_empty: true })
}

impl Show for AnnounceShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Announced(row) => {
                self.is_empty = false;
                page.line(&line(&row))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn end(&mut self, worked: bool, _: Style) -> String {
        match worked && self.is_empty {
            true => "nothing is announced; `announce FILE` does that\n".to_owned(),
            false => String::new(),
        }
    }
}

/// The whole id stands there: it is what others type.
fn line(row: &AnnouncedRow) -> String {
    let path = row.path.as_deref().map(|path| format!("  {}", typed_path(path))).unwrap_or_default();
    let state = match row.state.as_str() {
        "announced" => "",
        "stopped" => "  is announced no more; nodes forget it within half an hour",
        _ => "  no node knows of it yet",
    };
    format!("b3:{}{path}{state}", shown(&row.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_stands_there_as_others_type_it() {
        let row = |state: &str, path: Option<&str>| AnnouncedRow {
            id: "0f".repeat(32),
            path: path.map(ToOwned::to_owned),
            state: state.to_owned(),
        };
        let id = "0f".repeat(32);
        assert_eq!(line(&row("announced", Some("a/b"))), format!("b3:{id}  a/b"));
        assert_eq!(line(&row("waiting", None)), format!("b3:{id}  no node knows of it yet"));
        let evil = AnnouncedRow { id: "\u{1b}".into(), ..row("stopped", Some("\u{1b}[31m")) };
        assert!(!line(&evil).chars().any(crate::text::is_unprintable));
    }
}
