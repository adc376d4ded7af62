//! `watch`: lines for programs, however they are asked for.

use core::ops::ControlFlow;

use super::{Page, Show};
use crate::cli::output;
use crate::control::{Reply, WatchRequest};

#[derive(Debug)]
struct WatchShow;

/// What shows it.
pub(super) fn show(_: &WatchRequest) -> Box<dyn Show> {
    Box::new(WatchShow)
}

impl Show for WatchShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        output::out(&output::json_line(&reply))
    }
}
