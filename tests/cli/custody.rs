//! Copies on others, as scripts see them: what `exit`, `copies`, `verify`, `restore` and `status` answer.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Stdio;

use potluck::control::{Location, Reply, VerifyResult, VerifyRow};
use potluck::sys::clock;

use crate::common::{DEADLINE, Neighbour, Peer, err, out, wait};
use crate::piped_when;

/// Flags of one who keeps what others have. An eighth of it is for each of them.
const KEEPS: [&str; 6] = ["--name", "keeper", "--copies", "1", "--lend", "64MiB"];

/// Flags of one whose files others keep.
pub(crate) const COPIED: [&str; 6] = ["--name", "owner", "--copies", "2", "--lend", "0"];

/// Flags of one who takes three seconds to hand [`Files`] over.
pub(crate) const DEPARTING: [&str; 8] =
    ["--copies", "2", "--lend", "0", "--auto-copy", "1MiB", "--up-limit", "200K"];

/// What the owner shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Files {
    /// Twelve files of 50 KiB.
    Small,
    /// One of 2 MiB beside them, which is too large to be copied by itself.
    SmallAndFilm,
}

impl Files {
    /// Puts them into `shared/`.
    pub(crate) fn share(self, peer: &Peer) {
        for n in 1..=12 {
            peer.share(&format!("{n}.bin"), &[n].repeat(50 << 10));
        }
        if self == Self::SmallAndFilm {
            peer.share("my film", &[7].repeat(2 << 20));
        }
    }

    const fn count(self) -> usize {
        match self {
            Self::Small => 12,
            Self::SmallAndFilm => 13,
        }
    }
}

/// A neighbour who keeps files of `peer`, which runs. It comes once all of them can be handed over.
pub(crate) fn keeper_of(peer: &Peer, files: Files) -> Neighbour {
    peer.lists(files.count());
    let keeper = Neighbour::start(peer.neighbour(), &KEEPS);
    let is_here = || peer.replies(&["peers"]).iter().any(|reply| matches!(reply, Reply::Peer(_)));
    wait("the keeper", DEADLINE, || is_here().then_some(()));
    keeper
}

/// Waits until others keep all files of a peer.
pub(crate) fn until_whole(peer: &Peer, files: u64) {
    wait("copies of all files", DEADLINE, || {
        let row = peer.status().custody.unwrap();
        (row.own_files == files && row.own_whole == files).then_some(())
    });
}

/// Takes all files from a peer while it does not run; who keeps them.
pub(crate) fn bereave(peer: &Peer) -> Neighbour {
    Files::Small.share(peer);
    let owner = peer.daemon_with(&COPIED);
    let keeper = keeper_of(peer, Files::Small);
    until_whole(peer, 12);
    assert_eq!(peer.ask(&["exit", "--now"]).status.code(), Some(0));
    drop(owner);
    fs::rename(peer.path().join("shared"), peer.path().join("elsewhere")).unwrap();
    fs::create_dir(peer.path().join("shared")).unwrap();
    keeper
}

const SAFE: &str = "safe to leave: 12 of 12 files are kept by one other, all on this machine: \
                    a second failure would lose them\n";
const NOT: &str = "potluck: 1 of 13 files is kept by nobody else: my film (not copied by itself: 2.0 MiB; copies \
                   2 \"my film\"); 12 more by one other only: a second failure would lose them; \
                   the rest is all on this machine\n";

/// Splits what was said beside an answer: how far the departure was, and the rest.
fn departure(beside: &str) -> (Vec<&str>, String) {
    let (leaving, rest): (Vec<_>, Vec<_>) = beside.split_inclusive('\n').partition(|l| l.contains("leaving"));
    (leaving, rest.concat())
}

#[test]
fn exit_tells_whether_all_is_kept_and_has_its_code() {
    for (files, code, said, complaint) in [(Files::Small, 0, SAFE, ""), (Files::SmallAndFilm, 9, "", NOT)] {
        let peer = Peer::new();
        files.share(&peer);
        let mut command = peer.start(&DEPARTING);
        // Nothing but how it ended.
        let command = command.arg("--daemon").env("POTLUCK_LOG", "error");
        let daemon = command.stderr(Stdio::piped()).spawn().unwrap();
        peer.wait_until_it_answers();
        let _keeper = keeper_of(&peer, files);
        let start = clock::now();
        let output = peer.ask(&["exit"]);
        let took = clock::now().since(start);
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        assert_eq!(out(&output), said);
        let beside = err(&output);
        let (leaving, rest) = departure(&beside);
        assert_eq!(rest, complaint);
        // One line a second tells of it, and nothing replaces it in a pipe.
        assert!(!leaving.is_empty() && leaving.len() as u64 <= took.as_secs() + 1, "{took:?}: {beside}");
        assert!(leaving[0].ends_with("iB to go\n"), "{beside}");
        let of = format!(" of {} files ha", files.count());
        for line in leaving {
            assert!(line.starts_with("leaving: ") && line.contains(&of), "{line}");
            assert!(line.contains(" copies on others"), "{line}");
        }
        assert!(!beside.contains(['\r', '\x1b']), "{beside:?}");
        // It has left, whatever the code is; and its own process has that code, too, and says why.
        assert_eq!(peer.ask(&["status"]).status.code(), Some(3));
        let ended = daemon.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code));
        assert_eq!(err(&ended), complaint);
    }
}

#[test]
fn exit_from_a_pipe_in_json_is_said_once() {
    for (files, code) in [(Files::Small, 0), (Files::SmallAndFilm, 9)] {
        let peer = Peer::new();
        files.share(&peer);
        let mut keeper = None;
        let ready = || keeper = Some(keeper_of(&peer, files));
        let output = piped_when(&peer, &DEPARTING, ready, "exit --json\n");
        assert_eq!(output.status.code(), Some(code));
        let lines: Vec<serde_json::Value> =
            out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["reply"], &lines[0]["files"]), (&"farewell".into(), &files.count().into()));
        assert_eq!(lines[0]["once"], 12);
        assert_eq!(lines.len(), if code == 0 { 1 } else { 2 });
        if code == 9 {
            assert_eq!(lines[0]["not_kept"][0]["path"], "my film");
            assert_eq!(lines[0]["not_kept"][0]["cause"], "not_chosen");
            assert_eq!((&lines[1]["kind"], &lines[1]["code"]), (&"not_kept".into(), &9.into()));
        }
        let beside = err(&output);
        let (leaving, rest) = departure(&beside);
        let first: serde_json::Value = serde_json::from_str(leaving[0]).unwrap();
        assert_eq!((&first["reply"], &first["files"]), (&"leaving".into(), &files.count().into()));
        assert!((1..=600 << 10).contains(&first["bytes_left"].as_u64().unwrap()), "{first}");
        assert_eq!(rest.lines().filter(|line| line.starts_with("potluck: ")).count(), lines.len() - 1);
    }
}

#[test]
fn copies_are_answered_in_lines() {
    let peer = Peer::new();
    peer.share("report.txt", b"report");
    peer.share("my\u{1b} file", b"mine");
    let _daemon = peer.daemon_with(&COPIED);
    peer.lists(2);
    let answer = peer.ask(&["copies", "3", "report.txt", "my\u{1b} file"]);
    assert_eq!((answer.status.code(), err(&answer).as_str()), (Some(0), ""));
    let said = out(&answer);
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    let copies = "3 copies, the one here included";
    assert_eq!(lines, [format!("my\\u{{1b}} file: {copies}"), format!("report.txt: {copies}")]);
    let answer = peer.ask(&["copies", "auto", "report.txt", "--json"]);
    assert_eq!(
        out(&answer),
        "{\"version\":1,\"reply\":\"copied\",\"path\":\"report.txt\",\"copies\":null}\n"
    );
    assert_eq!(peer.ask(&["copies", "17", "report.txt"]).status.code(), Some(2));
    let rows = out(&peer.ask(&["list", "report", "--json"]));
    let row: serde_json::Value = serde_json::from_str(&rows).unwrap();
    assert_eq!((&row["wanted"], &row["away"], &row["large"]), (&2.into(), &false.into(), &false.into()));
}

/// Changes one bit of a file.
fn flip(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 0).unwrap();
}

#[test]
fn verify_tells_line_by_line_what_is_not_as_it_was() {
    let owner = Peer::new();
    Files::Small.share(&owner);
    let _owner = owner.daemon_with(&COPIED);
    let neighbour = keeper_of(&owner, Files::Small);
    let keeper = &neighbour.peer;
    until_whole(&owner, 12);
    let id = owner.lists(12).into_iter().find(|row| row.path == "2.bin").unwrap().id;
    let kept = keeper.path().join(".potluck/store/.potluck-partial").join(id);
    flip(&kept);
    let answer = keeper.ask(&["verify"]);
    assert_eq!(
        out(&answer),
        "rotten: 2.bin (kept for another): mended\nread 12 files, 600.0 KiB: 1 is not as it was\n"
    );
    // All is as it was again.
    assert_eq!((answer.status.code(), err(&answer).as_str()), (Some(0), ""));
    flip(&kept);
    let row = VerifyRow {
        path: "2.bin".into(),
        what: Location::Kept,
        result: VerifyResult::Rotten,
        repaired: Some(true),
    };
    let sum = Reply::VerifySum { files: 12, bytes: 600 << 10, bad: 1 };
    assert_eq!(keeper.replies(&["verify"])[..2], [Reply::Verified(row), sum]);
    // The owner hears a moment later that the copy is whole again.
    let is_whole = || out(&owner.ask(&["status"])).contains("\n  copies    12 of 12 files have 2\n");
    wait("a status of whole copies", DEADLINE, || is_whole().then_some(()));
    assert_eq!(owner.ask(&["exit", "--now"]).status.code(), Some(0));
    let is_away = || {
        let status = out(&keeper.ask(&["status"]));
        assert!(status.contains("\n  lends     64.0 MiB, and leaves "), "{status}");
        status.contains(" free; keeps 600.0 KiB of 12 files for owner (away)\n").then_some(())
    };
    wait("it is away", DEADLINE, is_away);
}

#[test]
fn where_nothing_is_missing_restore_says_so() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let nothing = "nothing that was shared here is missing";
    for (words, said) in [
        (&["restore"][..], format!("{nothing} and kept by others\n")),
        (&["restore", "--forget"], format!("{nothing}\n")),
    ] {
        let answer = peer.ask(words);
        assert_eq!((answer.status.code(), out(&answer)), (Some(0), said));
    }
}
