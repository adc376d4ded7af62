//! What it means to hear our own key from another start: a copied folder, or an echo of our past. Pure.

use core::time::Duration;

use crate::identity::Instance;
use crate::lan::limits;
use crate::rate::TokenBucket;
use crate::time::Time;

/// A copy of our folder that was not heard for this long has stopped: it does so as soon as it hears us.
const COPY_GONE: Duration = Duration::from_secs(2);

/// The copies of this peer's folder.
#[derive(Debug, Default)]
pub(super) struct FolderCopies {
    /// Questions to earlier starts.
    asked: TokenBucket,
    /// True once an earlier start answered.
    is_found: bool,
    /// The latest of the later starts that were heard, and when last.
    later: Option<(Instance, Time)>,
}

impl FolderCopies {
    /// A later start was heard. It has to stop, and learns from us that we live. To the others it is the
    /// later start of one peer, so that once it has gone we must be a later one still.
    pub(super) fn hear_later(&mut self, now: Time, instance: Instance) {
        let latest = self.later.map_or(instance, |(known, _)| known.max(instance));
        self.later = Some((latest, now));
    }

    /// An earlier start answered us. True if that is news.
    pub(super) const fn find(&mut self) -> bool {
        !core::mem::replace(&mut self.is_found, true)
    }

    /// True if what may be an earlier start may be asked for an answer now; it counts as asked.
    pub(super) fn may_ask(&mut self, now: Time) -> bool {
        self.asked.take(now, limits::PROBED_RATE)
    }

    /// When a later start counts as gone.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.later.map(|(_, at)| at + COPY_GONE)
    }

    /// The later start that has gone by now.
    pub(super) fn take_gone(&mut self, now: Time) -> Option<Instance> {
        let (instance, _) = self.later.take_if(|(_, at)| *at + COPY_GONE <= now)?;
        Some(instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(count: u64) -> Instance {
        Instance { count, random: 0 }
    }

    #[test]
    fn the_latest_of_later_starts_counts_once_all_are_silent() {
        let now = Time::ZERO + Duration::from_secs(9);
        let mut copies = FolderCopies::default();
        assert_eq!((copies.poll_timeout(), copies.take_gone(now)), (None, None));
        copies.hear_later(now, start(7));
        copies.hear_later(now + Duration::from_secs(1), start(5));
        let gone = now + Duration::from_secs(3);
        assert_eq!(copies.poll_timeout(), Some(gone));
        assert_eq!(copies.take_gone(now + Duration::from_secs(2)), None);
        assert_eq!(copies.take_gone(gone), Some(start(7)));
        assert_eq!(copies.take_gone(gone), None);
    }

    #[test]
    fn an_earlier_start_is_found_once_and_seldom_asked() {
        let mut copies = FolderCopies::default();
        assert!(copies.find() && !copies.find());
        let now = Time::ZERO + Duration::from_secs(9);
        assert_eq!((0..100).filter(|_| copies.may_ask(now)).count(), 4);
    }
}
