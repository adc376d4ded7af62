use super::*;
use crate::content::{EntryKind, FileId, MountIdentity};

const MS: Duration = Duration::from_millis(1);

const MARKER: FolderIdentity = FolderIdentity { device: 1, inode: 1, birth: 1 };

struct Bench {
    inventory: Inventory,
    now: Time,
    generation: u32,
}

fn path(p: &str) -> SafePath {
    p.parse().unwrap()
}

/// Version `n` of a file of `size` bytes, last written at second `modified`.
fn stamp(size: u64, n: i128, modified: i128) -> Stamp {
    Stamp { device: 1, inode: 1, size, modified: modified * 1_000_000_000, changed: n }
}

fn manifest(n: u8, size: u64) -> Arc<Manifest> {
    let chunks = crate::content::Chunks::of(size).unwrap();
    if chunks.is_single() {
        return Arc::new(Manifest::prove(FileId([n; 32]), size, &[]).unwrap());
    }
    let mut builder = crate::content::manifest::ManifestBuilder::new(chunks);
    for _ in chunks.iter() {
        builder.push(crate::content::manifest::ChunkProof::Part([n; 32]));
    }
    Arc::new(builder.finish().unwrap())
}

impl Bench {
    fn new() -> Self {
        let mut inventory = Inventory::new(LibraryRoot { name: None, folder: "/shared".into() });
        inventory.set_watched(true);
        Self { inventory, now: Time(1_000_000_000_000), generation: 1 }
    }

    fn see(&mut self, p: &str, stamp: Stamp, ready: bool) {
        self.see_cached(p, stamp, ready, None);
    }

    fn see_stood(&mut self, p: &str, stamp: Stamp, stood: Duration) {
        let what = KnownContent::File(Seen { stamp, executable: false, ready: false, stood });
        let sight = Sight { path: path(p), what, generation: self.generation };
        self.inventory.handle_sight(self.now, sight, None);
    }

    fn see_cached(&mut self, p: &str, stamp: Stamp, ready: bool, cached: Option<Arc<Manifest>>) {
        let what = KnownContent::File(Seen { stamp, executable: false, ready, stood: Duration::ZERO });
        let file = cached.map(|manifest| Arc::new(SharedFile { path: path(p), stamp, manifest, since: 7 }));
        let sight = Sight { path: path(p), what, generation: self.generation };
        self.inventory.handle_sight(self.now, sight, file);
    }

    fn see_folder(&mut self, p: &str) {
        let sight = Sight { path: path(p), what: KnownContent::Folder(None), generation: self.generation };
        self.inventory.handle_sight(self.now, sight, None);
    }

    fn pass(&mut self, time: Duration) -> Vec<SafePath> {
        self.now = self.now + time;
        self.inventory.handle_timeout(self.now);
        std::iter::from_fn(|| self.inventory.poll_look()).collect()
    }

    fn job(&mut self) -> Option<HashJob> {
        let mut jobs = self.inventory.poll_jobs()?;
        assert_eq!(jobs.len(), 1);
        jobs.pop()
    }

    fn hashed(&mut self, job: &HashJob, n: u8, began: u64) {
        let outcome = HashOutcome::Hashed { manifest: manifest(n, job.stamp.size), began };
        self.inventory.handle_done(self.now, job, outcome);
    }

    fn listed(&mut self) -> Vec<String> {
        self.inventory.publish(Some(MARKER));
        let catalogue = &self.inventory.listing.catalogue;
        let mut names: Vec<_> = catalogue.entries().map(|e| e.path.as_str().to_owned()).collect();
        names.sort();
        names
    }

    /// What must hold after anything.
    fn check(&mut self) {
        let mut children: BTreeMap<SafePath, u32> = BTreeMap::new();
        let (mut files, mut bytes, mut listed) = (0, 0, Vec::new());
        for (path, item) in &self.inventory.items {
            if let Some(parent) = path.parent() {
                *children.entry(parent).or_default() += 1;
            }
            match &item.state {
                PathState::Listed { .. } => listed.push(path.as_str().to_owned()),
                PathState::Folder { children: 0 } => listed.push(path.as_str().to_owned()),
                PathState::Pending(p) if !matches!(p.step, Step::Failed) => {
                    files += 1;
                    bytes += p.stamp.size;
                }
                _ => {}
            }
        }
        for (path, item) in &self.inventory.items {
            if let PathState::Folder { children: n } = item.state {
                assert_eq!(n, children.remove(path).unwrap_or(0), "{path}");
            }
        }
        assert!(children.is_empty(), "parents that are no folders: {children:?}");
        assert_eq!(self.inventory.waiting(), (files, bytes));
        assert_eq!(self.listed(), listed);
        let listing = &self.inventory.listing;
        for entry in listing.catalogue.entries() {
            if let EntryKind::File { id, .. } = entry.kind {
                assert!(listing.files.contains_key(&id));
            }
        }
        for file in listing.files.values() {
            assert!(listing.catalogue.get(&file.path).is_some(), "served but not listed: {}", file.path);
        }
    }
}

#[test]
fn a_new_file_is_taken_up_when_it_stood_still_for_a_second() {
    let mut b = Bench::new();
    b.see("a", stamp(10, 1, 1_000), false);
    assert_eq!(b.pass(999 * MS), []);
    assert_eq!(b.pass(MS), [path("a")]);
    b.see("a", stamp(20, 2, 1_001), false);
    assert_eq!(b.job(), None, "it grew");
    assert_eq!(b.pass(1_000 * MS), [path("a")]);
    b.see("a", stamp(20, 2, 1_001), false);
    let job = b.job().unwrap();
    b.hashed(&job, 7, 1_002);
    assert_eq!(b.listed(), ["a"]);
    b.check();
}

#[test]
fn what_stood_still_before_it_was_seen_waits_for_the_rest_only_and_is_shown() {
    let mut b = Bench::new();
    b.see_stood("a", stamp(10, 1, 1_000), 700 * MS);
    b.see_stood("b", stamp(20, 1, 1_001), Duration::ZERO);
    assert_eq!(b.inventory.waiting(), (2, 30));
    let first: Vec<_> = b.inventory.first_waiting(9).into_iter().map(|h| h.path).collect();
    assert_eq!(first, [path("a"), path("b")]);
    assert_eq!(b.inventory.first_waiting(1).len(), 1);
    assert_eq!(b.pass(299 * MS), []);
    assert_eq!(b.pass(MS), [path("a")]);
    b.see_stood("a", stamp(10, 1, 1_000), 1_000 * MS);
    assert!(b.job().is_some());
    b.check();
    b.inventory.handle_gone(&path("b"));
    assert_eq!(b.inventory.waiting(), (1, 10));
    b.check();
}

#[test]
fn a_file_closed_after_writing_is_taken_up_at_once() {
    let mut b = Bench::new();
    b.see("a", stamp(10, 1, 1_000), false);
    b.see("a", stamp(20, 2, 1_000), true);
    let job = b.job().unwrap();
    assert_eq!(job.stamp, stamp(20, 2, 1_000));
    b.check();
}

#[test]
fn a_write_to_a_file_that_settles_needs_no_look() {
    let mut b = Bench::new();
    assert!(b.inventory.handle_written(b.now, &path("a")));
    b.see("a", stamp(10, 1, 1_000), false);
    assert!(!b.inventory.handle_written(b.now, &path("a")));
}

#[test]
fn small_files_come_first_and_a_large_one_never_takes_both_threads() {
    let mut b = Bench::new();
    b.see("large1", stamp(1 << 40, 1, 0), true);
    b.see("large2", stamp(1 << 30, 1, 0), true);
    let first = b.job().unwrap();
    assert_eq!(first.path, path("large2"));
    assert_eq!(b.inventory.poll_jobs(), None, "the other thread waits for small ones");
    for n in 0..100_u64 {
        b.see(&format!("small{n}"), stamp(100 - n, 1, 0), true);
    }
    let jobs = b.inventory.poll_jobs().unwrap();
    assert_eq!((jobs.len(), &jobs[0].path), (64, &path("small99")));
    assert!(jobs.is_sorted_by_key(|j| j.stamp.size));
    assert_eq!(b.inventory.first_waiting(2)[0].path, path("large2"));
    assert_eq!(b.inventory.waiting().0, 102);
    for job in jobs.into_iter().chain([first]) {
        b.hashed(&job, 1, 100);
    }
    assert_eq!(b.inventory.poll_jobs().unwrap().len(), 36);
    assert_eq!(b.job().unwrap().path, path("large1"));
    b.check();
}

#[test]
fn a_change_while_hashing_is_hashed_again() {
    let mut b = Bench::new();
    b.see("a", stamp(10, 1, 1_000), true);
    let job = b.job().unwrap();
    b.see("a", stamp(10, 2, 1_000), true);
    b.hashed(&job, 1, 1_000);
    assert_eq!(b.listed(), [""; 0], "the result is of what was there before");
    let job = b.job().unwrap();
    b.hashed(&job, 2, 1_000);
    assert_eq!(b.listed(), ["a"]);
    b.check();
    // Written to, with no other stamp to show for it.
    b.see("b", stamp(10, 1, 1_000), true);
    let job = b.job().unwrap();
    assert!(b.inventory.handle_written(b.now, &path("b")));
    b.hashed(&job, 3, 1_000);
    assert_eq!(b.listed(), ["a"]);
    assert_eq!(b.pass(1_000 * MS), [path("b")]);
    b.see("b", stamp(10, 1, 1_000), false);
    assert!(b.job().is_some());
    // The hashing thread noticed it.
    b.see("c", stamp(11, 1, 1_000), true);
    let job = b.job().unwrap();
    b.inventory.handle_done(b.now, &job, HashOutcome::Changed);
    b.check();
    assert_eq!(b.pass(1_000 * MS), [path("c")]);
}

#[test]
fn a_large_file_that_keeps_changing_must_stand_still_for_longer() {
    let mut b = Bench::new();
    b.see("a", stamp(10 << 30, 1, 1_000), true);
    let job = b.job().unwrap();
    b.hashed(&job, 1, 1_000);
    b.see("a", stamp(10 << 30, 2, 1_001), true);
    assert_eq!(b.job(), None);
    b.see("a", stamp(10 << 30, 2, 1_001), true);
    assert_eq!(b.job(), None, "a close does not end it");
    assert_eq!(b.pass(39_000 * MS), []);
    assert_eq!(b.pass(1_000 * MS), [path("a")]);
    b.see("a", stamp(10 << 30, 2, 1_001), false);
    assert!(b.job().is_some());
    b.check();
}

#[test]
fn a_changed_file_is_not_served_under_its_old_id() {
    let mut b = Bench::new();
    b.see_cached("a", stamp(10, 1, 0), true, Some(manifest(1, 10)));
    assert!(b.inventory.publish(Some(MARKER)).unwrap().files.contains_key(&FileId([1; 32])));
    b.see("a", stamp(10, 2, 0), false);
    let shelf = b.inventory.publish(Some(MARKER)).unwrap();
    assert!(shelf.files.is_empty() && shelf.catalogue.entries().next().is_none());
    b.check();
}

#[test]
fn a_hash_right_after_writing_is_kept_only_if_nothing_was_heard_since() {
    for (heard, kept) in [(false, 1), (true, 0)] {
        let mut b = Bench::new();
        b.see("a", stamp(10, 1, 1_000), true);
        let job = b.job().unwrap();
        b.hashed(&job, 1, 1_001);
        assert_eq!(b.listed(), ["a"]);
        assert_eq!(b.inventory.rows(), 0);
        if heard {
            assert!(b.inventory.handle_written(b.now, &path("a")));
            assert_eq!(b.listed(), [""; 0]);
        }
        b.pass(4_000 * MS);
        assert_eq!(b.inventory.take_rows().len(), kept);
        b.check();
    }
    let mut b = Bench::new();
    b.see("a", stamp(10, 1, 1_000), true);
    let job = b.job().unwrap();
    b.hashed(&job, 1, 1_002);
    assert_eq!(b.inventory.take_rows().len(), 1, "two seconds are enough");
    b.see("b", stamp(10, 1, 5_000), true);
    let job = b.job().unwrap();
    b.hashed(&job, 2, 1_001);
    b.inventory.handle_lost_events(b.now);
    b.pass(4_000 * MS);
    assert_eq!(b.inventory.rows(), 0, "the future is never old enough, and hints were lost");
}

/// When it was first listed stays with the content, over changes of its times and over restarts.
#[test]
fn since_when_a_file_is_shared_is_known_as_long_as_it_is_the_same_content() {
    fn since(b: &mut Bench) -> u64 {
        b.listed();
        match b.inventory.listing.catalogue.get(&path("a")).map(|e| e.kind.clone()) {
            Some(EntryKind::File { since, .. }) => since,
            other => panic!("{other:?}"),
        }
    }
    let mut b = Bench::new();
    b.see("a", stamp(10, 1, 1_000), true);
    let job = b.job().unwrap();
    b.hashed(&job, 1, 2_000);
    assert_eq!(since(&mut b), 2_000_000);
    assert_eq!(b.inventory.take_rows()[0].since, 2_000_000);
    // Touched, and hashed again to the same.
    b.see("a", stamp(10, 2, 3_000), true);
    let job = b.job().unwrap();
    b.hashed(&job, 1, 4_000);
    assert_eq!((since(&mut b), b.inventory.take_rows()[0].since), (2_000_000, 2_000_000));
    // Other content.
    b.see("a", stamp(10, 3, 5_000), true);
    let job = b.job().unwrap();
    b.hashed(&job, 2, 6_000);
    assert_eq!(since(&mut b), 6_000_000);
    // After a restart the cache tells it, also of a file that was touched meanwhile.
    let mut b = Bench::new();
    b.see_cached("a", stamp(10, 3, 5_000), true, Some(manifest(2, 10)));
    assert_eq!(since(&mut b), 7, "as the cache has it");
    let mut b = Bench::new();
    let (before, now) = (stamp(10, 3, 5_000), stamp(10, 4, 7_000));
    let file = SharedFile { path: path("a"), stamp: before, manifest: manifest(2, 10), since: 7 };
    let what = KnownContent::File(Seen { stamp: now, executable: false, ready: true, stood: Duration::ZERO });
    let sight = Sight { path: path("a"), what, generation: b.generation };
    b.inventory.handle_sight(b.now, sight, Some(Arc::new(file)));
    let job = b.job().unwrap();
    b.hashed(&job, 2, 9_000);
    assert_eq!(since(&mut b), 7);
    b.check();
}

#[test]
fn what_a_scan_did_not_see_is_gone() {
    let mut b = Bench::new();
    for p in ["d/a", "d/b", "d.txt", "e/f/g", "d/e/h"] {
        b.see_cached(p, stamp(1, 1, 0), true, Some(manifest(1, 1)));
    }
    b.generation = 2;
    b.see_folder("d");
    b.see_cached("d/b", stamp(1, 1, 0), true, None);
    b.inventory.handle_swept(Some(&path("d")), 2);
    assert_eq!(b.listed(), ["d.txt", "d/b", "e/f/g"]);
    b.check();
    b.inventory.handle_gone(&path("d/b"));
    assert_eq!(b.listed(), ["d", "d.txt", "e/f/g"]);
    b.check();
    b.generation = 3;
    b.see_folder("e");
    b.inventory.handle_swept(None, 3);
    assert_eq!(b.listed(), ["e"]);
    b.check();
    b.see("e", stamp(1, 1, 0), true);
    b.check();
    b.see_folder("e/x");
    assert_eq!(b.listed(), ["e/x"]);
    b.check();
}

#[test]
fn a_file_that_failed_is_tried_again_when_it_is_seen_again() {
    let mut b = Bench::new();
    b.see("a", stamp(1, 1, 0), true);
    let job = b.job().unwrap();
    b.inventory.handle_done(b.now, &job, HashOutcome::Failed);
    b.check();
    assert_eq!(b.job(), None);
    b.see("a", stamp(1, 1, 0), true);
    assert!(b.job().is_some());
}

#[test]
fn one_of_several_files_with_one_content_is_served() {
    let mut b = Bench::new();
    for p in ["a", "b", "c"] {
        b.see_cached(p, stamp(1, 1, 0), true, Some(manifest(1, 1)));
    }
    for gone in ["a", "c", "b"] {
        b.check();
        b.inventory.handle_gone(&path(gone));
    }
    b.check();
    assert!(b.inventory.listing.files.is_empty() && b.inventory.listing.twins.is_empty());
}

#[derive(Clone, Debug)]
enum Act {
    See(usize, u64, bool, bool),
    Folder(usize),
    Gone(usize),
    Written(usize),
    Sweep(usize),
    Pass(u64),
    Take,
    Done(usize, u8),
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Act>> {
    use proptest::prelude::*;
    let path = 0..PATHS.len();
    prop::collection::vec(
        prop_oneof![
            (path.clone(), 0_u64..3, any::<bool>(), any::<bool>())
                .prop_map(|(p, n, r, c)| Act::See(p, n, r, c)),
            path.clone().prop_map(Act::Folder),
            path.clone().prop_map(Act::Gone),
            path.clone().prop_map(Act::Written),
            path.prop_map(Act::Sweep),
            (0_u64..5_000).prop_map(Act::Pass),
            Just(Act::Take),
            (0_usize..4, 0_u8..3).prop_map(|(i, n)| Act::Done(i, n)),
        ],
        0..60,
    )
}

const PATHS: [&str; 8] = ["a", "a/b", "a/b/c", "a/d", "a.x", "e", "e/f", "a b"];

proptest::proptest! {
    #[test]
    fn whatever_happens_the_books_are_right(steps in steps()) {
        let mut b = Bench::new();
        let mut jobs = Vec::new();
        for step in steps {
            match step {
                Act::See(p, n, ready, cached) => {
                    let cached = cached.then(|| manifest(u8::try_from(n).unwrap(), n));
                    b.see_cached(PATHS[p], stamp(n, n.into(), 1_000), ready, cached);
                }
                Act::Folder(p) => b.see_folder(PATHS[p]),
                Act::Gone(p) => b.inventory.handle_gone(&path(PATHS[p])),
                Act::Written(p) => { b.inventory.handle_written(b.now, &path(PATHS[p])); }
                Act::Sweep(p) => {
                    b.generation += 1;
                    b.inventory.handle_swept(Some(&path(PATHS[p])), b.generation);
                }
                Act::Pass(ms) => { b.pass(Duration::from_millis(ms)); }
                Act::Take => jobs.extend(b.inventory.poll_jobs().unwrap_or_default()),
                Act::Done(i, n) if !jobs.is_empty() => {
                    let job: HashJob = jobs.remove(i % jobs.len());
                    let outcome = match n {
                        0 => HashOutcome::Failed,
                        1 => HashOutcome::Changed,
                        _ => HashOutcome::Hashed { manifest: manifest(9, job.stamp.size), began: 1_000 },
                    };
                    b.inventory.handle_done(b.now, &job, outcome);
                }
                Act::Done(..) => {}
            }
            b.check();
        }
        // In the end everything that is seen once more, and stands still, is listed.
        for _ in 0..4 {
            for job in std::mem::take(&mut jobs) {
                b.hashed(&job, 9, 1_000_000);
            }
            b.pass(Duration::from_secs(70));
            let files: Vec<_> = b.inventory.items.iter().filter_map(|(path, i)| match &i.state {
                PathState::Pending(p) => Some((path.as_str().to_owned(), p.stamp)),
                _ => None,
            }).collect();
            for (path, stamp) in files {
                b.see(&path, stamp, false);
            }
            b.pass(Duration::from_secs(2));
            jobs.extend(b.inventory.poll_jobs().unwrap_or_default());
        }
        for job in jobs {
            b.hashed(&job, 9, 1_000_000);
        }
        b.check();
        assert_eq!(b.inventory.waiting(), (0, 0));
        assert!(b.inventory.items.values().all(|i| !matches!(i.state, PathState::Pending(_))));
    }
}

/// What the last thing that was published says of what is there and not listed.
fn waiting(bench: &mut Bench) -> Option<Vec<String>> {
    let shelf = bench.inventory.publish(Some(MARKER))?;
    Some(shelf.waiting.as_ref().unwrap().paths.iter().map(ToString::to_string).collect())
}

#[test]
fn what_cannot_be_read_waits_until_it_can_or_is_gone() {
    let mut bench = Bench::new();
    bench.see("a", stamp(10, 1, 1), true);
    bench.see("b", stamp(10, 1, 1), true);
    let jobs = bench.inventory.poll_jobs().unwrap();
    for job in &jobs {
        bench.inventory.handle_done(bench.now, job, HashOutcome::Failed);
    }
    assert_eq!(waiting(&mut bench), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(waiting(&mut bench), None, "nothing changed");
    bench.inventory.handle_gone(&path("a"));
    assert_eq!(waiting(&mut bench), Some(vec!["b".to_owned()]));
    // A folder that cannot be read, in two scans one after the other.
    for generation in 2..4 {
        bench.generation = generation;
        bench.see("b", stamp(10, 1, 1), true);
        bench.inventory.handle_unreadable(path("folder"));
        bench.inventory.handle_swept(None, generation);
        let jobs = bench.inventory.poll_jobs().unwrap();
        bench.inventory.handle_done(bench.now, &jobs[0], HashOutcome::Failed);
        assert_eq!(waiting(&mut bench), Some(vec!["b".to_owned(), "folder".to_owned()]));
    }
    // In the third one it is not there, and the file can be read.
    bench.generation = 4;
    bench.see("b", stamp(10, 1, 1), true);
    bench.inventory.handle_swept(None, 4);
    let jobs = bench.inventory.poll_jobs().unwrap();
    let hashed = HashOutcome::Hashed { manifest: manifest(1, 10), began: 100 };
    bench.inventory.handle_done(bench.now, &jobs[0], hashed);
    assert_eq!(waiting(&mut bench), Some(vec![]));
}

#[test]
fn what_is_mounted_is_published_and_goes_with_its_folder() {
    let mut bench = Bench::new();
    let drive = MountIdentity { inode: 2, birth: 1, filesystem: 1 };
    bench.see_folder("usb");
    let see = |bench: &mut Bench, mount| bench.inventory.handle_folder(&path("usb"), mount);
    assert_eq!(see(&mut bench, None), FolderNews::Known, "nothing is, and was");
    assert_eq!(see(&mut bench, Some(drive)), FolderNews::Remounted);
    assert_eq!(see(&mut bench, Some(drive)), FolderNews::Known);
    let mounts = |bench: &mut Bench| {
        let shelf = bench.inventory.publish(Some(MARKER))?;
        Some(shelf.mounts.iter().map(|(on, mount)| (on.to_string(), *mount)).collect::<Vec<_>>())
    };
    assert_eq!(mounts(&mut bench), Some(vec![("usb".to_owned(), drive)]));
    assert_eq!(mounts(&mut bench), None);
    bench.inventory.handle_unreadable(path("usb"));
    assert_eq!(mounts(&mut bench), Some(vec![]));
    assert_eq!(see(&mut bench, None), FolderNews::Opened);
    assert_eq!(see(&mut bench, Some(drive)), FolderNews::Remounted);
    bench.inventory.handle_gone(&path("usb"));
    assert_eq!(mounts(&mut bench), Some(vec![]));
}

#[test]
fn what_is_left_out_is_forgotten_until_it_is_seen_again() {
    let mut b = Bench::new();
    let leave_out = |b: &mut Bench, p: &str| {
        let what = KnownContent::LeftOut(Omission::Ignored);
        let sight = Sight { path: path(p), what, generation: b.generation };
        b.inventory.handle_sight(b.now, sight, None);
    };
    let left_out = |b: &mut Bench| {
        b.inventory.touch();
        b.inventory.publish(Some(MARKER)).unwrap().left_out.counts().ignored
    };
    b.see_folder("d");
    b.see_cached("d/a", stamp(10, 1, 0), true, Some(manifest(1, 10)));
    b.see("d/b", stamp(20, 1, 0), true);
    let job = b.job().unwrap();
    assert_eq!(b.listed(), ["d/a"]);
    // Whatever it was: listed, or being hashed.
    leave_out(&mut b, "d/a");
    leave_out(&mut b, "d/b");
    b.hashed(&job, 2, 100);
    assert_eq!((b.listed(), left_out(&mut b)), (vec!["d".to_owned()], 2), "an empty folder");
    b.check();
    b.see_cached("d/a", stamp(10, 1, 0), true, Some(manifest(1, 10)));
    assert_eq!((b.listed(), left_out(&mut b)), (vec!["d/a".to_owned()], 1));
    // A look that does not see it any more.
    b.generation = 2;
    b.see_folder("d");
    b.see_cached("d/a", stamp(10, 1, 0), true, Some(manifest(1, 10)));
    b.inventory.handle_swept(None, 2);
    assert_eq!(left_out(&mut b), 0);
    // A folder with all that is in it.
    leave_out(&mut b, "d");
    assert_eq!((b.listed(), left_out(&mut b)), (Vec::new(), 1));
    b.inventory.handle_root_gone();
    assert_eq!(left_out(&mut b), 0);
    b.check();
}
