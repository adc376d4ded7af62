//! `cat`: the bytes of a file as they are.

use core::ops::ControlFlow;

use super::parts::missing_files;
use super::{Page, Show};
use crate::cli::output;
use crate::control::{CatRequest, Reply};

#[derive(Debug)]
struct CatShow;

/// What shows it.
pub(super) fn show(_: &CatRequest) -> Box<dyn Show> {
    Box::new(CatShow)
}

impl Show for CatShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Bytes(raw) => return output::raw(raw.as_bytes()),
            Reply::Unlisted(row) => page.aside(&missing_files(&row)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
