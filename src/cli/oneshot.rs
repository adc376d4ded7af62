//! One command to the peer that runs in a directory.

use core::ops::ControlFlow;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use super::flags::TypedCommand;
use super::show::{ShowOptions, View};
use super::stopping::StopOnSignal;
use super::terminal_guard::TerminalGuard;
use super::{exit_code, failing, output};
use crate::control::typed::{CommandOrigin, TypedFrom};
use crate::control::{Reply, Request, SendRequest, client};
use crate::doctor::{self, DoctorFacts, Look};
use crate::error::{Code, Failure};
use crate::limits::{DISCOVERY_PORT, LINE};
use crate::sys::handed::OwnOutput;

/// Asks, shows the answer, and tells how it ended.
pub(super) fn run(command: TypedCommand, directory: &Path, options: ShowOptions) -> ExitCode {
    let name = command.name();
    let result = match command {
        TypedCommand::Local(command) => command.run(directory, options).inspect_err(|failure| {
            if options.json {
                failing::tell_json(failure, Some(name));
            }
        }),
        TypedCommand::Ask(request) => ask(request, directory, options),
    };
    ended(result)
}

/// Tells how it ended.
pub(super) fn ended(result: Result<(), Failure>) -> ExitCode {
    let result = result.and_then(|()| {
        if output::has_failed() {
            return Err(Failure::other("the answer could not be written to standard output"));
        }
        Ok(())
    });
    if let Err(failure) = &result {
        failing::tell(failure, CommandOrigin::OneShot);
    }
    exit_code(&result)
}

/// What stands for the text of standard input.
const STDIN: &str = "-";

/// What standard input says, without the end of its line. No more is read than one line can have, and a little.
fn line_of_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LINE as u64 + 2).read_to_string(&mut text);
    read.map_err(|e| Failure::new(Code::Usage, format!("standard input cannot be read: {e}")))?;
    if text.ends_with('\n') {
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
    }
    Ok(text)
}

/// Asks the peer, and shows what it answers.
pub(super) fn ask(mut request: Request, directory: &Path, options: ShowOptions) -> Result<(), Failure> {
    let here = std::env::current_dir().ok();
    let anchored = request.anchor(&TypedFrom { origin: CommandOrigin::OneShot, folder: here.as_deref() });
    let anchored = anchored.and_then(|()| match &mut request {
        Request::Send(SendRequest { text: Some(text), .. }) if *text == STDIN => {
            *text = line_of_stdin()?;
            Ok(())
        }
        Request::Cat(_) if options.json => {
            let message =
                "`cat` writes the bytes of a file as they are, which are no JSON: leave `--json` out";
            Err(Failure::new(Code::Usage, message))
        }
        _ => Ok(()),
    });
    if !options.json {
        request.for_people();
    }
    let mut view = View::new(&request, options);
    let result = anchored.and_then(|()| ask_peer(&request, directory, &mut view));
    view.end(&result);
    result
}

fn ask_peer(request: &Request, directory: &Path, view: &mut View) -> Result<(), Failure> {
    let stop = StopOnSignal::of(request, directory);
    let mut guard = TerminalGuard::of_stdout();
    let mut refused = None;
    let output = matches!(request, Request::Cat(_)).then(OwnOutput::pipe).flatten();
    let result = client::ask_with(directory, request, output, |reply| {
        if let Some(stop) = &stop {
            stop.answered(&reply);
        }
        if let Reply::Bytes(raw) = &reply
            && let Err(failure) = guard.check(raw.as_bytes())
        {
            refused = Some(failure);
            return ControlFlow::Break(());
        }
        view.reply(reply)
    });
    match refused.map_or(result, Err) {
        Err(failure) if failure.code == Code::NoPeer && matches!(request, Request::Doctor(_)) => {
            without_peer(directory, view)
        }
        result => result,
    }
}

/// What `doctor` says where no peer runs: what this machine tells.
fn without_peer(directory: &Path, view: &mut View) -> Result<(), Failure> {
    let look = Look {
        folders: vec![directory.to_owned()],
        port: DISCOVERY_PORT,
        is_peer: false,
        offset: Look::offset(),
    };
    let findings = doctor::findings(&DoctorFacts { machine: doctor::look(&look), peer: None });
    let verdict = doctor::verdict(&findings);
    for finding in findings {
        if view.reply(Reply::Finding(finding)).is_break() {
            break;
        }
    }
    match verdict {
        Reply::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}
