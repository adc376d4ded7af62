//! The threads of a running peer.

use std::io;
use std::path::Path;

use super::files::FilesHandle;
use super::sandboxes::{SandboxedPart, Sandboxes};
use crate::disk;
use crate::distribution::{CustodyHandle, chunk_store};
use crate::lan;
use crate::library;
use crate::receiver::ReceiverHandle;
use crate::sender::SenderHandle;
use crate::store;

/// All of them. Dropped in this order: discovery first, so that nobody hears from a peer whose other threads
/// are gone; the store behind the library, which tells it what it hashed; last whoever does what the user
/// asked for, which may take a while on a slow disk.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) discovery: lan::Handle,
    pub(super) receiver: ReceiverHandle,
    pub(super) sender: SenderHandle,
    pub(super) distributor: CustodyHandle,
    pub(super) distributee: CustodyHandle,
    pub(super) chunks: chunk_store::Handle,
    /// The disk workers, whose channels the receiver has; only their threads are kept here.
    pub(super) _disk: disk::Handle,
    pub(super) library: library::Handle,
    pub(super) store: store::Handle,
    pub(super) files: FilesHandle,
    pub(super) sandboxes: Sandboxes,
}

impl Parts {
    /// Disk workers for a destination, if it lies where those of `downloads/` cannot write.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub(super) fn workers_for(&mut self, destination: &Path) -> io::Result<Option<disk::Handle>> {
        if self.sandboxes.reach(destination) {
            return Ok(None);
        }
        let bell = self.receiver.bell();
        let part = SandboxedPart::DiskAt(destination.to_owned());
        let started = self.sandboxes.start(&part, || disk::start(move || bell.ring()));
        started.flatten().map(Some)
    }
}
