//! What is known of the owners whose files are kept: their heads and catalogues. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Keeper, KeeperOutput, KeptCopy};
use crate::content::{Catalogue, EntryKind, FileId, HeadNumber};
use crate::custody::ledger::{LedgerKey, Record, Shared};
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::identity::PeerId;
use crate::time::Time;

impl Keeper {
    /// The owners whose files anybody may have now: one who was here when they were taken is heard.
    #[must_use]
    pub fn open_owners(&self) -> BTreeSet<PeerId> {
        let heard = |w: &BTreeSet<PeerId>| w.iter().any(|w| self.live.contains_key(w));
        self.witnesses.iter().filter(|(_, w)| heard(w)).map(|(owner, _)| *owner).collect()
    }

    /// The owners whose catalogues are known here.
    pub fn owners(&self) -> impl Iterator<Item = (PeerId, &OwnerCatalogue)> {
        self.owner_catalogues.iter().map(|(owner, catalogue)| (*owner, catalogue))
    }

    /// What is known of an owner whose files are kept here: for a list that shows it as away.
    #[must_use]
    pub fn owner_catalogue(&self, origin: PeerId) -> Option<&OwnerCatalogue> {
        self.owner_catalogues.get(&origin)
    }

    /// Seconds since an owner was last heard.
    #[must_use]
    pub fn quiet(&self, now: Time, key: LedgerKey) -> u64 {
        let Some(kept) = self.kept.get(&key).filter(|_| !self.live.contains_key(&key.0)) else { return 0 };
        self.clock.at(now).since(kept.row.heard).as_secs()
    }

    /// True if the owner's newest head names the file, `None` if that is not known.
    pub(super) fn is_named(&self, key: LedgerKey, kept: &KeptCopy) -> Option<bool> {
        self.owner_catalogues.get(&key.0).and_then(|e| e.names(key.1, &kept.row.path))
    }

    /// An owner's whole catalogue, under its signed head.
    pub fn learned(&mut self, now: Time, origin: PeerId, signed: &Shared, catalogue: &Catalogue) {
        let Some(known) = self.owner_catalogues.get_mut(&origin) else { return };
        let Some(newer) = OwnerCatalogue::whole(origin, signed, catalogue) else { return };
        if newer.number() < known.number() {
            return;
        }
        let before: BTreeSet<u8> = known.buckets().map(|(i, _)| i).collect();
        known.renew(newer);
        let after: Vec<_> = known.buckets().map(|(i, b)| (i, b.bytes())).collect();
        for index in before.iter().filter(|i| !after.iter().any(|(j, _)| j == *i)) {
            self.out.push_back(KeeperOutput::Record(Record::Bucket(origin, *index, None)));
        }
        for (index, bytes) in after {
            self.out.push_back(KeeperOutput::Record(Record::Bucket(origin, index, Some(bytes))));
        }
        self.record_owner(origin);
        self.named_again(now, origin);
    }

    /// The owner's head is another one: what it names may be at other paths, or gone.
    pub(super) fn named_again(&mut self, now: Time, origin: PeerId) {
        let Some(owner) = self.owner_catalogues.get(&origin) else { return };
        let paths: BTreeMap<FileId, _> = owner
            .entries()
            .filter_map(|e| match e.kind {
                EntryKind::File { id, .. } => Some((id, e.path.clone())),
                EntryKind::Folder => None,
            })
            .collect();
        let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        let keys: Vec<LedgerKey> = self.kept.range(range).map(|(k, _)| *k).collect();
        for key in keys {
            let Some(kept) = self.kept.get(&key) else { continue };
            if let Some(path) = paths.get(&key.1).filter(|_| self.is_named(key, kept) == Some(true))
                && self.owner_catalogues.get(&origin).is_some_and(|e| !e.lies_at(key.1, &kept.row.path))
                && let Some(kept) = self.kept.get_mut(&key)
            {
                kept.row.path = path.clone();
                let row = kept.row.clone();
                self.record(Record::Kept(key, Some(row)));
            }
            self.recompute(now, key);
            // What the owner does not name any more, or names again, it may want to say more of.
            let is_settled = self
                .kept
                .get(&key)
                .is_some_and(|kept| self.is_named(key, kept) == Some(true) && kept.row.released.is_none());
            if self.live.contains_key(&origin) && !is_settled {
                self.report_in(now, origin, key, 1_000);
            }
        }
    }

    pub(super) fn record_owner(&mut self, origin: PeerId) {
        if let Some(owner) = self.owner_catalogues.get(&origin) {
            let witnesses = self.witnesses.get(&origin).map(|w| w.iter().copied().collect());
            let row = owner.row(witnesses.unwrap_or_default());
            self.record(Record::OwnerCatalogue(origin, Some(row)));
        }
    }

    /// The head that is known of an owner.
    #[must_use]
    pub fn head(&self, origin: PeerId) -> Option<(HeadNumber, Shared)> {
        self.owner_catalogues.get(&origin).map(|e| (e.number(), Shared::clone(e.signed())))
    }
}
