//! How a file arrived. Pure.

use std::path::{Path, PathBuf};

use crate::content::SafePath;

/// How a file arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Under the name it has at its owner's, at this path.
    Saved(PathBuf),
    /// Under another name, for its own was taken by other content.
    SavedAs(PathBuf),
    /// Under another name, for the file system cannot hold its own, or that of a folder it lies in.
    Renamed {
        /// Where it lies.
        path: PathBuf,
        /// Where it was to go, below the destination.
        wanted: SafePath,
    },
    /// A file of that name and content was there.
    AlreadyThere(PathBuf),
    /// Kept among the partial files, under no name: all that was wanted of it is on the disk.
    Kept,
}

impl Arrival {
    /// Where it lies, if it has a name.
    #[must_use]
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Saved(path)
            | Self::SavedAs(path)
            | Self::Renamed { path, .. }
            | Self::AlreadyThere(path) => Some(path),
            Self::Kept => None,
        }
    }
}
