//! An owner that leaves hands its files over, and says what stays.

use core::time::Duration;
use std::fs;
use std::process::Output;

use super::{assert_fetches, assert_sound, contents, custody, fill_many, n, own, peer, stored, until_whole};
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, pause, wait};

/// All that a command said.
fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// A peer leaves by `exit`, with this code, and its process ends with the same one; what it said.
fn leaves(peer: &mut Peer, args: &[&str], code: i32) -> String {
    let out = peer.cli(["exit"].iter().chain(args));
    let text = said(&out);
    println!("{}: {text}", peer.name);
    assert_eq!(out.status.code(), Some(code), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    peer.ended(SOON);
    assert_sound(peer);
    text
}

#[test]
fn who_exits_leaves_its_files_and_finds_them_when_it_comes_home() {
    const FILES: u64 = 30;
    let Some(lab) = Lab::of("up 5") else { return };
    let folder = fill_many(&lab, "owner", FILES, 4 << 20);
    // Two files with one content count as two.
    fs::write(folder.join("two words.txt"), "words").unwrap();
    fs::write(folder.join("the same.txt"), "words").unwrap();
    let before = contents(&folder);
    let keepers: Vec<Peer> = (2..=4).map(|n| peer(&lab, n, &format!("keeper{n}"), &[])).collect();
    let mut owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], n(FILES) + 2);
    let text = leaves(&mut owner, &[], 0);
    assert!(text.contains("safe to leave: 32 of 32 files are kept by others"), "{text}");
    wait("gone", SOON, || keepers.iter().all(|k| !k.sees(&owner)).then_some(()));
    // Somebody who never met it lists what it shared, with its name, and has it all.
    let newcomer = peer(&lab, 5, "newcomer", &["--copies", "1"]);
    let away = || newcomer.list().into_iter().filter(|r| r.away && r.peers == ["owner"] && r.copies == 2);
    wait("all listed as away", LATER, || (away().count() == before.len()).then_some(()));
    let out = newcomer.cli(["list"]);
    assert!(said(&out).contains("owner (away)"), "{}", said(&out));
    assert_fetches(&newcomer, &[("owner", &before)]);
    // It comes home to another address, and somebody has emptied its folder.
    fs::rename(lab.path("owner/shared"), lab.path("thrown away")).unwrap();
    lab.netlab("move 1 10.77.0.99/24");
    let owner = peer(&lab, 1, "owner", &[]);
    let home = owner.directory.join("shared/owner");
    let (_, time) = wait("all files come home", LATER, || {
        (home.exists() && contents(&home).len() == before.len()).then_some(())
    });
    println!("home after {time:?}");
    assert_eq!(contents(&home), before);
    until_whole([&owner], before.len());
    assert_eq!(custody(&owner).lost, 0);
    assert!(own(&owner).iter().all(|row| row.mine && !row.away));
    wait("no longer away", LATER, || {
        let rows = newcomer.list();
        let mine = rows.iter().filter(|r| !r.folder && r.path.starts_with("owner/"));
        (mine.clone().count() == before.len() && mine.clone().all(|r| !r.away)).then_some(())
    });
    [&owner, &newcomer].into_iter().chain(&keepers).for_each(assert_sound);
}

/// What is kept is shown in the network where it was taken, and in no other one.
#[test]
fn one_keeper_alone_stands_in_for_an_owner_that_left_in_its_network_only() {
    let Some(lab) = Lab::of("up 3") else { return };
    let before = b"what only one other has".repeat(10_000);
    fs::create_dir_all(lab.folder("owner/shared")).unwrap();
    fs::write(lab.folder("owner/shared").join("dear.bin"), &before).unwrap();
    let keeps = || peer(&lab, 2, "keeper", &["--copies", "1"]);
    let mut keeper = keeps();
    let mut owner = peer(&lab, 1, "owner", &["--copies", "2", "--lend", "0"]);
    until_whole([&owner], 1);
    leaves(&mut owner, &[], 0);
    wait("gone", SOON, || (!keeper.sees(&owner)).then_some(()));
    // Nobody but the owner was there when its file was taken.
    let newcomer = peer(&lab, 3, "newcomer", &["--copies", "1", "--lend", "0"]);
    let is_away = |taker: &Peer| taker.offered("dear.bin").filter(|row| row.away);
    wait("listed as away", SOON, || is_away(&newcomer));
    assert_eq!(fs::read(newcomer.fetch("dear.bin")).unwrap(), before);
    // The keeper starts again, and the newcomer tells it where it is.
    keeper.kill();
    wait("listed no more", SOON, || is_away(&newcomer).is_none().then_some(()));
    let keeper = keeps();
    wait("listed again", SOON, || is_away(&newcomer));
    // It goes to another network, where nobody is whom it knows.
    lab.netlab("unplug 2");
    wait("whom it knew is gone", SOON, || (!keeper.sees(&newcomer)).then_some(()));
    lab.netlab("plug 2 b");
    lab.netlab("plug 4 b");
    let stranger = peer(&lab, 4, "stranger", &["--copies", "1", "--lend", "0"]);
    wait("they meet", SOON, || stranger.sees(&keeper).then_some(()));
    fs::write(keeper.directory.join("shared/later.txt"), "later").unwrap();
    wait("what it shares itself", SOON, || stranger.offered("later.txt"));
    pause(Duration::from_secs(5));
    assert!(is_away(&stranger).is_none(), "it is shown in a network that it is not of");
    [&keeper, &newcomer, &stranger].into_iter().for_each(assert_sound);
}

#[test]
fn who_is_alone_is_told_that_nobody_keeps_its_files() {
    let Some(lab) = Lab::of("up 1") else { return };
    fill(&lab.folder("owner/shared").join("only.bin"), 1 << 20, 1);
    let mut owner = peer(&lab, 1, "owner", &[]);
    wait("hashed", SOON, || owner.listed("only.bin"));
    let text = leaves(&mut owner, &[], 9);
    assert!(text.contains("1 of 1 file is kept by nobody else, for nobody else is here: only.bin"), "{text}");
}

#[test]
fn where_nobody_lends_there_is_no_space() {
    let Some(lab) = Lab::of("up 3") else { return };
    fill(&lab.folder("owner/shared").join("only.bin"), 1 << 20, 1);
    let others: Vec<Peer> = (2..=3).map(|n| lab.peer(n, &format!("other{n}"), &["--lend", "0"])).collect();
    let mut owner = peer(&lab, 1, "owner", &[]);
    wait("offered", SOON, || others.iter().all(|o| o.offered("only.bin").is_some()).then_some(()));
    let text = leaves(&mut owner, &[], 9);
    assert!(text.contains("1 of 1 file is kept by nobody else: only.bin (no room)"), "{text}");
    assert!(others.iter().all(|o| stored(o).is_empty()));
}

#[test]
fn what_a_keeper_keeps_is_placed_again_while_it_still_leaves() {
    let Some(lab) = Lab::of("up 3") else { return };
    fill(&lab.folder("owner/shared").join("kept.bin"), 1 << 20, 1);
    fill(&lab.folder("keeper/shared").join("long.bin"), 64 << 20, 2);
    // At this rate its departure would take minutes.
    let keeper = peer(&lab, 2, "keeper", &["--copies", "1", "--up-limit", "200K"]);
    let owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 1);
    let other = peer(&lab, 3, "other", &["--copies", "1"]);
    wait("offered", SOON, || other.offered("long.bin"));
    let mut download = other.begin(["download", "long.bin"]);
    wait("the download has begun", SOON, || (!other.downloads().is_empty()).then_some(()));
    assert!(stored(&other).is_empty());
    let mut exit = keeper.begin(["exit"]);
    wait("another one keeps it", LATER, || (!stored(&other).is_empty()).then_some(()));
    until_whole([&owner], 1);
    assert!(owner.sees(&keeper) && exit.try_wait().unwrap().is_none(), "the keeper was gone before");
    [&owner, &keeper, &other].into_iter().for_each(assert_sound);
    drop((keeper, other));
    exit.wait().unwrap();
    download.wait().unwrap();
}

/// Two peers on one machine are two copies on one disk.
#[test]
fn what_one_machine_alone_has_is_told() {
    let Some(lab) = Lab::of("up 2") else { return };
    fill(&lab.folder("owner/shared").join("a.bin"), 300_000, 1);
    let near = peer(&lab, 1, "near", &["--copies", "1"]);
    let mut owner = peer(&lab, 1, "owner", &["--copies", "2"]);
    until_whole([&owner], 1);
    assert!(owner.listed("a.bin").unwrap().here);
    let list = said(&owner.cli(["list"]));
    assert!(list.contains(" here\n") && list.contains("here: all on this machine"), "{list}");
    let text = leaves(&mut owner, &[], 0);
    assert!(text.contains("1 of 1 file is kept by one other, all on this machine"), "{text}");
    // Somebody elsewhere gets another copy.
    let far = peer(&lab, 2, "far", &["--copies", "1"]);
    let mut owner = peer(&lab, 1, "owner", &["--copies", "3"]);
    until_whole([&owner], 1);
    assert!(!owner.listed("a.bin").unwrap().here);
    let text = leaves(&mut owner, &[], 0);
    assert!(text.contains("1 of 1 file is kept by others") && !text.contains("this machine"), "{text}");
    [&near, &far].into_iter().for_each(assert_sound);
}

#[test]
fn exit_now_hands_nothing_over() {
    let Some(lab) = Lab::of("up 3") else { return };
    fill(&lab.folder("owner/shared").join("once.bin"), 4 << 20, 1);
    let others: Vec<Peer> =
        (2..=3).map(|n| peer(&lab, n, &format!("other{n}"), &["--copies", "1"])).collect();
    let mut owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 1);
    let copies = || others.iter().flat_map(stored).count();
    assert_eq!(copies(), 1);
    // `exit` would have made a second one.
    let text = leaves(&mut owner, &["--now"], 0);
    assert!(!text.contains("safe to leave"), "{text}");
    wait("gone", SOON, || others.iter().all(|o| !o.sees(&owner)).then_some(()));
    assert_eq!(copies(), 1);
    let taker = others.iter().find(|o| stored(o).is_empty()).unwrap();
    wait("away", SOON, || taker.listed("once.bin").filter(|r| r.away && r.copies == 1));
    assert_same(&owner.directory.join("shared/once.bin"), &taker.fetch("once.bin"));
}
