//! `exit` as people read it: how far a departure is, and whether the files of who leaves stay.

use core::ops::ControlFlow;

use super::{Page, Show};
use crate::cli::human::{count, number, size};
use crate::cli::words;
use crate::control::file_word::typed_path;
use crate::control::{ExitReport, ExitRequest, NotKept, NotKeptReason, Reply};
use crate::text::shown;

/// Files that nobody else keeps of which the names are said; the rest is counted.
const NAMED: usize = 10;

#[derive(Debug)]
struct ExitShow;

/// What shows it.
pub(super) fn show(_: &ExitRequest) -> Box<dyn Show> {
    Box::new(ExitShow)
}

impl Show for ExitShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Leaving { done, total, bytes_left } => {
                page.step(&reply, &leaving(done, total, bytes_left));
                ControlFlow::Continue(())
            }
            // If it is not, the failure that follows says it.
            Reply::ExitReport(report) if !report.is_safe() => ControlFlow::Continue(()),
            Reply::ExitReport(report) => page.line(&report.sentence()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl ExitReport {
    /// In one sentence; also the message of the failure with which a peer ends if something is kept by nobody
    /// else. Safe to print.
    #[must_use]
    pub fn sentence(&self) -> String {
        let kept = self.safe.saturating_add(self.once);
        match (self.total, self.total.saturating_sub(kept)) {
            (0, _) => "safe to leave: nothing is shared here".to_owned(),
            (_, 0) => format!("safe to leave: {}", self.all_kept()),
            (total, lost) => {
                let (so_many, them) = (part(lost, total), self.named(lost));
                let once = match self.once {
                    0 => String::new(),
                    once => {
                        format!("; {once} more by one other only: a second failure would lose {}", it(once))
                    }
                };
                let here = match self.here {
                    0 => String::new(),
                    here if here == kept => "; the rest is all on this machine".to_owned(),
                    here => format!("; {here} on this machine alone"),
                };
                format!("{so_many} kept by nobody else{them}{once}{here}")
            }
        }
    }

    /// True if all of it is kept by others.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.safe.saturating_add(self.once) >= self.total
    }

    fn all_kept(&self) -> String {
        let so_many = part(self.total, self.total);
        let here = match self.here {
            0 => String::new(),
            here if here >= self.total => ", all on this machine".to_owned(),
            here => format!(", {here} of them on this machine alone"),
        };
        match self.once {
            0 => format!("{so_many} kept by others{here}"),
            once if once < self.total => {
                let those = if once == 1 { "that" } else { "those" };
                format!(
                    "{so_many} kept{here}, {once} of them by one other: a second failure would lose {those}"
                )
            }
            once => format!("{so_many} kept by one other{here}: a second failure would lose {}", it(once)),
        }
    }

    /// Which ones nobody else keeps, and why. That nobody is here is said once.
    fn named(&self, lost: u64) -> String {
        let alone =
            !self.not_kept.is_empty() && self.not_kept.iter().all(|f| f.why == NotKeptReason::NobodyHere);
        let name = |file: &NotKept| {
            if alone {
                shown(&file.path).into_owned()
            } else {
                format!("{} ({})", shown(&file.path), why(file))
            }
        };
        let mut names: Vec<String> = self.not_kept.iter().take(NAMED).map(name).collect();
        let more = lost.saturating_sub(names.len() as u64);
        if names.is_empty() {
            return String::new();
        }
        if more > 0 {
            names.push(format!("and {} more", number(more)));
        }
        let because = if alone { ", for nobody else is here" } else { "" };
        format!("{because}: {}", names.join(", "))
    }
}

/// `2 of 12 files are`.
fn part(some: u64, all: u64) -> String {
    format!("{} of {} {}", number(some), count(all, "file"), if some == 1 { "is" } else { "are" })
}

const fn it(number: u64) -> &'static str {
    if number == 1 { "it" } else { "them" }
}

fn why(file: &NotKept) -> String {
    match file.why {
        NotKeptReason::NobodyHere => "nobody else is here".to_owned(),
        NotKeptReason::NoSpace => "no room".to_owned(),
        NotKeptReason::Unfinished => "not finished".to_owned(),
        NotKeptReason::NotChosen => {
            let typed = words::quote(&typed_path(&file.path));
            format!("not copied by itself: {}; copies 2 {typed}", size(file.size))
        }
    }
}

/// How far a departure is.
pub(in crate::cli) fn leaving(done: u64, total: u64, bytes_left: u64) -> String {
    let have = if done == 1 || total == 1 { "has its" } else { "have their" };
    let mut text = format!("leaving: {} of {} {have} copies on others", number(done), count(total, "file"));
    if bytes_left > 0 {
        text.push_str(&format!(", {} to go", size(bytes_left)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, why: NotKeptReason) -> NotKept {
        NotKept { path: path.into(), size: 2 << 30, why }
    }

    fn said(safe: u64, once: u64, total: u64, not_kept: &[NotKept]) -> String {
        let report = ExitReport { total, safe, once, here: 0, not_kept: not_kept.to_vec() };
        assert_eq!(report.is_safe(), report.sentence().starts_with("safe to leave: "));
        report.sentence()
    }

    #[test]
    fn all_kept_is_safe_and_once_is_told() {
        assert_eq!(said(12, 0, 12, &[]), "safe to leave: 12 of 12 files are kept by others");
        assert_eq!(said(1, 0, 1, &[]), "safe to leave: 1 of 1 file is kept by others");
        assert_eq!(said(0, 0, 0, &[]), "safe to leave: nothing is shared here");
        assert_eq!(
            said(9, 3, 12, &[]),
            "safe to leave: 12 of 12 files are kept, 3 of them by one other: a second failure would lose those"
        );
        assert_eq!(
            said(11, 1, 12, &[]),
            "safe to leave: 12 of 12 files are kept, 1 of them by one other: a second failure would lose that"
        );
        assert_eq!(
            said(0, 12, 12, &[]),
            "safe to leave: 12 of 12 files are kept by one other: a second failure would lose them"
        );
        assert_eq!(
            said(0, 1, 1, &[]),
            "safe to leave: 1 of 1 file is kept by one other: a second failure would lose it"
        );
    }

    #[test]
    fn what_one_machine_alone_has_is_told() {
        let said =
            |safe, once, here, total| ExitReport { total, safe, once, here, not_kept: Vec::new() }.sentence();
        assert_eq!(said(2, 0, 2, 2), "safe to leave: 2 of 2 files are kept by others, all on this machine");
        assert_eq!(
            said(3, 0, 2, 3),
            "safe to leave: 3 of 3 files are kept by others, 2 of them on this machine alone"
        );
        assert_eq!(
            said(0, 1, 1, 1),
            "safe to leave: 1 of 1 file is kept by one other, all on this machine: a second failure would lose it"
        );
        assert_eq!(said(1, 0, 1, 2), "1 of 2 files is kept by nobody else; the rest is all on this machine");
        assert_eq!(said(2, 0, 1, 3), "1 of 3 files is kept by nobody else; 1 on this machine alone");
    }

    #[test]
    fn what_nobody_keeps_is_named_with_its_reason() {
        let two = [file("a.bin", NotKeptReason::NoSpace), file("b.bin", NotKeptReason::NotChosen)];
        assert_eq!(
            said(10, 0, 12, &two),
            "2 of 12 files are kept by nobody else: a.bin (no room), b.bin (not copied by itself: 2.0 GiB; \
             copies 2 b.bin)"
        );
        assert_eq!(
            said(8, 3, 12, &[file("my file", NotKeptReason::NotChosen)]),
            "1 of 12 files is kept by nobody else: my file (not copied by itself: 2.0 GiB; copies 2 \"my \
             file\"); 3 more by one other only: a second failure would lose them"
        );
        let mixed = [file("a", NotKeptReason::NobodyHere), file("b", NotKeptReason::Unfinished)];
        assert_eq!(
            said(0, 0, 2, &mixed),
            "2 of 2 files are kept by nobody else: a (nobody else is here), b (not finished)"
        );
        assert_eq!(
            said(0, 0, 2, &[file("a", NotKeptReason::NobodyHere), file("b", NotKeptReason::NobodyHere)]),
            "2 of 2 files are kept by nobody else, for nobody else is here: a, b"
        );
    }

    #[test]
    fn of_many_ten_are_named_and_the_rest_is_counted() {
        let many: Vec<NotKept> = (0..50).map(|n| file(&format!("f{n}"), NotKeptReason::NoSpace)).collect();
        let sentence = said(0, 0, 3_000, &many);
        assert!(
            sentence.starts_with("3,000 of 3,000 files are kept by nobody else: f0 (no room), "),
            "{sentence}"
        );
        assert!(sentence.ends_with("f9 (no room), and 2,990 more"), "{sentence}");
        // Whoever was told no names says so in numbers.
        assert_eq!(said(0, 0, 2, &[]), "2 of 2 files are kept by nobody else");
        assert_eq!(said(u64::MAX, 5, 2, &[]), said(2, 5, 2, &[]));
    }

    #[test]
    fn no_name_reaches_a_terminal_raw() {
        let evil = [file("a\u{1b}[2J\u{202e}\n", NotKeptReason::NotChosen)];
        let sentence = said(0, 0, 1, &evil);
        assert!(!sentence.chars().any(crate::text::is_unprintable), "{sentence:?}");
        let typed = r#"copies 2 "a\u{1b}[2J\u{202e}\u{a}")"#;
        assert!(sentence.ends_with(typed), "{sentence}");
    }

    #[test]
    fn a_departure_is_one_line() {
        assert_eq!(
            leaving(3, 12, 5 << 20),
            "leaving: 3 of 12 files have their copies on others, 5.0 MiB to go"
        );
        assert_eq!(leaving(1, 1, 0), "leaving: 1 of 1 file has its copies on others");
    }
}
