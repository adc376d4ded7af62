//! Starting: what lies there is listed, what is known is not hashed again.

use super::*;

#[test]
fn what_lies_there_at_start_is_listed() {
    let bench = Bench::new();
    let big = vec![7; 300_000];
    bench.old("a.txt", b"hello");
    bench.old("empty", b"");
    bench.old("deep/er/big", &big);
    bench.old("漢字 ünï/emoji 🥔", b"potato");
    bench.old(&"ä".repeat(127), b"254 bytes");
    bench.old(&"x".repeat(255), b"255 bytes");
    bench.old("-rf", b"dash");
    bench.old("esc\u{1b}[31m\u{202e}", b"odd");
    bench.old("CON", b"reserved elsewhere");
    bench.old("A.TXT", b"another");
    fs::create_dir_all(bench.path("nothing/in/here")).unwrap();
    testing::set_mode(bench.path("a.txt"), 0o4755);
    let mut r = bench.start();
    r.until("all hashed", |r| r.scanned && r.shelf.catalogue.entries().count() == 11);
    assert!(r.has("a.txt", b"hello") && r.has("empty", b"") && r.has("deep/er/big", &big));
    assert!(r.has("漢字 ünï/emoji 🥔", b"potato") && r.has(&"x".repeat(255), b"255 bytes"));
    assert!(r.has_folder("nothing/in/here"));
    let modified = (clock::unix_seconds() - 100) * 1000;
    match r.listed()["a.txt"] {
        EntryKind::File { size: 5, modified: m, executable: true, .. } => {
            assert!(m.unsigned_abs().abs_diff(modified) < 60_000);
        }
        ref other => panic!("{other:?}"),
    }
    assert_eq!(r.serve(&big).unwrap(), big);
    assert_eq!(r.serve(b"").unwrap(), b"");
    assert_eq!(r.warnings, [""; 0]);
}

#[test]
fn an_empty_folder_is_scanned_and_a_missing_one_is_waited_for() {
    let bench = Bench::new();
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned);
    assert!(r.names().is_empty());
    drop(r);
    fs::remove_dir(bench.root()).unwrap();
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned);
    r.until_warned("is gone");
    fs::create_dir(bench.root()).unwrap();
    bench.old("late", b"late");
    r.until_names(&["late"]);
}

#[test]
fn a_restart_hashes_nothing() {
    let bench = Bench::new();
    let content = |n: u32| format!("file {n}").into_bytes();
    for n in 0..50 {
        bench.old(&format!("d{}/{n}", n % 5), &content(n));
    }
    let big = vec![3; 1_000_000];
    bench.old("big", &big);
    // It takes far longer to hash than to scan, so it would not be listed in time.
    File::create(bench.path("sparse")).unwrap().set_len(1 << 30).unwrap();
    age(&bench.path("sparse"));
    let mut r = bench.start();
    r.until("hashed", |r| r.names().len() == 52);
    drop(r);
    // Changed behind our back, size and time as before: the change time tells.
    bench.old("d0/0", b"FILE 0");
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned);
    assert_eq!(r.names().iter().filter(|n| *n != "d0/0").count(), 51);
    assert!(r.has("big", &big));
    assert_eq!(r.serve(&big).unwrap(), big);
    r.until("the changed one", |r| r.has("d0/0", b"FILE 0"));
}

#[test]
fn a_remount_hashes_nothing() {
    let bench = Bench::new();
    for n in 0..20 {
        bench.old(&format!("d/{n}"), &[n]);
    }
    let mut r = bench.start();
    r.until("hashed", |r| r.names().len() == 20);
    r.until_watched(&bench);
    let away = bench.dir.path().join("away");
    fs::rename(bench.root(), &away).unwrap();
    r.until_warned("is gone");
    r.until("nothing", |r| r.names().is_empty());
    fs::create_dir(bench.root()).unwrap();
    fs::write(bench.path("other"), "other").unwrap();
    r.until_names(&["other"]);
    fs::remove_dir_all(bench.root()).unwrap();
    fs::rename(&away, bench.root()).unwrap();
    r.hashing.clear();
    r.until("back", |r| r.names().len() == 20);
    assert!(r.hashing.iter().all(|(files, _)| *files == 0), "{:?}", r.hashing);
    r.until_watched(&bench);
    fs::write(bench.path("d/new"), "new").unwrap();
    r.until("watched again", |r| r.has("d/new", b"new"));
}

/// Measures what docs/TESTING.md promises of 100,000 files. In a new folder (given as POTLUCK_BENCH) it makes
/// the files and hashes them; in one that is there it restarts:
/// `POTLUCK_BENCH=/tmp/x cargo test --lib library::tests::start::hundred -- --ignored --nocapture`.
#[test]
#[ignore = "takes a while; for measuring"]
fn hundred_thousand_files() {
    let count = 100_000;
    let dir = PathBuf::from(std::env::var_os("POTLUCK_BENCH").expect("a folder in POTLUCK_BENCH"));
    let root = dir.join("shared");
    let new = !root.exists();
    for n in (0..count).filter(|_| new) {
        let folder = root.join(format!("folder {:03}", n / 200));
        if n % 200 == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        let path = folder.join(format!("some file name {n:06}.txt"));
        fs::write(&path, n.to_string()).unwrap();
        age(&path);
    }
    let numbers = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let of = |key| status.lines().find_map(|l: &str| l.strip_prefix(key)).unwrap_or_default().trim();
        let cpu: Vec<u64> = stat.split(' ').filter_map(|f| f.parse().ok()).collect();
        format!("resident {}, at most {}; CPU {} ms", of("VmRSS:"), of("VmHWM:"), (cpu[10] + cpu[11]) * 10)
    };
    eprintln!("{}: {}", if new { "first start" } else { "restart" }, numbers());
    let before = clock::now();
    let tell = |what| eprintln!("{what} after {:?}: {}", clock::now().since(before), numbers());
    let store = store::start(&dir.join(store::FILE)).unwrap();
    let handle = start(LibraryConfig::new(root), store).unwrap();
    let mut shelf = Arc::new(Shelf::default());
    while shelf.files.len() < count {
        match handle.events.recv_timeout(TIMEOUT * 6).unwrap() {
            Event::Changed(new) => shelf = new,
            Event::Scanned => tell("scanned"),
            Event::Warning(text) => panic!("{text}"),
            Event::Hashing { .. } | Event::Rescanned | Event::Moved => {}
        }
    }
    tell("all listed");
    // Long enough for the watcher and the second look.
    while handle.events.recv_timeout(Duration::from_secs(5)).is_ok() {}
    tell("at rest");
    assert!(handle.events.recv_timeout(Duration::from_secs(30)).is_err());
    tell("30 s later");
}
