//! A share beside `shared/`: its paths begin with its name, and it is one mount on the folder of that name.

use super::*;

/// A library of the folder `shared` of a bench, as the share `v`.
struct RunningShare {
    shelf: Arc<Shelf>,
    warnings: Vec<String>,
    scanned: bool,
    moved: usize,
    handle: ShareHandle,
    reports: Receiver<ShareReport>,
    _store: store::Handle,
}

fn name() -> ShareName {
    "v".parse().unwrap()
}

impl RunningShare {
    fn start(bench: &Bench, change: impl FnOnce(&mut LibraryConfig)) -> Self {
        let store = store::start(&bench.dir.path().join(store::FILE)).unwrap();
        let mut config = LibraryConfig::new(bench.root());
        config.root.name = Some(name());
        change(&mut config);
        let (to, reports) = share_reports();
        let handle = start_share(config, name(), 7, store.clone(), to).unwrap();
        let (shelf, warnings) = (Arc::default(), Vec::new());
        Self { shelf, warnings, scanned: false, moved: 0, handle, reports, _store: store }
    }

    fn until(&mut self, what: &str, fits: impl Fn(&Self) -> bool) {
        let end = clock::now() + TIMEOUT;
        while !fits(self) {
            let Ok(report) = self.reports.recv_timeout(end.since(clock::now())) else {
                panic!("{what}: {:?} {:?}", self.names(), self.warnings);
            };
            assert_eq!((report.share, report.start), (name(), 7));
            match report.event {
                Event::Changed(shelf) => self.shelf = shelf,
                Event::Warning(text) => self.warnings.push(text),
                Event::Scanned => self.scanned = true,
                Event::Moved => self.moved += 1,
                Event::Hashing { .. } | Event::Rescanned => {}
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.shelf.catalogue.entries().map(|e| e.path.as_str()).collect()
    }

    fn until_names(&mut self, names: &[&str]) {
        let sorted = |r: &Self| {
            let mut names: Vec<String> = r.names().into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        self.until(&format!("{names:?}"), |r| sorted(r) == names);
    }
}

#[test]
fn what_lies_in_a_share_is_listed_under_its_name_and_served_from_its_folder() {
    let bench = Bench::new();
    bench.old("a", b"one");
    bench.old("d/b", b"two");
    bench.old(".hidden", b"x");
    fs::write(bench.path(".potluckignore"), "*.log\n/d/c\n").unwrap();
    bench.old("x.log", b"log");
    bench.old("d/c", b"c");
    let mut r = RunningShare::start(&bench, |_| {});
    r.until_names(&["v/a", "v/d/b"]);
    r.until("scanned", |r| r.scanned && r.shelf.waiting.is_some());
    let left_out: Vec<String> = r.shelf.left_out.below(None).map(ToString::to_string).collect();
    assert_eq!(left_out, ["v/.hidden", "v/d/c", "v/x.log"]);
    let mount = r.shelf.mounts.get(name().path()).copied();
    assert!(r.shelf.mounts.len() == 1 && mount.is_some_and(|mount| mount.inode == r.shelf.marker.inode));
    let file = r.shelf.files.get(&id(b"two")).unwrap();
    assert!(open(&r.shelf.roots, file).is_ok() && LastFolder::default().open(&r.shelf.roots, file).is_ok());
    // Changes are heard of, in folders that are new, too; and what was not what it should be is looked at.
    fs::create_dir(bench.path("new")).unwrap();
    fs::write(bench.path("new/n"), b"three").unwrap();
    r.until_names(&["v/a", "v/d/b", "v/new/n"]);
    fs::remove_file(bench.path("a")).unwrap();
    r.handle.commands.send(Command::Check(path("v/a"))).unwrap();
    r.until_names(&["v/d/b", "v/new/n"]);
    fs::remove_dir_all(bench.path("d")).unwrap();
    fs::remove_dir_all(bench.path("new")).unwrap();
    r.until_names(&["v"]);
    drop(r);
    // Hashes are kept under the listed path.
    bench.old("d/b", b"two");
    let mut r = RunningShare::start(&bench, |_| {});
    r.until_names(&["v/d/b"]);
}

#[test]
fn another_folder_in_the_place_of_a_share_is_reported_once_where_it_is_out_of_reach() {
    let bench = Bench::new();
    bench.old("a", b"one");
    let there = folder_identity(&bench.root());
    assert!(there.is_some());
    let mut r = RunningShare::start(&bench, |config| config.reach = FolderReach::Only(there));
    r.until_names(&["v/a"]);
    let away = bench.dir.path().join("away");
    fs::rename(bench.root(), &away).unwrap();
    r.until("gone", |r| r.warnings.iter().any(|w| w.contains("nothing of it is shared")));
    r.until_names(&[]);
    assert!(r.shelf.marker == FolderIdentity::default() && r.shelf.mounts.is_empty());
    fs::rename(&away, bench.root()).unwrap();
    r.until_names(&["v/a"]);
    assert_eq!(r.moved, 0, "it is the same");
    fs::rename(bench.root(), &away).unwrap();
    fs::create_dir(bench.root()).unwrap();
    r.until("moved", |r| r.moved == 1);
}
