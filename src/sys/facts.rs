//! What the operating system tells of a file or folder (POSIX `struct stat`, stat(2)).

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Stat};

use super::folder::FileKind;

/// Nanoseconds in a second.
const NANOS: i128 = 1_000_000_000;

/// Bytes in one of the units in which `st_blocks` counts, on Linux, macOS and FreeBSD.
const BLOCK: u64 = 512;

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// What it is.
    pub kind: FileKind,
    /// The file system that it lies on (`st_dev`); another number after a new mount.
    pub volume: u64,
    /// Which one it is there (`st_ino`), whatever it is called. Given again once it is gone.
    pub id: u64,
    /// Bytes.
    pub size: u64,
    /// When its content was last changed, in nanoseconds since 1970. Its owner can set it.
    pub modified: i128,
    /// When its content, name, or rights were last changed, in nanoseconds since 1970. Nobody can set it.
    pub changed: i128,
    /// Names that it has; 0: it was removed while it was open.
    pub links: u64,
    /// Bytes of the disk that it takes: fewer than `size` where it has holes.
    pub allocated: u64,
    /// Whether its owner may run it.
    pub executable: bool,
    /// Whether the system hides it, whatever it is called.
    pub hidden: bool,
}

/// Which file or folder it is, whatever it is called; another one may get it once this one is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileIdentity {
    /// The file system that it lies on.
    pub volume: u64,
    /// Its number there.
    pub id: u64,
}

impl Facts {
    /// Those of an open file or folder (fstat(2)).
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn of(open: impl AsFd) -> io::Result<Self> {
        Ok(Self::from_stat(&rustix::fs::fstat(open)?))
    }

    /// Those of what lies at `path`, or of what it leads to if it is a link (stat(2)).
    ///
    /// # Errors
    /// `NotFound`, or what else the operating system says.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::from_stat(&rustix::fs::stat(path)?))
    }

    /// Those of what lies at `path`, be it a link (lstat(2)).
    ///
    /// # Errors
    /// `NotFound`, or what else the operating system says.
    pub(crate) fn at_link(path: &Path) -> io::Result<Self> {
        Ok(Self::from_stat(&rustix::fs::lstat(path)?))
    }

    /// The fields of `stat` have other types on each system, all of which fit.
    #[allow(trivial_numeric_casts, clippy::unnecessary_cast, reason = "macOS and FreeBSD have other types")]
    pub(super) fn from_stat(stat: &Stat) -> Self {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File(size),
            FileType::Directory => FileKind::Folder,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        };
        Self {
            kind,
            volume: stat.st_dev as u64,
            id: stat.st_ino as u64,
            size,
            modified: i128::from(stat.st_mtime) * NANOS + i128::from(stat.st_mtime_nsec),
            changed: i128::from(stat.st_ctime) * NANOS + i128::from(stat.st_ctime_nsec),
            links: stat.st_nlink as u64,
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(BLOCK),
            executable: stat.st_mode & 0o100 != 0,
            hidden: is_hidden(stat),
        }
    }

    /// Volume and id: which file or folder it is, whatever it is called.
    #[must_use]
    pub(crate) const fn identity(&self) -> FileIdentity {
        FileIdentity { volume: self.volume, id: self.id }
    }

    /// True if it is a regular file.
    #[must_use]
    pub(crate) const fn is_file(&self) -> bool {
        matches!(self.kind, FileKind::File(_))
    }
}

/// True if the Finder does not show it (`UF_HIDDEN`, chflags(2)).
#[cfg(target_vendor = "apple")]
const fn is_hidden(stat: &Stat) -> bool {
    const UF_HIDDEN: u32 = 0x8000;
    stat.st_flags & UF_HIDDEN != 0
}

/// There is no such attribute: only names hide.
#[cfg(not(target_vendor = "apple"))]
const fn is_hidden(_: &Stat) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::sys::testing;

    #[test]
    fn a_file_is_described_whole_by_its_name_and_by_what_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, vec![7; 100_000]).unwrap();
        fs::hard_link(&path, dir.path().join("twin")).unwrap();
        let file = File::open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::new(1_000_000_000, 250_000_000)).unwrap();
        let facts = Facts::of(&file).unwrap();
        assert_eq!((facts.kind, facts.size, facts.links), (FileKind::File(100_000), 100_000, 2));
        assert_eq!(facts.modified, 1_000_000_000_250_000_000);
        assert!(facts.changed > facts.modified && facts.allocated >= 100_000 && !facts.executable);
        assert_eq!(Facts::at(&path).unwrap(), facts);
        assert_eq!(Facts::at(&dir.path().join("twin")).unwrap().identity(), facts.identity());
        fs::remove_file(&path).unwrap();
        fs::remove_file(dir.path().join("twin")).unwrap();
        assert_eq!(Facts::of(&file).unwrap().links, 0);
    }

    #[test]
    fn a_link_is_followed_or_described_itself() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        testing::link(dir.path(), &link);
        assert_eq!(Facts::at(&link).unwrap().identity(), Facts::at(dir.path()).unwrap().identity());
        assert_eq!(Facts::at(&link).unwrap().kind, FileKind::Folder);
        assert_eq!(Facts::at_link(&link).unwrap().kind, FileKind::Link);
        assert!(!Facts::at_link(&link).unwrap().is_file());
    }

    #[test]
    fn holes_take_no_room() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(64 << 20).unwrap();
        let facts = Facts::of(&file).unwrap();
        assert!(facts.size == 64 << 20 && facts.allocated < 1 << 20, "{facts:?}");
    }
}
