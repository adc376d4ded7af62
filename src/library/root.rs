//! Where what is shared lies: the folder of each share, and how a path in the catalogue leads into it. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::content::{SafePath, ShareName};

/// A share beside `shared/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// The top folder that it is for others.
    pub(crate) name: ShareName,
    /// Where it lies, absolute. It may be a link, which its user made.
    pub(crate) folder: PathBuf,
}

/// The folder that one library looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LibraryRoot {
    /// The share that it is; `None`: `shared/`, whose paths are listed as they are.
    pub(crate) name: Option<ShareName>,
    /// Where it lies.
    pub(crate) folder: PathBuf,
}

impl LibraryRoot {
    /// The path under which the folder itself is listed; `None`: it is the top.
    pub(super) fn path(&self) -> Option<&SafePath> {
        self.name.as_ref().map(ShareName::path)
    }

    /// True if this path is the folder itself.
    pub(super) fn is(&self, path: Option<&SafePath>) -> bool {
        path == self.path()
    }

    /// A listed path as the folder sees it; `None`: it is the folder, or does not lie in it.
    pub(super) fn inner(&self, path: &SafePath) -> Option<SafePath> {
        match self.path() {
            None => Some(path.clone()),
            Some(top) => path.below(top),
        }
    }

    /// The path under which what lies at `inner` in the folder is listed; `None`: it is too long for that.
    pub(super) fn outer(&self, inner: SafePath) -> Option<SafePath> {
        match self.path() {
            None => Some(inner),
            Some(top) => top.join(inner.as_str()).ok(),
        }
    }

    /// The path under which what lies at `local` in the folder is listed.
    pub(super) fn listed(&self, local: &Path) -> PathBuf {
        self.name.as_ref().map_or_else(|| local.to_owned(), |name| Path::new(name.as_str()).join(local))
    }

    /// Where a listed path lies on this machine.
    pub(super) fn place(&self, path: &Path) -> PathBuf {
        let top = self.name.as_ref().map_or("", ShareName::as_str);
        self.folder.join(path.strip_prefix(top).unwrap_or(path))
    }
}

/// The folders of all shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShareRoots {
    /// Of `shared/`.
    pub(crate) own: PathBuf,
    /// Of the others.
    pub(crate) named: BTreeMap<ShareName, PathBuf>,
}

/// Where something lies that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharePlace<'a> {
    /// The folder of its share.
    pub(crate) folder: &'a Path,
    /// The path below that; `None`: it is the folder itself.
    pub(crate) inner: Option<SafePath>,
}

impl ShareRoots {
    /// Of one folder alone.
    pub(super) fn of(root: LibraryRoot) -> Self {
        match root.name {
            None => Self { own: root.folder, named: BTreeMap::new() },
            Some(name) => Self { own: PathBuf::new(), named: [(name, root.folder)].into() },
        }
    }

    /// In which share a listed path lies; `None`: in `shared/`.
    pub(crate) fn share(&self, path: &SafePath) -> Option<&ShareName> {
        self.entry(path).map(|(name, _)| name)
    }

    /// Where a listed path lies.
    pub(crate) fn place(&self, path: &SafePath) -> SharePlace<'_> {
        match self.entry(path) {
            None => SharePlace { folder: &self.own, inner: Some(path.clone()) },
            Some((name, folder)) => SharePlace { folder, inner: path.below(name.path()) },
        }
    }

    fn entry(&self, path: &SafePath) -> Option<(&ShareName, &PathBuf)> {
        if self.named.is_empty() {
            return None;
        }
        let name = path.top(1).parse::<ShareName>().ok()?;
        self.named.get_key_value(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(p: &str) -> SafePath {
        p.parse().unwrap()
    }

    #[test]
    fn a_path_leads_into_the_share_whose_name_it_begins_with() {
        let name: ShareName = "Videos".parse().unwrap();
        let named = [(name.clone(), PathBuf::from("/mnt/v"))].into();
        let roots = ShareRoots { own: "/peer/shared".into(), named };
        for (p, folder, inner) in [
            ("Videos/a/b", "/mnt/v", Some("a/b")),
            ("Videos", "/mnt/v", None),
            ("Videos2/a", "/peer/shared", Some("Videos2/a")),
            ("videos/a", "/peer/shared", Some("videos/a")),
        ] {
            let (p, inner) = (path(p), inner.map(path));
            let place = roots.place(&p);
            assert_eq!((place.folder, place.inner), (Path::new(folder), inner), "{p}");
        }
        assert_eq!(roots.share(&path("Videos/x")), Some(&name));
    }

    #[test]
    fn the_paths_of_a_share_begin_with_its_name() {
        let share = LibraryRoot { name: Some("v".parse().unwrap()), folder: "/mnt/v".into() };
        assert_eq!(share.listed(Path::new("a/b")), Path::new("v/a/b"));
        assert_eq!(share.place(Path::new("v/a/b")), Path::new("/mnt/v/a/b"));
        assert_eq!((share.inner(&path("v/a")), share.inner(&path("v"))), (Some(path("a")), None));
        assert!(share.is(Some(&path("v"))) && !share.is(None));
        let own = LibraryRoot { name: None, folder: "/peer/shared".into() };
        assert_eq!(own.listed(Path::new("a")), Path::new("a"));
        assert_eq!(own.place(Path::new("a")), Path::new("/peer/shared/a"));
        assert!(own.is(None) && own.inner(&path("v/a")) == Some(path("v/a")));
    }
}
