//! Whoever asks a peer for very little very often: what others took stays in its log.

use std::fs;

use potluck::content::FileId;
use potluck::control::{LogRequest, LogRow, Reply};
use potluck::wire::Message;
use potluck::wire::message::{GetBlocks, GotFile, Item};

use crate::caller::Caller;
use crate::fiend::address;
use crate::lab::{LATER, Lab, Peer, SOON, wait};
use crate::watch::{assert_holds, assert_well};

/// How often the stranger asks for one byte.
const TIMES: u64 = 100_000;

/// Bytes that one request asks for, each an item of its own.
const AT_ONCE: usize = 100;

fn log(peer: &Peer) -> Vec<LogRow> {
    let request = LogRequest { last: Some(0), ..LogRequest::default() };
    let replies = peer.try_ask(&request.into()).unwrap_or_default().into_iter();
    replies.filter_map(|reply| if let Reply::Transfer(row) = reply { Some(*row) } else { None }).collect()
}

/// Bytes of the database, and of what it writes beside it.
fn database(peer: &Peer) -> u64 {
    let size = |name| fs::metadata(peer.directory.join(".potluck").join(name)).map_or(0, |m| m.len());
    ["potluck.db", "potluck.db-wal"].map(size).iter().sum()
}

#[test]
fn one_byte_a_hundred_thousand_times_pushes_nobody_out_of_the_log() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer_with(1, "victim", &[("a", b"shared"), ("b", b"another one")]);
    let taker = lab.peer(2, "taker", &[]);
    wait("the files", SOON, || taker.offered("a").and_then(|_| taker.offered("b")));
    assert_holds(&taker.fetch("a"), b"shared");
    wait("it is noted", SOON, || (log(&victim).len() == 1).then_some(()));
    let before = database(&victim);
    let (peer, port) = (taker.peers()[0].id.parse().unwrap(), victim.status().ports[1]);
    let mut caller = lab.within(3, || Caller::dial(&Caller::tls(), peer, address(1), port)).unwrap();
    let file = FileId(*blake3::hash(b"another one").as_bytes());
    for request in 0..TIMES / AT_ONCE as u64 {
        let items = vec![Item { file, offset: 3, len: 1 }; AT_ONCE];
        caller.say(&Message::GetBlocks(GetBlocks { request, items, background: false }).encode()).unwrap();
        for _ in 0..AT_ONCE {
            assert!(matches!(caller.hear(), Some((Message::Block(_), byte)) if byte == b"t"));
        }
    }
    let (rows, _) = wait("it is noted", LATER, || {
        let rows = log(&victim);
        rows.iter().any(|row| row.bytes >= TIMES).then_some(rows)
    });
    let of = |name: &str| rows.iter().filter(|row| row.peers[0] == name).collect::<Vec<_>>();
    let honest = of("taker");
    assert_eq!((honest.len(), honest[0].path.as_deref(), honest[0].bytes), (1, Some("a"), 6), "{rows:?}");
    assert_eq!(rows.len(), 2, "however often it asks, it is one line: {rows:?}");
    assert!(database(&victim) < before + (4 << 20), "{} bytes", database(&victim));
    assert_holds(&taker.fetch("b"), b"another one");
    assert_well(&victim);
}

#[test]
fn who_says_a_hundred_thousand_times_that_it_has_something_makes_one_line_of_it() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer_with(1, "victim", &[("a", b"shared"), ("b", b"another one")]);
    let taker = lab.peer(2, "taker", &[]);
    wait("the files", SOON, || taker.offered("a").and_then(|_| taker.offered("b")));
    assert_holds(&taker.fetch("a"), b"shared");
    wait("it is noted", SOON, || (log(&victim).len() == 1).then_some(()));
    let before = database(&victim);
    let (peer, port) = (taker.peers()[0].id.parse().unwrap(), victim.status().ports[1]);
    let mut caller = lab.within(3, || Caller::dial(&Caller::tls(), peer, address(1), port)).unwrap();
    let mut say = |content: &[u8], size: u64, times: u64| {
        let file = FileId::from(blake3::hash(content));
        for request in 0..times {
            caller.say(&Message::GotFile(GotFile { request, file, size }).encode()).unwrap();
            // Whoever does not read what it is answered is closed at some time.
            if request % 100 == 99 {
                let heard = (0..100).filter_map(|_| caller.hear());
                assert!(heard.filter(|(m, _)| matches!(m, Message::GotNoted(_))).count() == 100);
            }
        }
    };
    // Of what is not there, or of another size, nothing is noted.
    say(b"what nobody has", 15, 1_000);
    say(b"another one", 12, 1_000);
    // Nothing is being sent meanwhile, and it is noted all the same.
    say(b"another one", 11, TIMES);
    let (rows, _) = wait("it is noted", LATER, || Some(log(&victim)).filter(|rows| rows.len() > 1));
    let [one, other] = &rows[..] else { panic!("{rows:?}") };
    let (honest, stranger) = if one.peers[0] == "taker" { (one, other) } else { (other, one) };
    assert_eq!((honest.path.as_deref(), honest.bytes), (Some("a"), 6), "{rows:?}");
    assert_eq!((stranger.path.as_deref(), stranger.bytes), (Some("b"), 0), "{rows:?}");
    assert!(database(&victim) < before + (4 << 20), "{} bytes", database(&victim));
    assert_holds(&taker.fetch("b"), b"another one");
    assert_well(&victim);
}
