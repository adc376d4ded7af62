//! `Range` and `If-Range` (RFC 9110 §13.1.5, §14). One range of bytes is answered; who asks for several, or for
//! nonsense, gets all of it. Pure.

use core::ops::Range;

/// What of a content is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RangeAsked {
    /// All of it.
    All,
    /// These bytes (206).
    Part(ByteRange),
    /// Bytes that it does not have (416).
    Outside,
}

/// Bytes of a content, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange(pub(crate) Range<u64>);

impl ByteRange {
    /// As it stands in `Content-Range`, of a content of so many bytes.
    pub(crate) fn content_range(&self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.0.start, self.0.end.saturating_sub(1))
    }
}

impl RangeAsked {
    /// Of a content of `size` bytes whose strong tag is `tag`, by the fields of a request: `Range`, and `If-Range`, which
    /// must be that tag exactly. (A date never is.)
    pub(crate) fn read(range: Option<&str>, if_range: Option<&str>, tag: &str, size: u64) -> Self {
        if if_range.is_some_and(|expected| expected != tag) {
            return Self::All;
        }
        range.and_then(|range| bytes(range, size)).unwrap_or(Self::All)
    }
}

/// `None`: it makes no sense.
fn bytes(range: &str, size: u64) -> Option<RangeAsked> {
    let (unit, range) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    // With a comma it is no number.
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // What is too large to be a number is behind every end.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = if first.is_empty() {
        size.saturating_sub(number(last)?)..size
    } else {
        let start = number(first)?;
        let end = if last.is_empty() { size } else { number(last)?.saturating_add(1).min(size) };
        if !last.is_empty() && number(last)? < start {
            return None;
        }
        start..end
    };
    Some(if range.is_empty() { RangeAsked::Outside } else { RangeAsked::Part(ByteRange(range)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, size: u64) -> RangeAsked {
        RangeAsked::read(Some(range), None, "\"a\"", size)
    }

    #[test]
    fn one_range_is_answered_and_all_else_with_the_whole() {
        let part = |range| RangeAsked::Part(ByteRange(range));
        for (text, is) in [
            ("bytes=0-", part(0..100)),
            ("bytes=0-0", part(0..1)),
            ("bytes=10-19", part(10..20)),
            ("Bytes = 10-19 ", part(10..20)),
            ("bytes=90-1000", part(90..100)),
            ("bytes=99-18446744073709551615", part(99..100)),
            ("bytes=-10", part(90..100)),
            ("bytes=-1000", part(0..100)),
            ("bytes=100-", RangeAsked::Outside),
            ("bytes=99999999999999999999999-", RangeAsked::Outside),
            ("bytes=-0", RangeAsked::Outside),
            ("bytes=20-10", RangeAsked::All),
            ("bytes=0-1,5-6", RangeAsked::All),
            ("bytes=", RangeAsked::All),
            ("bytes=-", RangeAsked::All),
            ("bytes=a-b", RangeAsked::All),
            ("bytes=+1-2", RangeAsked::All),
            ("lines=0-1", RangeAsked::All),
            ("10-20", RangeAsked::All),
        ] {
            assert_eq!(asked(text, 100), is, "{text}");
        }
        assert_eq!(asked("bytes=0-", 0), RangeAsked::Outside);
        assert_eq!(ByteRange(10..20).content_range(100), "bytes 10-19/100");
    }

    #[test]
    fn a_range_of_something_else_is_not_answered() {
        let read = |if_range| RangeAsked::read(Some("bytes=5-"), Some(if_range), "\"a\"", 10);
        assert_eq!(read("\"a\""), RangeAsked::Part(ByteRange(5..10)));
        for other in ["\"b\"", "W/\"a\"", "a", "", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(read(other), RangeAsked::All, "{other}");
        }
        assert_eq!(RangeAsked::read(None, Some("\"a\""), "\"a\"", 10), RangeAsked::All);
    }
}
