//! Giving back the blocks of a part of a file.

use std::fs::File;

/// Makes a hole of the `len` bytes at `offset` of `file`, which then are zeros; its length stays. False: this
/// system, or this file system, cannot, and the bytes stay.
#[must_use]
pub(crate) fn punch(file: &File, offset: u64, len: u64) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::FallocateFlags;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let punched = rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, flags, offset, len));
        punched.inspect_err(|e| log::debug!("no hole is made: {e}")).is_ok()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _unused: (&File, u64, u64) = (file, offset, len);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::facts::Facts;
    use crate::sys::file::{read_exact_at, write_all_at};

    #[test]
    fn bytes_become_a_hole_and_the_length_stays() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, &[7; 1 << 20], 0).unwrap();
        file.sync_all().unwrap();
        let before = Facts::of(&file).unwrap();
        let done = punch(&file, 64 << 10, 512 << 10);
        let after = Facts::of(&file).unwrap();
        assert_eq!(after.size, 1 << 20);
        let mut bytes = vec![1; 1 << 20];
        read_exact_at(&file, &mut bytes, 0).unwrap();
        assert!(bytes[..64 << 10].iter().chain(&bytes[576 << 10..]).all(|b| *b == 7));
        assert!(!done || bytes[64 << 10..576 << 10].iter().all(|b| *b == 0));
        assert!(!done || after.allocated < before.allocated, "{} bytes", after.allocated);
    }
}
