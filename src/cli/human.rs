//! Numbers as people read them. Pure.

pub(crate) use crate::text::number;

/// Units of bytes, each 1,024 of the one before.
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Bytes: `1.2 MiB`. The next unit is taken from 1,000 on, so that no number has more than three digits before its point.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut unit = 1_u128;
    let mut tenths = u128::from(bytes) * 10;
    let mut name = "B";
    for next in UNITS {
        if tenths < 10_000 {
            break;
        }
        unit <<= 10;
        tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
        name = next;
    }
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Bytes a second: `1.2 MiB/s`.
pub(crate) fn speed(bytes: u64) -> String {
    format!("{}/s", size(bytes))
}

/// A length of time, its two largest units: `1 h 5 min`.
pub(crate) fn duration(seconds: u64) -> String {
    let (s, m, h, d) = (seconds % 60, seconds / 60 % 60, seconds / 3_600 % 24, seconds / 86_400);
    let two = |a: u64, a_unit: &str, b: u64, b_unit: &str| {
        if b == 0 {
            format!("{} {a_unit}", number(a))
        } else {
            format!("{} {a_unit} {b} {b_unit}", number(a))
        }
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

/// How long something took: below ten seconds with tenths, `0.4 s`. Nothing takes less than one of these.
pub(crate) fn took(millis: u64) -> String {
    match millis {
        0..100 => "0.1 s".to_owned(),
        100..9_950 => {
            let tenths = (millis + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => duration(millis.saturating_add(500) / 1_000),
    }
}

/// `done` of `all` in whole percent, rounded down: 100 means done.
pub(crate) fn percent(done: u64, all: u64) -> u64 {
    if done >= all {
        return 100;
    }
    u64::try_from(u128::from(done) * 100 / u128::from(all)).unwrap_or(99)
}

/// `1 file`, `12,345 files`.
pub(crate) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", number(n)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [size(0), size(999), size(1_000), size(1_023), size(1_024), size(1_300_000)],
            ["0 B", "999 B", "1.0 KiB", "1.0 KiB", "1.0 KiB", "1.2 MiB"]
        );
        assert_eq!(
            [size(1_000 << 10), size((1_000 << 10) - 52), size(1_047_000)],
            ["1.0 MiB", "999.9 KiB", "1.0 MiB"]
        );
        assert_eq!(size(u64::MAX), "16.0 EiB");
        assert_eq!(speed(10 << 20), "10.0 MiB/s");
        let times = [0, 59, 60, 61, 3_600, 3_660, 86_399, 86_400, 90_000].map(duration);
        let said = ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "23 h 59 min", "1 d", "1 d 1 h"];
        assert_eq!(times, said);
        let times = [0, 99, 149, 150, 9_949, 9_950, 59_600].map(took);
        assert_eq!(times, ["0.1 s", "0.1 s", "0.1 s", "0.2 s", "9.9 s", "10 s", "1 min"]);
        assert_eq!([percent(0, 0), percent(999, 1_000), percent(1, u64::MAX)], [100, 99, 0]);
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
        let numbers = [0, 999, 1_000, 12_345, 1_234_567].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(
            [count(1, "file"), count(0, "file"), count(12_345, "file")],
            ["1 file", "0 files", "12,345 files"]
        );
    }

    #[test]
    fn no_number_has_five_digits_in_a_row() {
        for bits in 0..64 {
            for n in [1_u64 << bits, (1_u64 << bits).wrapping_mul(3), u64::MAX >> bits] {
                for text in [size(n), number(n), duration(n), count(n, "file"), took(n)] {
                    let is_long = text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 4);
                    assert!(!is_long, "{n}: {text}");
                }
            }
        }
    }
}
