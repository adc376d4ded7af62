//! Where the socket of a peer lies: in its `.potluck`, or in a runtime folder of its user (sys/runtime.rs)
//! where the file system of `.potluck` has no sockets. Whoever asks finds it by the peer directory alone.

use std::io;
use std::path::{Path, PathBuf};

use super::SOCKET;
use crate::sys::folder::Folder;
use crate::sys::local::{self, Listener, Stream};
use crate::sys::owner::{Ownership, UserId};
use crate::sys::runtime;

/// The extension of sockets in a runtime folder.
const EXTENSION: &str = "sock";

/// A socket, by the folder that it lies in and its name there.
#[derive(Debug)]
pub(super) struct SocketPlace {
    folder: PathBuf,
    name: String,
    /// The peer directory. Some file systems give a folder that nobody has open another number (FUSE), by
    /// which the socket would not be found any more.
    _directory: Option<Folder>,
}

/// A socket that can be called.
#[derive(Debug)]
pub(super) struct BoundSocket {
    pub(super) place: SocketPlace,
    pub(super) listener: Listener,
}

impl SocketPlace {
    /// Makes the socket of the peer in `directory`, whose `.potluck` is there. The caller holds the
    /// directory's lock.
    ///
    /// # Errors
    /// Why it cannot lie in `.potluck`, if it cannot lie elsewhere either.
    pub(super) fn bind(directory: &Path) -> io::Result<BoundSocket> {
        let state = directory.join(".potluck");
        match Listener::bind(&state, SOCKET) {
            Ok(listener) => {
                let place = Self { folder: state, name: SOCKET.to_owned(), _directory: None };
                Ok(BoundSocket { place, listener })
            }
            Err(first) => Self::bind_elsewhere(directory).map_err(|second| {
                log::debug!("nor can it lie elsewhere: {second}");
                first
            }),
        }
    }

    fn bind_elsewhere(directory: &Path) -> io::Result<BoundSocket> {
        let open = Folder::open(directory)?;
        let (folder, name) = (runtime::make()?, runtime::name_for(directory, EXTENSION)?);
        let listener = Listener::bind(&folder, &name)?;
        log::debug!("commands reach this peer by {}", folder.join(&name).display());
        Ok(BoundSocket { place: Self { folder, name, _directory: Some(open) }, listener })
    }

    /// The folder that it lies in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes its name away. Who is connected stays so.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn remove(&self) -> io::Result<()> {
        local::remove(&self.folder, &self.name)
    }
}

/// Calls the peer that runs in `directory`.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` if none does; what else the operating system says.
pub(super) fn dial(directory: &Path) -> io::Result<Stream> {
    Stream::dial(&directory.join(".potluck"), SOCKET).or_else(|first| dial_elsewhere(directory).ok_or(first))
}

fn dial_elsewhere(directory: &Path) -> Option<Stream> {
    let name = runtime::name_for(directory, EXTENSION).ok()?;
    let own = UserId::own();
    // Root may ask the peers of others.
    let other =
        Ownership::at(directory).ok().map(|found| found.owner).filter(|user| own.is_root() && *user != own);
    let mut folders = [Some(own), other].into_iter().flatten().flat_map(runtime::of);
    folders.find_map(|folder| Stream::dial(&folder, &name).ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_peer_is_found_wherever_its_socket_lies() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".potluck");
        fs::create_dir(&state).unwrap();
        assert_eq!(dial(dir.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
        // A folder in the place of the socket stands for a file system without sockets.
        let in_the_way = state.join(SOCKET);
        for is_elsewhere in [false, true] {
            if is_elsewhere {
                fs::create_dir(&in_the_way).unwrap();
            }
            let bound = SocketPlace::bind(dir.path()).unwrap();
            assert_eq!(bound.place.folder != state, is_elsewhere);
            let _called = dial(dir.path()).unwrap();
            bound.listener.accept().unwrap();
            bound.place.remove().unwrap();
            assert!(dial(dir.path()).is_err());
        }
    }
}
