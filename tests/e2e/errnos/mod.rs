//! File systems as they are: a system that refuses a call, each with each reason (strace). What only helps is
//! done in another way, and what matters fails for that file alone, with its true reason.
//!
//! A part of the matrix is tried, or all of it with `POTLUCK_ERRNOS=all`.

mod owner;
mod start;
mod table;
mod taker;

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use self::table::{ROWS, Row, Side};
use crate::lab::Peer;

/// The rows of a side, each with the reasons that are tried.
fn rows(side: Side) -> impl Iterator<Item = (&'static Row, Vec<&'static str>)> {
    let all = std::env::var("POTLUCK_ERRNOS").is_ok_and(|which| which == "all");
    ROWS.iter().filter(move |row| row.side == side).map(move |row| (row, row.tried(all)))
}

/// What strace is told to refuse.
fn refusal(row: &Row, errno: &str) -> [String; 2] {
    [format!("trace={}", row.calls), format!("inject={}:error={errno}", row.calls)]
}

/// While it lives, calls of some threads of a peer are refused.
struct Refusing {
    strace: Child,
    /// Its other end must stay open: strace says when it lets go of a thread.
    _said: Lines<BufReader<ChildStderr>>,
}

impl Refusing {
    fn begin(peer: &Peer, threads: &[&str], row: &Row, errno: &str) -> Self {
        let mut command = Command::new("strace");
        let mut attached = 0;
        for task in fs::read_dir(format!("/proc/{}/task", peer.pid())).unwrap().map(|task| task.unwrap()) {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if threads.contains(&name.trim()) {
                command.arg("-p").arg(task.file_name());
                attached += 1;
            }
        }
        assert!(attached >= threads.len(), "{attached} threads of {threads:?}");
        for option in refusal(row, errno) {
            command.arg("-e").arg(option);
        }
        command.args(["-o", "/dev/null"]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut strace = command.spawn().unwrap();
        let mut said = BufReader::new(strace.stderr.take().unwrap()).lines();
        for _ in 0..attached {
            let line = said.next().unwrap().unwrap();
            assert!(line.ends_with("attached"), "{line}");
        }
        Self { strace, _said: said }
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        // strace lets go of the threads; they go on.
        if kill_process(Pid::from_child(&self.strace), Signal::INT).is_ok() {
            drop(self.strace.wait());
        }
    }
}
