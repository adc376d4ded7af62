//! What is there and cannot be read: it is not listed, and not gone either. Pure.

use std::collections::BTreeMap;

use crate::content::SafePath;

/// Paths; true: found so by the scan under way, or since the last one.
#[derive(Debug, Default)]
pub(super) struct UnreadablePaths(BTreeMap<SafePath, bool>);

impl UnreadablePaths {
    /// What lies at this path cannot be read.
    pub(super) fn add(&mut self, path: SafePath) {
        self.0.insert(path, true);
    }

    /// It is there and can be read.
    pub(super) fn remove(&mut self, path: &SafePath) {
        self.0.remove(path);
    }

    /// Those below (and at) a path that were not found unreadable again can be read, or are gone; with
    /// `fresh_ones` all of them are. True if any were known.
    pub(super) fn forget(&mut self, path: Option<&SafePath>, fresh_ones: bool) -> bool {
        let before = self.0.len();
        let is_in = |p: &SafePath| path.is_none_or(|path| p == path || p.below(path).is_some());
        self.0.retain(|p, is_fresh| {
            let stays = !is_in(p) || (*is_fresh && !fresh_ones);
            *is_fresh &= !is_in(p);
            stays
        });
        self.0.len() < before
    }

    /// True if it is one of them.
    pub(super) fn contains(&self, path: &SafePath) -> bool {
        self.0.contains_key(path)
    }

    /// All of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &SafePath> {
        self.0.keys()
    }
}
