//! Who fetches what all share, in a network that is too large for each to know it.

use super::WholeWorld;
use super::tests::{content, seconds};
use crate::control::{ListRequest, PeersRequest, Reply};
use crate::sim::Link;

/// Peers: more than know of each other what all share.
pub(super) const COUNT: usize = 36;

/// Who shares something new.
pub(super) const SHARER: usize = 20;

/// Peers without copies that each share a file, and know each other, but for a last one that does not run yet.
pub(super) fn network() -> WholeWorld {
    let mut world = WholeWorld::new(1, COUNT + 1, Link::WIRE);
    for place in 0..=COUNT {
        world.put(place, &format!("{place:02}.txt"), content(place, 1_000));
        let settings = world.settings(place);
        (settings.copies, settings.lend) = (1, Some(0));
    }
    // The order of arrival is that of the numbers.
    for place in 0..COUNT {
        world.start(place);
        world.run(seconds(2));
    }
    world.run(seconds(5));
    world
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
fn whoever_lists_in_a_large_network_fetches_what_it_has_not_and_is_told_all() {
    let mut world = network();
    world.start(COUNT);
    world.run(seconds(10));
    let ask = world.ask(COUNT, ListRequest::default());
    world.run_while(seconds(10), |world| world.is_answered(COUNT, ask)).expect("it is answered");
    let replies = world.peers[COUNT].replies(ask);
    let files = replies.iter().filter(|reply| matches!(reply, Reply::File(_))).count();
    assert_eq!(files, COUNT + 1);
    assert!(!replies.iter().any(|reply| matches!(reply, Reply::Unlisted(_))));
}
