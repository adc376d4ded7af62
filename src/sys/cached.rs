//! Reading what the system has in memory of a file, and nothing else: a disk that hangs is not waited for.

use std::fs::File;
use std::io;
use std::sync::Arc;

/// An open file.
#[derive(Debug)]
pub(crate) struct CachedFile {
    file: Arc<File>,
    /// Its file system has no disk.
    in_memory: bool,
}

impl CachedFile {
    /// For a file that may be open elsewhere, too.
    pub(crate) fn new(file: Arc<File>) -> Self {
        let in_memory = is_in_memory(&file);
        Self { file, in_memory }
    }

    /// The file itself. What is asked of it may wait for a disk.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Fills `buffer` with the bytes at `offset` (`RWF_NOWAIT` of preadv2(2)). False: not all of them are in
    /// memory, or its file system cannot tell, as those on a network. Always false on other systems than Linux.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        if self.in_memory {
            return super::file::read_exact_at(&self.file, buffer, offset).map(|()| true);
        }
        read_without_waiting(&self.file, buffer, offset)
    }
}

#[cfg(target_os = "linux")]
fn is_in_memory(file: &File) -> bool {
    // TMPFS_MAGIC of linux/magic.h; such a file system knows no RWF_NOWAIT.
    const TMPFS: u32 = 0x0102_1994;
    rustix::fs::fstatfs(file).is_ok_and(|s| u32::try_from(s.f_type) == Ok(TMPFS))
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_file: &File) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn read_without_waiting(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let len = buffer.len();
    match preadv2(file, &mut [io::IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
        Ok(read) => Ok(read == len),
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn read_without_waiting(_file: &File, _buffer: &mut [u8], _offset: u64) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sys::file::write_all_at;

    fn reads_what_was_written(folder: &Path) -> CachedFile {
        let file = tempfile::tempfile_in(folder).unwrap();
        write_all_at(&file, b"0123456789", 0).unwrap();
        let file = CachedFile::new(file.into());
        let mut buffer = [0; 4];
        // What was just written is in memory.
        assert!(file.read_exact_at(&mut buffer, 3).unwrap() || cfg!(not(target_os = "linux")));
        assert!(buffer == *b"3456" || cfg!(not(target_os = "linux")));
        file
    }

    #[test]
    fn what_is_in_memory_is_read() {
        let file = reads_what_was_written(&std::env::current_dir().unwrap());
        assert!(!file.read_exact_at(&mut [0; 4], 8).unwrap(), "not all of it is there");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_system_without_a_disk_is_read_as_it_is() {
        let file = reads_what_was_written(Path::new("/dev/shm"));
        assert!(file.in_memory);
        assert_eq!(file.read_exact_at(&mut [0; 4], 8).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_on_the_disk_alone_is_not_waited_for() {
        use rustix::fs::{Advice, fadvise};
        let file = reads_what_was_written(&std::env::current_dir().unwrap());
        file.file().sync_all().unwrap();
        fadvise(file.file(), 0, None, Advice::DontNeed).unwrap();
        let is_gone = !file.read_exact_at(&mut [0; 4], 0).unwrap();
        assert!(is_gone || file.in_memory, "it came from the disk");
    }
}
