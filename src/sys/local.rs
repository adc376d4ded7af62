//! The way from one process of a user to another on this machine: a Unix socket (unix(7)) that lies in a
//! folder of that user. Both ends name the folder, never a path of their own, for the path of a socket is
//! short: `sun_path` has 108 bytes on Linux, 104 elsewhere, and ends with a NUL.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use mio::{Interest, Registry, Token};

use super::owner::{Ownership, UserId};

/// The number by which a process hears of a user that it has no number for: one of outside its user namespace
/// (user_namespaces(7), `/proc/sys/kernel/overflowuid`).
const NO_NUMBER: u32 = 65_534;

/// Longest path that is handed to the operating system as it is.
const LONGEST: usize = 100;

/// Takes the calls of others.
#[derive(Debug)]
pub(crate) struct Listener(UnixListener);

/// A connection to the other process. Reads and writes go through a shared reference, too.
#[derive(Debug)]
pub(crate) struct Stream(UnixStream);

/// A listener that waits for nobody: a poll tells when somebody calls.
#[derive(Debug)]
pub(crate) struct PolledListener(mio::net::UnixListener);

/// A connection that is read and written without waiting.
#[derive(Debug)]
pub(crate) struct PolledStream(mio::net::UnixStream);

impl Listener {
    /// Listens as `name` in `folder`, for this user only. What lies there already is of a dead process and is
    /// replaced: the caller holds a lock that keeps others away.
    ///
    /// # Errors
    /// What the operating system says; some file systems have no sockets.
    pub(crate) fn bind(folder: &Path, name: &str) -> io::Result<Self> {
        remove(folder, name)?;
        let listener = with_short_path(folder, name, |path| UnixListener::bind(path))?;
        // Where the folder is its owner's alone, nobody else can come in before this, nor without it.
        if let Err(e) = std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)) {
            log::debug!("the rights of a socket stay as they are: {e}");
        }
        Ok(Self(listener))
    }

    /// Waits for the next call.
    ///
    /// # Errors
    /// What the operating system says; the next call may come all the same.
    #[cfg(test)]
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        self.0.accept().map(|(stream, _)| Stream(stream))
    }

    /// Has the poll of this registry return with `token` when somebody calls.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn polled(self, registry: &Registry, token: Token) -> io::Result<PolledListener> {
        self.0.set_nonblocking(true)?;
        let mut listener = mio::net::UnixListener::from_std(self.0);
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(PolledListener(listener))
    }
}

impl PolledListener {
    /// Takes the next call.
    ///
    /// # Errors
    /// `WouldBlock` if nobody calls; what else the operating system says.
    pub(crate) fn accept(&self) -> io::Result<PolledStream> {
        self.0.accept().map(|(stream, _)| PolledStream(stream))
    }
}

impl PolledStream {
    /// Has the poll of this registry return with `token` for whatever happens on the connection.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.0, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// As whom the other side runs (`SO_PEERCRED` of unix(7)); `None` if this process has no number for that user.
    /// That process may be in another PID namespace, where it has no number here, and be of the same user. Other
    /// systems than Linux leave all this to the rights on the folder: there it is this user.
    #[must_use]
    pub(crate) fn user(&self) -> Option<UserId> {
        #[cfg(target_os = "linux")]
        return nix::sys::socket::getsockopt(&self.0, nix::sys::socket::sockopt::PeerCredentials)
            .ok()
            .map(|credentials| credentials.uid())
            .filter(|number| *number != NO_NUMBER)
            .map(UserId::of);
        #[cfg(not(target_os = "linux"))]
        Some(UserId::own())
    }
}

/// True if nobody but this user, and root of here or of outside, can come in through this folder.
#[must_use]
pub(crate) fn is_closed(folder: &Path) -> bool {
    Ownership::at(folder).is_ok_and(|found| found.owner == UserId::own() && !found.is_open())
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

    /// Lets a read fail after this time (`None`: never).
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn set_read_timeout(&self, most: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(most)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for PolledStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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

impl Read for PolledStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for PolledStream {
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
    fn who_calls_is_known_and_nobody_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        testing::set_mode(dir.path(), 0o700);
        let mut poll = mio::Poll::new().unwrap();
        let listener = Listener::bind(dir.path(), "way").unwrap();
        let listener = listener.polled(poll.registry(), Token(0)).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut ours = Stream::dial(dir.path(), "way").unwrap();
        let mut events = mio::Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
        let mut theirs = listener.accept().unwrap();
        assert_eq!(theirs.user(), Some(UserId::own()));
        assert!(is_closed(dir.path()));
        testing::set_mode(dir.path(), 0o701);
        assert!(!is_closed(dir.path()) && !is_closed(Path::new("/nothing/here")));
        assert_eq!(theirs.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(theirs.write_all(&vec![0; 64 << 20]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        ours.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        ours.read_exact(&mut [0; 4]).unwrap();
        theirs.register(poll.registry(), Token(7)).unwrap();
        drop(ours);
        let is_gone = |event: &mio::event::Event| event.token() == Token(7) && event.is_write_closed();
        while !events.iter().any(is_gone) {
            poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
            assert!(!events.is_empty());
        }
    }
}
