//! A peer that runs in a lab: asked through its control socket, or by one-shot commands as a user would.

use core::time::Duration;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use potluck::control::{ListRequest, ListRow, PeerRow, PeersRequest, Reply, Request, Status, StatusRequest};
use rustix::process::{Pid, Signal};

use super::wait;

/// A running peer. Killed when dropped; if the test is failing, its log is printed.
pub(crate) struct Peer {
    /// Its peer directory.
    pub(crate) directory: PathBuf,
    /// Its name, as others see it.
    pub(crate) name: String,
    child: Child,
}

impl Peer {
    pub(super) fn start(mut command: Command, directory: PathBuf, name: &str, args: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
        command.arg("--daemon").arg("-d").arg(&directory).args(["--name", name]).args(args);
        // Copies on others would be in the way of whatever else a test measures.
        if !args.iter().any(|arg| matches!(*arg, "--copies" | "--lend")) {
            command.args(["--copies", "1", "--lend", "0"]);
        }
        command.env_remove("POTLUCK_INTERFACE").env_remove("POTLUCK_DISCOVERY_PORT");
        let err = log.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(log).stderr(err).spawn().unwrap();
        Self { directory, name: name.to_owned(), child }
    }

    /// Asks through the control socket; `None` while the peer cannot be reached.
    pub(crate) fn try_ask(&self, request: &Request) -> Option<Vec<Reply>> {
        let mut socket = UnixStream::connect(self.directory.join(".potluck/control.sock")).ok()?;
        socket.write_all(line_of(request).as_bytes()).ok()?;
        let mut replies = Vec::new();
        for line in BufReader::new(socket).lines() {
            let reply: Reply = serde_json::from_str(&line.ok()?).unwrap();
            let last = reply.is_last();
            replies.push(reply);
            if last {
                return Some(replies);
            }
        }
        None
    }

    /// The peers it knows; empty while it cannot be reached.
    pub(crate) fn peers(&self) -> Vec<PeerRow> {
        let replies = self.try_ask(&PeersRequest::default().into()).unwrap_or_default();
        replies.into_iter().filter_map(|r| if let Reply::Peer(row) = r { Some(row) } else { None }).collect()
    }

    /// Names of the peers it knows, in their order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.peers().into_iter().map(|row| row.name).collect()
    }

    /// True if it lists a peer of this name.
    pub(crate) fn sees(&self, other: &Self) -> bool {
        self.names().contains(&other.name)
    }

    /// Everything that it lists; empty while it cannot be reached.
    pub(crate) fn list(&self) -> Vec<ListRow> {
        let request = ListRequest::default().into();
        rows(self.try_ask(&request).unwrap_or_default())
    }

    /// What it lists under this path with a known content, from anyone.
    pub(crate) fn listed(&self, path: &str) -> Option<ListRow> {
        self.list().into_iter().find(|row| row.path == path && !row.id.is_empty())
    }

    /// What it lists under this path with a known content, from others.
    pub(crate) fn offered(&self, path: &str) -> Option<ListRow> {
        self.listed(path).filter(|row| !row.peers.is_empty())
    }

    /// Its status, once it answers.
    pub(crate) fn status(&self) -> Status {
        let (status, _) = wait("an answer to status", super::SOON, || {
            self.try_ask(&StatusRequest::default().into())?.into_iter().find_map(|reply| match reply {
                Reply::Status(status) => Some(*status),
                _ => None,
            })
        });
        status
    }

    /// A one-shot command to this peer, as a user gives it.
    pub(crate) fn cli<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        self.command(args).output().unwrap()
    }

    /// Begins a one-shot command to this peer, to be waited for later.
    pub(crate) fn begin<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_potluck"));
        command.arg("-d").arg(&self.directory).args(args).stdin(Stdio::null());
        command
    }

    /// Fetches `file` by a one-shot command; its answers. Panics unless it ends with `code`.
    pub(crate) fn download(&self, file: &str, code: i32) -> Vec<Reply> {
        let out = self.cli(["download", "--json", "--", file]);
        let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "download {file:?}:\n{stdout}\n{stderr}");
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Where `file` was saved by [`Self::download`], which must succeed with this one file.
    pub(crate) fn fetch(&self, file: &str) -> PathBuf {
        let saved = saved(&self.download(file, 0));
        assert_eq!(saved.len(), 1, "download {file:?}: {saved:?}");
        saved[0].clone()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself; its exit status and how long that took.
    pub(crate) fn ended(&mut self, deadline: Duration) -> (ExitStatus, Duration) {
        wait("the end of the peer", deadline, || self.child.try_wait().unwrap())
    }

    /// Paths of all files below `downloads/`, for what must not be left behind.
    pub(crate) fn downloads(&self) -> Vec<PathBuf> {
        let walk = walkdir::WalkDir::new(self.directory.join("downloads")).min_depth(1);
        walk.into_iter().filter_map(Result::ok).map(walkdir::DirEntry::into_path).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Either may fail because the process has ended already, which is what is wanted.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            let log = fs::read(self.directory.join("log")).unwrap_or_default();
            let tail = &log[log.len().saturating_sub(4_000)..];
            println!("--- {}:\n{}", self.name, String::from_utf8_lossy(tail));
        }
    }
}

/// A request as a line of the control socket: its fields, and the version of the protocol.
pub(crate) fn line_of(request: &Request) -> String {
    let mut call = serde_json::to_value(request).unwrap();
    call["version"] = 1.into();
    format!("{call}\n")
}

/// The rows of an answer to `list`.
pub(crate) fn rows(replies: Vec<Reply>) -> Vec<ListRow> {
    replies.into_iter().filter_map(|r| if let Reply::File(row) = r { Some(row) } else { None }).collect()
}

/// Where the files of a download lie.
fn saved(replies: &[Reply]) -> Vec<PathBuf> {
    replies.iter().filter_map(|r| if let Reply::Saved(s) = r { Some(s.path.clone()) } else { None }).collect()
}
