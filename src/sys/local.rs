//! The way from one process of a user to another on this machine: a Unix socket (unix(7)) that lies in a
//! folder of that user. Both ends name the folder, never a path of their own, for the path of a socket is
//! short: `sun_path` has 108 bytes on Linux, 104 elsewhere, and ends with a NUL.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Longest path that is handed to the operating system as it is.
const LONGEST: usize = 100;

/// Takes the calls of others.
#[derive(Debug)]
pub(crate) struct Listener(UnixListener);

/// A connection to the other process. Reads and writes go through a shared reference, too.
#[derive(Debug)]
pub(crate) struct Stream(UnixStream);

impl Listener {
    /// Listens as `name` in `folder`, for this user only. What lies there already is of a dead process and is
    /// replaced: the caller holds a lock that keeps others away.
    ///
    /// # Errors
    /// What the operating system says; some file systems have no sockets.
    pub(crate) fn bind(folder: &Path, name: &str) -> io::Result<Self> {
        remove(folder, name)?;
        let listener = with_short_path(folder, name, |path| UnixListener::bind(path))?;
        // Nobody can come in before this where the folder is its owner's alone.
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600))?;
        Ok(Self(listener))
    }

    /// Waits for the next call.
    ///
    /// # Errors
    /// What the operating system says; the next call may come all the same.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        self.0.accept().map(|(stream, _)| Stream(stream))
    }
}

/// Removes the listener's name, if it is there. Who is connected stays so.
///
/// # Errors
/// What the operating system says.
pub(crate) fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match std::fs::remove_file(folder.join(name)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

impl Stream {
    /// Calls whoever listens as `name` in `folder`.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` if nobody does; what else the operating system says.
    pub(crate) fn dial(folder: &Path, name: &str) -> io::Result<Self> {
        with_short_path(folder, name, |path| UnixStream::connect(path)).map(Self)
    }

    /// A second handle of the same connection, which ends when both are gone or one is shut down.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Ends one direction, or both (shutdown(2)).
    ///
    /// # Errors
    /// `NotConnected` if the other side is gone.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// Lets a read fail after this time (`None`: never).
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn set_read_timeout(&self, most: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(most)
    }

    /// Lets a write fail after this time (`None`: never).
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn set_write_timeout(&self, most: Option<Duration>) -> io::Result<()> {
        self.0.set_write_timeout(most)
    }

    /// True if the other side runs as this user, or as root, which can do anything here anyway (`SO_PEERCRED`
    /// of unix(7)). Other systems than Linux leave that to the rights on the folder, and it is true there.
    #[must_use]
    pub(crate) fn is_own_user(&self) -> bool {
        #[cfg(target_os = "linux")]
        return rustix::net::sockopt::socket_peercred(&self.0)
            .is_ok_and(|cred| cred.uid == rustix::process::geteuid() || cred.uid.is_root());
        #[cfg(not(target_os = "linux"))]
        true
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.0).flush()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Calls `act` with a path of `name` in `folder` that is short enough. A long one goes through the opened
/// folder.
fn with_short_path<T>(folder: &Path, name: &str, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    use std::os::fd::AsRawFd;
    let path = folder.join(name);
    if path.as_os_str().len() <= LONGEST || cfg!(not(target_os = "linux")) {
        return act(&path);
    }
    let folder = std::fs::File::open(folder)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;
    use crate::sys::thread::Thread;

    #[test]
    fn two_processes_of_a_user_talk_however_long_the_path_is() {
        let dir = tempfile::tempdir().unwrap();
        for folder in [dir.path().to_owned(), dir.path().join("x".repeat(120))] {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("way"), "of a dead process").unwrap();
            let listener = Listener::bind(&folder, "way").unwrap();
            assert_eq!(testing::mode(folder.join("way")), 0o600);
            let echo = Thread::spawn("echo", move || {
                let stream = listener.accept().unwrap();
                assert!(stream.is_own_user());
                let mut word = [0; 4];
                (&stream).read_exact(&mut word).unwrap();
                (&stream).write_all(&word).unwrap();
            })
            .unwrap();
            let mut stream = Stream::dial(&folder, "way").unwrap();
            stream.write_all(b"word").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "word");
            drop(echo);
            let e = Stream::dial(&folder, "way").unwrap_err();
            assert_eq!(e.kind(), io::ErrorKind::ConnectionRefused);
            remove(&folder, "way").unwrap();
            remove(&folder, "way").unwrap();
            assert_eq!(Stream::dial(&folder, "way").unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn who_is_silent_or_shut_down_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let listener = Listener::bind(dir.path(), "way").unwrap();
        let mut ours = Stream::dial(dir.path(), "way").unwrap();
        let theirs = listener.accept().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        assert_eq!(ours.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        theirs.set_write_timeout(Some(Duration::from_millis(10))).unwrap();
        assert!((&theirs).write_all(&vec![0; 64 << 20]).is_err());
        theirs.try_clone().unwrap().shutdown(Shutdown::Both).unwrap();
        ours.set_read_timeout(None).unwrap();
        assert!(ours.read_to_end(&mut Vec::new()).is_ok());
        assert_eq!((&theirs).read(&mut [0]).unwrap(), 0);
    }
}
