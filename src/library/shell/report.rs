//! What is reported to the controller: what is shared, and how far hashing is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{ControllerGone, LibraryShell};
use crate::library::Event;
use crate::sys::clock;
use crate::time::Time;

/// A change is published at once after quiet, else this long after the last one. Longer if making the
/// shelf takes a quarter of it.
const PUBLISH: Duration = Duration::from_millis(150);

/// Time between two reports of progress; the first one comes after hashing has gone on for as long.
const PROGRESS: Duration = Duration::from_millis(250);

/// Files named in a report of progress.
const NAMED: usize = 100;

impl LibraryShell {
    pub(super) fn report(&mut self, now: Time) -> Result<(), ControllerGone> {
        if self.may_publish() && now >= self.next_publish {
            self.publish(now)?;
        }
        self.progress(now);
        Ok(())
    }

    pub(super) fn may_publish(&self) -> bool {
        self.scanned || !self.inventory.is_empty()
    }

    pub(super) fn publish(&mut self, now: Time) -> Result<(), ControllerGone> {
        let Some(shelf) = self.inventory.publish(self.root.marker()) else { return Ok(()) };
        let cost = clock::now().since(now);
        self.next_publish = now + PUBLISH.max(cost * 5);
        self.send(Event::Changed(shelf))
    }

    fn progress(&mut self, now: Time) {
        let (files, bytes) = self.inventory.waiting();
        let Some(due) = self.next_progress else {
            if files > 0 {
                self.next_progress = Some(now + PROGRESS);
            }
            return;
        };
        if files == 0 && self.inventory.is_changed() {
            // First what was hashed is listed.
            if due <= now {
                self.next_progress = Some(now + PROGRESS);
            }
        } else if files == 0 {
            let end = Event::Hashing { first: Vec::new(), files: 0, bytes: 0 };
            if !self.progress_reported || self.outbox.try_send(end).is_ok() {
                self.next_progress = None;
                self.progress_reported = false;
            } else if due <= now {
                self.next_progress = Some(now + PROGRESS);
            }
        } else if due <= now {
            let mut first = self.inventory.first_waiting(NAMED);
            for hasher in self.hashers.iter().filter(|h| h.jobs.len() == 1) {
                for hashing in first.iter_mut().filter(|h| h.path == hasher.jobs[0].path) {
                    hashing.done = hasher.gauge.done.load(Ordering::Relaxed).min(hashing.size);
                }
            }
            self.progress_reported |= self.outbox.try_send(Event::Hashing { first, files, bytes }).is_ok();
            self.next_progress = Some(now + PROGRESS);
        }
    }

    /// Tells at once what is still to be hashed: whoever asks next is to see it.
    pub(super) fn tell_waiting(&mut self) -> Result<(), ControllerGone> {
        let (files, bytes) = self.inventory.waiting();
        if files == 0 {
            return Ok(());
        }
        self.progress_reported = true;
        self.next_progress = Some(clock::now() + PROGRESS);
        self.send(Event::Hashing { first: self.inventory.first_waiting(NAMED), files, bytes })
    }
}
