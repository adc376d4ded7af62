//! The files that lack a copy, in the order in which they get one. Pure.

use std::collections::BTreeSet;

use super::replicas::FileReplicas;
use crate::custody::ledger::LedgerKey;

/// Files, those with the fewest copies first, then the smallest.
#[derive(Debug)]
pub(super) struct PlacingQueue(BTreeSet<(u32, u64, LedgerKey)>);

impl PlacingQueue {
    /// No file yet.
    pub(super) const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// A file of so many copies waits.
    pub(super) fn enqueue(&mut self, key: LedgerKey, replicas: &mut FileReplicas, level: u32) {
        self.dequeue(key, replicas);
        replicas.extra_mut().queued = Some((level, replicas.want.size));
        self.0.insert((level, replicas.want.size, key));
    }

    /// It waits no longer.
    pub(super) fn dequeue(&mut self, key: LedgerKey, replicas: &mut FileReplicas) {
        if let Some((level, size)) = replicas.extra.as_mut().and_then(|extra| extra.queued.take()) {
            self.0.remove(&(level, size, key));
        }
    }

    /// Takes the first one out, if a file of that size `may` be placed now.
    pub(super) fn pop(&mut self, may: impl FnOnce(u64) -> bool) -> Option<LedgerKey> {
        self.0.first().filter(|(_, size, _)| may(*size))?;
        self.0.pop_first().map(|(_, _, key)| key)
    }
}
