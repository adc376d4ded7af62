//! Files that are found, and are to be found, in the table between sites.

use core::net::SocketAddrV4;
use std::collections::BTreeSet;

use super::*;
use crate::control::{AnnounceRequest, AnnouncedRow};
use crate::dht::{DhtCommand, DhtEvent, DhtState};
use crate::error::Code;
use crate::routes::{ResolveFor, ToResolve};

fn id(n: u8) -> FileId {
    FileId([n; 32])
}

fn word(n: u8) -> String {
    format!("b3:{}", id(n))
}

/// A peer with `--wan`, whose network has answered; it shares a file.
fn with_table() -> TestPeer {
    let mut peer = TestPeer::with(|settings| settings.on.wan = true);
    peer.share(&[file("own", 7)]);
    peer.event(PeerEvent::Discovery(lan::Event::Settled));
    peer.event(PeerEvent::Dht(DhtEvent::State(DhtState::Announced)));
    peer.outputs.clear();
    peer
}

/// What the table was told; all else is forgotten.
fn told(peer: &mut TestPeer) -> Vec<DhtCommand> {
    let mut told =
        peer.take(|output| if let PeerOutput::Dht(command) = output { Some(command) } else { None });
    told.retain(|command| !matches!(command, DhtCommand::Port(_)));
    told
}

fn failure(replies: &[Reply]) -> (Code, String) {
    let Some(Reply::Failed(failure)) = replies.last() else { panic!("{replies:?}") };
    (failure.code, failure.message.clone())
}

fn named(peer: &mut TestPeer, n: u8, address: &str) {
    let address: SocketAddrV4 = address.parse().unwrap();
    peer.event(PeerEvent::Dht(DhtEvent::Holder(id(n), address)));
}

#[test]
fn a_file_that_nobody_here_has_is_asked_for_and_fetched_once_somebody_comes_who_has_it() {
    let mut peer = with_table();
    let ask = peer.ask(download(&word(1), true));
    let replies = peer.replies(ask);
    assert!(
        matches!(&replies[..], [Reply::Note { text }] if text.contains("is asked who has it")),
        "{replies:?}"
    );
    assert_eq!(told(&mut peer), [DhtCommand::Seek(id(1))]);
    // Whoever is named is dialled, and comes.
    named(&mut peer, 1, "11.0.0.9:27281");
    let dialled = peer.take(|output| match output {
        PeerOutput::Resolve(ToResolve { purpose: ResolveFor::Route(_), target }) => Some(target.to_string()),
        _ => None,
    });
    assert_eq!(dialled, ["11.0.0.9:27280"]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("other", 2)]);
    assert_eq!(peer.replies(ask), [], "it has another one");
    peer.outputs.clear();
    peer.join(2, "bert", 1);
    peer.catalogue(2, &[file("song", 1)]);
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Begun(_)]));
    assert_eq!(peer.outputs.iter().filter(|o| matches!(o, PeerOutput::Fetch(_))).count(), 1);
    assert_eq!(told(&mut peer), [DhtCommand::SeekOver(id(1))]);
}

#[test]
fn nobody_is_found_within_twenty_seconds_and_that_is_said_once() {
    let mut peer = with_table();
    let ask = peer.ask(download(&word(1), false));
    peer.replies(ask);
    peer.pass(seconds(19));
    assert_eq!(peer.replies(ask), []);
    peer.pass(seconds(2));
    let replies = peer.replies(ask);
    let (code, text) = failure(&replies);
    assert_eq!((replies.len(), code), (1, Code::NotFound));
    assert!(text.contains(&word(1)) && text.contains("names nobody who has it"), "{text}");
    assert_eq!(told(&mut peer), [DhtCommand::Seek(id(1)), DhtCommand::SeekOver(id(1))]);
    // Whoever is named has as much time again.
    let ask = peer.ask(download(&word(1), false));
    peer.pass(seconds(15));
    named(&mut peer, 1, "11.0.0.9:27281");
    named(&mut peer, 1, "11.0.0.9:27281");
    peer.pass(seconds(19));
    assert_eq!(peer.replies(ask).len(), 1, "the note");
    peer.pass(seconds(2));
    let (code, text) = failure(&peer.replies(ask));
    assert!(code == Code::NoHolder && text.contains("names one address"), "{text}");
}

#[test]
fn a_table_that_names_thousands_ends_a_download_no_later_and_few_are_dialled() {
    let mut peer = with_table();
    let ask = peer.ask(download(&word(1), false));
    peer.outputs.clear();
    let mut dialled = 0;
    for n in 0..3_000_u32 {
        let address = SocketAddrV4::new(core::net::Ipv4Addr::from_bits(0x0b00_0000 + n), 27_281);
        peer.event(PeerEvent::Dht(DhtEvent::Holder(id(1), address)));
        // Nobody asked for this one, and nobody can be there.
        named(&mut peer, 2, "11.0.0.9:27281");
        named(&mut peer, 1, "127.0.0.1:27281");
        named(&mut peer, 1, "224.0.0.1:27281");
    }
    peer.pass(seconds(41));
    for output in peer.outputs.iter() {
        if let PeerOutput::Resolve(ToResolve { purpose: ResolveFor::Route(_), target }) = output {
            assert!(target.host.starts_with("11."), "{target}");
            dialled += 1;
        }
    }
    assert_eq!(dialled, 10);
    assert_eq!(failure(&peer.replies(ask)).0, Code::NoHolder);
}

#[test]
fn the_table_is_asked_for_whole_ids_of_anyone_alone() {
    let not_found = |peer: &mut TestPeer, request: Request| {
        let ask = peer.ask(request);
        let (code, _) = failure(&peer.replies(ask));
        assert_eq!((code, told(peer)), (Code::NotFound, Vec::new()));
    };
    let mut peer = with_table();
    not_found(&mut peer, download("song", true));
    not_found(&mut peer, download("b3:01010101", true));
    let both = DownloadRequest {
        files: vec![word(1), "song".to_owned()],
        from: Vec::new(),
        to: None,
        wait: true,
        no_wait: false,
        ..DownloadRequest::default()
    };
    not_found(&mut peer, both.into());
    // Without `--wan` nobody is asked.
    not_found(&mut TestPeer::sharing(&[]), download(&word(1), true));
    // So many at the same time, and no more.
    for n in 0..16 {
        peer.ask(download(&word(100 + n), true));
    }
    let ask = peer.ask(download(&word(1), true));
    let (code, said) = failure(&peer.replies(ask));
    let most = "the table between sites is asked for 16 files at most at a time: ask again in a minute";
    assert_eq!((code, said.as_str()), (Code::Failed, most));
    let ask = peer.ask(download(&word(100), true));
    assert!(matches!(peer.replies(ask)[..], [Reply::Note { .. }]), "it is asked for already");
    assert_eq!(told(&mut peer).len(), 16);
}

fn announce(peer: &mut TestPeer, file: Option<&str>, stop: bool) -> Vec<Reply> {
    let ask = peer.ask(AnnounceRequest { file: file.map(ToOwned::to_owned), stop }.into());
    peer.replies(ask)
}

#[test]
fn a_file_is_announced_until_the_user_ends_that() {
    let mut peer = with_table();
    let row = |state: &str| {
        let path = Some("own".to_owned());
        Reply::Announced(AnnouncedRow { id: id(7).to_string(), path, state: state.to_owned() })
    };
    assert_eq!(announce(&mut peer, None, false), [Reply::Done]);
    assert_eq!(announce(&mut peer, Some("own"), false), [row("waiting"), Reply::Done]);
    assert_eq!(told(&mut peer), [DhtCommand::Files(BTreeSet::from([id(7)]))]);
    peer.event(PeerEvent::Dht(DhtEvent::Known(id(7), true)));
    assert_eq!(announce(&mut peer, None, false), [row("announced"), Reply::Done]);
    assert_eq!(announce(&mut peer, Some(&word(7)), false), [row("announced"), Reply::Done]);
    for none in ["other", "b3:01010101", "ow"] {
        let said = format!(
            "`{none}` is no file that this peer has; see `list --mine`, and `announce` for what is announced"
        );
        for stop in [false, true] {
            assert_eq!(failure(&announce(&mut peer, Some(none), stop)), (Code::NotFound, said.clone()));
        }
    }
    peer.outputs.clear();
    assert_eq!(announce(&mut peer, Some("b3:0707"), true), [row("stopped"), Reply::Done]);
    assert_eq!(told(&mut peer), [DhtCommand::Files(BTreeSet::new())]);
    let (code, text) = failure(&announce(&mut TestPeer::sharing(&[file("own", 7)]), Some("own"), false));
    assert!(code == Code::Usage && text.contains("`--wan`"), "{text}");
}

#[test]
fn a_word_that_means_several_files_announces_none() {
    let mut peer = TestPeer::with(|settings| settings.on.wan = true);
    let [a, b] = [1, 2].map(|last| FileId([[7; 31].as_slice(), &[last]].concat().try_into().unwrap()));
    let share = |path: &str, id| {
        let EntryKind::File { size, modified, executable, since, .. } = file(path, 7).kind else { panic!() };
        Entry { path: path.parse().unwrap(), kind: EntryKind::File { id, size, modified, executable, since } }
    };
    peer.share(&[share("docs/a", a), share("docs/b", b)]);
    peer.event(PeerEvent::Discovery(lan::Event::Settled));
    for word in ["docs/", "b3:070707"] {
        let said = format!("`{word}` means 2 files: say which one, by its path or its whole id");
        assert_eq!(failure(&announce(&mut peer, Some(word), false)), (Code::Ambiguous, said));
    }
    let whole = format!("b3:{b}");
    assert!(matches!(announce(&mut peer, Some(&whole), false)[..], [Reply::Announced(_), Reply::Done]));
}
