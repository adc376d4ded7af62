//! Caps of what peers keep for each other. Pure.

use core::time::Duration;

/// Copies of one file, the owner's included, that may be asked for, at most.
pub const COPIES_MAX: u8 = 16;

/// Files that one peer keeps for others, at most: each is a row in memory and in the ledger.
pub const KEPT: usize = 200_000;

/// Keepers of one file that are told to others, at most: [`COPIES_MAX`] copies of `STRIPE` parts.
pub const PLACES: usize = 64;

/// Files in one page of a keeper's report, at most: the answer names up to [`PLACES`] keepers of each.
pub const REPORT_ROWS: usize = 128;

/// Repair after a crash waits this long: most peers that vanish come back.
pub const REPAIR_DELAY: Duration = Duration::from_secs(15 * 60);

/// A keeper reports this often at least, and whatever changed at once.
pub const REPORT_EVERY: Duration = Duration::from_secs(600);

/// A file that its owner deleted is kept this long by its keepers (`--keep-deleted`).
pub const KEEP_DELETED: Duration = Duration::from_secs(24 * 3_600);

/// What is kept for an owner that nobody heard of for this long is dropped (`--keep-days`).
pub const KEEP_DAYS: Duration = Duration::from_secs(30 * 24 * 3_600);
