//! The files that have to stand still before they are hashed. Pure.

use std::collections::BTreeMap;

use crate::content::SafePath;

/// Files and their sizes, and the sum of these.
#[derive(Debug, Default)]
pub(super) struct SettlingFiles {
    files: BTreeMap<SafePath, u64>,
    bytes: u64,
}

impl SettlingFiles {
    /// Notes that a file of this size settles, or that it does not (any more).
    pub(super) fn set(&mut self, path: &SafePath, size: Option<u64>) {
        let before = match size {
            Some(size) => self.files.insert(path.clone(), size),
            None => self.files.remove(path),
        };
        self.bytes = self.bytes.saturating_sub(before.unwrap_or(0));
        self.bytes = self.bytes.saturating_add(size.unwrap_or(0));
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.files.len() as u64
    }

    /// The sum of their sizes.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of them, with their sizes, by path.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&SafePath, u64)> {
        self.files.iter().map(|(path, size)| (path, *size))
    }
}
