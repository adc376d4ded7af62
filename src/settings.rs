//! How one peer runs, as flags and environment said it.

use core::time::Duration;
use std::path::PathBuf;

use crate::limits;
use crate::rate::Limit;

/// The transfer port when none is given: clear of the discovery port and of registered services.
pub const DEFAULT_PORT: u16 = 27_280;

/// Copies of each shared file when nothing else is said, the owner's own included: one peer may fail.
pub const DEFAULT_COPIES: u8 = 2;

/// Settings of one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The peer directory, absolute.
    pub directory: PathBuf,
    /// Base transfer port: receiver there, then sender, distributor and distributee.
    pub port: u16,
    /// Refuse to start instead of falling back to other ports.
    pub strict_port: bool,
    /// UDP port of discovery; another one is another network (tests).
    pub discovery_port: u16,
    /// Names of the interfaces to use; empty: all.
    pub interfaces: Vec<String>,
    /// Name to show; `None`: made from the folder's name.
    pub name: Option<String>,
    /// Confine the threads that the network speaks to, where the system can.
    pub sandbox: bool,
    /// Give others what arrived of a file while the rest is fetched, and a while after, and take such
    /// pieces from others.
    pub swarm: bool,
    /// Bytes of content a second that are sent, to all together.
    pub up_limit: Limit,
    /// Bytes of content a second that are fetched, from all together.
    pub down_limit: Limit,
    /// How many copies of each shared file there are to be, the one here included; 1 to
    /// [`limits::COPIES_MAX`], 1: none on others.
    pub copies: u8,
    /// Bytes of shared files in all that are copied to others by themselves.
    pub auto_copy: u64,
    /// Bytes in which files of others are kept; `None`: `LEND`, or a tenth of the free space if that
    /// is less.
    pub lend: Option<u64>,
    /// How long something is kept for an owner that nobody heard of.
    pub keep: Duration,
    /// How long something is kept that its owner deleted.
    pub keep_deleted: Duration,
    /// How long a copy that was lost in a crash still counts, for its keeper may come back.
    pub repair_after: Duration,
    /// Somebody can be asked: a prompt is shown.
    pub asks: bool,
}

impl Settings {
    /// The defaults, for a peer in `directory`.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            port: DEFAULT_PORT,
            strict_port: false,
            discovery_port: limits::DISCOVERY_PORT,
            interfaces: Vec::new(),
            name: None,
            sandbox: true,
            swarm: true,
            up_limit: None,
            down_limit: None,
            copies: DEFAULT_COPIES,
            auto_copy: limits::AUTO_COPY_ALL,
            lend: None,
            keep: limits::KEEP_DAYS,
            keep_deleted: limits::KEEP_DELETED,
            repair_after: limits::REPAIR_DELAY,
            asks: false,
        }
    }

    /// Where the state of this peer lies.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.directory.join(".potluck")
    }

    /// Where chunks of others' files are kept.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.state().join("store")
    }

    /// The key file.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.state().join("key")
    }

    /// What this peer shares.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.directory.join("shared")
    }

    /// Where downloads go.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.directory.join("downloads")
    }
}
