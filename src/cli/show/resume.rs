//! `resume` as people read it.

use super::Show;
use super::queue::QueueSteps;
use crate::control::ResumeRequest;

/// What shows it.
pub(super) fn show(_: &ResumeRequest) -> Box<dyn Show> {
    Box::new(QueueSteps::new("resumed", "nothing to resume", ""))
}
