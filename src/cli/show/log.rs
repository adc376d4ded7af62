//! `log` as people read it: one line a transfer, or a folder.

use core::ops::ControlFlow;

use super::parts::{Fit, ID_CHARACTERS, LEFT, RIGHT, table};
use super::{Page, Show};
use crate::cli::human::{count, number, percent, size, took};
use crate::cli::output::Style;
use crate::control::{LogRequest, LogRow, Reply, TransferOutcome, TransferPurpose, TransferWay};
use crate::sys::{clock, local_time};
use crate::text::shown;

/// Keeps the rows until all are there, for only then the columns' widths are known.
#[derive(Debug)]
struct LogShow(Vec<LogRow>);

/// What shows it.
pub(super) fn show(_: &LogRequest) -> Box<dyn Show> {
    Box::new(LogShow(Vec::new()))
}

impl Show for LogShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        if let Reply::Transfer(row) = reply {
            self.0.push(*row);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        match (worked, self.0.is_empty()) {
            (false, _) => String::new(),
            (true, true) => "no transfers yet\n".to_owned(),
            (true, false) => {
                let now = clock::unix_millis();
                log(&self.0, |at| local_time::shown(at, now), style)
            }
        }
    }
}

/// The table; `when` shows a time in milliseconds since 1970.
fn log(rows: &[LogRow], when: impl Fn(u64) -> String, style: Style) -> String {
    let row = |row: &LogRow| {
        [
            when(row.ended),
            peers(row),
            what(row),
            size(row.bytes),
            if row.millis == 0 { String::new() } else { took(row.millis) },
            outcome(row),
        ]
    };
    let rows: Vec<[String; 6]> = rows.iter().map(row).collect();
    table(
        ["WHEN", "PEER", "WHAT", "MOVED", "TIME", "OUTCOME"],
        [LEFT, LEFT, LEFT, RIGHT, RIGHT, LEFT],
        [Fit::Whole, Fit::Cut, Fit::Cut, Fit::Whole, Fit::Drop, Fit::Cut],
        &rows,
        style,
    )
}

/// To whom, or from whom.
fn peers(row: &LogRow) -> String {
    let way = match row.way {
        TransferWay::Out => "to",
        TransferWay::In => "from",
    };
    match (row.peers.first(), row.peer_count) {
        (None, _) => format!("{way} nobody"),
        (Some(name), 0 | 1) => format!("{way} {}", shown(name)),
        (Some(name), peers) => format!("{way} {} and {} more", shown(name), number(peers - 1)),
    }
}

fn what(row: &LogRow) -> String {
    let id = || {
        let id: String = row.id.as_deref().unwrap_or_default().chars().take(ID_CHARACTERS).collect();
        format!("b3:{}", shown(&id))
    };
    let name = row.path.as_ref().map_or_else(id, |path| shown(path).into_owned());
    if row.files > 1 { format!("{name} ({})", count(row.files, "file")) } else { name }
}

/// How it ended.
fn outcome(row: &LogRow) -> String {
    // What was sent twice is no more of the file.
    let part = || format!("{}%", percent(row.bytes.min(row.size), row.size).min(99));
    let text = match (row.way, row.outcome) {
        (_, TransferOutcome::Running) => format!("under way, {}", part()),
        (TransferWay::Out, TransferOutcome::Done) => "all sent".to_owned(),
        (TransferWay::Out, _) => format!("{} sent", part()),
        (TransferWay::In, TransferOutcome::Done) => "done".to_owned(),
        (TransferWay::In, TransferOutcome::Stopped) => "stopped".to_owned(),
        (TransferWay::In, TransferOutcome::Left) => "cut off by `exit`".to_owned(),
        (TransferWay::In, TransferOutcome::Part) => format!("{} came, the rest waits", part()),
        (TransferWay::In, TransferOutcome::Incomplete) => {
            let failed = if row.files > 1 {
                format!("{} of {} failed", number(row.failed), number(row.files))
            } else {
                "failed".to_owned()
            };
            row.why.as_ref().map_or_else(|| failed.clone(), |why| format!("{failed}: {}", shown(why)))
        }
    };
    match row.purpose {
        TransferPurpose::Download => text,
        TransferPurpose::Keep => format!("{text}, to be kept"),
        TransferPurpose::Read => format!("{text}, to be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(way: TransferWay, outcome: TransferOutcome) -> LogRow {
        LogRow {
            way,
            began: 0,
            ended: 60_000,
            millis: 4_200,
            peers: vec!["anna".to_owned()],
            peer_ids: vec!["a".repeat(52)],
            peer_count: 1,
            path: Some("notes.txt".to_owned()),
            id: Some("0123456789abcdef".to_owned()),
            files: 1,
            size: 4 << 20,
            bytes: 1 << 20,
            purpose: TransferPurpose::Download,
            outcome,
            failed: 0,
            why: None,
            to: None,
        }
    }

    fn rows() -> Vec<LogRow> {
        use TransferOutcome::{Done, Incomplete, Left, Part, Running, Stopped};
        use TransferWay::{In, Out};
        let many = LogRow { path: Some("Week 12/".to_owned()), files: 312, ..row(Out, Done) };
        let kept = LogRow { purpose: TransferPurpose::Keep, path: None, millis: 0, ..row(Out, Done) };
        let failed =
            LogRow { files: 3, failed: 2, why: Some("nobody has it".to_owned()), ..row(In, Incomplete) };
        let several = LogRow { peer_count: 3, ..row(In, Done) };
        let outgoing = [many, kept, row(Out, Part), row(Out, Running)];
        let incoming = [several, failed, row(In, Stopped), row(In, Part), row(In, Left)];
        outgoing.into_iter().chain(incoming).collect()
    }

    #[test]
    fn each_transfer_is_a_line_that_fits_the_terminal() {
        let at = |columns| log(&rows(), |_| "14:02".to_owned(), Style { columns, ..Style::PLAIN });
        insta::assert_snapshot!(at(None), @r"
        WHEN   PEER                  WHAT                    MOVED   TIME  OUTCOME
        14:02  to anna               Week 12/ (312 files)  1.0 MiB  4.2 s  all sent
        14:02  to anna               b3:0123456789         1.0 MiB         all sent, to be kept
        14:02  to anna               notes.txt             1.0 MiB  4.2 s  25% sent
        14:02  to anna               notes.txt             1.0 MiB  4.2 s  under way, 25%
        14:02  from anna and 2 more  notes.txt             1.0 MiB  4.2 s  done
        14:02  from anna             notes.txt (3 files)   1.0 MiB  4.2 s  2 of 3 failed: nobody has it
        14:02  from anna             notes.txt             1.0 MiB  4.2 s  stopped
        14:02  from anna             notes.txt             1.0 MiB  4.2 s  25% came, the rest waits
        14:02  from anna             notes.txt             1.0 MiB  4.2 s  cut off by `exit`
        ");
        insta::assert_snapshot!(at(Some(80)), @r"
        WHEN   PEER          WHAT                    MOVED  OUTCOME
        14:02  to anna       Week 12/ (312 files)  1.0 MiB  all sent
        14:02  to anna       b3:0123456789         1.0 MiB  all sent, to be kept
        14:02  to anna       notes.txt             1.0 MiB  25% sent
        14:02  to anna       notes.txt             1.0 MiB  under way, 25%
        14:02  fro…d 2 more  notes.txt             1.0 MiB  done
        14:02  from anna     notes.txt (3 files)   1.0 MiB  2 of 3 failed: nobody has it
        14:02  from anna     notes.txt             1.0 MiB  stopped
        14:02  from anna     notes.txt             1.0 MiB  25% came, the rest waits
        14:02  from anna     notes.txt             1.0 MiB  cut off by `exit`
        ");
        assert_eq!(at(Some(200)), at(None));
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}".to_owned();
        let all = LogRow {
            peers: vec![evil.clone()],
            path: Some(evil.clone()),
            id: Some(evil.clone()),
            why: Some(evil),
            ..row(TransferWay::In, TransferOutcome::Incomplete)
        };
        let text = log(&[LogRow { path: None, ..all.clone() }, all], |_| String::new(), Style::PLAIN);
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
