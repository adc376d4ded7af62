//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Files that are read at once, at most.
pub(crate) const READS: usize = 64;

/// Bytes of one file that are asked for or came, and are not taken by whoever reads, at most. Two of the longest
/// chunks, of which the first one is taken while the second one comes, and so much of a third one that it is asked for
/// before the first one is all taken.
pub(crate) const READ_WINDOW: u64 = 44 << 20;

/// All windows together, at most: many readers have smaller ones.
pub(crate) const READ_WINDOWS: u64 = 64 << 20;

/// The smallest window, however many files are read.
pub(crate) const READ_WINDOW_MIN: u64 = 1 << 20;

/// Pieces of a file that wait to be taken by whoever reads it, at most. They lie in a channel; the rest waits here.
pub(crate) const GIVEN_AHEAD: usize = 16;

/// Requests for bytes that one giver has not answered, at most. (Well below what a sender takes,
/// [`REQUESTS_OPEN`], with those of downloads beside them.)
pub(crate) const READ_REQUESTS: usize = 16;

/// Bytes asked for with one request, at most: as much as a sender reads at once. Another giver can take over the rest.
pub(crate) const READ_REQUEST: u64 = 1 << 20;

/// Less than this is not asked for while something is owed: small requests cost both ends more than they are worth.
pub(crate) const READ_REQUEST_MIN: u64 = 256 << 10;

/// A chunk that takes no longer than this at a giver's rate is asked for as a whole: it costs the giver no hashing, and
/// whoever reads does not notice that nothing of it is given before the rest of it came.
pub(crate) const CHUNK_TIME: Duration = Duration::from_millis(100);

/// A chunk of up to so many bytes is asked for as a whole at once: it is no longer than a block.
pub(crate) const CHUNK_AT_ONCE: u64 = BLOCK as u64;

/// Bytes that must be left to be read for the manifest to be worth its way: without it slices bring longer paths.
pub(crate) const WORTH_MANIFEST: u64 = 1 << 20;

/// Peers that one file is read from at the same time, at most.
pub(crate) const READ_GIVERS: usize = 8;

/// A giver that owes what is waited for and says nothing for this long loses it to another one.
pub(crate) const GIVER_SILENT: Duration = Duration::from_millis(500);

/// How long a giver that is too busy is not asked.
pub(crate) const GIVER_BUSY: Duration = Duration::from_millis(500);

/// While anything is read, stalls and those who wait are looked at this often.
pub(crate) const READ_TICK: Duration = Duration::from_millis(250);

/// Peers that may have a file, that are kept in mind for it, at most.
pub(crate) const READ_HOLDERS: usize = 256;

/// Wrong bytes of one file after which a peer is not asked for it any more.
pub(crate) const READ_WRONG: u8 = 2;
