//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

/// Seconds for which a code of `potluck web` is good. Other users of this machine can read it while a browser is started
/// with it.
pub(crate) const CODE_SECONDS: u64 = 30;

/// Browsers that the owner uses at the same time, at most: the one that was used longest ago has to be opened again.
pub(crate) const SESSIONS: usize = 16;

/// A browser that asked nothing for this long has to be opened again.
pub(crate) const SESSION: Duration = Duration::from_hours(24);

/// Bytes of what a page asks, at most: as on the control socket.
pub(crate) const QUESTION: usize = 1 << 20;

/// Bytes of what a page asks that is not signed in, at most: a code has some 60. Other users of this machine can ask that, too.
pub(crate) const LOGIN: usize = 1 << 10;

/// Addresses of files that are good at the same time, at most: the oldest are forgotten first.
pub(crate) const LINKS: usize = 1_024;

/// For how long an address of a file is good after it was used last.
pub(crate) const LINK: Duration = Duration::from_hours(12);

/// Connections to the owner's page, at most, and those of one host: a browser makes six to one page.
pub(crate) const OWNER_CONNECTIONS: (u64, u64) = (512, 8);
