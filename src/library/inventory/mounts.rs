//! What is mounted on folders below the root. Pure.

use std::sync::Arc;

use crate::content::{MountIdentity, Mounts, SafePath};

/// What was seen to be mounted. A clone of what [`Self::all`] gives is made only when something changes.
#[derive(Debug, Default)]
pub(super) struct KnownMounts(Arc<Mounts>);

impl KnownMounts {
    /// This is mounted on a folder, or nothing is. True if that was known.
    pub(super) fn set(&mut self, path: &SafePath, mount: Option<MountIdentity>) -> bool {
        if self.0.get(path) == mount.as_ref() {
            return true;
        }
        let mounts = Arc::make_mut(&mut self.0);
        match mount {
            Some(mount) => drop(mounts.insert(path.clone(), mount)),
            None => drop(mounts.remove(path)),
        }
        false
    }

    /// A folder is gone, or cannot be read. True if something was mounted on it, or below.
    pub(super) fn forget(&mut self, path: &SafePath) -> bool {
        let is_in = |on: &SafePath| on == path || on.below(path).is_some();
        if !self.0.keys().any(is_in) {
            return false;
        }
        Arc::make_mut(&mut self.0).retain(|on, _| !is_in(on));
        true
    }

    /// All of them.
    pub(super) fn all(&self) -> Arc<Mounts> {
        Arc::clone(&self.0)
    }
}
