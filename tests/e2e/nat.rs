//! Two peers, each behind a router that masquerades and lets nothing in, and a third one outside, to which both
//! connect: neither can dial the other, whatever address they are told. They meet, as long as the routers keep their
//! ports; else what they share comes through the third one.

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

/// How what two share comes to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Over a connection of the two.
    Direct,
    /// Through the one outside.
    Through,
}

/// `taker` downloads a file of `owner`, and gets it in that way.
fn gets(way: Way, taker: &Peer, owner: &Peer, path: &str, content: &[u8]) {
    wait(&format!("{path} is listed by {}", taker.name), SOON, || taker.offered(path));
    let out = taker.cli(["download", path]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let is_through = said.contains(&format!("from {} through outside", owner.name));
    assert!(out.status.success() && is_through == (way == Way::Through), "{said}");
    let name = path.rsplit('/').next().unwrap();
    assert!(fs::read(taker.directory.join("downloads").join(name)).unwrap() == content, "other bytes");
}

/// `taker` has met `owner`: a file that `owner` shares now comes from it alone. The first ones may come through the one
/// outside, until they have met.
fn meets(taker: &Peer, owner: &Peer) {
    let mut count = 0;
    wait(&format!("{} meets {}", taker.name, owner.name), SOON * 3, || {
        count += 1;
        let path = format!("try-{count}.txt");
        fs::write(owner.directory.join("shared").join(&path), &path).unwrap();
        wait(&format!("{path} is listed"), SOON, || taker.offered(&path));
        let out = taker.cli(["download", &path]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{said}");
        (!said.contains("through")).then_some(())
    });
}

/// Both see each other through the third.
fn hear_each_other(left: &Peer, right: &Peer, outside: &Peer) {
    let heard = Some(Some("outside".to_owned()));
    // A route that was never up is tried more and more seldom.
    wait("they hear each other", SOON * 3, || {
        (heard_through(left, right) == heard && heard_through(right, left) == heard).then_some(())
    });
    // Whoever has a link is heard through nobody.
    for (peer, other) in [(left, outside), (right, outside), (outside, left), (outside, right)] {
        wait("a link", SOON, || (heard_through(peer, other) == Some(None)).then_some(()));
    }
}

/// They get each other's files.
fn exchange(way: Way, left: &Peer, right: &Peer, outside: &Peer) {
    gets(way, left, right, "right.txt", b"right");
    gets(way, right, left, "left.txt", b"left");
    gets(way, left, right, "folder/right.bin", &large());
    assert!(outside.downloads().is_empty(), "it keeps nothing for itself");
}

#[test]
fn two_behind_routers_meet_by_the_one_outside_and_give_each_other_their_files() {
    let Some(lab) = Lab::of("nat") else { return };
    share(&lab, "left", b"");
    share(&lab, "right", &large());
    // It lends nothing, so that nothing can come through it.
    let outside = lab.peer(3, "outside", &["--lend", "0"]);
    let left = lab.peer(1, "left", &[]);
    let mut right = lab.peer(2, "right", &[]);
    for peer in [&left, &right, &outside] {
        wait("it runs", SOON, || peer.try_ask(&potluck::control::StatusRequest::default().into()));
    }
    for peer in [&left, &right] {
        let out = peer.cli(["connect", OUTSIDE]);
        assert!(out.status.success(), "{out:?}");
    }
    hear_each_other(&left, &right, &outside);
    exchange(Way::Direct, &left, &right, &outside);
    // What is shared later crosses as well, and so does what is said on leaving.
    fs::write(right.directory.join("shared/later.txt"), b"later").unwrap();
    gets(Way::Direct, &left, &right, "later.txt", b"later");
    assert!(right.cli(["exit"]).status.success());
    wait("it is gone", Duration::from_secs(2), || (!left.sees(&right)).then_some(()));
    // The route is remembered: it is back without a word.
    right.kill();
    let right = lab.peer(2, "right", &[]);
    fs::write(right.directory.join("shared/again.txt"), b"again").unwrap();
    gets(Way::Direct, &left, &right, "again.txt", b"again");
}

/// Both are there before the one outside, which lends space: so what is there before they meet comes through it.
#[test]
fn two_behind_routers_meet_by_one_that_comes_later() {
    let Some(lab) = Lab::of("nat") else { return };
    share(&lab, "left", b"");
    share(&lab, "right", b"");
    let left = lab.peer(1, "left", &["--connect", OUTSIDE]);
    let right = lab.peer(2, "right", &["--connect", OUTSIDE]);
    for peer in [&left, &right] {
        wait("it tries", SOON, || peer.status().outside.routes.first().and_then(|row| row.fault.clone()));
    }
    let outside = lab.peer(3, "outside", &LENDS);
    hear_each_other(&left, &right, &outside);
    meets(&left, &right);
    meets(&right, &left);
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
    hear_each_other(&left, &right, &outside);
    exchange(Way::Through, &left, &right, &outside);
}
