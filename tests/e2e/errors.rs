//! One exit code for each cause, and a sentence with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::files::fill;
use crate::lab::{LATER, Lab, Peer, SOON, rows, wait};

pub(crate) fn code(out: &Output, expected: i32) {
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(expected), "{stdout}\n{stderr}");
    assert!(!stderr.trim().is_empty(), "nothing is said");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

fn potluck(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_potluck"));
    command.arg("-d").arg(directory).args(args).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn wrong_usage_is_2() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["--no-such-flag"][..], &["download"], &["no-such-command"], &["-t", "none", "--daemon"]] {
        code(&potluck(folder.path(), args), 2);
    }
    assert!(!folder.path().join(".potluck").exists(), "wrong usage changes nothing");
}

#[test]
fn no_peer_in_this_directory_is_3() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["list"][..], &["peers"], &["status", "--json"], &["download", "x"], &["exit"]] {
        code(&potluck(folder.path(), args), 3);
    }
}

#[test]
fn what_nobody_offers_is_4() {
    let Some(lab) = Lab::of("up 2") else { return };
    let owner = lab.peer_with(1, "owner", &[("here.txt", b"here")]);
    let taker = lab.peer(2, "taker", &[]);
    wait("offered", SOON, || taker.offered("here.txt"));
    code(&taker.cli(["download", "not here.txt"]), 4);
    code(&taker.cli(["download", "../here.txt"]), 4);
    code(&taker.cli(["download", "here.txt", "--from", "nobody"]), 4);
    assert!(taker.downloads().is_empty());
    assert!(owner.sees(&taker), "and nobody was harmed");
}

#[test]
fn a_name_with_two_contents_is_5_and_shows_the_choices() {
    let Some(lab) = Lab::of("up 3") else { return };
    let _one = lab.peer_with(1, "one", &[("same.txt", b"one")]);
    let _two = lab.peer_with(2, "two", &[("same.txt", b"two")]);
    let taker = lab.peer(3, "taker", &[]);
    let choices =
        || -> Vec<_> { taker.list().into_iter().filter(|r| r.path == "same.txt" && r.ambiguous).collect() };
    let (choices, _) = wait("both", SOON, || Some(choices()).filter(|c| c.len() == 2));
    let out = taker.cli(["download", "same.txt"]);
    code(&out, 5);
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    for choice in &choices {
        assert!(said.contains(&choice.id[..4]), "{said}");
    }
    // Either can be had, by its id or by its owner.
    let by_id = taker.fetch(&format!("b3:{}", &choices[0].id[..16]));
    assert_eq!(blake3::hash(&std::fs::read(by_id).unwrap()).to_hex().as_str(), choices[0].id);
    assert!(taker.cli(["download", "same.txt", "--from", "two"]).status.success());
}

#[test]
fn a_holder_that_died_is_6() {
    let Some(lab) = Lab::of("up 2") else { return };
    let mut owner = lab.peer_with(1, "owner", &[("here.txt", b"here")]);
    let taker = lab.peer(2, "taker", &[]);
    wait("offered", SOON, || taker.offered("here.txt"));
    owner.kill();
    code(&taker.cli(["download", "here.txt"]), 6);
    assert!(!taker.directory.join("downloads/here.txt").exists());
}

/// A small file system that is unmounted when dropped.
pub(crate) struct Small(pub(crate) PathBuf);

impl Small {
    /// One of `size` bytes (`8m`) over a folder.
    pub(crate) fn mount(folder: PathBuf, size: &str) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&folder);
        assert!(mount.status().unwrap().success());
        Self(folder)
    }

    /// One of the kind ext2, made in the file `image`; `None` (and why) where it cannot be had.
    pub(crate) fn ext2(folder: PathBuf, image: &Path, size: u64) -> Option<Self> {
        std::fs::File::create(image).unwrap().set_len(size).unwrap();
        let make = Command::new("/sbin/mkfs.ext2").args(["-q", "-m", "0"]).arg(image).output();
        let mount = Command::new("mount").args(["-o", "loop"]).arg(image).arg(&folder).output();
        match (make, mount) {
            (Ok(make), Ok(mount)) if make.status.success() && mount.status.success() => Some(Self(folder)),
            other => {
                println!("skipped, for an ext2 cannot be mounted: {other:?}");
                None
            }
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Nothing can be done in a drop if it fails; the next run has another folder.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_7_and_harms_nothing() {
    let Some(lab) = Lab::of("up 2") else { return };
    let small = Small::mount(lab.folder("taker/downloads"), "8m");
    fill(&lab.folder("owner/shared").join("big.bin"), 20 << 20, 3);
    fill(&lab.folder("owner/shared").join("fits.bin"), 1 << 20, 4);
    let _owner = lab.peer(1, "owner", &[]);
    let taker = lab.peer(2, "taker", &[]);
    wait("offered", LATER, || taker.offered("big.bin").and_then(|_| taker.offered("fits.bin")));
    code(&taker.cli(["download", "big.bin"]), 7);
    assert!(!small.0.join("big.bin").exists(), "under its final name, unfinished");
    taker.fetch("fits.bin");
}

#[test]
fn a_second_process_is_8() {
    let Some(lab) = Lab::of("up 1") else { return };
    let first = lab.peer(1, "peer", &[]);
    first.status();
    let mut second = lab.peer(1, "peer", &[]);
    let (status, _) = second.ended(SOON);
    assert_eq!(status.code(), Some(8));
    assert!(
        first.try_ask(&potluck::control::StatusRequest::default().into()).is_some(),
        "the first is not disturbed"
    );
}

#[test]
fn a_port_that_is_taken_is_stepped_over_unless_strict() {
    let Some(lab) = Lab::of("up 1") else { return };
    let first = lab.peer(1, "first", &["-t", "30000"]);
    assert_eq!(first.status().ports, [30_000, 30_001, 30_002, 30_003]);
    let second = lab.peer(1, "second", &["-t", "30000"]);
    let ports = second.status().ports;
    assert!(ports.iter().all(|p| !(30_000..30_004).contains(p)), "{ports:?}");
    let mut third = lab.peer(1, "third", &["-t", "30000", "--strict-port"]);
    assert_eq!(third.ended(SOON).0.code(), Some(1));
}

#[test]
fn a_directory_with_a_long_path_is_one_like_others() {
    let Some(lab) = Lab::of("up 1") else { return };
    let name = ["a folder with a name of forty characters"; 4].join("/");
    let peer: Peer = lab.peer_with(1, &name, &[("x.txt", b"x")]);
    let (listed, _) = wait("an answer", SOON, || {
        let out = peer.cli(["list", "--json"]);
        let text = String::from_utf8(out.stdout).unwrap();
        let listed = rows(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
        listed.into_iter().find(|row| row.path == "x.txt" && row.mine)
    });
    assert_eq!(listed.size, 1);
}
