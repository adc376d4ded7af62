//! Peers die: what they shared is repaired by those who keep it.

use std::collections::BTreeSet;

use super::{assert_fetches, assert_sound, contents, fill_many, n, peer, until_whole};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// How soon a copy is made again once its keeper has died.
const REPAIR: [&str; 2] = ["--repair-after", "5s"];

/// Five peers that lend so much, with so many files each, up to so many bytes: one dies, everything is
/// repaired, another one dies, and a newcomer gets everything.
fn two_of_five_die(lend: &str, each: u64, most: u64) {
    const PEERS: u32 = 5;
    let Some(lab) = Lab::of("up 6") else { return };
    let names: Vec<String> = (1..=PEERS).map(|n| format!("owner{n}")).collect();
    let before: Vec<_> = names.iter().map(|name| contents(&fill_many(&lab, name, each, most))).collect();
    let args = [&REPAIR[..], &["--lend", lend]].concat();
    let mut peers: Vec<Peer> = (1..=PEERS).zip(&names).map(|(n, name)| peer(&lab, n, name, &args)).collect();
    until_whole(&peers, n(each));
    let mut dead = peers.remove(1);
    dead.kill();
    wait("missed", SOON, || peers.iter().all(|p| !p.sees(&dead)).then_some(()));
    // What the dead one kept has another place, and so has what it shared.
    let orphans = |peer: &Peer| peer.list().into_iter().filter(|r| r.away && r.copies >= 2).count();
    let (_, time) = wait("two copies of what the dead one shared", LATER, || {
        peers.iter().all(|p| orphans(p) == n(each)).then_some(())
    });
    println!("what the dead one shared has two copies after {time:?}");
    until_whole(&peers, n(each));
    let mut second = peers.remove(2);
    second.kill();
    wait("missed", SOON, || peers.iter().all(|p| !p.sees(&second)).then_some(()));
    let newcomer = peer(&lab, 6, "newcomer", &["--copies", "1"]);
    let all = names.len() * n(each);
    wait("everything listed", LATER, || {
        let rows = newcomer.list();
        let paths: BTreeSet<_> = rows.iter().filter(|r| !r.folder && r.copies > 0).map(|r| &r.path).collect();
        (paths.len() == all).then_some(())
    });
    let folders: Vec<_> = names.iter().map(String::as_str).zip(&before).collect();
    assert_fetches(&newcomer, &folders);
    peers.iter().chain([&newcomer]).for_each(assert_sound);
}

#[test]
fn two_of_five_die_one_after_the_other_and_nothing_is_lost() {
    two_of_five_die("4GiB", 40, 8 << 20);
}

#[test]
#[ignore = "moves gigabytes: run by hand"]
fn two_of_five_die_and_nothing_of_200_mebibytes_is_lost() {
    two_of_five_die("40GiB", 40, 200 << 20);
}
