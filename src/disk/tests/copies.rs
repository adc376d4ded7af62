//! One content under many paths: copied, verified, published like any other file.

use super::*;

#[test]
fn many_copies_of_a_small_file_are_made_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    for len in [0, 100] {
        let source = Source::new(len, 1);
        let first = dir.path().join(format!("{len}/first"));
        let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), &format!("{len}/first")));
        assert_eq!(outcome, Ok(Arrival::Saved(first.clone())));
        for n in 0..300 {
            let mut plan = source.plan(dir.path(), &format!("{len}/{}/{n}", n % 3));
            plan.executable = n == 0;
            rig.copy(plan, &first);
        }
        for _ in 0..300 {
            let Event::Arrived(_, Arrival::Saved(path)) = rig.event() else { panic!("a copy") };
            assert_eq!(fs::read(&path).unwrap(), source.bytes);
            let facts = Facts::at(&path).unwrap();
            assert_eq!(facts.modified, 1_000_000_000_250_000_000);
            let is_first = path.ends_with("0/0");
            assert_eq!(facts.executable, is_first, "{}", path.display());
        }
    }
    rig.flush();
    assert_eq!(names_in(dir.path()), ["0", "100"]);
}

#[test]
fn a_large_file_is_copied_step_by_step_while_another_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let (source, other) = (Source::new(9_000_001, 1), Source::new(5_000_000, 2));
    let mut rig = Rig::new();
    assert_eq!(rig.fetch(&source, source.plan(dir.path(), "a")).0, saved(dir.path(), "a"));
    for name in ["b", "c", "d"] {
        rig.copy(source.plan(dir.path(), name), &dir.path().join("a"));
    }
    for _ in 0..3 {
        let Event::Arrived(_, Arrival::Saved(path)) = rig.event() else { panic!("a copy") };
        assert!(fs::read(path).unwrap() == source.bytes);
    }
    assert_eq!(rig.fetch(&other, other.plan(dir.path(), "e")).0, saved(dir.path(), "e"));
    rig.flush();
    assert_eq!(names_in(dir.path()), ["a", "b", "c", "d", "e"]);
}

#[test]
fn what_changed_since_it_arrived_is_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    for (len, name) in [(100, "small"), (3_000_000, "large")] {
        let source = Source::new(len, 1);
        let path = dir.path().join(name);
        let copy = || source.plan(dir.path(), &format!("{name} copy"));
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(&path, vec![1; len]).unwrap(),
            &|| fs::write(&path, vec![1; len + 1]).unwrap(),
            &|| fs::remove_file(&path).unwrap(),
            &|| testing::link("/etc/hostname", &path),
        ];
        for change in changes {
            change();
            let token = rig.copy(copy(), &path);
            let event = rig.event();
            assert!(matches!(event, Event::NotCopied(t) if t == token), "{event:?}");
        }
        fs::remove_file(&path).unwrap();
    }
    rig.flush();
    assert_eq!(names_in(dir.path()), [""; 0]);
}

#[test]
fn a_copy_replaces_nothing_and_is_not_made_twice() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(1_000, 1);
    let mut rig = Rig::new();
    assert_eq!(rig.fetch(&source, source.plan(dir.path(), "a")).0, saved(dir.path(), "a"));
    fs::write(dir.path().join("taken"), "mine").unwrap();
    fs::write(dir.path().join("same"), &source.bytes).unwrap();
    rig.copy(source.plan(dir.path(), "taken"), &dir.path().join("a"));
    let beside = dir.path().join("taken (2)");
    assert!(matches!(rig.event(), Event::Arrived(_, Arrival::SavedAs(path)) if path == beside));
    rig.copy(source.plan(dir.path(), "same"), &dir.path().join("a"));
    let same = dir.path().join("same");
    assert!(matches!(rig.event(), Event::Arrived(_, Arrival::AlreadyThere(path)) if path == same));
    assert_eq!(fs::read(dir.path().join("taken")).unwrap(), b"mine");
}

#[test]
fn neither_a_closed_copy_nor_one_of_a_crash_stays() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(20_000_000, 1);
    let mut rig = Rig::new();
    assert_eq!(rig.fetch(&source, source.plan(dir.path(), "a")).0, saved(dir.path(), "a"));
    let tokens: Vec<_> =
        (0..5).map(|n| rig.copy(source.plan(dir.path(), &n.to_string()), &dir.path().join("a"))).collect();
    for token in tokens {
        rig.tell(Command::Close(token));
    }
    rig.flush();
    assert!(names_in(dir.path()).iter().all(|name| name != ".potluck-partial"));
    drop(rig);
    // As a process that was killed leaves it: nobody holds its lock.
    let partial = dir.path().join(".potluck-partial");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join(format!("{}.copy-1", source.id())), "begun").unwrap();
    let mut rig = Rig::new();
    let other = Source::new(100, 2);
    assert_eq!(rig.fetch(&other, other.plan(dir.path(), "other")).0, saved(dir.path(), "other"));
    rig.flush();
    assert!(!partial.exists());
}
