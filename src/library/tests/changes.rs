//! What changes in `shared/` while the library runs.

use super::*;

#[test]
fn changes_are_followed() {
    let bench = Bench::new();
    bench.old("stays", b"stays");
    let mut r = bench.start();
    r.until_watched(&bench);
    fs::write(bench.path("new"), "one").unwrap();
    r.until("new", |r| r.has("new", b"one"));
    fs::write(bench.path("new"), "two").unwrap();
    r.until("rewritten", |r| r.has("new", b"two"));
    assert_eq!(r.serve(b"two").unwrap(), b"two");
    assert!(!r.shelf.files.contains_key(&id(b"one")), "never served under its old id");
    File::options().append(true).open(bench.path("new")).unwrap().write_all(b"!").unwrap();
    r.until("appended", |r| r.has("new", b"two!"));
    fs::rename(bench.path("new"), bench.path("renamed")).unwrap();
    r.until_names(&["renamed", "stays"]);
    fs::create_dir_all(bench.path("d/e")).unwrap();
    r.until("folder", |r| r.has_folder("d/e"));
    fs::rename(bench.path("renamed"), bench.path("d/e/inner")).unwrap();
    r.until_names(&["d/e/inner", "stays"]);
    fs::remove_file(bench.path("d/e/inner")).unwrap();
    r.until("empty again", |r| r.has_folder("d/e"));
    fs::remove_dir_all(bench.path("d")).unwrap();
    r.until_names(&["stays"]);
    testing::set_mode(bench.path("stays"), 0o755);
    r.until("executable", |r| {
        matches!(r.listed().get("stays"), Some(EntryKind::File { executable: true, .. }))
    });
    fs::remove_file(bench.path("stays")).unwrap();
    r.until_names(&[]);
}

#[test]
fn a_folder_moved_in_or_out_is_followed_and_watched() {
    let bench = Bench::new();
    let outside = bench.dir.path().join("outside");
    fs::create_dir_all(outside.join("x/y")).unwrap();
    fs::write(outside.join("x/y/one"), "one").unwrap();
    fs::write(outside.join("two"), "two").unwrap();
    let mut r = bench.start();
    r.until_watched(&bench);
    fs::rename(&outside, bench.path("in")).unwrap();
    r.until_names(&["in/two", "in/x/y/one"]);
    // What is listed is watched.
    fs::write(bench.path("in/x/y/three"), "three").unwrap();
    r.until("watched below", |r| r.has("in/x/y/three", b"three"));
    fs::rename(bench.path("in/x"), bench.path("out")).unwrap();
    r.until_names(&["in/two", "out/y/one", "out/y/three"]);
    fs::rename(bench.path("out"), &outside).unwrap();
    r.until_names(&["in/two"]);
    // A file where a folder was, and the other way round.
    fs::remove_dir_all(bench.path("in")).unwrap();
    fs::write(bench.path("in"), "file").unwrap();
    r.until("a file now", |r| r.has("in", b"file"));
    fs::remove_file(bench.path("in")).unwrap();
    fs::create_dir(bench.path("in")).unwrap();
    r.until("a folder now", |r| r.has_folder("in"));
}

#[test]
fn a_look_at_what_lay_below_a_file_leaves_the_file_listed() {
    let bench = Bench::new();
    bench.old("in", b"file");
    testing::link("in", bench.path("link"));
    let mut r = bench.start();
    r.until_watched(&bench);
    r.until_names(&["in", "link"]);
    for below in ["in/two", "in/x/three", "link/two"] {
        r.handle.commands.send(Command::Check(path(below))).unwrap();
        // Heard of after that, so looked at after that.
        fs::write(bench.path("marker"), below).unwrap();
        r.until(below, |r| r.has("marker", below.as_bytes()));
        assert_eq!(r.names(), ["in", "link", "marker"], "{below}");
    }
}

#[test]
fn a_file_is_listed_once_it_is_closed_or_stands_still() {
    let bench = Bench::new();
    let mut r = bench.start();
    r.until_watched(&bench);
    fs::write(bench.path("closed"), "closed").unwrap();
    r.until("closed", |r| r.has("closed", b"closed"));
    let before = clock::now();
    let mut open = File::create(bench.path("open")).unwrap();
    open.write_all(b"still ").unwrap();
    open.write_all(b"open").unwrap();
    let at = r.until("open", |r| r.has("open", b"still open"));
    assert!(at.since(before) > Duration::from_millis(900), "{:?}", at.since(before));
    open.write_all(b" and more").unwrap();
    drop(open);
    r.until("more", |r| r.has("open", b"still open and more"));
    fs::remove_file(bench.path("open")).unwrap();
    r.until("gone", |r| !r.names().contains(&"open".to_owned()));
}

#[test]
fn a_file_of_the_same_content_takes_over() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        bench.old(name, b"twins");
    }
    let mut r = bench.start();
    r.until_names(&["a", "b", "c"]);
    for left in [2, 1] {
        let served = r.shelf.files.get(&id(b"twins")).unwrap().path.clone();
        fs::remove_file(served.under(&bench.root())).unwrap();
        r.handle.commands.send(Command::Check(served)).unwrap();
        r.until("one less", |r| r.names().len() == left);
        assert_eq!(r.serve(b"twins").unwrap(), b"twins");
        assert_eq!(r.shelf.files.len(), 1);
    }
    fs::remove_file(bench.path(&r.names()[0])).unwrap();
    r.handle.commands.send(Command::Rescan).unwrap();
    r.until_names(&[]);
    assert!(r.shelf.files.is_empty());
}

#[test]
fn without_a_watcher_it_looks_from_time_to_time() {
    let bench = Bench::new();
    let mut r = bench.start_with(|c| {
        c.watch = false;
        c.rescan_unwatched = Duration::from_millis(50);
    });
    r.until("scanned", |r| r.scanned);
    fs::write(bench.path("new"), "new").unwrap();
    r.until("new", |r| r.has("new", b"new"));
    fs::write(bench.path("new"), "news").unwrap();
    r.until("changed", |r| r.has("new", b"news"));
    fs::remove_file(bench.path("new")).unwrap();
    r.until_names(&[]);
}
