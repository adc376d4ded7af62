//! `send`, `accept` and `reject` as people type them: one at a prompt, the other in a script.

use std::process::Stdio;

use expectrl::Expect as _;
use potluck::control::Reply;
use rustix::process::Signal;

use crate::common::{DEADLINE, Neighbour, Peer, err, out, wait};
use crate::prompt::{ended_with, open_on, until};

/// Anna, who sends, and a peer beside her.
fn anna() -> (Neighbour, Peer) {
    let peer = Peer::new();
    let anna = Neighbour::start(peer.neighbour(), &["--name", "anna"]);
    (anna, peer)
}

fn until_anna_sees_bert(anna: &Neighbour) {
    let sees =
        || anna.peer.replies(&["peers"]).iter().any(|r| matches!(r, Reply::Peer(row) if row.name == "bert"));
    wait("she sees him", DEADLINE, || sees().then_some(()));
}

/// A file of Anna's that is in no share.
fn write(anna: &Neighbour, name: &str) -> String {
    let path = anna.peer.path().join(name);
    std::fs::write(&path, "some text").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn at_a_prompt_an_offer_is_announced_accepted_and_rejected() {
    let (anna, peer) = anna();
    let mut session = open_on(&peer, &["--name", "bert"], 120, &[("TERM", "xterm"), ("NO_COLOR", "1")]);
    until(&mut session, "potluck> ");
    until_anna_sees_bert(&anna);
    let send = |path: &str| {
        let mut command = anna.peer.command();
        command.args(["send", path, "bert"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let first = send(&write(&anna, "note.txt"));
    until(&mut session, "anna offers note.txt (1 file, 9 B): accept 1 / reject 1");
    session.send_line("offers").unwrap();
    until(&mut session, "from anna  note.txt");
    until(&mut session, "`accept 1` downloads it, `reject 1` declines it");
    session.send_line("accept").unwrap();
    until(&mut session, "saved ");
    let output = first.wait_with_output().unwrap();
    assert_eq!((output.status.code(), out(&output)), (Some(0), "bert has note.txt (1 file, 9 B)\n".into()));
    assert!(err(&output).contains("waiting for bert to accept note.txt (1 file, 9 B)"), "{}", err(&output));
    assert_eq!(std::fs::read(peer.path().join("downloads/note.txt")).unwrap(), b"some text");

    let second = send(&write(&anna, "spam.txt"));
    until(&mut session, "anna offers spam.txt (1 file, 9 B): accept 2 / reject 2");
    session.send_line("reject 2").unwrap();
    until(&mut session, "rejected spam.txt (1 file, 9 B) from anna");
    let output = second.wait_with_output().unwrap();
    assert!(
        output.status.code() == Some(1) && err(&output).ends_with("potluck: bert rejected it\n"),
        "{}",
        err(&output)
    );

    // Whoever does not wait any more takes it back.
    let third = send(&write(&anna, "late.txt"));
    until(&mut session, "anna offers late.txt (1 file, 9 B): accept 3 / reject 3");
    rustix::process::kill_process(rustix::process::Pid::from_child(&third), Signal::INT).unwrap();
    until(&mut session, "anna took back offer 3: late.txt (1 file, 9 B)");
    let output = third.wait_with_output().unwrap();
    assert!(err(&output).contains("the offer was taken back"), "{}", err(&output));
    let output = anna.peer.ask(&["send", "--text", "at 5?", "bert"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    until(&mut session, "anna (to you alone): at 5?");
    session.send_line("exit").unwrap();
    ended_with(&mut session, "0", "");
}

#[test]
fn what_cannot_be_sent_has_a_code_and_a_reason() {
    let (anna, peer) = anna();
    let _bert = Neighbour::start(peer.neighbour(), &["--name", "bert"]);
    until_anna_sees_bert(&anna);
    let file = write(&anna, "a.txt");
    std::fs::create_dir(anna.peer.path().join("other")).unwrap();
    let twin = write(&anna, "other/a.txt");
    for (words, code, why) in [
        (&["send", &file][..], 2, "send needs a file or folder, and then a peer"),
        (&["send", &file, "nobody"], 4, "no peer `nobody`"),
        (&["send", "/nowhere", "bert"], 4, "no file /nowhere"),
        (&["send", "/", "bert"], 2, "cannot be sent as a whole"),
        (&["send", "--text", "x", &file, "bert"], 2, "takes a peer and no files"),
        (&["send", "--text", "a\nb", "bert"], 2, "a text is one line"),
        (&["send", &file, "bert", "--timeout", "1s"], 6, "bert did not accept it in time"),
        (&["send", &file, &twin, "bert"], 2, "send them one after the other"),
        (&["accept"], 4, "no offer waits"),
        (&["reject", "9"], 4, "; `offers` lists those that wait"),
    ] {
        let output = anna.peer.ask(words);
        assert!(
            output.status.code() == Some(code) && err(&output).contains(why),
            "{words:?}: {}",
            err(&output)
        );
    }
}
