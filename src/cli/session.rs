//! One command after the other: from words to a request, from replies to text.

use core::ops::ControlFlow;
use core::time::Duration;
use std::path::PathBuf;

use crossbeam_channel::{Sender, unbounded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::flags::{self, TypedCommand};
use super::output::{self, Style};
use super::words::SplitError;
use super::{custody, human, render};
use crate::control::typed::{CommandOrigin, TypedFrom};
use crate::control::{Ask, DownloadRequest, DownloadRow, ListRequest, ListRow, PeerRow, Reply, Request};
use crate::error::{Code, Failure};
use crate::sys::clock;
use crate::time::Time;

/// At most one line of progress in this time where lines are kept (a pipe, a file).
const PROGRESS_LINE: Duration = Duration::from_secs(1);

/// Files of one download that are named on a terminal; the rest is counted.
const NAMED: u64 = 20;

/// Asks the controller of this process. Ends with its last reply.
pub(super) fn ask(
    asks: &Sender<Ask>,
    request: impl Into<Request>,
    mut on_reply: impl FnMut(Reply) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let request = request.into();
    let leaving = matches!(request, Request::Exit(_));
    let (replies, answers) = unbounded();
    let sent = asks.send(Ask { request, replies }).is_ok();
    for reply in answers.iter().take_while(|_| sent) {
        match reply {
            Reply::Done => return Ok(()),
            Reply::Failed(failure) => return Err(failure),
            // The command is seen through even when nobody reads what it says.
            reply => drop(on_reply(reply)),
        }
    }
    if leaving { Ok(()) } else { Err(Failure::other("the peer is leaving")) }
}

/// How progress is shown.
#[derive(Debug)]
enum Meter {
    /// A bar at the bottom of a terminal.
    Bar(ProgressBar),
    /// Lines, the last one at this time.
    Lines(Option<Time>),
}

/// Shows the replies to one request.
#[derive(Debug)]
pub(super) struct View {
    json: bool,
    style: Style,
    place: CommandOrigin,
    filtered: bool,
    /// Notes, and what a download does, are shown by the screen, which hears them, too.
    quiet: bool,
    table: ReplyTable,
    meter: Meter,
    saved: u64,
}

/// Rows, kept until all are there, for only then the columns' widths are known.
#[derive(Debug)]
enum ReplyTable {
    None,
    Files(Vec<ListRow>),
    Peers(Vec<PeerRow>),
}

impl View {
    /// For the replies to `request`.
    pub(super) fn new(request: &Request, json: bool, place: CommandOrigin) -> Self {
        let (table, filtered) = match request {
            _ if json => (ReplyTable::None, false),
            Request::List(ListRequest { pattern, mine, from }) => {
                (ReplyTable::Files(Vec::new()), *mine || pattern.is_some() || from.is_some())
            }
            Request::Peers(_) => (ReplyTable::Peers(Vec::new()), false),
            _ => (ReplyTable::None, false),
        };
        let bar =
            place == CommandOrigin::OneShot && !json && std::io::IsTerminal::is_terminal(&std::io::stderr());
        let meter = if bar { Meter::Bar(ProgressBar::hidden()) } else { Meter::Lines(None) };
        let is_reported =
            matches!(request, Request::Exit(_) | Request::Download(DownloadRequest { wait: false, .. }));
        let quiet = place == CommandOrigin::Prompt && is_reported;
        Self { quiet, json, style: Style::of_stdout(), place, filtered, table, meter, saved: 0 }
    }

    /// Shows one reply. Breaks when nobody reads any more.
    pub(super) fn reply(&mut self, reply: Reply) -> ControlFlow<()> {
        match reply {
            Reply::Progress(row) => {
                self.progress(clock::now(), &row);
                ControlFlow::Continue(())
            }
            // The screen has it, too, and can replace it.
            Reply::Leaving { .. } if self.quiet && !self.json => ControlFlow::Continue(()),
            Reply::Leaving { done, total, bytes_left } => {
                let text = custody::leaving(done, total, bytes_left);
                self.step(clock::now(), &reply, &text);
                ControlFlow::Continue(())
            }
            reply if self.json => output::out(&output::json_line(&reply)),
            Reply::File(row) => {
                if let ReplyTable::Files(rows) = &mut self.table {
                    rows.push(row);
                }
                ControlFlow::Continue(())
            }
            Reply::Peer(row) => {
                if let ReplyTable::Peers(rows) = &mut self.table {
                    rows.push(row);
                }
                ControlFlow::Continue(())
            }
            Reply::Status(status) => output::out(&render::status(&status, self.style)),
            Reply::Begun(_) if self.quiet => ControlFlow::Continue(()),
            Reply::Begun(row) if self.place == CommandOrigin::Prompt => self.line(&render::begun(&row)),
            Reply::Begun(row) => {
                self.begin(&row);
                ControlFlow::Continue(())
            }
            Reply::Saved(saved) => {
                self.saved += 1;
                if self.saved > NAMED && self.style.color {
                    return ControlFlow::Continue(());
                }
                self.line(&render::saved(&saved))
            }
            Reply::Missing { path, failure } => {
                self.aside(&render::missing(&path, &failure));
                ControlFlow::Continue(())
            }
            Reply::Copied { path, copies } => self.line(&custody::copied(&path, copies)),
            Reply::Verified(row) => self.line(&custody::verified(&row)),
            Reply::VerifySum { files, bytes, bad } => self.line(&custody::verify_sum(files, bytes, bad)),
            Reply::Note { .. } if self.quiet => ControlFlow::Continue(()),
            // If it is not, the failure that follows says it.
            Reply::ExitReport(report) if self.quiet || !report.is_safe() => ControlFlow::Continue(()),
            Reply::ExitReport(report) => self.line(&report.sentence()),
            Reply::Note { text } => self.line(&crate::text::shown(&text)),
            Reply::Names { names } => self.line(&crate::text::shown(&names.join(" "))),
            Reply::Done | Reply::Failed(_) => ControlFlow::Continue(()),
        }
    }

    /// Shows the end: tables and sums. What failed is said by [`fail`], and as JSON here.
    pub(super) fn end(&mut self, result: &Result<(), Failure>) {
        if let Meter::Bar(bar) = &self.meter {
            bar.finish_and_clear();
        }
        let text = match (&self.table, result) {
            (ReplyTable::Files(rows), Ok(())) => render::list(rows, self.filtered, self.style),
            (ReplyTable::Peers(rows), Ok(())) => render::peers(rows, self.style),
            _ if self.saved > NAMED && self.style.color => {
                format!("and {} more\n", human::count(self.saved - NAMED, "file"))
            }
            _ => String::new(),
        };
        let _reader_gone: ControlFlow<()> = output::out(&text);
        if let (true, Err(failure)) = (self.json, result) {
            let _reader_gone: ControlFlow<()> =
                output::out(&output::json_line(&Reply::Failed(failure.clone())));
        }
    }

    /// A line of the answer, above the bar if there is one.
    fn line(&self, line: &str) -> ControlFlow<()> {
        let write = || output::out(&format!("{line}\n"));
        match &self.meter {
            Meter::Bar(bar) => bar.suspend(write),
            Meter::Lines(_) => write(),
        }
    }

    /// A line beside the answer.
    fn aside(&self, line: &str) {
        let write = || output::err(&format!("{line}\n"));
        match &self.meter {
            Meter::Bar(bar) => bar.suspend(write),
            Meter::Lines(_) => write(),
        }
    }

    fn begin(&mut self, row: &DownloadRow) {
        match &self.meter {
            Meter::Bar(bar) => {
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
                bar.set_style(
                    ProgressStyle::with_template("{wide_bar:.dim} {msg}")
                        .unwrap_or_else(|_| ProgressStyle::default_bar()),
                );
                bar.set_length(row.size);
                bar.set_position(row.done);
            }
            Meter::Lines(_) => output::err(&format!("{}\n", render::begun(row))),
        }
    }

    fn progress(&mut self, now: Time, row: &DownloadRow) {
        match &mut self.meter {
            Meter::Bar(bar) => {
                bar.set_length(row.size);
                bar.set_position(row.done);
                bar.set_message(render::progress(row));
            }
            Meter::Lines(_) => self.step(now, &Reply::Progress(row.clone()), &render::progress(row)),
        }
    }

    /// Says how far something is: `text`, or as JSON `reply`. A line that is replaced, or not too many.
    fn step(&mut self, now: Time, reply: &Reply, text: &str) {
        match &mut self.meter {
            Meter::Bar(bar) => {
                if bar.is_hidden() {
                    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
                    bar.set_style(
                        ProgressStyle::with_template("{wide_msg}")
                            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
                    );
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
}

/// Tells what failed, on standard error.
pub(super) fn fail(failure: &Failure, place: CommandOrigin) {
    let style = Style::of_stderr();
    let message = crate::text::shown(&failure.message);
    match place {
        CommandOrigin::Prompt => output::err(&format!("{}\n", style.red(&message))),
        CommandOrigin::Pipe | CommandOrigin::OneShot => {
            output::err(&format!("{} {message}\n", style.red("potluck:")))
        }
    }
}

/// The commands that are typed into a peer.
#[derive(Debug)]
pub(super) struct Session {
    asks: Sender<Ask>,
    directory: PathBuf,
    place: CommandOrigin,
    json: bool,
}

impl Session {
    /// For the peer of this process, in `directory`. With `json` every command has `--json`.
    pub(super) const fn new(asks: Sender<Ask>, directory: PathBuf, place: CommandOrigin, json: bool) -> Self {
        Self { asks, directory, place, json }
    }

    /// Runs one line to its end and shows what comes of it. Breaks after `exit`.
    pub(super) fn run(&self, line: &str) -> ControlFlow<(), Result<(), Failure>> {
        match self.try_run(line) {
            Ok(flow) => flow.map_continue(|()| Ok(())),
            Err(failure) => {
                fail(&failure, self.place);
                ControlFlow::Continue(Err(failure))
            }
        }
    }

    fn try_run(&self, line: &str) -> Result<ControlFlow<(), ()>, Failure> {
        let words = match super::words::split(line) {
            // Completion leaves the quote of a folder open; a person who likes the folder hits Enter.
            Err(SplitError::Open(quote)) if self.place == CommandOrigin::Prompt => {
                super::words::split(&format!("{line}{quote}"))
            }
            words => words,
        };
        let words = words.map_err(|e| Failure::new(Code::Usage, e.to_string()))?;
        if words.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let typed = match flags::parse_typed(&words) {
            flags::Parsed::Command(typed) => typed,
            flags::Parsed::Text(text) => {
                let _reader_gone: ControlFlow<()> = output::out(&text);
                return Ok(ControlFlow::Continue(()));
            }
            flags::Parsed::Wrong(failure) => return Err(failure),
        };
        let here = std::env::current_dir().unwrap_or_else(|_| self.directory.clone());
        match typed.command {
            TypedCommand::Local(command) => command.run(&self.directory, self.place)?,
            TypedCommand::Ask(mut request) => {
                request.anchor(&TypedFrom { origin: self.place, folder: &here });
                let leaving = matches!(request, Request::Exit(_));
                let mut view = View::new(&request, self.json || typed.json, self.place);
                let result = ask(&self.asks, request, |reply| view.reply(reply));
                view.end(&result);
                return match (leaving, result) {
                    (true, Ok(())) => Ok(ControlFlow::Break(())),
                    // It has left. The process ends with this code, and says why.
                    (true, Err(failure)) if failure.code == Code::NotKept => Ok(ControlFlow::Break(())),
                    (_, Ok(())) => Ok(ControlFlow::Continue(())),
                    (_, Err(failure)) => Err(failure),
                };
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
