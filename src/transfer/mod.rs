//! Moving bytes between peers: one mio engine, four roles (DESIGN §2, §5).
//!
//! Each role is a thread that runs one [`Engine`]: engine.rs (the loop), net.rs (who is connected),
//! connection.rs (TLS and frames). What a role does is in receiver.rs, sender/ and custody.rs; what
//! they decide is in pure machines: swarm/, catalogue/, kept.rs, serve.rs, rate.rs, yielding.rs,
//! dialback.rs.

mod catalogue;
mod connection;
mod custody;
mod dialback;
mod disks;
mod engine;
mod giving;
mod holding;
mod kept;
mod net;
pub mod ports;
mod rate;
mod receiver;
mod sender;
mod serve;
mod swarm;
#[cfg(test)]
mod tests;
mod yielding;

pub use custody::{CustodyCommand, CustodyEvent};
pub use engine::{Bell, Engine, Handle};
pub use rate::Limit;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use mio::net::TcpListener;

use self::custody::{CustodyRole, Port};
use self::rate::Gate;
use self::receiver::ReceiverRole;
use self::sender::SenderRole;
use self::swarm::Swarm;
use crate::content::library::Shelf;
use crate::content::{Catalogue, ChunkIndex, Claim, FileId, Head, SafePath};
use crate::disk;
use crate::error::Failure;
use crate::identity::PeerId;
use crate::identity::fill_random;
use crate::identity::tls::Tls;
use crate::routes::{Contact, Host};
use crate::sys::descriptors;
use crate::wire::custody::Span;
use crate::wire::message::{KeptFile, Told};

/// Number of a download, for as long as this peer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// One file to be fetched.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its content.
    pub id: FileId,
    /// Bytes, as its owner says; the last chunk proves it.
    pub size: u64,
    /// Modification time, milliseconds since 1970.
    pub modified: i64,
    /// Whether it gets the executable bit.
    pub executable: bool,
    /// The word of the user that brings it.
    pub asked: Arc<str>,
    /// Where it goes, below the job's destination.
    pub to: SafePath,
    /// Peers that hold all of it.
    pub holders: Vec<PeerId>,
    /// Only these chunks are wanted, and they are kept as a partial file: it gets no name at its destination.
    pub keep: Option<Span>,
    /// Peers that may have some of it: they are asked what they have.
    pub some: Vec<PeerId>,
}

impl Wanted {
    /// Bytes that are wanted of it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.keep.map_or(self.size, |span| span.bytes(self.size))
    }
}

/// A download: one file, several, or a folder.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// The folder that everything goes into. It exists.
    pub destination: PathBuf,
    /// The files.
    pub files: Vec<Wanted>,
    /// Empty folders to make.
    pub folders: Vec<SafePath>,
    /// It gives way: while bytes of another job come, little is asked for it.
    pub background: bool,
}

/// What the controller asks of the receiver.
#[derive(Debug)]
pub enum ReceiverCommand {
    /// How to reach a peer; sent before it is named as a holder, and again when it changes.
    Peer(Contact),
    /// A peer is gone: what it owed is asked of others.
    Gone(PeerId),
    /// Fetch this.
    Fetch(Job),
    /// Fetch this by disk workers of its own, because the others cannot write in its destination. They
    /// must ring the receiver's bell after each event.
    FetchBy(Job, disk::Handle),
    /// What goes to this folder or below it is done by these disk workers, for as long as this part runs. They
    /// must ring the receiver's bell after each event.
    Store(PathBuf, disk::Handle),
    /// More holders of a content that is being fetched or waited for.
    Holders(Claim, Vec<PeerId>),
    /// Peers that fetch a content too, or have some of it.
    Crowd(Claim, Vec<PeerId>),
    /// Stop a download; what arrived stays for a later one.
    Cancel(JobId),
    /// Bring this peer's catalogue up to date.
    Catalogue(PeerId),
    /// Pull the newest head and catalogue of `origin` that `from` has.
    Estate {
        /// Who is asked.
        from: PeerId,
        /// Whose they are.
        origin: PeerId,
    },
    /// Ask this peer what it keeps for others.
    Kept(PeerId),
    /// Ask this peer for its table of peers.
    Table(PeerId),
    /// Finish the block under way, sync what arrived, then report [`ReceiverEvent::Stopped`].
    Stop,
}

/// How a file arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Under the name it has at its owner's, at this path.
    Saved(PathBuf),
    /// Under another name, for its own was taken by other content.
    SavedAs(PathBuf),
    /// A file of that name and content was there.
    AlreadyThere(PathBuf),
    /// Kept among the partial files, under no name: all that was wanted of it is on the disk.
    Kept,
}

impl Arrival {
    /// Where it lies, if it has a name.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Saved(path) | Self::SavedAs(path) | Self::AlreadyThere(path) => Some(path),
            Self::Kept => None,
        }
    }
}

/// Where a job stands. Bytes are those of files, not of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub job: JobId,
    /// Bytes verified, those from before a restart included.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
    /// Files published.
    pub files_done: u64,
    /// Files in all.
    pub files: u64,
    /// Bytes that came over the network for this job since this peer started.
    pub fetched: u64,
    /// Peers that bytes are coming from.
    pub sources: Vec<PeerId>,
    /// Why nothing moves, if so ("no holder is here: waiting").
    pub waiting: Option<String>,
}

/// What the receiver reports.
#[derive(Debug)]
pub enum ReceiverEvent {
    /// At most 4 a second for each job; may be skipped when the controller is behind.
    Progress(Progress),
    /// A file of a megabyte or more is being fetched: this is what others may have of it.
    Held(Arc<disk::Held>),
    /// A file is under its final name, or kept without one.
    Arrived(JobId, FileId, Arrival),
    /// A file will not come. The job goes on with its others.
    Failed(JobId, SafePath, Failure),
    /// Nothing is left to do; how many files arrived, and the last failure if any.
    Finished(JobId, u64, Option<Failure>),
    /// A catalogue was brought up to date; head checked, root proved.
    Catalogue(PeerId, Head, Arc<Catalogue>),
    /// What `from` has of `origin`: root and signature are checked. It may be older than what others have.
    Estate {
        /// Who gave it.
        from: PeerId,
        /// Whose it is, and who signed the head.
        origin: PeerId,
        /// The signed head.
        signed: Arc<[u8]>,
        /// What the head names.
        catalogue: Arc<Catalogue>,
    },
    /// `from` did not give that of `origin`: it has none, cannot be reached, or lied.
    NoEstate {
        /// Who was asked.
        from: PeerId,
        /// Whose was asked for.
        origin: PeerId,
    },
    /// All that this peer says it keeps for others, one entry for each owner. Nothing of it is proved.
    Kept(PeerId, Vec<KeptOf>),
    /// This peer did not say what it keeps: it is busy, cannot be reached, or lied.
    NoKept(PeerId),
    /// Peers out of this one's table.
    Table(PeerId, Vec<Told>),
    /// TLS proved this peer at this address, or a byte came from it.
    Proved(PeerId, Host),
    /// This peer is to be asked to dial back; how often that was done a moment ago.
    AskBack(PeerId, u8),
    /// This peer asks us, over a connection, to dial its receiver.
    DialBack(PeerId),
    /// Neither can we dial this peer nor does it dial back.
    Blocked(PeerId),
    /// A peer could not be dialled or was lost.
    Lost(PeerId),
    /// The catalogue of this peer did not come, and is asked for no more unless it is wanted again.
    NoCatalogue(PeerId),
    /// In words for the user ("peer2 sent wrong bytes and is no longer asked").
    Warning(String),
    /// After [`ReceiverCommand::Stop`]: everything is on the disk.
    Stopped,
}

/// What the sender serves. Immutable; a new one replaces it.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The signed catalogue head; empty before the first scan.
    pub head: Arc<[u8]>,
    /// What is shared.
    pub shelf: Arc<Shelf>,
    /// The peers in our table.
    pub table: Arc<[Told]>,
}

/// What lies in the chunk store of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Bytes of the whole file.
    pub size: u64,
    /// The chunks that are there.
    pub spans: Vec<Span>,
    /// Who shares it.
    pub owners: Vec<PeerId>,
}

/// What a keeper keeps for one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOf {
    /// The owner.
    pub origin: PeerId,
    /// Its newest announcement, a datagram signed by itself; empty if none is known. Of another peer's word it
    /// has not been checked.
    pub announcement: Arc<[u8]>,
    /// The files, and which chunks of them.
    pub rows: Vec<KeptFile>,
}

/// What the controller asks of the sender.
#[derive(Debug)]
pub enum SenderCommand {
    /// Serve this from now on.
    Offer(Arc<Offer>),
    /// Serve what is there of this file, too.
    Hold(Arc<disk::Held>),
    /// The folder of the chunk store.
    Store(PathBuf),
    /// This is there of a file in the chunk store; `None`: nothing any more. To be said again whenever that
    /// changes, and before chunks are removed; it takes the place of what was said before.
    Stored(FileId, Option<StoredFile>),
    /// The owners whose files in the chunk store anybody may have now, and hear of. Those of others are there for
    /// themselves only. At first it is nobody's.
    Open(BTreeSet<PeerId>),
    /// The signed head and the catalogue of another owner, for whoever asks for them; `None`: neither is known.
    Estate(PeerId, Option<(Arc<[u8]>, Arc<Catalogue>)>),
    /// What is kept for others, for whoever asks for it. One entry for each owner.
    Kept(Arc<Vec<KeptOf>>),
    /// Ask this peer, over a connection that it made, to dial our receiver.
    AskBack(PeerId),
    /// This peer asked us to dial its receiver.
    DialBack(Contact),
    /// Take no new request; report [`SenderEvent::Stopped`] when what is under way was sent, and read by
    /// whoever it is for.
    Finish,
    /// Finish the block under way, close, and report [`SenderEvent::Stopped`].
    Stop,
}

/// What the sender reports.
#[derive(Debug)]
pub enum SenderEvent {
    /// TLS proved this peer at this address, or a byte came from it.
    Proved(PeerId, Host),
    /// [`SenderCommand::AskBack`] was asked for, and there is no connection with that peer.
    NotConnected(PeerId),
    /// To whom content is under way: peer, bytes of content since it connected. At most 4 a second, and
    /// once more, empty, when to nobody any more.
    Serving(Vec<(PeerId, u64)>),
    /// A file was not what it was when it was hashed; it was not served.
    Changed(SafePath),
    /// A chunk in the store is not what it was, or cannot be read; it was not served and is not from now on.
    /// Once, until the file is [stored](SenderCommand::Stored) again.
    Rotten(FileId, ChunkIndex),
    /// The data of a file in the store is gone, or what proves it: nothing of it is served. Once, as above.
    Missing(FileId),
    /// Nothing is under way any more, after `Finish` or `Stop`.
    Stopped,
}

/// Events that wait for the controller, at most.
const EVENTS: usize = 1_024;

/// A running receiver.
pub type ReceiverHandle = Handle<ReceiverCommand, ReceiverEvent>;

/// A running sender.
pub type SenderHandle = Handle<SenderCommand, SenderEvent>;

/// A running distributor or distributee.
pub type CustodyHandle = Handle<CustodyCommand, CustodyEvent>;

/// Starts the receiver on port `t`. The disk workers must ring `engine`'s bell after each event.
///
/// # Errors
/// What the operating system says.
pub fn start_receiver(
    engine: Engine,
    listeners: Vec<TcpListener>,
    tls: Tls,
    disk_commands: Sender<disk::Command>,
    disk_events: Receiver<disk::Event>,
) -> io::Result<ReceiverHandle> {
    let (tell, events) = crossbeam_channel::bounded(EVENTS);
    let mut seed = [0; 8];
    fill_random(&mut seed).map_err(io::Error::other)?;
    let mut swarm = Swarm::new(u64::from_le_bytes(seed)).limited(engine.limit);
    // Three for each file: itself, for reading by others, its sidecar; as many again for copies, connections and
    // what others get of files that arrived.
    let files = descriptors::allowed().saturating_sub(crate::limits::DESCRIPTORS_AT_REST) / 6;
    swarm.open_at_most(usize::try_from(files).unwrap_or(usize::MAX));
    let gate = Gate::new(engine.limit);
    let counters = Arc::clone(&engine.counters);
    let role = ReceiverRole::new(tell, engine.bell(), (disk_commands, disk_events), swarm, gate, counters);
    engine.start("receiver", tls, listeners, events, role)
}

/// Starts the sender on port `t+1`. It serves nothing until it gets an [`Offer`].
///
/// # Errors
/// What the operating system says.
pub fn start_sender(listeners: Vec<TcpListener>, tls: Tls) -> io::Result<SenderHandle> {
    start_sender_on(Engine::new()?, listeners, tls)
}

/// The same in this engine.
///
/// # Errors
/// What the operating system says.
pub fn start_sender_on(engine: Engine, listeners: Vec<TcpListener>, tls: Tls) -> io::Result<SenderHandle> {
    let (tell, events) = crossbeam_channel::bounded(EVENTS);
    let role = SenderRole::new(tell, Gate::new(engine.limit), Arc::clone(&engine.counters));
    engine.start("sender", tls, listeners, events, role)
}

/// Starts the distributor on port `t+2`: it takes reports, and asks others for room and offers them files.
/// Somebody must take its events and answer the requests among them.
///
/// # Errors
/// What the operating system says.
pub fn start_distributor(engine: Engine, listeners: Vec<TcpListener>, tls: Tls) -> io::Result<CustodyHandle> {
    start_custody(engine, "distributor", Port::Distributor, listeners, tls)
}

/// Starts the distributee on port `t+3`: it takes questions for room and offers, and reports to others.
/// Somebody must take its events and answer the requests among them.
///
/// # Errors
/// What the operating system says.
pub fn start_distributee(engine: Engine, listeners: Vec<TcpListener>, tls: Tls) -> io::Result<CustodyHandle> {
    start_custody(engine, "distributee", Port::Distributee, listeners, tls)
}

fn start_custody(
    engine: Engine,
    name: &str,
    port: Port,
    listeners: Vec<TcpListener>,
    tls: Tls,
) -> io::Result<CustodyHandle> {
    let (tell, events) = crossbeam_channel::bounded(crate::limits::CUSTODY_EVENTS);
    let role = CustodyRole::new(tell, port, engine.patience.idle);
    engine.start(name, tls, listeners, events, role)
}
