//! `pause` as people read it.

use super::Show;
use super::queue::QueueSteps;
use crate::control::PauseRequest;

/// What shows it.
pub(super) fn show(_: &PauseRequest) -> Box<dyn Show> {
    Box::new(QueueSteps::new("paused", "nothing to pause", "; `resume` continues it"))
}
