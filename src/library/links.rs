//! Where a link in a share leads, if that lies in the same share. The way is gone folder by folder from the share's
//! own, and none of them is opened by a link, so that nothing outside is ever reached, whatever is swapped meanwhile.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::content::SafePath;
use crate::sys::folder::{FileKind, Folder};
use crate::sys::refusal::{Refusal, refusal};

/// Links on one way, at most: more of them are a circle, or somebody's joke.
const LINKS: usize = 16;

/// The path of what lies at `path` in `root`, without links; `root` lies at `place`. `None`: it leads out of the root,
/// or nowhere, or to the root itself.
///
/// # Errors
/// What the operating system says of what lies on the way.
pub(super) fn without_links(root: &Folder, place: &Path, path: &SafePath) -> io::Result<Option<SafePath>> {
    match Way::new(root, place, path).go() {
        Err(e) if matches!(refusal(&e), Refusal::Gone | Refusal::NotFolder | Refusal::Link) => Ok(None),
        done => done,
    }
}

/// How far it was gone.
struct Way<'a> {
    root: &'a Folder,
    place: &'a Path,
    /// The folders below the root, by their names.
    folders: Vec<(String, Folder)>,
    /// What is still to be gone, the next at the end.
    todo: Vec<OsString>,
    links: usize,
}

impl<'a> Way<'a> {
    fn new(root: &'a Folder, place: &'a Path, path: &SafePath) -> Self {
        let todo = path.components().rev().map(OsString::from).collect();
        Self { root, place, folders: Vec::new(), todo, links: 0 }
    }

    fn go(mut self) -> io::Result<Option<SafePath>> {
        while let Some(name) = self.todo.pop() {
            if name == ".." {
                if self.folders.pop().is_none() {
                    return Ok(None);
                }
                continue;
            }
            let Some(name) = name.to_str() else { return Ok(None) };
            let here = self.folders.last().map_or(self.root, |(_, folder)| folder);
            match here.facts(name)?.kind {
                FileKind::Link => {
                    let target = here.read_link(name)?;
                    self.links += 1;
                    if self.links > LINKS || !self.turn(&target) {
                        return Ok(None);
                    }
                }
                FileKind::Folder if !self.todo.is_empty() => {
                    let folder = here.enter(name)?;
                    self.folders.push((name.to_owned(), folder));
                }
                _ if !self.todo.is_empty() => return Ok(None),
                _ => return Ok(self.path(Some(name))),
            }
        }
        Ok(self.path(None))
    }

    /// Goes on to where a link leads. False: out of the root.
    fn turn(&mut self, target: &Path) -> bool {
        let inner = if target.is_absolute() {
            let real = || self.place.canonicalize().ok();
            let inner = target.strip_prefix(self.place).map(Path::to_owned).ok();
            let Some(inner) = inner.or_else(|| target.strip_prefix(real()?).map(Path::to_owned).ok()) else {
                return false;
            };
            self.folders.clear();
            inner
        } else {
            target.to_owned()
        };
        let part = |component: Component<'_>| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsStr::new("..").to_owned()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
        };
        self.todo.extend(inner.components().rev().filter_map(part));
        true
    }

    /// Of what was reached; `None`: the root itself, or a name that nothing shared has.
    fn path(&self, last: Option<&str>) -> Option<SafePath> {
        let names = self.folders.iter().map(|(name, _)| name.as_str()).chain(last);
        SafePath::from_relative(&names.collect::<PathBuf>()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sys::testing;

    #[test]
    fn a_link_leads_to_what_lies_in_the_same_share_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("share");
        for folder in ["share/a/b", "share/c", "outside"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for file in ["share/a/b/f", "share/g", "outside/secret"] {
            fs::write(dir.path().join(file), "x").unwrap();
        }
        testing::link("../share", dir.path().join("outside/back"));
        for (to, at) in [
            ("a/b", "rel"),
            ("a/b/f", "file"),
            ("../g", "c/up"),
            ("./a/../a/b/../b", "dots"),
            ("rel", "twice"),
            ("../outside", "out"),
            ("../outside/secret", "secret"),
            ("../outside/back/g", "through"),
            ("../share/g", "round"),
            ("nothing", "broken"),
            ("circle", "circle"),
            (".", "itself"),
            ("/etc/passwd", "etc"),
            ("g/x", "through-file"),
        ] {
            testing::link(to, top.join(at));
        }
        testing::link(top.join("a/b/f"), top.join("absolute"));
        let root = Folder::open(&top).unwrap();
        let leads = |path: &str| {
            let path = without_links(&root, &top, &path.parse().unwrap()).unwrap();
            path.map(|path| path.as_str().to_owned())
        };
        for (path, to) in [
            ("a/b/f", Some("a/b/f")),
            ("rel", Some("a/b")),
            ("rel/f", Some("a/b/f")),
            ("file", Some("a/b/f")),
            ("c/up", Some("g")),
            ("dots/f", Some("a/b/f")),
            ("twice/f", Some("a/b/f")),
            ("absolute", Some("a/b/f")),
            ("out", None),
            ("out/secret", None),
            ("secret", None),
            ("through", None),
            ("round", None),
            ("broken", None),
            ("circle", None),
            ("itself", None),
            ("itself/g", Some("g")),
            ("etc", None),
            ("through-file", None),
            ("g/x", None),
        ] {
            assert_eq!(leads(path).as_deref(), to, "{path}");
        }
    }
}
