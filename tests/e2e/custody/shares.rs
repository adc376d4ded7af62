//! Shares beside `shared/`: listed, served, remembered, gone with their drive and back with it, and shared no more.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::{assert_sound, custody, hash, log, n, peer, stored, until_whole};
use crate::errors::Small;
use crate::files::{assert_same, fill};
use crate::hardship::{among_mounts_of, run};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// What was deleted is soon dropped, so that a test sees the end of that.
const ARGS: [&str; 2] = ["--keep-deleted", "2s"];

const FILES: u64 = 4;

/// The words of an argument list.
fn words<'a>(words: &[&'a str], paths: &[&'a Path]) -> Vec<&'a str> {
    words.iter().copied().chain(paths.iter().map(|path| path.to_str().unwrap())).collect()
}

/// All that a command said.
fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// A folder with some files, the content of each its own.
fn filled(lab: &Lab, folder: &str, seed: u64) -> PathBuf {
    let path = lab.folder(folder);
    (0..FILES).for_each(|n| fill(&path.join(format!("{n}.bin")), 40_003 * (n + 1), seed + n));
    path
}

/// The shares of a peer, as `status` tells them: name, state, files.
fn shares(peer: &Peer) -> Vec<(String, String, u64)> {
    peer.status().shares.into_iter().map(|row| (row.name, row.state, row.files)).collect()
}

fn row(name: &str, state: &str, files: u64) -> (String, String, u64) {
    (name.to_owned(), state.to_owned(), files)
}

fn offers(taker: &Peer, path: &str) {
    wait(path, LATER, || taker.offered(path));
}

#[test]
fn folders_are_shared_where_they_lie_and_that_is_remembered() {
    let Some(lab) = Lab::of("up 2") else { return };
    filled(&lab, "owner/shared", 0);
    let (films, games) = (filled(&lab, "films", 100), filled(&lab, "many games", 200));
    // What leads out of a share stays out, also where it leads into another one.
    fs::write(lab.path("secret"), "secret").unwrap();
    symlink(lab.path("secret"), films.join("secret")).unwrap();
    symlink(&games, films.join("games")).unwrap();
    let named = format!("Films={}", films.to_str().unwrap());
    let mut owner = lab.peer(1, "owner", &words(&["--share", &named], &[&games]));
    let taker = lab.peer(2, "taker", &[]);
    for path in ["0.bin", "Films/1.bin", "many games/2.bin"] {
        offers(&taker, path);
    }
    assert_same(&films.join("1.bin"), &taker.fetch("Films/1.bin"));
    assert_same(&games.join("2.bin"), &taker.fetch("many games/2.bin"));
    assert_same(&owner.directory.join("shared/3.bin"), &taker.fetch("3.bin"));
    assert!(taker.cli(["download", "Films"]).status.success());
    assert_same(&films.join("3.bin"), &taker.directory.join("downloads/Films/3.bin"));
    let all = [row("", "here", FILES), row("Films", "here", FILES), row("many games", "here", FILES)];
    wait("all of it", SOON, || (shares(&owner) == all).then_some(()));
    for path in ["Films/secret", "Films/games/1.bin"] {
        assert!(taker.offered(path).is_none(), "{path}");
    }
    // Changes are heard of.
    fill(&films.join("new.bin"), 1_000, 77);
    offers(&taker, "Films/new.bin");
    // One more, and one less.
    let music = filled(&lab, "music", 300);
    let out = owner.cli(words(&["share", "--as", "Tunes"], &[&music]));
    assert!(said(&out).contains("as Tunes/, now and after a restart"), "{}", said(&out));
    offers(&taker, "Tunes/0.bin");
    assert_same(&music.join("0.bin"), &taker.fetch("Tunes/0.bin"));
    let out = owner.cli(["unshare", games.to_str().unwrap()]);
    assert!(said(&out).contains("many games/ is no longer shared: 4 files"), "{}", said(&out));
    wait("gone", SOON, || taker.offered("many games/0.bin").is_none().then_some(()));
    assert_eq!(fs::read_dir(&games).unwrap().count(), n(FILES), "its files are where they were");
    assert!(owner.cli(["exit"]).status.success());
    owner.ended(SOON);
    let owner = lab.peer(1, "owner", &[]);
    let all = [row("", "here", FILES), row("Films", "here", FILES + 1), row("Tunes", "here", FILES)];
    wait("remembered", SOON, || (shares(&owner) == all).then_some(()));
    wait("listed again", LATER, || taker.offered("Films/2.bin").map(drop));
    assert_same(&films.join("2.bin"), &taker.fetch("Films/2.bin"));
    let out = said(&owner.cli(["unshare", "many games"]));
    assert!(out.contains("shared beside shared/: Films, Tunes"), "{out}");
    assert_sound(&owner);
}

/// An owner with files in `shared/` and a share on a drive of its own, a keeper with copies of all, and a taker.
struct DriveScene {
    lab: Lab,
    drive: PathBuf,
    /// Where it is mounted.
    on: PathBuf,
    _mounts: [Small; 2],
    owner: Peer,
    keeper: Peer,
    taker: Peer,
}

impl DriveScene {
    fn new() -> Option<Self> {
        let lab = Lab::of("up 3")?;
        let small = Small::mount(lab.folder("drive"), "8m");
        let drive = filled(&lab, "drive", 100);
        filled(&lab, "owner/shared", 0);
        let on = lab.folder("usb");
        run("mount", &["--bind".as_ref(), drive.as_os_str(), on.as_os_str()]);
        let mounts = [Small(on.clone()), small];
        let keeper = peer(&lab, 2, "keeper", &ARGS);
        let owner = peer(&lab, 1, "owner", &words(&ARGS, &[&on]));
        let taker = peer(&lab, 3, "taker", &["--copies", "1", "--lend", "0"]);
        until_whole([&owner], n(2 * FILES));
        Some(Self { lab, drive, on, _mounts: mounts, owner, keeper, taker })
    }

    fn unmount(&self) {
        among_mounts_of(&self.owner, &["umount".as_ref(), "-l".as_ref(), self.on.as_os_str()]);
    }

    fn mount(&self) {
        let bind = ["mount".as_ref(), "--bind".as_ref(), self.drive.as_os_str(), self.on.as_os_str()];
        among_mounts_of(&self.owner, &bind);
    }

    /// By the time that something else was dropped, nothing of the drive was, and the taker lists it.
    fn assert_kept(&self, deleted: &str) {
        let path = self.owner.directory.join("shared").join(deleted);
        let id = hash(&path).to_string();
        fs::remove_file(path).unwrap();
        wait("what was deleted is dropped", LATER, || (!stored(&self.keeper).contains(&id)).then_some(()));
        for n in 0..FILES {
            let id = hash(&self.drive.join(format!("{n}.bin"))).to_string();
            assert!(stored(&self.keeper).contains(&id), "{n} was dropped");
            assert!(self.taker.offered(&format!("usb/{n}.bin")).is_some(), "{n} is not listed");
        }
    }
}

#[test]
fn a_share_whose_drive_is_pulled_is_missed_and_back_by_itself() {
    let Some(mut scene) = DriveScene::new() else { return };
    let absent = |peer: &Peer| custody(peer).absent;
    for deleted in ["0.bin", "1.bin"] {
        scene.unmount();
        wait("missed", SOON, || (absent(&scene.owner) == FILES).then_some(()));
        wait("told", SOON, || log(&scene.owner).contains("the share usb").then_some(()));
        scene.assert_kept(deleted);
        assert_eq!((absent(&scene.owner), custody(&scene.owner).lost), (FILES, 0));
        scene.mount();
        wait("back", SOON, || (absent(&scene.owner) == 0).then_some(()));
    }
    until_whole([&scene.owner], n(2 * FILES) - 2);
    // It is served from the drive that is back, by threads that can open it.
    assert_same(&scene.drive.join("3.bin"), &scene.taker.fetch("usb/3.bin"));
    // Also over a restart without it.
    assert!(scene.owner.cli(["exit"]).status.success());
    scene.owner.ended(SOON);
    run("umount", &["-l".as_ref(), scene.on.as_os_str()]);
    scene.owner = peer(&scene.lab, 1, "owner", &ARGS);
    wait("missed", SOON, || (absent(&scene.owner) == FILES).then_some(()));
    scene.assert_kept("2.bin");
    assert_eq!(fs::read_dir(&scene.on).unwrap().count(), 0, "nothing is fetched to where the drive was");
    scene.mount();
    wait("back", SOON, || (absent(&scene.owner) == 0).then_some(()));
    // What is deleted while it is there is deleted.
    let id = hash(&scene.drive.join("1.bin")).to_string();
    fs::remove_file(scene.drive.join("1.bin")).unwrap();
    wait("dropped", LATER, || (!stored(&scene.keeper).contains(&id)).then_some(()));
    [&scene.owner, &scene.keeper].into_iter().for_each(assert_sound);
}

#[test]
fn what_is_unshared_is_released_at_once_and_is_no_loss() {
    let Some(lab) = Lab::of("up 2") else { return };
    filled(&lab, "owner/shared", 0);
    let films = filled(&lab, "films", 100);
    let keeper = peer(&lab, 2, "keeper", &ARGS);
    let mut owner = peer(&lab, 1, "owner", &words(&ARGS, &[&films]));
    until_whole([&owner], n(2 * FILES));
    let ids: Vec<String> = (0..FILES).map(|n| hash(&films.join(format!("{n}.bin"))).to_string()).collect();
    let kept = || ids.iter().filter(|id| stored(&keeper).contains(*id)).count();
    assert_eq!(kept(), ids.len());
    assert!(owner.cli(["unshare", "films"]).status.success());
    // Killed in the middle of it, it is none the less shared no more.
    owner.kill();
    owner = peer(&lab, 1, "owner", &ARGS);
    wait("dropped", LATER, || (kept() == 0).then_some(()));
    until_whole([&owner], n(FILES));
    assert!(keeper.offered("films/0.bin").is_none());
    assert_eq!((custody(&owner).lost, custody(&owner).absent), (0, 0), "nobody is asked");
    assert!(said(&owner.cli(["restore"])).contains("nothing that was shared here is missing"));
    // Shared again, it is as before.
    assert!(owner.cli(words(&["share"], &[&films])).status.success());
    until_whole([&owner], n(2 * FILES));
    assert_eq!(kept(), ids.len());
    [&owner, &keeper].into_iter().for_each(assert_sound);
}
