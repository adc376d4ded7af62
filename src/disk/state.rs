//! What the disk coordinator knows of a file and of a destination.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::open::OpenPartial;
use super::place::Destination;
use super::{FileToken, PartialSeed, Plan, copy};
use crate::content::Chunks;
use crate::content::partial::Bits;
use crate::time::Time;

/// How far a flush has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// This many writers have not come to the mark.
    Writing(u8),
    /// The slow thread has not.
    Syncing,
    /// Only what is being published or closed is awaited.
    Publishing,
}

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) plan: Arc<Plan>,
    /// It is made as a copy of this file.
    pub(super) source: Option<PathBuf>,
    pub(super) chunks: Chunks,
    pub(super) place: Arc<Destination>,
    pub(super) stage: FileStage,
    pub(super) found: OpenPartial,
    /// What others may have of it.
    pub(super) seed: Option<Arc<PartialSeed>>,
    /// Believed, not yet hashed again.
    pub(super) doubted: Bits,
    /// Blocks were passed on for these, so nobody else's word on them counts.
    pub(super) touched: Bits,
    /// These were left out when they were written, for they are nothing but zeros.
    pub(super) holes: Bits,
    pub(super) preallocated: bool,
    /// Bytes verified since the sidecar was written, and since when.
    pub(super) dirty: u64,
    /// Bytes verified since they were noted in it without a sync.
    pub(super) unnoted: u64,
    /// Writings of the sidecar, with a sync and without.
    pub(super) saves: u64,
    pub(super) notes: u64,
    pub(super) dirty_since: Option<Time>,
    pub(super) saving: bool,
    /// All that is to be kept is on the disk: reported when all threads have let go of it.
    pub(super) kept: bool,
}

impl OpenFile {
    /// Bytes that are to be holes again: taking space beforehand may have filled them.
    pub(super) fn filled_holes(&self) -> Vec<Range<u64>> {
        joined(self.holes.iter().filter(|_| self.preallocated).map(|chunk| self.chunks.range(chunk)))
    }

    /// Bytes that space was taken for beforehand, and that did not come.
    pub(super) fn spare(&self) -> Vec<Range<u64>> {
        let is_taken = self.preallocated && self.plan.keep.is_none();
        let missing = self.chunks.iter().filter(|chunk| is_taken && !self.found.have.has(*chunk));
        joined(missing.map(|chunk| self.chunks.range(chunk)))
    }

    /// Removes the copy that was begun for `token`, if there is one.
    pub(super) fn discard_copy(&self, token: FileToken) {
        let name = copy::name(self.plan.id, token);
        if let Err(e) = self.place.partial().and_then(|partial| partial.remove(&name)) {
            log::debug!("{name} stays: {e}");
        }
    }
}

/// Ranges, those that touch as one.
fn joined(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// Where an open file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileStage {
    /// Files of its name are compared with it.
    Comparing,
    /// A copy is being made of its source.
    Copying,
    /// Blocks may come.
    Filling,
    /// To be published when nothing of it is in doubt.
    Finishing,
    /// In a group, or waiting for one.
    Publishing,
    /// This many threads have not let go of it.
    Closing(u8),
    /// The sidecar is written for the last time.
    Leaving,
}
