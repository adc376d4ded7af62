//! Networks on which nobody has any address but the link-local one of IPv6: all that peers do, they do there too.

use std::fs;

use potluck::control::Diagnosis;

use crate::doctor::{findings, open, opened};
use crate::files::{assert_same, fill};
use crate::firewall::firewall;
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// Bytes of a file that takes a while: ten chunks and more.
const LARGE: u64 = 12 << 20;

fn all_meet(peers: &[&Peer]) {
    wait("all see each other", SOON, || {
        peers.iter().all(|one| one.peers().len() == peers.len() - 1).then_some(())
    });
}

fn all_are_link_local(peer: &Peer) {
    let rows = peer.peers();
    assert!(!rows.is_empty());
    for row in rows {
        assert!(row.address.starts_with("fe80::") && row.address.ends_with("%v0"), "{}", row.address);
    }
}

#[test]
fn peers_find_each_other_fetch_together_leave_and_come_back() {
    let Some(lab) = Lab::of("up6 3") else { return };
    fill(&lab.folder("one/shared").join("large.bin"), LARGE, 5);
    let mut one = lab.peer(1, "one", &[]);
    let two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    let mut three = lab.peer(3, "three", &[]);
    all_meet(&[&one, &two, &three]);
    [&one, &two, &three].into_iter().for_each(all_are_link_local);
    wait("listed by both", SOON, || two.offered("large.bin").and_then(|_| three.offered("large.bin")));
    // The owner's line takes seconds for it, so that both have pieces for each other.
    lab.netlab("rate 1 20mbit");
    let downloads = [&two, &three].map(|taker| (taker, taker.begin(["download", "large.bin"])));
    for (taker, download) in downloads {
        let out = download.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_same(&one.directory.join("shared/large.bin"), &taker.directory.join("downloads/large.bin"));
    }
    let given = [&two, &three].map(|taker| taker.status().counters.sent);
    assert!(given.iter().any(|bytes| *bytes > 0), "neither gave the other anything: {given:?}");
    lab.netlab("rate 1 none");
    assert_eq!(fs::read(one.fetch("two.txt")).unwrap(), b"two");
    // One leaves with a word, one is killed, and both come back.
    assert!(one.cli(["exit", "--now"]).status.success());
    one.ended(SOON);
    wait("gone", SOON, || (!two.sees(&one) && !three.sees(&one)).then_some(()));
    three.kill();
    wait("missed", SOON, || (!two.sees(&three)).then_some(()));
    let one = lab.peer(1, "one", &[]);
    let three = lab.peer(3, "three", &[]);
    all_meet(&[&one, &two, &three]);
    wait("listed again", SOON, || three.offered("two.txt"));
}

#[test]
fn copies_are_kept_and_outlive_their_owner() {
    let Some(lab) = Lab::of("up6 4") else { return };
    fill(&lab.folder("owner/shared").join("dear.bin"), LARGE, 6);
    let args = ["--copies", "2", "--lend", "4GiB"];
    let keepers = [2, 4].map(|node| lab.peer(node, &format!("keeper{node}"), &args));
    let mut owner = lab.peer(1, "owner", &args);
    wait("its copy", LATER, || {
        let custody = owner.status().custody?;
        (custody.own_files == 1 && custody.own_whole == 1).then_some(())
    });
    let out = owner.cli(["exit"]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    owner.ended(SOON);
    let newcomer = lab.peer(3, "newcomer", &[]);
    wait("listed as away", LATER, || newcomer.offered("dear.bin").filter(|row| row.away));
    assert_same(&owner.directory.join("shared/dear.bin"), &newcomer.fetch("dear.bin"));
    // Its file is thrown away, and comes home.
    fs::remove_file(owner.directory.join("shared/dear.bin")).unwrap();
    let owner = lab.peer(1, "owner", &args);
    wait("it comes home", LATER, || owner.directory.join("shared/dear.bin").exists().then_some(()));
    assert_same(&newcomer.directory.join("downloads/dear.bin"), &owner.directory.join("shared/dear.bin"));
    assert!(keepers.iter().all(|keeper| keeper.sees(&owner)));
}

#[test]
fn who_cannot_be_connected_to_dials_back_and_doctor_names_the_line() {
    let Some(lab) = Lab::of("up6 2") else { return };
    let wall =
        "policy drop; ct state established,related accept; iif lo accept; meta l4proto ipv6-icmp accept;";
    firewall(&lab, 1, wall);
    let one = lab.peer_with(1, "one", &[("one.txt", b"one")]);
    let two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    let share = || (one.offered("two.txt").is_some() && two.offered("one.txt").is_some()).then_some(());
    wait("both share", SOON, share);
    assert_eq!(fs::read(two.fetch("one.txt")).unwrap(), b"one");
    assert_eq!(fs::read(one.fetch("two.txt")).unwrap(), b"two");
    let found = findings(&one);
    assert!(found.iter().any(|f| matches!(f.what, Diagnosis::NotReachable(_))), "{found:?}");
    assert!(
        found.iter().flat_map(|f| &f.commands).any(|line| line.contains(" from fe80::/10 to ")),
        "{found:?}"
    );
    let interface = found.iter().find_map(|finding| match &finding.what {
        Diagnosis::Interface(found) => Some(found.clone()),
        _ => None,
    });
    let interface = interface.unwrap();
    assert!(interface.addresses[0].starts_with("fe80::") && interface.addresses[0].ends_with("%v0/64"));
    assert!(interface.peers == 1 && interface.sent > 0 && interface.heard > 0, "{interface:?}");
}

#[test]
fn two_closed_firewalls_are_passed_after_the_line() {
    let Some(lab) = Lab::of("up6 2") else { return };
    let wall =
        "policy drop; ct state established,related accept; iif lo accept; meta l4proto ipv6-icmp accept;";
    [1, 2].into_iter().for_each(|node| firewall(&lab, node, wall));
    let one = lab.peer_with(1, "one", &[("one.txt", b"one")]);
    let two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    let (found, _) = wait("the line", SOON, || {
        let found = findings(&one);
        found.iter().any(|f| matches!(f.what, Diagnosis::NobodyHeard { .. })).then_some(found)
    });
    assert!(one.peers().is_empty() && two.peers().is_empty());
    open(&lab, 1, &opened(&found));
    wait("both share", SOON, || {
        (one.offered("two.txt").is_some() && two.offered("one.txt").is_some()).then_some(())
    });
    assert_eq!(fs::read(two.fetch("one.txt")).unwrap(), b"one");
    assert_eq!(fs::read(one.fetch("two.txt")).unwrap(), b"two");
}

#[test]
fn an_address_of_a_peer_can_be_copied() {
    let Some(lab) = Lab::of("up6 2") else { return };
    let one = lab.peer(1, "one", &[]);
    let two = lab.peer(2, "two", &[]);
    all_meet(&[&one, &two]);
    let text = String::from_utf8(one.cli(["peers"]).stdout).unwrap();
    let [_, port, ..] = two.status().ports;
    let end = format!("%v0]:{port} ");
    let address = text.split_whitespace().find(|word| word.starts_with("[fe80::")).unwrap();
    assert!(text.contains(&end), "{text}");
    let host = &address[1..address.find(']').unwrap()];
    let dial = format!("import socket; socket.create_connection(('{host}', {port}), 5); print('open')");
    assert_eq!(lab.python(1, &dial), "open\n");
}
