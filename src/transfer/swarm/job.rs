//! Downloads of many files: what of each job is still to be begun, and how far it is. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use crate::content::SafePath;
use crate::disk::FileToken;
use crate::error::Failure;
use crate::transfer::{Job, JobId, Progress, Wanted};

/// One job.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: JobId,
    pub(super) destination: PathBuf,
    /// Files not begun yet.
    pub(super) queue: VecDeque<Wanted>,
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
    pub(super) failure: Option<Failure>,
    /// What was reported last.
    pub(super) told: Option<Progress>,
}

impl Running {
    pub(super) fn new(job: Job) -> Self {
        Self {
            id: job.id,
            destination: job.destination,
            begun: 0,
            folders: BTreeMap::new(),
            size: job.files.iter().fold(0, |sum, f| sum.saturating_add(f.size)),
            files: job.files.len() as u64,
            queue: job.files.into(),
            arrived: 0,
            arrived_bytes: 0,
            fetched: 0,
            failure: None,
            told: None,
        }
    }

    /// True if no file is left to be fetched.
    pub(super) fn is_over(&self) -> bool {
        self.begun == 0 && self.queue.is_empty()
    }
}
