//! What was left out and why, in words, each once. Pure.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::content::path::PathError;
use crate::library::limits;
use crate::text;

/// Why something in `shared/` is not shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Skip {
    /// A symbolic link that leads out of the share, or nowhere.
    Link,
    /// A symbolic link to a folder that it lies in, or one by way of too many others.
    LinkLoop,
    /// A FIFO, socket or device.
    Special,
    /// Its name cannot be sent to others.
    Name(PathError),
    /// It is larger than any file may be.
    Large,
    /// This user may not read it.
    Forbidden,
    /// A line of a `.potluckignore` says nothing that can be understood; nothing is left out by it.
    Pattern(String),
    /// The operating system refuses for another reason.
    Unreadable(String),
}

impl Skip {
    /// For what could not be read.
    pub(super) fn of(e: &io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Unreadable(e.to_string()),
        }
    }
}

/// What to do about [`Skip::Forbidden`].
const ALLOW: &str = "let the user that runs potluck read it (chmod, chown)";

/// What becomes of what was shared before and cannot be read now.
const STAYS: &str =
    "others keep their copies of what was shared of it, and it is shared again once it can be read";

/// Which warnings were given.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    given: HashSet<(PathBuf, Skip)>,
    /// True once it was reported that no more is reported.
    full: bool,
}

impl Warnings {
    /// The warning about a path, if it is news.
    pub(super) fn skipped(&mut self, path: &Path, why: Skip) -> Option<String> {
        if self.given.contains(&(path.to_owned(), why.clone())) || self.full {
            return None;
        }
        let name = text::shown(&path.to_string_lossy()).into_owned();
        if self.given.len() >= limits::SKIP_WARNINGS {
            self.full = true;
            return Some(format!("not shared: {name} and others; no more of them are told"));
        }
        let text = match &why {
            Skip::Link => format!(
                "not shared: {name} is a link out of the share, or to nothing; `share DIR` shares a folder where it lies"
            ),
            Skip::LinkLoop => format!("not shared: {name} is a link to a folder that it lies in"),
            Skip::Special => format!("not shared: {name} is not a file (FIFO, socket or device)"),
            Skip::Name(e) => format!("not shared: {name}: {e}; rename it"),
            Skip::Large => format!("not shared: {name} is too large ({} bytes at most)", limits::FILE),
            Skip::Pattern(e) => format!("{name}: {e}; that line leaves nothing out"),
            Skip::Forbidden if path.as_os_str().is_empty() => {
                format!("the shared folder cannot be read: no permission; {ALLOW}")
            }
            Skip::Forbidden => format!("not shared: {name}: no permission to read it; {ALLOW}; {STAYS}"),
            Skip::Unreadable(e) if path.as_os_str().is_empty() => {
                format!("the shared folder cannot be read: {e}")
            }
            Skip::Unreadable(e) => format!("not shared: {name} cannot be read: {e}; {STAYS}"),
        };
        self.given.insert((path.to_owned(), why));
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_reported_once_and_nothing_raw_and_not_without_end() {
        let mut w = Warnings::default();
        let text = w.skipped(Path::new("a\u{1b}[2J"), Skip::Link).unwrap();
        assert!(text.contains("a\\u{1b}[2J"), "{text}");
        assert_eq!(w.skipped(Path::new("a\u{1b}[2J"), Skip::Link), None);
        assert!(w.skipped(Path::new("a\u{1b}[2J"), Skip::Special).is_some());
        let reported = (0..10_000).filter_map(|n| w.skipped(Path::new(&n.to_string()), Skip::Link)).count();
        assert!(reported < 200, "{reported}");
        assert_eq!(w.skipped(Path::new("z"), Skip::Link), None);
    }
}
