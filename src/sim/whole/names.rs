//! Names in a network that is too large for each peer to know what all share: what a command says there is what it says
//! in a small network where the same files are shared.

use core::time::Duration;

use super::WholeWorld;
use super::tests::{content, download, seconds};
use crate::control::{CompleteRequest, CompletionNames, HoldersRequest, ListRequest, Reply, Request};
use crate::peer::event::AskId;
use crate::sim::Link;

/// Peers of a large network, and of a small one.
const LARGE: usize = 38;
const SMALL: usize = 10;

/// Who asks: the last one to come, which knows least.
fn asker(world: &WholeWorld) -> usize {
    world.peers.len() - 1
}

/// What is shared, by the places of the owners after those of the first three, who keep the index.
const FILES: [(usize, &str, usize); 10] = [
    (3, "docs/a.txt", 1),
    (3, "docs/sub/b.txt", 2),
    (4, "docs/a.txt", 1),
    (4, "docs/sub/b.txt", 2),
    (5, "report.txt", 3),
    (6, "report.txt", 4),
    (7, "other name of a", 1),
    (5, "caf\u{e9}/e\u{301}te\u{301}.txt", 5),
    (8, "top.bin", 6),
    (6, "top", 7),
];

/// Content `n`.
fn bytes(n: usize) -> Vec<u8> {
    content(n, 1_000 + n)
}

/// Its id, as the list of whoever shares it has it.
fn id(n: usize) -> String {
    let mut world = WholeWorld::new(1, 1, Link::WIRE);
    world.put(0, "x", bytes(n));
    world.start(0);
    world.run(seconds(5));
    let replies = world.answers(0, ListRequest { mine: true, ..ListRequest::default() });
    let id = |reply: &Reply| if let Reply::File(row) = reply { Some(row.id.clone()) } else { None };
    replies.iter().find_map(id).unwrap()
}

/// So many peers that share these files, and one of its own each.
fn network(count: usize) -> WholeWorld {
    network_apart(count, &[])
}

/// Where these cannot connect to each other.
fn network_apart(count: usize, apart: &[[usize; 2]]) -> WholeWorld {
    let mut world = WholeWorld::new(1, count, Link::WIRE);
    apart.iter().for_each(|[one, other]| world.keep_apart(*one, *other, true));
    for place in 0..count {
        let settings = world.settings(place);
        (settings.copies, settings.lend) = (1, Some(0));
        world.put(place, &format!("own-{place:02}.txt"), content(100 + place, 500));
    }
    for place in 0..count {
        world.start(place);
        world.run(if place < 3 { seconds(2) } else { Duration::from_millis(500) });
    }
    world.run(seconds(5));
    // In a large network the first ones alone hear of it unasked.
    for (place, path, n) in FILES {
        world.put(place, path, bytes(n));
    }
    world.run(seconds(10));
    world
}

fn ask(world: &mut WholeWorld, request: impl Into<Request>) -> AskId {
    let place = asker(world);
    world.ask(place, request)
}

/// What a request was answered at the end, in words that do not depend on the network.
fn outcome(world: &mut WholeWorld, ask: AskId) -> Vec<String> {
    let place = asker(world);
    world.run_while(seconds(20), |world| world.is_answered(place, ask)).expect("it is answered");
    let word = |reply: &Reply| match reply {
        Reply::Saved(saved) => Some(format!("saved {}", saved.path.file_name().unwrap().display())),
        Reply::Holder(row) => Some(format!("held by {}", row.name)),
        Reply::Names { names } => Some(format!("names {names:?}")),
        Reply::Failed(failure) => {
            let line = failure.message.lines().next().unwrap_or_default();
            Some(format!("{:?} {}", failure.code, line.split(" (").next().unwrap_or_default()))
        }
        Reply::Done => Some("done".to_owned()),
        _ => None,
    };
    let mut words: Vec<String> = world.peers[place].replies(ask).iter().filter_map(word).collect();
    words.sort();
    words
}

/// Everything that is asked by name.
fn requests() -> Vec<Request> {
    let one = id(1);
    let words = [
        "docs/a.txt".to_owned(),
        "docs".to_owned(),
        "docs/sub/".to_owned(),
        format!("b3:{}", &one[..9]),
        format!("b3:{one}"),
        // Letters put together otherwise than their owner did.
        "cafe\u{301}/\u{e9}t\u{e9}.txt".to_owned(),
        "caf\u{e9}".to_owned(),
        // Two contents of one name, a file and none, and words that are wrong.
        "report.txt".to_owned(),
        "top".to_owned(),
        "docs/a.tyt".to_owned(),
        "b3:no".to_owned(),
        "../x".to_owned(),
    ];
    let mut all: Vec<Request> = words.iter().map(|word| download(word).into()).collect();
    let files =
        ["docs/a.txt".to_owned(), format!("b3:{}", &one[..8]), "report.txt".to_owned(), "no".to_owned()];
    all.extend(files.into_iter().map(|file| HoldersRequest { file }.into()));
    for prefix in ["do", "docs/", "docs/s", "top"] {
        let names = CompletionNames::Offered;
        all.push(CompleteRequest { prefix: prefix.to_owned(), names }.into());
    }
    all
}

#[test]
fn names_mean_the_same_in_a_large_network_as_in_a_small_one() {
    let (mut large, mut small) = (network(LARGE), network(SMALL));
    for request in requests() {
        let (one, other) = (ask(&mut large, request.clone()), ask(&mut small, request.clone()));
        assert_eq!(outcome(&mut large, one), outcome(&mut small, other), "{request:?}");
    }
}

#[test]
fn what_was_listed_can_be_downloaded_by_what_was_printed() {
    let mut world = network(LARGE);
    let place = asker(&world);
    let list = ask(&mut world, ListRequest::default());
    outcome(&mut world, list);
    let row = |reply: &Reply| if let Reply::File(row) = reply { Some(row.clone()) } else { None };
    let rows: Vec<_> = world.peers[place].replies(list).iter().filter_map(row).collect();
    assert!(rows.len() > LARGE);
    for row in rows.iter().filter(|row| !row.mine && !row.folder) {
        let word = if row.ambiguous { format!("b3:{}", row.id) } else { row.path.clone() };
        let asked = ask(&mut world, download(&word));
        assert!(outcome(&mut world, asked).contains(&"done".to_owned()), "{word}");
    }
}

#[test]
fn a_download_goes_on_though_the_supernode_dies_as_it_is_asked() {
    for after in [0, 1, 3, 10, 300] {
        let mut world = network(LARGE);
        let asked = ask(&mut world, download("docs/a.txt"));
        world.run(Duration::from_millis(after));
        world.crash(0);
        assert_eq!(outcome(&mut world, asked), ["done", "saved a.txt"], "after {after} ms");
    }
}

#[test]
fn what_no_keeper_can_reach_is_found_all_the_same_and_what_is_gone_is_not() {
    let mut world = network_apart(LARGE, &[[0, 5], [1, 5]]);
    world.put(5, "news.txt", content(55, 900));
    world.run(seconds(5));
    let asked = ask(&mut world, download("news.txt"));
    assert_eq!(outcome(&mut world, asked), ["done", "saved news.txt"]);
    // What was known of it is old.
    world.delete(5, "news.txt");
    world.run(seconds(5));
    let asked = ask(&mut world, download("news.txt"));
    let said = outcome(&mut world, asked);
    assert!(said[0].starts_with("NotFound"), "{said:?}");
}
