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

/// What takes longer to look at is not waited for before what was found so far is published.
const LONG_LOOK: Duration = Duration::from_millis(700);

/// Time between two reports of progress; the first one comes after hashing has gone on for as long.
const PROGRESS: Duration = Duration::from_millis(250);

/// Files named in a report of progress.
const NAMED: usize = 100;

impl LibraryShell {
    pub(super) fn report(&mut self, now: Time) -> Result<(), ControllerGone> {
        self.publish_due(now)?;
        self.progress(now);
        Ok(())
    }

    /// Publishes what is shared, if that is due.
    pub(super) fn publish_due(&mut self, now: Time) -> Result<(), ControllerGone> {
        if self.publish_at().is_some_and(|at| now >= at) { self.publish(now) } else { Ok(()) }
    }

    /// From when on what is shared may be published, if that changed. While something is to be looked at, a part of a
    /// change may be told and the rest not yet (the two ends of a rename), so that is waited for, unless it takes long.
    pub(super) fn publish_at(&self) -> Option<Time> {
        let may_publish = self.inventory.is_changed() && (self.scanned || !self.inventory.is_empty());
        let looked = self.looks.busy_since().map_or(Time::ZERO, |since| since + LONG_LOOK);
        may_publish.then(|| self.next_publish.max(looked))
    }

    pub(super) fn publish(&mut self, now: Time) -> Result<(), ControllerGone> {
        // What is not listed is judged only after a whole look.
        let is_busy = self.looks.busy_since().is_some();
        let marker = self.root.marker().filter(|_| !is_busy);
        let Some(shelf) = self.inventory.publish(marker) else { return Ok(()) };
        self.published_unsure |= is_busy;
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
            if !self.progress_reported || self.outbox.try_send(end) {
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
            self.progress_reported |= self.outbox.try_send(Event::Hashing { first, files, bytes });
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
