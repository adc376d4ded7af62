//! Folders, and what is known to lie in them. An empty one is listed itself. Pure.

use std::ops::Bound;

use super::{Inventory, KnownItem, PathState};
use crate::content::{EntryKind, SafePath};

impl Inventory {
    /// The root is not there: nothing is known to lie in it.
    pub(in crate::library) fn handle_root_gone(&mut self) {
        let top: Vec<SafePath> = self.items.keys().filter(|p| p.parent().is_none()).cloned().collect();
        for path in top {
            self.handle_gone(&path);
        }
        if self.left_out.forget(None) {
            self.listing.touch();
        }
    }

    /// The items below a path.
    pub(super) fn below(&self, path: Option<&SafePath>) -> Vec<SafePath> {
        let Some(path) = path else { return self.items.keys().cloned().collect() };
        // No name sorts before this one, and where it does not fit nothing can lie below.
        let Ok(first) = path.join("\u{1}") else { return Vec::new() };
        let prefix = format!("{}/", path.as_str());
        let range = (Bound::Included(first), Bound::Unbounded);
        let below = self.items.range(range).take_while(|(p, _)| p.as_str().starts_with(&prefix));
        below.map(|(p, _)| p.clone()).collect()
    }

    pub(super) fn make_parents(&mut self, path: &SafePath, generation: u32) {
        let Some(parent) = path.parent() else { return };
        match self.items.get(&parent).map(|i| &i.state) {
            Some(PathState::Folder { .. }) => return,
            Some(_) => self.handle_gone(&parent),
            None => {}
        }
        self.make_parents(&parent, generation);
        self.saw_folder(parent, generation);
    }

    pub(super) fn enter_parent(&mut self, path: &SafePath) {
        let Some(parent) = path.parent() else { return };
        if let Some(KnownItem { state: PathState::Folder { children }, .. }) = self.items.get_mut(&parent) {
            *children += 1;
            if *children == 1 {
                self.listing.set(&parent, None);
            }
        }
    }

    pub(super) fn leave_parent(&mut self, path: &SafePath) {
        let Some(parent) = path.parent() else { return };
        if let Some(KnownItem { state: PathState::Folder { children }, .. }) = self.items.get_mut(&parent) {
            *children = children.saturating_sub(1);
            if *children == 0 {
                self.listing.set(&parent, Some(EntryKind::Folder));
            }
        }
    }
}
