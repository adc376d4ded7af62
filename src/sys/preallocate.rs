//! Asking for a file's blocks before they are written: fewer pieces, and a full disk is told early.

use std::fs::File;
use std::io;

use rustix::io::Errno;

/// Asks for blocks for the first `len` bytes of `file`, without changing its length. A file system
/// that cannot do that leaves the file as it is.
///
/// # Errors
/// `StorageFull`, `QuotaExceeded`, `FileTooLarge`, or what else the operating system says.
pub fn preallocate(file: &File, len: u64) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match rustix::io::retry_on_intr(|| {
        rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, len)
    }) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(e) => Err(e.into()),
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _unused: (&File, u64, Errno) = (file, len, Errno::INVAL);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn blocks_appear_and_the_length_stays() {
        let file = tempfile::tempfile().unwrap();
        preallocate(&file, 1 << 20).unwrap();
        let meta = file.metadata().unwrap();
        assert_eq!(meta.len(), 0);
        assert!(meta.blocks() == 0 || meta.blocks() * 512 >= 1 << 20);
    }
}
