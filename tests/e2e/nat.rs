//! Two peers, each behind a router that masquerades and lets nothing in, and a third one outside, to which both
//! connect: neither can dial the other, whatever address they are told.

use core::time::Duration;
use std::fs;

use crate::lab::{Lab, Peer, SOON, wait};

/// A peer that lends space, and has no copies made.
const LENDS: [&str; 4] = ["--lend", "1GiB", "--copies", "1"];

/// Where the third peer is, as seen from behind the routers.
const OUTSIDE: &str = "10.79.0.13";

/// A file of several chunks whose bytes tell their place.
fn large() -> Vec<u8> {
    (0..2_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

/// What is in the folder of a peer before it starts: one small file, one that may be large.
fn share(lab: &Lab, name: &str, content: &[u8]) {
    let shared = lab.folder(name).join("shared");
    fs::create_dir_all(shared.join("folder")).unwrap();
    fs::write(shared.join(format!("{name}.txt")), name).unwrap();
    fs::write(shared.join(format!("folder/{name}.bin")), content).unwrap();
}

/// Through whom `peer` says that it hears `other`; `None` while it does not see it.
fn heard_through(peer: &Peer, other: &Peer) -> Option<Option<String>> {
    peer.peers().into_iter().find(|row| row.name == other.name).map(|row| row.through)
}

/// `taker` downloads a file of `owner`, and gets it through `outside`.
fn gets_through(taker: &Peer, owner: &Peer, path: &str, content: &[u8]) {
    wait(&format!("{path} is listed by {}", taker.name), SOON, || taker.offered(path));
    let out = taker.cli(["download", path]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && said.contains(&format!("from {} through outside", owner.name)), "{said}");
    let name = path.rsplit('/').next().unwrap();
    assert!(fs::read(taker.directory.join("downloads").join(name)).unwrap() == content, "other bytes");
}

/// Both see each other through the third, and get each other's files through it.
fn exchange(left: &Peer, right: &Peer, outside: &Peer) {
    let heard = Some(Some("outside".to_owned()));
    // A route that was never up is tried more and more seldom.
    wait("they hear each other", SOON * 3, || {
        (heard_through(left, right) == heard && heard_through(right, left) == heard).then_some(())
    });
    // Whoever has a link is heard through nobody.
    for (peer, other) in [(left, outside), (right, outside), (outside, left), (outside, right)] {
        wait("a link", SOON, || (heard_through(peer, other) == Some(None)).then_some(()));
    }
    gets_through(left, right, "right.txt", b"right");
    gets_through(right, left, "left.txt", b"left");
    gets_through(left, right, "folder/right.bin", &large());
    assert!(outside.downloads().is_empty(), "it keeps nothing for itself");
}

#[test]
fn two_behind_routers_get_each_others_files_through_the_one_outside() {
    let Some(lab) = Lab::of("nat") else { return };
    share(&lab, "left", b"");
    share(&lab, "right", &large());
    let outside = lab.peer(3, "outside", &LENDS);
    let left = lab.peer(1, "left", &[]);
    let mut right = lab.peer(2, "right", &[]);
    for peer in [&left, &right, &outside] {
        wait("it runs", SOON, || peer.try_ask(&potluck::control::StatusRequest::default().into()));
    }
    for peer in [&left, &right] {
        let out = peer.cli(["connect", OUTSIDE]);
        assert!(out.status.success(), "{out:?}");
    }
    exchange(&left, &right, &outside);
    // What is shared later crosses as well, and so does what is said on leaving.
    fs::write(right.directory.join("shared/later.txt"), b"later").unwrap();
    gets_through(&left, &right, "later.txt", b"later");
    assert!(right.cli(["exit"]).status.success());
    wait("it is gone", Duration::from_secs(2), || (!left.sees(&right)).then_some(()));
    // The route is remembered: it is back without a word.
    right.kill();
    let right = lab.peer(2, "right", &[]);
    fs::write(right.directory.join("shared/again.txt"), b"again").unwrap();
    gets_through(&left, &right, "again.txt", b"again");
}

/// The routers choose ports at random, and both were there before the one outside.
#[test]
fn routers_that_choose_ports_at_random_and_a_late_third_peer_make_no_difference() {
    let Some(lab) = Lab::of("nat random") else { return };
    share(&lab, "left", b"");
    share(&lab, "right", &large());
    let left = lab.peer(1, "left", &["--connect", OUTSIDE]);
    let right = lab.peer(2, "right", &["--connect", OUTSIDE]);
    for peer in [&left, &right] {
        wait("it tries", SOON, || peer.status().outside.routes.first().and_then(|row| row.fault.clone()));
    }
    let outside = lab.peer(3, "outside", &LENDS);
    exchange(&left, &right, &outside);
}
