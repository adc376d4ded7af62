//! The owner's half of the matrix: calls of the threads that read what it shares for others.

use std::fs;

use super::table::{Row, Side, Sight};
use super::{Refusing, rows};
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// The threads that read.
const READERS: [&str; 2] = ["sender", "sender-reader"];

/// Large enough to be asked for several times, so that it is kept open in between.
const SIZE: u64 = 3 << 20;

/// The file that is fetched while a call is refused: each time another one, of which nothing is open yet.
fn file(row: &Row, errno: &str) -> String {
    format!("{}-{errno}.bin", row.calls)
}

fn check(owner: &Peer, taker: &Peer, row: &Row, errno: &str) {
    let file = file(row, errno);
    let refusing = Refusing::begin(owner, &READERS, row, errno);
    match row.sight(errno) {
        Sight::Nothing(_) => drop(taker.fetch(&file)),
        Sight::Warning(words) => {
            let mut download = taker.begin(["download", &file]);
            wait("a warning", SOON, || {
                let log = fs::read_to_string(owner.directory.join("log")).unwrap();
                log.lines().any(|line| line.contains(&file) && line.contains(words)).then_some(())
            });
            // Not one byte came, whatever was tried.
            assert!(download.try_wait().unwrap().is_none_or(|status| !status.success()));
            drop(refusing);
            download.kill().unwrap();
            download.wait().unwrap();
        }
        Sight::Failure { words, .. } => panic!("{file}: an owner does not fail with {words}"),
    }
}

#[test]
fn an_owner_whose_calls_are_refused() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared");
    let tried: Vec<_> = rows(Side::Owner).collect();
    let files: Vec<String> =
        tried.iter().flat_map(|(row, errnos)| errnos.iter().map(|errno| file(row, errno))).collect();
    for (seed, name) in files.iter().enumerate() {
        fill(&shared.join(name), SIZE, seed as u64);
    }
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("offered", LATER, || files.iter().all(|f| taker.offered(f).is_some()).then_some(()));
    for (row, errnos) in &tried {
        for errno in errnos {
            check(&owner, &taker, row, errno);
        }
    }
    // All can be had once they can be read.
    for file in &files {
        wait("the file", LATER, || taker.cli(["download", file]).status.success().then_some(()));
        assert_same(&shared.join(file), &taker.directory.join("downloads").join(file));
    }
    let log = fs::read_to_string(owner.directory.join("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}
