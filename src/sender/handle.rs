//! What the controller asks of the sender and hears from it, and how it is started.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mio::net::TcpListener;

use super::searches::{RemoteSearch, SearchTicket};
use super::through::ThroughTicket;
use super::{SenderRole, SentPart, SharedReader, ToldLine, WithheldChunk};
use crate::accounts::Payer;
use crate::address::Host;
use crate::content::{Catalogue, ChunkIndex, FileId, SafePath, ShareName, Span};
use crate::disk;
use crate::identity::tls::Tls;
use crate::identity::{Contact, PeerId};
use crate::index::answer::IndexAnswer;
use crate::library::{SharedFile, Shelf};
use crate::rate::Limit;
use crate::transfer::link_queue::QueuedDatagram;
use crate::transfer::meetings::Meeting;
use crate::transfer::{Engine, EngineHandle, Gate};
use crate::wire::message::{
    FetchThrough, KeptFile, OfferFiles, OfferNews, PeerRecord, Reason, RelayedDatagram,
};

/// What the sender serves of `shared/`. Immutable; a new one replaces it, for the head is over the catalogue
/// of this very shelf.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedContent {
    /// The signed catalogue head; empty before the first scan.
    pub head: Arc<[u8]>,
    /// What is shared, and what is given to some alone.
    pub shelf: Arc<Shelf>,
    /// The files of the shelf that are given to some alone, and to whom.
    pub given: Arc<GivenFiles>,
}

/// Contents that nobody lists, and who may have each.
pub(crate) type GivenFiles = BTreeMap<FileId, BTreeSet<PeerId>>;

impl SharedContent {
    /// The file of this content, if that peer may have it.
    pub(crate) fn file(&self, peer: PeerId, id: FileId) -> Option<&SharedFile> {
        let may_have = self.given.get(&id).is_none_or(|peers| peers.contains(&peer));
        self.shelf.files.get(&id).filter(|_| may_have)
    }
}

/// What lies in the chunk store of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredFile {
    /// Bytes of the whole file.
    pub size: u64,
    /// The chunks that are there.
    pub spans: Vec<Span>,
    /// Who shares it.
    pub owners: Vec<PeerId>,
}

/// What a keeper keeps for one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptOf {
    /// The owner.
    pub origin: PeerId,
    /// Its newest announcement, a datagram signed by itself; empty if none is known. Of another peer's word
    /// it has not been checked.
    pub announcement: Arc<[u8]>,
    /// The files, and which chunks of them.
    pub rows: Vec<KeptFile>,
}

/// What the controller asks of the sender.
#[derive(Debug)]
pub(crate) enum SenderCommand {
    /// Serve this from now on.
    Offer(Arc<SharedContent>),
    /// The files of this share are read by that reader from now on, or not any more.
    Reader(ShareName, Option<SharedReader>),
    /// This is known of a peer in our table, for whoever asks for the table; `None`: it is not there any
    /// more. What is shared stays as it is, with all that is known of its files.
    Table(PeerId, Option<PeerRecord>),
    /// Serve what is there of this file, too.
    PartialSeed(Arc<disk::PartialSeed>),
    /// The folder of the chunk store.
    Store(PathBuf),
    /// This is there of a file in the chunk store; `None`: nothing any more. To be said again whenever that
    /// changes, and before chunks are removed; it takes the place of what was said before.
    Stored(FileId, Option<StoredFile>),
    /// The owners whose files in the chunk store anybody may have now, and hear of. Those of others are there
    /// for themselves only. At first it is nobody's.
    Open(BTreeSet<PeerId>),
    /// The signed head and the catalogue of another owner, for whoever asks for them; `None`: neither is
    /// known.
    OwnerCatalogue(PeerId, Option<(Arc<[u8]>, Arc<Catalogue>)>),
    /// The signed head and the catalogue of a peer that is here, for whoever cannot reach it; `None`: they are not
    /// known any more.
    Listed(PeerId, Option<(Arc<[u8]>, Arc<Catalogue>)>),
    /// The answer to [`SenderEvent::FetchThrough`]: bytes that can be had here, or why it is not fetched.
    Through(ThroughTicket, Result<u64, Reason>),
    /// The answer to [`SenderEvent::Search`], or why there is none.
    Found(SearchTicket, Result<Arc<IndexAnswer>, Reason>),
    /// What is kept for others, for whoever asks for it. One entry for each owner.
    Kept(Arc<Vec<KeptOf>>),
    /// Do not give this peer that chunk, until [`SenderCommand::Give`]: it is to show that it has it.
    Withhold(WithheldChunk),
    /// Give this peer all of this file again.
    Give(PeerId, FileId),
    /// This is to cross the link that this peer made.
    Relay(PeerId, QueuedDatagram),
    /// Ask this peer, over a connection that it made, to dial our receiver.
    AskBack(PeerId),
    /// This peer asked us to dial its receiver.
    DialBack(Contact),
    /// Meet this peer, which asks for it and which cannot be dialled, to answer what it asks.
    Meet(Meeting),
    /// Take no new request; report [`SenderEvent::Stopped`] when what is under way was sent, and read by
    /// whoever it is for.
    Finish,
    /// How much content is sent in a second from now on.
    Limit(Limit),
    /// Finish the block under way, close, and report [`SenderEvent::Stopped`].
    Stop,
}

/// What the sender reports.
#[derive(Debug)]
pub(crate) enum SenderEvent {
    /// TLS proved this peer at this address, or a byte came from it.
    Proved(PeerId, Host),
    /// This peer connected to this one, from this address.
    Called(PeerId, Host),
    /// [`SenderCommand::AskBack`] was asked for, and there is no connection with that peer.
    NotConnected(PeerId),
    /// A peer that is here says this to us alone.
    Told(ToldLine),
    /// A peer that is here, at this host, offers files, or more of them.
    OfferFiles(Payer<PeerId>, OfferFiles),
    /// A peer that is here says what became of an offer.
    OfferNews(PeerId, OfferNews),
    /// This peer made a link, from this address.
    Linked(PeerId, Host),
    /// The link that this peer made is over.
    Unlinked(PeerId),
    /// A link brought these.
    Relayed(PeerId, Vec<RelayedDatagram>),
    /// To whom content is under way: peer, bytes of content since it connected. At most 4 a second, and
    /// once more, empty, when to nobody any more.
    Serving(Vec<(PeerId, u64)>),
    /// What was sent to whom of each file, since this was told last. At most 4 a second, unless there is much; none is
    /// left out.
    Sent(Vec<SentPart>),
    /// A peer asks that this is fetched for it. To be answered by [`SenderCommand::Through`].
    FetchThrough(PeerId, ThroughTicket, FetchThrough),
    /// A peer searches the index that this one keeps for others. To be answered by [`SenderCommand::Found`].
    Search(Box<RemoteSearch>),
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

/// A running sender.
pub(crate) type SenderHandle = EngineHandle<SenderCommand, SenderEvent>;

/// Events that wait for the controller, at most.
const EVENTS: usize = 1_024;

/// Starts the sender on port `t+1`. It serves nothing until it gets a [`SharedContent`]. The reader reads
/// shared files for it, and rings the engine's bell.
///
/// # Errors
/// What the operating system says.
pub(crate) fn start_sender(
    engine: Engine,
    listeners: Vec<TcpListener>,
    tls: Tls,
    reader: SharedReader,
) -> io::Result<SenderHandle> {
    let (tell, events) = crossbeam_channel::bounded(EVENTS);
    let role = SenderRole::new(tell, Gate::new(engine.limit), Arc::clone(&engine.counters), reader);
    engine.start("sender", tls, listeners, events, role)
}
