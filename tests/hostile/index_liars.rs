//! Who keeps the index of a large network, and lies: whoever searches finds all the same what is shared, gets what it
//! downloads, and asks the liar no more.

use std::process::Output;

use potluck::content::{FileId, Head, HeadNumber};
use potluck::control::Office;
use potluck::identity::{Instance, PeerId};
use potluck::sys::clock;
use potluck::wire::Message;
use potluck::wire::message::{CoveredRow, GetHead, HitRow};

use crate::caller::Caller;
use crate::fiend::{Event, Fiend, Lie, Order, address};
use crate::lab::{Lab, Peer, SOON, wait};
use crate::watch::{assert_holds, assert_well, log};

const MOON: &[u8] = b"what the moon is made of";

/// What a keeper is warned of.
const SKIPPED: &str = "keeps the index, and what it says of the files of";

fn id(peer: &Peer) -> PeerId {
    peer.status().id.parse().unwrap()
}

/// The number of the newest head of a peer in that node.
fn head_of(lab: &Lab, peer: &Peer, node: u8) -> HeadNumber {
    let (to, port) = (id(peer), peer.status().ports[1]);
    let mut caller = lab.within(3, || Caller::dial(&Caller::tls(), to, address(node), port).unwrap());
    caller.say(&Message::GetHead(GetHead { request: 1, known: None, origin: None }).encode()).unwrap();
    loop {
        // It asks whoever connected for other things, too.
        if let Message::Head(head) = caller.hear().expect("it answers").0 {
            return Head::open(&head.signed).unwrap().number();
        }
    }
}

const fn covered(owner: PeerId, head: HeadNumber) -> CoveredRow {
    let HeadNumber { instance: Instance { count, random }, version } = head;
    CoveredRow { owner, count, random, version: Some(version) }
}

fn hit(path: &str, owner: PeerId, content: &[u8], size: u64) -> HitRow {
    HitRow {
        path: path.parse().unwrap(),
        size,
        file: FileId::from(blake3::hash(content)),
        modified: 0,
        owners: vec![owner],
        copies: 9,
        outside: 0,
        inside: 0,
        ambiguous: false,
    }
}

fn told(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

fn assert_finds_the_moons(asker: &Peer) {
    let found = told(&asker.cli(["search", "moon"]));
    for path in ["moon.txt ", "a/half moon.txt ", "full moon.txt "] {
        assert!(found.lines().any(|line| line.starts_with(path)), "{path}: {found}");
    }
}

/// An honest deputy in node 1 and another peer in node 5 share what is searched for in node 4. A keeper in node 2 says
/// that it knows all of it, and has found what `lie` makes of the ids of the two.
///
/// The liar's program serves one at a time: whoever finds no place there comes again after deadlines of its own. False:
/// it was hardly asked in time, and so could not lie.
fn is_found_out(lie: impl Fn([PeerId; 2]) -> Vec<HitRow>) -> bool {
    let Some(lab) = Lab::of("up 6") else { return true };
    let deputy = lab.peer_with(1, "deputy", &[("moon.txt", MOON), ("a/half moon.txt", b"half")]);
    wait("an order", SOON, || deputy.status().on.office.map(|_| ()));
    let other = lab.peer_with(5, "other", &[("full moon.txt", b"full")]);
    let liar = Fiend::start(&lab, 2, "liar", Lie::None);
    // So that more than half of all say that the network is large.
    let crowd = [3, 6].map(|node| Fiend::start(&lab, node, "crowd", Lie::None));
    crowd.iter().for_each(|one| one.order(Order::SayLarge));
    for (peer, files) in [(&deputy, 2), (&other, 1)] {
        let mine = || peer.list().iter().filter(|row| row.mine && !row.id.is_empty()).count();
        wait("files have ids", SOON, || (mine() == files).then_some(()));
    }
    let (owners, heads) = ([id(&deputy), id(&other)], [head_of(&lab, &deputy, 1), head_of(&lab, &other, 5)]);
    let covered = owners.into_iter().zip(heads).map(|(owner, head)| covered(owner, head)).collect();
    liar.order(Order::KeepIndex(covered, lie(owners)));
    wait("the deputy", SOON, || (deputy.status().on.office == Some(Office::Deputy)).then_some(()));
    let asker = lab.peer_with(4, "asker", &[]);
    wait("all are there", SOON, || (asker.names().len() == 5).then_some(()));
    // It is found out where it and the deputy differ, and skipped when two owners say that it is wrong.
    let (mut asked, begun) = (0, clock::now());
    while !String::from_utf8_lossy(&log(&asker)).contains(SKIPPED) {
        assert_finds_the_moons(&asker);
        let is_search = |event: &Event| matches!(event, Event::Asked(_, Message::Search(_)));
        asked += liar.events.try_iter().filter(is_search).count();
        if clock::now().since(begun) > SOON {
            // What came after a search was over did not count.
            assert!(asked < 5, "it lied {asked} times, and is not skipped");
            return false;
        }
    }
    // What it says does not count then.
    assert_finds_the_moons(&asker);
    let beer = told(&asker.cli(["search", "beer"]));
    assert!(!beer.contains("beer.txt"), "{beer}");
    asker.download("moon.txt", 0);
    assert_holds(&asker.directory.join("downloads/moon.txt"), MOON);
    assert_eq!(String::from_utf8_lossy(&log(&asker)).matches(SKIPPED).count(), 1, "it is named once");
    [&deputy, &other, &asker].into_iter().for_each(assert_well);
    true
}

fn searches_beside(lie: impl Fn([PeerId; 2]) -> Vec<HitRow>) {
    assert!((0..3).any(|_| is_found_out(&lie)), "the liar is hardly asked");
}

#[test]
fn a_keeper_that_claims_to_know_all_and_finds_nothing_hides_nothing() {
    searches_beside(|_| Vec::new());
}

#[test]
fn false_holders_sizes_and_names_of_a_keeper_lead_nobody_astray() {
    searches_beside(|[deputy, other]| {
        vec![
            hit("free beer moon.txt", deputy, b"beer", 4),
            hit("moon.txt", deputy, MOON, 1 << 40),
            hit("full moon.txt.exe", other, b"full", 4),
        ]
    });
}
