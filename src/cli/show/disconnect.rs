//! `disconnect` as people read it.

use super::{NotesOnly, Show};
use crate::control::DisconnectRequest;

/// What shows it.
pub(super) fn show(_: &DisconnectRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}
