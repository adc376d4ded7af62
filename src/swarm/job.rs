//! Downloads of many files: what of each job is still to be begun, and how far it is. Pure.

use core::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file_queue::FileQueue;
use crate::content::{Claim, SafePath};
use crate::disk::FileToken;
use crate::error::Failure;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::swarm::{Job, JobGivers, JobId, Progress, Wanted};

/// One job.
#[derive(Debug)]
pub(super) struct RunningJob {
    pub(super) id: JobId,
    pub(super) destination: PathBuf,
    /// It is throttled while others fetch.
    pub(super) background: bool,
    /// Files not begun yet, each content once.
    pub(super) queue: FileQueue,
    /// For each content in the queue or being fetched: the other files that have it.
    twins: BTreeMap<Claim, Vec<Wanted>>,
    /// Files whose content arrived or lay there before (`here`): to be copied.
    pub(super) copies: FileQueue,
    /// Files begun: with the disk workers.
    pub(super) begun: usize,
    /// Empty folders that were ordered, by the number they were ordered under.
    pub(super) folders: BTreeMap<FileToken, SafePath>,
    pub(super) size: u64,
    pub(super) files: u64,
    pub(super) arrived: u64,
    /// Bytes of files that arrived.
    pub(super) arrived_bytes: u64,
    pub(super) fetched: u64,
    /// Bytes of its files that were there from before when they were opened.
    pub(super) resumed: u64,
    /// What came over the network, by who gave it.
    given: BTreeMap<PeerId, u64>,
    pub(super) failure: Option<Failure>,
    /// What was reported last.
    pub(super) reported: Option<Progress>,
}

impl RunningJob {
    pub(super) fn new(job: Job) -> Self {
        let mut running = Self {
            id: job.id,
            destination: job.destination,
            background: job.background,
            begun: 0,
            folders: BTreeMap::new(),
            size: job.files.iter().fold(0, |sum, f| sum.saturating_add(f.bytes())),
            files: job.files.len() as u64,
            queue: FileQueue::default(),
            twins: BTreeMap::new(),
            copies: FileQueue::default(),
            arrived: 0,
            arrived_bytes: 0,
            fetched: 0,
            resumed: 0,
            given: BTreeMap::new(),
            failure: None,
            reported: None,
        };
        for wanted in job.files {
            // What is kept has no path to be copied from or to.
            if wanted.keep.is_some() {
                running.queue.push_back(wanted);
            } else if wanted.here.is_some() {
                running.copies.push_back(wanted);
            } else if let Some(twins) = running.twins.get_mut(&wanted.claim()) {
                twins.push(wanted);
            } else {
                running.twins.insert(wanted.claim(), Vec::new());
                running.queue.push_back(wanted);
            }
        }
        running
    }

    /// All files that are not begun.
    pub(super) fn not_begun(&mut self) -> impl Iterator<Item = &mut Wanted> {
        self.queue.iter_mut().chain(self.twins.values_mut().flatten()).chain(self.copies.iter_mut())
    }

    /// All files with a content that are not begun.
    pub(super) fn each_of(&mut self, content: Claim, mut act: impl FnMut(&mut Wanted)) {
        self.queue.each_of(content, &mut act);
        self.twins.get_mut(&content).into_iter().flatten().for_each(&mut act);
        self.copies.each_of(content, act);
    }

    /// Nothing that is not begun is wanted any more.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.twins.clear();
        self.copies.clear();
    }

    /// A content arrived: its other files are copied from there.
    pub(super) fn copy_twins(&mut self, of: Claim, from: &Path) {
        let twins = self.twins.remove(&of).unwrap_or_default();
        for wanted in twins {
            self.copies.push_back(Wanted { here: Some(from.to_owned()), ..wanted });
        }
    }

    /// The file that was to bring a content will not: the next one that has it takes its place.
    pub(super) fn next_twin(&mut self, of: Claim) {
        if let Some(mut twins) = self.twins.remove(&of)
            && let Some(next) = twins.pop()
        {
            self.queue.push_front(next);
            self.twins.insert(of, twins);
        }
    }

    /// Nobody can give a content: all other files that have it.
    pub(super) fn give_up(&mut self, of: Claim) -> Vec<Wanted> {
        self.twins.remove(&of).unwrap_or_default()
    }

    /// A file cannot be copied, for what was there has changed: its content is fetched again.
    pub(super) fn fetch_instead(&mut self, wanted: Wanted) {
        let of = wanted.claim();
        if let Some(twins) = self.twins.get_mut(&of) {
            return twins.push(wanted);
        }
        let same = self.copies.take_of(of, |_| true);
        self.twins.insert(of, same);
        self.queue.push_front(wanted);
    }

    /// A peer gave so many bytes. Of strangers who come with many keys no more are noted than fit.
    pub(super) fn came(&mut self, from: PeerId, bytes: u64) {
        self.fetched += bytes;
        if self.given.len() < limits::GIVERS || self.given.contains_key(&from) {
            *self.given.entry(from).or_default() += bytes;
        }
    }

    /// What came over the network, and from whom.
    pub(super) fn givers(&self) -> JobGivers {
        let mut given: Vec<(PeerId, u64)> = self.given.iter().map(|(peer, bytes)| (*peer, *bytes)).collect();
        given.sort_by_key(|(_, bytes)| Reverse(*bytes));
        let peers = given.into_iter().map(|(peer, _)| peer).collect();
        JobGivers { fetched: self.fetched, resumed: self.resumed, peers }
    }

    /// True if no file is left to be fetched.
    pub(super) fn is_over(&self) -> bool {
        self.begun == 0 && self.queue.is_empty() && self.copies.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gave_most_comes_first_and_strangers_are_bounded() {
        let job = Job {
            id: JobId(1),
            destination: PathBuf::from("/d"),
            files: Vec::new(),
            folders: Vec::new(),
            background: false,
        };
        let mut job = RunningJob::new(job);
        assert_eq!(job.givers(), JobGivers::default(), "nothing came");
        let peer = |n: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_le_bytes());
            PeerId(id)
        };
        job.came(peer(1), 10);
        job.came(peer(2), 30);
        job.came(peer(1), 5);
        assert_eq!(job.givers(), JobGivers { fetched: 45, resumed: 0, peers: vec![peer(2), peer(1)] });
        for n in 3..2 * limits::GIVERS {
            job.came(peer(n), 1);
        }
        assert_eq!(job.givers().peers.len(), limits::GIVERS);
    }
}
