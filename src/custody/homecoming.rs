//! An owner comes home: what was deleted on purpose, what was lost, and what comes back. Pure.
//!
//! The owner's own records decide, not what keepers say: which paths its last head named, and which files it
//! deleted. A keeper's report only says where chunks are. An owner without records (an empty disk and its
//! key) believes heads that itself signed, and nothing else. Nothing is given back over something that is
//! there: only a path where nothing lies is restored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::estate::Estate;
use super::ledger::{FolderRow, Ledger, Lived, Record, Shared};
use crate::content::{Catalogue, Entry, FileId, Head, Kind, SafePath};
use crate::identity::{Instance, PeerId};
use crate::limits;
use crate::wire::custody::Verdict;

/// What it wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Ask the user (or, without one, [`Homecoming::decide`] at once for giving back): files are missing, and
    /// nobody deleted them on purpose.
    Ask {
        /// How many paths.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Fetch this from its keepers and publish it at its path in `shared/`, replacing nothing.
    Restore(Entry),
    /// The head must go on naming what [`Homecoming::intends`] says: make a new one.
    Publish,
    /// To be written.
    Record(Record),
}

/// What the user wants of what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is to come back.
    GiveBack,
    /// It was deleted: keepers drop it after a day.
    Forget,
}

/// The machine. It lives as long as the peer: files can be lost while it runs, too.
#[derive(Debug)]
pub struct Homecoming {
    me: PeerId,
    instance: Instance,
    /// What the newest own head named.
    named: BTreeMap<SafePath, Entry>,
    /// The newest own head of an earlier start that is known; `None` without records.
    before: Option<(Instance, u64)>,
    marker: Option<(u64, u64, u64)>,
    deleted: BTreeMap<FileId, Lived>,
    /// Missing, and not decided.
    missing: BTreeMap<SafePath, Entry>,
    /// To come back.
    restoring: BTreeMap<SafePath, Entry>,
    scanned: bool,
    out: VecDeque<Output>,
}

impl Homecoming {
    /// Of the start `instance` of the peer `me`; takes what concerns it out of the ledger.
    #[must_use]
    pub fn new(me: PeerId, instance: Instance, ledger: &mut Ledger) -> Self {
        let head = ledger.folder.as_ref().and_then(|f| Head::open(&f.signed).ok());
        Self {
            me,
            instance,
            named: std::mem::take(&mut ledger.named),
            before: head.filter(|h| h.owner.peer_id() == me).map(|h| h.number()),
            marker: ledger.folder.as_ref().map(|f| f.marker),
            deleted: std::mem::take(&mut ledger.deleted),
            missing: BTreeMap::new(),
            restoring: BTreeMap::new(),
            scanned: false,
            out: VecDeque::new(),
        }
    }

    /// As [`super::custodian::Custodian::renew`].
    pub const fn renew(&mut self, instance: Instance) {
        self.instance = instance;
    }

    /// What lies in `shared/` now, after a complete scan; `marker` is its device, inode and marker. At the
    /// start, and after each change; the head is made only after this returned.
    pub fn scanned(&mut self, lived: Lived, marker: (u64, u64, u64), found: &Catalogue) {
        let is_same = self.marker.is_none_or(|m| m == marker);
        self.marker = Some(marker);
        let came = |path: &SafePath| found.get(path).is_some();
        self.missing.retain(|path, _| !came(path));
        self.restoring.retain(|path, _| !came(path));
        let gone: Vec<Entry> =
            self.named.values().filter(|e| !came(&e.path) && !self.intended(&e.path)).cloned().collect();
        let files = |e: &&Entry| matches!(e.kind, Kind::File { .. });
        let n_gone = gone.iter().filter(files).count();
        let n_before = self.named.values().filter(files).filter(|e| !self.intended(&e.path)).count();
        let is_empty = found.entries().next().is_none();
        let is_mass = n_gone > limits::MASS_LOSS && n_gone * 2 > n_before;
        let is_lost = n_gone > 0 && (!is_same || is_empty || is_mass);
        self.scanned = true;
        for entry in gone {
            self.named.remove(&entry.path);
            if is_lost && matches!(entry.kind, Kind::File { .. }) {
                self.missing.insert(entry.path.clone(), entry);
            } else {
                self.out.push_back(Output::Record(Record::Named(entry.path.clone(), None)));
                self.forget(lived, &entry, found);
            }
        }
        // What lay at a path under another content was replaced on purpose.
        let replaced: Vec<Entry> = self
            .named
            .values()
            .filter(|e| found.get(&e.path).is_some_and(|f| content(f) != content(e)))
            .cloned()
            .collect();
        for entry in replaced {
            self.forget(lived, &entry, found);
        }
        for file in found.entries().filter_map(content) {
            if self.deleted.remove(&file).is_some() {
                self.out.push_back(Output::Record(Record::Deleted(file, None)));
            }
        }
        if is_lost {
            self.ask();
        }
    }

    fn ask(&mut self) {
        let bytes =
            self.missing.values().map(|e| if let Kind::File { size, .. } = e.kind { size } else { 0 });
        let bytes = bytes.fold(0, u64::saturating_add);
        self.out.push_back(Output::Ask { files: self.missing.len(), bytes });
        self.out.push_back(Output::Publish);
    }

    fn intended(&self, path: &SafePath) -> bool {
        self.missing.contains_key(path) || self.restoring.contains_key(path)
    }

    /// The content was deleted on purpose, unless it lies, or is to lie, at another path.
    fn forget(&mut self, lived: Lived, entry: &Entry, found: &Catalogue) {
        let Some(file) = content(entry) else { return };
        let elsewhere = found.entries().chain(self.missing.values()).chain(self.restoring.values());
        if !elsewhere.filter_map(content).any(|f| f == file) {
            self.deleted.insert(file, lived);
            self.out.push_back(Output::Record(Record::Deleted(file, Some(lived))));
        }
    }

    /// What is not in `shared/` and yet to be named by the head: keepers drop nothing of it, and it can be
    /// had from them.
    pub fn intends(&self) -> impl Iterator<Item = &Entry> {
        self.missing.values().chain(self.restoring.values())
    }

    /// What the newest own head names that is (or was, at the last look) there.
    pub fn named(&self) -> impl Iterator<Item = &Entry> {
        self.named.values()
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

    /// What becomes of everything that is missing.
    pub fn decide(&mut self, lived: Lived, decision: Decision, found: &Catalogue) {
        let missing = std::mem::take(&mut self.missing);
        for (path, entry) in missing {
            match decision {
                Decision::GiveBack => {
                    self.out.push_back(Output::Restore(entry.clone()));
                    self.restoring.insert(path, entry);
                }
                Decision::Forget => {
                    self.out.push_back(Output::Record(Record::Named(path, None)));
                    self.forget(lived, &entry, found);
                }
            }
        }
        self.out.push_back(Output::Publish);
    }

    /// An own head was made and is about to be given out: what it names is recorded first.
    pub fn published(&mut self, signed: &Shared, catalogue: &Catalogue) {
        let Ok(head) = Head::open(signed) else { return };
        if head.owner.peer_id() != self.me {
            return;
        }
        let before: BTreeSet<SafePath> = self.named.keys().cloned().collect();
        for path in before.iter().filter(|p| catalogue.get(p).is_none()) {
            self.named.remove(path);
            self.out.push_back(Output::Record(Record::Named(path.clone(), None)));
        }
        for entry in catalogue.entries() {
            if self.named.get(&entry.path) != Some(entry) {
                self.named.insert(entry.path.clone(), entry.clone());
                self.out.push_back(Output::Record(Record::Named(entry.path.clone(), Some(entry.clone()))));
            }
        }
        let row = FolderRow { marker: self.marker.unwrap_or_default(), signed: signed.to_vec() };
        self.out.push_back(Output::Record(Record::Folder(row)));
    }

    /// True if a head that a keeper has, of this number, is one that this owner signed at an earlier start and
    /// has no record of: worth pulling.
    #[must_use]
    pub fn is_news(&self, number: (Instance, u64)) -> bool {
        number.0 < self.instance && self.before.is_none_or(|before| number > before)
    }

    /// An own head that a keeper had, and the catalogue under it. Its number has to be news.
    pub fn recovered(&mut self, signed: &Shared, catalogue: &Catalogue, found: &Catalogue) {
        let Some(estate) = Estate::whole(self.me, signed, catalogue) else { return };
        if !self.is_news(estate.number()) {
            return;
        }
        self.before = Some(estate.number());
        let is_gone = |e: &&Entry| {
            content(e).is_some_and(|f| !self.deleted.contains_key(&f)) && found.get(&e.path).is_none()
        };
        let missing: Vec<Entry> = estate.entries().filter(is_gone).cloned().collect();
        // What an older head named and this one does not, its owner had deleted.
        self.missing = missing.into_iter().map(|e| (e.path.clone(), e)).collect();
        self.missing.retain(|path, _| !self.restoring.contains_key(path));
        if !self.missing.is_empty() {
            self.ask();
        }
    }

    /// What a keeper is told of a file that the distributor has nothing to say about.
    #[must_use]
    pub fn verdict(&self, file: FileId) -> Verdict {
        if self.restoring.values().filter_map(content).any(|f| f == file) {
            Verdict::GiveBack(Vec::new())
        } else if self.scanned && self.deleted.contains_key(&file) && !self.names(file) {
            Verdict::Release
        } else {
            // Unknown here is not deleted here: records can be lost, too.
            Verdict::Keep(Vec::new())
        }
    }

    fn names(&self, file: FileId) -> bool {
        self.named.values().chain(self.missing.values()).filter_map(content).any(|f| f == file)
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }
}

const fn content(entry: &Entry) -> Option<FileId> {
    match entry.kind {
        Kind::File { id, .. } => Some(id),
        Kind::Folder => None,
    }
}
