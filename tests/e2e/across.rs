//! What crosses the link between two networks: lines, files of peers behind firewalls, copies that are kept, leaves
//! and returns; and that two links side by side make no storm.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;

use potluck::control::Audience;
use potluck::sys::clock;

use crate::chat::{ARRIVES, lines, lines_by, says, texts};
use crate::firewall::{no_tcp, only_answers};
use crate::groups::{OFFICE, custody, leave, paths, words};
use crate::lab::{LATER, Lab, Peer, SOON, pause, wait};
use crate::routes::{all_meet, four_peers, gets, join, joined};

/// A leave crosses within this time.
const LEFT: Duration = Duration::from_secs(2);

#[test]
fn lines_cross_both_ways_once_and_in_order_and_private_ones_reach_one_alone() {
    const LINES: usize = 20;
    let Some((_lab, peers)) = joined() else { return };
    for n in 0..LINES {
        for peer in &peers {
            wait("a line", SOON, || says(peer, &format!("line {n}")).then_some(()));
        }
    }
    let all: Vec<_> = (0..LINES).map(|n| format!("line {n}")).collect();
    let expected: BTreeMap<_, _> = peers.iter().map(|peer| (peer.name.clone(), all.clone())).collect();
    for peer in &peers {
        wait(&format!("all at {}", peer.name), ARRIVES, || (lines_by(peer) == expected).then_some(()));
    }
    // What is repaired later changes nothing.
    pause(ARRIVES);
    peers.iter().for_each(|peer| assert_eq!(lines_by(peer), expected, "{}", peer.name));
    for (from, to) in [(1, 3), (3, 1)] {
        let text = format!("for {} alone", peers[to].name);
        let out = peers[from].cli(["chat", &format!("@{}", peers[to].name), &text]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let row = lines(&peers[to]).pop().unwrap();
        assert_eq!((&row.name, &row.text, &row.to), (&peers[from].name, &text, &Audience::Us));
        for other in [&peers[0], &peers[2]] {
            assert_eq!(lines(other).len(), 4 * LINES, "{}", other.name);
        }
    }
}

#[test]
fn a_line_said_just_before_an_exit_crosses_though_a_gateway_leaves() {
    let Some((_lab, peers)) = joined() else { return };
    let mut here = Vec::from(peers);
    // First one that is no gateway, then the one that made the link.
    for place in [3, 0] {
        let leaver = here.remove(place);
        let bye = format!("{} says bye", leaver.name);
        assert!(says(&leaver, &bye));
        leave(leaver);
        for hearer in &here {
            let what = format!("{bye}, at {}", hearer.name);
            wait(&what, ARRIVES, || (texts(hearer).last() == Some(&bye)).then_some(()));
        }
    }
}

/// The files of the last peer, which is behind a firewall, are had by both of the other network, and it has theirs.
fn shares_from_behind_a_firewall(lab: &Lab, [a1, a2, _, b2]: &[Peer; 4]) {
    gets(a1, "b2.txt", b"b2");
    gets(a2, "b2.txt", b"b2");
    gets(b2, "a1.txt", b"a1");
    gets(b2, "a2.txt", b"a2");
    let [_, port, ..] = b2.status().ports;
    let dial = format!(
        "import socket\ntry:\n socket.create_connection(('10.78.0.14', {port}), 0.5); print('open')\n\
         except OSError: print('closed')"
    );
    assert_eq!(lab.python(2, &dial), "closed\n");
}

#[test]
fn whoever_drops_connections_dials_back_across() {
    let Some(lab) = Lab::of("up2 2 2") else { return };
    no_tcp(&lab, 4, "drop");
    let peers = four_peers(&lab, &[]);
    join(&peers);
    shares_from_behind_a_firewall(&lab, &peers);
}

#[test]
fn whoever_lets_in_nothing_but_answers_shares_across_after_a_connect_of_its_own() {
    let Some(lab) = Lab::of("up2 2 2") else { return };
    only_answers(&lab, 4);
    let peers = four_peers(&lab, &[]);
    let [a1, a2, b1, b2] = &peers;
    assert!(a1.cli(["connect", "10.78.0.13"]).status.success());
    all_meet(&[a1, a2, b1]);
    // It hears no envelope of its gateway.
    assert!(b2.cli(["connect", "10.78.0.13"]).status.success());
    all_meet(&peers.each_ref());
    shares_from_behind_a_firewall(&lab, &peers);
}

#[test]
fn a_copy_kept_on_the_other_network_stands_in_for_its_owner() {
    let Some(lab) = Lab::of("up2 2 2") else { return };
    let content = b"what a1 would miss".repeat(10_000);
    fs::write(lab.folder("a1/shared").join("dear.bin"), &content).unwrap();
    let owner = || lab.peer(1, "a1", &["--copies", "2", "--lend", "0"]);
    let a1 = owner();
    let [a2, b2] = [(2, "a2"), (4, "b2")].map(|(node, name)| lab.peer(node, name, &["--lend", "0"]));
    let b1 = lab.peer(3, "b1", &["--lend", "1GiB"]);
    wait("each network by itself", SOON, || (a1.sees(&a2) && b1.sees(&b2)).then_some(()));
    // The link does not end with the owner.
    assert!(a2.cli(["connect", "10.78.0.13"]).status.success());
    all_meet(&[&a1, &a2, &b1, &b2]);
    let is_kept = |a1: &Peer| (custody(a1).own_whole == 1 && custody(&b1).kept_files == 1).then_some(());
    wait("a copy at b1", LATER, || is_kept(&a1));
    let received = b1.status().counters.received;
    leave(a1);
    for taker in [&a2, &b2] {
        wait("listed as of one who is away", LATER, || taker.offered("dear.bin").filter(|row| row.away));
        assert!(fs::read(taker.fetch("dear.bin")).unwrap() == content, "other bytes at {}", taker.name);
    }
    let a1 = owner();
    all_meet(&[&a1, &a2, &b1, &b2]);
    wait("it is here again", LATER, || {
        is_kept(&a1)?;
        a2.offered("dear.bin").filter(|row| !row.away)
    });
    // Nothing is brought once more, in either direction.
    pause(ARRIVES);
    let counters = a1.status().counters;
    assert_eq!((counters.received, counters.sent), (0, 0), "{counters:?}");
    assert_eq!((b1.status().counters.received, custody(&b1).kept_files), (received, 1));
    assert_eq!(paths(&a2).iter().filter(|path| *path == "dear.bin").count(), 1);
}

#[test]
fn whoever_leaves_is_gone_across_and_is_there_again_when_it_returns() {
    let Some((lab, [a1, a2, b1, mut b2])) = joined() else { return };
    for round in 0..3 {
        leave(b2);
        wait("b2 is gone", LEFT, || {
            (!a1.names().contains(&"b2".into()) && a2.names().len() == 2).then_some(())
        });
        // By now whatever was under way has come: nothing of it brings b2 back.
        pause(ARRIVES);
        assert_eq!((a1.names().len(), a2.names().len(), b1.names().len()), (2, 2, 2));
        let name = format!("round{round}.txt");
        fs::write(lab.folder("b2/shared").join(&name), &name).unwrap();
        b2 = lab.peer(4, "b2", &[]);
        all_meet(&[&a1, &a2, &b1, &b2]);
        gets(&a2, &name, name.as_bytes());
    }
}

/// UDP datagrams that these nodes have sent, IPv6 included.
fn datagrams(lab: &Lab, nodes: [u32; 2]) -> u64 {
    const COUNT: &str = "
names, numbers = [line.split() for line in open('/proc/net/snmp') if line.startswith('Udp:')]
six = dict(line.split() for line in open('/proc/net/snmp6'))
print(int(dict(zip(names, numbers))['OutDatagrams']) + int(six['Udp6OutDatagrams']))
";
    nodes.into_iter().map(|node| lab.python(node, COUNT).trim().parse::<u64>().unwrap()).sum()
}

/// How many each network says in this time, with nothing going on.
fn said(lab: &Lab) -> [u64; 2] {
    const NETWORKS: [[u32; 2]; 2] = [[1, 2], [3, 4]];
    let before = NETWORKS.map(|nodes| datagrams(lab, nodes));
    pause(Duration::from_secs(10));
    let after = NETWORKS.map(|nodes| datagrams(lab, nodes));
    [after[0] - before[0], after[1] - before[1]]
}

/// Joins two networks by two links, side by side.
fn join_twice(peers: &[Peer; 4]) {
    join(peers);
    assert!(peers[1].cli(["connect", "10.78.0.14"]).status.success());
    let is_up = |peer: &Peer| peer.status().outside.routes.iter().any(|route| route.state == "up");
    wait("both links", SOON, || (is_up(&peers[0]) && is_up(&peers[1])).then_some(()));
    all_meet(&peers.each_ref());
}

#[test]
fn two_links_side_by_side_make_no_storm() {
    let Some(lab) = Lab::of("up2 2 2") else { return };
    let peers = four_peers(&lab, &[]);
    let alone = said(&lab);
    join_twice(&peers);
    // All have been greeted by now.
    pause(ARRIVES);
    let together = said(&lab);
    println!("in ten seconds {alone:?} datagrams alone, {together:?} with two links");
    for (alone, together) in alone.into_iter().zip(together) {
        assert!(alone > 0);
        // What the two of each network say, and what the two of the other one say, in one envelope each.
        assert!(together <= 3 * alone, "{together} datagrams, {alone} without links");
    }
    let [a1, a2, b1, b2] = &peers;
    gets(a2, "b2.txt", b"b2");
    gets(b1, "a1.txt", b"a1");
    // Lines come once, though there are two ways.
    for peer in &peers {
        assert!(says(peer, &peer.name));
    }
    for peer in [a1, a2, b1, b2] {
        wait("four lines", ARRIVES, || (texts(peer).len() >= 4).then_some(()));
    }
    pause(ARRIVES);
    peers.iter().for_each(|peer| assert_eq!(texts(peer).len(), 4, "{}", peer.name));
}

#[test]
fn of_two_links_one_is_enough() {
    let Some(lab) = Lab::of("up2 2 2") else { return };
    let peers = four_peers(&lab, &[]);
    join_twice(&peers);
    let [mut a1, a2, b1, b2] = peers;
    a1.kill();
    wait("a1 is gone", SOON, || (a2.names().len() == 2 && b1.names().len() == 2).then_some(()));
    // Nobody else is missed meanwhile, or later.
    let begin = clock::now();
    while clock::now().since(begin) < Duration::from_secs(15) {
        assert!(a2.sees(&b1) && a2.sees(&b2) && b1.sees(&a2) && b2.sees(&a2));
        pause(Duration::from_millis(50));
    }
    assert!(says(&b1, "still here"));
    wait("the line", ARRIVES, || (texts(&a2) == ["still here"]).then_some(()));
    let a1 = lab.peer(1, "a1", &[]);
    all_meet(&[&a1, &a2, &b1, &b2]);
    gets(&a1, "b2.txt", b"b2");
}

#[test]
fn a_group_is_joined_across_and_the_open_network_beside_it_sees_nothing() {
    let Some(lab) = Lab::of("up2 2 2") else { return };
    let office = words(&lab, "office", OFFICE);
    let open = [(2, "open-a"), (4, "open-b")].map(|(node, name)| {
        let file = format!("{name}.txt");
        lab.peer_with(node, name, &[(file.as_str(), name.as_bytes())])
    });
    let peers = four_peers(&lab, &["--group-file", &office]);
    join(&peers);
    let [_, a2, _, b2] = &peers;
    gets(a2, "b2.txt", b"b2");
    gets(b2, "a2.txt", b"a2");
    assert!(says(b2, "among us"));
    wait("the line", ARRIVES, || (texts(a2) == ["among us"]).then_some(()));
    for peer in &open {
        assert_eq!((peer.names(), paths(peer)), (Vec::new(), vec![format!("{}.txt", peer.name)]));
        assert!(texts(peer).is_empty());
        peer.download("a2.txt", 4);
    }
    // Nobody of the open network can make a link to one of the group.
    let out = open[0].cli(["connect", "10.78.0.13"]);
    assert!(!out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    assert!(open[0].names().is_empty() && open[1].names().is_empty());
    assert_eq!(b2.names().len(), 3);
}
