//! What goes wrong in the middle of a download: a process that stands still, a disk that fills up, a cable
//! that is out, somebody who leaves at the prompt.

use core::time::Duration;
use std::fs;
use std::io::Write as _;
use std::process::{Child, Output, Stdio};

use expectrl::session::OsSession;
use expectrl::{Expect as _, Session};
use potluck::sys::clock;
use rustix::process::Signal;

use crate::errors::{Small, code};
use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, pause, wait};

/// Bytes of the file. Over 100 Mbit/s it takes five seconds.
const SIZE: u64 = 64 << 20;

/// How long a peer stands still or a cable is out.
const AWAY: Duration = Duration::from_secs(30);

/// A slow link, an owner with the file, and a taker that lists it.
fn scene() -> Option<(Lab, Peer, Peer)> {
    let lab = Lab::of("up 2 100mbit")?;
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 7);
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("offered", LATER, || taker.offered("big.bin"));
    Some((lab, owner, taker))
}

/// Waits until `bytes` more than `before` have reached the taker.
fn until_received(lab: &Lab, before: u64, bytes: u64) {
    wait("bytes", LATER, || (lab.received(2) - before > bytes).then_some(()));
}

/// Waits for the end of a download; true if it succeeded.
fn succeeded(download: Child) -> bool {
    let out = download.wait_with_output().unwrap();
    println!("{}", String::from_utf8_lossy(&out.stderr));
    out.status.success()
}

/// The rest is fetched if it has to be, and the file is the same. At most a twentieth came twice.
fn finish(lab: &Lab, owner: &Peer, taker: &Peer, before: u64) {
    wait("offered", LATER, || taker.offered("big.bin"));
    let path = taker.fetch("big.bin");
    assert_same(&owner.directory.join("shared/big.bin"), &path);
    assert_nothing_partial(taker);
    let twice = (lab.received(2) - before).saturating_sub(SIZE) as f64 / SIZE as f64;
    println!("{:.2} % came twice", twice * 100.0);
    assert!(twice < 0.05, "{:.2} % came twice", twice * 100.0);
}

/// One of the two stands still for half a minute, as when a laptop sleeps: the other misses it, both find
/// each other again, and the download is the same in the end.
fn stands_still(which: usize) {
    let Some((lab, owner, taker)) = scene() else { return };
    let before = lab.received(2);
    let download = taker.begin(["download", "big.bin"]);
    until_received(&lab, before, SIZE / 4);
    let peers = [&owner, &taker];
    let (still, other) = (peers[which], peers[1 - which]);
    still.signal(Signal::STOP);
    wait("missed", SOON, || (!other.sees(still)).then_some(()));
    pause(AWAY);
    still.signal(Signal::CONT);
    let (_, time) = wait("back", SOON, || (other.sees(still) && still.sees(other)).then_some(()));
    println!("listed by each other again after {time:?}");
    assert!(succeeded(download), "it waits, and goes on");
    finish(&lab, &owner, &taker, before);
}

#[test]
fn an_owner_that_stands_still_is_waited_for() {
    stands_still(0);
}

#[test]
fn a_taker_that_stands_still_goes_on() {
    stands_still(1);
}

#[test]
fn a_cable_that_is_out_for_half_a_minute_costs_nothing() {
    let Some((lab, owner, taker)) = scene() else { return };
    let before = lab.received(2);
    let download = taker.begin(["download", "big.bin"]);
    until_received(&lab, before, SIZE / 4);
    lab.netlab("cut 1");
    wait("missed", SOON, || (!taker.sees(&owner)).then_some(()));
    pause(AWAY);
    lab.netlab("heal 1");
    let (_, time) = wait("back", SOON, || (taker.sees(&owner) && owner.sees(&taker)).then_some(()));
    println!("listed by each other again after {time:?}");
    assert!(succeeded(download), "it waits, and goes on");
    finish(&lab, &owner, &taker, before);
}

/// The end of a download that fails for want of somebody who has the file, which takes this long at most.
fn no_holder_within(download: Child, most: Duration) -> String {
    let start = clock::now();
    let out = download.wait_with_output().unwrap();
    let (took, said) = (clock::now().since(start), String::from_utf8_lossy(&out.stderr).into_owned());
    println!("after {took:?}: {said}");
    assert_eq!(out.status.code(), Some(6), "{said}");
    assert!(took < most, "{took:?}");
    said
}

#[test]
fn what_changes_at_its_owner_is_told_soon_and_can_be_had_as_it_is_now() {
    let Some((lab, owner, taker)) = scene() else { return };
    let (before, was) = (lab.received(2), taker.offered("big.bin").map(|row| row.id));
    let download = taker.begin(["download", "big.bin"]);
    until_received(&lab, before, SIZE / 4);
    let path = owner.directory.join("shared/big.bin");
    fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    let said = no_holder_within(download, Duration::from_secs(60));
    assert!(said.contains("changed: "), "{said}");
    wait("offered again", LATER, || taker.offered("big.bin").filter(|row| Some(&row.id) != was.as_ref()));
    assert_same(&path, &taker.fetch("big.bin"));
}

#[test]
fn a_path_that_loses_large_packets_is_told_as_that() {
    let Some((lab, _owner, taker)) = scene() else { return };
    crate::firewall::firewall(&lab, 2, "iifname v0 meta length > 1000 drop;");
    let said = no_holder_within(taker.begin(["download", "big.bin"]), LATER);
    assert!(said.contains("connected, but what is asked for does not come through"), "{said}");
    assert!(said.contains("packets above some size may be lost"), "{said}");
}

/// A download onto a small disk that somebody else fills up in the middle: how it ended, and the scene.
fn disk_fills_up(lab: &Lab, small: &Small) -> (Output, Peer, Peer, u64) {
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 7);
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("offered", LATER, || taker.offered("big.bin"));
    let before = lab.received(2);
    let download = taker.begin(["download", "big.bin"]);
    until_received(lab, before, SIZE / 4);
    let hog = small.0.join("hog");
    assert!(fs::write(&hog, vec![1; 100 << 20]).is_err(), "the disk is full now");
    let out = download.wait_with_output().unwrap();
    fs::remove_file(&hog).unwrap();
    assert!(owner.sees(&taker), "the peer lives on");
    (out, owner, taker, before)
}

#[test]
fn the_room_of_a_download_is_taken_beforehand() {
    let Some(lab) = Lab::of("up 2 100mbit") else { return };
    let small = Small::mount(lab.folder("taker/downloads"), "80m");
    let (out, owner, taker, before) = disk_fills_up(&lab, &small);
    code(&out, 0);
    finish(&lab, &owner, &taker, before);
}

/// ext2 cannot take room beforehand, as some network drives and memory cards cannot.
#[test]
fn a_disk_that_fills_up_in_the_middle_costs_nothing() {
    let Some(lab) = Lab::of("up 2 100mbit") else { return };
    let Some(small) = Small::ext2(lab.folder("taker/downloads"), &lab.path("image"), 80 << 20) else {
        return;
    };
    let (out, owner, taker, before) = disk_fills_up(&lab, &small);
    code(&out, 7);
    assert!(!small.0.join("big.bin").exists(), "under its final name, unfinished");
    finish(&lab, &owner, &taker, before);
}

/// A peer at a prompt, on a pseudo-terminal.
fn prompt(lab: &Lab, name: &str) -> OsSession {
    let mut command = lab.inside(2, env!("CARGO_BIN_EXE_potluck"));
    command.arg("-d").arg(lab.path(name)).env("TERM", "xterm").env("NO_COLOR", "1");
    command.env_remove("POTLUCK_INTERFACE").env_remove("POTLUCK_DISCOVERY_PORT");
    command.stdin(Stdio::inherit());
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(120, 40).unwrap();
    session.set_expect_timeout(Some(SOON));
    session.expect("potluck> ").unwrap();
    session
}

/// Leaves by `keys` in the middle of a download at the prompt; how long the program still ran.
fn leaves_by(keys: &[&str]) {
    let Some(lab) = Lab::of("up 2 100mbit") else { return };
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 7);
    let owner = lab.peer(1, "owner", &[]);
    wait("hashed", LATER, || owner.listed("big.bin"));
    lab.folder("taker/shared");
    let mut session = prompt(&lab, "taker");
    let before = lab.received(2);
    session.send("download big.bin\r").unwrap();
    session.expect("[1] downloading big.bin").unwrap();
    until_received(&lab, before, SIZE / 4);
    for key in keys {
        session.send(key).unwrap();
    }
    let (_, time) = wait("the end of the program", SOON, || {
        // What it says has to be read, else it waits for the terminal.
        drop(session.check(expectrl::Regex("(?s).+")));
        (!session.get_process().is_alive().unwrap()).then_some(())
    });
    println!("ended after {time:?}");
    assert!(time < Duration::from_secs(2), "{time:?}");
    wait("gone", SOON, || owner.names().is_empty().then_some(()));
    let taker = lab.peer(2, "taker", &[]);
    finish(&lab, &owner, &taker, before);
}

#[test]
fn control_c_at_the_prompt_leaves_a_download_resumable() {
    leaves_by(&["\x03"]);
}

#[test]
fn control_d_at_the_prompt_leaves_a_download_resumable() {
    leaves_by(&["\x04"]);
}

#[test]
fn control_c_twice_at_the_prompt_leaves_at_once() {
    leaves_by(&["\x03", "\x03"]);
}
