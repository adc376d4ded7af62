//! An owner comes home: what was deleted on purpose, what was lost, and what comes back. Pure.
//!
//! The owner's own records decide, not what keepers say: which paths its last head named, and which files it
//! deleted. A keeper's report only says where chunks are. An owner without records (an empty disk and its
//! key) believes heads that itself signed, and nothing else. Nothing is given back over something that is
//! there: only a path where nothing lies is restored.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::ledger::{DeletedRow, FolderRow, Ledger, Lived, LostRow, Record, Shared};
use super::look::SharedLook;
pub use super::mount_book::FileCount;
use super::mount_book::MountBook;
use super::owner_catalogue::OwnerCatalogue;
use crate::content::{
    Catalogue, Entry, EntryKind, FileId, FolderIdentity, Head, HeadNumber, LeftOut, Mounts, Omission,
    SafePath,
};
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
    /// Files are absent since now: what should be mounted on this folder is not there, or something else is in its
    /// place or above it. Nothing is done about them; they count as there for everybody else.
    Absent(SafePath, FileCount),
    /// These many files were shared until now, are still there, and are left out by rule from now on.
    Withdrawn(FileCount),
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

/// Why something that was shared is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was deleted on purpose.
    Deleted,
    /// It is missing, and nobody deleted it.
    Lost,
    /// What it lies on is not mounted.
    Absent,
}

/// The machine. It lives as long as the peer: files can be lost while it runs, too.
#[derive(Debug)]
pub struct Recovery {
    me: PeerId,
    instance: Instance,
    /// What the newest own head named.
    named: Catalogue,
    /// What is named no more, but in the records: they say so once they name all that the next head names.
    unnamed: Vec<SafePath>,
    /// The newest own head of an earlier start that is known; `None` without records.
    before: Option<HeadNumber>,
    identity: Option<FolderIdentity>,
    deleted: BTreeMap<FileId, DeletedRow>,
    /// Missing, and not decided.
    missing: BTreeMap<SafePath, Entry>,
    /// To come back.
    restoring: BTreeMap<SafePath, Entry>,
    /// What is mounted below `shared/`, and what is absent with its mount.
    mounts: MountBook,
    /// What was seen to be there, and is left out by rule.
    left_out: Arc<LeftOut>,
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
            unnamed: Vec::new(),
            before: head.filter(|h| h.owner.peer_id() == me).map(|h| h.number()),
            identity: ledger.folder.as_ref().map(|f| f.identity),
            deleted: std::mem::take(&mut ledger.deleted),
            missing: by_path(missing),
            out: restoring.values().cloned().map(RecoveryOutput::Restore).collect(),
            restoring,
            mounts: MountBook::new(std::mem::take(&mut ledger.mounts)),
            left_out: Arc::default(),
            scanned: false,
        }
    }

    /// As [`super::custodian::Custodian::renew`].
    pub const fn renew(&mut self, instance: Instance) {
        self.instance = instance;
    }

    /// What lies in `shared/` now, after a whole look. At the start, and after each change; the head is made only
    /// after this returned.
    pub fn scanned(&mut self, lived: Lived, look: &SharedLook) {
        let is_same = self.identity.is_none_or(|i| i == look.identity);
        self.identity = Some(look.identity);
        let without_empty = self.mounts.without_empty(look, &self.named);
        let look = without_empty.as_ref().unwrap_or(look);
        self.came_back(look);
        self.forget_old_deletions(lived);
        let found = &*look.found;
        let is_changed = |e: &&Entry| look.misses(e) && !self.is_lost(e);
        let changed: Vec<Entry> = self.named.entries().filter(is_changed).cloned().collect();
        let judged = self.mounts.judge(look, &self.named, changed);
        self.out.extend(judged.records.into_iter().map(RecoveryOutput::Record));
        self.out.extend(judged.absent.into_iter().map(|(on, count)| RecoveryOutput::Absent(on, count)));
        // What was missing before this start is asked about again.
        let mut asks = !std::mem::replace(&mut self.scanned, true) && !self.missing.is_empty();
        for (mount, gone) in judged.gone {
            let is_lost = match &mount {
                None => !is_same || look.is_empty(None) || self.is_mass(look, None, &gone),
                Some(on) => {
                    look.shares.contains(on) && look.is_empty(Some(on))
                        || self.is_mass(look, mount.as_ref(), &gone)
                }
            };
            asks |= self.take_gone(lived, gone, is_lost, found);
        }
        // What lay at a path under another content was replaced on purpose.
        self.forget(lived, &judged.replaced, found);
        for file in found.entries().filter_map(Entry::content) {
            if self.deleted.remove(&file).is_some() {
                self.out.push_back(RecoveryOutput::Record(Record::Deleted(file, None)));
            }
        }
        if asks {
            self.ask();
        }
    }

    /// Takes out of what is named, missing, absent or to come back what was seen to be left out by rule in the folder
    /// `identity`, or lies in a share that is none any more: it is *withdrawn*. Whoever keeps it is told to let it go,
    /// and nobody is asked. It can be fetched back from nobody, for it is here. `found`: what was seen there and is
    /// shared; `mounts`: what is mounted there.
    pub fn withdraw(
        &mut self,
        lived: Lived,
        identity: FolderIdentity,
        left_out: &Arc<LeftOut>,
        mounts: &Mounts,
        found: &Catalogue,
    ) {
        // Another folder's rules say nothing of what lay in this one.
        let is_same = self.identity.is_none_or(|known| known == identity);
        if !is_same || identity == FolderIdentity::default() {
            return;
        }
        self.left_out = Arc::clone(left_out);
        if left_out.is_empty() {
            return;
        }
        let book = std::mem::take(&mut self.mounts);
        let is_left_out = |path: &SafePath| {
            found.get(path).is_none()
                && match left_out.why(path) {
                    None => false,
                    Some(Omission::Unshared) => true,
                    Some(_) => !book.lay_elsewhere(path, mounts),
                }
        };
        let named = self.named.entries().filter(|entry| is_left_out(&entry.path));
        let mut withdrawn: BTreeMap<SafePath, Entry> =
            named.map(|entry| (entry.path.clone(), entry.clone())).collect();
        let unnamed: Vec<SafePath> = withdrawn.keys().cloned().collect();
        for lost in [&mut self.missing, &mut self.restoring] {
            for (path, entry) in lost.extract_if(.., |path, _| is_left_out(path)) {
                self.out.push_back(RecoveryOutput::Record(Record::Lost(path.clone(), None)));
                withdrawn.insert(path, entry);
            }
        }
        let absent: BTreeSet<SafePath> =
            book.absent().filter(|entry| is_left_out(&entry.path)).map(|entry| entry.path.clone()).collect();
        self.mounts = book;
        let absent = self.mounts.take_absent(|entry| absent.contains(&entry.path));
        withdrawn.extend(absent.into_iter().map(|entry| (entry.path.clone(), entry)));
        if withdrawn.is_empty() {
            return;
        }
        self.name_no_more(unnamed.iter().cloned());
        self.unnamed.extend(unnamed);
        let mut count = FileCount::default();
        for entry in withdrawn.values() {
            // Who shares a folder no more knows it.
            let is_told = left_out.why(&entry.path) != Some(Omission::Unshared);
            if let EntryKind::File { size, .. } = entry.kind
                && is_told
            {
                count.add(size);
            }
        }
        self.release(lived, withdrawn.into_values(), found);
        if count.files > 0 {
            self.out.push_back(RecoveryOutput::Withdrawn(count));
        }
        self.out.push_back(RecoveryOutput::Publish);
    }

    /// Others need not keep these any more, but for what lies, or is to lie, at another path. Nothing of it is
    /// remembered but that.
    fn release(&mut self, lived: Lived, entries: impl Iterator<Item = Entry>, found: &Catalogue) {
        let mut released: BTreeSet<FileId> = entries.filter_map(|entry| entry.content()).collect();
        for file in
            found.entries().chain(self.named.entries()).chain(self.intends()).filter_map(Entry::content)
        {
            released.remove(&file);
        }
        for file in released {
            let row = DeletedRow { at: lived, entry: None };
            self.deleted.insert(file, row.clone());
            self.out.push_back(RecoveryOutput::Record(Record::Deleted(file, Some(row))));
        }
    }

    /// What was lost and is there again is lost no longer.
    fn came_back(&mut self, look: &SharedLook) {
        for lost in [&mut self.missing, &mut self.restoring] {
            let back = lost.extract_if(.., |path, _| look.saw(path).is_some());
            self.out.extend(back.map(|(path, _)| RecoveryOutput::Record(Record::Lost(path, None))));
        }
    }

    /// Nobody keeps for longer what was deleted.
    fn forget_old_deletions(&mut self, lived: Lived) {
        for (file, row) in &mut self.deleted {
            if lived.since(row.at) >= limits::KEEP_DAYS && row.entry.take().is_some() {
                self.out.push_back(RecoveryOutput::Record(Record::Deleted(*file, Some(row.clone()))));
            }
        }
    }

    /// True if so much is gone from a mount at once that nobody is believed to have deleted it.
    fn is_mass(&self, look: &SharedLook, mount: Option<&SafePath>, gone: &[Entry]) -> bool {
        let n_gone = gone.iter().filter(|e| e.content().is_some()).count();
        if n_gone <= limits::MASS_LOSS {
            return false;
        }
        let lies_there = |e: &&Entry| {
            e.content().is_some()
                && look.found.get(&e.path).is_some()
                && !self.is_lost(e)
                && look.mount_of(&e.path).map(|(on, _)| on).as_ref() == mount
        };
        n_gone > self.named.entries().filter(lies_there).count()
    }

    /// Takes in what is gone from where it lay. True if any of it was lost, and not deleted.
    fn take_gone(&mut self, lived: Lived, gone: Vec<Entry>, is_lost: bool, found: &Catalogue) -> bool {
        self.name_no_more(gone.iter().map(|entry| entry.path.clone()));
        let (lost, deleted): (Vec<_>, Vec<_>) =
            gone.into_iter().partition(|entry| is_lost && entry.content().is_some());
        let asks = !lost.is_empty();
        for entry in lost {
            self.miss(entry);
        }
        self.forget(lived, &deleted, found);
        self.unnamed.extend(deleted.into_iter().map(|entry| entry.path));
        asks
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

    fn lost(&self, path: &SafePath) -> Option<&Entry> {
        self.missing.get(path).or_else(|| self.restoring.get(path))
    }

    /// True if that very content is lost: what is absent may have lain at the same path.
    fn is_lost(&self, entry: &Entry) -> bool {
        self.lost(&entry.path).is_some_and(|lost| lost.content() == entry.content())
    }

    /// Their contents were deleted on purpose, but for what lies, or is to lie, at another path.
    fn forget(&mut self, lived: Lived, entries: &[Entry], found: &Catalogue) {
        let files = entries.iter().filter_map(|entry| Some((entry.content()?, entry)));
        let mut deleted: BTreeMap<FileId, &Entry> = files.collect();
        if deleted.is_empty() {
            return;
        }
        for file in found.entries().chain(self.intends()).filter_map(Entry::content) {
            deleted.remove(&file);
        }
        for (file, entry) in deleted {
            let row = DeletedRow { at: lived, entry: Some(entry.clone()) };
            self.deleted.insert(file, row.clone());
            self.out.push_back(RecoveryOutput::Record(Record::Deleted(file, Some(row))));
        }
    }

    /// What is not in `shared/` and yet to be named by the head: keepers drop nothing of it, and it can be
    /// had from them.
    pub fn intends(&self) -> impl Iterator<Item = &Entry> {
        self.missing.values().chain(self.restoring.values()).chain(self.mounts.absent())
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

    /// How many files are absent with what they lie on.
    #[must_use]
    pub fn n_absent(&self) -> usize {
        self.mounts.n_absent()
    }

    /// What becomes of everything that is missing and not merely absent; what is deleted need not come back any
    /// more either.
    pub fn decide(&mut self, lived: Lived, decision: Decision, found: &Catalogue) {
        let missing = std::mem::take(&mut self.missing);
        match decision {
            Decision::GiveBack => missing.into_values().for_each(|entry| self.bring(entry)),
            Decision::Forget => {
                self.missing = missing;
                self.give_up(lived, found, |_, fate| fate == Fate::Lost);
            }
        }
        self.out.push_back(RecoveryOutput::Publish);
    }

    /// What `which` chooses of what is lost or absent was deleted on purpose. How many files these are.
    pub fn give_up(
        &mut self,
        lived: Lived,
        found: &Catalogue,
        which: impl Fn(&Entry, Fate) -> bool,
    ) -> usize {
        let is_chosen = |_: &SafePath, entry: &mut Entry| which(entry, Fate::Lost);
        let mut lost: Vec<Entry> = self.missing.extract_if(.., is_chosen).map(|(_, entry)| entry).collect();
        lost.extend(self.restoring.extract_if(.., is_chosen).map(|(_, entry)| entry));
        lost.extend(self.mounts.take_absent(|entry| which(entry, Fate::Absent)));
        // Something else may have the path of what is absent.
        let named =
            |entry: &&Entry| self.named.get(&entry.path).is_some_and(|e| e.content() == entry.content());
        let named: Vec<SafePath> = lost.iter().filter(named).map(|entry| entry.path.clone()).collect();
        self.name_no_more(named.iter().cloned());
        self.forget(lived, &lost, found);
        for entry in &lost {
            self.out.push_back(RecoveryOutput::Record(Record::Lost(entry.path.clone(), None)));
        }
        self.out.extend(named.into_iter().map(|path| RecoveryOutput::Record(Record::Named(path, None))));
        self.out.push_back(RecoveryOutput::Publish);
        lost.len()
    }

    /// What [`Self::bring_back`] may choose from: entries, and what became of each.
    pub fn recoverable(
        &self,
        lived: Lived,
        keep: Duration,
        found: &Catalogue,
    ) -> impl Iterator<Item = (&Entry, Fate)> {
        let deleted = self.deleted_lately(lived, keep, found).map(|entry| (entry, Fate::Deleted));
        let absent = self.mounts.absent().map(|entry| (entry, Fate::Absent));
        self.missing.values().map(|entry| (entry, Fate::Lost)).chain(absent).chain(deleted)
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
        let is_free = |e: &&Entry| found.get(&e.path).is_none() && !self.left_out.covers(&e.path);
        entries.filter(move |e| is_free(e) && self.lost(&e.path).is_none())
    }

    /// Has files come back: of those that are missing or absent, and of those that were deleted not longer than `keep`
    /// ago and at whose paths nothing lies, what `which` chooses (of an entry, and what became of it).
    /// How many these are.
    pub fn bring_back(
        &mut self,
        lived: Lived,
        keep: Duration,
        found: &Catalogue,
        which: impl Fn(&Entry, Fate) -> bool,
    ) -> usize {
        let is_chosen = |_: &SafePath, entry: &mut Entry| which(entry, Fate::Lost);
        let mut missing: Vec<Entry> =
            self.missing.extract_if(.., is_chosen).map(|(_, entry)| entry).collect();
        missing.extend(self.mounts.take_absent(|entry| which(entry, Fate::Absent)));
        let deleted: Vec<Entry> =
            self.deleted_lately(lived, keep, found).filter(|e| which(e, Fate::Deleted)).cloned().collect();
        for file in deleted.iter().filter_map(Entry::content) {
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
        let mut unnamed = std::mem::take(&mut self.unnamed);
        // What did not change is in buckets that did not.
        for index in 0..=255 {
            let (before, after) = (self.named.bucket(index), catalogue.bucket(index));
            if before == after {
                continue;
            }
            let gone = before.entries().iter().filter(|e| catalogue.get(&e.path).is_none());
            unnamed.extend(gone.map(|entry| entry.path.clone()));
            for entry in after.entries().iter().filter(|e| self.named.get(&e.path) != Some(*e)) {
                self.out.push_back(RecoveryOutput::Record(Record::Named(
                    entry.path.clone(),
                    Some(entry.clone()),
                )));
            }
        }
        // Last: a file that was moved is named at one of its paths, wherever a crash cuts this off.
        unnamed.retain(|path| catalogue.get(path).is_none());
        self.out.extend(unnamed.into_iter().map(|path| RecoveryOutput::Record(Record::Named(path, None))));
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
            e.content().is_some_and(|f| !self.deleted.contains_key(&f))
                && found.get(&e.path).is_none()
                && !self.left_out.covers(&e.path)
        };
        let missing: Vec<Entry> = published.entries().filter(is_gone).cloned().collect();
        // What an older head named and this one does not, its owner had deleted.
        let before = std::mem::take(&mut self.missing).into_keys();
        self.out.extend(before.map(|path| RecoveryOutput::Record(Record::Lost(path, None))));
        for entry in missing
            .into_iter()
            .filter(|e| !self.restoring.contains_key(&e.path) && !self.mounts.is_absent(&e.path))
            .collect::<Vec<_>>()
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
        let is_in = |entries: &BTreeMap<SafePath, Entry>| {
            entries.values().filter_map(Entry::content).any(|f| f == file)
        };
        if is_in(&self.restoring) {
            return Verdict::GiveBack(Vec::new());
        }
        let is_deleted = self.deleted.contains_key(&file) && !self.names(file);
        let is_only_there =
            || is_in(&self.missing) || self.mounts.absent().filter_map(Entry::content).any(|f| f == file);
        if self.scanned && (is_deleted || alone && !is_only_there()) {
            Verdict::Release
        } else {
            // Unknown here is not deleted here: records can be lost, too.
            Verdict::Keep(Vec::new())
        }
    }

    fn names(&self, file: FileId) -> bool {
        let missing = self.missing.values().chain(self.mounts.absent());
        self.named.entries().chain(missing).filter_map(Entry::content).any(|f| f == file)
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<RecoveryOutput> {
        self.out.pop_front()
    }
}
