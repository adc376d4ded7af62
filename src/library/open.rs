//! The one way to open a shared file: no link is followed below the root, whatever is swapped
//! meanwhile, and what was opened is what was hashed.

use std::fs::File;
use std::io;
use std::path::Path;

use super::links::without_links;
use super::{LibraryRoot, ShareRoots, SharedFile};
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

/// Opens a file of the shelf whose folders are `roots`, if it is still what was hashed.
///
/// Never blocks on a FIFO and never leaves its share through a link. Check again with [`unchanged`] after
/// each read: bytes that were read before a change must not be sent.
///
/// # Errors
/// [`OpenError`]; tell the library with [`super::Command::Check`].
pub(crate) fn open(roots: &ShareRoots, file: &SharedFile) -> Result<File, OpenError> {
    let opened = open_listed(roots, &file.path)?;
    if unchanged(&opened, &file.stamp)? { Ok(opened) } else { Err(OpenError::Changed) }
}

/// The folder of the file that was opened last, kept open for those beside it. For one turn of work only: an
/// open folder keeps its file system from being unmounted.
#[derive(Debug, Default)]
pub(crate) struct LastFolder(Option<(Option<SafePath>, Folder)>);

impl LastFolder {
    /// As [`open`]; all calls are for the same `roots`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(&mut self, roots: &ShareRoots, file: &SharedFile) -> Result<File, OpenError> {
        let parent = file.path.parent();
        if let Some((last, folder)) = &self.0
            && *last == parent
            && let Ok((opened, facts)) = folder.open_with_facts(file.path.name(), false)
            && Stamp::of(&facts) == file.stamp
        {
            return Ok(opened);
        }
        // There is none, or another folder has taken the place of the one that is open.
        let place = roots.place(&file.path);
        let inner = place.inner.ok_or(OpenError::Changed)?;
        let (folder, opened) = open_in_folder(place.folder, &inner)?;
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
    roots: &ShareRoots,
    path: &SafePath,
    file: &SharedFile,
    modified: i64,
) -> Result<(File, Stamp), OpenError> {
    let opened = open_listed(roots, path)?;
    let stamp = Stamp::of(&Facts::of(&opened)?);
    let is_it = stamp.size == file.stamp.size && stamp.modified_millis() == modified;
    if is_it { Ok((opened, stamp)) } else { Err(OpenError::Changed) }
}

/// Opens `path` for reading, component by component, so that a folder swapped for a link on the way is
/// refused, unless the link leads to what lies in the root. The root itself may be a link: its user made it.
pub(super) fn open_beneath(root: &LibraryRoot, path: &SafePath) -> Result<File, OpenError> {
    open_inner(&root.folder, root.inner(path))
}

fn open_listed(roots: &ShareRoots, path: &SafePath) -> Result<File, OpenError> {
    let place = roots.place(path);
    open_inner(place.folder, place.inner)
}

/// `None`: it is the folder itself, so no file.
fn open_inner(folder: &Path, path: Option<SafePath>) -> Result<File, OpenError> {
    let path = path.ok_or(OpenError::Changed)?;
    open_in_folder(folder, &path).map(|(_, opened)| opened)
}

/// And the folder that it lies in.
fn open_in_folder(root: &Path, path: &SafePath) -> Result<(Folder, File), OpenError> {
    match open_as_it_is(root, path) {
        Err(e) if matches!(refusal(&e), Refusal::Link | Refusal::NotFolder) => {
            let real = without_links(&Folder::open(root).map_err(refused)?, root, path)?;
            // It may have been swapped again.
            open_as_it_is(root, &real.ok_or(OpenError::Changed)?).map_err(refused)
        }
        opened => opened.map_err(refused),
    }
}

fn open_as_it_is(root: &Path, path: &SafePath) -> io::Result<(Folder, File)> {
    let folder = folder_beneath(root, path)?;
    let opened = folder.open_file(path.name(), false)?;
    Ok((folder, opened))
}

/// Opens the folder that `path` lies in, in the same way.
fn folder_beneath(root: &Path, path: &SafePath) -> io::Result<Folder> {
    let mut folder = Folder::open(root)?;
    let mut components = path.components();
    components.next_back();
    for component in components {
        folder = folder.enter(component)?;
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
