//! Ways in which a command fails: each with its sentence for people, and its object for programs.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::common::{Neighbour, Peer, err, out};

/// What is typed, the exit code, the word for it, and what is said.
type Failing<'a> = (&'a [&'a str], i32, &'a str, &'a str);

/// The last object of an answer.
fn last(output: &Output) -> Value {
    serde_json::from_str(out(output).lines().last().unwrap_or("null")).unwrap()
}

/// Types each, for people and for programs.
fn check(peer: &Peer, all: &[Failing<'_>]) {
    for (words, code, kind, said) in all {
        let output = peer.ask(words);
        assert_eq!(output.status.code(), Some(*code), "{words:?}: {}", err(&output));
        assert!(err(&output).contains(said), "{words:?}: {}", err(&output));
        let output = peer.ask(&[&["--json"][..], words].concat());
        let object = last(&output);
        let facts = [&object["version"], &object["reply"], &object["kind"], &object["code"]];
        let wanted = [1.into(), "failed".into(), Value::from(*kind), Value::from(*code)];
        assert_eq!(facts.map(Clone::clone), wanted, "{words:?}: {object}");
        assert_eq!(output.status.code(), Some(*code), "{words:?}");
        assert!(object["message"].as_str().unwrap().contains(said), "{words:?}: {object}");
        assert!(
            object["command"] == words[0] || words[0].starts_with('-') || object["command"].is_null(),
            "{object}"
        );
    }
}

#[test]
fn what_is_asked_of_a_peer_fails_as_the_table_says() {
    let peer = Peer::new();
    let giver = peer.neighbour();
    giver.share("report.txt", b"report");
    giver.share("photos/one.png", b"one");
    giver.share("photos/two.png", b"two");
    let other = peer.neighbour();
    other.share("photos/one.png", b"another one");
    other.share("REPORT.txt", b"another report");
    let _giver = Neighbour::start(giver, &["--name", "giver"]);
    let _other = Neighbour::start(other, &["--name", "other"]);
    let _daemon = peer.daemon();
    peer.lists(5);
    check(
        &peer,
        &[
            (&["list", "nosuch"], 4, "not_found", "nothing matches `nosuch`; `list` shows everything"),
            (&["list", "--from", "nobody"], 4, "not_found", "no peer `nobody`; "),
            (&["download", "nosuch"], 4, "not_found", "nosuch"),
            (&["download", "../x"], 4, "not_found", "is not the path of a shared file: "),
            (&["download", "b3:0000"], 4, "not_found", "nobody here shares a file with the id b3:"),
            (
                &["download", "b3:0"],
                2,
                "usage",
                "64 hexadecimal digits of a file id; a path that begins so is typed as `./b3:",
            ),
            (
                &["download", "report.txt", "--exclude", "report.txt"],
                4,
                "not_found",
                "--exclude leaves out all that was asked for",
            ),
            (&["holders", "photos"], 4, "not_found", "is a folder: say which file in it"),
            (
                &["copies", "2", "report.txt"],
                4,
                "not_found",
                "is no file that this peer shares; see `list --mine`",
            ),
            (&["unignore", "nobody"], 4, "not_found", "is ignored; see `chat`"),
            (&["unshare", "nothing"], 4, "not_found", "no share `nothing`; "),
            (
                &["identity", "new"],
                8,
                "already_runs",
                "a peer runs here with this key: end it first (`potluck exit`)",
            ),
            (
                &["--daemon", "list"],
                2,
                "usage",
                "--daemon is for a peer that is started: it means nothing with a command",
            ),
            (&["chat", ""], 2, "usage", "there is nothing to be said"),
            (&["chat", "@giver"], 2, "usage", "what is to be said to it? `chat @PEER TEXT`"),
            (&["download", "Report.TXT"], 5, "ambiguous", ": type it so"),
            (&["download", "photos"], 5, "ambiguous", "is not the same folder everywhere: "),
            (&["--name", "x"], 8, "already_runs", "a peer already runs in "),
            (&["first", "all"], 2, "usage", "only one download can be first; `queue` shows their numbers"),
            (&["frobnicate"], 2, "usage", "unknown command `frobnicate`"),
            (&["download"], 2, "usage", "<FILE> is missing"),
        ],
    );
}

#[test]
fn what_asks_no_peer_fails_as_the_table_says() {
    let peer = Peer::new();
    fs::write(peer.path().join("short.key"), b"short").unwrap();
    let [absent, short] =
        ["absent.key", "short.key"].map(|name| peer.path().join(name).display().to_string());
    check(
        &peer,
        &[
            (&["list"], 3, "no_peer", "no peer runs in "),
            (&["identity", "import", &absent], 4, "not_found", "no file "),
            (&["identity", "import", &short], 1, "failed", "is no exported key: it has 5 bytes, not 32"),
            (&["config", "set", "lend", "ten"], 2, "usage", "`lend`: "),
            (&["list", "-C", &absent], 2, "usage", ": make it first"),
            (&["--name", &"a".repeat(52)], 2, "usage", "; choose another one"),
            (&["list", "-C", &short], 2, "usage", " is no folder"),
            (&["man", "lst"], 2, "usage", "unknown command `lst`; did you mean `list`?"),
            (&["man", "--to", &short], 1, "failed", "the manual pages cannot be written: "),
        ],
    );
}

#[test]
fn where_a_file_lies_in_the_place_of_its_folder_no_peer_starts() {
    let peer = Peer::new();
    fs::write(peer.path().join(".potluck"), "no folder").unwrap();
    let said = format!("the folder {}/.potluck cannot be used: ", peer.path().display());
    let output = peer.start(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains(&said), "{}", err(&output));
    check(
        &peer,
        &[
            (&["identity", "new"], 1, "failed", said.as_str()),
            (&["status"], 1, "failed", " cannot be asked: "),
        ],
    );
}

#[test]
fn what_is_no_line_in_a_pipe_ends_it() {
    for (input, said) in [
        (b"status\n\xff\xfe\n".to_vec(), "a line of the input is not UTF-8"),
        (vec![b'x'; 2 << 20], "a line of the input is too long"),
    ] {
        let peer = Peer::new();
        let mut child = peer.start(&["--json"]);
        let child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        // The peer may hang up before it took everything.
        drop(child.stdin.take().unwrap().write_all(&input));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", err(&output));
        assert!(err(&output).contains(said), "{}", err(&output));
        assert_eq!(last(&output)["kind"], "usage", "{}", out(&output));
    }
}
