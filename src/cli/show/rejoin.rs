//! `rejoin` as people read it: whoever asked says what came of it.

use super::{NotesOnly, Show};
use crate::control::RejoinRequest;

/// What shows it.
pub(super) fn show(_: &RejoinRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}
