//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

pub(crate) use crate::limits::*;

/// Bytes of the header of a message with a map of chunks, at most.
pub(crate) const MAP_HEADER: usize = MAP_CHUNKS as usize / 8 + 5 * HAVES_MORE + SMALL_HEADER;

/// Bytes of the header of a request, at most: [`REQUEST_ITEMS`] items of about 64 bytes, and room.
pub(crate) const REQUEST_HEADER: usize = 128 << 10;

/// Bytes of the header of a block or of any other small frame, at most. Each is well below 256.
pub(crate) const SMALL_HEADER: usize = 1 << 10;

/// Bytes of the header of an answer with a catalogue head: the head, and 256 digests of 32 bytes.
pub(crate) const HEAD_HEADER: usize = 16 << 10;

/// Bytes of the header of a search, at most: its words, a path, [`SEARCH_OWNERS`] ids, and room.
pub(crate) const SEARCH_HEADER: usize = 16 << 10;

/// Bytes of the header of a slice, at most: a path of 34 values of 32 bytes, and room.
pub(crate) const SLICE_HEADER: usize = 2 << 10;

/// Datagrams that one message brings over a link, at most: more than come within the time that it takes.
pub(crate) const RELAYED: usize = 32;

/// Bytes of the header of such a message, at most: each datagram of [`DATAGRAM`] bytes with its address, and room.
pub(crate) const RELAY_HEADER: usize = 64 << 10;

/// Bytes of the header of a page of an offer, at most: four of the longest paths. Small, for pages of strangers wait for
/// the controller.
pub(crate) const OFFER_HEADER: usize = 16 << 10;

/// Slices in one request, at most: those of the longest chunk.
pub(crate) const SLICES_ASKED: u32 = 256;
