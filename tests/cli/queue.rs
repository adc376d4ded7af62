//! The queue as people and scripts see it: over restarts, pauses, and owners that go and come.

use std::path::PathBuf;
use std::process::Stdio;

use potluck::control::{QueueRow, QueueState, Reply};
use rustix::process::Signal;

use crate::common::{DEADLINE, Daemon, Neighbour, Peer, err, out, wait};
use crate::prompt::{ended_with, open_on, until};

/// Bytes of a file, and of each of its chunks.
const SIZE: usize = 12 << 20;
const CHUNK: u64 = 1 << 20;

/// A peer that gives three files at most so fast.
fn giver(peer: &Peer, limit: &str) -> Neighbour {
    let giver = peer.neighbour();
    share_three(&giver);
    Neighbour::start(giver, &["--name", "anna", "--up-limit", limit])
}

fn share_three(giver: &Peer) {
    for (n, name) in (1..).zip(["one.iso", "two.iso", "three.iso"]) {
        giver.share(name, &content(n));
    }
}

/// No two chunks of it are alike.
fn content(n: u64) -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (at as u64).wrapping_mul(n + 0x9E37_79B9_7F4A_7C15).to_le_bytes()[6];
    }
    bytes
}

fn queue(peer: &Peer) -> Vec<QueueRow> {
    let row = |reply| if let Reply::Queued(row) = reply { Some(row) } else { None };
    peer.replies(&["queue"]).into_iter().filter_map(row).collect()
}

fn begin_three(peer: &Peer) {
    peer.lists(3);
    for name in ["one.iso", "two.iso", "three.iso"] {
        let output = peer.ask(&["download", name, "--no-wait"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
}

/// Waits until so many bytes of all downloads of the queue are here.
fn until_there_are(peer: &Peer, bytes: u64) -> Vec<QueueRow> {
    let (rows, _) = wait("some of it", 5 * DEADLINE, || {
        let rows = queue(peer);
        (bytes_of(&rows) >= bytes).then_some(rows)
    });
    rows
}

fn bytes_of(rows: &[QueueRow]) -> u64 {
    rows.iter().map(|row| row.done).sum()
}

fn until_all_came(peer: &Peer) {
    wait("all of it", 5 * DEADLINE, || queue(peer).is_empty().then_some(()));
    for (n, name) in (1..).zip(["one.iso", "two.iso", "three.iso"]) {
        let path = peer.path().join("downloads").join(name);
        assert!(std::fs::read(path).unwrap() == content(n), "{name}");
    }
    wait("no leftovers", DEADLINE, || (!partials(peer).exists()).then_some(()));
}

fn partials(peer: &Peer) -> PathBuf {
    peer.path().join("downloads/.potluck-partial")
}

/// Ends a peer in this way, and starts it again.
fn restarted(peer: &Peer, mut daemon: Daemon, how: &str) -> Daemon {
    match how {
        "kill" => daemon.signal(Signal::KILL),
        _ => assert_eq!(peer.ask(&[how]).status.code(), Some(0)),
    }
    drop(daemon.0.wait());
    peer.daemon()
}

/// Three downloads go on that are in the middle when their peer ends like this.
fn go_on_after(how: &str) {
    let peer = Peer::new();
    let anna = peer.neighbour();
    share_three(&anna);
    let slow = anna.daemon_with(&["--name", "anna", "--up-limit", "1MiB"]);
    let daemon = peer.daemon();
    begin_three(&peer);
    until_there_are(&peer, 5 * CHUNK);
    assert_eq!(peer.ask(&["pause", "two.iso"]).status.code(), Some(0));
    assert_eq!(peer.ask(&["first", "3"]).status.code(), Some(0));
    let before = queue(&peer);
    // What was written down is what counts after a crash: that is done by the time that more came.
    until_there_are(&peer, bytes_of(&before) + 2 * CHUNK);
    let _daemon = restarted(&peer, daemon, how);
    let after = queue(&peer);
    let order: Vec<u64> = after.iter().map(|row| row.job).collect();
    assert_eq!((order, after[2].state), (vec![3, 1, 2], QueueState::Paused));
    // It is told at once, not only when more comes.
    for then in &before {
        let row = after.iter().find(|row| row.job == then.job).unwrap();
        assert!(row.done + CHUNK >= then.done, "{row:?} was {then:?}");
    }
    until_there_are(&peer, bytes_of(&after) + CHUNK);
    drop(slow);
    let _fast = anna.daemon_with(&["--name", "anna"]);
    let resumed = peer.ask(&["resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", err(&resumed));
    until_all_came(&peer);
    let fetched = peer.status().counters.received;
    assert!(fetched < 3 * SIZE as u64, "{fetched} bytes came after the restart");
}

#[test]
fn three_downloads_in_the_middle_go_on_after_exit() {
    go_on_after("exit");
}

#[test]
fn three_downloads_in_the_middle_go_on_after_a_crash() {
    go_on_after("kill");
}

#[test]
fn an_owner_that_leaves_and_comes_back_is_waited_for() {
    let peer = Peer::new();
    let anna = peer.neighbour();
    share_three(&anna);
    let first = anna.daemon_with(&["--name", "anna", "--up-limit", "2MiB"]);
    let _daemon = peer.daemon();
    peer.lists(3);
    assert_eq!(peer.ask(&["download", "one.iso", "--no-wait"]).status.code(), Some(0));
    until_there_are(&peer, CHUNK);
    drop(first);
    let (row, _) = wait("the wait", DEADLINE, || {
        queue(&peer).pop().filter(|row| row.why.as_deref() == Some("waits for anna"))
    });
    assert_eq!((row.why.as_deref(), &row.from[..]), (Some("waits for anna"), &["anna".to_owned()][..]));
    // One that was paused waits, too, and whoever asks for it is told at once.
    assert_eq!(peer.ask(&["pause"]).status.code(), Some(0));
    wait("the pause", DEADLINE, || peer.status().downloads.is_empty().then_some(()));
    let again = peer.ask(&["download", "one.iso"]);
    assert_eq!(again.status.code(), Some(4), "{}", err(&again));
    let why = "nobody who has it is here";
    assert!(err(&again).contains(why), "{}", err(&again));
    assert!(err(&again).contains("download 1 waits for anna in the queue"), "{}", err(&again));
    let _again = anna.daemon_with(&["--name", "anna"]);
    wait("all of it", DEADLINE, || queue(&peer).is_empty().then_some(()));
    assert!(std::fs::read(peer.path().join("downloads/one.iso")).unwrap() == content(1));
}

#[test]
fn what_is_discarded_leaves_nothing_behind_and_what_is_cancelled_does() {
    let peer = Peer::new();
    let _giver = giver(&peer, "768KiB");
    let _daemon = peer.daemon();
    begin_three(&peer);
    until_there_are(&peer, CHUNK);
    let kept = peer.ask(&["cancel", "three.iso"]);
    assert_eq!(kept.status.code(), Some(0), "{}", err(&kept));
    assert!(out(&kept).ends_with("what arrived is kept\n"), "{}", out(&kept));
    let gone = peer.ask(&["cancel", "two.iso", "--discard"]);
    assert_eq!(gone.status.code(), Some(0), "{}", err(&gone));
    let names = || {
        std::fs::read_dir(partials(&peer)).map_or(0, |names| {
            names.filter(|name| !name.as_ref().unwrap().file_name().to_string_lossy().contains('.')).count()
        })
    };
    assert!(names() <= 2, "those of one.iso and three.iso");
    let again = peer.ask(&["download", "three.iso", "--no-wait"]);
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    let all = peer.ask(&["cancel", "all", "--discard"]);
    assert_eq!(all.status.code(), Some(0), "{}", err(&all));
    wait("the end", DEADLINE, || queue(&peer).is_empty().then_some(()));
    assert!(!partials(&peer).exists());
    assert_eq!(std::fs::read_dir(peer.path().join("downloads")).unwrap().count(), 0);
    let none = peer.ask(&["cancel", "7"]);
    assert_eq!(none.status.code(), Some(4));
    assert_eq!(err(&none), "potluck: no download 7 in the queue; `queue` shows what there is\n");
}

#[test]
fn a_destination_that_is_gone_is_one_line_and_the_download_stays_until_it_is_removed() {
    let peer = Peer::new();
    let _giver = giver(&peer, "2MiB");
    let stick = tempfile::tempdir().unwrap();
    let daemon = peer.daemon();
    peer.lists(3);
    let to = stick.path().join("stick");
    let words = ["download", "one.iso", "--no-wait", "--to", to.to_str().unwrap()];
    assert_eq!(peer.ask(&words).status.code(), Some(0));
    until_there_are(&peer, CHUNK);
    assert_eq!(peer.ask(&["exit"]).status.code(), Some(0));
    drop(daemon);
    std::fs::remove_dir_all(&to).unwrap();
    let _daemon = peer.daemon();
    let failed = || queue(&peer).pop().filter(|row| row.state == QueueState::Failed);
    let (row, _) = wait("the failure", DEADLINE, failed);
    let why = row.why.unwrap();
    assert!(why.contains("stick") && why.contains("is gone: make it again") && !why.contains('\n'), "{why}");
    assert_eq!(peer.ask(&["cancel", "1"]).status.code(), Some(0));
    assert!(queue(&peer).is_empty() && !to.exists());
}

/// `queue` and what changes it, on a terminal of so many columns.
fn session_on(columns: u16) -> String {
    let peer = Peer::new();
    let anna = peer.neighbour();
    share_three(&anna);
    let first = anna.daemon_with(&["--name", "anna", "--up-limit", "64KiB"]);
    let mut session = open_on(&peer, &[], columns, &[("TERM", "xterm"), ("NO_COLOR", "1")]);
    until(&mut session, "potluck> ");
    peer.lists(3);
    for name in ["one.iso", "two.iso"] {
        expectrl::Expect::send(&mut session, format!("d {name}\r")).unwrap();
        until(&mut session, &format!("downloading {name} (12.0 MiB)"));
    }
    let mut log = String::new();
    let mut type_in = |line: &str, end: &str| {
        expectrl::Expect::send(&mut session, format!("{line}\r")).unwrap();
        let before = crate::plain::plain(&until(&mut session, end)) + end;
        let lines = before.lines().rev().take_while(|before| !before.contains("potluck> "));
        let answer: Vec<&str> = lines.collect::<Vec<_>>().into_iter().rev().collect();
        log.push_str(&format!("> {line}\n{}\n", answer.join("\n")));
    };
    type_in("pause one.iso", "continues it");
    wait("the pause", DEADLINE, || (peer.status().downloads.len() == 1).then_some(()));
    type_in("pause", "[2] paused two.iso at 0% of 12.0 MiB; `resume` continues it");
    wait("the pause", DEADLINE, || peer.status().downloads.is_empty().then_some(()));
    drop(first);
    wait("the leave", DEADLINE, || (peer.status().on.peers == 0).then_some(()));
    type_in("first two", "`queue` shows what there is");
    type_in("first two.iso", "waits for anna");
    type_in("queue", "one.iso  paused");
    type_in("cancel one.iso", "kept");
    type_in("resume 9", "`queue` shows what there is");
    expectrl::Expect::send(&mut session, "exit\r").unwrap();
    ended_with(&mut session, "0", "");
    log
}

#[test]
fn the_queue_reads_the_same_on_narrow_and_wide_terminals() {
    let [narrow, wide] = [80, 200].map(session_on);
    assert_eq!(narrow, wide);
    insta::assert_snapshot!(wide, @"
    > pause one.iso
    [1] paused one.iso at 0% of 12.0 MiB; `resume` continues it
    > pause
    [1] paused one.iso at 0% of 12.0 MiB; `resume` continues it
    [2] paused two.iso at 0% of 12.0 MiB; `resume` continues it
    > first two
    no download `two` in the queue; `queue` shows what there is
    > first two.iso
    [2] put first: two.iso at 0% of 12.0 MiB; waits for anna
    > queue
    NO.  NAME     STATE                SIZE  DONE  FROM  NOTE
      2  two.iso  waiting (first)  12.0 MiB    0%  anna  waits for anna
      1  one.iso  paused
    > cancel one.iso
    [1] removed one.iso at 0% of 12.0 MiB; what arrived is kept
    > resume 9
    no download 9 in the queue; `queue` shows what there is
    ");
}

#[test]
fn json_has_one_object_for_each_download() {
    let peer = Peer::new();
    let _giver = giver(&peer, "64KiB");
    let _daemon = peer.daemon();
    begin_three(&peer);
    for words in [&["pause", "1", "--json"][..], &["first", "2", "--json"], &["resume", "1", "--json"]] {
        let output = peer.command().args(words).stderr(Stdio::null()).output().unwrap();
        let lines: Vec<serde_json::Value> =
            out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [row, ..] = &lines[..] else { panic!("{words:?}") };
        assert_eq!((&row["reply"], row["job"].to_string()), (&"queued".into(), words[1].to_owned()), "{row}");
    }
}
