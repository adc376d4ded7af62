//! Full disks, missing permissions, vanished folders, wrong bytes.

use super::*;
use crate::disk::place::PARTIAL;
use crate::sys::rerun::{NOBODY, rerun};

/// A small file system of its own; `None` (with the reason printed) where it cannot be mounted.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "potluck-test"])
            .arg(dir.path())
            .output();
        match done {
            Ok(out) if out.status.success() => Some(Self(dir)),
            other => {
                println!("skipped, for a file system of our own cannot be mounted: {other:?}");
                None
            }
        }
    }

    /// The kernel refuses `ro` while any file is open for writing, so the workers must be idle.
    fn remount(&self, options: &str) {
        let done = std::process::Command::new("mount").args(["-o", options]).arg(self.0.path()).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let done = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(done.unwrap().success());
    }
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_byte() {
    let Some(mount) = Mount::new("size=16m") else { return };
    let mut rig = Rig::new();
    let big = Source::new(17 << 20, 1);
    let (outcome, fetched) = rig.fetch(&big, big.plan(mount.0.path(), "big"));
    let failure = outcome.unwrap_err();
    assert_eq!((failure.code, fetched), (Code::Full, 0));
    assert!(failure.message.contains("17.0 MiB") && failure.message.contains("15."), "{failure}");
    let advice = "free: free some space, or choose another folder with --to";
    assert!(failure.message.ends_with(advice), "{failure}");
    rig.flush();
    assert!(names_in(mount.0.path()).is_empty());
    // Two that fit alone only: the second is refused while the first is promised its room.
    let (a, b) = (Source::new(9 << 20, 2), Source::new(9 << 20, 3));
    let first = rig.open(a.plan(mount.0.path(), "a"));
    rig.opened(first).unwrap();
    let second = rig.open(b.plan(mount.0.path(), "b"));
    assert_eq!(rig.opened(second).unwrap_err().unwrap_err().code, Code::Full);
    rig.tell(Command::Manifest(first, Arc::clone(&a.manifest)));
    assert!(rig.fill(&a, first, a.chunks.iter().collect(), 0).0.is_ok());
}

#[test]
fn a_disk_that_fills_up_keeps_what_came() {
    let Some(mount) = Mount::new("size=32m") else { return };
    let dir = mount.0.path();
    let mut rig = Rig::new();
    let source = Source::new(7 << 20, 1);
    let token = rig.open(source.plan(dir, "x"));
    rig.opened(token).unwrap();
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    let half: Vec<ChunkIndex> = source.chunks.iter().take(40).collect();
    for chunk in &half {
        rig.write(token, *chunk, source.chunk(*chunk));
        assert!(matches!(rig.event(), Event::Chunk(_, _, true)));
    }
    // Somebody else takes the rest.
    let hog = dir.join("hog");
    assert!(fs::write(&hog, vec![1; 40 << 20]).is_err());
    rig.write(token, source.chunks.last(), source.chunk(source.chunks.last()));
    let failure = match rig.event() {
        Event::Failed(t, failure) if t == token => failure,
        other => panic!("a full disk took a chunk: {other:?}"),
    };
    assert_eq!(failure.code, Code::Full);
    rig.tell(Command::Close(token));
    rig.flush();
    fs::remove_file(&hog).unwrap();
    let (outcome, fetched) = rig.fetch(&source, source.plan(dir, "x"));
    assert_eq!(outcome, saved(dir, "x"));
    assert_eq!(fetched, source.chunks.size() - 40 * source.chunks.chunk_size());
    assert!(fs::read(dir.join("x")).unwrap() == source.bytes);
}

#[test]
fn a_read_only_file_system_is_reported_and_later_forgotten() {
    let Some(mount) = Mount::new("size=32m") else { return };
    let dir = mount.0.path();
    let mut rig = Rig::new();
    let (there, source) = (Source::new(100_000, 1), Source::new(100_000, 2));
    assert!(rig.fetch(&there, there.plan(dir, "there")).0.is_ok());
    rig.flush();
    mount.remount("remount,ro");
    for s in [&source, &Source::new(10, 3)] {
        let (outcome, _) = rig.fetch(s, s.plan(dir, "x"));
        let message = outcome.unwrap_err().message;
        assert!(message.contains("cannot be written") && message.contains("--to"), "{message}");
    }
    assert!(matches!(rig.fetch(&there, there.plan(dir, "there")).0, Ok(Arrival::AlreadyThere(_))));
    mount.remount("remount,rw");
    assert_eq!(rig.fetch(&source, source.plan(dir, "x")).0, saved(dir, "x"));
}

#[test]
#[ignore = "run by the next test, as another user"]
fn without_permission() {
    let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let mut rig = Rig::new();
    for len in [10, 100_000] {
        let source = Source::new(len, 1);
        let (outcome, _) = rig.fetch(&source, source.plan(&dir.join("closed"), "x"));
        let failure = outcome.unwrap_err();
        assert_eq!(failure.code, Code::Failed);
        assert!(failure.message.contains("no permission to write in"), "{failure}");
        assert!(failure.message.contains("closed"), "{failure}");
        let (outcome, _) = rig.fetch(&source, source.plan(&dir.join("open"), "sub/x"));
        assert!(outcome.unwrap_err().message.contains("no permission"));
        let (outcome, _) = rig.fetch(&source, source.plan(&dir.join("open"), &format!("{len}")));
        assert_eq!(outcome, saved(&dir.join("open"), &format!("{len}")));
    }
}

#[test]
fn a_folder_without_permission_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    testing::set_mode(dir.path(), 0o755);
    for (name, mode) in [("closed", 0o755), ("open", 0o777), ("open/sub", 0o755)] {
        fs::create_dir(dir.path().join(name)).unwrap();
        testing::set_mode(dir.path().join(name), mode);
    }
    if rerun(NOBODY, "disk::tests::faults::without_permission", dir.path()) {
        assert_eq!(names_in(&dir.path().join("closed")).len(), 0);
    }
}

/// Opens the file again and again until no descriptor is left.
fn take_all_descriptors(file: &fs::File) -> Vec<fs::File> {
    std::iter::from_fn(|| file.try_clone().ok()).collect()
}

#[test]
#[ignore = "run by the next test, with few descriptors"]
fn with_few_descriptors() {
    let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let any = fs::File::open(dir).unwrap();
    let mut rig = Rig::new();
    let source = Source::new(7 << 20, 1);
    let begin = |rig: &mut Rig, chunks: &mut dyn Iterator<Item = ChunkIndex>, token| {
        rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
        for chunk in chunks {
            rig.write(token, chunk, source.chunk(chunk));
            assert!(matches!(rig.event(), Event::Chunk(_, _, true)));
        }
    };
    let token = rig.open(source.plan(dir, "x"));
    rig.opened(token).unwrap();
    begin(&mut rig, &mut source.chunks.iter().take(40), token);
    rig.tell(Command::Close(token));
    rig.flush();

    let taken = take_all_descriptors(&any);
    let token = rig.open(source.plan(dir, "x"));
    // It waits: nothing is said of it, and nothing is taken away.
    rig.flush();
    assert!(dir.join(PARTIAL).join(source.id().to_string()).exists());
    let given_up = rig.open(source.plan(&dir.join("other"), "x"));
    rig.tell(Command::Close(given_up));
    rig.flush();
    drop(taken);
    let (believed, _) = rig.opened(token).unwrap();
    assert_eq!(believed.len(), 40);

    begin(&mut rig, &mut source.chunks.iter().skip(40), token);
    let taken = take_all_descriptors(&any);
    rig.tell(Command::Publish(token));
    loop {
        match rig.event() {
            Event::Arrived(..) => break,
            Event::Failed(_, failure) => {
                assert!(failure.message.contains("too many open files"), "{failure}");
                break;
            }
            Event::Chunk(_, _, true) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(taken);
}

#[test]
fn without_descriptors_files_wait_and_no_folder_is_called_gone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("other")).unwrap();
    rerun(&["prlimit", "--nofile=128:128"], "disk::tests::faults::with_few_descriptors", dir.path());
}

#[test]
fn a_folder_that_vanished_is_reported() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("downloads");
    let mut rig = Rig::new();
    for len in [10, 1_000_000] {
        let source = Source::new(len, 1);
        let (outcome, _) = rig.fetch(&source, source.plan(&dir, "x"));
        assert!(outcome.unwrap_err().message.contains("is gone: make it again"));
        fs::create_dir(&dir).unwrap();
        let token = rig.open(source.plan(&dir, "x"));
        rig.opened(token).unwrap();
        rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
        remove_all(&dir);
        let (outcome, _) = rig.fill(&source, token, source.chunks.iter().collect(), 0);
        let failure = outcome.unwrap_err();
        assert!(failure.message.contains("is gone"), "{failure}");
        // Made again, it serves at once.
        fs::create_dir(&dir).unwrap();
        assert_eq!(rig.fetch(&source, source.plan(&dir, "x")).0, saved(&dir, "x"));
        assert_eq!(names_in(&dir), ["x"]);
        remove_all(&dir);
    }
}

/// Removes a folder that a worker may still put something into meanwhile.
fn remove_all(dir: &Path) {
    let end = crate::sys::clock::now() + DEADLINE;
    while let Err(e) = fs::remove_dir_all(dir) {
        assert!(e.kind() == io::ErrorKind::DirectoryNotEmpty && crate::sys::clock::now() < end, "{e}");
    }
}

#[test]
fn wrong_bytes_are_noticed_and_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    for len in [1_000, 65_536, 1_000_000] {
        let source = Source::new(len, 1);
        let token = rig.open(source.plan(dir.path(), &format!("{len}")));
        rig.opened(token).unwrap();
        rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
        let chunk = source.chunks.index(source.chunks.count() / 2).unwrap();
        let mut wrong = source.chunk(chunk).to_vec();
        wrong[17] ^= 1;
        rig.write(token, chunk, &wrong);
        assert!(matches!(rig.event(), Event::Chunk(_, c, false) if c == chunk));
        rig.tell(Command::Publish(token));
        for expected in source.chunks.iter() {
            assert!(
                matches!(rig.event(), Event::Chunk(_, c, false) if c == expected),
                "nothing is there yet"
            );
        }
        let (outcome, _) = rig.fill(&source, token, source.chunks.iter().collect(), 0);
        assert_eq!(outcome, saved(dir.path(), &format!("{len}")));
    }
    let wrong = Source::new(0, 1);
    let mut plan = wrong.plan(dir.path(), "empty");
    plan.id = FileId([1; 32]);
    let failure = rig.fetch(&wrong, plan).0.unwrap_err();
    assert_eq!(failure.message, "empty is empty, but its id is not that of nothing");
    rig.flush();
    assert!(!dir.path().join(PARTIAL).exists());
}

#[test]
fn no_file_is_larger_than_the_largest_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let plan = Plan { size: u64::MAX, ..Source::new(10, 1).plan(dir.path(), "x") };
    let token = rig.open(plan);
    let failure = rig.opened(token).unwrap_err().unwrap_err();
    assert_eq!(failure.message, "the file is larger than a file can be");
}

#[test]
fn a_block_before_its_manifest_ends_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let source = Source::new(1_000_000, 1);
    let token = rig.open(source.plan(dir.path(), "x"));
    rig.opened(token).unwrap();
    let chunk = source.chunks.last();
    rig.write(token, chunk, source.chunk(chunk));
    match rig.event() {
        Event::Failed(t, failure) if t == token => {
            assert_eq!(failure.message, "a block of x came before its manifest");
        }
        other => panic!("{other:?}"),
    }
    // It is let go, and can be fetched again.
    assert_eq!(rig.fetch(&source, source.plan(dir.path(), "x")).0, saved(dir.path(), "x"));
}

#[test]
fn what_nobody_asked_for_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let source = Source::new(1_000_000, 1);
    let foreign = Chunks::of(1 << 40).unwrap().last();
    let ghost = FileToken(999);
    rig.write(ghost, foreign, &[1; 100]);
    rig.tell(Command::Manifest(ghost, Arc::clone(&source.manifest)));
    rig.tell(Command::Publish(ghost));
    rig.tell(Command::Close(ghost));
    let token = rig.open(source.plan(dir.path(), "x"));
    rig.opened(token).unwrap();
    rig.tell(Command::Manifest(token, Arc::clone(&Source::new(1_000_000, 2).manifest)));
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    rig.write(token, foreign, &[1; 100]);
    rig.write_at(token, source.chunks.last(), 60_000, &[1; 60_000]);
    let (outcome, _) = rig.fill(&source, token, source.chunks.iter().collect(), 0);
    assert_eq!(outcome, saved(dir.path(), "x"));
    assert!(fs::read(dir.path().join("x")).unwrap() == source.bytes);
}
