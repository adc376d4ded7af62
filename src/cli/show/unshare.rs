//! `unshare` as people read it.

use super::{NotesOnly, Show};
use crate::control::UnshareRequest;

/// What shows it.
pub(super) fn show(_: &UnshareRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}
