//! Values of settings as they are typed. Pure.

use core::num::NonZeroU64;
use core::time::Duration;

use crate::rate::Limit;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// A limit of speed as it is typed: a rate, of which `0` is none.
///
/// # Errors
/// In words: what it is instead, and what can be typed.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    rate(text).map(NonZeroU64::new)
}

/// A length of time in days.
pub(super) fn days(days: u16) -> Duration {
    Duration::from_secs(u64::from(days) * DAY)
}

/// A rate as it is typed: `500K`, `2M`, `1.5MiB`, in bytes a second; `0` is none.
///
/// # Errors
/// In words: what it is instead, and what can be typed.
fn rate(text: &str) -> Result<u64, String> {
    const HOW: &str = "give bytes a second, such as 500K, 2M or 1MiB (0: no limit)";
    let typed = text.trim();
    let bytes = bytes(typed.strip_suffix("/s").unwrap_or(typed), HOW)?;
    bytes.ok_or_else(|| format!("less than 1K a second stops everything: {HOW}"))
}

/// A number of bytes as it is typed: `500M`, `10G`, `1.5GiB`; `0` is none.
///
/// # Errors
/// In words: what it is instead, and what can be typed.
pub(super) fn space(text: &str) -> Result<u64, String> {
    const HOW: &str = "give bytes, such as 500M, 10G or 2GiB (0: none)";
    bytes(text.trim(), HOW)?.ok_or_else(|| format!("less than 1K holds nothing: {HOW}"))
}

/// The size of a file as it is typed: `500K`, `10M`, `2GiB`.
///
/// # Errors
/// In words: what it is instead, and what can be typed.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    const HOW: &str = "give bytes, such as 500K, 10M or 2GiB";
    bytes(text.trim(), HOW)?.ok_or_else(|| format!("less than 1K needs no such bound: {HOW}"))
}

/// Bytes, with a unit of thousands (`K`) or of 1,024 (`Ki`); `None` if they are so few that it is a slip.
fn bytes(typed: &str, how: &str) -> Result<Option<u64>, String> {
    /// Fewer are a slip: whoever types `5` means megabytes, or gigabytes.
    const LEAST: u64 = 1_000;
    let digits = typed.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(typed.len());
    let (number, unit) = typed.split_at(digits);
    let unit = unit.trim();
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "ki" | "kib" => 1_024.0,
        "mi" | "mib" => 1_048_576.0,
        "gi" | "gib" => 1_073_741_824.0,
        "ti" | "tib" => 1_099_511_627_776.0,
        other if other.contains("bit") || other.ends_with("bps") => {
            return Err(format!("bits are not understood: {how}"));
        }
        _ => return Err(how.to_owned()),
    };
    if unit.ends_with('b') {
        return Err(format!("`b` may mean bits, which are not understood: {how}"));
    }
    let bytes = number.parse::<f64>().map_err(|_| how.to_owned())? * factor;
    // What is larger than any number of bytes becomes the largest one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "digits: never negative")]
    let bytes = bytes as u64;
    let is_none = !number.bytes().any(|d| (b'1'..=b'9').contains(&d));
    Ok((bytes >= LEAST || is_none).then_some(bytes))
}

/// A length of time as it is typed: hours, or `90s`, `5m`, `2h`, `3d`.
///
/// # Errors
/// In words: what can be typed.
pub(crate) fn hours(text: &str) -> Result<Duration, String> {
    const HOW: &str = "give a number of hours, or 90s, 5m, 2h, 3d";
    let typed = text.trim();
    let digits = typed.find(|c: char| !c.is_ascii_digit()).unwrap_or(typed.len());
    let (number, unit) = typed.split_at(digits);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "" | "h" => 3_600,
        "d" => 86_400,
        _ => return Err(HOW.to_owned()),
    };
    let number: u32 = number.parse().map_err(|_| HOW.to_owned())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_in_bytes_and_never_guessed() {
        for (typed, bytes) in [
            ("0", 0),
            ("0M", 0),
            ("1000", 1_000),
            ("500K", 500_000),
            ("500k", 500_000),
            ("2M", 2_000_000),
            ("2 MB/s", 2_000_000),
            ("1.5MB", 1_500_000),
            ("1MiB", 1 << 20),
            ("64Ki", 65_536),
            ("3G", 3_000_000_000),
            ("99999999999999999999G", u64::MAX),
        ] {
            assert_eq!(rate(typed), Ok(bytes), "{typed}");
        }
        for (typed, why) in [
            ("2Mbit", "bits are not"),
            ("2Mb", "may mean bits"),
            ("100kbps", "bits are not"),
            ("5", "less than 1K"),
            ("0.5K", "less than 1K"),
            ("", "give bytes"),
            ("M", "give bytes"),
            ("-1M", "give bytes"),
            ("1.2.3M", "give bytes"),
            ("fast", "give bytes"),
            ("1e9", "give bytes"),
            ("2X", "give bytes"),
            ("1\u{1b}", "give bytes"),
        ] {
            let said = rate(typed).unwrap_err();
            assert!(said.starts_with(why) || said.contains(why), "{typed}: {said}");
            assert!(said.contains("500K"), "{typed}: {said}");
        }
    }

    #[test]
    fn space_is_read_in_bytes_and_a_slip_is_told() {
        for (typed, bytes) in [
            ("0", 0),
            ("0G", 0),
            ("10G", 10_000_000_000),
            ("1.5GiB", 3 << 29),
            (" 2 TiB ", 2 << 40),
            ("4K", 4_000),
        ] {
            assert_eq!(space(typed), Ok(bytes), "{typed}");
        }
        for (typed, why) in [
            ("5", "less than 1K"),
            ("10Gb", "may mean bits"),
            ("", "give"),
            ("all", "give"),
            ("2M/s", "give"),
        ] {
            let said = space(typed).unwrap_err();
            assert!(said.contains(why) && said.contains("2GiB"), "{typed}: {said}");
        }
    }

    #[test]
    fn a_length_of_time_is_in_hours_if_nothing_else_is_said() {
        for (typed, seconds) in [
            ("24", 86_400),
            ("0", 0),
            ("90s", 90),
            ("5m", 300),
            ("2h", 7_200),
            ("3d", 259_200),
            (" 1 ", 3_600),
        ] {
            assert_eq!(hours(typed), Ok(Duration::from_secs(seconds)), "{typed}");
        }
        // The longest is no overflow.
        assert_eq!(hours("4294967295d"), Ok(Duration::from_secs(4_294_967_295 * 86_400)));
        for typed in ["", "h", "-1", "1.5h", "2 weeks", "4294967296", "1e3", "5M"] {
            assert!(hours(typed).unwrap_err().contains("90s"), "{typed}");
        }
    }
}
