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

/// The folder of the file that was opened last, kept open for those beside it. For one turn of work only: an
/// open folder keeps its file system from being unmounted.
#[derive(Debug, Default)]
pub(crate) struct LastFolder(Option<(Option<SafePath>, Folder)>);

impl LastFolder {
    /// As [`open`]; all calls are for the same `root`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(&mut self, root: &Path, file: &SharedFile) -> Result<File, OpenError> {
        let parent = file.path.parent();
        if let Some((last, folder)) = &self.0
            && *last == parent
            && let Ok(opened) = folder.open_file(file.path.name(), false)
            && unchanged(&opened, &file.stamp)?
        {
            return Ok(opened);
        }
        // There is none, or another folder has taken the place of the one that is open.
        let folder = folder_beneath(root, &file.path)?;
        let opened = folder.open_file(file.path.name(), false).map_err(refused)?;
        self.0 = Some((parent, folder));
        if unchanged(&opened, &file.stamp)? { Ok(opened) } else { Err(OpenError::Changed) }
    }
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
    folder_beneath(root, path)?.open_file(path.name(), false).map_err(refused)
}

/// Opens the folder that `path` lies in, in the same way.
fn folder_beneath(root: &Path, path: &SafePath) -> Result<Folder, OpenError> {
    let mut folder = Folder::open(root).map_err(refused)?;
    let mut components = path.components();
    components.next_back();
    for component in components {
        folder = folder.enter(component).map_err(refused)?;
    }
    Ok(folder)
}

fn refused(e: io::Error) -> OpenError {
    match refusal(&e) {
        Refusal::Gone => OpenError::Gone,
        // A link, a file where a folder was, a socket or device where a file was.
        Refusal::Link | Refusal::NotFolder | Refusal::NotFile => OpenError::Changed,
        _ => OpenError::Io(e),
    }
}
