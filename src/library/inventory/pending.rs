//! A file that is not listed yet, and what was listed at its path before. Pure.

use super::super::SharedFile;
use crate::content::{FileId, Stamp};
use crate::time::Time;

#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) stamp: Stamp,
    pub(super) executable: bool,
    pub(super) step: Step,
    pub(super) before: Option<Before>,
}

impl Pending {
    pub(super) const fn new(stamp: Stamp, executable: bool, step: Step) -> Self {
        Self { stamp, executable, step, before: None }
    }
}

/// What was listed at a path last: if it turns out to be the same content, it has been listed since then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) id: FileId,
    pub(super) since: u64,
}

impl Before {
    pub(super) fn of(file: &SharedFile) -> Self {
        Self { id: file.manifest.file(), since: file.since }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Until then; `ignores_close`: a close after writing does not end it.
    Settling {
        until: Time,
        ignores_close: bool,
    },
    Queued,
    /// `spoiled`: it was written to meanwhile.
    Hashing {
        spoiled: bool,
    },
    Failed,
}
