//! What the thread of a link and the peer both know of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::limits;
use super::texts::GuestTexts;
use crate::accounts::AccountHost;
use crate::time::Time;

/// It.
#[derive(Debug, Default)]
pub(super) struct GuestShared {
    texts: Mutex<GuestTexts>,
    counts: Mutex<GuestCounts>,
}

/// What guests did.
#[derive(Clone, Debug, Default)]
pub(super) struct GuestCounts {
    /// When each host asked last.
    hosts: BTreeMap<AccountHost, Time>,
    /// Files that were brought, and their bytes.
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl GuestCounts {
    /// Hosts that asked something.
    pub(super) fn hosts(&self) -> u64 {
        self.hosts.len() as u64
    }
}

impl GuestShared {
    /// What was said.
    pub(super) fn texts(&self) -> MutexGuard<'_, GuestTexts> {
        // A thread that ended by a panic left whole lines.
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What guests did.
    pub(super) fn counts(&self) -> MutexGuard<'_, GuestCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host asked something.
    pub(super) fn saw(&self, now: Time, host: AccountHost) {
        let mut counts = self.counts();
        if counts.hosts.len() < limits::PIN_HOSTS || counts.hosts.contains_key(&host) {
            counts.hosts.insert(host, now);
        }
    }

    /// A file of so many bytes was brought.
    pub(super) fn saved(&self, bytes: u64) {
        let mut counts = self.counts();
        counts.files += 1;
        counts.bytes += bytes;
    }
}
