//! What is there and not in a catalogue, for nothing more is known of it. Pure.

use std::collections::BTreeSet;

use super::{Entry, EntryKind, SafePath};

/// What a look at `shared/` knows to be there, and cannot say more of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnlistedContent {
    /// Files that are still to be hashed, and files and folders that cannot be read, with all that may be in them.
    pub paths: BTreeSet<SafePath>,
    /// The sizes of the files that are still to be hashed: each of them may be one that was moved.
    pub sizes: BTreeSet<u64>,
}

impl UnlistedContent {
    /// True if something lies at this path, or may lie there, of which nothing more is known.
    #[must_use]
    pub fn covers(&self, path: &SafePath) -> bool {
        !self.paths.is_empty()
            && std::iter::successors(Some(path.clone()), SafePath::parent).any(|p| self.paths.contains(&p))
    }

    /// True if it cannot be said whether a file that is not listed is still there: it may lie where it lay, or
    /// may have been moved.
    #[must_use]
    pub fn may_be(&self, entry: &Entry) -> bool {
        matches!(entry.kind, EntryKind::File { size, .. } if self.sizes.contains(&size))
            || self.covers(&entry.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;

    #[test]
    fn what_is_below_a_folder_or_has_the_size_of_a_new_file_may_be_there() {
        let path = |p: &str| p.parse::<SafePath>().unwrap();
        let unlisted = UnlistedContent { paths: [path("a/b")].into(), sizes: [7].into() };
        let entry = |p: &str, size| {
            let kind =
                EntryKind::File { id: FileId([1; 32]), size, modified: 0, executable: false, since: 0 };
            Entry { path: path(p), kind }
        };
        for (p, size, may_be) in
            [("a/b", 1, true), ("a/b/c/d", 1, true), ("a/bc", 1, false), ("a", 1, false), ("z", 7, true)]
        {
            assert_eq!(unlisted.may_be(&entry(p, size)), may_be, "{p} {size}");
        }
        assert!(!UnlistedContent::default().covers(&path("a")));
    }
}
