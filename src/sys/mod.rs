//! The operating system's calls, one file each. No other module names a clock or starts a thread.

pub(crate) mod bell;
pub(crate) mod boot;
pub(crate) mod browser;
pub(crate) mod cached;
pub mod clock;
pub(crate) mod clone;
pub(crate) mod descriptors;
pub(crate) mod extents;
pub(crate) mod facts;
pub(crate) mod file;
pub(crate) mod firewall;
pub(crate) mod folder;
pub(crate) mod gateway;
pub(crate) mod handed;
pub(crate) mod hidden_line;
pub(crate) mod links;
pub(crate) mod local;
pub(crate) mod local_time;
pub(crate) mod lock;
pub(crate) mod memory;
pub(crate) mod mounts;
pub(crate) mod names;
pub(crate) mod neighbours;
pub(crate) mod net;
pub(crate) mod net_changes;
#[cfg(target_os = "linux")]
mod netlink;
pub(crate) mod own_sockets;
pub(crate) mod owner;
pub(crate) mod preallocate;
pub(crate) mod punch;
pub(crate) mod readahead;
pub(crate) mod refusal;
pub(crate) mod rename;
#[cfg(test)]
pub(crate) mod rerun;
pub(crate) mod runtime;
pub(crate) mod sandbox;
pub(crate) mod service_manager;
pub mod signals;
pub(crate) mod space;
pub(crate) mod sync;
pub(crate) mod terminal;
#[cfg(test)]
pub(crate) mod testing;
pub mod thread;
pub(crate) mod udp;
pub(crate) mod watch;
