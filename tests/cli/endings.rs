//! How downloads end, as people and scripts read it.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;

use expectrl::Expect as _;
use expectrl::session::OsSession;

use crate::common::{DEADLINE, Neighbour, Peer, err, out, wait};
use crate::plain::plain;
use crate::prompt::{ended_with, open_on, until};

/// Files of `many/`: more than are named one by one.
const MANY: usize = 25;

/// Bytes of a chunk: less than that is not known to be good.
const CHUNK: u64 = 1 << 20;

/// A neighbour of `peer` who gives a folder of many files, a small file, and a large one in two seconds.
fn giver_of_many(peer: &Peer) -> Neighbour {
    let giver = peer.neighbour();
    for n in 0..MANY {
        giver.share(&format!("many/{n:02}"), format!("file {n}").as_bytes());
    }
    giver.share("notes.txt", b"notes");
    giver.share("big.bin", &[7].repeat(4 << 20));
    Neighbour::start(giver, &["--name", "giver", "--up-limit", "2MiB"])
}

/// Without what differs from run to run: where the peer lies, times, speeds, and how far something was.
fn masked(line: &str, peer: &Peer) -> String {
    let line = line.replace(&peer.path().display().to_string(), "FOLDER").replace("potluck> ", "");
    let mut words: Vec<String> = Vec::new();
    for word in line.trim_end().split(' ') {
        let is_number = |word: &String| word.starts_with(|c: char| c.is_ascii_digit());
        let before = words.last().cloned().unwrap_or_default();
        if word.ends_with("B/s)") {
            // Too short a time has no speed.
            words.pop();
        } else if (word == "s" || word.starts_with("s,")) && is_number(&before) {
            words.pop();
            words.extend(["N".to_owned(), word.to_owned()]);
        } else if let Some(percent) = word.strip_suffix('%').filter(|digits| digits.parse::<u8>().is_ok()) {
            words.push(word.replace(percent, "P"));
        } else if before == "MiB" && (word == "had" || (word == "in" && line.contains("stopped"))) {
            words.truncate(words.len() - 2);
            words.extend(["SIZE", word].map(str::to_owned));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

/// Types a line, and waits for a line that contains `part`; the same without what differs from run to run.
fn line_after(session: &mut OsSession, peer: &Peer, typed: &str, part: &str) -> String {
    session.send(format!("{typed}\r")).unwrap();
    let before = plain(&until(session, part));
    let rest = plain(&until(session, "\n"));
    masked(&format!("{}{part}{rest}", before.rsplit('\n').next().unwrap()), peer)
}

/// All kinds of endings, on a terminal of so many columns.
fn endings_on(columns: u16) -> String {
    let peer = Peer::new();
    let _giver = giver_of_many(&peer);
    let mut session = open_on(&peer, &[], columns, &[("TERM", "xterm"), ("NO_COLOR", "1")]);
    until(&mut session, "potluck> ");
    peer.lists(MANY + 2);
    let mut log = String::new();
    let mut note = |what: &str, line: String| writeln!(log, "{what}\n  {line}").unwrap();
    note("begun", line_after(&mut session, &peer, "d many", "downloading"));
    let rest = until(&mut session, "done:");
    assert!(!rest.contains("saved FOLDER"), "{rest}");
    let end = plain(&until(&mut session, "\n"));
    note("many files", masked(&format!("done:{end}"), &peer));
    note("all there", line_after(&mut session, &peer, "d many", "done:"));
    for n in ["03", "14", "15"] {
        std::fs::remove_file(peer.path().join("downloads/many").join(n)).unwrap();
    }
    note("some there", line_after(&mut session, &peer, "d many", "done:"));
    note("one file", line_after(&mut session, &peer, "d notes.txt", "saved "));
    note("one that is there", line_after(&mut session, &peer, "d notes.txt", "already have"));
    line_after(&mut session, &peer, "d big.bin", "downloading");
    wait("a chunk", DEADLINE, || peer.status().downloads.first().filter(|row| row.done >= CHUNK).map(drop));
    note("stopped", line_after(&mut session, &peer, "cancel 6", "stopped"));
    note("resumed", line_after(&mut session, &peer, "d big.bin", "saved "));
    let many = peer.path().join("downloads/many");
    std::fs::remove_dir_all(&many).unwrap();
    symlink("/tmp", &many).unwrap();
    note("failed", line_after(&mut session, &peer, "d many", "failed:"));
    note("why", masked(plain(&until(&mut session, "\n")).trim(), &peer));
    session.send("exit\r").unwrap();
    ended_with(&mut session, "0", "");
    log
}

#[test]
fn each_kind_of_ending_is_as_it_was_on_every_terminal() {
    let [narrow, wide] = [80, 200].map(endings_on);
    assert_eq!(narrow, wide);
    insta::assert_snapshot!(wide, @r"
    begun
      [1] downloading many (165 B, 25 files)
    many files
      done: 25 files, 165 B in N s from giver, saved in FOLDER/downloads/
    all there
      [2] done: 25 files, all of them were in FOLDER/downloads/ already
    some there
      [3] done: 3 files, 20 B in N s from giver, saved in FOLDER/downloads/; 22 were there already
    one file
      saved FOLDER/downloads/notes.txt: 5 B in N s from giver
    one that is there
      already have FOLDER/downloads/notes.txt
    stopped
      [6] stopped big.bin at P% of 4.0 MiB, SIZE in N s from giver; the same command resumes it
    resumed
      saved FOLDER/downloads/big.bin: 4.0 MiB in N s from giver; SIZE had come before
    failed
      [8] failed: none of 25 files came
    why
      25 failed: many/00 and 24 more: FOLDER/downloads/many is a link, and downloads follow none: move it away, or choose another folder with --to
    ");
}

#[test]
fn a_script_reads_what_a_download_was_and_whether_all_came() {
    let peer = Peer::new();
    let _giver = giver_of_many(&peer);
    let _daemon = peer.daemon();
    peer.lists(MANY + 2);
    let first = peer.ask(&["download", "many"]);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    assert_eq!(out(&first).lines().filter(|line| line.starts_with("saved ")).count(), MANY);
    let last = err(&first).lines().last().unwrap().to_owned();
    assert!(last.starts_with(&format!("done: {MANY} files, 165 B in ")), "{last}");
    assert!(last.contains(" from giver, saved in ") && last.ends_with("downloads/"), "{last}");
    // One file is one line.
    let one = peer.ask(&["download", "notes.txt"]);
    assert_eq!(out(&one).lines().count(), 1, "{}", out(&one));
    assert!(out(&one).contains("notes.txt: 5 B in ") && out(&one).ends_with("from giver\n"), "{}", out(&one));
    assert!(!err(&one).contains("done:"), "{}", err(&one));
    let sum = |words: &[&str]| {
        let output = peer.ask(words);
        let last: serde_json::Value = serde_json::from_str(out(&output).lines().last().unwrap()).unwrap();
        assert_eq!(last["reply"], "download_sum", "{last}");
        (output.status.code().unwrap(), last)
    };
    let (code, again) = sum(&["download", "many", "--json"]);
    assert_eq!((code, &again["outcome"], &again["already_there"]), (0, &"done".into(), &MANY.into()));
    assert_eq!((&again["saved"], &again["fetched"], &again["from_count"]), (&0.into(), &0.into(), &0.into()));
    let many = peer.path().join("downloads/many");
    std::fs::remove_dir_all(&many).unwrap();
    symlink("/tmp", &many).unwrap();
    let (code, failed) = sum(&["download", "many", "--json"]);
    assert_eq!((code, &failed["outcome"], &failed["failed"]), (1, &"incomplete".into(), &MANY.into()));
    let failures = failed["failures"].as_array().unwrap();
    assert_eq!((failures.len(), &failures[0]["count"]), (1, &MANY.into()), "{failed}");
    assert!(failures[0]["path"].as_str().unwrap().starts_with("many/"), "{failed}");
}

#[test]
fn a_dumb_terminal_gets_lines_and_nothing_else() {
    let peer = Peer::new();
    let _giver = giver_of_many(&peer);
    let mut session = open_on(&peer, &[], 80, &[("TERM", "dumb")]);
    let mut all = until(&mut session, "potluck> ");
    peer.lists(MANY + 2);
    session.send("d big.bin\r").unwrap();
    all += &until(&mut session, "big.bin: 4.0 MiB in ");
    session.send("exit\r").unwrap();
    all += &ended_with(&mut session, "0", "");
    assert!(!all.contains('\x1b') && !all.contains("% of"), "{all:?}");
}

#[test]
fn colours_are_left_out_where_nobody_wants_them() {
    for (no_color, is_colored) in [("1", false), ("", true)] {
        let peer = Peer::new();
        let mut session = open_on(&peer, &[], 80, &[("TERM", "xterm"), ("NO_COLOR", no_color)]);
        let mut all = until(&mut session, "potluck> ");
        session.send("frobnicate\r").unwrap();
        all += &until(&mut session, "unknown command `frobnicate`; `help` lists the commands");
        session.send("exit\r").unwrap();
        all += &ended_with(&mut session, "0", "");
        let colored = ["\x1b[1m", "\x1b[2m", "\x1b[31m"].map(|code| all.contains(code));
        assert_eq!(colored, [is_colored; 3], "{all:?}");
    }
}
