//! `download` as people read it: how far it is, and what it brought.

use core::ops::ControlFlow;

use super::parts::{cut, missing_files, shown_path, some_names};
use super::{Page, Show};
use crate::cli::human::{count, duration, percent, size, speed};
use crate::cli::output::Style;
use crate::control::typed::CommandOrigin;
use crate::control::{DownloadRequest, DownloadRow, Reply, Saved};
use crate::error::Failure;
use crate::sys::clock;
use crate::text::shown;

/// Files of one download that are named on a terminal; the rest is counted.
const NAMED: u64 = 20;

/// Counts what arrived.
#[derive(Debug)]
struct DownloadShow {
    saved: u64,
}

/// What shows it.
pub(super) fn show(_: &DownloadRequest) -> Box<dyn Show> {
    Box::new(DownloadShow { saved: 0 })
}

impl Show for DownloadShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Begun(row) if page.origin == CommandOrigin::Prompt => return page.line(&begun(&row)),
            Reply::Begun(row) => {
                let (line, holders) = (first_line(&row), holders(&row));
                page.open_bar(row.done, row.size, &line);
                if !holders.is_empty() {
                    page.aside(&holders);
                }
            }
            Reply::Progress(row) => {
                let text = progress(&row);
                if !page.move_bar(row.done, row.size, &text) {
                    page.step(&Reply::Progress(row), &text);
                }
            }
            Reply::Saved(file) => {
                self.saved += 1;
                if self.saved <= NAMED || !page.style.color {
                    return page.line(&saved(&file));
                }
            }
            Reply::Unlisted(row) => page.aside(&missing_files(&row)),
            Reply::Missing { path, failure } => page.aside(&missing(&path, &failure)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, _: bool, style: Style) -> String {
        match self.saved.checked_sub(NAMED) {
            Some(more) if more > 0 && style.color => format!("and {} more\n", count(more, "file")),
            _ => String::new(),
        }
    }
}

/// How far a download is, in one line.
pub(in crate::cli) fn progress(row: &DownloadRow) -> String {
    let mut text =
        format!("{}: {} {} % of {}", row.job, shown(&row.what), percent(row.done, row.size), size(row.size));
    if row.files > 1 {
        text.push_str(&format!(", {} of {} files", row.files_done, row.files));
    }
    match &row.waiting {
        Some(why) => text.push_str(&format!(", {}", shown(why))),
        None => {
            text.push_str(&format!(", {}", speed(row.speed)));
            if let Some(left) = row.left {
                text.push_str(&format!(", {} left", duration(left)));
            }
            if !row.from.is_empty() {
                text.push_str(&format!(", from {}", some_names(&row.from)));
            }
        }
    }
    text
}

/// All running downloads in one line of at most `columns` columns; empty when none runs.
pub(in crate::cli) fn progress_line(rows: &[DownloadRow], columns: usize) -> String {
    let line = match rows {
        [] => return String::new(),
        [one] => progress(one),
        many => {
            let sum = |part: fn(&DownloadRow) -> u64| many.iter().map(part).fold(0_u64, u64::saturating_add);
            let (done, all, rate) = (sum(|r| r.done), sum(|r| r.size), sum(|r| r.speed));
            let left = all.saturating_sub(done).checked_div(rate);
            let left = left.map_or_else(String::new, |s| format!(", {} left", duration(s)));
            format!(
                "{} downloads {} % of {}, {}{left}",
                many.len(),
                percent(done, all),
                size(all),
                speed(rate)
            )
        }
    };
    cut(&line, columns)
}

/// How a download begins: its first line, and those who have it, if there are several.
pub(in crate::cli) fn begun(row: &DownloadRow) -> String {
    let (line, holders) = (first_line(row), holders(row));
    if holders.is_empty() { line } else { format!("{line}\n{holders}") }
}

/// Those who have it, a line each.
fn holders(row: &DownloadRow) -> String {
    let now = clock::unix_seconds();
    row.holders.iter().map(|holder| super::holders::line(holder, now)).collect::<Vec<_>>().join("\n")
}

fn first_line(row: &DownloadRow) -> String {
    let mut text = format!("{}: fetching {} ({}", row.job, shown(&row.what), size(row.size));
    if row.files > 1 {
        text.push_str(&format!(", {}", count(row.files, "file")));
    }
    text.push(')');
    if !row.from.is_empty() {
        text.push_str(&format!(" from {}", some_names(&row.from)));
    }
    text
}

/// A file arrived.
pub(in crate::cli) fn saved(saved: &Saved) -> String {
    let path = shown_path(&saved.path);
    let through = saved.through.as_deref().map_or_else(String::new, |who| format!(", from {}", shown(who)));
    match saved.how.as_str() {
        "already_there" => format!("already there: {path}"),
        "saved_as" => format!("saved as {path}: its own name was taken"),
        "renamed" => {
            let wanted = saved.wanted.as_deref().unwrap_or_default();
            format!("saved as {path}: the file system there cannot hold the name {}", shown(wanted))
        }
        _ => format!("saved {path}{through}"),
    }
}

/// A file will not come.
pub(in crate::cli) fn missing(path: &str, failure: &Failure) -> String {
    format!("not fetched: {}: {}", shown(path), shown(&failure.message))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::holders::tests::holder;
    use super::*;
    use crate::control::HolderRow;
    use crate::error::Code;

    pub(in crate::cli::show) fn download() -> DownloadRow {
        DownloadRow {
            job: 3,
            what: "big.iso".into(),
            done: 45 << 20,
            size: 100 << 20,
            files_done: 0,
            files: 1,
            speed: 11 << 20,
            left: Some(5),
            fetched: 0,
            from: vec!["peer2".into(), "peer3".into()],
            waiting: None,
            holders: Vec::new(),
        }
    }

    #[test]
    fn progress_tells_speed_time_or_why_nothing_moves() {
        let mut one = download();
        assert_eq!(progress_line(&[one.clone()], 30), "3: big.iso 45 % of 100.0 MiB,…");
        assert_eq!(progress_line(&[], 30), "");
        assert_eq!(
            progress_line(&[one.clone(), one.clone()], 90),
            "2 downloads 45 % of 200.0 MiB, 22.0 MiB/s, 5 s left"
        );
        one.waiting = Some("no holder is here: waiting".into());
        (one.files, one.files_done) = (7, 2);
        assert_eq!(progress(&one), "3: big.iso 45 % of 100.0 MiB, 2 of 7 files, no holder is here: waiting");
        (one.speed, one.size, one.done) = (0, 0, 0);
        assert_eq!(progress_line(&[one.clone(), one], 90), "2 downloads 100 % of 0 B, 0 B/s");
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}";
        let mut all = download();
        (all.what, all.from, all.waiting) = (evil.into(), vec![evil.into()], None);
        all.holders = vec![HolderRow { address: evil.into(), ..holder("anna", "a") }];
        let mut text = progress(&all) + &begun(&all);
        text += &missing(evil, &Failure::new(Code::NoHolder, evil));
        for how in ["saved", "renamed"] {
            let (how, wanted) = (how.to_owned(), Some(evil.to_owned()));
            text += &saved(&Saved {
                job: 1,
                id: String::new(),
                path: format!("/x/{evil}").into(),
                how,
                wanted,
                through: None,
            });
        }
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
