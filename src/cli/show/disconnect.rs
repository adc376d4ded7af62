//! `disconnect` as people read it.

use core::ops::ControlFlow;

use super::{Page, Show};
use crate::cli::output::Style;
use crate::control::{DisconnectRequest, Reply};
use crate::text::shown;

/// What was typed of the route; `None`: all of them were meant.
#[derive(Debug)]
struct DisconnectShow(Option<String>);

/// What shows it.
pub(super) fn show(request: &DisconnectRequest) -> Box<dyn Show> {
    Box::new(DisconnectShow(request.target.as_ref().map(ToString::to_string)))
}

impl Show for DisconnectShow {
    fn reply(&mut self, _: Reply, _: &mut Page) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, _: Style) -> String {
        match &self.0 {
            _ if !worked => String::new(),
            Some(target) => format!("disconnected from {}\n", shown(target)),
            None => "disconnected from all networks that were joined by `connect`\n".to_owned(),
        }
    }
}
