//! The words by which users name files: an id, or a path as it is shown. Pure.

use std::borrow::Cow;

use crate::text;

/// What a word begins with that is the id of a file. No path that is typed begins so.
const ID: &str = "b3:";

/// What a path may begin with, and must where it would be taken for an id or a flag otherwise.
const HERE: &str = "./";

/// What a word begins with that is a flag.
const FLAG: char = '-';

/// What a word is. Anyone can share a file of any name, so no path stands in the way of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileWord<'a> {
    /// The first digits of a file id, or all of them; not checked yet.
    Id(&'a str),
    /// A path, or a part of one; not checked yet. What was typed as it is shown is what it stands for.
    Path(Cow<'a, str>),
}

impl<'a> FileWord<'a> {
    /// What `word` is.
    pub(crate) fn of(word: &'a str) -> Self {
        match word.strip_prefix(ID) {
            Some(digits) => Self::Id(digits),
            None => Self::Path(text::unescaped(word.strip_prefix(HERE).unwrap_or(word))),
        }
    }
}

/// The path that `word` is if no escape in it is one, as programs have it that read JSON.
pub(crate) fn literal(word: &str) -> &str {
    let path = word.strip_prefix(HERE).unwrap_or(word);
    path.strip_suffix('/').unwrap_or(path)
}

/// A path as it is shown, proposed and typed: what [`FileWord::of`] takes for this path.
pub(crate) fn typed_path(path: &str) -> Cow<'_, str> {
    no_other_word(text::escaped(path))
}

/// `path`, such that it is taken for no id and no flag.
fn no_other_word(path: Cow<'_, str>) -> Cow<'_, str> {
    if path.starts_with(ID) || path.starts_with(FLAG) { Cow::Owned(format!("{HERE}{path}")) } else { path }
}

/// What `typed` becomes for this path, one step deeper: the whole path of a file, or up to the next slash.
/// `None`: the path does not begin so.
pub(crate) fn completed(typed: &str, path: &str) -> Option<String> {
    let (lead, begin) = typed.strip_prefix(HERE).map_or(("", typed), |begin| (HERE, begin));
    // Up to its first escape it is the path itself: most paths are passed over by this alone.
    if !path.starts_with(begin.split('\\').next().unwrap_or(begin)) {
        return None;
    }
    let path = text::escaped(path);
    let rest = path.strip_prefix(begin)?;
    let step = rest.find('/').map_or(rest.len(), |slash| slash + 1);
    let whole = format!("{lead}{begin}{}", &rest[..step]);
    Some(if lead.is_empty() { no_other_word(Cow::Owned(whole)).into_owned() } else { whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_never_a_path() {
        assert_eq!(FileWord::of("b3:00ff"), FileWord::Id("00ff"));
        assert_eq!(FileWord::of("b3:no id/x"), FileWord::Id("no id/x"));
        assert_eq!(FileWord::of("./b3:00ff"), FileWord::Path("b3:00ff".into()));
        assert_eq!(FileWord::of("./docs/b3:x"), FileWord::Path("docs/b3:x".into()));
        assert_eq!(FileWord::of("docs/b3:x"), FileWord::Path("docs/b3:x".into()));
        for path in
            ["b3:00ff", "b3:", "b3:x/y", "B3:00ff", "b3", "docs/a", "-x", "--to", "a\u{1b}", "\\u{1b}"]
        {
            assert_eq!(FileWord::of(&typed_path(path)), FileWord::Path(path.into()));
        }
        assert_eq!(typed_path("--to"), "./--to");
    }

    #[test]
    fn what_is_completed_can_be_typed() {
        let all = |typed| ["b3:00ff", "b3:dir/x", "bin", "docs/a/b"].map(|path| completed(typed, path));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(all(""), [some("./b3:00ff"), some("./b3:dir/"), some("bin"), some("docs/")]);
        assert_eq!(all("b"), [some("./b3:00ff"), some("./b3:dir/"), some("bin"), None]);
        assert_eq!(all("./b3:d"), [None, some("./b3:dir/"), None, None]);
        assert_eq!(all("./do"), [None, None, None, some("./docs/")]);
        assert_eq!(all("docs/a"), [None, None, None, some("docs/a/")]);
        assert_eq!(completed("a\\u{1b}", "a\u{1b}b/c"), some("a\\u{1b}b/"));
        assert_eq!(completed("a", "a\u{1b}b"), some("a\\u{1b}b"));
        assert_eq!(completed("", "-x"), some("./-x"));
    }
}
