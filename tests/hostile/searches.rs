//! Those who search the index that a peer keeps for others, and mean ill: they keep nobody waiting, and what is no
//! search is refused.

use core::time::Duration;

use potluck::codec::encode;
use potluck::control::Office;
use potluck::identity::PeerId;
use potluck::sys::clock;
use potluck::wire::Message;
use potluck::wire::frame::{PREFIX, prefix};
use potluck::wire::message::{FoundIs, Reason, SearchIndex};
use potluck::wire::registry::Kind;
use serde::Serialize;

use crate::caller::Caller;
use crate::fiend::{Fiend, Lie, Offer, Order, address};
use crate::lab::{Lab, Peer, SOON, wait};
use crate::watch::assert_well;

/// A search for these words.
fn search(request: u64, words: &[&str]) -> SearchIndex {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    SearchIndex {
        request,
        words,
        types: Vec::new().into(),
        min: None,
        max: None,
        newer: None,
        owners: None,
        at: None,
        file: None,
        most: 100,
        known: None,
    }
}

/// A peer that keeps the index, because one who says that the network is large is all that it hears; and that one.
fn keeper(lab: &Lab, files: &[(&str, &[u8])]) -> (Peer, Fiend) {
    let keeper = lab.peer_with(1, "keeper", files);
    wait("an office", SOON, || (keeper.status().on.office == Some(Office::Supernode)).then_some(()));
    let crowd = Fiend::start(lab, 2, "crowd", Lie::None);
    crowd.order(Order::SayLarge);
    crowd.offer_until_pulled(&[Offer::file("crowd moon.txt", b"x")]);
    (keeper, crowd)
}

/// A connection to the sender's port of a keeper, of a key of its own.
fn dial(lab: &Lab, node: u8, keeper: &Peer) -> Caller {
    let (to, port) = (keeper.status().id.parse::<PeerId>().unwrap(), keeper.status().ports[1]);
    lab.within(u32::from(node), || Caller::dial(&Caller::tls(), to, address(1), port).unwrap())
}

/// The answer to a search, of one page.
fn answer(caller: &mut Caller, request: u64) -> Result<FoundIs, Reason> {
    loop {
        match caller.hear().expect("it answers").0 {
            Message::Found(found) if found.request == request => return Ok(found),
            Message::Refused(refused) if refused.request == request => return Err(refused.reason),
            // It asks whoever connected for other things, too.
            _ => {}
        }
    }
}

fn ask(caller: &mut Caller, search: SearchIndex) -> Result<FoundIs, Reason> {
    let request = search.request;
    caller.say(&Message::Search(search).encode()).unwrap();
    answer(caller, request)
}

/// How long this takes, of 21 times the middle one.
fn median(mut act: impl FnMut(u64)) -> Duration {
    let time = |n| {
        let begun = clock::now();
        act(n);
        clock::now().since(begun)
    };
    let mut times: Vec<Duration> = (0..21).map(time).collect();
    times.sort();
    times[10]
}

fn paths(found: &FoundIs) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.path.as_str()).collect()
}

#[test]
fn a_stranger_with_a_thousand_searches_keeps_nobody_waiting() {
    let Some(lab) = Lab::of("up 4") else { return };
    let files: Vec<(String, Vec<u8>)> =
        (0..200_u8).map(|n| (format!("a/{n} moon.txt"), vec![n; 50])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let (keeper, _crowd) = keeper(&lab, &files);
    let mut honest = dial(&lab, 4, &keeper);
    wait("all is found", SOON, || {
        let found = ask(&mut honest, search(1, &["moon"])).ok()?;
        (found.hits.len() as u64 + found.more == 201).then_some(())
    });
    let over_tls = median(|n| {
        ask(&mut honest, search(40 + n, &["17 moon"])).unwrap();
    });
    let by_command = median(|_| assert!(keeper.cli(["search", "17 moon"]).status.success()));
    println!("one search over TLS took {over_tls:?}, by a command of the keeper's user {by_command:?}");
    // Twenty keys, each with fifty searches, of which none reads what it is told.
    let mut strangers: Vec<Caller> = (0..20).map(|_| dial(&lab, 3, &keeper)).collect();
    for stranger in &mut strangers {
        let many: Vec<u8> =
            (0..50).flat_map(|request| Message::Search(search(request, &["m", "o"])).encode()).collect();
        stranger.say(&many).unwrap();
    }
    let mut slowest = Duration::ZERO;
    for request in 10..30 {
        let begun = clock::now();
        let found = ask(&mut honest, search(request, &["17 moon"])).expect("the honest one is answered");
        slowest = slowest.max(clock::now().since(begun));
        let found = paths(&found);
        assert!(found.contains(&"a/17 moon.txt") && found.contains(&"a/117 moon.txt"), "{found:?}");
    }
    println!("beside a thousand searches the slowest of twenty took {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // What of a stranger's has no place is refused, and the rest is answered.
    let (mut answered, mut busy) = (0, 0);
    while answered + busy < 50 {
        match strangers[0].hear().expect("it answers").0 {
            Message::Found(found) => answered += u32::from(found.last),
            Message::Refused(refused) if refused.reason == Reason::Busy => busy += 1,
            Message::DialBack(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(busy > 0, "{answered} answered");
    assert_well(&keeper);
}

/// A search whose fields are whatever one likes.
#[derive(Serialize)]
struct AnySearch<'a> {
    request: u64,
    words: Vec<&'a str>,
    types: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    most: u64,
}

/// The header of a search.
fn header(search: SearchIndex) -> Vec<u8> {
    Message::Search(search).encode()[PREFIX..].to_vec()
}

fn frame(header: &[u8]) -> Vec<u8> {
    [&prefix(Kind::Search.number(), header.len(), 0)[..], header].concat()
}

#[test]
fn what_is_no_search_is_refused_and_one_with_a_hundred_thousand_words_ends_the_connection() {
    let Some(lab) = Lab::of("up 4") else { return };
    let (keeper, _crowd) = keeper(&lab, &[("moon.txt", b"moon")]);
    let mut caller = dial(&lab, 3, &keeper);
    let any = AnySearch { request: 5, words: vec!["moon"], types: Vec::new(), at: None, most: 100 };
    wait("it is found", SOON, || {
        caller.say(&frame(&encode(&any))).unwrap();
        (paths(&answer(&mut caller, 5).ok()?).len() == 2).then_some(())
    });
    let long = "x".repeat(1_025);
    for (what, header) in [
        ("33 words", encode(&AnySearch { words: vec!["a"; 33], ..any_search() })),
        ("a long word", encode(&AnySearch { words: vec![&long], ..any_search() })),
        ("no letters", encode(&AnySearch { words: vec!["\u{301}"], ..any_search() })),
        ("33 types", encode(&AnySearch { types: vec!["audio"; 33], ..any_search() })),
        ("101 hits", encode(&AnySearch { most: 101, ..any_search() })),
        ("65,536 hits", encode(&AnySearch { most: 65_536, ..any_search() })),
        ("a way out", encode(&AnySearch { at: Some("../.potluck"), ..any_search() })),
        ("an absolute path", encode(&AnySearch { at: Some("/etc"), ..any_search() })),
        (
            "65 owners",
            header(SearchIndex { owners: Some(vec![PeerId([1; 32]); 65]), ..search(5, &["moon"]) }),
        ),
        ("a prefix of one byte", header(SearchIndex { file: Some(vec![1]), ..search(5, &["moon"]) })),
    ] {
        caller.say(&frame(&header)).unwrap();
        let refused = match caller.hear() {
            Some((Message::Refused(refused), _)) => refused.reason,
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(refused, Reason::Malformed, "{what}");
    }
    // Types that nobody knows are no wish for all.
    let found =
        ask(&mut caller, SearchIndex { types: vec!["hologram".to_owned()].into(), ..search(6, &["moon"]) });
    assert!(found.is_ok_and(|found| found.hits.is_empty() && found.more == 0 && !found.covered.is_empty()));
    let many = AnySearch { words: vec!["a"; 100_000], ..any_search() };
    drop(caller.say(&frame(&encode(&many))));
    assert!(caller.hear().is_none(), "nobody knows where the next frame begins");
    let mut again = dial(&lab, 4, &keeper);
    assert_eq!(paths(&ask(&mut again, search(7, &["moon", "txt"])).unwrap()).len(), 2);
    assert_well(&keeper);
}

fn any_search() -> AnySearch<'static> {
    AnySearch { request: 5, words: vec!["moon"], types: Vec::new(), at: None, most: 100 }
}
