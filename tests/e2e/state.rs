//! State that lasts: peers of today start in the peer directories that peers of each state's version left behind
//! (`tests/vectors/state-N/`), and go on with all that lies there. In each there are two: `subject`, and `owner`,
//! whose `shared/` is gone and whose file the subject keeps.
//!
//! `POTLUCK_STATE=write` makes the state of the newest version, if it is not there yet. Afterwards it must not
//! change: from then on it is what users have on their disks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, SOON, wait};

/// Versions of which there is a state, the newest last.
const VERSIONS: [u32; 2] = [1, 2];

/// A file: its name, its size, and what its bytes are made of.
struct Content {
    name: &'static str,
    size: u64,
    seed: u64,
}

/// What the peer shares itself; with `copies 3`.
const OWN: Content = Content { name: "own.bin", size: 40_000, seed: 1 };

/// What it keeps for the owner.
const KEPT: Content = Content { name: "kept.bin", size: 100_000, seed: 2 };

/// What it has fetched some of: eight chunks, of which two at least are there.
const PARTIAL: Content = Content { name: "partial.bin", size: 512 << 10, seed: 3 };

/// Bytes of one of its chunks.
const CHUNK: u64 = 64 << 10;

impl Content {
    /// Writes it into a folder.
    fn put(&self, folder: &Path) -> PathBuf {
        let path = folder.join(self.name);
        fill(&path, self.size, self.seed);
        path
    }
}

fn folder_of(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/state-{version}"))
}

/// Arguments of the peer whose state it is: it keeps what is old, too.
const SUBJECT: [&str; 4] = ["--lend", "1GiB", "--keep-days", "65535"];

/// Arguments of the owner: it keeps nothing itself, so that all copies lie at the other one.
const OWNER: [&str; 2] = ["--lend", "0"];

/// Makes a state with peers that really run, and copies it to `to`.
fn write(lab: &Lab, to: &Path) {
    OWN.put(&lab.folder("subject/shared"));
    KEPT.put(&lab.folder("owner/shared"));
    PARTIAL.put(&lab.folder("giver/shared"));
    let subject = lab.peer(1, "subject", &[&SUBJECT[..], &["--down-limit", "100K"]].concat());
    let owner = lab.peer(2, "owner", &OWNER);
    let giver = lab.peer(3, "giver", &[]);
    wait("the copy that is kept", LATER, || {
        let kept = owner.status().custody?.own_whole == 1;
        let is_listed = [&OWN, &PARTIAL].iter().all(|content| subject.listed(content.name).is_some());
        (kept && is_listed).then_some(())
    });
    assert!(subject.cli(["copies", "3", OWN.name]).status.success());
    let key = lab.folder("exported").join("key");
    assert!(subject.cli(["identity", "export", key.to_str().unwrap()]).status.success());
    assert!(subject.cli(["download", "--no-wait", PARTIAL.name]).status.success());
    wait("some of the download", LATER, || {
        let row = subject.status().downloads.pop()?;
        (row.done >= 2 * CHUNK && row.done <= 5 * CHUNK).then_some(())
    });
    let id = subject.status().id;
    for mut peer in [subject, owner, giver] {
        assert!(peer.cli(["exit", "--now"]).status.success());
        peer.ended(SOON);
    }
    copy(&lab.folder("subject"), &to.join("subject"));
    copy(&lab.folder("owner/.potluck"), &to.join("owner/.potluck"));
    fs::write(to.join("id"), id).unwrap();
}

/// Copies a peer directory, but for what only lives while it runs.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if name != "log" && name != "lock" && name != "control.sock" {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Peer directories with the state of a version. Git keeps neither empty folders nor who may read what.
fn directories_of(lab: &Lab, version: u32) {
    for peer in ["subject", "owner"] {
        let directory = lab.folder(peer);
        copy(&folder_of(version).join(peer), &directory);
        let state = directory.join(".potluck");
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(state.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn peers_go_on_with_the_state_of_each_version() {
    for version in VERSIONS {
        let folder = folder_of(version);
        if std::env::var("POTLUCK_STATE").is_ok_and(|v| v == "write") && !folder.exists() {
            let Some(lab) = Lab::of("up 3") else { return };
            write(&lab, &folder);
        }
        let Some(lab) = Lab::of("up 3") else { return };
        goes_on(&lab, version);
    }
}

fn goes_on(lab: &Lab, version: u32) {
    directories_of(lab, version);
    let subject = lab.peer(1, "subject", &SUBJECT);
    // Who it is.
    let id = fs::read_to_string(folder_of(version).join("id")).unwrap();
    let status = subject.status();
    assert_eq!((status.id, status.key_exported), (id, true), "state-{version}");
    // What it noted down: how often its file is to exist, and for whom it keeps what.
    let (own, _) = wait("its own file", SOON, || subject.listed(OWN.name).filter(|row| row.mine));
    assert_eq!(own.wanted, Some(3), "state-{version}");
    let custody = subject.status().custody.unwrap();
    let names: Vec<_> = custody.kept_for.iter().map(|kept| (kept.name.as_str(), kept.away)).collect();
    assert_eq!((custody.kept_files, names), (1, vec![("owner", true)]), "state-{version}");
    // What it keeps: its owner, whose folder is empty now, has it back.
    let owner = lab.peer(2, "owner", &OWNER);
    let back = owner.directory.join("shared").join(KEPT.name);
    wait("the kept file is back", LATER, || back.exists().then_some(()));
    assert_same(&KEPT.put(&lab.folder("expected")), &back);
    // What it has some of: only the rest comes.
    let [unfinished] = &subject.status().resting.unfinished[..] else {
        panic!("state-{version}: not one partial file")
    };
    assert!(unfinished.held >= 2 * CHUNK && unfinished.asked == PARTIAL.name, "{unfinished:?}");
    PARTIAL.put(&lab.folder("giver/shared"));
    let _giver = lab.peer(3, "giver", &[]);
    wait("who has it", LATER, || subject.offered(PARTIAL.name));
    assert_same(&PARTIAL.put(&lab.folder("expected")), &subject.fetch(PARTIAL.name));
    let received = subject.status().counters.received;
    assert!(received <= PARTIAL.size - unfinished.held, "{received} bytes came, {unfinished:?} was there");
}
