//! One command to the peer that runs in a directory.

use core::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use super::flags::TypedCommand;
use super::show::{ShowOptions, View};
use super::stopping::StopOnSignal;
use super::terminal_guard::TerminalGuard;
use super::{exit_code, output, session};
use crate::control::typed::{CommandOrigin, TypedFrom};
use crate::control::{Reply, Request, client};
use crate::doctor::{self, DoctorFacts, Look};
use crate::error::{Code, Failure};
use crate::limits::DISCOVERY_PORT;

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
    let stop = StopOnSignal::of(&request, directory);
    let mut view = View::new(&request, options);
    let mut guard = TerminalGuard::of_stdout();
    let mut refused = None;
    let result = client::ask(directory, &request, |reply| {
        if let (Some(stop), Reply::Begun(download)) = (&stop, &reply) {
            stop.begun(download.job);
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
