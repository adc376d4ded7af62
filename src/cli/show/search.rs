//! `search` as people read it.

use core::ops::ControlFlow;

use super::parts::{missing_files, wrapped};
use super::{Page, Show, list};
use crate::cli::human::count;
use crate::cli::output::Style;
use crate::control::{ListRow, Reply, SearchProgress, SearchRequest, UnlistedRow};

/// Keeps the rows until all are there, or until more are waited for: only then the columns' widths are known.
#[derive(Debug, Default)]
struct SearchShow {
    rows: Vec<ListRow>,
    /// How many of them are shown.
    shown: usize,
    more: u64,
    unlisted: Vec<UnlistedRow>,
}

/// What shows it.
pub(super) fn show(_: &SearchRequest) -> Box<dyn Show> {
    Box::new(SearchShow::default())
}

impl Show for SearchShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::File(row) => self.rows.push(row),
            Reply::FoundMore { more } => self.more = more,
            Reply::Unlisted(row) => self.unlisted.push(row),
            Reply::Searching(progress) => {
                let rows = self.next_rows(page.style);
                page.step(&reply, &so_far(progress));
                if let Some(rows) = rows.strip_suffix('\n') {
                    return page.line(rows);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        let rows = self.next_rows(style);
        if worked { rows + &self.sum(style) } else { rows }
    }
}

impl SearchShow {
    /// The rows that are not shown yet; the first ones with the names of the columns.
    fn next_rows(&mut self, style: Style) -> String {
        let rows = &self.rows[self.shown..];
        if rows.is_empty() {
            return String::new();
        }
        let text = list::files(&rows.iter().collect::<Vec<_>>(), style);
        let is_first = self.shown == 0;
        self.shown = self.rows.len();
        match text.split_once('\n') {
            Some((_, rows)) if !is_first => rows.to_owned(),
            _ => text,
        }
    }

    /// What is said below the rows.
    fn sum(&self, style: Style) -> String {
        let mut sum = match self.rows.as_slice() {
            [] => "nothing found".to_owned(),
            rows => list::sum(rows),
        };
        if self.more > 0 {
            sum += &format!(", and {} more: further words, --type or --from find fewer", self.more);
        }
        sum += &list::remarks(&self.rows.iter().collect::<Vec<_>>());
        let sum = wrapped(&sum, style.columns);
        let missing: String = self.unlisted.iter().map(|row| format!("{}\n", missing_files(row))).collect();
        match self.rows.is_empty() {
            true => format!("{sum}\n{missing}"),
            false => format!("{}\n{missing}", style.dim(&sum)),
        }
    }
}

/// What is said while more is waited for.
fn so_far(progress: SearchProgress) -> String {
    let SearchProgress { found, awaited } = progress;
    let whose = match awaited {
        0 => "others to answer".to_owned(),
        awaited => count(awaited, "peer"),
    };
    format!("{} found; waiting for {whose}", count(found, "file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::UnlistedCause;

    const PLAIN: Style = Style::PLAIN;

    fn row(path: &str) -> ListRow {
        ListRow {
            path: path.into(),
            folder: false,
            size: 1_300_000,
            modified: 0,
            copies: 1,
            wanted: None,
            mine: false,
            peers: vec!["anna\u{1b}".into()],
            peer_ids: vec![],
            look_alikes: vec![],
            id: "3f2a9c1b00112233".into(),
            ambiguous: path.starts_with('*'),
            away: false,
            large: false,
            here: false,
            hashing: None,
        }
    }

    fn found(rows: &[&str], more: u64) -> SearchShow {
        SearchShow { rows: rows.iter().map(|path| row(path)).collect(), more, ..SearchShow::default() }
    }

    #[test]
    fn what_is_found_looks_like_what_is_listed() {
        insta::assert_snapshot!(found(&["films/a\u{202e}.mkv", "*b"], 0).end(true, PLAIN), @r"
        PATH                    SIZE  COPIES  WHO         ID
        films/a\u{202e}.mkv  1.2 MiB       1  anna\u{1b}  b3:3f2a9c1b00
        *b                   1.2 MiB       1  anna\u{1b}  b3:3f2a9c1b00 *
        2 files, 2.5 MiB; * several contents have this path: name one by its id
        ");
        let text = found(&["a"], 34).end(true, PLAIN);
        assert!(text.ends_with(", and 34 more: further words, --type or --from find fewer\n"), "{text}");
    }

    #[test]
    fn rows_that_come_later_stand_below_the_others() {
        let mut show = found(&["a"], 0);
        let first = show.next_rows(PLAIN);
        assert!(first.starts_with("PATH") && first.lines().count() == 2, "{first}");
        assert_eq!(show.next_rows(PLAIN), "");
        show.rows.push(row("b"));
        let rest = show.end(true, PLAIN);
        assert!(rest.starts_with("b  ") && rest.ends_with("2 files, 2.5 MiB\n"), "{rest}");
        assert_eq!(so_far(SearchProgress { found: 1, awaited: 2 }), "1 file found; waiting for 2 peers");
        assert_eq!(
            so_far(SearchProgress { found: 0, awaited: 0 }),
            "0 files found; waiting for others to answer"
        );
    }

    #[test]
    fn nothing_found_is_said_and_whose_files_are_missing() {
        assert_eq!(found(&[], 0).end(true, PLAIN), "nothing found\n");
        let missing = UnlistedRow {
            cause: UnlistedCause::Busy,
            count: 1,
            peers: vec!["anna\u{1b}".into()],
            peer_ids: vec![],
        };
        let mut show = found(&[], 0);
        show.unlisted.push(missing.clone());
        assert_eq!(show.end(true, PLAIN), "nothing found\n1 peer's files are missing: busy (anna\\u{1b})\n");
        let mut show = found(&["a"], 0);
        show.unlisted.push(missing);
        assert!(show.end(true, PLAIN).ends_with("missing: busy (anna\\u{1b})\n"));
        assert_eq!(found(&[], 0).end(false, PLAIN), "");
    }
}
