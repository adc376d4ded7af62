//! The prompt as a person sees it, on a pseudo-terminal.

use std::process::{Command, Stdio};

use expectrl::session::OsSession;
use expectrl::{Expect, Regex, Session};
use potluck::control::Reply;

use crate::common::{DEADLINE, Daemon, Neighbour, Peer, wait};
use crate::custody::{COPIED, DEPARTING, Files, bereave, keeper_of, until_whole};
use crate::{GIVEN, giver_of};

/// The peer in a shell that tells how it ended and how the terminal was left.
fn open(peer: &Peer) -> OsSession {
    open_with(peer, &[])
}

/// The peer in a shell, started with these flags.
pub(crate) fn open_with(peer: &Peer, flags: &[&str]) -> OsSession {
    open_on(peer, flags, 120, &[("TERM", "xterm"), ("NO_COLOR", "1")])
}

/// As [`open_with`], on a terminal of so many columns that says this of itself.
pub(crate) fn open_on(peer: &Peer, flags: &[&str], columns: u16, says: &[(&str, &str)]) -> OsSession {
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let flags = Peer::flags(flags).join(" ");
    let inner = format!("echo pid=$$=; exec {} -d {} {flags}", program.display(), peer.path().display());
    let script = format!(
        "trap : INT; stty echo; before=$(stty -g); sh -c '{inner}'; echo code=$?=; \
         test \"$before\" = \"$(stty -g)\" && echo same; stty -a; echo =end="
    );
    let mut command = Command::new("sh");
    peer.confine(&mut command).arg("-c").arg(script);
    command.envs(says.iter().copied());
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(columns, 40).unwrap();
    session.set_expect_timeout(Some(DEADLINE));
    session
}

/// Waits for `what`; returns what came before it.
pub(crate) fn until(session: &mut OsSession, what: &str) -> String {
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
    let other = peer.neighbour();
    let _other = other.daemon_with(&["--name", "peer77"]);
    let status = other.status();
    until(&mut session, &format!("peer77 joined ({}", &status.id[..8]));
    until(&mut session, "potluck> pee");
    session.send("rs\r").unwrap();
    until(&mut session, &format!("127.0.0.1:{}", status.ports[1]));
    session.send("exit\r").unwrap();
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
fn control_c_clears_what_is_half_typed() {
    let peer = Peer::new();
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    session.send("half a li").unwrap();
    until(&mut session, "half a li");
    session.send("\x03").unwrap();
    until(&mut session, "potluck> ");
    session.send("peers\r").unwrap();
    let before = until(&mut session, "no other peer is here");
    assert!(!before.contains("half"), "{before:?}");
    until(&mut session, "potluck> ");
    session.send("\x03").unwrap();
    until(&mut session, "leaving at once (Ctrl-C)");
    ended_well(&mut session);
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
        if signal == Signal::INT {
            // The line editor takes it for Ctrl-C, which clears the line first.
            until(&mut session, "potluck> ");
            rustix::process::kill_process(pid, signal).unwrap();
        }
        ended_well(&mut session);
    }
}

#[test]
fn control_c_hurries_an_exit() {
    let peer = Peer::new();
    peer.share("slow.bin", &[7].repeat(4 << 20));
    let mut session = open_with(&peer, &["--up-limit", "1K"]);
    until(&mut session, "potluck> ");
    let taker = peer.neighbour();
    let _taker = taker.daemon_with(&["--name", "taker"]);
    taker.lists(1);
    let download = taker.command().args(["download", "slow.bin"]).stderr(Stdio::null()).spawn();
    let _download = Daemon(download.unwrap());
    wait("something is sent", DEADLINE, || (!peer.status().uploads.is_empty()).then_some(()));
    session.send("exit\r").unwrap();
    until(&mut session, "leaving once taker got what is being sent; Ctrl-C leaves now");
    session.send("\x03").unwrap();
    ended_well(&mut session);
}

/// Waits for the end of the peer with this code; what it said last was `last`. All that it said.
pub(crate) fn ended_with(session: &mut OsSession, code: &str, last: &str) -> String {
    let before = until(session, &format!("code={code}="));
    assert!(before.contains(last), "{before:?}");
    assert!(until(session, "=end=").contains("same"));
    before
}

/// Panics unless `said` tells how far a departure is, by a line whose place newer ones take, with `below` under
/// each of them.
fn assert_departs(said: &str, below: &str) {
    let mut versions: Vec<&str> = said.split("leaving: ").skip(1).collect();
    let replaces = |version: &&&str| version.ends_with("\x1b[A\r\x1b[2K");
    assert!(versions.iter().filter(replaces).count() >= 1, "{said:?}");
    // Below the last one the peer says how it ended.
    versions.pop();
    for version in versions {
        let (line, rest) = version.split_once("\r\n").unwrap();
        assert!(line.contains(" copies on others") && rest.contains(below), "{version:?}");
    }
}

#[test]
fn a_departure_is_one_line_that_is_replaced() {
    for (files, code, last) in [
        (Files::Small, "0", "safe to leave: 12 of 12 files are kept by one other, all on this machine: "),
        (
            Files::SmallAndFilm,
            "9",
            "potluck: 1 of 13 files is kept by nobody else: my film (not copied by itself: 2.0 MiB; ",
        ),
    ] {
        let peer = Peer::new();
        files.share(&peer);
        let mut session = open_with(&peer, &DEPARTING);
        until(&mut session, "potluck> ");
        let _keeper = keeper_of(&peer, files);
        session.send("exit\r").unwrap();
        assert_departs(&ended_with(&mut session, code, last), "");
    }
}

#[test]
fn a_departure_that_was_asked_for_elsewhere_leaves_what_is_typed_alone() {
    let peer = Peer::new();
    Files::Small.share(&peer);
    let mut session = open_with(&peer, &DEPARTING);
    until(&mut session, "potluck> ");
    let _keeper = keeper_of(&peer, Files::Small);
    session.send("pee").unwrap();
    until(&mut session, "pee");
    assert_eq!(peer.ask(&["exit"]).status.code(), Some(0));
    let said = ended_with(&mut session, "0", "safe to leave: 12 of 12 files are kept");
    assert_departs(&said, "potluck> pee");
}

#[test]
fn bytes_of_a_file_are_not_written_at_the_prompt() {
    let peer = Peer::new();
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    session.send("cat hello.txt\r").unwrap();
    until(&mut session, "run `potluck cat` in another terminal, or in a script");
    session.send("exit\r").unwrap();
    ended_well(&mut session);
}

#[test]
fn what_is_missing_is_asked_about_above_the_prompt() {
    let peer = Peer::new();
    let _keeper = bereave(&peer);
    let mut session = open_with(&peer, &COPIED);
    until(&mut session, "12 files (600.0 KiB) that you shared are missing");
    until(&mut session, "`restore --forget` says that they were deleted");
    until(&mut session, "potluck> ");
    session.send("restore\r").unwrap();
    until(&mut session, "12 files are fetched from the peers that keep them");
    peer.lists(12);
    // Who keeps them says so again, now that they are back.
    until_whole(&peer, 12);
    session.send("exit\r").unwrap();
    ended_well(&mut session);
}

#[test]
fn a_running_download_is_seen_above_the_prompt() {
    let peer = Peer::new();
    let _giver = giver_of(&peer);
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    peer.lists(GIVEN);
    session.send("d big.bin\r").unwrap();
    until(&mut session, "[1] downloading big.bin (4.0 MiB)");
    let line = Regex(r"\[1\] big\.bin  [0-9]+% of 4\.0 MiB  [0-9.]+ [KM]iB/s  [0-9]+ s left  from giver");
    session.expect(line).unwrap();
    until(&mut session, "saved ");
    let sum = Regex(r"big\.bin: 4\.0 MiB in [0-9.]+ s \([0-9.]+ [KM]iB/s\) from giver");
    session.expect(sum).unwrap();
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
    let giver = peer.neighbour();
    giver.share("my file.txt", &[7; 1 << 10]);
    let _giver = Neighbour::start(giver, &[]);
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    peer.lists(1);
    // TAB completes the command, then a name with a space, which gets its quotes.
    session.send("li\tmy\t\r").unwrap();
    until(&mut session, "list \"my file.txt\"");
    until(&mut session, "1 file, 1.0 KiB");
    session.send("exit\r").unwrap();
    ended_well(&mut session);
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    peer.lists(1);
    session.send("\x1b[A\x1b[A\r").unwrap();
    until(&mut session, "list \"my file.txt\"");
    until(&mut session, "1 file, 1.0 KiB");
    // Between two lines the terminal itself would take the key, and nobody gets it.
    until(&mut session, "potluck> ");
    session.send("\x04").unwrap();
    ended_well(&mut session);
}

#[test]
fn people_talk_at_the_prompt() {
    let peer = Peer::new();
    let mut session = open_with(&peer, &["--name", "me"]);
    until(&mut session, "potluck> ");
    let other = peer.neighbour();
    let _other = other.daemon_with(&["--name", "peer77"]);
    until(&mut session, "peer77 joined");
    session.send("T it's \"me\"  # here\r").unwrap();
    wait("the line", DEADLINE, || {
        let is_heard = |reply| matches!(reply, Reply::Line(row) if row.text == "it's \"me\"  # here" && row.name == "me");
        other.replies(&["chat"]).into_iter().any(is_heard).then_some(())
    });
    session.send("pee").unwrap();
    until(&mut session, "pee");
    assert!(other.ask(&["chat", "hello \u{1b}[2J"]).status.success());
    let before = until(&mut session, " peer77: hello \\u{1b}[2J");
    let time = before.get(before.len().wrapping_sub(5)..).unwrap();
    assert!(time.as_bytes()[2] == b':' && time.replace(':', "").parse::<u32>().is_ok(), "{before:?}");
    until(&mut session, "potluck> pee");
    assert!(other.ask(&["chat", "@me", "psst"]).status.success());
    until(&mut session, " peer77 (to you alone): psst");
    session.send("rs\r").unwrap();
    until(&mut session, "HERE FOR");
    session.send("chat @peer77 yes?\r").unwrap();
    wait("the answer", DEADLINE, || {
        let is_heard = |reply| matches!(reply, Reply::Line(row) if row.text == "yes?");
        other.replies(&["chat"]).into_iter().any(is_heard).then_some(())
    });
    session.send("/ignore peer77\r").unwrap();
    until(&mut session, "is ignored from now on");
    session.send("chat\r").unwrap();
    let shown = until(&mut session, "ignored: peer77 (");
    assert!(
        shown.contains("you: it's \"me\"  # here") && shown.contains("you (to peer77 alone): yes?"),
        "{shown}"
    );
    assert!(!shown.contains("hello"), "{shown}");
    session.send("unignore peer77\r").unwrap();
    until(&mut session, "is heard again");
    until(&mut session, "potluck> ");
    session.send("exit\r").unwrap();
    ended_well(&mut session);
}

#[test]
fn from_whom_is_chosen_by_a_number() {
    let peer = Peer::new();
    let content = vec![7; 100_000];
    let _others = [("anna", "anna's"), ("bert", "bert's")].map(|(name, own)| {
        let other = peer.neighbour();
        std::fs::create_dir_all(other.path().join("shared")).unwrap();
        std::fs::write(other.path().join("shared/same"), &content).unwrap();
        std::fs::write(other.path().join("shared/own"), own).unwrap();
        let daemon = other.daemon_with(&["--name", name]);
        (other, daemon)
    });
    let mut session = open(&peer);
    until(&mut session, "potluck> ");
    until_listed(&peer, "own", 2);
    until_listed(&peer, "same", 1);
    session.send("download same ?\r").unwrap();
    let shown = until(&mut session, "say a number to download it from that peer alone");
    assert!(shown.contains("anna") && shown.contains("bert") && shown.contains("SPEED SEEN"), "{shown}");
    session.send("3\r").unwrap();
    until(&mut session, "say a number from 1 to 2");
    session.send("2\r").unwrap();
    until(&mut session, "downloads/same");
    // One name with two contents is a choice of a content.
    session.send("download own\r").unwrap();
    until(&mut session, "has 2 different contents");
    let shown = until(&mut session, "say a number to download that content");
    assert!(shown.contains("anna") && shown.contains("bert"), "{shown}");
    session.send("1\r").unwrap();
    until(&mut session, "downloads/own");
    // What several have says who they are.
    std::fs::remove_file(peer.path().join("downloads/same")).unwrap();
    session.send("download same\r").unwrap();
    let shown = until(&mut session, "downloads/same");
    assert!(shown.contains("anna (") && shown.contains("bert (") && shown.contains("shared for"), "{shown}");
    session.send("exit\r").unwrap();
    ended_well(&mut session);
}

/// Waits until `peer` lists so many contents at that path, each with all its holders.
fn until_listed(peer: &Peer, path: &str, contents: usize) {
    wait("it is listed", DEADLINE, || {
        let rows = peer.replies(&["list"]).into_iter();
        let copies: Vec<u64> = rows
            .filter_map(|reply| match reply {
                Reply::File(row) if row.path == path => Some(row.peers.len() as u64),
                _ => None,
            })
            .collect();
        (copies.len() == contents && copies.iter().sum::<u64>() == 2).then_some(())
    });
}
