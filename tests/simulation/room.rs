//! The room in virtual time: every line reaches every peer, once and in the order of its origin, whatever the network
//! loses.

use std::cell::Cell;
use std::time::Duration;

use potluck::identity::PeerName;
use potluck::sim::{Link, World, seeds};
use potluck::wire::datagram::{Body, DatagramMessage, Presence, PresenceState};
use potluck::wire::room::RoomLine;

use super::{ms, s};

/// Lines that each peer says where all of them say many.
const LINES: usize = 100;

/// A network that talks: with loss, datagrams that overtake each other, and copies of some.
fn talking(seed: u64, count: usize, permille: u32) -> World {
    let mut world = World::new(seed, count, Link { copies: 50, ..Link::lossy(permille) });
    world.start_all(s(1));
    world.run_while(s(120), World::agrees).expect("they find each other");
    world.run(s(3));
    world
}

fn say(world: &mut World, place: usize, text: &str) {
    assert_eq!(world.say(place, text), Some(Ok(())), "it may be said");
}

/// What `place` shows of the lines of `of`.
fn shown(world: &World, place: usize, of: usize) -> Vec<String> {
    let id = world.nodes[of].id;
    let lines = world.rooms[place].lines.iter().filter(|line| line.peer == id);
    lines.map(|line| line.text.to_string()).collect()
}

fn missed(world: &World, place: usize, of: usize) -> u64 {
    world.rooms[place].missed.get(&world.nodes[of].id).copied().unwrap_or(0)
}

/// True if every peer of `places` that runs shows just these lines of `of`.
fn all_show(world: &World, places: &[usize], of: usize, lines: &[String]) -> bool {
    let others = places.iter().filter(|place| **place != of);
    others.copied().all(|place| shown(world, place, of) == lines)
}

fn numbered(name: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("{name} {n}")).collect()
}

/// Each of the peers says its lines, one in 250 ms. Returns how long after the last one all are there.
fn all_talk(world: &mut World, count: usize) -> Duration {
    for n in 0..LINES {
        for place in 0..count {
            say(world, place, &format!("{place} {n}"));
            world.run(ms(250 / count as u64));
        }
    }
    let lines: Vec<_> = (0..count).map(|place| numbered(&place.to_string(), 0..LINES)).collect();
    let places: Vec<_> = (0..count).collect();
    let took = world.run_while(s(30), |w| (0..count).all(|of| all_show(w, &places, of, &lines[of])));
    took.expect("every line is at every peer, once and in order")
}

/// All talk, in so many seeds.
#[expect(clippy::print_stdout, reason = "the numbers that were measured")]
fn all_talk_at(permille: u32, count: u64) {
    let (worst, sent) = (Cell::new(Duration::ZERO), Cell::new(0));
    seeds(count, |seed| {
        let mut world = talking(seed, 5, permille);
        let before = world.sent;
        worst.set(worst.get().max(all_talk(&mut world, 5)));
        sent.set(sent.get().max(world.sent - before));
        assert!(world.rooms.iter().all(|room| room.missed.is_empty()));
    });
    let (lines, worst) = (5 * LINES, worst.get());
    println!("{} % loss: {lines} lines are everywhere after {worst:?}; {} sent", permille / 10, sent.get());
    assert!(worst <= s(5), "{worst:?}");
}

#[test]
fn every_line_reaches_every_peer_once_and_in_order_whatever_is_lost() {
    for (permille, count) in [(0, 3), (50, 3), (200, 5), (400, 10)] {
        all_talk_at(permille, count);
    }
}

#[test]
#[ignore = "takes four minutes"]
fn every_line_reaches_every_peer_once_and_in_order_with_200_seeds_at_40_percent_loss() {
    all_talk_at(400, 200);
}

#[test]
fn what_was_said_on_one_side_of_a_cut_is_everywhere_after_it() {
    seeds(20, |seed| {
        let mut world = talking(seed, 6, 200);
        for place in 0..3 {
            world.nodes[place].side = 1;
        }
        world.run_while(s(60), World::agrees).expect("each side is for itself");
        for n in 0..10 {
            for place in 0..6 {
                say(&mut world, place, &format!("{place} {n}"));
            }
            world.run(s(1));
        }
        world.run(s(2));
        assert!(shown(&world, 0, 4).is_empty() && shown(&world, 0, 1) == numbered("1", 0..10));
        // One that spoke is gone before the sides meet: the others have what it said.
        world.crash(5);
        world.run_while(s(60), World::agrees).expect("its side misses it");
        for node in &mut world.nodes {
            node.side = 0;
        }
        world.run_while(s(120), World::agrees).expect("both sides are one again");
        let up = [0, 1, 2, 3, 4];
        for of in 0..6 {
            let lines = numbered(&of.to_string(), 0..10);
            let took = world.run_while(s(30), |w| all_show(w, &up, of, &lines));
            assert!(took.is_some(), "what {of} said is not everywhere");
        }
    });
}

#[test]
fn an_origin_that_restarts_is_heard_once_and_in_order() {
    seeds(50, |seed| {
        let mut world = talking(seed, 5, 200);
        let mut lines = Vec::new();
        for start in 0..4 {
            for n in 0..3 {
                let text = format!("{start} {n}");
                say(&mut world, 2, &text);
                lines.push(text);
                world.run(ms(300));
            }
            // All have heard of what it said last. Nobody but they can repair it now.
            world.run(s(2));
            world.crash(2);
            world.run(ms(500));
            world.start(2);
            world.run_while(s(60), World::agrees).expect("it is back");
        }
        let took = world.run_while(s(30), |w| all_show(w, &[0, 1, 3, 4], 2, &lines));
        assert!(took.is_some(), "{:?}", shown(&world, 0, 2));
        assert!(world.rooms.iter().all(|room| room.missed.is_empty()));
    });
}

#[test]
fn a_line_that_is_said_just_before_an_exit_arrives() {
    for (permille, count) in [(0, 5), (200, 100), (400, 200)] {
        seeds(count, |seed| {
            let mut world = talking(seed, 5, permille);
            say(&mut world, 3, "bye");
            world.leave(3);
            let took = world.run_while(s(2), |w| !w.nodes[3].is_up()).expect("it leaves");
            assert!(took <= ms(1_100), "{took:?}");
            let took = world.run_while(s(20), |w| all_show(w, &[0, 1, 2, 4], 3, &["bye".to_owned()]));
            assert!(took.is_some(), "the last line is not everywhere at {permille}");
        });
    }
}

#[test]
fn one_that_was_away_for_longer_than_the_window_is_told_what_it_missed() {
    let mut world = talking(1, 4, 50);
    say(&mut world, 0, "0 0");
    world.run(s(3));
    world.sleep(2, true);
    for n in 1..=50 {
        say(&mut world, 0, &format!("0 {n}"));
        world.run(ms(250));
    }
    world.run(s(30));
    world.sleep(2, false);
    world.start(3);
    world.run(s(20));
    // The first line, then what is still in the window: the last 32 lines.
    let mut expected = numbered("0", 0..1);
    expected.extend(numbered("0", 19..51));
    assert_eq!((shown(&world, 2, 0), missed(&world, 2, 0)), (expected, 18));
    // A newcomer gets the same, and missed what was said before.
    assert_eq!((shown(&world, 3, 0), missed(&world, 3, 0)), (numbered("0", 19..51), 19));
    assert_eq!((shown(&world, 1, 0).len(), missed(&world, 1, 0)), (51, 0));
}

#[test]
fn a_member_that_floods_is_heard_as_much_as_it_may_say_and_the_others_as_ever() {
    let mut world = talking(1, 5, 50);
    let flooder =
        (world.nodes[4].id, world.nodes[4].instance, world.nodes[0].shown[&world.nodes[4].id].clone());
    let (id, instance, info) = flooder;
    world.crash(4);
    let ports = info.contact.ports;
    let presence = |room| {
        let name = PeerName::of_folder("flooder", id);
        Presence { room, ..Presence::new(PresenceState::Here, name, ports, 1_000, 0) }
    };
    for n in 0..40 {
        for place in 0..4 {
            say(&mut world, place, &format!("{place} {n}"));
        }
        for burst in 1..=25 {
            let number = n as u64 * 25 + burst;
            let text = format!("buy {number}");
            let message = DatagramMessage::Room(RoomLine { number, said: 0, text });
            let body = Body { instance, sequence: 10_000 + number, presence: presence(number), message };
            world.invent(info.at, id, body);
            world.run(ms(10));
        }
    }
    world.run(s(10));
    for of in 0..4 {
        assert!(all_show(&world, &[0, 1, 2, 3], of, &numbered(&of.to_string(), 0..40)), "{of} is not heard");
    }
    // A thousand lines in ten seconds: of them 5 a second are taken, and what may come at once.
    let taken = shown(&world, 0, 4).len();
    assert!((10..=64 + 5 * 20).contains(&taken), "{taken}");
}

#[test]
fn fifty_peers_that_talk_raise_no_storm() {
    for (permille, most) in [(0, 5.0), (200, 14.0), (400, 40.0)] {
        let mut world = talking(1, 50, permille);
        let mean = |world: &mut World, time: u64| {
            let before = world.sent;
            world.run(s(time));
            (world.sent - before) as f64
        };
        let quiet = mean(&mut world, 20) / 20.0;
        let before = world.sent;
        for n in 0..20 {
            say(&mut world, n, "good morning");
            world.run(s(1));
        }
        let lines = ["good morning".to_owned()];
        let places: Vec<_> = (0..50).collect();
        let all = |w: &World| (0..20).all(|of| all_show(w, &places, of, &lines));
        let took = world.run_while(s(30), all).expect("all hear all");
        let a_line = ((world.sent - before) as f64 - quiet * (20.0 + took.as_secs_f64())) / 20.0;
        println!(
            "50 peers, {} % loss: {a_line:.1} datagrams a line beside {quiet:.1} a second",
            permille / 10
        );
        assert!(a_line <= most, "{a_line}");
        // A newcomer to whom all is said again.
        let newcomer = 49;
        world.crash(newcomer);
        world.run_while(s(60), World::agrees).expect("it is missed");
        let before = world.sent;
        world.start(newcomer);
        let all = |w: &World| (0..20).all(|of| shown(w, newcomer, of) == lines);
        let took = world.run_while(s(60), all).expect("the newcomer hears all");
        let sent = world.sent - before;
        println!("a newcomer hears 20 lines after {took:?}; {sent} sent meanwhile by all");
        assert!(sent as f64 <= 300.0 + 150.0 * took.as_secs_f64(), "{sent}");
    }
}

#[test]
fn who_hears_nothing_that_goes_to_everyone_hears_the_lines_all_the_same() {
    seeds(10, |seed| {
        let mut world = World::new(seed, 5, Link::lossy(50));
        world.nodes[2].system.wall = Some(potluck::sim::Wall::default());
        world.start_all(s(1));
        world.run_while(s(60), World::agrees).expect("they find each other");
        for n in 0..10 {
            say(&mut world, 0, &format!("0 {n}"));
            say(&mut world, 2, &format!("2 {n}"));
            world.run(s(1));
        }
        let took = world.run_while(s(30), |w| {
            all_show(w, &[0, 1, 2, 3, 4], 0, &numbered("0", 0..10))
                && all_show(w, &[0, 1, 2, 3, 4], 2, &numbered("2", 0..10))
        });
        assert!(took.is_some(), "{:?}", shown(&world, 2, 0));
    });
}
