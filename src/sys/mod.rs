//! The operating system's calls, one file each. No other module names a clock or starts a thread.

pub mod bell;
pub mod boot;
pub mod clock;
pub mod clone;
pub mod descriptors;
pub mod extents;
pub mod facts;
pub mod file;
pub mod folder;
pub mod local;
pub mod lock;
pub mod names;
pub mod net;
pub mod preallocate;
pub mod punch;
pub mod readahead;
pub mod refusal;
pub mod rename;
#[cfg(test)]
pub(crate) mod rerun;
pub mod sandbox;
pub mod signals;
pub mod space;
pub mod sync;
pub mod terminal;
#[cfg(test)]
pub(crate) mod testing;
pub mod thread;
pub mod watch;
