//! `kill -9` in the middle of what custody does: afterwards records and disks agree again.

use super::{assert_sound, custody, log, peer, stored, until_whole};
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// Bytes of the file; over 40 Mbit/s it takes five seconds.
const SIZE: u64 = 24 << 20;

fn until_received(lab: &Lab, node: u32, bytes: u64) {
    let before = lab.received(node);
    wait("bytes", LATER, || (lab.received(node) - before > bytes).then_some(()));
}

/// The owner leaves, and a newcomer has the file from those who keep it.
fn assert_outlives(lab: &Lab, mut owner: Peer, node: u32) {
    let out = owner.cli(["exit"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    owner.ended(SOON);
    assert_sound(&owner);
    let newcomer = peer(lab, node, "newcomer", &["--copies", "1", "--lend", "0"]);
    wait("away", LATER, || newcomer.listed("big.bin").filter(|r| r.away && r.copies > 0));
    assert_same(&owner.directory.join("shared/big.bin"), &newcomer.fetch("big.bin"));
}

#[test]
fn a_keeper_that_dies_in_the_middle_of_a_fetch_goes_on_with_it() {
    let Some(lab) = Lab::of("up 4") else { return };
    lab.netlab("rate 2 40mbit");
    // Somebody who was there, too: elsewhere what is kept is given to its owner only.
    let _witness = lab.peer(4, "witness", &[]);
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 1);
    let mut keeper = peer(&lab, 2, "keeper", &["--copies", "1"]);
    let owner = peer(&lab, 1, "owner", &[]);
    let before = lab.received(2);
    for _ in 0..3 {
        until_received(&lab, 2, SIZE / 6);
        keeper.kill();
        let what = stored(&keeper);
        assert_eq!(custody(&owner).own_whole, 0, "{what:?}");
        keeper = peer(&lab, 2, "keeper", &["--copies", "1"]);
    }
    until_whole([&owner], 1);
    let twice = (lab.received(2) - before).saturating_sub(SIZE);
    println!("{twice} bytes came twice in 3 kills");
    assert!(twice < SIZE / 3, "{twice} bytes came twice");
    let row = custody(&keeper);
    assert_eq!((row.used, row.kept_files, row.fetching), (SIZE, 1, 0));
    assert_outlives(&lab, owner, 3);
    assert_sound(&keeper);
    assert!(!log(&keeper).contains("gone here"), "{}", log(&keeper));
}

#[test]
fn an_owner_that_dies_in_the_middle_of_its_departure_leaves_later() {
    let Some(lab) = Lab::of("up 4") else { return };
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 1);
    let first = peer(&lab, 2, "first", &["--copies", "1"]);
    let mut owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 1);
    lab.netlab("rate 3 40mbit");
    let second = peer(&lab, 3, "second", &["--copies", "1"]);
    wait("known", SOON, || (owner.sees(&second) && second.offered("big.bin").is_some()).then_some(()));
    let exit = owner.begin(["exit"]);
    until_received(&lab, 3, SIZE / 4);
    owner.kill();
    let out = exit.wait_with_output().unwrap();
    assert!(!out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    let owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 1);
    assert_outlives(&lab, owner, 4);
    for keeper in [&first, &second] {
        let row = custody(keeper);
        assert_eq!((row.used, row.kept_files, row.fetching), (SIZE, 1, 0), "{}", keeper.name);
        assert_sound(keeper);
    }
}
