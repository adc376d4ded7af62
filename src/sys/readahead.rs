//! Telling the operating system that a file is about to be read from its beginning to its end.

use std::fs::File;
use std::io;

/// Lets the operating system read further ahead in `file` than it would by itself: Linux twice as far
/// (`POSIX_FADV_SEQUENTIAL` of posix_fadvise(2)). macOS has no such call, and nothing is done there.
///
/// # Errors
/// What the operating system says; the file can be read all the same.
pub(crate) fn sequential(file: &File) -> io::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential)?;
    #[cfg(target_vendor = "apple")]
    let _unused = file;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_ahead_and_a_pipe_is_not() {
        sequential(&tempfile::tempfile().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        crate::sys::testing::pipe(dir.path().join("pipe"));
        let pipe = File::options().read(true).write(true).open(dir.path().join("pipe")).unwrap();
        assert!(sequential(&pipe).is_err() || cfg!(target_vendor = "apple"));
    }
}
