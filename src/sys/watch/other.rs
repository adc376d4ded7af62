//! Watching by the crate `notify`.

use std::path::Path;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{Change, Unwatched, by_system};

/// Watches folders, each by itself, until it is dropped. Folders that go are forgotten without a word; to ask
/// for one again does no harm.
#[derive(Debug)]
pub(crate) struct Watcher(RecommendedWatcher);

impl Watcher {
    /// Watches nothing yet. `tell` is called in a thread of the watcher's own and must not block.
    ///
    /// # Errors
    /// [`Unwatched::Failed`]: this user has too many watchers, or the system has none.
    pub(crate) fn new(tell: impl Fn(Change) + Send + 'static) -> Result<Self, Unwatched> {
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(move |event| heard(event, &tell), config);
        watcher.map(Self).map_err(|e| unwatched(&e))
    }

    /// Watches `folder`, which is named without links, but none below it.
    ///
    /// # Errors
    /// [`Unwatched`].
    pub(crate) fn add(&mut self, folder: &Path) -> Result<(), Unwatched> {
        self.0.watch(folder, RecursiveMode::NonRecursive).map_err(|e| unwatched(&e))
    }
}

fn unwatched(e: &notify::Error) -> Unwatched {
    match &e.kind {
        ErrorKind::MaxFilesWatch => Unwatched::Full,
        ErrorKind::PathNotFound => Unwatched::Away(e.to_string()),
        // Without the path, which would make another text for each folder.
        ErrorKind::Io(e) => by_system(e),
        _ => Unwatched::Failed(e.to_string()),
    }
}

fn heard(event: notify::Result<Event>, tell: &impl Fn(Change)) {
    match event {
        Ok(event) if event.need_rescan() => tell(Change::Lost),
        Ok(event) => {
            let Some((written, closed)) = meaning(event.kind) else { return };
            event.paths.into_iter().for_each(|path| tell(Change::At { path, written, closed }));
        }
        Err(e) => {
            log::debug!("watching: {e}");
            tell(Change::Lost);
        }
    }
}

/// Whether something was written to, and whether it is complete; `None`: it does not matter.
const fn meaning(kind: EventKind) -> Option<(bool, bool)> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some((true, true)),
        EventKind::Modify(ModifyKind::Data(_)) => Some((true, false)),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some((false, true)),
        // Told by `From` and `To` already; reading is none of our business.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) | EventKind::Access(_) => None,
        _ => Some((false, false)),
    }
}
