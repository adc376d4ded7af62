//! What is copied in the background gives way to what somebody waits for.

use super::{assert_sound, peer, until_whole};
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
