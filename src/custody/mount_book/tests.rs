//! What is released, whatever is mounted, unmounted, closed, moved and deleted, and whenever the peer ends.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::content::{FolderIdentity, UnlistedContent};
use crate::custody::ledger::{Ledger, Lived};
use crate::custody::look::left_open;
use crate::custody::recovery::{Decision, Fate, Recovery, RecoveryOutput};
use crate::identity::{Identity, Instance};
use crate::wire::custody::Verdict;

/// Folders below `shared/`, each behind the one that it lies in.
const FOLDERS: [&str; 4] = ["m", "m/d", "n", "k"];

/// Names of files in each folder.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// File systems: the first holds `shared/`. The last two cannot be told apart, as two FAT sticks cannot.
const DRIVES: [MountIdentity; 5] = [
    MountIdentity { inode: 0, birth: 0, filesystem: 0 },
    MountIdentity { inode: 2, birth: 11, filesystem: 1 },
    MountIdentity { inode: 2, birth: 12, filesystem: 2 },
    MountIdentity { inode: 1, birth: 0, filesystem: 7 },
    MountIdentity { inode: 1, birth: 0, filesystem: 7 },
];

/// A place on a drive, whatever that is mounted on.
type Place = (usize, String);

fn path(p: &str) -> SafePath {
    p.parse().unwrap()
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn entry(p: &str, content: u16) -> Entry {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&content.to_le_bytes());
    let size = u64::from(content % 5);
    let kind = EntryKind::File { id: FileId(id), size, modified: 0, executable: false, since: 0 };
    Entry { path: path(p), kind }
}

/// The disks of a machine: what lies on which drive, and what is mounted where.
#[derive(Default)]
struct Disks {
    files: BTreeMap<Place, u16>,
    mounts: BTreeMap<Place, usize>,
    closed: BTreeSet<Place>,
    /// Drives that were pulled and not unmounted: nothing on them can be read.
    pulled: BTreeSet<usize>,
    contents: u16,
}

impl Disks {
    /// Where a folder of `shared/` lies; `Err`: in this folder of `shared/`, which cannot be read.
    fn folder(&self, folder: &str) -> Result<Place, String> {
        let (mut drive, mut place, mut so_far) = (0, String::new(), String::new());
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            so_far = join(&so_far, name);
            place = join(&place, name);
            if let Some(mounted) = self.mounts.get(&(drive, place.clone())) {
                (drive, place) = (*mounted, String::new());
            }
            if self.pulled.contains(&drive) || self.closed.contains(&(drive, place.clone())) {
                return Err(so_far);
            }
        }
        Ok((drive, place))
    }

    /// Where a file of `shared/` lies, if it can be read.
    fn place(&self, p: &str) -> Option<Place> {
        let (folder, name) = p.rsplit_once('/').unwrap_or(("", p));
        self.folder(folder).ok().map(|(drive, place)| (drive, join(&place, name)))
    }

    /// All paths of files that can be seen, and their contents.
    fn visible(&self) -> BTreeMap<String, u16> {
        let paths = std::iter::once("").chain(FOLDERS).flat_map(|f| NAMES.map(|name| join(f, name)));
        paths.filter_map(|p| Some((p.clone(), *self.files.get(&self.place(&p)?)?))).collect()
    }

    fn mount(&mut self, folder: &str, drive: usize) {
        let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let is_free = !self.mounts.values().any(|mounted| *mounted == drive);
        if let (Ok((on, place)), true) = (self.folder(above), is_free) {
            let place = (on, join(&place, name));
            self.mounts.entry(place).or_insert(drive);
        }
    }

    fn unmount(&mut self, drive: usize) {
        self.mounts.retain(|_, mounted| *mounted != drive);
        self.pulled.remove(&drive);
    }

    fn is_alive(&self, content: u16) -> bool {
        self.files.values().any(|c| *c == content)
    }

    /// What a look finds. `hashed`: what was listed before at each path; all else is still to be hashed.
    fn look(&self, hashed: Option<&BTreeMap<String, u16>>, named: &[Entry]) -> SharedLook {
        let (mut there, mut unlisted) = (Vec::new(), UnlistedContent::default());
        for (p, content) in self.visible() {
            let entry = entry(&p, content);
            if hashed.is_none_or(|hashed| hashed.get(&p) == Some(&content)) {
                there.push(entry);
            } else {
                unlisted.paths.insert(entry.path);
                unlisted.sizes.insert(u64::from(content % 5));
            }
        }
        let mut mounts = BTreeMap::new();
        for folder in FOLDERS {
            match self.folder(folder) {
                Err(closed) => drop(unlisted.paths.insert(path(&closed))),
                Ok((drive, place)) if place.is_empty() && drive != 0 => {
                    mounts.insert(path(folder), DRIVES[drive]);
                }
                Ok(_) => {}
            }
        }
        let there = Catalogue::of(there);
        let open = left_open(named.iter(), &there, Some(&unlisted));
        let found = Arc::new(there.changed(&open));
        let identity = FolderIdentity { device: 1, inode: 1, birth: 1 };
        let open = open.into_keys().collect();
        SharedLook { identity, mounts: Arc::new(mounts), unlisted, open, found, ..SharedLook::default() }
    }
}

/// An owner on such a machine.
struct Owner {
    identity: Identity,
    disks: Disks,
    /// `None` while it does not run.
    recovery: Option<Recovery>,
    ledger: Ledger,
    /// The records of the last look, which a crash may have cut off.
    last: Vec<Record>,
    starts: u64,
    version: u64,
    head: Catalogue,
    /// The head before it, which is the newest one if its records did not get to the disk.
    head_before: Catalogue,
    listed: BTreeMap<String, u16>,
    /// Contents that were moved and not listed since.
    moved: BTreeSet<u16>,
    /// The same before the last look.
    moved_before: BTreeSet<u16>,
    /// Contents that nobody could know to be anywhere, or that the user gave up.
    given_up: BTreeSet<u16>,
    absent: Vec<(String, FileCount)>,
}

impl Owner {
    fn new() -> Self {
        let mut owner = Self {
            identity: Identity::from_seed([9; 32]).unwrap(),
            disks: Disks::default(),
            recovery: None,
            ledger: Ledger::default(),
            last: Vec::new(),
            starts: 0,
            version: 0,
            head: Catalogue::default(),
            head_before: Catalogue::default(),
            listed: BTreeMap::new(),
            moved: BTreeSet::new(),
            moved_before: BTreeSet::new(),
            given_up: BTreeSet::new(),
            absent: Vec::new(),
        };
        owner.start();
        owner
    }

    fn start(&mut self) {
        self.starts += 1;
        let instance = Instance { count: self.starts, random: 1 };
        let mut ledger = self.ledger.clone();
        self.recovery = Some(Recovery::new(self.identity.id(), instance, &mut ledger));
        self.listed.clear();
    }

    /// It ends, and the last records, but for so many, did not get to the disk.
    fn end(&mut self, written: usize) {
        self.recovery = None;
        if written < self.last.len() {
            self.head.clone_from(&self.head_before);
        }
        for record in std::mem::take(&mut self.last).into_iter().take(written) {
            if let Record::Named(_, Some(entry)) = &record {
                self.moved_before.retain(|content| entry.content() != self::entry("x", *content).content());
            }
            self.ledger.apply(record);
        }
        // What no record names at its new path is not known there.
        self.moved.append(&mut self.moved_before);
    }

    fn drain(&mut self) {
        while let Some(output) = self.recovery.as_mut().and_then(Recovery::poll_output) {
            match output {
                RecoveryOutput::Record(record) => self.last.push(record),
                RecoveryOutput::Absent(on, count) => self.absent.push((on.to_string(), count)),
                _ => {}
            }
        }
    }

    /// Takes a look, which finds all new files hashed or none of them, and makes a head.
    fn look(&mut self, is_hashed: bool) {
        let Some(recovery) = &mut self.recovery else { return };
        std::mem::take(&mut self.last).into_iter().for_each(|record| self.ledger.apply(record));
        let named: Vec<Entry> = recovery.named().cloned().collect();
        let look = self.disks.look((!is_hashed).then_some(&self.listed), &named);
        recovery.scanned(Lived(self.version), &look);
        let beside = recovery.intends().filter(|e| look.found.get(&e.path).is_none());
        let beside = beside.map(|e| (e.path.clone(), Some(e.kind.clone()))).collect();
        let catalogue = look.found.changed(&beside);
        self.version += 1;
        let instance = Instance { count: self.starts, random: 1 };
        let head = catalogue.head(self.identity.public(), instance, self.version);
        let signed: Arc<[u8]> = head.sign(&self.identity).into();
        recovery.published(&signed, &catalogue);
        self.drain();
        let visible = self.disks.visible();
        if is_hashed {
            self.listed.clone_from(&visible);
        } else {
            self.listed.retain(|p, content| visible.get(p) == Some(content));
        }
        // What was moved out of sight before it was listed, or before that was recorded, cannot be told from what
        // was deleted.
        let seen: BTreeSet<u16> = visible.into_values().collect();
        self.given_up.extend(self.moved.iter().filter(|content| !seen.contains(content)));
        self.moved_before.clone_from(&self.moved);
        self.moved.retain(|content| seen.contains(content) && !self.listed.values().any(|c| c == content));
        let before = std::mem::replace(&mut self.head, catalogue);
        self.check(&before, &look);
        self.head_before = before;
    }

    fn check(&self, before: &Catalogue, look: &SharedLook) {
        let recovery = self.recovery.as_ref().unwrap();
        for content in (0..self.disks.contents).filter(|c| self.disks.is_alive(*c)) {
            let file = entry("x", content);
            let is_released = recovery.verdict(file.content().unwrap(), false) == Verdict::Release;
            assert!(!is_released || self.given_up.contains(&content), "{content} is there and was released");
            // Whatever was named and is somewhere goes on being named, unless something else has a path of it.
            let is_seen = self.disks.visible().values().any(|c| *c == content);
            let was_named = before.entries().filter(|e| e.content() == file.content());
            let is_named = self.head.entries().any(|e| e.content() == file.content());
            for entry in was_named.filter(|e| !is_seen && look.found.get(&e.path).is_none()) {
                let known = self.ledger.named.values().filter(|e| e.content() == file.content());
                let is_taken = known.chain([entry]).any(|e| self.head.get(&e.path).is_some());
                assert!(
                    is_named || is_taken || self.given_up.contains(&content),
                    "{} is out of sight and named no more",
                    entry.path
                );
            }
        }
    }

    fn write(&mut self, p: &str) {
        if let Some(place) = self.disks.place(p) {
            self.disks.files.insert(place, self.disks.contents);
            self.disks.contents += 1;
        }
    }

    fn delete(&mut self, p: &str) {
        if let Some(place) = self.disks.place(p) {
            self.disks.files.remove(&place);
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        let (Some(from), Some(to)) = (self.disks.place(from), self.disks.place(to)) else { return };
        // By files that went from one to the other, drives that look the same could not be told apart.
        if !self.disks.files.contains_key(&to)
            && (from.0 == to.0 || from.0.max(to.0) < 3)
            && let Some(content) = self.disks.files.remove(&from)
        {
            self.disks.files.insert(to, content);
            self.moved.insert(content);
            // It is heard of at once, and hashed later.
            self.look(false);
        }
    }

    fn released(&self) -> Vec<u16> {
        let recovery = self.recovery.as_ref().unwrap();
        let is_released =
            |c: &u16| recovery.verdict(entry("x", *c).content().unwrap(), false) == Verdict::Release;
        (0..self.disks.contents).filter(is_released).collect()
    }

    fn n_absent(&self) -> usize {
        self.recovery.as_ref().unwrap().n_absent()
    }

    /// Files on a drive that is mounted on `folder`, and as many beside it, all named.
    fn with_drive(drive: usize, folder: &str) -> Self {
        let mut owner = Self::new();
        owner.disks.mount(folder, drive);
        for name in NAMES {
            owner.write(&join(folder, name));
            owner.write(name);
        }
        owner.look(true);
        owner
    }

    fn restart(&mut self) {
        self.end(usize::MAX);
        self.start();
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(String),
    Delete(String),
    DeleteFolder(usize),
    DeleteElsewhere(usize, usize),
    Rename(String, String),
    Mount(usize, usize),
    Unmount(usize),
    Pull(usize),
    Close(usize),
    Open(usize),
    Look(bool),
    End(usize),
    Start,
    Forget,
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let file = || {
        (0..=FOLDERS.len(), 0..NAMES.len())
            .prop_map(|(f, n)| join(if f == FOLDERS.len() { "" } else { FOLDERS[f] }, NAMES[n]))
    };
    let (folder, drive) = (0..FOLDERS.len(), 1..DRIVES.len());
    prop::collection::vec(
        prop_oneof![
            6 => file().prop_map(Step::Write),
            3 => file().prop_map(Step::Delete),
            1 => folder.clone().prop_map(Step::DeleteFolder),
            1 => (drive.clone(), 0..NAMES.len()).prop_map(|(d, n)| Step::DeleteElsewhere(d, n)),
            2 => (file(), file()).prop_map(|(from, to)| Step::Rename(from, to)),
            5 => (folder.clone(), drive.clone()).prop_map(|(f, d)| Step::Mount(f, d)),
            3 => drive.clone().prop_map(Step::Unmount),
            1 => drive.prop_map(Step::Pull),
            1 => folder.clone().prop_map(Step::Close),
            2 => folder.prop_map(Step::Open),
            8 => any::<bool>().prop_map(Step::Look),
            2 => prop_oneof![Just(usize::MAX), 0_usize..6].prop_map(Step::End),
            3 => Just(Step::Start),
            1 => Just(Step::Forget),
        ],
        0..80,
    )
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]
    #[test]
    fn only_what_its_user_deleted_is_released(steps in steps()) {
        let mut owner = Owner::new();
        for step in steps {
            match step {
                Step::Write(p) => owner.write(&p),
                Step::Delete(p) => owner.delete(&p),
                Step::DeleteFolder(f) => NAMES.iter().for_each(|name| owner.delete(&join(FOLDERS[f], name))),
                // On another machine, or where it is mounted.
                Step::DeleteElsewhere(d, n) => drop(owner.disks.files.remove(&(d, NAMES[n].to_owned()))),
                Step::Rename(from, to) => owner.rename(&from, &to),
                Step::Mount(f, d) => owner.disks.mount(FOLDERS[f], d),
                Step::Unmount(d) => owner.disks.unmount(d),
                Step::Pull(d) => drop(owner.disks.pulled.insert(d)),
                Step::Close(f) => {
                    if let Ok(place) = owner.disks.folder(FOLDERS[f]) {
                        owner.disks.closed.insert(place);
                    }
                }
                Step::Open(f) => owner.disks.closed.retain(|(_, place)| place != FOLDERS[f] && !place.is_empty()),
                Step::Look(is_hashed) => owner.look(is_hashed),
                Step::End(written) => owner.end(written),
                Step::Start if owner.recovery.is_none() => owner.start(),
                Step::Start => {}
                Step::Forget => {
                    if let Some(recovery) = &mut owner.recovery {
                        let (lived, none) = (Lived(owner.version), Catalogue::default());
                        let lost = recovery.recoverable(lived, Duration::ZERO, &none);
                        let lost = lost.filter(|(_, fate)| *fate == Fate::Lost).map(|(entry, _)| entry);
                        let lost = lost.chain(recovery.restoring()).filter_map(Entry::content);
                        owner.given_up.extend(lost.map(|FileId(id)| u16::from_le_bytes([id[0], id[1]])));
                        recovery.decide(Lived(owner.version), Decision::Forget, &Catalogue::default());
                        owner.drain();
                    }
                }
            }
        }
        owner.restart();
        owner.look(true);
    }
}

#[test]
fn another_empty_drive_hides_what_lies_in_its_folder_and_deletes_nothing() {
    let mut owner = Owner::new();
    owner.write("m/a");
    owner.look(true);
    owner.disks.mount("m", 3);
    owner.look(false);
    owner.disks.unmount(3);
    owner.write("m/d/a");
    owner.look(true);
    // A drive was known there, this one is another, and nothing lies on it.
    owner.disks.mount("m", 1);
    owner.look(false);
    assert_eq!(owner.released(), [0_u16; 0]);
    owner.restart();
    owner.look(true);
    assert_eq!(owner.released(), [0_u16; 0]);
    owner.disks.unmount(1);
    owner.look(true);
    assert_eq!((owner.n_absent(), owner.released().len()), (0, 0));
}

#[test]
fn a_drive_that_goes_and_comes_back_takes_nothing_with_it() {
    for is_restarted in [false, true] {
        let mut owner = Owner::with_drive(1, "m");
        assert!(owner.absent.is_empty());
        let all = owner.head.count();
        owner.disks.unmount(1);
        if is_restarted {
            owner.restart();
        }
        owner.look(true);
        // Contents 0, 2 and 4 lie on it.
        let told = FileCount { files: 3, bytes: 6 };
        assert_eq!(owner.absent, [("m".to_owned(), told)], "it is told once");
        assert_eq!((owner.n_absent(), owner.head.count(), owner.released().len()), (3, all, 0));
        owner.look(true);
        assert_eq!(owner.absent.len(), 1);
        // It was emptied of one of its files elsewhere, and is back: that one was deleted.
        owner.disks.files.remove(&(1, "b".to_owned()));
        owner.disks.mount("m", 1);
        if is_restarted {
            owner.restart();
        }
        owner.look(true);
        assert_eq!((owner.n_absent(), owner.head.count(), owner.released()), (0, all - 1, vec![2]));
        owner.disks.unmount(1);
        owner.look(true);
        assert_eq!((owner.n_absent(), owner.released()), (2, vec![2]));
    }
}

#[test]
fn a_folder_that_is_removed_is_deleted_and_one_that_is_renamed_is_moved() {
    let mut owner = Owner::with_drive(1, "m");
    for name in NAMES {
        owner.write(&join("k", name));
        owner.write(&join("m/d", name));
    }
    owner.look(true);
    // Contents 6, 8 and 10 lie in `k`, and 7, 9 and 11 on the drive, in `m/d`.
    for name in NAMES {
        owner.rename(&join("k", name), &join("n", name));
        assert_eq!(owner.released(), [0; 0], "it may be the new file of the same size");
    }
    owner.look(true);
    assert_eq!((owner.released(), owner.n_absent()), (vec![], 0));
    NAMES.iter().for_each(|name| owner.delete(&join("n", name)));
    NAMES.iter().for_each(|name| owner.delete(&join("m/d", name)));
    owner.look(true);
    assert_eq!((owner.released(), owner.n_absent()), (vec![6, 7, 8, 9, 10, 11], 0));
}

#[test]
fn a_file_that_was_moved_is_named_wherever_a_crash_cuts_the_records_off() {
    // The first record names it at its new path.
    for written in 1..4 {
        let mut owner = Owner::new();
        owner.write("m/d/c");
        owner.look(true);
        owner.rename("m/d/c", "m/a");
        owner.look(true);
        owner.end(written);
        // What hides both of its paths was not there when it was moved.
        owner.disks.mount("m", 1);
        owner.start();
        owner.look(true);
        assert_eq!((owner.released(), owner.n_absent() > 0), (vec![], true), "{written} records");
    }
}

#[test]
fn another_drive_in_its_place_and_one_above_it_hide_files_and_delete_none() {
    for other in [2, 4] {
        let mine = other - 1;
        let mut owner = Owner::with_drive(mine, "m");
        owner.disks.unmount(mine);
        owner.disks.mount("m", other);
        // A file of the same name, as cameras give them.
        owner.write("m/a");
        owner.look(true);
        assert_eq!((owner.released(), owner.n_absent()), (vec![], 3), "{other}");
        assert_eq!(owner.head.get(&path("m/a")), Some(&entry("m/a", 6)));
        owner.restart();
        owner.look(true);
        assert_eq!(owner.released(), [0; 0], "{other}");
        owner.disks.unmount(other);
        owner.disks.mount("m", mine);
        owner.look(true);
        assert_eq!(owner.released(), [0; 0], "{other}");
        assert_eq!(owner.head.get(&path("m/a")), Some(&entry("m/a", 0)));
    }
    // Files of `shared/` itself that something is mounted over.
    let mut owner = Owner::new();
    NAMES.iter().for_each(|name| owner.write(&join("m", name)));
    owner.look(true);
    owner.disks.mount("m", 1);
    for _ in 0..2 {
        owner.look(true);
        assert_eq!((owner.released(), owner.n_absent(), owner.head.count()), (vec![], 3, 3));
        owner.restart();
    }
    owner.disks.unmount(1);
    owner.look(true);
    assert_eq!((owner.n_absent(), owner.head.count()), (0, 3));
    owner.delete("m/b");
    owner.look(true);
    assert_eq!(owner.released(), [1]);
}

#[test]
fn what_is_used_while_the_drive_is_away_is_judged_for_itself() {
    let mut owner = Owner::with_drive(1, "m");
    owner.disks.unmount(1);
    owner.look(true);
    owner.write("m/b");
    owner.look(true);
    assert_eq!(owner.head.get(&path("m/b")), Some(&entry("m/b", 6)));
    owner.delete("m/b");
    owner.look(true);
    assert_eq!((owner.released(), owner.n_absent()), (vec![6], 3), "it lay in the folder itself");
    assert_eq!(owner.head.get(&path("m/b")), Some(&entry("m/b", 2)));
}

#[test]
fn a_drive_that_fails_before_it_is_unmounted_takes_nothing_with_it() {
    let mut owner = Owner::with_drive(1, "m");
    owner.disks.pulled.insert(1);
    owner.look(true);
    assert_eq!((owner.released(), owner.n_absent(), owner.head.count()), (vec![], 0, 6));
    owner.disks.unmount(1);
    owner.look(true);
    assert_eq!((owner.released(), owner.n_absent(), owner.head.count()), (vec![], 3, 6));
    // A folder above that is closed meanwhile changes nothing.
    owner.disks.closed.insert((0, "m".to_owned()));
    owner.look(true);
    owner.disks.closed.clear();
    owner.look(true);
    assert_eq!((owner.released(), owner.n_absent(), owner.head.count()), (vec![], 3, 6));
}

#[test]
fn what_is_absent_is_given_up_or_brought_back_only_if_that_is_asked() {
    let mut owner = Owner::with_drive(1, "m");
    owner.disks.unmount(1);
    owner.look(true);
    let found = owner.head.clone();
    let recovery = owner.recovery.as_mut().unwrap();
    let fates: Vec<Fate> =
        recovery.recoverable(Lived(9), Duration::ZERO, &found).map(|(_, fate)| fate).collect();
    assert_eq!(fates, [Fate::Absent; 3]);
    recovery.decide(Lived(9), Decision::Forget, &found);
    recovery.decide(Lived(9), Decision::GiveBack, &found);
    assert_eq!(recovery.n_absent(), 3);
    let is = |name: &'static str| move |e: &Entry, _| e.path.as_str() == name;
    assert_eq!(recovery.bring_back(Lived(9), Duration::ZERO, &found, is("m/a")), 1);
    assert_eq!((recovery.restoring().count(), recovery.n_absent()), (1, 2));
    assert_eq!(recovery.give_up(Lived(9), &Catalogue::default(), is("m/b")), 1);
    owner.given_up.insert(2);
    owner.drain();
    assert_eq!((owner.released(), owner.n_absent()), (vec![2], 1));
    owner.restart();
    owner.look(true);
    assert_eq!((owner.released(), owner.n_absent(), owner.head.count()), (vec![2], 1, 5));
}

#[test]
fn what_is_lost_at_a_path_hides_nothing_that_is_absent_from_it() {
    let mut owner = Owner::new();
    owner.write("m/d/a");
    owner.disks.mount("m", 4);
    owner.write("m/a");
    owner.write("m/d/a");
    owner.look(true);
    owner.disks.unmount(4);
    owner.look(true);
    assert_eq!(owner.n_absent(), 2);
    // The last file of `shared/` itself goes, as if all of it were lost; another one is absent from its path.
    owner.delete("m/d/a");
    owner.look(true);
    assert_eq!((owner.n_absent(), owner.head.count()), (2, 2));
    owner.restart();
    owner.look(true);
    assert_eq!((owner.n_absent(), owner.head.count()), (2, 2));
}
