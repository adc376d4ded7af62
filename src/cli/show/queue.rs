//! `queue` as people read it, and what `pause`, `resume`, `first` and `cancel` say.

use core::ops::ControlFlow;

use super::parts::{Fit, LEFT, RIGHT, names_of, table};
use super::{Page, Show};
use crate::cli::human::{count, duration, number, percent, size, speed};
use crate::cli::output::Style;
use crate::control::{QueueRequest, QueueRow, QueueState, Reply};
use crate::text::shown;

/// Keeps the rows until all are there, for only then the columns' widths are known.
#[derive(Debug)]
struct QueueShow(Vec<QueueRow>);

/// What shows it.
pub(super) fn show(_: &QueueRequest) -> Box<dyn Show> {
    Box::new(QueueShow(Vec::new()))
}

impl Show for QueueShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        if let Reply::Queued(row) = reply {
            self.0.push(row);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        if worked { queue(&self.0, style) } else { String::new() }
    }
}

/// What `queue` says.
fn queue(rows: &[QueueRow], style: Style) -> String {
    if rows.is_empty() {
        return "nothing in the queue\n".to_owned();
    }
    let cells: Vec<[String; 7]> = rows.iter().map(cells).collect();
    table(
        ["NO.", "NAME", "STATE", "SIZE", "DONE", "FROM", "NOTE"],
        [RIGHT, LEFT, LEFT, RIGHT, RIGHT, LEFT, LEFT],
        [Fit::Whole, Fit::Cut, Fit::Whole, Fit::Whole, Fit::Whole, Fit::Cut, Fit::Cut],
        &cells,
        style,
    )
}

fn cells(row: &QueueRow) -> [String; 7] {
    [
        row.job.to_string(),
        shown(&row.what).into_owned(),
        state(row),
        size(row.size),
        format!("{}%", percent(row.done, row.size)),
        names_of(&row.from, row.from.len() as u64),
        note(row),
    ]
}

/// How it stands, in a word.
fn state(row: &QueueRow) -> String {
    let state = match row.state {
        QueueState::Downloading => "downloading",
        QueueState::Queued => "queued",
        QueueState::Waiting => "waiting",
        QueueState::Paused => "paused",
        QueueState::Failed => "failed",
        QueueState::Stopping => "stopping",
        QueueState::Removed => "removed",
    };
    if row.is_first { format!("{state} (first)") } else { state.to_owned() }
}

/// Why it does not move, or how fast it does.
fn note(row: &QueueRow) -> String {
    let mut notes = Vec::new();
    match &row.why {
        Some(why) => notes.push(shown(why).into_owned()),
        None if row.speed > 0 => {
            notes.push(speed(row.speed));
            notes.extend(row.left.map(|left| format!("{} left", duration(left))));
        }
        None => {}
    }
    if row.files > 1 {
        notes.push(format!("{} of {}", number(row.files_done), count(row.files, "file")));
    }
    notes.join(", ")
}

/// Says of each download how it stands now.
#[derive(Debug)]
pub(super) struct QueueSteps {
    /// What was done to it.
    done: &'static str,
    /// What there was to be done it to, if there was none.
    none: &'static str,
    /// What is said behind it.
    hint: &'static str,
    rows: u64,
}

impl QueueSteps {
    /// For a command that does this.
    pub(super) const fn new(done: &'static str, none: &'static str, hint: &'static str) -> Self {
        Self { done, none, hint, rows: 0 }
    }
}

impl Show for QueueSteps {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        let Reply::Queued(row) = reply else { return ControlFlow::Continue(()) };
        self.rows += 1;
        if row.state == QueueState::Stopping && page.origin() == crate::control::typed::CommandOrigin::Prompt
        {
            // How far it came is told when it has stopped.
            return ControlFlow::Continue(());
        }
        page.line(&step(&row, self.done, self.hint))
    }

    fn end(&mut self, worked: bool, _: Style) -> String {
        if worked && self.rows == 0 { format!("{}\n", self.none) } else { String::new() }
    }
}

/// One line: what was done to which download, and how far that is.
fn step(row: &QueueRow, done: &str, hint: &str) -> String {
    let far = if row.size == 0 {
        String::new()
    } else {
        format!(" at {}% of {}", percent(row.done, row.size), size(row.size))
    };
    let why = row.why.as_deref().map_or_else(String::new, |why| format!("; {}", shown(why)));
    format!("[{}] {done} {}{far}{why}{hint}", row.job, shown(&row.what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(job: u64, what: &str, state: QueueState) -> QueueRow {
        QueueRow {
            job,
            what: what.into(),
            state,
            done: 45 << 20,
            size: 100 << 20,
            files_done: 0,
            files: 1,
            speed: 0,
            left: None,
            from: vec!["anna".into()],
            why: None,
            is_first: false,
            to: "/d".into(),
        }
    }

    fn rows() -> Vec<QueueRow> {
        let moving = QueueRow {
            speed: 11 << 20,
            left: Some(5),
            is_first: true,
            ..row(1, "big.iso", QueueState::Downloading)
        };
        let why = Some("waits for anna".to_owned());
        let folder = QueueRow { files: 1_200, files_done: 12, why, ..row(2, "Week 12", QueueState::Waiting) };
        let why = Some("x: no space left in /media/stick".to_owned());
        vec![
            moving,
            folder,
            row(12, "a.iso", QueueState::Paused),
            QueueRow { why, ..row(13, "x", QueueState::Failed) },
        ]
    }

    #[test]
    fn a_row_says_how_it_stands_and_why() {
        let text = queue(&rows(), Style::PLAIN);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "NO.  NAME     STATE                     SIZE  DONE  FROM  NOTE",
                "  1  big.iso  downloading (first)  100.0 MiB   45%  anna  11.0 MiB/s, 5 s left",
                "  2  Week 12  waiting              100.0 MiB   45%  anna  waits for anna, 12 of 1,200 files",
                " 12  a.iso    paused               100.0 MiB   45%  anna",
                " 13  x        failed               100.0 MiB   45%  anna  x: no space left in /media/stick",
            ]
        );
        assert_eq!(queue(&[], Style::PLAIN), "nothing in the queue\n");
    }

    #[test]
    fn what_was_done_is_one_line() {
        let one = &rows()[1];
        assert_eq!(
            step(one, "paused", "; `resume` continues it"),
            "[2] paused Week 12 at 45% of 100.0 MiB; waits for anna; `resume` continues it"
        );
        let empty = QueueRow { size: 0, done: 0, ..row(3, "void", QueueState::Paused) };
        assert_eq!(step(&empty, "paused", ""), "[3] paused void");
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}";
        let from = vec![evil.to_owned()];
        let row = QueueRow { why: Some(evil.into()), from, ..row(1, evil, QueueState::Waiting) };
        let text = queue(std::slice::from_ref(&row), Style::PLAIN) + &step(&row, "paused", "");
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
