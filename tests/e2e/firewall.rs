//! Peers behind firewalls: whoever cannot be dialled dials back, whoever can be told nothing asks itself, and
//! both share like any other.

use crate::lab::{Lab, Peer, SOON, wait};

/// Lets a node take only what `input` lets in, from now on.
pub(crate) fn firewall(lab: &Lab, node: u32, input: &str) {
    let rules =
        format!("table inet wall {{ chain input {{ type filter hook input priority 0; {input} }}; }}");
    let out = lab.inside(node, "nft").arg(rules).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// No new TCP connection, told or not; all else.
pub(crate) fn no_tcp(lab: &Lab, node: u32, verdict: &str) {
    firewall(lab, node, &format!("iifname v0 meta l4proto tcp ct state new {verdict};"));
}

/// Nothing but what answers, as the firewalls of most laptops have it.
pub(crate) fn only_answers(lab: &Lab, node: u32) {
    firewall(
        lab,
        node,
        "policy drop; ct state established,related accept; iif lo accept; meta l4proto ipv6-icmp accept;",
    );
}

/// A file of many chunks whose bytes tell their place.
fn large() -> Vec<u8> {
    (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

/// `walled` shares two files, and another peer lists and gets them; and the other way.
fn shares(lab: &Lab, walled: &Peer, taker: &Peer, content: &[u8]) {
    wait("its files are listed", SOON, || {
        taker.offered("small.txt").and_then(|_| taker.offered("large.bin"))
    });
    assert_eq!(std::fs::read(taker.fetch("small.txt")).unwrap(), b"small");
    assert!(std::fs::read(taker.fetch("large.bin")).unwrap() == content, "other bytes");
    wait("the other's file", SOON, || walled.offered("open.txt"));
    assert_eq!(std::fs::read(walled.fetch("open.txt")).unwrap(), b"open");
    // It came back each time: whoever dials it is still turned away.
    let [_, port, ..] = walled.status().ports;
    let dial = format!(
        "import socket\ntry:\n socket.create_connection(('10.77.0.11', {port}), 0.5); print('open')\n\
         except OSError: print('closed')"
    );
    assert_eq!(lab.python(2, &dial), "closed\n");
}

fn behind(wall: impl Fn(&Lab)) {
    let Some(lab) = Lab::of("up 2") else { return };
    wall(&lab);
    let content = large();
    let walled = lab.peer_with(1, "walled", &[("small.txt", b"small"), ("large.bin", &content)]);
    let taker = lab.peer_with(2, "taker", &[("open.txt", b"open")]);
    shares(&lab, &walled, &taker, &content);
}

#[test]
fn a_sender_whose_firewall_drops_connections_dials_back() {
    behind(|lab| no_tcp(lab, 1, "drop"));
}

#[test]
fn a_sender_whose_firewall_rejects_connections_dials_back() {
    behind(|lab| no_tcp(lab, 1, "reject with tcp reset"));
    behind(|lab| no_tcp(lab, 1, "reject"));
}

#[test]
fn a_peer_whose_firewall_lets_in_nothing_but_answers_is_found_and_shares() {
    behind(|lab| only_answers(lab, 1));
}

#[test]
fn two_that_come_after_a_peer_behind_such_a_firewall_find_it_and_it_misses_who_goes() {
    let Some(lab) = Lab::of("up 3") else { return };
    only_answers(&lab, 1);
    let walled = lab.peer_with(1, "walled", &[("small.txt", b"small")]);
    wait("it runs", SOON, || (walled.status().on.peers == 0).then_some(()));
    let one = lab.peer(2, "one", &[]);
    let mut two = lab.peer(3, "two", &[]);
    let all = |of: &Peer| of.peers().len() == 2;
    wait("all see each other", SOON, || (all(&walled) && all(&one) && all(&two)).then_some(()));
    wait("its file is listed", SOON, || one.offered("small.txt"));
    two.kill();
    wait("missed", SOON, || (!walled.sees(&two) && !one.sees(&two)).then_some(()));
    assert!(walled.sees(&one) && one.sees(&walled));
}

#[test]
fn whoever_hears_a_peer_that_answers_nothing_says_which_ports_to_open() {
    let Some(lab) = Lab::of("up 2") else { return };
    only_answers(&lab, 1);
    // As a peer that does not ask itself: what would go to one does not get out.
    let out = "table inet mute { chain output { type filter hook output priority 0; meta l4proto udp \
               oifname v0 ip daddr != 10.77.0.255 drop; \
               meta l4proto udp oifname v0 ip6 daddr != ff12::/16 drop; }; }";
    let made = lab.inside(1, "nft").arg(out).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let walled = lab.peer(1, "walled", &[]);
    let hearer = lab.peer(2, "hearer", &[]);
    let (said, _) = wait("a word of it", SOON * 3, || {
        hearer.status().warnings.into_iter().find(|w| w.contains("is heard, but answers nothing"))
    });
    let [receiver, sender, distributor, distributee] = walled.status().ports;
    let ports =
        format!("UDP port 27272 and TCP ports {receiver}, {sender}, {distributor} and {distributee} there");
    assert!(said.starts_with("walled (") && said.contains("firewall") && said.contains(&ports), "{said}");
    assert!(!hearer.sees(&walled) && !walled.sees(&hearer));
    // Once it lets them in it is found, and nothing more is said.
    let open = lab.inside(1, "nft").args(["flush", "ruleset"]).output().unwrap();
    assert!(open.status.success());
    wait("both listed", SOON * 3, || (hearer.sees(&walled) && walled.sees(&hearer)).then_some(()));
    assert!(hearer.status().warnings.iter().all(|w| !w.contains("is heard")));
}

#[test]
fn a_peer_that_asks_by_datagram_is_dialled_back() {
    let Some(lab) = Lab::of("up 2") else { return };
    no_tcp(&lab, 1, "drop");
    // It shares nothing, so nobody connects to it: there is no connection to ask over.
    let taker = lab.peer(2, "taker", &[]);
    wait("it runs", SOON, || (taker.status().on.peers == 0).then_some(()));
    let walled = lab.peer_with(1, "walled", &[("small.txt", b"small")]);
    wait("its file is listed", SOON, || taker.offered("small.txt"));
    assert_eq!(std::fs::read(taker.fetch("small.txt")).unwrap(), b"small");
    assert_eq!(walled.list().len(), 1);
}

#[test]
fn two_peers_that_both_cannot_be_reached_say_so() {
    let Some(lab) = Lab::of("up 2") else { return };
    no_tcp(&lab, 1, "reject with tcp reset");
    no_tcp(&lab, 2, "drop");
    let one = lab.peer_with(1, "one", &[("small.txt", b"small")]);
    let two = lab.peer(2, "two", &[]);
    wait("both listed", SOON, || (one.sees(&two) && two.sees(&one)).then_some(()));
    let (warning, _) = wait("a warning", SOON * 3, || {
        two.status().warnings.into_iter().find(|w| w.contains("cannot connect to each other"))
    });
    assert!(warning.starts_with("one and this peer") && warning.contains("TCP port"), "{warning}");
    assert!(two.sees(&one) && two.offered("small.txt").is_none());
}
