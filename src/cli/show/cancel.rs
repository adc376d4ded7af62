//! `cancel` as people read it.

use super::{NotesOnly, Show};
use crate::control::CancelRequest;

/// What shows it.
pub(super) fn show(_: &CancelRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}
