//! What connections may take: time, descriptors; and how soon a sender that has nothing to do ends.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::process::Command;

use super::*;
use crate::sys::clock::now;
use crate::sys::testing;
use crate::transfer::engine::Timeouts;

/// Far below every limit of [`Timeouts::default`].
const SOON: Duration = Duration::from_secs(4);

const SHORT: Duration = Duration::from_millis(100);

fn with_timeouts(timeouts: Timeouts) -> (SenderHandle, Tls, PeerId, u16) {
    let identity = Identity::generate().unwrap();
    let (socket, port) = listener();
    let mut engine = Engine::new().unwrap();
    engine.timeouts = timeouts;
    let tls = Tls::new(&identity).unwrap();
    (start_sending(engine, vec![socket], tls.clone()), tls, identity.id(), port)
}

fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Waits for the other end to close, without a byte before.
fn is_closed(mut stream: impl Read) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(n) => n == 0,
        Err(e) => matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof),
    }
}

#[test]
fn who_does_not_finish_the_handshake_in_time_is_dropped() {
    let (_sender, .., port) = with_timeouts(Timeouts { handshake: SHORT, ..Timeouts::default() });
    assert!(is_closed(dial(port)));
}

#[test]
fn a_connection_on_which_nothing_happens_is_closed() {
    let (sender, tls, id, port) = with_timeouts(Timeouts { idle: SHORT, ..Timeouts::default() });
    let client = tls.dial(Some(id), HOST).unwrap();
    assert!(is_closed(rustls::StreamOwned::new(client, dial(port))));
    assert!(matches!(sender.events.try_recv(), Ok(SenderEvent::Proved(..))), "it was proved before");
}

fn stopped_after(owner: &mut Owner, command: SenderCommand) -> Duration {
    let sender = owner.sender.take().unwrap();
    let begin = now();
    sender.send(command);
    while !matches!(sender.events.recv_timeout(DEADLINE).unwrap(), SenderEvent::Stopped) {}
    now().since(begin)
}

#[test]
fn a_sender_with_nothing_under_way_ends_at_once() {
    for command in [|| SenderCommand::Finish, || SenderCommand::Stop] {
        let mut owner = Owner::new();
        owner.share(&[("a", b"content"), ("b", &content(300_000, 1))]);
        let getter = Getter::new();
        getter.handle.send(ReceiverCommand::Peer(owner.contact()));
        getter.handle.send(ReceiverCommand::Catalogue(owner.id()));
        let files =
            vec![wanted("a", b"content", &[owner.id()]), wanted("b", &content(300_000, 1), &[owner.id()])];
        let job = getter.fetch(1, files);
        assert_eq!(getter.wait_finished(job), (2, None));
        // The getter is still connected. It takes well below 10 ms; a loaded machine may take longer.
        let took = stopped_after(&mut owner, command());
        assert!(took < Duration::from_millis(200), "{took:?}");
    }
}

#[test]
fn only_those_to_whom_content_is_under_way_are_served() {
    let bytes = content(20 << 20, 2);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(owner.contact()));
    getter.disk.pause_after(5 << 20);
    getter.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]);
    let sender = owner.sender.as_ref().unwrap();
    let serving = || loop {
        if let SenderEvent::Serving(list) = sender.events.recv_timeout(DEADLINE).unwrap() {
            return list;
        }
    };
    assert_eq!(serving()[0].0, getter.identity.id());
    getter.disk.go_on();
    assert_eq!(getter.wait_finished(JobId(1)), (1, None));
    while !serving().is_empty() {}
}

/// Runs in a process of its own, for the limit is the process's.
#[test]
#[ignore = "the child of the test below"]
fn without_descriptors() {
    if std::env::var_os("POTLUCK_TEST_CHILD").is_none() {
        return;
    }
    let identity = Identity::generate().unwrap();
    let tls = Tls::new(&identity).unwrap();
    let (socket, port) = listener();
    let engine = Engine::new().unwrap();
    // They wait in the backlog until the engine accepts.
    let clients: Vec<_> = (0..8).map(|_| dial(port)).collect();
    // Of the descriptors that are counted one is for the reading of this folder. The engine takes two for
    // itself.
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    let before = testing::limit_descriptors(open + 4);
    let sender = start_sending(engine, vec![socket], tls.clone());
    assert!(is_closed(&clients[7]), "there is no descriptor for its other end");
    eprintln!("turned away");
    testing::limit_descriptors(before);
    // The engine may be about to turn away one more.
    let proved = (0..8).any(|_| {
        let mut client = tls.dial(Some(identity.id()), HOST).unwrap();
        let mut stream = dial(port);
        while client.is_handshaking() {
            if client.complete_io(&mut stream).is_err() {
                return false;
            }
        }
        true
    });
    assert!(proved, "it goes on");
    assert!(matches!(sender.events.recv_timeout(DEADLINE), Ok(SenderEvent::Proved(..))));
}

#[test]
fn without_descriptors_connections_are_turned_away_and_it_goes_on() {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::timeouts::without_descriptors", "--ignored", "--nocapture"])
        .env("POTLUCK_TEST_CHILD", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
    assert!(text.contains("turned away"), "{text}");
}
