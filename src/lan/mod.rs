//! What peers of one network say to each other in datagrams, on one fixed port (docs/PROTOCOL.md,
//! "Discovery").
//!
//! Machines decide everything: `discovery/` knows who is here and where, `seeking/` finds who fetches the
//! same, `dial_back.rs` asks for connections. `machines.rs` carries from one to another what they say, and
//! `shell.rs` gives them sockets, signatures and the clock. In a group, `sealing.rs` stands before the sockets.

mod dial_back;
mod discovery;
mod facts;
mod gateway;
mod interfaces;
mod limiter;
pub(crate) mod limits;
mod machines;
mod network_prefix;
mod network_size;
pub mod order;
mod outsiders;
mod rng;
pub(crate) mod room;
mod sealing;
mod seeking;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
mod shell;
mod sockets;
mod tally;
#[cfg(test)]
mod tests;
mod traffic;

pub use discovery::Dropped;
pub use facts::{InterfaceAddress, InterfaceTraffic, LanFacts, UsedInterface};
pub use machines::{LanOutput, Machines};
pub use network_prefix::NetworkPrefix;
pub use order::{IndexDuty, OrderClaim};
pub use room::NotSaid;
pub use shell::start;
pub use tally::Tally;
pub use traffic::{Endpoint, Packet, TellingForm, Via};

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use serde::{Deserialize, Serialize};

use crate::accounts::{AccountHost, Payer};
use crate::address::{Host, Ports};
use crate::content::FileId;
use crate::group::DatagramSeal;
use crate::identity::{Contact, Identity, Instance, PeerId, PeerName};
use crate::sys::bell::Bell;
use crate::sys::thread::Thread;
use crate::wire::datagram::PresenceState;
use crate::wire::message::{PeerRecord, RelayedDatagram};

/// What a peer says of itself. The controller sends a new one whenever something in it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPresence {
    /// Its name.
    pub name: PeerName,
    /// Its listeners.
    pub ports: Ports,
    /// Version of its catalogue in this instance; 0 before the first one.
    pub catalogue: u64,
    /// Whether it stays.
    pub state: PresenceState,
    /// What it does for the index.
    pub duty: IndexDuty,
    /// What it understands beside what every peer of this version does ([`crate::wire::datagram::features`]).
    pub features: u64,
}

impl OwnPresence {
    /// That of a peer that stays, has no catalogue yet, and does what every peer does.
    #[must_use]
    pub const fn new(name: PeerName, ports: Ports) -> Self {
        Self { name, ports, catalogue: 0, state: PresenceState::Here, duty: IndexDuty::InTurn, features: 0 }
    }
}

/// How to find others.
#[derive(Clone, Debug)]
pub struct LanConfig {
    /// Who we are.
    pub identity: Arc<Identity>,
    /// This start.
    pub instance: Instance,
    /// What is announced at first.
    pub own: OwnPresence,
    /// UDP port; [`crate::lan::limits::DISCOVERY_PORT`] but in tests.
    pub port: u16,
    /// Names of the interfaces to use; empty: all.
    pub interfaces: Vec<String>,
    /// How far others were heard in the room before this start.
    pub heard: Vec<(PeerId, HeardMark)>,
    /// What seals the datagrams of the group; `None`: the network is open.
    pub seal: Option<DatagramSeal>,
}

/// What the controller asks of the thread of `lan`.
#[derive(Debug)]
pub enum Command {
    /// Announce this from now on, at once if it changed.
    Own(OwnPresence),
    /// TLS proved this peer at this address.
    Proved(PeerId, Host),
    /// A connection was reset or refused: find out whether it still lives.
    Doubt(PeerId),
    /// This peer is to be dialled, and [`PeerInfo`] names no address for that: find one.
    Reach(PeerId),
    /// Other peers, as this one passed them on: candidates to be asked.
    Table(PeerId, Vec<PeerRecord>),
    /// This start counts as that instance from now on, after [`Event::Overtaken`].
    Instance(Instance),
    /// Ask this peer to connect to our receiver port; `true`: by broadcast too.
    AskBack(PeerId, bool),
    /// Announce the departure three times, then end. Nothing is sent after it.
    Leave,
    /// These files are being fetched now, and no others: find out who fetches them too.
    Seek(Vec<FileId>),
    /// Answer [`Event::Sought`]: of these files we have some, or fetch them.
    Has(PeerId, Vec<FileId>),
    /// Tell how things are, by [`Event::Facts`].
    Facts,
    /// Say this to everyone. [`Event::Said`] tells the number, and whether it was said.
    Say(u64, Arc<str>),
    /// The link with this peer is up or down.
    Link(PeerId, LinkChange),
    /// The peer at the other end of a link passed these on.
    Relayed(PeerId, Vec<RelayedDatagram>),
}

/// One peer of the table, as the rest of the program sees it.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Who it is, and where it may be dialled: at addresses at which it was reached, the best first. There may
    /// be none: then it was heard, but may have given a false address.
    pub contact: Contact,
    /// Its name.
    pub name: PeerName,
    /// Its start.
    pub instance: Instance,
    /// Version of its catalogue in that instance.
    pub catalogue: u64,
    /// Whether it stays.
    pub state: PresenceState,
    /// Its place in the order of arrival.
    pub arrival: OrderClaim,
    /// True if it says that its network is large: then its announcements come seldom.
    pub says_large: bool,
    /// What it understands ([`crate::wire::datagram::features`]).
    pub features: u64,
    /// Through whom it is heard, if it is on another network and has no link with this peer.
    pub told: Option<ToldPeer>,
    /// Where its own discovery socket answered, as far as can be told.
    pub at: SocketAddr,
    /// Its newest signed announcement, to be passed on to newcomers.
    pub signed: Arc<[u8]>,
}

/// What a gateway says of a peer on another network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldPeer {
    /// The gateway.
    pub through: PeerId,
    /// Where it saw that peer. Nothing is proved of it.
    pub hosts: Vec<Host>,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It is up: TLS proved the peer at its other end at this address.
    Up(Host),
    /// It is down. Those behind it may be heard otherwise.
    Lost,
    /// The user closed it: those that were known only through it are gone at once.
    Closed,
}

/// A datagram that a gateway passes on over a link.
#[derive(Clone, Debug)]
pub struct LinkDatagram {
    /// The peer at the other end of the link.
    pub to: PeerId,
    /// Who signed it, and whose share of the link it takes part of.
    pub(crate) payer: Payer<PeerId>,
    /// True of an announcement, which the next one makes up for.
    pub is_presence: bool,
    /// What crosses.
    pub datagram: RelayedDatagram,
}

/// A peer that is heard, and answers nothing that it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnansweredPeer {
    /// Who it is.
    pub id: PeerId,
    /// Its name.
    pub name: PeerName,
    /// Where it says that from. It did not prove to be there.
    pub host: Host,
    /// Its listeners.
    pub ports: Ports,
}

/// How far a peer that speaks was heard: up to this line of this start of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeardMark {
    /// Its start.
    pub instance: Instance,
    /// The number of the line.
    pub number: u64,
}

/// A line that a peer said to everyone. Its text is shown by `text::shown` only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenLine {
    /// Who said it.
    pub peer: PeerId,
    /// Which of its lines it is.
    pub mark: HeardMark,
    /// Where it was said, as shares go by it.
    pub(crate) host: AccountHost,
    /// Its name then.
    pub name: PeerName,
    /// When, by its own clock: milliseconds since 1970.
    pub said: u64,
    /// What.
    pub text: Arc<str>,
}

/// Lines of a peer that did not come and will not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissedLines {
    /// Who said them.
    pub peer: PeerId,
    /// How many.
    pub count: u64,
    /// The last one of them.
    pub mark: HeardMark,
    /// Where they were said, as shares go by it.
    pub(crate) host: AccountHost,
}

/// What became of a line that was to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SayOutcome {
    /// The number that came with [`Command::Say`].
    pub number: u64,
    /// When it was said, in milliseconds since 1970.
    ///
    /// # Errors
    /// Why it was not.
    pub said: Result<u64, NotSaid>,
}

/// Why a peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It said so.
    Left,
    /// It no longer answers.
    Silent,
    /// The user closed the link through which alone it was known.
    Closed,
    /// There are too many peers, and its host has more of them than its share.
    Yielded,
}

/// What the thread of `lan` reports.
#[derive(Debug)]
pub enum Event {
    /// A peer that is new, back, or whose facts changed.
    Here(PeerInfo),
    /// A peer is gone.
    Gone(PeerId, Gone),
    /// This peer, which is here, asks us to connect to its receiver port.
    DialBack(PeerId),
    /// This peer, which is here and heard through a gateway, asks us to connect to it while it connects to us.
    AskedToMeet(PeerId),
    /// This peer has this ticket from now on; 0: none.
    Ticket(u64),
    /// The first answers are in: 300 ms passed without a new peer, or 1 s in all. Once.
    Settled,
    /// The first hellos went unanswered. Once.
    NobodyHeard,
    /// This peer was heard for a while and answered nothing: a firewall keeps our questions from it. Told
    /// again every ten seconds, as long as that is so.
    Unanswered(UnansweredPeer),
    /// More peers are said to be here than are listed: this one is to be asked for its table.
    Lacking(PeerId),
    /// Our own id answers from another, earlier start at this address: this one must stop.
    CopiedFolder(SocketAddr),
    /// A later start with our key was heard and has gone (a copied folder that was started by mistake):
    /// the others take what we say for old until we are a later start than this one.
    Overtaken(Instance),
    /// What the interfaces in use are called, by their numbers: at the start, and when that changed.
    Interfaces(BTreeMap<u32, String>),
    /// The machine slept, its addresses changed, or a cable was pulled.
    NetworkChanged,
    /// So many hosts speak for another group than ours, and nobody for ours. Once.
    Outsiders(usize),
    /// The discovery socket cannot be had or was lost; in words for the user.
    Trouble(String),
    /// This peer fetches these files, at most 16, and asks who has some of them.
    Sought(PeerId, Vec<FileId>),
    /// This peer says that it fetches these files, or has some of them. They are of those that we seek.
    Has(PeerId, Vec<FileId>),
    /// A peer said this to everyone. The lines of a peer come once, and in its order.
    Line(SpokenLine),
    /// How things are, as [`Command::Facts`] asked.
    Facts(LanFacts),
    /// Lines of a peer, which stand here in the order of its lines, did not come and will not.
    LinesMissed(MissedLines),
    /// A line was said, or could not be.
    Said(SayOutcome),
    /// To be passed on over a link.
    Relay(LinkDatagram),
    /// This peer is to be dialled where this gateway says that it is. What TLS proves comes as [`Command::Proved`].
    Told(PeerId, Contact),
}

/// Counters for `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramCounters {
    /// Datagrams sent, every copy counted.
    pub sent: u64,
    /// Datagrams received that were taken.
    pub taken: u64,
    /// Datagrams dropped, whatever the reason.
    pub dropped: u64,
    /// Of those: not potluck's, cut off, too long, or with a body that cannot be read.
    pub malformed: u64,
    /// Of those: of a version that is not spoken here.
    pub version: u64,
    /// Of those: with a wrong signature.
    pub forged: u64,
    /// Of those: more than their source, or all unknown ones together, may send.
    pub limited: u64,
    /// Of those: heard before (also by another interface), too old, or of an instance that is over.
    pub replayed: u64,
    /// Of those: of another network than ours.
    pub foreign: u64,
    /// Datagrams that could not be sent (not part of `dropped`).
    pub unsent: u64,
    /// Hosts, not datagrams: those that speak for another group than ours now.
    pub outsiders: u64,
}

/// Gives the thread of `lan` commands, from any other thread.
#[derive(Clone, Debug)]
pub struct Commands {
    sender: Sender<Command>,
    bell: Bell,
}

impl Commands {
    /// Gives it a command. Never blocks; once the thread has ended nothing comes of it.
    pub fn send(&self, command: Command) {
        drop(self.sender.send(command));
        self.bell.ring();
    }
}

/// The running thread. Dropping it ends and joins the thread, without a leave unless that was asked for.
#[derive(Debug)]
pub struct Handle {
    commands: Commands,
    stop: Arc<AtomicBool>,
    /// Its reports.
    pub events: Receiver<Event>,
    /// What it counts, for `status`.
    pub tally: Arc<Tally>,
    // Last, so that the thread is joined after `events` is gone: a thread that waits to report ends.
    _thread: Thread,
}

impl Handle {
    /// Gives it a command, as [`Commands::send`] does.
    pub fn send(&self, command: Command) {
        self.commands.send(command);
    }

    /// For other threads than the one that has the handle.
    #[must_use]
    pub fn commands(&self) -> Commands {
        self.commands.clone()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.commands.bell.ring();
    }
}
