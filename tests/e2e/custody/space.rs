//! What is lent is a share, and a disk is not filled up for others.

use std::fs;

use super::{assert_sound, custody, own, peer, stored, until_whole};
use crate::errors::Small;
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

const MIB: u64 = 1 << 20;

/// Leaves; which of its files nobody keeps is said, and how many.
fn not_kept(owner: &mut Peer, total: usize) -> usize {
    let out = owner.cli(["exit"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(9), "{said}");
    assert!(said.contains("no room"), "{said}");
    owner.ended(SOON);
    let (lost, _) = said.split_once(&format!(" of {total} files are kept by nobody else")).expect(&said);
    lost.rsplit([' ', '\n']).next().unwrap().parse().unwrap()
}

#[test]
fn who_shares_far_more_than_is_lent_gets_its_share_and_no_more() {
    const FILES: u64 = 40;
    // With the 4 KiB that a kept file counts beside its content.
    const FILE: u64 = MIB / 4 - (4 << 10);
    let Some(lab) = Lab::of("up 3") else { return };
    for name in ["greedy1", "greedy2"] {
        let shared = lab.folder(&format!("{name}/shared"));
        for n in 0..FILES {
            let seed = n + 1_000 * u64::from(name.ends_with('2'));
            fill(&shared.join(format!("{name}-{n}.bin")), FILE, seed);
        }
    }
    // An eighth of it for each: four files.
    let keeper = lab.peer(3, "keeper", &["--lend", "8MiB", "--copies", "1"]);
    let mut owners =
        [1, 2].map(|n: u32| lab.peer(n, &format!("greedy{n}"), &["--copies", "2", "--lend", "0"]));
    wait("their shares", LATER, || (stored(&keeper).len() == 8).then_some(()));
    let row = custody(&keeper);
    assert_eq!((row.lent, row.used, row.kept_files), (8 * MIB, 8 * FILE, 8));
    assert!(row.kept_for.iter().all(|k| k.bytes == 4 * FILE && k.files == 4), "{:?}", row.kept_for);
    for owner in &owners {
        wait("all were tried", SOON, || (custody(owner).moving == 0).then_some(()));
        let row = custody(owner);
        assert_eq!((row.own_files, row.own_whole), (FILES, 4));
        assert_eq!(own(owner).iter().filter(|r| r.copies == 2).count(), 4);
    }
    assert_eq!(not_kept(&mut owners[0], 40), 36);
    assert_eq!(custody(&keeper).used, 8 * FILE);
    assert_sound(&keeper);
}

#[test]
fn the_reserve_of_a_small_disk_is_not_touched() {
    let Some(lab) = Lab::of("up 3") else { return };
    let store = lab.folder("keeper/.potluck/store");
    // Six megabytes more than what is never used for others.
    let small = Small::mount(store.clone(), "1030m");
    let shared = lab.folder("owner/shared");
    for n in 0..20 {
        fill(&shared.join(format!("{n}.bin")), MIB, n);
    }
    let full = Small::mount(lab.folder("full/.potluck/store"), "64m");
    let keepers = ["keeper", "full"];
    let keepers: Vec<Peer> =
        (2..).zip(keepers).map(|(n, name)| peer(&lab, n, name, &["--copies", "1"])).collect();
    let mut owner = peer(&lab, 1, "owner", &[]);
    let whole = || custody(&owner).own_whole;
    wait("what fits", LATER, || (whole() >= 5).then_some(()));
    wait("all were tried", SOON, || (custody(&owner).moving == 0).then_some(()));
    let kept = whole();
    assert!((5..=6).contains(&kept), "{kept}");
    assert!(stored(&keepers[1]).is_empty(), "where there is less than the reserve nothing is kept");
    let free = rustix::fs::statvfs(&store).unwrap();
    let free = free.f_bavail * free.f_frsize;
    // What proves a file, and the last block of each, are not in the books.
    assert!(free >= (1 << 30) - MIB / 4, "{free} bytes are free");
    assert_eq!(not_kept(&mut owner, 20), 20 - super::n(kept));
    keepers.iter().for_each(assert_sound);
    drop(keepers);
    drop((small, full));
}

#[test]
fn what_is_not_chosen_is_said_and_copied_once_it_is() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared");
    for (name, size) in [("a.bin", MIB), ("b.bin", 2 * MIB)] {
        fill(&shared.join(name), size, size);
    }
    let keeper = peer(&lab, 2, "keeper", &["--copies", "1"]);
    let mut owner = peer(&lab, 1, "owner", &["--auto-copy", "3MiB"]);
    let copies = |name: &str| owner.listed(name).map(|r| (r.copies, r.large));
    wait("two copies", LATER, || {
        (copies("a.bin") == Some((2, false)) && copies("b.bin") == Some((2, false))).then_some(())
    });
    // It comes when the others have taken the space. What is hashed first is chosen first, whatever its size.
    fill(&shared.join("c.bin"), 3 * MIB, 3);
    wait("one that is not chosen", LATER, || copies("c.bin").filter(|c| *c == (1, true)));
    assert!(owner.cli(["copies", "2", "c.bin"]).status.success());
    until_whole([&owner], 3);
    // Less is wanted: the copy is given up.
    let id = owner.listed("b.bin").unwrap().id;
    assert!(owner.cli(["copies", "1", "b.bin"]).status.success());
    wait("no copy wanted", SOON, || owner.listed("b.bin").filter(|r| r.wanted == Some(1)));
    println!("b.bin is still kept: {}", stored(&keeper).contains(&id));
    let out = owner.cli(["exit"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(9), "{said}");
    assert!(said.contains("b.bin") && said.contains("copies 2 b.bin"), "{said}");
    owner.ended(SOON);
    assert!(fs::metadata(keeper.directory.join("log")).is_ok());
    assert_sound(&keeper);
}

#[test]
fn who_can_note_nothing_down_shares_all_the_same() {
    let Some(lab) = Lab::of("up 2") else { return };
    fill(&lab.folder("owner/shared").join("a.bin"), 100_000, 1);
    // No database can be had where a folder lies.
    fs::create_dir_all(lab.folder("owner").join(".potluck/potluck.db")).unwrap();
    let owner = peer(&lab, 1, "owner", &[]);
    let other = peer(&lab, 2, "other", &[]);
    wait("offered", SOON, || other.offered("a.bin"));
    assert_same(&owner.directory.join("shared/a.bin"), &other.fetch("a.bin"));
    assert_eq!((custody(&owner).own_whole, stored(&other).len()), (0, 0), "what is not noted is not placed");
    let mut owner = owner;
    let out = owner.cli(["exit"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("1 of 1 file is kept by nobody else: a.bin (not finished)"), "{said}");
    assert_eq!(out.status.code(), Some(9), "{said}");
    owner.ended(SOON);
}
