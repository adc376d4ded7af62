//! Drives that are mounted below the root, unmounted and mounted again, and folders that are closed: what is published
//! says so in the same breath as it leaves their files out.

use std::process;

use super::*;
use crate::content::{FolderIdentity, MountIdentity};
use crate::sys::rerun::{NOBODY, rerun};

/// A namespace in which everybody may mount.
const MOUNTING: &[&str] = &["unshare", "--user", "--map-root-user", "--mount"];

fn run(command: &str, args: &[&Path]) {
    let words: Vec<&str> = command.split(' ').collect();
    assert!(
        process::Command::new(words[0]).args(&words[1..]).args(args).status().unwrap().success(),
        "{command}"
    );
}

impl Running {
    /// As [`Self::until`]; each shelf on the way that says what is not there lists the file or says why not.
    fn until_told(&mut self, file: &str, mount: Option<MountIdentity>, fits: impl Fn(&Self) -> bool) {
        while !fits(self) {
            let event = self.handle.events.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
                panic!("{:?} {:?} {:?}", self.listed(), self.shelf.mounts, self.shelf.waiting);
            });
            match event {
                Event::Changed(shelf) => self.shelf = shelf,
                Event::Warning(text) => self.warnings.push(text),
                Event::Hashing { .. } | Event::Scanned | Event::Rescanned | Event::Moved => {}
            }
            let Some(unlisted) = &self.shelf.waiting else { continue };
            let is_told = self.shelf.catalogue.get(&path(file)).is_some()
                || unlisted.covers(&path(file))
                || self.is_lost()
                || mount.is_some() && self.shelf.mounts.get(&path("usb")) != mount.as_ref();
            assert!(is_told, "{file} seems to be deleted: {:?} {unlisted:?}", self.listed());
        }
    }

    /// There is no root that can be opened: nothing of it was deleted.
    fn is_lost(&self) -> bool {
        self.shelf.marker == FolderIdentity::default()
    }

    fn mount(&self) -> Option<MountIdentity> {
        self.shelf.mounts.get(&path("usb")).copied()
    }
}

#[test]
#[ignore = "run by the next test, where it may mount"]
fn with_mounts() {
    let bench = Bench::new();
    let (drive, other, usb) =
        (bench.dir.path().join("drive"), bench.dir.path().join("other"), bench.path("usb"));
    for folder in [&drive, &other, &usb] {
        fs::create_dir(folder).unwrap();
    }
    // A folder of the same device, which only its being mounted tells from one that lies there.
    run("mount --bind", &[&drive, &usb]);
    bench.old("own", b"own");
    bench.old("usb/deep/a", b"a");
    bench.old("usb/b", b"b");
    // No look at everything comes within the timeout of these tests, so what changes was heard of.
    let mut r = bench.start();
    r.until_watched(&bench);
    r.until("settled", |r| r.shelf.waiting.is_some());
    let first = r.mount();
    assert!(first.is_some() && r.shelf.mounts.len() == 1, "{:?}", r.shelf.mounts);
    run("umount -l", &[&usb]);
    r.until_told("usb/deep/a", first, |r| r.names() == ["own", "usb"] && r.shelf.waiting.is_some());
    assert_eq!(r.mount(), None);
    run("mount --bind", &[&other, &usb]);
    r.until_told("usb/deep/a", first, |r| r.mount().is_some() && r.shelf.waiting.is_some());
    assert_ne!(r.mount(), first);
    run("umount -l", &[&usb]);
    run("mount --bind", &[&drive, &usb]);
    r.hashing.clear();
    r.until_told("usb/b", first, |r| r.has("usb/deep/a", b"a") && r.has("usb/b", b"b"));
    r.until("settled", |r| r.shelf.waiting.is_some());
    assert_eq!((r.mount(), r.hashing.len()), (first, 0), "nothing is hashed again");
    fs::remove_file(bench.path("usb/b")).unwrap();
    r.until("deleted", |r| r.names() == ["own", "usb/deep/a"] && r.shelf.waiting.is_some());
    assert_eq!(r.mount(), first);
    // The same at the next start.
    run("umount -l", &[&usb]);
    r.until_told("usb/deep/a", first, |r| r.mount().is_none());
    drop(r);
    run("mount --bind", &[&drive, &usb]);
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned && r.shelf.waiting.is_some());
    assert_eq!(r.mount(), first);
}

#[test]
fn a_drive_is_known_and_told_of_when_it_goes_and_comes() {
    rerun(MOUNTING, "library::tests::mounts::with_mounts", Path::new("/"));
}

#[test]
#[ignore = "run by the next test, as another user"]
fn with_a_folder_that_opens_and_closes() {
    let bench = Bench::new();
    bench.old("own", b"own");
    bench.old("closed/in/secret", b"inside");
    bench.old("closed/secret", b"in it");
    let mut r = bench.start();
    r.until_watched(&bench);
    r.until("settled", |r| r.shelf.waiting.is_some());
    for _ in 0..20 {
        testing::set_mode(bench.path("closed"), 0o000);
        r.until_told("closed/in/secret", None, |r| r.names() == ["own"] && r.shelf.waiting.is_some());
        testing::set_mode(bench.path("closed"), 0o755);
        r.until_told("closed/secret", None, |r| r.names().len() == 3 && r.shelf.waiting.is_some());
    }
    assert!(r.has("closed/in/secret", b"inside") && r.has("closed/secret", b"in it"));
    // The root itself.
    testing::set_mode(bench.root(), 0o000);
    r.handle.commands.send(Command::Rescan).unwrap();
    r.until_told("closed/secret", None, |r| r.names().is_empty() && r.shelf.waiting.is_some());
    assert!(r.is_lost(), "{:?}", r.shelf.marker);
    testing::set_mode(bench.root(), 0o755);
    r.until_told("closed/secret", None, |r| r.names().len() == 3 && r.shelf.waiting.is_some());
}

#[test]
fn a_folder_that_is_closed_never_seems_to_be_deleted() {
    rerun(NOBODY, "library::tests::mounts::with_a_folder_that_opens_and_closes", Path::new("/"));
}
