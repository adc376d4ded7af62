//! Which mounts own files lay on, remembered over restarts: what is gone together with its mount was not deleted.
//! Pure.
//!
//! A path that was named and is gone is judged by where it lay when it was seen last. If that is what a look finds
//! at this path now (the same mount, or the same `shared/`), the file was deleted, moved, or lost from there. If
//! not, its mount is gone, another one is in its place, or something was mounted above it: the file is *absent*.
//! It stays so until it is seen again, or until its own mount is there without it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ledger::{MountRow, Record};
use super::look::SharedLook;
use crate::content::{Catalogue, Entry, EntryKind, FileId, MountIdentity, Mounts, SafePath};

/// What is known of a mount.
#[derive(Clone, Copy, Debug)]
struct KnownMount {
    row: MountRow,
    /// Whether it was there at the last look that could tell; `None` before the first one.
    was_here: Option<bool>,
}

/// Files, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCount {
    /// How many.
    pub files: usize,
    /// Their bytes in all.
    pub bytes: u64,
}

impl FileCount {
    pub(super) const fn add(&mut self, size: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
    }
}

/// What became of what is gone.
#[derive(Debug, Default)]
pub(super) struct JudgedLook {
    /// What is gone from a mount that is there, by the folder that this is mounted on (`None`: `shared/` itself).
    pub(super) gone: BTreeMap<Option<SafePath>, Vec<Entry>>,
    /// What has other content now, in the place where it lay.
    pub(super) replaced: Vec<Entry>,
    /// What is absent since this look, by the folder on which its mount should be.
    pub(super) absent: BTreeMap<SafePath, FileCount>,
    /// Rows that changed.
    pub(super) records: Vec<Record>,
}

impl JudgedLook {
    fn take(&mut self, look: &SharedLook, mount: Option<SafePath>, entry: Entry) {
        match look.found.get(&entry.path) {
            None => self.gone.entry(mount).or_default().push(entry),
            Some(_) => self.replaced.push(entry),
        }
    }
}

/// Where a path lay.
enum LastPlace {
    /// On `shared/` itself.
    Root,
    /// On what is mounted on this folder.
    Mount(SafePath, MountRow),
}

impl LastPlace {
    fn mount(self) -> Option<SafePath> {
        match self {
            Self::Root => None,
            Self::Mount(on, _) => Some(on),
        }
    }
}

/// A file at a path: files of several mounts may have had the same one.
type AbsentKey = (SafePath, FileId);

/// What an entry is absent under; `None` for a folder.
fn key(entry: &Entry) -> Option<AbsentKey> {
    entry.content().map(|file| (entry.path.clone(), file))
}

/// The mounts below `shared/`, and the files of those that are not there.
#[derive(Debug, Default)]
pub(super) struct MountBook {
    known: BTreeMap<SafePath, KnownMount>,
    absent: BTreeMap<AbsentKey, Entry>,
    /// What of that has been left open so far, so that it may turn out to be there.
    untold: BTreeSet<AbsentKey>,
}

impl MountBook {
    /// From the rows of the ledger.
    pub(super) fn new(rows: BTreeMap<SafePath, MountRow>) -> Self {
        let known = rows.into_iter().map(|(path, row)| (path, KnownMount { row, was_here: None }));
        Self { known: known.collect(), ..Self::default() }
    }

    /// The look, without what is mounted where something else was known to be and on which nothing lies: an empty folder
    /// on which a drive is to be mounted is not that drive, nor is an empty drive. Where it hides what was `named` and lay
    /// in that folder itself, it counts: what it hides is not deleted. `None`: there is no such thing.
    pub(super) fn without_empty(&self, look: &SharedLook, named: &Catalogue) -> Option<SharedLook> {
        let hides = |on: &SafePath| {
            let lies_elsewhere = |e: &Entry| key(e).is_none_or(|key| self.absent.contains_key(&key));
            named.entries().any(|e| e.path.below(on).is_some() && !lies_elsewhere(e))
        };
        let is_other = |on: &SafePath, mount: &MountIdentity| {
            let known = self.known.get(on).filter(|known| known.row.identity != *mount);
            known.is_some_and(|known| known.was_here != Some(false) || !hides(on)) && !look.has_below(on)
        };
        let other = look.mounts.iter().filter(|(on, mount)| is_other(on, mount));
        let other: Vec<SafePath> = other.map(|(on, _)| on.clone()).collect();
        if other.is_empty() {
            return None;
        }
        let mut look = look.clone();
        let mounts = Arc::make_mut(&mut look.mounts);
        for on in other {
            mounts.remove(&on);
        }
        Some(look)
    }

    /// True if a path lay elsewhere, when it was seen last, than where it would lie with these `mounts`.
    pub(super) fn lay_elsewhere(&self, path: &SafePath, mounts: &Mounts) -> bool {
        let mut above = std::iter::successors(path.parent(), SafePath::parent);
        let now = above.find_map(|folder| mounts.get(&folder).map(|mount| (folder, *mount)));
        match (self.last_place(path, self.is_absent(path)), now) {
            (LastPlace::Root, None) => false,
            (LastPlace::Mount(on, row), Some((folder, mount))) => {
                on != folder || row.mixed || row.identity != mount
            }
            _ => true,
        }
    }

    /// The files whose mount is not there.
    pub(super) fn absent(&self) -> impl Iterator<Item = &Entry> {
        self.absent.values()
    }

    /// True if this path is one of them.
    pub(super) fn is_absent(&self, path: &SafePath) -> bool {
        let first = (path.clone(), FileId([0; 32]));
        self.absent.range(first..).next().is_some_and(|((next, _), _)| next == path)
    }

    /// How many there are.
    pub(super) fn n_absent(&self) -> usize {
        self.absent.len()
    }

    /// Takes those out that `which` chooses: they are wanted from elsewhere, or not at all.
    pub(super) fn take_absent(&mut self, which: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        self.absent.extract_if(.., |_, entry| which(entry)).map(|(_, entry)| entry).collect()
    }

    /// Judges `changed`: what was `named` and is not there as it was. What is left open counts as being there, but
    /// where it lay is remembered.
    pub(super) fn judge(&mut self, look: &SharedLook, named: &Catalogue, changed: Vec<Entry>) -> JudgedLook {
        let mut judged = JudgedLook::default();
        let mut before = std::mem::take(&mut self.absent);
        // What was absent and is named no longer, for something else has its path.
        let is_named = |e: &Entry| named.get(&e.path).is_some_and(|n| n.content() == e.content());
        let hidden = before.values().filter(|e| look.misses(e) && !is_named(e));
        let hidden: Vec<Entry> = hidden.cloned().collect();
        let mut absent = BTreeMap::new();
        for entry in changed.into_iter().chain(hidden) {
            let key = key(&entry);
            let was_absent = key.as_ref().is_some_and(|key| before.contains_key(key));
            let lay = self.last_place(&entry.path, was_absent);
            let now = look.mount_of(&entry.path);
            let is_there = is_in_place(look, named, &lay, now.as_ref());
            let (Some(key), EntryKind::File { size, .. }, false) = (key, &entry.kind, is_there) else {
                // An empty folder has no copies that anybody could drop, so it is never absent.
                judged.take(look, now.map(|(folder, _)| folder), entry);
                continue;
            };
            if (!was_absent || self.untold.remove(&key))
                && let Some(on) = lay.mount().or_else(|| now.map(|(folder, _)| folder))
            {
                judged.absent.entry(on).or_default().add(*size);
            }
            absent.insert(key, entry);
        }
        for entry in look.open.iter().filter_map(|path| named.get(path)) {
            if let Some(key) = key(entry).filter(|key| !before.contains_key(key))
                && self.left_its_place(look, named, entry)
            {
                self.untold.insert(key.clone());
                absent.insert(key, entry.clone());
            }
        }
        // What is left open was not seen to be there.
        before.retain(|(path, _), entry| !look.misses(entry) && look.saw(path).is_none());
        absent.extend(before);
        self.untold.retain(|key| absent.contains_key(key));
        self.absent = absent;
        self.take_in(look, &mut judged.records);
        judged
    }

    /// True if what is left open is not there, should it turn out to be gone: something else is in its place.
    fn left_its_place(&self, look: &SharedLook, named: &Catalogue, entry: &Entry) -> bool {
        let lay = self.last_place(&entry.path, false);
        // What is mounted on a folder that cannot be read, or below, is not known.
        let is_known = !matches!(&lay, LastPlace::Mount(on, _) if look.unlisted.covers(on));
        is_known && !is_in_place(look, named, &lay, look.mount_of(&entry.path).as_ref())
    }

    /// Where a path lay when it was seen last.
    fn last_place(&self, path: &SafePath, was_absent: bool) -> LastPlace {
        let above = std::iter::successors(path.parent(), SafePath::parent);
        let mut known = above.into_iter().filter_map(|on| self.known.get(&on).map(|known| (on, known)));
        // Where nothing was mounted at the last look, it lay in the folder itself, or it would be absent.
        let place = known.find(|(_, known)| was_absent || known.was_here != Some(false));
        place.map_or(LastPlace::Root, |(on, known)| LastPlace::Mount(on, known.row))
    }

    fn has_absent(&self, on: &SafePath) -> bool {
        self.absent.keys().any(|(path, _)| path.below(on).is_some())
    }

    /// What is mounted now is what will have been mounted.
    fn take_in(&mut self, look: &SharedLook, records: &mut Vec<Record>) {
        for (on, identity) in look.mounts.iter() {
            let before = self.known.get(on).map(|known| known.row);
            // What is absent below a mount that is not surely the one from before may belong to another one.
            let is_same = before.is_some_and(|row| !row.mixed && row.identity == *identity);
            let mixed = !(is_same && identity.is_certain()) && self.has_absent(on);
            let row = MountRow { identity: *identity, mixed };
            self.known.insert(on.clone(), KnownMount { row, was_here: Some(true) });
            if before != Some(row) {
                records.push(Record::Mount(on.clone(), Some(row)));
            }
        }
        let not_here =
            self.known.keys().filter(|on| !look.mounts.contains_key(*on) && !look.unlisted.covers(on));
        for on in not_here.cloned().collect::<Vec<_>>() {
            if !self.has_absent(&on) {
                self.known.remove(&on);
                records.push(Record::Mount(on, None));
                continue;
            }
            let mixes =
                look.found.entries().any(|e| e.path.below(&on).is_some() && look.saw(&e.path).is_some());
            if let Some(known) = self.known.get_mut(&on) {
                known.was_here = Some(false);
                if mixes && !known.row.mixed {
                    known.row.mixed = true;
                    records.push(Record::Mount(on, Some(known.row)));
                }
            }
        }
    }
}

/// True if a path lies `now` where it `lay`.
fn is_in_place(
    look: &SharedLook,
    named: &Catalogue,
    lay: &LastPlace,
    now: Option<&(SafePath, MountIdentity)>,
) -> bool {
    match (lay, now) {
        (LastPlace::Root, None) => true,
        (LastPlace::Mount(on, row), Some((folder, mount))) => {
            on == folder && !row.mixed && row.identity == *mount && is_proved(look, named, on, *mount)
        }
        _ => false,
    }
}

/// True if what is mounted on a folder is what was mounted there before, given that it looks the same: of two that
/// look the same always, the one is recognized on which something of what was named lies.
fn is_proved(look: &SharedLook, named: &Catalogue, on: &SafePath, mount: MountIdentity) -> bool {
    let lies_there = |e: &Entry| {
        e.path.below(on).is_some() && e.content().is_some() && !look.misses(e) && look.saw(&e.path).is_some()
    };
    mount.is_certain() || named.entries().any(lies_there)
}

#[cfg(test)]
mod tests;
