//! Bringing folders and whole file systems to the disk.

use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::folder::Folder;
use super::refusal::is_missing;

/// Brings a folder's names to the disk. A file system that cannot sync a folder is no error (`EBADF` on some
/// that lie on a network).
///
/// # Errors
/// What the operating system says.
pub(crate) fn folder(folder: &Folder) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::fs::fsync(folder)) {
        Ok(()) | Err(Errno::BADF) => Ok(()),
        Err(e) if is_missing(e) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Brings everything on the file system of `file` (or folder) to the disk. False: that cannot be done here,
/// or not all of it is there now. Which files are not is said by syncing each for itself.
#[must_use]
pub(crate) fn file_system(file: impl AsFd) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let synced = rustix::io::retry_on_intr(|| rustix::fs::syncfs(file.as_fd()));
        synced.inspect_err(|e| log::debug!("a file system is not synced as a whole: {e}")).is_ok()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _unused = file;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_its_file_system_are_synced() {
        let dir = tempfile::tempdir().unwrap();
        let open = Folder::open(dir.path()).unwrap();
        folder(&open).unwrap();
        assert!(file_system(&open) || cfg!(not(target_os = "linux")));
    }
}
