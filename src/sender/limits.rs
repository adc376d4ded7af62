//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;
use crate::rate::Rate;

/// Files that are not shared but being fetched, or fetched a while ago, of which others get what is here,
/// at most: each is an open file.
pub(crate) const PARTIAL_SEEDS: usize = 256;

/// A shared file that could not be read is not tried again for this time: a bad disk takes long to say so.
pub(crate) const UNREADABLE: Duration = Duration::from_secs(10);

/// Bytes that the reader of shared files reads at once for one client, at most: about two wake-ups for each.
pub(crate) const READ_JOB: usize = 1 << 20;

/// Buffers of [`READ_JOB`] bytes for what was read and is not sent yet, of all clients together.
pub(crate) const READ_BUFFERS: usize = 16;

/// A reader that answers nothing for this time is taken to hang in a disk. Shorter than [`STALL`], after
/// which receivers give up a source, for they can have the rest from it.
pub(crate) const READER_HUNG: Duration = Duration::from_secs(3);

/// A peer that asks to be dialled back is dialled again after this time, at the earliest.
pub(crate) const DIAL_BACK_AGAIN: Duration = Duration::from_secs(1);

/// Dials a second that others ask for, of all together: each is a few packets to a proved address.
pub(crate) const DIAL_BACK_RATE: Rate = Rate { period: Duration::from_millis(250), burst: 8 };

/// Dials that others asked for and that are not answered yet, at most.
pub(crate) const DIAL_BACKS: usize = 8;

/// Bytes of the manifests of files of the chunk store that are open for serving, at most. The longest one
/// has 16 MiB: [`MAP_CHUNKS`] values of 32 bytes.
pub(crate) const STORED_MANIFESTS: usize = 32 << 20;

/// Lines a second that a peer may tell this one alone.
pub(crate) const TELL_RATE: Rate = Rate { period: Duration::from_millis(200), burst: 5 };

/// Pages of offers, and news of them, that a peer may tell this one in a second: an offer of thousands of files comes in
/// a few seconds.
pub(crate) const OFFER_RATE: Rate = Rate { period: Duration::from_millis(50), burst: 32 };

/// Peers of which it is remembered how fast they tell lines, at most: those that did in the last second.
pub(crate) const TELLERS: u64 = 256;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const TELLERS_OF_HOST: u64 = 1;

/// Questions of all clients together whether a file is fetched for them that the controller has not answered, at
/// most: it answers each at once.
pub(crate) const THROUGH_QUESTIONS: usize = 256;

/// Connections of which a search is with the controller or being answered, at most: an answer takes some 100 KiB as a
/// rule, and less than 1 MiB.
pub(crate) const SEARCHES_OPEN: u64 = 64;

/// Of those every host may have this many, while there are places for each host.
pub(crate) const SEARCHES_OPEN_OF_HOST: u64 = 1;

/// Searches of one connection that wait behind the one that is answered, at most: nobody searches faster.
pub(crate) const SEARCHES_BEHIND: usize = 8;

/// Links that others may make to this peer, at most: a queue of 160 KiB each.
pub(crate) const LINKS: usize = 32;

/// Of those every host may have this many, while there are places for each host.
pub(crate) const LINKS_OF_HOST: u64 = 1;

/// Questions of one link that wait, at most: it asks two at a time.
pub(crate) const LINK_QUESTIONS: usize = 4;

/// Peers that wait here to be introduced to others, at most (200 bytes each).
pub(crate) const INTRODUCTIONS: u64 = 64;

/// Of those every host may have this many, while there are places for each host: both ends of four meetings.
pub(crate) const INTRODUCTIONS_OF_HOST: u64 = 8;
