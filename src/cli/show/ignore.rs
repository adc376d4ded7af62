//! `ignore` as people read it.

use core::ops::ControlFlow;

use super::parts::short_id;
use super::{Page, Show};
use crate::control::{IgnoreRequest, Reply};
use crate::text::shown;

#[derive(Debug)]
struct IgnoreShow;

/// What shows it.
pub(super) fn show(_: &IgnoreRequest) -> Box<dyn Show> {
    Box::new(IgnoreShow)
}

impl Show for IgnoreShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Ignored(row) => {
                page.line(&format!("{} ({}) is ignored from now on", shown(&row.name), short_id(&row.id)))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
