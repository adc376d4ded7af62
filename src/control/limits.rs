//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Clients of one user that may be connected to the control socket and ask for something short, or say nothing. Each
/// may hold a line of a mebibyte. What is asked beyond waits to be let in.
pub(crate) const CONTROL_ASKING: usize = 64;

/// Clients of one user that may wait for the end of something long, such as a download. Each costs a descriptor.
pub(crate) const CONTROL_WAITING: usize = 4_096;

/// Of the descriptors of this process, the part that those who wait may take: one in so many. The rest is for
/// connections and files.
pub(crate) const CONTROL_DESCRIPTORS: u64 = 2;

/// Clients of one user that may wait for `exit` even where all those places are taken.
pub(crate) const CONTROL_LEAVING: usize = 64;

/// A client of the control socket that takes no byte for this long is dropped.
pub(crate) const CONTROL_WRITE: Duration = Duration::from_secs(10);

/// Bytes of answers that are made ready for one client before it takes some. More than a turn can write at once is of
/// no use.
pub(crate) const CONTROL_READY: usize = 256 << 10;

/// Bytes of a file that follow one line, at most.
pub(crate) const CONTROL_RAW: usize = 1 << 20;

/// Pieces of a file that are left to be taken when more of them are made ready: half of those that may wait.
pub(crate) const CONTROL_FEW: usize = 8;

/// Requests of one client that are looked at before it is the turn of others.
pub(crate) const CONTROL_TURN: usize = 32;

/// A client that said nothing for this long makes way for another one, if there is no place for that.
pub(crate) const CONTROL_IDLE: Duration = Duration::from_secs(1);

/// When there is no descriptor or place for a client, it is looked again after this time.
pub(crate) const CONTROL_ACCEPT: Duration = Duration::from_millis(100);
