//! A line as a shell would split it: quotes, backslashes; and back. Pure.
//!
//! Unlike in a shell, what `list` shows in the place of a character (`\u{1b}`) is a part of a word without quotes,
//! too.

use crate::text;

/// Why a line cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitError {
    /// A quote that is not closed.
    #[error("a quote is not closed: {0}")]
    Open(char),
    /// A backslash at the end.
    #[error("a backslash at the end of the line")]
    Backslash,
}

/// How the word at the cursor was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// The word that is being typed, at the end of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typing {
    /// The finished words before it.
    pub(crate) before: Vec<String>,
    /// Where it begins in the line, in bytes; its quote is part of it.
    pub(crate) start: usize,
    /// What was typed of it so far, without quotes.
    pub(crate) word: String,
}

/// The words of `line`; none if it is empty or a comment (its first character is `#`).
pub(crate) fn split(line: &str) -> Result<Vec<String>, SplitError> {
    if line.trim_start().starts_with('#') {
        return Ok(Vec::new());
    }
    let (typing, in_word, left) = scan(line);
    match left {
        Some(error) => Err(error),
        None => {
            let mut words = typing.before;
            if in_word {
                words.push(typing.word);
            }
            Ok(words)
        }
    }
}

/// The word at the end of `line`, for completion.
pub(crate) fn typing(line: &str) -> Typing {
    scan(line).0
}

/// Goes over the line. Returns its last word as if it were not finished, whether there is one, and what
/// is left open.
fn scan(line: &str) -> (Typing, bool, Option<SplitError>) {
    let mut typing = Typing { before: Vec::new(), start: line.len(), word: String::new() };
    let (mut in_word, mut quote) = (false, Quote::None);
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote == Quote::None && c.is_ascii_whitespace() {
            if in_word {
                typing.before.push(core::mem::take(&mut typing.word));
            }
            in_word = false;
            continue;
        }
        if !in_word {
            typing.start = at;
            in_word = true;
        }
        match (quote, c) {
            (Quote::None, '\'') => quote = Quote::Single,
            (Quote::None, '"') => quote = Quote::Double,
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::None, '\\') if text::escape_at(&line[at..]).is_some() => typing.word.push(c),
            (Quote::None, '\\') => match chars.next() {
                Some((_, c)) => typing.word.push(c),
                None => return (typing, true, Some(SplitError::Backslash)),
            },
            (Quote::Double, '\\') => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => typing.word.push(c),
                Some((_, c)) => typing.word.extend(['\\', c]),
                None => return (typing, true, Some(SplitError::Open('"'))),
            },
            (_, c) => typing.word.push(c),
        }
    }
    if !in_word {
        typing.start = line.len();
    }
    let left = match quote {
        Quote::None => None,
        Quote::Single => Some(SplitError::Open('\'')),
        Quote::Double => Some(SplitError::Open('"')),
    };
    (typing, in_word, left)
}

/// `word`, quoted if [`split`] would not give it back as it is.
pub(crate) fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:+,@%=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        // Before other characters a backslash stands for itself, and a path looks as in `list`.
        if c == '"' || c == '\\' && chars.peek().is_none_or(|next| matches!(next, '"' | '\\')) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_split_like_in_a_shell() {
        let ok = |line: &str| split(line).unwrap();
        assert_eq!(ok(r#" download  "my file.txt" --to /tmp "#), ["download", "my file.txt", "--to", "/tmp"]);
        assert_eq!(ok(r"d my\ file 'a\b' "), ["d", "my file", r"a\b"]);
        assert_eq!(ok(r#"a"b c"'d e'"#), ["ab cd e"]);
        assert_eq!(ok(r#""a\"b\\c\d""#), [r#"a"b\c\d"#]);
        assert_eq!(ok("a '' b"), ["a", "", "b"]);
        assert!(ok("  ").is_empty() && ok("# list").is_empty());
        assert_eq!(ok("list #1"), ["list", "#1"]);
        assert_eq!(ok(r"d a\u{1b}\u{20}b\ c \u{1B} x\u"), ["d", r"a\u{1b}\u{20}b c", "u{1B}", "xu"]);
        assert_eq!(ok("d a\u{3000}b\u{a0}c"), ["d", "a\u{3000}b\u{a0}c"]);
        assert_eq!(quote(r"a b\u{1b}"), r#""a b\u{1b}""#);
        assert_eq!(quote(r#"a\\b"c\"#), r#""a\\\b\"c\\""#);
        assert_eq!(split("a 'b"), Err(SplitError::Open('\'')));
        assert_eq!(split("a \"b\\"), Err(SplitError::Open('"')));
        assert_eq!(split("a\\"), Err(SplitError::Backslash));
    }

    #[test]
    fn the_word_being_typed_is_found() {
        let word = |line: &str| {
            let t = typing(line);
            (t.before.len(), t.start, t.word)
        };
        assert_eq!(word(""), (0, 0, String::new()));
        assert_eq!(word("down"), (0, 0, "down".into()));
        assert_eq!(word("download "), (1, 9, String::new()));
        assert_eq!(word("download \"my f"), (1, 9, "my f".into()));
        assert_eq!(word("download my\\ f"), (1, 9, "my f".into()));
        assert_eq!(word("d a 'b c' d"), (3, 10, "d".into()));
    }

    proptest! {
        #[test]
        fn quoting_is_undone_by_splitting(words in proptest::collection::vec(any::<String>(), 1..4)) {
            let line: Vec<String> = words.iter().map(|w| quote(w)).collect();
            // A line that begins with # would be a comment; quote() quotes it.
            prop_assert_eq!(split(&line.join(" ")).unwrap(), words);
        }

        #[test]
        fn no_line_panics(line in any::<String>()) {
            let t = typing(&line);
            prop_assert!(line.is_char_boundary(t.start));
            drop(split(&line));
        }
    }
}
