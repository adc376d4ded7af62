//! Helpers shared by the tests that run the program.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use potluck::sys::clock;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A peer directory.
pub(crate) struct Peer {
    pub(crate) dir: TempDir,
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The program, in this directory, with the controller that answers from canned facts.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
        command.env("POTLUCK_INTERFACE", "lo").env("POTLUCK_FAKE", "1").env_remove("NO_COLOR");
        command.arg("-d").arg(self.path()).stdin(Stdio::null());
        command
    }

    /// One command to the peer that runs here.
    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        self.command().args(words).output().unwrap()
    }

    /// Starts a peer without a prompt and waits until it answers.
    pub(crate) fn daemon(&self) -> Daemon {
        let child = self.command().arg("--daemon").stderr(Stdio::piped()).spawn().unwrap();
        let daemon = Daemon(child);
        self.wait_until_it_answers();
        daemon
    }

    /// Asks until somebody answers.
    pub(crate) fn wait_until_it_answers(&self) {
        let start = clock::now();
        while self.ask(&["status"]).status.code() != Some(0) {
            assert!(clock::now().since(start) < DEADLINE, "no peer answers in {}", self.path().display());
        }
    }
}

/// A running peer; killed when dropped.
pub(crate) struct Daemon(pub(crate) Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Standard output as text.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
