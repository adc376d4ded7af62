//! The two clocks: one for machines, one for people.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::Time;

/// Time since boot, sleep included.
///
/// `Instant` is CLOCK_MONOTONIC on Linux, which stands still while a laptop sleeps; a peer that slept
/// must notice that its neighbours' news are old.
#[must_use]
pub fn now() -> Time {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let t = rustix::time::clock_gettime(id);
    Time(u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0))
}

/// Wall clock, in seconds since 1970. For people and start counts only; it may jump.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Wall clock, in nanoseconds since 1970, to be compared with a file's times; it may jump.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn unix_nanos() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i128::try_from(d.as_nanos()).unwrap_or(i128::MAX))
}
