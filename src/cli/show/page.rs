//! Where the answers to one request go: lines of the answer, lines beside it, and how far something is.

use core::ops::ControlFlow;
use core::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::bell;
use crate::cli::output::{self, Style};
use crate::control::Reply;
use crate::control::typed::CommandOrigin;
use crate::settings::ScreenSettings;
use crate::sys::clock;
use crate::time::Time;

/// At most one line of progress in this time where lines are kept (a pipe, a file).
const PROGRESS_LINE: Duration = Duration::from_secs(1);

/// A bar is drawn again so often at most, in times a second: what moves more keeps people from reading.
const REDRAWS: u8 = 2;

/// How progress is shown.
#[derive(Debug)]
enum Meter {
    /// A bar at the bottom of a terminal.
    Bar(ProgressBar),
    /// Lines, the last one at this time.
    Lines(Option<Time>),
    /// Not at all.
    None,
}

/// How answers are to be shown.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct ShowOptions {
    /// As JSON.
    pub(in crate::cli) json: bool,
    /// Nothing beside the answer.
    pub(in crate::cli) quiet: bool,
    /// Where the command was typed.
    pub(in crate::cli) origin: CommandOrigin,
    /// What the user wants to see.
    pub(in crate::cli) screen: ScreenSettings,
}

/// Where answers go, and how they are to look there.
#[derive(Debug)]
pub(in crate::cli) struct Page {
    pub(super) options: ShowOptions,
    pub(super) style: Style,
    meter: Meter,
}

impl Page {
    /// For a command whose answers are to be shown so.
    pub(super) fn new(options: ShowOptions) -> Self {
        let is_terminal = || std::io::IsTerminal::is_terminal(&std::io::stderr());
        let meter = match options {
            _ if options.quiet || !options.screen.progress || (!options.json && output::is_dumb()) => {
                Meter::None
            }
            ShowOptions { json: false, origin: CommandOrigin::OneShot, .. } if is_terminal() => {
                Meter::Bar(ProgressBar::hidden())
            }
            _ => Meter::Lines(None),
        };
        Self { options, style: Style::of_stdout(), meter }
    }

    /// Where the command was typed.
    pub(super) const fn origin(&self) -> CommandOrigin {
        self.options.origin
    }

    /// Rings the bell, if the user wants that.
    pub(super) fn ring(&self, sequence: impl FnOnce() -> String) {
        if self.options.screen.bell {
            bell::ring(&sequence());
        }
    }

    /// A line of the answer, above the bar if there is one.
    pub(super) fn line(&self, line: &str) -> ControlFlow<()> {
        let write = || output::out(&format!("{line}\n"));
        match &self.meter {
            Meter::Bar(bar) => bar.suspend(write),
            Meter::Lines(_) | Meter::None => write(),
        }
    }

    /// A line beside the answer.
    pub(super) fn aside(&self, line: &str) {
        if self.options.quiet {
            return;
        }
        let write = || output::err(&format!("{line}\n"));
        match &self.meter {
            Meter::Bar(bar) => bar.suspend(write),
            Meter::Lines(_) | Meter::None => write(),
        }
    }

    /// Shows a bar for `size` bytes, of which `done` are there; where no bar can be, says `text`.
    pub(super) fn open_bar(&self, done: u64, size: u64, text: &str) {
        let Meter::Bar(bar) = &self.meter else { return self.aside(text) };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
        let style = ProgressStyle::with_template("{wide_bar:.dim} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_length(size);
        bar.set_position(done);
    }

    /// Moves the bar and changes its text; false where lines are to say it.
    pub(super) fn move_bar(&self, done: u64, size: u64, text: &str) -> bool {
        let Meter::Bar(bar) = &self.meter else { return matches!(self.meter, Meter::None) };
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
                    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
                    let style = ProgressStyle::with_template("{wide_msg}");
                    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                }
                bar.set_message(text.to_owned());
            }
            Meter::None => {}
            Meter::Lines(Some(last)) if now.since(*last) < PROGRESS_LINE => {}
            Meter::Lines(last) => {
                *last = Some(now);
                if self.options.json {
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
