//! The two clocks: one for machines, one for people.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::Time;

const NANOS_A_SECOND: i128 = 1_000_000_000;

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

/// CLOCK_MONOTONIC in microseconds, as other programs name a moment (clock_gettime(2)).
#[must_use]
pub(crate) fn monotonic_micros() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000
}

/// Wall clock, in seconds since 1970. For people and start counts only; it may jump.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Wall clock, in milliseconds since 1970. For people only; it may jump.
#[must_use]
pub fn unix_millis() -> u64 {
    u64::try_from(unix_nanos() / 1_000_000).unwrap_or(0)
}

/// Returns once the wall clock is past this second, if it is the present one.
#[expect(clippy::disallowed_methods, reason = "what is waited for is the clock itself")]
pub fn outlast(second: u64) {
    let end = (i128::from(second) + 1) * NANOS_A_SECOND;
    let left = end - unix_nanos();
    if let Ok(nanos) = u64::try_from(left)
        && left <= NANOS_A_SECOND
    {
        std::thread::sleep(Duration::from_nanos(nanos));
    }
}

/// Wall clock, in nanoseconds since 1970, to be compared with a file's times; it may jump.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn unix_nanos() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i128::try_from(d.as_nanos()).unwrap_or(i128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_second_is_outlasted_and_no_other_one() {
        let begun = now();
        outlast(0);
        outlast(unix_seconds() + 1_000);
        let second = unix_seconds();
        outlast(second);
        assert!(unix_seconds() > second);
        assert!(now().since(begun) < Duration::from_secs(900), "the far one was not waited for");
    }
}
