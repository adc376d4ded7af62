//! The command line, the prompt and everything that is printed.
//!
//! [`main`] starts a peer, or asks the one that runs. A peer's state belongs to the controller, which
//! runs on the main thread; the prompt (or the reader of a pipe), the control socket and the signals
//! send it [`Ask`]s, and it sends [`crate::control::Notice`]s to the screen.

mod bell;
mod comings;
mod completions;
mod config;
mod failing;
mod flags;
mod group;
mod human;
mod identity;
pub(crate) mod limits;
mod local;
mod local_answer;
mod log_lines;
mod logging;
mod momentary;
mod oneshot;
mod output;
mod pager;
mod pipe;
mod place;
mod prompt;
mod reload;
mod replaced;
mod screen;
mod session;
mod settings_files;
mod show;
mod stopping;
mod supervised;
mod terminal_guard;
mod told;
mod verbosity;
mod web;
mod web_local;
mod words;

use core::time::Duration;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crossbeam_channel::{Sender, bounded, unbounded};

use self::flags::{CommandLine, Parsed, TypedCommand};
use self::log_lines::{LogForm, LogPrinter};
use self::logging::LogTarget;
use self::output::Style;
use self::pipe::{End, LastFailure, RunningCommand};
use self::place::Place;
use self::prompt::Prompt;
use self::screen::{Inputs, Screen, Stderr};
use self::session::Session;
use self::supervised::Supervised;
use self::verbosity::Verbosity;
use crate::control::typed::CommandOrigin;
use crate::control::{Ask, ControllerChannels, ExitRequest, Request, keyfile, server, trust};
use crate::error::{Code, Failure};
use crate::settings::{ServiceSettings, Settings};
use crate::sys::lock::DirectoryLock;
use crate::sys::signals::{self, Hangups, Leave};
use crate::sys::thread::Thread;
use crate::sys::{memory, sandbox, service_manager, terminal};
use crate::text;

/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The program: parses the arguments, does what they say, returns one of the exit codes that README.md lists.
#[must_use]
pub fn main(run: RunPeer) -> ExitCode {
    let line = match flags::parse_arguments(std::env::args_os()) {
        Parsed::Command(line) => line,
        Parsed::Text(text) => {
            return if output::out(&text).is_break() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
        Parsed::Wrong(failure) => {
            let words: Vec<OsString> = std::env::args_os().skip(1).collect();
            return failed(failure, failing::asks_for_json(&words), flags::command_in(&words).as_deref());
        }
    };
    let name = line.command.as_ref().map(TypedCommand::name);
    let is_asked = matches!(line.command, Some(TypedCommand::Ask(_)));
    let entered = line.chdir.as_deref().map_or(Ok(()), place::enter);
    let place = entered.and_then(|()| place::of(line.directory.as_deref(), is_asked));
    let Place { directory, is_peers } = match place {
        Ok(place) => place,
        Err(failure) => return failed(failure, line.json, name),
    };
    if let Some(request) = visiting(&line, is_peers) {
        return request
            .and_then(|request| momentary::run(request, run))
            .unwrap_or_else(|failure| failed(failure, line.json, name));
    }
    let Some(command) = line.command.clone() else {
        return match run_peer(directory, run) {
            Ok(code) => ExitCode::from(code),
            Err(failure) => failed(failure, line.json, None),
        };
    };
    let takes_settings = matches!(&command, TypedCommand::Local(command) if command.takes_settings());
    if let Some(flag) = line.useless_flag().filter(|_| !takes_settings) {
        let message = format!("{flag} is for a peer that is started: it means nothing with a command");
        return failed(Failure::new(Code::Usage, message), line.json, name);
    }
    logging::start(line.verbose, LogTarget::Stderr);
    let options = match &command {
        TypedCommand::Ask(_) => {
            flags::parse_above(std::env::args_os(), &config::layers_or_warning(&directory)).map_or_else(
                |_| line.show_options(CommandOrigin::OneShot),
                |(line, _)| line.show_options(CommandOrigin::OneShot),
            )
        }
        TypedCommand::Local(_) => line.show_options(CommandOrigin::OneShot),
    };
    oneshot::run(command, &directory, options)
}

/// What is to be asked of a peer that runs for that alone, if so. `is_peers`: the folder is a peer's, or was named.
fn visiting(line: &CommandLine, is_peers: bool) -> Option<Result<Request, Failure>> {
    match &line.command {
        Some(TypedCommand::Ask(request)) if line.once || !is_peers && momentary::answers(request) => {
            Some(Ok(request.clone()))
        }
        _ if line.once => {
            let message = format!("{} is for a command that asks what others share", momentary::FLAG);
            Some(Err(Failure::new(Code::Usage, message)))
        }
        _ => None,
    }
}

/// Tells why nothing was asked, or no peer ran. `command`: what was to be asked.
fn failed(failure: Failure, json: bool, command: Option<&str>) -> ExitCode {
    failing::tell(&failure, CommandOrigin::OneShot);
    if json {
        failing::tell_json(&failure, command);
    }
    exit_code(&Err(failure))
}

fn exit_code(result: &Result<(), Failure>) -> ExitCode {
    ExitCode::from(result.as_ref().err().map_or(0, |failure| failure.code as u8))
}

/// Runs a peer until it has left, on the thread that calls it. Its failure is the exit code of the process.
pub type RunPeer = fn(Settings, ControllerChannels) -> Result<(), Failure>;

/// How the peer is talked to on standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// A prompt.
    Prompt,
    /// Lines; and what their end means.
    Lines(End),
    /// Not at all.
    None,
}

impl Input {
    fn choose(daemon: bool) -> Self {
        match (daemon, io::stdin().is_terminal()) {
            (true, true) => Self::None,
            (true, false) => Self::Lines(End::Ignore),
            (false, true) if terminal::is_interactive() => Self::Prompt,
            (false, _) if terminal::is_input_null() => Self::None,
            (false, _) => Self::Lines(End::Leave),
        }
    }
}

/// Takes the directory's lock, so that nobody else runs here. Nothing is made where others may have been.
fn lock(directory: &Path) -> Result<DirectoryLock, Failure> {
    // The peer that starts looks again, and says what is to be known.
    trust::check(directory)?;
    keyfile::take_lock(&directory.join(".potluck"))?.ok_or_else(|| {
        let shown = directory.display().to_string();
        let shown = text::shown(&shown);
        let message = format!(
            "a peer already runs in {shown}: ask it with a command (`potluck status`), or start another \
             one in another folder"
        );
        Failure::new(Code::AlreadyRuns, message)
    })
}

/// Runs a peer in `directory`. Returns the exit code.
fn run_peer(directory: PathBuf, run: RunPeer) -> Result<u8, Failure> {
    let _lock = lock(&directory)?;
    let (line, rows) = flags::parse_above(std::env::args_os(), &settings_files::layers(&directory)?)?;
    let line = &line;
    let settings = line.settings(directory.clone());
    if settings.sandbox {
        // Before the first thread: those that run already would keep the right to gain rights.
        sandbox::no_new_privileges();
        // The key will be in it.
        memory::close();
    }
    if let Err(e) = signals::survive_size_limit() {
        log::debug!("a file that grows too large ends this peer: {e}");
    }
    let service = settings.service;
    let input = Input::choose(service.is_daemon);
    let (log_to, log) = bounded(limits::SCREEN_LINES);
    let log_to = if service.is_daemon { LogTarget::Service(log_to) } else { LogTarget::Screen(log_to) };
    logging::start(line.verbose, log_to);
    terminal::save();
    terminal::restore_on_panic();

    let (asks_to, asks) = unbounded();
    let (notices_to, notices) = unbounded();
    let (joined_to, joined) = bounded(1);
    let leave = leave_by(asks_to.clone());
    let hangups = if service.is_daemon { Hangups::hold() } else { Ok(None) };
    if let Err(e) = leave.catch_signals() {
        log::warn!("Ctrl-C ends this peer without a leave: {e}");
    }
    let socket = server::start(&directory, asks_to.clone());
    if let Err(e) = &socket {
        log::warn!("one-shot commands will find no peer here: {e}");
    }
    let (opens_to, opens) = unbounded();
    let page = web::serve(&directory, &settings, &asks_to, &opens_to);
    let asks_of_guests = asks_to.clone();

    let supervised = if service.is_daemon {
        let thread = |e: io::Error| Failure::other(format!("a thread or signal cannot be had: {e}"));
        let supervised = Supervised::start(asks_to.clone()).map_err(thread)?;
        let reloader = supervised.reloader(directory.clone(), asks_to.clone(), rows);
        hangups.and_then(|hangups| reloader.listen(hangups)).map_err(thread)?;
        Some(supervised)
    } else {
        None
    };
    let (last, running) = (LastFailure::default(), RunningCommand::default());
    let shown = settings.screen;
    let inputs = Inputs { notices, log, leave: leave.clone(), status: None, joined: joined_to, shown };
    let settings = Settings { asks: matches!(input, Input::Prompt), ..settings };
    let screen = match input {
        Input::Prompt => start_prompt(&directory, asks_to, inputs, line, &leave),
        Input::Lines(end) => {
            let session = Session::new(asks_to, directory, line.show_options(CommandOrigin::Pipe));
            let (last, running, leave) = (last.clone(), running.clone(), leave.clone());
            Thread::spawn("commands", move || pipe::run(&session, end, &joined, &last, &running, &leave))
                .map(Thread::detach)
                .map_err(anyhow::Error::from)
                .and_then(|()| start_screen(inputs, line, service))
        }
        Input::None => start_screen(inputs, line, service),
    };
    let screen = screen.map_err(|e| Failure::other(e.to_string()))?;
    let (desk, guests) =
        web::guest_desk(&settings, asks_of_guests, opens_to).map_err(|e| Failure::other(e.to_string()))?;
    let result = run(settings, ControllerChannels { asks, opens, guests, notices: notices_to, leave });
    if let Some(supervised) = supervised {
        supervised.tell_stopping();
    }
    running.wait(LAST_LINES);
    screen.finish(LAST_LINES);
    terminal::restore();
    drop(page);
    // All who could ask it are gone.
    drop(desk);
    drop(socket);
    result.map(|()| last.code())
}

/// Has the peer leave at the first wish.
fn leave_by(asks: Sender<Ask>) -> Leave {
    Leave::new(move || {
        // The screen hears how it goes by notices.
        let (replies, _nobody_hears) = unbounded();
        let ask = Ask { request: ExitRequest { now: true }.into(), replies: replies.into() };
        if asks.send(ask).is_err() {
            log::debug!("the controller has ended before");
        }
    })
}

/// The screen of a peer without a prompt.
fn start_screen(inputs: Inputs, line: &CommandLine, service: ServiceSettings) -> anyhow::Result<Screen> {
    let is_verbose = line.verbose > 0;
    if service.is_daemon {
        let form = LogForm::of(service.log_format, service_manager::is_stderr_journal());
        let verbosity = if is_verbose { Verbosity::VerboseLog } else { Verbosity::Log };
        let printer = Box::new(LogPrinter::new(form, Stderr));
        return Ok(Screen::start(inputs, printer, verbosity, Style::default())?);
    }
    let verbosity = if is_verbose { Verbosity::Verbose } else { Verbosity::Quiet };
    Ok(Screen::start(inputs, Box::new(Stderr), verbosity, Style::of_stderr())?)
}

/// The prompt and its screen.
fn start_prompt(
    directory: &Path,
    asks: Sender<Ask>,
    mut inputs: Inputs,
    line: &CommandLine,
    leave: &Leave,
) -> anyhow::Result<Screen> {
    let mut prompt = Prompt::new(directory, asks, line.show_options(CommandOrigin::Prompt))?;
    let printer = match prompt.printer() {
        Ok(printer) => {
            inputs.status = Some(prompt.status_line());
            printer
        }
        // A terminal that cannot move its cursor (`TERM=dumb`) gets lines as they come.
        Err(_) => Box::new(Stderr),
    };
    let screen = Screen::start(inputs, printer, Verbosity::Prompt, Style::of_stdout())?;
    let leave = leave.clone();
    Thread::spawn("prompt", move || prompt.run(&leave))?.detach();
    Ok(screen)
}
