//! What the walker is to look at next, and whether it is busy.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::library::limits;
use crate::time::Time;

/// A look that the walker is to take now.
pub(super) enum LookAt {
    /// At all that lies in `shared/`.
    Everything,
    /// At these paths; true: closed after writing.
    Paths(Vec<(PathBuf, bool)>),
}

/// Looks that wait for the walker.
pub(super) struct PendingLooks {
    /// Paths to be looked at; true: closed after writing.
    paths: BTreeMap<PathBuf, bool>,
    /// Everything is to be looked at.
    everything: bool,
    /// The walker is busy.
    walking: bool,
    /// Since when something was to be looked at all the time.
    busy_since: Option<Time>,
    /// When everything is looked at again.
    next_rescan: Time,
    /// How far a look is that the user asked for.
    asked: Option<AskedLook>,
}

/// How far a look is that the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskedLook {
    /// It was not begun.
    Waiting,
    /// The walker is at it.
    Walking,
}

impl PendingLooks {
    /// First everything.
    pub(super) const fn new(next_rescan: Time) -> Self {
        Self {
            paths: BTreeMap::new(),
            everything: true,
            walking: false,
            busy_since: None,
            next_rescan,
            asked: None,
        }
    }

    /// A path is to be looked at.
    pub(super) fn add(&mut self, path: PathBuf) {
        self.paths.entry(path).or_insert(false);
    }

    /// As [`Self::add`], for a file that was `closed` after writing, or was written to after that.
    pub(super) fn add_written(&mut self, path: PathBuf, closed: bool) {
        self.paths.insert(path, closed);
    }

    /// A path that need not be looked at was written to: if it is to be for another reason, it is open.
    pub(super) fn reopen(&mut self, path: &PathBuf) {
        if let Some(closed) = self.paths.get_mut(path) {
            *closed = false;
        }
    }

    /// Everything is to be looked at, if `is_needed`.
    pub(super) const fn add_everything(&mut self, is_needed: bool) {
        self.everything |= is_needed;
    }

    /// Everything is to be looked at, and whoever asked for that is told when it was.
    pub(super) const fn add_asked(&mut self) {
        self.everything = true;
        self.asked = Some(AskedLook::Waiting);
    }

    /// True if a look at everything that is over was asked for, and began after that.
    pub(super) fn take_asked(&mut self) -> bool {
        self.asked.take_if(|asked| *asked == AskedLook::Walking).is_some()
    }

    /// True if everything is to be looked at.
    pub(super) const fn is_everything(&self) -> bool {
        self.everything
    }

    /// Everything is looked at again at that time, or before.
    pub(super) fn rescan_by(&mut self, at: Time) {
        self.next_rescan = self.next_rescan.min(at);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) const fn poll_timeout(&self) -> Time {
        self.next_rescan
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if now >= self.next_rescan {
            self.everything = true;
        }
    }

    /// What an idle walker is to look at, until [`Self::walked`]. After everything it waits `rescan` before
    /// it looks at everything again.
    pub(super) fn take(&mut self, now: Time, rescan: Duration) -> Option<LookAt> {
        if self.walking {
            return None;
        }
        let look = if self.everything || self.paths.len() > limits::DIRTY_PATHS {
            self.next_rescan = now + rescan;
            self.everything = false;
            self.paths.clear();
            self.asked = self.asked.map(|_| AskedLook::Walking);
            LookAt::Everything
        } else if !self.paths.is_empty() {
            LookAt::Paths(std::mem::take(&mut self.paths).into_iter().collect())
        } else {
            return None;
        };
        self.walking = true;
        self.busy_since.get_or_insert(now);
        Some(look)
    }

    /// The walker is idle again.
    pub(super) fn walked(&mut self) {
        self.walking = false;
        if !self.everything && self.paths.is_empty() {
            self.busy_since = None;
        }
    }

    /// Since when something was to be looked at all the time; `None`: all was looked at that is to be.
    pub(super) const fn busy_since(&self) -> Option<Time> {
        self.busy_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_busy_until_all_was_looked_at() {
        let at = |millis| Time::ZERO + Duration::from_millis(millis);
        let rescan = Duration::from_secs(600);
        let mut looks = PendingLooks::new(at(600_000));
        assert!(matches!(looks.take(at(1), rescan), Some(LookAt::Everything)));
        assert!(looks.take(at(2), rescan).is_none(), "the walker is busy");
        looks.add("a".into());
        looks.walked();
        assert_eq!(looks.busy_since(), Some(at(1)), "one end of a rename, perhaps");
        assert!(matches!(looks.take(at(3), rescan), Some(LookAt::Paths(paths)) if paths.len() == 1));
        looks.walked();
        assert_eq!(looks.busy_since(), None);
        looks.add("b".into());
        assert!(looks.take(at(4), rescan).is_some());
        assert_eq!(looks.busy_since(), Some(at(4)));
    }
    #[test]
    fn a_look_that_was_asked_for_begins_after_that() {
        let at = |millis| Time::ZERO + Duration::from_millis(millis);
        let rescan = Duration::from_secs(600);
        let mut looks = PendingLooks::new(at(600_000));
        assert!(looks.take(at(1), rescan).is_some());
        looks.add_asked();
        looks.walked();
        assert!(!looks.take_asked(), "that look had begun before");
        assert!(matches!(looks.take(at(2), rescan), Some(LookAt::Everything)));
        looks.walked();
        assert!(looks.take_asked() && !looks.take_asked());
    }
}
