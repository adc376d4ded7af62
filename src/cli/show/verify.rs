//! `verify` as people read it.

use core::ops::ControlFlow;

use super::{Page, Show};
use crate::cli::human::{count, size};
use crate::control::{Location, Reply, VerifyRequest, VerifyResult, VerifyRow};
use crate::text::shown;

#[derive(Debug)]
struct VerifyShow;

/// What shows it.
pub(super) fn show(_: &VerifyRequest) -> Box<dyn Show> {
    Box::new(VerifyShow)
}

impl Show for VerifyShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Verified(row) => page.line(&verified(&row)),
            Reply::VerifySum { files, bytes, bad } => page.line(&verify_sum(files, bytes, bad)),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// One file that `verify` read again.
fn verified(row: &VerifyRow) -> String {
    let result = match row.result {
        VerifyResult::Good => "good",
        VerifyResult::Rotten => "rotten",
        VerifyResult::Changed => "changed",
        VerifyResult::Unreadable => "unreadable",
    };
    let kept = if row.what == Location::Kept { " (kept for another)" } else { "" };
    let repaired = match row.repaired {
        Some(true) => ": mended",
        Some(false) => ": not mended",
        None => "",
    };
    format!("{result}: {}{kept}{repaired}", shown(&row.path))
}

/// The last line of `verify`.
fn verify_sum(files: u64, bytes: u64, bad: u64) -> String {
    let read = format!("read {}, {}", count(files, "file"), size(bytes));
    match (files, bad) {
        (0, _) => "nothing is shared here, or kept for others".to_owned(),
        (_, 0) => format!("{read}: all as they were"),
        (_, 1) => format!("{read}: 1 is not as it was"),
        (_, bad) => format!("{read}: {bad} are not as they were"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_one_line_each() {
        let row = VerifyRow {
            path: "a\u{1b}".into(),
            what: Location::Shared,
            result: VerifyResult::Rotten,
            repaired: Some(true),
        };
        assert_eq!(verified(&row), "rotten: a\\u{1b}: mended");
        let kept = VerifyRow { what: Location::Kept, repaired: Some(false), ..row.clone() };
        assert_eq!(verified(&kept), "rotten: a\\u{1b} (kept for another): not mended");
        let changed = VerifyRow { result: VerifyResult::Changed, repaired: None, ..row };
        assert_eq!(verified(&changed), "changed: a\\u{1b}");
        assert_eq!(verify_sum(120, 1 << 30, 0), "read 120 files, 1.0 GiB: all as they were");
        assert_eq!(verify_sum(1, 5, 1), "read 1 file, 5 B: 1 is not as it was");
        assert_eq!(verify_sum(9, 5, 3), "read 9 files, 5 B: 3 are not as they were");
        assert_eq!(verify_sum(0, 0, 0), "nothing is shared here, or kept for others");
    }
}
