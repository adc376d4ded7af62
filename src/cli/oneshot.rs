//! One command to the peer that runs in a directory.

use core::ops::ControlFlow;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use super::flags::TypedCommand;
use super::show::{ShowOptions, View};
use super::stopping::StopOnSignal;
use super::terminal_guard::TerminalGuard;
use super::{exit_code, output, session};
use crate::control::typed::{CommandOrigin, TypedFrom};
use crate::control::{Reply, Request, SendRequest, client};
use crate::doctor::{self, DoctorFacts, Look};
use crate::error::{Code, Failure};
use crate::limits::{DISCOVERY_PORT, LINE};

/// Asks, shows the answer, and tells how it ended.
pub(super) fn run(command: TypedCommand, directory: &Path, options: ShowOptions) -> ExitCode {
    let result = match command {
        TypedCommand::Local(command) => command.run(directory, options),
        TypedCommand::Ask(request) => ask(request, directory, options),
    };
    let result = result.and_then(|()| {
        if output::has_failed() {
            return Err(Failure::other("the answer could not be written to standard output"));
        }
        Ok(())
    });
    if let Err(failure) = &result {
        session::fail(failure, CommandOrigin::OneShot);
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
fn ask(mut request: Request, directory: &Path, options: ShowOptions) -> Result<(), Failure> {
    let here = std::env::current_dir().ok();
    if options.json && matches!(request, Request::Cat(_)) {
        let message = "`cat` writes the bytes of a file as they are, which are no JSON: leave `--json` out";
        return Err(Failure::new(Code::Usage, message));
    }
    request.anchor(&TypedFrom { origin: CommandOrigin::OneShot, folder: here.as_deref() })?;
    if !options.json {
        request.for_people();
    }
    if let Request::Send(SendRequest { text: Some(text), .. }) = &mut request
        && *text == STDIN
    {
        *text = line_of_stdin()?;
    }
    let stop = StopOnSignal::of(&request, directory);
    let mut view = View::new(&request, options);
    let mut guard = TerminalGuard::of_stdout();
    let mut refused = None;
    let result = client::ask(directory, &request, |reply| {
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
    let result = refused.map_or(result, Err);
    let result = match result {
        Err(failure) if failure.code == Code::NoPeer && matches!(request, Request::Doctor(_)) => {
            without_peer(directory, &mut view)
        }
        result => result,
    };
    view.end(&result);
    result
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
