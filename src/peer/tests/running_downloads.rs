//! The running downloads: who hears how they go, and how they end.

use core::time::Duration;
use std::collections::BTreeSet;

use crate::content::{FileId, SafePath};
use crate::control::{Notice, Reply};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::peer::downloads::{DownloadOrder, Downloads};
use crate::peer::event::AskId;
use crate::peer::jobs::{JobPurpose, Jobs};
use crate::peer::limits;
use crate::peer::output::{Outputs, PeerOutput};
use crate::peer::owners::Owners;
use crate::peer::roster::Roster;
use crate::swarm::{JobId, Progress, Wanted};
use crate::time::Time;

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

fn wanted(n: u8, size: u64) -> Wanted {
    Wanted {
        here: None,
        id: FileId([n; 32]),
        size,
        modified: 0,
        executable: false,
        asked: "x".into(),
        to: format!("x{n}").parse().unwrap(),
        holders: Vec::new(),
        keep: None,
        some: Vec::new(),
    }
}

/// How far a download of ten files of 10 bytes is.
fn progress(job: JobId, done: u64) -> Progress {
    Progress {
        job,
        done,
        size: 100,
        files_done: 0,
        files: 10,
        fetched: done,
        sources: Vec::new(),
        rates: Vec::new(),
        waiting: None,
    }
}

/// Begins a download of so many files of 10 bytes.
fn begin(downloads: &mut Downloads, jobs: &mut Jobs, files: u8) -> JobId {
    let files = (1..=files).map(|n| wanted(n, 10)).collect();
    let order = DownloadOrder { what: "x".to_owned(), files, ..DownloadOrder::default() };
    downloads.begin(at(0), jobs, JobPurpose::Download, order, &mut Outputs::default())
}

/// What whoever asked is told, and what the prompt is told, if that is somebody else.
fn told(out: &mut Outputs) -> (Vec<Reply>, Vec<Notice>) {
    let (mut replies, mut notices) = (Vec::new(), Vec::new());
    while let Some(output) = out.pop() {
        match output {
            PeerOutput::Reply(AskId(7), reply) | PeerOutput::ReplyOr(AskId(7), reply, _) => {
                replies.push(reply);
            }
            PeerOutput::Notice(notice) => notices.push(notice),
            other => panic!("{other:?}"),
        }
    }
    (replies, notices)
}

#[test]
fn whoever_waits_hears_of_that_download_only() {
    let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
    let (a, b) = (begin(&mut d, &mut jobs, 10), begin(&mut d, &mut jobs, 3));
    assert_ne!(a, b);
    d.watch(a, AskId(7));
    let roster = Roster::default();
    d.progress(at(0), progress(a, 50), &roster, &mut out);
    d.progress(at(1_000), progress(a, 75), &roster, &mut out);
    let last = told(&mut out).0.pop().unwrap();
    let Reply::Progress(row) = last else { panic!("{last:?}") };
    assert_eq!((row.done, row.size, row.speed, row.left), (75, 100, 25, Some(1)));
    d.progress(at(1_000), Progress { size: 30, files: 3, ..progress(b, 0) }, &roster, &mut out);
    assert_eq!(told(&mut out), (Vec::new(), Vec::new()), "nobody waits for it");
    assert_eq!(d.rows(at(0), &roster)[1].size, 30);
    d.end(at(2_000), a, None, &roster, &mut out);
    d.end(at(2_000), b, None, &roster, &mut out);
    let (replies, notices) = told(&mut out);
    let [Reply::DownloadSum(sum), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((sum.job, sum.files, sum.size, sum.fetched, sum.millis), (a.0, 10, 100, 75, 2_000));
    assert!(matches!(
        &notices[..],
        [Notice::Download(_, Reply::DownloadSum(_)), Notice::Download(_, Reply::Done)]
    ));
    d.end(at(2_000), a, None, &roster, &mut out);
    assert_eq!((told(&mut out), d.rows(at(0), &roster).len()), ((Vec::new(), Vec::new()), 0));
}

#[test]
fn the_prompt_is_told_of_a_download_whose_watcher_went_away() {
    let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
    let job = begin(&mut d, &mut jobs, 1);
    d.watch(job, AskId(7));
    let missing =
        Reply::Missing { path: "x".to_owned(), failure: Failure::new(Code::NoHolder, "nobody has it") };
    d.tell(job, missing.clone(), &mut out);
    let Some(PeerOutput::ReplyOr(AskId(7), reply, shown)) = out.pop() else { panic!() };
    assert_eq!((reply, shown), (missing.clone(), Notice::Download(job.0, missing.clone())));
    // Each of many files would be too much of it; only its end is shown.
    let many = begin(&mut d, &mut jobs, 21);
    d.tell(many, missing.clone(), &mut out);
    assert_eq!(told(&mut out), (Vec::new(), Vec::new()));
    d.tell_always(many, missing.clone(), &mut out);
    d.watch(many, AskId(7));
    d.tell(many, missing.clone(), &mut out);
    assert_eq!(told(&mut out), (vec![missing.clone()], vec![Notice::Download(many.0, missing)]));
    d.end(at(1), many, None, &Roster::default(), &mut out);
    assert!(matches!(out.pop(), Some(PeerOutput::ReplyOr(_, Reply::DownloadSum(_), Notice::Download(..)))));
    assert!(matches!(out.pop(), Some(PeerOutput::ReplyOr(_, Reply::Done, Notice::Download(..)))));
}

#[test]
fn a_reason_is_said_once() {
    let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
    let (one, many, third) =
        (begin(&mut d, &mut jobs, 1), begin(&mut d, &mut jobs, 4), begin(&mut d, &mut jobs, 4));
    for job in [one, many, third] {
        d.watch(job, AskId(7));
    }
    let (full, none) = (Failure::new(Code::Full, "no room"), Failure::new(Code::NoHolder, "nobody"));
    let mut ended = |d: &mut Downloads, job, failure| {
        d.end(at(1), job, Some(failure), &Roster::default(), &mut out);
        let mut said = told(&mut out).0;
        assert!(matches!(said.remove(0), Reply::DownloadSum(_)));
        said
    };
    let path: SafePath = "x".parse().unwrap();
    assert!(!d.part_failed(one, &path, &full));
    assert_eq!(ended(&mut d, one, full.clone()), [Reply::Failed(full.clone())]);
    for (job, failure) in [(many, &full), (many, &none), (third, &none)] {
        assert!(d.part_failed(job, &path, failure));
    }
    let sum = Failure::new(Code::NoHolder, "2 of 4 files failed");
    assert_eq!(ended(&mut d, many, none), [Reply::Failed(sum)]);
    let stopped = Failure::other("the download was stopped");
    assert_eq!(ended(&mut d, third, stopped.clone()), [Reply::Failed(stopped)]);
}

#[test]
fn strangers_with_many_paths_and_keys_are_noted_no_more_than_others() {
    let (mut d, mut jobs) = (Downloads::default(), Jobs::default());
    begin(&mut d, &mut jobs, 3);
    let path = |n: usize| format!("p{n}").parse().unwrap();
    let held: Vec<_> = (0..1_000).map(|n| (path(n), (FileId([1; 32]), 10))).collect();
    for n in 0..200 {
        d.note_listed(PeerId([n; 32]), &held);
    }
    assert_eq!(d.listed(PeerId([0; 32])).count(), 3);
    let all: usize = (0..200).map(|n| d.listed(PeerId([n; 32])).count()).sum();
    assert_eq!(all, 3 * limits::LISTED_PEERS);
}

#[test]
fn what_is_wanted_of_one_peer_is_not_wanted_of_anyone() {
    let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
    let owners = Owners::one(PeerId([1; 32]));
    let order =
        DownloadOrder { owners: owners.clone(), files: vec![wanted(1, 5)], ..DownloadOrder::default() };
    d.begin(at(0), &mut jobs, JobPurpose::Download, order, &mut out);
    let claim = (FileId([1; 32]), 5);
    assert!(d.is_wanted(claim) && !d.is_wanted_of_anyone(claim));
    assert!(d.wants(Owners::is_anyone).is_empty());
    assert_eq!(d.wants(|these| *these == owners), BTreeSet::from([claim]));
    let order = DownloadOrder { files: vec![wanted(1, 5)], ..DownloadOrder::default() };
    d.begin(at(0), &mut jobs, JobPurpose::Download, order, &mut out);
    assert!(d.is_wanted_of_anyone(claim));
}
