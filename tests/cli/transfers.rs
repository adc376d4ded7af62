//! `who` and `log` as a teacher and a script read them: a class fetches a folder.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use potluck::control::{LogRow, Reply, TransferOutcome, TransferWay, WatchKind, WhoRow, WhoSum};

use crate::common::{DEADLINE, Daemon, Neighbour, Peer, err, out, wait};
use crate::piped;

/// Pupils, and those of them that fetch the folder.
const PUPILS: usize = 12;
const FETCH: usize = 10;

/// A teacher that shares a folder of three files.
fn teacher() -> (Peer, Daemon) {
    let peer = Peer::new();
    for (n, name) in (1_u8..).zip(["sheet.pdf", "notes.txt", "pictures/one.png"]) {
        peer.share(&format!("Week 12/{name}"), &[n].repeat(50_000 * usize::from(n)));
    }
    let daemon = peer.daemon_with(&["--name", "teacher"]);
    peer.lists(3);
    (peer, daemon)
}

/// Pupils of these numbers, which know what the teacher shares.
fn pupils(teacher: &Peer, numbers: core::ops::Range<usize>) -> Vec<Neighbour> {
    let start = |n| Neighbour::start(teacher.neighbour(), &["--name", &format!("pupil {n:02}")]);
    let pupils: Vec<Neighbour> = numbers.map(start).collect();
    for pupil in &pupils {
        pupil.peer.lists(3);
    }
    pupils
}

fn who(peer: &Peer, about: &str) -> (Vec<WhoRow>, WhoSum) {
    let mut rows = Vec::new();
    for reply in peer.replies(&["who", about]) {
        match reply {
            Reply::Who(row) => rows.push(row),
            Reply::WhoSum(sum) => return (rows, sum),
            other => panic!("{other:?}"),
        }
    }
    panic!("no sum: {rows:?}")
}

fn log(peer: &Peer, words: &[&str]) -> Vec<LogRow> {
    let replies = peer.replies(&[&["log"], words].concat()).into_iter();
    let row = |reply| if let Reply::Transfer(row) = reply { Some(*row) } else { None };
    replies.filter_map(row).collect()
}

/// The last line that `who` shows.
fn sentence(peer: &Peer, about: &str) -> String {
    out(&peer.ask(&["who", about])).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_teacher_sees_who_has_the_folder_and_who_is_missing_also_after_a_kill() {
    let (teacher, mut daemon) = teacher();
    let pupils = pupils(&teacher, 1..PUPILS + 1);
    wait("all are here", DEADLINE, || (who(&teacher, "Week 12/").1.here == PUPILS as u64).then_some(()));
    let (rows, sum) = who(&teacher, "Week 12");
    assert_eq!((sum.what.as_str(), sum.files, sum.have, sum.mine), ("Week 12/", 3, 0, true));
    assert!(rows.len() == PUPILS && rows.iter().all(|row| row.has == 0 && row.last.is_none()), "{rows:?}");

    for pupil in &pupils[..FETCH] {
        let output = pupil.peer.ask(&["download", "Week 12"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
    // One more has one file of it.
    assert_eq!(pupils[FETCH].peer.ask(&["download", "Week 12/notes.txt"]).status.code(), Some(0));
    let is_all = || {
        let (rows, sum) = who(&teacher, "Week 12/");
        (sum.have == FETCH as u64 && rows.iter().any(|row| row.has == 1)).then_some(rows)
    };
    let (rows, _) = wait("all are noted", DEADLINE, is_all);
    assert_eq!(rows[0].took, 3);
    assert_eq!(rows.last().unwrap().name, "pupil 12", "who has most comes first");
    let expected = "10 of 12 have Week 12/ (3 files, 293.0 KiB); in part: pupil 11; missing: pupil 12";
    assert_eq!(sentence(&teacher, "Week 12/"), expected);
    let notes = "11 of 12 have Week 12/notes.txt (97.7 KiB); missing: pupil 12";
    assert_eq!(sentence(&teacher, "Week 12/notes.txt"), notes);
    let shown = out(&teacher.ask(&["who", "pupil 03"]));
    assert!(shown.starts_with("pupil 03\n") && shown.contains("3 files; 293.0 KiB in all"), "{shown}");
    let all = out(&teacher.ask(&["who"]));
    assert_eq!(all.lines().count(), PUPILS + 1, "{all}");

    // People see a folder as one line, scripts each file.
    let files = log(&teacher, &["-n", "0"]);
    assert_eq!(files.len(), 3 * FETCH + 1);
    assert!(files.iter().all(|row| row.way == TransferWay::Out && row.outcome == TransferOutcome::Done));
    assert_eq!(out(&teacher.ask(&["log"])).lines().count(), FETCH + 2);
    assert_eq!(log(&teacher, &["pupil 11"]).len(), 1);
    assert_eq!(log(&teacher, &["Week 12/notes.txt", "--last", "4"]).len(), 4);
    let taken = log(&pupils[0].peer, &[]);
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].way, taken[0].files, taken[0].bytes), (TransferWay::In, 3, 300_000));
    assert_eq!(taken[0].peers, ["teacher"]);

    // What was noted is on the disk a moment later, whatever comes then.
    let written = Duration::from_millis(2_500);
    let start = potluck::sys::clock::now();
    wait("it is written", DEADLINE, || (potluck::sys::clock::now().since(start) > written).then_some(()));
    daemon.0.kill().unwrap();
    daemon.0.wait().unwrap();
    let _again = teacher.daemon_with(&["--name", "teacher"]);
    assert_eq!(log(&teacher, &["-n", "0"]), files);
    wait("all are here again", DEADLINE, || {
        (who(&teacher, "Week 12/").1.here == PUPILS as u64).then_some(())
    });
    assert_eq!(sentence(&teacher, "Week 12/"), expected);
}

#[test]
fn a_word_that_means_nothing_has_its_code() {
    let (teacher, _daemon) = teacher();
    let _pupils = pupils(&teacher, 1..2);
    wait("it is here", DEADLINE, || (who(&teacher, "Week 12/").1.here == 1).then_some(()));
    for (words, code, says) in [
        (&["who", "nothing"][..], 4, "no file, folder or peer `nothing`; see `list` and `peers`"),
        (&["log", "nothing"], 4, "no transfer of `nothing` is known, and no peer `nothing`"),
        (&["log", "pupil"], 0, ""),
        (&["who", "b3:00000000"], 4, "no file, folder or peer `b3:00000000`"),
        (&["log", "-n", "some"], 2, ""),
    ] {
        let output = teacher.ask(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", err(&output));
        assert!(err(&output).contains(says), "{words:?}: {}", err(&output));
    }
    assert_eq!(out(&teacher.ask(&["log"])), "no transfers yet\n");
}

#[test]
fn a_script_that_watches_hears_what_happens_until_the_peer_ends() {
    let (teacher, mut daemon) = teacher();
    let mut watch = teacher.command().arg("watch").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next()?.unwrap();
        let Reply::Event(row) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        assert!(line.starts_with(r#"{"version":1,"#) && row.at > 1_700_000_000_000, "{line}");
        Some(*row)
    };
    assert_eq!(next().unwrap().event, WatchKind::Watching);
    let pupils = pupils(&teacher, 1..2);
    assert_eq!(pupils[0].peer.ask(&["download", "Week 12/notes.txt"]).status.code(), Some(0));
    wait("it is noted", DEADLINE, || (log(&teacher, &[]).len() == 1).then_some(()));
    teacher.share("new.txt", b"new");
    teacher.lists(4);
    assert_eq!(teacher.ask(&["exit", "--now"]).status.code(), Some(0));
    let mut events = Vec::new();
    while let Some(row) = next() {
        events.push((row.event, row.path.or(row.name).unwrap_or_default(), row.size, row.outcome));
    }
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    let path = || "Week 12/notes.txt".to_owned();
    for expected in [
        (WatchKind::PeerCame, "pupil 01".to_owned(), None, None),
        (WatchKind::UploadStarted, path(), Some(100_000), None),
        (WatchKind::UploadEnded, path(), Some(100_000), Some(TransferOutcome::Done)),
        (WatchKind::FileShared, "new.txt".to_owned(), Some(3), None),
    ] {
        assert!(events.contains(&expected), "{expected:?} is not among {events:?}");
    }
    // Where commands are answered one after the other it would hold up all that come behind it.
    let refused = piped(&teacher, &[], "watch\n");
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("run `potluck watch` in another terminal"), "{}", err(&refused));
}
