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

/// Questions about the folder of this peer that wait, at most: whoever asks awaits the answer.
pub(crate) const LOCAL_ASKS: usize = 16;

/// Bytes of an upload that come at once, at most.
pub(crate) const SLICE: u64 = 8 << 20;

/// Bytes of a slice that wait to be written, at most: its sender waits with the rest.
pub(crate) const UNWRITTEN: u64 = 1 << 20;

/// Uploads that are under way at a time, at most, and those of one host.
pub(crate) const UPLOADS: usize = 64;
pub(crate) const UPLOADS_OF_HOST: usize = 8;

/// Bytes that uploads leave free on the disk: a full one harms more than this peer.
pub(crate) const LEFT_FREE: u64 = 1 << 30;

/// An upload of which nothing came for this long is given up.
pub(crate) const UPLOAD: Duration = Duration::from_hours(12);

/// One that nobody brought on for this long makes way for others.
pub(crate) const UPLOAD_RESTS: Duration = Duration::from_mins(1);
