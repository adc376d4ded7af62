//! What the watcher heard, and whether there is one.

use super::root::folder_identity;
use super::{ControllerGone, LibraryShell};
use crate::content::SafePath;
use crate::library::ignore_file::IGNORE_FILE;
use crate::library::watch::{Hint, WatchEvent};
use crate::library::{Event, FolderReach};
use crate::sys::clock;
use crate::sys::facts::Facts;

impl LibraryShell {
    pub(super) fn heard(&mut self, heard: WatchEvent) {
        match heard {
            WatchEvent::Hint(hint) => self.hint(hint),
            WatchEvent::Root => self.check_root(),
            WatchEvent::Mounts => {
                self.check_root();
                self.look_again();
            }
            WatchEvent::Lost => self.watcher.lose(),
        }
    }

    fn hint(&mut self, mut hint: Hint) {
        hint.path = self.config.root.listed(&hint.path);
        if hint.path.file_name().is_some_and(|name| name == IGNORE_FILE) {
            // What is half written says nothing: its end will be heard of.
            if hint.closed || !hint.written {
                self.look_by_other_rules();
            }
            return;
        }
        for path in self.watcher.links.others(&hint.path) {
            self.hint_at(Hint { path, ..hint });
        }
        self.hint_at(hint);
    }

    /// As [`Self::hint`], for one of the paths of what changed.
    fn hint_at(&mut self, hint: Hint) {
        let now = clock::now();
        let look = match SafePath::from_relative(&hint.path) {
            Ok(path) if hint.written => self.inventory.handle_written(now, &path) || hint.closed,
            _ => true,
        };
        if look {
            if hint.written || hint.closed {
                self.looks.add_written(hint.path, hint.closed);
            } else {
                self.looks.add(hint.path);
            }
        } else {
            self.looks.reopen(&hint.path);
        }
    }

    /// What was left out may be shared now; the hashes of what was shared once were kept.
    fn look_by_other_rules(&mut self) {
        self.looks.add_everything(true);
        if self.cache.is_empty() {
            self.cache = self.kept_hashes();
        }
    }

    /// Whether all folders are watched, after a look at all of them or at new ones.
    pub(super) fn watched(&mut self, outcome: Result<(), String>) -> Result<(), ControllerGone> {
        self.set_watched(outcome.is_ok());
        let Err(why) = outcome else { return Ok(()) };
        let every = self.config.rescan_unwatched;
        self.looks.rescan_by(clock::now() + every);
        if !self.watcher.is_news(&why) {
            return Ok(());
        }
        let text = format!(
            "not all changes in {} are noticed at once ({why}); it is looked at every {} seconds",
            self.config.root.folder.display(),
            every.as_secs()
        );
        self.send(Event::Warning(text))
    }

    pub(super) const fn set_watched(&mut self, watched: bool) {
        self.watcher.set_complete(watched);
        self.inventory.set_watched(watched);
    }

    /// Another folder at the place of the root, or none, is noticed by its identity.
    pub(super) fn check_root(&mut self) {
        let root = Facts::at(&self.config.root.folder).ok().map(|facts| facts.identity());
        self.looks.add_everything(root != self.root.identity());
        self.check_reach();
    }

    /// Another folder than the one that the sandbox was made for is out of reach.
    pub(super) fn check_reach(&mut self) {
        let FolderReach::Only(reached) = self.config.reach else { return };
        let there = folder_identity(&self.config.root.folder);
        if there.is_some() && there != reached && !self.root.is_moved {
            self.root.is_moved = true;
            // Whether anybody listens is noticed in the next turn.
            drop(self.send(Event::Moved));
        }
    }
}
