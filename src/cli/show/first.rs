//! `first` as people read it.

use super::Show;
use super::queue::QueueSteps;
use crate::control::FirstRequest;

/// What shows it.
pub(super) fn show(_: &FirstRequest) -> Box<dyn Show> {
    Box::new(QueueSteps::new("put first:", "nothing in the queue", ""))
}
