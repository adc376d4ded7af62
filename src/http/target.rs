//! What a request is for: its path and its query. Pure.
//!
//! The path is cut at `/` before anything is decoded, so that an encoded slash separates nothing. Names in it are
//! UTF-8, and none of them is `.` or `..`, has a NUL or a separator: who asks for that is refused, not corrected.

use core::str;

/// A path and a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    names: Vec<String>,
    query: Vec<(String, String)>,
}

impl Target {
    /// Reads the target of a request in origin-form (RFC 9112 §3.2.1), or in absolute-form, whose authority must be
    /// `host`. `None` if it is neither, or names what nothing is called.
    pub(crate) fn read(text: &str, host: Option<&str>) -> Option<Self> {
        let text = match text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) {
            Some(rest) => {
                let at = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at(at);
                if !host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) {
                    return None;
                }
                if rest.starts_with('/') { rest } else { return None }
            }
            None => text,
        };
        let text = text.strip_prefix('/')?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let names = path.split('/').map(name).collect::<Option<Vec<_>>>()?;
        // Only the last one may be empty: `/` and `/folder/`.
        if names.iter().rev().skip(1).any(String::is_empty) {
            return None;
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key, true)?, decode(value, true)?))
        };
        Some(Self { names, query: pairs.map(pair).collect::<Option<_>>()? })
    }

    /// The names of the path. That of `/` has one, which is empty.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// What the query says of `key`, the first time.
    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

fn name(text: &str) -> Option<String> {
    let name = decode(text, false)?;
    let is_fit = !matches!(name.as_str(), "." | "..") && !name.contains(['/', '\\', '\0']);
    is_fit.then_some(name)
}

/// Percent-decodes text (RFC 3986 §2.1); `None` where that is no UTF-8, or a percent sign stands alone.
fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                // A sign before a digit would be taken for one.
                let digits =
                    str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Text as it stands in a path, or in a field (RFC 8187 §3.2.1): all but letters, digits and a few signs is encoded.
pub(crate) fn encode(text: &str) -> String {
    use core::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        Target::read(text, Some("here:80")).map(|target| target.names)
    }

    #[test]
    fn paths_are_cut_before_they_are_decoded() {
        let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names("/"), words(&[""]));
        assert_eq!(names("/a/b%20c"), words(&["a", "b c"]));
        assert_eq!(names("/folder/"), words(&["folder", ""]));
        assert_eq!(names("/a+b"), words(&["a+b"]));
        assert_eq!(names("http://here:80/a?b"), words(&["a"]));
        assert_eq!(names("/%D8%B3%D9%84%D8%A7%D9%85"), words(&["سلام"]));
    }

    #[test]
    fn what_nothing_is_called_is_no_path() {
        for text in [
            "",
            "a",
            "*",
            "here:80",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/%2e%2e/a",
            "/%2E",
            "/a%2fb",
            "/a%5cb",
            "/%00",
            "/%",
            "/%1",
            "/%+1",
            "/%zz",
            "/%ff",
            "http://there/a",
            "http://here:80",
            "http://here:80?a",
            "ftp://here:80/a",
        ] {
            assert_eq!(names(text), None, "{text}");
        }
    }

    #[test]
    fn a_query_has_keys_and_values() {
        let target = Target::read("/a?q=two+words&x=%26&q=again&flag&", None).unwrap();
        assert_eq!(
            (target.query("q"), target.query("x"), target.query("flag")),
            (Some("two words"), Some("&"), Some(""))
        );
        assert_eq!(target.query("other"), None);
        assert!(Target::read("/a?q=%", None).is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_is_read_back(text in "[^/\\\\\0]+") {
            prop_assume!(text != "." && text != "..");
            let target = Target::read(&format!("/{}?k={}", encode(&text), encode(&text)), None).unwrap();
            prop_assert_eq!(target.names(), [text.as_str()]);
            prop_assert_eq!(target.query("k"), Some(text.as_str()));
        }
    }
}
