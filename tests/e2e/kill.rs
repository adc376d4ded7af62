//! Killed at any moment, picked up where it stopped.

use core::time::Duration;
use std::path::PathBuf;

use crossbeam_channel::{Receiver, unbounded};
use potluck::control::{DownloadRequest, QueueRequest, QueueRow, QueueState, Reply};
use potluck::error::Code;
use potluck::sys::thread::Thread;

use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::lab::{LATER, Lab, Peer, Random, SOON, line_of, pause, wait};

/// Bytes of the file; over 400 Mbit/s it takes 22 s. What a kill costs does not depend on it: it is what
/// was on its way from the link to the disk, 1 to 2 MiB at this rate.
const SIZE: u64 = 1 << 30;
const RATE: &str = "400mbit";
const KILLS: u32 = 20;

/// A link that is slow enough, an owner with the file, and a taker that lists it.
fn scene() -> Option<(Lab, Peer, Peer)> {
    let lab = Lab::of(&format!("up 2 {RATE}"))?;
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 7);
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("offered", LATER, || taker.offered("big.bin"));
    Some((lab, owner, taker))
}

/// Asks a peer for `big.bin` ([`begin_one`]).
fn begin(taker: &Peer) -> (Receiver<Reply>, Thread) {
    begin_one(taker, "big.bin")
}

/// Asks a peer for a file from a thread of its own; what the end was comes through the channel, and
/// nothing does if the peer dies.
pub(crate) fn begin_one(taker: &Peer, file: &str) -> (Receiver<Reply>, Thread) {
    use std::io::{BufRead as _, BufReader, Write as _};
    let (sender, receiver) = unbounded();
    let path = taker.directory.join(".potluck/control.sock");
    let files = vec![file.to_owned()];
    let request = DownloadRequest {
        files,
        from: Vec::new(),
        to: None,
        wait: true,
        no_wait: false,
        ..DownloadRequest::default()
    }
    .into();
    let run = move || {
        let Ok(mut socket) = std::os::unix::net::UnixStream::connect(path) else { return };
        if socket.write_all(line_of(&request).as_bytes()).is_err() {
            return;
        }
        for line in BufReader::new(socket).lines().map_while(Result::ok) {
            let reply: Reply = serde_json::from_str(&line).unwrap();
            // The peer keeps the connection open for a next request: the last reply ends this one.
            let last = reply.is_last();
            if last || matches!(reply, Reply::Saved(_)) {
                drop(sender.send(reply));
            }
            if last {
                return;
            }
        }
    };
    (receiver, Thread::spawn("download", run).unwrap())
}

/// The downloads that are not done.
fn queue(taker: &Peer) -> Vec<QueueRow> {
    let row = |reply| if let Reply::Queued(row) = reply { Some(row) } else { None };
    taker.try_ask(&QueueRequest {}.into()).into_iter().flatten().filter_map(row).collect()
}

/// Payload bytes that reached the taker's device since the lab was made.
fn received(lab: &Lab) -> u64 {
    lab.netlab("received 2").trim().parse().unwrap()
}

/// Waits for the end of a download: where the file lies, or `None` if no holder was there.
fn end(replies: &Receiver<Reply>) -> Option<PathBuf> {
    let mut saved = None;
    loop {
        match replies.recv_timeout(LATER).unwrap() {
            Reply::Saved(file) => saved = Some(file.path),
            Reply::Done => return saved,
            Reply::Failed(failure) if failure.code == Code::NoHolder => return None,
            other => panic!("{other:?}"),
        }
    }
}

/// After the kills: the rest is fetched, the file is the same, and all kills together cost 5 % of it.
fn finish(lab: &Lab, owner: &Peer, taker: &Peer, before: u64, kills: u32) {
    let (path, _) = wait("the file", LATER, || {
        wait("offered", SOON, || taker.offered("big.bin"));
        let (replies, _thread) = begin(taker);
        end(&replies)
    });
    assert_same(&owner.directory.join("shared/big.bin"), &path);
    assert_nothing_partial(taker);
    let twice = (received(lab) - before).saturating_sub(SIZE);
    let percent = |bytes: u64| bytes as f64 * 100.0 / SIZE as f64;
    let each = twice as f64 / f64::from(kills) / f64::from(1 << 20);
    println!("{kills} kills: {:.2} % came twice, {each:.2} MiB for each", percent(twice));
    assert!(percent(twice) <= 5.0, "{:.2} % of the file came twice in {kills} kills", percent(twice));
}

#[test]
fn a_killed_downloader_goes_on_where_it_was() {
    let Some((lab, owner, mut taker)) = scene() else { return };
    let mut random = Random::seeded();
    let before = received(&lab);
    let mut kills = 0;
    for _ in 0..KILLS {
        let (replies, thread) = begin(&taker);
        pause(random.millis(50, 450));
        taker.kill();
        kills += 1;
        drop(thread);
        // Nothing under its final name is unfinished.
        let there = taker.directory.join("downloads/big.bin");
        if there.exists() {
            assert_same(&owner.directory.join("shared/big.bin"), &there);
        }
        taker = lab.peer(2, "taker", &[]);
        wait("offered again", SOON, || taker.offered("big.bin"));
        if replies.try_iter().any(|reply| matches!(reply, Reply::Saved(_))) || there.exists() {
            break;
        }
    }
    finish(&lab, &owner, &taker, before, kills);
}

#[test]
fn a_killed_sender_is_waited_for() {
    let Some((lab, mut owner, taker)) = scene() else { return };
    let mut random = Random::seeded();
    let before = received(&lab);
    let (mut replies, mut thread) = begin(&taker);
    let mut kills = 0;
    while kills < KILLS {
        pause(random.millis(50, 450));
        owner.kill();
        kills += 1;
        owner = lab.peer(1, "owner", &[]);
        wait("offered again", SOON, || taker.offered("big.bin").filter(|_| owner.sees(&taker)));
        // The download goes on by itself, or ended for want of a holder and is asked for again.
        match replies.try_recv() {
            Ok(Reply::Failed(failure)) => {
                assert_eq!(failure.code, Code::NoHolder, "{failure}");
                (replies, thread) = begin(&taker);
            }
            Ok(_) => break,
            Err(_) => {}
        }
        pause(Duration::from_millis(20));
    }
    drop(end(&replies));
    drop(thread);
    finish(&lab, &owner, &taker, before, kills);
}

#[test]
fn a_download_that_was_told_to_stop_goes_on_at_the_next_start() {
    let Some((lab, owner, mut taker)) = scene() else { return };
    let before = received(&lab);
    let (replies, thread) = begin(&taker);
    wait("bytes", LATER, || (received(&lab) - before > SIZE / 3).then_some(()));
    assert!(taker.cli(["exit", "--now"]).status.success());
    let (_, time) = taker.ended(SOON);
    assert!(time < Duration::from_secs(2), "{time:?}");
    drop((replies, thread));
    taker = lab.peer(2, "taker", &[]);
    let goes_on = |row: &QueueRow| row.state == QueueState::Downloading && row.done >= SIZE / 4;
    let (row, _) = wait("it goes on", LATER, || queue(&taker).into_iter().find(goes_on));
    assert_eq!((row.what.as_str(), row.size), ("big.bin", SIZE), "{row:?}");
    finish(&lab, &owner, &taker, before, 1);
}
