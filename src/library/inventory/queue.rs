//! The order of hashing: the smallest file first, and never two large ones at once, so that a small file
//! never waits for a large one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::content::{SafePath, Stamp};
use crate::library::Hashing;

/// Bytes above which a file is large: about a tenth of a second of hashing.
const LARGE: u64 = 256 << 20;

/// Files that one thread takes at once, and their bytes: enough that handing them over costs nothing.
const SHARE: usize = 64;
const SHARE_BYTES: u64 = 4 << 20;

/// A file to be hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HashJob {
    pub(crate) path: SafePath,
    /// What it must be before and after.
    pub(crate) stamp: Stamp,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By size, then path.
    order: BTreeSet<(u64, SafePath)>,
    stamps: BTreeMap<SafePath, Stamp>,
    running: Vec<HashJob>,
    large_running: bool,
    /// Of all files not hashed yet: those in `order` and those under way.
    files: u64,
    bytes: u64,
}

impl Queue {
    pub(super) fn add(&mut self, path: &SafePath, stamp: Stamp) {
        self.files += 1;
        self.bytes += stamp.size;
        self.order.insert((stamp.size, path.clone()));
        self.stamps.insert(path.clone(), stamp);
    }

    /// Takes a file out that was not handed out yet.
    pub(super) fn remove(&mut self, path: &SafePath, size: u64) {
        if self.order.remove(&(size, path.clone())) {
            self.stamps.remove(path);
            self.forget_waiting(size);
        }
    }

    /// A file that was handed out needs no hash any more, or has it.
    pub(super) const fn forget_waiting(&mut self, size: u64) {
        self.files = self.files.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
    }

    pub(super) fn poll_jobs(&mut self) -> Option<Vec<HashJob>> {
        let mut jobs = Vec::new();
        let mut bytes = 0;
        while let Some((size, _)) = self.order.first() {
            let large = *size > LARGE;
            if jobs.len() == SHARE
                || (!jobs.is_empty() && bytes + size > SHARE_BYTES)
                || (large && self.large_running)
            {
                break;
            }
            let Some((size, path)) = self.order.pop_first() else { break };
            bytes += size;
            self.large_running |= large;
            // Every path in `order` has its stamp beside it.
            if let Some(stamp) = self.stamps.remove(&path) {
                jobs.push(HashJob { path, stamp });
            }
        }
        self.running.extend(jobs.iter().cloned());
        (!jobs.is_empty()).then_some(jobs)
    }

    pub(super) fn handle_done(&mut self, job: &HashJob) {
        if job.stamp.size > LARGE {
            self.large_running = false;
        }
        if let Some(at) = self.running.iter().position(|j| j == job) {
            self.running.swap_remove(at);
        }
    }

    pub(super) const fn waiting(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }

    pub(super) fn first_waiting(&self, most: usize) -> Vec<Hashing> {
        let hashing = |path: &SafePath, size| Hashing { path: path.clone(), done: 0, size };
        let running = self.running.iter().map(|j| hashing(&j.path, j.stamp.size));
        let queued = self.order.iter().map(|(size, path)| hashing(path, *size));
        running.chain(queued).take(most).collect()
    }
}
