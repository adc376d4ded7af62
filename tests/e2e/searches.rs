//! Searches in a network that is too large for each peer to know what all share.

use core::time::Duration;
use std::collections::BTreeSet;

use potluck::control::{Office, Reply, Request, SearchRequest};
use potluck::sys::clock;

use crate::lab::{LATER, Lab, Peer, pause, wait};

/// Peers beside the first three, all on one node: more than know of each other what all share.
const CROWD: usize = 32;

/// Each search ends within this time.
const SEARCH: Duration = Duration::from_secs(2);

/// A death is noticed within 7.5 s; this machine may be busy.
const DEATH: Duration = Duration::from_secs(20);

/// The name of whom `peer` names as the holder of this office.
fn holder(peer: &Peer, office: Office) -> Option<String> {
    peer.peers().into_iter().find(|row| row.office == Some(office)).map(|row| row.name)
}

/// Searches a word; the paths that were found, and how long it took.
fn search(peer: &Peer, word: &str) -> (BTreeSet<String>, Duration) {
    let request = Request::from(SearchRequest { words: vec![word.to_owned()], ..SearchRequest::default() });
    let begun = clock::now();
    let replies = peer.try_ask(&request).expect("it answers");
    let took = clock::now().since(begun);
    assert_eq!(replies.last(), Some(&Reply::Done), "{replies:?}");
    assert!(took <= SEARCH, "{took:?}");
    let path = |reply| if let Reply::File(row) = reply { Some(row.path) } else { None };
    (replies.into_iter().filter_map(path).collect(), took)
}

#[test]
fn a_stream_of_searches_fails_at_nothing_while_the_supernode_is_killed() {
    let Some(lab) = Lab::of("up 4") else { return };
    let peer =
        |node, name: &str| lab.peer_with(node, name, &[(&format!("moon of {name}.txt"), name.as_bytes())]);
    let [mut first, second, third] = [1_u32, 2, 3].map(|node| {
        let peer = peer(node, &format!("peer{node}"));
        wait("a place in the order", LATER, || peer.status().on.order);
        peer
    });
    let crowd: Vec<Peer> = (0..CROWD).map(|n| peer(4, &format!("crowd{n:02}"))).collect();
    wait("all are here", LATER, || (third.peers().len() == CROWD + 2).then_some(()));
    let others = || crowd.iter().chain([&second, &third]).map(|peer| format!("moon of {}.txt", peer.name));
    let all: BTreeSet<String> = others().chain(["moon of peer1.txt".to_owned()]).collect();
    wait("all is found", LATER, || (search(&third, "moon").0 == all).then_some(()));
    // On a machine with much to do the third one hears last who the deputy is.
    wait("both offices are held", LATER, || {
        let (supernode, deputy) = (holder(&third, Office::Supernode), holder(&third, Office::Deputy));
        (supernode.as_deref() == Some("peer1") && deputy.as_deref() == Some("peer2")).then_some(())
    });
    let deputy = Some("peer2".to_owned());

    let (mut slowest, mut searches) = (Duration::ZERO, 0);
    let mut look = |third: &Peer| {
        let (found, took) = search(third, "moon");
        (slowest, searches) = (slowest.max(took), searches + 1);
        let missed: Vec<String> = others().filter(|path| !found.contains(path)).collect();
        assert!(missed.is_empty(), "search {searches} does not find {missed:?}");
        pause(Duration::from_millis(50));
    };
    for _ in 0..10 {
        look(&third);
    }
    first.kill();
    let killed = clock::now();
    while holder(&third, Office::Supernode) != deputy {
        look(&third);
        assert!(clock::now().since(killed) < DEATH, "the office does not pass on");
    }
    for _ in 0..10 {
        look(&third);
    }
    println!("{searches} searches, the slowest took {slowest:?}");
    assert_eq!(holder(&third, Office::Supernode), deputy, "whom it named as deputy before");
}
