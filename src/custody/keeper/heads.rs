//! What follows from the heads of the owners whose files are kept. Pure.

use std::collections::BTreeSet;

use super::Keeper;
use super::accounting::{charge_catalogue, check_turn, settle_catalogue};
use crate::content::Catalogue;
use crate::custody::ledger::{LedgerKey, Shared};
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::identity::PeerId;
use crate::time::Time;

impl Keeper {
    /// The owners whose files anybody may have now: one who was here when they were taken is heard, or was since the
    /// network changed last.
    #[must_use]
    pub fn open_owners(&self) -> BTreeSet<PeerId> {
        self.owners.open(&self.live)
    }

    /// The owners whose catalogues are known here.
    pub fn owners(&self) -> impl Iterator<Item = (PeerId, &OwnerCatalogue)> {
        self.owners.iter()
    }

    /// What is known of an owner whose files are kept here: for a list that shows it as away.
    #[must_use]
    pub fn owner_catalogue(&self, origin: PeerId) -> Option<&OwnerCatalogue> {
        self.owners.get(origin)
    }

    /// Seconds since an owner was last heard.
    #[must_use]
    pub fn quiet(&self, now: Time, key: LedgerKey) -> u64 {
        let Some(kept) = self.files.get(key).filter(|_| !self.live.has(key.0)) else { return 0 };
        self.clock.at(now).since(kept.row.heard).as_secs()
    }

    /// An owner's whole catalogue, under its signed head.
    pub fn learned(&mut self, now: Time, origin: PeerId, signed: &Shared, catalogue: &Catalogue) {
        if !charge_catalogue(self, now, origin, OwnerCatalogue::cost_of(catalogue)) {
            return self.owners.is_too_much(origin);
        }
        let is_news = self.owners.learn(origin, signed, catalogue, &mut self.out);
        settle_catalogue(self, now, origin);
        if is_news {
            self.named_again(now, origin);
        }
        check_turn(self);
    }

    /// A head of an owner, signed by it; if it is newer than the known one, the catalogue is pulled.
    pub fn hear_head(&mut self, now: Time, from: PeerId, origin: PeerId, signed: &Shared) {
        if self.owners.hear_head(origin, from, signed, &mut self.out) {
            settle_catalogue(self, now, origin);
            self.named_again(now, origin);
        }
    }

    /// The owner's head is another one: what it names may be at other paths, or gone.
    pub(super) fn named_again(&mut self, now: Time, origin: PeerId) {
        let Some(paths) = self.owners.paths(origin) else { return };
        let keys: Vec<LedgerKey> = self.files.of_owner(origin).map(|(key, _)| key).collect();
        for key in keys {
            let Some(kept) = self.files.get(key) else { continue };
            if let Some(path) =
                paths.get(&key.1).filter(|_| self.owners.is_named(key, &kept.row.path) == Some(true))
                && self.owners.get(origin).is_some_and(|e| !e.lies_at(key.1, &kept.row.path))
                && let Some(kept) = self.files.get_mut(key)
            {
                kept.row.path = path.clone();
                self.files.record(key, &mut self.out);
            }
            self.recompute(now, key);
            // What the owner does not name any more, or names again, it may want to say more of.
            let is_settled = self.files.get(key).is_some_and(|kept| {
                self.owners.is_named(key, &kept.row.path) == Some(true) && kept.row.released.is_none()
            });
            if self.live.has(origin) && !is_settled {
                self.reports.report_in(now, origin, key, 1_000);
            }
        }
    }
}
