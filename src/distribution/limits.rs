//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

pub(crate) use crate::limits::*;

/// Requests of custody to one peer that wait for their answer, at most; the others wait here.
pub(crate) const CUSTODY_ASKED: usize = 16;

/// Requests of custody of one peer that wait to be answered, at most; more are refused as busy. Twice what a
/// peer asks at a time, because a connection of it may have broken unnoticed.
pub(crate) const CUSTODY_UNANSWERED: usize = 2 * CUSTODY_ASKED;

/// Requests of custody that wait to be sent to one peer, at most: a report of [`KEPT`] files has 1,563 pages.
/// With more the peer counts as out of reach.
pub(crate) const CUSTODY_QUEUE: usize = 2_048;

/// Connections of each of the ports of custody that it dialled itself, at most; other peers wait until one is
/// idle. Half of [`CONNECTIONS`], so that those who dial us find room.
pub(crate) const CUSTODY_DIALLED: usize = CONNECTIONS / 2;

/// Events of one of these ports that wait for whoever decides, at most; then nothing is read.
pub(crate) const CUSTODY_EVENTS: usize = 256;

/// Bytes of the messages among them, at most, and one message more. In memory they take up to five times as
/// much.
pub(crate) const CUSTODY_WAITING: usize = 2 << 20;
