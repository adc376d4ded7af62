//! Networks that have global IPv6 addresses and no IPv4 one, with a router between them.

use std::ffi::OsStr;
use std::fs;

use crate::chat::{ARRIVES, lines_by, says};
use crate::lab::{LATER, Lab, Peer, SOON, wait};
use crate::routes::{all_meet, four_peers, gets};

/// Where the first peer of the second network is.
const B1: &str = "2001:db8:b::13";

/// Files, lines and addresses go both ways between the peers of two networks that were joined.
fn share_across(peers: &[Peer; 4]) {
    all_meet(&peers.each_ref());
    let [a1, a2, b1, b2] = peers;
    for (taker, owner) in [(a1, b1), (a1, b2), (a2, b1), (a2, b2), (b1, a1), (b1, a2), (b2, a1), (b2, a2)] {
        gets(taker, &format!("{}.txt", owner.name), owner.name.as_bytes());
    }
    for peer in peers {
        assert!(says(peer, &format!("{} is here", peer.name)));
    }
    for peer in peers {
        wait(&format!("all lines at {}", peer.name), ARRIVES, || {
            let lines = lines_by(peer);
            let is_said = |by: &Peer| lines.get(&by.name) == Some(&vec![format!("{} is here", by.name)]);
            peers.iter().all(is_said).then_some(())
        });
    }
}

/// Where `peer` says that `other` is.
fn address(peer: &Peer, other: &Peer) -> Option<String> {
    peer.peers().into_iter().find(|row| row.name == other.name).map(|row| row.address)
}

#[test]
fn one_connect_to_a_global_address_joins_two_networks_that_have_no_other() {
    let Some(lab) = Lab::of("up26 2 2") else { return };
    let peers = four_peers(&lab, &[]);
    let out = peers[0].cli(["connect", &format!("[{B1}]")]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && said.starts_with("connected to ") && said.contains(B1), "{said} {out:?}");
    assert_eq!(peers[0].status().outside.routes[0].target, format!("[{B1}]:27280"));
    share_across(&peers);
    // Those of the two networks that have no link reach each other themselves, too.
    let [_, a2, _, b2] = &peers;
    wait("a2 and b2 know where the other one is", LATER, || {
        let is_at =
            |peer, other, network: &str| address(peer, other).is_some_and(|at| at.starts_with(network));
        (is_at(a2, b2, "2001:db8:b:") && is_at(b2, a2, "2001:db8:a:")).then_some(())
    });
    assert!(peers[0].cli(["disconnect", &format!("[{B1}]")]).status.success());
    wait("they part", SOON, || (a2.names() == ["a1"]).then_some(()));
}

#[test]
fn a_port_may_follow_an_address_in_brackets_and_a_name_may_have_an_ipv6_address_alone() {
    let Some(lab) = Lab::of("up26 2 2") else { return };
    let hosts = lab.path("hosts");
    fs::write(&hosts, format!("::1 localhost\n{B1} far.example\n")).unwrap();
    fs::write(lab.folder("a1/shared").join("a1.txt"), "a1").unwrap();
    // This peer alone has other names than the machine that the test runs on.
    let bind = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let around = ["unshare", "-m", "sh", "-c", bind].map(OsStr::new);
    let a1 = lab.peer_under(1, "a1", &[&around[..], &[hosts.as_os_str()]].concat(), &[]);
    fs::write(lab.folder("b1/shared").join("b1.txt"), "b1").unwrap();
    let b1 = lab.peer(3, "b1", &["--port", "9000"]);
    wait("both run", SOON, || (a1.status().on.peers == 0 && b1.status().ports[0] == 9_000).then_some(()));
    let nobody = a1.cli(["connect", "far.example"]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    for target in ["far.example:9000", &format!("[{B1}]:9000")] {
        let out = a1.cli(["connect", target]);
        assert!(out.status.success(), "{out:?}");
        all_meet(&[&a1, &b1]);
        gets(&a1, "b1.txt", b"b1");
        gets(&b1, "a1.txt", b"a1");
        assert!(a1.cli(["disconnect", target]).status.success());
        wait("they part", SOON, || (a1.names().is_empty() && b1.names().is_empty()).then_some(()));
    }
}
