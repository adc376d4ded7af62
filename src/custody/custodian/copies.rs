//! Which own files have copies, and how many each: what the machine of `mod.rs` gives its distributor to
//! place. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Custodian, CustodianOutput};
use crate::content::{Entry, EntryKind, FileId};
use crate::custody::distributor::Want;
use crate::custody::ledger::{LedgerKey, Record};
use crate::custody::limits;
use crate::time::Time;

impl Custodian {
    /// How many copies an own file is to have, this peer's included.
    #[must_use]
    pub fn copies_of(&self, file: FileId) -> u8 {
        self.copies.get(&file).copied().unwrap_or(self.config.copies)
    }

    /// True if copies of own files are made at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.config.copies > 1 || self.copies.values().any(|n| *n > 1)
    }

    /// True if others may keep some of this peer's files.
    #[must_use]
    pub fn may_have_copies(&self) -> bool {
        self.is_on() || !self.placed.is_empty()
    }

    /// `copies N FILE`; `None`: as for others.
    pub fn set_copies(&mut self, now: Time, file: FileId, copies: Option<u8>) {
        let copies = copies.map(|n| n.clamp(1, limits::COPIES_MAX));
        match copies {
            Some(n) => drop(self.copies.insert(file, n)),
            None => drop(self.copies.remove(&file)),
        }
        self.out.push_back(CustodianOutput::Record(Record::Copies(file, copies)));
        self.choose(now);
        self.gather(now);
    }

    /// Own files, each once, with a path: what is chosen, and how many copies it is to have.
    fn choice(&self) -> BTreeMap<FileId, Want> {
        let Some(own) = &self.own else { return BTreeMap::new() };
        let restoring: BTreeSet<_> = self.recovery.intends().map(|e| &e.path).collect();
        let mut files: BTreeMap<FileId, Want> = BTreeMap::new();
        for entry in own.entries().filter(|e| !restoring.contains(&e.path)) {
            if let EntryKind::File { id, size, .. } = entry.kind {
                let copies = self.copies.get(&id).copied().unwrap_or(self.config.copies);
                files.entry(id).or_insert_with(|| Want { size, path: entry.path.clone(), copies });
            }
        }
        // Small ones first; what has copies already keeps them before others get some.
        let mut order: Vec<(bool, u64, FileId)> = files
            .iter()
            .map(|(f, w)| {
                (!self.distributor.tends((self.me, *f)) && !self.placed.contains_key(f), w.size, *f)
            })
            .collect();
        order.sort_unstable();
        let mut left = self.config.auto_copy;
        for (_, size, file) in order {
            let is_asked = self.copies.contains_key(&file);
            let fits = size <= limits::AUTO_COPY_FILE && size <= left;
            let is_off = files.get(&file).is_none_or(|w| w.copies < 2);
            if is_off || !is_asked && !fits {
                files.remove(&file);
            } else if !is_asked {
                left -= size;
            }
        }
        files
    }

    /// Tells the distributor which own files it is to place.
    pub(super) fn choose(&mut self, now: Time) {
        if self.conflict {
            return;
        }
        let choice = self.choice();
        let gone: Vec<LedgerKey> = self
            .distributor
            .wanted()
            .map(|(k, _)| k)
            .filter(|k| k.0 == self.me && !choice.contains_key(&k.1))
            .collect();
        let file = |e: &Entry| if let EntryKind::File { id, .. } = e.kind { Some(id) } else { None };
        let lost: BTreeSet<FileId> = self.recovery.intends().filter_map(file).collect();
        for key in gone {
            if lost.contains(&key.1) {
                // It is nothing to be placed until it is back; who keeps it is as true then as now.
                self.placed.insert(key.1, self.distributor.places(key));
            }
            self.distributor.unwant(now, key);
        }
        for (file, want) in choice {
            let places = self.placed.remove(&file).unwrap_or_default();
            self.distributor.want(now, (self.me, file), want, &places, None);
        }
        // Of what is left, that which is neither named nor lost was deleted.
        if let Some(own) = self.own.as_ref().filter(|_| !self.placed.is_empty()) {
            let named: BTreeSet<FileId> = own.entries().filter_map(file).collect();
            let stale = self.placed.extract_if(.., |f, _| !named.contains(f) && !lost.contains(f));
            self.out.extend(stale.map(|(file, _)| CustodianOutput::Record(Record::Placed(file, None))));
        }
    }
}
