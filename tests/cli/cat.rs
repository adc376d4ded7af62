//! `cat` as a shell uses it: bytes on standard output, and how it ends.

use core::time::Duration;
use std::io::Read as _;
use std::process::Stdio;

use potluck::control::Status;

use crate::common::{DEADLINE, Daemon, Neighbour, Peer, err, out, wait};

fn content(len: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// A peer that reads and shares one file itself, and one that shares others.
fn two() -> (Peer, Daemon, Neighbour) {
    let reader = Peer::new();
    reader.share("mine.txt", b"my own\n");
    reader.share("twice.txt", b"here\n");
    let owner = reader.neighbour();
    owner.share("big", &content(9_000_000, 1));
    owner.share("folder/a.txt", b"a\n");
    owner.share("folder/b.txt", b"b\n");
    owner.share("empty", b"");
    owner.share("twice.txt", b"there\n");
    let daemon = reader.daemon_with(&["--name", "reader"]);
    let owner = Neighbour::start(owner, &["--name", "owner"]);
    reader.lists(7);
    (reader, daemon, owner)
}

/// What one `cat` writes; it must succeed and say nothing else.
fn cat(peer: &Peer, words: &[&str]) -> Vec<u8> {
    let output = peer.ask(&[&["cat"], words].concat());
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""), "{words:?}");
    output.stdout
}

#[test]
fn files_of_others_and_own_ones_come_as_they_are() {
    let (reader, _daemon, owner) = two();
    let big = content(9_000_000, 1);
    assert!(cat(&reader, &["big"]) == big);
    assert!(cat(&owner.peer, &["big"]) == big, "its own");
    assert_eq!(cat(&reader, &["mine.txt"]), b"my own\n");
    assert_eq!(cat(&owner.peer, &["mine.txt"]), b"my own\n");
    assert_eq!(cat(&reader, &["empty"]), b"");
    assert_eq!(cat(&reader, &["folder/b.txt", "--from", "owner"]), b"b\n");
    let id = blake3::hash(&big).to_hex().to_string();
    assert!(cat(&reader, &[&format!("b3:{}", &id[..10])]) == big);
    // Nothing is saved.
    assert!(std::fs::read_dir(reader.path().join("downloads")).map_or(0, Iterator::count) == 0);
    for (offset, length) in [(0, 1), (8_999_999, 5), (4_567_890, 100_000), (65_536, 65_536), (9_000_000, 1)] {
        let part = cat(&reader, &["big", "--offset", &offset.to_string(), "--length", &length.to_string()]);
        assert!(part == big[offset..(offset + length).min(big.len())], "{offset}");
    }
    assert!(cat(&reader, &["big", "--offset", "8000000"]) == big[8_000_000..]);
}

#[test]
fn a_download_is_read_from_the_disk() {
    let (reader, _daemon, owner) = two();
    assert_eq!(reader.ask(&["download", "big"]).status.code(), Some(0));
    let sent = |status: Status| status.counters.sent;
    let before = sent(owner.peer.status());
    assert!(cat(&reader, &["big"]) == content(9_000_000, 1));
    let taken = sent(owner.peer.status()) - before;
    assert!(sent(reader.status()) > 0, "it asks itself, too");
    assert!(taken < 9_000_000, "{taken}");
}

#[test]
fn what_cannot_be_read_is_said_with_its_code() {
    let (reader, _daemon, _owner) = two();
    for (words, code, text) in [
        (&["nosuch"][..], 4, "no file `nosuch`"),
        (&["folder"], 2, "`folder` is 2 files, and cat takes one"),
        (&["twice.txt"], 5, "`twice.txt` is another file here than at others"),
        (&["big", "--offset", "9000001"], 2, "behind the end of the file, which has 9000000 bytes"),
        (&["big", "--from", "nobody"], 4, "nobody"),
        (&["big", "--json"], 2, "no JSON"),
    ] {
        let output = reader.ask(&[&["cat"], words].concat());
        let said = err(&output);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(code), ""), "{words:?}: {said}");
        assert!(said.contains(text), "{said}");
    }
    assert_eq!(cat(&reader, &["twice.txt", "--from", "owner"]), b"there\n");
    assert_eq!(cat(&reader, &["twice.txt", "--from", "reader"]), b"here\n");
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly_and_the_peer_forgets_it() {
    let (reader, _daemon, _owner) = two();
    let mut child =
        reader.command().args(["cat", "big"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(first, content(9_000_000, 1)[..10]);
    drop(stdout);
    let ended = wait("its end", DEADLINE, || child.try_wait().unwrap());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((ended.0.code(), said.as_str()), (Some(0), ""));
    // Ctrl-C ends it as it ends other programs.
    let child = reader.command().args(["cat", "big"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut child = Daemon(child);
    child.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    child.signal(rustix::process::Signal::INT);
    let (ended, _) = wait("its end", DEADLINE, || child.0.try_wait().unwrap());
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(2));
    assert!(cat(&reader, &["big"]) == content(9_000_000, 1), "the peer goes on");
}

#[test]
fn a_reader_that_pauses_gets_the_rest() {
    let (reader, _daemon, _owner) = two();
    let mut child = reader.command().args(["cat", "big"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut bytes = vec![0; 10];
    stdout.read_exact(&mut bytes).unwrap();
    // Longer than a client of another command may take nothing.
    let start = potluck::sys::clock::now();
    let pause = Duration::from_millis(10_500);
    wait("a pause", DEADLINE, || (potluck::sys::clock::now().since(start) > pause).then_some(()));
    stdout.read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success() && bytes == content(9_000_000, 1));
}

#[test]
fn one_of_two_holders_dies_and_whoever_reads_does_not_notice() {
    let (reader, _daemon, owner) = two();
    let other = reader.neighbour();
    other.share("copy of big", &content(9_000_000, 1));
    let other = Neighbour::start(other, &["--name", "other", "--up-limit", "2M"]);
    wait("both", DEADLINE, || {
        let rows = reader.replies(&["holders", "big"]);
        (rows.len() == 2).then_some(())
    });
    let mut child = reader.command().args(["cat", "big"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut bytes = vec![0; 10];
    stdout.read_exact(&mut bytes).unwrap();
    drop(owner);
    stdout.read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success() && bytes == content(9_000_000, 1));
    drop(other);
}
