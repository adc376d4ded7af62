//! Networks as they are: several devices, late ones, none, no route, no IPv4; and what is sent on them.

use crate::lab::{Lab, Peer, SOON, wait};

const TEXT: &[u8] = b"bread, salad, soup";

fn meet(one: &Peer, other: &Peer) {
    wait("both listed", SOON, || (one.sees(other) && other.sees(one)).then_some(()));
}

/// `taker` fetches `path`, which others offer, and gets `content`.
fn gets(taker: &Peer, path: &str, content: &[u8]) {
    wait("offered", SOON, || taker.offered(path));
    assert_eq!(std::fs::read(taker.fetch(path)).unwrap(), content);
}

#[test]
fn a_peer_with_two_devices_meets_those_on_both() {
    let Some(lab) = Lab::of("up 2") else { return };
    lab.netlab("plug2 1 c");
    lab.netlab("plug 3 c");
    let middle = lab.peer_with(1, "middle", &[("middle.txt", TEXT)]);
    let left = lab.peer_with(2, "left", &[("left.txt", b"left")]);
    let right = lab.peer_with(3, "right", &[("right.txt", b"right")]);
    meet(&middle, &left);
    meet(&middle, &right);
    gets(&middle, "left.txt", b"left");
    gets(&middle, "right.txt", b"right");
    gets(&right, "middle.txt", TEXT);
    assert_eq!(middle.peers().len(), 2);
}

#[test]
fn of_two_devices_on_one_network_the_one_whose_cable_is_in_is_used() {
    let Some(lab) = Lab::of("up 2") else { return };
    lab.netlab("plug2 1 a");
    for device in ["v0", "v1"] {
        lab.netlab(&format!("exec 1 sysctl -qw net.ipv6.conf.{device}.disable_ipv6=1"));
    }
    lab.netlab("cut 1");
    let both = lab.peer_with(1, "both", &[("both.txt", TEXT)]);
    let other = lab.peer_with(2, "other", &[("other.txt", b"other")]);
    meet(&both, &other);
    gets(&both, "other.txt", b"other");
    gets(&other, "both.txt", TEXT);
    // The other way round.
    lab.netlab("heal 1");
    let port = format!("ip -n {}-sw-a link set q1-a down", lab.prefix());
    let mut words = port.split(' ');
    let cut = std::process::Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(cut.success());
    std::fs::write(both.directory.join("shared/later.txt"), b"later").unwrap();
    wait("listed by the other cable", SOON * 3, || other.offered("later.txt"));
    assert_eq!(std::fs::read(other.fetch("later.txt")).unwrap(), b"later");
    assert!(both.sees(&other) && other.sees(&both));
}

#[test]
fn peers_that_hear_no_broadcast_any_more_keep_each_other() {
    let Some(lab) = Lab::of("up 3") else { return };
    let one = lab.peer_with(1, "one", &[("one.txt", TEXT)]);
    let two = lab.peer(2, "two", &[]);
    let mut three = lab.peer(3, "three", &[]);
    meet(&one, &two);
    meet(&one, &three);
    meet(&two, &three);
    for node in 1..=3 {
        lab.netlab_with(["block", &node.to_string(), "meta pkttype { broadcast, multicast }"]);
    }
    // Who dies is missed all the same, and that takes longer than it took to miss all of them.
    three.kill();
    wait("it is missed", SOON, || (!one.sees(&three) && !two.sees(&three)).then_some(()));
    assert!(one.sees(&two) && two.sees(&one), "they are there");
    gets(&two, "one.txt", TEXT);
}

#[test]
fn one_interface_can_be_chosen() {
    let Some(lab) = Lab::of("up 2") else { return };
    lab.netlab("plug2 1 c");
    lab.netlab("plug 3 c");
    lab.netlab("exec 1 sysctl -qw net.ipv6.conf.v0.disable_ipv6=1");
    let file = lab.path("capture");
    lab.netlab(&format!("capture 1 {}", file.display()));
    let left = lab.peer(2, "left", &[]);
    let right = lab.peer(3, "right", &[]);
    let middle = lab.peer(1, "middle", &["--interface", "v1"]);
    meet(&middle, &right);
    assert!(!left.sees(&middle) && !middle.sees(&left));
    lab.netlab("capture-end 1");
    let packets = lab.netlab_with(["foreign", file.to_str().unwrap(), "-", "-"]);
    assert!(packets.contains("IP 10.77.0.12."), "left was heard: {packets}");
    assert!(!packets.contains("IP 10.77.0.11."), "v0 was used: {packets}");
}

#[test]
fn a_device_that_comes_later_is_used() {
    let Some(lab) = Lab::bare() else { return };
    lab.netlab("node 1 2");
    let one = lab.peer_with(1, "one", &[("one.txt", TEXT)]);
    let two = lab.peer(2, "two", &[]);
    wait("both run", SOON, || (one.status().on.peers == 0 && two.status().on.peers == 0).then_some(()));
    lab.netlab("plug 1 a");
    lab.netlab("plug 2 a");
    meet(&one, &two);
    gets(&two, "one.txt", TEXT);
    // And away, and back again.
    lab.netlab("unplug 2");
    wait("missed", SOON, || (!one.sees(&two)).then_some(()));
    lab.netlab("plug 2 a");
    meet(&one, &two);
}

#[test]
fn loopback_alone_is_a_network() {
    let Some(lab) = Lab::bare() else { return };
    lab.netlab("node 1");
    let one = lab.peer_with(1, "one", &[("one.txt", TEXT)]);
    let two = lab.peer(1, "two", &[]);
    meet(&one, &two);
    assert_ne!(one.status().ports, two.status().ports, "the second took other ports");
    gets(&two, "one.txt", TEXT);
}

#[test]
fn no_default_route_is_needed() {
    let Some(lab) = Lab::of("up 2") else { return };
    lab.netlab("noroute 1");
    lab.netlab("noroute 2");
    let one = lab.peer_with(1, "one", &[("one.txt", TEXT)]);
    let two = lab.peer(2, "two", &[]);
    meet(&one, &two);
    gets(&two, "one.txt", TEXT);
}

#[test]
fn ipv6_alone_is_enough() {
    let Some(lab) = Lab::of("up6 2") else { return };
    let one = lab.peer_with(1, "one", &[("one.txt", TEXT)]);
    let two = lab.peer(2, "two", &[]);
    meet(&one, &two);
    gets(&two, "one.txt", TEXT);
}

#[test]
fn nothing_is_sent_but_our_own_packets() {
    let Some(lab) = Lab::of("up 2") else { return };
    let file = lab.path("capture");
    lab.netlab(&format!("capture 1 {}", file.display()));
    let one = lab.peer_with(1, "one", &[("one.txt", TEXT)]);
    let mut two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    meet(&one, &two);
    gets(&two, "one.txt", TEXT);
    gets(&one, "two.txt", b"two");
    let list = |numbers: Vec<u16>| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let udp = list([vec![27_272], lab.udp_ports(1), lab.udp_ports(2)].concat());
    let tcp = list([one.status().ports, two.status().ports].concat());
    assert!(two.cli(["exit", "--now"]).status.success());
    two.ended(SOON);
    wait("unlisted", SOON, || (!one.sees(&two)).then_some(()));
    lab.netlab("capture-end 1");
    let capture = file.to_str().unwrap();
    assert_eq!(lab.netlab_with(["foreign", capture, &udp, &tcp]), "", "packets that are not ours");
    assert!(lab.netlab_with(["foreign", capture, "-", &tcp]).contains("27272"), "and ours were captured");
}
