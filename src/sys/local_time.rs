//! The time of day, for people: where this machine is, or of UTC in a log.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// When something was said, as it is shown beside it: `14:02`, with its day in front (`2026-11-29 14:02`) if that is
/// another one than that of `now`. Both are milliseconds since 1970. What seems to be later than `now` is from a clock
/// that is wrong, and counts as now.
#[must_use]
pub(crate) fn shown(millis: u64, now: u64) -> String {
    shown_in(&TimeZone::system(), millis, now)
}

/// When something will happen, as [`shown`] shows what happened.
#[must_use]
pub(crate) fn coming(millis: u64, now: u64) -> String {
    form_in(&TimeZone::system(), millis, now)
}

fn shown_in(zone: &TimeZone, millis: u64, now: u64) -> String {
    form_in(zone, millis.min(now), now)
}

fn form_in(zone: &TimeZone, millis: u64, now: u64) -> String {
    let at = |millis: u64| {
        let millis = i64::try_from(millis).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX).to_zoned(zone.clone())
    };
    let (said, now) = (at(millis), at(now));
    let form = if said.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    said.strftime(form).to_string()
}

/// When something happened, in milliseconds since 1970, as a log has it: `2026-11-29T22:30:00.000Z` (RFC 3339).
#[must_use]
pub(crate) fn utc(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis)
        .unwrap_or(Timestamp::MAX)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// When a day began where this machine is, in seconds since 1970. `None`: that is no day (`2026-11-01`).
#[must_use]
pub(crate) fn day_begins(day: &str) -> Option<i64> {
    day_begins_in(TimeZone::system(), day)
}

fn day_begins_in(zone: TimeZone, day: &str) -> Option<i64> {
    let date: Date = day.parse().ok()?;
    Some(date.to_zoned(zone).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use jiff::tz;

    use super::*;

    #[test]
    fn the_day_is_named_if_it_is_another_one() {
        // 2026-11-29 22:30 UTC.
        let now = 1_795_991_400_000;
        let at = |hours: i8, millis| shown_in(&TimeZone::fixed(tz::offset(hours)), millis, now);
        let hour = 3_600_000;
        assert_eq!((at(0, now), at(0, now - 22 * hour)), ("22:30".into(), "00:30".into()));
        assert_eq!((at(2, now), at(2, now - hour)), ("00:30".into(), "2026-11-29 23:30".into()));
        assert_eq!(at(-8, now - 24 * hour), "2026-11-28 14:30");
        assert_eq!((at(0, u64::MAX), at(0, 0)), ("22:30".into(), "1970-01-01 00:00".into()));
        assert!(!shown_in(&TimeZone::UTC, u64::MAX, u64::MAX).is_empty());
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_zone() {
        let at = |hours: i8, day| day_begins_in(TimeZone::fixed(tz::offset(hours)), day);
        assert_eq!((at(0, "2026-11-01"), at(2, "2026-11-01")), (Some(1_793_491_200), Some(1_793_484_000)));
        assert_eq!(["", "2026-11", "2026-02-30", "tomorrow"].map(|day| at(0, day)), [None; 4]);
    }
}
