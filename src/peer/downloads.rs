//! The running downloads as users see them: progress, speed, time left, who waits for which. Pure.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::content::Claim;
use crate::control::{DownloadRow, Reply};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::swarm::{JobId, Progress};
use crate::time::Time;

/// Speeds are means over this time.
const WINDOW: Duration = Duration::from_secs(3);

/// Replies that may pile up before progress is left out for a slow reader.
const PILE: usize = 64;

/// Somebody who waits for the end of a download, and hears how it goes on.
pub(super) trait DownloadWatcher {
    /// Says something. False: it went away.
    fn hear(&self, reply: Reply) -> bool;

    /// How much was said that it did not take in yet.
    fn behind(&self) -> usize;
}

/// Bytes against time, over the last seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Speed {
    points: VecDeque<(Time, u64)>,
}

impl Speed {
    /// Notes that `bytes` in all had passed at `now`.
    pub(super) fn note(&mut self, now: Time, bytes: u64) {
        self.points.push_back((now, bytes));
        while self.points.len() > 2 && self.points.get(1).is_some_and(|p| now.since(p.0) >= WINDOW) {
            self.points.pop_front();
        }
    }

    /// Bytes a second; 0 when nothing was noted for a while.
    #[must_use]
    pub(super) fn get(&self, now: Time) -> u64 {
        let (Some(first), Some(last)) = (self.points.front(), self.points.back()) else { return 0 };
        let millis = now.since(first.0).as_millis().max(1);
        let bytes = u128::from(last.1.saturating_sub(first.1));
        if now.since(last.0) > WINDOW { 0 } else { u64::try_from(bytes * 1_000 / millis).unwrap_or(u64::MAX) }
    }
}

/// One download, and whoever waits for its end.
#[derive(Debug)]
pub(super) struct DownloadState<W> {
    /// What was asked for, in short.
    pub(super) what: String,
    /// The contents that it is to bring.
    pub(super) wants: Vec<Claim>,
    /// Only from this peer.
    pub(super) only: Option<PeerId>,
    /// Files and empty folders that it is to bring.
    things: usize,
    /// Those that it will not, and the last one's failure.
    failed: (usize, Option<Failure>),
    progress: Progress,
    speed: Speed,
    watchers: Vec<W>,
}

/// All that run.
#[derive(Debug)]
pub(super) struct Downloads<W> {
    running: BTreeMap<JobId, DownloadState<W>>,
    last: u64,
}

impl<W> Default for Downloads<W> {
    fn default() -> Self {
        Self { running: BTreeMap::new(), last: 0 }
    }
}

impl<W: DownloadWatcher> Downloads<W> {
    /// The number of the next one.
    pub(super) fn next_id(&mut self) -> JobId {
        self.last += 1;
        JobId(self.last)
    }

    /// Notes that a download of these files, and of so many empty folders, began.
    pub(super) fn begin(
        &mut self,
        job: JobId,
        what: String,
        only: Option<PeerId>,
        wants: &[Claim],
        folders: usize,
    ) {
        let things = wants.len() + folders;
        let progress = Progress {
            job,
            done: 0,
            size: wants.iter().map(|(_, size)| *size).fold(0, u64::saturating_add),
            files_done: 0,
            files: wants.len() as u64,
            fetched: 0,
            sources: Vec::new(),
            waiting: None,
        };
        let wants = wants.to_vec();
        let (failed, speed, watchers) = ((0, None), Speed::default(), Vec::new());
        let download = DownloadState { what, wants, only, things, failed, progress, speed, watchers };
        self.running.insert(job, download);
    }

    /// Lets `watcher` hear how a download goes on.
    pub(super) fn watch(&mut self, job: JobId, watcher: W) {
        if let Some(d) = self.running.get_mut(&job) {
            d.watchers.push(watcher);
        }
    }

    /// Notes how far a download is and tells whoever waits for it.
    pub(super) fn progress(&mut self, now: Time, progress: Progress, name: impl Fn(PeerId) -> String) {
        let Some(d) = self.running.get_mut(&progress.job) else { return };
        d.speed.note(now, progress.fetched);
        d.progress = progress;
        let row = d.row(now, name);
        for w in d.watchers.iter().filter(|w| w.behind() < PILE) {
            // A watcher that went away needs no progress; it is dropped with the download.
            w.hear(Reply::Progress(row.clone()));
        }
    }

    /// Notes that a part of a download will not come. True: it is to be reported, for there are others, whose
    /// end says nothing of this one.
    pub(super) fn part_failed(&mut self, job: JobId, failure: &Failure) -> bool {
        let Some(d) = self.running.get_mut(&job) else { return false };
        d.failed = (d.failed.0 + 1, Some(failure.clone()));
        d.things > 1
    }

    /// What is said at the end of a download that ended so: no reason that was reported for a part of it.
    pub(super) fn end_of(&self, job: JobId, failure: Failure) -> Failure {
        match self.running.get(&job) {
            Some(d) if d.things > 1 && d.failed.1.as_ref() == Some(&failure) => {
                let (failed, all) = (d.failed.0, d.things);
                Failure::new(failure.code, format!("{failed} of {all} could not be fetched"))
            }
            _ => failure,
        }
    }

    /// Tells whoever waits for a download; false if nobody does.
    pub(super) fn tell(&self, job: JobId, reply: &Reply) -> bool {
        let Some(d) = self.running.get(&job) else { return false };
        let reached = d.watchers.iter().filter(|w| w.hear(reply.clone()));
        reached.count() > 0
    }

    /// Ends a download.
    pub(super) fn end(&mut self, job: JobId) -> Option<DownloadState<W>> {
        self.running.remove(&job)
    }

    /// A running one.
    #[must_use]
    pub(super) fn get(&self, job: JobId) -> Option<&DownloadState<W>> {
        self.running.get(&job)
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (JobId, &DownloadState<W>)> {
        self.running.iter().map(|(id, d)| (*id, d))
    }

    /// What `status` shows of them.
    pub(super) fn rows(&self, now: Time, name: impl Fn(PeerId) -> String + Copy) -> Vec<DownloadRow> {
        self.running.values().map(|d| d.row(now, name)).collect()
    }
}

impl<W> DownloadState<W> {
    /// One row of `status`.
    pub(super) fn row(&self, now: Time, name: impl Fn(PeerId) -> String) -> DownloadRow {
        let p = &self.progress;
        let speed = self.speed.get(now);
        DownloadRow {
            job: p.job.0,
            what: self.what.clone(),
            done: p.done,
            size: p.size,
            files_done: p.files_done,
            files: p.files,
            speed,
            left: p.size.saturating_sub(p.done).checked_div(speed),
            fetched: p.fetched,
            from: p.sources.iter().map(|id| name(*id)).collect(),
            waiting: p.waiting.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::{Rc, Weak};

    use super::*;
    use crate::content::FileId;

    /// What a watcher heard, until it goes away.
    type Heard = RefCell<Vec<Reply>>;

    impl DownloadWatcher for Weak<Heard> {
        fn hear(&self, reply: Reply) -> bool {
            self.upgrade().map(|heard| heard.borrow_mut().push(reply)).is_some()
        }

        fn behind(&self) -> usize {
            self.upgrade().map_or(0, |heard| heard.borrow().len())
        }
    }

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn speed_is_the_mean_of_the_last_seconds() {
        let mut s = Speed::default();
        assert_eq!(s.get(at(0)), 0);
        for i in 0..=100 {
            s.note(at(i * 100), i * 1_000);
        }
        assert_eq!(s.get(at(10_000)), 10_000);
        for i in 101..=200 {
            s.note(at(i * 100), 100_000);
        }
        assert_eq!(s.get(at(20_000)), 0);
        s.note(at(20_100), 150_000);
        assert!(s.get(at(20_100)) > 10_000);
        assert_eq!(s.get(at(30_000)), 0);
        assert!(s.points.len() < 50);
    }

    #[test]
    fn watchers_hear_of_their_download_only() {
        let mut d = Downloads::<Weak<Heard>>::default();
        let (a, b) = (d.next_id(), d.next_id());
        assert_ne!(a, b);
        d.begin(a, "x".into(), None, &[(FileId([1; 32]), 100)], 0);
        d.begin(b, "y".into(), None, &[(FileId([2; 32]), 10), (FileId([3; 32]), 20)], 0);
        let heard = Rc::new(Heard::default());
        d.watch(a, Rc::downgrade(&heard));
        let mut p = d.get(a).unwrap().progress.clone();
        (p.done, p.fetched) = (50, 50);
        d.progress(at(0), p.clone(), |_| String::new());
        (p.done, p.fetched) = (75, 75);
        d.progress(at(1_000), p.clone(), |_| String::new());
        let last = heard.take().pop().unwrap();
        let Reply::Progress(row) = last else { panic!("{last:?}") };
        assert_eq!((row.done, row.size, row.speed, row.left), (75, 100, 25, Some(1)));
        assert!(d.tell(a, &Reply::Done) && !d.tell(b, &Reply::Done));
        assert_eq!(heard.take().len(), 1);
        // Progress is left out for a slow reader, the end is not.
        for i in 0..=PILE as u64 {
            d.progress(at(2_000 + i), p.clone(), |_| String::new());
        }
        assert!(d.tell(a, &Reply::Done));
        assert_eq!(heard.take().len(), PILE + 1);
        assert_eq!(d.rows(at(0), |_| String::new())[1].size, 30);
        drop(heard);
        assert!(!d.tell(a, &Reply::Done));
        assert!(d.end(a).is_some() && d.end(b).is_some() && d.iter().next().is_none());
    }

    #[test]
    fn a_reason_is_said_once() {
        use crate::error::Code;
        let mut d = Downloads::<Weak<Heard>>::default();
        let (one, many) = (d.next_id(), d.next_id());
        let wants = [(FileId([1; 32]), 1), (FileId([2; 32]), 1), (FileId([3; 32]), 1)];
        d.begin(one, "x".into(), None, &wants[..1], 0);
        d.begin(many, "y".into(), None, &wants, 1);
        let (full, none) = (Failure::new(Code::Full, "no room"), Failure::new(Code::NoHolder, "nobody"));
        assert!(!d.part_failed(one, &full));
        assert_eq!(d.end_of(one, full.clone()), full);
        assert!(d.part_failed(many, &full) && d.part_failed(many, &none));
        assert_eq!(d.end_of(many, none), Failure::new(Code::NoHolder, "2 of 4 could not be fetched"));
        let stopped = Failure::other("the download was stopped");
        assert_eq!(d.end_of(many, stopped.clone()), stopped);
    }
}
