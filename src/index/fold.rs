//! The form in which paths and words are compared. Pure.
//!
//! It is that of NFKD (Unicode UAX #15) without marks, in lower case: `Ünï` and `uni` are the same, and so are a
//! letter of full width and the common one. A name keeps its place in the path: what folds to a slash inside a
//! name is not taken for one.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a slash becomes that was not one before: U+2044, as in a fraction.
const SLASH: char = '\u{2044}';

/// The folded form of a path or of a word. What consists of marks alone folds to nothing.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends the folded form of `text` to `folded`.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        folded[start..].make_ascii_lowercase();
        return;
    }
    for (n, component) in text.split('/').enumerate() {
        if n > 0 {
            folded.push('/');
        }
        for c in component.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
            match c {
                '/' => folded.push(SLASH),
                // As in Unicode's case folding: the one at the end of a word, and what is two letters in upper case.
                'ς' => folded.push('σ'),
                'ß' => folded.push_str("ss"),
                c => folded.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_the_same() {
        for (text, folded) in [
            ("Photos/IMG_1.JPG", "photos/img_1.jpg"),
            ("Ünï\u{301}côdé", "unicode"),
            ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
            ("STRASSE Straße ẞ", "strasse strasse ss"),
            ("ﬁn Ｆｕｌｌ ½", "fin full 1\u{2044}2"),
            ("İI", "ii"),
            ("か が", "か か"),
            ("\u{301}\u{308}", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn no_name_gets_a_slash() {
        assert_eq!(fold("a／b/c℀"), "a\u{2044}b/ca\u{2044}c");
    }

    proptest::proptest! {
        #[test]
        fn what_was_folded_stays(text in proptest::prelude::any::<String>()) {
            let once = fold(&text);
            proptest::prop_assert_eq!(fold(&once), once.as_str());
            proptest::prop_assert_eq!(text.matches('/').count(), once.matches('/').count());
        }
    }
}
