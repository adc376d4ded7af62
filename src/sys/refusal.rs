//! Why the operating system refused something, in words that every system has.
//!
//! Where [`io::ErrorKind`] tells enough, that is asked; this is for what it does not tell apart.

use std::io;

use rustix::io::Errno;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing lies there (`ENOENT`).
    Gone,
    /// A symbolic link lies there, and none is followed (`ELOOP`; `EMLINK` on FreeBSD).
    Link,
    /// Something else lies where a folder is needed (`ENOTDIR`).
    NotFolder,
    /// A socket, a device, a pipe or a folder lies where a regular file is needed (`ENXIO`, or
    /// [`Folder::open_file`](super::folder::Folder::open_file) says so).
    NotFile,
    /// This user may not do it (`EACCES`, `EPERM`).
    Denied,
    /// The file system cannot be written (`EROFS`).
    ReadOnly,
    /// This process, or this machine, has too many files and connections open (`EMFILE`, `ENFILE`).
    TooManyOpen,
    /// The file system is full, or this user has their share of it (`ENOSPC`, `EDQUOT`).
    NoRoom,
    /// No file may be so large: on this file system (4 GiB on FAT), or for this process (`EFBIG`).
    TooLarge,
    /// Another program has this port (`EADDRINUSE`).
    InUse,
    /// This machine lacks this protocol or address (`EAFNOSUPPORT`, `EPROTONOSUPPORT`, `EADDRNOTAVAIL`).
    NoAddress,
    /// Anything else.
    Other,
}

/// What `e` means. The errors behind each value are those of POSIX (errno.h), which errno(3) lists for Linux;
/// an error that no system made is recognized by its kind.
#[must_use]
pub(crate) fn refusal(e: &io::Error) -> Refusal {
    let Some(errno) = Errno::from_io_error(e) else { return by_kind(e.kind()) };
    match errno {
        Errno::NOENT => Refusal::Gone,
        Errno::LOOP | Errno::MLINK => Refusal::Link,
        Errno::NOTDIR => Refusal::NotFolder,
        Errno::NXIO => Refusal::NotFile,
        Errno::ACCESS | Errno::PERM => Refusal::Denied,
        Errno::ROFS => Refusal::ReadOnly,
        Errno::MFILE | Errno::NFILE => Refusal::TooManyOpen,
        Errno::NOSPC | Errno::DQUOT => Refusal::NoRoom,
        Errno::FBIG => Refusal::TooLarge,
        Errno::ADDRINUSE => Refusal::InUse,
        Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::ADDRNOTAVAIL => Refusal::NoAddress,
        _ => Refusal::Other,
    }
}

/// True for what a system or a file system says that does not have a call, or not here: it lacks the call
/// (`ENOSYS`), the file system does (`ENOTSUP`, `EINVAL`, and `EPERM` for hard links on FAT), or a list of
/// refused calls does not know it yet (`EPERM` in older containers, `EACCES` on phones). Where the call is
/// there and not allowed, what is done instead says so again.
pub(super) const fn is_missing(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::NOTSUP | Errno::INVAL | Errno::PERM | Errno::ACCESS)
}

const fn by_kind(kind: io::ErrorKind) -> Refusal {
    match kind {
        io::ErrorKind::NotFound => Refusal::Gone,
        io::ErrorKind::NotADirectory => Refusal::NotFolder,
        io::ErrorKind::InvalidInput => Refusal::NotFile,
        io::ErrorKind::PermissionDenied => Refusal::Denied,
        io::ErrorKind::ReadOnlyFilesystem => Refusal::ReadOnly,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::NoRoom,
        io::ErrorKind::FileTooLarge => Refusal::TooLarge,
        io::ErrorKind::AddrInUse => Refusal::InUse,
        io::ErrorKind::AddrNotAvailable => Refusal::NoAddress,
        _ => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::folder::Folder;
    use crate::sys::testing;

    #[test]
    fn what_lies_in_the_way_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "text").unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        testing::link("file", dir.path().join("link"));
        testing::pipe(dir.path().join("pipe"));
        let socket = testing::socket(dir.path().join("socket"));
        let folder = Folder::open(dir.path()).unwrap();
        let of_file = |name: &str| refusal(&folder.open_file(name, false).unwrap_err());
        assert_eq!(of_file("nothing"), Refusal::Gone);
        assert_eq!(of_file("link"), Refusal::Link);
        for name in ["sub", "pipe", "socket"] {
            assert_eq!(of_file(name), Refusal::NotFile, "{name}");
        }
        assert_eq!(refusal(&folder.enter("file").unwrap_err()), Refusal::NotFolder);
        drop(socket);
    }

    #[test]
    fn an_error_of_the_program_and_one_of_the_system_mean_the_same() {
        for (kind, errno, expected) in [
            (io::ErrorKind::NotFound, Errno::NOENT, Refusal::Gone),
            (io::ErrorKind::PermissionDenied, Errno::ACCESS, Refusal::Denied),
            (io::ErrorKind::StorageFull, Errno::NOSPC, Refusal::NoRoom),
            (io::ErrorKind::QuotaExceeded, Errno::DQUOT, Refusal::NoRoom),
            (io::ErrorKind::ReadOnlyFilesystem, Errno::ROFS, Refusal::ReadOnly),
            (io::ErrorKind::FileTooLarge, Errno::FBIG, Refusal::TooLarge),
            (io::ErrorKind::AddrInUse, Errno::ADDRINUSE, Refusal::InUse),
            (io::ErrorKind::AddrNotAvailable, Errno::ADDRNOTAVAIL, Refusal::NoAddress),
            (io::ErrorKind::ConnectionReset, Errno::CONNRESET, Refusal::Other),
        ] {
            assert_eq!(refusal(&kind.into()), expected, "{kind:?}");
            assert_eq!(refusal(&errno.into()), expected, "{errno:?}");
        }
        for errno in [Errno::MFILE, Errno::NFILE] {
            assert_eq!(refusal(&errno.into()), Refusal::TooManyOpen);
        }
        for errno in [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT] {
            assert_eq!(refusal(&errno.into()), Refusal::NoAddress);
        }
    }
}
