//! A drive that is not there, and a folder that cannot be read, take no file with them: nothing of theirs is
//! released, their owner is told, and when they are back all is as before.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::{assert_sound, contents, custody, hash, log, n, own, peer, stored, until_whole};
use crate::errors::Small;
use crate::files::{assert_same, fill};
use crate::hardship::{among_mounts_of, run};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// What was deleted is soon dropped, so that a test sees the end of that.
const ARGS: [&str; 2] = ["--keep-deleted", "2s"];

const ON_DRIVE: u64 = 5;
const BESIDE: u64 = 12;

/// An owner with files of its own and files on a drive, two keepers with copies of all, and a taker.
struct Scene {
    lab: Lab,
    drive: PathBuf,
    mount: Option<Small>,
    owner: Peer,
    keepers: Vec<Peer>,
    taker: Peer,
}

impl Scene {
    fn new() -> Option<Self> {
        let lab = Lab::of("up 4")?;
        let (drive, shared) = (lab.folder("drive"), lab.folder("owner/shared"));
        (0..ON_DRIVE).for_each(|n| fill(&drive.join(format!("{n}.bin")), 30_001 * (n + 1), 100 + n));
        (0..BESIDE).for_each(|n| fill(&shared.join(format!("{n}.bin")), 20_000 * (n + 1), n));
        let mount = Some(mounted(&drive, &lab.folder("owner/shared/usb")));
        let keepers: Vec<Peer> = (2..=3).map(|n| peer(&lab, n, &format!("keeper{n}"), &ARGS)).collect();
        let owner = peer(&lab, 1, "owner", &ARGS);
        let taker = peer(&lab, 4, "taker", &["--copies", "1", "--lend", "0"]);
        let scene = Self { lab, drive, mount, owner, keepers, taker };
        until_whole([&scene.owner], n(ON_DRIVE + BESIDE));
        Some(scene)
    }

    fn usb(&self) -> PathBuf {
        self.owner.directory.join("shared/usb")
    }

    /// Nothing of the drive was released: by the time that something else was dropped everywhere, nothing of the
    /// drive was, and the taker lists it.
    fn assert_kept(&self, deleted: &str) {
        let path = self.owner.directory.join("shared").join(deleted);
        let id = hash(&path).to_string();
        fs::remove_file(path).unwrap();
        wait("what was deleted is dropped", LATER, || {
            self.keepers.iter().all(|k| !stored(k).contains(&id)).then_some(())
        });
        for n in 0..ON_DRIVE {
            let (path, file) = (format!("usb/{n}.bin"), self.drive.join(format!("{n}.bin")));
            let id = hash(&file).to_string();
            assert!(self.keepers.iter().any(|k| stored(k).contains(&id)), "{path} was dropped");
            assert!(self.taker.offered(&path).is_some(), "{path} is not listed");
        }
    }
}

fn mounted(drive: &Path, on: &Path) -> Small {
    run("mount", &["--bind".as_ref(), drive.as_os_str(), on.as_os_str()]);
    Small(on.to_owned())
}

#[test]
fn a_drive_that_is_not_there_at_the_next_start_takes_no_copy_with_it() {
    let Some(mut scene) = Scene::new() else { return };
    assert!(scene.owner.cli(["exit"]).status.success());
    scene.owner.ended(SOON);
    scene.mount = None;
    scene.owner = peer(&scene.lab, 1, "owner", &ARGS);
    wait("told", SOON, || log(&scene.owner).contains("5 shared files in usb").then_some(()));
    assert_eq!((custody(&scene.owner).absent, custody(&scene.owner).lost), (ON_DRIVE, 0));
    scene.assert_kept("0.bin");
    assert_eq!(fs::read_dir(scene.usb()).unwrap().count(), 0, "nothing is fetched to where the drive was");
    // Once more, and the drive is back.
    scene.owner.kill();
    scene.owner = peer(&scene.lab, 1, "owner", &ARGS);
    wait("known again", SOON, || (custody(&scene.owner).absent == ON_DRIVE).then_some(()));
    scene.assert_kept("1.bin");
    scene.owner.kill();
    scene.mount = Some(mounted(&scene.drive, &scene.usb()));
    scene.owner = peer(&scene.lab, 1, "owner", &ARGS);
    until_whole([&scene.owner], n(ON_DRIVE + BESIDE) - 2);
    assert_eq!((custody(&scene.owner).absent, custody(&scene.owner).lost), (0, 0));
    scene.keepers.iter().chain([&scene.owner]).for_each(assert_sound);
}

#[test]
fn a_drive_pulled_while_running_is_noticed_at_once_and_back_as_before() {
    let Some(scene) = Scene::new() else { return };
    let before = contents(&scene.drive);
    let usb = scene.usb();
    for deleted in ["0.bin", "1.bin"] {
        among_mounts_of(&scene.owner, &["umount".as_ref(), "-l".as_ref(), usb.as_os_str()]);
        wait("missed", SOON, || (custody(&scene.owner).absent == ON_DRIVE).then_some(()));
        scene.assert_kept(deleted);
        let bind = ["mount".as_ref(), "--bind".as_ref(), scene.drive.as_os_str(), usb.as_os_str()];
        among_mounts_of(&scene.owner, &bind);
        wait("back", SOON, || (custody(&scene.owner).absent == 0).then_some(()));
    }
    until_whole([&scene.owner], n(ON_DRIVE + BESIDE) - 2);
    // What is deleted while it is there is deleted.
    let id = hash(&scene.drive.join("4.bin")).to_string();
    fs::remove_file(scene.drive.join("4.bin")).unwrap();
    wait("dropped", LATER, || scene.keepers.iter().all(|k| !stored(k).contains(&id)).then_some(()));
    assert_eq!(contents(&scene.drive).len(), before.len() - 1);
    scene.keepers.iter().chain([&scene.owner]).for_each(assert_sound);
}

#[test]
fn what_lies_on_a_drive_that_is_gone_comes_back_or_is_given_up_by_name() {
    let Some(scene) = Scene::new() else { return };
    let usb = scene.usb();
    among_mounts_of(&scene.owner, &["umount".as_ref(), "-l".as_ref(), usb.as_os_str()]);
    wait("missed", SOON, || (custody(&scene.owner).absent == ON_DRIVE).then_some(()));
    let said = |args: &[&str]| String::from_utf8(scene.owner.cli(args).stdout).unwrap();
    assert!(said(&["restore"]).contains("nothing"), "it is not asked for");
    assert!(said(&["restore", "--forget"]).contains("nothing"));
    assert!(said(&["status"]).contains("5 files that you share lie on a drive that is not there"));
    assert!(said(&["restore", "usb/0.bin"]).contains("1 file is fetched"));
    let back = PathBuf::from(format!("/proc/{}/root{}", scene.owner.pid(), usb.join("0.bin").display()));
    wait("fetched", LATER, || back.exists().then_some(()));
    assert_same(&scene.drive.join("0.bin"), &back);
    assert!(said(&["restore", "--forget", "usb/1.bin"]).contains("1 file counts as deleted"));
    let id = hash(&scene.drive.join("1.bin")).to_string();
    wait("dropped", LATER, || scene.keepers.iter().all(|k| !stored(k).contains(&id)).then_some(()));
    assert_eq!(custody(&scene.owner).absent, ON_DRIVE - 2);
}

#[test]
fn a_folder_that_is_closed_while_running_is_not_deleted() {
    let Some(lab) = Lab::of("up 3") else { return };
    let root = lab.path("");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let (shared, closed) = (lab.folder("owner/shared"), lab.folder("owner/shared/closed/below"));
    (0..12).for_each(|n| fill(&shared.join(format!("{n}.bin")), 20_000 * (n + 1), n));
    (0..3).for_each(|n| fill(&closed.join(format!("{n}.bin")), 30_000 * (n + 1), 100 + n));
    run("chown", &["-R".as_ref(), "2001:2001".as_ref(), lab.path("owner").as_os_str()]);
    chown(lab.path("owner"), Some(2001), Some(2001)).unwrap();
    let keeper = peer(&lab, 2, "keeper", &ARGS);
    let user = ["setpriv", "--reuid", "2001", "--regid", "2001", "--clear-groups"].map(OsStr::new);
    let owner = lab.peer_under(1, "owner", &user, &["--keep-deleted", "2s", "--lend", "0", "--copies", "2"]);
    until_whole([&owner], 15);
    let folder = shared.join("closed");
    let kept = |owner: &Peer| {
        (0..3).all(|n| keeper.listed(&format!("closed/below/{n}.bin")).is_some()) && custody(owner).lost == 0
    };
    for deleted in ["0.bin", "1.bin"] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
        wait("missed", SOON, || {
            let row = owner.list().into_iter().find(|row| row.path == "closed/below/2.bin");
            row.is_none_or(|row| !row.mine).then_some(())
        });
        let id = hash(&shared.join(deleted)).to_string();
        fs::remove_file(shared.join(deleted)).unwrap();
        wait("what was deleted is dropped", LATER, || (!stored(&keeper).contains(&id)).then_some(()));
        assert!(kept(&owner), "{:?}", keeper.list());
        let restore = String::from_utf8(owner.cli(["restore"]).stdout).unwrap();
        assert!(restore.contains("nothing"), "it counts as deleted: {restore}");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        wait("back", SOON, || own(&owner).iter().any(|row| row.path == "closed/below/2.bin").then_some(()));
    }
    let told = log(&owner);
    assert_eq!(told.matches("closed: no permission to read it").count(), 1, "{told}");
    until_whole([&owner], 13);
    [&owner, &keeper].into_iter().for_each(assert_sound);
}
