//! The threads of a running peer.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::counted::counters_row;
use super::file_work::LocalFacts;
use super::files::FilesHandle;
use super::output::{SendingOrder, ShareOrder};
use super::sandboxes::{SandboxedPart, Sandboxes};
use super::sending_parts::SendingParts;
use super::share_parts::ShareParts;
use crate::counters::Counters;
use crate::dht::DhtHandle;
use crate::disk;
use crate::distribution::chunk_store::SharedCheck;
use crate::distribution::{CustodyHandle, chunk_store};
use crate::error::Failure;
use crate::index::shell::IndexHandle;
use crate::lan;
use crate::library;
use crate::library::Share;
use crate::port_mapping::PortMappingHandle;
use crate::receiver::{ReceiverCommand, ReceiverEvent, ReceiverHandle};
use crate::routes::{LinksHandle, Resolver};
use crate::sender::{SenderCommand, SenderHandle};
use crate::store;
use crate::swarm::{Job, JobEvent};
use crate::text;

/// All of them. Dropped in this order: discovery first, so that nobody hears from a peer whose other threads
/// are gone; the store behind the library, which tells it what it hashed; last whoever does what the user
/// asked for, which may take a while on a slow disk.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) discovery: lan::Handle,
    /// `None` unless the user wants a port mapped.
    pub(super) mapping: Option<PortMappingHandle>,
    /// `None` without `--wan`, or once it ended by a fault.
    pub(super) dht: Option<DhtHandle>,
    pub(super) receiver: ReceiverHandle,
    pub(super) sender: SenderHandle,
    pub(super) distributor: CustodyHandle,
    pub(super) distributee: CustodyHandle,
    pub(super) links: LinksHandle,
    pub(super) index: IndexHandle,
    pub(super) resolver: Resolver,
    pub(super) chunks: chunk_store::Handle,
    /// The disk workers, whose channels the receiver has; only their threads are kept here.
    pub(super) _disk: disk::Handle,
    pub(super) library: library::Handle,
    pub(super) shares: ShareParts,
    pub(super) sending: SendingParts,
    pub(super) store: store::Handle,
    pub(super) files: FilesHandle,
    pub(super) sandboxes: Sandboxes,
    /// What they count.
    pub(super) counters: Arc<Counters>,
}

impl Parts {
    /// Has a job done by disk workers that can write in its destination. `Some`: it is over, for none could be
    /// had.
    pub(super) fn fetch(&mut self, job: Job) -> Option<ReceiverEvent> {
        match self.workers_for(&job.destination) {
            Ok(None) => self.receiver.send(ReceiverCommand::Fetch(job)),
            Ok(Some(workers)) => self.receiver.send(ReceiverCommand::FetchBy(job, workers)),
            Err(e) => {
                let failure = Failure::other(format!("a thread cannot be had: {e}"));
                return Some(ReceiverEvent::Job(JobEvent::Finished(job.id, 0, Some(failure))));
            }
        }
        None
    }

    /// Disk workers for a destination, if it lies where those of `downloads/` cannot write.
    fn workers_for(&mut self, destination: &Path) -> io::Result<Option<disk::Handle>> {
        if self.sandboxes.reach(destination) {
            return Ok(None);
        }
        let bell = self.receiver.bell();
        let part = SandboxedPart::DiskAt(destination.to_owned());
        let started = self.sandboxes.start(&part, || disk::start(move || bell.ring()));
        started.flatten().map(Some)
    }

    /// Does what is to be done for a share.
    ///
    /// # Errors
    /// When the operating system has no thread to give; in words.
    pub(super) fn share(&mut self, order: ShareOrder) -> Result<(), String> {
        match order {
            ShareOrder::Begin(share) => self.begin_share(share),
            ShareOrder::End(name) => {
                self.shares.end(&name);
                self.sender.send(SenderCommand::Reader(name, None));
                Ok(())
            }
            ShareOrder::Tell(name, command) => {
                self.shares.tell(&name, command);
                Ok(())
            }
            ShareOrder::ReadAgain(name, shelf) => {
                let check = SharedCheck { shelf, share: Some(name.clone()) };
                let read = self.chunks.read_again();
                let done = self.shares.read_again(&mut self.sandboxes, &name, check, read);
                done.map_err(|e| {
                    self.chunks.read_again().nothing();
                    format!("{} cannot be read again: {e}", text::shown(name.as_str()))
                })
            }
        }
    }

    /// Starts the threads of a share.
    ///
    /// # Errors
    /// As [`Self::share`].
    pub(super) fn begin_share(&mut self, share: Share) -> Result<(), String> {
        let name = share.name.clone();
        let reader = self.shares.begin(&mut self.sandboxes, self.sender.bell(), share);
        let reader = reader
            .map_err(|e| format!("{} cannot be shared: no thread for it: {e}", text::shown(name.as_str())))?;
        self.sender.send(SenderCommand::Reader(name, Some(reader)));
        Ok(())
    }

    /// Does what is to be done for an offer of this peer.
    ///
    /// # Errors
    /// When the operating system has no thread to give; with the number of the offer.
    pub(super) fn send(&mut self, order: SendingOrder) -> Result<(), (u64, Failure)> {
        match order {
            SendingOrder::Begin(number, roots) => {
                let readers = self.sending.begin(&mut self.sandboxes, &self.sender, number, roots);
                readers.map_err(|e| (number, Failure::other(format!("a thread cannot be had: {e}"))))
            }
            SendingOrder::End(number) => {
                self.sending.end(number, &self.sender);
                Ok(())
            }
        }
    }

    /// What `status` tells of them; nothing was looked up for it.
    pub(super) fn facts(&self) -> LocalFacts {
        LocalFacts {
            counters: counters_row(&self.counters, &self.discovery.tally),
            confinement: self.sandboxes.confinement(),
            unfinished: Vec::new(),
            key_exported: false,
        }
    }
}
