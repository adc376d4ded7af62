//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Routes of one peer, at most.
pub(crate) const ROUTES: usize = 32;

/// Addresses of one name that are tried, at most.
pub(crate) const ADDRESSES: usize = 8;

/// Routes that the user ended, and that the table is not to bring back, at most; the oldest is forgotten first.
pub(crate) const ENDED: usize = 2 * ROUTES;

/// A link that was up within this time is missed: it is tried again soon.
pub(crate) const MISSED: Duration = Duration::from_secs(3_600);

/// Between two tries of such a route, at most.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Between two tries of any other route, at most.
pub(crate) const LATER: Duration = Duration::from_secs(300);

/// A link over which no answer came for this time is dead: an answer comes after 3 s in any case.
pub(crate) const DEAD: Duration = Duration::from_secs(8);

/// Addresses that gateways tell and that failed, in one minute, at most: whoever is there did not ask for it.
pub(crate) const FAILURES: usize = 10;

/// Of those, what the gateways of one host tell, at most: so one that lies leaves the others their share.
pub(crate) const FAILURES_OF_GATEWAY: usize = FAILURES / 2;

/// An address that failed is left alone for this time, and a failure counts for as long.
pub(crate) const FAILED: Duration = Duration::from_secs(60);

/// Addresses that wait to be dialled, at most (100 bytes each): one of each peer of a full table.
pub(crate) const TOLD: u64 = PEERS as u64;

/// Of them what the gateways of one host tell has so many places at least: a few of each peer of a small network.
pub(crate) const TOLD_OF_HOST: u64 = 64;

/// Addresses of the table between sites that wait to be dialled, at most.
pub(crate) const FOUND: usize = 128;

/// Of them so many are dialled in one minute, at most: whoever is there did not ask for it.
pub(crate) const FOUND_DIALS: usize = 10;

/// One that leads to this very peer, or to one that is linked otherwise, is left alone for this time.
pub(crate) const FOUND_VAIN: Duration = Duration::from_secs(3_600);

/// Routes that the table brought, at most: half of all, so that the user always has some.
pub(crate) const FOUND_ROUTES: usize = ROUTES / 2;
