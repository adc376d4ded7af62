//! What is read, of whom, and what users are told instead.

use super::*;
use crate::control::CatRequest;
use crate::error::Code;
use crate::reader::ReadOrder;

fn cat(file: &str, from: &[&str]) -> Request {
    let from = from.iter().map(|&peer| peer.to_owned()).collect();
    CatRequest { file: file.to_owned(), from, offset: 0, length: None }.into()
}

/// This peer shares `own` and `both`; anna `song`, `album/` and another `both`.
fn beside_anna() -> TestPeer {
    let mut peer = TestPeer::sharing(&[file("own", 3), file("both", 4)]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("song", 1), file("album/a", 5), file("album/b", 6), file("both", 7)]);
    peer.outputs.clear();
    peer
}

/// What is to be read for a request.
fn order(peer: &mut TestPeer, request: Request) -> ReadOrder {
    peer.outputs.clear();
    let ask = peer.ask(request);
    let orders = peer.take(|output| match output {
        PeerOutput::Read(of, order) if of == ask => Some(order),
        _ => None,
    });
    let [order] = <[_; 1]>::try_from(orders).unwrap();
    order
}

/// The code of the failure that a request is answered with.
fn refused(peer: &mut TestPeer, request: Request) -> Code {
    let ask = peer.ask(request);
    match peer.replies(ask).pop() {
        Some(Reply::Failed(failure)) => failure.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_read_from_who_shares_it_and_an_own_one_from_this_peer() {
    let mut peer = beside_anna();
    let anna = key(1).peer_id();
    assert_eq!(order(&mut peer, cat("song", &[])).holders, [anna]);
    assert_eq!(order(&mut peer, cat("album/b", &["anna"])).holders, [anna]);
    let me = peer.machine.own.id();
    assert_eq!(order(&mut peer, cat("own", &[])).holders, [me]);
    assert_eq!(order(&mut peer, cat("both", &["me"])).holders, [me]);
    assert_eq!(order(&mut peer, cat("both", &["anna"])).holders, [anna]);
}

#[test]
fn what_names_no_file_or_several_is_refused() {
    let mut peer = beside_anna();
    assert_eq!(refused(&mut peer, cat("nosuch", &[])), Code::NotFound);
    assert_eq!(refused(&mut peer, cat("own", &["anna"])), Code::NotFound);
    assert_eq!(refused(&mut peer, cat("album", &[])), Code::Usage);
    assert_eq!(refused(&mut peer, cat("both", &[])), Code::Ambiguous);
    let request = CatRequest { file: "song".to_owned(), from: Vec::new(), offset: u64::MAX, length: None };
    assert_eq!(refused(&mut peer, request.into()), Code::Usage);
}

#[test]
fn a_part_ends_with_the_file_at_last() {
    let mut peer = beside_anna();
    let size = order(&mut peer, cat("song", &[])).range.end;
    let part = |offset, length| {
        CatRequest { file: "song".to_owned(), from: Vec::new(), offset, length: Some(length) }.into()
    };
    assert_eq!(order(&mut peer, part(1, 2)).range, 1..3.min(size));
    assert_eq!(order(&mut peer, part(1, u64::MAX)).range, 1..size);
    assert_eq!(order(&mut peer, part(size, 1)).range, size..size);
}

#[test]
fn who_comes_while_a_file_is_read_may_give_it_too_until_it_is_over() {
    let mut peer = beside_anna();
    let order = order(&mut peer, cat("song", &[]));
    let told = |peer: &mut TestPeer| {
        let command = |command| match command {
            ReceiverCommand::ReadFrom(claim, peers) => Some((claim, peers)),
            _ => None,
        };
        peer.told_receiver().into_iter().filter_map(command).collect::<Vec<_>>()
    };
    let bert = peer.join(2, "bert", 1);
    peer.catalogue(2, &[file("the same", 1), file("other", 9)]);
    assert_eq!(told(&mut peer), [(order.claim, vec![bert])]);
    peer.event(PeerEvent::Receiver(ReceiverEvent::ReadOver(order.id)));
    peer.join(3, "carl", 1);
    peer.catalogue(3, &[file("once more", 1)]);
    assert_eq!(told(&mut peer), []);
}
