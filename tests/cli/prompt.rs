//! The prompt as a person sees it, on a pseudo-terminal.

use std::process::Command;

use expectrl::session::OsSession;
use expectrl::{Expect, Regex, Session};

use crate::common::{DEADLINE, Peer};

/// The peer in a shell that tells how it ended and how the terminal was left.
fn open(peer: &Peer) -> OsSession {
    open_with(peer, &[])
}

/// The peer in a shell, started with these flags.
fn open_with(peer: &Peer, flags: &[&str]) -> OsSession {
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let flags = flags.join(" ");
    let inner = format!("echo pid=$$=; exec {} -d {} {flags}", program.display(), peer.path().display());
    let script = format!(
        "trap : INT; stty echo; before=$(stty -g); sh -c '{inner}'; echo code=$?=; \
         test \"$before\" = \"$(stty -g)\" && echo same; stty -a; echo =end="
    );
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).env("POTLUCK_FAKE", "1").env("POTLUCK_INTERFACE", "lo");
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(120, 40).unwrap();
    session.set_expect_timeout(Some(DEADLINE));
    session
}

/// Waits for `what`; returns what came before it.
fn until(session: &mut OsSession, what: &str) -> String {
    let found = session.expect(what).unwrap_or_else(|e| panic!("no {what:?}: {e}"));
    String::from_utf8_lossy(found.before()).into_owned()
}

/// Waits for the end of the peer: its code is 0 and the terminal is as it was.
fn ended_well(session: &mut OsSession) {
    let found = session.expect(Regex("code=(-?[0-9]+)=")).unwrap();
    let code = String::from_utf8_lossy(found.get(1).unwrap()).into_owned();
    let modes = until(session, "=end=");
    assert_eq!(code, "0", "{modes}");
    assert!(modes.contains("same"), "the terminal is not as it was: {modes}");
}

fn pid(session: &mut OsSession) -> rustix::process::Pid {
    let found = session.expect(Regex("pid=([0-9]+)=")).unwrap();
    let pid: i32 = String::from_utf8_lossy(found.get(1).unwrap()).parse().unwrap();
    rustix::process::Pid::from_raw(pid).unwrap()
}

#[test]
fn a_message_appears_above_what_is_being_typed() {
    let peer = Peer::new();
    let mut session = open(&peer);
    assert!(until(&mut session, "potluck> ").contains("everyone on this network sees shared/"));
    session.send("pee").unwrap();
    until(&mut session, "pee");
    assert_eq!(peer.ask(&["cancel", "77"]).status.code(), Some(0));
    until(&mut session, "peer77 is here (abcdefgh)");
    until(&mut session, "potluck> pee");
    session.send("rs\r").unwrap();
    until(&mut session, "127.0.0.1:2002");
    session.send("exit\r").unwrap();
    until(&mut session, "left");
    ended_well(&mut session);
}

#[test]
fn control_c_and_control_d_leave() {
    for key in ["\x03", "\x04"] {
        let peer = Peer::new();
        let mut session = open(&peer);
        until(&mut session, "potluck> ");
        session.send(key).unwrap();
        ended_well(&mut session);
    }
}

#[test]
fn a_signal_gives_the_terminal_back() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let peer = Peer::new();
        let mut session = open(&peer);
        let pid = pid(&mut session);
        until(&mut session, "potluck> ");
        session.send("half a li").unwrap();
        until(&mut session, "half a li");
        rustix::process::kill_process(pid, signal).unwrap();
        ended_well(&mut session);
    }
}

#[test]
fn control_c_hurries_an_exit() {
    let peer = Peer::new();
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    session.send("download slow.bin\r").unwrap();
    until(&mut session, "1: fetching slow.bin (100.0 MiB)");
    session.send("exit\r").unwrap();
    until(&mut session, "still sending to peer2");
    session.send("\x03").unwrap();
    ended_well(&mut session);
}

/// Waits for the end of the peer with this code; what it said last was `last`.
fn ended_with(session: &mut OsSession, code: &str, last: &str) {
    let before = until(session, &format!("code={code}="));
    assert!(before.contains(last), "{before:?}");
    assert!(until(session, "=end=").contains("same"));
}

#[test]
fn a_departure_is_one_line_that_is_replaced() {
    for (name, code, last) in [
        ("kept", "0", "safe to leave: 12 of 12 files are kept, 3 of them by one other: "),
        (
            "alone",
            "9",
            "potluck: 1 of 12 files is kept by nobody else: my film (not copied by itself: 2.0 GiB; ",
        ),
    ] {
        let peer = Peer::new();
        let mut session = open_with(&peer, &["--name", name]);
        until(&mut session, "potluck> ");
        session.send("exit\r").unwrap();
        until(&mut session, "leaving: 4 of 12 files have their copies on others, 8.0 MiB to go\r\n");
        until(
            &mut session,
            "\x1b[A\r\x1b[2Kleaving: 8 of 12 files have their copies on others, 4.0 MiB to go\r\n",
        );
        ended_with(&mut session, code, last);
    }
}

#[test]
fn a_departure_that_was_asked_for_elsewhere_leaves_what_is_typed_alone() {
    let peer = Peer::new();
    let mut session = open_with(&peer, &["--name", "kept"]);
    until(&mut session, "potluck> ");
    session.send("pee").unwrap();
    until(&mut session, "pee");
    assert_eq!(peer.ask(&["exit"]).status.code(), Some(0));
    until(&mut session, "leaving: 4 of 12 files");
    until(&mut session, "potluck> pee");
    until(&mut session, "\x1b[A\r\x1b[2Kleaving: 8 of 12 files");
    until(&mut session, "potluck> pee");
    ended_with(&mut session, "0", "safe to leave: 12 of 12 files are kept");
}

#[test]
fn what_is_missing_is_asked_about_above_the_prompt() {
    let peer = Peer::new();
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    session.send("restore\r").unwrap();
    until(&mut session, "12 files (3.4 MiB) that you shared are missing");
    until(&mut session, "`restore --forget` says that they were deleted");
    session.send("exit\r").unwrap();
    ended_well(&mut session);
}

#[test]
fn a_running_download_is_seen_above_the_prompt() {
    let peer = Peer::new();
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    session.send("d big.bin\r").unwrap();
    until(&mut session, "1: fetching big.bin");
    let found = session.expect(Regex(r"1: big\.bin ([0-9]+) % of 100\.0 MiB, 50\.0 MiB/s, 2 s left"));
    found.unwrap();
    until(&mut session, "saved ");
    // The line above the prompt is empty now: what became of the download was said.
    session.send("status\r").unwrap();
    let after = until(&mut session, "network   open");
    assert!(!after.contains("downloads are done"), "{after:?}");
    session.send("exit\r").unwrap();
    ended_well(&mut session);
}

#[test]
fn history_and_completion_save_typing() {
    let peer = Peer::new();
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    // TAB completes the command, then a name with a space, which gets its quotes.
    session.send("li\tmy\t\r").unwrap();
    until(&mut session, "list \"my file.txt\"");
    until(&mut session, "1 file, 1.0 MiB");
    session.send("exit\r").unwrap();
    ended_well(&mut session);
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    session.send("\x1b[A\x1b[A\r").unwrap();
    until(&mut session, "list \"my file.txt\"");
    until(&mut session, "1 file, 1.0 MiB");
    // Between two lines the terminal itself would take the key, and nobody gets it.
    until(&mut session, "potluck> ");
    session.send("\x04").unwrap();
    ended_well(&mut session);
}
