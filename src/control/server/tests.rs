//! The server with its thread and its socket, and a controller that a test plays.

use core::time::Duration;
use std::io::{BufReader, Write as _};
use std::path::Path;

use super::*;
use crate::control::{Reply, Request, StatusRequest, VerifyRequest, line, socket};
use crate::error::Code;
use crate::sys::local::Stream;
use crate::sys::rerun::rerun;
use crate::sys::testing;

const DEADLINE: Duration = Duration::from_secs(20);

/// Who asks.
struct Caller(BufReader<Stream>);

impl Caller {
    fn new(directory: &Path) -> Self {
        let stream = socket::dial(directory).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn ask(&mut self, request: Request) {
        let call = line::Call { version: line::VERSION, request };
        let bytes = [serde_json::to_vec(&call).unwrap(), b"\n".to_vec()].concat();
        self.0.get_ref().write_all(&bytes).unwrap();
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
