//! What the watcher heard, and whether there is one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Shell, Stopped};
use crate::content::SafePath;
use crate::content::library::Event;
use crate::content::library::watch::{self, Heard, Hint, Ready};
use crate::sys::clock;

/// Time after which a new folder is looked at again: by then it is watched.
const AGAIN: Duration = Duration::from_secs(1);

/// New folders that are looked at again one by one, at most; beyond it everything is.
const AGAIN_MOST: usize = 64;

impl Shell {
    /// Only once the first scan is over: the watcher walks through all folders, too, and what changed
    /// until it is ready is found by the scan that follows.
    pub(super) fn watch(&mut self) -> Result<(), Stopped> {
        let (true, Some(root)) = (std::mem::take(&mut self.watch_due), self.root) else { return Ok(()) };
        match watch::start(self.config.root.clone(), root, self.ears.clone()) {
            Ok(thread) => self.watching = Some(thread),
            Err(e) => return self.not_watched(&e.to_string()),
        }
        Ok(())
    }

    pub(super) fn heard(&mut self, heard: Heard) -> Result<(), Stopped> {
        match heard {
            Heard::Hint(hint) => self.hint(hint),
            Heard::Root => self.check_root(),
            Heard::Lost => self.ears.lost.store(true, Ordering::Relaxed),
            Heard::Failed(why) => {
                self.watcher = None;
                return self.not_watched(&why);
            }
        }
        Ok(())
    }

    pub(super) fn ready(&mut self, ready: Ready) -> Result<(), Stopped> {
        if self.root != Some(ready.root) {
            // Of a folder that is not the root any more.
            return Ok(());
        }
        self.watching = None;
        match ready.watcher {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.set_watched();
                // What changed between the scan and now was not heard of.
                self.everything = true;
                Ok(())
            }
            Err(why) => self.not_watched(&why),
        }
    }

    fn hint(&mut self, hint: Hint) {
        let now = clock::now();
        if hint.folder {
            if self.again.len() >= AGAIN_MOST {
                self.again.clear();
                self.next_rescan = self.next_rescan.min(now + AGAIN);
            }
            self.again.insert((now + AGAIN, hint.path.clone()));
        }
        let look = match SafePath::from_relative(&hint.path) {
            Ok(path) if hint.written => self.inventory.handle_written(now, &path) || hint.closed,
            _ => true,
        };
        if look {
            let closed = self.dirty.entry(hint.path).or_insert(false);
            if hint.written || hint.closed {
                *closed = hint.closed;
            }
        } else if let Some(closed) = self.dirty.get_mut(&hint.path) {
            *closed = false;
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watcher.is_some()
    }

    pub(super) fn set_watched(&mut self) {
        self.inventory.set_watched(self.is_watched());
    }

    pub(super) fn not_watched(&mut self, why: &str) -> Result<(), Stopped> {
        self.set_watched();
        let every = self.config.rescan_unwatched;
        self.next_rescan = self.next_rescan.min(clock::now() + every);
        let text = format!(
            "changes in {} are not noticed at once ({why}); it is looked at every {} seconds",
            self.config.root.display(),
            every.as_secs()
        );
        self.send(Event::Warning(text))
    }

    /// Another folder at the place of the root, or none, is noticed by its identity.
    pub(super) fn check_root(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let root = std::fs::metadata(&self.config.root).ok().map(|m| (m.dev(), m.ino()));
        self.everything |= root != self.root;
    }
}
