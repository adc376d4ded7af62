//! One command to the peer that runs in a directory.

use std::path::Path;
use std::process::ExitCode;

use super::flags::TypedCommand;
use super::show::View;
use super::{exit_code, output, session};
use crate::control::typed::{CommandOrigin, TypedFrom};
use crate::control::{DownloadRequest, Request, client};
use crate::error::Failure;
use crate::sys::signals;

/// Asks, shows the answer, and tells how it ended.
pub(super) fn run(command: TypedCommand, directory: &Path, json: bool) -> ExitCode {
    let here = std::env::current_dir().unwrap_or_else(|_| directory.to_owned());
    let result = match command {
        TypedCommand::Local(command) => command.run(directory, CommandOrigin::OneShot),
        TypedCommand::Ask(mut request) => {
            request.anchor(&TypedFrom { origin: CommandOrigin::OneShot, folder: &here });
            if matches!(request, Request::Download(DownloadRequest { wait: true, .. })) {
                tell_that_it_goes_on();
            }
            let mut view = View::new(&request, json, CommandOrigin::OneShot);
            let result = client::ask(directory, &request, |reply| view.reply(reply));
            view.end(&result);
            result
        }
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

/// Ctrl-C ends the asking, not the download, which is the peer's.
fn tell_that_it_goes_on() {
    let caught = signals::on_signal(|| {
        output::err(
            "\nthe download goes on in the peer; `potluck status` shows it, `potluck cancel` stops it\n",
        );
        std::process::exit(1);
    });
    if let Err(e) = caught {
        log::debug!("Ctrl-C is not caught: {e}");
    }
}
