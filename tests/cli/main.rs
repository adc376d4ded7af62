//! The command line as scripts see it: pipes, one-shot commands, exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cat;
#[path = "../common/mod.rs"]
mod common;
mod config;
mod custody;
mod endings;
mod failures;
mod first_session;
mod groups;
mod guest;
mod http_client;
mod lists;
mod momentary;
#[path = "../common/plain.rs"]
mod plain;
mod prompt;
mod queue;
mod scripting;
mod sending;
mod service;
mod shares;
mod transcript;
mod transfers;
mod users;
mod uses;
mod web;

use std::io::{BufRead, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

use common::{DEADLINE, Daemon, Neighbour, Peer, err, out, wait};

/// Runs the peer with `input` on its standard input.
fn piped(peer: &Peer, flags: &[&str], input: &str) -> Output {
    piped_when(peer, flags, || {}, input)
}

/// Runs the peer with `input` on its standard input, once it runs and `is_ready` has returned.
fn piped_when(peer: &Peer, flags: &[&str], is_ready: impl FnOnce(), input: &str) -> Output {
    let mut command = peer.start(flags);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    is_ready();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A name that would do something to a terminal.
const EVIL: &str = "evil\u{1b}]0;x\u{7}\u{202e}.txt";

/// Files of [`giver_of`].
const GIVEN: usize = 4;

/// A neighbour of `peer` who gives a few files, `big.bin` in two seconds.
fn giver_of(peer: &Peer) -> Neighbour {
    let giver = peer.neighbour();
    giver.share(EVIL, b"evil");
    giver.share("notes.txt", b"notes");
    giver.share("report.txt", b"report");
    giver.share("big.bin", &[7].repeat(4 << 20));
    Neighbour::start(giver, &["--name", "giver", "--up-limit", "2MiB"])
}

#[test]
fn commands_from_a_pipe_run_in_order_without_junk() {
    let peer = Peer::new();
    let giver = giver_of(&peer);
    let address = format!("127.0.0.1:{}", giver.peer.status().ports[1]);
    let input = "# a comment\nlist\nfrobnicate\ndownload big.bin\npeers\n";
    let start = potluck::sys::clock::now();
    let output = piped_when(&peer, &[], || drop(peer.lists(GIVEN)), input);
    let took = potluck::sys::clock::now().since(start);
    let (out, err) = (out(&output), err(&output));
    assert_eq!(output.status.code(), Some(2), "{err}");
    let at = |what: &str| out.find(what).unwrap_or_else(|| panic!("{what} is not in {out}"));
    let (listed, saved) = (at("evil\\u{1b}]0;x\\u{7}\\u{202e}.txt"), at("saved"));
    assert!(listed < saved && saved < at(&address), "{out}");
    for text in [&out, &err] {
        assert!(!text.contains(['\x1b', '\r']), "{text:?}");
    }
    assert!(err.contains("potluck: unknown command `frobnicate`"), "{err}");
    // The first line at once, then one a second.
    let progress = err.lines().filter(|line| line.contains("% of ")).count();
    assert!(progress >= 1 && progress as u64 <= took.as_secs() + 1, "{took:?}: {err}");
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
    let _giver = giver_of(&peer);
    let ready = || drop(peer.lists(GIVEN));
    let output = piped_when(&peer, &[], ready, "list --json\ndownload nothing --json\n");
    assert_eq!(output.status.code(), Some(4));
    let lines: Vec<serde_json::Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), GIVEN + 1);
    assert_eq!(lines[1]["path"], EVIL);
    let last = &lines[GIVEN];
    assert_eq!((&last["reply"], &last["kind"]), (&"failed".into(), &"not_found".into()));
    assert_eq!((&last["code"], &last["command"]), (&4.into(), &"download".into()));
    assert!(lines.iter().all(|line| line["version"] == 1));
    assert!(!out(&output).contains(['\u{1b}', '\u{202e}', '\u{7}']));
}

#[test]
fn what_is_found_can_be_downloaded_as_it_is_shown() {
    let peer = Peer::new();
    let _giver = giver_of(&peer);
    let ready = || drop(peer.lists(GIVEN));
    let output = piped_when(&peer, &[], ready, "search TXT evil\nf notes --type document\nsearch nowhere\n");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let mut lines = text.lines();
    let evil = lines.find(|line| line.starts_with("evil")).unwrap().split("  ").next().unwrap().to_owned();
    assert!(text.contains("notes.txt") && !text.contains("report.txt"), "{text}");
    assert!(text.ends_with("nothing found\n"), "{text}");
    let _daemon = peer.daemon();
    peer.lists(GIVEN);
    let saved = peer.ask(&["download", &evil]);
    assert_eq!(saved.status.code(), Some(0), "{}", err(&saved));
    let bytes = std::fs::read(peer.path().join("downloads").join(EVIL)).unwrap();
    assert_eq!(bytes, b"evil");
    let rows = out(&peer.ask(&["search", "--min", "1M", "--newer", "2020-01-01", "--json"]));
    let rows: Vec<serde_json::Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[0]["path"], &rows[0]["reply"]), (1, &"big.bin".into(), &"file".into()));
    for (words, code) in [
        (&["search"][..], 2),
        (&["search", "a", "--type", "film"], 2),
        (&["search", "a", "--min", "5Mbit"], 2),
        (&["search", "a", "--newer", "soon"], 2),
        (&["search", "a", "--from", "nobody"], 4),
        (&["search", "a", "--from", "giver", "--max", "1K"], 0),
    ] {
        let output = peer.ask(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", err(&output));
    }
}

#[test]
fn one_shot_commands_have_the_codes_of_their_causes() {
    let peer = Peer::new();
    let alone = peer.ask(&["list"]);
    assert_eq!(alone.status.code(), Some(3));
    assert!(err(&alone).starts_with("potluck: no peer runs in "), "{}", err(&alone));
    assert_eq!(err(&alone).lines().count(), 1);
    let giver = giver_of(&peer);
    let other = peer.neighbour();
    other.share("notes.txt", b"other notes");
    let _other = other.daemon();
    let mut daemon = peer.daemon();
    peer.lists(GIVEN + 1);
    for (words, code) in [
        (&["list"][..], 0),
        (&["peers"], 0),
        (&["download", "report.txt"], 0),
        (&["download", "big.bin", "--no-wait"], 0),
        (&["download", "nothing"], 4),
        (&["download", "notes.txt"], 5),
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
    let rows = out(&peer.ask(&["peers", "--json"]));
    let rows = rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let port = giver.peer.status().ports[1];
    assert!(rows.into_iter().any(|row| row["name"] == "giver" && row["port"] == port));
    assert_eq!(peer.ask(&["exit", "--now"]).status.code(), Some(0));
    // The socket is gone when `exit` returns, so the next one finds no peer.
    assert_eq!(peer.ask(&["status"]).status.code(), Some(3));
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
}

/// Ends the daemon by a signal, that was started with this in the shell before it.
fn signalled(before: &str, signal: rustix::process::Signal) -> Option<i32> {
    let peer = Peer::new();
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let script = format!("{before}; exec {} -d {} --daemon", program.display(), peer.path().display());
    let mut command = Command::new("sh");
    peer.confine(&mut command).arg("-c").arg(script).stdin(Stdio::null());
    let mut daemon = Daemon(command.spawn().unwrap());
    peer.wait_until_it_answers();
    daemon.signal(signal);
    if before.contains("HUP") {
        assert_eq!(peer.ask(&["status"]).status.code(), Some(0), "it ended");
        assert_eq!(peer.ask(&["exit", "--now"]).status.code(), Some(0));
    }
    daemon.0.wait().unwrap().code()
}

#[test]
fn signals_leave_well_from_a_script_and_nohup_is_obeyed() {
    use rustix::process::Signal;
    // What `potluck --daemon &` does in a script: SIGINT is ignored from the start.
    for signal in [Signal::TERM, Signal::INT] {
        assert_eq!(signalled("trap '' INT QUIT", signal), Some(0), "{signal:?}");
    }
    assert_eq!(signalled("trap '' HUP", Signal::HUP), Some(0));
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let peer = Peer::new();
    peer.share("my file.txt", b"mine");
    let _daemon = peer.daemon();
    peer.lists(1);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = peer.command().arg("list").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("standard output"), "{}", err(&output));
}

#[test]
fn to_is_relative_to_where_it_was_typed() {
    let peer = Peer::new();
    let _giver = giver_of(&peer);
    let _daemon = peer.daemon();
    peer.lists(GIVEN);
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
        peer.confine(&mut command).stdin(Stdio::null()).arg("-d").arg(&deep);
        command
    };
    let _daemon = Daemon(command().arg("--daemon").spawn().unwrap());
    // A short name leads to the peer, too.
    let short = tempfile::tempdir().unwrap();
    symlink(&deep, short.path().join("s")).unwrap();
    let answers = || command().arg("status").output().unwrap().status.code() == Some(0);
    wait("an answer", DEADLINE, || answers().then_some(()));
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
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // The peer may hang up before it took everything.
        drop(stream.write_all(bytes));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        answer
    };
    assert!(talk(b"{}\n").contains("does not know this command"));
    assert!(talk(b"{\"version\":9,\"command\":\"x\"}\n").contains("version 1"));
    assert!(
        talk(b"{\"version\":1,\"command\":\"peers\",\"new\":1}\n")
            .ends_with("{\"version\":1,\"reply\":\"done\"}\n")
    );
    for junk in [&b"\n"[..], b"\xff\xfe\n", b"half", &[b'['; 100_000], &vec![b'x'; (1 << 20) + 9]] {
        drop(talk(junk));
    }
    // However many connect and say nothing, who has a question is answered: the oldest of them make way.
    let idle: Vec<_> = (0..200).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    assert_eq!(peer.ask(&["status"]).status.code(), Some(0));
    let mut oldest = &idle[0];
    oldest.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(oldest.read(&mut [0]).unwrap(), 0);
}

/// A peer that fetches `slow.bin` from another one, which takes hours.
fn with_a_slow_download() -> (Peer, Neighbour, Daemon) {
    let peer = Peer::new();
    let giver = peer.neighbour();
    giver.share("slow.bin", &[7].repeat(4 << 20));
    let giver = Neighbour::start(giver, &["--up-limit", "1K"]);
    let daemon = peer.daemon();
    peer.lists(1);
    (peer, giver, daemon)
}

/// Waits for so many downloads, each into a folder of its own. A program for each would take too long.
fn wait_for_slow(peer: &Peer, how_many: usize) -> Vec<UnixStream> {
    let begin = |n| {
        let mut stream = UnixStream::connect(peer.path().join(".potluck/control.sock")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let to = peer.path().join(format!("downloads/{n}"));
        let request = serde_json::json!({
            "version": 1, "command": "download", "files": ["slow.bin"], "to": to, "wait": true,
        });
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        stream
    };
    let waiting: Vec<UnixStream> = (0..how_many).map(begin).collect();
    for stream in &waiting {
        let mut line = String::new();
        std::io::BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(line.starts_with(r#"{"version":1,"reply":"begun""#), "{line}");
    }
    waiting
}

#[test]
fn a_thousand_who_wait_keep_no_question_out_and_take_no_threads() {
    let (peer, _giver, daemon) = with_a_slow_download();
    let tasks = || std::fs::read_dir(format!("/proc/{}/task", daemon.0.id())).unwrap().count();
    let before = tasks();
    let waiting = wait_for_slow(&peer, 1_000);
    assert!(tasks() < before + 20, "{} threads, {before} before", tasks());
    for words in [&["status"][..], &["list"], &["cancel", "7"]] {
        assert_eq!(peer.ask(words).status.code(), Some(0), "{words:?}");
    }
    assert_eq!(peer.ask(&["exit", "--now"]).status.code(), Some(0));
    drop(waiting);
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
fn help_completions_and_manual_name_the_commands() {
    let peer = Peer::new();
    for words in [&["help"][..], &["--help"], &["man"], &["completions", "elvish"], &["complete", "potluck "]]
    {
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
    peer.share("my file.txt", b"mine");
    let _daemon = peer.daemon();
    peer.lists(1);
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
    let taken = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = piped(&peer, &["--strict-port", "-t", &port.to_string()], "list\n");
    assert_eq!(output.status.code(), Some(1));
    let said = format!("potluck: port {port} is in use by another program");
    assert!(err(&output).contains(&said), "{}", err(&output));
}

#[test]
fn an_interface_that_is_not_there_is_refused_with_those_that_are() {
    let peer = Peer::new();
    let output = piped(&peer, &["--interface", "lo,wlan9"], "");
    assert_eq!(output.status.code(), Some(2));
    let said = "this machine has no network interface `wlan9`; there are ";
    let (_, there) = err(&output).split_once(said).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(there.trim().split(", ").any(|name| name == "lo"), "{there}");
}

#[test]
fn a_second_signal_ends_a_peer_that_is_stuck() {
    let peer = Peer::new();
    let mut command = peer.start(&[]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut stuck = Daemon(command.spawn().unwrap());
    // Nobody reads what it says: a peer that leaves waits a second for that.
    let (mut says, reads) = (stuck.0.stdin.take().unwrap(), stuck.0.stdout.take().unwrap());
    says.write_all("help\n".repeat(400).as_bytes()).unwrap();
    let is_almost_full = || rustix::io::ioctl_fionread(&reads).unwrap() > 32 << 10;
    wait("a pipe that is almost full", DEADLINE, || is_almost_full().then_some(()));
    // Signals that come at once are one; so this goes on until the second request is heard as one.
    let end = || {
        stuck.signal(rustix::process::Signal::INT);
        stuck.0.try_wait().unwrap()
    };
    let (status, _) = wait("its end", DEADLINE, end);
    let mut beside = String::new();
    stuck.0.stderr.take().unwrap().read_to_string(&mut beside).unwrap();
    assert_eq!((status.code(), beside.as_str()), (Some(1), ""));
}

/// Starts `download slow.bin`, by way of a shell that does this before, and returns once it has begun.
fn begin_slow(peer: &Peer, before: &str) -> std::process::Child {
    let asks = peer.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before} exec \"$@\""), "sh"]).arg(asks.get_program()).args(asks.get_args());
    shell.envs(asks.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(asks.get_current_dir().unwrap_or_else(|| peer.path()));
    let mut asks = shell.args(["download", "slow.bin"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut begun = [0; 2];
    asks.stderr.as_mut().unwrap().read_exact(&mut begun).unwrap();
    asks
}

#[test]
fn a_signal_to_who_waits_stops_the_download() {
    use rustix::process::{Pid, Signal, kill_process};
    let (peer, _giver, _daemon) = with_a_slow_download();
    // A shell without job control has what it puts in the background ignore Ctrl-C.
    for (before, signal) in
        [("", Signal::INT), ("", Signal::TERM), ("trap '' INT;", Signal::TERM), ("", Signal::HUP)]
    {
        let asks = begin_slow(&peer, before);
        kill_process(Pid::from_child(&asks), signal).unwrap();
        let output = asks.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains("the download was stopped"), "{}", err(&output));
        assert!(!out(&peer.ask(&["status"])).contains(": slow.bin"), "{signal:?} left it behind");
    }
}

#[test]
fn a_download_outlives_the_one_who_asked_and_was_killed() {
    let (peer, _giver, _daemon) = with_a_slow_download();
    let mut asks = begin_slow(&peer, "");
    asks.kill().unwrap();
    asks.wait().unwrap();
    assert!(out(&peer.ask(&["status"])).contains("[1] slow.bin  0%"));
}

#[test]
fn that_the_current_folder_was_deleted_is_told() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let ask = |words: &[&str]| {
        let gone = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "cd \"$1\" && rmdir \"$1\" && shift && exec \"$@\"", "sh"]).arg(gone.path());
        shell.arg(peer.command().get_program()).args(words);
        shell.output().unwrap()
    };
    let directory = peer.path().to_str().unwrap();
    for words in [&["-d", directory, "download", "x", "--to", "."][..], &["status"], &["-d", "sub", "status"]]
    {
        let output = ask(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(err(&output).contains("the current folder was deleted"), "{words:?}: {}", err(&output));
    }
    assert_eq!(ask(&["-d", directory, "status"]).status.code(), Some(0));
}

#[test]
fn no_input_at_all_is_no_end_of_input() {
    let peer = Peer::new();
    // `command` reads /dev/null, as a service does, even without --daemon.
    let mut child = Daemon(peer.start(&[]).stderr(Stdio::null()).spawn().unwrap());
    peer.wait_until_it_answers();
    assert!(child.0.try_wait().unwrap().is_none());
    assert_eq!(peer.ask(&["exit"]).status.code(), Some(0));
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}
