//! The command `group` and `--group-file`, as people and scripts use them.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use expectrl::{Expect, Session};

use crate::common::{DEADLINE, Peer, err, out};

const PASSPHRASE: &str = "k7qd-m3xw-9hpa-r2tc-vbn4-eyz8-fj6s";

/// `group` and these words, in the directory of a peer, with this on standard input.
fn group(peer: &Peer, words: &[&str], input: &str) -> Output {
    let mut command = peer.command();
    command.arg("group").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    match child.stdin.take().unwrap().write_all(input.as_bytes()) {
        // It needs no more to refuse it.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    child.wait_with_output().unwrap()
}

#[test]
fn what_is_no_group_is_refused_with_what_to_do_and_never_repeated() {
    let peer = Peer::new();
    for (input, why) in [
        ("office\nsesame open\n", "too short"),
        ("office\n", "has 1"),
        ("", "has 0"),
        ("office\nsesame open sesame open\nmore\n", "third line"),
        (&"x".repeat(5_000), "too long"),
    ] {
        let output = group(&peer, &["join"], input);
        assert_eq!(output.status.code(), Some(2), "{input:?}: {}", err(&output));
        assert!(err(&output).contains(why), "{input:?}: {}", err(&output));
        assert!(!err(&output).contains("sesame"), "{}", err(&output));
    }
    assert_eq!(group(&peer, &["new", " "], "").status.code(), Some(2));
    assert!(out(&group(&peer, &[], "")).starts_with("in no group"));
    assert!(out(&group(&peer, &["leave"], "")).starts_with("in no group"));
    // What is remembered is not forgotten for another one.
    assert!(group(&peer, &["new", "office"], "").status.success());
    let again = group(&peer, &["join"], &format!("home\n{PASSPHRASE}\n"));
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains("already: `potluck group leave` first"), "{}", err(&again));
}

#[test]
fn a_group_file_that_others_read_or_that_is_none_starts_no_peer() {
    let peer = Peer::new();
    let file = peer.path().join("words");
    fs::write(&file, format!("office\n{PASSPHRASE}\n")).unwrap();
    let start = |mode| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        peer.start(&["--group-file", file.to_str().unwrap()]).output().unwrap()
    };
    let open = start(0o640);
    assert_eq!(open.status.code(), Some(2));
    assert!(err(&open).contains("chmod 600") && !err(&open).contains("k7qd"), "{}", err(&open));
    fs::write(&file, "office\n").unwrap();
    assert_eq!(start(0o600).status.code(), Some(2));
    let variable = |text: &str| peer.start(&[]).env("POTLUCK_GROUP", text).output().unwrap();
    let short = variable("office\nsesame");
    assert_eq!(short.status.code(), Some(2));
    assert!(err(&short).contains("POTLUCK_GROUP") && !err(&short).contains("sesame"), "{}", err(&short));
    // A group that was remembered and cannot be read starts none either: nothing is shown to everyone by
    // mistake.
    fs::write(peer.path().join(".potluck/group"), "damaged").unwrap();
    let damaged = peer.start(&[]).output().unwrap();
    assert_eq!(damaged.status.code(), Some(1));
    assert!(err(&damaged).contains("group leave"), "{}", err(&damaged));
}

#[test]
fn a_passphrase_that_is_typed_is_not_shown() {
    let peer = Peer::new();
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let mut command = Command::new("sh");
    let script = format!(
        "before=$(stty -g); {} -d {} group join; echo code=$?=; test \"$before\" = \"$(stty -g)\" && echo same=",
        program.display(),
        peer.path().display()
    );
    peer.confine(&mut command).arg("-c").arg(script);
    let mut session = Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(DEADLINE));
    session.expect("Name of the group: ").unwrap();
    session.send("office\r").unwrap();
    session.expect("Passphrase (not shown): ").unwrap();
    session.send(format!("wrong\u{15}{PASSPHRASE}\r")).unwrap();
    let found = session.expect("code=0=").unwrap();
    let shown = String::from_utf8_lossy(found.before()).into_owned();
    assert!(shown.contains("in the group office now") && !shown.contains("k7qd"), "{shown}");
    session.expect("same=").unwrap();
    assert!(out(&group(&peer, &["show"], "")).contains(PASSPHRASE));
}

#[test]
fn a_name_that_is_not_utf_8_is_not_taken_from_a_terminal() {
    let peer = Peer::new();
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let mut command = Command::new("sh");
    let script = format!("{} -d {} group join; echo code=$?=", program.display(), peer.path().display());
    peer.confine(&mut command).arg("-c").arg(script);
    let mut session = Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(DEADLINE));
    session.expect("Name of the group: ").unwrap();
    session.send(b"\xff\r").unwrap();
    let found = session.expect("code=1=").unwrap();
    let shown = String::from_utf8_lossy(found.before()).into_owned();
    assert!(shown.contains("the terminal cannot be used: stream did not contain valid UTF-8"), "{shown}");
    assert!(!peer.path().join(".potluck/group").exists());
}
