//! The library's end of the watcher: where its news come in, and how good it is.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, bounded};

use super::links::KnownLinks;
use crate::library::watch::{self, Ears, WatchEvent};
use crate::sys::mounts::{MountTable, MountWatch};

/// What is known of the watcher.
pub(super) struct WatcherState {
    ears: Ears,
    pub(super) heard: Receiver<WatchEvent>,
    /// What is watched where it lies, and listed under other paths as well.
    pub(super) links: KnownLinks,
    /// All folders are watched, as far as is known.
    is_complete: bool,
    /// Why not all are, as it was told: each once.
    told: BTreeSet<String>,
    /// `None` where the system does not tell of mounts.
    _mounts: Option<MountWatch>,
}

impl WatcherState {
    /// Nothing is watched yet.
    pub(super) fn new() -> Self {
        let (hints, heard) = bounded(watch::HINTS);
        let ears = Ears { hints, lost: Arc::new(AtomicBool::new(false)) };
        Self {
            ears,
            heard,
            links: KnownLinks::default(),
            is_complete: false,
            told: BTreeSet::new(),
            _mounts: None,
        }
    }

    /// From now on what is mounted in `root` and unmounted there is heard of, if it can be.
    pub(super) fn hear_mounts(&mut self, table: MountTable, root: &Path) {
        self._mounts = watch::mounts(table, root, self.ears());
    }

    /// Where the watcher's news are to go.
    pub(super) fn ears(&self) -> Ears {
        self.ears.clone()
    }

    /// Hints were lost.
    pub(super) fn lose(&self) {
        self.ears.lost.store(true, Ordering::Relaxed);
    }

    /// True if hints were lost since the last call.
    pub(super) fn take_lost(&self) -> bool {
        self.ears.lost.swap(false, Ordering::Relaxed)
    }

    /// True if all folders are watched, as far as is known.
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether all folders are watched.
    pub(super) const fn set_complete(&mut self, is_complete: bool) {
        self.is_complete = is_complete;
    }

    /// True if it was not told before why not all folders are watched.
    pub(super) fn is_news(&mut self, why: &str) -> bool {
        self.told.insert(why.to_owned())
    }
}
