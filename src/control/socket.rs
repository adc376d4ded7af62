//! The control socket's place, and the limit of 108 bytes on a socket's path.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Name of the socket in `.potluck`.
pub(super) const NAME: &str = "control.sock";

/// Longest path that is handed to the operating system as it is (`sun_path` is 108 bytes on Linux, 104
/// elsewhere, with a NUL at its end).
const LONGEST: usize = 100;

/// Calls `act` with a path of the socket in `state` that is short enough. A long one goes through the
/// opened folder.
fn with_short_path<T>(state: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = state.join(NAME);
    if path.as_os_str().len() <= LONGEST || cfg!(not(target_os = "linux")) {
        return act(&path);
    }
    use std::os::fd::AsRawFd;
    let folder = std::fs::File::open(state)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd())))
}

/// Dials the peer whose state lies in `state`.
pub(super) fn dial(state: &Path) -> io::Result<UnixStream> {
    with_short_path(state, |path| UnixStream::connect(path))
}

/// Listens in `state`. A socket that lies there already is of a dead process and is replaced: the
/// caller holds the directory's lock.
pub(super) fn listen(state: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    remove(state)?;
    let listener = with_short_path(state, |path| UnixListener::bind(path))?;
    // Nobody can come in before this: the folder itself is 0700.
    std::fs::set_permissions(state.join(NAME), std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes the socket, if there is one.
pub(super) fn remove(state: &Path) -> io::Result<()> {
    match std::fs::remove_file(state.join(NAME)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
