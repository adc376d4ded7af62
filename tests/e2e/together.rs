//! Those who fetch the same file find each other and give each other what they have, so that the owner's
//! line carries little more than one copy.

use std::process::Child;

use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::lab::{LATER, Lab, Peer, wait};

/// Bytes of the file: 256 chunks. Over the owner's 20 Mbit/s it takes seven seconds.
const SIZE: u64 = 16 << 20;

/// An owner on a line of 20 Mbit/s, and `count` others, started with more arguments, that list its file.
fn scene(count: u32, args: &[&str]) -> Option<(Lab, Peer, Vec<Peer>)> {
    let lab = Lab::of(&format!("up {} 100mbit", count + 1))?;
    lab.netlab("rate 1 20mbit");
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 7);
    let owner = lab.peer(1, "owner", &[]);
    let takers: Vec<_> = (1..=count).map(|n| lab.peer(n + 1, &format!("taker{n}"), args)).collect();
    let all = || [&owner].into_iter().chain(&takers);
    wait("all see each other, and the file", LATER, || {
        let seen = all().all(|one| one.peers().len() == takers.len());
        (seen && takers.iter().all(|t| t.offered("big.bin").is_some())).then_some(())
    });
    Some((lab, owner, takers))
}

/// Bytes that a node's device has sent.
fn sent(lab: &Lab, node: u32) -> u64 {
    let text = lab.netlab(&format!("exec {node} cat /sys/class/net/v0/statistics/tx_bytes"));
    text.trim().parse().unwrap()
}

/// Bytes as so many copies of the file.
fn copies(bytes: u64) -> f64 {
    bytes as f64 / SIZE as f64
}

fn begin(taker: &Peer) -> Child {
    taker.begin(["download", "big.bin"])
}

/// Waits for the end of a download, which must be good.
fn end(download: Child, owner: &Peer, taker: &Peer) {
    let out = download.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_same(&owner.directory.join("shared/big.bin"), &taker.directory.join("downloads/big.bin"));
    assert_nothing_partial(taker);
}

/// Bytes that a running download has.
fn done(taker: &Peer) -> u64 {
    taker.status().downloads.first().map_or(0, |row| row.done)
}

#[test]
fn three_who_fetch_the_same_at_once_take_little_more_than_one_copy_from_the_owner() {
    let Some((lab, owner, takers)) = scene(3, &[]) else { return };
    let before = sent(&lab, 1);
    let downloads: Vec<_> = takers.iter().map(begin).collect();
    for (download, taker) in downloads.into_iter().zip(&takers) {
        end(download, &owner, taker);
    }
    let given = copies(sent(&lab, 1) - before);
    println!("the owner sent {given:.2} copies to 3");
    assert!(given <= 2.0, "{given:.2} copies");
    assert_eq!(takers[0].status().gives, Some(1));
}

#[test]
fn when_the_owner_dies_those_who_have_all_of_it_together_go_on() {
    let Some((lab, mut owner, takers)) = scene(3, &[]) else { return };
    // Two that are slower than the owner: when the first has all of it, they have half.
    lab.netlab("rate 3 8mbit");
    lab.netlab("rate 4 8mbit");
    let mut downloads: Vec<_> = takers.iter().map(begin).collect();
    end(downloads.remove(0), &owner, &takers[0]);
    let there = [done(&takers[1]), done(&takers[2])];
    owner.kill();
    println!("the owner dies when two have {there:?} of {SIZE}");
    assert!(there.iter().all(|n| *n < SIZE * 9 / 10), "{there:?}");
    for (download, taker) in downloads.into_iter().zip(&takers[1..]) {
        end(download, &owner, taker);
    }
}

#[test]
fn a_newcomer_gets_it_from_one_that_has_finished_too() {
    let Some((lab, owner, takers)) = scene(2, &[]) else { return };
    end(begin(&takers[0]), &owner, &takers[0]);
    assert!(!takers[1].offered("big.bin").unwrap().peers.contains(&takers[0].name), "it is not shared");
    let before = sent(&lab, 2);
    end(begin(&takers[1]), &owner, &takers[1]);
    let given = copies(sent(&lab, 2) - before);
    println!("the one that had finished gave {given:.2} copies");
    assert!(given > 0.25, "{given:.2} copies");
}

#[test]
fn without_the_swarm_each_copy_comes_from_the_owner() {
    let Some((lab, owner, takers)) = scene(2, &["--no-swarm"]) else { return };
    let before = [1, 2, 3].map(|node| sent(&lab, node));
    let downloads: Vec<_> = takers.iter().map(begin).collect();
    for (download, taker) in downloads.into_iter().zip(&takers) {
        end(download, &owner, taker);
        assert_eq!(taker.status().gives, None);
    }
    let given = [1, 2, 3].map(|node: u32| copies(sent(&lab, node) - before[node as usize - 1]));
    println!("sent by the owner and the two others: {given:.2?} copies");
    assert!(given[0] > 1.95, "{given:.2?}");
    // Acknowledgements and announcements only.
    assert!(given[1] < 0.2 && given[2] < 0.2, "{given:.2?}");
}
