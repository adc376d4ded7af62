//! What is done with an open file: read and written at a place, brought to the disk, given its time and
//! rights.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Mode, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, futimens};
use rustix::io::Errno;

use super::refusal::is_missing;

/// Who may read.
const READ: Mode = Mode::RUSR.union(Mode::RGRP).union(Mode::ROTH);

/// Who may run.
const RUN: Mode = Mode::XUSR.union(Mode::XGRP).union(Mode::XOTH);

/// All rights, without what lets a program run as another user.
pub(super) const RIGHTS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// What nobody but the owner ever gets on a file that arrived: to write.
const OTHERS_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

/// Reads bytes at `offset` into `buffer`, and says how many: fewer than fit near the end, 0 at or behind it.
/// The cursor of the file stays, so several threads may read one file at a time (pread(2)).
///
/// # Errors
/// What the operating system says.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Fills `buffer` with the bytes at `offset` (pread(2)).
///
/// # Errors
/// `UnexpectedEof` if the file ends before; what the operating system says. `buffer` may be filled in part
/// then.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buffer, offset)
}

/// Writes all of `bytes` at `offset`; what lies between the end of the file and there becomes a hole. The
/// cursor of the file stays (pwrite(2)).
///
/// # Errors
/// `StorageFull`, or what else the operating system says; some of the bytes may be written then.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Brings the file's content, times and rights to the disk (fsync(2); on macOS `F_FULLFSYNC`). The file must
/// be open for writing: POSIX syncs any, other systems (`FlushFileBuffers` of Windows) refuse one that is
/// open for reading. Where files cannot be synced, that is no error: nothing better can be had there.
///
/// # Errors
/// What the operating system says.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    debug_assert!(is_writable(file), "not all systems can sync what is open for reading only");
    unless_missing(file.sync_all())
}

/// As [`sync`], without what is not needed to read the content again (fdatasync(2)).
///
/// # Errors
/// What the operating system says.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    debug_assert!(is_writable(file), "not all systems can sync what is open for reading only");
    unless_missing(file.sync_data())
}

/// A sync that is not to be had here counts as done.
fn unless_missing(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(e) if Errno::from_io_error(&e).is_some_and(is_missing) => {
            log::debug!("a file is not synced: {e}");
            Ok(())
        }
        done => done,
    }
}

/// True if the file was opened for writing, or that is unknown (`F_GETFL` of fcntl(2)).
fn is_writable(file: &File) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};
    fcntl_getfl(file).is_ok_and(|flags| flags.intersects(OFlags::WRONLY | OFlags::RDWR))
}

/// Sets the modification time, in milliseconds since 1970, also before it; the time of access stays
/// (futimens(3)).
///
/// # Errors
/// What the operating system says.
pub(crate) fn set_modified(file: &File, milliseconds: i64) -> io::Result<()> {
    let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let modified = Timespec {
        tv_sec: milliseconds.div_euclid(1_000),
        tv_nsec: milliseconds.rem_euclid(1_000) * 1_000_000,
    };
    Ok(futimens(file, &Timestamps { last_access: omit, last_modification: modified })?)
}

/// Lets all who may read the file run it, or nobody (fchmod(2)). That others may write it, or that it runs as
/// another user, goes either way. Systems that have no such right do nothing.
///
/// # Errors
/// What the operating system says.
pub(crate) fn set_executable(file: &File, executable: bool) -> io::Result<()> {
    let had = Mode::from_raw_mode(fstat(file)?.st_mode) & RIGHTS;
    let may_run = Mode::from_raw_mode((had & READ).bits() >> 2);
    let wanted = if executable { had | may_run } else { had - RUN };
    if wanted - OTHERS_WRITE != had {
        fchmod(file, wanted - OTHERS_WRITE)?;
    }
    Ok(())
}

/// Makes the file at `path`, which no other user may open (mode 0600); one that is there stays as it is
/// (open(2)).
///
/// # Errors
/// What the operating system says.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    File::options().append(true).create(true).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sys::facts::Facts;
    use crate::sys::testing;

    #[test]
    fn bytes_go_where_they_belong_and_are_read_from_there() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, b"there", 10).unwrap();
        write_all_at(&file, b"here", 0).unwrap();
        let mut all = [1; 20];
        assert_eq!(read_at(&file, &mut all, 0).unwrap(), 15);
        assert_eq!(&all[..15], b"here\0\0\0\0\0\0there");
        assert_eq!(read_at(&file, &mut all, 15).unwrap(), 0);
        read_exact_at(&file, &mut all[..5], 10).unwrap();
        assert_eq!(&all[..5], b"there");
        let e = read_exact_at(&file, &mut all[..6], 10).unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::UnexpectedEof);
        sync(&file).unwrap();
        sync_data(&file).unwrap();
    }

    #[test]
    fn a_sync_that_fails_is_told_apart_from_one_that_is_not_to_be_had() {
        for errno in [Errno::NOSYS, Errno::INVAL, Errno::NOTSUP, Errno::PERM] {
            unless_missing(Err(errno.into())).unwrap();
        }
        for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::STALE] {
            assert_eq!(Errno::from_io_error(&unless_missing(Err(errno.into())).unwrap_err()), Some(errno));
        }
    }

    #[test]
    fn what_is_open_for_reading_only_is_not_synced() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(is_writable(file.as_file()));
        assert!(is_writable(&File::options().append(true).open(file.path()).unwrap()));
        assert!(!is_writable(&File::open(file.path()).unwrap()));
    }

    #[test]
    fn a_time_is_kept_to_the_millisecond_before_1970_too() {
        let file = tempfile::tempfile().unwrap();
        for time in [1_000_000_000_250, 0, -1_500] {
            set_modified(&file, time).unwrap();
            assert_eq!(Facts::of(&file).unwrap().modified, i128::from(time) * 1_000_000);
        }
    }

    #[test]
    fn who_may_read_may_run_and_nobody_else_writes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (had, executable, expected) in [
            (0o644, true, 0o755),
            (0o600, true, 0o700),
            (0o640, true, 0o750),
            (0o666, true, 0o755),
            (0o755, false, 0o644),
            (0o777, false, 0o644),
            (0o644, false, 0o644),
            (0o755, true, 0o755),
        ] {
            testing::set_mode(file.path(), had);
            set_executable(file.as_file(), executable).unwrap();
            assert_eq!(testing::mode(file.path()), expected, "{had:o} {executable}");
            assert_eq!(Facts::of(file.as_file()).unwrap().executable, executable);
        }
    }

    #[test]
    fn a_private_file_is_made_and_one_that_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private");
        make_private(&path).unwrap();
        assert_eq!(testing::mode(&path), 0o600);
        fs::write(&path, "text").unwrap();
        make_private(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"text");
    }
}
