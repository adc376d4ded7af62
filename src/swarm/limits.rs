//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// A file that no known holder can give for this long fails, if bytes of it came since this peer started: its
/// holder is likely to come back (a cable, a laptop's lid, a restart), and who waits for it sees that it
/// waits.
pub(crate) const NO_HOLDER_BEGUN: Duration = Duration::from_secs(300);

/// A holder that is too busy to give a file for this long (hashing what it shares may take that) counts
/// as none from then on.
pub(crate) const BUSY_HOLDER: Duration = Duration::from_secs(120);

/// Failures of a source in a row (lost, stalled, refused) until it is given up, for as long as nothing
/// new is heard of it.
pub(crate) const SOURCE_FAILURES: u8 = 3;

/// Peers that one file is fetched from at the same time, at most. (Why not more: each costs a connection
/// and at both ends a share of the pool; eight fill every link that a peer has.)
pub(crate) const FILE_SOURCES: usize = 8;

/// Peers of whom a job remembers how much they gave, at most: whom users hear of at its end. (More than anyone reads.)
pub(crate) const GIVERS: usize = 256;

/// Peers that may have some of a file, that are kept in mind for it, at most.
pub(crate) const SWARM_MEMBERS: usize = 64;

/// Connections to one source for its blocks, at most (swarm/lanes.rs): eight fill a link that loses 5 %.
pub(crate) const LANES: u8 = 8;

/// Connections for blocks to all sources together, at most, when more than one is wanted to any of them.
pub(crate) const ALL_LANES: usize = 16;

/// Bytes asked ahead over each connection to a source, at least: they lose packets at different times.
pub(crate) const LANE_AHEAD: u64 = 256 << 10;

/// How far ahead blocks are asked for, in time of that source's measured rate.
pub(crate) const AHEAD: Duration = Duration::from_millis(100);

/// Bytes asked ahead of one source, at least: keeps a fast link busy before its rate is known.
pub(crate) const AHEAD_MIN: u64 = 1 << 20;

/// Bytes asked ahead of one source before any came.
pub(crate) const AHEAD_FIRST: u64 = 256 << 10;

/// Bytes asked ahead of one source, at most: half the block pool.
pub(crate) const AHEAD_MAX: u64 = 16 << 20;

/// Bytes that are asked for one job before another one has its turn, where several want something of one
/// source: as much as a sender reads at once.
pub(crate) const TURN: u64 = 1 << 20;

/// Bytes that a job may have at once when it begins, before it takes turns with others: small downloads come
/// whole, and who waits for a large one does not notice.
pub(crate) const LEAD: u64 = 4 << 20;

/// Bytes asked of one source beyond what is asked ahead, at most, and no more than that again: a small
/// download is asked for at once, and not only when some of the large ones came.
pub(crate) const HURRIED: u64 = LEAD;

/// Files that are being put together at once, at most: each is an open file of the disk workers.
pub(crate) const OPEN_DOWNLOADS: usize = 128;

/// For each of those, so many small ones: of each such a file a block is in memory at most, and with few of them most of
/// the time is spent on waiting for the others of a group.
pub(crate) const OPEN_SMALL: usize = 4;

/// Files beyond those, at most, each the first one of a download: it does not wait until one of the others is
/// whole.
pub(crate) const OPEN_FIRST: usize = 32;

/// Files that are being copied from one of the same content at once, at most: each is an open file, too.
pub(crate) const OPEN_COPIES: usize = 128;

/// Files that one source is to be told of, at most, while it cannot be reached.
pub(crate) const UNTOLD: usize = 1_024;
