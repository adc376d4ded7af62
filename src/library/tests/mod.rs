//! The library over real folders. Waits are on its events, with a deadline. How long things take is
//! measured by the row `watch` of `scripts/measure`.

mod changes;
mod edges;
mod hashing;
mod left_out;
mod links;
mod mounts;
mod shares;
mod start;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use super::*;
use crate::content::{EntryKind, FileId};
use crate::disk::unchanged;
use crate::sys::file::{read_exact_at, write_all_at};
use crate::sys::{clock, testing};
use crate::time::Time;

const TIMEOUT: Duration = Duration::from_secs(20);

struct Bench {
    dir: tempfile::TempDir,
}

/// A running library and what it has reported.
struct Running {
    shelf: Arc<Shelf>,
    warnings: Vec<String>,
    hashing: Vec<(u64, u64)>,
    scanned: bool,
    rescanned: usize,
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

    fn roots(&self) -> ShareRoots {
        ShareRoots { own: self.root(), ..ShareRoots::default() }
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
            rescanned: 0,
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
    /// Waits until what it reported fits.
    fn until(&mut self, what: &str, fits: impl Fn(&Self) -> bool) -> Time {
        let end = clock::now() + TIMEOUT;
        while !fits(self) {
            match self.handle.events.recv_timeout(end.since(clock::now())) {
                Ok(Event::Changed(shelf)) => self.shelf = shelf,
                Ok(Event::Warning(text)) => self.warnings.push(text),
                Ok(Event::Hashing { files, bytes, first }) => {
                    assert!(first.len() <= 100 && (files > 0 || first.is_empty()));
                    self.hashing.push((files, bytes));
                }
                Ok(Event::Scanned) => self.scanned = true,
                Ok(Event::Rescanned) => self.rescanned += 1,
                Ok(Event::Moved) => panic!("{what}: moved"),
                Err(_) => panic!("{what}: {:?} {:?}", self.listed(), self.warnings),
            }
        }
        clock::now()
    }

    fn listed(&self) -> BTreeMap<String, EntryKind> {
        self.shelf.catalogue.entries().map(|e| (e.path.as_str().to_owned(), e.kind.clone())).collect()
    }

    fn names(&self) -> Vec<String> {
        self.listed().into_keys().collect()
    }

    fn has(&self, p: &str, content: &[u8]) -> bool {
        let entry = self.shelf.catalogue.get(&path(p));
        matches!(entry.map(|e| &e.kind), Some(EntryKind::File { id: listed, .. }) if *listed == id(content))
    }

    fn has_folder(&self, p: &str) -> bool {
        self.shelf.catalogue.get(&path(p)).is_some_and(|e| e.kind == EntryKind::Folder)
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
        let opened = open(&self.shelf.roots, file)?;
        let mut bytes = vec![0; usize::try_from(file.stamp.size).unwrap()];
        read_exact_at(&opened, &mut bytes, 0)?;
        if unchanged(&opened, &file.stamp)? { Ok(bytes) } else { Err(OpenError::Changed) }
    }
}
