//! The one way to open a shared file: no link is followed below the root, whatever is swapped
//! meanwhile, and what was opened is what was hashed.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::SharedFile;
use crate::content::{SafePath, Stamp};

/// Nanoseconds in a second.
const NANOS: i128 = 1_000_000_000;

/// Why a shared file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
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

impl Stamp {
    /// What `metadata` says.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: i128::from(metadata.mtime()) * NANOS + i128::from(metadata.mtime_nsec()),
            changed: i128::from(metadata.ctime()) * NANOS + i128::from(metadata.ctime_nsec()),
        }
    }

    /// Modification time in whole milliseconds since 1970, as the catalogue has it.
    #[must_use]
    pub fn modified_millis(&self) -> i64 {
        i64::try_from(self.modified.div_euclid(1_000_000)).unwrap_or(if self.modified < 0 {
            i64::MIN
        } else {
            i64::MAX
        })
    }
}

/// Opens a file of the shelf whose folder is `root`, if it is still what was hashed.
///
/// Never blocks on a FIFO and never leaves `root` through a link. Check again with [`unchanged`] after
/// each read: bytes that were read before a change must not be sent.
///
/// # Errors
/// [`OpenError`]; tell the library with [`super::Command::Check`].
pub fn open(root: &Path, file: &SharedFile) -> Result<File, OpenError> {
    let opened = open_beneath(root, &file.path)?;
    if unchanged(&opened, &file.stamp)? { Ok(opened) } else { Err(OpenError::Changed) }
}

/// Opens the file at `path`, which is listed with the content of `file` and this time of modification (milliseconds
/// since 1970), and says what it is like now. As [`open`], but that it is the very file that was hashed can only be
/// told by its size and time.
///
/// # Errors
/// [`OpenError`].
pub fn open_twin(
    root: &Path,
    path: &SafePath,
    file: &SharedFile,
    modified: i64,
) -> Result<(File, Stamp), OpenError> {
    let opened = open_beneath(root, path)?;
    let stamp = Stamp::of(&opened.metadata()?);
    let is_it = stamp.size == file.stamp.size && stamp.modified_millis() == modified;
    if is_it { Ok((opened, stamp)) } else { Err(OpenError::Changed) }
}

/// True if the open file is still what was hashed.
///
/// # Errors
/// What the operating system says when it cannot tell.
pub fn unchanged(file: &File, stamp: &Stamp) -> io::Result<bool> {
    let now = file.metadata()?;
    Ok(now.is_file() && Stamp::of(&now) == *stamp)
}

/// Opens `path` for reading, component by component, so that a folder swapped for a link on the way is
/// refused. The root itself may be a link: its user made it.
pub(super) fn open_beneath(root: &Path, path: &SafePath) -> Result<File, OpenError> {
    let mut folder = open_root(root).map_err(refused)?;
    let mut components = path.components();
    let name = components.next_back().unwrap_or_default();
    for component in components {
        folder = open_folder(&folder, component).map_err(refused)?;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = openat(&folder, name, flags, Mode::empty()).map_err(refused)?;
    Ok(File::from(file))
}

/// Opens the root for walking.
pub(super) fn open_root(root: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens a folder in `parent` for walking; a link is refused.
pub(super) fn open_folder(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

fn refused(e: Errno) -> OpenError {
    match e {
        Errno::NOENT => OpenError::Gone,
        // A link, a file where a folder was, a socket or device where a file was.
        Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::MLINK => OpenError::Changed,
        e => OpenError::Io(e.into()),
    }
}
