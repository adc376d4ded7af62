//! The files of a shelf by content, in shards that are shared with the version before. Pure.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::SharedFile;
use crate::content::FileId;
use crate::library::limits;

type Shard = HashMap<FileId, Arc<SharedFile>>;

/// Files by file id. A clone costs 256 counters; a change copies one shard (of 100,000 files: 400
/// entries) if a clone still uses it.
#[derive(Clone)]
pub(crate) struct Files {
    shards: Box<[Arc<Shard>]>,
}

impl Default for Files {
    fn default() -> Self {
        // All shards begin as the same empty one.
        let empty = Arc::new(Shard::new());
        Self { shards: vec![empty; limits::BUCKETS].into() }
    }
}

impl Files {
    /// The file of this content.
    #[must_use]
    pub(crate) fn get(&self, id: &FileId) -> Option<&SharedFile> {
        self.shards[at(id)].get(id).map(|file| &**file)
    }

    /// True if a file of this content is there.
    #[must_use]
    pub(crate) fn contains_key(&self, id: &FileId) -> bool {
        self.get(id).is_some()
    }

    /// How many contents there are.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|s| s.len()).sum()
    }

    /// True if there is none.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.shards.iter().all(|s| s.is_empty())
    }

    /// All files, in the order of the first byte of their ids, else in no order.
    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &SharedFile> {
        self.shards.iter().flat_map(|s| s.values().map(|file| &**file))
    }

    /// Sets the file that is served for its content; returns the one before.
    pub(crate) fn insert(&mut self, file: impl Into<Arc<SharedFile>>) -> Option<Arc<SharedFile>> {
        let file = file.into();
        let id = file.manifest.file();
        Arc::make_mut(&mut self.shards[at(&id)]).insert(id, file)
    }

    /// Those of several, of one content that of the first which has it and of which it is taken. Shards of `before`
    /// stay, if they were made of the same ones.
    pub(crate) fn merged(
        parts: &[&Self],
        takes: impl Fn(usize, &SharedFile) -> bool,
        before: Option<&MergedFiles>,
    ) -> MergedFiles {
        let made_of: Vec<Self> = parts.iter().map(|part| (*part).clone()).collect();
        let before = before.filter(|before| before.made_of.len() == parts.len());
        let shard = |n: usize| {
            let is_same = |before: &&MergedFiles| {
                parts
                    .iter()
                    .zip(&before.made_of)
                    .all(|(now, then)| Arc::ptr_eq(&now.shards[n], &then.shards[n]))
            };
            if let Some(before) = before.filter(is_same) {
                return Arc::clone(&before.files.shards[n]);
            }
            let mut shard = Shard::new();
            for (number, part) in parts.iter().enumerate().rev() {
                let files = part.shards[n].iter().filter(|(_, file)| takes(number, file));
                shard.extend(files.map(|(id, file)| (*id, Arc::clone(file))));
            }
            Arc::new(shard)
        };
        let files = Self { shards: (0..limits::BUCKETS).map(shard).collect() };
        MergedFiles { made_of, files }
    }

    /// Removes a content.
    pub(crate) fn remove(&mut self, id: &FileId) -> Option<Arc<SharedFile>> {
        Arc::make_mut(&mut self.shards[at(id)]).remove(id)
    }
}

/// The files of several shelves, and those that they were made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct MergedFiles {
    made_of: Vec<Files>,
    pub(crate) files: Files,
}

impl FromIterator<SharedFile> for Files {
    fn from_iter<T: IntoIterator<Item = SharedFile>>(iter: T) -> Self {
        let mut files = Self::default();
        for file in iter {
            files.insert(file);
        }
        files
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Files({} contents)", self.len())
    }
}

fn at(id: &FileId) -> usize {
    usize::from(id.0[0])
}
