//! Whatever givers do, whoever reads is given the bytes of the file in order, or the beginning of them and why it ended.

mod world;

use core::time::Duration;

use proptest::prelude::*;

use self::world::{Content, Kind, World, peer};
use super::{ReadId, ReadOrder, limits};
use crate::content::slice::SLICE;
use crate::error::Code;

const LONG: Duration = Duration::from_mins(10);

#[test]
fn files_of_all_sizes_come_as_they_are() {
    for len in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000, 5_000_000] {
        let mut world = World::new(Content::new(len), &[(1, Kind::Honest)]);
        let id = world.read_all();
        world.run(LONG);
        world.assert_read(id, 0..len as u64);
        assert_eq!(world.served.values().sum::<u64>(), len as u64, "nothing comes twice");
    }
}

#[test]
fn any_part_of_a_file_is_read_and_little_beside_it() {
    let content = Content::of_long_chunks();
    let size = content.claim().1;
    for (from, to) in [
        (0, 1),
        (size - 1, size),
        (size / 2, size / 2 + 3 * SLICE),
        (SLICE - 1, SLICE + 1),
        (size, size),
        (7, 7),
        (70_000_000, 80_000_000),
    ] {
        let mut world = World::new(content.clone(), &[(1, Kind::Honest)]);
        let id = world.read(1, from..to);
        world.run(LONG);
        world.assert_read(id, from..to);
        let served = world.served.values().sum::<u64>();
        assert!(served <= to - from + 2 * SLICE + (256 << 10), "{served} for {from}..{to}");
    }
}

#[test]
fn the_first_bytes_come_by_slices_and_what_is_fast_by_whole_chunks() {
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Honest)]);
    let id = world.read_all();
    while !world.given.contains_key(&id) {
        world.step();
    }
    assert!(world.served[&peer(1)] <= SLICE, "the first slice is given as soon as it is there");
    world.run(LONG);
    let size = world.content.claim().1;
    world.assert_read(id, 0..size);
    assert!(world.asked_blocks > size / 2 && world.asked_slices > 0, "{}", world.asked_blocks);
}

#[test]
fn a_chunk_that_the_window_cuts_is_asked_for_once_all_of_it_fits() {
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Honest)]);
    let id = world.read_all();
    while world.asked_blocks == 0 {
        world.step();
    }
    let by_slices = world.asked_slices;
    // From here on the reader is slower than the giver: the window is full, and moves on by one slice.
    world.is_paused = true;
    while world.readers.poll_timeout().is_some() {
        world.step();
        let waiting = world.waiting.get_mut(&id).unwrap();
        *waiting -= (*waiting).min(1);
        let waiting = *waiting;
        world.readers.handle_waiting(world.now, id, waiting);
        world.drain();
    }
    let size = world.content.claim().1;
    world.assert_read(id, 0..size);
    assert!(size > 2 * limits::READ_WINDOW);
    assert!(world.asked_slices <= by_slices + 4, "{} and {by_slices}", world.asked_slices);
}

#[test]
fn over_a_slow_line_each_slice_is_given_when_it_is_there() {
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Honest)]);
    // 64 KiB in 50 ms.
    world.pace = Duration::from_millis(50);
    let id = world.read(1, 0..20_000_000);
    world.run(LONG);
    world.assert_read(id, 0..20_000_000);
    assert_eq!(world.asked_blocks, 0);
}

#[test]
fn a_reader_that_takes_nothing_stops_the_fetching() {
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Honest), (2, Kind::Honest)]);
    world.is_paused = true;
    let id = world.read_all();
    world.run(Duration::from_mins(5));
    let served: u64 = world.served.values().sum();
    assert!(served <= limits::READ_WINDOW + (limits::GIVEN_AHEAD as u64) * SLICE, "{served}");
    assert!(world.ended.is_empty(), "whoever pauses is waited for");
    world.is_paused = false;
    for (id, waiting) in std::mem::take(&mut world.waiting) {
        assert_eq!(waiting, limits::GIVEN_AHEAD);
        world.readers.handle_waiting(world.now, id, 0);
    }
    world.run(LONG);
    let size = world.content.claim().1;
    world.assert_read(id, 0..size);
}

#[test]
fn a_wrong_byte_is_never_given_and_an_honest_holder_makes_up_for_it() {
    for liar in [Kind::Liar, Kind::BlockLiar, Kind::Forger] {
        let content = Content::of_long_chunks();
        let mut world = World::new(content.clone(), &[(1, liar)]);
        let id = world.read_all();
        world.run(LONG);
        let (given, failure) = world.failed(id, 0);
        assert_eq!(failure.code, Code::NoHolder);
        let hint = format!("`--offset {given}`");
        assert!(failure.message.starts_with("what those gave who have it was wrong"), "{failure}");
        assert!(given == 0 || failure.message.contains(&hint), "{failure}");
        assert_eq!((world.warnings.len(), world.dropped.len()), (2, 2), "{liar:?}: {:?}", world.warnings);

        let mut world = World::new(content, &[(1, liar), (2, Kind::Honest)]);
        let id = world.read(1, 1_000..30_000_000);
        world.run(LONG);
        world.assert_read(id, 1_000..30_000_000);
    }
}

#[test]
fn a_holder_that_dies_in_the_middle_is_replaced() {
    for pieces in [1, 2, 7, 30, 100] {
        let mut world = World::new(
            Content::of_long_chunks(),
            &[(1, Kind::Dies(pieces)), (2, Kind::Honest), (3, Kind::Dies(9))],
        );
        let id = world.read(1, 5..40_000_005);
        world.run(LONG);
        world.assert_read(id, 5..40_000_005);
    }
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Dies(30))]);
    let id = world.read_all();
    let begun = world.now;
    world.run(LONG);
    let (given, failure) = world.failed(id, 0);
    assert!(
        given > 0 && failure.code == Code::NoHolder && failure.message.contains("could be reached"),
        "{failure}"
    );
    assert!(world.now.since(begun) >= limits::NO_HOLDER, "it may come back");
}

#[test]
fn who_says_nothing_loses_what_it_owes_to_others() {
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Mute), (2, Kind::Honest)]);
    let id = world.read(1, 0..10_000_000);
    let begun = world.now;
    world.run(LONG);
    world.assert_read(id, 0..10_000_000);
    assert!(world.now.since(begun) < Duration::from_secs(3), "{:?}", world.now.since(begun));

    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Mute)]);
    let id = world.read_all();
    world.run(LONG);
    assert_eq!(world.failed(id, 0).1.code, Code::NoHolder);
    assert!(world.dropped.contains(&peer(1)), "its connection may be dead");
}

#[test]
fn a_slow_holder_does_not_hold_up_a_fast_one() {
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Slow(400)), (2, Kind::Honest)]);
    let id = world.read(1, 0..30_000_000);
    world.run(LONG);
    world.assert_read(id, 0..30_000_000);
    assert!(
        world.served[&peer(2)] > 20 * world.served.get(&peer(1)).copied().unwrap_or(1),
        "{:?}",
        world.served
    );
}

#[test]
fn several_holders_give_it_together() {
    let kinds = [(1, Kind::Honest), (2, Kind::Honest), (3, Kind::Honest)];
    let mut world = World::new(Content::of_long_chunks(), &kinds);
    let id = world.read_all();
    world.run(LONG);
    let size = world.content.claim().1;
    world.assert_read(id, 0..size);
    assert!(world.served.values().all(|bytes| *bytes > size / 10), "{:?}", world.served);
}

#[test]
fn who_knows_no_slices_gives_whole_chunks() {
    let content = Content::of_long_chunks();
    for (from, to) in [(0, 20_000_000), (70_000_001, 70_000_002)] {
        let mut world = World::new(content.clone(), &[(1, Kind::Old)]);
        let id = world.read(1, from..to);
        world.run(LONG);
        world.assert_read(id, from..to);
    }
    let mut world = World::new(content, &[(1, Kind::Old), (2, Kind::Slow(20))]);
    let id = world.read(1, 3..20_000_000);
    world.run(LONG);
    world.assert_read(id, 3..20_000_000);
}

#[test]
fn who_has_some_of_it_gives_that() {
    let kinds = [(1, Kind::Some(100)), (2, Kind::Honest)];
    let mut world = World::new(Content::new(30_000_000), &kinds);
    let id = world.read_all();
    world.run(LONG);
    world.assert_read(id, 0..30_000_000);
    let mut world = World::new(Content::new(30_000_000), &kinds[..1]);
    let id = world.read_all();
    world.run(LONG);
    assert_eq!(world.failed(id, 0).0, 100 * SLICE);
}

#[test]
fn it_is_said_why_nobody_gives_it() {
    for (kind, words) in [
        (Kind::Away, "could be reached"),
        (Kind::Empty, "nobody who had it shares it any more"),
        (Kind::Changed, "changed:"),
    ] {
        let mut world = World::new(Content::new(300_000), &[(1, kind)]);
        let id = world.read_all();
        world.run(LONG);
        let (given, failure) = world.failed(id, 0);
        assert!((given, failure.code) == (0, Code::NoHolder) && failure.message.contains(words), "{failure}");
    }
    let mut world = World::new(Content::new(300_000), &[(1, Kind::Busy(3))]);
    let id = world.read_all();
    world.run(LONG);
    world.assert_read(id, 0..300_000);
}

#[test]
fn an_owner_that_was_started_again_is_waited_for_until_it_has_read_its_files() {
    let mut world = World::new(Content::new(300_000), &[(1, Kind::Empty)]);
    let id = world.read_all();
    world.run(limits::NO_HOLDER / 2);
    assert!(world.ended.is_empty(), "{:?}", world.ended);
    world.kinds.insert(peer(1), Kind::Honest);
    let claim = world.content.claim();
    world.readers.handle_holders(world.now, claim, &[peer(1)]);
    world.run(LONG);
    world.assert_read(id, 0..300_000);
}

#[test]
fn a_false_size_gives_nothing_that_is_wrong() {
    let mut world = World::new(Content::new(0), &[(1, Kind::Honest)]);
    let order = |id, claim| ReadOrder {
        id: ReadId(id),
        claim,
        range: 0..claim.1,
        holders: vec![peer(1)],
        some: vec![],
    };
    world.readers.handle_order(world.now, order(1, world.other_claim()));
    world.drain();
    assert!(world.ended[&ReadId(1)].is_err(), "that of nothing is another id");
    world.readers.handle_order(world.now, order(2, (world.content.claim().0, u64::MAX)));
    world.drain();
    let failure = world.ended[&ReadId(2)].as_ref().unwrap_err();
    assert_eq!(failure.message, "the file is larger than a file can be");
}

#[test]
fn what_is_not_read_any_more_is_asked_of_nobody() {
    let mut world = World::new(Content::of_long_chunks(), &[(1, Kind::Honest)]);
    let id = world.read_all();
    (0..50).for_each(|_| world.step());
    world.readers.handle_cancel(world.now, id);
    world.drain();
    let served = world.served[&peer(1)];
    (0..50).for_each(|_| world.step());
    assert_eq!(world.served[&peer(1)], served);
    assert!(world.readers.poll_timeout().is_none() && world.ended.is_empty());
    assert!(world.readers.reads.is_empty() && world.readers.asked.is_empty());
}

#[test]
fn many_readers_share_what_there_is_and_too_many_are_refused() {
    let mut world = World::new(Content::new(3_000_000), &[(1, Kind::Honest)]);
    let size = world.content.claim().1;
    world.is_paused = true;
    let ids: Vec<_> = (1..=limits::READS as u64).map(|n| world.read(n, 0..size)).collect();
    let late = world.read(1_000, 0..size);
    let refused = world.ended[&late].as_ref().unwrap_err().message.as_str();
    assert!(refused.contains("files are read already: try again when one of them is"), "{refused}");
    world.is_paused = false;
    world.run(LONG);
    ids.into_iter().for_each(|id| world.assert_read(id, 0..size));
}

#[test]
fn who_has_only_the_beginning_keeps_nobody_else_out() {
    let mut world = World::new(Content::new(532_323), &[(1, Kind::Some(1)), (99, Kind::Honest)]);
    let id = world.read_all();
    world.run(LONG);
    world.assert_read(id, 0..532_323);
    assert_eq!(world.dialled, [peer(1), peer(99)], "a small file is worth one connection at a time");
}

#[test]
fn a_lie_in_the_last_slice_of_a_request_is_asked_of_another() {
    let mut world = World::new(Content::new(432_747), &[(1, Kind::Liar), (99, Kind::Honest)]);
    let id = world.read(1, 2 * SLICE..3 * SLICE);
    world.run(LONG);
    world.assert_read(id, 2 * SLICE..3 * SLICE);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whoever_reads_is_given_the_beginning_of_it_at_least(
        len in 1_usize..6_000_000, from in any::<u64>(), to in any::<u64>(),
        kinds in prop::collection::vec((0_u8..13, 1_u32..40), 1..5), honest in any::<bool>(),
    ) {
        let kind = |(kind, n): (u8, u32)| match kind {
            0 => Kind::Honest,
            1 => Kind::Slow(n),
            2 => Kind::Liar,
            3 => Kind::BlockLiar,
            4 => Kind::Mute,
            5 => Kind::Away,
            6 => Kind::Empty,
            7 => Kind::Changed,
            8 => Kind::Busy(n % 3),
            9 => Kind::Forger,
            10 => Kind::Old,
            11 => Kind::Some(n.into()),
            _ => Kind::Dies(n),
        };
        let mut kinds: Vec<_> = (1..).zip(kinds.into_iter().map(kind)).collect();
        if honest {
            kinds.push((99, Kind::Honest));
        }
        let mut world = World::new(Content::new(len), &kinds);
        let (a, b) = (from % (len as u64 + 1), to % (len as u64 + 1));
        let (from, to) = (a.min(b), a.max(b));
        let id = world.read(1, from..to);
        world.run(LONG);
        if honest {
            world.assert_read(id, from..to);
        } else if world.ended[&id].is_err() {
            world.failed(id, from);
        } else {
            world.assert_read(id, from..to);
        }
    }
}
