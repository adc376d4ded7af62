//! The command line as scripts see it: pipes, one-shot commands, exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod prompt;

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

use common::{Daemon, Peer, err, out};

/// Runs the peer with `input` on its standard input.
fn piped(peer: &Peer, arguments: &[&str], input: &str) -> Output {
    let mut command = peer.command();
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn commands_from_a_pipe_run_in_order_without_junk() {
    let peer = Peer::new();
    let output = piped(&peer, &[], "# a comment\nlist\nfrobnicate\ndownload big.bin\npeers\n");
    let (out, err) = (out(&output), err(&output));
    assert_eq!(output.status.code(), Some(2), "{err}");
    let at = |what: &str| out.find(what).unwrap_or_else(|| panic!("{what} is not in {out}"));
    assert!(at("evil\\u{1b}]0;x\\u{7}\\u{202e}.txt") < at("saved") && at("saved") < at("127.0.0.1:2002"));
    for text in [&out, &err] {
        assert!(!text.contains(['\x1b', '\r']), "{text:?}");
    }
    assert!(err.contains("potluck: no command `frobnicate`"), "{err}");
    // Two seconds of work: the first line at once, then one a second.
    let progress = err.lines().filter(|line| line.contains(" % of ")).count();
    assert!((1..=4).contains(&progress), "{err}");
}

#[test]
fn the_end_of_a_pipe_leaves_and_nothing_is_left_behind() {
    let peer = Peer::new();
    let output = piped(&peer, &[], "status\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("network   open"), "{}", out(&output));
    assert!(!peer.path().join(".potluck/control.sock").exists());
    // The folder is free again.
    assert_eq!(piped(&peer, &[], "exit\n").status.code(), Some(0));
}

#[test]
fn json_is_one_object_a_line() {
    let peer = Peer::new();
    let output = piped(&peer, &[], "list --json\ndownload nothing --json\n");
    assert_eq!(output.status.code(), Some(4));
    let lines: Vec<serde_json::Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[1]["path"], "evil\u{1b}]0;x\u{7}\u{202e}.txt");
    assert_eq!((&lines[4]["reply"], &lines[4]["code"]), (&"failed".into(), &"not_found".into()));
    assert!(!out(&output).contains(['\u{1b}', '\u{202e}', '\u{7}']));
}

#[test]
fn one_shot_commands_have_the_codes_of_their_causes() {
    let peer = Peer::new();
    let alone = peer.ask(&["list"]);
    assert_eq!(alone.status.code(), Some(3));
    assert!(err(&alone).starts_with("potluck: no peer runs in "), "{}", err(&alone));
    assert_eq!(err(&alone).lines().count(), 1);
    let daemon = peer.daemon();
    for (words, code) in [
        (&["list"][..], 0),
        (&["peers"], 0),
        (&["download", "report.txt"], 0),
        (&["download", "big.bin", "--no-wait"], 0),
        (&["download", "nothing"], 4),
        (&["download", "notes.txt"], 5),
        (&["download", "full"], 7),
        (&["download"], 2),
        (&["frobnicate"], 2),
        (&["list", "--daemon"], 2),
        (&["--daemon"], 8),
        (&["identity", "new"], 8),
    ] {
        let output = peer.ask(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", err(&output));
        let complaints = err(&output).lines().filter(|line| line.starts_with("potluck: ")).count();
        assert_eq!(complaints, usize::from(code != 0), "{words:?}: {}", err(&output));
    }
    let row = out(&peer.ask(&["peers", "--json"]));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&row).unwrap()["name"], "peer2-ab");
    assert_eq!(peer.ask(&["exit", "--now"]).status.code(), Some(0));
    // The socket is gone when `exit` returns, so the next one finds no peer.
    assert_eq!(peer.ask(&["status"]).status.code(), Some(3));
    let mut daemon = daemon;
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
}

/// Ends the daemon by a signal, that was started with this in the shell before it.
fn signalled(before: &str, signal: rustix::process::Signal) -> Option<i32> {
    let peer = Peer::new();
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let script = format!("{before}; exec {} -d {} --daemon", program.display(), peer.path().display());
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).env("POTLUCK_FAKE", "1").env("POTLUCK_INTERFACE", "lo");
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    peer.wait_until_it_answers();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
    if before.contains("HUP") {
        assert_eq!(peer.ask(&["status"]).status.code(), Some(0), "it ended");
        assert_eq!(peer.ask(&["exit", "--now"]).status.code(), Some(0));
    }
    child.wait().unwrap().code()
}

#[test]
fn signals_leave_well_from_a_script_and_nohup_is_obeyed() {
    use rustix::process::Signal;
    // What `potluck --daemon &` does in a script: SIGINT is ignored from the start.
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        assert_eq!(signalled("trap '' INT QUIT", signal), Some(0), "{signal:?}");
    }
    assert_eq!(signalled("trap '' HUP", Signal::HUP), Some(0));
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = peer.command().arg("list").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("standard output"), "{}", err(&output));
}

#[test]
fn to_is_relative_to_where_it_was_typed() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().canonicalize().unwrap();
    let mut command = peer.command();
    let output = command.args(["download", "report.txt", "--to", "sub", "--json"]).current_dir(&elsewhere);
    let text = out(&output.output().unwrap());
    assert!(text.contains(elsewhere.join("sub/report.txt").to_str().unwrap()), "{text}");
}

#[test]
fn a_crash_leaves_a_socket_that_the_next_start_replaces() {
    let peer = Peer::new();
    let mut daemon = peer.daemon();
    let socket = peer.path().join(".potluck/control.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(socket.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    daemon.0.kill().unwrap();
    daemon.0.wait().unwrap();
    assert!(socket.exists());
    assert_eq!(peer.ask(&["status"]).status.code(), Some(3));
    let _again = peer.daemon();
}

#[test]
fn a_deep_folder_is_no_obstacle() {
    let peer = Peer::new();
    let deep = peer.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let command = || {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
        command.env("POTLUCK_FAKE", "1").stdin(Stdio::null()).arg("-d").arg(&deep);
        command
    };
    let _daemon = Daemon(command().arg("--daemon").spawn().unwrap());
    // A short name leads to the peer, too.
    let short = tempfile::tempdir().unwrap();
    symlink(&deep, short.path().join("s")).unwrap();
    let start = potluck::sys::clock::now();
    while command().arg("status").output().unwrap().status.code() != Some(0) {
        assert!(potluck::sys::clock::now().since(start) < common::DEADLINE);
    }
    let mut status = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
    let status = status.arg("-d").arg(short.path().join("s")).arg("status").output().unwrap();
    assert_eq!(status.status.code(), Some(0), "{}", err(&status));
}

#[test]
fn junk_on_the_socket_is_answered_and_harms_nobody() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let socket = peer.path().join(".potluck/control.sock");
    let talk = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(common::DEADLINE)).unwrap();
        // The peer may hang up before it took everything.
        drop(stream.write_all(bytes));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        answer
    };
    assert!(talk(b"{}\n").contains("does not know this command"));
    assert!(talk(b"{\"version\":9,\"command\":\"x\"}\n").contains("version 1"));
    assert!(talk(b"{\"version\":1,\"command\":\"peers\",\"new\":1}\n").ends_with("{\"reply\":\"done\"}\n"));
    for junk in [&b"\n"[..], b"\xff\xfe\n", b"half", &[b'['; 100_000], &vec![b'x'; (1 << 20) + 9]] {
        drop(talk(junk));
    }
    // 40 who connect and say nothing: the 33rd is told so; when they go, there is room again.
    // (Those from above may have counted when the first of these came, and be gone now.)
    let mut idle = Vec::new();
    let refused = (0..8).any(|_| {
        idle.extend((0..40).map(|_| UnixStream::connect(&socket).unwrap()));
        err(&peer.ask(&["status"])).contains("too many others")
    });
    assert!(refused);
    drop(idle);
    peer.wait_until_it_answers();
}

#[test]
fn another_user_is_refused() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        return; // Only root can be another user.
    }
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let state = peer.path().join(".potluck");
    let as_nobody = || {
        let mut command = peer.command();
        command.arg("status").uid(65_534).gid(65_534).current_dir("/").output()
    };
    // A folder may be made open by mistake: the peer itself looks who calls.
    for path in [peer.path().to_owned(), state.clone()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let socket = state.join("control.sock");
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let Ok(output) = as_nobody() else { return }; // The program lies where nobody may run it.
    assert!(err(&output).contains("belongs to another user"), "{}", err(&output));
    assert_eq!(peer.ask(&["status"]).status.code(), Some(0));
}

#[test]
fn identity_works_on_the_key_file() {
    let peer = Peer::new();
    assert!(out(&peer.ask(&["identity"])).contains("no key here yet"));
    assert!(out(&peer.ask(&["identity", "new"])).contains("this is peer "));
    let shown = out(&peer.ask(&["identity"]));
    assert!(shown.contains("never: `potluck identity export FILE`"), "{shown}");
    let file = peer.path().join("backup");
    let name = file.to_str().unwrap();
    assert_eq!(peer.ask(&["identity", "export", name]).status.code(), Some(0));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(peer.ask(&["identity", "export", name]).status.code(), Some(1));
    assert!(out(&peer.ask(&["identity"])).contains("exported  yes"));
    assert_eq!(peer.ask(&["identity", "new"]).status.code(), Some(0));
    assert!(err(&peer.ask(&["identity", "import", name])).contains("--replace"));
    assert_eq!(peer.ask(&["identity", "import", name, "--replace"]).status.code(), Some(0));
    let id = |text: &str| text.lines().next().unwrap().to_owned();
    assert_eq!(id(&out(&peer.ask(&["identity"]))), id(&shown));
    assert!(peer.path().join(".potluck/key.old-2").exists());
}

#[test]
fn exit_tells_whether_all_is_kept_and_has_its_code() {
    const SAFE: &str = "safe to leave: 12 of 12 files are kept, 3 of them by one other: a second failure would \
                        lose those\n";
    const NOT: &str = "potluck: 1 of 12 files is kept by nobody else: my film (not copied by itself: 2.0 GiB; \
                       copies 2 \"my film\"); 3 more by one other only: a second failure would lose them\n";
    for (name, code) in [("kept", 0), ("alone", 9)] {
        let peer = Peer::new();
        let mut command = peer.command();
        let daemon = command.args(["--daemon", "--name", name]).stderr(Stdio::piped()).spawn().unwrap();
        peer.wait_until_it_answers();
        let output = peer.ask(&["exit"]);
        let (said, beside) = (out(&output), err(&output));
        assert_eq!(output.status.code(), Some(code), "{beside}");
        // The hand-off takes a third of a second: one line tells of it, and nothing replaces it in a pipe.
        assert!(beside.starts_with("leaving: 4 of 12 files have their copies on others, 8.0 MiB to go\n"));
        assert!(!beside.contains(['\r', '\x1b']), "{beside:?}");
        assert_eq!(said, if code == 0 { SAFE } else { "" });
        assert_eq!(beside.lines().count(), if code == 0 { 1 } else { 2 }, "{beside}");
        assert_eq!(beside.ends_with(NOT), code == 9, "{beside}");
        // It has left, whatever the code is; and its own process has that code, too, and says why.
        assert_eq!(peer.ask(&["status"]).status.code(), Some(3));
        let ended = daemon.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code));
        assert_eq!(err(&ended), if code == 0 { "" } else { NOT });
        // From a pipe, in JSON, it is of one process, so said once.
        let output = piped(&Peer::new(), &["--name", name], "exit --json\n");
        assert_eq!(output.status.code(), Some(code));
        let lines: Vec<serde_json::Value> =
            out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["reply"], &lines[0]["total"]), (&"farewell".into(), &12.into()));
        assert_eq!(lines[0]["once"], 3);
        assert_eq!(lines.len(), if code == 0 { 1 } else { 2 });
        if code == 9 {
            assert_eq!(lines[0]["not_kept"][0]["path"], "my film");
            assert_eq!(lines[0]["not_kept"][0]["why"], "not_chosen");
            assert_eq!(lines[1]["code"], "not_kept");
        }
        let beside = err(&output);
        assert!(
            beside.starts_with("{\"reply\":\"leaving\",\"done\":4,\"total\":12,\"bytes_left\":8388608}\n")
        );
        assert_eq!(beside.lines().filter(|line| line.starts_with("potluck: ")).count(), lines.len() - 1);
    }
}

#[test]
fn copies_and_verify_answer_in_lines() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let answer = peer.ask(&["copies", "3", "report.txt", "my\u{1b} file"]);
    assert_eq!((answer.status.code(), err(&answer).as_str()), (Some(0), ""));
    let copies = "3 copies, the one here included";
    assert_eq!(out(&answer), format!("report.txt: {copies}\nmy\\u{{1b}} file: {copies}\n"));
    let answer = peer.ask(&["copies", "auto", "report.txt", "--json"]);
    assert_eq!(out(&answer), "{\"reply\":\"copied\",\"path\":\"report.txt\",\"copies\":null}\n");
    assert_eq!(peer.ask(&["copies", "17", "report.txt"]).status.code(), Some(2));
    let answer = peer.ask(&["verify"]);
    assert_eq!(
        out(&answer),
        "changed: evil\\u{1b}.txt\nrotten: photos/a.png (kept for another): mended\n\
         read 5 files, 1.0 MiB: 2 are not as they were\n"
    );
    assert_eq!((answer.status.code(), err(&answer).lines().count()), (Some(1), 1));
    let lines = out(&peer.ask(&["verify", "--json"]));
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["result"], &lines[0]["what"]), (&"changed".into(), &"shared".into()));
    assert_eq!((&lines[1]["result"], &lines[1]["repaired"]), (&"rotten".into(), &true.into()));
    assert_eq!((&lines[2]["reply"], &lines[2]["bad"]), (&"verify_sum".into(), &2.into()));
    for words in [&["restore"][..], &["restore", "--forget"]] {
        let answer = peer.ask(words);
        assert_eq!((answer.status.code(), out(&answer).as_str()), (Some(0), ""));
    }
    let status = out(&peer.ask(&["status"]));
    let kept =
        "\n  lends     10.0 GiB, and leaves 1.0 GiB free; keeps 4.9 KiB of 2 files for peer3-cd (away)\n";
    assert!(status.contains("\n  copies    2 of 3 files have 2; 1 is being placed\n"), "{status}");
    assert!(status.contains(kept), "{status}");
    let rows = out(&peer.ask(&["list", "report", "--json"]));
    let row: serde_json::Value = serde_json::from_str(&rows).unwrap();
    assert_eq!((&row["wanted"], &row["away"], &row["large"]), (&2.into(), &false.into(), &false.into()));
}

#[test]
fn help_completions_and_manual_name_the_commands() {
    let peer = Peer::new();
    for words in [&["help"][..], &["--help"], &["man"], &["completions", "bash"], &["completions", "fish"]] {
        let output = peer.ask(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        for name in ["list", "download", "identity"] {
            assert!(out(&output).contains(name), "{words:?} does not name {name}");
        }
    }
    assert!(out(&peer.ask(&["help", "download"])).contains("--to <DIR>"));
    let no_folder =
        Command::new(assert_cmd::cargo::cargo_bin!("potluck")).args(["-d", "/nowhere/x"]).output();
    assert_eq!(no_folder.unwrap().status.code(), Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let mut command = peer.command();
    let mut child =
        command.args(["list", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_failed_start_has_its_line_and_code() {
    let peer = Peer::new();
    let output = piped(&peer, &["-t", "1"], "list\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("potluck: port 1 is not free"), "{}", err(&output));
}

#[test]
fn a_second_signal_ends_a_peer_that_is_stuck() {
    let peer = Peer::new();
    let mut command = peer.command();
    let mut child = command.args(["--daemon", "--name", "stuck"]).stderr(Stdio::piped()).spawn().unwrap();
    peer.wait_until_it_answers();
    let pid = rustix::process::Pid::from_child(&child);
    let start = potluck::sys::clock::now();
    // Signals that come at once are one; so this goes on until the second request is heard as one.
    while child.try_wait().unwrap().is_none() {
        assert!(potluck::sys::clock::now().since(start) < common::DEADLINE);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert_ne!(peer.ask(&["peers"]).status.code(), Some(2));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(1), "last words\n"));
}

#[test]
fn a_download_outlives_the_one_who_asked() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let mut asks = peer.command();
    let mut asks = asks.args(["download", "slow.bin"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut begun = [0; 2];
    asks.stderr.as_mut().unwrap().read_exact(&mut begun).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&asks), rustix::process::Signal::INT)
        .unwrap();
    let output = asks.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("the download goes on in the peer"), "{}", err(&output));
    assert!(out(&peer.ask(&["status"])).contains("1: slow.bin 0 %"));
}

#[test]
fn no_input_at_all_is_no_end_of_input() {
    let peer = Peer::new();
    // `command` reads /dev/null, as a service does, even without --daemon.
    let mut child = Daemon(peer.command().stderr(Stdio::null()).spawn().unwrap());
    peer.wait_until_it_answers();
    assert!(child.0.try_wait().unwrap().is_none());
    assert_eq!(peer.ask(&["exit"]).status.code(), Some(0));
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}
