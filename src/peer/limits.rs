//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;
use crate::rate::Rate;

/// Peers whose catalogues are pulled on sight; above it, on demand.
pub(crate) const CATALOGUES_ON_SIGHT: usize = 32;

/// Open files and connections that this process asks the system to allow it: what all limits below and
/// above come to, and twice that.
pub(crate) const DESCRIPTORS: u64 = 4_096;

/// Free space that custody never touches, at least.
pub(crate) const LEND_RESERVE: u64 = 1 << 30;

/// Files that nobody else keeps of which the names are told to who leaves, at most; the rest is counted. The
/// answer is one line of [`CONTROL_LINE`] bytes, and a path takes up to six times [`PATH`] in it.
pub(crate) const NOT_KEPT_TOLD: usize = 50;

/// Owners for whom something is kept that `status` names, at most; those with most bytes first.
pub(crate) const KEPT_FOR_TOLD: usize = 100;

/// Hosts that are remembered because somebody waited in vain for the catalogue of a peer there; with more, those
/// that come later are waited for.
pub(crate) const HOSTS_IN_VAIN: usize = 256;

/// Peers of whose files nothing can be listed that `list` names for each cause, at most; the rest is counted.
pub(crate) const UNLISTED_TOLD: usize = 20;

/// Peers that are heard and answer nothing of which `status` tells, at most: enough for whoever runs a
/// network to see what is wrong.
pub(crate) const UNANSWERED_PEERS: u64 = 8;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const UNANSWERED_PEERS_OF_HOST: u64 = 1;

/// Of how many of them the user is warned: anyone can make them up.
pub(crate) const UNANSWERED_WARNINGS: Rate = Rate { period: Duration::from_mins(5), burst: 3 };

/// Peers of whom it is remembered whether they could connect here and be connected to, at most: `doctor` counts
/// them, and names a few.
pub(crate) const REACHED_PEERS: u64 = 64;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const REACHED_PEERS_OF_HOST: u64 = 2;

/// Destinations outside `downloads/` that are written to at a time, at most: each has four threads of its own. Further
/// downloads to others wait for one of them.
pub(crate) const DESTINATIONS: usize = 32;

/// Peers of whom a download remembers where they list what it brings, at most: to see that it changed there.
pub(crate) const LISTED_PEERS: usize = 64;

/// Lines of the room that are kept and shown again, at most, own ones too.
pub(crate) const CHAT_LINES: u64 = 1_000;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const CHAT_LINES_OF_HOST: u64 = 10;

/// Peers that speak of which it is noted down how far they were heard, at most. The line of one that is forgotten may
/// be shown twice, if this peer restarts within the time that it can be repaired.
pub(crate) const CHAT_PEERS: u64 = 1_024;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const CHAT_PEERS_OF_HOST: u64 = 1;

/// Peers that the user of this one ignores, at most: a list that a person makes.
pub(crate) const IGNORED_PEERS: usize = 1_000;
