//! What a peer has done since it was started, counted by the threads that do it and told by `status --json`:
//! where time and network went, and what was done more than once.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// So many more.
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many by now.
    #[must_use]
    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one peer.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Bytes of `shared/` that were read to be hashed.
    pub hashed: Counter,
    /// Bytes of content that were given to others.
    pub sent: Counter,
    /// Bytes of content that others gave.
    pub received: Counter,
    /// Of these, bytes that nobody waited for any more when they came.
    pub discarded: Counter,
    /// How often a connection was not read from, for all blocks of the pool were with the disk workers.
    pub pool_waits: Counter,
}
