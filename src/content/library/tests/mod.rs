//! The library over real folders. Waits are on its events, with a deadline. How long things take is
//! measured by the row `watch` of `scripts/measure`.

mod edges;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::content::{FileId, Kind};
use crate::sys::clock;
use crate::time::Time;

const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    dir: tempfile::TempDir,
}

/// A running library and what it has told.
struct Running {
    shelf: Arc<Shelf>,
    warnings: Vec<String>,
    hashing: Vec<(u64, u64)>,
    scanned: bool,
    handle: Handle,
    _store: store::Handle,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("shared")).unwrap();
        Self { dir }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("shared")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file that is old enough to be taken up at once.
    fn old(&self, path: &str, content: &[u8]) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
        age(&self.path(path));
    }

    fn start(&self) -> Running {
        self.start_with(|_| {})
    }

    fn start_with(&self, change: impl FnOnce(&mut LibraryConfig)) -> Running {
        let store = store::start(&self.dir.path().join(store::FILE)).unwrap();
        let mut config = LibraryConfig::new(self.root());
        change(&mut config);
        let handle = start(config, store.clone()).unwrap();
        Running {
            shelf: Arc::default(),
            warnings: Vec::new(),
            hashing: Vec::new(),
            scanned: false,
            handle,
            _store: store,
        }
    }
}

fn age(path: &Path) {
    let time = clock_wall() - Duration::from_secs(100);
    File::open(path).unwrap().set_modified(time).unwrap();
}

fn clock_wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(clock::unix_seconds())
}

fn path(p: &str) -> SafePath {
    p.parse().unwrap()
}

fn id(content: &[u8]) -> FileId {
    blake3::hash(content).into()
}

impl Running {
    /// Waits until what it told fits.
    fn until(&mut self, what: &str, fits: impl Fn(&Self) -> bool) -> Time {
        let end = clock::now() + PATIENCE;
        while !fits(self) {
            match self.handle.events.recv_timeout(end.since(clock::now())) {
                Ok(Event::Changed(shelf)) => self.shelf = shelf,
                Ok(Event::Warning(text)) => self.warnings.push(text),
                Ok(Event::Hashing { files, bytes, first }) => {
                    assert!(first.len() <= 100 && (files > 0 || first.is_empty()));
                    self.hashing.push((files, bytes));
                }
                Ok(Event::Scanned) => self.scanned = true,
                Err(_) => panic!("{what}: {:?} {:?}", self.listed(), self.warnings),
            }
        }
        clock::now()
    }

    fn listed(&self) -> BTreeMap<String, Kind> {
        self.shelf.catalogue.entries().map(|e| (e.path.as_str().to_owned(), e.kind.clone())).collect()
    }

    fn names(&self) -> Vec<String> {
        self.listed().into_keys().collect()
    }

    fn has(&self, p: &str, content: &[u8]) -> bool {
        let entry = self.shelf.catalogue.get(&path(p));
        matches!(entry.map(|e| &e.kind), Some(Kind::File { id: listed, .. }) if *listed == id(content))
    }

    fn has_folder(&self, p: &str) -> bool {
        self.shelf.catalogue.get(&path(p)).is_some_and(|e| e.kind == Kind::Folder)
    }

    fn until_names(&mut self, names: &[&str]) {
        self.until(&format!("{names:?}"), |r| r.names() == names);
    }

    fn until_warned(&mut self, words: &str) {
        self.until(words, |r| r.warnings.iter().any(|w| w.contains(words)));
    }

    /// Waits until the watcher works: a file dropped in is heard of.
    fn until_watched(&mut self, bench: &Bench) {
        self.until("scan", |r| r.scanned);
        fs::write(bench.path("probe"), "").unwrap();
        self.until("probe", |r| r.has("probe", b""));
        fs::remove_file(bench.path("probe")).unwrap();
        self.until("probe gone", |r| !r.has("probe", b""));
    }

    /// The bytes that a sender would serve.
    fn serve(&self, content: &[u8]) -> Result<Vec<u8>, OpenError> {
        let file = self.shelf.files.get(&id(content)).expect("on the shelf");
        let opened = open(&self.shelf.root, file)?;
        let mut bytes = vec![0; usize::try_from(file.stamp.size).unwrap()];
        opened.read_exact_at(&mut bytes, 0)?;
        if unchanged(&opened, &file.stamp)? { Ok(bytes) } else { Err(OpenError::Changed) }
    }
}

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
    fs::set_permissions(bench.path("a.txt"), fs::Permissions::from_mode(0o4755)).unwrap();
    let mut r = bench.start();
    r.until("all hashed", |r| r.scanned && r.shelf.catalogue.entries().count() == 11);
    assert!(r.has("a.txt", b"hello") && r.has("empty", b"") && r.has("deep/er/big", &big));
    assert!(r.has("漢字 ünï/emoji 🥔", b"potato") && r.has(&"x".repeat(255), b"255 bytes"));
    assert!(r.has_folder("nothing/in/here"));
    let modified = (clock::unix_seconds() - 100) * 1000;
    match r.listed()["a.txt"] {
        Kind::File { size: 5, modified: m, executable: true, .. } => {
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
    fs::set_permissions(bench.path("stays"), fs::Permissions::from_mode(0o755)).unwrap();
    r.until("executable", |r| matches!(r.listed().get("stays"), Some(Kind::File { executable: true, .. })));
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
fn what_is_no_file_is_skipped_with_one_warning() {
    let bench = Bench::new();
    fs::write(bench.dir.path().join("secret"), "secret").unwrap();
    fs::create_dir(bench.dir.path().join("private")).unwrap();
    fs::write(bench.dir.path().join("private/key"), "secret").unwrap();
    bench.old("good", b"good");
    symlink(bench.dir.path().join("secret"), bench.path("link-out")).unwrap();
    symlink("../private", bench.path("link-dir")).unwrap();
    symlink("good", bench.path("link-in")).unwrap();
    symlink(".", bench.path("link-loop")).unwrap();
    mknodat(CWD, bench.path("fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("socket")).unwrap();
    let not_utf8 = std::ffi::OsStr::from_bytes(b"not\xffutf8");
    fs::write(bench.root().join(not_utf8), "x").unwrap();
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
    // The same while it runs, and no FIFO stops it.
    mknodat(CWD, bench.path("fifo2"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    symlink("/etc", bench.path("etc")).unwrap();
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
    fs::rename(bench.path("d"), bench.path("d2")).unwrap();
    symlink(bench.dir.path().join("outside"), bench.path("d")).unwrap();
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d")).unwrap();
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Gone)));
    fs::create_dir(bench.path("d")).unwrap();
    symlink(bench.dir.path().join("outside/file"), bench.path("d/file")).unwrap();
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d/file")).unwrap();
    mknodat(CWD, bench.path("d/file"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)));
    fs::remove_file(bench.path("d/file")).unwrap();
    fs::write(bench.path("d/file"), b"inside").unwrap();
    assert!(matches!(open(&bench.root(), &file), Err(OpenError::Changed)), "another inode");
}

/// A folder that turns into a link and back all the time.
#[test]
fn a_folder_swapped_in_a_loop_lets_nothing_out() {
    use rustix::fs::{RenameFlags, renameat_with};
    let bench = Bench::new();
    bench.old("d/file", b"inside");
    fs::create_dir(bench.dir.path().join("outside")).unwrap();
    fs::write(bench.dir.path().join("outside/file"), "secret").unwrap();
    fs::write(bench.dir.path().join("outside/more"), "more secrets").unwrap();
    symlink(bench.dir.path().join("outside"), bench.dir.path().join("link")).unwrap();
    let mut r = bench.start();
    r.until("listed", |r| r.has("d/file", b"inside"));
    let file = r.shelf.files.get(&id(b"inside")).unwrap().clone();
    let (d, link) = (bench.path("d"), bench.dir.path().join("link"));
    let (stop, stopped) = bounded::<()>(0);
    let swapper = Thread::spawn("swap", move || {
        while stopped.try_recv() != Err(crossbeam_channel::TryRecvError::Disconnected) {
            renameat_with(CWD, &d, CWD, &link, RenameFlags::EXCHANGE).unwrap();
        }
    })
    .unwrap();
    for _ in 0..20 {
        for _ in 0..200 {
            if let Ok(opened) = open(&bench.root(), &file) {
                let mut bytes = [0; 6];
                opened.read_exact_at(&mut bytes, 0).unwrap();
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
fn a_file_that_changes_while_it_is_hashed_is_not_listed_as_it_was() {
    let bench = Bench::new();
    // Large enough that hashing it takes longer than the first write does.
    bench.old("big", &vec![0; 200 << 20]);
    let mut r = bench.start();
    let file = File::options().write(true).open(bench.path("big")).unwrap();
    for n in 0..20_u8 {
        file.write_all_at(&[n + 1], u64::from(n) << 20).unwrap();
    }
    drop(file);
    let content = fs::read(bench.path("big")).unwrap();
    r.until("listed", |r| r.names() == ["big"]);
    assert!(r.has("big", &content));
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
fn a_hash_made_right_after_writing_is_kept_once_it_stood_still() {
    let bench = Bench::new();
    let mut r = bench.start();
    r.until_watched(&bench);
    fs::write(bench.path("fresh"), "fresh").unwrap();
    r.until("listed", |r| r.has("fresh", b"fresh"));
    let before = clock::now();
    drop(r);
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned);
    if clock::now().since(before) < Duration::from_secs(1) {
        assert_eq!(r.names(), [""; 0], "written too shortly before it was hashed to be believed");
    }
    r.until("listed", |r| r.has("fresh", b"fresh"));
    r.until_watched(&bench);
    fs::write(bench.path("second"), "second").unwrap();
    r.until("listed", |r| r.has("second", b"second"));
    let store = store::start(&bench.dir.path().join(store::FILE)).unwrap();
    let end = clock::now() + PATIENCE;
    while store.hashes().iter().flatten().count() < 2 && clock::now() < end {
        r.until_watched(&bench);
    }
    drop(r);
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned);
    assert_eq!(r.names(), ["fresh", "second"]);
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

#[test]
fn progress_is_told_to_its_end() {
    let bench = Bench::new();
    File::create(bench.path("sparse")).unwrap().set_len(2 << 30).unwrap();
    age(&bench.path("sparse"));
    for n in 0..20 {
        bench.old(&format!("small{n}"), &[n]);
    }
    let mut r = bench.start();
    r.until("small ones first", |r| r.names().len() == 20);
    r.until("progress", |r| r.hashing.contains(&(1, 2 << 30)));
    r.until("the end", |r| r.hashing.last() == Some(&(0, 0)) && r.names().len() == 21);
    let told = r.hashing.iter().filter(|(files, _)| *files == 0).count();
    assert_eq!(told, 1);
}

#[test]
fn a_file_that_cannot_be_hashed_is_told_and_dropping_does_not_wait_for_a_large_one() {
    let bench = Bench::new();
    File::create(bench.path("sparse")).unwrap().set_len(1 << 40).unwrap();
    age(&bench.path("sparse"));
    let mut r = bench.start();
    r.until("under way", |r| !r.hashing.is_empty());
    let before = clock::now();
    drop(r);
    // To hash it would take minutes.
    assert!(clock::now().since(before) < PATIENCE);
}

/// Measures what DESIGN §11 asks for. In a new folder (given as POTLUCK_BENCH) it makes the files and
/// hashes them; in one that is there it restarts:
/// `POTLUCK_BENCH=/tmp/x cargo test --lib library::tests::hundred -- --ignored --nocapture`.
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
        match handle.events.recv_timeout(PATIENCE * 6).unwrap() {
            Event::Changed(new) => shelf = new,
            Event::Scanned => tell("scanned"),
            Event::Warning(text) => panic!("{text}"),
            Event::Hashing { .. } => {}
        }
    }
    tell("all listed");
    // Long enough for the watcher and the second look.
    while handle.events.recv_timeout(Duration::from_secs(5)).is_ok() {}
    tell("at rest");
    assert!(handle.events.recv_timeout(Duration::from_secs(30)).is_err());
    tell("30 s later");
}
