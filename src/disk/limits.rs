//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Bytes of blocks in flight between the receiver and its disk workers, in the whole process.
pub(crate) const BLOCK_POOL: usize = 32 << 20;

/// Events that wait for a part's owner, at most; then the part waits.
pub(crate) const EVENTS: usize = 1_024;

/// Messages that the disk coordinator handles before it looks at times and groups again.
pub(crate) const DISK_TURN: usize = 256;

/// Bytes of a destination's file system that a download leaves free (on a small one a 64th of it):
/// a full disk breaks other programs.
pub(crate) const DISK_RESERVE: u64 = 32 << 20;

/// Bytes of a file from which on its blocks are asked for in advance; below, it is not worth a call.
pub(crate) const PREALLOCATE: u64 = 8 << 20;

/// Bytes verified after which a partial file's sidecar is written, at most: what a crash may cost.
pub(crate) const SIDECAR_BYTES: u64 = 64 << 20;

/// It is written after this share of the file (1/50: 2 %) too, so that small files resume as well.
pub(crate) const SIDECAR_SHARE: u64 = 50;

/// But not before this many bytes: a file that is smaller is soon whole, and each writing takes two syncs.
pub(crate) const SIDECAR_LEAST: u64 = 1 << 20;

/// It is written after this time too, so that slow downloads resume as well.
pub(crate) const SIDECAR_AGE: Duration = Duration::from_secs(2);

/// How often the disk coordinator looks for sidecars of that age.
pub(crate) const SIDECAR_TICK: Duration = Duration::from_millis(250);

/// Partial files that `status` looks at, at most.
pub(crate) const UNFINISHED: usize = 100;

/// Files published in one group, at most (one sync of the file system for all).
pub(crate) const PUBLISH_FILES: usize = 256;

/// Bytes of files published in one group, at most, so that its sync does not take long.
pub(crate) const PUBLISH_BYTES: u64 = 64 << 20;

/// Descriptors that a file needs at once to be opened, its folders included. With fewer left it waits.
pub(crate) const DESCRIPTORS_OF_FILE: usize = 8;

/// While files wait for descriptors, these are looked for this often.
pub(crate) const STARVED_TICK: Duration = Duration::from_millis(250);

/// A file that no descriptor was left for in this time fails.
pub(crate) const STARVED: Duration = Duration::from_secs(60);
