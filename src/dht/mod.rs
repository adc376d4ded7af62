//! Sites find each other in a hash table between sites: the distributed hash table of BitTorrent (BEP 5), or one of the
//! group's own. Only where a group says `--wan`.
//!
//! The peers that speak for a network say under a topic of their group at which address they can be dialled, and ask
//! who else says so. What they find is dialled, and TLS and the group's proof decide: nothing of the table is believed.
//!
//! A peer that moves is found by its record, which only members of its group can find and open.
//!
//! Who has a file can be found there as well, if whoever has it wants that.
//!
//! `keys.rs` makes the topics, `rounds.rs` says when that of sites is asked and announced, `files.rs` those of files.
//! `record.rs` seals records, `records.rs` says when they are put and read. `machine.rs` puts that together, and
//! `shell.rs` is the thread, which has a node of the table (`table.rs`).
#![cfg_attr(not(feature = "wan"), expect(dead_code, reason = "there is no node that uses it"))]

mod files;
mod keys;
pub(crate) mod limits;
mod machine;
mod moment;
#[cfg(not(feature = "wan"))]
mod no_table;
mod record;
mod records;
mod rounds;
mod shell;
mod spread;
#[cfg(feature = "wan")]
mod table;
#[cfg(all(test, feature = "wan"))]
mod table_tests;
#[cfg(test)]
mod tests;

use core::net::SocketAddrV4;
use std::collections::BTreeSet;

use crate::content::FileId;
use crate::identity::PeerId;

pub(crate) use self::keys::TableKeys;
#[cfg(not(feature = "wan"))]
use self::no_table::{NoTable as TableNode, NodeAddress};
pub(crate) use self::shell::{DhtConfig, DhtHandle, start_dht};
#[cfg(feature = "wan")]
use self::table::{NodeAddress, TableNode};

/// By these nodes the table of all the world is joined, unless the user names others: host and UDP port.
pub(crate) const PUBLIC_NODES: [(&str, u16); 4] = [
    ("router.bittorrent.com", 6_881),
    ("dht.transmissionbt.com", 6_881),
    ("dht.libtorrent.org", 25_401),
    ("relay.pkarr.org", 6_881),
];

/// What the controller asks of the thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DhtCommand {
    /// By these nodes the table is joined.
    Nodes(Vec<SocketAddrV4>),
    /// Where others dial this peer from now on.
    Port(SitePort),
    /// The addresses of this machine changed, or it slept.
    NetworkChanged,
    /// A link to another site was lost: it may have moved.
    Lost,
    /// A peer went silent: it may be elsewhere.
    Missing(PeerId),
    /// It is here again.
    Here(PeerId),
    /// Nodes are to know that this peer has these files, and no others; at most [`limits::FILES`].
    Files(BTreeSet<FileId>),
    /// Who has this file?
    Seek(FileId),
    /// That is not asked any more.
    SeekOver(FileId),
}

/// Where others dial a peer, and what it does for its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SitePort {
    /// The port that others dial at the address that the table sees.
    pub(crate) outside: u16,
    /// The port of this machine that this leads to.
    pub(crate) inside: u16,
    /// True if it speaks for its network.
    pub(crate) speaks: bool,
}

/// What the thread reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DhtEvent {
    /// Somebody of this group may be there.
    Candidate(SocketAddrV4),
    /// Somebody of this group who has this file may be there.
    Holder(FileId, SocketAddrV4),
    /// Nodes know now that this peer has this file, or no longer.
    Known(FileId, bool),
    /// What became of the table.
    State(DhtState),
}

/// Where the table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DhtState {
    /// The names of its nodes are being looked up.
    Resolving,
    /// No node has answered yet.
    Joining,
    /// Nodes of it know where this network is.
    Announced,
    /// Others speak for this network.
    StandingBy,
    /// It cannot be used; the log says why.
    Ended,
}
