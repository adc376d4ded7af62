//! Numbers as people read them. Pure.

use bytesize::ByteSize;

/// Bytes: `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// Bytes a second: `1.2 MiB/s`.
pub(crate) fn speed(bytes: u64) -> String {
    format!("{}/s", size(bytes))
}

/// A length of time, its two largest units: `1 h 5 min`.
pub(crate) fn duration(seconds: u64) -> String {
    let (s, m, h, d) = (seconds % 60, seconds / 60 % 60, seconds / 3_600 % 24, seconds / 86_400);
    let two = |a: u64, a_unit: &str, b: u64, b_unit: &str| {
        if b == 0 { format!("{a} {a_unit}") } else { format!("{a} {a_unit} {b} {b_unit}") }
    };
    if d > 0 {
        two(d, "d", h, "h")
    } else if h > 0 {
        two(h, "h", m, "min")
    } else if m > 0 {
        two(m, "min", s, "s")
    } else {
        format!("{s} s")
    }
}

/// `done` of `all` in whole percent, rounded down: 100 means done.
pub(crate) fn percent(done: u64, all: u64) -> u64 {
    if done >= all {
        return 100;
    }
    u64::try_from(u128::from(done) * 100 / u128::from(all)).unwrap_or(99)
}

/// A rate as it is typed: `500K`, `2M`, `1.5MiB`, in bytes a second; `0` is none.
///
/// # Errors
/// In words: what it is instead, and what can be typed.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    /// Slower is a slip: whoever types `5` means megabytes.
    const LEAST: u64 = 1_000;
    const HOW: &str = "give bytes a second, such as 500K, 2M or 1MiB (0: no limit)";
    let typed = text.trim();
    let typed = typed.strip_suffix("/s").unwrap_or(typed);
    let digits = typed.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(typed.len());
    let (number, unit) = typed.split_at(digits);
    let unit = unit.trim();
    let factor: u32 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        other if other.contains("bit") || other.ends_with("bps") => {
            return Err(format!("bits are not understood: {HOW}"));
        }
        _ => return Err(HOW.to_owned()),
    };
    if unit.ends_with('b') {
        return Err(format!("`b` may mean bits, which are not understood: {HOW}"));
    }
    let bytes = number.parse::<f64>().map_err(|_| HOW.to_owned())? * f64::from(factor);
    // What is larger than any number of bytes becomes the largest one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "digits: never negative")]
    let bytes = bytes as u64;
    if bytes < LEAST && number.bytes().any(|d| (b'1'..=b'9').contains(&d)) {
        return Err(format!("less than 1K a second stops everything: {HOW}"));
    }
    Ok(bytes)
}

/// `1 file`, `2 files`.
pub(crate) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [size(0), size(1_023), size(1_024), size(1_300_000)],
            ["0 B", "1023 B", "1.0 KiB", "1.2 MiB"]
        );
        assert_eq!(size(u64::MAX), "16.0 EiB");
        assert_eq!(speed(10 << 20), "10.0 MiB/s");
        let times = [0, 59, 60, 61, 3_600, 3_660, 86_399, 86_400, 90_000].map(duration);
        let said = ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "23 h 59 min", "1 d", "1 d 1 h"];
        assert_eq!(times, said);
        assert_eq!([percent(0, 0), percent(999, 1_000), percent(1, u64::MAX)], [100, 99, 0]);
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
        assert_eq!([count(1, "file"), count(0, "file")], ["1 file", "0 files"]);
    }

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
}
