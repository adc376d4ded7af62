//! What a whole look at `shared/` found, and what it could not tell. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::content::{
    Catalogue, Entry, EntryKind, FolderIdentity, LeftOut, MountIdentity, Mounts, SafePath, UnlistedContent,
};

/// Of the entries that were `named`, those that are not `there` and of which it is not known whether they are.
/// `unlisted`: what is there beside it; `None`: that is not known yet.
pub fn left_open<'a>(
    named: impl Iterator<Item = &'a Entry>,
    there: &Catalogue,
    unlisted: Option<&UnlistedContent>,
) -> BTreeMap<SafePath, Option<EntryKind>> {
    let is_open = |entry: &&Entry| {
        there.get(&entry.path).is_none() && unlisted.is_none_or(|unlisted| unlisted.may_be(entry))
    };
    named.filter(is_open).map(|e| (e.path.clone(), Some(e.kind.clone()))).collect()
}

/// What a whole look at `shared/` found.
#[derive(Clone, Debug, Default)]
pub struct SharedLook {
    /// Which folder `shared/` is.
    pub identity: FolderIdentity,
    /// What is mounted below it, and the shares beside it, each as if it were mounted on the folder of its name.
    pub mounts: Arc<Mounts>,
    /// The folders of these shares.
    pub shares: BTreeSet<SafePath>,
    /// What is there and cannot be told.
    pub unlisted: UnlistedContent,
    /// What is there and left out by rule.
    pub left_out: Arc<LeftOut>,
    /// The paths of what is [`left_open`].
    pub open: BTreeSet<SafePath>,
    /// What is there, and what is left open, as if it were there as before.
    pub found: Arc<Catalogue>,
}

impl SharedLook {
    /// True if nothing lies in a share; `None`: in `shared/`.
    pub(super) fn is_empty(&self, share: Option<&SafePath>) -> bool {
        // A share itself is listed as a folder while it is empty.
        let is_in = |path: &SafePath| match share {
            Some(share) => path.is_below(share),
            None => !self.is_of_share(path),
        };
        !self.found.entries().any(|entry| is_in(&entry.path))
            && !(&*self.left_out).into_iter().any(|(path, _)| is_in(path))
    }

    fn is_of_share(&self, path: &SafePath) -> bool {
        self.shares.iter().any(|share| path == share || path.is_below(share))
    }

    /// True if something was seen to lie below this folder, or cannot be told.
    pub(super) fn has_below(&self, folder: &SafePath) -> bool {
        let unlisted = &self.unlisted;
        let is_seen = |e: &Entry| e.path.is_below(folder) && self.saw(&e.path).is_some();
        unlisted.covers(folder)
            || unlisted.paths.iter().any(|path| path.is_below(folder))
            || self.left_out.below(Some(folder)).next().is_some()
            || self.found.entries().any(is_seen)
    }

    /// What was seen to lie at this path.
    pub(super) fn saw(&self, path: &SafePath) -> Option<&Entry> {
        self.found.get(path).filter(|_| !self.open.contains(path))
    }

    /// True if a file or folder is not there as it was: it is gone, or has other content.
    pub(super) fn misses(&self, entry: &Entry) -> bool {
        self.found.get(&entry.path).is_none_or(|found| found.content() != entry.content())
    }

    /// On which mount a path lies; `None`: on that of `shared/` itself.
    pub(super) fn mount_of(&self, path: &SafePath) -> Option<(SafePath, MountIdentity)> {
        if self.mounts.is_empty() {
            return None;
        }
        let mut above = std::iter::successors(path.parent(), SafePath::parent);
        above.find_map(|folder| self.mounts.get(&folder).map(|mount| (folder.clone(), *mount)))
    }
}
