//! `send` as people read it: what is offered, how far it is, and that it came.

use core::ops::ControlFlow;

use super::{Page, Show, offers};
use crate::cli::human::{percent, size};
use crate::control::{OfferRow, OfferState, Reply, SendRequest};
use crate::text::shown;

#[derive(Debug)]
struct SendShow {
    /// A bar shows how far it is.
    has_bar: bool,
}

/// What shows it.
pub(super) fn show(_: &SendRequest) -> Box<dyn Show> {
    Box::new(SendShow { has_bar: false })
}

impl Show for SendShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Offer(row) if row.state == OfferState::Done => return page.line(&offers::line(&row)),
            // It only names the number.
            Reply::Offer(row) if row.state == OfferState::Reading => {}
            Reply::Offer(row) => page.aside(&offers::line(&row)),
            Reply::OfferProgress(row) => {
                let text = progress(&row);
                if row.state == OfferState::Accepted && !std::mem::replace(&mut self.has_bar, true) {
                    page.open_bar(row.done, row.size, &text);
                }
                if !page.move_bar(row.done, row.size, &text) {
                    page.step(&Reply::OfferProgress(row), &text);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// How far it is.
fn progress(row: &OfferRow) -> String {
    let (percent, all) = (percent(row.done, row.size), size(row.size));
    if row.state == OfferState::Reading {
        return format!("reading {}: {percent}% of {all}", shown(&row.what));
    }
    format!("{} to {}: {percent}% of {all}", shown(&row.what), shown(&row.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::OfferDirection;

    #[test]
    fn how_far_it_is_fits_a_line() {
        let row = OfferRow {
            number: 1,
            direction: OfferDirection::Out,
            name: "an\u{1b}na".into(),
            id: String::new(),
            look_alike: false,
            what: "a.iso".into(),
            files: 1,
            folders: 0,
            size: 100 << 20,
            done: 45 << 20,
            state: OfferState::Reading,
            age: 0,
            job: None,
            left_out: 0,
            why: None,
        };
        assert_eq!(progress(&row), "reading a.iso: 45% of 100.0 MiB");
        let row = OfferRow { state: OfferState::Accepted, ..row };
        assert_eq!(progress(&row), "a.iso to an\\u{1b}na: 45% of 100.0 MiB");
    }
}
