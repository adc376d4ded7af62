//! Counters of the shell, read by others while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use super::DatagramCounters;
use super::discovery::Dropped;
use crate::codec::DecodeError;

/// What the thread of `lan` counts. Written by it alone.
#[derive(Debug, Default)]
pub struct Tally {
    sent: AtomicU64,
    taken: AtomicU64,
    malformed: AtomicU64,
    version: AtomicU64,
    forged: AtomicU64,
    limited: AtomicU64,
    replayed: AtomicU64,
    unsent: AtomicU64,
    foreign: AtomicU64,
    outsiders: AtomicU64,
}

impl Tally {
    /// The counters now.
    #[must_use]
    pub fn read(&self) -> DatagramCounters {
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let (malformed, version, forged) = (of(&self.malformed), of(&self.version), of(&self.forged));
        let (limited, replayed, foreign) = (of(&self.limited), of(&self.replayed), of(&self.foreign));
        DatagramCounters {
            sent: of(&self.sent),
            taken: of(&self.taken),
            dropped: malformed + version + forged + limited + replayed + foreign,
            malformed,
            version,
            forged,
            limited,
            replayed,
            foreign,
            unsent: of(&self.unsent),
            outsiders: of(&self.outsiders),
        }
    }

    pub(super) fn sent(&self, ok: bool) {
        let n = if ok { &self.sent } else { &self.unsent };
        n.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn foreign(&self) {
        self.foreign.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn outsiders(&self, count: usize) {
        self.outsiders.store(count as u64, Ordering::Relaxed);
    }

    pub(super) fn unreadable(&self, why: &DecodeError) {
        let n = match why {
            DecodeError::Version(_) => &self.version,
            DecodeError::Signature => &self.forged,
            _ => &self.malformed,
        };
        n.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn heard(&self, result: Result<(), Dropped>) {
        let n = match result {
            Ok(()) => &self.taken,
            // Our own broadcasts come back to us: nobody sent too much.
            Err(Dropped::Own) => return,
            Err(_) => &self.replayed,
        };
        n.fetch_add(1, Ordering::Relaxed);
    }
}
