//! `unignore` as people read it.

use super::{NotesOnly, Show};
use crate::control::UnignoreRequest;

/// What shows it.
pub(super) fn show(_: &UnignoreRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}
