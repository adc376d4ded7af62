//! Bringing folders and whole file systems to the disk.

use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::folder::Folder;

/// Brings a folder's names to the disk. A file system that cannot sync a folder is no error.
///
/// # Errors
/// What the operating system says.
pub(crate) fn folder(folder: &Folder) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::fs::fsync(folder)) {
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Brings everything on the file system of `file` (or folder) to the disk; true if this system can
/// do that, false if nothing was done.
///
/// # Errors
/// What the operating system says.
pub(crate) fn file_system(file: impl AsFd) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        rustix::io::retry_on_intr(|| rustix::fs::syncfs(file.as_fd()))?;
        Ok(true)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _unused = file;
        Ok(false)
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
        file_system(&open).unwrap();
    }
}
