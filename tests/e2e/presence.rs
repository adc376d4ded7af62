//! Who is here: coming, leaving, dying, coming back.

use core::time::Duration;
use std::process::{Command, Stdio};

use potluck::control::PeersRequest;
use rustix::process::Signal;

use crate::lab::{Lab, Peer, SOON, wait};

/// Starts a peer in each of the nodes 1 to 3 and waits until all list each other.
fn three(lab: &Lab) -> [Peer; 3] {
    let peers = [1, 2, 3].map(|node| lab.peer(node, &format!("peer{node}"), &[]));
    for peer in &peers {
        wait("all three listed", SOON, || (peer.peers().len() == 2).then_some(()));
    }
    peers
}

/// Waits until none of `others` lists `gone`; how long that took.
fn unlisted(gone: &Peer, others: &[Peer], deadline: Duration) -> Duration {
    wait("the peer unlisted", deadline, || others.iter().all(|o| !o.sees(gone)).then_some(())).1
}

#[test]
fn a_peer_that_starts_is_listed_by_all_and_lists_all() {
    let Some(lab) = Lab::of("up 3") else { return };
    let [first, second] = [1, 2].map(|node| lab.peer(node, &format!("peer{node}"), &[]));
    wait("the first two listed", SOON, || (first.sees(&second) && second.sees(&first)).then_some(()));
    let third = lab.peer(3, "peer3", &[]);
    let (_, theirs) =
        wait("listed by the others", SOON, || (first.sees(&third) && second.sees(&third)).then_some(()));
    let (_, ours) = wait("lists the others", SOON, || (third.peers().len() == 2).then_some(()));
    println!("listed by both others after {theirs:?}, lists both {ours:?} later (aim: 300 ms)");
    for peer in [&first, &second, &third] {
        assert!(!peer.sees(peer), "{} lists itself", peer.name);
        assert_eq!(peer.peers().len(), 2);
    }
}

#[test]
fn leaving_is_seen_at_once_however_it_is_asked_for() {
    let Some(lab) = Lab::of("up 3") else { return };
    let [first, second, mut third] = three(&lab);
    let others = [first, second];
    let ways: [(&str, Option<Signal>); 3] =
        [("exit --now", None), ("SIGINT", Some(Signal::INT)), ("SIGTERM", Some(Signal::TERM))];
    for (way, signal) in ways {
        wait("the peer listed", SOON, || others.iter().all(|o| o.sees(&third)).then_some(()));
        match signal {
            Some(signal) => third.signal(signal),
            None => assert!(third.cli(["exit", "--now"]).status.success()),
        }
        let seen = unlisted(&third, &others, SOON);
        let (status, ended) = third.ended(SOON);
        println!("{way}: unlisted after {seen:?} (aim: 100 ms), ended {ended:?} later (aim: 2 s in all)");
        assert!(seen + ended < Duration::from_secs(2), "{way}: {seen:?} + {ended:?}");
        assert_eq!(status.code(), Some(0), "{way}");
        assert!(!third.directory.join(".potluck/control.sock").exists(), "{way} leaves the socket behind");
        third = lab.peer(3, "peer3", &[]);
    }
}

#[test]
fn exit_without_now_ends_when_nothing_is_being_sent() {
    let Some(lab) = Lab::of("up 3") else { return };
    let [first, second, mut third] = three(&lab);
    assert!(third.cli(["exit"]).status.success());
    unlisted(&third, &[first, second], SOON);
    assert_eq!(third.ended(SOON).0.code(), Some(0));
}

#[test]
fn a_killed_peer_is_missed() {
    let Some(lab) = Lab::of("up 3") else { return };
    let [first, second, mut third] = three(&lab);
    third.kill();
    let seen = unlisted(&third, &[first, second], SOON);
    println!("kill -9: unlisted after {seen:?} (aim: 7.5 s)");
    assert!(seen < Duration::from_secs(10), "{seen:?}");
}

#[test]
fn restarts_and_another_address_leave_one_entry() {
    let Some(lab) = Lab::of("up 2") else { return };
    for node in [1, 2] {
        // Else the peer may be listed at its link-local address, which does not change.
        lab.netlab(&format!("exec {node} sysctl -qw net.ipv6.conf.all.disable_ipv6=1"));
    }
    let watcher = lab.peer(1, "watcher", &[]);
    let mut id = None;
    for round in 0..20 {
        let mut peer = lab.peer(2, "restless", &[]);
        wait("listed after a restart", SOON, || {
            let rows = watcher.peers();
            assert!(rows.len() <= 1, "round {round}: {rows:?}");
            // The entry of the start before may still be there: this one answers at the new start only.
            (rows.len() == 1 && peer.sees(&watcher)).then_some(())
        });
        let now = watcher.peers().pop().unwrap().id;
        assert_eq!(*id.get_or_insert_with(|| now.clone()), now, "the id changed");
        if round % 2 == 0 {
            peer.kill();
        } else {
            assert!(peer.cli(["exit", "--now"]).status.success());
            peer.ended(SOON);
        }
    }
    let peer = lab.peer(2, "restless", &[]);
    wait("listed at the old address", SOON, || {
        watcher.peers().first().filter(|p| p.address.contains("10.77.0.12")).map(drop)
    });
    lab.netlab("move 2 10.77.0.99/24");
    let (_, time) = wait("listed at the new address", SOON, || {
        let rows = watcher.peers();
        assert!(rows.len() <= 1, "{rows:?}");
        rows.first().filter(|p| p.address.contains("10.77.0.99")).map(drop)
    });
    println!("new address listed after {time:?}");
    wait("the moved peer sees the other", SOON, || peer.sees(&watcher).then_some(()));
}

#[test]
fn a_cable_that_is_pulled_and_plugged_brings_the_peer_back() {
    let Some(lab) = Lab::of("up 2") else { return };
    let [first, second] = [1, 2].map(|node| lab.peer(node, &format!("peer{node}"), &[]));
    wait("listed", SOON, || (first.sees(&second) && second.sees(&first)).then_some(()));
    lab.netlab("cut 2");
    wait("missed by both", SOON, || (!first.sees(&second) && !second.sees(&first)).then_some(()));
    lab.netlab("heal 2");
    wait("listed again", SOON, || (first.sees(&second) && second.sees(&first)).then_some(()));
}

#[test]
fn a_network_that_loses_a_fifth_shows_all_and_buries_none() {
    let Some(lab) = Lab::of("up 3") else { return };
    for node in 1..=3 {
        lab.netlab(&format!("loss {node} 200"));
    }
    let peers = three(&lab);
    // Nobody may vanish while five announcements of each are lost or not.
    let mut looks = 0;
    wait("looks", SOON, || {
        for peer in &peers {
            assert_eq!(
                peer.try_ask(&PeersRequest::default().into()).unwrap().len(),
                3,
                "two peers and the end"
            );
        }
        looks += 1;
        (looks == 600).then_some(())
    });
}

/// The copy has the original's key and a later start: it takes the original's place with the others,
/// until it hears the original and stops.
#[test]
fn a_copied_folder_stops_and_the_original_stays() {
    let Some(lab) = Lab::of("up 3") else { return };
    let original = lab.peer_with(1, "original", &[("a.txt", b"a")]);
    let other = lab.peer(2, "other", &[]);
    wait("the file offered", SOON, || other.offered("a.txt"));
    let copy = lab.path("copy");
    assert!(Command::new("cp").arg("-a").arg(&original.directory).arg(&copy).status().unwrap().success());
    let copied = lab
        .inside(3, env!("CARGO_BIN_EXE_potluck"))
        .args(["--daemon", "--name", "copy", "-d"])
        .arg(&copy)
        .env_remove("POTLUCK_INTERFACE")
        .env_remove("POTLUCK_DISCOVERY_PORT")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&copied.stderr);
    assert_eq!(copied.status.code(), Some(1), "{said}");
    assert!(said.contains("potluck identity new"), "{said}");
    // What the original says counts again: its name, its files, and its news.
    wait("the original listed", SOON, || (other.names() == ["original"]).then_some(()));
    std::fs::write(original.directory.join("shared/b.txt"), b"b").unwrap();
    wait("its news offered", SOON, || other.offered("b.txt"));
    assert_eq!(std::fs::read(other.fetch("b.txt")).unwrap(), b"b");
}
