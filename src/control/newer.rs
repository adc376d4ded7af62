//! A point in time in the past, as it is typed: a day, or an age.

use crate::sys::{clock, local_time};

/// Seconds since 1970 of what is typed: a day begins at midnight where this machine is, an age is counted from now.
///
/// # Errors
/// In words: what can be typed.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    const HOW: &str = "give a day such as 2026-11-01, or an age such as 90m, 12h, 7d, 2w";
    let typed = text.trim();
    let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
    let aged = age(typed).map(|seconds| now.saturating_sub_unsigned(seconds));
    aged.or_else(|| local_time::day_begins(typed)).ok_or_else(|| HOW.to_owned())
}

/// The seconds of an age: digits, and one letter for the unit.
fn age(typed: &str) -> Option<u64> {
    let unit = typed.chars().next_back()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: u32 = typed[..typed.len() - 1].parse().ok()?;
    // Digits alone: parsing takes a sign, too.
    typed.starts_with(|c: char| c.is_ascii_digit()).then(|| u64::from(number) * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit() {
        let week = Some(604_800);
        assert_eq!(["1w", "7d", "168h", "10080m", "604800s"].map(age), [week; 5]);
        assert_eq!(age("4294967295w"), Some(4_294_967_295 * 604_800));
        assert_eq!(["7", "d", "", "+7d", "-7d", "7 d", "1.5h", "7dé", "4294967296s"].map(age), [None; 9]);
    }

    #[test]
    fn a_day_and_an_age_are_points_in_time_and_nothing_else_is() {
        let now = i64::try_from(clock::unix_seconds()).unwrap();
        let hour_ago = parse(" 1h ").unwrap();
        assert!((now - 3_600..=now - 3_590).contains(&hour_ago), "{hour_ago} at {now}");
        // The day begins within 26 hours of the same day of UTC, wherever this machine is.
        let day = parse("2026-11-01").unwrap();
        assert!((day - 1_793_491_200).abs() <= 26 * 3_600, "{day}");
        for typed in ["", "yesterday", "7", "2026-13-01", "2026-02-30", "11/01/2026", "\u{1b}"] {
            assert!(parse(typed).unwrap_err().contains("2026-11-01"), "{typed}");
        }
    }
}
