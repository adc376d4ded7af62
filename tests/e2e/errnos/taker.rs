//! The taker's half of the matrix: calls of its disk workers.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Output;

use super::table::{Row, Side, Sight};
use super::{Refusing, rows};
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, wait};

/// The threads that write.
const WORKERS: [&str; 4] = ["disk", "disk-write-1", "disk-write-2", "disk-slow"];

/// Large enough to be preallocated, and noted down before it is whole.
const LARGE: u64 = 9 << 20;

const FILES: [&str; 4] = ["large.bin", "one.txt", "two.txt", "sub/three.txt"];

fn fill_all(shared: &Path) {
    fs::create_dir_all(shared.join("sub")).unwrap();
    fill(&shared.join(FILES[0]), LARGE, 5);
    for name in &FILES[1..] {
        fs::write(shared.join(name), name).unwrap();
    }
}

/// Downloads the folder, and takes away again what came whole.
fn download(owner: &Peer, taker: &Peer) -> Output {
    let out = taker.cli(["download", "set"]);
    if out.status.success() {
        for name in FILES {
            let path = Path::new("set").join(name);
            assert_same(
                &owner.directory.join("shared").join(&path),
                &taker.directory.join("downloads").join(&path),
            );
        }
    }
    match fs::remove_dir_all(taker.directory.join("downloads/set")) {
        Err(e) if e.kind() != ErrorKind::NotFound => panic!("{e}"),
        _ => out,
    }
}

fn check(owner: &Peer, taker: &Peer, row: &Row, errno: &str) {
    let refusing = Refusing::begin(taker, &WORKERS, row, errno);
    let out = download(owner, taker);
    drop(refusing);
    let (said, case) = (String::from_utf8_lossy(&out.stderr), format!("{} {errno}", row.calls));
    match row.sight(errno) {
        Sight::Nothing(_) => assert!(out.status.success(), "{case}: {said}"),
        Sight::Failure { code, words } => {
            assert_eq!(out.status.code(), Some(code), "{case}: {said}");
            assert!(said.contains(words), "{case}: {said}");
            let again = download(owner, taker);
            assert!(again.status.success(), "{case}, and then {}", String::from_utf8_lossy(&again.stderr));
        }
        Sight::Warning(words) => panic!("{case}: a taker does not warn of {words}"),
    }
}

#[test]
fn a_taker_whose_calls_are_refused() {
    let Some(lab) = Lab::of("up 2") else { return };
    fill_all(&lab.folder("owner/shared/set"));
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("offered", LATER, || {
        FILES.iter().all(|f| taker.offered(&format!("set/{f}")).is_some()).then_some(())
    });
    for (row, errnos) in rows(Side::Taker) {
        for errno in errnos {
            check(&owner, &taker, row, errno);
        }
    }
    let log = fs::read_to_string(taker.directory.join("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.contains("the time of files cannot be set in"), "{log}");
}
