//! Where a sparse file has data.

use std::fs::File;
use std::ops::Range;

use rustix::fs::{SeekFrom, seek};

/// The first range of `file` at or after `from` that may hold data. Moves the file's cursor. On a file
/// system that cannot tell, everything up to `len` may.
#[must_use]
pub(crate) fn data_after(file: &File, from: u64, len: u64) -> Option<Range<u64>> {
    if from >= len {
        return None;
    }
    match seek(file, SeekFrom::Data(from)) {
        Ok(start) => {
            let end = seek(file, SeekFrom::Hole(start)).unwrap_or(len);
            (start < len && end > start).then_some(start..end)
        }
        Err(rustix::io::Errno::NXIO) => None,
        Err(_) => Some(from..len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::write_all_at;

    #[test]
    fn a_hole_is_skipped() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, &[1; 4096], 8 << 20).unwrap();
        let len = (8 << 20) + 4096;
        let data = data_after(&file, 0, len).unwrap();
        assert!(data.start <= 8 << 20 && data.end == len, "{data:?}");
        assert_eq!(data_after(&file, len, len), None);
    }
}
