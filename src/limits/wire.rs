//! Caps of what crosses the network. Pure.

use super::KEPT;

/// Bytes of a datagram, at most. Below every path's MTU (IPv6 minimum 1,280), so it is never fragmented.
pub const DATAGRAM: usize = 1_200;

/// Bytes of the envelope in which a gateway broadcasts a datagram of another network, at most: 120 around it. With
/// the headers of IPv6 and UDP it is below 1,500, the MTU of Ethernet.
pub const ENVELOPE: usize = DATAGRAM + 120;

/// Bytes of a line of the room, at most: with the longest name beside it, it fits [`DATAGRAM`].
pub const LINE: usize = 700;

/// Files and empty folders in one offer, at most: who wants to give more shares the folder, where it can be looked into.
pub const OFFER_FILES: u64 = 10_000;

/// Gaps in one `room_missing`, at most: 6 of 111 bytes fit a datagram beside the longest presence.
pub const ROOM_GAPS: usize = 6;

/// The fixed UDP port of discovery.
pub const DISCOVERY_PORT: u16 = 27_272;

/// Bytes of a block, the unit on the wire, at most: small frames overtake between blocks.
pub const BLOCK: usize = 128 << 10;

/// Bytes of a frame's `MessagePack` header, at most (the largest is a catalogue or manifest page).
pub const HEADER: usize = (1 << 20) + (64 << 10);

/// Chunks that one message may add to a map; more are told as a new map.
pub const HAVES_MORE: usize = 4_096;

/// Bytes of content in one page of a catalogue bucket or manifest, at most.
pub const PAGE: usize = 1 << 20;

/// Items of one request for blocks, at most: many small files are asked for in one request.
pub const REQUEST_ITEMS: usize = 1_024;

/// Peers in the table, at most; beyond it the ones heard least recently and never proved go first.
pub const PEERS: usize = 4_096;

/// Rows in one page of what a keeper keeps, at most: each is 72 bytes or less, so a page fits [`HEADER`].
pub const KEPT_PAGE: usize = 8_192;

/// Rows of what one keeper says it keeps, at most: a file has one for each of its parts there. They take 48
/// bytes of memory each.
pub const KEPT_ROWS: usize = KEPT;

/// Words of one search, at most: nobody types more, and each one is looked for in every path that has the others.
pub const SEARCH_WORDS: usize = 32;

/// Bytes of all words of one search together, as they were typed, at most. No path has a longer component.
pub const SEARCH_WORD_BYTES: usize = 1_024;

/// Types of files in one search, at most: more than there are, for later versions may have more.
pub const SEARCH_TYPES: usize = 32;

/// Owners that one search names, at most: nobody types more.
pub const SEARCH_OWNERS: usize = 64;

/// Bytes of the beginning of a file id, at least: as many digits as have to be typed.
pub const FILE_PREFIX: usize = 2;

/// Files that a search tells, at most; the rest is counted. More than a screen, and nobody reads on.
pub const SEARCH_HITS: usize = 100;

/// Owners that are named with one hit, at most: more than anybody chooses from. All of them are counted.
pub const HIT_OWNERS: usize = 8;

/// Owners in the coverage list on one page of an answer, at most: with 100 hits it fits [`HEADER`].
pub const FOUND_COVERED: usize = 4_096;

/// Pages of one answer to a search, at most: 65,536 owners.
pub const FOUND_PAGES: usize = 16;
