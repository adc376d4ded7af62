//! Networks that hold something back: firewalls, and access points that pass few broadcasts on.

use std::time::Duration;

use potluck::sim::{Link, Node, Wall, World, seeds};

use crate::{false_deaths, ms, s, settled};

/// A firewall that lets in nothing but answers keeps every broadcast and every question out. Its peer asks
/// those of whom its system knows, and what comes back is let in.
#[test]
fn a_peer_whose_firewall_lets_in_nothing_but_answers_is_found_and_kept() {
    let worst = std::cell::Cell::new(Duration::ZERO);
    for loss in [0, 50] {
        seeds(10, |seed| {
            let mut world = World::new(seed, 4, Link::lossy(loss));
            world.nodes[0].system.wall = Some(Wall::default());
            // It is there before one, and comes after the others.
            let first = usize::try_from(seed % 4).expect("less than four");
            for place in (first..4).chain(0..first) {
                world.start(place);
                world.run(s(2));
            }
            let took = world.run_while(s(30), World::agrees).expect("all see each other");
            worst.set(worst.get().max(took));
            world.log.clear();
            world.run(s(300));
            assert!(world.agrees() && false_deaths(&world) == 0, "nobody is missed who is there");
            // It can be dialled back, and knows where to dial.
            let reached = |n: &Node| n.shown.values().all(|info| !info.contact.hosts.is_empty());
            assert!(world.nodes.iter().all(reached));
            assert!(world.nodes.iter().all(|n| n.unanswered.is_empty()));
            world.crash(3);
            let took = world.run_while(s(20), |w| w.showing(3) == 0).expect("it is missed");
            assert!(took <= ms(7_500), "{took:?}");
            world.leave(2);
            world.run_while(s(10), |w| w.showing(2) == 0).expect("it left");
            world.crash(0);
            world.run_while(s(10), |w| w.showing(0) == 0).expect("it is missed");
            assert_eq!(false_deaths(&world), 0);
        });
    }
    println!("behind a firewall: all see each other after {:?} at the latest", worst.get());
    assert!(worst.get() <= s(15), "{:?}", worst.get());
}

/// Where the system tells of no neighbours the firewall hides its peer; but whoever hears it says so.
#[test]
fn who_is_heard_and_answers_nothing_is_told_of_and_no_longer_once_it_is_gone() {
    seeds(5, |seed| {
        let mut world = World::new(seed, 3, Link::lossy(50));
        world.nodes[0].system.wall = Some(Wall::default());
        world.nodes[0].system.is_blind = true;
        world.start_all(s(1));
        world.run(s(10));
        assert!(world.nodes.iter().all(|n| n.unanswered.is_empty()), "it has only just come");
        world.run(s(10));
        let (walled, id) = (&world.nodes[0], world.nodes[0].id);
        assert!(walled.nobody && walled.shown.is_empty() && walled.unanswered.is_empty());
        assert!(world.nodes[1..].iter().all(|n| n.unanswered.iter().eq([&id]) && n.shown.len() == 1));
        world.crash(0);
        world.run(s(2));
        world.nodes.iter_mut().for_each(|n| n.unanswered.clear());
        world.run(s(30));
        assert!(world.nodes.iter().all(|n| n.unanswered.is_empty()), "it is not heard any more");
    });
}

/// An access point that passes few broadcasts on, or none: those that found each other stay, and who dies is
/// missed.
#[test]
fn nobody_dies_where_few_broadcasts_or_none_come_through() {
    for broadcast_loss in [800, 1_000] {
        seeds(2, |seed| {
            let mut world = settled(seed, 10, Link::lossy(20));
            world.link.broadcast_loss = broadcast_loss;
            world.run(s(300));
            assert_eq!(false_deaths(&world), 0, "of {broadcast_loss} in a thousand");
            assert!(world.agrees());
            let before = world.sent;
            world.run(s(60));
            let mean = (world.sent - before) as f64 / 60.0;
            println!("10 peers, {broadcast_loss} of 1000 broadcasts lost: {mean:.1} datagrams a second");
            assert!(mean <= 80.0, "{mean}");
            world.crash(7);
            let took = world.run_while(s(20), |w| w.showing(7) == 0).expect("it is noticed");
            assert!(took <= ms(7_500), "{took:?}");
            assert_eq!(false_deaths(&world), 0);
        });
    }
}
