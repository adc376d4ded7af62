//! Where the answers to one request go: lines of the answer, lines beside it, and how far something is.

use core::ops::ControlFlow;
use core::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::{self, Style};
use crate::control::Reply;
use crate::control::typed::CommandOrigin;
use crate::sys::clock;
use crate::time::Time;

/// At most one line of progress in this time where lines are kept (a pipe, a file).
const PROGRESS_LINE: Duration = Duration::from_secs(1);

/// How progress is shown.
#[derive(Debug)]
enum Meter {
    /// A bar at the bottom of a terminal.
    Bar(ProgressBar),
    /// Lines, the last one at this time.
    Lines(Option<Time>),
}

/// Where answers go, and how they are to look there.
#[derive(Debug)]
pub(in crate::cli) struct Page {
    pub(super) json: bool,
    pub(super) style: Style,
    pub(super) origin: CommandOrigin,
    meter: Meter,
}

impl Page {
    /// For a command that was typed there.
    pub(super) fn new(json: bool, origin: CommandOrigin) -> Self {
        let is_terminal = || std::io::IsTerminal::is_terminal(&std::io::stderr());
        let bar = origin == CommandOrigin::OneShot && !json && is_terminal();
        let meter = if bar { Meter::Bar(ProgressBar::hidden()) } else { Meter::Lines(None) };
        Self { json, style: Style::of_stdout(), origin, meter }
    }

    /// A line of the answer, above the bar if there is one.
    pub(super) fn line(&self, line: &str) -> ControlFlow<()> {
        let write = || output::out(&format!("{line}\n"));
        match &self.meter {
            Meter::Bar(bar) => bar.suspend(write),
            Meter::Lines(_) => write(),
        }
    }

    /// A line beside the answer.
    pub(super) fn aside(&self, line: &str) {
        let write = || output::err(&format!("{line}\n"));
        match &self.meter {
            Meter::Bar(bar) => bar.suspend(write),
            Meter::Lines(_) => write(),
        }
    }

    /// Shows a bar for `size` bytes, of which `done` are there; where no bar can be, says `text`.
    pub(super) fn open_bar(&self, done: u64, size: u64, text: &str) {
        let Meter::Bar(bar) = &self.meter else { return self.aside(text) };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        let style = ProgressStyle::with_template("{wide_bar:.dim} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_length(size);
        bar.set_position(done);
    }

    /// Moves the bar and changes its text; false where there is none.
    pub(super) fn move_bar(&self, done: u64, size: u64, text: &str) -> bool {
        let Meter::Bar(bar) = &self.meter else { return false };
        bar.set_length(size);
        bar.set_position(done);
        bar.set_message(text.to_owned());
        true
    }

    /// Says how far something is: `text`, or as JSON `reply`. A line that is replaced, or not too many.
    pub(super) fn step(&mut self, reply: &Reply, text: &str) {
        let now = clock::now();
        match &mut self.meter {
            Meter::Bar(bar) => {
                if bar.is_hidden() {
                    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
                    let style = ProgressStyle::with_template("{wide_msg}");
                    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                }
                bar.set_message(text.to_owned());
            }
            Meter::Lines(Some(last)) if now.since(*last) < PROGRESS_LINE => {}
            Meter::Lines(last) => {
                *last = Some(now);
                if self.json {
                    output::err(&output::json_line(reply));
                } else {
                    output::err(&format!("{text}\n"));
                }
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn close_bar(&self) {
        if let Meter::Bar(bar) = &self.meter {
            bar.finish_and_clear();
        }
    }
}
