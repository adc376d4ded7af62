//! Commands from a pipe or a file: one after the other, each to its last reply.

use core::time::Duration;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::failing;
use super::session::Session;
use crate::cli::limits;
use crate::control::typed::CommandOrigin;
use crate::error::{Code, Failure};
use crate::sys::clock;
use crate::sys::signals::Leave;

/// The first command waits until no new peer answered for this long,
const SETTLED: Duration = Duration::from_millis(300);

/// but not longer than this.
const AT_MOST: Duration = Duration::from_secs(1);

/// What the end of the input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Leave as `exit --now` does; what was begun is finished then, for each command is.
    Leave,
    /// Nothing (`--daemon`, or the input is `/dev/null`).
    Ignore,
}

/// The code of the last command that failed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct LastFailure(Arc<AtomicU8>);

impl LastFailure {
    fn set(&self, code: Code) {
        self.0.store(code as u8, Ordering::SeqCst);
    }

    /// The code; 0 when none failed.
    pub(super) fn code(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The command that is being run, so that what it says last is waited for. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct RunningCommand(Arc<Mutex<Option<Receiver<()>>>>);

impl RunningCommand {
    /// A command runs until what is returned is dropped.
    fn begin(&self) -> Sender<()> {
        let (runs, ended) = bounded(0);
        // Nobody panics while holding it: there is nothing to be done with it but this.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        runs
    }

    /// Waits until the last command has said everything, or its reader does not read for so long. The peer
    /// has ended: no command waits for anything else.
    pub(super) fn wait(&self, most: Duration) {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = last
            && ended.recv_timeout(most) == Err(RecvTimeoutError::Timeout)
        {
            log::debug!("the last command is cut off: nobody reads what it says");
        }
    }
}

/// Runs the lines of standard input. `joined` tells of each peer that answers.
pub(super) fn run(
    session: &Session,
    end: End,
    joined: &Receiver<()>,
    last: &LastFailure,
    running: &RunningCommand,
    leave: &Leave,
) {
    let mut input = BufReader::new(io::stdin());
    let mut settled = false;
    loop {
        let line = match read_line(&mut input) {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(failure) => {
                failing::tell(&failure, CommandOrigin::Pipe);
                if session.is_in_json() {
                    failing::tell_json(&failure, None);
                }
                last.set(failure.code);
                break;
            }
        };
        if !settled && !line.trim().is_empty() {
            settle(joined);
            settled = true;
        }
        let runs = running.begin();
        let done = session.run(&line);
        drop(runs);
        match done {
            core::ops::ControlFlow::Break(()) => return,
            core::ops::ControlFlow::Continue(Ok(())) => {}
            core::ops::ControlFlow::Continue(Err(failure)) => last.set(failure.code),
        }
    }
    if end == End::Leave {
        leave.wish(clock::now());
    }
}

/// Waits until the network has answered.
fn settle(joined: &Receiver<()>) {
    let start = clock::now();
    loop {
        let left = AT_MOST.saturating_sub(clock::now().since(start));
        if left.is_zero() || joined.recv_timeout(left.min(SETTLED)).is_err() {
            return;
        }
    }
}

/// One line without its end.
fn read_line(input: &mut impl BufRead) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let most = limits::CONTROL_LINE as u64;
    let read = input.take(most).read_until(b'\n', &mut line);
    read.map_err(|e| Failure::other(format!("standard input cannot be read: {e}")))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() >= limits::CONTROL_LINE {
        return Err(Failure::new(Code::Usage, "a line of the input is too long"));
    }
    let line = String::from_utf8(line);
    let line = line.map_err(|_| Failure::new(Code::Usage, "a line of the input is not UTF-8"))?;
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_and_junk_is_refused() {
        let mut input = &b"list\r\n\nexit"[..];
        let mut next = || read_line(&mut input).unwrap();
        assert_eq!(
            [next(), next(), next(), next()],
            [Some("list".into()), Some(String::new()), Some("exit".into()), None]
        );
        assert_eq!(read_line(&mut &b"\xff\n"[..]).unwrap_err().code, Code::Usage);
        let long = vec![b'x'; limits::CONTROL_LINE + 1];
        assert_eq!(read_line(&mut long.as_slice()).unwrap_err().code, Code::Usage);
    }

    #[test]
    fn an_input_that_cannot_be_read_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = BufReader::new(std::fs::File::open(dir.path()).unwrap());
        let failure = read_line(&mut folder).unwrap_err();
        let said = "standard input cannot be read: ";
        assert!(failure.code == Code::Failed && failure.message.starts_with(said), "{failure}");
    }
}
