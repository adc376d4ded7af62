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

/// `1 file`, `2 files`, `10,000 files`.
pub(crate) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(n)) }
}

/// `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
        let numbers = [999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(numbers, ["999", "1,000", "12,345", "1,234,567"]);
    }
}
