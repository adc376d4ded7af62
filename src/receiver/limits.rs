//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Bytes of memory that the catalogues of all others together may take, those of absent owners and what is
/// still coming included.
pub(crate) const REMOTE_CATALOGUES: u64 = 64 << 20;

/// Bytes of these that every host may have, at least: 120 hosts have their share, and it is enough for some
/// 3,000 files.
pub(crate) const REMOTE_CATALOGUES_SHARE: u64 = 512 << 10;

/// Something that is pulled and brings less than [`PULL_PROGRESS`] bytes in this time is stalled, though now
/// and then a page comes.
pub(crate) const PULL_IDLE: Duration = Duration::from_secs(60);

/// Bytes of pages that count as progress: what a line of 10 kbit/s brings in [`PULL_IDLE`].
pub(crate) const PULL_PROGRESS: usize = 64 << 10;

/// Of the open files that the system allows, those that are not for downloads: what a peer at rest has open,
/// and room for a few connections.
pub(crate) const DESCRIPTORS_AT_REST: u64 = 60;

/// Bytes of one table of peers, at most: [`PEERS`] announcements, each with its length and an address.
pub(crate) const TABLE: usize = PEERS * (DATAGRAM + 48);

/// Bytes of memory that may be taken by what keepers say they keep. One that keeps as much as a peer may takes a
/// third of it.
pub(crate) const KEPT_LISTS: u64 = 32 << 20;

/// Bytes of these that every host may have, at least: some 5,000 files.
pub(crate) const KEPT_LISTS_SHARE: u64 = 256 << 10;

/// Catalogues of other owners that are pulled from one peer at the same time, at most: with more, small ones would come
/// no sooner from a peer that answers within milliseconds.
pub(crate) const OWNER_CATALOGUES: usize = 8;

/// Peers that are dialled and asked for catalogues, and for what they keep, at the same time, at most; others wait for
/// their turn. Half of [`CONNECTIONS`], so that downloads have the other half, and none has to yield that is asked.
pub(crate) const PULLS_DIALLED: usize = CONNECTIONS / 2;

/// After this time the turn of such a peer is over, whether all came or not: so many that bring nothing hold up the
/// others for so long.
pub(crate) const PULL_TURN: Duration = Duration::from_secs(10);
