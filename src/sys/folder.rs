//! Folders that stay open, and what lies directly in them. Names are single components, and no call here
//! follows a symbolic link, so walking step by step cannot leave the folder that the walk began in,
//! even while somebody swaps folders for links.
//!
//! The calls behind it are those of POSIX that take a folder's descriptor: openat(2), mkdirat(2), fstatat(2),
//! unlinkat(2), readdir(3).

use std::ffi::OsString;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::facts::{Facts, FileIdentity};
use super::file::RIGHTS;
#[cfg(target_os = "linux")]
use super::mounts;
use super::names::native;

/// What lies under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A regular file of this many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
    /// Anything else: a device, a socket, a pipe.
    Other,
}

/// A folder that stays open. It stays the same folder when its path is renamed.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

const READ: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Rights of a new file, less the umask: all may read it (0644).
const PLAIN: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

/// Rights of a new program, less the umask: all may read and run it (0755).
const PROGRAM: Mode = PLAIN.union(Mode::XUSR).union(Mode::XGRP).union(Mode::XOTH);

/// Rights of a folder that is its owner's alone (0700), and what others must not have there.
const PRIVATE: u32 = 0o700;
const OTHERS: u32 = 0o077;

impl Folder {
    /// Opens the folder at `path`; links on the way are followed, for the user chose it.
    ///
    /// # Errors
    /// What the operating system says, `NotADirectory` included.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(retry(|| rustix::fs::open(path, READ, Mode::empty()))?))
    }

    /// Opens the folder `name` in this one. A link is an error.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory` for a file or a link (some systems: `FilesystemLoop`).
    pub(crate) fn enter(&self, name: &str) -> io::Result<Self> {
        let flags = READ.union(OFlags::NOFOLLOW);
        Ok(Self(retry(|| rustix::fs::openat(&self.0, name, flags, Mode::empty()))?))
    }

    /// Makes the folder `name`, as the umask says.
    ///
    /// # Errors
    /// `AlreadyExists`, or what else the operating system says.
    pub(crate) fn make(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, RIGHTS)?)
    }

    /// Makes the file `name` for reading and writing. All may read it, and run it if it is `executable`, as
    /// far as the umask lets them.
    ///
    /// # Errors
    /// `AlreadyExists`, or what else the operating system says.
    pub(crate) fn create(&self, name: &str, executable: bool) -> io::Result<File> {
        let mode = if executable { PROGRAM } else { PLAIN };
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = retry(|| rustix::fs::openat(&self.0, name, flags, mode))?;
        Ok(fd.into())
    }

    /// Opens the regular file `name` for reading, and for writing if `write`.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for what is not a regular file; or what the operating system says.
    pub(crate) fn open_file(&self, name: &str, write: bool) -> io::Result<File> {
        self.open_with_facts(name, write).map(|(file, _)| file)
    }

    /// As [`Self::open_file`], and what is known of it.
    ///
    /// # Errors
    /// As [`Self::open_file`].
    pub(crate) fn open_with_facts(&self, name: &str, write: bool) -> io::Result<(File, Facts)> {
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        // NONBLOCK: opening a pipe must not wait for its other end. NOCTTY: nor may a terminal become ours.
        let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file: File = retry(|| rustix::fs::openat(&self.0, name, flags, Mode::empty()))?.into();
        let facts = Facts::of(&file)?;
        if facts.is_file() { Ok((file, facts)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// What is known of what lies under `name`; a link is described itself.
    ///
    /// # Errors
    /// `NotFound`, or what else the operating system says.
    pub(crate) fn facts(&self, name: &str) -> io::Result<Facts> {
        Ok(Facts::from_stat(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Where the link `name` leads.
    ///
    /// # Errors
    /// `InvalidInput` if it is none, or what else the operating system says.
    pub(crate) fn read_link(&self, name: &str) -> io::Result<PathBuf> {
        let target = retry(|| rustix::fs::readlinkat(&self.0, name, Vec::new()))?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// What lies under `name`, if anything does.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn look(&self, name: &str) -> io::Result<Option<FileKind>> {
        match self.facts(name) {
            Ok(facts) => Ok(Some(facts.kind)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Removes the file (or link) `name`; one that is not there is no error.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes the folder `name` if it is empty.
    ///
    /// # Errors
    /// `DirectoryNotEmpty`, or what else the operating system says.
    pub(crate) fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// The names in it as the operating system has them, without `.` and `..`, in any order. What is made or
    /// removed meanwhile may be among them or not.
    ///
    /// # Errors
    /// What the operating system says, of the folder or of one name.
    pub(crate) fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<OsString>> + use<>> {
        let entries = Dir::read_from(&self.0)?;
        Ok(entries.filter_map(|entry| match entry {
            Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => None,
            Ok(entry) => Some(Ok(native(entry.file_name()))),
            Err(e) => Some(Err(e.into())),
        }))
    }

    /// The names in it, without `.` and `..`; those that are not UTF-8 are left out.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let names = self.entries()?.map(|name| name.map(|name| name.into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    /// Volume and id ([`Facts::identity`]): which folder it is, whatever it is called.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn identity(&self) -> io::Result<FileIdentity> {
        Facts::of(self).map(|facts| facts.identity())
    }

    /// When something in it was last made, renamed or removed, in nanoseconds since 1970.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn changed(&self) -> io::Result<i128> {
        Facts::of(self).map(|facts| facts.modified)
    }
}

/// What is mounted on a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// Inode of the folder that is its top.
    pub id: u64,
    /// When that folder was made, in nanoseconds since 1970; 0 where it is not told.
    pub birth: u64,
    /// What the file system is known by (`f_fsid`). Some kinds derive it from what was written when they were
    /// made, others take the number of the device.
    pub filesystem: u64,
}

impl Folder {
    /// What is mounted on this folder, which lies in `parent`; `None` if nothing is (statx(2), statvfs(3)).
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn mounted(&self, parent: &Self) -> io::Result<Option<Mounted>> {
        let Some((id, birth)) = top_of_mount(self, Some(parent))? else { return Ok(None) };
        let filesystem = rustix::fs::fstatvfs(&self.0)?.f_fsid;
        Ok(Some(Mounted { id, birth, filesystem }))
    }

    /// As [`Self::mounted`], taking this folder for the top of a mount of its own, whether or not it is one.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn top(&self) -> io::Result<Mounted> {
        let (id, birth) = top_of_mount(self, None)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Mounted { id, birth, filesystem: rustix::fs::fstatvfs(&self.0)?.f_fsid })
    }
}

/// Inode and birth of a folder on which something is mounted; an error (`ENODEV`) if its device was taken out, for
/// some file systems show empty folders then. A kernel that does not tell (before Linux 5.8) leaves
/// the numbers of the devices, which are the same where a folder of the same device is mounted. Without a `parent` the
/// folder counts as the top of a mount.
#[cfg(target_os = "linux")]
fn top_of_mount(folder: &Folder, parent: Option<&Folder>) -> io::Result<Option<(u64, u64)>> {
    use rustix::fs::{StatxAttributes, StatxFlags};
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let of = |folder: &Folder| rustix::fs::statx(&folder.0, "", AtFlags::EMPTY_PATH, wanted);
    let facts = of(folder)?;
    let is_top = match parent {
        None => true,
        Some(_) if facts.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
            facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        }
        Some(parent) => {
            let above = of(parent)?;
            (facts.stx_dev_major, facts.stx_dev_minor) != (above.stx_dev_major, above.stx_dev_minor)
        }
    };
    if is_top && !mounts::is_plugged(facts.stx_dev_major, facts.stx_dev_minor) {
        return Err(Errno::NODEV.into());
    }
    let born = facts.stx_btime;
    let is_told = facts.stx_mask & StatxFlags::BTIME.bits() != 0;
    let birth = if is_told { u64::try_from(born.tv_sec).unwrap_or(0) * 1_000_000_000 } else { 0 };
    Ok(is_top.then_some((facts.stx_ino, birth + if is_told { u64::from(born.tv_nsec) } else { 0 })))
}

#[cfg(not(target_os = "linux"))]
fn top_of_mount(folder: &Folder, parent: Option<&Folder>) -> io::Result<Option<(u64, u64)>> {
    let facts = Facts::of(folder)?;
    let above = parent.map(Facts::of).transpose()?;
    let is_top = above.is_none_or(|above| facts.volume != above.volume);
    Ok(is_top.then_some((facts.id, 0)))
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Makes the folder at `path` so that only its owner can look into it (mode 0700), or takes from all others
/// what rights they have on it (mkdir(2), chmod(2)). A folder whose rights cannot be changed, as on FAT,
/// stays as it is. True if it was made: then its name in the folder above is not on the disk yet.
///
/// # Errors
/// `NotFound` without a folder above, or what else the operating system says.
pub(crate) fn make_private(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(PRIVATE).create(path) {
        Ok(()) => return Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e),
    }
    if path.metadata()?.permissions().mode() & OTHERS != 0
        && let Err(e) = std::fs::set_permissions(path, Permissions::from_mode(PRIVATE))
    {
        log::debug!("{} stays open to others: {e}", path.display());
    }
    Ok(false)
}

fn retry<T>(call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    rustix::io::retry_on_intr(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    #[test]
    fn a_link_is_neither_entered_nor_opened() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("x"), "secret").unwrap();
        testing::link(outside.path(), dir.path().join("way"));
        testing::link(outside.path().join("x"), dir.path().join("file"));
        let folder = Folder::open(dir.path()).unwrap();
        assert!(folder.enter("way").is_err());
        assert!(folder.open_file("file", false).is_err());
        assert!(folder.create("file", false).is_err());
        assert_eq!(folder.look("way").unwrap(), Some(FileKind::Link));
        assert_eq!(folder.look("nothing").unwrap(), None);
        folder.remove("file").unwrap();
        assert!(outside.path().join("x").exists());
    }

    #[test]
    fn what_lies_in_a_folder_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.make("sub").unwrap();
        folder.create("five", false).unwrap().set_len(5).unwrap();
        assert_eq!(folder.look("five").unwrap(), Some(FileKind::File(5)));
        let mut names = folder.names().unwrap();
        names.sort();
        assert_eq!(names, ["five", "sub"]);
        assert!(folder.enter("five").is_err());
        assert!(folder.open_file("sub", false).is_err());
        let sub = folder.enter("sub").unwrap();
        std::fs::rename(dir.path().join("sub"), dir.path().join("moved")).unwrap();
        sub.make("inner").unwrap();
        assert!(dir.path().join("moved/inner").is_dir());
        assert!(folder.remove_folder("moved").is_err());
        folder.remove("never there").unwrap();
    }
    #[test]
    fn a_name_of_any_bytes_is_among_the_entries() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(testing::not_utf8()), "x").unwrap();
        std::fs::write(dir.path().join("plain"), "x").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let mut entries: Vec<_> = folder.entries().unwrap().map(Result::unwrap).collect();
        entries.sort();
        assert_eq!(entries, [testing::not_utf8(), "plain".into()]);
        assert_eq!(folder.names().unwrap(), ["plain"]);
        assert_eq!(folder.facts("plain").unwrap().kind, FileKind::File(1));
        assert_eq!(folder.facts("nothing").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_private_folder_is_made_or_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        assert!(make_private(&path).unwrap());
        assert_eq!(testing::mode(&path), 0o700);
        testing::set_mode(&path, 0o755);
        assert!(!make_private(&path).unwrap());
        assert_eq!(testing::mode(&path), 0o700);
        assert!(make_private(&path.join("a/b")).is_err());
    }
}
