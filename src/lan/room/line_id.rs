//! What names a line. Pure.

use crate::identity::{Instance, PeerId};

/// Who said it, in which of its starts. Each start numbers its lines from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub peer: PeerId,
    pub instance: Instance,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LineId {
    pub origin: Origin,
    pub number: u64,
}
