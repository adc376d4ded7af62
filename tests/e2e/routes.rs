//! Networks behind routers, joined by links.

use core::time::Duration;
use std::fs;

use crate::lab::{Lab, Peer, SOON, wait};

/// All of them list all others.
pub(crate) fn all_meet(peers: &[&Peer]) {
    wait("all list all", SOON, || {
        let sees_all =
            |peer: &&Peer| peers.iter().filter(|other| peer.sees(other)).count() == peers.len() - 1;
        peers.iter().all(sees_all).then_some(())
    });
}

/// `taker` fetches `path`, which others offer, and gets `content`.
pub(crate) fn gets(taker: &Peer, path: &str, content: &[u8]) {
    wait(&format!("{path} offered to {}", taker.name), SOON, || taker.offered(path));
    assert_eq!(fs::read(taker.fetch(path)).unwrap(), content);
}

/// Two peers each on two networks with a router between them: 1 and 2 on the first, 3 and 4 on the second.
pub(crate) fn two_networks() -> Option<(Lab, [Peer; 4])> {
    let lab = Lab::of("up2 2 2")?;
    let peers = four_peers(&lab, &[]);
    Some((lab, peers))
}

/// The four peers of such networks, with these arguments. Each shares a file that is called as it is.
pub(crate) fn four_peers(lab: &Lab, args: &[&str]) -> [Peer; 4] {
    let peers = [(1, "a1"), (2, "a2"), (3, "b1"), (4, "b2")].map(|(node, name)| {
        fs::write(lab.folder(&format!("{name}/shared")).join(format!("{name}.txt")), name).unwrap();
        lab.peer(node, name, args)
    });
    wait("each network by itself", SOON, || {
        let [a1, a2, b1, b2] = &peers;
        (a1.sees(a2) && a2.sees(a1) && b1.sees(b2) && b2.sees(b1)).then_some(())
    });
    peers
}

#[test]
fn one_connect_joins_two_networks_and_files_go_both_ways() {
    let Some((_lab, [a1, a2, b1, b2])) = two_networks() else { return };
    assert_eq!((a2.names(), b2.names()), (vec!["a1".to_owned()], vec!["b1".to_owned()]));
    let out = a1.cli(["connect", "10.78.0.13"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && said.starts_with("connected to "), "{said} {out:?}");
    all_meet(&[&a1, &a2, &b1, &b2]);
    gets(&a2, "b2.txt", b"b2");
    gets(&b2, "a2.txt", b"a2");
    gets(&a1, "b2.txt", b"b2");
    gets(&b1, "a2.txt", b"a2");
    // Who leaves is gone on the other side at once.
    assert!(b2.cli(["exit"]).status.success());
    wait("b2 is gone", Duration::from_secs(2), || (!a2.sees(&b2) && !a1.sees(&b2)).then_some(()));
}

/// Two networks, joined by a `connect` of the first peer of the one to the first peer of the other.
pub(crate) fn joined() -> Option<(Lab, [Peer; 4])> {
    let (lab, peers) = two_networks()?;
    join(&peers);
    Some((lab, peers))
}

/// Joins such networks.
pub(crate) fn join(peers: &[Peer; 4]) {
    assert!(peers[0].cli(["connect", "10.78.0.13"]).status.success());
    all_meet(&peers.each_ref());
}

/// The router between the networks lets nothing through, or everything again.
fn route_packets(lab: &Lab, does: bool) {
    lab.netlab(&format!("exec router sysctl -qw net.ipv4.ip_forward={}", u8::from(does)));
}

#[test]
fn a_router_that_fails_parts_the_networks_and_joins_them_again() {
    let Some((lab, peers)) = joined() else { return };
    let [a1, a2, b1, b2] = &peers;
    route_packets(&lab, false);
    wait("the networks are apart", SOON, || {
        let apart = |peer: &Peer, near: &Peer| peer.names() == [near.name.clone()];
        (apart(a1, a2) && apart(a2, a1) && apart(b1, b2) && apart(b2, b1)).then_some(())
    });
    // Both go on.
    fs::write(a1.directory.join("shared/later.txt"), b"later").unwrap();
    gets(a2, "later.txt", b"later");
    route_packets(&lab, true);
    all_meet(&peers.each_ref());
    gets(b2, "later.txt", b"later");
    for peer in &peers {
        let mut names = peer.names();
        names.dedup();
        assert_eq!(names.len(), 3, "no ghost and no double: {names:?}");
    }
}

#[test]
fn a_route_is_remembered_and_ends_with_disconnect() {
    let Some((lab, [mut a1, a2, b1, b2])) = joined() else { return };
    let route = |peer: &Peer| peer.status().outside.routes.into_iter().next();
    assert_eq!(route(&a1).map(|row| (row.target, row.state)), Some(("10.78.0.13:27280".into(), "up".into())));
    assert_eq!(route(&b1).map(|row| row.state), Some("served".into()));
    let through = |peer: &Peer, of: &Peer| {
        peer.peers().into_iter().find(|row| row.name == of.name).and_then(|row| row.through)
    };
    assert_eq!((through(&a2, &b2), through(&b2, &b1)), (Some("a1".into()), None));
    a1.kill();
    let a1 = lab.peer(1, "a1", &[]);
    all_meet(&[&a1, &a2, &b1, &b2]);
    assert!(a1.cli(["disconnect", "10.78.0.13"]).status.success());
    wait("they go at once", Duration::from_secs(1), || (a1.names() == ["a2"]).then_some(()));
    assert!(a1.status().outside.routes.is_empty());
    assert_eq!(a1.cli(["disconnect"]).status.code(), Some(4));
    wait("the others miss them", SOON, || (!a2.sees(&b2) && !b2.sees(&a2)).then_some(()));
}

#[test]
fn why_there_is_no_link_is_said() {
    const LISTEN: &str = r"
import socket, time
for port, text in ((9001, b'SSH-2.0-x\r\n'), (9003, b'')):
    s = socket.create_server(('0.0.0.0', port))
    globals()[f's{port}'] = (s, text)
print('ready', flush=True)
import select
socks = [s9001, s9003]
while True:
    for s in select.select([s for s, _ in socks], [], [])[0]:
        c, _ = s.accept()
        text = [t for o, t in socks if o is s][0]
        if text: c.sendall(text)
        else: c.close()
        globals().setdefault('keep', []).append(c)
";
    let Some((lab, [a1, _a2, _b1, _b2])) = two_networks() else { return };
    let mut listener = lab.inside(2, "python3");
    let mut listener = listener.args(["-c", LISTEN]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let out = listener.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    lab.netlab_with(["block", "4", "tcp dport 27281"]);
    for (target, code, why) in [
        ("nobody.invalid", 4, "no such host"),
        ("10.77.0.12:7000", 1, "refused"),
        ("10.78.0.14", 1, "no answer"),
        ("10.77.0.12:9000", 1, "not potluck"),
        ("10.77.0.12:9002", 1, "not potluck"),
        ("27280", 2, "this very peer"),
    ] {
        let out = a1.cli(["connect", target]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{target}: {said}");
        assert!(said.contains(why) && said.contains(target.split(':').next().unwrap()), "{target}: {said}");
    }
    assert!(a1.status().outside.routes.is_empty(), "what never was up is not kept");
    let first = a1.cli(["connect", "10.78.0.13"]);
    assert!(first.status.success(), "{first:?}");
    let again = a1.cli(["connect", "10.78.0.13"]);
    assert_eq!(again.status.code(), Some(8), "{again:?}");
    listener.kill().unwrap();
    listener.wait().unwrap();
}

#[test]
fn a_peer_that_no_broadcast_reaches_needs_one_connect() {
    let Some(lab) = Lab::of("up 3") else { return };
    lab.netlab_with(["block", "3", "meta l4proto udp"]);
    lab.netlab("exec 3 sysctl -qw net.ipv6.conf.v0.disable_ipv6=1");
    let one = lab.peer_with(1, "one", &[("one.txt", b"one")]);
    let two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    wait("they meet", SOON, || (one.sees(&two) && two.sees(&one)).then_some(()));
    let mut deaf = lab.peer_with(3, "deaf", &[("deaf.txt", b"deaf")]);
    wait("it runs", SOON, || deaf.try_ask(&potluck::control::StatusRequest::default().into()));
    assert!(deaf.cli(["connect", "10.77.0.11"]).status.success());
    all_meet(&[&one, &two, &deaf]);
    gets(&deaf, "two.txt", b"two");
    gets(&two, "deaf.txt", b"deaf");
    deaf.kill();
    let deaf = lab.peer(3, "deaf", &[]);
    all_meet(&[&one, &two, &deaf]);
}

#[test]
fn three_networks_in_a_row_are_one() {
    let Some(lab) = Lab::of("up2 2 2") else { return };
    lab.netlab("plug 5 c");
    lab.netlab("leg c");
    let peers = [(1, "a1"), (2, "a2"), (3, "b1"), (4, "b2"), (5, "c1")].map(|(node, name)| {
        let file = format!("{name}.txt");
        lab.peer_with(node, name, &[(file.as_str(), name.as_bytes())])
    });
    let [a1, a2, b1, b2, c1] = &peers;
    wait("they run", SOON, || (a1.sees(a2) && b1.sees(b2) && c1.status().on.peers == 0).then_some(()));
    assert!(a1.cli(["connect", "10.78.0.13"]).status.success());
    assert!(b2.cli(["connect", "10.79.0.15"]).status.success());
    all_meet(&peers.each_ref());
    gets(a2, "c1.txt", b"c1");
    gets(c1, "a2.txt", b"a2");
}
