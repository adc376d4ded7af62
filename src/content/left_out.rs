//! What lies in a share and is not shared, by rule. Pure.

use std::collections::BTreeMap;
use std::collections::btree_map::Iter;
use std::ops::Bound;

use super::SafePath;

/// By which rule something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Omission {
    /// It is hidden: its name begins with a dot, or the system says so.
    Hidden,
    /// It is temporary, or nothing that anybody would want: what programs and systems leave behind.
    Junk,
    /// The user named it in a `.potluckignore`.
    Ignored,
    /// The user shares the folder that it lies in no more.
    Unshared,
}

/// How many files and folders are left out by each rule. A folder counts once, with all that is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OmissionCounts {
    /// By [`Omission::Hidden`].
    pub hidden: u64,
    /// By [`Omission::Junk`].
    pub junk: u64,
    /// By [`Omission::Ignored`].
    pub ignored: u64,
}

/// What was seen and is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<SafePath, Omission>);

impl LeftOut {
    /// True if nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Why what lies at exactly this path is left out, if it is.
    #[must_use]
    pub fn get(&self, path: &SafePath) -> Option<Omission> {
        self.0.get(path).copied()
    }

    /// True if what lies at this path, or a folder above it, is left out.
    #[must_use]
    pub fn covers(&self, path: &SafePath) -> bool {
        self.why(path).is_some()
    }

    /// Why that is so.
    #[must_use]
    pub fn why(&self, path: &SafePath) -> Option<Omission> {
        if self.is_empty() {
            return None;
        }
        std::iter::successors(Some(path.clone()), SafePath::parent).find_map(|p| self.get(&p))
    }

    /// How many there are.
    #[must_use]
    pub fn counts(&self) -> OmissionCounts {
        let mut counts = OmissionCounts::default();
        for why in self.0.values() {
            match why {
                Omission::Hidden => counts.hidden += 1,
                Omission::Junk => counts.junk += 1,
                Omission::Ignored => counts.ignored += 1,
                // It does not lie in any share.
                Omission::Unshared => {}
            }
        }
        counts
    }

    /// Takes one in; returns why it was left out before, if it was.
    pub fn insert(&mut self, path: SafePath, why: Omission) -> Option<Omission> {
        self.0.insert(path, why)
    }

    /// Takes one out, but none below it. True if it was there.
    pub fn remove(&mut self, path: &SafePath) -> bool {
        self.0.remove(path).is_some()
    }

    /// Those below a path, and at it; `None`: all.
    pub fn below<'a>(&'a self, path: Option<&'a SafePath>) -> impl Iterator<Item = &'a SafePath> {
        let is_in = move |p: &&SafePath| path.is_none_or(|path| p.below(path).is_some());
        let at = path.and_then(|path| self.0.get_key_value(path)).map(|(path, _)| path);
        // No name sorts before this one, and where it does not fit nothing can lie below.
        let first = path.map(|path| path.join("\u{1}").ok());
        let range = match first {
            None => Some((Bound::Unbounded, Bound::Unbounded)),
            Some(first) => first.map(|first| (Bound::Included(first), Bound::Unbounded)),
        };
        let below = range.into_iter().flat_map(|range| self.0.range(range)).map(|(path, _)| path);
        at.into_iter().chain(below.take_while(is_in))
    }
}

impl<'a> IntoIterator for &'a LeftOut {
    type Item = (&'a SafePath, &'a Omission);
    type IntoIter = Iter<'a, SafePath, Omission>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromIterator<(SafePath, Omission)> for LeftOut {
    fn from_iter<T: IntoIterator<Item = (SafePath, Omission)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(p: &str) -> SafePath {
        p.parse().unwrap()
    }

    #[test]
    fn what_lies_in_a_folder_that_is_left_out_is_so_too() {
        let left: LeftOut = [
            (path(".git"), Omission::Junk),
            (path("a/.b"), Omission::Hidden),
            (path("a/c"), Omission::Ignored),
            (path("a.d"), Omission::Ignored),
        ]
        .into_iter()
        .collect();
        for (p, covered) in
            [(".git", true), (".git/x/y", true), ("a", false), ("a/.b/z", true), ("a/cc", false)]
        {
            assert_eq!(left.covers(&path(p)), covered, "{p}");
        }
        assert_eq!(left.counts(), OmissionCounts { hidden: 1, junk: 1, ignored: 2 });
        let below = |p: &str| left.below(Some(&path(p))).map(SafePath::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!((below("a"), below("a/c"), below("b")), ("a/.b a/c".into(), "a/c".into(), String::new()));
        assert_eq!(left.below(None).count(), 4);
        assert!(!LeftOut::default().covers(&path("a")));
    }
}
