//! Which folder lies at the place of the shared one.

use std::time::Duration;

use crate::content::FolderIdentity;
use crate::sys::facts::FileIdentity;
use crate::time::Time;

/// Time between two looks at whether the root is still the same folder.
const ROOT: Duration = Duration::from_secs(2);

/// What is known of the root.
pub(super) struct RootFolder {
    /// Which folder it was at the last look; `None` before it and while it is not there.
    identity: Option<FileIdentity>,
    /// Which folder it is, once all of it was looked at; `None` while it is a new one.
    marker: Option<FolderIdentity>,
    gone_reported: bool,
    next_look: Time,
}

impl RootFolder {
    /// Nothing is known yet.
    pub(super) fn new(now: Time) -> Self {
        Self { identity: None, marker: None, gone_reported: false, next_look: now + ROOT }
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
    pub(super) fn saw(&mut self, identity: Option<FileIdentity>) -> bool {
        if identity == self.identity && (identity.is_some() || self.gone_reported) {
            return false;
        }
        self.identity = identity;
        self.gone_reported = identity.is_none();
        self.marker = identity.is_none().then(FolderIdentity::default);
        true
    }

    /// All of a new one was looked at; it was born at `birth()`. False if it is not new, or not there.
    pub(super) fn scanned(&mut self, birth: impl FnOnce() -> u64) -> bool {
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
