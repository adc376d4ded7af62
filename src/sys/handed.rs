//! Standard output that one process hands to another one of its user over their connection (`SCM_RIGHTS`, unix(7)),
//! which then writes there itself: what goes through a pipe is not copied through a process that only passes it on.
//!
//! Only a pipe is handed over, for a write to it can be left where it would wait. It is opened again first, through
//! `/proc/self/fd` (proc_pid_fd(5)): whether a write waits is a matter of the open pipe, and others who have the same one
//! expect it to. Other systems than Linux hand nothing over.

use std::io::{self, IoSlice, Write};
use std::os::fd::OwnedFd;

use mio::{Interest, Registry, Token};

use super::local::{PolledStream, Stream};

/// Bytes that a pipe holds, if the system lets it (fcntl(2), `F_SETPIPE_SZ`): few enough for the limit that users have,
/// and so many that neither end waits for each piece.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;

/// Standard output, to be handed over.
#[derive(Debug)]
pub(crate) struct OwnOutput(OwnedFd);

/// The standard output of another process: a pipe that is written without waiting.
#[derive(Debug)]
pub(crate) struct HandedOutput(mio::unix::pipe::Sender);

#[cfg(target_os = "linux")]
mod linux {
    use core::mem::MaybeUninit;
    use std::io::{self, IoSlice, IoSliceMut};
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};

    use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fstat, open};
    use rustix::net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    };

    fn is_pipe(fd: impl AsFd) -> bool {
        fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
    }

    pub(super) fn open_again(output: impl AsFd) -> Option<OwnedFd> {
        if !is_pipe(output.as_fd()) {
            return None;
        }
        let path = format!("/proc/self/fd/{}", output.as_fd().as_raw_fd());
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let again = open(path, flags, Mode::empty()).ok()?;
        // What it holds already may be more, and the system may allow less.
        let _as_it_was = rustix::pipe::fcntl_setpipe_size(&again, super::PIPE);
        Some(again)
    }

    /// True if it is a pipe that can be written without waiting.
    pub(super) fn is_fit(fd: &OwnedFd) -> bool {
        let flags = fcntl_getfl(fd).unwrap_or(OFlags::empty());
        is_pipe(fd) && flags.contains(OFlags::WRONLY | OFlags::NONBLOCK)
    }

    pub(super) fn send(to: impl AsFd, bytes: &[u8], fd: &OwnedFd) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [fd.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&fds));
        Ok(sendmsg(to, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
    }

    pub(super) fn receive(from: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(from, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let fds = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        Ok((got.bytes, fds.flatten().last()))
    }
}

impl OwnOutput {
    /// Standard output, if it is a pipe that can be opened again. It is another one's once it was handed over and this
    /// is dropped.
    #[must_use]
    pub(crate) fn pipe() -> Option<Self> {
        #[cfg(target_os = "linux")]
        return linux::open_again(io::stdout()).map(Self);
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// As [`Self::pipe`], of any output.
    #[cfg(test)]
    pub(crate) fn of(output: &impl std::os::fd::AsFd) -> Option<Self> {
        #[cfg(target_os = "linux")]
        return linux::open_again(output).map(Self);
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// This, whatever it is.
    #[cfg(test)]
    pub(crate) fn unchecked(output: impl Into<OwnedFd>) -> Self {
        Self(output.into())
    }

    /// Hands it over with some of these bytes. Returns how many.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn hand_over(self, to: &Stream, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        return linux::send(to, bytes, &self.0);
        #[cfg(not(target_os = "linux"))]
        (&*to).write(bytes)
    }
}

/// Reads what the other process says, and takes what it hands over with it.
///
/// # Errors
/// As reading has them.
pub(crate) fn read(from: &mut PolledStream, bytes: &mut [u8]) -> io::Result<(usize, Option<HandedOutput>)> {
    #[cfg(target_os = "linux")]
    return linux::receive(&*from, bytes).map(|(len, fd)| (len, fd.and_then(HandedOutput::of)));
    #[cfg(not(target_os = "linux"))]
    io::Read::read(from, bytes).map(|len| (len, None))
}

impl HandedOutput {
    /// `None` if it is something else than a pipe that is written without waiting.
    #[cfg(target_os = "linux")]
    fn of(fd: OwnedFd) -> Option<Self> {
        linux::is_fit(&fd).then(|| Self(fd.into()))
    }

    /// Has the poll of this registry return with `token` when it takes more, or nobody reads it any more.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.0, token, Interest::WRITABLE)
    }

    /// Writes some of these pieces, as far as that goes without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if it takes nothing now, `BrokenPipe` if nobody reads it any more.
    pub(crate) fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(pieces)
    }
}
