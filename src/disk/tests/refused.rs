//! A file system that refuses what others do: names, times, hard links. strace says no in its place.

use super::*;
use crate::sys::rerun::rerun;

/// Names that are refused below, as FAT refuses them.
const REFUSED: [&str; 2] = ["a:b.txt", "what?"];

/// The same below strace: `calls` that name one of `names` (all, if there are none) fail with `errno`.
fn refusing(calls: &str, errno: &str, names: &[&str], test: &str) {
    let (dir, log) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error={errno}"));
    let mut under = vec!["strace", "-f", "-qq", "-e", &trace, "-e", &inject];
    under.extend(["-o", log.path().to_str().unwrap()]);
    for name in names {
        under.extend(["-P", name]);
    }
    rerun(&under, &format!("disk::tests::refused::{test}"), dir.path());
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("POTLUCK_TEST_DIR").map(Into::into)
}

#[test]
#[ignore = "run by the next test, where the system refuses names"]
fn names() {
    let Some(dir) = folder() else { return };
    let mut rig = Rig::new();
    for len in [10, 1_000_000] {
        let dir = dir.join(format!("{len}"));
        fs::create_dir(&dir).unwrap();
        let renamed = |path: &str, wanted: &str| {
            Ok(Arrival::Renamed { path: dir.join(path), wanted: wanted.parse().unwrap() })
        };
        let [one, other] = [Source::new(len, 1), Source::new(len, 2)];
        assert_eq!(rig.fetch(&one, one.plan(&dir, "a:b.txt")).0, renamed("a_b.txt", "a:b.txt"));
        assert_eq!(rig.fetch(&other, other.plan(&dir, "a:b.txt")).0, renamed("a_b (2).txt", "a:b.txt"));
        // What is there is not fetched again, by whatever name.
        let (again, fetched) = rig.fetch(&one, one.plan(&dir, "a:b.txt"));
        assert_eq!((again, fetched), (Ok(Arrival::AlreadyThere(dir.join("a_b.txt"))), 0));
        // A folder keeps one substitute for all that lies in it.
        for (source, name) in [(&one, "x"), (&other, "y")] {
            let (path, wanted) = (format!("what_/sub/{name}"), format!("what?/sub/{name}"));
            assert_eq!(rig.fetch(source, source.plan(&dir, &wanted)).0, renamed(&path, &wanted));
        }
        let (again, fetched) = rig.fetch(&one, one.plan(&dir, "what?/sub/x"));
        assert_eq!((again, fetched), (Ok(Arrival::AlreadyThere(dir.join("what_/sub/x"))), 0));
        assert_eq!(rig.fetch(&one, one.plan(&dir, "plain")).0, saved(&dir, "plain"));
        rig.flush();
        assert_eq!(names_in(&dir), ["a_b (2).txt", "a_b.txt", "plain", "what_"]);
    }
}

#[test]
fn names_that_cannot_be_held_have_others_in_their_place() {
    for errno in ["EINVAL", "ENAMETOOLONG", "EPERM"] {
        refusing("openat,renameat,renameat2,linkat,mkdirat", errno, &REFUSED, "names");
    }
}

#[test]
fn names_that_can_be_held_are_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let source = Source::new(10, 1);
    // What lies under a substitute is another file.
    assert_eq!(rig.fetch(&source, source.plan(dir.path(), "a_b.txt")).0, saved(dir.path(), "a_b.txt"));
    for name in ["a:b.txt", "what?/x"] {
        assert_eq!(rig.fetch(&source, source.plan(dir.path(), name)).0, saved(dir.path(), name));
    }
    rig.flush();
    assert_eq!(names_in(dir.path()), ["a:b.txt", "a_b.txt", "what?"]);
}

#[test]
#[ignore = "run by the next test, where what only helps is refused"]
fn all_is_well() {
    let Some(dir) = folder() else { return };
    let mut rig = Rig::new();
    for len in [0, 10, 1_000_000, 9_000_000] {
        let source = Source::new(len, 1);
        let name = format!("sub/{len}");
        assert_eq!(rig.fetch(&source, source.plan(&dir, &name)).0, saved(&dir, &name));
        assert!(fs::read(dir.join(&name)).unwrap() == source.bytes);
        let (again, fetched) = rig.fetch(&source, source.plan(&dir, &name));
        assert_eq!((again, fetched), (Ok(Arrival::AlreadyThere(dir.join(&name))), 0));
    }
    rig.flush();
    assert_eq!(names_in(&dir), ["sub"]);
}

#[test]
fn what_only_helps_is_not_missed() {
    for calls in
        ["utimensat,fchmod", "flock", "fallocate", "fstatfs", "syncfs", "renameat2", "renameat2,linkat"]
    {
        refusing(calls, "EPERM", &[], "all_is_well");
    }
}

#[test]
#[ignore = "run by the next test, where one sync of many fails"]
fn one_of_many() {
    let Some(dir) = folder() else { return };
    let mut rig = Rig::new();
    let sources: Vec<Source> = (0..5).map(|seed| Source::new(1_000, seed)).collect();
    let tokens: Vec<FileToken> =
        sources.iter().enumerate().map(|(n, s)| rig.open(s.plan(&dir, &format!("{n}")))).collect();
    for token in &tokens {
        rig.opened(*token).unwrap();
    }
    for (source, token) in sources.iter().zip(&tokens) {
        rig.write(*token, source.chunks.last(), source.chunk(source.chunks.last()));
        assert!(matches!(rig.event(), Event::Chunk(_, _, true)));
    }
    let all = tokens.iter().map(|token| Command::Publish(*token)).collect();
    rig.tell(Command::Several(all));
    let mut failed = 0;
    for _ in &tokens {
        match rig.event() {
            Event::Arrived(..) => {}
            Event::Failed(_, failure) => {
                assert!(failure.message.contains("cannot sync"), "{failure}");
                failed += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(failed, 1);
}

#[test]
fn a_file_that_cannot_be_synced_fails_alone() {
    let (dir, log) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let under = ["strace", "-f", "-qq", "-o", log.path().to_str().unwrap(), "-e", "trace=syncfs,fsync"];
    // The third sync of the slow thread is that of one file.
    let refused = ["-e", "inject=syncfs:error=EIO", "-e", "inject=fsync:error=EIO:when=3"];
    rerun(&[&under[..], &refused].concat(), "disk::tests::refused::one_of_many", dir.path());
}
