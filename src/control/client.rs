//! The side of the control socket that asks. The side that answers is `server`.

use core::ops::ControlFlow;
use core::time::Duration;
use std::io::{self, BufReader, Read as _, Write};
use std::path::Path;

use super::line::{self, Call};
use super::{RawBytes, Reply, Request, socket, trust};
use crate::control::limits;
use crate::error::{Code, Failure};
use crate::sys::handed::OwnOutput;
use crate::sys::local::Stream;
use crate::text;

/// How long the end of the peer is waited for after it answered `exit`.
const END: Duration = Duration::from_secs(10);

/// Asks the peer that runs in `directory`, and hands each reply but the last to `on_reply`; when that
/// breaks, nothing more is read. After `exit` this returns once the peer is gone.
///
/// # Errors
/// [`Code::NoPeer`] when none runs there; what the peer answered; [`Code::Failed`] when it went away.
pub(crate) fn ask(
    directory: &Path,
    request: &Request,
    on_reply: impl FnMut(Reply) -> ControlFlow<()>,
) -> Result<(), Failure> {
    ask_with(directory, request, None, on_reply)
}

/// As [`ask`], and hands standard output over: bytes of a file go there without coming as replies, if the peer can do
/// that.
///
/// # Errors
/// As [`ask`].
pub(crate) fn ask_with(
    directory: &Path,
    request: &Request,
    output: Option<OwnOutput>,
    mut on_reply: impl FnMut(Reply) -> ControlFlow<()>,
) -> Result<(), Failure> {
    trust::check(directory)?;
    let stream = dial(directory)?;
    let gone = |e: io::Error| -> Failure { Failure::other(format!("the peer went away: {e}")) };
    let call = Call { version: line::VERSION, request: request.clone() };
    let mut bytes =
        serde_json::to_vec(&call).expect("each request has a form as JSON, whatever its paths are");
    bytes.push(b'\n');
    // Who is refused is told so before a word was read: the answer counts, not that it hung up.
    let written = send(&stream, &bytes, output);
    let mut hearing = Hearing::new(request);
    let mut answers = BufReader::new(stream);
    loop {
        let line = match line::read(&mut answers) {
            Ok(Some(line)) => line,
            _ if hearing.handing => {
                return Err(Failure::other("the peer ended before its files were handed over"));
            }
            _ if hearing.leaving => return Ok(()),
            Ok(None) => {
                written.map_err(gone)?;
                return Err(Failure::other("the peer left before it answered"));
            }
            Err(e) => return Err(gone(e)),
        };
        match hearing.take(&line)? {
            HeardLine::Reply(mut reply) => {
                if let Reply::Bytes(raw) = &mut reply {
                    *raw = read_raw(&mut answers, raw.len()).map_err(gone)?;
                }
                if on_reply(reply).is_break() {
                    return Ok(());
                }
            }
            HeardLine::End(result) => return result,
            HeardLine::LeavesWith(result) => {
                wait_for_end(&answers)?;
                return result;
            }
        }
    }
}

/// Sends all of these bytes, and standard output with the first of them.
fn send(mut to: &Stream, bytes: &[u8], output: Option<OwnOutput>) -> io::Result<()> {
    let sent = output.map_or(Ok(0), |output| output.hand_over(to, bytes))?;
    to.write_all(bytes.get(sent..).unwrap_or_default())
}

/// What a line of the peer means to who asked.
#[derive(Debug)]
pub(super) enum HeardLine {
    /// It is to be shown, and more is to come.
    Reply(Reply),
    /// That was all.
    End(Result<(), Failure>),
    /// That was all, and the peer ends now.
    LeavesWith(Result<(), Failure>),
}

/// What was heard so far of the answers to one request.
#[derive(Debug)]
pub(super) struct Hearing {
    /// The peer was asked to leave.
    leaving: bool,
    /// Own files are being handed over: a peer that ends now did not end by itself.
    handing: bool,
}

impl Hearing {
    pub(super) const fn new(request: &Request) -> Self {
        Self { leaving: matches!(request, Request::Exit(_)), handing: false }
    }

    /// Takes a line.
    ///
    /// # Errors
    /// It is not understood: it comes from another version.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<HeardLine, Failure> {
        Ok(match parse(line)? {
            Reply::Done if self.leaving => HeardLine::LeavesWith(Ok(())),
            Reply::Done => HeardLine::End(Ok(())),
            // It leaves all the same.
            Reply::Failed(failure) if self.leaving && failure.code == Code::NotKept => {
                HeardLine::LeavesWith(Err(failure))
            }
            Reply::Failed(failure) => HeardLine::End(Err(failure)),
            reply => {
                self.handing = matches!(reply, Reply::Leaving { .. })
                    || self.handing && !matches!(reply, Reply::ExitReport(_));
                HeardLine::Reply(reply)
            }
        })
    }
}

/// Dials the peer, and tells why that failed.
fn dial(directory: &Path) -> Result<Stream, Failure> {
    let shown = directory.display().to_string();
    let shown = text::shown(&shown);
    match socket::dial(directory) {
        Ok(stream) => Ok(stream),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Err(Failure::new(
                Code::NoPeer,
                format!(
                    "no peer runs in {shown}: start one there with `potluck`, or say where with `-d DIR`"
                ),
            ))
        }
        Err(e) => Err(Failure::other(format!("the peer in {shown} cannot be asked: {e}"))),
    }
}

/// A reply; one that is not understood comes from another version.
pub(super) fn parse(line: &[u8]) -> Result<Reply, Failure> {
    serde_json::from_slice(line)
        .map_err(|_| Failure::other("the running peer is of another version: restart it"))
}

/// The bytes that follow a line.
fn read_raw(answers: &mut BufReader<Stream>, len: u64) -> io::Result<RawBytes> {
    let Some(len) = usize::try_from(len).ok().filter(|len| *len <= limits::CONTROL_RAW) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too many bytes follow a line"));
    };
    let mut bytes = vec![0; len];
    answers.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

/// The peer closes the connection when it ends.
fn wait_for_end(answers: &BufReader<Stream>) -> Result<(), Failure> {
    let mut stream = answers.get_ref();
    if stream.set_read_timeout(Some(END)).is_ok() {
        // Nothing more is said; both the end and an error mean that it is gone.
        let _end: io::Result<usize> = io::Read::read(&mut stream, &mut [0; 1]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::control::{ExitRequest, SOCKET, StatusRequest};
    use crate::sys::local::Listener;
    use crate::sys::thread::Thread;

    #[test]
    fn exit_returns_when_the_peer_is_gone_whatever_it_kept() {
        for (answer, code) in [(Reply::Done, None), (failed(Code::NotKept), Some(Code::NotKept))] {
            let dir = tempfile::tempdir().unwrap();
            let state = dir.path().join(".potluck");
            crate::control::make_state(&state).unwrap();
            let listener = Listener::bind(&state, SOCKET).unwrap();
            let (ended_to, ended) = crossbeam_channel::bounded(1);
            let peer = Thread::spawn("peer", move || {
                let mut stream = listener.accept().unwrap();
                line::read(&mut BufReader::new(&stream)).unwrap();
                stream.write_all(&[serde_json::to_vec(&answer).unwrap(), b"\n".to_vec()].concat()).unwrap();
                // Whoever does not wait for the end hangs up meanwhile.
                stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
                ended_to.send(stream.read(&mut [0]).is_err()).unwrap();
            })
            .unwrap();
            let result = ask(dir.path(), &ExitRequest::default().into(), |_| ControlFlow::Continue(()));
            assert_eq!(result.err().map(|failure| failure.code), code);
            assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(true), "it was not waited for");
            drop(peer);
        }
    }

    /// A peer that answers who calls first with these bytes, and is gone.
    fn gone_after(directory: &Path, answer: Vec<u8>) -> Thread {
        let state = directory.join(".potluck");
        crate::control::make_state(&state).unwrap();
        let listener = Listener::bind(&state, SOCKET).unwrap();
        Thread::spawn("peer", move || {
            let mut stream = listener.accept().unwrap();
            line::read(&mut BufReader::new(&stream)).unwrap();
            stream.write_all(&answer).unwrap();
        })
        .unwrap()
    }

    #[test]
    fn a_peer_that_ends_too_early_or_says_what_nobody_knows_is_a_failure() {
        let line = |reply: &Reply| [serde_json::to_vec(reply).unwrap(), b"\n".to_vec()].concat();
        let handing = line(&Reply::Leaving { done: 1, total: 2, bytes_left: 3 });
        let cut = [line(&Reply::Bytes(vec![1, 2, 3].into())), vec![1]].concat();
        let status = || Request::from(StatusRequest {});
        for (request, answer, said) in [
            (status(), Vec::new(), "the peer left before it answered"),
            (ExitRequest::default().into(), handing, "the peer ended before its files were handed over"),
            (status(), cut, "the peer went away: failed to fill whole buffer"),
            (status(), b"{}\n".to_vec(), "the running peer is of another version: restart it"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let peer = gone_after(dir.path(), answer);
            let result = ask(dir.path(), &request, |_| ControlFlow::Continue(()));
            assert_eq!(result, Err(Failure::other(said)));
            drop(peer);
        }
    }

    #[test]
    fn where_no_peer_can_be_that_is_said_and_not_that_none_runs() {
        let dir = tempfile::tempdir().unwrap();
        let asked = || ask(dir.path(), &StatusRequest {}.into(), |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(asked().code, Code::NoPeer);
        std::fs::write(dir.path().join(".potluck"), "no folder").unwrap();
        let (failure, said) = (asked(), format!("the peer in {} cannot be asked: ", dir.path().display()));
        assert!(failure.code == Code::Failed && failure.message.starts_with(&said), "{failure}");
    }

    fn failed(code: Code) -> Reply {
        Reply::Failed(Failure::new(code, "so it is"))
    }
}
