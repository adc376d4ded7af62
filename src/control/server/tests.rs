//! The server with its thread and its socket, and a controller that a test plays.

use core::time::Duration;
use std::io::PipeReader;
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;

use super::*;
use crate::control::{CatRequest, Reply, Request, StatusRequest, VerifyRequest, line, socket};
use crate::error::Code;
use crate::sys::handed::OwnOutput;
use crate::sys::local::Stream;
use crate::sys::rerun::rerun;
use crate::sys::testing;
use crate::sys::thread::Thread;

const DEADLINE: Duration = Duration::from_secs(20);

fn call(request: Request) -> Vec<u8> {
    let call = line::Call { version: line::VERSION, request };
    [serde_json::to_vec(&call).unwrap(), b"\n".to_vec()].concat()
}

/// Who asks.
struct Caller(BufReader<Stream>);

impl Caller {
    fn new(directory: &Path) -> Self {
        let stream = socket::dial(directory).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn ask(&mut self, request: Request) {
        self.0.get_ref().write_all(&call(request)).unwrap();
    }

    /// Asks for the bytes of a file, which are to go there.
    fn read_to(&mut self, output: OwnOutput) {
        let request =
            call(CatRequest { file: "f".to_owned(), from: Vec::new(), offset: 0, length: None }.into());
        assert_eq!(output.hand_over(self.0.get_ref(), &request).unwrap(), request.len());
    }

    fn answer(&mut self) -> Reply {
        serde_json::from_slice(&line::read(&mut self.0).unwrap().unwrap()).unwrap()
    }
}

#[test]
fn who_asks_a_peer_that_ends_is_told_that_it_is_leaving() {
    let dir = tempfile::tempdir().unwrap();
    let (asks_to, asks) = unbounded();
    let _server = start(dir.path(), asks_to).unwrap();
    let mut caller = Caller::new(dir.path());
    let leaving = Reply::Failed(Failure::other("the peer is leaving"));
    caller.ask(StatusRequest {}.into());
    drop(asks.recv_timeout(DEADLINE).unwrap());
    assert_eq!(caller.answer(), leaving, "its question was taken and not answered");
    drop(asks);
    caller.ask(StatusRequest {}.into());
    assert_eq!(caller.answer(), leaving, "nobody takes it");
}

/// A caller that reads, its question, and what comes out of the pipe that it handed over.
/// `None` on a system where none is handed over.
fn reading(directory: &Path, asks: &Receiver<Ask>) -> Option<(Caller, Ask, PipeReader)> {
    let mut caller = Caller::new(directory);
    let (reads, writes) = io::pipe().unwrap();
    caller.read_to(OwnOutput::of(&writes)?);
    Some((caller, asks.recv_timeout(DEADLINE).unwrap(), reads))
}

#[test]
fn bytes_go_to_the_pipe_that_a_client_hands_over_and_all_else_to_the_client() {
    let dir = tempfile::tempdir().unwrap();
    let (asks_to, asks) = unbounded();
    let _server = start(dir.path(), asks_to).unwrap();
    let Some((mut caller, ask, mut reads)) = reading(dir.path(), &asks) else { return };
    // More than the pipe and what is made ready hold.
    let piece = |n: u8| vec![n; 64 << 10];
    for n in 0..80 {
        assert!(ask.replies.send(Reply::Bytes(piece(n).into())));
    }
    let note = Reply::Note { text: "beside them".to_owned() };
    assert!(ask.replies.send(note.clone()) && ask.replies.send(Reply::Done));
    let mut all = Vec::new();
    reads.read_to_end(&mut all).unwrap();
    assert!(all == (0..80).flat_map(piece).collect::<Vec<_>>(), "other bytes came");
    assert_eq!((caller.answer(), caller.answer()), (note, Reply::Done));
    // The next question of the same client has nothing to do with it.
    caller.ask(StatusRequest {}.into());
    assert!(asks.recv_timeout(DEADLINE).unwrap().replies.send(Reply::Done));
    assert_eq!(caller.answer(), Reply::Done);
}

#[test]
fn a_pipe_that_nobody_reads_any_more_ends_the_reading() {
    let dir = tempfile::tempdir().unwrap();
    let (asks_to, asks) = unbounded();
    let _server = start(dir.path(), asks_to).unwrap();
    for is_stuck in [false, true] {
        let Some((mut caller, ask, reads)) = reading(dir.path(), &asks) else { return };
        if is_stuck {
            (0..80).for_each(|_| assert!(ask.replies.send(Reply::Bytes(vec![0; 64 << 10].into()))));
        }
        drop(reads);
        assert_eq!(caller.answer(), Reply::Done);
        assert!(ask.replies.are_unread());
    }
}

#[test]
fn what_is_no_pipe_or_would_be_waited_for_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (asks_to, asks) = unbounded();
    let _server = start(dir.path(), asks_to).unwrap();
    let file = tempfile::tempfile().unwrap();
    assert!(OwnOutput::of(&file).is_none());
    let (reads, writes) = io::pipe().unwrap();
    for output in [OwnOutput::unchecked(file), OwnOutput::unchecked(reads), OwnOutput::unchecked(writes)] {
        let mut caller = Caller::new(dir.path());
        caller.read_to(output);
        let ask = asks.recv_timeout(DEADLINE).unwrap();
        assert!(ask.replies.send(Reply::Bytes(vec![7; 3].into())) && ask.replies.send(Reply::Done));
        assert!(matches!(caller.answer(), Reply::Bytes(raw) if raw.len() == 3));
        let mut bytes = [0; 3];
        caller.0.read_exact(&mut bytes).unwrap();
        assert_eq!((bytes, caller.answer()), ([7; 3], Reply::Done));
    }
}

#[test]
fn whoever_pauses_a_film_does_not_keep_the_peer_from_leaving() {
    let dir = tempfile::tempdir().unwrap();
    let (asks_to, asks) = unbounded();
    let server = start(dir.path(), asks_to).unwrap();
    let by_pipe = reading(dir.path(), &asks);
    let mut by_socket = Caller::new(dir.path());
    by_socket.ask(CatRequest { file: "f".to_owned(), from: Vec::new(), offset: 0, length: None }.into());
    let to_socket = asks.recv_timeout(DEADLINE).unwrap();
    for ask in by_pipe.iter().map(|(_, ask, _)| ask).chain([&to_socket]) {
        (0..80).for_each(|_| assert!(ask.replies.send(Reply::Bytes(vec![0; 64 << 10].into()))));
    }
    let (ended_to, ended) = unbounded();
    let _ending = Thread::spawn("ending", move || {
        drop(server);
        ended_to.send(()).unwrap();
    })
    .unwrap();
    // It is given CONTROL_WRITE to take something.
    assert_eq!(ended.recv_timeout(2 * DEADLINE), Ok(()));
}

#[test]
#[ignore = "run by the next test, in a process whose descriptors are its own"]
fn with_few_descriptors() {
    let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let (asks_to, asks) = unbounded();
    let _server = start(dir, asks_to).unwrap();
    let mut callers: Vec<_> = (0..5).map(|_| Caller::new(dir)).collect();
    for caller in &mut callers {
        caller.ask(StatusRequest {}.into());
        assert!(asks.recv_timeout(DEADLINE).unwrap().replies.send(Reply::Done));
        assert_eq!(caller.answer(), Reply::Done);
    }
    // All are connected: no more descriptors are needed.
    testing::limit_descriptors(4 * limits::CONTROL_DESCRIPTORS);
    let [first @ .., last] = &mut callers[..] else { panic!() };
    let mut waiting: Vec<_> = first
        .iter_mut()
        .map(|caller| {
            caller.ask(VerifyRequest {}.into());
            asks.recv_timeout(DEADLINE).unwrap()
        })
        .collect();
    last.ask(VerifyRequest {}.into());
    let Reply::Failed(failure) = last.answer() else { panic!("it waits, too") };
    let said = "4 commands wait for this peer already: try again when one of them has ended";
    assert_eq!((failure.code, failure.message.as_str()), (Code::Failed, said));
    // What is short is answered all the same, and a place that is free is taken.
    last.ask(StatusRequest {}.into());
    assert!(asks.recv_timeout(DEADLINE).unwrap().replies.send(Reply::Done));
    assert_eq!(last.answer(), Reply::Done);
    assert!(waiting.pop().unwrap().replies.send(Reply::Done));
    assert_eq!(first[3].answer(), Reply::Done);
    last.ask(VerifyRequest {}.into());
    assert!(asks.recv_timeout(DEADLINE).is_ok());
}

#[test]
fn so_many_wait_for_a_peer_that_descriptors_are_left() {
    let dir = tempfile::tempdir().unwrap();
    rerun(&["env"], "control::server::tests::with_few_descriptors", dir.path());
}
