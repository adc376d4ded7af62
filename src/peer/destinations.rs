//! Which downloads are begun, and which wait because too many destinations are in use. Pure.
//!
//! What goes outside `downloads/` has disk workers of its own for each destination, and those are threads
//! (`peer/sandboxes.rs`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use super::limits;
use crate::swarm::{Job, JobId};

/// The destinations that have workers of their own.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    /// All below this folder is reached by workers that run anyway; `None`: everything is.
    near: Option<PathBuf>,
    /// The jobs that go to each of the others.
    used: BTreeMap<PathBuf, BTreeSet<JobId>>,
    /// Jobs that wait until one of these is free; the oldest first.
    waiting: VecDeque<Job>,
}

impl Destinations {
    /// What goes below `near` needs no workers of its own.
    pub(super) fn beside(near: PathBuf) -> Self {
        Self { near: Some(near), ..Self::default() }
    }

    /// A job is to be begun. `Some`: now; else it waits.
    pub(super) fn enter(&mut self, job: Job) -> Option<Job> {
        if self.may_enter(&job.destination) {
            self.note(&job);
            return Some(job);
        }
        self.waiting.push_back(job);
        None
    }

    /// A job is over, or is not wanted any more: those that can be begun now.
    pub(super) fn leave(&mut self, id: JobId) -> Vec<Job> {
        self.waiting.retain(|job| job.id != id);
        for jobs in self.used.values_mut() {
            jobs.remove(&id);
        }
        self.used.retain(|_, jobs| !jobs.is_empty());
        let mut begun = Vec::new();
        for job in std::mem::take(&mut self.waiting) {
            if self.may_enter(&job.destination) {
                self.note(&job);
                begun.push(job);
            } else {
                self.waiting.push_back(job);
            }
        }
        begun
    }

    /// True if a job waits to be begun.
    pub(super) fn is_waiting(&self, id: JobId) -> bool {
        self.waiting.iter().any(|job| job.id == id)
    }

    fn may_enter(&self, destination: &Path) -> bool {
        !self.is_far(destination)
            || self.used.contains_key(destination)
            || self.used.len() < limits::DESTINATIONS
    }

    fn note(&mut self, job: &Job) {
        if self.is_far(&job.destination) {
            self.used.entry(job.destination.clone()).or_default().insert(job.id);
        }
    }

    fn is_far(&self, destination: &Path) -> bool {
        self.near.as_ref().is_some_and(|near| !destination.starts_with(near))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u64, destination: &str) -> Job {
        let (files, folders) = (Vec::new(), Vec::new());
        Job { id: JobId(id), destination: destination.into(), files, folders, background: false }
    }

    fn ids(jobs: &[Job]) -> Vec<u64> {
        jobs.iter().map(|job| job.id.0).collect()
    }

    #[test]
    fn only_so_many_destinations_have_workers_of_their_own_at_a_time() {
        let mut all = Destinations::beside("/peer/downloads".into());
        let most = limits::DESTINATIONS as u64;
        for n in 0..most {
            assert!(all.enter(job(n, &format!("/far/{n}"))).is_some());
        }
        assert!(all.enter(job(most, "/far/more")).is_none() && all.is_waiting(JobId(most)));
        assert!(all.enter(job(most + 1, "/far/7")).is_some(), "its workers are there");
        assert!(all.enter(job(most + 2, "/peer/downloads/a")).is_some(), "it needs none");
        assert!(
            all.enter(job(most + 3, "/far/more")).is_none()
                && all.enter(job(most + 4, "/far/most")).is_none()
        );
        assert!(ids(&all.leave(JobId(7))).is_empty(), "another job goes there");
        assert!(ids(&all.leave(JobId(most + 2))).is_empty());
        assert_eq!(ids(&all.leave(JobId(most + 1))), [most, most + 3], "they go to one place");
        assert!(ids(&all.leave(JobId(most + 4))).is_empty() && !all.is_waiting(JobId(most + 4)));
        (0..most + 9).for_each(|n| drop(all.leave(JobId(n))));
        assert!(all.used.is_empty() && all.waiting.is_empty());
    }

    #[test]
    fn where_nothing_is_far_nothing_waits() {
        let mut all = Destinations::default();
        assert!((0..1_000).all(|n| all.enter(job(n, &format!("/far/{n}"))).is_some()));
    }
}
