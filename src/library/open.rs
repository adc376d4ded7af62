//! The one way to open a shared file: no link is followed below the root, whatever is swapped
//! meanwhile, and what was opened is what was hashed.

use std::fs::File;
use std::io;
use std::path::Path;

use super::SharedFile;
use crate::content::{SafePath, Stamp};
use crate::disk::unchanged;
use crate::sys::facts::Facts;
use crate::sys::folder::Folder;
use crate::sys::refusal::{Refusal, refusal};

/// Why a shared file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// It is not what it was when it was hashed (another content, a link, a folder).
    #[error("the file changed")]
    Changed,
    /// Nothing lies there any more.
    #[error("the file is gone")]
    Gone,
    /// It cannot be opened: no permission, a bad disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Opens a file of the shelf whose folder is `root`, if it is still what was hashed.
///
/// Never blocks on a FIFO and never leaves `root` through a link. Check again with [`unchanged`] after
/// each read: bytes that were read before a change must not be sent.
///
/// # Errors
/// [`OpenError`]; tell the library with [`super::Command::Check`].
pub(crate) fn open(root: &Path, file: &SharedFile) -> Result<File, OpenError> {
    let opened = open_beneath(root, &file.path)?;
    if unchanged(&opened, &file.stamp)? { Ok(opened) } else { Err(OpenError::Changed) }
}

/// Opens the file at `path`, which is listed with the content of `file` and this time of modification
/// (milliseconds since 1970), and says what it is like now. As [`open`], but that it is the very file that
/// was hashed can only be recognized by its size and time.
///
/// # Errors
/// [`OpenError`].
pub(crate) fn open_twin(
    root: &Path,
    path: &SafePath,
    file: &SharedFile,
    modified: i64,
) -> Result<(File, Stamp), OpenError> {
    let opened = open_beneath(root, path)?;
    let stamp = Stamp::of(&Facts::of(&opened)?);
    let is_it = stamp.size == file.stamp.size && stamp.modified_millis() == modified;
    if is_it { Ok((opened, stamp)) } else { Err(OpenError::Changed) }
}

/// Opens `path` for reading, component by component, so that a folder swapped for a link on the way is
/// refused. The root itself may be a link: its user made it.
pub(super) fn open_beneath(root: &Path, path: &SafePath) -> Result<File, OpenError> {
    let mut folder = Folder::open(root).map_err(refused)?;
    let mut components = path.components();
    let name = components.next_back().unwrap_or_default();
    for component in components {
        folder = folder.enter(component).map_err(refused)?;
    }
    folder.open_file(name, false).map_err(refused)
}

fn refused(e: io::Error) -> OpenError {
    match refusal(&e) {
        Refusal::Gone => OpenError::Gone,
        // A link, a file where a folder was, a socket or device where a file was.
        Refusal::Link | Refusal::NotFolder | Refusal::NotFile => OpenError::Changed,
        _ => OpenError::Io(e),
    }
}
