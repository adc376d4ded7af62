//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

pub(crate) use crate::limits::*;

/// Bytes of memory that all remote catalogues together may take.
pub(crate) const REMOTE_CATALOGUES: usize = 64 << 20;

/// Of the open files that the system allows, those that are not for downloads: what a peer at rest has open,
/// and room for a few connections.
pub(crate) const DESCRIPTORS_AT_REST: u64 = 60;

/// Bytes of one table of peers, at most: [`PEERS`] announcements, each with its length and an address.
pub(crate) const TABLE: usize = PEERS * (DATAGRAM + 48);

/// Keepers that are asked at the same time what they keep, at most: it bounds the memory of their answers.
pub(crate) const KEPT_PULLS: usize = 4;

/// Catalogues of other owners that are pulled from one keeper at the same time, at most: each may take as
/// much memory as [`REMOTE_CATALOGUES`] while it comes.
pub(crate) const OWNER_CATALOGUES: usize = 2;
