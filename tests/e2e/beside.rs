//! Several downloads from one owner at once: none waits for the end of another.

use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, SOON, wait};

/// Bytes of the large file. Over 100 Mbit/s it takes eleven seconds.
const LARGE: u64 = 128 << 20;

/// Bytes that may come of it while a small one is asked for and comes: two seconds of a machine that has much
/// else to do.
const MEANWHILE: u64 = 24 << 20;

#[test]
fn small_files_do_not_wait_for_a_large_one() {
    let Some(lab) = Lab::of("up 2 100mbit") else { return };
    let shared = lab.folder("owner/shared");
    fill(&shared.join("large.bin"), LARGE, 1);
    let small = [("tiny.bin", 10), ("small.bin", 100_000), ("middle.bin", 3 << 20)];
    for (n, (path, size)) in (2..).zip(small) {
        fill(&shared.join(path), size, n);
    }
    let (_owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    for path in ["large.bin", "tiny.bin", "small.bin", "middle.bin"] {
        wait(path, LATER, || taker.offered(path));
    }
    let begun = lab.received(2);
    let mut large = taker.begin(["download", "large.bin"]);
    wait("bytes of the large one", SOON, || (lab.received(2) - begun > LARGE / 16).then_some(()));
    for (path, size) in small {
        let before = lab.received(2);
        assert_same(&shared.join(path), &taker.fetch(path));
        let meanwhile = lab.received(2) - before;
        println!("{path}: {meanwhile} bytes came meanwhile");
        assert!(meanwhile < MEANWHILE + 2 * size, "{path} waits: {meanwhile} bytes came meanwhile");
        assert!(size > 10 || large.try_wait().unwrap().is_none(), "the large one is not done");
    }
    assert!(large.wait().unwrap().success());
    assert_same(&shared.join("large.bin"), &taker.directory.join("downloads/large.bin"));
}

#[test]
fn a_small_file_does_not_wait_for_a_large_one_under_a_limit_of_the_owner() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared");
    fill(&shared.join("large.bin"), 20 << 20, 1);
    fill(&shared.join("tiny.bin"), 10, 2);
    let owner = lab.peer(1, "owner", &["--up-limit", "2M", "--copies", "1", "--lend", "0"]);
    let taker = lab.peer(2, "taker", &[]);
    for path in ["large.bin", "tiny.bin"] {
        wait(path, LATER, || taker.offered(path));
    }
    let large = taker.begin(["download", "large.bin"]);
    wait("bytes of the large one", SOON, || (owner.status().counters.sent > 2 << 20).then_some(()));
    let before = owner.status().counters.sent;
    assert_same(&shared.join("tiny.bin"), &taker.fetch("tiny.bin"));
    let meanwhile = owner.status().counters.sent - before;
    println!("{meanwhile} bytes left meanwhile");
    assert!(meanwhile < 6 << 20, "it waits: {meanwhile} bytes left meanwhile");
    assert!(large.wait_with_output().unwrap().status.success());
}
