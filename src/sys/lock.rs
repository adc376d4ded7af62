//! The lock that keeps a second process out of a peer directory.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::runtime;

/// Locked as long as it lives; the kernel gives it up when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of the folder that `path` lies in: the file at `path` (created when missing), or one in
    /// a runtime folder where the file system has no locks. `None`: another process holds it.
    ///
    /// # Errors
    /// When the file cannot be made, or nothing can be locked.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match Self::lock(file) {
            Err(e) => Self::elsewhere(path, e),
            done => done,
        }
    }

    fn elsewhere(path: &Path, because: io::Error) -> io::Result<Option<Self>> {
        log::debug!("{} cannot be locked: {because}", path.display());
        let folder = path.parent().ok_or(because)?;
        let name = runtime::name_for(folder, "lock")?;
        let path = runtime::make()?.join(name);
        Self::lock(File::options().create(true).truncate(false).write(true).open(path)?)
    }

    fn lock(file: File) -> io::Result<Option<Self>> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

/// Locks an open file for as long as it stays open; false: another process (or another opening of the
/// file) holds it. Where there are no locks, as on some network drives, it counts as locked by us.
#[must_use]
pub(crate) fn try_lock(file: &File) -> bool {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => true,
        Err(rustix::io::Errno::WOULDBLOCK) => false,
        Err(e) => {
            log::debug!("a file is used without a lock: {e}");
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = DirectoryLock::take(&path).unwrap();
        assert!(first.is_some());
        assert!(DirectoryLock::take(&path).unwrap().is_none());
        drop(first);
        assert!(DirectoryLock::take(&path).unwrap().is_some());
    }
}
