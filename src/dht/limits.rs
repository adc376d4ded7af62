//! Caps that this room alone uses, each with its unit and reason. Pure.

use core::time::Duration;

/// Between two rounds of questions, when nothing changes: nodes forget an announcement after about half an hour.
pub(crate) const EVERY: Duration = Duration::from_secs(15 * 60);

/// Between the first two rounds after a start or a change. Each pause is twice as long as that before, up to
/// [`EVERY`]: two networks that start at once find each other within seconds, and a lost one within two minutes.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// An announcement of this age is made again in the next round. Less than the shortest [`EVERY`].
pub(crate) const ANNOUNCED: Duration = Duration::from_secs(10 * 60);

/// An announcement that no node took is tried again after this time at the latest.
pub(crate) const RETRY: Duration = Duration::from_secs(60);

/// Addresses that are taken from one answer, at most: nodes give ten (and one that lies hundreds), so that one liar
/// fills no queue.
pub(crate) const OF_ANSWER: usize = 10;

/// Answers to one question that are taken, at most: twenty nodes are asked, and some more on the way.
pub(crate) const ANSWERS: usize = 64;

/// Questions that are open at once, at most: one of each topic, two of each missing peer and for the own record, and as
/// many as there may be of others when these are asked.
pub(crate) const OPEN: usize = TOPICS + FILE_QUESTIONS + MISSING + 2 * MISSING + 4;

/// Questions about files that are open at once, at most: each of them asks some twenty nodes.
pub(crate) const FILE_QUESTIONS: usize = 8;

/// Files that a peer has nodes know of, at most: each costs some fifty datagrams in a quarter of an hour.
pub(crate) const FILES: usize = 64;

/// Files that are asked for at the same time, at most.
pub(crate) const SOUGHT: usize = 16;

/// A file is asked for again after this time. Each pause is twice as long as that before.
pub(crate) const SEEK_AGAIN: Duration = Duration::from_secs(2);

/// Topics of sites that are known at once, at most: those of three days, and of others that were not answered yet.
pub(crate) const TOPICS: usize = 6;

/// Nodes by which the table is joined, at most.
pub(crate) const NODES: usize = 16;

/// A node of the table that cannot be had (its port is taken) is tried again after this time.
pub(crate) const START_AGAIN: Duration = Duration::from_secs(1);

/// The thread of the node looks this often for what is asked of it, while something is: as the crate has it.
pub(crate) const BUSY_WAIT: Duration = Duration::from_millis(50);

/// The thread of the node wakes this often to tidy up, while nothing is asked of it. What comes from the network wakes
/// it at once, and so does whoever asks.
pub(crate) const IDLE_WAIT: Duration = Duration::from_secs(2);

/// Tries to have the port of choice, before any port is taken: after a new start the last one may still be open.
pub(crate) const PORT_TRIES: u32 = 3;

/// Numbers under which the node keeps addresses for others, at most; the one that nobody asked for longest goes first.
pub(crate) const KEPT_TOPICS: usize = 256;

/// Addresses that it keeps under each of them, at most (some 100 bytes each).
pub(crate) const KEPT_ADDRESSES: usize = 64;

/// Signed values that it keeps for others, at most (up to 1,000 bytes each).
pub(crate) const KEPT_VALUES: usize = 512;

/// A peer says this often where it is: nodes drop what is not put again after two hours.
pub(crate) const PUT_EVERY: Duration = Duration::from_secs(3_600);

/// A peer that went silent is looked for after this time. Each pause is twice as long as that before.
pub(crate) const FIRST_LOOK: Duration = Duration::from_secs(5);

/// Between two looks for the same peer, at most.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// Peers that are looked for at the same time, at most.
pub(crate) const MISSING: usize = 32;

/// Addresses in the record of a peer, at most.
pub(crate) const RECORD_ADDRESSES: usize = 16;
