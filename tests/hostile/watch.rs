//! What is looked at from outside: the files around a peer, its memory, its descriptors, its log.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::lab::{Lab, Peer};

/// Everything that a download must leave as it is: the lab's folder, but what the victim itself writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Surroundings(BTreeMap<PathBuf, (u64, i64, i64, u64)>);

impl Surroundings {
    /// As they are now. Canaries are put where a path that leads out would arrive.
    pub(crate) fn of(lab: &Lab, victim: &Peer) -> Self {
        let own = ["downloads", ".potluck", "log"].map(|name| victim.directory.join(name));
        let root = lab.path("");
        let canary = root.join("canary");
        if !canary.exists() {
            fs::write(&canary, "canary").unwrap();
            fs::write(victim.directory.join("canary"), "canary").unwrap();
        }
        let walk = walkdir::WalkDir::new(&root).into_iter();
        let walk = walk.filter_entry(|e| !own.iter().any(|p| e.path() == p)).map(Result::unwrap);
        let seen = walk.filter(|e| e.path() != victim.directory && e.path() != root).map(|entry| {
            let m = fs::symlink_metadata(entry.path()).unwrap();
            (entry.path().to_owned(), (m.len(), m.mtime(), m.mtime_nsec(), m.ino()))
        });
        // What the others write by themselves.
        let is_own = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name == "log" || name.starts_with("potluck.db")
        };
        Self(seen.filter(|(path, _)| !is_own(path)).collect())
    }

    /// Panics if something changed since.
    pub(crate) fn assert_untouched(&self, lab: &Lab, victim: &Peer) {
        let now = Self::of(lab, victim);
        let differs =
            |(path, m): (&PathBuf, &_), other: &Self| (other.0.get(path) != Some(m)).then(|| path.clone());
        let mut changed: Vec<PathBuf> = self.0.iter().filter_map(|e| differs(e, &now)).collect();
        changed.extend(now.0.iter().filter_map(|e| differs(e, self)));
        assert!(changed.is_empty(), "touched: {changed:?}");
    }
}

/// Memory of a peer's process in KiB (`VmRSS`).
pub(crate) fn memory(peer: &Peer) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", peer.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Open descriptors of a peer's process.
pub(crate) fn descriptors(peer: &Peer) -> usize {
    fs::read_dir(format!("/proc/{}/fd", peer.pid())).unwrap().count()
}

/// What it wrote into its log so far.
pub(crate) fn log(peer: &Peer) -> Vec<u8> {
    fs::read(peer.directory.join("log")).unwrap()
}

/// Panics if a thread of it did, or if it does not answer.
pub(crate) fn assert_well(peer: &Peer) {
    let log = log(peer);
    let text = String::from_utf8_lossy(&log);
    assert!(!text.contains("panicked") && !text.contains("ended by a panic"), "{text}");
    assert_eq!(peer.status().name, peer.name);
}

/// Panics if the file at `path` holds anything else.
pub(crate) fn assert_holds(path: &Path, content: &[u8]) {
    assert!(fs::read(path).unwrap() == content, "{} holds something else", path.display());
}
