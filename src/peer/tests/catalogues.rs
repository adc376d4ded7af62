//! Peers whose catalogues cannot be had: what `list` and `download` say of them, and how long they wait.

use super::*;
use crate::control::{UnlistedCause, UnlistedRow};
use crate::error::Code;
use crate::receiver::catalogue::NoCatalogueCause;

fn list() -> Request {
    ListRequest::default().into()
}

/// What `list` answers at once.
fn listed(peer: &mut TestPeer) -> Vec<Reply> {
    let ask = peer.ask(list());
    peer.replies(ask)
}

fn rows(replies: &[Reply]) -> impl Iterator<Item = &UnlistedRow> {
    replies.iter().filter_map(|reply| if let Reply::Unlisted(row) = reply { Some(row) } else { None })
}

/// Why the files of which peers are not listed.
fn unlisted(replies: &[Reply]) -> Vec<(UnlistedCause, &[String])> {
    rows(replies).map(|row| (row.cause, &row.peers[..])).collect()
}

fn no_catalogue(peer: &mut TestPeer, id: PeerId, cause: NoCatalogueCause) {
    peer.event(PeerEvent::Receiver(ReceiverEvent::NoCatalogue(id, cause)));
}

#[test]
fn whose_files_are_missing_is_said_and_why() {
    let mut peer = TestPeer::sharing(&[]);
    let ids = [(1, "anna"), (2, "bert"), (3, "carl")].map(|(n, name)| peer.join(n, name, 1));
    no_catalogue(&mut peer, ids[0], NoCatalogueCause::Busy);
    no_catalogue(&mut peer, ids[2], NoCatalogueCause::TooMuch);
    peer.catalogue(2, &[file("song", 1)]);
    // Who is busy is asked again with the question, and waited for a while.
    let ask = peer.ask(list());
    assert_eq!(peer.replies(ask), []);
    no_catalogue(&mut peer, ids[0], NoCatalogueCause::Busy);
    let replies = peer.replies(ask);
    assert!(matches!(&replies[0], Reply::File(row) if row.path == "song"));
    let names = |name: &str| vec![name.to_owned()];
    assert_eq!(
        unlisted(&replies),
        [(UnlistedCause::Busy, &names("anna")[..]), (UnlistedCause::TooMany, &names("carl")[..])]
    );
    // Of own files nothing is missing, nor is carl asked for when only those of anna are wanted.
    let ask = peer.ask(ListRequest { mine: true, ..ListRequest::default() }.into());
    assert!(unlisted(&peer.replies(ask)).is_empty());
    let ask = peer.ask(ListRequest { from: Some("carl".to_owned()), ..ListRequest::default() }.into());
    no_catalogue(&mut peer, ids[0], NoCatalogueCause::Busy);
    assert_eq!(unlisted(&peer.replies(ask)), [(UnlistedCause::TooMany, &names("carl")[..])]);
}

#[test]
fn a_download_that_finds_nothing_says_whose_files_are_missing() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 1);
    let ask = peer.ask(download("song", false));
    no_catalogue(&mut peer, anna, NoCatalogueCause::Busy);
    let replies = peer.replies(ask);
    let [Reply::Unlisted(row), Reply::Failed(failure)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(
        (failure.code, row.cause, &row.peers[..]),
        (Code::NotFound, UnlistedCause::Busy, &["anna".to_owned()][..])
    );
    // Not when somebody else is asked.
    let bert = peer.join(2, "bert", 1);
    no_catalogue(&mut peer, bert, NoCatalogueCause::Wrong);
    let request = DownloadRequest {
        files: vec!["song".to_owned()],
        from: vec!["bert".to_owned()],
        to: None,
        wait: false,
        no_wait: false,
        ..DownloadRequest::default()
    };
    let ask = peer.ask(request.into());
    no_catalogue(&mut peer, anna, NoCatalogueCause::Busy);
    no_catalogue(&mut peer, bert, NoCatalogueCause::Wrong);
    let replies = peer.replies(ask);
    assert_eq!(unlisted(&replies), [(UnlistedCause::Wrong, &["bert".to_owned()][..])], "{replies:?}");
}

#[test]
fn what_is_given_up_is_listed_no_more_and_asked_for_again_after_a_while() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("song", 1)]);
    assert!(matches!(listed(&mut peer)[..], [Reply::File(_), Reply::Done]));
    peer.event(PeerEvent::Receiver(ReceiverEvent::CatalogueGivenUp(anna)));
    let is_asked = |c: &_| matches!(c, ReceiverCommand::Catalogue(id) if *id == anna);
    peer.outputs.clear();
    let replies = listed(&mut peer);
    assert_eq!(unlisted(&replies).len(), 1, "{replies:?}");
    peer.pass(seconds(29));
    assert!(!peer.told_receiver().iter().any(is_asked), "there is no place for it");
    peer.pass(seconds(2));
    assert_eq!(peer.told_receiver().iter().filter(|c| is_asked(c)).count(), 1);
    peer.catalogue(1, &[file("song", 1)]);
    assert!(matches!(listed(&mut peer)[..], [Reply::File(_), Reply::Done]));
}

/// Peers that announce a catalogue and never send all of it, each time as somebody else.
#[test]
fn no_command_waits_for_those_who_kept_another_one_waiting() {
    let mut peer = TestPeer::sharing(&[]);
    peer.pass(seconds(10));
    for n in 1..=64 {
        peer.join(n, "x", 1);
    }
    let ask = peer.ask(list());
    peer.pass(Duration::from_millis(2_999));
    assert_eq!(peer.replies(ask), []);
    peer.pass(Duration::from_millis(1));
    let replies = peer.replies(ask);
    let row = rows(&replies).next().unwrap();
    assert_eq!((row.cause, row.count, row.peers.len()), (UnlistedCause::Coming, 64, 20));
    for n in 65..=96 {
        assert_eq!(listed(&mut peer).last(), Some(&Reply::Done), "{n}");
        peer.join(n, "x", 1);
        let ask = peer.ask(list());
        peer.pass(Duration::from_millis(100));
        assert_eq!(peer.replies(ask).last(), Some(&Reply::Done), "{n}");
    }
}
