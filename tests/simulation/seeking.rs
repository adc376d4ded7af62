//! How peers that fetch the same file find each other.

use std::collections::BTreeSet;
use std::time::Duration;

use potluck::address::Ports;
use potluck::content::FileId;
use potluck::identity::{Instance, PeerId, PeerName};
use potluck::sim::{Link, Node, World, seeds};
use potluck::wire::datagram::{Body, DatagramMessage, Presence, PresenceState};

use crate::{false_deaths, ms, s, settled};

const FILE: FileId = FileId([7; 32]);

/// How many others the peers that fetch [`FILE`] know to fetch it: the fewest that one of them knows.
fn fewest_known(world: &World) -> usize {
    let fetching = world.nodes.iter().filter(|n| n.fetches.contains(&FILE));
    fetching.map(|n| n.others.get(&FILE).map_or(0, BTreeSet::len)).min().unwrap_or(0)
}

#[test]
fn two_that_fetch_the_same_find_each_other_whoever_began_first() {
    for (loss, bound) in [(0, ms(70)), (50, ms(1_200)), (300, s(45))] {
        let worst = std::cell::Cell::new(Duration::ZERO);
        seeds(50, |seed| {
            let mut world = settled(seed, 10, Link::lossy(loss));
            world.fetch(3, vec![FILE]);
            world.run(s(25));
            assert_eq!(fewest_known(&world), 0);
            world.fetch(4, vec![FILE]);
            let took = world.run_while(s(60), |w| fewest_known(w) == 1).expect("they find each other");
            worst.set(worst.get().max(took));
            assert!(world.nodes.iter().all(|n| n.fetches.contains(&FILE) || n.others.is_empty()));
        });
        println!("10 peers, {} % loss: two fetch the same, and know it after {:?}", loss / 10, worst.get());
        assert!(worst.get() <= bound, "{:?}", worst.get());
    }
}

#[test]
fn who_is_not_here_and_who_fetches_something_else_is_nobody_to_fetch_from() {
    let mut world = settled(1, 5, Link::lossy(0));
    world.fetch(1, vec![FILE]);
    world.fetch(2, vec![FileId([8; 32])]);
    // What a stranger says, rightly signed, by two ways.
    let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
    let name = PeerName::of_folder("stranger", PeerId([0; 32]));
    let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
    for (sequence, message) in
        [(1, DatagramMessage::Seek { files: vec![FILE] }), (2, DatagramMessage::Has { files: vec![FILE] })]
    {
        let instance = Instance { count: 1, random: 1 };
        let body = Body { instance, sequence, presence: presence.clone(), message };
        world.invent("10.0.9.9:9".parse().unwrap(), PeerId([9; 32]), body);
    }
    world.run(s(15));
    assert!(world.nodes.iter().all(|n| n.others.is_empty()));
    // Who does not fetch it any more does not say so any more.
    world.fetch(1, Vec::new());
    world.fetch(3, vec![FILE]);
    world.run(s(15));
    assert!(world.nodes.iter().all(|n| n.others.is_empty()));
}

#[expect(clippy::print_stdout, reason = "the numbers that were measured")]
fn many_fetch_the_same(count: usize, fetching: u32, bound: u64) {
    let mut world = settled(1, count, Link::lossy(10));
    world.run(s(60));
    let before = world.sent;
    world.run(s(60));
    let quiet = (world.sent - before) as f64 / 60.0;
    for node in &mut world.nodes {
        node.busiest = 0;
    }
    let before = world.sent;
    let pause = s(1) / fetching;
    let fetching = fetching as usize;
    for place in 0..fetching {
        // Within a second, as when somebody told all of them.
        world.fetch(place, vec![FILE]);
        world.run(pause);
    }
    world.run(s(2));
    let know = |n: &&Node| n.others.get(&FILE).is_some_and(|others| !others.is_empty());
    let soon = world.nodes.iter().filter(know).count();
    world.run(s(57));
    let (minute, later) = ((world.sent - before) as f64 / 60.0, fewest_known(&world));
    let busiest = world.nodes.iter().map(|n| n.busiest).max().unwrap_or(0);
    let before = world.sent;
    world.run(s(60));
    let then = (world.sent - before) as f64 / 60.0;
    println!(
        "{count} peers, {fetching} begin to fetch the same: {soon} know another one after two seconds, each \
         {later} after a minute; {quiet:.1} datagrams a second before, {minute:.1} in that minute, {then:.1} \
         then; at most {busiest} a second and peer"
    );
    assert!(soon >= fetching * 9 / 10 && later >= (fetching - 1).min(64), "{soon}, {later}");
    // The bound is for a network in which nothing begins; a beginning costs a little more, for a minute.
    assert!(then <= bound as f64 && minute <= quiet.max(then) + 6.0, "{quiet:.1}, {minute:.1}, {then:.1}");
    assert!(busiest <= 20, "{busiest}");
    assert_eq!(false_deaths(&world), 0);
    let seekers = world.nodes.iter().filter(|n| !n.others.is_empty()).count();
    assert_eq!(seekers, fetching, "nobody else is told of it");
}

#[test]
fn many_who_fetch_the_same_know_each_other_and_keep_the_network_quiet() {
    many_fetch_the_same(30, 20, 50);
    many_fetch_the_same(150, 30, 50);
}

#[test]
#[ignore = "takes two to three minutes"]
fn a_hundred_of_a_thousand_who_fetch_the_same_keep_the_network_quiet() {
    many_fetch_the_same(1_000, 100, 50);
}
