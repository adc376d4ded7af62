//! `verify`: what is found, fetched again, and put in its place.

use super::*;
use crate::control::{Location, VerifyResult, VerifyRow};
use crate::distribution::chunk_store::{self, Finding};
use crate::error::Failure;
use crate::peer::file_work::{Damaged, FilePlace};

fn row(result: VerifyResult, repaired: Option<bool>) -> Reply {
    Reply::Verified(VerifyRow { path: "song".to_owned(), what: Location::Shared, result, repaired })
}

/// A peer that shares a song, as anna does, and reads everything again.
fn verifying() -> (TestPeer, AskId) {
    let mut peer = TestPeer::sharing(&[file("song", 1)]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("the same", 1)]);
    peer.outputs.clear();
    let ask = peer.ask(VerifyRequest {}.into());
    let read = |output| matches!(output, PeerOutput::Chunks(chunk_store::Command::Verify(_))).then_some(());
    assert_eq!(peer.take(read).len(), 1);
    (peer, ask)
}

fn found(peer: &mut TestPeer, finding: Finding) {
    let event = chunk_store::Event::Shared("song".parse().unwrap(), FileId([1; 32]), finding);
    peer.event(PeerEvent::Chunks(event));
}

fn file_work(peer: &mut TestPeer) -> Vec<FileWork> {
    peer.take(|output| if let PeerOutput::Files(work) = output { Some(work) } else { None })
}

fn all_read(peer: &mut TestPeer) {
    peer.event(PeerEvent::Chunks(chunk_store::Event::Verified(1, 1)));
}

const fn sum(bad: u64) -> Reply {
    Reply::VerifySum { files: 1, bytes: 1, bad }
}

fn place() -> FilePlace {
    FilePlace { folder: "/peer/shared".into(), inner: "song".parse().unwrap() }
}

/// A rotten file is found, and its good one is being fetched by the returned job.
fn repairing(peer: &mut TestPeer) -> Job {
    found(peer, Finding::Rotten);
    assert_eq!(file_work(peer), [FileWork::Repair("song".parse().unwrap(), place())]);
    peer.event(PeerEvent::Files(FileAnswer::Repair("song".parse().unwrap(), Ok(()))));
    peer.fetched().pop().unwrap()
}

#[test]
fn what_is_as_it_was_is_summed_up() {
    let (mut peer, ask) = verifying();
    let second = peer.ask(VerifyRequest {}.into());
    assert!(peer.outputs.is_empty(), "one reading is enough for both");
    all_read(&mut peer);
    assert_eq!(peer.replies(ask), [sum(0), Reply::Done]);
    assert_eq!(peer.replies(second), [sum(0), Reply::Done]);
}

#[test]
fn a_rotten_shared_file_is_fetched_and_swapped() {
    let (mut peer, ask) = verifying();
    let job = repairing(&mut peer);
    assert!(job.destination.starts_with("/peer/shared") && job.destination.ends_with("repair"), "{job:?}");
    assert_eq!(job.files[0].holders, [key(1).peer_id()]);
    all_read(&mut peer);
    assert_eq!(peer.replies(ask), [], "it is waited for");
    peer.finish(job.id, None);
    let damaged = Damaged { path: "song".parse().unwrap(), place: place(), size: 1, modified: 5_000 };
    assert_eq!(file_work(&mut peer), [FileWork::Swap(damaged.clone())]);
    peer.event(PeerEvent::Files(FileAnswer::Swap(damaged, Ok(()))));
    assert_eq!(peer.replies(ask), [row(VerifyResult::Rotten, Some(true)), sum(1), Reply::Done]);
}

#[test]
fn what_is_written_meanwhile_is_not_what_is_swapped() {
    let (mut peer, ask) = verifying();
    let job = repairing(&mut peer);
    // Somebody writes another song there, and it is hashed.
    peer.share(&[file("song", 2)]);
    peer.outputs.clear();
    peer.finish(job.id, None);
    let works = file_work(&mut peer);
    let [FileWork::Swap(damaged)] = works.as_slice() else { panic!("{works:?}") };
    assert_eq!(damaged.size, 1, "the file of that size is to be replaced, and no other");
    peer.event(PeerEvent::Files(FileAnswer::Swap(damaged.clone(), Err("it was changed".to_owned()))));
    assert_eq!(peer.replies(ask), [row(VerifyResult::Rotten, Some(false))]);
}

#[test]
fn what_nobody_has_is_told_as_damaged() {
    let (mut peer, ask) = verifying();
    peer.event(PeerEvent::Discovery(lan::Event::Gone(key(1).peer_id(), lan::Gone::Left)));
    peer.outputs.clear();
    found(&mut peer, Finding::Rotten);
    found(&mut peer, Finding::Changed);
    all_read(&mut peer);
    let end = Reply::Failed(Failure::other("1 file is damaged, and was not repaired"));
    let (rotten, changed) = (row(VerifyResult::Rotten, Some(false)), row(VerifyResult::Changed, None));
    assert_eq!(peer.replies(ask), [rotten, changed, sum(1), end]);
}

#[test]
fn all_that_stays_damaged_is_counted() {
    let mut peer = TestPeer::sharing(&[file("song", 1), file("tune", 2)]);
    let ask = peer.ask(VerifyRequest {}.into());
    for (path, n) in [("song", 1), ("tune", 2)] {
        let id = FileId([n; 32]);
        let event = chunk_store::Event::Shared(path.parse().unwrap(), id, Finding::Unreadable);
        peer.event(PeerEvent::Chunks(event));
    }
    all_read(&mut peer);
    let end = Reply::Failed(Failure::other("2 files are damaged, and were not repaired"));
    assert_eq!(peer.replies(ask).last(), Some(&end));
}

#[test]
fn a_repair_of_which_nothing_comes_is_waited_for_a_minute() {
    let (mut peer, ask) = verifying();
    let job = repairing(&mut peer);
    all_read(&mut peer);
    peer.pass(seconds(50));
    peer.event(progress(job.id, 1));
    peer.pass(seconds(59));
    assert!(peer.replies(ask).iter().all(|r| !r.is_last()));
    peer.pass(seconds(1));
    let end = Reply::Failed(Failure::other("1 file is damaged, and was not repaired"));
    assert_eq!(peer.replies(ask), [sum(1), end]);
    // The next reading waits for what is under way, and begins nothing beside it.
    let again = peer.ask(VerifyRequest {}.into());
    peer.outputs.clear();
    found(&mut peer, Finding::Rotten);
    assert!(file_work(&mut peer).is_empty());
    all_read(&mut peer);
    peer.finish(job.id, Some(Failure::other("nobody gives it")));
    let end = Reply::Failed(Failure::other("1 file is damaged, and was not repaired"));
    assert_eq!(peer.replies(again), [row(VerifyResult::Rotten, Some(false)), sum(1), end]);
}
