//! What the controller asks of the receiver and hears from it, and how it is started.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use mio::net::TcpListener;

use super::ReceiverRole;
use super::catalogue::NoCatalogueCause;
use super::disks::Disks;
use super::offering::{LetterOutcome, OfferLetter};
use super::search::FoundOutcome;
use super::telling::{PrivateLine, TellOutcome};
use super::through::{ThroughAnswer, ThroughFile};
use crate::address::Host;
use crate::content::{Catalogue, Claim, Head};
use crate::control::Answers;
use crate::disk;
use crate::identity::tls::Tls;
use crate::identity::{Contact, PeerId, fill_random};
use crate::index::answer::{CoverageVersion, IndexQuestion};
use crate::rate::Limit;
use crate::reader::{ReadId, ReadOrder, Readers};
use crate::sender::KeptOf;
use crate::swarm::{Job, JobEvent, JobId, Swarm};
use crate::sys::descriptors;
use crate::transfer::meetings::Meeting;
use crate::transfer::{Engine, EngineHandle, Gate};
use crate::wire::message::PeerRecord;

/// What the controller asks of the receiver.
#[derive(Debug)]
pub(crate) enum ReceiverCommand {
    /// How to reach a peer; sent before it is named as a holder, and again when it changes.
    Peer(Contact),
    /// Meet this peer, which cannot be dialled, to ask it; [`ReceiverEvent::Met`] tells that it succeeded.
    Meet(Meeting),
    /// A peer is gone: what it owed is asked of others.
    Gone(PeerId),
    /// Fetch this.
    Fetch(Job),
    /// Fetch this by disk workers of its own, because the others cannot write in its destination. They
    /// must ring the receiver's bell after each event.
    FetchBy(Job, disk::Handle),
    /// What goes to this folder or below it is done by these disk workers, for as long as this part runs.
    /// They must ring the receiver's bell after each event.
    Store(PathBuf, disk::Handle),
    /// More holders of a content that is being fetched or waited for.
    Holders(Claim, Vec<PeerId>),
    /// This peer has all that a job still wants.
    HasAll(JobId, PeerId),
    /// This peer shares something else in the place of that content by now.
    Changed(Claim, PeerId),
    /// Peers that fetch a content too, or have some of it.
    Swarm(Claim, Vec<PeerId>),
    /// Read a file: its bytes go there, and how it ended.
    Read(ReadOrder, Answers),
    /// More peers have a content that may be read.
    ReadFrom(Claim, Vec<PeerId>),
    /// Stop a download; what arrived stays for a later one.
    Cancel(JobId),
    /// This job comes before all others that are not throttled, as long as it wants something; `None`: they take turns.
    First(Option<JobId>),
    /// Bring this peer's catalogue up to date.
    Catalogue(PeerId),
    /// From now on the catalogues of others may take so many bytes; `None`: as many as those of a peer that keeps no
    /// index. What is above is given up.
    CatalogueMemory(Option<u64>),
    /// Pull the newest head and catalogue of `origin` that `from` has.
    OwnerCatalogue {
        /// Who is asked.
        from: PeerId,
        /// Whose they are.
        origin: PeerId,
    },
    /// Ask this peer what it keeps for others.
    Kept(PeerId),
    /// Ask this peer for its table of peers.
    Table(PeerId),
    /// Tell a peer this line, which was said at that time, in milliseconds since 1970.
    Tell(PrivateLine, u64),
    /// Say this of an offer. Answered once by [`ReceiverEvent::Letter`].
    SayOfOffer(OfferLetter),
    /// Ask `from` to fetch this file for us. Answered by [`ReceiverEvent::Through`].
    FetchThrough {
        /// Who is asked.
        from: PeerId,
        /// What it is to fetch.
        file: ThroughFile,
    },
    /// Ask `from` what its index has of this. Answered once by [`ReceiverEvent::Found`].
    Search {
        /// Who is asked.
        from: PeerId,
        /// The number of the question.
        number: u64,
        /// What is asked.
        search: Arc<IndexQuestion>,
        /// The coverage list that is known of `from`.
        known: Option<CoverageVersion>,
    },
    /// How much content is fetched in a second from now on.
    Limit(Limit),
    /// Finish the block under way, sync what arrived, then report [`ReceiverEvent::Stopped`].
    Stop,
}

/// What the receiver reports.
#[derive(Debug)]
pub(crate) enum ReceiverEvent {
    /// How a download goes.
    Job(JobEvent),
    /// A file of a megabyte or more is being fetched: this is what others may have of it.
    PartialSeed(Arc<disk::PartialSeed>),
    /// A catalogue was brought up to date; head checked (as it is, and as its owner signed it), root proved.
    Catalogue(PeerId, Head, Arc<[u8]>, Arc<Catalogue>),
    /// What `from` has of `origin`: root and signature are checked. It may be older than what others have.
    OwnerCatalogue {
        /// Who gave it.
        from: PeerId,
        /// Whose it is, and who signed the head.
        origin: PeerId,
        /// The signed head.
        signed: Arc<[u8]>,
        /// What the head names.
        catalogue: Arc<Catalogue>,
        /// It is the newest one that is known, and held until [`ReceiverEvent::CatalogueGivenUp`]. Any other is
        /// not to be held for long: nobody pays for its memory.
        is_held: bool,
    },
    /// `from` did not give that of `origin`: it has none, cannot be reached, or lied.
    NoOwnerCatalogue {
        /// Who was asked.
        from: PeerId,
        /// Whose was asked for.
        origin: PeerId,
        /// Why.
        cause: NoCatalogueCause,
    },
    /// What was told of this owner's catalogue is to be dropped: others need the place, or whoever gave it is
    /// gone.
    CatalogueGivenUp(PeerId),
    /// All that this peer says it keeps for others, one entry for each owner. Nothing of it is proved.
    Kept(PeerId, Vec<KeptOf>),
    /// What this peer said of what it keeps is to be dropped: others need the place.
    KeptGivenUp(PeerId),
    /// This peer did not say what it keeps: it is busy, cannot be reached, or lied.
    NoKept(PeerId),
    /// Peers out of this one's table.
    Table(PeerId, Vec<PeerRecord>),
    /// What became of a line that a peer was told.
    Told {
        /// The number of the line.
        number: u64,
        /// When it was said, as [`ReceiverCommand::Tell`] named it.
        said: u64,
        /// What.
        outcome: TellOutcome,
    },
    /// What became of something that was to be said of an offer.
    Letter {
        /// To whom.
        to: PeerId,
        /// Its number.
        serial: u64,
        /// What.
        outcome: LetterOutcome,
    },
    /// What `from` says of a file that it was asked to fetch.
    Through {
        /// Who was asked.
        from: PeerId,
        /// What it was to fetch.
        file: ThroughFile,
        /// What it says.
        answer: ThroughAnswer,
    },
    /// What became of a search in the index of `from`.
    Found {
        /// Who was asked.
        from: PeerId,
        /// The number of the question.
        number: u64,
        /// What it answers.
        outcome: FoundOutcome,
    },
    /// A file is read no more.
    ReadOver(ReadId),
    /// TLS proved this peer at this address, or a byte came from it.
    Proved(PeerId, Host),
    /// This peer is to be asked to dial back; how often that was done a moment ago.
    AskBack(PeerId, u8),
    /// This peer asks us, over a connection, to dial its receiver.
    DialBack(PeerId),
    /// This peer cannot be dialled, and a round of questions to dial back brought no connection. Once, until one
    /// stands.
    Unreached(PeerId),
    /// Neither can we dial this peer nor does it dial back.
    Blocked(PeerId),
    /// This peer was met, as [`ReceiverCommand::Meet`] wanted: a connection with it stands.
    Met(PeerId),
    /// The connection with a peer that was met is over.
    MetOver(PeerId),
    /// A peer could not be dialled or was lost.
    Lost(PeerId),
    /// The catalogue of this peer did not come, and is asked for no more unless it is wanted again.
    NoCatalogue(PeerId, NoCatalogueCause),
    /// In words for the user ("peer2 sent wrong bytes and is no longer asked").
    Warning(String),
    /// After [`ReceiverCommand::Stop`]: everything is on the disk.
    Stopped,
}

/// A running receiver.
pub(crate) type ReceiverHandle = EngineHandle<ReceiverCommand, ReceiverEvent>;

/// Events that wait for the controller, at most.
const EVENTS: usize = 1_024;

/// Starts the receiver on port `t`. The disk workers must ring `engine`'s bell after each event.
///
/// # Errors
/// What the operating system says.
pub(crate) fn start_receiver(
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
    // Three for each file: itself, for reading by others, its sidecar; as many again for copies, connections
    // and what others get of files that arrived.
    let files = descriptors::allowed().saturating_sub(crate::receiver::limits::DESCRIPTORS_AT_REST) / 6;
    swarm.open_at_most(usize::try_from(files).unwrap_or(usize::MAX));
    let gate = Gate::new(engine.limit);
    let counters = Arc::clone(&engine.counters);
    let disks = Disks::new(disk_commands, disk_events);
    let readers = Readers::new(engine.limit);
    let role = ReceiverRole::new(tell, engine.bell(), disks, swarm, gate, counters, readers);
    engine.start("receiver", tls, listeners, events, role)
}
