//! Asking for a file's blocks before they are written: fewer pieces, and a full disk shows early.

use std::fs::File;
use std::io;

use rustix::io::Errno;

/// Bytes that are asked for at once. Who writes to the file waits meanwhile; a memory file system needs 4 ms
/// for this many, and writers that waited for a whole GiB were a tenth of its transfer.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SLICE: u64 = 16 << 20;

/// Asks for blocks for the first `len` bytes of `file`, without changing its length. Where that cannot be
/// done the file stays as it is, for it only helps. What was had before an error stays.
///
/// # Errors
/// `StorageFull`, `QuotaExceeded`, `FileTooLarge`: the bytes would not fit either.
pub(crate) fn preallocate(file: &File, len: u64) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut at = 0;
        while at < len {
            let slice = SLICE.min(len - at);
            match rustix::io::retry_on_intr(|| {
                rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, at, slice)
            }) {
                Ok(()) => at += slice,
                Err(e @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(e.into()),
                Err(e) => {
                    log::debug!("no blocks are taken beforehand: {e}");
                    return Ok(());
                }
            }
        }
        Ok(())
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
    use crate::sys::facts::Facts;

    #[test]
    fn blocks_appear_and_the_length_stays() {
        let file = tempfile::tempfile().unwrap();
        preallocate(&file, 1 << 20).unwrap();
        let facts = Facts::of(&file).unwrap();
        assert_eq!(facts.size, 0);
        assert!(facts.allocated == 0 || facts.allocated >= 1 << 20);
        // In several slices, the last of which is a short one.
        let all = 2 * SLICE + 4_096;
        preallocate(&file, all).unwrap();
        let facts = Facts::of(&file).unwrap();
        assert_eq!(facts.size, 0);
        assert!(facts.allocated == 0 || facts.allocated >= all);
    }
}
