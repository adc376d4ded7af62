//! `copies` as people read it.

use core::ops::ControlFlow;

use super::{Page, Show};
use crate::control::file_word::typed_path;
use crate::control::{CopiesRequest, CopiesWanted, Reply};

#[derive(Debug)]
struct CopiesShow;

/// What shows it.
pub(super) fn show(_: &CopiesRequest) -> Box<dyn Show> {
    Box::new(CopiesShow)
}

impl Show for CopiesShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Copied { path, copies } => page.line(&copied(&path, copies)),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// How many copies of a file there are to be from now on.
fn copied(path: &str, copies: CopiesWanted) -> String {
    let how = match copies {
        None => "as many copies as of all others".to_owned(),
        Some(1) => "no copies on others".to_owned(),
        Some(n) => format!("{n} copies, the one here included"),
    };
    format!("{}: {how}", typed_path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_with_its_number() {
        assert_eq!(copied("a\u{1b}", Some(3)), "a\\u{1b}: 3 copies, the one here included");
        assert!(copied("b3:00ff", Some(3)).starts_with("./b3:00ff: 3 copies"));
        assert_eq!(copied("a", Some(1)), "a: no copies on others");
        assert_eq!(copied("a", None), "a: as many copies as of all others");
    }
}
