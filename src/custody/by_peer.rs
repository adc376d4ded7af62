//! Which files concern a peer. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::LedgerKey;
use crate::identity::PeerId;

/// Files by the peers that they concern.
#[derive(Debug)]
pub(super) struct FilesByPeer(BTreeMap<PeerId, BTreeSet<LedgerKey>>);

impl FilesByPeer {
    /// No files yet.
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// A file concerns a peer.
    pub(super) fn add(&mut self, peer: PeerId, key: LedgerKey) {
        self.0.entry(peer).or_default().insert(key);
    }

    /// It does so no longer.
    pub(super) fn remove(&mut self, peer: PeerId, key: LedgerKey) {
        if let Some(keys) = self.0.get_mut(&peer) {
            keys.remove(&key);
            if keys.is_empty() {
                self.0.remove(&peer);
            }
        }
    }

    /// How many files concern a peer, of all peers together.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// The files that concern a peer.
    pub(super) fn of(&self, peer: PeerId) -> Vec<LedgerKey> {
        self.0.get(&peer).map(|keys| keys.iter().copied().collect()).unwrap_or_default()
    }

    /// True if any file concerns a peer.
    pub(super) fn has(&self, peer: PeerId) -> bool {
        self.0.contains_key(&peer)
    }
}
