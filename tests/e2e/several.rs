//! Several holders of one file, over links slower than the taker's.

use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::lab::{LATER, Lab, Peer, wait};

/// Bytes of the file. Over 50 Mbit/s it takes ten seconds, over two such links five.
const SIZE: u64 = 64 << 20;

/// `count` holders of the same content, the first under another name than the others, and a taker that
/// lists them all.
fn scene(count: u32) -> Option<(Lab, Vec<Peer>, Peer)> {
    let lab = Lab::of(&format!("up {} 50mbit", count + 1))?;
    lab.netlab(&format!("rate {} 100mbit", count + 1));
    for n in 1..=count {
        let name = if n == 1 { "same.bin" } else { "big.bin" };
        fill(&lab.folder(&format!("holder{n}/shared")).join(name), SIZE, 7);
    }
    let holders: Vec<_> = (1..=count).map(|n| lab.peer(n, &format!("holder{n}"), &[])).collect();
    let taker = lab.peer(count + 1, "taker", &[]);
    wait("all listed", LATER, || {
        let listed = |path| taker.offered(path).map_or(0, |row| row.copies);
        (listed("big.bin") == u64::from(count) && listed("same.bin") == u64::from(count)).then_some(())
    });
    Some((lab, holders, taker))
}

/// Bytes that a node's device has sent.
fn sent(lab: &Lab, node: u32) -> u64 {
    let text = lab.netlab(&format!("exec {node} cat /sys/class/net/v0/statistics/tx_bytes"));
    text.trim().parse().unwrap()
}

#[test]
fn two_holders_share_the_work() {
    let Some((lab, holders, taker)) = scene(2) else { return };
    let before = [1, 2].map(|n| sent(&lab, n));
    let path = taker.fetch("big.bin");
    assert_same(&holders[1].directory.join("shared/big.bin"), &path);
    let given = [1, 2].map(|n| sent(&lab, n) - before[n as usize - 1]);
    println!("given: {given:?} of {SIZE}");
    assert!(given.iter().all(|&bytes| bytes > SIZE * 2 / 5), "{given:?}");
    assert!(given.iter().sum::<u64>() < SIZE * 11 / 10, "{given:?}");
    assert_nothing_partial(&taker);
}

#[test]
fn a_holder_that_is_killed_or_stands_still_in_the_middle_costs_little() {
    let Some((lab, mut holders, taker)) = scene(3) else { return };
    let before = lab.received(4);
    let download = taker.begin(["download", "big.bin"]);
    wait("bytes", LATER, || (lab.received(4) - before > SIZE / 4).then_some(()));
    holders[0].kill();
    holders[1].signal(rustix::process::Signal::STOP);
    let out = download.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_same(&holders[2].directory.join("shared/big.bin"), &taker.directory.join("downloads/big.bin"));
    let twice = (lab.received(4) - before).saturating_sub(SIZE) as f64 * 100.0 / SIZE as f64;
    println!("{twice:.2} % came twice");
    assert!(twice < 5.0, "{twice:.2} % came twice");
    assert_nothing_partial(&taker);
}
