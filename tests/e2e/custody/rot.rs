//! Disks that forget: what was kept or shared turns into something else, and nobody gets any of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use potluck::control::{Location, Reply, VerifyResult, VerifyRow};
use rustix::process::Signal;

use super::{assert_sound, log, peer, store, until_whole};
use crate::errors::Small;
use crate::files::{assert_same, fill};
use crate::hardship::BadDisk;
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// Changes one bit of the byte at `at`.
fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// True if the file holds the content of this id.
fn is_good(path: &Path, id: &str) -> bool {
    fs::read(path).is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == id)
}

/// Where a peer keeps the file that has this content.
fn kept(peer: &Peer, id: &str) -> PathBuf {
    store(peer).join(id)
}

/// What `verify` tells, and what it says in the end: files, bad ones.
fn verify(peer: &Peer) -> (Vec<VerifyRow>, (u64, u64)) {
    let out = peer.cli(["verify", "--json"]);
    let text = String::from_utf8(out.stdout).unwrap();
    println!("{text}{}", String::from_utf8_lossy(&out.stderr));
    let (mut rows, mut sum) = (Vec::new(), None);
    for line in text.lines() {
        match serde_json::from_str(line).unwrap() {
            Reply::Verified(row) => rows.push(row),
            Reply::VerifySum { files, bad, .. } => sum = Some((files, bad)),
            _ => {}
        }
    }
    (rows, sum.unwrap())
}

/// An owner with a large and a small file, two keepers of everything, and their ids.
fn scene() -> Option<(Lab, Peer, [Peer; 2], [String; 2])> {
    let lab = Lab::of("up 5")?;
    let shared = lab.folder("owner/shared");
    fill(&shared.join("large.bin"), 6 << 20, 1);
    fill(&shared.join("small.bin"), 50_000, 2);
    let keepers = [2, 3].map(|n| peer(&lab, n, &format!("keeper{n}"), &[]));
    let owner = peer(&lab, 1, "owner", &["--copies", "3"]);
    until_whole([&owner], 2);
    let id = |name| owner.listed(name).unwrap().id;
    let ids = [id("large.bin"), id("small.bin")];
    for (keeper, id) in keepers.iter().flat_map(|k| ids.iter().map(move |id| (k, id))) {
        assert!(is_good(&kept(keeper, id), id));
    }
    Some((lab, owner, keepers, ids))
}

#[test]
fn two_bad_disks_deliver_nothing_bad_and_mend_each_other() {
    let Some((lab, mut owner, keepers, [large, small])) = scene() else { return };
    assert!(owner.cli(["exit"]).status.success());
    owner.ended(SOON);
    // One chunk of the first is left, and it is the one that the second has lost: each needs the other one.
    for chunk in (0..96).filter(|n| *n != 10) {
        flip(&kept(&keepers[0], &large), chunk * 65_536 + 5);
    }
    flip(&kept(&keepers[1], &large), 10 * 65_536 + 77);
    flip(&kept(&keepers[0], &small), 7);
    let taker = peer(&lab, 5, "taker", &["--copies", "1", "--lend", "0"]);
    let away = |path| taker.listed(path).filter(|r| r.away && r.copies > 0);
    wait("listed", LATER, || away("large.bin").and_then(|_| away("small.bin")));
    let shared = owner.directory.join("shared");
    for name in ["large.bin", "small.bin"] {
        let (_, time) = wait(name, LATER, || {
            let out = taker.cli(["download", name]);
            // Nothing under its name before it is right.
            out.status.success().then_some(())
        });
        println!("{name} came after {time:?}");
        assert_same(&shared.join(name), &taker.directory.join("downloads").join(name));
    }
    assert!(keepers.iter().any(|k| log(k).contains("is damaged here")), "what was asked for was looked at");
    // Of what nobody asked for they learn by reading it again.
    for keeper in &keepers {
        verify(keeper);
        let (_, time) = wait("mended", LATER, || {
            (is_good(&kept(keeper, &large), &large) && is_good(&kept(keeper, &small), &small)).then_some(())
        });
        println!("{} is mended after {time:?}", keeper.name);
    }
    keepers.iter().chain([&taker]).for_each(assert_sound);
}

#[test]
fn verify_finds_what_rotted_in_the_store_and_has_it_mended() {
    let Some((_lab, owner, keepers, [large, small])) = scene() else { return };
    let (rows, sum) = verify(&keepers[0]);
    assert_eq!((rows, sum), (Vec::new(), (2, 0)));
    flip(&kept(&keepers[0], &large), 0);
    flip(&kept(&keepers[0], &large), 3_000_000);
    flip(&kept(&keepers[0], &small), 49_999);
    let (mut rows, sum) = verify(&keepers[0]);
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    let row = |path: &str| VerifyRow {
        path: path.into(),
        what: Location::Kept,
        result: VerifyResult::Rotten,
        repaired: Some(true),
    };
    assert_eq!((rows, sum), (vec![row("large.bin"), row("small.bin")], (2, 2)));
    for id in [&large, &small] {
        assert!(is_good(&kept(&keepers[0], id), id));
    }
    let (rows, sum) = verify(&keepers[0]);
    assert_eq!((rows, sum), (Vec::new(), (2, 0)));
    until_whole([&owner], 2);
    keepers.iter().chain([&owner]).for_each(assert_sound);
}

/// A disk that gives back other bytes than were written, without anything having been written: flips a bit of
/// these files below the file system, so that no time of theirs tells.
fn rot(image: &Path, files: &[PathBuf]) {
    let bytes = fs::read(&files[0]).unwrap();
    assert!(Command::new("sync").status().unwrap().success());
    let disk = fs::read(image).unwrap();
    let part = &bytes[3_000_000..3_000_064];
    let places: Vec<usize> =
        (0..disk.len() - part.len()).filter(|&at| disk[at..].starts_with(part)).collect();
    assert_eq!(places.len(), files.len());
    places.into_iter().for_each(|at| flip(image, at as u64));
    for file in files {
        let from = format!("if={}", file.display());
        assert!(Command::new("dd").args([&from, "iflag=nocache", "count=0"]).status().unwrap().success());
    }
}

/// Files of one content rot in `shared/`; `mounted` is the folder of the owner that lies on the disk, `aside`
/// where the damaged one is found afterwards.
fn rots_in_shared(mounted: &str, names: &[&str], aside: &str) {
    let Some(lab) = Lab::of("up 2") else { return };
    let image = lab.path("image");
    let Some(mount) = Small::ext2(lab.folder(mounted), &image, 64 << 20) else { return };
    let shared = lab.folder("owner/shared");
    let files: Vec<PathBuf> = names.iter().map(|name| shared.join(name)).collect();
    for file in &files {
        fill(file, 6 << 20, 1);
        super::date(file, 1_000_000_000);
    }
    let keeper = peer(&lab, 2, "keeper", &[]);
    let owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], names.len());
    let id = owner.listed(names[0]).unwrap().id;
    rot(&image, &files);
    assert!(files.iter().all(|file| !is_good(file, &id)), "they have rotted");
    let (mut rows, sum) = verify(&owner);
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    let row = |path: &&str| VerifyRow {
        path: (*path).to_owned(),
        what: Location::Shared,
        result: VerifyResult::Rotten,
        repaired: Some(true),
    };
    let all = names.len() as u64;
    assert_eq!((rows, sum), (names.iter().map(row).collect(), (all, all)));
    assert!(files.iter().all(|file| is_good(file, &id)));
    let times = super::contents(&shared).into_values().map(|(_, time)| time);
    assert!(times.eq(names.iter().map(|_| 1_000_000_000)), "their times are the old ones");
    // What was there is not thrown away.
    let aside: Vec<PathBuf> = names.iter().map(|name| owner.directory.join(aside).join(name)).collect();
    assert!(aside.iter().all(|file| file.is_file() && !is_good(file, &id)), "{aside:?}");
    until_whole([&owner], names.len());
    // A good file that just came counts as changed until the owner has looked at it.
    wait("all is good", SOON, || (verify(&owner) == (Vec::new(), (all, 0))).then_some(()));
    [&owner, &keeper].into_iter().for_each(assert_sound);
    drop((owner, keeper));
    drop(mount);
}

#[test]
fn verify_mends_what_rotted_in_the_shared_folder() {
    rots_in_shared("owner", &["large.bin"], ".potluck/rotten");
}

#[test]
fn verify_mends_all_of_one_content_where_shared_is_another_disk() {
    rots_in_shared("owner/shared", &["large.bin", "twin.bin"], "shared/.potluck-partial/rotten");
}

/// A file that cannot be read any more, when it is hashed again, is what copies are for: nobody drops them.
#[test]
fn what_cannot_be_read_any_more_is_not_deleted() {
    let Some(lab) = Lab::of("up 4") else { return };
    let shared = lab.folder("owner/shared");
    let Some(mount) = Small::ext2(shared.clone(), &lab.path("image"), 80 << 20) else { return };
    let (file, same) = (shared.join("big.bin"), lab.path("same"));
    [&file, &same].into_iter().for_each(|path| fill(path, 60 << 20, 7));
    let keeper = peer(&lab, 2, "keeper", &["--copies", "1", "--keep-deleted", "1s"]);
    let taker = peer(&lab, 3, "taker", &["--copies", "1", "--lend", "0"]);
    let mut owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 1);
    wait("listed", SOON, || taker.offered("big.bin"));
    let disk = BadDisk::break_half(&lab, mount, &file);
    super::date(&file, 1_000_000_000);
    wait("told", LATER, || log(&owner).contains("big.bin cannot be read").then_some(()));
    wait("unlisted by itself", SOON, || super::own(&owner).is_empty().then_some(()));
    assert!(taker.listed("big.bin").is_some(), "its owner goes on naming it");
    assert_same(&same, &taker.fetch("big.bin"));
    assert!(owner.cli(["exit"]).status.success());
    owner.ended(SOON);
    let newcomer = peer(&lab, 4, "newcomer", &["--copies", "1", "--lend", "0"]);
    wait("away", LATER, || newcomer.listed("big.bin").filter(|r| r.away && r.copies > 0));
    assert_same(&same, &newcomer.fetch("big.bin"));
    [&owner, &keeper, &taker].into_iter().for_each(assert_sound);
    drop((owner, disk));
}

/// A repair takes a while, and its user may be quicker.
#[test]
fn a_repair_replaces_nothing_that_was_changed_meanwhile() {
    let Some(lab) = Lab::of("up 2") else { return };
    let image = lab.path("image");
    let Some(mount) = Small::ext2(lab.folder("owner"), &image, 64 << 20) else { return };
    let file = lab.folder("owner/shared").join("large.bin");
    fill(&file, 6 << 20, 1);
    super::date(&file, 1_000_000_000);
    let keeper = peer(&lab, 2, "keeper", &[]);
    let owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 1);
    rot(&image, std::slice::from_ref(&file));
    keeper.signal(Signal::STOP);
    let verify = owner.begin(["verify"]);
    let repair = owner.directory.join("shared/.potluck-partial/repair");
    wait("the repair has begun", LATER, || repair.is_dir().then_some(()));
    fs::write(&file, "what its user wrote").unwrap();
    keeper.signal(Signal::CONT);
    let out = verify.wait_with_output().unwrap();
    assert!(!out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    assert_eq!(fs::read(&file).unwrap(), b"what its user wrote");
    wait("it is told", LATER, || log(&owner).contains("it was changed meanwhile").then_some(()));
    [&owner, &keeper].into_iter().for_each(assert_sound);
    drop((owner, keeper));
    drop(mount);
}
