//! Links that lead to what lies in the same share. What is there is told under the path of the link as well. It is left
//! out where it is left out under its own path, and watched there.

use std::io;
use std::sync::Arc;

use super::{IgnoreFile, KnownContent, LibraryGone, Skip, WalkReply, Walker, enter};
use crate::content::{Omission, SafePath};
use crate::library::limits;
use crate::library::links::without_links;
use crate::sys::facts::Facts;
use crate::sys::folder::{FileKind, Folder};

/// A folder that a link leads to.
#[derive(Clone, Debug)]
pub(super) struct LinkedFolder {
    /// Under which it is told.
    at: SafePath,
    /// Where it lies, without links.
    real: SafePath,
    /// Where the link lies, without links; `None`: in the root.
    link_in: Option<SafePath>,
    /// What the folders above it leave out.
    ignores: Vec<Arc<IgnoreFile>>,
}

/// What a link is.
pub(super) enum Followed {
    /// A link to this file.
    File(Facts),
    /// A link to a folder.
    Folder(LinkedFolder),
    /// What it leads to is left out.
    LeftOut(Omission),
    /// It is not followed.
    Not(Skip),
}

impl<F: Fn(WalkReply) -> bool> Walker<F> {
    /// The path without links of what is told under this one.
    pub(super) fn real(&self, path: &SafePath) -> SafePath {
        let Some(linked) = self.linked.last() else { return path.clone() };
        if *path == linked.at {
            return linked.real.clone();
        }
        let below = path.below(&linked.at).and_then(|inner| linked.real.join(inner.as_str()).ok());
        below.unwrap_or_else(|| path.clone())
    }

    /// What the link at this path is.
    pub(super) fn follow(&mut self, path: &SafePath) -> Result<Followed, LibraryGone> {
        let Some(root) = self.opened.clone() else { return Ok(Followed::Not(Skip::Link)) };
        let link = self.real(path);
        let Some(inner) = self.root.inner(&link) else { return Ok(Followed::Not(Skip::Link)) };
        let real = match without_links(&root, &self.root.folder, &inner) {
            Ok(real) => real.and_then(|real| self.root.outer(real)),
            Err(e) => return Ok(Followed::Not(Skip::of(&e))),
        };
        let Some(real) = real else { return Ok(Followed::Not(Skip::Link)) };
        self.flush()?;
        self.tell(WalkReply::Linked(path.clone(), real.clone()))?;
        // What is left out there is left out here, by the rules of the folders above it.
        let (linked, ignores) = (std::mem::take(&mut self.linked), std::mem::take(&mut self.ignores));
        let judged = self.judge_real(&root, &real);
        self.linked = linked;
        let above = std::mem::replace(&mut self.ignores, ignores);
        Ok(match judged? {
            Err(e) => Followed::Not(Skip::of(&e)),
            Ok(Err(why)) => Followed::LeftOut(why),
            Ok(Ok(facts)) => match facts.kind {
                FileKind::File(_) => Followed::File(facts),
                FileKind::Folder => self.linked_folder(path, link.parent(), real, above),
                FileKind::Link | FileKind::Other => Followed::Not(Skip::Link),
            },
        })
    }

    /// A folder that a link leads to is gone into, unless the walker came from there.
    fn linked_folder(
        &self,
        at: &SafePath,
        link_in: Option<SafePath>,
        real: SafePath,
        ignores: Vec<Arc<IgnoreFile>>,
    ) -> Followed {
        let is_above = |path: &SafePath| *path == real || path.is_below(&real);
        let came_by = self.linked.iter().flat_map(|l| l.link_in.iter().chain([&l.real]));
        if came_by.chain(&link_in).any(is_above) || self.linked.len() >= limits::LINKED_FOLDERS {
            return Followed::Not(Skip::LinkLoop);
        }
        Followed::Folder(LinkedFolder { at: at.clone(), real, link_in, ignores })
    }

    /// What lies at a path without links, or why it is left out. What the folders above leave out is in `ignores` then.
    fn judge_real(
        &mut self,
        root: &Folder,
        real: &SafePath,
    ) -> Result<io::Result<Result<Facts, Omission>>, LibraryGone> {
        let above: Vec<SafePath> = std::iter::successors(real.parent(), SafePath::parent)
            .take_while(|p| !self.root.is(Some(p)))
            .collect();
        let top = self.root.path().cloned();
        if let Err(e) = self.ignore_file_once(root, top.as_ref())? {
            return Ok(Err(e));
        }
        let mut last: Option<Folder> = None;
        for path in above.into_iter().rev() {
            let parent = last.as_ref().unwrap_or(root);
            let entered =
                parent.facts(path.name()).and_then(|facts| Ok((facts, enter(parent, path.name())?.0)));
            let (facts, folder) = match entered {
                Ok(entered) => entered,
                Err(e) => return Ok(Err(e)),
            };
            if let Some(why) = self.left_out(&path, &facts) {
                return Ok(Ok(Err(why)));
            }
            if let Err(e) = self.ignore_file_once(&folder, Some(&path))? {
                return Ok(Err(e));
            }
            last = Some(folder);
        }
        let facts = match last.as_ref().unwrap_or(root).facts(real.name()) {
            Ok(facts) => facts,
            Err(e) => return Ok(Err(e)),
        };
        Ok(Ok(self.left_out(real, &facts).map_or(Ok(facts), Err)))
    }

    /// Tells all that lies in a folder that a link at `path` leads to; `all`: and that this was all.
    pub(super) fn go_linked(
        &mut self,
        path: &SafePath,
        linked: LinkedFolder,
        all: bool,
    ) -> Result<(), LibraryGone> {
        let folder = match self.open_real(&linked.real) {
            Ok(folder) => folder,
            Err(e) => return self.refused(path, &e),
        };
        self.sight(path.clone(), KnownContent::Folder(None))?;
        let ignores = std::mem::replace(&mut self.ignores, linked.ignores.clone());
        self.linked.push(linked);
        let done = match all {
            true => self.sweep(&folder, Some(path.clone())),
            false => self.folder(&folder, Some(path)).map(drop),
        };
        self.linked.pop();
        self.ignores = ignores;
        done
    }

    /// Goes on to the folder that a link on the way leads to. `None`: there is no way, which was told.
    pub(super) fn way_by_link(&mut self, path: &SafePath) -> Result<Option<Folder>, LibraryGone> {
        let linked = match self.follow(path)? {
            Followed::Folder(linked) => linked,
            Followed::LeftOut(why) => {
                return self.sight(path.clone(), KnownContent::LeftOut(why)).map(|()| None);
            }
            Followed::File(facts) => return self.file(path, &facts, false).map(|()| None),
            Followed::Not(_) => return self.gone(path).map(|()| None),
        };
        let folder = match self.open_real(&linked.real) {
            Ok(folder) => folder,
            Err(e) => return self.refused(path, &e).map(|()| None),
        };
        self.ignores.clone_from(&linked.ignores);
        self.linked.push(linked);
        if let Err(e) = self.ignore_file(&folder, Some(path))?.map(|file| self.ignores.extend(file)) {
            return self.refused(path, &e).map(|()| None);
        }
        Ok(Some(folder))
    }

    fn open_real(&self, real: &SafePath) -> io::Result<Folder> {
        let inner = self.root.inner(real).ok_or(io::ErrorKind::NotFound)?;
        let root = self.opened.as_deref().ok_or(io::ErrorKind::NotFound)?;
        let mut folder: Option<Folder> = None;
        for name in inner.components() {
            folder = Some(folder.as_ref().unwrap_or(root).enter(name)?);
        }
        folder.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
