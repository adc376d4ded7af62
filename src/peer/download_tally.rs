//! What a download was, all in all: counted while it runs, told at its end. Pure; part of downloads.rs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::limits;
use crate::control::{DownloadFailures, DownloadOutcome, DownloadSum};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::swarm::{JobGivers, Progress};
use crate::time::Time;

/// Counts what one download brings.
#[derive(Debug)]
pub(super) struct DownloadTally {
    begun: Time,
    to: PathBuf,
    folders: u64,
    saved: u64,
    saved_bytes: u64,
    already_there: u64,
    already_bytes: u64,
    failed: u64,
    failures: Vec<DownloadFailures>,
    last_failure: Option<Failure>,
    givers: JobGivers,
    /// Bytes that were here when most of them were: what is stopped is forgotten before its end is told.
    most_done: u64,
    /// Those who gave something, as they were called then: at the end they may be gone.
    names: BTreeMap<PeerId, String>,
    is_stopped: bool,
    /// Somebody offered it.
    pub(super) is_offered: bool,
}

impl DownloadTally {
    /// Of a download that begins now, with so many empty folders.
    pub(super) const fn new(begun: Time, to: PathBuf, folders: u64) -> Self {
        Self {
            begun,
            to,
            folders,
            saved: 0,
            saved_bytes: 0,
            already_there: 0,
            already_bytes: 0,
            failed: 0,
            failures: Vec::new(),
            last_failure: None,
            givers: JobGivers { fetched: 0, resumed: 0, peers: Vec::new() },
            most_done: 0,
            names: BTreeMap::new(),
            is_stopped: false,
            is_offered: false,
        }
    }

    /// A file arrived, or was there already.
    pub(super) const fn arrived(&mut self, size: u64, was_there: bool) {
        if was_there {
            self.already_there += 1;
            self.already_bytes = self.already_bytes.saturating_add(size);
        } else {
            self.saved += 1;
            self.saved_bytes = self.saved_bytes.saturating_add(size);
        }
    }

    /// So many files of it were here before it was begun.
    pub(super) const fn was_there(&mut self, files: u64, bytes: u64) {
        self.already_there += files;
        self.already_bytes = self.already_bytes.saturating_add(bytes);
    }

    /// A file or an empty folder will not come.
    pub(super) fn failed(&mut self, path: &str, failure: &Failure) {
        self.failed += 1;
        self.last_failure = Some(failure.clone());
        let same = |of: &&mut DownloadFailures| of.failure == *failure;
        if let Some(of) = self.failures.iter_mut().find(same) {
            of.count += 1;
        } else if self.failures.len() < limits::FAILURES_TOLD {
            let (failure, first) = (failure.clone(), path.to_owned());
            self.failures.push(DownloadFailures { failure, count: 1, first });
        } else {
            // What differs in words alone is counted with another one of the same cause, if there is one.
            let at = self.failures.iter().position(|of| of.failure.code == failure.code);
            let of = self.failures.get_mut(at.unwrap_or(limits::FAILURES_TOLD - 1));
            of.into_iter().for_each(|of| of.count += 1);
        }
    }

    /// How many will not come, and why the last one did not.
    pub(super) const fn failures(&self) -> (u64, Option<&Failure>) {
        (self.failed, self.last_failure.as_ref())
    }

    /// The user wants no more of it.
    pub(super) const fn stopped(&mut self) {
        self.is_stopped = true;
    }

    /// What came over the network, and from whom.
    pub(super) fn given(&mut self, givers: JobGivers) {
        self.givers = givers;
    }

    /// So many of its bytes are here.
    pub(super) fn moved(&mut self, done: u64) {
        self.most_done = self.most_done.max(done);
    }

    /// True if it is not known yet how this peer is called.
    pub(super) fn lacks_name(&self, peer: PeerId) -> bool {
        !self.names.contains_key(&peer)
    }

    /// Those who give are called so now.
    pub(super) fn note_names(&mut self, peers: &[PeerId], names: Vec<String>) {
        for (peer, name) in peers.iter().zip(names) {
            if self.names.len() < limits::GIVERS_NAMED {
                self.names.entry(*peer).or_insert(name);
            }
        }
    }

    /// Those who gave something, who gave most first: as many as are named.
    pub(super) fn named_givers(&self) -> &[PeerId] {
        self.givers.peers.get(..limits::GIVERS_NAMED).unwrap_or(&self.givers.peers)
    }

    /// The sum, for a download that ends now.
    pub(super) fn sum(&self, now: Time, what: &str, ending: &Ending<'_>) -> DownloadSum {
        let Ending { progress, failure, left, names } = ending;
        let failure = *failure;
        let millis = u64::try_from(now.since(self.begun).as_millis()).unwrap_or(u64::MAX);
        // What was not yet told when progress was reported last is here nevertheless.
        let fetched = self.givers.fetched.max(progress.fetched);
        let here = self.saved_bytes.saturating_add(self.already_bytes);
        let outcome = match (*left, failure) {
            (Some(left), _) => left,
            (None, Some(_)) if self.is_stopped && self.is_offered => DownloadOutcome::Dropped,
            (None, Some(_)) if self.is_stopped => DownloadOutcome::Stopped,
            (None, Some(_)) => DownloadOutcome::Incomplete,
            (None, None) => DownloadOutcome::Done,
        };
        let mut failures = self.failures.clone();
        // A download may fail as a whole.
        if let (DownloadOutcome::Incomplete, true, Some(failure)) = (outcome, failures.is_empty(), failure) {
            let missing = progress.files.saturating_sub(self.saved + self.already_there);
            failures.push(DownloadFailures {
                failure: failure.clone(),
                count: missing,
                first: what.to_owned(),
            });
        }
        // Of what is left in the middle it is known who gave, not how much.
        let (from, from_count) = match self.givers.peers.len() {
            0 => (self.names.values().cloned().collect(), self.names.len()),
            count => (self.from(names), count),
        };
        DownloadSum {
            job: progress.job.0,
            what: what.to_owned(),
            outcome,
            files: progress.files,
            folders: self.folders,
            saved: self.saved,
            saved_bytes: self.saved_bytes,
            already_there: self.already_there,
            failed: self.failed,
            size: progress.size,
            done: self.most_done.max(here).min(progress.size),
            fetched,
            resumed: self.givers.resumed,
            millis,
            speed: fetched.saturating_mul(1_000) / millis.max(1),
            from,
            from_count: from_count as u64,
            to: self.to.clone(),
            failures,
            waits_for: Vec::new(),
        }
    }

    /// The first of those who gave, as they are shown.
    fn from(&self, names: &BTreeMap<PeerId, String>) -> Vec<String> {
        let name = |peer: &PeerId| names.get(peer).or_else(|| self.names.get(peer)).cloned();
        self.named_givers().iter().map(|peer| name(peer).unwrap_or_else(|| peer.to_string())).collect()
    }
}

/// How a download ends.
#[derive(Clone, Debug)]
pub(super) struct Ending<'a> {
    /// How far it came.
    pub(super) progress: &'a Progress,
    /// Why not everything came.
    pub(super) failure: Option<&'a Failure>,
    /// This peer leaves before it is over: what becomes of it.
    pub(super) left: Option<DownloadOutcome>,
    /// What those of its givers are called who are here.
    pub(super) names: BTreeMap<PeerId, String>,
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::roster::tests::key;
    use super::*;
    use crate::error::Code;
    use crate::swarm::JobId;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    fn progress(files: u64, size: u64) -> Progress {
        Progress {
            job: JobId(1),
            done: 0,
            size,
            files_done: 0,
            files,
            fetched: 0,
            sources: Vec::new(),
            rates: Vec::new(),
            waiting: None,
        }
    }

    fn sum(tally: &DownloadTally, progress: &Progress, failure: Option<&Failure>) -> DownloadSum {
        let ending = Ending { progress, failure, left: None, names: BTreeMap::new() };
        tally.sum(at(3_000), "x", &ending)
    }

    #[test]
    fn what_came_what_was_there_and_what_an_earlier_one_brought_are_counted_apart() {
        let mut tally = DownloadTally::new(at(1_000), "/d".into(), 2);
        tally.arrived(100, false);
        // Two files with one content: it came once.
        tally.arrived(100, false);
        tally.arrived(50, true);
        tally.given(JobGivers { fetched: 60, resumed: 40, peers: Vec::new() });
        let all = sum(&tally, &progress(3, 250), None);
        assert_eq!(all.outcome, DownloadOutcome::Done);
        assert_eq!((all.saved, all.saved_bytes, all.already_there, all.failed), (2, 200, 1, 0));
        assert_eq!((all.fetched, all.resumed, all.size, all.done), (60, 40, 250, 250));
        assert_eq!((all.millis, all.speed, all.folders, all.to.as_path()), (2_000, 30, 2, "/d".as_ref()));
    }

    #[test]
    fn each_reason_is_told_once_and_strangers_cannot_make_more_of_them() {
        let mut tally = DownloadTally::new(at(0), "/d".into(), 0);
        let none = Failure::new(Code::NoHolder, "nobody has it");
        for path in ["a", "b", "c"] {
            tally.failed(path, &none);
        }
        assert_eq!(tally.failures(), (3, Some(&none)));
        let all = sum(&tally, &progress(4, 40), Some(&none));
        assert_eq!(all.outcome, DownloadOutcome::Incomplete);
        let expected = DownloadFailures { failure: none.clone(), count: 3, first: "a".to_owned() };
        assert_eq!(all.failures, [expected]);
        for n in 0..100 {
            tally.failed("d", &Failure::other(format!("reason {n}")));
        }
        let all = sum(&tally, &progress(4, 40), Some(&none));
        assert_eq!(all.failures.len(), limits::FAILURES_TOLD);
        assert_eq!(all.failures.iter().map(|of| of.count).sum::<u64>(), 103);
    }

    #[test]
    fn a_download_that_fails_as_a_whole_has_one_reason() {
        let tally = DownloadTally::new(at(0), "/d".into(), 0);
        let all = sum(&tally, &progress(3, 40), Some(&Failure::other("no folder")));
        assert_eq!((all.failures.len(), all.failures[0].count), (1, 3));
    }

    #[test]
    fn stopping_and_leaving_are_no_failures() {
        let mut tally = DownloadTally::new(at(0), "/d".into(), 0);
        tally.stopped();
        tally.moved(30);
        tally.moved(0);
        let stopped = sum(&tally, &progress(3, 40), Some(&Failure::other("stopped")));
        assert_eq!((stopped.outcome, stopped.failures.len()), (DownloadOutcome::Stopped, 0));
        tally.is_offered = true;
        let dropped = sum(&tally, &progress(3, 40), Some(&Failure::other("stopped")));
        assert_eq!(dropped.outcome, DownloadOutcome::Dropped, "what was offered is resumed by nothing");
        assert_eq!(stopped.done, 30, "what is stopped is forgotten before its end is told");
        assert_eq!(sum(&tally, &progress(3, 40), None).outcome, DownloadOutcome::Done, "it was over before");
        let progress = progress(3, 40);
        let ending = Ending {
            progress: &progress,
            failure: None,
            left: Some(DownloadOutcome::Left),
            names: BTreeMap::new(),
        };
        let left = tally.sum(at(1), "x", &ending);
        assert_eq!(left.outcome, DownloadOutcome::Left);
    }

    #[test]
    fn who_gave_is_named_as_it_was_called_when_it_did() {
        let mut tally = DownloadTally::new(at(0), "/d".into(), 0);
        let [anna, bert] = [1, 2].map(|n| key(n).peer_id());
        assert!(tally.lacks_name(anna));
        tally.note_names(&[anna], vec!["anna".to_owned()]);
        assert!(!tally.lacks_name(anna));
        let early = sum(&tally, &progress(1, 9), None);
        assert_eq!(
            (early.from, early.from_count),
            (vec!["anna".to_owned()], 1),
            "how much each gave is told later"
        );
        tally.given(JobGivers { fetched: 9, resumed: 0, peers: vec![bert, anna] });
        let names = BTreeMap::from([(bert, "bert".to_owned())]);
        let progress = progress(1, 9);
        let all = tally.sum(at(1), "x", &Ending { progress: &progress, failure: None, left: None, names });
        assert_eq!((all.from, all.from_count), (vec!["bert".to_owned(), "anna".to_owned()], 2));
    }
}
