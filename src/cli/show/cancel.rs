//! `cancel` as people read it.

use super::Show;
use super::queue::QueueSteps;
use crate::control::CancelRequest;

/// What shows it.
pub(super) fn show(request: &CancelRequest) -> Box<dyn Show> {
    let hint = if request.discard { "" } else { "; what arrived is kept" };
    Box::new(QueueSteps::new("removed", "nothing in the queue", hint))
}
