//! A peer for a moment: where no peer is in reach, what others share is asked of one that runs for one command, in a
//! folder that goes with it. It shares nothing, lends nothing and takes no office, and nobody is told that it came.

use core::ops::ControlFlow;
use core::time::Duration;
use std::env;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tempfile::TempDir;

use super::flags;
use super::logging::{self, LogTarget};
use super::{RunPeer, leave_by, lock, oneshot, output, session, settings_files};
use crate::control::typed::{self, CommandOrigin};
use crate::control::{Ask, ControllerChannels, ExitRequest, Request, StatusRequest, keyfile, server};
use crate::error::{Code, Failure};
use crate::settings::Settings;
use crate::sys::lock::DirectoryLock;
use crate::sys::owner::{Ownership, UserId};
use crate::sys::signals::{self, Leave};
use crate::sys::thread::Thread;
use crate::sys::{clock, memory, sandbox};

/// How the folders of such peers begin.
const PREFIX: &str = "potluck-once-";

/// The peer directory in such a folder. The name of the peer is made of it.
const DIRECTORY: &str = "visitor";

/// A folder that is older than this and has no lock was left by a peer that was killed.
const STARTS: Duration = Duration::from_secs(60);

/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// The flag that asks for such a peer even where one is in reach.
pub(super) const FLAG: &str = "--once";

/// The settings of a peer that mean something to one that runs for a command.
const MEANT: [&str; 11] = [
    "--port",
    "--interface",
    "--connect",
    "--group-file",
    "--wan",
    "--dht-bootstrap",
    "--name",
    "--up-limit",
    "--down-limit",
    "--no-sandbox",
    "--no-swarm",
];

/// True for what can be asked of a peer that knows nothing but what it hears in a moment.
pub(super) const fn answers(request: &Request) -> bool {
    matches!(
        request,
        Request::List(_)
            | Request::Search(_)
            | Request::Holders(_)
            | Request::Download(_)
            | Request::Cat(_)
            | Request::Send(_)
    )
}

/// Runs a peer for one command, and shows the answer. Returns with what the process ends.
///
/// # Errors
/// There can be none, or what is asked makes no sense of it.
pub(super) fn run(mut request: Request, run: RunPeer) -> Result<ExitCode, Failure> {
    if !answers(&request) {
        let message = format!("{FLAG} is for `list`, `search`, `holders`, `download`, `cat` and `send`");
        return Err(Failure::new(Code::Usage, message));
    }
    let stops_itself = waits(&mut request)?;
    let folder = Folder::make()?;
    let directory = folder.directory();
    let _lock = lock(&directory)?;
    let (line, _) = flags::parse_above(env::args_os(), &settings_files::layers(&directory)?)?;
    if let Some(flag) = line.useless_flag_but(&MEANT) {
        let message = format!("{flag} means nothing to a peer that runs for one command");
        return Err(Failure::new(Code::Usage, message));
    }
    let settings = visiting(line.settings(directory.clone()));
    if settings.sandbox {
        // Before the first thread, as with each peer.
        sandbox::no_new_privileges();
        memory::close();
    }
    if let Err(e) = signals::survive_size_limit() {
        log::debug!("a file that grows too large ends this peer: {e}");
    }
    logging::start(line.verbose, LogTarget::Stderr);
    let (asks_to, asks) = unbounded();
    let leave = leave_by(asks_to.clone());
    if !stops_itself && let Err(e) = leave.catch_signals() {
        log::debug!("signals are not caught: {e}");
    }
    let socket = server::start(&directory, asks_to.clone())
        .map_err(|e| Failure::other(format!("{}: {e}", directory.display())))?;
    let options = line.show_options(CommandOrigin::OneShot);
    if !options.quiet && !options.json && io::stderr().is_terminal() {
        output::err("no peer runs here: one visits for a moment (`potluck` starts one that stays)\n");
    }
    let (told_to, told) = bounded(1);
    let thread = Thread::spawn("command", move || {
        // It is asked once it runs; why it does not is said by whoever runs it.
        if session::ask(&asks_to, StatusRequest {}, |_| ControlFlow::Continue(())).is_ok() {
            drop(told_to.send(oneshot::ask(request, &directory, options)));
        }
        leave_at_once(&asks_to);
    });
    thread.map_err(|e| Failure::other(format!("a thread cannot be had: {e}")))?.detach();
    let ran = run_to_its_end(run, settings, asks, leave.clone());
    // Who still waits for an answer hears that there is none.
    drop(socket);
    ran?;
    // It runs until somebody wants it to leave: the thread of the command, or a signal.
    let result = told.recv().unwrap_or_else(|_| Err(Failure::other("the peer is leaving")));
    Ok(if leave.is_wished() { ExitCode::from(INTERRUPTED) } else { oneshot::ended(result) })
}

/// Has a download save into the current folder, and has it and what is sent be waited for. True for these: they stop
/// themselves at a signal.
fn waits(request: &mut Request) -> Result<bool, Failure> {
    let (is_left, stops_itself) = match request {
        Request::Download(download) => {
            if download.to.is_none() {
                download.to = Some(env::current_dir().map_err(|_| typed::folder_deleted())?);
            }
            (download.no_wait, true)
        }
        // A line of text is told at once.
        Request::Send(send) => (send.no_wait, send.text.is_none()),
        _ => (false, false),
    };
    if is_left {
        let message = "--no-wait: no peer runs here that would go on with it; `potluck` starts one";
        return Err(Failure::new(Code::Usage, message));
    }
    Ok(stops_itself)
}

/// Settings of a peer that only asks.
fn visiting(mut settings: Settings) -> Settings {
    settings.share.shares.clear();
    settings.lend = Some(0);
    settings.auto_copy = 0;
    settings.index.is_only = false;
    settings.index.takes_office = false;
    settings.on.is_visitor = true;
    // Nobody comes from outside for a moment.
    settings.on.map_port = false;
    settings.on.strict_port = false;
    settings
}

fn run_to_its_end(
    run: RunPeer,
    settings: Settings,
    asks: Receiver<Ask>,
    leave: Leave,
) -> Result<(), Failure> {
    // Nobody looks at what happens beside the command.
    let (notices, _) = unbounded();
    // Nor does anybody come by a page.
    let (guests, _) = unbounded();
    let (_opens, opens) = unbounded();
    run(settings, ControllerChannels { asks, opens, guests, notices, leave })
}

/// Has the peer leave; it has no files that others would have to keep.
fn leave_at_once(asks: &Sender<Ask>) {
    let left = session::ask(asks, ExitRequest { now: true }, |_| ControlFlow::Continue(()));
    if let Err(failure) = left {
        log::debug!("the peer has left before: {}", failure.message);
    }
}

/// The folder of such a peer. It goes when this is dropped.
#[derive(Debug)]
struct Folder(TempDir);

impl Folder {
    fn make() -> Result<Self, Failure> {
        let place = place();
        take_away_old_ones(&place);
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&place).and_then(|folder| {
            fs::create_dir(folder.path().join(DIRECTORY))?;
            Ok(folder)
        });
        made.map(Self).map_err(|e| Failure::other(format!("a folder in {}: {e}", place.display())))
    }

    fn directory(&self) -> PathBuf {
        let directory = self.0.path().join(DIRECTORY);
        directory.canonicalize().unwrap_or(directory)
    }
}

/// Where they are made: in the user's own runtime folder, which is memory, or where temporary folders are.
fn place() -> PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime.filter(|folder| folder.is_absolute() && folder.is_dir()).unwrap_or_else(env::temp_dir)
}

/// Takes away what peers left that were killed.
fn take_away_old_ones(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let is_one = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_one && is_left(&entry.path()).unwrap_or(false) {
            match fs::remove_dir_all(entry.path()) {
                Ok(()) => {}
                Err(e) => log::debug!("{} stays: {e}", entry.path().display()),
            }
        }
    }
}

/// True for a folder of this user in which no peer runs or is about to.
fn is_left(folder: &Path) -> io::Result<bool> {
    let found = folder.symlink_metadata()?;
    let made = found.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let age = Duration::from_secs(clock::unix_seconds()).saturating_sub(made);
    if !found.is_dir() || Ownership::at_link(folder)?.owner != UserId::own() || age < STARTS {
        return Ok(false);
    }
    match DirectoryLock::take(&keyfile::lock_path(&folder.join(DIRECTORY).join(".potluck"))) {
        Ok(lock) => Ok(lock.is_some()),
        // It was killed before it had a lock.
        Err(e) => Ok(e.kind() == io::ErrorKind::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_age(folder: &Path, age: Duration) {
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(clock::unix_seconds()) - age;
        fs::File::open(folder).unwrap().set_modified(made).unwrap();
    }

    #[test]
    fn what_was_left_is_taken_away_and_what_runs_stays() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, age: Duration| {
            let folder = place.path().join(name);
            fs::create_dir_all(folder.join(DIRECTORY).join(".potluck")).unwrap();
            set_age(&folder, age);
            folder
        };
        let old = STARTS * 2;
        let [left, new, runs, other] = [
            ("potluck-once-1", old),
            ("potluck-once-2", Duration::ZERO),
            ("potluck-once-3", old),
            ("else", old),
        ]
        .map(|(name, age)| make(name, age));
        let lock = keyfile::lock_path(&runs.join(DIRECTORY).join(".potluck"));
        let held = DirectoryLock::take(&lock).unwrap();
        assert!(held.is_some());
        fs::create_dir(place.path().join("potluck-once-4")).unwrap();
        take_away_old_ones(place.path());
        assert_eq!([&left, &new, &runs, &other].map(|folder| folder.exists()), [false, true, true, true]);
        // One of no age may be starting, even if nothing is in it yet.
        assert!(place.path().join("potluck-once-4").exists());
        drop(held);
        set_age(&runs, old);
        take_away_old_ones(place.path());
        assert!(!runs.exists());
    }
}
