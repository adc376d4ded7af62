//! Who fetches what all share, in a network that is too large for each to know it.

use core::time::Duration;

use super::WholeWorld;
use super::tests::{content, seconds};
use crate::control::{ListRequest, PeersRequest, Reply};
use crate::peer::limits;
use crate::sim::Link;

/// Peers: more than know of each other what all share.
pub(super) const COUNT: usize = 36;

/// Who shares something new.
pub(super) const SHARER: usize = 20;

/// Peers without copies that each share a file, and know each other, but for a last one that does not run yet.
pub(super) fn network() -> WholeWorld {
    network_of(COUNT, true, &[])
}

/// So many; `is_indexed`: the first ones keep the index; `apart`: who cannot connect to each other.
fn network_of(count: usize, is_indexed: bool, apart: &[[usize; 2]]) -> WholeWorld {
    let mut world = WholeWorld::new(1, count + 1, Link::WIRE);
    apart.iter().for_each(|[one, other]| world.keep_apart(*one, *other, true));
    for place in 0..=count {
        world.put(place, &format!("{place:02}.txt"), content(place, 1_000));
        let settings = world.settings(place);
        (settings.copies, settings.lend) = (1, Some(0));
        settings.index.takes_office = is_indexed;
    }
    // The order of arrival is that of the numbers.
    for place in 0..count {
        world.start(place);
        world.run(if place < 3 { seconds(2) } else { Duration::from_millis(500) });
    }
    world.run(seconds(5));
    world
}

/// What a newcomer's first `list` is answered, how long that took, and connections that were dialled and bytes that were
/// sent meanwhile by all.
fn first_list(world: &mut WholeWorld) -> (Vec<Reply>, Duration, [u64; 2]) {
    let place = world.peers.len() - 1;
    world.start(place);
    world.run(seconds(10));
    let before = [world.network.dialled(), world.network.bytes];
    let ask = world.ask(place, ListRequest::default());
    let took = world.run_while(seconds(10), |world| world.is_answered(place, ask)).expect("it is answered");
    let after = [world.network.dialled(), world.network.bytes];
    (world.peers[place].replies(ask).to_vec(), took, [after[0] - before[0], after[1] - before[1]])
}

fn n_files(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| matches!(reply, Reply::File(_))).count()
}

fn says_missing(replies: &[Reply]) -> bool {
    replies.iter().any(|reply| matches!(reply, Reply::Unlisted(_)))
}

/// Who knows that the sharer shares so many files.
fn knowing(world: &mut WholeWorld, files: u64) -> Vec<usize> {
    let name = format!("peer{SHARER}");
    let others: Vec<usize> = world.running().into_iter().filter(|place| *place != SHARER).collect();
    let knows = |place: &usize| {
        let replies = world.answers(*place, PeersRequest::default());
        let is_it = |reply| matches!(reply, Reply::Peer(row) if row.name == name && row.files == Some(files));
        replies.into_iter().any(is_it)
    };
    others.into_iter().filter(knows).collect()
}

#[test]
fn in_a_large_network_the_supernode_and_its_deputy_alone_fetch_what_somebody_shares() {
    let mut world = network();
    world.put(SHARER, "news.txt", content(98, 1_000));
    world.run(seconds(5));
    assert_eq!(knowing(&mut world, 2), [0, 1]);
    // The deputy is next, and a third one begins to know what all share.
    world.crash(0);
    world.run(seconds(20));
    assert_eq!(knowing(&mut world, 2), [1, 2]);
    world.put(SHARER, "more.txt", content(99, 1_000));
    world.run(seconds(5));
    assert_eq!(knowing(&mut world, 3), [1, 2]);
}

#[test]
fn whoever_lists_in_a_large_network_asks_the_supernode_over_one_connection_and_is_told_all() {
    let mut world = network();
    let (replies, took, [dialled, bytes]) = first_list(&mut world);
    assert!(n_files(&replies) == COUNT + 1 && !says_missing(&replies));
    // With the supernode a connection stood already, and it gives all catalogues. Others are asked at most what they keep
    // of those who are away, which is not waited for.
    let others = (COUNT - limits::CATALOGUES_ON_SIGHT) as u64;
    assert!(dialled <= others, "{dialled} in {took:?}, {bytes} bytes");
}

#[test]
fn whoever_reaches_nobody_but_the_keepers_is_told_what_all_share() {
    let apart: Vec<[usize; 2]> = (2..COUNT).map(|place| [place, COUNT]).collect();
    let mut world = network_of(COUNT, true, &apart);
    let (replies, took, _) = first_list(&mut world);
    assert_eq!(n_files(&replies), COUNT + 1, "in {took:?}");
}

#[test]
fn where_nobody_keeps_the_index_whoever_lists_asks_each_owner() {
    let mut world = network_of(COUNT, false, &[]);
    let (replies, _, [dialled, _]) = first_list(&mut world);
    assert!(n_files(&replies) == COUNT + 1 && !says_missing(&replies));
    assert_eq!(dialled, (COUNT - limits::CATALOGUES_ON_SIGHT) as u64);
}

#[test]
fn all_is_listed_though_the_supernode_dies_or_cannot_be_reached() {
    for is_dead in [true, false] {
        let mut world = network();
        world.start(COUNT);
        world.run(seconds(10));
        if is_dead {
            world.crash(0);
        } else {
            world.keep_apart(0, COUNT, true);
        }
        let ask = world.ask(COUNT, ListRequest::default());
        let took = world.run_while(seconds(10), |world| world.is_answered(COUNT, ask)).unwrap();
        let replies = world.peers[COUNT].replies(ask);
        // Nobody gives what the dead one itself shares, and nobody noticed its death yet.
        let files = n_files(replies);
        assert!(files >= COUNT && took <= seconds(3), "{files} in {took:?}");
    }
}

#[test]
fn what_no_keeper_has_comes_from_its_owner_and_counts_as_missing_if_it_does_not() {
    for is_apart in [false, true] {
        let mut apart = vec![[0, SHARER], [1, SHARER]];
        if is_apart {
            apart.push([COUNT, SHARER]);
        }
        let mut world = network_of(COUNT, true, &apart);
        let (replies, ..) = first_list(&mut world);
        // A third peer may know it.
        let is_whole = n_files(&replies) == COUNT + 1;
        assert!(is_whole != says_missing(&replies) && (is_whole || is_apart));
    }
}

/// What a `list` costs: `cargo test --lib what_a_list_costs -- --ignored --nocapture`.
#[test]
#[ignore = "it measures, and takes minutes"]
fn what_a_list_costs() {
    for is_indexed in [false, true] {
        let mut world = network_of(300, is_indexed, &[]);
        let (replies, took, [dialled, bytes]) = first_list(&mut world);
        let files = n_files(&replies);
        println!("index kept: {is_indexed}; {files} files in {took:?}; {dialled} connections, {bytes} bytes");
    }
}
