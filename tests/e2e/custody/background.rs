//! What is copied in the background gives way to what somebody waits for.

use super::{assert_sound, n, peer, stored, until_whole};
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, SOON, wait};

/// Bytes that somebody waits for; over 40 Mbit/s they take four seconds.
const WANTED: u64 = 16 << 20;

#[test]
fn copies_give_way_to_a_download_where_both_come_from() {
    let Some(lab) = Lab::of("up 3") else { return };
    lab.netlab("rate 1 40mbit");
    let shared = lab.folder("owner/shared");
    fill(&shared.join("copied.bin"), 4 * WANTED, 1);
    let keeper = peer(&lab, 2, "keeper", &["--copies", "1"]);
    let taker = peer(&lab, 3, "taker", &["--copies", "1", "--lend", "0"]);
    let owner = peer(&lab, 1, "owner", &[]);
    let before = lab.received(2);
    wait("the copy has begun", LATER, || (lab.received(2) - before > WANTED / 8).then_some(()));
    fill(&shared.join("wanted.bin"), WANTED, 2);
    wait("offered", SOON, || taker.offered("wanted.bin"));
    let before = lab.received(2);
    assert_same(&shared.join("wanted.bin"), &taker.fetch("wanted.bin"));
    let meanwhile = lab.received(2) - before;
    println!("{meanwhile} bytes of copies came while {WANTED} were downloaded");
    // A fifth of the line is a quarter of what is downloaded; some is in the kernel when the download begins.
    assert!(meanwhile * 10 < WANTED * 4, "they do not give way");
    assert!(meanwhile * 10 > WANTED, "they do not stand still either");
    until_whole([&owner], 2);
    [&owner, &keeper, &taker].into_iter().for_each(assert_sound);
}

/// Small files, of which the keeper's user wants some and is to keep all.
const SMALL: u64 = 800;

#[test]
fn copies_of_small_files_wait_where_a_user_downloads_small_files() {
    let Some(lab) = Lab::of("up 2 20mbit") else { return };
    for (folder, first) in [("copied", 0), ("wanted", SMALL)] {
        let shared = lab.folder(&format!("owner/shared/{folder}"));
        (first..first + SMALL).for_each(|n| fill(&shared.join(n.to_string()), 16 << 10, n));
    }
    let keeper = peer(&lab, 2, "keeper", &["--copies", "1"]);
    let owner = peer(&lab, 1, "owner", &[]);
    let listed = || keeper.list().iter().filter(|row| !row.folder && !row.id.is_empty()).count() as u64;
    wait("all are listed", LATER, || (listed() == 2 * SMALL).then_some(()));
    wait("copies are made", LATER, || (!stored(&keeper).is_empty()).then_some(()));
    let (before, begun) = (stored(&keeper).len(), potluck::sys::clock::now());
    keeper.download("wanted", 0);
    let (meanwhile, took) = (stored(&keeper).len() - before, potluck::sys::clock::now().since(begun));
    println!("{meanwhile} copies, after {before}, while {SMALL} files were downloaded in {took:?}");
    // Those come that were begun when the download began, 64 at most, and then one in two seconds.
    assert!((meanwhile as u64) < 70 + took.as_secs(), "they do not wait");
    until_whole([&owner], n(2 * SMALL));
    [&owner, &keeper].into_iter().for_each(assert_sound);
}
