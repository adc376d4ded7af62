//! This peer's own files in custody: the catalogue head says what should exist, and is given out only after
//! the machine knows what lies in `shared/`. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CustodyDriver;
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, EntryKind, SafePath};
use crate::custody::custodian::withdraw;
use crate::custody::look::{SharedLook, left_open};
use crate::library::Shelf;
use crate::peer::output::Outputs;
use crate::peer::own_peer::OwnPeer;
use crate::peer::shared::{Announcement, SharedFolder};
use crate::time::Time;

/// Making a head takes time with many files: the next one is made after so many times as long.
const PACE: u32 = 5;

/// When the head over own files is made again, and what it said last.
#[derive(Debug, Default)]
pub(in crate::peer) struct OwnFiles {
    /// When the head is made again.
    due: Option<Time>,
    /// Not before that.
    rests_until: Option<Time>,
    /// It was begun to be made then, and it is not known yet how long that took.
    began: Option<Time>,
    /// It is to be given out even if it says what the last one said.
    anyway: bool,
    /// What the last one was made of.
    root: Option<[u8; 32]>,
    /// Entries that it only goes on naming, for they are still to be hashed.
    unsure: usize,
    version: u64,
    /// The newest head, until it is recorded.
    unrecorded: Option<Announcement>,
}

impl OwnFiles {
    /// When [`Self::is_due`] becomes true.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.due.map(|due| self.rests_until.map_or(due, |until| due.max(until)))
    }

    /// True once a head was given out.
    pub(super) const fn is_recorded(&self) -> bool {
        self.version > 0
    }

    /// What is shared, or is to be named, changed.
    pub(in crate::peer) fn look_again(&mut self, now: Time) {
        self.due.get_or_insert(now);
    }

    /// Others are to look at this peer again, though it shares what it did.
    pub(in crate::peer) fn call(&mut self, now: Time) {
        self.anyway = true;
        self.look_again(now);
    }

    /// True if the head is to be made now; that is asked once.
    pub(in crate::peer) fn is_due(&mut self, now: Time) -> bool {
        let is_due = self.poll_timeout().is_some_and(|at| at <= now);
        if is_due {
            self.due = None;
            self.began = Some(now);
        }
        is_due
    }

    /// What was begun at the last event is over now.
    pub(in crate::peer) fn is_over(&mut self, now: Time) {
        if let Some(began) = self.began.take() {
            self.rests_until = Some(began + now.since(began) * PACE);
        }
    }

    /// The version of a new head over a catalogue of this root, of whose entries `unsure` are still to be
    /// hashed; `None` if the last one says the same and need not be given out again.
    fn next_version(&mut self, root: [u8; 32], unsure: usize) -> Option<u64> {
        // What was named and could not be had is asked for no more, until others look at this peer again.
        self.anyway |= unsure < self.unsure;
        self.unsure = unsure;
        let anyway = std::mem::take(&mut self.anyway);
        if self.root == Some(root) && !anyway {
            return None;
        }
        self.root = Some(root);
        self.version += 1;
        Some(self.version)
    }

    /// The newest head, if it is not recorded: the disk takes no records, and what is shared is given out all
    /// the same, only no copies of it are made.
    pub(super) fn take_unrecorded(&mut self) -> Option<Announcement> {
        self.unrecorded.take()
    }

    /// This head is given out.
    pub(super) fn is_announced(&mut self, version: u64) {
        self.unrecorded.take_if(|newest| newest.version == version);
    }
}

impl CustodyDriver {
    /// Looks at what is shared, and makes the head again. While files are not hashed yet it goes on naming
    /// what lay at their paths before, for what is not known to be gone is not gone.
    pub(in crate::peer) fn publish(
        &mut self,
        now: Time,
        own: &OwnPeer,
        shared: &mut SharedFolder,
        out: &mut Outputs,
    ) {
        let shelf = Arc::clone(&shared.shelf);
        self.restoring.forget_reports(|file| shelf.files.contains_key(&file));
        withdraw(&mut self.machine, now, shelf.marker, &shelf.left_out, &shelf.mounts, &shelf.catalogue);
        let unlisted = shelf.waiting.as_deref().filter(|_| shared.is_scanned);
        let unsure = left_open(self.machine.recovery().named(), &shelf.catalogue, unlisted);
        let found = with(&shelf.catalogue, &unsure);
        if let Some(unlisted) = unlisted {
            let look = SharedLook {
                identity: shelf.marker,
                mounts: Arc::clone(&shelf.mounts),
                shares: shelf.roots.named.keys().map(|name| name.path().clone()).collect(),
                unlisted: unlisted.clone(),
                left_out: Arc::clone(&shelf.left_out),
                open: unsure.keys().cloned().collect(),
                found: Arc::new(found.clone()),
            };
            self.machine.scanned(now, &look);
        }
        let intends = self.machine.recovery().intends().filter(|e| found.get(&e.path).is_none());
        let intends = intends.map(|e| (e.path.clone(), Some(e.kind.clone()))).collect();
        let catalogue = with(&found, &intends);
        let Some(version) = self.own.next_version(root_of(catalogue.digests()), unsure.len()) else {
            // What is named did not change, but perhaps other files are behind it.
            self.machine.shares(&catalogue);
            return shared.serve(&shelf, catalogue, out);
        };
        let head = catalogue.head(own.identity.public(), own.instance, version);
        let signed: Arc<[u8]> = head.sign(&own.identity).into();
        self.machine.published(now, &signed, &catalogue);
        let shelf = Arc::new(Shelf { catalogue, ..(*shelf).clone() });
        // Behind the records of it.
        self.records.take_in(&mut self.machine);
        let announcement = Announcement { version, signed, shelf };
        self.own.unrecorded = Some(announcement.clone());
        self.records.push(announcement);
    }
}

/// A catalogue with these entries, too.
fn with(catalogue: &Catalogue, more: &BTreeMap<SafePath, Option<EntryKind>>) -> Catalogue {
    if more.is_empty() { catalogue.clone() } else { catalogue.changed(more) }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_head_that_took_long_to_make_is_not_made_again_at_once() {
        let mut own = OwnFiles::default();
        assert!(!own.is_due(at(0)));
        own.look_again(at(10));
        own.look_again(at(20));
        assert_eq!(own.poll_timeout(), Some(at(10)));
        assert!(own.is_due(at(10)) && !own.is_due(at(10)));
        own.is_over(at(110));
        own.look_again(at(120));
        assert_eq!(own.poll_timeout(), Some(at(510)), "five times as long");
        assert!(!own.is_due(at(509)) && own.is_due(at(510)));
        own.is_over(at(510));
        own.look_again(at(520));
        assert!(own.is_due(at(520)));
    }

    #[test]
    fn a_head_has_a_new_version_if_it_says_something_new_or_others_are_called() {
        let mut own = OwnFiles::default();
        assert!(!own.is_recorded());
        assert_eq!(own.next_version([1; 32], 0), Some(1));
        assert_eq!(own.next_version([1; 32], 0), None);
        assert_eq!(own.next_version([2; 32], 0), Some(2));
        own.call(at(0));
        assert_eq!(own.next_version([2; 32], 3), Some(3));
        assert_eq!(own.next_version([2; 32], 3), None);
        assert_eq!(own.next_version([2; 32], 2), Some(4), "what was named before can be asked for again");
        assert_eq!(own.next_version([2; 32], 2), None);
        assert!(own.is_recorded());
    }
}
