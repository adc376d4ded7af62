//! Hears of changes in `shared/` from the operating system, as they happen. What it tells are only
//! hints where to look; `walk` looks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::sys::thread::Thread;

/// Hints that may wait; beyond it they are dropped and everything is looked at.
pub(super) const HINTS: usize = 16_384;

/// What the watcher tells.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something happened to a path below the root.
    Hint(Hint),
    /// Something happened to the root itself.
    Root,
    /// Hints were lost.
    Lost,
    /// Not all folders are watched any more.
    Failed(String),
}

/// All folders of a root are watched now, by this; or cannot be, and why.
#[derive(Debug)]
pub(super) struct Ready {
    /// Device and inode of the root, as given to [`start`].
    pub(super) root: (u64, u64),
    pub(super) watcher: Result<RecommendedWatcher, String>,
}

/// Where the watcher's news go.
#[derive(Clone, Debug)]
pub(super) struct Ears {
    pub(super) hints: Sender<Heard>,
    /// Set when `hints` is full.
    pub(super) lost: Arc<AtomicBool>,
    /// Unbounded: the library waits for the thread that sends to it.
    pub(super) ready: Sender<Ready>,
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
    /// It is a folder that was made or moved here; what was put into it before it was watched is not
    /// heard of.
    pub(super) folder: bool,
}

/// Begins to watch the folder at `path`, in a thread of its own because each folder takes a moment.
///
/// # Errors
/// When the operating system has no thread to give.
pub(super) fn start(path: PathBuf, root: (u64, u64), ears: Ears) -> std::io::Result<Thread> {
    Thread::spawn("library-watch", move || {
        let Ears { hints, lost, ready } = ears;
        let watcher = watch(&path, hints, lost).map_err(|e| match e.kind {
            ErrorKind::MaxFilesWatch => LIMIT.to_owned(),
            _ => e.to_string(),
        });
        if ready.send(Ready { root, watcher }).is_err() {
            log::debug!("the library went away before its folder was watched");
        }
    })
}

/// What the user can do about it.
const LIMIT: &str = "the system's limit is reached: raise fs.inotify.max_user_watches";

fn watch(root: &Path, hints: Sender<Heard>, lost: Arc<AtomicBool>) -> notify::Result<RecommendedWatcher> {
    // Events carry the path that was watched, and a link would not be walked.
    let root = root.canonicalize().map_err(notify::Error::io)?;
    let top = root.clone();
    let tell = move |heard| {
        if hints.try_send(heard).is_err() {
            lost.store(true, Ordering::Relaxed);
        }
    };
    let config = notify::Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(
        move |event: notify::Result<notify::Event>| match event {
            Ok(event) if event.need_rescan() => tell(Heard::Lost),
            Ok(event) => {
                for heard in hints_of(&top, &event) {
                    tell(heard);
                }
            }
            Err(e) if matches!(e.kind, ErrorKind::MaxFilesWatch) => tell(Heard::Failed(LIMIT.to_owned())),
            Err(e) => {
                log::debug!("watching {}: {e}", top.display());
                tell(Heard::Lost);
            }
        },
        config,
    )?;
    watcher.watch(&root, RecursiveMode::Recursive)?;
    Ok(watcher)
}

fn hints_of(root: &Path, event: &notify::Event) -> Vec<Heard> {
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|m| m.is_dir());
    let (written, closed, appeared) = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => (true, true, false),
        EventKind::Modify(ModifyKind::Data(_)) => (true, false, false),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => (false, true, true),
        EventKind::Create(CreateKind::Folder | CreateKind::Any) => (false, false, true),
        // Told by `From` and `To` already; reading is none of our business.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) | EventKind::Access(_) => return Vec::new(),
        _ => (false, false, false),
    };
    let hint = |path: &PathBuf| {
        let below = path.strip_prefix(root).ok()?;
        if below.as_os_str().is_empty() {
            return Some(Heard::Root);
        }
        let folder = appeared && is_folder(path);
        Some(Heard::Hint(Hint { path: below.to_owned(), written, closed, folder }))
    };
    event.paths.iter().filter_map(hint).collect()
}
