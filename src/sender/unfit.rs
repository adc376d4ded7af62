//! Files of the shelf that are not served for now, because they are not what was hashed or cannot be read.

use std::collections::{BTreeMap, BTreeSet};

use super::limits;
use crate::content::FileId;
use crate::time::Time;

/// The files, by what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct UnfitFiles {
    /// Found changed, until there is a new offer.
    changed: BTreeSet<FileId>,
    /// Could not be read, and until when that is not tried again.
    unreadable: BTreeMap<FileId, Time>,
}

impl UnfitFiles {
    /// There is a new offer: what changed is not in it any more, and of the others those that `stays` says.
    pub(super) fn renew(&mut self, stays: impl Fn(&FileId) -> bool) {
        self.changed.clear();
        self.unreadable.retain(|id, _| stays(id));
    }

    /// It was found changed.
    pub(super) fn change(&mut self, file: FileId) {
        self.changed.insert(file);
    }

    /// True if it was found changed since there is this offer.
    pub(super) fn is_changed(&self, file: FileId) -> bool {
        self.changed.contains(&file)
    }

    /// It could not be read. True if it could before.
    pub(super) fn fail(&mut self, now: Time, file: FileId) -> bool {
        self.unreadable.insert(file, now + limits::UNREADABLE).is_none()
    }

    /// True if it could not be read not long ago.
    pub(super) fn rests(&self, now: Time, file: FileId) -> bool {
        self.unreadable.get(&file).is_some_and(|until| now < *until)
    }
}
