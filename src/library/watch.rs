//! Hears of changes in `shared/` from the operating system, as they happen. What it tells are only
//! hints where to look; `walk` looks, and says which folders are to be watched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use rustix::io::Errno;

use crate::content::SafePath;

/// Hints that may wait; beyond it they are dropped and everything is looked at.
pub(super) const HINTS: usize = 16_384;

/// What the user can do about too many folders.
const FOLDERS: &str = "the system's limit is reached: raise fs.inotify.max_user_watches";

/// What the user can do about too many programs that watch.
const INSTANCES: &str = "the system's limit is reached: raise fs.inotify.max_user_instances";

/// What the watcher tells.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something happened to a path below the root.
    Hint(Hint),
    /// Something happened to the root itself.
    Root,
    /// Hints were lost.
    Lost,
}

/// Where the watcher's news go.
#[derive(Clone, Debug)]
pub(super) struct Ears {
    pub(super) hints: Sender<Heard>,
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
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    /// As events name it: without links, for a link would not be walked.
    top: PathBuf,
    /// Why a folder is not watched, since the last [`Self::outcome`].
    missed: Option<String>,
    /// The limit is reached, so that no more are asked for until [`Self::begin`].
    full: bool,
}

impl Watch {
    /// Begins with no folder of `root`.
    ///
    /// # Errors
    /// Why nothing can be watched, in words.
    pub(super) fn start(root: &Path, ears: Ears) -> Result<Self, String> {
        let top = root.canonicalize().map_err(|e| e.to_string())?;
        let config = notify::Config::default().with_follow_symlinks(false);
        let watcher =
            RecommendedWatcher::new(listener(top.clone(), ears), config).map_err(|e| in_words(&e))?;
        Ok(Self { watcher, top, missed: None, full: false })
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
        let local = path.map_or_else(|| self.top.clone(), |path| path.under(&self.top));
        if let Err(e) = self.watcher.watch(&local, RecursiveMode::NonRecursive) {
            self.full = matches!(e.kind, ErrorKind::MaxFilesWatch);
            // One that is gone or was closed since it was opened is told of by the one above it.
            if !matches!(errno(&e), Some(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS)) {
                self.missed = Some(in_words(&e));
            }
        }
    }

    /// Whether each folder that was asked for is watched; else why not. Begins anew.
    pub(super) fn outcome(&mut self) -> Result<(), String> {
        self.missed.take().map_or(Ok(()), Err)
    }
}

fn errno(e: &notify::Error) -> Option<Errno> {
    match &e.kind {
        ErrorKind::PathNotFound => Some(Errno::NOENT),
        ErrorKind::Io(e) => Errno::from_io_error(e),
        _ => None,
    }
}

fn in_words(e: &notify::Error) -> String {
    match &e.kind {
        ErrorKind::MaxFilesWatch => FOLDERS.to_owned(),
        _ if errno(e) == Some(Errno::MFILE) => INSTANCES.to_owned(),
        // Without the path, which would make one warning for each folder.
        ErrorKind::Io(e) => e.to_string(),
        _ => e.to_string(),
    }
}

fn listener(top: PathBuf, ears: Ears) -> impl Fn(notify::Result<notify::Event>) {
    let tell = move |heard| {
        if ears.hints.try_send(heard).is_err() {
            ears.lost.store(true, Ordering::Relaxed);
        }
    };
    move |event| match event {
        Ok(event) if event.need_rescan() => tell(Heard::Lost),
        Ok(event) => {
            for heard in hints_of(&top, &event) {
                tell(heard);
            }
        }
        Err(e) => {
            log::debug!("watching {}: {e}", top.display());
            tell(Heard::Lost);
        }
    }
}

fn hints_of(top: &Path, event: &notify::Event) -> Vec<Heard> {
    let (written, closed) = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => (true, true),
        EventKind::Modify(ModifyKind::Data(_)) => (true, false),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => (false, true),
        // Told by `From` and `To` already; reading is none of our business.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) | EventKind::Access(_) => return Vec::new(),
        _ => (false, false),
    };
    let hint = |path: &PathBuf| {
        let below = path.strip_prefix(top).ok()?;
        if below.as_os_str().is_empty() {
            return Some(Heard::Root);
        }
        Some(Heard::Hint(Hint { path: below.to_owned(), written, closed }))
    };
    event.paths.iter().filter_map(hint).collect()
}
