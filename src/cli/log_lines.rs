//! The log of a peer that runs as a service: what the screen says, a line each, with time and level.
//!
//! The screen puts the level in front of each line as the journal knows it (sd-daemon(3)): `<4>` for a warning. Nobody
//! else can, for what others name stands behind it.

use core::fmt::Write as _;

use log::Level;
use serde::Serialize;

use super::output;
use super::screen::Printer;
use crate::settings::LogFormat;
use crate::sys::{clock, local_time};

/// The target of what is told of the service itself; it is logged without a target in front.
pub(super) const SERVICE: &str = "potluck::service";

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogForm {
    /// Time, level and text.
    Text,
    /// An object each.
    Json,
    /// The journal adds the time, and takes the level in front of the text.
    Journal,
}

impl LogForm {
    /// What the user wants, where lines go to the journal or not.
    pub(super) const fn of(format: LogFormat, is_journal: bool) -> Self {
        match (format, is_journal) {
            (LogFormat::Json, _) => Self::Json,
            (LogFormat::Text, true) => Self::Journal,
            (LogFormat::Text, false) => Self::Text,
        }
    }

    /// What stands for `text`, which may have several lines.
    fn lines(self, millis: u64, text: &str) -> String {
        let (level, text) = level_of(text);
        let mut written = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let time = || local_time::utc(millis);
            match self {
                Self::Text => writeln!(written, "{} {:<7} {line}", time(), name(level)).unwrap_or(()),
                Self::Json => {
                    let row = LoggedLine { time: &time(), level: name(level), message: line };
                    written.push_str(&output::json_line(&row));
                }
                Self::Journal => writeln!(written, "<{}>{line}", priority(level)).unwrap_or(()),
            }
        }
        written
    }
}

/// A line of the log of a service (`--log-format json`); no command answers with it.
#[derive(Debug, Serialize)]
struct LoggedLine<'a> {
    /// When it was written, in UTC (RFC 3339).
    time: &'a str,
    /// `error`, `warning`, `info` or `debug`.
    level: &'a str,
    /// What there is to be said.
    message: &'a str,
}

/// `line` with its level in front.
pub(super) fn with_level(level: Level, line: &str) -> String {
    format!("<{}>{line}", priority(level))
}

/// The level in front of a text, and the rest. What has none is as good as any other line.
fn level_of(text: &str) -> (Level, &str) {
    let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug];
    let found =
        levels.into_iter().find_map(|level| Some((level, text.strip_prefix(&with_level(level, ""))?)));
    found.unwrap_or((Level::Info, text))
}

/// The number that stands for a level (syslog(3)).
const fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

const fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug | Level::Trace => "debug",
    }
}

/// Writes what the screen says as a log.
pub(super) struct LogPrinter<P> {
    form: LogForm,
    to: P,
}

impl<P: Printer> LogPrinter<P> {
    /// Writes to `to`.
    pub(super) const fn new(form: LogForm, to: P) -> Self {
        Self { form, to }
    }
}

impl<P: Printer> Printer for LogPrinter<P> {
    fn print(&mut self, text: String) {
        self.to.print(self.form.lines(clock::unix_millis(), &text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-29 22:30:00.250 UTC.
    const MILLIS: u64 = 1_795_991_400_250;

    #[test]
    fn each_line_has_its_time_and_its_level() {
        let warning = with_level(Level::Warn, "the disk is slow");
        assert_eq!(
            LogForm::Text.lines(MILLIS, &warning),
            "2026-11-29T22:30:00.250Z warning the disk is slow\n"
        );
        assert_eq!(LogForm::Text.lines(MILLIS, "plain\n"), "2026-11-29T22:30:00.250Z info    plain\n");
        let json = LogForm::Json.lines(MILLIS, &warning);
        let row: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&row["level"], &row["message"]), (&"warning".into(), &"the disk is slow".into()));
        assert_eq!(LogForm::Journal.lines(MILLIS, &warning), "<4>the disk is slow\n");
    }

    #[test]
    fn what_has_several_lines_is_as_many_of_one_level() {
        let text = with_level(Level::Warn, "[4] incomplete\n  1 failed: a\n");
        assert_eq!(LogForm::Journal.lines(MILLIS, &text), "<4>[4] incomplete\n<4>1 failed: a\n");
    }

    #[test]
    fn a_peer_whose_name_is_a_level_has_none() {
        let text = with_level(Level::Info, "<3>disk full joined");
        assert_eq!(LogForm::Journal.lines(MILLIS, &text), "<6><3>disk full joined\n");
        assert_eq!(
            LogForm::Text.lines(MILLIS, &text),
            "2026-11-29T22:30:00.250Z info    <3>disk full joined\n"
        );
    }

    #[test]
    fn the_journal_needs_no_time_unless_json_is_wanted() {
        assert_eq!(LogForm::of(LogFormat::Text, true), LogForm::Journal);
        assert_eq!(LogForm::of(LogFormat::Text, false), LogForm::Text);
        assert_eq!(LogForm::of(LogFormat::Json, true), LogForm::Json);
    }
}
