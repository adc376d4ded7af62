//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

/// Bytes of the head of a request, at most: 16 KiB, as most servers have it.
pub(crate) const HEAD: usize = 16 << 10;

/// Fields of the head of a request, at most.
pub(crate) const FIELDS: usize = 64;

/// From the first byte of a head to its end, at most: whoever needs longer keeps a place and asks for nothing.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(10);

/// A connection on which nothing is asked is kept for this long.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// Of a body this many bytes must come, and of an answer be taken, in each [`MOVES_IN`], or else the connection is cut:
/// a byte now and then keeps a place as well as nothing does.
pub(crate) const MOVES: u64 = 4 << 10;

/// See [`MOVES`]. A film that stands still is cut, too: browsers ask for the rest of it when it goes on.
pub(crate) const MOVES_IN: Duration = Duration::from_secs(20);

/// Bytes that are taken from the socket before they are looked at, at most: a head, and what came with its end.
pub(crate) const AHEAD: usize = HEAD + (16 << 10);

/// Bytes of an answer that wait to be sent, at most, before no more is asked for.
pub(crate) const READY: usize = 256 << 10;

/// Bytes of one piece of a body that are handed on at once, at most.
pub(crate) const PIECE: usize = 64 << 10;

/// Bytes of the line that begins a chunk (its length, and extensions that nobody reads), at most.
pub(crate) const CHUNK_LINE: usize = 256;

/// Bytes of the fields behind the last chunk, at most. Nobody reads them.
pub(crate) const TRAILERS: usize = 4 << 10;

/// What is left of a body that nobody wants is read and thrown away up to this many bytes, so that its sender gets to
/// read why: else the connection would be reset under its hands (RFC 9112 §9.6).
pub(crate) const DRAINED: u64 = 256 << 10;
