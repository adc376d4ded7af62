//! Numbers in groups; and text that came from somewhere else, made safe for a terminal, and read again as it was shown. Pure.

use core::iter;
use std::borrow::Cow;

/// Bytes of the longest escape, `\u{10ffff}`.
const LONGEST_ESCAPE: usize = 10;

/// True for what must not reach a terminal raw: control characters (C0, DEL, C1), the line and
/// paragraph separators, and the characters that turn the direction of writing (Unicode UAX #9),
/// are invisible, or attach tags. The joiners are not among them: whether they can be seen depends on
/// their neighbours ([`shown`]).
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A number with its digits in groups of three: `12,345`.
#[must_use]
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The joiners U+200C and U+200D, which change how letters of Persian, of Indic scripts and emoji look.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// True if a joiner beside this character may change how it looks.
fn is_joined(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !is_joiner(c) && !is_unprintable(c)
}

/// The characters of `text` with their places, and whether each is hidden: unprintable, or a joiner where nobody
/// would see it. There it would only make one name look like another. Seen is one joiner, and only beside
/// something that is not ASCII.
fn with_hidden(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut chars, mut before) = (text.char_indices().peekable(), None);
    iter::from_fn(move || {
        let (at, c) = chars.next()?;
        let after = chars.peek().map(|(_, c)| *c);
        let is_seen =
            || !before.is_some_and(is_joiner) && [before, after].into_iter().flatten().any(is_joined);
        let is_hidden = is_unprintable(c) || is_joiner(c) && !is_seen();
        before = Some(c);
        Some((at, c, is_hidden))
    })
}

/// True if [`with_hidden`] may hide something of `text`.
fn may_hide(text: &str) -> bool {
    text.chars().any(|c| is_unprintable(c) || is_joiner(c))
}

/// `text` with each hidden character written as `\u{..}`: the unprintable ones, and joiners that join nothing.
/// What is shown once more stays as it is.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !may_hide(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (_, c, is_hidden) in with_hidden(text) {
        if is_hidden { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// `text` without its hidden characters.
#[must_use]
pub fn without_hidden(text: &str) -> String {
    with_hidden(text).filter(|(.., is_hidden)| !is_hidden).map(|(_, c, _)| c).collect()
}

/// `text` as [`shown`], and such that [`unescaped`] gives it back: a backslash that would be taken for the
/// beginning of an escape is written as one itself. So are spaces where they are lost in a table: at an end, and
/// behind another one.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !may_hide(text) && !text.contains(['\\', ' ']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for (at, c, is_hidden) in with_hidden(text) {
        let is_lost = || match c {
            '\\' => escape_at(&text[at..]).is_some(),
            ' ' => at == 0 || at + 1 == text.len() || text[..at].ends_with(' '),
            _ => false,
        };
        if is_hidden || is_lost() { escaped.extend(c.escape_unicode()) } else { escaped.push(c) }
    }
    Cow::Owned(escaped)
}

/// What [`escaped`] made this of. Escapes that it does not make stay as they are.
#[must_use]
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let (c, len) = escape_at(rest).unwrap_or_else(|| (c, c.len_utf8()));
        plain.push(c);
        rest = &rest[len..];
    }
    Cow::Owned(plain)
}

/// The escape with which `text` begins, if it is one that [`escaped`] makes: the character, and the length of the
/// escape in bytes.
#[must_use]
pub fn escape_at(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("\\u{")?;
    let len = text.bytes().take(LONGEST_ESCAPE).position(|byte| byte == b'}')? + 1;
    let digits = &digits[..len - "\\u{}".len()];
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    let is_made = is_unprintable(c) || is_joiner(c) || matches!(c, ' ' | '\\');
    (is_made && c.escape_unicode().eq(text[..len].chars())).then_some((c, len))
}

/// Of these names the one that `typed` begins, or was meant to be: at most one slip in three letters.
pub(crate) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let slips = |name: &str| {
        let begins = typed.len() > 1 && name.starts_with(typed);
        let slips = if begins { 0 } else { strsim::damerau_levenshtein(typed, name) };
        (slips <= typed.len().max(name.len()) / 3).then_some(slips)
    };
    let all = names.filter_map(|name| Some((slips(name)?, name)));
    all.min().map(|(_, name)| name)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of names of which the odd ones are made.
    const PIECES: [&str; 24] = [
        "a",
        "-",
        " ",
        "\"",
        "'",
        "#",
        "b3:",
        "\\",
        "u",
        "{",
        "}",
        "1b",
        "\\u{1b}",
        "\\u{5c}",
        "\\u{20}",
        "\\u{200d}",
        "\u{1b}",
        "\n",
        "\u{202e}",
        "\u{200c}",
        "\u{200d}",
        "\u{645}",
        "\u{1f468}",
        "\u{3000}",
    ];

    /// Any texts, and those that are likely to be taken for something else than they are.
    pub(crate) fn texts() -> impl Strategy<Value = String> {
        let pieces = proptest::collection::vec(0..PIECES.len(), 0..12);
        prop_oneof![any::<String>(), pieces.prop_map(|all| all.into_iter().map(|n| PIECES[n]).collect())]
    }

    #[test]
    fn nothing_raw_comes_out() {
        assert!(matches!(shown("plain ünïcode 漢字"), Cow::Borrowed(_)));
        assert_eq!(
            shown("a\u{1b}]52;\u{7}\u{9b}\u{202e}\r\n"),
            "a\\u{1b}]52;\\u{7}\\u{9b}\\u{202e}\\u{d}\\u{a}"
        );
    }

    #[test]
    fn joiners_are_shown_where_they_join_something() {
        for name in [
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}.txt",
            "PDF\u{200c}\u{647}\u{627}",
            "\u{647}\u{200d}.txt",
            "\u{915}\u{94d}\u{200d}\u{937}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}.txt",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
        ] {
            assert_eq!(shown(name), name);
            assert_eq!(escaped(name), name);
            assert_eq!(without_hidden(name), name);
        }
        for (name, as_shown) in [
            ("in\u{200d}voice", "in\\u{200d}voice"),
            ("\u{200c}a", "\\u{200c}a"),
            ("a\u{200d}", "a\\u{200d}"),
            ("\u{645}\u{200c}\u{200c}a", "\u{645}\u{200c}\\u{200c}a"),
            ("a \u{200c}\u{202e}\u{645}", "a \\u{200c}\\u{202e}\u{645}"),
        ] {
            assert_eq!(shown(name), as_shown);
        }
        assert_eq!(without_hidden("in\u{200d}voi\u{1b}ce"), "invoice");
    }

    #[test]
    fn what_would_be_read_as_something_else_is_escaped() {
        for (text, as_escaped) in [
            ("\\u{1b}", "\\u{5c}u{1b}"),
            ("\\u{1B} \\u{41} \\n", "\\u{1B} \\u{41} \\n"),
            (" a  b ", "\\u{20}a \\u{20}b\\u{20}"),
            ("a b", "a b"),
            ("\\u{\u{1b}", "\\u{\\u{1b}"),
        ] {
            assert_eq!(escaped(text), as_escaped);
            assert_eq!(unescaped(as_escaped), text);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_escaped_is_read_again_and_shown_as_it_is(text in texts()) {
            let escaped = escaped(&text);
            prop_assert_eq!(unescaped(&escaped), &*text);
            prop_assert_eq!(shown(&escaped), &*escaped);
            prop_assert!(!escaped.starts_with(' ') && !escaped.ends_with(' ') && !escaped.contains("  "));
        }

        #[test]
        fn what_is_shown_stays_and_what_is_left_hides_nothing(text in texts()) {
            let once = shown(&text);
            prop_assert!(!once.chars().any(is_unprintable));
            prop_assert_eq!(shown(&once), &*once);
            let left = without_hidden(&text);
            prop_assert!(!left.chars().any(is_unprintable));
        }
    }
}
