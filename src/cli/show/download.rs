//! `download` as people read it: how far it is, and what it brought.

use core::ops::ControlFlow;

use super::parts::{cut, missing_files, names_of, shown_path, some_names};
use super::{Page, Show};
use crate::cli::bell;
use crate::cli::human::{count, duration, number, percent, size, speed, took};
use crate::cli::output::Style;
use crate::control::typed::CommandOrigin;
use crate::control::{
    DownloadFailures, DownloadOutcome, DownloadRequest, DownloadRow, DownloadSum, PlanSum, PlannedFile,
    Reply, Saved,
};
use crate::sys::clock;
use crate::text::shown;

/// Files of one download that are named on a terminal; the rest is counted.
const NAMED: u64 = 20;

/// What own files are called that come back.
const RESTORE: &str = "restore";

/// Below this time, in milliseconds, a speed says nothing.
const NO_SPEED: u64 = 100;

/// Counts what arrived.
#[derive(Debug)]
struct DownloadShow {
    saved: u64,
    planned: u64,
    /// The only file: what its download was is told in the same line.
    only: Option<Saved>,
}

/// What shows it.
pub(super) fn show(_: &DownloadRequest) -> Box<dyn Show> {
    Box::new(DownloadShow { saved: 0, planned: 0, only: None })
}

impl Show for DownloadShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Begun(row) if page.origin() == CommandOrigin::Prompt => return page.line(&begun(&row)),
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
            Reply::Saved(file) if file.files == 1 => self.only = Some(file),
            Reply::Saved(file) => {
                self.saved += 1;
                if self.saved <= NAMED || !page.style.color {
                    return page.line(&saved(&file));
                }
            }
            Reply::DownloadSum(sum) => return self.sum(&sum, page),
            Reply::Unlisted(row) => page.aside(&missing_files(&row)),
            Reply::Planned(file) => {
                self.planned += 1;
                if self.planned <= NAMED || !page.style.color {
                    return page.line(&planned(&file));
                }
            }
            Reply::PlanSum(sum) => {
                if let Some(more @ 1..) = self.planned.checked_sub(NAMED).filter(|_| page.style.color) {
                    let _reader_gone: ControlFlow<()> =
                        page.line(&page.style.dim(&format!("and {} more", count(more, "file"))));
                }
                page.aside(&plan_sum(&sum));
            }
            // Those that will not come are counted in the sum.
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, _: bool, _: Style) -> String {
        // Whoever was asked went away before the sum.
        self.only.take().map_or_else(String::new, |file| saved(&file) + "\n")
    }
}

impl DownloadShow {
    fn sum(&mut self, sum: &DownloadSum, page: &Page) -> ControlFlow<()> {
        let told = match (self.saved.checked_sub(NAMED), self.only.take()) {
            (_, Some(file)) => page.line(&saved_and_sum(&file, sum)),
            (Some(more), _) if more > 0 && page.style.color => {
                page.line(&page.style.dim(&format!("and {} more", count(more, "file"))))
            }
            _ => ControlFlow::Continue(()),
        };
        // Why the only file did not come is what the command fails with.
        let fails = matches!(sum.outcome, DownloadOutcome::Incomplete | DownloadOutcome::Waiting);
        let is_told = sum.files + sum.folders == 1 && fails;
        if !(is_only_file(sum) || is_told) {
            page.aside(&ending(sum, page.style));
        }
        page.ring(|| bell::of_download(sum));
        told
    }
}

/// A file that would come.
fn planned(file: &PlannedFile) -> String {
    let there = match file.have {
        0 => String::new(),
        have if have == file.size => ", already there".to_owned(),
        have => format!(", {} of it is there", size(have)),
    };
    format!("would save {} ({}{there})", shown(&file.path), size(file.size))
}

/// What a download would be, and whether there is space for it.
fn plan_sum(sum: &PlanSum) -> String {
    let needs = sum.size.saturating_sub(sum.have);
    let mut text = if sum.files == 0 {
        count(sum.folders, "empty folder")
    } else {
        format!("{}, {}", count(sum.files, "file"), size(sum.size))
    };
    if sum.have > 0 {
        text.push_str(&format!(", {} of it is there", size(sum.have)));
    }
    if let Some(free) = sum.free {
        let folder = shown_path(&sum.to);
        text.push_str(&match free < needs {
            true => format!("; not enough space: needs {}, {} free in {folder}", size(needs), size(free)),
            false => format!("; needs {}, {} free in {folder}", size(needs), size(free)),
        });
    }
    text
}

/// How far a download is, in one line.
pub(in crate::cli) fn progress(row: &DownloadRow) -> String {
    let (done, all) = (percent(row.done, row.size), size(row.size));
    let mut text = format!("[{}] {}  {done}% of {all}", row.job, shown(&row.what));
    if row.files > 1 {
        text.push_str(&format!("  {} of {}", number(row.files_done), count(row.files, "file")));
    }
    match &row.waiting {
        Some(why) => text.push_str(&format!("  {}", shown(why))),
        None => {
            if row.speed > 0 {
                text.push_str(&format!("  {}", speed(row.speed)));
            }
            if let Some(left) = row.left {
                text.push_str(&format!("  {} left", duration(left)));
            }
            if !row.from.is_empty() {
                text.push_str(&format!("  from {}", some_names(&row.from)));
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
            let left = left.map_or_else(String::new, |s| format!("  {} left", duration(s)));
            let (done, downloads) = (percent(done, all), count(many.len() as u64, "download"));
            format!("{downloads}  {done}% of {}  {}{left}", size(all), speed(rate))
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
    let doing = if row.waiting.is_some() { "" } else { "downloading " };
    let mut text = format!("[{}] {doing}{} ({}", row.job, shown(&row.what), size(row.size));
    if row.files > 1 {
        text.push_str(&format!(", {}", count(row.files, "file")));
    }
    text.push(')');
    if !row.from.is_empty() {
        text.push_str(&format!(" from {}", some_names(&row.from)));
    }
    if let Some(why) = &row.waiting {
        text.push_str(&format!(" {}", shown(why)));
    }
    text
}

/// A file arrived.
pub(in crate::cli) fn saved(saved: &Saved) -> String {
    let through = saved.through.as_deref().map_or_else(String::new, |who| format!(" from {}", shown(who)));
    format!("{}{through}", saved_as(saved))
}

/// Where a file is now.
fn saved_as(saved: &Saved) -> String {
    let path = shown_path(&saved.path);
    match saved.how.as_str() {
        "already_there" => format!("already have {path}"),
        "saved_as" => format!("saved as {path} (its own name is taken)"),
        "renamed" => {
            let wanted = saved.wanted.as_deref().unwrap_or_default();
            format!("saved as {path} (the file system there cannot hold the name {})", shown(wanted))
        }
        _ => format!("saved {path}"),
    }
}

/// True if the line of its only file tells the sum, too.
pub(in crate::cli) fn is_only_file(sum: &DownloadSum) -> bool {
    sum.files == 1 && sum.saved + sum.already_there == 1
}

/// The only file of a download, and what the download was.
pub(in crate::cli) fn saved_and_sum(file: &Saved, sum: &DownloadSum) -> String {
    if sum.saved == 0 {
        return saved_as(file);
    }
    format!("{}: {}{}", saved_as(file), brought(sum, None), resumed(sum))
}

/// What a download was, when it is over: one line, and one more for each reason why something did not come.
pub(in crate::cli) fn ending(sum: &DownloadSum, style: Style) -> String {
    let is_failed = sum.outcome == DownloadOutcome::Incomplete;
    if let ([of], true) = (&sum.failures[..], is_failed && sum.files + sum.folders <= 1) {
        let (what, why) = (shown(&of.first), shown(&of.failure.message));
        return style.red(&format!("failed: {what}: {why}"));
    }
    let first = ending_line(sum);
    let mut text = if is_failed { style.red(&first) } else { first };
    for of in &sum.failures {
        text.push('\n');
        text.push_str(&failures(of));
    }
    text
}

/// As [`ending`], where several downloads may run: with the number.
pub(in crate::cli) fn numbered_ending(sum: &DownloadSum, style: Style) -> String {
    format!("[{}] {}", sum.job, ending(sum, style))
}

fn ending_line(sum: &DownloadSum) -> String {
    let is_restore = sum.what == RESTORE;
    let here = sum.saved + sum.already_there;
    let all = count(sum.files, "file");
    let how = match sum.outcome {
        DownloadOutcome::Done if is_restore => "restored",
        DownloadOutcome::Done => "done:",
        DownloadOutcome::Incomplete if here == 0 => "failed:",
        DownloadOutcome::Incomplete => "incomplete:",
        DownloadOutcome::Stopped | DownloadOutcome::Dropped => "stopped",
        DownloadOutcome::Left | DownloadOutcome::Continues => "unfinished",
        DownloadOutcome::Waiting => "waiting",
    };
    let what = match sum.outcome {
        DownloadOutcome::Done if sum.files == 0 => {
            return format!("{how} {} in {}", count(sum.folders, "empty folder"), folder(sum));
        }
        DownloadOutcome::Done if sum.saved == 0 => {
            let were = if sum.files == 1 { "it was" } else { "all of them were" };
            return format!("{how} {all}, {were} in {} already", folder(sum));
        }
        DownloadOutcome::Done => brought(sum, Some(count(sum.saved, "file"))),
        DownloadOutcome::Incomplete if here == 0 => {
            return format!("{how} none of {} came", sum_of(sum));
        }
        DownloadOutcome::Incomplete => brought(sum, Some(format!("{} of {all}", number(sum.saved)))),
        DownloadOutcome::Waiting => {
            let whom =
                if sum.waits_for.is_empty() { "somebody who has it" } else { &some_names(&sum.waits_for) };
            let done = format!("{}% of {} is here", percent(sum.done, sum.size), size(sum.size));
            return format!("{how} for {whom}: {} ({done}) continues once it can", shown(&sum.what));
        }
        _ => {
            let done = format!("at {}% of {}", percent(sum.done, sum.size), size(sum.size));
            let some = format!("{} of {all}", number(sum.saved));
            let amount = if sum.files > 1 { format!("{done}: {some}") } else { done };
            brought(sum, Some(format!("{} {amount}", shown(&sum.what))))
        }
    };
    let mut text = format!("{how} {what}");
    if sum.saved > 0 {
        text.push_str(&format!(", saved in {}", folder(sum)));
    }
    match sum.already_there {
        0 => {}
        1 => text.push_str("; 1 was there already"),
        n => text.push_str(&format!("; {} were there already", number(n))),
    }
    text.push_str(&resumed(sum));
    match sum.outcome {
        DownloadOutcome::Stopped | DownloadOutcome::Left => text.push_str("; the same command resumes it"),
        DownloadOutcome::Continues => text.push_str("; the next start resumes it"),
        _ => {}
    }
    text
}

/// What was asked for, with its number of files.
fn sum_of(sum: &DownloadSum) -> String {
    match (sum.files, sum.folders) {
        (0, folders) => count(folders, "empty folder"),
        (files, _) => count(files, "file"),
    }
}

/// How much came, in which time, how fast, and from whom.
fn brought(sum: &DownloadSum, amount: Option<String>) -> String {
    let bytes = match sum.outcome {
        DownloadOutcome::Done => sum.saved_bytes,
        _ => sum.saved_bytes.max(sum.fetched),
    };
    let mut text = amount.map_or_else(String::new, |amount| format!("{amount}, "));
    text.push_str(&format!("{} in {}", size(bytes), took(sum.millis)));
    if sum.fetched > 0 && sum.millis >= NO_SPEED {
        text.push_str(&format!(" ({})", speed(sum.speed)));
    }
    if !sum.from.is_empty() {
        text.push_str(&format!(" from {}", names_of(&sum.from, sum.from_count)));
    }
    text
}

/// What an earlier download had brought of it.
fn resumed(sum: &DownloadSum) -> String {
    match sum.resumed {
        0 => String::new(),
        bytes => format!("; {} had come before", size(bytes)),
    }
}

/// The folder that everything went into.
fn folder(sum: &DownloadSum) -> String {
    let folder = shown_path(&sum.to);
    if folder.ends_with('/') { folder } else { format!("{folder}/") }
}

/// Files that failed for one reason.
fn failures(of: &DownloadFailures) -> String {
    let (first, why) = (shown(&of.first), shown(&of.failure.message));
    match of.count {
        0 | 1 => format!("  1 failed: {first}: {why}"),
        n => format!("  {} failed: {first} and {} more: {why}", number(n), number(n - 1)),
    }
}

/// How a download ended, in a few words.
pub(in crate::cli) fn outcome(sum: &DownloadSum) -> String {
    match sum.outcome {
        DownloadOutcome::Done => format!("done, {} in {}", count(sum.files, "file"), took(sum.millis)),
        DownloadOutcome::Incomplete => format!("{} failed", count(sum.failed.max(1), "file")),
        DownloadOutcome::Waiting => "waiting".to_owned(),
        _ => "stopped".to_owned(),
    }
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::holders::tests::holder;
    use super::*;
    use crate::control::HolderRow;
    use crate::error::Code;

    pub(in crate::cli) fn download() -> DownloadRow {
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

    /// Three files of anna's, and one of bert's that was there.
    pub(in crate::cli) fn sum() -> DownloadSum {
        DownloadSum {
            job: 4,
            what: "photos".into(),
            outcome: DownloadOutcome::Done,
            files: 4,
            folders: 0,
            saved: 4,
            saved_bytes: 3 << 20,
            already_there: 0,
            failed: 0,
            size: 4 << 20,
            done: 4 << 20,
            fetched: 3 << 20,
            resumed: 0,
            millis: 3_000,
            speed: 1 << 20,
            from: vec!["anna".into(), "bert".into()],
            from_count: 2,
            to: "/d".into(),
            failures: Vec::new(),
            waits_for: Vec::new(),
        }
    }

    fn text(sum: &DownloadSum) -> String {
        ending(sum, Style::PLAIN)
    }

    #[test]
    fn progress_tells_speed_time_or_why_nothing_moves() {
        let mut one = download();
        assert_eq!(progress_line(&[one.clone()], 30), "[3] big.iso  45% of 100.0 MiB…");
        assert_eq!(progress_line(&[], 30), "");
        assert_eq!(
            progress_line(&[one.clone(), one.clone()], 90),
            "2 downloads  45% of 200.0 MiB  22.0 MiB/s  5 s left"
        );
        one.waiting = Some("no holder is here: waiting".into());
        (one.files, one.files_done) = (12_345, 1_234);
        assert_eq!(
            progress(&one),
            "[3] big.iso  45% of 100.0 MiB  1,234 of 12,345 files  no holder is here: waiting"
        );
        (one.speed, one.size, one.done) = (0, 0, 0);
        assert_eq!(progress_line(&[one.clone(), one], 90), "2 downloads  100% of 0 B  0 B/s");
    }

    #[test]
    fn an_end_tells_how_much_how_long_from_whom_and_where() {
        let mut all = sum();
        assert_eq!(text(&all), "done: 4 files, 3.0 MiB in 3.0 s (1.0 MiB/s) from anna, bert, saved in /d/");
        (all.saved, all.already_there, all.resumed) = (1, 3, 1 << 20);
        all.from = ["anna", "bert", "carl", "dora"].map(str::to_owned).to_vec();
        all.from_count = 7;
        assert_eq!(
            text(&all),
            "done: 1 file, 3.0 MiB in 3.0 s (1.0 MiB/s) from anna, bert, carl and 4 more, saved in /d/; 3 were \
             there already; 1.0 MiB had come before"
        );
        (all.saved, all.already_there) = (0, 4);
        assert_eq!(text(&all), "done: 4 files, all of them were in /d/ already");
        (all.files, all.already_there) = (1, 1);
        assert_eq!(text(&all), "done: 1 file, it was in /d/ already");
        (all.files, all.folders, all.already_there) = (0, 2, 0);
        assert_eq!(text(&all), "done: 2 empty folders in /d/");
        let mut quick = DownloadSum { what: "restore".into(), millis: 12, saved: 12_345, ..sum() };
        quick.from.clear();
        assert_eq!(text(&quick), "restored 12,345 files, 3.0 MiB in 0.1 s, saved in /d/");
    }

    #[test]
    fn what_is_only_tried_says_what_would_come_and_whether_there_is_space() {
        let file = |have| PlannedFile { id: String::new(), path: "a/\u{1b}".into(), size: 3 << 20, have };
        assert_eq!(planned(&file(0)), "would save a/\\u{1b} (3.0 MiB)");
        assert_eq!(planned(&file(1 << 20)), "would save a/\\u{1b} (3.0 MiB, 1.0 MiB of it is there)");
        assert_eq!(planned(&file(3 << 20)), "would save a/\\u{1b} (3.0 MiB, already there)");
        let to = "/d".into();
        let mut sum = PlanSum { files: 2, folders: 1, size: 6 << 20, have: 1 << 20, free: Some(9 << 20), to };
        assert_eq!(
            plan_sum(&sum),
            "2 files, 6.0 MiB, 1.0 MiB of it is there; needs 5.0 MiB, 9.0 MiB free in /d"
        );
        sum.free = Some(4 << 20);
        assert!(plan_sum(&sum).ends_with("; not enough space: needs 5.0 MiB, 4.0 MiB free in /d"));
        (sum.files, sum.size, sum.have, sum.free) = (0, 0, 0, None);
        assert_eq!(plan_sum(&sum), "1 empty folder");
    }

    #[test]
    fn each_reason_has_a_line() {
        let failure = |message: &str| crate::error::Failure::new(Code::NoHolder, message);
        let of = |count, first: &str, why: &str| DownloadFailures {
            failure: failure(why),
            count,
            first: first.to_owned(),
        };
        let mut all = sum();
        (all.outcome, all.files, all.saved, all.failed) = (DownloadOutcome::Incomplete, 3_000, 2_986, 14);
        all.failures = vec![of(13, "a/x", "disk full"), of(1, "b", "nobody has it")];
        assert_eq!(
            text(&all),
            "incomplete: 2,986 of 3,000 files, 3.0 MiB in 3.0 s (1.0 MiB/s) from anna, bert, saved in /d/\n  \
             13 failed: a/x and 12 more: disk full\n  1 failed: b: nobody has it"
        );
        (all.saved, all.failures) = (0, vec![of(3_000, "a/x", "disk full")]);
        assert_eq!(
            text(&all),
            "failed: none of 3,000 files came\n  3,000 failed: a/x and 2,999 more: disk full"
        );
        (all.files, all.failures) = (1, vec![of(1, "a/x", "disk full")]);
        assert_eq!(text(&all), "failed: a/x: disk full");
    }

    #[test]
    fn what_was_stopped_says_how_far_it_came_and_what_resumes_it() {
        let mut all = sum();
        (all.outcome, all.files, all.saved, all.done) = (DownloadOutcome::Stopped, 4, 1, 1 << 20);
        assert_eq!(
            text(&all),
            "stopped photos at 25% of 4.0 MiB: 1 of 4 files, 3.0 MiB in 3.0 s (1.0 MiB/s) from anna, bert, saved \
             in /d/; the same command resumes it"
        );
        (all.outcome, all.files, all.saved) = (DownloadOutcome::Left, 1, 0);
        all.from.truncate(1);
        assert_eq!(
            text(&all),
            "unfinished photos at 25% of 4.0 MiB, 3.0 MiB in 3.0 s (1.0 MiB/s) from anna and 1 more; the same \
             command resumes it"
        );
    }

    #[test]
    fn one_file_has_one_line() {
        let mut file = Saved {
            job: 1,
            id: String::new(),
            path: "/d/x".into(),
            how: "saved".into(),
            wanted: None,
            through: Some("anna through bert".into()),
            files: 1,
        };
        let mut all = sum();
        (all.files, all.saved) = (1, 1);
        assert!(is_only_file(&all));
        assert_eq!(saved(&file), "saved /d/x from anna through bert");
        all.from = vec!["anna through bert".into()];
        all.from_count = 1;
        assert_eq!(
            saved_and_sum(&file, &all),
            "saved /d/x: 3.0 MiB in 3.0 s (1.0 MiB/s) from anna through bert"
        );
        file.how = "already_there".into();
        (all.saved, all.already_there) = (0, 1);
        assert_eq!(saved_and_sum(&file, &all), "already have /d/x");
        assert!(is_only_file(&all));
        all.already_there = 0;
        assert!(!is_only_file(&all));
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}";
        let mut all = download();
        (all.what, all.from, all.waiting) = (evil.into(), vec![evil.into()], None);
        all.holders = vec![HolderRow { address: evil.into(), ..holder("anna", "a") }];
        let mut text = progress(&all) + &begun(&all);
        let failure = crate::error::Failure::new(Code::NoHolder, evil);
        let mut evil_sum = DownloadSum { outcome: DownloadOutcome::Incomplete, what: evil.into(), ..sum() };
        evil_sum.from = vec![evil.into()];
        evil_sum.to = format!("/x/{evil}").into();
        evil_sum.failures = vec![DownloadFailures { failure, count: 2, first: evil.into() }];
        text += &ending(&evil_sum, Style::PLAIN);
        evil_sum.outcome = DownloadOutcome::Stopped;
        text += &ending(&evil_sum, Style::PLAIN);
        for how in ["saved", "renamed"] {
            let (how, wanted) = (how.to_owned(), Some(evil.to_owned()));
            text += &saved(&Saved {
                job: 1,
                id: String::new(),
                path: format!("/x/{evil}").into(),
                how,
                wanted,
                through: None,
                files: 2,
            });
        }
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
