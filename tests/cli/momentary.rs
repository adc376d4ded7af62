//! Commands where no peer is in reach: one visits for a moment.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use potluck::control::{OfferRow, OfferState, Reply};
use rustix::process::Signal;

use crate::common::{DEADLINE, Daemon, Neighbour, Peer, err, out, wait};

/// Somebody without a peer: their folder, and where such folders are made.
struct Visitor {
    /// For its network alone.
    peer: Peer,
}

impl Visitor {
    fn of(network: &Peer) -> Self {
        let peer = network.neighbour();
        fs::create_dir(peer.path().join("here")).unwrap();
        fs::create_dir(peer.path().join("runtime")).unwrap();
        Self { peer }
    }

    fn here(&self) -> std::path::PathBuf {
        self.peer.path().join("here")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
        self.peer.confine(&mut command).current_dir(self.here()).args(words).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.peer.path().join("runtime")).env_remove("POTLUCK_DIR");
        command
    }

    fn ask(&self, words: &[&str]) -> Output {
        let output = self.command(words).output().unwrap();
        assert!(names(&self.peer.path().join("runtime")).is_empty(), "its folder goes with it");
        output
    }
}

/// What lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// One that shares three files.
fn owner() -> Neighbour {
    let owner = Peer::new();
    owner.share("notes.txt", b"of the meeting\n");
    owner.share("photos/one.png", b"one");
    owner.share("photos/two.png", b"two");
    let owner = Neighbour::start(owner, &["--name", "owner"]);
    let _its_own = wait("its files", DEADLINE, || {
        (owner.peer.replies(&["list", "--mine", "--flat"]).len() >= 3).then_some(())
    });
    owner
}

#[test]
fn what_is_shared_is_listed_found_read_and_saved_where_no_peer_ever_ran() {
    let owner = owner();
    let visitor = Visitor::of(&owner.peer);
    let listed = visitor.ask(&["list", "--flat"]);
    assert_eq!(listed.status.code(), Some(0), "{}", err(&listed));
    for name in ["notes.txt", "photos/one.png", "photos/two.png"] {
        assert!(out(&listed).contains(name), "{}", out(&listed));
    }
    let found = visitor.ask(&["search", "two"]);
    assert!(out(&found).contains("photos/two.png"), "{}{}", out(&found), err(&found));
    let holders = visitor.ask(&["holders", "notes.txt"]);
    assert!(out(&holders).contains("owner"), "{}{}", out(&holders), err(&holders));
    let read = visitor.ask(&["cat", "notes.txt"]);
    assert_eq!((read.stdout.as_slice(), err(&read).as_str()), (&b"of the meeting\n"[..], ""));
    assert!(names(&visitor.here()).is_empty(), "nothing was saved");
    let saved = visitor.ask(&["download", "photos"]);
    assert_eq!(saved.status.code(), Some(0), "{}", err(&saved));
    assert_eq!(fs::read(visitor.here().join("photos/one.png")).unwrap(), b"one");
    let planned = visitor.ask(&["download", "notes.txt", "-n"]);
    assert_eq!(planned.status.code(), Some(0), "{}", err(&planned));
    assert_eq!(names(&visitor.here()), ["photos"], "no peer directory comes of it");
}

#[test]
fn what_cannot_be_asked_of_a_visitor_fails_and_says_why() {
    let owner = owner();
    let visitor = Visitor::of(&owner.peer);
    for (words, code, said) in [
        (&["status"][..], 3, "no peer runs in"),
        (&["exit"], 3, "no peer runs in"),
        (&["--once", "status"], 2, "--once is for `list`, `search`, `holders`, `download`, `cat` and `send`"),
        (&["--once", "--lend", "1G", "list"], 2, "--lend means nothing to a peer that runs for one command"),
        (&["send", "notes.txt", "owner", "--no-wait"], 2, "no peer runs here that would go on with it"),
        (&["send", "notes.txt", "nobody"], 4, "no peer `nobody`"),
        (&["--once"], 2, "--once is for a command that asks what others share"),
        (&["download", "notes.txt", "--no-wait"], 2, "no peer runs here that would go on with it"),
        (&["download", "nosuch"], 4, "no file `nosuch`"),
        (&["-d", ".", "list"], 3, "no peer runs in"),
    ] {
        let output = visitor.ask(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", err(&output));
        assert!(err(&output).contains(said), "{words:?}: {}", err(&output));
    }
    // Where a peer directory is in reach, its peer is meant, unless a visitor is wanted.
    fs::create_dir(visitor.here().join(".potluck")).unwrap();
    assert_eq!(visitor.ask(&["list"]).status.code(), Some(3));
    let listed = visitor.ask(&["--once", "list"]);
    assert!(listed.status.success() && out(&listed).contains("notes.txt"), "{}", err(&listed));
}

#[test]
fn a_visitor_that_is_stopped_in_the_middle_leaves_what_came_and_goes_on_there() {
    let owner = Peer::new();
    let content: Vec<u8> = blake3::hash(b"large").as_bytes().repeat(1 << 18);
    owner.share("large.bin", &content);
    let owner = Neighbour::start(owner, &["--name", "owner", "--up-limit", "4M"]);
    let visitor = Visitor::of(&owner.peer);
    let child = visitor.command(&["download", "large.bin"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut child = Daemon(child);
    wait("something is sent", DEADLINE, || (owner.peer.status().counters.sent > 1 << 20).then_some(()));
    child.signal(Signal::TERM);
    let (ended, _) = wait("its end", DEADLINE, || child.0.try_wait().unwrap());
    assert!(!ended.success() && ended.signal().is_none(), "{ended:?}");
    assert!(names(&visitor.peer.path().join("runtime")).is_empty());
    assert!(!visitor.here().join("large.bin").exists());
    let before = owner.peer.status().counters.sent;
    let saved = visitor.ask(&["download", "large.bin"]);
    assert_eq!(saved.status.code(), Some(0), "{}", err(&saved));
    assert!(fs::read(visitor.here().join("large.bin")).unwrap() == content);
    let sent = owner.peer.status().counters.sent - before;
    assert!(sent < content.len() as u64, "what came before is not fetched again: {sent}");
    assert_eq!(names(&visitor.here()), ["large.bin"]);
}

/// The offers that wait at a peer.
fn waiting(peer: &Peer) -> Vec<OfferRow> {
    let row = |reply| if let Reply::Offer(row) = reply { Some(*row) } else { None };
    let rows = peer.replies(&["offers"]).into_iter().filter_map(row);
    rows.filter(|row| row.state == OfferState::Waiting).collect()
}

#[test]
fn what_is_sent_where_no_peer_runs_comes_while_the_command_waits_and_is_taken_back_with_it() {
    let owner = owner();
    let visitor = Visitor::of(&owner.peer);
    fs::write(visitor.here().join("report.pdf"), "of a visitor").unwrap();
    let send = || {
        let child = visitor.command(&["send", "report.pdf", "owner"]).stderr(Stdio::piped()).spawn().unwrap();
        wait("its offer", DEADLINE, || waiting(&owner.peer).pop());
        child
    };
    let sends = send();
    let accepted = owner.peer.ask(&["accept"]);
    assert_eq!(accepted.status.code(), Some(0), "{}", err(&accepted));
    let output = sends.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(fs::read(owner.peer.path().join("downloads/report.pdf")).unwrap(), b"of a visitor");
    // Nobody can accept what a visitor offered that is gone.
    let mut stopped = Daemon(send());
    stopped.signal(Signal::INT);
    let (ended, _) = wait("its end", DEADLINE, || stopped.0.try_wait().unwrap());
    assert_eq!(ended.code(), Some(1));
    wait("it is taken back", DEADLINE, || waiting(&owner.peer).is_empty().then_some(()));
    let told = visitor.ask(&["send", "--text", "hello from outside", "owner"]);
    assert_eq!(told.status.code(), Some(0), "{}", err(&told));
    assert!(out(&owner.peer.ask(&["chat"])).contains("hello from outside"));
}

#[test]
fn a_visitor_is_ended_by_a_signal_and_leaves_nothing() {
    let owner = owner();
    let visitor = Visitor::of(&owner.peer);
    let child =
        visitor.command(&["cat", "notes.txt", "--from", "nobody"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut child = Daemon(child);
    let runtime = visitor.peer.path().join("runtime");
    wait("it runs", DEADLINE, || {
        let folder = names(&runtime).pop()?;
        runtime.join(folder).join("visitor/.potluck/control.sock").exists().then_some(())
    });
    child.signal(Signal::INT);
    let (ended, _) = wait("its end", DEADLINE, || child.0.try_wait().unwrap());
    assert!(matches!(ended.code(), Some(130 | 4)), "{ended:?}");
    assert!(names(&runtime).is_empty());
}
