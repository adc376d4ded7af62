//! Two peers between which no unicast passes, as behind an access point that keeps its clients apart: what they
//! share comes through a third one.

use std::fs;

use potluck::control::Diagnosis;

use crate::doctor::findings;
use crate::firewall::firewall;
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// A peer that lends space, and has no copies made.
const LENDS: [&str; 4] = ["--lend", "1GiB", "--copies", "1"];

/// From now on nothing that goes to one host alone passes from node `from` to node `to`; broadcasts do.
fn keep_apart(lab: &Lab, from: u32, to: u32) {
    let address = lab.inside(from, "cat").arg("/sys/class/net/v0/address").output().unwrap();
    let address = String::from_utf8(address.stdout).unwrap();
    firewall(lab, to, &format!("ether saddr {} meta pkttype host drop;", address.trim()));
}

fn let_through(lab: &Lab, node: u32) {
    assert!(lab.inside(node, "nft").args(["delete", "table", "inet", "wall"]).status().unwrap().success());
}

/// A file of many chunks whose bytes tell their place.
fn large() -> Vec<u8> {
    (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

fn sees_all(peer: &Peer) -> bool {
    peer.peers().len() == 2
}

#[test]
fn what_cannot_be_reached_comes_through_a_third_peer() {
    let Some(lab) = Lab::of("up 3") else { return };
    keep_apart(&lab, 1, 2);
    keep_apart(&lab, 2, 1);
    let content = large();
    let owner = lab.peer_with(
        1,
        "owner",
        &[("small.txt", b"small"), ("empty.txt", b""), ("folder/large.bin", &content)],
    );
    let asker = lab.peer_with(2, "asker", &[("own.txt", b"own")]);
    let carrier = lab.peer(3, "carrier", &LENDS);
    wait("all are here", SOON, || (sees_all(&owner) && sees_all(&asker) && sees_all(&carrier)).then_some(()));
    wait("it is listed", SOON * 2, || {
        asker.offered("folder/large.bin").and_then(|_| owner.offered("own.txt"))
    });
    assert_eq!(fs::read(asker.fetch("small.txt")).unwrap(), b"small");
    assert_eq!(fs::read(asker.fetch("empty.txt")).unwrap(), b"");
    assert!(fs::read(asker.fetch("folder/large.bin")).unwrap() == content, "other bytes");
    assert_eq!(fs::read(owner.fetch("own.txt")).unwrap(), b"own");
    assert!(carrier.downloads().is_empty(), "it keeps nothing for itself");
    // `doctor` names both, and that is no problem.
    let through = |what: &Diagnosis| match what {
        Diagnosis::Through(found) => Some((found.names.clone(), found.carriers.clone())),
        _ => None,
    };
    let found = findings(&asker);
    let named = found.iter().find_map(|finding| through(&finding.what));
    assert_eq!(named, Some((vec!["owner".to_owned()], vec!["carrier".to_owned()])), "{found:?}");
    assert!(!found.iter().any(|finding| matches!(finding.what, Diagnosis::Blocked(_))), "{found:?}");
}

/// Of many files of a folder, each comes; and what is begun goes on when the one that fetches it dies, through
/// another one, and from its owner once it can be reached.
#[test]
fn a_folder_comes_through_whoever_is_there_and_from_its_owner_once_that_can_be_reached() {
    let Some(lab) = Lab::of("up 4 100mbit") else { return };
    keep_apart(&lab, 1, 2);
    keep_apart(&lab, 2, 1);
    let content = large();
    let names: Vec<String> = (0..150).map(|n| format!("folder/{n}.txt")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    files.push(("large.bin", &content));
    files.push(("later.bin", &content[1..]));
    let _owner = lab.peer_with(1, "owner", &files);
    let asker = lab.peer(2, "asker", &[]);
    let mut one = lab.peer(3, "one", &LENDS);
    wait("it is listed", SOON * 2, || asker.offered("later.bin"));
    asker.download("folder", 0);
    assert_eq!(fs::read_dir(asker.directory.join("downloads/folder")).unwrap().count(), 150);
    let mut other = lab.peer(4, "other", &LENDS);
    let mut download = asker.begin(["download", "large.bin"]);
    let done = || asker.status().downloads.first().filter(|row| row.done > 0).map(|row| row.from.clone());
    let (from, _) = wait("some of it is here", SOON, done);
    assert_eq!(from, ["owner through one"]);
    wait("the other is here", SOON, || asker.sees(&other).then_some(()));
    one.kill();
    assert!(download.wait().unwrap().success());
    assert!(fs::read(asker.directory.join("downloads/large.bin")).unwrap() == content, "other bytes");
    // The wall falls, and nobody else is left: what follows comes from its owner.
    let_through(&lab, 1);
    let_through(&lab, 2);
    other.kill();
    let download = || Some(asker.cli(["download", "later.bin"])).filter(|out| out.status.success());
    let (out, _) = wait("it comes from its owner", LATER, download);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("saved") && !text.contains("through"), "{text}");
}
