//! An owner comes home: what was deleted on purpose, what was lost, and what comes back. Pure.
//!
//! The owner's own records decide, not what keepers say: which paths its last head named, and which files it
//! deleted. A keeper's report only says where chunks are. An owner without records (an empty disk and its
//! key) believes heads that itself signed, and nothing else. Nothing is given back over something that is
//! there: only a path where nothing lies is restored.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use super::ledger::{DeletedRow, FolderRow, Ledger, Lived, LostRow, Record, Shared};
use super::owner_catalogue::OwnerCatalogue;
use crate::content::{Catalogue, Entry, EntryKind, FileId, FolderIdentity, Head, HeadNumber, SafePath};
use crate::custody::limits;
use crate::identity::{Instance, PeerId};
use crate::wire::custody::Verdict;

/// What it wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum RecoveryOutput {
    /// Ask the user (or, without one, [`Recovery::decide`] at once for giving back): files are missing, and
    /// nobody deleted them on purpose.
    Ask {
        /// How many paths.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Fetch this from its keepers and publish it at its path in `shared/`, replacing nothing.
    Restore(Entry),
    /// The head must go on naming what [`Recovery::intends`] says: make a new one.
    Publish,
    /// To be written.
    Record(Record),
}

/// What the user wants of what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is to come back.
    GiveBack,
    /// It was deleted: keepers drop it after a day. So was what is on its way back.
    Forget,
}

/// The machine. It lives as long as the peer: files can be lost while it runs, too.
#[derive(Debug)]
pub struct Recovery {
    me: PeerId,
    instance: Instance,
    /// What the newest own head named.
    named: Catalogue,
    /// The newest own head of an earlier start that is known; `None` without records.
    before: Option<HeadNumber>,
    identity: Option<FolderIdentity>,
    deleted: BTreeMap<FileId, DeletedRow>,
    /// Missing, and not decided.
    missing: BTreeMap<SafePath, Entry>,
    /// To come back.
    restoring: BTreeMap<SafePath, Entry>,
    scanned: bool,
    out: VecDeque<RecoveryOutput>,
}

impl Recovery {
    /// Of the start `instance` of the peer `me`; takes what concerns it out of the ledger. What was to come
    /// back goes on coming.
    #[must_use]
    pub fn new(me: PeerId, instance: Instance, ledger: &mut Ledger) -> Self {
        let (coming, missing): (Vec<_>, Vec<_>) =
            std::mem::take(&mut ledger.lost).into_values().partition(|row| row.coming);
        let by_path =
            |rows: Vec<LostRow>| rows.into_iter().map(|r| (r.entry.path.clone(), r.entry)).collect();
        let restoring: BTreeMap<SafePath, Entry> = by_path(coming);
        let head = ledger.folder.as_ref().and_then(|f| Head::open(&f.signed).ok());
        Self {
            me,
            instance,
            named: Catalogue::of(std::mem::take(&mut ledger.named).into_values()),
            before: head.filter(|h| h.owner.peer_id() == me).map(|h| h.number()),
            identity: ledger.folder.as_ref().map(|f| f.identity),
            deleted: std::mem::take(&mut ledger.deleted),
            missing: by_path(missing),
            out: restoring.values().cloned().map(RecoveryOutput::Restore).collect(),
            restoring,
            scanned: false,
        }
    }

    /// As [`super::custodian::Custodian::renew`].
    pub const fn renew(&mut self, instance: Instance) {
        self.instance = instance;
    }

    /// What lies in `shared/` now, after a complete scan; `identity` says which folder it is. At the
    /// start, and after each change; the head is made only after this returned.
    pub fn scanned(&mut self, lived: Lived, identity: FolderIdentity, found: &Catalogue) {
        let is_same = self.identity.is_none_or(|i| i == identity);
        self.identity = Some(identity);
        let came = |path: &SafePath| found.get(path).is_some();
        for lost in [&mut self.missing, &mut self.restoring] {
            let back = lost.extract_if(.., |path, _| came(path));
            self.out.extend(back.map(|(path, _)| RecoveryOutput::Record(Record::Lost(path, None))));
        }
        let gone: Vec<Entry> =
            self.named.entries().filter(|e| !came(&e.path) && !self.intended(&e.path)).cloned().collect();
        let files = |e: &&Entry| matches!(e.kind, EntryKind::File { .. });
        let n_gone = gone.iter().filter(files).count();
        let n_before = self.named.entries().filter(files).filter(|e| !self.intended(&e.path)).count();
        let is_empty = found.entries().next().is_none();
        // Nobody keeps for longer what was deleted.
        for (file, row) in &mut self.deleted {
            if lived.since(row.at) >= limits::KEEP_DAYS && row.entry.take().is_some() {
                self.out.push_back(RecoveryOutput::Record(Record::Deleted(*file, Some(row.clone()))));
            }
        }
        let is_mass = n_gone > limits::MASS_LOSS && n_gone * 2 > n_before;
        let is_lost = n_gone > 0 && (!is_same || is_empty || is_mass);
        // What was missing before this start is asked about again.
        let is_asked = !std::mem::replace(&mut self.scanned, true) && !self.missing.is_empty();
        self.name_no_more(gone.iter().map(|entry| entry.path.clone()));
        for entry in gone {
            if is_lost && matches!(entry.kind, EntryKind::File { .. }) {
                self.miss(entry);
            } else {
                self.out.push_back(RecoveryOutput::Record(Record::Named(entry.path.clone(), None)));
                self.forget(lived, &entry, found);
            }
        }
        // What lay at a path under another content was replaced on purpose.
        let replaced: Vec<Entry> = self
            .named
            .entries()
            .filter(|e| found.get(&e.path).is_some_and(|f| content(f) != content(e)))
            .cloned()
            .collect();
        for entry in replaced {
            self.forget(lived, &entry, found);
        }
        for file in found.entries().filter_map(content) {
            if self.deleted.remove(&file).is_some() {
                self.out.push_back(RecoveryOutput::Record(Record::Deleted(file, None)));
            }
        }
        if is_lost || is_asked {
            self.ask();
        }
    }

    fn name_no_more(&mut self, paths: impl Iterator<Item = SafePath>) {
        self.named = self.named.changed(&paths.map(|path| (path, None)).collect());
    }

    /// It is missing: that is recorded, or it would seem deleted at the next start.
    fn miss(&mut self, entry: Entry) {
        let row = LostRow { entry: entry.clone(), coming: false };
        self.out.push_back(RecoveryOutput::Record(Record::Lost(entry.path.clone(), Some(row))));
        self.missing.insert(entry.path.clone(), entry);
    }

    /// It is to come back.
    fn bring(&mut self, entry: Entry) {
        let row = LostRow { entry: entry.clone(), coming: true };
        self.out.push_back(RecoveryOutput::Record(Record::Lost(entry.path.clone(), Some(row))));
        self.out.push_back(RecoveryOutput::Restore(entry.clone()));
        self.restoring.insert(entry.path.clone(), entry);
    }

    fn ask(&mut self) {
        let bytes =
            self.missing.values().map(|e| if let EntryKind::File { size, .. } = e.kind { size } else { 0 });
        let bytes = bytes.fold(0, u64::saturating_add);
        self.out.push_back(RecoveryOutput::Ask { files: self.missing.len(), bytes });
        self.out.push_back(RecoveryOutput::Publish);
    }

    fn intended(&self, path: &SafePath) -> bool {
        self.missing.contains_key(path) || self.restoring.contains_key(path)
    }

    /// The content was deleted on purpose, unless it lies, or is to lie, at another path.
    fn forget(&mut self, lived: Lived, entry: &Entry, found: &Catalogue) {
        let Some(file) = content(entry) else { return };
        let elsewhere = found.entries().chain(self.missing.values()).chain(self.restoring.values());
        if !elsewhere.filter_map(content).any(|f| f == file) {
            let row = DeletedRow { at: lived, entry: Some(entry.clone()) };
            self.deleted.insert(file, row.clone());
            self.out.push_back(RecoveryOutput::Record(Record::Deleted(file, Some(row))));
        }
    }

    /// What is not in `shared/` and yet to be named by the head: keepers drop nothing of it, and it can be
    /// had from them.
    pub fn intends(&self) -> impl Iterator<Item = &Entry> {
        self.missing.values().chain(self.restoring.values())
    }

    /// What the newest own head names that is (or was, at the last look) there.
    pub fn named(&self) -> impl Iterator<Item = &Entry> {
        self.named.entries()
    }

    /// What is to come back and has not come yet.
    pub fn restoring(&self) -> impl Iterator<Item = &Entry> {
        self.restoring.values()
    }

    /// How many paths are missing and not decided.
    #[must_use]
    pub fn n_missing(&self) -> usize {
        self.missing.len()
    }

    /// What becomes of everything that is missing; what is deleted need not come back any more either.
    pub fn decide(&mut self, lived: Lived, decision: Decision, found: &Catalogue) {
        let missing = std::mem::take(&mut self.missing);
        match decision {
            Decision::GiveBack => missing.into_values().for_each(|entry| self.bring(entry)),
            Decision::Forget => {
                let coming = std::mem::take(&mut self.restoring);
                let lost: Vec<Entry> = missing.into_values().chain(coming.into_values()).collect();
                self.name_no_more(lost.iter().map(|entry| entry.path.clone()));
                for entry in lost {
                    self.forget(lived, &entry, found);
                    self.out.push_back(RecoveryOutput::Record(Record::Lost(entry.path.clone(), None)));
                    self.out.push_back(RecoveryOutput::Record(Record::Named(entry.path, None)));
                }
            }
        }
        self.out.push_back(RecoveryOutput::Publish);
    }

    /// What [`Self::bring_back`] may choose from: entries, and whether each was deleted.
    pub fn recoverable(
        &self,
        lived: Lived,
        keep: Duration,
        found: &Catalogue,
    ) -> impl Iterator<Item = (&Entry, bool)> {
        let deleted = self.deleted_lately(lived, keep, found).map(|entry| (entry, true));
        self.missing.values().map(|entry| (entry, false)).chain(deleted)
    }

    /// What was deleted not longer than `keep` ago, if nothing lies at its path.
    fn deleted_lately(
        &self,
        lived: Lived,
        keep: Duration,
        found: &Catalogue,
    ) -> impl Iterator<Item = &Entry> {
        let lately = self.deleted.values().filter(move |row| lived.since(row.at) < keep);
        let entries = lately.filter_map(|row| row.entry.as_ref());
        entries.filter(|e| found.get(&e.path).is_none() && !self.intended(&e.path))
    }

    /// Has files come back: of those that are missing, and of those that were deleted not longer than `keep`
    /// ago and at whose paths nothing lies, what `which` chooses (of an entry, and whether it was deleted).
    /// How many these are.
    pub fn bring_back(
        &mut self,
        lived: Lived,
        keep: Duration,
        found: &Catalogue,
        which: impl Fn(&Entry, bool) -> bool,
    ) -> usize {
        let missing: Vec<Entry> =
            self.missing.extract_if(.., |_, entry| which(entry, false)).map(|(_, entry)| entry).collect();
        let deleted: Vec<Entry> =
            self.deleted_lately(lived, keep, found).filter(|e| which(e, true)).cloned().collect();
        for file in deleted.iter().filter_map(content) {
            self.deleted.remove(&file);
            self.out.push_back(RecoveryOutput::Record(Record::Deleted(file, None)));
        }
        let count = missing.len() + deleted.len();
        for entry in missing.into_iter().chain(deleted) {
            self.bring(entry);
        }
        if count > 0 {
            self.out.push_back(RecoveryOutput::Publish);
        }
        count
    }

    /// An own head was made and is about to be given out: what it names is recorded first.
    pub fn published(&mut self, signed: &Shared, catalogue: &Catalogue) {
        let Ok(head) = Head::open(signed) else { return };
        if head.owner.peer_id() != self.me {
            return;
        }
        // What did not change is in buckets that did not.
        for index in 0..=255 {
            let (before, after) = (self.named.bucket(index), catalogue.bucket(index));
            if before == after {
                continue;
            }
            for entry in before.entries().iter().filter(|e| catalogue.get(&e.path).is_none()) {
                self.out.push_back(RecoveryOutput::Record(Record::Named(entry.path.clone(), None)));
            }
            for entry in after.entries().iter().filter(|e| self.named.get(&e.path) != Some(*e)) {
                self.out.push_back(RecoveryOutput::Record(Record::Named(
                    entry.path.clone(),
                    Some(entry.clone()),
                )));
            }
        }
        self.named = catalogue.clone();
        let row = FolderRow { identity: self.identity.unwrap_or_default(), signed: signed.to_vec() };
        self.out.push_back(RecoveryOutput::Record(Record::Folder(row)));
    }

    /// Goes over to the memory of `catalogue`, which others use too, if it is that of the newest own head.
    pub fn shares(&mut self, catalogue: &Catalogue) {
        if self.named.digests() == catalogue.digests() {
            self.named = catalogue.clone();
        }
    }

    /// True if a head that a keeper has, of this number, is one that this owner signed at an earlier start
    /// and has no record of: worth pulling.
    #[must_use]
    pub fn is_news(&self, number: HeadNumber) -> bool {
        number.instance < self.instance && self.before.is_none_or(|before| number > before)
    }

    /// An own head that a keeper had, and the catalogue under it. Its number has to be news.
    pub fn recovered(&mut self, signed: &Shared, catalogue: &Catalogue, found: &Catalogue) {
        let Some(published) = OwnerCatalogue::whole(self.me, signed, catalogue) else { return };
        if !self.is_news(published.number()) {
            return;
        }
        self.before = Some(published.number());
        let is_gone = |e: &&Entry| {
            content(e).is_some_and(|f| !self.deleted.contains_key(&f)) && found.get(&e.path).is_none()
        };
        let missing: Vec<Entry> = published.entries().filter(is_gone).cloned().collect();
        // What an older head named and this one does not, its owner had deleted.
        let before = std::mem::take(&mut self.missing).into_keys();
        self.out.extend(before.map(|path| RecoveryOutput::Record(Record::Lost(path, None))));
        for entry in missing.into_iter().filter(|e| !self.restoring.contains_key(&e.path)).collect::<Vec<_>>()
        {
            self.miss(entry);
        }
        if !self.missing.is_empty() {
            self.ask();
        }
    }

    /// What a keeper is told of a file that the distributor has nothing to say about. `alone`: the user wants
    /// no copies of it on others.
    #[must_use]
    pub fn verdict(&self, file: FileId, alone: bool) -> Verdict {
        let is_in =
            |entries: &BTreeMap<SafePath, Entry>| entries.values().filter_map(content).any(|f| f == file);
        if is_in(&self.restoring) {
            return Verdict::GiveBack(Vec::new());
        }
        let is_deleted = self.deleted.contains_key(&file) && !self.names(file);
        if self.scanned && (is_deleted || alone && !is_in(&self.missing)) {
            Verdict::Release
        } else {
            // Unknown here is not deleted here: records can be lost, too.
            Verdict::Keep(Vec::new())
        }
    }

    fn names(&self, file: FileId) -> bool {
        self.named.entries().chain(self.missing.values()).filter_map(content).any(|f| f == file)
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<RecoveryOutput> {
        self.out.pop_front()
    }
}

const fn content(entry: &Entry) -> Option<FileId> {
    match entry.kind {
        EntryKind::File { id, .. } => Some(id),
        EntryKind::Folder => None,
    }
}
