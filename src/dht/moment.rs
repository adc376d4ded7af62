//! A point in time, by both clocks. Pure.

use crate::time::Time;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Days of what is called a month here: all who have the key count it alike, whatever the calendar says.
const MONTH: u64 = 30;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// As machines count it.
    pub(super) now: Time,
    /// Seconds since 1970 (UTC), by the wall clock. It may jump.
    pub(super) unix: u64,
}

impl Moment {
    /// Days since 1970.
    pub(super) const fn day(self) -> u64 {
        self.unix / DAY
    }

    /// Yesterday, today and tomorrow: a clock that is wrong by less than a day is right enough.
    pub(super) const fn days(self) -> [u64; 3] {
        let day = self.day();
        [day.saturating_sub(1), day, day + 1]
    }

    /// The months of these days, each once.
    pub(super) fn months(self) -> Vec<u64> {
        let mut months = self.days().map(|day| day / MONTH).to_vec();
        months.dedup();
        months
    }
}
