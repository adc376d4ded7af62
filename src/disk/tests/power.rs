//! Power loss at random moments: the workers run below strace (`sim/trace.rs`), the disk forgets what was
//! not synced (`sim/disk.rs`), and what is left must be true, enough, and enough to go on.

use super::*;
use crate::sim::disk::{Forgets, Tree};
use crate::sim::trace::{Known, Op, Trace, record};
use crate::sim::{Rng, seeds};

/// Bytes of the large file: the smallest for which at most 5 % may be fetched twice.
const LARGE: usize = 64 << 20;

/// Small files beside it.
const SMALL: u64 = 40;

/// Chunks by which the network is ahead of the disk, at most: 2.4 %. No disk keeps what it had no time to
/// write; here it always had that much.
const AHEAD: u32 = 25;

/// Moments at which the power fails, in one run of the test.
const CUTS: u64 = 50;

fn small(n: u64) -> Source {
    Source::new(20_000 + usize::try_from(n).unwrap(), 1_000 + n)
}

fn large() -> Source {
    Source::new(LARGE, 1)
}

/// The files by their final names; the last one is a copy.
fn everything() -> Vec<(String, Source)> {
    let mut all: Vec<_> = (0..SMALL).map(|n| (format!("small/{n}"), small(n))).collect();
    all.push(("large".to_owned(), large()));
    all.push(("copies/of small/3".to_owned(), small(3)));
    all
}

/// Fast, as there are dozens of disks to fill: a memory file system where there is one.
pub(super) fn memory() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
#[ignore = "run by the next test, below strace"]
fn victim() {
    let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let to = dir.join("disk");
    let mut marks = fs::File::options().create(true).append(true).open(dir.join("marks")).unwrap();
    let mut mark = |name: &str| io::Write::write_all(&mut marks, format!("{name}\n").as_bytes()).unwrap();
    let mut rig = Rig::new();
    let sources: Vec<Source> = (0..SMALL).map(small).collect();
    let mut tokens = BTreeMap::new();
    for (n, source) in sources.iter().enumerate() {
        tokens.insert(rig.open(source.plan(&to, &format!("small/{n}"))), n);
    }
    let mut left = sources.len();
    while left > 0 {
        match rig.event() {
            Event::Opened(t, _, _) => {
                rig.write(t, sources[tokens[&t]].chunks.last(), &sources[tokens[&t]].bytes)
            }
            Event::Chunk(t, _, true) => rig.tell(Command::Publish(t)),
            Event::Arrived(t, Arrival::Saved(_)) => {
                mark(&format!("small/{}", tokens[&t]));
                left -= 1;
            }
            other => panic!("{other:?}"),
        }
    }
    let source = large();
    let (mut sent, all) = (0, source.chunks.count());
    while sent < all {
        let token = rig.open(source.plan(&to, "large"));
        rig.opened(token).unwrap();
        rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
        // In two goes: what a `Close` keeps is kept too.
        let until = if sent == 0 { all / 2 } else { all };
        while sent < until {
            sent += 1;
            let chunk = source.chunks.index(all - sent).unwrap();
            rig.write(token, chunk, source.chunk(chunk));
            assert!(matches!(rig.event(), Event::Chunk(_, c, true) if c == chunk));
            let end = crate::sys::clock::now() + DEADLINE;
            while noted(&to, &source).count() + AHEAD < sent {
                assert!(crate::sys::clock::now() < end, "what came is not noted");
                std::thread::yield_now();
            }
        }
        if sent < all {
            rig.tell(Command::Close(token));
            rig.flush();
        } else {
            rig.tell(Command::Publish(token));
            assert!(matches!(rig.event(), Event::Arrived(_, Arrival::Saved(_))));
        }
    }
    mark("large");
    rig.copy(small(3).plan(&to, "copies/of small/3"), &to.join("small/3"));
    assert!(matches!(rig.event(), Event::Arrived(_, Arrival::Saved(_))));
    mark("copies/of small/3");
}

/// The chunks that a sidecar names after they were synced.
fn noted(to: &Path, source: &Source) -> partial::Bits {
    let sidecar = fs::read(to.join(PARTIAL).join(place::have_name(source.id()))).unwrap_or_default();
    let believed = partial::believe(&sidecar, source.id(), source.chunks, source.chunks.size(), None);
    believed.map_or_else(|| partial::Bits::none(source.chunks), |(_, bits)| bits)
}

/// What the process had done by then: files that were reported as arrived, and chunks of the large file.
fn done_by(trace: &Trace, cut: usize, source: &Source) -> (BTreeSet<String>, BTreeSet<ChunkIndex>) {
    let (mut arrived, mut written) = (BTreeSet::new(), BTreeSet::new());
    for op in &trace.ops[..cut] {
        match op {
            Op::Mark(name) => drop(arrived.insert(name.clone())),
            Op::Wrote(_, at, bytes) => {
                let chunk = source.chunks.at_offset(*at).unwrap();
                if source.chunk(chunk) == bytes {
                    written.insert(chunk);
                }
            }
            _ => {}
        }
    }
    (arrived, written)
}

/// The power fails after `cut` operations: what is left is looked at, and the work is done to its end.
/// Bytes of the large file that came twice.
fn fails_at(trace: &Trace, cut: usize, forgets: Forgets, rng: &mut Rng, all: &[(String, Source)]) -> u64 {
    let dir = memory();
    let to = dir.path();
    Tree::after(trace, cut, forgets, rng).put(to);
    let source = &all[all.len() - 2].1;
    let (arrived, written) = done_by(trace, cut, source);
    let same = |name: &str, source: &Source| fs::read(to.join(name)).is_ok_and(|b| b == source.bytes);
    for (name, source) in all {
        let there = to.join(name).exists();
        assert!(!there || same(name, source), "{name} is unfinished or wrong under its final name");
        assert!(there || !arrived.contains(name), "{name} had arrived, and is lost");
    }
    let mut rig = Rig::new();
    let mut twice = 0;
    for (name, source) in all {
        let (outcome, fetched) = rig.fetch(source, source.plan(to, name));
        assert!(
            matches!(&outcome, Ok(Arrival::Saved(p) | Arrival::AlreadyThere(p)) if *p == to.join(name)),
            "{name}: {outcome:?}"
        );
        if name == "large" {
            let missing = source.chunks.iter().filter(|c| !written.contains(c));
            twice = fetched.saturating_sub(missing.map(|c| source.chunks.len_of(c)).sum());
        }
        assert!(same(name, source), "{name} differs");
    }
    rig.flush();
    drop(rig);
    assert_eq!(names_in(to), ["copies", "large", "small"], "nothing else is left");
    twice
}

#[test]
fn power_loss_at_any_moment_costs_little_and_leaves_nothing_wrong() {
    let all = everything();
    let mut known = Known::default();
    for (_, source) in &all {
        known.add(&source.bytes);
        known.add(source.manifest.as_bytes());
    }
    let dir = memory();
    fs::create_dir(dir.path().join("disk")).unwrap();
    let Some(trace) = record("disk::tests::power::victim", dir.path(), 1_024, &known) else { return };
    // Had we missed an operation, what they come to would not be what is there.
    let replay = memory();
    Tree::after(&trace, trace.ops.len(), Forgets::Nothing, &mut Rng::new(0)).put(replay.path());
    for (name, source) in &all {
        assert!(fs::read(replay.path().join(name)).unwrap() == source.bytes, "{name} in the record");
    }
    assert_eq!(names_in(replay.path()), names_in(&dir.path().join("disk")));
    // Moments around which something is decided: half of the cuts fall there.
    let turns: Vec<usize> = (0..trace.ops.len())
        .filter(|n| !matches!(trace.ops[*n], Op::Wrote(_, _, ref bytes) if bytes.len() > 1_000))
        .collect();
    let worst = std::cell::Cell::new(0);
    seeds(CUTS, |seed| {
        let rng = &mut Rng::new(seed);
        let anywhere = usize::try_from(rng.below(trace.ops.len() as u64 + 1)).unwrap();
        let turn = turns[usize::try_from(rng.below(turns.len() as u64)).unwrap()] + 1;
        let cut = if seed % 2 == 0 { anywhere } else { turn };
        let forgets =
            [Forgets::All, Forgets::FromSomeMoment, Forgets::Anything][usize::try_from(seed % 3).unwrap()];
        let twice = fails_at(&trace, cut, forgets, rng, &all);
        worst.set(worst.get().max(twice));
        assert!(twice <= LARGE as u64 / 20, "{twice} bytes came twice: {forgets:?} after {cut} operations");
    });
    let percent = worst.get() as f64 * 100.0 / LARGE as f64;
    println!("{} operations; at most {percent:.2} % came twice", trace.ops.len());
}
