//! Which folder lies at the place of the shared one.

use std::path::Path;
use std::time::Duration;

use crate::content::FolderIdentity;
use crate::library::walk::RootSight;
use crate::sys::facts::{Facts, FileIdentity};
use crate::time::Time;

/// Time between two looks at whether the root is still the same folder.
const ROOT: Duration = Duration::from_secs(2);

/// Which folder lies at a place, links followed; `None`: none that can be seen.
pub(crate) fn folder_identity(folder: &Path) -> Option<FolderIdentity> {
    let FileIdentity { volume, id } = Facts::at(folder).ok()?.identity();
    Some(FolderIdentity { device: volume, inode: id, birth: birth(folder) })
}

/// When a folder was made: one that took another one's place may have got its inode, too.
pub(super) fn birth(folder: &Path) -> u64 {
    let born = std::fs::metadata(folder).and_then(|m| m.created()).ok();
    let since = born.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|d| u64::try_from(d.as_nanos()).ok()).unwrap_or(0)
}

/// What is known of the root.
pub(super) struct RootFolder {
    /// Which folder it was at the last look; `None` before it and while it is not there.
    identity: Option<FileIdentity>,
    /// Which folder it is, once all of it was looked at; `None` while it is a new one. It is no folder's while nothing is
    /// there that can be opened: then all of it is lost, which is not deleted.
    marker: Option<FolderIdentity>,
    /// What lies in it could not be read at the last look.
    is_unread: bool,
    gone_reported: bool,
    /// It was reported that another folder lies there than these threads can open.
    pub(super) is_moved: bool,
    next_look: Time,
}

impl RootFolder {
    /// Nothing is known yet.
    pub(super) fn new(now: Time) -> Self {
        Self {
            identity: None,
            marker: None,
            is_unread: false,
            gone_reported: false,
            is_moved: false,
            next_look: now + ROOT,
        }
    }

    /// Which folder it was at the last look.
    pub(super) const fn identity(&self) -> Option<FileIdentity> {
        self.identity
    }

    /// Which folder it is, once all of it was looked at.
    pub(super) const fn marker(&self) -> Option<FolderIdentity> {
        self.marker
    }

    /// Takes in a look at it. False if that is no news.
    pub(super) fn saw(&mut self, sight: RootSight) -> bool {
        self.is_unread = false;
        let identity = if let RootSight::Folder(identity) = sight { Some(identity) } else { None };
        if identity == self.identity && (identity.is_some() || self.gone_reported) {
            return false;
        }
        self.identity = identity;
        self.gone_reported = identity.is_none();
        self.marker = identity.is_none().then(FolderIdentity::default);
        true
    }

    /// All of it has to be looked at again before anything is judged. False if that was to be done anyway.
    pub(super) const fn unsettle(&mut self) -> bool {
        self.identity.is_some() && self.marker.take().is_some()
    }

    /// What lies in it could not be read, so the look that is under way tells nothing of what is gone.
    pub(super) const fn saw_nothing(&mut self) {
        self.unsettle();
        self.is_unread = true;
    }

    /// All of a new one was looked at; it was born at `birth()`. False if it is not new, or not there.
    pub(super) fn scanned(&mut self, birth: impl FnOnce() -> u64) -> bool {
        if std::mem::take(&mut self.is_unread) {
            return false;
        }
        let Some(root) = self.identity.filter(|_| self.marker.is_none()) else { return false };
        self.marker = Some(FolderIdentity { device: root.volume, inode: root.id, birth: birth() });
        true
    }

    /// When it is to be looked at again.
    pub(super) const fn poll_timeout(&self) -> Time {
        self.next_look
    }

    /// True if it is to be looked at now.
    pub(super) fn is_due(&mut self, now: Time) -> bool {
        let is_due = now >= self.next_look;
        if is_due {
            self.next_look = now + ROOT;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_judged_before_a_whole_look_that_read_the_root() {
        let mut root = RootFolder::new(Time::ZERO);
        let folder = FileIdentity { volume: 1, id: 2 };
        let marker = FolderIdentity { device: 1, inode: 2, birth: 3 };
        assert!(root.saw(RootSight::Folder(folder)) && root.marker().is_none());
        assert!(root.scanned(|| 3) && root.marker() == Some(marker));
        assert!(!root.saw(RootSight::Folder(folder)) && !root.scanned(|| 3), "that is known");
        // Something was mounted in it.
        assert!(root.unsettle() && root.marker().is_none() && !root.unsettle());
        root.saw_nothing();
        assert!(!root.scanned(|| 3) && root.marker().is_none(), "it could not be read");
        root.saw(RootSight::Folder(folder));
        assert!(root.scanned(|| 3) && root.marker() == Some(marker));
        assert!(root.saw(RootSight::Closed) && root.marker() == Some(FolderIdentity::default()));
        assert!(root.saw(RootSight::Folder(folder)) && root.scanned(|| 3));
        assert!(root.saw(RootSight::Gone) && root.marker() == Some(FolderIdentity::default()));
    }
}
