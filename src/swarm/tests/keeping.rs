//! Parts that are kept, peers that have some of a file, and jobs in the background, in virtual time. Tests.

use std::path::PathBuf;

use super::world::{Kind, World, content, manifest, peer};
use crate::content::partial::Bits;
use crate::content::{Chunks, FileId, Span};
use crate::disk::Arrival;
use crate::error::Code;
use crate::swarm::limits;
use crate::swarm::requests::PendingRequest;
use crate::swarm::{Progress, Wanted, *};
use crate::wire::message::{GetAny, HavesIs, ManifestIs};

const MIB: usize = 1 << 20;

/// Bytes of a chunk of all files here that have several.
const CHUNK: u64 = 64 << 10;

const fn span(from: u32, to: u32) -> Span {
    Span { from, to }
}

/// Peers by their numbers.
fn peers(numbers: &[u8]) -> Vec<PeerId> {
    numbers.iter().map(|n| peer(*n)).collect()
}

fn id_of(bytes: &[u8]) -> FileId {
    blake3::hash(bytes).into()
}

/// A file of which these have all and those some.
fn wanted(world: &mut World, bytes: &[u8], holders: &[u8], some: &[u8]) -> Wanted {
    world.content.insert(id_of(bytes), bytes.to_vec());
    let (size, to) = (bytes.len() as u64, id_of(bytes).to_string().parse().unwrap());
    let (holders, some) = (peers(holders), peers(some));
    let asked = "a".into();
    Wanted {
        here: None,
        id: id_of(bytes),
        size,
        modified: 0,
        executable: false,
        asked,
        to,
        holders,
        keep: None,
        some,
    }
}

fn begin(world: &mut World, id: u64, files: Vec<Wanted>, background: bool) {
    let destination = PathBuf::from("/d");
    let job = Job { id: JobId(id), destination, files, folders: vec![], background };
    world.swarm.handle_job(world.now, job);
    world.drain();
}

/// This peer says that it has these chunks of a file, and nothing else.
fn has(world: &mut World, n: u8, bytes: &[u8], spans: &[Span]) {
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    let mut map = Bits::none(chunks);
    for chunk in spans.iter().flat_map(|s| s.from..s.to) {
        map.insert(chunks.index(chunk).unwrap());
    }
    world.maps.insert((peer(n), id_of(bytes)), map);
}

fn last_progress(world: &World) -> &Progress {
    let last = world.events.iter().rev().find_map(|e| match e {
        JobEvent::Progress(progress) => Some(progress),
        _ => None,
    });
    last.unwrap()
}

fn served(world: &World) -> u64 {
    world.served.values().sum()
}

#[test]
fn of_a_part_nothing_else_is_asked_for_or_counted() {
    let bytes = content(3 * MIB);
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    let mut world = World::new(&[(1, Kind::Honest)]);
    let there = [5, 12].into_iter().map(|n| chunks.index(n).unwrap()).collect();
    world.there.insert(id_of(&bytes), there);
    let file = Wanted { keep: Some(span(10, 20)), ..wanted(&mut world, &bytes, &[1], &[]) };
    begin(&mut world, 1, vec![file], false);
    let token = *world.disk.keys().next().unwrap();
    // Whatever is found out of the others changes nothing.
    for (n, good) in [(5, false), (5, true), (30, true), (31, false), (47, true)] {
        let event = disk::Event::Chunk(token, chunks.index(n).unwrap(), good);
        world.swarm.handle_disk(world.now, event);
        world.drain();
    }
    world.run();
    assert_eq!(world.finished(), [(1, 1, None)]);
    assert_eq!(served(&world), 9 * CHUNK);
    assert_eq!(world.first_offset.map(|o| (10..20).contains(&(o / CHUNK))), Some(true));
    let progress = last_progress(&world);
    assert_eq!((progress.done, progress.size, progress.files_done), (10 * CHUNK, 10 * CHUNK, 1));
    let kept =
        |e: &JobEvent| matches!(e, JobEvent::Arrived(JobId(1), id, Arrival::Kept) if *id == id_of(&bytes));
    assert_eq!(world.events.iter().filter(|e| kept(e)).count(), 1);
}

#[test]
fn two_parts_of_one_file_are_kept_one_after_the_other() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    let parts = [span(0, 4), span(2, 9)]
        .map(|s| Wanted { keep: Some(s), ..wanted(&mut World::new(&[]), &bytes, &[1], &[]) });
    world.content.insert(id_of(&bytes), bytes.clone());
    begin(&mut world, 1, parts.to_vec(), false);
    begin(&mut world, 2, parts[..1].to_vec(), true);
    world.run();
    let mut finished = world.finished();
    finished.sort_unstable_by_key(|f| f.0);
    assert_eq!(finished, [(1, 2, None), (2, 1, None)]);
    assert_eq!(world.copied, 0, "there is no path to copy from");
}

#[test]
fn a_part_that_is_none_fails() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    let parts = [span(3, 3), span(0, 17)]
        .map(|s| Wanted { keep: Some(s), ..wanted(&mut World::new(&[]), &bytes, &[1], &[]) });
    begin(&mut world, 1, parts.to_vec(), false);
    world.run();
    assert_eq!(world.finished(), [(1, 0, Some(Code::Failed))]);
}

#[test]
fn those_who_have_some_are_enough_each_for_what_it_has() {
    let bytes = content(3 * MIB);
    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest), (3, Kind::Honest)]);
    has(&mut world, 1, &bytes, &[span(0, 10), span(40, 48)]);
    has(&mut world, 2, &bytes, &[span(8, 48)]);
    has(&mut world, 3, &bytes, &[]);
    let whole = wanted(&mut world, &bytes, &[], &[1, 2, 3]);
    begin(&mut world, 1, vec![whole], false);
    world.run();
    assert_eq!(world.finished(), [(1, 1, None)]);
    assert!(world.arrived == [bytes.clone()]);
    assert_eq!(served(&world), bytes.len() as u64);

    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest)]);
    has(&mut world, 1, &bytes, &[span(0, 12)]);
    has(&mut world, 2, &bytes, &[span(8, 30)]);
    let part = Wanted { keep: Some(span(3, 20)), ..wanted(&mut world, &bytes, &[], &[1, 2]) };
    begin(&mut world, 1, vec![part], true);
    world.run();
    assert_eq!((world.finished(), served(&world)), (vec![(1, 1, None)], 17 * CHUNK));
}

#[test]
fn files_of_one_chunk_come_from_those_who_say_that_they_have_them() {
    let files: Vec<_> = (0..300).map(|n| content(1_000 + n)).collect();
    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest), (3, Kind::Honest), (4, Kind::Away)]);
    world.swarm.open_at_most(100);
    let mut all = Vec::new();
    for (n, bytes) in files.iter().enumerate() {
        has(&mut world, if n % 2 == 0 { 1 } else { 2 }, bytes, &[span(0, 1)]);
        // Nobody but the third has the last ones, and it is reported when they are still queued.
        let some: &[u8] = if n < 250 { &[1, 2, 4] } else { &[] };
        all.push(wanted(&mut world, bytes, &[], some));
    }
    begin(&mut world, 1, all, false);
    for bytes in &files[250..] {
        has(&mut world, 3, bytes, &[span(0, 1)]);
        let claim = (id_of(bytes), bytes.len() as u64);
        world.swarm.handle_swarm(world.now, claim, &peers(&[3]));
    }
    world.drain();
    world.run();
    assert_eq!(world.finished(), [(1, 300, None)]);
    assert_eq!(served(&world), files.iter().map(|f| f.len() as u64).sum::<u64>());
    assert!(world.served[&peer(3)] == files[250..].iter().map(|f| f.len() as u64).sum::<u64>());
}

#[test]
fn one_peer_is_not_asked_what_it_has_of_more_files_than_it_takes_questions() {
    let files: Vec<_> = (0..120).map(|n| content(1_000 + n)).collect();
    let mut world = World::new(&[(1, Kind::Mute)]);
    let all = files.iter().map(|bytes| wanted(&mut world, bytes, &[], &[1])).collect();
    begin(&mut world, 1, all, false);
    let questions = world.inbox.iter().filter(|(_, m)| matches!(m, Message::GetHaves(_))).count();
    assert_eq!(questions, limits::REQUESTS_OPEN);
    // But it is asked for all of them in the end: what it has all of needs no watching.
    world.kinds.insert(peer(1), Kind::Honest);
    files.iter().for_each(|bytes| has(&mut world, 1, bytes, &[span(0, 1)]));
    world.run();
    assert_eq!(world.finished(), [(1, 120, None)]);
}

#[test]
fn a_holder_of_one_chunk_gives_it_though_others_say_what_they_have() {
    let bytes = content(5_000);
    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest)]);
    has(&mut world, 2, &bytes, &[]);
    let file = wanted(&mut world, &bytes, &[1], &[2]);
    begin(&mut world, 1, vec![file], false);
    world.run();
    assert_eq!((world.finished(), served(&world)), (vec![(1, 1, None)], 5_000));
}

#[test]
fn what_nobody_can_give_fails_like_without_a_holder() {
    for len in [700, 2 * MIB] {
        for kind in [Kind::Honest, Kind::Mute, Kind::Away, Kind::Empty, Kind::Busy] {
            for some in [&[][..], &[1], &[1, 2]] {
                let bytes = content(len);
                let mut world = World::new(&[(1, kind), (2, kind)]);
                if kind != Kind::Empty {
                    // They answer, and have nothing.
                    has(&mut world, 1, &bytes, &[]);
                    has(&mut world, 2, &bytes, &[]);
                }
                let file = wanted(&mut world, &bytes, &[], some);
                let before = world.now;
                begin(&mut world, 1, vec![file], false);
                world.run();
                let what = format!("{kind:?}, {len} bytes, {some:?}");
                assert_eq!(world.finished(), [(1, 0, Some(Code::NoHolder))], "{what}");
                let waited = world.now.since(before);
                // A mute one is dialled three times first, where a manifest is asked of it.
                let more = Duration::from_secs(if kind == Kind::Mute { 40 } else { 5 });
                let most = limits::NO_HOLDER + more;
                assert!(waited >= limits::NO_HOLDER && waited <= most, "{what}: {waited:?}");
            }
        }
    }
}

#[test]
fn who_has_chunks_that_nobody_wants_is_no_holder() {
    let bytes = content(3 * MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    has(&mut world, 1, &bytes, &[span(0, 12), span(30, 48)]);
    let part = Wanted { keep: Some(span(10, 20)), ..wanted(&mut world, &bytes, &[], &[1]) };
    begin(&mut world, 1, vec![part], false);
    world.run();
    assert_eq!((world.finished(), served(&world)), (vec![(1, 0, Some(Code::NoHolder))], 2 * CHUNK));
}

#[test]
fn what_others_have_not_yet_is_waited_for() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    has(&mut world, 1, &bytes, &[span(0, 5)]);
    let file = wanted(&mut world, &bytes, &[], &[1]);
    begin(&mut world, 1, vec![file], false);
    while world.answer() {}
    assert_eq!(served(&world), 5 * CHUNK);
    let (&request, _) = world
        .swarm
        .sources
        .asked
        .iter()
        .find(|(_, (_, asked))| matches!(asked, PendingRequest::Haves(_)))
        .unwrap();
    has(&mut world, 1, &bytes, &[span(0, 16)]);
    let more = HavesIs { request, map: vec![], more: (5..16).collect() };
    world.swarm.handle_haves(world.now, peer(1), &more).unwrap();
    world.drain();
    world.run();
    assert_eq!((world.finished(), served(&world)), (vec![(1, 1, None)], MIB as u64));
}

#[test]
fn one_who_had_nothing_when_it_was_asked_is_asked_again() {
    let bytes = content(MIB);
    for (begun, after) in [(false, 5), (false, 25), (true, 120)] {
        let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest)]);
        if begun {
            has(&mut world, 2, &bytes, &[span(0, 3)]);
        }
        let file = wanted(&mut world, &bytes, &[], &[1, 2]);
        begin(&mut world, 1, vec![file], false);
        let start = world.now;
        while world.now.since(start) < Duration::from_secs(after) {
            if !world.answer() {
                world.now = world.now.max(world.swarm.poll_timeout().unwrap());
                world.swarm.handle_timeout(world.now);
                world.drain();
            }
        }
        has(&mut world, 1, &bytes, &[span(if begun { 3 } else { 0 }, 16)]);
        let from = world.now;
        world.run();
        assert_eq!((world.finished(), served(&world)), (vec![(1, 1, None)], MIB as u64), "{begun} {after}");
        assert!(world.now.since(from) < Duration::from_secs(6), "{:?}", world.now.since(from));
    }
}

/// Having had nothing once is no way to be asked for ever.
#[test]
fn one_who_had_nothing_and_then_says_nothing_or_gives_nothing_does_not_put_off_the_end() {
    for lies in [false, true] {
        let bytes = content(MIB);
        let mut world = World::new(&[(1, Kind::Honest)]);
        let file = wanted(&mut world, &bytes, &[], &[1]);
        let begun = world.now;
        begin(&mut world, 1, vec![file], false);
        while world.answer() {}
        // It was asked, and had nothing. Now it says that it has something and refuses it, or says nothing
        // any more.
        if lies {
            has(&mut world, 1, &bytes, &[span(0, 16)]);
        }
        world.kinds.insert(peer(1), if lies { Kind::Empty } else { Kind::Mute });
        world.run();
        assert_eq!(world.finished(), [(1, 0, Some(Code::NoHolder))], "{lies}");
        assert!(world.now.since(begun) < 4 * limits::NO_HOLDER, "{:?}", world.now.since(begun));
    }
}

#[test]
fn what_is_there_without_its_proof_is_proved_first() {
    let bytes = content(MIB);
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    for some in [false, true] {
        let mut world = World::new(&[(1, Kind::Honest)]);
        world.there.insert(id_of(&bytes), chunks.iter().collect());
        has(&mut world, 1, &bytes, &[span(3, 4)]);
        let (holders, others): (&[u8], &[u8]) = if some { (&[], &[1]) } else { (&[1], &[]) };
        let file = wanted(&mut world, &bytes, holders, others);
        begin(&mut world, 1, vec![file], false);
        assert!(world.arrived.is_empty(), "the disk workers cannot check it yet");
        world.run();
        assert_eq!((world.finished(), served(&world)), (vec![(1, 1, None)], 0));
    }
}

#[test]
fn of_any_chunk_only_wanted_ones_are_asked_for() {
    let bytes = content(3 * MIB);
    let mut world = World::new(&[(1, Kind::Mute), (2, Kind::Mute)]);
    let file = Wanted { keep: Some(span(10, 20)), ..wanted(&mut world, &bytes, &[1], &[2]) };
    begin(&mut world, 1, vec![file], false);
    let asked = |world: &World, n: u8| {
        let asked = world.inbox.iter().filter(move |(p, _)| *p == peer(n));
        asked.map(|(_, m)| m.clone()).collect::<Vec<_>>()
    };
    let Some(Message::GetHaves(haves)) =
        asked(&world, 2).into_iter().find(|m| matches!(m, Message::GetHaves(_)))
    else {
        panic!("it is not asked what it has")
    };
    let proofs = manifest(&bytes);
    let question = |m: &&Message| matches!(m, Message::GetManifest(_));
    let (n, page) =
        [1, 2].into_iter().find_map(|n| Some((n, asked(&world, n).iter().find(question).cloned()?))).unwrap();
    let Message::GetManifest(page) = page else { panic!("it is one") };
    let chunks = proofs.chunks();
    let map = Bits::all(chunks).to_map();
    let answer = HavesIs { request: haves.request, map, more: vec![] };
    world.swarm.handle_haves(world.now, peer(2), &answer).unwrap();
    let values = proofs.as_bytes().to_vec();
    world.swarm.handle_manifest(world.now, peer(n), &ManifestIs { request: page.request, values });
    world.drain();
    let any: Vec<GetAny> = asked(&world, 1)
        .into_iter()
        .filter_map(|m| if let Message::GetAny(any) = m { Some(any) } else { None })
        .collect();
    for any in &any {
        let want = Bits::from_map(chunks, &any.want).unwrap();
        assert!(want.count() > 0 && want.iter().all(|c| (10..20).contains(&c.get())), "{want:?}");
    }
    let ranges = |n| {
        let messages = asked(&world, n).into_iter();
        messages.filter_map(|m| if let Message::GetBlocks(blocks) = m { Some(blocks.items) } else { None })
    };
    let items: Vec<_> = ranges(1).chain(ranges(2)).flatten().collect();
    assert!(!items.is_empty());
    assert!(items.iter().all(|i| i.offset >= 10 * CHUNK && i.offset + i.len <= 20 * CHUNK), "{items:?}");
}

// ---- the background ------------------------------------------------------------------------------

/// Bytes of a file that were given between two moments.
fn given(world: &World, bytes: &[u8], from: Time, to: Time) -> u64 {
    let id = id_of(bytes);
    world.given.iter().filter(|(at, of, _)| *of == id && from <= *at && *at < to).map(|(_, _, n)| n).sum()
}

/// When the last byte of a file was given.
fn end(world: &World, bytes: &[u8]) -> Time {
    world.given.iter().rev().find(|(_, of, _)| *of == id_of(bytes)).unwrap().0
}

/// Both come over one line of 6.5 MB/s (a chunk in 10 ms), from one holder or two. The background goes on for
/// a second alone.
fn share(holders: [u8; 2]) {
    let (behind, before) = (content(60 * MIB), content(20 * MIB));
    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest)]);
    let file = wanted(&mut world, &behind, &holders[..1], &[]);
    begin(&mut world, 1, vec![file], true);
    let begun = world.now;
    while world.now.since(begun) < Duration::from_secs(1) {
        assert!(world.answer());
    }
    assert!(given(&world, &behind, begun, world.now) > 6_000_000, "it does not go on at full speed");
    let asked = world.now;
    let file = wanted(&mut world, &before, &holders[1..], &[]);
    begin(&mut world, 2, vec![file], false);
    world.run();
    let mut finished = world.finished();
    finished.sort_unstable_by_key(|f| f.0);
    assert_eq!(finished, [(1, 1, None), (2, 1, None)]);
    let over = end(&world, &before);
    let (mine, other) = (given(&world, &before, asked, over), given(&world, &behind, asked, over));
    assert!(mine * 100 >= 70 * (mine + other), "{mine} of {}", mine + other);
    assert!(other > 0, "it is not stopped altogether");
    let (left, took) = (given(&world, &behind, over, world.now), end(&world, &behind).since(over));
    let alone = Duration::from_millis(10) * u32::try_from(left / CHUNK).unwrap();
    assert!(took <= alone + Duration::from_secs(1), "{left} bytes took {took:?} alone");
}

#[test]
fn the_background_waits_at_a_source_of_both() {
    share([1, 1]);
}

#[test]
fn the_background_waits_on_a_line_of_both() {
    share([1, 2]);
}

#[test]
fn a_job_that_waits_for_its_holder_holds_up_nobody() {
    let (behind, before) = (content(20 * MIB), content(3 * MIB));
    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Away)]);
    let file = wanted(&mut world, &before, &[2], &[]);
    begin(&mut world, 1, vec![file], false);
    let file = wanted(&mut world, &behind, &[1], &[]);
    let begun = world.now;
    begin(&mut world, 2, vec![file], true);
    world.run();
    let took = end(&world, &behind).since(begun);
    assert!(took <= Duration::from_millis(3_200 + 1_000), "{took:?}");
}

#[test]
fn files_in_the_background_are_opened_last_and_leave_room() {
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.swarm.open_at_most(8);
    let behind: Vec<_> = (0..40).map(|n| content(150_000 + n)).collect();
    let before: Vec<_> = (0..40).map(|n| content(200_000 + n)).collect();
    let files = behind.iter().map(|b| wanted(&mut world, b, &[1], &[])).collect();
    begin(&mut world, 1, files, true);
    assert_eq!(world.disk.len(), 4, "they take half of the room");
    let files = before.iter().map(|b| wanted(&mut world, b, &[1], &[])).collect();
    begin(&mut world, 2, files, false);
    let of_others = |world: &World| world.disk.values().filter(|(plan, ..)| plan.size >= 200_000).count();
    assert_eq!((world.disk.len(), of_others(&world)), (8, 4));
    world.run();
    let mut finished = world.finished();
    assert_eq!(finished[0], (2, 40, None), "the others are done first");
    finished.sort_unstable_by_key(|f| f.0);
    assert_eq!(finished, [(1, 40, None), (2, 40, None)]);
    // And if there is room for one only, it is not taken for long.
    let mut world = World::new(&[(1, Kind::Mute)]);
    world.swarm.open_at_most(1);
    let file = wanted(&mut world, &behind[0], &[1], &[]);
    begin(&mut world, 1, vec![file], true);
    let file = wanted(&mut world, &before[0], &[1], &[]);
    begin(&mut world, 2, vec![file], false);
    assert_eq!(of_others(&world), 1);
}

/// Files of 5,000 bytes and a little more, for a job in the background.
fn small_behind(world: &mut World, count: usize) -> (Vec<Vec<u8>>, Vec<Wanted>) {
    let bytes: Vec<_> = (0..count).map(|n| content(5_000 + n)).collect();
    let files = bytes.iter().map(|b| wanted(world, b, &[1], &[])).collect();
    (bytes, files)
}

/// How many of these files have come.
fn arrived(world: &World, files: &[Vec<u8>]) -> usize {
    files.iter().filter(|bytes| world.arrived.contains(bytes)).count()
}

#[test]
fn small_files_in_the_background_wait_while_other_small_files_come() {
    let mut world = World::new(&[(1, Kind::Honest)]);
    let before: Vec<_> = (0..600).map(|n| content(9_000 + n)).collect();
    let files = before.iter().map(|b| wanted(&mut world, b, &[1], &[])).collect();
    begin(&mut world, 1, files, false);
    let (behind, files) = small_behind(&mut world, 600);
    let begun = world.now;
    begin(&mut world, 2, files, true);
    while world.finished().is_empty() {
        assert!(world.answer());
    }
    assert_eq!(arrived(&world, &before), 600);
    let seconds = world.now.since(begun).as_secs();
    let come = arrived(&world, &behind) as u64;
    assert!(seconds >= 5 && come <= 1 + seconds / 2, "{come} in {seconds} s");
    world.run();
    assert_eq!((world.finished().len(), arrived(&world, &behind)), (2, 600));
}

#[test]
fn small_files_in_the_background_wait_for_ever_for_no_download() {
    let mut world = World::new(&[(1, Kind::Honest)]);
    let before = content(100 * MIB);
    let file = wanted(&mut world, &before, &[1], &[]);
    begin(&mut world, 1, vec![file], false);
    let (behind, files) = small_behind(&mut world, 100);
    let begun = world.now;
    begin(&mut world, 2, files, true);
    let mut last = (begun, 0);
    while world.finished().is_empty() {
        if !world.answer() {
            world.now = world.now.max(world.swarm.poll_timeout().unwrap());
        }
        if world.swarm.poll_timeout().is_some_and(|due| due <= world.now) {
            world.swarm.handle_timeout(world.now);
            world.drain();
        }
        let come = arrived(&world, &behind);
        if come > last.1 {
            last = (world.now, come);
        }
        assert!(world.now.since(last.0) < Duration::from_secs(3), "none came for 3 s");
    }
    assert!(last.1 >= 2 && last.1 <= 8, "{} came", last.1);
}
