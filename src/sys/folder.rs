//! Folders held open, and what lies directly in them. Names are single components, and no call here
//! follows a symbolic link, so walking step by step cannot leave the folder that the walk began in,
//! even while somebody swaps folders for links.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// What lies under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
    /// Anything else: a device, a socket, a pipe.
    Other,
}

/// A folder that is held open. It stays the same folder when its path is renamed.
#[derive(Debug)]
pub struct Folder(OwnedFd);

const READ: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder at `path`; links on the way are followed, for the user chose it.
    ///
    /// # Errors
    /// What the operating system says, `NotADirectory` included.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(retry(|| rustix::fs::open(path, READ, Mode::empty()))?))
    }

    /// Opens the folder `name` in this one. A link is an error.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory` for a file or a link (some systems: `FilesystemLoop`).
    pub fn enter(&self, name: &str) -> io::Result<Self> {
        let flags = READ.union(OFlags::NOFOLLOW);
        Ok(Self(retry(|| rustix::fs::openat(&self.0, name, flags, Mode::empty()))?))
    }

    /// Makes the folder `name`, as the umask says.
    ///
    /// # Errors
    /// `AlreadyExists`, or what else the operating system says.
    pub fn make(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777))?)
    }

    /// Makes the file `name` for reading and writing, with `mode` less the umask.
    ///
    /// # Errors
    /// `AlreadyExists`, or what else the operating system says.
    pub fn create(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = retry(|| rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(mode)))?;
        Ok(fd.into())
    }

    /// Opens the regular file `name` for reading, and for writing if `write`.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for what is not a regular file; or what the operating system says.
    pub fn open_file(&self, name: &str, write: bool) -> io::Result<File> {
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        // NONBLOCK: opening a pipe must not wait for its other end.
        let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file: File = retry(|| rustix::fs::openat(&self.0, name, flags, Mode::empty()))?.into();
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// What lies under `name`, if anything does.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn look(&self, name: &str) -> io::Result<Option<Kind>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Kind::File(u64::try_from(stat.st_size).unwrap_or(0)),
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                _ => Kind::Other,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes the file (or link) `name`; one that is not there is no error.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes the folder `name` if it is empty.
    ///
    /// # Errors
    /// `DirectoryNotEmpty`, or what else the operating system says.
    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// The names in it, without `.` and `..`; those that are not UTF-8 are left out.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            match entry?.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        Ok(names)
    }

    /// Device and inode: which folder it is, whatever it is called.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// When something in it was last made, renamed or removed, in nanoseconds.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn changed(&self) -> io::Result<i128> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec))
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn retry<T>(call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    rustix::io::retry_on_intr(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_neither_entered_nor_opened() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("x"), "secret").unwrap();
        symlink(outside.path(), dir.path().join("way")).unwrap();
        symlink(outside.path().join("x"), dir.path().join("file")).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert!(folder.enter("way").is_err());
        assert!(folder.open_file("file", false).is_err());
        assert!(folder.create("file", 0o644).is_err());
        assert_eq!(folder.look("way").unwrap(), Some(Kind::Link));
        assert_eq!(folder.look("nothing").unwrap(), None);
        folder.remove("file").unwrap();
        assert!(outside.path().join("x").exists());
    }

    #[test]
    fn what_lies_in_a_folder_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.make("sub").unwrap();
        folder.create("five", 0o644).unwrap().set_len(5).unwrap();
        assert_eq!(folder.look("five").unwrap(), Some(Kind::File(5)));
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
}
