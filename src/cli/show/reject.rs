//! `reject` as people read it.

use core::ops::ControlFlow;

use super::{Page, Show, offers};
use crate::control::{RejectRequest, Reply};

#[derive(Debug)]
struct RejectShow;

/// What shows it.
pub(super) fn show(_: &RejectRequest) -> Box<dyn Show> {
    Box::new(RejectShow)
}

impl Show for RejectShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Offer(row) => page.line(&offers::line(&row)),
            _ => ControlFlow::Continue(()),
        }
    }
}
