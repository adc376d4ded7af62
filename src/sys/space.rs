//! How much space a file system has.

use std::io;
use std::os::fd::AsFd;

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
    let s = rustix::fs::fstatvfs(file)?;
    let unit = if s.f_frsize == 0 { s.f_bsize } else { s.f_frsize };
    Ok(Space { available: s.f_bavail.saturating_mul(unit), total: s.f_blocks.saturating_mul(unit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_more_in_all_than_is_free() {
        let file = tempfile::tempfile().unwrap();
        let s = space(&file).unwrap();
        assert!(s.total >= s.available && s.total > 0, "{s:?}");
    }
}
