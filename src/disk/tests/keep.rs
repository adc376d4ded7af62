//! What is kept for others: parts that get no name, what a store tells of them, and what is dropped.

use super::power::memory;
use super::*;
use crate::disk::place::{PARTIAL, have_name, manifest_name};
use crate::sim::disk::{Forgets, Tree};
use crate::sim::trace::{Known, Op, Trace, record};
use crate::sim::{Rng, seeds};
use crate::sys::file::write_all_at;

const fn span(from: u32, to: u32) -> Span {
    Span { from, to }
}

fn plan(source: &Source, store: &Path, keep: Span) -> Plan {
    Plan { keep: Some(keep), ..source.plan(store, "kept") }
}

/// Bytes of a file that no disk here has room for.
const HUGE: u64 = 16 << 40;

/// Has these chunks kept: how it ended, and the chunks that were fetched for it.
fn keep(rig: &mut Rig, source: &Source, store: &Path, keep: Span) -> (Outcome, u32) {
    let token = rig.open(plan(source, store, keep));
    let Ok((believed, _)) = rig.opened(token) else { panic!("it cannot be opened") };
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    let wanted = source.chunks.iter().filter(|c| (keep.from..keep.to).contains(&c.get()));
    let mut missing: BTreeSet<_> = wanted.filter(|c| !believed.contains(c)).collect();
    let mut asked: Vec<_> = missing.iter().copied().collect();
    let mut fetched = 0;
    loop {
        if missing.is_empty() {
            rig.tell(Command::Publish(token));
        }
        if let Some(chunk) = asked.pop() {
            fetched += 1;
            rig.write(token, chunk, source.chunk(chunk));
        }
        match rig.event() {
            Event::Chunk(_, chunk, true) => drop(missing.remove(&chunk)),
            Event::Chunk(_, chunk, false) => {
                assert!((keep.from..keep.to).contains(&chunk.get()), "nobody asked for {chunk:?}");
                if missing.insert(chunk) {
                    asked.push(chunk);
                }
            }
            Event::Arrived(t, arrival) if t == token => return (Ok(arrival), fetched),
            Event::Failed(t, failure) if t == token => return (Err(failure), fetched),
            other => panic!("{other:?}"),
        }
    }
}

/// Where the bytes of a file lie.
fn data(store: &Path, source: &Source) -> PathBuf {
    store.join(PARTIAL).join(source.id().to_string())
}

/// What a store says that it holds of a file; all of it must be true.
fn stored_spans(store: &Path, source: &Source) -> Vec<Span> {
    let all = stored(store).unwrap();
    let Some((_, size, spans)) = all.into_iter().find(|(id, ..)| *id == source.id()) else { return vec![] };
    assert_eq!(size, source.chunks.size());
    let bytes = fs::read(data(store, source)).unwrap();
    for chunk in spans.iter().flat_map(|s| s.from..s.to) {
        let chunk = source.chunks.index(chunk).unwrap();
        assert!(slice(&bytes, source.chunks, chunk) == source.chunk(chunk), "{chunk:?} is wrong");
    }
    spans
}

fn rot(store: &Path, source: &Source, chunk: u32) {
    let file = fs::File::options().write(true).open(data(store, source)).unwrap();
    let chunk = source.chunks.index(chunk).unwrap();
    let byte = source.chunk(chunk)[7] ^ 1;
    write_all_at(&file, &[byte], source.chunks.range(chunk).start + 7).unwrap();
}

#[test]
fn a_part_is_kept_and_a_larger_one_goes_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(10_000_000, 1);
    let mut rig = Rig::new();
    assert_eq!(keep(&mut rig, &source, dir.path(), span(10, 40)), (Ok(Arrival::Kept), 30));
    assert_eq!(names_in(dir.path()), [PARTIAL], "it has no name");
    assert_eq!(stored_spans(dir.path(), &source), [span(10, 40)]);
    assert_eq!(keep(&mut rig, &source, dir.path(), span(20, 60)), (Ok(Arrival::Kept), 20));
    assert_eq!(stored_spans(dir.path(), &source), [span(10, 60)]);
    assert_eq!(keep(&mut rig, &source, dir.path(), span(15, 50)), (Ok(Arrival::Kept), 0));
    let last = source.chunks.count();
    assert_eq!(keep(&mut rig, &source, dir.path(), span(last - 1, last)), (Ok(Arrival::Kept), 1));
    drop(rig);
    // Others find it as it was left.
    let mut rig = Rig::new();
    assert_eq!(stored_spans(dir.path(), &source), [span(10, 60), span(last - 1, last)]);
    assert_eq!(keep(&mut rig, &source, dir.path(), span(0, last)).1, last - 51);
    assert_eq!(stored_spans(dir.path(), &source), [span(0, last)]);
    assert!(fs::read(data(dir.path(), &source)).unwrap() == source.bytes);
    assert!(partials(dir.path()).unwrap()[0].asked.is_none(), "no user asked for it");
}

#[test]
fn files_of_one_chunk_are_kept_whole_and_in_groups() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let mut sources: Vec<_> = [0, 1, 65_535, 65_536].into_iter().map(|n| Source::new(n, 1)).collect();
    sources.extend((0..300).map(|n| Source::new(1_000 + n, 2)));
    let large = Source::new(300_000, 3);
    let mut open = BTreeMap::new();
    for source in sources.iter().chain([&large]) {
        let whole = Span::whole(source.chunks.size()).unwrap();
        open.insert(rig.open(plan(source, dir.path(), whole)), source);
    }
    let mut missing: BTreeMap<_, _> = open.iter().map(|(t, s)| (*t, s.chunks.count())).collect();
    let mut kept = 0;
    while kept < open.len() {
        match rig.event() {
            Event::Opened(t, believed, _) => {
                rig.tell(Command::Manifest(t, Arc::clone(&open[&t].manifest)));
                if believed.len() == open[&t].chunks.count() as usize {
                    rig.tell(Command::Publish(t));
                } else {
                    open[&t].chunks.iter().for_each(|c| rig.write(t, c, open[&t].chunk(c)));
                }
            }
            Event::Chunk(t, _, true) => {
                *missing.get_mut(&t).unwrap() -= 1;
                if missing[&t] == 0 {
                    rig.tell(Command::Publish(t));
                }
            }
            Event::Arrived(_, Arrival::Kept) => kept += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stored(dir.path()).unwrap().len(), sources.len() + 1);
    for source in sources.iter().chain([&large]) {
        let whole = Span::whole(source.chunks.size()).unwrap();
        assert_eq!(stored_spans(dir.path(), source), [whole]);
        assert_eq!(keep(&mut rig, source, dir.path(), whole), (Ok(Arrival::Kept), 0));
    }
    assert_eq!(names_in(dir.path()), [PARTIAL]);
    assert_eq!(stored(&dir.path().join("nowhere")).unwrap(), []);
}

#[test]
fn a_rotten_chunk_is_fetched_again_if_it_is_wanted_and_reported_no_more_if_not() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(5_000_000, 2);
    let mut rig = Rig::new();
    assert_eq!(keep(&mut rig, &source, dir.path(), span(0, 30)).1, 30);
    rot(dir.path(), &source, 3);
    rot(dir.path(), &source, 25);
    assert_eq!(keep(&mut rig, &source, dir.path(), span(20, 40)), (Ok(Arrival::Kept), 11));
    assert_eq!(stored_spans(dir.path(), &source), [span(0, 3), span(4, 40)]);
    assert_eq!(keep(&mut rig, &source, dir.path(), span(0, 40)), (Ok(Arrival::Kept), 1));
    assert_eq!(stored_spans(dir.path(), &source), [span(0, 40)]);
}

#[test]
fn what_was_closed_stays_and_what_it_lacks_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(3_000_000, 4);
    let mut rig = Rig::new();
    let token = rig.open(plan(&source, dir.path(), span(2, 6)));
    rig.opened(token).unwrap();
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    let chunk = |n| source.chunks.index(n).unwrap();
    rig.write(token, chunk(4), source.chunk(chunk(4)));
    assert!(matches!(rig.event(), Event::Chunk(_, c, true) if c == chunk(4)));
    // What nobody asked for is not written, and nothing but the part is missing.
    rig.write(token, chunk(8), source.chunk(chunk(8)));
    rig.tell(Command::Publish(token));
    let mut lacks = BTreeSet::new();
    while lacks.len() < 3 {
        let Event::Chunk(_, c, false) = rig.event() else { panic!("chunks are missing") };
        lacks.insert(c.get());
    }
    assert_eq!(lacks, [2, 3, 5].into());
    rig.tell(Command::Close(token));
    rig.flush();
    assert_eq!(stored_spans(dir.path(), &source), [span(4, 5)]);
    // Nothing is left of one of which nothing came.
    let other = Source::new(3_000_000, 5);
    let token = rig.open(plan(&other, dir.path(), span(0, 1)));
    rig.opened(token).unwrap();
    rig.tell(Command::Close(token));
    rig.flush();
    assert_eq!(stored(dir.path()).unwrap().len(), 1);
    assert_eq!(names_in(&dir.path().join(PARTIAL)).len(), 3, "data, sidecar, manifest");
}

#[test]
fn room_is_needed_for_the_part_only_and_a_part_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let source = Source::new(100, 6);
    let huge = |keep| Plan { size: HUGE, ..plan(&source, dir.path(), keep) };
    let count = Chunks::of(HUGE).unwrap().count();
    let token = rig.open(huge(span(7, 8)));
    rig.opened(token).unwrap();
    rig.tell(Command::Close(token));
    let (full, none) =
        ((Code::Full, "free: free some space, or"), (Code::Failed, "the file has no such part"));
    for (keep, (code, said)) in
        [(span(0, count), full), (span(3, 3), none), (span(0, count + 1), none), (span(9, 4), none)]
    {
        let token = rig.open(huge(keep));
        let failure = rig.opened(token).unwrap_err().unwrap_err();
        assert!(failure.code == code && failure.message.contains(said), "{keep:?}: {failure}");
    }
    rig.flush();
    assert_eq!(stored(dir.path()).unwrap(), []);
}

#[test]
fn it_may_be_opened_again_or_dropped_as_soon_as_it_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(2_000_000, 7);
    let mut rig = Rig::new();
    for n in 0..20 {
        let (from, to) = (n, n + 5);
        assert_eq!(keep(&mut rig, &source, dir.path(), span(from, to)).0, Ok(Arrival::Kept));
        drop_stored(dir.path(), source.id(), &[span(from + 1, to)]).unwrap();
        assert_eq!(stored_spans(dir.path(), &source), [span(from + 1, to)]);
    }
    // While it is open nobody takes it away.
    let token = rig.open(plan(&source, dir.path(), span(0, 30)));
    rig.opened(token).unwrap();
    let refused = drop_stored(dir.path(), source.id(), &[]).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(stored_spans(dir.path(), &source), [span(20, 24)]);
    rig.tell(Command::Publish(token));
    rig.tell(Command::Flush);
    loop {
        match rig.event() {
            Event::Chunk(_, _, false) => {}
            Event::Idle => break,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_torn_writing_of_the_sidecar_loses_nothing_that_was_reported_before() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(2_000_000, 12);
    let have = dir.path().join(PARTIAL).join(have_name(source.id()));
    let mut before = vec![];
    for n in 1..8 {
        keep(&mut Rig::new(), &source, dir.path(), span(0, 2 * n)).0.unwrap();
        let sidecar = fs::read(&have).unwrap();
        let len = partial::slot_len(source.chunks);
        let turn = usize::try_from(open::synced_turn(&sidecar, source.id(), source.chunks)).unwrap();
        let mut torn = sidecar.clone();
        torn.truncate(2 * len);
        torn[turn * len + 70] ^= 1;
        fs::write(&have, &torn).unwrap();
        assert_eq!(stored_spans(dir.path(), &source), before, "the other slot is the one before");
        fs::write(&have, &sidecar).unwrap();
        before = stored_spans(dir.path(), &source);
        assert_eq!(before, [span(0, 2 * n)]);
    }
}

#[test]
fn dropping_gives_room_back_and_leaves_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(20 << 20, 8);
    let mut rig = Rig::new();
    let all = source.chunks.count();
    keep(&mut rig, &source, dir.path(), span(0, all)).0.unwrap();
    let before = Facts::at(&data(dir.path(), &source)).unwrap();
    drop_stored(dir.path(), source.id(), &[span(30, 50), span(10, 20)]).unwrap();
    assert_eq!(stored_spans(dir.path(), &source), [span(10, 20), span(30, 50)]);
    let after = Facts::at(&data(dir.path(), &source)).unwrap();
    let bytes = fs::read(data(dir.path(), &source)).unwrap();
    assert_eq!(after.size, before.size);
    if bytes[..100].iter().all(|b| *b == 0) {
        assert!(after.allocated <= 31 * source.chunks.chunk_size(), "{} bytes", after.allocated);
        assert!(bytes[50 * 65_536..].iter().all(|b| *b == 0), "nor is the end there");
    }
    // What was dropped is fetched again when it is wanted again, and no more than that.
    assert_eq!(keep(&mut rig, &source, dir.path(), span(0, 40)).1, 20);
    assert_eq!(stored_spans(dir.path(), &source), [span(0, 50)]);
    let left = lose_stored(dir.path(), source.id(), &[0, 49, 5, 4_000].into()).unwrap();
    assert_eq!(left, [span(1, 5), span(6, 49)]);
    assert_eq!(stored_spans(dir.path(), &source), left);
    assert_eq!(lose_stored(dir.path(), source.id(), &[].into()).unwrap(), left);
    drop_stored(dir.path(), source.id(), &[span(49, 60)]).unwrap();
    assert_eq!(stored(dir.path()).unwrap(), []);
    assert!(names_in(&dir.path().join(PARTIAL)).is_empty(), "nothing of it is left");
    drop_stored(dir.path(), source.id(), &[]).unwrap();
    drop_stored(&dir.path().join("nowhere"), source.id(), &[]).unwrap();

    let small = Source::new(100, 9);
    for gone in [true, false] {
        keep(&mut rig, &small, dir.path(), span(0, 1)).0.unwrap();
        drop_stored(dir.path(), small.id(), &[span(0, 1)]).unwrap();
        assert_eq!(lose_stored(dir.path(), small.id(), &[].into()).unwrap(), []);
        assert_eq!(stored_spans(dir.path(), &small), [span(0, 1)]);
        if gone {
            assert_eq!(lose_stored(dir.path(), small.id(), &[0].into()).unwrap(), []);
        } else {
            drop_stored(dir.path(), small.id(), &[]).unwrap();
        }
        assert_eq!(stored_spans(dir.path(), &small), []);
    }
}

#[test]
fn what_a_sidecar_does_not_name_is_not_reported() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(3_000_000, 10);
    let mut rig = Rig::new();
    keep(&mut rig, &source, dir.path(), span(0, 9)).0.unwrap();
    let have = dir.path().join(PARTIAL).join(have_name(source.id()));
    let sidecar = fs::read(&have).unwrap();
    for damaged in [&sidecar[..10], &[], &[7; 5_000][..]] {
        fs::write(&have, damaged).unwrap();
        assert_eq!(stored(dir.path()).unwrap(), []);
    }
    fs::remove_file(&have).unwrap();
    assert_eq!(stored(dir.path()).unwrap(), [], "too long for a file of one chunk");
    fs::write(&have, &sidecar).unwrap();
    assert_eq!(stored_spans(dir.path(), &source), [span(0, 9)]);
    // A file that was cut off by something else.
    fs::File::options().write(true).open(data(dir.path(), &source)).unwrap().set_len(200_000).unwrap();
    assert_eq!(stored_spans(dir.path(), &source), [span(0, 3)]);
    // Others' files, a begun one of which nothing came.
    fs::write(dir.path().join(PARTIAL).join("notes.txt"), "x").unwrap();
    fs::write(dir.path().join(PARTIAL).join(Source::new(3, 11).id().to_string()), "").unwrap();
    assert_eq!(stored(dir.path()).unwrap().len(), 1);
}

/// Twenty thousand files, half of them with a sidecar; how long that takes is printed.
#[test]
fn a_large_store_is_reported() {
    let dir = memory();
    let partial = dir.path().join(PARTIAL);
    fs::create_dir(&partial).unwrap();
    let chunks = Chunks::of(1 << 30).unwrap();
    let mut bits = partial::Bits::none(chunks);
    for chunk in chunks.iter().filter(|c| c.get() % 256 < 100) {
        bits.insert(chunk);
    }
    for n in 0..20_000_u32 {
        let id = FileId::from(blake3::hash(&n.to_le_bytes()));
        let file = fs::File::create(partial.join(id.to_string())).unwrap();
        if n % 2 == 0 {
            file.set_len(1 << 30).unwrap();
            fs::write(partial.join(have_name(id)), partial::encode(id, 1, &bits, None)).unwrap();
        } else {
            file.set_len(u64::from(n)).unwrap();
        }
    }
    let begin = crate::sys::clock::now();
    let all = stored(dir.path()).unwrap();
    println!("{:?}", crate::sys::clock::now().since(begin));
    assert_eq!(all.len(), 20_000);
    assert!(all.iter().all(|(_, size, spans)| spans.len() == if *size == 1 << 30 { 4 } else { 1 }));
}

// ---- loss of power -------------------------------------------------------------------------------

/// Moments at which the power fails.
const CUTS: u64 = 50;

/// What is had kept, in this order: the number of the file, and its chunks.
const STEPS: [(u64, Span); 6] = [
    (0, span(8, 20)),
    (1, span(0, 1)),
    (0, span(0, 12)),
    (2, span(0, 3)),
    (0, span(18, 26)),
    (2, span(1, 4)),
];

/// What is dropped behind them.
const LEFT: [Span; 2] = [span(2, 5), span(9, 24)];

fn file(n: u64) -> Source {
    Source::new([3_000_000, 20_000, 250_000][usize::try_from(n).unwrap()], n)
}

#[test]
#[ignore = "run by the next test, below strace"]
fn victim() {
    let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let to = dir.join("disk");
    let mut marks = fs::File::options().create(true).append(true).open(dir.join("marks")).unwrap();
    let mut mark = |text: String| io::Write::write_all(&mut marks, format!("{text}\n").as_bytes()).unwrap();
    let mut rig = Rig::new();
    for (n, part) in STEPS {
        keep(&mut rig, &file(n), &to, part).0.unwrap();
        mark(format!("{n} {} {}", part.from, part.to));
    }
    mark("drop".to_owned());
    drop_stored(&to, file(0).id(), &LEFT).unwrap();
    mark("dropped".to_owned());
    // Many in one group, as they come from an owner that leaves.
    let many: Vec<_> = (0..20).map(|n| Source::new(100_000 + n, 50)).collect();
    let tokens: Vec<_> = many.iter().map(|s| rig.open(plan(s, &to, span(0, 2)))).collect();
    let mut left = 2 * many.len();
    let mut kept = 0;
    while kept < many.len() {
        match rig.event() {
            Event::Opened(t, _, _) => {
                let source = &many[tokens.iter().position(|o| *o == t).unwrap()];
                rig.tell(Command::Manifest(t, Arc::clone(&source.manifest)));
                source.chunks.iter().for_each(|c| rig.write(t, c, source.chunk(c)));
            }
            Event::Chunk(_, _, true) => {
                left -= 1;
                if left == 0 {
                    tokens.iter().for_each(|t| rig.tell(Command::Publish(*t)));
                }
            }
            Event::Arrived(t, Arrival::Kept) => {
                mark(format!("many {}", tokens.iter().position(|o| *o == t).unwrap()));
                kept += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The power fails after `cut` operations: what was reported as kept is there, and all else can be.
fn fails_at(trace: &Trace, cut: usize, forgets: Forgets, rng: &mut Rng) {
    let dir = memory();
    Tree::after(trace, cut, forgets, rng).put(dir.path());
    let marks =
        trace.ops[..cut].iter().filter_map(|op| if let Op::Mark(m) = op { Some(m.as_str()) } else { None });
    let marks: Vec<_> = marks.collect();
    let mut reported: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for mark in &marks {
        let words: Vec<_> = mark.split(' ').collect();
        match words[..] {
            ["drop"] => drop(reported.insert(0, LEFT.iter().flat_map(|s| s.from..s.to).collect())),
            ["dropped"] => {}
            ["many", n] => {
                let source = Source::new(100_000 + n.parse::<usize>().unwrap(), 50);
                assert_eq!(stored_spans(dir.path(), &source), [span(0, 2)], "{forgets:?} after {cut}");
            }
            [n, from, to] => {
                let chunks = from.parse::<u32>().unwrap()..to.parse().unwrap();
                reported.entry(n.parse().unwrap()).or_default().extend(chunks);
            }
            _ => panic!("{mark}"),
        }
    }
    for n in 0..3 {
        let source = file(n);
        // Whatever is named though nobody reported it may be wrong, but the manifest of what was reported is
        // there.
        let spans = stored(dir.path()).unwrap().into_iter().find(|(id, ..)| *id == source.id());
        let spans = spans.map(|(_, _, spans)| spans).unwrap_or_default();
        let named: BTreeSet<u32> = spans.iter().flat_map(|s| s.from..s.to).collect();
        let reported = reported.remove(&n).unwrap_or_default();
        assert!(
            named.is_superset(&reported),
            "of {n}, {reported:?} was reported and {named:?} is: {forgets:?} after {cut}"
        );
        if reported.is_empty() {
            continue;
        }
        let bytes = fs::read(data(dir.path(), &source)).unwrap();
        for chunk in reported.iter().map(|c| source.chunks.index(*c).unwrap()) {
            assert!(slice(&bytes, source.chunks, chunk) == source.chunk(chunk), "{chunk:?} of {n} is wrong");
        }
        let manifest = dir.path().join(PARTIAL).join(manifest_name(source.id()));
        let proved = source.chunks.is_single() || fs::read(manifest).unwrap() == source.manifest.as_bytes();
        assert!(proved, "what proves {n} is lost: {forgets:?} after {cut}");
    }
    let mut rig = Rig::new();
    for (n, part) in STEPS {
        assert_eq!(keep(&mut rig, &file(n), dir.path(), part).0, Ok(Arrival::Kept), "{n} goes on");
        assert!(stored_spans(dir.path(), &file(n)).iter().any(|s| s.covers(&part)));
    }
}

#[test]
fn power_loss_at_any_moment_loses_nothing_that_was_reported() {
    let mut known = Known::default();
    for n in 0..3 {
        known.add(&file(n).bytes);
        known.add(file(n).manifest.as_bytes());
    }
    (0..20).for_each(|n| known.add(&Source::new(100_000 + n, 50).bytes));
    let dir = memory();
    fs::create_dir(dir.path().join("disk")).unwrap();
    let Some(trace) = record("disk::tests::keep::victim", dir.path(), 1_024, &known) else { return };
    // All moments at which something was reported count most.
    let turns: Vec<usize> =
        (0..trace.ops.len()).filter(|n| matches!(trace.ops[*n], Op::Mark(_) | Op::Synced(..))).collect();
    assert_eq!(trace.ops.iter().filter(|op| matches!(op, Op::Mark(_))).count(), STEPS.len() + 2 + 20);
    seeds(CUTS, |seed| {
        let rng = &mut Rng::new(seed);
        let anywhere = usize::try_from(rng.below(trace.ops.len() as u64 + 1)).unwrap();
        let turn = turns[usize::try_from(rng.below(turns.len() as u64)).unwrap()] + 1;
        let cut = if seed % 2 == 0 { anywhere } else { turn };
        let forgets =
            [Forgets::All, Forgets::FromSomeMoment, Forgets::Anything][usize::try_from(seed % 3).unwrap()];
        fails_at(&trace, cut, forgets, rng);
    });
}
