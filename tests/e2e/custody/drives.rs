//! Hours of drives that come and go, folders that open and close, files that are moved and deleted, and peers that
//! are killed: keepers drop nothing that its owner's user did not delete.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use potluck::sys::clock;

use super::{assert_sound, custody, hash, log, peer, stored};
use crate::files::fill;
use crate::hardship::{among_mounts_of, run};
use crate::lab::{LATER, Lab, Peer, Random, pause, wait};

/// For how long, unless `POTLUCK_DRIVES_SECONDS` says so.
const SECONDS: u64 = 2 * 3_600;

/// So long the keepers hold what was deleted: a fault shows soon.
const ARGS: [&str; 6] = ["--keep-deleted", "2s", "--lend", "4GiB", "--copies", "2"];

/// Drives, and the folders of `shared/` on which they may be mounted.
const DRIVES: [&str; 3] = ["drive0", "drive1", "drive2"];
const MOUNTS: [&str; 2] = ["m", "n"];

/// Folders that are closed and opened: of `shared/`, and of each drive.
const FOLDER: &str = "k";

/// Files that there are at the start in each place, and at most.
const FILES: u64 = 4;
const MOST: usize = 120;

/// The user that the owner runs as: root may read what is closed.
const USER: [&str; 6] = ["setpriv", "--reuid", "2001", "--regid", "2001", "--clear-groups"];

/// A machine with drives, an owner on it, and two keepers elsewhere.
struct World {
    lab: Lab,
    random: Random,
    owner: Option<Peer>,
    keepers: Vec<Option<Peer>>,
    /// Which drive is mounted on which folder.
    mounted: BTreeMap<usize, usize>,
    /// All files that the user has and has not deleted, wherever they lie, by the hash of their content.
    files: BTreeMap<String, PathBuf>,
    /// Those of them of which a keeper had a copy once.
    safe: BTreeSet<String>,
    made: u64,
    done: BTreeMap<&'static str, u64>,
}

impl World {
    fn new() -> Option<Self> {
        let lab = Lab::of("up 3")?;
        fs::set_permissions(lab.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        let mut world = Self {
            lab,
            random: Random::seeded(),
            owner: None,
            keepers: vec![None, None],
            mounted: BTreeMap::new(),
            files: BTreeMap::new(),
            safe: BTreeSet::new(),
            made: 0,
            done: BTreeMap::new(),
        };
        for mount in MOUNTS {
            world.lab.folder(&format!("owner/shared/{mount}"));
        }
        for place in world.places() {
            world.lab.folder(&place.display().to_string());
            (0..FILES).for_each(|_| world.make(&place));
        }
        run("chown", &["-R".as_ref(), "2001:2001".as_ref(), world.lab.path("owner").as_os_str()]);
        world.start_all();
        Some(world)
    }

    /// All folders with files, from that of the lab.
    fn places(&self) -> Vec<PathBuf> {
        let tops = DRIVES.map(PathBuf::from).into_iter().chain([PathBuf::from("owner/shared")]);
        tops.flat_map(|top| [top.join(FOLDER), top]).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.next() % bound as u64).unwrap()
    }

    fn make(&mut self, place: &Path) {
        self.made += 1;
        let path = self.lab.path("").join(place).join(format!("{}.bin", self.made));
        fill(&path, 1_000 + self.made % 50_000, self.made);
        run("chown", &["2001:2001".as_ref(), path.as_os_str()]);
        self.files.insert(hash(&path).to_string(), path);
    }

    fn start_all(&mut self) {
        if self.owner.is_none() {
            let user = USER.map(OsStr::new);
            self.owner = Some(self.lab.peer_under(1, "owner", &user, &ARGS));
        }
        for n in 0..self.keepers.len() {
            if self.keepers[n].is_none() {
                let node = u32::try_from(n + 2).unwrap();
                self.keepers[n] = Some(peer(&self.lab, node, &format!("keeper{n}"), &ARGS[..4]));
            }
        }
    }

    /// Does something among the mounts of this machine, and among those that the owner sees if these are others.
    fn remount(&mut self, on: &Path, is_mounted: bool, args: &[&OsStr]) {
        run(args[0].to_str().unwrap(), &args[1..]);
        let Some(owner) = &self.owner else { return };
        let table = fs::read_to_string(format!("/proc/{}/mountinfo", owner.pid())).unwrap_or_default();
        if table.contains(&format!(" {} ", on.display())) != is_mounted {
            among_mounts_of(owner, args);
        }
    }

    fn mount(&mut self, on: usize, drive: usize) {
        if self.mounted.contains_key(&on) || self.mounted.values().any(|mounted| *mounted == drive) {
            return;
        }
        let (from, to) = (self.lab.path(DRIVES[drive]), self.lab.path("owner/shared").join(MOUNTS[on]));
        self.remount(&to, true, &["mount".as_ref(), "--bind".as_ref(), from.as_os_str(), to.as_os_str()]);
        self.mounted.insert(on, drive);
    }

    fn unmount(&mut self, on: usize) {
        if self.mounted.remove(&on).is_some() {
            let at = self.lab.path("owner/shared").join(MOUNTS[on]);
            self.remount(&at, false, &["umount".as_ref(), "-l".as_ref(), at.as_os_str()]);
        }
    }

    fn set_mode(&mut self, mode: u32) {
        let tops = ["owner/shared", DRIVES[0], DRIVES[1], DRIVES[2]];
        let top = tops[self.below(tops.len())];
        let folder = self.lab.path(top).join(FOLDER);
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// One of the files, by its hash.
    fn any(&mut self) -> Option<String> {
        let at = self.below(self.files.len().max(1));
        self.files.keys().nth(at).cloned()
    }

    fn delete(&mut self) {
        let Some(id) = self.any() else { return };
        fs::remove_file(&self.files[&id]).unwrap();
        self.files.remove(&id);
        self.safe.remove(&id);
    }

    fn rename(&mut self) {
        let Some(id) = self.any() else { return };
        let old = self.files[&id].clone();
        self.made += 1;
        let new = old.with_file_name(format!("{}.bin", self.made));
        fs::rename(&old, &new).unwrap();
        self.files.insert(id, new);
    }

    /// Does something at random.
    fn act(&mut self) {
        let what = match self.below(100) {
            0..25 => {
                let (on, drive) = (self.below(MOUNTS.len()), self.below(DRIVES.len()));
                self.mount(on, drive);
                "mount"
            }
            25..40 => {
                let on = self.below(MOUNTS.len());
                self.unmount(on);
                "unmount"
            }
            40..50 => {
                self.set_mode(0o000);
                "close"
            }
            50..63 => {
                self.set_mode(0o755);
                "open"
            }
            63..75 if self.files.len() < MOST => {
                let places = self.places();
                let place = places[self.below(places.len())].clone();
                self.make(&place);
                "make"
            }
            63..79 => {
                self.delete();
                "delete"
            }
            79..85 => {
                self.rename();
                "rename"
            }
            85..93 => {
                if let Some(mut owner) = self.owner.take() {
                    assert_sound(&owner);
                    match self.random.next() % 2 {
                        0 => owner.kill(),
                        _ => drop(owner.cli(["exit", "--now"])),
                    }
                    drop(owner);
                }
                "owner ends"
            }
            93..97 => {
                let n = self.below(self.keepers.len());
                if let Some(mut keeper) = self.keepers[n].take() {
                    assert_sound(&keeper);
                    keeper.kill();
                }
                "keeper is killed"
            }
            _ => {
                self.start_all();
                "start"
            }
        };
        *self.done.entry(what).or_default() += 1;
    }

    /// Nothing that the user has, and of which there was a copy, is without one.
    fn check(&mut self) {
        let stores = (0..self.keepers.len()).flat_map(|n| {
            let store = self.lab.path(&format!("keeper{n}/.potluck/store/.potluck-partial"));
            let names = fs::read_dir(store).into_iter().flatten().flatten();
            names.filter_map(|e| e.file_name().into_string().ok()).filter(|name| name.len() == 64)
        });
        let stored: BTreeSet<String> = stores.collect();
        for (id, path) in &self.files {
            if stored.contains(id) {
                self.safe.insert(id.clone());
            } else {
                let owner = self.owner.as_ref().map(log).unwrap_or_default();
                assert!(!self.safe.contains(id), "{} was dropped: {id}\n{owner}", path.display());
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for on in MOUNTS {
            let at = self.lab.path("owner/shared").join(on);
            // Nothing can be done in a drop if it fails, and most are not mounted.
            drop(Command::new("umount").arg("-l").arg(at).stderr(Stdio::null()).status());
        }
    }
}

/// Goes on for two hours; `POTLUCK_DRIVES_SECONDS=600 cargo test --test e2e drives -- --ignored --nocapture` for ten
/// minutes.
#[test]
#[ignore = "two hours"]
fn drives_come_and_go_and_nothing_is_dropped_that_was_not_deleted() {
    let Some(mut world) = World::new() else { return };
    let seconds = std::env::var("POTLUCK_DRIVES_SECONDS").ok().and_then(|n| n.parse().ok());
    let end = clock::now() + Duration::from_secs(seconds.unwrap_or(SECONDS));
    while clock::now() < end {
        world.act();
        world.check();
        let millis = world.random.millis(50, 3_000);
        pause(millis);
        if world.below(8) == 0 {
            world.start_all();
        }
        world.check();
    }
    println!("{:?}; {} files, {} of them had copies", world.done, world.files.len(), world.safe.len());
    // In the end all is mounted that can be, open and running, and what is there has its copies.
    world.start_all();
    for on in 0..MOUNTS.len() {
        (0..DRIVES.len()).for_each(|drive| world.mount(on, drive));
    }
    for place in world.places() {
        fs::set_permissions(world.lab.path("").join(place), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mounted: Vec<PathBuf> = world.mounted.values().map(|drive| world.lab.path(DRIVES[*drive])).collect();
    let visible: Vec<String> = world
        .files
        .iter()
        .filter(|(_, path)| {
            path.starts_with(world.lab.path("owner")) || mounted.iter().any(|m| path.starts_with(m))
        })
        .map(|(id, _)| id.clone())
        .collect();
    let owner = world.owner.as_ref().unwrap();
    wait("copies of all that is there", LATER * 3, || {
        let stored: BTreeSet<String> = world.keepers.iter().flatten().flat_map(stored).collect();
        visible.iter().all(|id| stored.contains(id)).then_some(())
    });
    println!("{:?}", custody(owner));
    world.check();
    assert!(world.safe.len() >= visible.len());
}
