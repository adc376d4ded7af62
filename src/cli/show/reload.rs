//! `reload` as people read it: whoever asked says what came of it.

use super::{NotesOnly, Show};
use crate::control::ReloadRequest;

/// What shows it.
pub(super) fn show(_: &ReloadRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}
