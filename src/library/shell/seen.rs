//! What the walker saw and the hashing threads found, on its way to `inventory` and the hash cache.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::cache::Cache;
use super::root::birth;
use super::{ControllerGone, LibraryShell};
use crate::content::{MountIdentity, SafePath};
use crate::library::hash::{HashError, Hashed};
use crate::library::inventory::{FolderNews, HashOutcome, KnownContent, Sight};
use crate::library::walk::{RootSight, WalkReply};
use crate::library::warnings::Skip;
use crate::library::{Event, SharedFile};
use crate::store::{self, HashRow};
use crate::sys::clock;
use crate::time::Time;

/// Hashes are kept in batches: this many, or after this time.
const ROWS: usize = 2_000;
const ROWS_TIME: Duration = Duration::from_secs(1);

impl LibraryShell {
    pub(super) fn take_reply(&mut self, reply: WalkReply) -> Result<(), ControllerGone> {
        let now = clock::now();
        match reply {
            WalkReply::Root(root) => self.saw_root(root)?,
            WalkReply::Sights(sights) => {
                for sight in sights {
                    self.saw(now, sight);
                }
            }
            WalkReply::Way(path, mount) => self.saw_folder(&path, mount),
            WalkReply::Linked(at, to) => self.watcher.links.add(at, to),
            WalkReply::Gone(path) => self.inventory.handle_gone(&path),
            WalkReply::Closed(path, why) => {
                self.skipped(Path::new(path.as_str()), why)?;
                self.inventory.handle_unreadable(path);
            }
            WalkReply::Unread => {
                self.root.saw_nothing();
                self.looks.rescan_by(now + self.config.rescan_unwatched);
            }
            WalkReply::Swept(path, generation) => self.inventory.handle_swept(path.as_ref(), generation),
            WalkReply::Skipped(path, why) => self.skipped(&path, why)?,
            WalkReply::Watched(outcome) => self.watched(outcome)?,
            WalkReply::Done(everything) => {
                self.looks.walked();
                if self.looks.busy_since().is_none() && std::mem::take(&mut self.published_unsure) {
                    self.inventory.touch();
                }
                if everything {
                    self.scan_done()?;
                    if self.looks.take_asked() {
                        self.publish(clock::now())?;
                        self.tell_waiting()?;
                        self.send(Event::Rescanned)?;
                    }
                } else if !self.looks.is_everything() {
                    self.cache = Cache::default();
                }
            }
        }
        self.rows_wait(now);
        Ok(())
    }

    fn saw(&mut self, now: Time, sight: Sight) {
        let cached = match sight.what {
            KnownContent::File(_) => self.cache.take(&sight.path),
            KnownContent::Folder(mount) => {
                self.saw_folder(&sight.path, mount);
                None
            }
            KnownContent::LeftOut(_) => None,
        };
        let cached = cached.map(|(file, seen)| self.in_use(file, seen));
        self.inventory.handle_sight(now, sight, cached);
    }

    fn saw_folder(&mut self, path: &SafePath, mount: Option<MountIdentity>) {
        match self.inventory.handle_folder(path, mount) {
            // All is looked at again before anything is judged, unless that is going on.
            FolderNews::Remounted if self.root.unsettle() => self.look_again(),
            // What lies there was forgotten when it was closed, but its hashes were kept.
            FolderNews::Opened if self.cache.is_empty() => {
                self.cache = self.kept_hashes();
            }
            _ => {}
        }
    }

    /// All is to be looked at before anything is judged, also what a look under way has passed. What comes back has
    /// kept its hashes.
    pub(super) fn look_again(&mut self) {
        self.root.unsettle();
        self.looks.add_everything(true);
        self.cache = self.kept_hashes();
    }

    fn saw_root(&mut self, root: RootSight) -> Result<(), ControllerGone> {
        if !self.root.saw(root) {
            return Ok(());
        }
        self.set_watched(false);
        if !matches!(root, RootSight::Folder(_)) {
            // What lay there is not shared any more; its hashes are kept for when it is back.
            self.inventory.handle_root_gone();
            self.check_reach();
            if self.root.is_moved {
                // Whoever takes the place of this library can open what lies there, or says why not.
                return Ok(());
            }
            let root = &self.config.root.folder;
            let what = if self.config.root.name.is_some() { "nothing of it" } else { "nothing" };
            let text = if root.is_dir() {
                // No right to it, or a link that leads out of the sandbox (`peer/sandboxes.rs`) since the
                // start.
                format!(
                    "the shared folder {} cannot be opened: {what} is shared until it can; look at its \
                     permissions, and start this peer again if it leads elsewhere than before",
                    root.display()
                )
            } else {
                let root = root.display();
                format!("the shared folder {root} is gone: {what} is shared until it is there again")
            };
            return self.send(Event::Warning(text));
        }
        // Another folder than before, so all of it has to be seen.
        self.looks.add_everything(self.scanned);
        self.cache = self.kept_hashes();
        Ok(())
    }

    fn scan_done(&mut self) -> Result<(), ControllerGone> {
        let folder = &self.config.root.folder;
        // If it, or what is mounted in it, changed meanwhile, another look follows.
        if !self.looks.is_everything() && self.root.scanned(|| birth(folder)) {
            self.inventory.touch();
        }
        // While the root changed under the scan, another one follows that needs the hashes.
        if !self.looks.is_everything() {
            self.cache = Cache::default();
        }
        let in_use = std::mem::take(&mut self.in_use);
        if !in_use.is_empty() {
            self.store.seen_hashes(in_use);
        }
        if !self.scanned {
            self.scanned = true;
            self.store.prune_hashes();
            self.next_publish = clock::now();
            self.publish(clock::now())?;
            // The next one watches. The first does not, for watching takes time and nothing is listed yet.
            self.looks.add_everything(self.config.watch);
            self.tell_waiting()?;
            self.send(Event::Scanned)?;
        }
        Ok(())
    }

    /// Marks a row as in use, if that was not done for a while.
    fn in_use(&mut self, file: Arc<SharedFile>, seen: u32) -> Arc<SharedFile> {
        let today = clock::unix_seconds() / 86_400;
        if today.saturating_sub(seen.into()) >= store::SEEN_DAYS.into() {
            self.in_use.push(file.path.clone());
        }
        file
    }

    fn skipped(&mut self, path: &Path, why: Skip) -> Result<(), ControllerGone> {
        match self.warnings.skipped(path, why) {
            Some(text) => self.send(Event::Warning(text)),
            None => Ok(()),
        }
    }

    /// The hashes that were kept of what lies in this root. Of `shared/`, those of other shares do no harm.
    pub(super) fn kept_hashes(&self) -> Cache {
        let root = &self.config.root;
        let rows = self.store.hashes();
        let is_here = |row: &HashRow| root.name.as_ref().is_none_or(|name| name.has(&row.path));
        Cache::of(rows.iter().flatten().filter(is_here))
    }

    pub(super) fn hashed(&mut self, hasher: usize, hashed: Vec<Hashed>) -> Result<(), ControllerGone> {
        let now = clock::now();
        self.hashers[hasher].jobs.clear();
        for Hashed { job, began, result } in hashed {
            let outcome = match result {
                Ok(manifest) => HashOutcome::Hashed { manifest: Arc::new(manifest), began },
                Err(HashError::Io(e)) => {
                    self.skipped(Path::new(job.path.as_str()), Skip::of(&e))?;
                    HashOutcome::Failed
                }
                Err(HashError::Changed | HashError::Gone | HashError::Stopped) => HashOutcome::Changed,
            };
            self.inventory.handle_done(now, &job, outcome);
        }
        self.rows_wait(now);
        Ok(())
    }

    /// Hashes that can be believed are kept soon.
    pub(super) fn rows_wait(&mut self, now: Time) {
        match self.inventory.rows() {
            0 => {}
            n if n >= ROWS => self.keep_rows(),
            _ => self.rows_due = self.rows_due.or(Some(now + ROWS_TIME)),
        }
    }

    pub(super) fn keep_rows(&mut self) {
        self.rows_due = None;
        let row = |file: Arc<SharedFile>| {
            let SharedFile { path, stamp, manifest, since } = (*file).clone();
            HashRow { path, stamp, manifest, since, seen: 0 }
        };
        let rows: Vec<_> = self.inventory.take_rows().into_iter().map(row).collect();
        if !rows.is_empty() {
            self.store.put_hashes(rows);
        }
    }
}
