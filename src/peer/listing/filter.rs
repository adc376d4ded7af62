//! What is to be listed. Pure.

use wildmatch::WildMatch;

use crate::content::{FileId, SafePath, path};
use crate::control::ListOrder;
use crate::control::file_word::FileWord;
use crate::peer::owners::Owners;

/// What to show.
#[derive(Debug, Default)]
pub(in crate::peer) struct Filter {
    pub(super) pattern: Option<Pattern>,
    /// Only what lies in this folder.
    pub(super) folder: Option<SafePath>,
    /// What lies in a folder is one row.
    pub(super) folders: bool,
    /// Only what this peer shares.
    pub(in crate::peer) mine: bool,
    /// Only what these share.
    pub(in crate::peer) from: Owners,
    /// What comes first.
    pub(in crate::peer) order: ListOrder,
}

/// What was typed to find something by.
#[derive(Debug)]
pub(super) enum Pattern {
    /// Files whose id begins so.
    Id(String),
    /// Paths that contain this, folded.
    Part(String),
    /// Paths, or names, that match this, folded.
    Glob(WildMatch),
}

impl Filter {
    /// Without a pattern, and with each file by itself.
    pub(in crate::peer) fn new(mine: bool, from: Owners, order: ListOrder) -> Self {
        Self { mine, from, order, ..Self::default() }
    }

    /// Only what this word means: a part of a path, or a pattern with `*` or `?`, of which letter case does not matter;
    /// or the beginning of a file id.
    pub(in crate::peer) fn with_pattern(self, word: &str) -> Self {
        let pattern = match FileWord::of(word) {
            FileWord::Id(digits) => Pattern::Id(digits.to_lowercase()),
            FileWord::Path(path) => match path::fold(&path) {
                glob if glob.contains(['*', '?']) => Pattern::Glob(WildMatch::new(&glob)),
                part => Pattern::Part(part),
            },
        };
        Self { pattern: Some(pattern), ..self }
    }

    /// Only what lies in this folder.
    pub(in crate::peer) fn in_folder(self, folder: SafePath) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// True if a folder was named that is there.
    pub(in crate::peer) const fn is_in_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// A folder is one row. Where something is looked for by a pattern, what is found is shown by itself.
    pub(in crate::peer) const fn by_folder(mut self, folders: bool) -> Self {
        self.folders = folders;
        self
    }

    /// True for what is to be listed. `id`: of what lies there, if that is a file and known.
    pub(super) fn takes(&self, path: &SafePath, id: Option<FileId>) -> bool {
        let is_there = self.folder.as_ref().is_none_or(|folder| path.is_below(folder));
        is_there
            && match &self.pattern {
                None => true,
                Some(Pattern::Id(digits)) => id.is_some_and(|id| id.to_string().starts_with(digits)),
                Some(Pattern::Part(part)) => path.folded().contains(part.as_str()),
                Some(Pattern::Glob(glob)) => {
                    glob.matches(&path.folded()) || glob.matches(&path::fold(path.name()))
                }
            }
    }

    /// The folder of which what lies at `path` is a part, if folders are rows and it is not a row of its own.
    /// `is_folder`: an empty folder lies there.
    pub(super) fn folder_of<'a>(&self, path: &'a SafePath, is_folder: bool) -> Option<&'a str> {
        if !self.folders || self.pattern.is_some() {
            return None;
        }
        let depth = 1 + self.folder.as_ref().map_or(0, |folder| folder.components().count());
        let top = path.top(depth);
        (is_folder || top.len() < path.as_str().len()).then_some(top)
    }
}
