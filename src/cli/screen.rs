//! What is said without being asked: notices of the controller and log lines, above what is being
//! typed, or on standard error where there is no prompt.
//!
//! Two threads, for the line editor's printer can block: the collector takes everything at once and
//! keeps a bounded number of lines, the writer writes them one after the other.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};
use log::Level;

use super::bell;
use super::comings::Comings;
use super::log_lines::{SERVICE, with_level};
use super::output::{self, Style};
use super::prompt::StatusLine;
use super::replaced::Replaced;
use super::show::parts::cut;
use super::show::{chat, download, exit, offers, restore};
use super::told::{Telling, ToldDownloads};
use super::verbosity::Verbosity;
use crate::cli::limits;
use crate::control::{DownloadRow, DownloadSum, ExitReport, Notice, Reply};
use crate::settings::ScreenSettings;
use crate::sys::clock;
use crate::sys::signals::Leave;
use crate::sys::thread::Thread;
use crate::text::shown;
use crate::time::Time;

/// A warning that was shown is not shown again within this time.
const SAME_WARNING: Duration = Duration::from_secs(60);

/// Between two lines of progress, where no status line shows it.
const PROGRESS_LINE: Duration = Duration::from_secs(5);

/// The line above the prompt is drawn again after this time at the earliest: what moves more keeps people from reading.
const REDRAWN: Duration = Duration::from_millis(500);

/// Up and down again: nothing, but the line editor draws the prompt again.
const REDRAW: &str = "\x1b[A\n";

/// What writes lines. It may block.
pub(super) trait Printer: Send {
    /// Writes `text`, which ends with a line end, above what is being typed.
    fn print(&mut self, text: String);
}

/// Standard error.
#[derive(Debug)]
pub(super) struct Stderr;

impl Printer for Stderr {
    fn print(&mut self, text: String) {
        output::err(&text);
    }
}

/// What goes in.
pub(super) struct Inputs {
    /// From the controller; its end is the end of the screen.
    pub(super) notices: Receiver<Notice>,
    /// Lines of the log.
    pub(super) log: Receiver<String>,
    /// Tells whether the peer leaves by a signal, or because its input ended: then nobody else says how that
    /// goes.
    pub(super) leave: Leave,
    /// Where the running downloads are shown, if a prompt can show them.
    pub(super) status: Option<StatusLine>,
    /// Gets word of each peer that comes.
    pub(super) joined: Sender<()>,
    /// What the user wants to see and hear.
    pub(super) shown: ScreenSettings,
}

/// The running screen.
#[derive(Debug)]
pub(super) struct Screen {
    finished: Receiver<()>,
}

impl Screen {
    /// Starts to write what comes in to `printer`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(
        inputs: Inputs,
        printer: Box<dyn Printer>,
        verbosity: Verbosity,
        style: Style,
    ) -> io::Result<Self> {
        // Capacity 0: a line is taken only when the writer is free, so that what is old can be left out.
        let (lines, to_write) = bounded::<String>(0);
        let (finished, done) = bounded(1);
        Thread::spawn("screen-writer", move || write(&to_write, printer, &finished))?.detach();
        Thread::spawn("screen", move || {
            let (status, leave) = (inputs.status.clone(), inputs.leave.clone());
            let screen = Collector::new(status, verbosity, style, leave, inputs.shown);
            screen.run(&inputs, &lines);
        })?
        .detach();
        Ok(Self { finished: done })
    }

    /// Waits until everything is written, once the controller has dropped its end; not longer than
    /// `most`, for a terminal may take nothing any more.
    pub(super) fn finish(&self, most: Duration) {
        if self.finished.recv_timeout(most).is_err() {
            log::debug!("the screen is not done");
        }
    }
}

fn write(lines: &Receiver<String>, mut printer: Box<dyn Printer>, finished: &Sender<()>) {
    for line in lines {
        printer.print(line);
    }
    if finished.send(()).is_err() {
        log::debug!("nobody waits for the last line");
    }
}

/// Takes everything at once.
struct Collector {
    waiting: VecDeque<String>,
    left_out: u64,
    status: Option<StatusLine>,
    verbosity: Verbosity,
    style: Style,
    warned: Vec<(Time, String)>,
    told: ToldDownloads,
    comings: Comings,
    progress: Option<Time>,
    redraw: bool,
    redrawn: Option<Time>,
    shown: ScreenSettings,
    /// How far the departure is; and when that was said last, where no line can be replaced.
    leaving: Replaced,
    leaving_said: Option<Time>,
    /// Whether this peer's files stay was told.
    has_reported: bool,
    leave: Leave,
}

impl Collector {
    const fn new(
        status: Option<StatusLine>,
        verbosity: Verbosity,
        style: Style,
        leave: Leave,
        shown: ScreenSettings,
    ) -> Self {
        Self {
            waiting: VecDeque::new(),
            left_out: 0,
            status,
            verbosity,
            style,
            warned: Vec::new(),
            told: ToldDownloads::new(),
            comings: Comings::new(),
            progress: None,
            redraw: false,
            redrawn: None,
            shown,
            leaving: Replaced::new(),
            leaving_said: None,
            has_reported: false,
            leave,
        }
    }

    fn run(mut self, inputs: &Inputs, lines: &Sender<String>) {
        // A channel that nobody takes from: sending to it is never possible.
        let (parked, _kept) = bounded::<String>(0);
        let mut log = inputs.log.clone();
        loop {
            let next = self.next_line();
            let to = if next.is_some() { lines } else { &parked };
            let until = self.comings.poll_timeout().map(|at| at.since(clock::now()));
            let due = until.map_or_else(never, after);
            select! {
                recv(due) -> _ => self.comings_due(clock::now()),
                recv(inputs.notices) -> notice => match notice {
                    Ok(notice) => {
                        if matches!(notice, Notice::Joined { .. }) {
                            // Full is as good: it is known that one came.
                            inputs.joined.try_send(()).unwrap_or(());
                        }
                        self.notice(clock::now(), notice);
                    }
                    Err(_) => break,
                },
                recv(log) -> line => match line {
                    Ok(line) => self.log_line(clock::now(), &line),
                    Err(_) => log = never(),
                },
                send(to, next.unwrap_or_default()) -> sent => match sent {
                    Ok(()) => self.line_was_written(),
                    Err(_) => return,
                },
            }
        }
        self.tell_comings();
        inputs.log.try_iter().for_each(|line| self.log_line(clock::now(), &line));
        self.redraw = false;
        while let Some(line) = self.next_line() {
            if lines.send(line).is_err() {
                return;
            }
            self.line_was_written();
        }
    }

    /// What is to be written next.
    fn next_line(&self) -> Option<String> {
        if self.left_out > 0 {
            return Some(format!("({} lines left out)\n", self.left_out));
        }
        let next = self.waiting.front().cloned();
        next.or_else(|| self.leaving.next(self.entered())).or_else(|| self.redraw.then(|| REDRAW.to_owned()))
    }

    /// How many lines were typed.
    fn entered(&self) -> u64 {
        self.status.as_ref().map_or(0, StatusLine::entered)
    }

    fn line_was_written(&mut self) {
        self.redraw = false; // Each line draws what is below it again.
        if self.left_out > 0 {
            self.left_out = 0;
            self.leaving.covered();
        } else if self.waiting.pop_front().is_some() {
            self.leaving.covered();
        } else {
            self.leaving.written(self.entered());
        }
    }

    fn say(&mut self, line: &str) {
        self.say_at(Level::Info, line);
    }

    /// Says a line of this level; nothing if the log is to have none of that.
    fn say_at(&mut self, level: Level, line: &str) {
        if !self.verbosity.is_log() {
            self.push(line);
        } else if log::log_enabled!(target: SERVICE, level) {
            self.push(&with_level(level, line));
        }
    }

    fn push(&mut self, line: &str) {
        if self.waiting.len() >= limits::SCREEN_LINES {
            self.waiting.pop_front();
            self.left_out += 1;
        }
        self.waiting.push_back(format!("{line}\n"));
    }

    /// Says what is only worth it to a person, or to who asked for more.
    fn mention(&mut self, line: &str) {
        if self.verbosity != Verbosity::Quiet {
            self.say(line);
        }
    }

    /// Those who came and went just before stand above whatever is told next.
    fn tell_comings(&mut self) {
        let lines = self.comings.take();
        self.mention_dim(&lines);
    }

    fn comings_due(&mut self, now: Time) {
        let lines = self.comings.due(now);
        self.mention_dim(&lines);
    }

    fn mention_dim(&mut self, lines: &[String]) {
        for line in lines {
            self.mention(&self.style.dim(line));
        }
    }

    fn notice(&mut self, now: Time, notice: Notice) {
        if !matches!(notice, Notice::Joined { .. } | Notice::Gone { .. } | Notice::Downloads(_)) {
            self.tell_comings();
        }
        match notice {
            Notice::Joined { name, id } => {
                let before = self.comings.joined(now, name, &id);
                self.mention_dim(&before);
            }
            Notice::Gone { name, why } => {
                let before = self.comings.gone(now, name, why);
                self.mention_dim(&before);
            }
            Notice::Line(_) | Notice::LinesMissed { .. } if self.verbosity == Verbosity::Log => {}
            Notice::Line(row) => self.mention(&chat::line(&row, clock::unix_millis(), self.style)),
            // What is offered is worth a line of a log, too: somebody waits for an answer.
            Notice::Offer(row) => self.mention(&offers::line(&row)),
            Notice::LinesMissed { name, count } => self.mention(&self.style.dim(&chat::missed(&name, count))),
            Notice::Downloads(rows) => self.downloads(now, &rows),
            Notice::Download(job, reply) => self.reply(job, reply),
            Notice::Leaving { done, total, bytes_left } => {
                self.leaving(now, &exit::leaving(done, total, bytes_left));
            }
            Notice::ExitReport(report) => self.exit_report(&report),
            // Without a prompt nobody is asked: the peer has it restored.
            Notice::Lost { files, bytes } if self.verbosity == Verbosity::Prompt => {
                self.say(&restore::lost(files, bytes));
            }
            Notice::Lost { .. } => {}
            Notice::Text(text) if self.tells_departure() => self.say(&shown(&text)),
            Notice::Text(_) => {}
            Notice::Warning(text) if self.verbosity.is_log() => {
                if log::log_enabled!(target: SERVICE, Level::Warn) {
                    self.warn(now, &with_level(Level::Warn, &text));
                }
            }
            Notice::Warning(text) => self.warn(now, &format!("warning: {text}")),
            // What it failed with is said by whoever started the controller, when the terminal is restored.
            Notice::Ended(_) => {}
        }
    }

    /// A line of the log. What a service does is told as often as it does it.
    fn log_line(&mut self, now: Time, line: &str) {
        if self.verbosity.is_log() && line.starts_with(&with_level(Level::Info, "")) {
            self.push(&shown(line));
        } else {
            self.warn(now, line);
        }
    }

    /// A warning or a line of the log, unless it was said a short while ago.
    fn warn(&mut self, now: Time, line: &str) {
        self.warned.retain(|(said, _)| now.since(*said) < SAME_WARNING);
        if self.warned.iter().any(|(_, said)| said == line) {
            return;
        }
        if self.warned.len() < limits::SCREEN_LINES {
            self.warned.push((now, line.to_owned()));
        }
        let line = shown(line);
        self.push(&line);
    }

    fn downloads(&mut self, now: Time, rows: &[DownloadRow]) {
        let is_shown = self.shown.progress && self.verbosity != Verbosity::Log;
        if !is_shown || (self.status.is_none() && output::is_dumb()) {
            return;
        }
        match &self.status {
            Some(status) if status.is_shown() => {
                let status = status.clone();
                if self.is_drawn(now, rows.is_empty()) {
                    status.set(rows);
                    self.redraw = true;
                }
            }
            // Begun by somebody else than the prompt, which has no line for it now.
            _ if rows.is_empty() => self.progress = None,
            _ if self.progress.is_some_and(|said| now.since(said) < PROGRESS_LINE) => {}
            _ => {
                // The first one only starts the clock: most downloads are over before the second.
                if self.progress.is_some() {
                    rows.iter()
                        .take(3)
                        .for_each(|row| self.mention(&self.style.dim(&download::progress(row))));
                }
                self.progress = Some(now);
            }
        }
    }

    /// True if the line above the prompt is to be drawn now.
    fn is_drawn(&mut self, now: Time, is_over: bool) -> bool {
        let is_soon = self.redrawn.is_some_and(|drawn| now.since(drawn) < REDRAWN);
        if !is_soon || is_over {
            self.redrawn = Some(now);
        }
        !is_soon || is_over
    }

    /// How far the departure is, for a person.
    fn leaving(&mut self, now: Time, line: &str) {
        match &self.status {
            _ if self.verbosity != Verbosity::Prompt || self.has_reported => {}
            Some(status) => self.leaving.set(self.style.dim(&cut(line, status.columns()))),
            None if self.leaving_said.is_some_and(|said| now.since(said) < PROGRESS_LINE) => {}
            None => {
                self.leaving_said = Some(now);
                self.say(line);
            }
        }
    }

    /// Whether this peer's files stay. If not, the failure with which the process ends says it.
    fn exit_report(&mut self, report: &ExitReport) {
        self.leaving.end();
        self.has_reported = true;
        if report.is_safe() && self.tells_departure() {
            self.say(&report.sentence());
        }
    }

    /// True if nobody else says how the departure goes, or a person is to hear everything: without a prompt
    /// whoever asked for it says it.
    fn tells_departure(&self) -> bool {
        self.verbosity != Verbosity::Quiet || self.leave.is_wished()
    }

    /// A reply to a download that nobody waits for.
    fn reply(&mut self, job: u64, reply: Reply) {
        let is_person = self.verbosity == Verbosity::Prompt;
        let rings = is_person && self.shown.bell;
        let ring = |sum: &DownloadSum| if rings { bell::of_download(sum) } else { String::new() };
        match self.told.reply(job, reply, self.style, ring) {
            Some(Telling::Said(text)) => self.say_at(Level::Warn, &text),
            Some(Telling::Mentioned(text)) => self.mention(&text),
            Some(Telling::Answered(text)) if is_person => self.say(&text),
            Some(Telling::Answered(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::cli::show::download::tests::sum;
    use crate::control::{DownloadOutcome, GoneCause};

    const PLAIN: Style = Style::PLAIN;

    const SHOWN: ScreenSettings = ScreenSettings { mute: false, bell: false, progress: true };

    fn collector(verbosity: Verbosity) -> Collector {
        Collector::new(None, verbosity, PLAIN, Leave::new(|| {}), SHOWN)
    }

    #[test]
    fn a_warning_is_said_once_a_minute() {
        let mut screen = collector(Verbosity::Quiet);
        let start = Time(1);
        for second in 0..90 {
            screen.notice(start + Duration::from_secs(second), Notice::Warning("disk\u{1b} slow".into()));
        }
        screen.notice(start, Notice::Text("nobody needs this on a pipe".into()));
        assert_eq!(screen.waiting, ["warning: disk\\u{1b} slow\n", "warning: disk\\u{1b} slow\n"]);
    }

    #[test]
    fn the_oldest_lines_go_first_and_that_is_said() {
        let mut screen = collector(Verbosity::Prompt);
        for n in 0..limits::SCREEN_LINES + 2 {
            screen.notice(Time(1), Notice::Text(format!("line {n}")));
        }
        assert_eq!(screen.next_line().unwrap(), "(2 lines left out)\n");
        screen.line_was_written();
        assert_eq!(screen.next_line().unwrap(), "line 2\n");
        screen.line_was_written();
        assert_eq!(screen.next_line().unwrap(), "line 3\n");
    }

    #[test]
    fn what_is_said_of_a_download_hangs_on_who_listens() {
        let begun = || Reply::Begun(download::tests::download());
        let done = || Reply::DownloadSum(Box::new(sum()));
        let failed =
            || Reply::DownloadSum(Box::new(DownloadSum { outcome: DownloadOutcome::Incomplete, ..sum() }));
        for (verbosity, lines) in [(Verbosity::Prompt, 3), (Verbosity::Verbose, 2), (Verbosity::Quiet, 1)] {
            let mut screen = collector(verbosity);
            for reply in [begun(), done(), failed(), Reply::Done] {
                screen.notice(Time(1), Notice::Download(4, reply));
            }
            assert_eq!(screen.waiting.len(), lines, "{verbosity:?}: {:?}", screen.waiting);
        }
    }

    #[test]
    fn the_line_above_the_prompt_is_drawn_twice_a_second_at_most() {
        let mut screen = collector(Verbosity::Prompt);
        let start = Time::ZERO;
        let drawn = (0..20).filter(|n| screen.is_drawn(start + Duration::from_millis(100 * n), false));
        assert_eq!(drawn.collect::<Vec<_>>(), [0, 5, 10, 15]);
        assert!(
            screen.is_drawn(start + Duration::from_millis(1_901), true),
            "that nothing runs is shown at once"
        );
    }

    #[test]
    fn a_bell_rings_only_for_a_person_who_waited_long_and_wants_it() {
        let rings = |verbosity, bell, millis| {
            let mut screen = collector(verbosity);
            screen.shown.bell = bell;
            let all = DownloadSum { millis, ..sum() };
            screen.notice(Time(1), Notice::Download(4, Reply::DownloadSum(Box::new(all))));
            screen.waiting.back().is_some_and(|line| line.contains('\x07'))
        };
        assert!(rings(Verbosity::Prompt, true, 10_000));
        assert!(!rings(Verbosity::Prompt, true, 9_999));
        assert!(!rings(Verbosity::Prompt, false, 10_000));
        assert!(!rings(Verbosity::Verbose, true, 10_000));
    }

    #[test]
    fn whoever_comes_is_told_before_what_it_says() {
        let mut screen = collector(Verbosity::Prompt);
        let joined = |n: u64| Notice::Joined { name: format!("peer{n}"), id: "abcd".into() };
        for n in 0..12 {
            screen.notice(Time(n), joined(n));
        }
        assert!(screen.waiting.is_empty());
        screen.notice(Time(20), Notice::Text("something else".into()));
        assert_eq!(screen.waiting, ["12 peers joined: peer0, peer1, peer2 and 9 more\n", "something else\n"]);
        screen.notice(Time(30), joined(1));
        screen.comings_due(Time(30) + Duration::from_secs(1));
        assert_eq!(screen.waiting.back().unwrap(), "peer1 joined (abcd)\n");
    }

    #[test]
    fn a_departure_is_reported_and_whether_all_is_kept_once() {
        let (at, half) = (Time(1), Notice::Leaving { done: 6, total: 12, bytes_left: 1 << 20 });
        let kept = ExitReport { total: 12, safe: 12, ..ExitReport::default() };
        let said = "safe to leave: 12 of 12 files are kept by others\n";
        // A terminal without a cursor, a peer without a prompt, and one that is to say more.
        let line = "leaving: 6 of 12 files have their copies on others, 1.0 MiB to go\n";
        for (verbosity, is_wished, lines) in [
            (Verbosity::Prompt, false, &[line, said][..]),
            (Verbosity::Prompt, true, &[line, said]),
            // Whoever asked says it, if it was no signal.
            (Verbosity::Quiet, false, &[]),
            (Verbosity::Quiet, true, &[said]),
            (Verbosity::Verbose, false, &[said]),
            (Verbosity::Verbose, true, &[said]),
        ] {
            let mut screen = collector(verbosity);
            if is_wished {
                screen.leave.wish(at);
            }
            for second in 0..4 {
                screen.notice(at + Duration::from_secs(second), half.clone());
            }
            screen.notice(at, Notice::ExitReport(kept.clone()));
            screen.notice(at + Duration::from_secs(60), half.clone());
            assert_eq!(screen.waiting, lines, "{verbosity:?}, {is_wished}");
        }
        // What is not kept is said at the end of the process.
        let mut screen = collector(Verbosity::Prompt);
        screen.notice(at, Notice::ExitReport(ExitReport { safe: 11, ..kept }));
        assert!(screen.waiting.is_empty());
    }

    #[test]
    fn only_a_person_is_asked_what_became_of_missing_files() {
        for (verbosity, lines) in [(Verbosity::Prompt, 1), (Verbosity::Verbose, 0), (Verbosity::Quiet, 0)] {
            let mut screen = collector(verbosity);
            screen.notice(Time(1), Notice::Lost { files: 12, bytes: 3 });
            assert_eq!(screen.waiting.len(), lines);
        }
    }

    #[test]
    fn everything_waiting_is_written_before_the_end() {
        struct Slow(Sender<String>);
        impl Printer for Slow {
            fn print(&mut self, text: String) {
                self.0.send(text).unwrap();
            }
        }
        let ((notices, rx), (log_tx, log)) = (unbounded(), unbounded());
        let (printed_tx, printed) = unbounded();
        let leave = Leave::new(|| {});
        let inputs = Inputs { notices: rx, log, leave, status: None, joined: bounded(1).0, shown: SHOWN };
        let screen = Screen::start(inputs, Box::new(Slow(printed_tx)), Verbosity::Prompt, PLAIN).unwrap();
        log_tx.send("from the log".into()).unwrap();
        notices.send(Notice::Joined { name: "peer2".into(), id: "abcd".into() }).unwrap();
        notices.send(Notice::Gone { name: "peer2".into(), why: GoneCause::Left }).unwrap();
        notices.send(Notice::Text("safe to leave".into())).unwrap();
        drop((notices, log_tx));
        screen.finish(Duration::from_secs(20));
        let mut lines: Vec<String> = printed.try_iter().collect();
        lines.sort();
        assert_eq!(lines, ["from the log\n", "peer2 joined (abcd)\n", "peer2 left\n", "safe to leave\n"]);
    }
}
