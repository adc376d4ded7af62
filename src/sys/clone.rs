//! Copying a file without its bytes, where the file system can share them.

use std::fs::File;
use std::io;

use rustix::io::Errno;

/// Lets `copy`, which is empty, share all bytes of `source` until one of them changes. False: these two
/// files cannot, and the bytes are to be copied.
///
/// # Errors
/// `StorageFull`, `QuotaExceeded`, or what else the operating system says.
pub(crate) fn share_bytes(source: &File, copy: &File) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match rustix::io::retry_on_intr(|| rustix::fs::ioctl_ficlone(copy, source)) {
        Ok(()) => Ok(true),
        Err(Errno::NOSPC | Errno::DQUOT) => Err(io::ErrorKind::StorageFull.into()),
        // Two file systems, or one that shares nothing: each has an error of its own for that.
        Err(_) => Ok(false),
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _unused: (&File, &File, Errno) = (source, copy, Errno::INVAL);
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_shared_is_the_same_and_what_is_not_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut source = File::create_new(dir.path().join("source")).unwrap();
        source.write_all(&[7; 100_000]).unwrap();
        let copy = File::create_new(dir.path().join("copy")).unwrap();
        let shared = share_bytes(&File::open(dir.path().join("source")).unwrap(), &copy).unwrap();
        let expected = if shared { vec![7; 100_000] } else { Vec::new() };
        assert_eq!(std::fs::read(dir.path().join("copy")).unwrap(), expected);
    }
}
