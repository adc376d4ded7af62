//! How much space a file system has.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// That this user may still write.
    pub available: u64,
    /// In all.
    pub total: u64,
}

/// The space on the file system that `file` (or folder) lies on.
///
/// # Errors
/// What the operating system says.
pub(crate) fn space(file: impl AsFd) -> io::Result<Space> {
    Ok(of(&rustix::fs::fstatvfs(file)?))
}

/// As [`space`], of the file system on which a folder lies. It is not opened, so whoever may open nothing can ask.
///
/// # Errors
/// What the operating system says.
pub(crate) fn space_at(folder: &Path) -> io::Result<Space> {
    Ok(of(&rustix::fs::statvfs(folder)?))
}

fn of(s: &rustix::fs::StatVfs) -> Space {
    let unit = if s.f_frsize == 0 { s.f_bsize } else { s.f_frsize };
    Space { available: s.f_bavail.saturating_mul(unit), total: s.f_blocks.saturating_mul(unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_more_in_all_than_is_free() {
        let file = tempfile::tempfile().unwrap();
        let s = space(&file).unwrap();
        assert!(s.total >= s.available && s.total > 0, "{s:?}");
        assert!(space_at(&std::env::temp_dir()).unwrap().total > 0);
    }
}
