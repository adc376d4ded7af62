//! Files for which nobody had space, and when they are offered again. Pure.

use core::time::Duration;
use std::collections::BTreeSet;
use std::ops::Bound;

use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::time::Time;

/// Such files.
#[derive(Debug)]
pub(super) struct Starved {
    files: BTreeSet<LedgerKey>,
    /// A keeper got what it promised, so there may be space now.
    soon: Option<Time>,
    /// Others may have got what they were promised.
    later: Option<Time>,
    /// How long that was waited for last: each time twice as long.
    pause: Duration,
    /// The last that was offered again: those behind it are next.
    last: Option<LedgerKey>,
}

impl Starved {
    /// None.
    pub(super) const fn new() -> Self {
        Self { files: BTreeSet::new(), soon: None, later: None, pause: limits::STARVED_LATER, last: None }
    }

    /// Nobody has space for a file.
    pub(super) fn insert(&mut self, now: Time, key: LedgerKey) {
        self.files.insert(key);
        let later = now + self.pause;
        self.later.get_or_insert(later);
    }

    /// It is wanted no longer, or offered again.
    pub(super) fn remove(&mut self, key: LedgerKey) {
        self.files.remove(&key);
    }

    /// A keeper has got what it promised, which makes space for other promises.
    pub(super) fn came(&mut self, now: Time) {
        self.pause = limits::STARVED_LATER;
        if !self.files.is_empty() {
            let soon = now + limits::STARVED_SOON;
            self.soon.get_or_insert(soon);
        }
    }

    /// True if it is known that they will be offered again soon.
    pub(super) const fn is_hopeful(&self) -> bool {
        self.soon.is_some()
    }

    /// When they are offered again.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.soon, self.later].into_iter().flatten().min()
    }

    /// Some of them, in turn, if that is due: each asks several peers for their space.
    pub(super) fn due(&mut self, now: Time) -> BTreeSet<LedgerKey> {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return BTreeSet::new();
        }
        if self.later.is_some_and(|at| at <= now) {
            self.pause = (2 * self.pause).min(limits::STARVED_LATEST);
        }
        let behind = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.files.range((behind, Bound::Unbounded));
        let due: BTreeSet<LedgerKey> = behind.chain(&self.files).take(limits::PLACINGS).copied().collect();
        self.files.retain(|key| !due.contains(key));
        self.last = due.last().copied();
        self.soon = None;
        self.later = (!self.files.is_empty()).then(|| now + self.pause);
        due
    }

    /// All of them.
    pub(super) fn take(&mut self) -> BTreeSet<LedgerKey> {
        (self.soon, self.later) = (None, None);
        std::mem::take(&mut self.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;
    use crate::identity::PeerId;

    #[test]
    fn they_are_offered_again_soon_after_something_came_else_ever_later() {
        let key = (PeerId([1; 32]), FileId([2; 32]));
        let mut starved = Starved::new();
        starved.came(Time(1));
        assert_eq!(starved.poll_timeout(), None, "there is nothing to be offered");
        let waits = |starved: &mut Starved, now: Time| {
            let at = starved.poll_timeout().unwrap();
            assert!(starved.due(Time(at.0 - 1)).is_empty());
            assert_eq!(starved.due(at), BTreeSet::from([key]));
            at.since(now)
        };
        let later = limits::STARVED_LATER;
        for pause in [later, 2 * later, 4 * later, limits::STARVED_LATEST, limits::STARVED_LATEST] {
            starved.insert(Time(1), key);
            assert_eq!(waits(&mut starved, Time(1)), pause);
        }
        starved.came(Time(2));
        starved.insert(Time(2), key);
        assert_eq!(waits(&mut starved, Time(2)), later);
        starved.insert(Time(3), key);
        starved.came(Time(3));
        assert!(starved.is_hopeful());
        assert_eq!(waits(&mut starved, Time(3)), limits::STARVED_SOON);
    }

    #[test]
    fn of_many_some_are_offered_at_a_time_and_all_in_turn() {
        let mut starved = Starved::new();
        let keys: Vec<LedgerKey> = (0..150).map(|n| (PeerId([1; 32]), FileId([n; 32]))).collect();
        let (mut now, mut offered) = (Time(1), BTreeSet::new());
        keys.iter().for_each(|key| starved.insert(now, *key));
        for _ in 0..3 {
            now = starved.poll_timeout().unwrap();
            let due = starved.due(now);
            assert!(due.len() <= limits::PLACINGS);
            due.iter().for_each(|key| starved.insert(now, *key));
            offered.extend(due);
        }
        assert_eq!(offered.len(), keys.len());
    }
}
