//! What arrives is what was shared: every size, every name, times and modes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// Writes `size` bytes that do not repeat, different for each seed.
pub(crate) fn fill(path: &Path, size: u64, seed: u64) {
    let mut bytes = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let mut file = File::create(path).unwrap();
    let mut block = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let now = usize::try_from(left.min(block.len() as u64)).unwrap();
        bytes.fill(&mut block[..now]);
        file.write_all(&block[..now]).unwrap();
        left -= now as u64;
    }
}

/// Panics unless both files hold the same bytes.
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let [one_size, other_size] = [one, other].map(|p| fs::metadata(p).unwrap().len());
    assert_eq!(one_size, other_size, "{} and {}", one.display(), other.display());
    let [mut one_file, mut other_file] = [one, other].map(|p| File::open(p).unwrap());
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut left = one_size;
    while left > 0 {
        let now = usize::try_from(left.min(a.len() as u64)).unwrap();
        one_file.read_exact(&mut a[..now]).unwrap();
        other_file.read_exact(&mut b[..now]).unwrap();
        assert!(a[..now] == b[..now], "{} differs from {}", one.display(), other.display());
        left -= now as u64;
    }
}

/// Panics if a folder still holds part of a download.
pub(crate) fn assert_nothing_partial(taker: &Peer) {
    let left = taker.downloads();
    let partial = left.iter().find(|p| p.components().any(|c| c.as_os_str() == ".potluck-partial"));
    assert_eq!(partial, None, "left behind");
}

/// An owner with whatever `prepare` puts into its `shared/`, and a taker.
fn pair(lab: &Lab, prepare: impl FnOnce(&Path)) -> (Peer, Peer) {
    let shared = lab.folder("owner/shared");
    prepare(&shared);
    (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]))
}

fn fetch_and_compare(owner: &Peer, taker: &Peer, path: &str) {
    wait(path, LATER, || taker.offered(path));
    assert_same(&owner.directory.join("shared").join(path), &taker.fetch(path));
}

#[test]
fn sizes_around_every_boundary_arrive() {
    let sizes = [0, 1, 65_535, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 15 << 19];
    let name = |size: u64| format!("{size}.bin");
    let Some(lab) = Lab::of("up 2") else { return };
    let (owner, taker) = pair(&lab, |shared| {
        for size in sizes {
            fill(&shared.join(name(size)), size, size);
        }
    });
    for size in sizes {
        fetch_and_compare(&owner, &taker, &name(size));
    }
    assert_nothing_partial(&taker);
    assert_eq!(taker.downloads().len(), sizes.len());
    // Fetched again, nothing changes and nothing is added.
    taker.download("65537.bin", 0);
    assert_eq!(taker.downloads().len(), sizes.len());
    // Both counted it, and did nothing twice.
    let all = sizes.iter().sum::<u64>();
    let (gave, took) = (owner.status().counters, taker.status().counters);
    assert_eq!((gave.hashed, gave.sent, gave.received), (all, all, 0));
    assert_eq!((took.hashed, took.sent, took.received, took.discarded), (0, 0, all, 0));
}

#[test]
fn two_hundred_mebibytes_arrive() {
    let Some(lab) = Lab::of("up 2") else { return };
    let (owner, taker) = pair(&lab, |shared| fill(&shared.join("big.bin"), 200 << 20, 1));
    fetch_and_compare(&owner, &taker, "big.bin");
    assert_nothing_partial(&taker);
}

#[test]
#[ignore = "takes 10 GiB of disk and minutes; `scripts/measure resume` does it too"]
fn five_gibibytes_arrive() {
    let Some(lab) = Lab::of("up 2") else { return };
    let (owner, taker) = pair(&lab, |shared| fill(&shared.join("huge.bin"), 5 << 30, 1));
    fetch_and_compare(&owner, &taker, "huge.bin");
}

#[test]
fn a_folder_arrives_as_it_is() {
    let Some(lab) = Lab::of("up 2") else { return };
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let (owner, taker) = pair(&lab, |shared| {
        for folder in ["tree/a/b/c", "tree/empty", "tree/many"] {
            fs::create_dir_all(shared.join(folder)).unwrap();
        }
        fs::write(shared.join("tree/a/b/c/deep.txt"), "deep").unwrap();
        fs::write(shared.join("tree/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(shared.join("tree/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(shared.join("tree/old.txt"), "old").unwrap();
        File::options()
            .write(true)
            .open(shared.join("tree/old.txt"))
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        for n in 0..300 {
            fs::write(shared.join(format!("tree/many/{n}.txt")), format!("number {n}")).unwrap();
        }
    });
    let files = |peer: &Peer| peer.list().iter().filter(|r| !r.folder && !r.id.is_empty()).count();
    wait("all files listed", SOON, || (files(&taker) == 303).then_some(()));
    taker.download("tree", 0);
    let (from, to) = (owner.directory.join("shared/tree"), taker.directory.join("downloads/tree"));
    let mut compared = 0;
    for entry in walkdir::WalkDir::new(&from).into_iter().map(Result::unwrap) {
        let there = to.join(entry.path().strip_prefix(&from).unwrap());
        if entry.file_type().is_dir() {
            assert!(there.is_dir(), "{}", there.display());
            continue;
        }
        assert_same(entry.path(), &there);
        let [a, b] = [entry.path(), &there].map(|p| fs::metadata(p).unwrap());
        let seconds = |t: SystemTime| t.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(seconds(a.modified().unwrap()), seconds(b.modified().unwrap()), "{}", there.display());
        assert_eq!(a.permissions().mode() & 0o100, b.permissions().mode() & 0o100, "{}", there.display());
        compared += 1;
    }
    assert_eq!(compared, 303);
    assert_eq!(seconds_of(&to.join("old.txt")), 1_000_000_000);
    assert_nothing_partial(&taker);
}

fn seconds_of(path: &Path) -> u64 {
    fs::metadata(path).unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn awkward_names_arrive() {
    let long = "x".repeat(255);
    let names = [
        "two words.txt",
        " blank at both ends ",
        "it's \"quoted\".txt",
        "new\nline.txt",
        "tab\tand\u{1b}[31mred.txt",
        "漢字.txt",
        "🍲.txt",
        "e\u{301}t\u{e9}.txt",
        "-rf",
        "--help",
        "CON",
        "back\\slash.txt",
        "a:b?*.txt",
        "b3:0011",
        "trailing.",
        "%41%2f..%2f",
        &long,
    ];
    let Some(lab) = Lab::of("up 2") else { return };
    let (owner, taker) = pair(&lab, |shared| {
        for name in names {
            fs::write(shared.join(name), format!("content of {name}")).unwrap();
        }
    });
    for name in names {
        // What begins as an id does is typed with its folder before it.
        let typed = if name.starts_with("b3:") { format!("./{name}") } else { name.to_owned() };
        wait(name, LATER, || taker.offered(name));
        assert_same(&owner.directory.join("shared").join(name), &taker.fetch(&typed));
    }
    // What is shown to people holds none of it raw.
    let shown = taker.cli(["list"]).stdout;
    assert!(!shown.contains(&0x1b) && !shown.contains(&b'\r') && !shown.contains(&b'\t'));
    assert!(String::from_utf8(shown).unwrap().contains("漢字.txt"));
}

#[test]
fn a_name_that_is_taken_is_kept_and_another_found() {
    let Some(lab) = Lab::of("up 2") else { return };
    let (owner, taker) = pair(&lab, |shared| fs::write(shared.join("report.txt"), "theirs").unwrap());
    fs::create_dir_all(taker.directory.join("downloads")).unwrap();
    fs::write(taker.directory.join("downloads/report.txt"), "ours").unwrap();
    wait("offered", SOON, || taker.offered("report.txt"));
    let saved = taker.fetch("report.txt");
    assert_eq!(fs::read(taker.directory.join("downloads/report.txt")).unwrap(), b"ours");
    assert_same(&owner.directory.join("shared/report.txt"), &saved);
    assert_eq!(saved.file_name().unwrap(), "report (2).txt");
}

#[test]
fn what_is_no_file_of_its_own_is_not_shared() {
    let Some(lab) = Lab::of("up 2") else { return };
    let (_owner, taker) = pair(&lab, |shared| {
        fs::write(shared.join("good.txt"), "good").unwrap();
        fs::write(shared.parent().unwrap().join("secret.txt"), "secret").unwrap();
        std::os::unix::fs::symlink("/etc", shared.join("etc")).unwrap();
        std::os::unix::fs::symlink("../secret.txt", shared.join("link.txt")).unwrap();
        std::os::unix::fs::symlink("loop", shared.join("loop")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(shared.join("fifo")).status().unwrap();
        assert!(fifo.success());
    });
    wait("offered", SOON, || taker.offered("good.txt"));
    let paths: Vec<String> = taker.list().into_iter().map(|row| row.path).collect();
    assert_eq!(paths, ["good.txt"]);
}

#[test]
fn a_thousand_files_of_one_content_come_once_and_as_fast_as_others() {
    const FILES: u64 = 1_000;
    const SIZE: u64 = 16 << 10;
    let Some(lab) = Lab::of("up 2") else { return };
    let (owner, taker) = pair(&lab, |shared| {
        for folder in ["same", "other"] {
            fs::create_dir_all(shared.join(folder)).unwrap();
            for n in 0..FILES {
                fill(&shared.join(format!("{folder}/{n}")), SIZE, if folder == "same" { 0 } else { n + 1 });
            }
        }
    });
    let files = || taker.list().iter().filter(|r| !r.folder && !r.id.is_empty()).count() as u64;
    wait("all files listed", LATER, || (files() == 2 * FILES).then_some(()));
    let received = || lab.netlab("received 2").trim().parse::<u64>().unwrap();
    let fetch = |folder: &str| {
        let (before, begun) = (received(), potluck::sys::clock::now());
        taker.download(folder, 0);
        let took = potluck::sys::clock::now().since(begun);
        for n in 0..FILES {
            let path = format!("{folder}/{n}");
            assert_same(
                &owner.directory.join("shared").join(&path),
                &taker.directory.join("downloads").join(path),
            );
        }
        (received() - before, took)
    };
    let (other, same) = (fetch("other"), fetch("same"));
    println!("distinct: {} bytes in {:?}; the same: {} bytes in {:?}", other.0, other.1, same.0, same.1);
    assert!(other.0 >= FILES * SIZE && same.0 < 20 * SIZE, "{other:?} {same:?}");
    // One after another they took a sync each; what is left is what two runs differ by.
    assert!(same.1 <= 2 * other.1 + Duration::from_millis(500), "{other:?} {same:?}");
    assert_nothing_partial(&taker);
}
