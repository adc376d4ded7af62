//! What is kept, believed, checked and salvaged.

use super::*;
use crate::disk::place::{PARTIAL, have_name, manifest_name};

/// Fetches all but the chunks that `skip` names, and closes; the bytes that the sidecar names then.
fn half(dir: &Path, source: &Source, name: &str, skip: impl Fn(u32) -> bool) -> Leftover {
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir, name));
    rig.opened(token).unwrap();
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    for chunk in source.chunks.iter().rev().filter(|c| !skip(c.get())) {
        let bytes = source.chunk(chunk).to_vec();
        rig.write(token, chunk, &bytes);
        assert!(matches!(rig.event(), Event::Chunk(_, c, true) if c == chunk));
    }
    rig.tell(Command::Close(token));
    rig.flush();
    drop(rig);
    let left = partials(dir).unwrap();
    assert_eq!(left.len(), 1);
    left.into_iter().next().unwrap()
}

#[test]
fn what_was_closed_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(10_000_000, 1);
    let left = half(dir.path(), &source, "big", |n| n % 3 == 0);
    assert_eq!((left.id, left.size), (source.id(), Some(10_000_000)));
    assert_eq!(left.asked, Some(("big".parse().unwrap(), "the folder of big".to_owned())));
    let missing: u64 =
        source.chunks.iter().filter(|c| c.get() % 3 == 0).map(|c| source.chunks.len_of(c)).sum();
    assert_eq!(left.have, 10_000_000 - missing);
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir.path(), "another name"));
    let (believed, manifest) = rig.opened(token).unwrap();
    assert!(manifest, "the manifest needs no network");
    assert_eq!(believed.iter().map(|c| source.chunks.len_of(*c)).sum::<u64>(), left.have);
    let missing = source.chunks.iter().filter(|c| c.get() % 3 == 0).collect();
    let (outcome, _) = rig.fill(&source, token, missing, 0);
    assert_eq!(outcome, saved(dir.path(), "another name"));
    assert!(fs::read(dir.path().join("another name")).unwrap() == source.bytes);
    assert_eq!(names_in(dir.path()), ["another name"]);
}

#[test]
fn what_rests_takes_no_more_space_than_what_came() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(32 << 20, 7);
    let left = half(dir.path(), &source, "big", |n| n < 448);
    assert_eq!(left.have, 4 << 20, "{left:?}");
    // A file system that has no holes keeps what was taken.
    let probe = tempfile::tempfile_in(dir.path()).unwrap();
    probe.set_len(1 << 20).unwrap();
    if crate::sys::punch::punch(&probe, 0, 1 << 20) {
        assert!(left.on_disk < left.have + (1 << 20), "{left:?}");
    }
    let mut rig = Rig::new();
    let (outcome, fetched) = rig.fetch(&source, source.plan(dir.path(), "big"));
    assert_eq!((outcome, fetched), (saved(dir.path(), "big"), (32 << 20) - left.have));
    assert!(fs::read(dir.path().join("big")).unwrap() == source.bytes);
}

#[test]
fn what_is_discarded_leaves_nothing_unless_it_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let (source, small) = (Source::new(3_000_000, 8), Source::new(100, 9));
    half(dir.path(), &source, "x", |n| n == 0);
    let files = [source.id(), small.id()];
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir.path(), "x"));
    rig.opened(token).unwrap();
    assert_eq!(discard_partials(dir.path(), &files).unwrap(), [source.id()]);
    rig.tell(Command::Close(token));
    rig.flush();
    assert_eq!(discard_partials(dir.path(), &files).unwrap(), []);
    assert!(!dir.path().join(PARTIAL).exists());
    assert_eq!(discard_partials(&dir.path().join("gone"), &files).unwrap(), []);
}

#[test]
fn a_believed_chunk_that_does_not_hold_is_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(5_000_000, 2);
    half(dir.path(), &source, "x", |n| n == 0);
    let data = dir.path().join(PARTIAL).join(source.id().to_string());
    let mut bytes = fs::read(&data).unwrap();
    bytes[3_000_000] ^= 1;
    fs::write(&data, bytes).unwrap();
    let mut rig = Rig::new();
    let (outcome, fetched) = rig.fetch(&source, source.plan(dir.path(), "x"));
    assert_eq!(outcome, saved(dir.path(), "x"));
    assert_eq!(fetched, 2 * source.chunks.chunk_size(), "the missing one and the broken one");
    assert!(fs::read(dir.path().join("x")).unwrap() == source.bytes);
}

#[test]
fn a_torn_or_foreign_sidecar_costs_no_correctness() {
    let source = Source::new(3_000_000, 3);
    let other = Source::new(3_000_064, 4);
    for damage in ["torn", "empty", "gone", "foreign", "manifest"] {
        let dir = tempfile::tempdir().unwrap();
        half(dir.path(), &source, "x", |n| n % 2 == 0);
        let have = dir.path().join(PARTIAL).join(have_name(source.id()));
        match damage {
            "torn" => fs::write(&have, &fs::read(&have).unwrap()[..100]).unwrap(),
            "empty" => fs::write(&have, "").unwrap(),
            "gone" => fs::remove_file(&have).unwrap(),
            "foreign" => {
                let bits = partial::Bits::none(other.chunks);
                fs::write(&have, partial::encode(other.id(), 1, &bits, None)).unwrap();
            }
            _ => fs::write(dir.path().join(PARTIAL).join(manifest_name(source.id())), [0; 500]).unwrap(),
        }
        let mut rig = Rig::new();
        let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), "x"));
        assert_eq!(outcome, saved(dir.path(), "x"), "{damage}");
        assert!(fs::read(dir.path().join("x")).unwrap() == source.bytes);
        assert_eq!(names_in(dir.path()), ["x"]);
    }
}

#[test]
fn what_lies_there_unnamed_is_salvaged() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(3_000_000, 5);
    half(dir.path(), &source, "x", |n| n % 2 == 0);
    fs::remove_file(dir.path().join(PARTIAL).join(have_name(source.id()))).unwrap();
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir.path(), "x"));
    assert_eq!(rig.opened(token).unwrap(), (vec![], true));
    let mut found = BTreeSet::new();
    let there: BTreeSet<_> = source.chunks.iter().filter(|c| c.get() % 2 == 1).collect();
    while found.len() < there.len() {
        match rig.event() {
            Event::Chunk(_, chunk, true) => assert!(found.insert(chunk)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found, there);
}

#[test]
fn a_partial_file_that_is_too_long_or_a_link_harms_nothing() {
    let source = Source::new(1_000_000, 6);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), vec![7; 1_000_000]).unwrap();
    for trap in ["long", "link", "hard link", "folder link"] {
        let dir = tempfile::tempdir().unwrap();
        let partial = dir.path().join(PARTIAL);
        let data = partial.join(source.id().to_string());
        if trap == "folder link" {
            testing::link(outside.path(), &partial);
        } else {
            fs::create_dir(&partial).unwrap();
        }
        match trap {
            "long" => fs::write(&data, vec![1; 2_000_000]).unwrap(),
            "link" => testing::link(outside.path().join("precious"), &data),
            "hard link" => fs::hard_link(outside.path().join("precious"), &data).unwrap(),
            _ => {}
        }
        let mut rig = Rig::new();
        let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), "x"));
        if trap == "folder link" {
            assert!(outcome.is_err());
        } else {
            assert_eq!(outcome, saved(dir.path(), "x"), "{trap}");
            assert!(fs::read(dir.path().join("x")).unwrap() == source.bytes);
        }
        assert_eq!(fs::read(outside.path().join("precious")).unwrap(), vec![7; 1_000_000], "{trap}");
        assert_eq!(names_in(outside.path()), ["precious"]);
    }
}

#[test]
fn one_content_is_put_together_once_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(1_000_000, 7);
    let (mut one, mut two) = (Rig::new(), Rig::new());
    let a = one.open(source.plan(dir.path(), "a"));
    one.opened(a).unwrap();
    let b = one.open(source.plan(dir.path(), "b"));
    let said = |failure: Failure| failure.message;
    let in_the_way = "b is being fetched into the same folder already";
    assert_eq!(one.opened(b).unwrap_err().map_err(said), Err(in_the_way.to_owned()));
    let c = two.open(source.plan(dir.path(), "c"));
    let in_the_way = "c is being fetched into the same folder already";
    assert_eq!(two.opened(c).unwrap_err().map_err(said), Err(in_the_way.to_owned()));
    one.tell(Command::Close(a));
    // Not refused: the earlier token is closing.
    assert_eq!(one.fetch(&source, source.plan(dir.path(), "d")).0, saved(dir.path(), "d"));
    assert_eq!(names_in(dir.path()), ["d"]);
}

#[test]
fn nothing_is_left_of_a_file_of_which_nothing_came() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    for len in [10, 1_000_000] {
        let token = rig.open(Source::new(len, 8).plan(dir.path(), "x"));
        rig.opened(token).unwrap();
        rig.tell(Command::Close(token));
        rig.flush();
        assert!(names_in(dir.path()).is_empty());
    }
}

#[test]
fn what_a_crash_left_behind_a_published_file_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(1_000_000, 9);
    half(dir.path(), &source, "x", |_| false);
    // As if it was killed between the renaming and the removal of the sidecar.
    let partial = dir.path().join(PARTIAL);
    fs::rename(partial.join(source.id().to_string()), dir.path().join("x")).unwrap();
    assert_eq!(names_in(&partial).len(), 3);
    let mut rig = Rig::new();
    let other = Source::new(10, 1);
    assert_eq!(rig.fetch(&other, other.plan(dir.path(), "y")).0, saved(dir.path(), "y"));
    assert_eq!(names_in(dir.path()), ["x", "y"]);
    // And once it was whole but not renamed, nothing is fetched.
    half(dir.path(), &Source::new(1_000_000, 10), "z", |_| false);
    let whole = Source::new(1_000_000, 10);
    assert_eq!(rig.fetch(&whole, whole.plan(dir.path(), "z")), (saved(dir.path(), "z"), 0));
    assert_eq!(names_in(dir.path()), ["x", "y", "z"]);
}
