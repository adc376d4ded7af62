//! A network of 36 peers, more than know of each other what all share: who comes last finds and fetches what others
//! share by its name.

use core::time::Duration;

use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, wait};

/// Peers, and the number of one that is neither among the first, who keep the index, nor the last.
const COUNT: u32 = 36;
const SHARER: u32 = 20;

/// What is shared there, in bytes.
const SIZE: u64 = 3 << 20;

/// All of them on one machine, one after the other.
fn crowd(lab: &Lab) -> Vec<Peer> {
    let peer = |n: u32| {
        let name = format!("peer{n:02}");
        let folder = lab.folder(&format!("{name}/shared"));
        fill(&folder.join(format!("own-{n:02}.txt")), 100, u64::from(n));
        if n == SHARER {
            lab.folder(&format!("{name}/shared/music"));
            fill(&folder.join("music/Blue Moon.flac"), SIZE, 99);
        }
        let port = (27_280 + 10 * n).to_string();
        let peer = lab.peer(1, &name, &["--port", &port]);
        if n <= 3 {
            wait("a place in the order", LATER, || peer.status().on.order);
        }
        peer
    };
    (1..=COUNT).map(peer).collect()
}

#[test]
fn who_comes_last_of_many_lists_searches_and_fetches_by_name() {
    let Some(lab) = Lab::of("up 1") else { return };
    let peers = crowd(&lab);
    let (last, shared) = (peers.last().unwrap(), lab.path(&format!("peer{SHARER}/shared")));
    wait("all are here", LATER, || (last.peers().len() == peers.len() - 1).then_some(()));
    // By its name, before anything was listed.
    let (path, took) = wait("the file is fetched", LATER, || {
        let out = last.cli(["download", "--", "music/Blue Moon.flac"]);
        out.status.success().then(|| last.directory.join("downloads/Blue Moon.flac"))
    });
    println!("fetched by name after {took:?}");
    assert_same(&shared.join("music/Blue Moon.flac"), &path);
    let known = |peer: &Peer| peer.peers().iter().filter(|row| row.files.is_some()).count();
    println!("it knows what {} of {} share", known(last), COUNT - 1);
    let found = last.cli(["search", "blue", "moon"]);
    assert!(String::from_utf8_lossy(&found.stdout).contains("Blue Moon.flac"), "{found:?}");
    let holders = last.cli(["holders", "music/Blue Moon.flac"]);
    assert!(String::from_utf8_lossy(&holders.stdout).contains(&format!("peer{SHARER}")), "{holders:?}");
    let (rows, took) = wait("all is listed", LATER, || {
        let rows = last.list();
        (rows.len() == peers.len() + 1).then_some(rows)
    });
    println!("{} files listed after {took:?}", rows.len());
    // What was printed can be fetched.
    let row = rows.iter().find(|row| row.path == "own-07.txt").unwrap();
    assert_same(&lab.path("peer07/shared/own-07.txt"), &last.fetch(&format!("b3:{}", row.id)));
    let wrong = last.cli(["download", "--", "music/Blue Moom.flac"]);
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("did you mean `music/Blue Moon.flac`"),
        "{wrong:?}"
    );
    assert!(took < LATER + Duration::from_secs(1));
}
