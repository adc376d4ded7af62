//! Several downloads of one source at once, in virtual time. Tests.

use super::world::{Kind, World, content, peer};
use crate::content::FileId;
use crate::swarm::*;
use crate::wire::message::{Reason, Refused};

const MIB: usize = 1 << 20;

fn id_of(bytes: &[u8]) -> FileId {
    blake3::hash(bytes).into()
}

/// When the last byte of a file was given.
fn end(world: &World, bytes: &[u8]) -> Time {
    world.given.iter().rev().find(|(_, of, _)| *of == id_of(bytes)).unwrap().0
}

/// Bytes of a file that were given from a moment on.
fn given_since(world: &World, bytes: &[u8], from: Time) -> u64 {
    world.given.iter().filter(|(at, of, _)| *of == id_of(bytes) && *at >= from).map(|(_, _, n)| n).sum()
}

/// Requests that were not answered, each by its bytes of a file and of others.
fn asked(world: &World, bytes: &[u8]) -> Vec<(u64, u64)> {
    let items = world.inbox.iter().filter_map(|(_, message)| match message {
        Message::GetBlocks(m) => Some(&m.items),
        _ => None,
    });
    let sums = items.map(|items| {
        items.iter().fold((0, 0), |(own, others), item| {
            if item.file == id_of(bytes) { (own + item.len, others) } else { (own, others + item.len) }
        })
    });
    sums.filter(|(own, _)| *own > 0).collect()
}

/// A world in which a large download from a source of 6.5 MB/s has gone on for a second.
fn busy(large: &[u8]) -> World {
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.fetch(1, &[("large", large)], &[1]);
    let begun = world.now;
    while world.now.since(begun) < Duration::from_secs(1) {
        assert!(world.answer());
    }
    world
}

#[test]
fn what_is_small_is_asked_for_at_once_in_a_request_of_its_own() {
    let large = content(10 * MIB);
    for len in [10, 100_000, MIB / 2] {
        let mut world = busy(&large);
        let owed = asked(&world, &large).iter().map(|(own, _)| own).sum::<u64>();
        let small = content(len);
        world.fetch(2, &[("small", &small)], &[1]);
        assert_eq!(asked(&world, &small), [(len as u64, 0)]);
        let all = asked(&world, &large).iter().map(|(own, _)| own).sum::<u64>();
        assert_eq!(all, owed, "nothing more is asked of the other one");
        world.run();
        assert_eq!(world.finished(), [(2, 1, None), (1, 1, None)]);
    }
}

#[test]
fn a_small_file_does_not_wait_for_a_large_one_of_the_same_download() {
    let (large, small) = (content(10 * MIB), content(10));
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.fetch(1, &[("large", &large), ("small", &small)], &[1]);
    world.run();
    assert_eq!(world.finished(), [(1, 2, None)]);
    let behind = given_since(&world, &large, end(&world, &small));
    assert!(behind > 9 << 20, "only {behind} bytes of the large one came later");
}

#[test]
fn two_equal_downloads_end_together_and_a_third_one_does_not_wait_for_them() {
    let (one, two, three) = (content(12 * MIB), content(12 * MIB + 1), content(5 * MIB));
    let mut world = World::new(&[(1, Kind::Honest)]);
    let begun = world.now;
    world.fetch(1, &[("one", &one)], &[1]);
    world.fetch(2, &[("two", &two)], &[1]);
    while world.now.since(begun) < Duration::from_secs(1) {
        assert!(world.answer());
    }
    let later = world.now;
    world.fetch(3, &[("three", &three)], &[1]);
    world.run();
    let took = |bytes: &[u8], since: Time| end(&world, bytes).since(since).as_secs_f64();
    let (one, two) = (took(&one, begun), took(&two, begun));
    assert!(one.max(two) / one.min(two) < 1.05, "{one} s and {two} s");
    // Alone it would take 0.8 s at 6.5 MB/s, with a third of that 2.4 s.
    let three = took(&three, later);
    assert!(three < 2.0, "{three} s");
}

#[test]
fn jobs_share_however_many_files_they_have() {
    let many: Vec<_> = (0..60).map(|n| content(200_000 + n)).collect();
    let large = content(12 * MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    let files: Vec<_> = many.iter().map(|bytes| ("many", bytes.as_slice())).collect();
    let begun = world.now;
    world.fetch(1, &files, &[1]);
    world.fetch(2, &[("large", &large)], &[1]);
    world.run();
    let last = many.iter().map(|bytes| end(&world, bytes)).max().unwrap().since(begun).as_secs_f64();
    let large = end(&world, &large).since(begun).as_secs_f64();
    assert!(last.max(large) / last.min(large) < 1.1, "{last} s and {large} s");
}

#[test]
fn a_download_is_opened_though_another_one_has_all_places() {
    let large: Vec<_> = (0..12).map(|n| content(3 * MIB + n)).collect();
    let small = content(200_000);
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.swarm.open_at_most(8);
    let files: Vec<_> = large.iter().map(|bytes| ("large", bytes.as_slice())).collect();
    world.fetch(1, &files, &[1]);
    assert_eq!(world.disk.len(), 8);
    world.fetch(2, &[("small", &small), ("second", &small[1..])], &[1]);
    assert_eq!(world.disk.len(), 9, "its first file has a place of its own, and others wait");
    for job in 3..9 {
        world.fetch(job, &[("more", &small[usize::try_from(job).unwrap()..])], &[1]);
    }
    assert_eq!(world.disk.len(), 10, "there are few such places");
    world.run();
    let order: Vec<_> = world.finished().iter().map(|f| f.0).collect();
    assert_eq!((order.len(), order.last()), (8, Some(&1)), "{order:?}");
}

#[test]
fn small_files_have_places_of_their_own() {
    let small: Vec<_> = (0..60).map(|n| content(1_000 + n)).collect();
    let large: Vec<_> = (0..12).map(|n| content(3 * MIB + n)).collect();
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.swarm.open_at_most(8);
    // What stands at the head of the queue and cannot be begun (a twin) lets no more large ones in than there are places.
    let files = [&small[0]; 2].into_iter().chain(&large).chain(&small[1..]);
    let files: Vec<_> = files.map(|bytes| ("many", bytes.as_slice())).collect();
    world.fetch(1, &files, &[1]);
    let open = |world: &World, is_small: bool| {
        world.disk.values().filter(|(plan, ..)| (plan.size < MIB as u64) == is_small).count()
    };
    assert_eq!((open(&world, true), open(&world, false)), (8 * limits::OPEN_SMALL, 8));
    world.run();
    assert_eq!(world.finished().len(), 1);
}

#[test]
fn a_crowd_of_downloads_asks_for_no_more_at_once_than_a_sender_takes() {
    let large = content(10 * MIB);
    let mut world = busy(&large);
    world.kinds.insert(peer(1), Kind::Mute);
    let many: Vec<_> = (0..100).map(|n| content(if n % 2 == 0 { 5_000 } else { 150_000 } + n)).collect();
    for (job, bytes) in (2..).zip(&many) {
        world.fetch(job, &[("one", bytes)], &[1]);
        let open = world.inbox.iter().filter(|(_, m)| matches!(m, Message::GetBlocks(_))).count();
        assert!(open <= limits::REQUESTS_OPEN, "{open} requests");
        let owed = world.swarm.sources.get(peer(1)).unwrap().owed;
        assert!(owed <= 2 * limits::AHEAD_MAX, "{owed} bytes");
    }
    world.kinds.insert(peer(1), Kind::Honest);
    world.run();
    assert_eq!(world.finished().len(), 101);
}

#[test]
fn a_file_that_a_source_is_too_busy_to_give_holds_up_no_other_one() {
    let (large, small) = (content(10 * MIB), content(1_000));
    let mut world = busy(&large);
    world.fetch(2, &[("small", &small)], &[1]);
    let is_small =
        |message: &Message| matches!(message, Message::GetBlocks(m) if m.items[0].file == id_of(&small));
    let at = world.inbox.iter().position(|(_, message)| is_small(message)).unwrap();
    let (_, message) = world.inbox.remove(at).unwrap();
    let refused = Refused { request: message.request(), item: None, reason: Reason::Busy };
    world.swarm.handle_refused(world.now, peer(1), &refused);
    world.drain();
    let since = world.now;
    while world.now.since(since) < Duration::from_millis(400) {
        assert!(world.answer(), "nothing more is asked for");
        assert!(asked(&world, &small).is_empty(), "it is asked again at once");
    }
    world.run();
    assert_eq!(world.finished().len(), 2);
}
