//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Peers that one copy of a file is spread over, at most: with each more of them it is lost more easily.
pub(crate) const STRIPE: u32 = 4;

/// Candidates of which the one with most space is asked first.
pub(crate) const CANDIDATES_AT_ONCE: usize = 4;

/// Candidates that are asked for space for a part before it is cut in two.
pub(crate) const CANDIDATES_ASKED: usize = 32;

/// Files that one distributor places at the same time, at most: the most urgent ones first.
pub(crate) const PLACINGS: usize = 64;

/// Files below [`SPACE_AGAIN`] bytes that one distributor places at the same time, at most: each takes a
/// round of messages and some syncs, so that with few at a time a folder of small files would take as long as
/// it has files.
pub(crate) const PLACINGS_SMALL: usize = 256;

/// Files and bytes that are placed by themselves (`--auto-copy`): a file up to this size,
pub(crate) const AUTO_COPY_FILE: u64 = 1 << 30;

/// A keeper acts for an absent owner only so long after its own start, or after it took the file: at first
/// it does not know who is here.
pub(crate) const ACT_AFTER: Duration = Duration::from_secs(30);

/// A keeper that is here but did not report a file for this long is believed not to keep it.
pub(crate) const REPORT_MISSED: Duration = Duration::from_secs(35 * 60);

/// An answer about space or an offer is waited for this long.
pub(crate) const CUSTODY_ANSWER: Duration = Duration::from_secs(10);

/// What a keeper said of its space is believed this long, for small parts.
pub(crate) const SPACE_AGE: Duration = Duration::from_secs(1);

/// So long after the first other peer was seen the first files are placed: until then it is not known who is
/// here, and the first one seen would get everything.
pub(crate) const PLACE_AFTER: Duration = Duration::from_secs(2);

/// Bytes a second at which large parts are begun to be placed. If all peers of a network did so at the same
/// moment, all of them would choose the one keeper that was the emptiest just before.
pub(crate) const PLACE_RATE: u64 = 100_000_000;

/// The longest pause behind such a part, on average.
pub(crate) const PLACE_PAUSE: Duration = Duration::from_millis(200);

/// Bytes of a part for which keepers are asked for their space again: many that place large files at the same
/// moment would all believe that the same keeper is empty. Asking costs nothing beside moving so much.
pub(crate) const SPACE_AGAIN: u64 = 1 << 20;

/// So long after a keeper has got what it promised, files for which nobody had space are offered again.
pub(crate) const STARVED_SOON: Duration = Duration::from_secs(2);

/// They are offered again after this time at first, though nothing came, then ever more seldom: what others are
/// promised takes the space of other promises for as long as it is on its way.
pub(crate) const STARVED_LATER: Duration = Duration::from_secs(10);

/// The longest such time.
pub(crate) const STARVED_LATEST: Duration = Duration::from_secs(60);

/// Own files that keepers prove before this peer leaves, at most: who lies about a tenth of its files is found out
/// with all but a thousandth of certainty.
pub(crate) const PROVED_FILES: usize = 64;

/// A keeper that refused a file is not asked for it again for this long.
pub(crate) const REFUSED_FOR: Duration = Duration::from_secs(600);

/// An accepted offer of which no further chunk came for this long is given to another, and its keeper forgets it.
pub(crate) const PROMISE: Duration = Duration::from_secs(600);

/// A copy too many is tolerated this long: who leaves every evening moves nothing.
pub(crate) const SURPLUS: Duration = Duration::from_secs(24 * 3_600);

/// Bytes lent to others (`--lend`), at most by default; and no more than a tenth of the free space.
pub(crate) const LEND: u64 = 10 << 30;

/// Origins (and hosts) between which what is lent is divided, at least.
pub(crate) const SHARES_MIN: u64 = 8;

/// Hosts between which what is lent is divided, at most: each has its part of it for sure.
pub(crate) const HOSTS_KEPT_FOR: u64 = 256;

/// This part of what is lent may be promised before any of it came: a promise costs its owner nothing.
pub(crate) const PROMISED_PART: u64 = 8;

/// Bytes that a kept file costs beside its content, at least: its row in memory and in the ledger with up to
/// [`PLACES`] keepers, and the last blocks of its file and its sidecar in the store.
pub(crate) const KEPT_COST: u64 = 4 << 10;

/// Bytes of memory for the catalogues of all owners whose files are kept, at most, and an eighth of what is
/// lent: they are kept for peers that ask what an absent owner shares.
pub(crate) const CATALOGUES_KEPT: u64 = 64 << 20;

/// Bytes an hour that are fetched for a host of whose offers none was ever fetched as a whole.
pub(crate) const UNPROVED_BYTES: u64 = 1 << 30;

/// That hour.
pub(crate) const UNPROVED_WINDOW: Duration = Duration::from_secs(3_600);

/// Other keepers of a file that are asked at once whether they have it.
pub(crate) const SOURCES_ASKED: usize = 4;

/// Peers of the network where an origin's files were taken that are remembered, at most.
pub(crate) const WITNESSES: usize = 16;

/// A departure without any movement ends after this time.
pub(crate) const HANDOFF_STILL: Duration = Duration::from_secs(30);

/// Files missing in one scan up to which they may count as deleted, even when they are more than half.
pub(crate) const MASS_LOSS: usize = 10;
