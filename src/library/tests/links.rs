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
    for part in ["link-out", "link-dir", "link-in", "link-loop", "fifo", "socket", "UTF-8", ".potluck"] {
        r.until_warned(part);
    }
    r.until("good", |r| r.scanned && r.has("good", b"good"));
    r.handle.commands.send(Command::Rescan).unwrap();
    r.until_watched(&bench);
    assert_eq!(r.names(), ["good"]);
    assert_eq!(r.warnings.len(), 8, "{:?}", r.warnings);
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
    folder.open(&bench.root(), &file).unwrap();
    fs::rename(bench.path("d"), bench.path("d2")).unwrap();
    testing::link(bench.dir.path().join("outside"), bench.path("d"));
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)));
    // In a folder that is open it still is what was hashed. When it is not, the whole way is looked at.
    folder.open(&bench.root(), &file).unwrap();
    fs::rename(bench.path("d2/file"), bench.path("d2/gone")).unwrap();
    assert!(matches!(folder.open(&bench.root(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d")).unwrap();
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Gone)));
    fs::create_dir(bench.path("d")).unwrap();
    testing::link(bench.dir.path().join("outside/file"), bench.path("d/file"));
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d/file")).unwrap();
    testing::pipe(bench.path("d/file"));
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d/file")).unwrap();
    fs::write(bench.path("d/file"), b"inside").unwrap();
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)), "another inode");
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
                if n % 2 == 0 { open(&bench.root(), &file) } else { folder.open(&bench.root(), &file) };
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
