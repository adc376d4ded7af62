//! What people say to each other: to everyone and to one, over a network that loses packets, before an exit, and
//! across a restart.

use core::time::Duration;
use std::collections::BTreeMap;

use potluck::control::{Audience, ChatRequest, ChatRow, Reply};
use potluck::error::Code;
use potluck::sys::clock;
use rustix::process::Signal;

use crate::lab::{LATER, Lab, Peer, SOON, pause, wait};

/// The packets that are lost on each link, of a thousand.
const LOSS: u32 = 200;

/// What is said at first arrives everywhere within this time.
pub(crate) const ARRIVES: Duration = Duration::from_secs(5);

/// Peers in each of these nodes that see each other, on links that lose packets.
fn talkers(lab: &Lab, count: u32) -> Vec<Peer> {
    (1..=count).for_each(|node| drop(lab.netlab(&format!("loss {node} {LOSS}"))));
    let peers: Vec<_> = (1..=count).map(|node| lab.peer(node, &format!("peer{node}"), &[])).collect();
    wait("all see each other", LATER, || {
        peers.iter().all(|peer| peer.peers().len() == peers.len() - 1).then_some(())
    });
    peers
}

/// Says this; false: that was too fast.
pub(crate) fn says(peer: &Peer, text: &str) -> bool {
    let request = ChatRequest { text: vec![text.to_owned()] }.into();
    match peer.try_ask(&request).unwrap().pop().unwrap() {
        Reply::Done => true,
        Reply::Failed(failure) if failure.message.contains("five lines a second") => false,
        other => panic!("{text}: {other:?}"),
    }
}

/// All that it shows.
pub(crate) fn lines(peer: &Peer) -> Vec<ChatRow> {
    let replies = peer.try_ask(&ChatRequest::default().into()).unwrap_or_default();
    replies.into_iter().filter_map(|r| if let Reply::Line(row) = r { Some(row) } else { None }).collect()
}

/// The texts of the lines of each peer, in the order in which they are shown.
pub(crate) fn lines_by(peer: &Peer) -> BTreeMap<String, Vec<String>> {
    let mut by: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in lines(peer) {
        by.entry(row.name).or_default().push(row.text);
    }
    by
}

/// The texts of all lines that it shows.
pub(crate) fn texts(peer: &Peer) -> Vec<String> {
    lines(peer).into_iter().map(|row| row.text).collect()
}

#[test]
fn a_hundred_lines_of_each_of_five_peers_reach_all_once_and_in_order() {
    const LINES: usize = 100;
    let Some(lab) = Lab::of("up 5") else { return };
    let peers = talkers(&lab, 5);
    let mut said = [0; 5];
    while said.iter().any(|count| *count < LINES) {
        for (peer, count) in peers.iter().zip(&mut said) {
            if *count < LINES && says(peer, &format!("line {count}")) {
                *count += 1;
            }
        }
        // Five a second may be said.
        pause(Duration::from_millis(10));
    }
    let last = clock::now();
    let all: Vec<_> = (0..LINES).map(|n| format!("line {n}")).collect();
    let expected: BTreeMap<_, _> = peers.iter().map(|peer| (peer.name.clone(), all.clone())).collect();
    for peer in &peers {
        let left = ARRIVES.saturating_sub(clock::now().since(last));
        wait(&format!("all lines at {}", peer.name), left, || (lines_by(peer) == expected).then_some(()));
    }
    println!("all were everywhere {:?} after the last one", clock::now().since(last));
    // What is repaired later changes nothing.
    pause(ARRIVES);
    peers.iter().for_each(|peer| assert_eq!(lines_by(peer), expected, "{}", peer.name));
}

#[test]
fn what_is_said_just_before_an_exit_arrives_however_it_is_asked_for() {
    let Some(lab) = Lab::of("up 4") else { return };
    let mut peers = talkers(&lab, 3);
    let ways = [("exit", None), ("exit --now", None), ("ctrl-c", Some(Signal::INT))];
    for (n, (way, signal)) in ways.into_iter().enumerate() {
        let mut leaver = lab.peer(4, &format!("leaver{n}"), &[]);
        wait("the leaver listed", SOON, || peers.iter().all(|peer| peer.sees(&leaver)).then_some(()));
        assert!(leaver.cli(["chat", way]).status.success());
        match signal {
            Some(signal) => leaver.signal(signal),
            None => assert!(leaver.cli(way.split(' ')).status.success()),
        }
        let (_, took) = leaver.ended(SOON);
        for peer in &peers {
            wait(way, ARRIVES, || texts(peer).iter().any(|text| text == way).then_some(()));
        }
        println!("{way} right after a line took {took:?}");
    }
    // Who said nothing waits for nothing.
    let mut silent = peers.remove(2);
    silent.signal(Signal::INT);
    println!("ctrl-c after no line took {:?}", silent.ended(SOON).1);
    let lines = texts(&peers[0]);
    assert_eq!(lines, ["exit", "exit --now", "ctrl-c"]);
}

#[test]
fn lines_last_and_are_not_heard_again_after_a_restart() {
    let Some(lab) = Lab::of("up 3") else { return };
    let mut peers = talkers(&lab, 3);
    for n in 0..10 {
        wait("a line", SOON, || says(&peers[0], &format!("line {n}")).then_some(()));
    }
    let all: Vec<_> = (0..10).map(|n| format!("line {n}")).collect();
    wait("the lines", SOON, || (texts(&peers[1]) == all).then_some(()));
    for _ in 0..2 {
        peers[1].kill();
        peers[1] = lab.peer(2, "peer2", &["-v"]);
        wait("it sees all", LATER, || (peers[1].peers().len() == 2).then_some(()));
        // By now it was told of all that is in windows.
        pause(ARRIVES);
        assert_eq!(texts(&peers[1]), all);
    }
    let log = || std::fs::read_to_string(peers[1].directory.join("log")).unwrap();
    assert!(!log().contains("line 9") && !log().contains("missed"), "{}", log());
    assert!(says(&peers[2], "new"));
    wait("the new line", SOON, || (texts(&peers[1]).last()? == "new").then_some(()));
    wait("it is shown", SOON, || log().contains("peer3: new").then_some(()));
}

#[test]
fn a_line_for_one_peer_is_heard_by_it_alone_and_who_is_meant_is_told() {
    let Some(lab) = Lab::of("up 3") else { return };
    let peers = talkers(&lab, 3);
    let out = peers[0].cli(["chat", "@peer2", "it's", "between us"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let (rows, _) = wait("the line", SOON, || Some(lines(&peers[1])).filter(|rows| !rows.is_empty()));
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.text.as_str(), &row.to, row.mine), ("it's between us", &Audience::Us, false));
    assert_eq!(row.name, "peer1");
    assert_eq!(lines(&peers[2]), []);
    for (words, code) in [
        (vec!["chat", "@peer", "x"], Code::Ambiguous),
        (vec!["chat", "@nobody", "x"], Code::NotFound),
        (vec!["chat", "@peer2"], Code::Usage),
        (vec!["ignore", "nobody"], Code::NotFound),
        (vec!["unignore", "peer2"], Code::NotFound),
    ] {
        let out = peers[0].cli(&words);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code as i32), "{words:?}: {said}");
        assert!(code != Code::Ambiguous || said.contains("peer2 (") && said.contains("peer3 ("), "{said}");
    }
    // Who is ignored is not heard, and is told nothing of it.
    assert!(peers[1].cli(["ignore", "peer1"]).status.success());
    assert!(says(&peers[0], "to all") && peers[0].cli(["chat", "@peer2", "to one"]).status.success());
    wait("the others hear it", SOON, || (texts(&peers[2]) == ["to all"]).then_some(()));
    assert_eq!(texts(&peers[1]), [""; 0]);
    let shown = peers[1].cli(["chat"]);
    assert!(String::from_utf8_lossy(&shown.stdout).starts_with("ignored: peer1 ("));
}
