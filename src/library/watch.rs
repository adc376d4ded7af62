//! Hears of changes in `shared/` from the operating system, as they happen. What it tells are only
//! hints where to look; `walk` looks, and says which folders are to be watched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;

use super::root::LibraryRoot;
use crate::content::SafePath;
use crate::sys::mounts::{MountTable, MountWatch};
use crate::sys::watch::{Change, Unwatched, Watcher};

/// Hints that may wait; beyond it they are dropped and everything is looked at.
pub(super) const HINTS: usize = 16_384;

/// What the watcher tells.
#[derive(Debug)]
pub(super) enum WatchEvent {
    /// Something happened to a path below the root.
    Hint(Hint),
    /// Something happened to the root itself.
    Root,
    /// Something was mounted on the root, or below, or unmounted.
    Mounts,
    /// Hints were lost.
    Lost,
}

/// Where the watcher's news go.
#[derive(Clone, Debug)]
pub(super) struct Ears {
    pub(super) hints: Sender<WatchEvent>,
    /// Set when `hints` is full.
    pub(super) lost: Arc<AtomicBool>,
}

/// Something that happened to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    /// Relative to the root.
    pub(super) path: PathBuf,
    /// It was written to.
    pub(super) written: bool,
    /// It is complete: closed after writing, or moved here.
    pub(super) closed: bool,
}

/// Which folders of a root are watched.
///
/// Each is asked for on its own: of one request for all of them nothing would be left when a single
/// folder cannot be read. Folders that go are forgotten by themselves; to ask for one again does no harm.
#[derive(Debug)]
pub(super) struct FolderWatch {
    watcher: Watcher,
    root: LibraryRoot,
    /// As events name it: without links, for a link would not be walked.
    top: PathBuf,
    /// Why a folder is not watched, since the last [`Self::outcome`].
    missed: Option<String>,
    /// The limit is reached, so that no more are asked for until [`Self::begin`].
    full: bool,
}

impl FolderWatch {
    /// Begins with no folder of `root`.
    ///
    /// # Errors
    /// Why nothing can be watched, in words.
    pub(super) fn start(root: LibraryRoot, ears: Ears) -> Result<Self, String> {
        let top = root.folder.canonicalize().map_err(|e| e.to_string())?;
        let watcher = Watcher::new(listener(top.clone(), ears)).map_err(|e| e.to_string())?;
        Ok(Self { watcher, root, top, missed: None, full: false })
    }

    /// All folders are about to be asked for again; the limit may have been raised meanwhile.
    pub(super) const fn begin(&mut self) {
        self.full = false;
    }

    /// Watches a folder (`None`: the root), but none below it.
    pub(super) fn folder(&mut self, path: Option<&SafePath>) {
        if self.full {
            return;
        }
        let local = path
            .and_then(|path| self.root.inner(path))
            .map_or_else(|| self.top.clone(), |path| path.under(&self.top));
        if let Err(e) = self.watcher.add(&local) {
            self.full = e == Unwatched::Full;
            // One that is gone or was closed since it was opened is reported by the one above it.
            if !matches!(e, Unwatched::Away(_)) {
                self.missed = Some(e.to_string());
            }
        }
    }

    /// Whether each folder that was asked for is watched; else why not. Begins again.
    pub(super) fn outcome(&mut self) -> Result<(), String> {
        self.missed.take().map_or(Ok(()), Err)
    }
}

fn listener(top: PathBuf, ears: Ears) -> impl Fn(Change) {
    move |change| {
        if let Some(heard) = heard(&top, change)
            && ears.hints.try_send(heard).is_err()
        {
            ears.lost.store(true, Ordering::Relaxed);
        }
    }
}

fn heard(top: &Path, change: Change) -> Option<WatchEvent> {
    let Change::At { path, written, closed } = change else { return Some(WatchEvent::Lost) };
    let below = path.strip_prefix(top).ok()?;
    if below.as_os_str().is_empty() {
        return Some(WatchEvent::Root);
    }
    Some(WatchEvent::Hint(Hint { path: below.to_owned(), written, closed }))
}

/// Tells of what is mounted in `root` and unmounted there, as long as the answer is kept; `None` where that cannot be
/// had, which the next look at everything makes up for.
pub(super) fn mounts(table: MountTable, root: &Path, ears: Ears) -> Option<MountWatch> {
    // As the system names it: without links.
    let top = root.canonicalize().ok()?;
    let tell = move || {
        if ears.hints.try_send(WatchEvent::Mounts).is_err() {
            ears.lost.store(true, Ordering::Relaxed);
        }
    };
    let watch = MountWatch::start(table, top, tell);
    watch.inspect_err(|e| log::debug!("mounts are not heard of: {e}")).ok()
}
