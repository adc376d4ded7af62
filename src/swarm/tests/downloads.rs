//! The machine in virtual time: sources that die, stall, lie and come back.

use std::path::PathBuf;
use std::sync::Arc;

use super::world::{Kind, World, content, manifest, named, peer};
use crate::content::{Chunks, FileId, Manifest, Span};
use crate::error::Code;
use crate::swarm::download::FileDownload;
use crate::swarm::limits;
use crate::swarm::{Wanted, *};
use crate::wire::message::{BlockIs, GetManifest, Reason};

const MIB: usize = 1 << 20;

#[test]
fn a_job_of_files_of_all_sizes_arrives_with_the_last_chunk_first() {
    let files: Vec<_> = [3 * MIB + 5, 0, 1, 65_536, 65_537, 200_000].into_iter().map(content).collect();
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.fetch(7, &[("a", &files[0])], &[1]);
    let rest: Vec<_> = files[1..].iter().map(|f| ("b", f.as_slice())).collect();
    world.fetch(8, &rest, &[1]);
    world.run();
    let mut finished = world.finished();
    finished.sort_unstable_by_key(|f| f.0);
    assert_eq!(finished, [(7, 1, None), (8, 5, None)]);
    assert_eq!(world.first_offset, Some(3 << 20), "the last chunk comes first");
    assert_eq!(world.served[&peer(1)], files.iter().map(|f| f.len() as u64).sum::<u64>());
}

#[test]
fn many_small_files_are_asked_for_in_few_requests() {
    let files: Vec<_> = (0..100).map(|n| content(1_000 + n)).collect();
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.kinds.insert(peer(1), Kind::Mute);
    let named: Vec<_> = files.iter().map(|f| ("x", f.as_slice())).collect();
    world.fetch(1, &named, &[1]);
    let items: Vec<_> = world
        .inbox
        .iter()
        .map(|(_, m)| if let Message::GetBlocks(b) = m { b.items.len() } else { panic!("{m:?}") })
        .collect();
    assert!(items.len() <= REQUESTS && items.iter().sum::<usize>() <= 100, "{items:?}");
    world.kinds.insert(peer(1), Kind::Honest);
    world.run();
    assert_eq!(world.finished(), [(1, 100, None)]);
}

#[test]
fn who_dies_or_stalls_is_replaced_and_no_byte_is_fetched_twice() {
    let bytes = content(20 * MIB);
    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest)]);
    world.fetch(1, &[("a", &bytes)], &[1, 2]);
    for _ in 0..4 {
        assert!(world.answer());
    }
    let first = world.served.keys().copied().next().unwrap();
    // In the midst of a chunk.
    world.up.remove(&first);
    world.inbox.retain(|(p, _)| *p != first);
    world.kinds.insert(first, Kind::Away);
    world.swarm.handle_down(world.now, first);
    world.drain();
    for _ in 0..4 {
        assert!(world.answer());
    }
    // The other one falls silent, too long to be waited for.
    let second = if first == peer(1) { peer(2) } else { peer(1) };
    world.kinds.insert(second, Kind::Mute);
    let silent = world.now;
    world.run_for(limits::STALL + Duration::from_secs(1));
    assert_eq!(world.dropped, [second]);
    // The first one is back, and does not wait for what the other one owes.
    world.kinds.insert(first, Kind::Honest);
    world.swarm.handle_peer(world.now, first);
    world.drain();
    world.run();
    assert_eq!(world.finished(), [(1, 1, None)]);
    // The rest takes three seconds at 10 ms a block.
    let took = world.now.since(silent);
    assert!(took < limits::STALL + Duration::from_secs(5), "{took:?}");
    assert_eq!(world.served.values().sum::<u64>(), bytes.len() as u64);
}

#[test]
fn a_false_size_costs_neither_the_true_file_nor_its_holder() {
    let bytes = content(2 * MIB);
    let mut world = World::new(&[(1, Kind::Liar), (2, Kind::Honest)]);
    let id = blake3::hash(&bytes).into();
    world.content.insert(id, bytes.clone());
    let wanted = |path: &str, size: usize, holder| Wanted {
        here: None,
        id,
        size: size as u64,
        modified: 0,
        executable: false,
        asked: "x".into(),
        to: path.parse().unwrap(),
        holders: vec![peer(holder)],
        keep: None,
        some: vec![],
    };
    // One id has three sizes; that of the liar's comes first.
    let files = vec![wanted("0", 1, 1), wanted("1", 3 * MIB, 1), wanted("a", bytes.len(), 2)];
    let job =
        Job { id: JobId(1), destination: PathBuf::from("/d"), files, folders: Vec::new(), background: false };
    world.swarm.handle_job(world.now, job);
    world.drain();
    // Somebody who has it with its true size is no holder of the others.
    world.swarm.handle_holders(world.now, (id, bytes.len() as u64), &[peer(2)]);
    world.drain();
    world.run();
    let finished = world.finished();
    assert!(matches!(finished[..], [(1, 1, Some(_))]), "{finished:?}");
    assert!(world.dropped.iter().all(|p| *p == peer(1)), "{:?}", world.dropped);
}

#[test]
fn what_no_file_can_be_fails_alone() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    let id = blake3::hash(&bytes).into();
    world.content.insert(id, bytes.clone());
    let wanted = |path: &str, size: u64, keep| Wanted {
        here: None,
        id,
        size,
        modified: 0,
        executable: false,
        asked: "x".into(),
        to: path.parse().unwrap(),
        holders: vec![peer(1)],
        keep,
        some: vec![],
    };
    let size = bytes.len() as u64;
    let (none, far) = (Span { from: 3, to: 3 }, Span { from: 0, to: u32::MAX });
    let files = vec![
        wanted("large", u64::MAX, None),
        wanted("none", size, Some(none)),
        wanted("far", size, Some(far)),
        wanted("a", size, None),
    ];
    let job =
        Job { id: JobId(1), destination: PathBuf::from("/d"), files, folders: Vec::new(), background: false };
    world.swarm.handle_job(world.now, job);
    world.drain();
    world.run();
    let failed = |event: &JobEvent| match event {
        JobEvent::Failed(_, path, failure) => Some((path.to_string(), failure.message.clone())),
        _ => None,
    };
    let mut failed: Vec<_> = world.events.iter().filter_map(failed).collect();
    failed.sort();
    let (large, part) = ("the file is larger than a file can be", "the file has no such part");
    let said = [("far", part), ("large", large), ("none", part)];
    assert_eq!(failed, said.map(|(path, said)| (path.to_owned(), said.to_owned())));
    assert_eq!(world.finished(), [(1, 1, Some(Code::Failed))]);
}

#[test]
fn a_liar_loses_its_connection_then_its_trust_and_the_file_comes_from_another() {
    let bytes = content(2 * MIB);
    for kind in [Kind::Liar, Kind::Forger] {
        let mut world = World::new(&[(1, kind), (2, Kind::Honest)]);
        world.fetch(1, &[("a", &bytes)], &[1]);
        world.run_for(Duration::from_secs(2));
        assert_eq!(world.dropped, [peer(1), peer(1)], "{kind:?}");
        world.swarm.handle_holders(
            world.now,
            (blake3::hash(&bytes).into(), bytes.len() as u64),
            &[peer(1), peer(2)],
        );
        world.drain();
        world.run();
        assert_eq!(world.finished(), [(1, 1, None)]);
        assert_eq!(world.dropped.len(), 2, "it is not asked a third time");
        assert_eq!(world.warnings.len(), 2);
    }
}

#[test]
fn who_lacked_what_a_job_wants_is_asked_again_once_it_has_all_of_it() {
    let (one, other) = (content(MIB), content(2 * MIB));
    let mut world = World::new(&[(1, Kind::Empty)]);
    world.fetch(1, &[("a", &one), ("b", &other)], &[1]);
    world.run_for(Duration::from_secs(2));
    assert!(world.finished().is_empty());
    world.kinds.insert(peer(1), Kind::Honest);
    has_all(world.now, JobId(1), peer(1), &mut world.swarm);
    world.drain();
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.finished(), [(1, 2, None)]);
}

impl World {
    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            while self.answer() {}
            let Some(due) = self.swarm.poll_timeout() else { return };
            self.now = self.now.max(due);
            self.swarm.handle_timeout(self.now);
            self.drain();
        }
    }
}

#[test]
fn without_a_holder_it_waits_half_a_minute_then_fails_and_tells_why() {
    let bytes = content(MIB);
    for kind in [Kind::Away, Kind::Empty, Kind::Liar] {
        let mut world = World::new(&[(1, kind)]);
        world.fetch(1, &[("a", &bytes), ("b", &content(9))], &[1]);
        let begin = world.now;
        world.run();
        assert_eq!(world.finished(), [(1, 0, Some(Code::NoHolder))], "{kind:?}");
        let took = world.now.since(begin);
        assert!(took >= limits::NO_HOLDER && took < Duration::from_secs(45), "{kind:?} {took:?}");
        assert!(world.events.iter().any(|e| matches!(e, JobEvent::Progress(p) if p.waiting.is_some())));
        assert!(world.dialled.len() < 10, "it does not dial without end: {kind:?}");
    }
}

#[test]
fn of_what_has_begun_the_holder_is_waited_for_longer() {
    let bytes = content(20 * MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    for _ in 0..4 {
        assert!(world.answer());
    }
    world.up.clear();
    world.inbox.clear();
    world.kinds.insert(peer(1), Kind::Away);
    world.swarm.handle_down(world.now, peer(1));
    let lost = world.now;
    world.drain();
    world.run();
    assert_eq!(world.finished(), [(1, 0, Some(Code::NoHolder))]);
    let took = world.now.since(lost);
    assert!(took >= limits::NO_HOLDER_BEGUN, "{took:?}");
    assert!(took < limits::NO_HOLDER_BEGUN + Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_source_that_comes_back_is_asked_at_once() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Away)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    world.run_for(Duration::from_secs(20));
    world.kinds.insert(peer(1), Kind::Honest);
    world.swarm.handle_peer(world.now, peer(1));
    let back = world.now;
    world.drain();
    assert_eq!(world.dialled.last(), Some(&(back, peer(1))));
    world.run();
    assert_eq!(world.finished(), [(1, 1, None)]);
}

#[test]
fn a_source_that_is_busy_is_asked_again_a_little_later() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Busy)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    world.run_for(Duration::from_secs(40));
    assert_eq!(world.finished(), []);
    world.kinds.insert(peer(1), Kind::Honest);
    let ready = world.now;
    world.run();
    assert_eq!(world.finished(), [(1, 1, None)]);
    assert!(world.now.since(ready) < Duration::from_secs(2));
    assert!(world.dialled.len() == 1 && world.dropped.is_empty());
}

#[test]
fn a_cancelled_job_leaves_nothing_behind() {
    let bytes = content(5 * MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    world.answer();
    world.answer();
    world.swarm.handle_cancel(world.now, JobId(1));
    world.drain();
    assert!(world.inbox.is_empty(), "what was asked for is taken back");
    world.run();
    assert_eq!(world.finished(), [(1, 0, Some(Code::Failed))]);
}

#[test]
fn blocks_that_nobody_asked_for_are_refused() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Honest), (2, Kind::Honest)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    // Before the manifest.
    let request = world
        .inbox
        .iter()
        .find_map(|(_, m)| if let Message::GetBlocks(b) = m { Some(b.clone()) } else { None })
        .unwrap();
    let block = BlockIs { request: request.request, item: 0, offset: request.items[0].offset };
    assert!(world.swarm.check_block(peer(1), &block, 10).is_err());
    assert!(world.answer());
    assert!(world.swarm.check_block(peer(1), &block, 10).unwrap().is_some());
    for bad in [
        BlockIs { item: 99, ..block },
        BlockIs { offset: block.offset + 1, ..block },
        BlockIs { offset: u64::MAX, ..block },
    ] {
        assert!(world.swarm.check_block(peer(1), &bad, 10).is_err(), "{bad:?}");
    }
    assert!(world.swarm.check_block(peer(2), &block, 10).is_err(), "asked of another");
    assert!(world.swarm.check_block(peer(1), &block, limits::BLOCK).is_err(), "longer than the item");
    assert!(world.swarm.check_block(peer(1), &block, 0).is_err());
    let unknown = BlockIs { request: 400, ..block };
    assert!(world.swarm.check_block(peer(1), &unknown, 10).is_err());
}

#[test]
fn what_is_taken_back_may_still_come_but_no_more_than_that() {
    let bytes = content(5 * MIB);
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    world.answer();
    let Some((_, Message::GetBlocks(m))) = world.inbox.pop_front() else { panic!("blocks are asked for") };
    let owed: u64 = m.items.iter().map(|i| i.len).sum();
    world.swarm.handle_cancel(world.now, JobId(1));
    world.drain();
    let block = BlockIs { request: m.request, item: 0, offset: m.items[0].offset };
    let mut late = 0;
    while let Ok(target) = world.swarm.check_block(peer(1), &block, limits::BLOCK) {
        assert_eq!(target, None);
        assert!(!world.swarm.handle_block(world.now, peer(1), &block, limits::BLOCK));
        late += limits::BLOCK as u64;
    }
    assert!(late <= owed && late + limits::BLOCK as u64 > owed, "{late} of {owed}");
}

#[test]
fn a_holder_that_is_always_busy_does_not_keep_its_file_waiting_forever() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Busy)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    let begin = world.now;
    world.run();
    assert_eq!(world.finished(), [(1, 0, Some(Code::NoHolder))]);
    let took = world.now.since(begin);
    assert!(took >= limits::BUSY_HOLDER && took < limits::BUSY_HOLDER + Duration::from_secs(40), "{took:?}");
    let waits = world.waits();
    assert!(waits.contains(&Some("its holders are busy: trying again".to_owned())));
    assert!(!waits.contains(&Some("no holder is here: waiting".to_owned())));
}

impl World {
    fn waits(&self) -> Vec<Option<String>> {
        let reported = self.events.iter().filter_map(|e| match e {
            JobEvent::Progress(p) => Some(p.waiting.clone()),
            _ => None,
        });
        reported.collect()
    }
}

#[test]
fn nobody_is_waited_for_while_the_first_one_is_dialled_or_the_disk_has_all() {
    let bytes = content(MIB);
    let mut swarm = Swarm::new(0);
    let mut now = Time(1_000_000_000);
    swarm.handle_peer(now, peer(1));
    let wanted = Wanted {
        here: None,
        id: blake3::hash(&bytes).into(),
        size: bytes.len() as u64,
        modified: 0,
        executable: false,
        asked: "a".into(),
        to: "a".parse().unwrap(),
        holders: vec![peer(1)],
        keep: None,
        some: vec![],
    };
    let job = Job {
        id: JobId(1),
        destination: "/d".into(),
        files: vec![wanted],
        folders: Vec::new(),
        background: false,
    };
    swarm.handle_job(now, job);
    let begin = |swarm: &mut Swarm| while swarm.poll_output().is_some() {};
    begin(&mut swarm);
    let reported = |swarm: &mut Swarm, now: Time| {
        swarm.handle_timeout(now);
        let outputs = std::iter::from_fn(|| swarm.poll_output());
        outputs
            .filter_map(|o| match o {
                Output::Event(JobEvent::Progress(p)) => Some(p.waiting),
                _ => None,
            })
            .last()
    };
    let (token, chunks) = (FileToken(1), Chunks::of(bytes.len() as u64).unwrap());
    // All but two are there; the holder is being dialled.
    let there = chunks.iter().skip(2).collect();
    swarm.handle_disk(now, disk::Event::Opened(token, there, Some(Arc::new(manifest(&bytes)))));
    now = now + TICK;
    assert_eq!(reported(&mut swarm, now), Some(None));
    // The last two came and are with the disk workers when the holder leaves.
    swarm.handle_up(now, peer(1));
    begin(&mut swarm);
    let len = usize::try_from(chunks.chunk_size()).unwrap();
    for (item, chunk) in (0..).zip([0, 1]) {
        let block = BlockIs { request: 1, item, offset: chunk * chunks.chunk_size() };
        assert!(swarm.handle_block(now, peer(1), &block, len));
    }
    swarm.handle_gone(now, peer(1));
    now = now + TICK;
    assert_eq!(reported(&mut swarm, now), Some(None));
    for chunk in [0, 1] {
        swarm.handle_disk(now, disk::Event::Chunk(token, chunks.index(chunk).unwrap(), true));
    }
    now = now + TICK;
    assert_eq!(reported(&mut swarm, now), Some(Some("writing".to_owned())));
}

/// A file of 600 GiB has 38,400 chunks, and so a manifest of 1.2 MiB: two pages.
#[test]
fn a_manifest_above_a_mebibyte_crosses_in_pages() {
    use crate::sender::quick::{PeerTable, Questions, Quick};
    use crate::wire::frame::{Decoder, Piece};

    let manifest = Arc::new(Manifest::made_up(600 << 30));
    let chunks = manifest.chunks();
    assert!(chunks.count() > 32_768);
    let now = Time(1);
    let what = named(manifest.file(), chunks, &[peer(1)]);
    let mut download = FileDownload::new(now, FileToken(1), JobId(1), what, chunks, false, 0);
    download.opened(&[], None);
    let mut questions = Questions::default();
    let mut page = download.next_page(peer(1)).unwrap();
    let mut pages = 0;
    let proved = loop {
        let m = GetManifest { request: 4, file: manifest.file(), page };
        questions.begin(Quick::manifest(Arc::clone(&manifest), &m).unwrap());
        let bytes = questions.next_page(&PeerTable::new()).unwrap().encode();
        let (used, Piece::Frame(frame)) = Decoder::default().feed(&bytes).unwrap() else { panic!("a frame") };
        assert_eq!(used, bytes.len());
        let Some(Message::Manifest(is)) = Message::decode(&frame).unwrap() else { panic!("a manifest") };
        pages += 1;
        assert!(
            download.next_range(peer(1), 0, 1, false).is_none(),
            "nothing is asked for before it is proved"
        );
        match download.page(peer(1), &is.values) {
            Ok(proved) => break proved.unwrap(),
            Err(next) => page = next,
        }
    };
    assert_eq!((pages, proved.as_bytes().len()), (2, chunks.count() as usize * 32));
    assert!(download.next_range(peer(1), 0, 1, false).is_some());
    let beyond = GetManifest { request: 8, file: manifest.file(), page: 2 };
    assert_eq!(Quick::manifest(manifest, &beyond).err(), Some(Reason::Malformed));
}

#[test]
fn a_believed_chunk_that_does_not_hold_is_fetched_again() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Away)]);
    world.fetch(1, &[("a", &bytes)], &[1]);
    let token = *world.disk.keys().next().unwrap();
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    // As after a restart: all but the first is believed to be there.
    let there: Vec<_> = chunks.iter().skip(1).collect();
    world.disk.get_mut(&token).unwrap().1.copy_from_slice(&bytes);
    let known = Some(Arc::new(manifest(&bytes)));
    world.swarm.handle_disk(world.now, disk::Event::Opened(token, there, known));
    world.swarm.handle_disk(world.now, disk::Event::Chunk(token, chunks.index(3).unwrap(), false));
    world.kinds.insert(peer(1), Kind::Honest);
    world.swarm.handle_peer(world.now, peer(1));
    world.drain();
    world.run();
    assert_eq!(world.finished(), [(1, 1, None)]);
    assert_eq!(world.served[&peer(1)], 2 * chunks.chunk_size());
}

#[test]
fn a_chunk_that_turns_up_on_the_disk_is_not_fetched() {
    let bytes = content(MIB);
    let mut world = World::new(&[(1, Kind::Mute)]);
    world.fetch(1, &[("a", &bytes), ("twin", &bytes)], &[1]);
    let (&token, chunks) = (world.disk.keys().next().unwrap(), Chunks::of(bytes.len() as u64).unwrap());
    // All chunks were asked for; two of them are found meanwhile.
    for n in [0, 5] {
        let chunk = chunks.index(n).unwrap();
        let range = chunks.range(chunk);
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        world.disk.get_mut(&token).unwrap().1[range.clone()].copy_from_slice(&bytes[range]);
        world.swarm.handle_disk(world.now, disk::Event::Chunk(token, chunk, true));
    }
    world.kinds.insert(peer(1), Kind::Honest);
    world.run();
    assert_eq!(world.finished(), [(1, 2, None)]);
    assert!(world.dropped.is_empty());
    assert_eq!(world.served[&peer(1)], bytes.len() as u64 - 2 * chunks.chunk_size());
    assert_eq!(world.copied, 1);
}

#[test]
fn a_content_under_many_paths_is_fetched_once() {
    let (bytes, other) = (content(MIB), content(100));
    let paths: Vec<String> = (0..1_000).map(|n| format!("d/{n}")).collect();
    let mut files: Vec<(&str, &[u8])> = paths.iter().map(|p| (p.as_str(), &bytes[..])).collect();
    files.push(("another", &other));
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.fetch(1, &files, &[1]);
    world.run();
    assert_eq!(world.finished(), [(1, 1_001, None)]);
    assert_eq!((world.arrived.len(), world.copied), (1_001, 999));
    assert_eq!(world.served[&peer(1)], (MIB + 100) as u64);
}

#[test]
fn what_cannot_be_copied_any_more_is_fetched() {
    let bytes = content(1_000);
    let paths: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let files: Vec<(&str, &[u8])> = paths.iter().map(|p| (p.as_str(), &bytes[..])).collect();
    let mut world = World::new(&[(1, Kind::Honest)]);
    world.not_copied = 1;
    world.fetch(1, &files, &[1]);
    world.run();
    assert_eq!(world.finished(), [(1, 500, None)]);
    assert_eq!(world.served[&peer(1)], 2 * bytes.len() as u64);
}

#[test]
fn without_a_holder_every_path_of_a_content_is_reported() {
    let bytes = content(1_000);
    let mut world = World::new(&[(1, Kind::Empty)]);
    world.fetch(1, &[("a", &bytes), ("b", &bytes), ("c", &bytes)], &[1]);
    world.run();
    assert_eq!(world.finished(), [(1, 0, Some(Code::NoHolder))]);
    let failed = world.events.iter().filter(|e| matches!(e, JobEvent::Failed(..)));
    assert_eq!(failed.count(), 3);
}

/// A catalogue that comes again names each of its files. Were all that wait gone through for each, this would take
/// minutes, and the peer would do nothing else meanwhile.
#[test]
fn who_has_each_of_a_hundred_thousand_files_is_noted_one_after_the_other() {
    let id = |n: u32| {
        let mut id = [7; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        FileId(id)
    };
    let wanted = |n: u32| Wanted {
        here: None,
        id: id(n),
        size: 1024,
        modified: 0,
        executable: false,
        asked: "x".into(),
        to: n.to_string().parse().unwrap(),
        holders: vec![peer(1)],
        keep: None,
        some: vec![],
    };
    let mut world = World::new(&[]);
    let files: Vec<Wanted> = (0..100_000).map(wanted).collect();
    let contents: Vec<_> = files.iter().map(Wanted::claim).collect();
    let job =
        Job { id: JobId(1), destination: PathBuf::from("/d"), files, folders: Vec::new(), background: false };
    world.swarm.handle_job(world.now, job);
    for &content in &contents {
        world.swarm.handle_holders(world.now, content, &[peer(2)]);
        world.swarm.handle_swarm(world.now, content, &[peer(3)]);
    }
    let waiting = &world.swarm.jobs.running[&JobId(1)].queue;
    assert_eq!(waiting.iter().count(), contents.len());
    let is_told = |wanted: &Wanted| wanted.holders == [peer(1), peer(2)] && wanted.some == [peer(3)];
    assert!(waiting.iter().all(|(_, wanted)| is_told(wanted)));
    // They have others by now, and whoever is left has some of each alone.
    for &content in &contents {
        world.swarm.handle_changed(world.now, content, peer(1));
        world.swarm.handle_changed(world.now, content, peer(2));
    }
    let waiting = &world.swarm.jobs.running[&JobId(1)].queue;
    assert_eq!(waiting.iter().filter(|(_, wanted)| wanted.holders.is_empty()).count(), contents.len());
}
