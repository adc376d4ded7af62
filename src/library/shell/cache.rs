//! The hash cache as it was kept, for the first look at a folder.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use crate::content::SafePath;
use crate::library::SharedFile;
use crate::store::HashRow;

/// The hash cache while everything is looked at. By a hash of the path, so that 100,000 paths are not in
/// memory once more; of two paths with one hash, one is hashed again.
#[derive(Default)]
pub(super) struct Cache {
    by: RandomState,
    /// Files, and the days on which they were last seen.
    files: HashMap<u64, (Arc<SharedFile>, u32)>,
}

impl Cache {
    pub(super) fn of(rows: impl Iterator<Item = HashRow>) -> Self {
        let mut cache = Self::default();
        for HashRow { path, stamp, manifest, since, seen } in rows {
            let key = cache.by.hash_one(&path);
            cache.files.insert(key, (Arc::new(SharedFile { path, stamp, manifest, since }), seen));
        }
        cache
    }

    /// True if it has nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What was at this path, of whatever stamp, and on which day it was last seen.
    pub(super) fn take(&mut self, path: &SafePath) -> Option<(Arc<SharedFile>, u32)> {
        let found = self.files.remove(&self.by.hash_one(path))?;
        (found.0.path == *path).then_some(found)
    }
}
