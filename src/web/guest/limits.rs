//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

/// Connections of guests, at most, and those of one host while there are places for each: a browser makes six to one page,
/// and several guests may stand behind one address.
pub(crate) const CONNECTIONS: (u64, u64) = (2_048, 16);

/// Rows of a list that are told at once.
pub(crate) const ROWS: usize = 500;

/// Words of a search that are looked for.
pub(crate) const WORDS: usize = 8;

/// What is listed may be this old before it is asked for again.
pub(crate) const LISTED: Duration = Duration::from_secs(2);

/// The first pause of whoever guesses a PIN wrong; it doubles each time.
pub(crate) const PIN_PAUSE: Duration = Duration::from_secs(1);

/// The longest one.
pub(crate) const PIN_PAUSE_MOST: Duration = Duration::from_mins(5);

/// Hosts whose wrong guesses are remembered.
pub(crate) const PIN_HOSTS: usize = 1_024;

/// Guests that typed the PIN, at most: the one that asked nothing for the longest time has to type it again.
pub(crate) const PIN_PATHS: usize = 1_024;

/// Bytes of what a guest asks, at most: a line of text is the longest.
pub(crate) const QUESTION: usize = 16 << 10;

/// Bytes of a line of text, at most.
pub(crate) const TEXT: usize = 8 << 10;

/// Lines of text that are kept.
pub(crate) const TEXTS: usize = 200;

/// Between two lines of text of one host there is this time, on average.
pub(crate) const TEXT_PAUSE: Duration = Duration::from_secs(1);

/// Lines of text that one host may say without a pause.
pub(crate) const TEXT_BURST: u32 = 5;

/// Files that the guests of one link bring, at most.
pub(crate) const UPLOADED: u64 = 10_000;

/// Files of one archive, at most.
pub(crate) const ARCHIVED: usize = 100_000;

/// CRC-32 that are remembered, by content.
pub(crate) const CRCS: usize = 200_000;

/// Contents that are read for guests at a time, at most, and those of one host: others wait. What is left of the places of
/// the reader is the owner's.
pub(crate) const READS: usize = 24;
pub(crate) const READS_OF_HOST: usize = 4;
