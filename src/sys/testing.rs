//! What tests need of the operating system and the program does not: links, pipes, rights, odd names. Only
//! for tests.

use core::time::Duration;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, RenameFlags};
use rustix::process::{Resource, Rlimit};
use rustix::time::ClockId;

/// Makes a symbolic link at `at` that leads to `to`.
pub(crate) fn link(to: impl AsRef<Path>, at: impl AsRef<Path>) {
    try_link(to, at).unwrap();
}

/// As [`link`], where it may be impossible.
pub(crate) fn try_link(to: impl AsRef<Path>, at: impl AsRef<Path>) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

/// A folder in memory; `None` where there can be none.
pub(crate) fn folder_in_memory() -> Option<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").ok()
}

/// Makes a named pipe (FIFO).
pub(crate) fn pipe(at: impl AsRef<Path>) {
    rustix::fs::mknodat(CWD, at.as_ref(), FileType::Fifo, Mode::from(0o600), 0).unwrap();
}

/// Makes a socket, at which nobody answers.
pub(crate) fn socket(at: impl AsRef<Path>) -> impl Sized {
    UnixListener::bind(at).unwrap()
}

/// Lets two files or folders change places in one step.
pub(crate) fn swap(one: &Path, other: &Path) {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

/// The rights on a file or folder: nine bits and the three above them.
pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Sets the rights on a file or folder.
pub(crate) fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A name that is not UTF-8.
pub(crate) fn not_utf8() -> OsString {
    OsString::from_vec(b"not\xffutf8".to_vec())
}

/// True if this thread may signal the process that started this one.
pub(crate) fn signals_another_process() -> bool {
    rustix::process::getppid().is_some_and(|parent| rustix::process::test_kill_process(parent).is_ok())
}

/// What the processors did for this process so far, user and system.
pub(crate) fn cpu_time() -> Duration {
    let t = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap(), u32::try_from(t.tv_nsec).unwrap())
}

/// Lets this process open descriptors up to `wanted` in all, fewer than now if need be; gives how many were
/// allowed.
pub(crate) fn limit_descriptors(wanted: u64) -> u64 {
    let before = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..before }).unwrap();
    before.current.unwrap()
}

/// Has the system forget what it has in memory of a file that is on its disk, where that can be had.
pub(crate) fn forget_cached(file: &fs::File) {
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}
