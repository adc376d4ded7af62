//! Why a file does not come: what whoever waits is told, and how soon.

use super::world::{Kind, World, content, peer};
use crate::content::Claim;
use crate::swarm::*;

const MIB: usize = 1 << 20;

impl World {
    /// What was told of why nothing moves.
    fn reasons(&self) -> Vec<String> {
        let waiting = self.events.iter().filter_map(|e| match e {
            JobEvent::Progress(progress) => progress.waiting.clone(),
            _ => None,
        });
        waiting.collect()
    }

    /// Why each file failed.
    fn failures(&self) -> Vec<String> {
        let failed = self.events.iter().filter_map(|e| match e {
            JobEvent::Failed(.., failure) => Some(failure.message.clone()),
            _ => None,
        });
        failed.collect()
    }
}

/// A download of this of which some came from the first of these.
fn begun(kinds: &[(u8, Kind)], bytes: &[u8]) -> World {
    let mut world = World::new(kinds);
    world.fetch(1, &[("a", bytes), ("twin", bytes)], &[1]);
    for _ in 0..2 {
        assert!(world.answer());
    }
    assert!(world.served[&peer(1)] > 0);
    world
}

fn claim(bytes: &[u8]) -> Claim {
    (blake3::hash(bytes).into(), bytes.len() as u64)
}

#[test]
fn what_changed_at_its_owner_is_told_and_not_waited_for_as_for_one_that_is_away() {
    let bytes = content(8 * MIB);
    let mut world = begun(&[(1, Kind::Honest)], &bytes);
    world.kinds.insert(peer(1), Kind::Changed);
    let then = world.now;
    world.run();
    let took = world.now.since(then);
    assert!(took < limits::NO_HOLDER + Duration::from_secs(5), "{took:?}");
    assert!(
        world.reasons().iter().any(|why| why.starts_with("it changed at its owner")),
        "{:?}",
        world.reasons()
    );
    let failures = world.failures();
    assert!(failures.len() == 2 && failures.iter().all(|why| why.starts_with("changed: ")), "{failures:?}");
}

/// Its owner hashes a file again that only got another link or time, and announces nothing new behind that.
#[test]
fn what_turned_out_to_be_the_same_is_given_though_nobody_says_so() {
    let bytes = content(8 * MIB);
    let mut world = begun(&[(1, Kind::Honest)], &bytes);
    world.kinds.insert(peer(1), Kind::Changed);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.finished(), []);
    world.kinds.insert(peer(1), Kind::Honest);
    world.run();
    assert_eq!(world.finished(), [(1, 2, None)]);
}

#[test]
fn what_is_known_to_have_changed_fails_at_once_and_comes_from_others_who_have_it_as_it_was() {
    let bytes = content(8 * MIB);
    let mut world = begun(&[(1, Kind::Honest)], &bytes);
    world.swarm.handle_changed(world.now, claim(&bytes), peer(1));
    world.drain();
    assert_eq!(world.finished(), [(1, 0, Some(crate::error::Code::NoHolder))]);
    assert!(world.failures().iter().all(|why| why.starts_with("changed: ")), "{:?}", world.failures());

    let mut world = begun(&[(1, Kind::Honest), (2, Kind::Honest)], &bytes);
    world.swarm.handle_holders(world.now, claim(&bytes), &[peer(2)]);
    world.swarm.handle_changed(world.now, claim(&bytes), peer(1));
    world.drain();
    world.run();
    assert_eq!(world.finished(), [(1, 2, None)]);
}

#[test]
fn a_file_that_waits_for_its_turn_fails_when_it_changed_too() {
    let (bytes, other) = (content(8 * MIB), content(MIB));
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.swarm.open_at_most(1);
    world.fetch(1, &[("a", &bytes), ("b", &other)], &[1]);
    world.swarm.handle_changed(world.now, claim(&other), peer(1));
    world.drain();
    assert_eq!(world.failures().len(), 1);
    world.run();
    assert!(matches!(world.finished()[..], [(1, 1, Some(_))]), "{:?}", world.finished());
}

#[test]
fn a_connection_that_stands_and_brings_nothing_is_told_as_that() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Mute)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    world.run();
    assert!(world.reasons().iter().any(|why| why.starts_with("connected, but")), "{:?}", world.reasons());
    assert!(!world.reasons().iter().any(|why| why.contains("no holder is here")), "{:?}", world.reasons());
    let failures = world.failures();
    assert!(failures.iter().all(|why| why.contains("does not come through")), "{failures:?}");

    // Who gives something after all is forgiven.
    let mut world = World::new(&[(1, Kind::Mute)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    world.run_for(limits::STALL + Duration::from_secs(1));
    world.kinds.insert(peer(1), Kind::Honest);
    world.run();
    assert_eq!(world.finished(), [(1, 1, None)]);
    let last = world.events.iter().rev().find_map(|e| match e {
        JobEvent::Progress(progress) => Some(progress.waiting.clone()),
        _ => None,
    });
    assert_eq!(last, Some(None));
}
