//! Engines that talk to each other over loopback, with disk workers in memory.

mod arrivals;
mod bench;
mod cached;
mod distribution;
mod hung;
mod keeping;
mod liar;
mod limited;
mod loopback;
mod memory_disk;
mod searches;
mod sent;
mod slices;
mod store;
mod timeouts;

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use mio::net::TcpListener;

use crate::address::{Host, Ports};
use crate::content::manifest::{ChunkHasher, Manifest, ManifestBuilder};
use crate::content::{Catalogue, ChunkIndex, Chunks, Entry, EntryKind, FileId, Head, SafePath, Span, Stamp};
use crate::disk::Arrival;
use crate::distribution::{
    CustodyCommand, CustodyEvent, CustodyHandle, start_distributee, start_distributor,
};
use crate::error::Failure;
use crate::identity::tls::Tls;
use crate::identity::{Contact, Identity, Instance, PeerId};
use crate::library::{ShareRoots, SharedFile, Shelf};
use crate::receiver::{ReceiverCommand, ReceiverEvent, ReceiverHandle, start_receiver};
use crate::sender::{
    KeptOf, SenderCommand, SenderEvent, SenderHandle, SharedContent, SharedReader, StoredFile, start_sender,
};
use crate::swarm::{Job, JobEvent, JobId, Wanted};
use crate::sys::bell::Bell;
use crate::sys::facts::Facts;
use crate::transfer::{Engine, EngineHandle};
use crate::wire::message::PeerRecord;

/// No test waits longer for anything.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) const HOST: Host = Host { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), scope: 0 };

pub(super) fn listener() -> (TcpListener, u16) {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

pub(super) fn manifest(bytes: &[u8]) -> Manifest {
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    let mut builder = ManifestBuilder::new(chunks);
    for index in chunks.iter() {
        let range = chunks.range(index);
        let mut hasher = ChunkHasher::new(chunks, index);
        hasher.update(&bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
        builder.push(hasher.finish().unwrap());
    }
    builder.finish().unwrap()
}

/// Starts a sender, and the reader of what it shares.
pub(super) fn start_sending(engine: Engine, listeners: Vec<TcpListener>, tls: Tls) -> SenderHandle {
    let reader = SharedReader::start(engine.bell()).unwrap();
    start_sender(engine, listeners, tls, reader).unwrap()
}

/// Bytes that tell their place.
pub(super) fn content(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// A peer that shares a temporary folder.
pub(super) struct Owner {
    pub(super) identity: Identity,
    pub(super) dir: tempfile::TempDir,
    pub(super) sender: Option<SenderHandle>,
    pub(super) port: u16,
    shelf: Shelf,
    version: u64,
}

impl Owner {
    pub(super) fn new() -> Self {
        let identity = Identity::generate().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let roots = ShareRoots { own: dir.path().to_owned(), ..ShareRoots::default() };
        let shelf = Shelf { roots: Arc::new(roots), ..Shelf::default() };
        let mut owner = Self { identity, dir, sender: None, port: 0, shelf, version: 0 };
        owner.start();
        owner
    }

    pub(super) fn start(&mut self) {
        let (socket, port) = listener();
        self.port = port;
        self.sender =
            Some(start_sending(Engine::new().unwrap(), vec![socket], Tls::new(&self.identity).unwrap()));
        for n in 1..=3 {
            let record = PeerRecord { at: ([10, 0, 0, 1], 9).into(), signed: Arc::from(*b"announcement") };
            self.send(SenderCommand::Table(PeerId([n; 32]), Some(record)));
        }
        self.offer();
    }

    pub(super) fn id(&self) -> PeerId {
        self.identity.id()
    }

    pub(super) fn contact(&self) -> Contact {
        let ports = Ports { receiver: 1, sender: self.port, distributor: 1, distributee: 1 };
        Contact { id: self.id(), hosts: vec![HOST], ports }
    }

    /// Shares files, and says so.
    pub(super) fn share(&mut self, files: &[(&str, &[u8])]) {
        let mut changes = BTreeMap::new();
        for (path, bytes) in files {
            let path: SafePath = path.parse().unwrap();
            let at = path.under(self.dir.path());
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(&at, bytes).unwrap();
            let manifest = manifest(bytes);
            let id = manifest.file();
            let kind =
                EntryKind::File { id, size: bytes.len() as u64, modified: 5, executable: false, since: 0 };
            let (stamp, manifest) = (stamp(&at), Arc::new(manifest));
            let file = SharedFile { path: path.clone(), stamp, manifest, since: 0 };
            self.shelf.files.insert(file);
            changes.insert(path, Some(kind));
        }
        self.shelf.catalogue = self.shelf.catalogue.changed(&changes);
        self.offer();
    }

    pub(super) fn offer(&mut self) {
        self.version += 1;
        let instance = Instance { count: 1, random: 1 };
        let head = self.shelf.catalogue.head(self.identity.public(), instance, self.version);
        let offer = SharedContent {
            head: head.sign(&self.identity).into(),
            shelf: Arc::new(self.shelf.clone()),
            ..SharedContent::default()
        };
        self.send(SenderCommand::Offer(Arc::new(offer)));
    }

    pub(super) fn send(&self, command: SenderCommand) {
        self.sender.as_ref().unwrap().send(command);
    }

    /// Lists a catalogue without files behind it.
    pub(super) fn list(&mut self, catalogue: Catalogue) {
        self.shelf.catalogue = catalogue;
        self.offer();
    }

    pub(super) fn catalogue(&self) -> Catalogue {
        self.shelf.catalogue.clone()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.shelf.catalogue.entries().cloned().collect()
    }
}

pub(super) fn stamp(at: &Path) -> Stamp {
    Stamp::of(&Facts::at(at).unwrap())
}

/// A peer that fetches, into memory.
pub(super) struct Getter {
    pub(super) handle: ReceiverHandle,
    pub(super) disk: memory_disk::Memory,
    pub(super) port: u16,
    pub(super) identity: Identity,
}

impl Getter {
    pub(super) fn new() -> Self {
        Self::of(Identity::generate().unwrap())
    }

    /// With this key.
    pub(super) fn of(identity: Identity) -> Self {
        let engine = Engine::new().unwrap();
        let (disk, commands, events) = memory_disk::Memory::start(engine.bell());
        let (socket, port) = listener();
        let tls = Tls::new(&identity).unwrap();
        let handle = start_receiver(engine, vec![socket], tls, commands, events).unwrap();
        Self { handle, disk, port, identity }
    }

    /// Waits for an event that `pick` takes.
    #[track_caller]
    pub(super) fn wait<T>(&self, mut pick: impl FnMut(ReceiverEvent) -> Option<T>) -> T {
        let end = crate::sys::clock::now() + DEADLINE;
        loop {
            let left = end.since(crate::sys::clock::now());
            let event = self.handle.events.recv_timeout(left).expect("nothing came in time");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    }

    #[track_caller]
    pub(super) fn wait_finished(&self, job: JobId) -> (u64, Option<Failure>) {
        self.wait(|event| match event {
            ReceiverEvent::Job(JobEvent::Finished(id, files, failure)) if id == job => Some((files, failure)),
            _ => None,
        })
    }

    pub(super) fn fetch(&self, number: u64, files: Vec<Wanted>) -> JobId {
        let id = JobId(number);
        let job =
            Job { id, destination: PathBuf::from("/nowhere"), files, folders: Vec::new(), background: false };
        self.handle.send(ReceiverCommand::Fetch(job));
        id
    }
}

pub(super) fn wanted(path: &str, bytes: &[u8], holders: &[PeerId]) -> Wanted {
    Wanted {
        here: None,
        id: blake3::hash(bytes).into(),
        size: bytes.len() as u64,
        modified: 5,
        executable: false,
        asked: path.into(),
        to: path.parse().unwrap(),
        holders: holders.to_vec(),
        keep: None,
        some: Vec::new(),
    }
}

/// Files by path, as they arrived.
pub(super) type Arrived = HashMap<PathBuf, Vec<u8>>;
