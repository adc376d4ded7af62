//! When a newcomer has heard all who answer, or that nobody does. Pure.

use core::time::Duration;

use crate::lan::Event;
use crate::time::Time;

/// The network has answered when no new peer came for this time.
const SETTLED: Duration = Duration::from_millis(300);

/// It is not waited for longer.
pub(super) const SETTLED_LATEST: Duration = Duration::from_secs(1);

/// Silence after the start that means that nobody is heard: all hellos, and one interval of a small
/// network.
const NOBODY: Duration = Duration::from_secs(2);

/// What is still to be said of the time after the start, each once.
#[derive(Debug)]
pub(super) struct Settling {
    started: Time,
    /// When the newest peer came.
    newest: Option<Time>,
    is_settled: bool,
    /// True once somebody was heard, or it was said that nobody is.
    is_heard: bool,
}

impl Settling {
    /// From a start now.
    pub(super) const fn new(now: Time) -> Self {
        Self { started: now, newest: None, is_settled: false, is_heard: false }
    }

    /// Somebody was heard.
    pub(super) const fn hear(&mut self) {
        self.is_heard = true;
    }

    /// A new peer came.
    pub(super) const fn come(&mut self, now: Time) {
        self.newest = Some(now);
    }

    fn settles_at(&self) -> Option<Time> {
        let latest = self.started + SETTLED_LATEST;
        (!self.is_settled).then(|| self.newest.map_or(latest, |at| latest.min(at + SETTLED)))
    }

    fn nobody_at(&self) -> Option<Time> {
        (!self.is_heard).then(|| self.started + NOBODY)
    }

    /// When there is something to be said.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.settles_at().into_iter().chain(self.nobody_at()).min()
    }

    /// What is to be said now.
    pub(super) fn take_due(&mut self, now: Time) -> impl Iterator<Item = Event> + use<> {
        let settled = self.settles_at().is_some_and(|at| at <= now);
        let nobody = self.nobody_at().is_some_and(|at| at <= now);
        self.is_settled |= settled;
        self.is_heard |= nobody;
        settled.then_some(Event::Settled).into_iter().chain(nobody.then_some(Event::NobodyHeard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    /// What is said, and when.
    fn course(settling: &mut Settling) -> Vec<(Time, Event)> {
        let mut all = Vec::new();
        while let Some(now) = settling.poll_timeout() {
            all.extend(settling.take_due(now).map(|event| (now, event)));
        }
        all
    }

    #[test]
    fn alone_it_settles_after_a_second_and_hears_nobody_after_two() {
        let said = course(&mut Settling::new(at(0)));
        assert!(
            matches!(said[..], [(a, Event::Settled), (b, Event::NobodyHeard)] if (a, b) == (at(1_000), at(2_000))),
            "{said:?}"
        );
    }

    #[test]
    fn it_settles_300_ms_after_the_newest_peer_but_no_later_than_after_a_second() {
        for (newest, settled) in [(50, 350), (650, 950), (800, 1_000)] {
            let mut settling = Settling::new(at(0));
            settling.hear();
            settling.come(at(newest));
            let said = course(&mut settling);
            assert!(matches!(said[..], [(now, Event::Settled)] if now == at(settled)), "{said:?}");
        }
    }
}
