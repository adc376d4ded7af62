//! What is no file of `shared/` is neither listed nor opened, whatever it is swapped for.

use super::*;

#[test]
fn what_is_no_file_is_skipped_with_one_warning() {
    let bench = Bench::new();
    fs::write(bench.dir.path().join("secret"), "secret").unwrap();
    fs::create_dir(bench.dir.path().join("private")).unwrap();
    fs::write(bench.dir.path().join("private/key"), "secret").unwrap();
    bench.old("good", b"good");
    testing::link(bench.dir.path().join("secret"), bench.path("link-out"));
    testing::link("../private", bench.path("link-dir"));
    testing::link("good", bench.path("link-in"));
    testing::link(".", bench.path("link-loop"));
    testing::pipe(bench.path("fifo"));
    let _socket = testing::socket(bench.path("socket"));
    fs::write(bench.root().join(testing::not_utf8()), "x").unwrap();
    bench.old(".potluck-partial/x", b"partial");
    bench.old(".potluck/x", b"ours");
    let mut r = bench.start();
    for part in ["link-out", "link-dir", "link-loop", "fifo", "socket", "UTF-8", ".potluck"] {
        r.until_warned(part);
    }
    r.until("good", |r| r.scanned && r.has("good", b"good"));
    r.handle.commands.send(Command::Rescan).unwrap();
    r.until_watched(&bench);
    assert_eq!(r.names(), ["good", "link-in"]);
    assert_eq!(r.warnings.len(), 7, "{:?}", r.warnings);
    // What comes while it runs is left out as well, and no FIFO stops it.
    testing::pipe(bench.path("fifo2"));
    testing::link("/etc", bench.path("etc"));
    r.until_warned("fifo2");
    r.until_warned("etc is a link");
    fs::rename(bench.path("fifo2"), bench.path("good")).unwrap();
    r.until_names(&[]);
}

#[test]
fn nothing_outside_is_opened_through_a_swapped_link() {
    let bench = Bench::new();
    bench.old("d/file", b"inside");
    fs::create_dir(bench.dir.path().join("outside")).unwrap();
    fs::write(bench.dir.path().join("outside/file"), "secret").unwrap();
    let mut r = bench.start();
    r.until("listed", |r| r.has("d/file", b"inside"));
    let file = r.shelf.files.get(&id(b"inside")).unwrap().clone();
    assert_eq!(r.serve(b"inside").unwrap(), b"inside");
    let mut folder = LastFolder::default();
    folder.open(&bench.roots(), &file).unwrap();
    fs::rename(bench.path("d"), bench.path("d2")).unwrap();
    testing::link(bench.dir.path().join("outside"), bench.path("d"));
    assert!(matches!(open(&bench.roots(), &file), Err(OpenError::Changed)));
    // In a folder that is open it still is what was hashed. When it is not, the whole way is looked at.
    folder.open(&bench.roots(), &file).unwrap();
    fs::rename(bench.path("d2/file"), bench.path("d2/gone")).unwrap();
    assert!(matches!(folder.open(&bench.roots(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d")).unwrap();
    assert!(matches!(open(&bench.roots(), &file), Err(OpenError::Gone)));
    fs::create_dir(bench.path("d")).unwrap();
    testing::link(bench.dir.path().join("outside/file"), bench.path("d/file"));
    assert!(matches!(open(&bench.roots(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d/file")).unwrap();
    testing::pipe(bench.path("d/file"));
    assert!(matches!(open(&bench.roots(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d/file")).unwrap();
    fs::write(bench.path("d/file"), b"inside").unwrap();
    assert!(matches!(open(&bench.roots(), &file), Err(OpenError::Changed)), "another inode");
}

/// A folder that turns into a link and back all the time.
#[test]
fn a_folder_swapped_in_a_loop_lets_nothing_out() {
    let bench = Bench::new();
    bench.old("d/file", b"inside");
    fs::create_dir(bench.dir.path().join("outside")).unwrap();
    fs::write(bench.dir.path().join("outside/file"), "secret").unwrap();
    fs::write(bench.dir.path().join("outside/more"), "more secrets").unwrap();
    testing::link(bench.dir.path().join("outside"), bench.dir.path().join("link"));
    let mut r = bench.start();
    r.until("listed", |r| r.has("d/file", b"inside"));
    let file = r.shelf.files.get(&id(b"inside")).unwrap().clone();
    let (d, link) = (bench.path("d"), bench.dir.path().join("link"));
    let (stop, stopped) = bounded::<()>(0);
    let swapper = Thread::spawn("swap", move || {
        while stopped.try_recv() != Err(crossbeam_channel::TryRecvError::Disconnected) {
            testing::swap(&d, &link);
        }
    })
    .unwrap();
    for _ in 0..20 {
        let mut folder = LastFolder::default();
        for n in 0..200 {
            // With the folder of before, too, whatever stands in its place by now.
            let opened =
                if n % 2 == 0 { open(&bench.roots(), &file) } else { folder.open(&bench.roots(), &file) };
            if let Ok(opened) = opened {
                let mut bytes = [0; 6];
                read_exact_at(&opened, &mut bytes, 0).unwrap();
                assert_eq!(&bytes, b"inside");
            }
        }
        r.handle.commands.send(Command::Rescan).unwrap();
        while let Ok(event) = r.handle.events.try_recv() {
            if let Event::Changed(shelf) = event {
                assert!(shelf.catalogue.entries().all(|e| e.path.name() == "file" || e.path.name() == "d"));
                assert!(!shelf.files.contains_key(&id(b"secret")));
            }
        }
    }
    drop(stop);
    drop(swapper);
}

#[test]
fn links_to_what_lies_inside_are_followed_and_no_circle_is() {
    let bench = Bench::new();
    fs::create_dir(bench.dir.path().join("outside")).unwrap();
    fs::write(bench.dir.path().join("outside/secret"), "secret").unwrap();
    bench.old("releases/42/program", b"42");
    bench.old("releases/42/.hidden", b"hidden");
    bench.old("releases/43/program", b"43");
    bench.old("common/text", b"text");
    bench.old("ignored/x", b"x");
    bench.old("ignored/y.log", b"log");
    fs::write(bench.path("ignored/.potluckignore"), "*.log\n").unwrap();
    testing::link("releases/42", bench.path("current"));
    testing::link("../../common", bench.path("releases/42/lib"));
    testing::link(bench.path("common/text"), bench.path("absolute"));
    testing::link("..", bench.path("releases/42/up"));
    testing::link("ignored", bench.path("all"));
    testing::link("ignored/y.log", bench.path("log"));
    testing::link("../outside", bench.path("common/out"));
    let mut r = bench.start();
    let expected = [
        "absolute",
        "all/x",
        "common/text",
        "current/lib/text",
        "current/program",
        "ignored/x",
        "releases/42/lib/text",
        "releases/42/program",
        "releases/43/program",
    ];
    r.until("scanned", |r| r.scanned);
    r.until_names(&expected);
    r.until_warned("releases/42/up is a link to a folder that it lies in");
    r.until_warned("common/out is a link out of the share");
    assert!(
        r.shelf.left_out.get(&path("log")).is_some() && r.shelf.left_out.get(&path("all/y.log")).is_some()
    );
    assert_eq!(r.serve(b"text").unwrap(), b"text");
    assert_eq!(r.serve(b"42").unwrap(), b"42");
    // What changes there changes here, with all that lies below.
    r.until_watched(&bench);
    bench.old("releases/42/more/file", b"more");
    r.until("more", |r| r.has("current/more/file", b"more") && r.has("releases/42/more/file", b"more"));
    fs::remove_file(bench.path("common/text")).unwrap();
    r.until("gone", |r| !r.names().iter().any(|name| name.ends_with("text") || name == "absolute"));
    // The link leads elsewhere.
    fs::remove_file(bench.path("current")).unwrap();
    testing::link("releases/43", bench.path("current"));
    r.until("43", |r| {
        r.has("current/program", b"43") && !r.names().contains(&"current/more/file".to_owned())
    });
    // A file that is known under a link alone is opened by it, and nothing outside ever is.
    let file = SharedFile { path: path("current/program"), ..r.shelf.files.get(&id(b"43")).unwrap().clone() };
    assert!(open(&bench.roots(), &file).is_ok() && LastFolder::default().open(&bench.roots(), &file).is_ok());
    fs::remove_file(bench.path("current")).unwrap();
    testing::link(bench.dir.path().join("outside"), bench.path("current"));
    fs::write(bench.dir.path().join("outside/program"), b"43").unwrap();
    assert!(matches!(open(&bench.roots(), &file), Err(OpenError::Changed)));
}

#[test]
fn folders_that_link_to_each_other_end() {
    let bench = Bench::new();
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        bench.old(&format!("{name}/file"), name.as_bytes());
    }
    for (from, to) in names.iter().flat_map(|from| names.map(|to| (*from, to))) {
        testing::link(format!("../{to}"), bench.path(&format!("{from}/{to}")));
    }
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned && r.has("a/b/c/d/file", b"d"));
    let deepest = r.names().iter().map(|name| name.matches('/').count()).max();
    assert_eq!(deepest, Some(1 + limits::LINKED_FOLDERS), "no circle, and not too deep");
}
