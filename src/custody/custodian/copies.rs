//! Which own files have copies, and how many each: what the machine of `mod.rs` gives its distributor to
//! place. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Custodian, CustodianConfig, CustodianOutput};
use crate::content::{Entry, EntryKind, FileId};
use crate::custody::distributor::Want;
use crate::custody::ledger::{LedgerKey, Record};
use crate::custody::limits;
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::time::Time;
use crate::wire::custody::Replica;

/// How many copies own files are to have, and who had some of them at the last start.
#[derive(Debug)]
pub struct CopyTargets {
    /// As [`CustodianConfig::copies`].
    usual: u8,
    /// As [`CustodianConfig::auto_copy`].
    auto_copy: u64,
    /// What the user asked for, by file.
    asked: BTreeMap<FileId, u8>,
    /// Who keeps what is not given to the distributor.
    placed: BTreeMap<FileId, Vec<Replica>>,
}

impl CopyTargets {
    /// As the user set them, and as it was recorded.
    pub(super) const fn new(
        config: &CustodianConfig,
        asked: BTreeMap<FileId, u8>,
        placed: BTreeMap<FileId, Vec<Replica>>,
    ) -> Self {
        Self { usual: config.copies, auto_copy: config.auto_copy, asked, placed }
    }

    /// How many copies an own file is to have, this peer's included.
    #[must_use]
    pub fn of(&self, file: FileId) -> u8 {
        self.asked.get(&file).copied().unwrap_or(self.usual)
    }

    /// True if copies of own files are made at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.usual > 1 || self.asked.values().any(|n| *n > 1)
    }

    /// True if others may keep some of this peer's files.
    #[must_use]
    pub fn may_exist(&self) -> bool {
        self.is_on() || !self.placed.is_empty()
    }

    /// True if the user wants no other copy of this file.
    pub(super) fn is_asked_to_be_alone(&self, file: FileId) -> bool {
        self.asked.get(&file) == Some(&1)
    }

    /// True if it is known who keeps a file that is not given to the distributor.
    pub(super) fn is_placed(&self, file: FileId) -> bool {
        self.placed.contains_key(&file)
    }

    /// Of own `entries`, each file once, with a path: what is chosen, and how many copies it is to have.
    /// `tends`: it is given to the distributor already.
    fn choice<'a>(
        &self,
        entries: impl Iterator<Item = &'a Entry>,
        tends: impl Fn(FileId) -> bool,
    ) -> BTreeMap<FileId, Want> {
        let mut files: BTreeMap<FileId, Want> = BTreeMap::new();
        for entry in entries {
            if let EntryKind::File { id, size, .. } = entry.kind {
                let copies = self.of(id);
                files.entry(id).or_insert_with(|| Want { size, path: entry.path.clone(), copies });
            }
        }
        // Small ones first; what has copies already keeps them before others get some.
        let mut order: Vec<(bool, u64, FileId)> =
            files.iter().map(|(f, w)| (!tends(*f) && !self.placed.contains_key(f), w.size, *f)).collect();
        order.sort_unstable();
        let mut left = self.auto_copy;
        for (_, size, file) in order {
            let is_asked = self.asked.contains_key(&file);
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
}

impl Custodian {
    /// `copies N FILE`; `None`: as for others.
    pub fn set_copies(&mut self, now: Time, file: FileId, copies: Option<u8>) {
        let copies = copies.map(|n| n.clamp(1, limits::COPIES_MAX));
        match copies {
            Some(n) => drop(self.copies.asked.insert(file, n)),
            None => drop(self.copies.asked.remove(&file)),
        }
        self.out.push_back(CustodianOutput::Record(Record::Copies(file, copies)));
        self.choose(now);
        self.gather(now);
    }

    /// Tells the distributor which own files it is to place.
    pub(super) fn choose(&mut self, now: Time) {
        if self.conflict {
            return;
        }
        let restoring: BTreeSet<_> = self.recovery.intends().map(|e| &e.path).collect();
        let entries = self.own.iter().flat_map(OwnerCatalogue::entries);
        let choice = self.copies.choice(entries.filter(|e| !restoring.contains(&e.path)), |file| {
            self.distributor.tends((self.me, file))
        });
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
                self.copies.placed.insert(key.1, self.distributor.places(key));
            }
            self.distributor.unwant(now, key);
        }
        for (file, want) in choice {
            let places = self.copies.placed.remove(&file).unwrap_or_default();
            self.distributor.want(now, (self.me, file), want, &places, None);
        }
        // Of what is left, that which is neither named nor lost was deleted.
        if let Some(own) = self.own.as_ref().filter(|_| !self.copies.placed.is_empty()) {
            let named: BTreeSet<FileId> = own.entries().filter_map(file).collect();
            let stale = self.copies.placed.extract_if(.., |f, _| !named.contains(f) && !lost.contains(f));
            self.out.extend(stale.map(|(file, _)| CustodianOutput::Record(Record::Placed(file, None))));
        }
    }
}
