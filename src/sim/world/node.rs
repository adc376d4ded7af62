//! One simulated peer, and what it told its user. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use core::net::Ipv4Addr;

use super::wall::NodeSystem;
use crate::content::FileId;
use crate::identity::{Identity, Instance, PeerId};
use crate::lan::{Gone, Machines, PeerInfo, SpokenLine};
use crate::time::Time;

/// One peer: a process that may run, sleep, or be gone, and what it has told its user.
#[derive(Debug)]
pub struct Node {
    /// Who it is.
    pub id: PeerId,
    /// Its key, where datagrams are really signed.
    pub(super) identity: Option<Identity>,
    /// Its present (or last) start.
    pub instance: Instance,
    /// Its address.
    pub ip: Ipv4Addr,
    pub(super) port: u16,
    /// Peers of other sides are out of reach.
    pub side: u8,
    /// What its system does and knows.
    pub system: NodeSystem,
    /// True while it sleeps: nothing reaches it, nothing is done.
    pub asleep: bool,
    pub(super) machines: Option<Machines>,
    pub(super) armed: Option<Time>,
    /// Whom it shows.
    pub shown: BTreeMap<PeerId, PeerInfo>,
    /// True once it said that the first answers are in.
    pub settled: bool,
    /// True once it said that nobody is heard.
    pub nobody: bool,
    /// Peers that it told to be heard and to answer nothing.
    pub unanswered: BTreeSet<PeerId>,
    /// Set once it found its folder copied.
    pub copied: bool,
    /// Who is known to fetch which file, or to have some of it.
    pub others: BTreeMap<FileId, BTreeSet<PeerId>>,
    /// What it fetches.
    pub fetches: Vec<FileId>,
    /// Datagrams sent.
    pub sent: u64,
    /// Those sent within one second, at most.
    pub busiest: usize,
    pub(super) last_second: VecDeque<Time>,
}

impl Node {
    /// Its machines, while it runs.
    #[must_use]
    pub const fn machines(&self) -> Option<&Machines> {
        self.machines.as_ref()
    }

    /// True while it runs and does not sleep.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.machines.is_some() && !self.asleep
    }
}

/// What a peer showed of the room since its start.
#[derive(Debug, Default)]
pub struct RoomLog {
    /// The lines, in this order.
    pub lines: Vec<SpokenLine>,
    /// How many lines of whom it said to have missed.
    pub missed: BTreeMap<PeerId, u64>,
}

/// What a peer told its user about another one, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Time,
    /// Who told.
    pub by: usize,
    /// About whom.
    pub of: usize,
    /// Gone, or (`None`) here.
    pub gone: Option<Gone>,
    /// True if that was right: it ran and could be reached (here), or did not or could not (gone).
    pub right: bool,
}
