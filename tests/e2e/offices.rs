//! The order of arrival, and who keeps the index when peers leave, die and come again.

use core::time::Duration;

use potluck::control::{Office, PeerRow};

use crate::lab::{Lab, Peer, SOON, wait};

/// An office passes on within this time of the end of the peer that left.
const AT_ONCE: Duration = Duration::from_millis(200);

/// A death is noticed within 7.5 s; this machine may be busy.
const DEATH: Duration = Duration::from_secs(10);

/// Starts a peer in each of the nodes 1 to 3, one after the other.
fn three(lab: &Lab) -> [Peer; 3] {
    [(1, 1), (2, 2), (3, 3)].map(|(node, number)| {
        let peer = lab.peer(node, &format!("peer{node}"), &[]);
        comes_as(&peer, number);
        peer
    })
}

/// Waits until a peer says that it has this number in the order.
fn comes_as(peer: &Peer, number: u64) {
    let (on, _) = wait("a place in the order", SOON, || {
        let on = peer.status().on;
        (on.order == Some(number)).then_some(on)
    });
    let office = [Office::Supernode, Office::Deputy].get(usize::try_from(number).unwrap() - 1).copied();
    assert_eq!(on.office, office, "{} is number {number}", peer.name);
}

/// The name of whom `peer` names as the holder of this office.
fn holder(peer: &Peer, office: Office) -> Option<String> {
    peer.peers().into_iter().find(|row| row.office == Some(office)).map(|row| row.name)
}

fn numbers(rows: &[PeerRow]) -> Vec<(&str, Option<u64>)> {
    rows.iter().map(|row| (row.name.as_str(), row.order)).collect()
}

#[test]
fn whom_peers_named_keeps_the_index_after_a_death_and_whoever_comes_again_gets_nothing_back() {
    let Some(lab) = Lab::of("up 3") else { return };
    let [mut first, second, third] = three(&lab);
    let named = holder(&third, Office::Deputy).expect("peers names the deputy");
    assert_eq!(named, second.name);
    assert_eq!(numbers(&third.peers()), [("peer1", Some(1)), ("peer2", Some(2))]);
    first.kill();
    let (_, took) = wait("the office passes on", DEATH, || {
        (holder(&third, Office::Supernode).as_ref() == Some(&named)).then_some(())
    });
    println!("kill -9: the office passed on after {took:?} (aim: 7.5 s)");
    comes_as(&second, 1);
    comes_as(&third, 2);
    let again = lab.peer(1, "peer1", &[]);
    comes_as(&again, 3);
    comes_as(&second, 1);
    assert_eq!(numbers(&second.peers()), [("peer1", Some(3)), ("peer3", Some(2))]);
}

#[test]
fn a_leave_hands_over_at_once() {
    let Some(lab) = Lab::of("up 3") else { return };
    let [mut first, second, third] = three(&lab);
    assert!(first.cli(["exit", "--now"]).status.success());
    // The leave is the very last act before the process ends.
    first.ended(SOON);
    let (_, took) = wait("the office passes on", AT_ONCE, || {
        (holder(&third, Office::Supernode).as_ref() == Some(&second.name)).then_some(())
    });
    println!("exit: the office passed on {took:?} after the end of the process");
    assert_eq!(second.status().on.office, Some(Office::Supernode));
    assert_eq!(third.status().on.office, Some(Office::Deputy));
}

#[test]
fn who_is_there_for_the_index_alone_comes_first_and_who_does_not_want_to_is_passed_over() {
    let Some(lab) = Lab::of("up 4") else { return };
    let unwilling = lab.peer(1, "unwilling", &["--no-index"]);
    wait("a place in the order", SOON, || unwilling.status().on.order);
    let usual = lab.peer(2, "usual", &[]);
    wait("the office of who wants it", SOON, || usual.status().on.office);
    assert_eq!(usual.status().on.order, Some(2));
    assert_eq!(usual.status().on.office, Some(Office::Supernode));
    assert_eq!(unwilling.status().on.office, None);
    let alone = lab.peer(3, "alone", &["--index-only"]);
    comes_as(&alone, 1);
    wait("the usual one steps back", SOON, || {
        (usual.status().on.office == Some(Office::Deputy)).then_some(())
    });
    assert_eq!(holder(&usual, Office::Supernode).as_deref(), Some("alone"));
    // It shares nothing, whatever is put there, and does not start where somebody shared something.
    std::fs::write(alone.directory.join("shared/late.txt"), b"late").unwrap();
    let sharing = lab.peer_with(4, "sharing", &[("a.txt", b"a")]);
    wait("the listing", SOON, || usual.offered("a.txt"));
    assert!(usual.listed("late.txt").is_none() && alone.status().sharing.files == 0);
    drop(sharing);
    let mut refused = lab.peer(4, "sharing", &["--index-only"]);
    assert_eq!(refused.ended(SOON).0.code(), Some(2));
}
