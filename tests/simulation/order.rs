//! The order of arrival and the offices that go by it, in virtual time.

use std::time::Duration;

use potluck::identity::PeerId;
use potluck::lan::order::offices;
use potluck::lan::{IndexDuty, OrderClaim};
use potluck::sim::{Link, Rng, World, seeds};

use super::{ms, s};

/// The peers that run, by their places.
fn running(world: &World) -> impl Iterator<Item = usize> {
    (0..world.nodes.len()).filter(|place| world.nodes[*place].is_up())
}

/// What a peer knows of the places of itself and of those that it shows.
fn claims(world: &World, place: usize) -> impl Iterator<Item = (PeerId, OrderClaim)> {
    let node = &world.nodes[place];
    let own = OrderClaim { ticket: world.tickets[place], duty: IndexDuty::InTurn };
    node.shown.iter().map(|(id, info)| (*id, info.arrival)).chain([(node.id, own)])
}

/// Itself and whom it shows, in the order of arrival.
fn order(world: &World, place: usize) -> Vec<PeerId> {
    let mut places: Vec<_> = claims(world, place).map(|(id, claim)| claim.place(id)).collect();
    places.sort_unstable();
    places.into_iter().map(|place| place.id).collect()
}

/// All that run name the same peers in the same order, and each has a ticket.
fn agreed_order(world: &World) -> Option<Vec<PeerId>> {
    let mut orders = running(world).map(|place| order(world, place));
    let first = orders.next()?;
    let all_have_one = running(world).all(|place| world.tickets[place] > 0);
    (world.agrees() && all_have_one && orders.all(|order| order == first)).then_some(first)
}

/// Lets time pass until they do.
fn settle(world: &mut World, seed: u64, limit: Duration) -> Vec<PeerId> {
    let took = world.run_while(limit, |world| agreed_order(world).is_some());
    assert!(took.is_some(), "seed {seed}: no order after {limit:?}");
    agreed_order(world).unwrap_or_default()
}

fn index(rng: &mut Rng, below: usize) -> usize {
    usize::try_from(rng.below(below as u64)).unwrap_or(0)
}

/// Peers come one after the other.
fn come(world: &mut World, seed: u64, places: impl IntoIterator<Item = usize>) -> Vec<PeerId> {
    let mut model = Vec::new();
    for place in places {
        world.start(place);
        model.push(world.nodes[place].id);
        assert_eq!(settle(world, seed, s(30)), model, "seed {seed}");
    }
    model
}

#[test]
fn all_agree_on_the_order_and_whoever_comes_again_comes_last() {
    seeds(200, |seed| {
        let mut chance = Rng::new(seed ^ 0x5eed);
        let mut world = World::new(seed, 6, Link::lossy(if seed.is_multiple_of(2) { 0 } else { 50 }));
        let mut model = come(&mut world, seed, 0..4);
        for _ in 0..8 {
            let place = index(&mut chance, 6);
            let id = world.nodes[place].id;
            if world.nodes[place].is_up() {
                match chance.below(3) {
                    0 => world.leave(place),
                    1 => world.crash(place),
                    // It is back before anyone misses it.
                    _ => {
                        world.crash(place);
                        world.run(chance.time(s(2)));
                        world.start(place);
                    }
                }
                // A leave takes a moment.
                world.run(ms(100));
            } else {
                world.start(place);
            }
            model.retain(|other| *other != id);
            if world.nodes[place].is_up() {
                model.push(id);
            }
            if !model.is_empty() {
                assert_eq!(settle(&mut world, seed, s(30)), model, "seed {seed}");
            }
        }
    });
}

#[test]
fn those_that_come_at_the_same_moment_agree_by_their_ids() {
    seeds(20, |seed| {
        let mut world = World::new(seed, 20, Link::lossy(20));
        world.start_all(ms(100));
        let order = settle(&mut world, seed, s(30));
        world.run(s(10));
        assert_eq!(agreed_order(&world), Some(order), "seed {seed}: nothing changes any more");
    });
}

#[test]
fn halves_that_were_apart_compare_their_tickets_as_they_are() {
    seeds(200, |seed| {
        let mut world = World::new(seed, 10, Link::lossy(20));
        let before = come(&mut world, seed, 0..6);
        world.run(s(6));
        for place in [1, 3, 5, 8, 9] {
            world.nodes[place].side = 1;
        }
        world.run_while(s(30), World::agrees).expect("each half by itself");
        // Others come on both sides, and the first of all comes again.
        world.crash(0);
        for place in [6, 8, 7, 9, 0] {
            world.start(place);
            world.run(s(5));
        }
        world.run_while(s(30), World::agrees).expect("each half by itself");
        let tickets = world.tickets.clone();
        for node in &mut world.nodes {
            node.side = 0;
        }
        let order = settle(&mut world, seed, s(60));
        assert_eq!(tickets, world.tickets, "seed {seed}: nobody takes another one");
        let place_of = |id: &PeerId| order.iter().position(|other| other == id);
        let older: Vec<_> = before[1..].iter().map(place_of).collect();
        assert!(older.is_sorted(), "seed {seed}: {older:?}");
        // Whoever came since comes behind all that were in its own half then.
        for half in [vec![2, 4, 6, 7, 0], vec![1, 3, 5, 8, 9]] {
            let half: Vec<_> = half.into_iter().map(|place| place_of(&world.nodes[place].id)).collect();
            assert!(half.is_sorted(), "seed {seed}: {half:?}");
        }
    });
}

/// Who is the supernode for everyone but `gone`.
fn supernode_without(world: &World, gone: usize) -> Option<PeerId> {
    let mut named =
        running(world).filter(|place| *place != gone).map(|place| offices(claims(world, place))[0]);
    let first = named.next()??;
    named.all(|other| other == Some(first)).then_some(first)
}

#[test]
fn an_office_passes_on_within_200_ms_of_a_leave_and_7500_ms_of_a_death() {
    seeds(20, |seed| {
        for loss in [0, 50] {
            let mut world = World::new(seed, 10, Link::lossy(loss));
            let mut order = come(&mut world, seed, 0..10);
            // A death, and a leave; each time it is the next one whom everybody named.
            for (place, limit) in [(0, ms(7_500)), (1, if loss == 0 { ms(200) } else { ms(7_500) })] {
                let deputy = order[1];
                assert!(running(&world).all(|by| offices(claims(&world, by))[1] == Some(deputy)));
                if place == 0 {
                    world.crash(place)
                } else {
                    world.leave(place)
                }
                let passed = |world: &World| supernode_without(world, place) == Some(deputy);
                let took = world.run_while(limit, passed);
                assert!(took.is_some(), "seed {seed}, {loss}: not within {limit:?}");
                order.remove(0);
                world.run(s(1));
            }
            // Both come again, and get nothing back.
            for place in [0, 1] {
                world.start(place);
                order.push(world.nodes[place].id);
                assert_eq!(settle(&mut world, seed, s(30)), order, "seed {seed}");
            }
        }
    });
}

#[test]
fn a_laptop_that_slept_comes_behind_those_that_came_meanwhile() {
    seeds(50, |seed| {
        let mut world = World::new(seed, 5, Link::lossy(20));
        let mut order = come(&mut world, seed, 0..4);
        world.sleep(0, true);
        world.run(s(60));
        world.start(4);
        order = [&order[1..], &[world.nodes[4].id]].concat();
        assert_eq!(settle(&mut world, seed, s(30)), order, "seed {seed}");
        world.sleep(0, false);
        order.push(world.nodes[0].id);
        assert_eq!(settle(&mut world, seed, s(30)), order, "seed {seed}");
    });
}
