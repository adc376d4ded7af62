//! Who is told that a file is here, until it has heard it. Tests.

use super::world::{Kind, World, content, peer};

/// Of several chunks: who gives one of these alone knows.
const LEN: usize = 200_000;

/// Fetches a file of one holder, of whose links so many end as it is told.
fn fetched(unheard: u32) -> World {
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.unheard = unheard;
    let bytes = content(LEN);
    world.fetch(1, &[("film", &bytes)], &[1]);
    world.run();
    assert_eq!(world.arrived.len(), 1);
    world
}

#[test]
fn a_holder_whose_link_ends_before_it_heard_is_told_again() {
    for unheard in 0..4 {
        let world = fetched(unheard);
        assert_eq!(world.heard, [peer(1)], "after {unheard} links");
        assert_eq!(world.dialled.len(), 1 + unheard as usize);
    }
}

#[test]
fn a_holder_that_has_no_place_for_a_while_is_told_later() {
    let mut world = World::new(&[(1, Kind::Honest)]);
    (world.unheard, world.refuses) = (1, 8);
    let bytes = content(LEN);
    world.fetch(1, &[("film", &bytes)], &[1]);
    world.run();
    assert_eq!(world.heard, [peer(1)]);
    assert_eq!(world.dialled.len(), 1 + 8 + 1);
}

#[test]
fn who_never_hears_is_told_four_times_and_no_more() {
    let world = fetched(u32::MAX);
    assert_eq!(u32::MAX - world.unheard, 4);
    assert_eq!((world.heard.len(), world.dialled.len()), (0, 4));
}

#[test]
fn an_answer_that_earlier_versions_never_give_is_not_waited_for() {
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.answers_got = false;
    let bytes = content(LEN);
    world.fetch(1, &[("film", &bytes)], &[1]);
    world.run();
    // It ran until nothing was waited for.
    assert_eq!(world.heard, [peer(1)]);
}
