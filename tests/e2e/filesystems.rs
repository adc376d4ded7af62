//! Peers on file systems that hold less than others: memory cards, network drives, a full disk, an odd name.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::FallocateFlags;

use crate::errors::{Small, code};
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// A kind of file system: how it is made in a file, and mounted.
struct Kind {
    name: &'static str,
    make: &'static [&'static str],
    mount: &'static [&'static str],
}

const fn kind(name: &'static str, make: &'static [&'static str], mount: &'static [&'static str]) -> Kind {
    Kind { name, make, mount }
}

/// The one that Linux has everywhere.
const EXT4: Kind = kind("ext4", &["mkfs.ext4", "-q", "-m", "0"], &["mount", "-t", "ext4", "-o", "loop"]);

/// Those of memory cards, by the kernel and, where it has none, by programs; and some that hold all.
const KINDS: [Kind; 8] = [
    kind("vfat", &["mkfs.vfat"], &["mount", "-t", "vfat", "-o", "loop,utf8"]),
    kind("exfat", &["mkfs.exfat"], &["mount", "-t", "exfat", "-o", "loop"]),
    kind("exfat-fuse", &["mkfs.exfat"], &["mount", "-t", "exfat-fuse", "-o", "loop"]),
    kind("ntfs3", &["mkfs.ntfs", "-F", "-q"], &["mount", "-t", "ntfs3", "-o", "loop,windows_names"]),
    kind("ntfs-3g", &["mkfs.ntfs", "-F", "-q"], &["ntfs-3g", "-o", "windows_names"]),
    EXT4,
    kind("btrfs", &["mkfs.btrfs", "-q"], &["mount", "-t", "btrfs", "-o", "loop"]),
    kind("xfs", &["mkfs.xfs", "-q"], &["mount", "-t", "xfs", "-o", "loop"]),
];

/// Bytes of their images: as many as the one that needs most.
const IMAGE: u64 = 320 << 20;

fn run(words: &[&str], more: [&OsStr; 2]) -> Result<(), String> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(words[0]);
    let out = command
        .args(&words[1..])
        .args(more.iter().filter(|word| !word.is_empty()))
        .env("PATH", path)
        .output();
    match out {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(format!("{words:?}: {}", String::from_utf8_lossy(&out.stderr).trim())),
        Err(e) => Err(format!("{words:?}: {e}")),
    }
}

/// Mounts a new file system over `folder`; why not, if it cannot be had.
fn mount(lab: &Lab, kind: &Kind, folder: &Path, size: u64) -> Result<Small, String> {
    let image = lab.path(&format!("{}.image", kind.name));
    fs::File::create(&image).unwrap().set_len(size).unwrap();
    run(kind.make, [image.as_os_str(), OsStr::new("")])?;
    run(kind.mount, [image.as_os_str(), folder.as_os_str()])?;
    Ok(Small(folder.to_owned()))
}

/// Names that memory cards do not hold, and one that all do.
const NAMES: [&str; 4] = ["what: a \"name\"?.txt", "aux", "end.", "plain.txt"];

/// A peer whose folder lies there fetches a folder of files, shares one itself, and can be asked.
fn lives_on(lab: &Lab, owner: &Peer, name: &str) {
    fs::create_dir_all(lab.path(name).join("shared")).unwrap();
    fs::write(lab.path(name).join("shared").join(format!("from {name}")), name).unwrap();
    let taker = lab.peer(2, name, &[]);
    let asks = |args: &[&str]| taker.cli(args);
    wait("an offer", LATER, || {
        let list = String::from_utf8(asks(&["list", "--flat"]).stdout).unwrap();
        (list.contains("plain.txt") && list.contains("large.bin") && list.contains(&format!("from {name}")))
            .then_some(())
    });
    let out = asks(&["download", "odd"]);
    code(&out, 0);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    for file in NAMES.iter().chain(&["large.bin"]) {
        let at = taker.directory.join("downloads/odd");
        let own = at.join(file);
        // Where it has another name, both are said.
        let place = fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()).find(|path| {
            own == *path
                || said.lines().any(|line| line.contains(path.to_str().unwrap()) && line.contains(file))
        });
        let place = place.unwrap_or_else(|| panic!("{name}: {file}: {said}"));
        assert_same(&owner.directory.join("shared/odd").join(file), &place);
    }
    // Below FUSE, what is taken away while it is open has another name until it is closed, so that the folder may stay.
    let is_part = |path: &PathBuf| path.is_file() && path.to_string_lossy().contains(".potluck-partial");
    wait("nothing partial", SOON, || (!taker.downloads().iter().any(is_part)).then_some(()));
    wait("its own file", LATER, || owner.offered(&format!("from {name}")));
    code(&asks(&["download", "odd"]), 0);
    let second = lab.peer(2, name, &[]).ended(SOON).0;
    assert_eq!(second.code(), Some(8), "{name}: a second peer must not run there");
    assert!(asks(&["exit", "--now"]).status.success(), "{name}");
}

#[test]
fn a_peer_lives_on_any_file_system() {
    let Some(lab) = Lab::of("up 2") else { return };
    let odd = lab.folder("owner/shared/odd");
    for name in NAMES {
        fs::write(odd.join(name), name).unwrap();
    }
    fill(&odd.join("large.bin"), 20 << 20, 3);
    let owner = lab.peer(1, "owner", &[]);
    for kind in &KINDS {
        let folder = lab.folder(kind.name);
        match mount(&lab, kind, &folder, IMAGE) {
            Ok(_mount) => lives_on(&lab, &owner, kind.name),
            Err(why) => println!("skipped, for {} cannot be had: {why}", kind.name),
        }
    }
}

#[test]
fn a_peer_whose_folder_can_hold_no_socket_can_be_asked() {
    let Some(lab) = Lab::of("up 1") else { return };
    // A folder in the place of the socket stands for a file system without sockets.
    lab.folder("peer/.potluck/control.sock");
    let peer = lab.peer(1, "peer", &[]);
    let ask = |args: &[&str]| peer.cli(args).status.code();
    wait("an answer", SOON, || (ask(&["status"]) == Some(0)).then_some(()));
    assert_eq!(ask(&["exit", "--now"]), Some(0));
    wait("its end", SOON, || (ask(&["status"]) == Some(3)).then_some(()));
}

#[test]
fn a_peer_whose_folder_has_a_name_that_is_not_utf8_can_be_asked() {
    let Some(lab) = Lab::of("up 2") else { return };
    let name = OsString::from_vec(b"not\xffutf8".to_vec());
    let _owner = lab.peer_with(1, "owner", &[("x.txt", b"x")]);
    let directory = lab.path("").join(&name);
    let taker = lab.peer_at(2, directory.clone(), "taker");
    wait("an offer", LATER, || taker.offered("x.txt"));
    code(&taker.cli(["download", "x.txt"]), 0);
    assert_eq!(fs::read(directory.join("downloads/x.txt")).unwrap(), b"x");
    // Where files go may have such a name, too.
    let to = directory.join("to").join(&name);
    let args = ["download".as_ref(), "x.txt".as_ref(), "--to".as_ref(), to.as_os_str()];
    code(&taker.cli(args), 0);
    assert_eq!(fs::read(to.join("x.txt")).unwrap(), b"x");
    for args in [&["status"][..], &["status", "--json"], &["identity"]] {
        let out = taker.cli(args);
        assert!(out.status.success() && !out.stdout.is_empty(), "{args:?}: {out:?}");
    }
}

#[test]
fn a_file_that_is_larger_than_files_may_be_fails_alone() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared/set");
    fill(&shared.join("large.bin"), 30 << 20, 1);
    fill(&shared.join("small.bin"), 2 << 20, 2);
    let _owner = lab.peer(1, "owner", &[]);
    let taker = lab.peer_under(2, "taker", &["prlimit", "--fsize=10485760", "--"].map(OsStr::new), &[]);
    wait("an offer", LATER, || taker.offered("set/large.bin").and_then(|_| taker.offered("set/small.bin")));
    let out = taker.cli(["download", "set"]);
    code(&out, 1);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("set/large.bin: no file in") && said.contains("may be so large"), "{said}");
    assert_same(&shared.join("small.bin"), &taker.directory.join("downloads/set/small.bin"));
    // The peer lives, and says the same again.
    code(&taker.cli(["download", "set/large.bin"]), 1);
    taker.status();
}

/// Takes all space that is left.
fn fill_up(folder: &Path) {
    let hog = fs::File::create(folder.join("hog")).unwrap();
    // In large pieces first, of which nothing is written.
    for piece in [64 << 20, 1 << 20] {
        let end = || hog.metadata().unwrap().blocks() * 512;
        while rustix::fs::fallocate(&hog, FallocateFlags::KEEP_SIZE, end(), piece).is_ok() {}
    }
    let mut rest = fs::File::create(folder.join("rest")).unwrap();
    while rest.write_all(&[1; 4_096]).is_ok() {}
    assert!(fs::write(folder.join("more"), [1; 4_096]).is_err(), "the disk is full now");
}

/// What a peer keeps for others.
fn kept(directory: &Path) -> Vec<PathBuf> {
    let store = walkdir::WalkDir::new(directory.join(".potluck/store")).into_iter();
    let mut files: Vec<_> = store.map(|e| e.unwrap().into_path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn a_peer_starts_on_a_full_disk_and_loses_nothing() {
    let Some(lab) = Lab::of("up 2") else { return };
    let folder = lab.folder("peer");
    // Large enough that some of it is lent.
    let small = match mount(&lab, &EXT4, &folder, 2 << 30) {
        Ok(small) => small,
        Err(why) => return println!("skipped, for {} cannot be had: {why}", EXT4.name),
    };
    fs::create_dir(folder.join("shared")).unwrap();
    fs::write(folder.join("shared/mine.txt"), "mine").unwrap();
    fill(&lab.folder("other/shared").join("theirs.bin"), 1 << 20, 1);
    let other = lab.peer(2, "other", &["--copies", "2"]);
    let lending = &["--copies", "1", "--lend", "500MiB"];
    let mut peer = lab.peer(1, "peer", lending);
    wait("an offer", LATER, || other.offered("mine.txt"));
    wait("a copy", LATER, || other.listed("theirs.bin").filter(|row| row.copies == 2));
    let (id, before) = (peer.status().id, kept(&folder));
    assert!(!before.is_empty());
    assert!(peer.cli(["exit", "--now"]).status.success());
    peer.ended(SOON);
    wait("its leave", SOON, || (!other.sees(&peer)).then_some(()));
    fill_up(&small.0);
    let mut peer = lab.peer(1, "peer", lending);
    wait("an offer", LATER, || other.offered("mine.txt"));
    other.fetch("mine.txt");
    let out = peer.cli(["status", "--json"]);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && said.contains(&id), "{said}");
    assert_eq!(kept(&folder), before);
    assert!(peer.cli(["exit", "--now"]).status.success());
    peer.ended(SOON);
    for name in ["hog", "rest"] {
        fs::remove_file(small.0.join(name)).unwrap();
    }
    let _peer = lab.peer(1, "peer", lending);
    wait("the copy", LATER, || other.listed("theirs.bin").filter(|row| row.copies == 2));
    assert_eq!(kept(&folder), before);
}

#[test]
fn a_sparse_file_stays_sparse_for_the_taker_and_for_a_keeper() {
    let Some(lab) = Lab::of("up 2") else { return };
    let image = lab.folder("owner/shared").join("vm.img");
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let owner = lab.peer(1, "owner", &["--copies", "2"]);
    let taker = lab.peer(2, "taker", &["--lend", "1GiB"]);
    wait("an offer", LATER, || taker.offered("vm.img"));
    let path = taker.fetch("vm.img");
    assert_same(&image, &path);
    let kib = |path: &Path| fs::metadata(path).unwrap().blocks() / 2;
    assert!(kib(&path) < 4_000, "{} KiB became {}", kib(&image), kib(&path));
    wait("a copy", LATER, || owner.listed("vm.img").filter(|row| row.copies == 2));
    let store = kept(&taker.directory);
    let of_it: u64 = store.iter().map(|path| kib(path)).sum();
    assert!(!store.is_empty() && of_it < 4_000, "{of_it} KiB are kept of it: {store:?}");
}
