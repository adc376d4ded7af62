//! `rescan` as people read it.

use core::ops::ControlFlow;

use super::parts::not_shared;
use super::{Page, Show};
use crate::cli::human::{count, size};
use crate::control::{Reply, RescanRequest, RescanRow};

#[derive(Debug)]
struct RescanShow;

/// What shows it.
pub(super) fn show(_: &RescanRequest) -> Box<dyn Show> {
    Box::new(RescanShow)
}

impl Show for RescanShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Rescanned(row) => page.line(&rescanned(&row)),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn rescanned(row: &RescanRow) -> String {
    let sharing = &row.sharing;
    let mut text = format!("sharing {}, {}", count(sharing.files, "file"), size(sharing.bytes));
    if sharing.hashing > 0 {
        text.push_str(&format!("; {} new or changed, being hashed", sharing.hashing));
    }
    if row.gone > 0 {
        text.push_str(&format!("; {} not shared any more", row.gone));
    }
    if let Some(left_out) = not_shared(&sharing.left_out) {
        text.push_str(&format!("; {left_out}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{LeftOutRow, Sharing};

    #[test]
    fn it_says_what_was_found() {
        let sharing = Sharing { files: 1, bytes: 5, hashing: 0, left_out: LeftOutRow::default() };
        assert_eq!(rescanned(&RescanRow { sharing, gone: 0 }), "sharing 1 file, 5 B");
        let left_out = LeftOutRow { hidden: 1, junk: 0, ignored: 2 };
        let row = RescanRow { sharing: Sharing { hashing: 3, left_out, ..sharing }, gone: 4 };
        assert_eq!(
            rescanned(&row),
            "sharing 1 file, 5 B; 3 new or changed, being hashed; 4 not shared any more; 1 hidden and 2 ignored files \
             not shared"
        );
    }
}
