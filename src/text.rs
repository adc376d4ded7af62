//! Text that came from somewhere else, made safe for a terminal. Pure.

use std::borrow::Cow;

/// True for what must not reach a terminal raw: control characters (C0, DEL, C1), the line and
/// paragraph separators, and the characters that turn the direction of writing (Unicode UAX #9),
/// are invisible, or attach tags.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// `text` with each unprintable character written as `\u{..}`.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().flat_map(|c| {
        let (raw, code) = if is_unprintable(c) { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
        raw.into_iter().chain(code.into_iter().flatten())
    });
    Cow::Owned(escaped.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_raw_comes_out() {
        assert!(matches!(shown("plain ünïcode 漢字"), Cow::Borrowed(_)));
        assert_eq!(
            shown("a\u{1b}]52;\u{7}\u{9b}\u{202e}\r\n"),
            "a\\u{1b}]52;\\u{7}\\u{9b}\\u{202e}\\u{d}\\u{a}"
        );
    }
}
