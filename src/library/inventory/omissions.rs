//! What was seen and is left out, and by which look. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::{LeftOut, Omission, SafePath};

/// A clone of what [`Self::all`] gives is made only when something changes.
#[derive(Debug, Default)]
pub(super) struct KnownOmissions {
    paths: Arc<LeftOut>,
    generations: BTreeMap<SafePath, u32>,
}

impl KnownOmissions {
    /// The look `generation` saw that something is left out. True if that is news.
    pub(super) fn set(&mut self, path: &SafePath, why: Omission, generation: u32) -> bool {
        if self.paths.get(path) == Some(why) {
            if let Some(known) = self.generations.get_mut(path) {
                *known = generation;
            }
            return false;
        }
        self.generations.insert(path.clone(), generation);
        Arc::make_mut(&mut self.paths).insert(path.clone(), why);
        true
    }

    /// What lies at this path is shared. True if it was left out.
    pub(super) fn remove(&mut self, path: &SafePath) -> bool {
        self.generations.remove(path).is_some() && Arc::make_mut(&mut self.paths).remove(path)
    }

    /// Nothing lies at this path any more, nor below (`None`: nowhere). True if anything was left out there.
    pub(super) fn forget(&mut self, path: Option<&SafePath>) -> bool {
        let gone: Vec<SafePath> = self.paths.below(path).cloned().collect();
        self.drop_all(&gone)
    }

    /// All below this path (`None`: everything) was looked at: what that look did not see is gone. True if anything
    /// is.
    pub(super) fn sweep(&mut self, path: Option<&SafePath>, generation: u32) -> bool {
        let is_old = |p: &&SafePath| self.generations.get(*p) != Some(&generation);
        let below = self.paths.below(path).filter(|p| Some(*p) != path);
        let gone: Vec<SafePath> = below.filter(is_old).cloned().collect();
        self.drop_all(&gone)
    }

    fn drop_all(&mut self, gone: &[SafePath]) -> bool {
        for path in gone {
            self.remove(path);
        }
        !gone.is_empty()
    }

    /// All of it.
    pub(super) fn all(&self) -> Arc<LeftOut> {
        Arc::clone(&self.paths)
    }
}
