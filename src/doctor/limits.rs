//! What counts as little or late, each with its unit and reason. Pure.

use core::time::Duration;

/// Free bytes below which there is a problem: less than many a file, and the database needs some to go on.
pub(super) const SPACE_PROBLEM: u64 = 64 << 20;

/// Free bytes below which that is worth knowing: custody leaves as much alone, so that it stops there.
pub(super) const SPACE_NOTE: u64 = 1 << 30;

/// Open files and connections that a peer wants to be allowed (`peer/limits.rs` says why so many).
pub(super) const DESCRIPTORS: u64 = 4_096;

/// Above so many percent of what is allowed, there is a problem soon.
pub(super) const USED_PERCENT: u64 = 90;

/// Seconds since 1970 before which no clock can be that runs this program: it is older than this date
/// (2026-11-01).
pub(super) const OLDEST_CLOCK: u64 = 1_793_491_200;

/// Seconds by which a clock may be set without a word: what keeps clocks right does it in small steps.
pub(super) const CLOCK_STEP: u64 = 60;

/// Networks that are named in a command, at most: a line that can still be read.
pub(super) const NETWORKS: usize = 3;

/// Peers that a finding names, at most; the rest is counted.
pub(crate) const PEERS_NAMED: usize = 8;

/// What happened longer ago than this says nothing of now: a firewall may have been opened meanwhile.
pub(crate) const LATELY: Duration = Duration::from_mins(10);

/// So long after the start nobody needs to have been heard yet: the first questions are repeated for so long.
pub(super) const FIRST_ANSWERS: Duration = Duration::from_secs(3);
