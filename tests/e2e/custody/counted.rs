//! How many copies there are, as each peer knows it.

use std::collections::BTreeMap;

use super::{fill_many, peer, until_whole};
use crate::lab::{LATER, Lab, Peer, wait};

/// The files that a peer lists, and how many copies there are of each.
fn copies(peer: &Peer) -> BTreeMap<String, u64> {
    let rows = peer.list().into_iter().filter(|row| !row.folder && !row.id.is_empty());
    rows.map(|row| (row.path, row.copies)).collect()
}

/// Waits until each of them lists so many copies of that many files.
fn until_all_see(peers: &[&Peer], files: usize, wanted: u64) {
    for peer in peers {
        let (seen, _) = wait(&format!("{} sees {wanted} copies of each", peer.name), LATER, || {
            let seen = copies(peer);
            (seen.len() == files && seen.values().all(|n| *n == wanted)).then_some(seen)
        });
        println!("{}: {seen:?}", peer.name);
    }
}

#[test]
fn the_owner_and_its_keeper_see_the_same_number_of_copies_and_everyone_does_once_it_left() {
    const FILES: u64 = 6;
    let Some(lab) = Lab::of("up 3") else { return };
    fill_many(&lab, "owner", FILES, 2 << 20);
    let keeper = peer(&lab, 2, "keeper", &["--copies", "1"]);
    let other = peer(&lab, 3, "other", &["--copies", "1", "--lend", "0"]);
    let mut owner = peer(&lab, 1, "owner", &["--lend", "0"]);
    until_whole([&owner], 6);
    until_all_see(&[&owner, &keeper], 6, 2);
    // Who keeps what of a peer that is here, that peer alone is told.
    until_all_see(&[&other], 6, 1);
    assert_eq!(owner.cli(["exit", "--now"]).status.code(), Some(0));
    owner.ended(LATER);
    until_all_see(&[&keeper, &other], 6, 1);
}
