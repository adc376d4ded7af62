//! Networks of one group that find each other in a hash table of their own.

use core::time::Duration;
use std::fs;

use potluck::control::RouteRow;
use potluck::identity::PeerId;

use crate::groups::{OFFICE, words};
use crate::lab::{Lab, Peer, SOON, wait};
use crate::routes::gets;

/// Within this time networks find each other.
pub(crate) const FOUND: Duration = Duration::from_secs(30);

/// Within this time one that moved is found again.
pub(crate) const FOUND_AGAIN: Duration = Duration::from_secs(120);

/// A peer of the group, which shares a file that is called as it is.
pub(crate) fn member(lab: &Lab, node: u32, name: &str, args: &[&str]) -> Peer {
    fs::write(lab.folder(&format!("{name}/shared")).join(format!("{name}.txt")), name).unwrap();
    let group = words(lab, "office", OFFICE);
    lab.peer(node, name, &[&["--group-file", &group], args].concat())
}

/// One that looks for other networks, by a node of the group's own.
fn seeker(lab: &Lab, node: u32, name: &str, bootstrap: &str) -> Peer {
    member(lab, node, name, &["--wan", "--dht-bootstrap", bootstrap])
}

/// The routes of a peer that the table brought and that are up.
fn found(peer: &Peer) -> Vec<RouteRow> {
    let routes = peer.status().outside.routes;
    routes.into_iter().filter(|row| row.is_found && row.state == "up").collect()
}

/// Each of these sees all others.
pub(crate) fn all_meet(peers: &[&Peer], within: Duration) {
    let sees_all = |peer: &&Peer| peers.iter().filter(|other| peer.sees(other)).count() + 1 == peers.len();
    wait("all see all", within, || peers.iter().all(sees_all).then_some(()));
}

/// Two networks of two peers each with a router between them, and a third one with one peer, at `.15`: it is the node
/// by which the others join the table.
fn three_networks() -> Option<Lab> {
    let lab = Lab::of("up2 2 2")?;
    lab.netlab("plug 5 c");
    lab.netlab("leg c");
    Some(lab)
}

const BOOTSTRAP: &str = "10.79.0.15";

#[test]
fn networks_of_a_group_find_each_other_and_one_that_moves_is_found_again() {
    let Some(lab) = three_networks() else { return };
    let boot = seeker(&lab, 5, "boot", BOOTSTRAP);
    let [a1, a2, b1] =
        [(1, "a1"), (2, "a2"), (3, "b1")].map(|(node, name)| seeker(&lab, node, name, BOOTSTRAP));
    all_meet(&[&a1, &a2, &b1, &boot], FOUND);
    gets(&a2, "b1.txt", b"b1");
    gets(&b1, "a1.txt", b"a1");
    // Not only by way of the node that all of them know: the table says where each network is.
    wait("a link between the two", FOUND, || {
        let leads = |peer: &Peer, lan: &str| found(peer).iter().any(|row| row.target.starts_with(lan));
        (leads(&b1, "10.77.0.") || leads(&a1, "10.78.0.") || leads(&a2, "10.78.0.")).then_some(())
    });
    // Each pair of peers has one link at most, though both dial.
    wait("one link of each pair", FOUND, || {
        let all = [&a1, &a2, &b1, &boot];
        let ids = all.map(|peer| peer.status().id);
        let made: Vec<_> = all
            .iter()
            .zip(&ids)
            .flat_map(|(peer, id)| found(peer).into_iter().map(|row| (id.clone(), row.peer.unwrap())))
            .collect();
        made.iter().all(|(from, to)| !made.contains(&(to.clone(), from.clone()))).then_some(())
    });
    let text = String::from_utf8(b1.cli(["status"]).stdout).unwrap();
    assert!(text.contains("its nodes learn the address of this machine"), "{text}");
    // What the user ends comes back by `connect`.
    // What the user ends comes back by `connect`.
    let all = || [&b1, &a1, &a2].into_iter().find_map(|peer| Some((peer, found(peer).into_iter().next()?)));
    let (of, ended) = all().unwrap();
    let said = of.cli(["disconnect", &ended.target]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("`--wan` does not bring it back"), "{said:?}");
    assert!(of.cli(["connect", &ended.target]).status.success());
    // The node that all know goes away, and the network b is elsewhere.
    drop(boot);
    for words in
        ["addr flush dev v0", "addr add 10.78.0.77/24 brd + dev v0", "route replace default via 10.78.0.1"]
    {
        assert!(lab.inside(3, "ip").arg("-4").args(words.split(' ')).status().unwrap().success());
    }
    all_meet(&[&a1, &a2, &b1], FOUND_AGAIN);
    let at = || a1.peers().into_iter().chain(a2.peers()).filter(|row| row.name == "b1");
    wait("at its new address", FOUND_AGAIN, || {
        at().any(|row| row.address.starts_with("10.78.0.77")).then_some(())
    });
    fs::write(b1.directory.join("shared/later.txt"), b"later").unwrap();
    gets(&a1, "later.txt", b"later");
}

#[test]
fn networks_behind_routers_find_the_one_that_can_be_dialled() {
    let Some(lab) = Lab::of("nat") else { return };
    const OUTSIDE: &str = "10.79.0.13";
    // It fetches for those that cannot reach each other.
    let lends = ["--wan", "--dht-bootstrap", OUTSIDE, "--lend", "1GiB"];
    let outside = member(&lab, 3, "outside", &lends);
    let left = seeker(&lab, 1, "left", OUTSIDE);
    let right = seeker(&lab, 2, "right", OUTSIDE);
    all_meet(&[&left, &right, &outside], FOUND);
    gets(&left, "right.txt", b"right");
    gets(&right, "left.txt", b"left");
}

#[test]
fn what_the_nodes_of_the_table_are_sent_names_nobody() {
    let Some(lab) = three_networks() else { return };
    let file = lab.path("capture");
    lab.netlab(&format!("capture 5 {}", file.display()));
    let boot = seeker(&lab, 5, "bootstrap-peer", BOOTSTRAP);
    let seen = [(1, "anna-of-the-office"), (3, "bert-of-the-office")];
    let seen = seen.map(|(node, name)| seeker(&lab, node, name, BOOTSTRAP));
    all_meet(&[&seen[0], &seen[1], &boot], FOUND);
    let ids = [&seen[0], &seen[1], &boot].map(|peer| peer.status().id);
    lab.netlab("capture-end 5");
    let captured = fs::read(file).unwrap();
    let is_in = |word: &[u8]| captured.windows(word.len()).any(|bytes| bytes == word);
    // That this would be seen is shown by what is there: questions and announcements of BEP 5.
    assert!(is_in(b"9:get_peers") && is_in(b"13:announce_peer"), "{} bytes were captured", captured.len());
    for word in ["office", "anna", "bert", "bootstrap-peer", ".txt"] {
        assert!(!is_in(word.as_bytes()), "{word} is in what was sent");
    }
    for id in ids {
        let bytes: PeerId = id.parse().unwrap();
        assert!(!is_in(id.as_bytes()) && !is_in(&bytes.0), "an id is in what was sent");
    }
}

#[test]
fn nothing_is_sent_to_a_table_unless_that_is_wanted() {
    let Some(lab) = three_networks() else { return };
    let file = lab.path("capture");
    lab.netlab(&format!("capture 1 {}", file.display()));
    let quiet = member(&lab, 1, "quiet", &[]);
    let other = member(&lab, 2, "other", &["--wan", "--dht-bootstrap", BOOTSTRAP]);
    all_meet(&[&quiet, &other], SOON);
    assert_eq!(quiet.status().outside.table, None);
    assert!(!lab.udp_ports(1).contains(&27_280), "no node of the table");
    assert!(lab.udp_ports(2).contains(&27_280), "the node of the other one");
    // What would need it says what to do, and nothing is sent for that either.
    let out = quiet.cli(["announce", "quiet.txt"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(2) && said.contains("start this peer with `--wan`"), "{said}");
    let word = format!("b3:{}", "0".repeat(64));
    let out = quiet.cli(["download", &word]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(4) && !said.contains("table"), "{said}");
    lab.netlab("capture-end 1");
    let captured = fs::read(file).unwrap();
    assert!(captured.len() > 1_000, "{} bytes were captured", captured.len());
    for question in ["find_node", "get_peers", "announce_peer", "1:y1:q"] {
        let is_in = captured.windows(question.len()).any(|bytes| bytes == question.as_bytes());
        assert!(!is_in, "{question} was sent");
    }
}

#[test]
fn the_open_network_is_in_no_table() {
    let Some(lab) = Lab::of("up 1") else { return };
    let refused = |args: &[&str]| {
        let out = lab
            .inside(1, env!("CARGO_BIN_EXE_potluck"))
            .arg("-d")
            .arg(lab.folder("open"))
            .args(args)
            .output();
        let out = out.unwrap();
        assert_eq!(out.status.code(), Some(2));
        String::from_utf8(out.stderr).unwrap()
    };
    assert!(refused(&["--wan"]).contains("--wan finds other networks of a group, and this peer is in none"));
    assert!(refused(&["--dht-bootstrap", "nas"]).contains("means nothing without --wan"));
}

/// A node of a table that answers whatever it is asked with hundreds of addresses, and counts who comes there: all of
/// them are its own. At the end it prints how often it was dialled, and at how many addresses.
const LIAR: &str = r#"
import select, socket, struct, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("10.77.0.12", 6881))
tcp = socket.create_server(("0.0.0.0", 7001), backlog=128)
def text(b): return str(len(b)).encode() + b":" + b
lies = [socket.inet_aton("10.77.0.%d" % n) + struct.pack(">H", 7001) for n in range(100, 140)]
lies += [socket.inet_aton("127.0.0.1") + struct.pack(">H", 27281)] * 100
dialled, asked, end = [], 0, time.time() + 20
while time.time() < end:
    for s in select.select([udp, tcp], [], [], 0.2)[0]:
        if s is tcp:
            taken, _ = tcp.accept()
            dialled.append(taken.getsockname()[0])
            taken.close()
            continue
        datagram, peer = udp.recvfrom(4096)
        at = datagram.find(b"1:t")
        if at < 0 or b"1:y1:q" not in datagram: continue
        colon = datagram.index(b":", at + 3)
        length = int(datagram[at + 3:colon])
        number = datagram[colon + 1:colon + 1 + length]
        asked += 1
        values = b"l" + b"".join(text(lie) for lie in lies) + b"e"
        answer = b"d2:id" + text(b"x" * 20) + b"5:nodes0:" + b"5:token" + text(b"abcd") + b"6:values" + values + b"e"
        udp.sendto(b"d1:r" + answer + b"1:t" + text(number) + b"1:y1:re", peer)
print(asked, len(dialled), len(set(dialled)))
"#;

#[test]
fn a_table_that_lies_has_few_addresses_dialled_and_each_once() {
    let Some(lab) = Lab::of("up 2") else { return };
    for n in 100..140 {
        let added =
            lab.inside(2, "ip").args(["addr", "add", &format!("10.77.0.{n}/24"), "dev", "v0"]).status();
        assert!(added.unwrap().success());
    }
    let victim = seeker(&lab, 1, "victim", "10.77.0.12:6881");
    let said = lab.python(2, LIAR);
    let numbers: Vec<usize> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [asked, dialled, addresses] = numbers[..] else { panic!("{said}") };
    assert!(asked > 3, "it was asked {asked} times");
    assert!(
        (1..=10).contains(&dialled) && dialled == addresses,
        "dialled {dialled} times at {addresses} addresses"
    );
    assert!(victim.status().outside.routes.is_empty());
}
