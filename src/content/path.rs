//! Paths from other peers, parsed once into a form that cannot leave its folder. Pure.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::limits;
use crate::text;

/// A relative path with `/` between its components. Each component is 1 to 255 bytes of UTF-8,
/// none is `.` or `..`, none holds NUL or `/`; at most 64 components and 3,072 bytes in all.
///
/// Names that only Windows reserves (`CON`, `a:b`, a trailing dot) are kept, for on this system they
/// are harmless. Shown with unprintable characters escaped.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SafePath(Arc<str>);

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathError {
    /// Nothing, or nothing between two slashes, or a slash at an end.
    #[error("the path has an empty component")]
    Empty,
    /// `.` or `..`.
    #[error("the path has a component `.` or `..`")]
    Dots,
    /// NUL.
    #[error("the path contains NUL")]
    Nul,
    /// A component above 255 bytes.
    #[error("a component of the path is longer than 255 bytes")]
    Component,
    /// More than 3,072 bytes, or more than 64 components.
    #[error("the path is too long or too deep")]
    Long,
    /// Not UTF-8 (local files only; the wire is UTF-8).
    #[error("the name is not UTF-8")]
    Encoding,
    /// A name that potluck uses for itself.
    #[error("the name is potluck's own")]
    Reserved,
    /// Several components where one is wanted.
    #[error("the name contains `/`")]
    Deep,
}

/// Folders that hold our own state; never shared, never written by a download.
pub const RESERVED: [&str; 2] = [".potluck", ".potluck-partial"];

impl SafePath {
    /// The components in order; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folder it lies in; `None` at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// This path below `folder`'s, as `folder` sees it; `None` if it does not lie there.
    #[must_use]
    pub fn below(&self, folder: &Self) -> Option<Self> {
        self.0.strip_prefix(&*folder.0)?.strip_prefix('/').map(|rest| Self(rest.into()))
    }

    /// True if it lies in `folder`, at whatever depth.
    #[must_use]
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Its first `depth` components; all of it, if it has no more.
    #[must_use]
    pub fn top(&self, depth: usize) -> &str {
        let end = self.0.match_indices('/').nth(depth.saturating_sub(1)).map(|(at, _)| at);
        &self.0[..end.unwrap_or(self.0.len())]
    }

    /// `name` in this folder.
    ///
    /// # Errors
    /// As for parsing.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        format!("{}/{name}", self.0).parse()
    }

    /// From a path relative to a root, as a directory walk gives it.
    ///
    /// # Errors
    /// As for parsing; [`PathError::Encoding`] for names that are not UTF-8.
    pub fn from_relative(path: &Path) -> Result<Self, PathError> {
        let mut text = String::new();
        for component in path.components() {
            let std::path::Component::Normal(name) = component else { return Err(PathError::Dots) };
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(name.to_str().ok_or(PathError::Encoding)?);
        }
        text.parse()
    }

    /// The local path below `root`.
    #[must_use]
    pub fn under(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        path.extend(self.components());
        path
    }

    /// As it goes over the wire and into files: raw. For people use `Display`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two names that a case-blind or normalising file system takes for one are
    /// equal: NFC, lower case.
    #[must_use]
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// The bucket of the catalogue it belongs to.
    #[must_use]
    pub fn bucket(&self) -> u8 {
        blake3::hash(self.0.as_bytes()).as_bytes()[0]
    }
}

/// NFC of any text (Unicode UAX #15), for comparison only: the same letters are the same then, however they are put
/// together.
#[must_use]
pub fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// NFC and lower case of any text, for comparison only.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        // The same, without a look at a table for each letter: `list` folds all that is shared.
        return text.to_ascii_lowercase();
    }
    composed(&composed(text).to_lowercase())
}

impl FromStr for SafePath {
    type Err = PathError;

    fn from_str(s: &str) -> Result<Self, PathError> {
        if s.len() > limits::PATH {
            return Err(PathError::Long);
        }
        let mut depth = 0;
        for component in s.split('/') {
            depth += 1;
            match component {
                "" => return Err(PathError::Empty),
                "." | ".." => return Err(PathError::Dots),
                c if c.len() > limits::COMPONENT => return Err(PathError::Component),
                c if c.contains('\0') => return Err(PathError::Nul),
                // Nothing but a dot folds to a dot; folding every component of 100,000 paths takes a second.
                c if c.starts_with('.') && RESERVED.iter().any(|r| fold(c) == *r) => {
                    return Err(PathError::Reserved);
                }
                _ => {}
            }
        }
        if depth > limits::DEPTH { Err(PathError::Long) } else { Ok(Self(s.into())) }
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&text::shown(&self.0))
    }
}

impl fmt::Debug for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl<'de> Deserialize<'de> for SafePath {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(s: &str) -> Result<SafePath, PathError> {
        s.parse()
    }

    #[test]
    fn what_could_leave_the_folder_is_refused() {
        for bad in ["", "/x", "x/", "a//b", ".", "..", "../x", "a/../../x", "a/.", "a\0b", "//h/s", "/"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse(&"x".repeat(256)), Err(PathError::Component));
        assert_eq!(parse(&"x/".repeat(2_000)), Err(PathError::Long));
        assert_eq!(parse(&["x"; 65].join("/")), Err(PathError::Long));
        assert_eq!(parse("a/.POTLUCK/key"), Err(PathError::Reserved));
        assert_eq!(parse(".potluck-partial/x"), Err(PathError::Reserved));
    }

    #[test]
    fn what_is_only_odd_is_kept() {
        for good in
            ["a", "a/b", "...", "..x", ".hidden", "漢字/ünï", "CON", "a:b?", "x. ", "a\\b", "C:\\x", "-rf"]
        {
            assert_eq!(parse(good).unwrap().as_str(), good);
        }
        assert!(parse(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn twins_fold_to_one() {
        let f = |s: &str| parse(s).unwrap().folded();
        assert_eq!(f("A.txt"), f("a.TXT"));
        assert_eq!(f("e\u{301}"), f("\u{e9}"));
        assert_eq!(f("E\u{301}"), f("\u{e9}"));
        assert_ne!(f("a"), f("b"));
    }

    #[test]
    fn a_path_is_taken_apart_and_put_together() {
        let p = parse("a/b/c.txt").unwrap();
        assert_eq!((p.name(), p.parent().unwrap().as_str()), ("c.txt", "a/b"));
        assert_eq!(p.below(&parse("a").unwrap()), Some(parse("b/c.txt").unwrap()));
        assert_eq!(p.below(&parse("a/b/c").unwrap()), None);
        assert_eq!(p.below(&p), None);
        assert_eq!([1, 2, 3, 4].map(|depth| p.top(depth)), ["a", "a/b", "a/b/c.txt", "a/b/c.txt"]);
        assert_eq!(p.under(Path::new("/r")), Path::new("/r/a/b/c.txt"));
        assert_eq!(SafePath::from_relative(Path::new("a/b/c.txt")), Ok(p));
        assert!(parse("x").unwrap().parent().is_none());
        assert!(parse("x").unwrap().join("../y").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_parsed_path_leaves_its_root(s in "[./a\\\\\0:~ -]{0,24}") {
            if let Ok(p) = parse(&s) {
                let root = Path::new("/root");
                let local = p.under(root);
                assert!(local.starts_with(root) && local != root);
                assert!(local.components().all(|c| !matches!(c, std::path::Component::ParentDir)));
                assert_eq!(SafePath::from_relative(local.strip_prefix(root).unwrap()).unwrap(), p);
            }
        }

        #[test]
        fn parsing_never_panics_and_shows_nothing_raw(s in proptest::prelude::any::<String>()) {
            if let Ok(p) = parse(&s) {
                assert!(!p.to_string().chars().any(text::is_unprintable));
                let _: (String, u8) = (p.folded(), p.bucket());
            }
        }
    }
}
