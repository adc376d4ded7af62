//! Which files lie at a path, or below it. Pure. Paths are compared as their owners write them, but that two forms of
//! one letter are the same; what is folded only tells quickly where to look.

use super::fold::fold;
use super::segment::Segment;
use crate::content::SafePath;
use crate::content::path::composed;

/// A path at which files are looked for.
#[derive(Debug)]
pub(super) struct PlaceFilter {
    /// Composed.
    path: String,
    /// Its folder, composed; empty at the top.
    folder: String,
    /// Folded: no other path folds to it that is the same when it is composed.
    folded: String,
}

/// What is known of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FolderPlace {
    /// Neither it nor a file in it lies there.
    #[default]
    Elsewhere,
    /// One of its files may be what lies there.
    Around,
    /// All of its files lie below.
    Below,
}

impl PlaceFilter {
    pub(super) fn new(at: &SafePath) -> Self {
        let path = composed(at.as_str());
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let folded = fold(&path);
        Self { path, folder, folded }
    }

    /// What occurs within a line of each path that lies there: the longest component, folded.
    pub(super) fn longest_component(&self) -> &str {
        self.folded.split('/').max_by_key(|component| component.len()).unwrap_or_default()
    }

    /// What is known of a folder of a segment.
    pub(super) fn folder(&self, segment: &Segment, folder: usize) -> FolderPlace {
        // What folds to something else is something else, and that is known without its letters.
        let (line, folded) = (segment.folder_line(folder), self.folded.as_bytes());
        if !line.starts_with(folded) && !folded.starts_with(line) {
            return FolderPlace::Elsewhere;
        }
        let mut written = String::new();
        segment.push_folder(folder, &mut written);
        let written = composed(&written);
        if is_at(&written, &self.path) {
            FolderPlace::Below
        } else if written == self.folder {
            FolderPlace::Around
        } else {
            FolderPlace::Elsewhere
        }
    }

    /// True if a file lies there whose folder is [`FolderPlace::Around`].
    pub(super) fn is_file(&self, segment: &Segment, folder: usize, row: usize) -> bool {
        let mut written = String::new();
        segment.push_name(folder, row, &mut written);
        let name = self.path.rsplit_once('/').map_or(self.path.as_str(), |(_, name)| name);
        composed(&written) == name
    }
}

/// True if a path is that of a place, or below it.
pub(super) fn is_at(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
