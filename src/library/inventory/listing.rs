//! What is listed: the shelf, brought up to date from a set of changes. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::content::{
    Catalogue, EntryKind, FileId, FolderIdentity, LeftOut, Mounts, SafePath, UnlistedContent,
};
use crate::library::{Files, LibraryRoot, ShareRoots, SharedFile, Shelf};

#[derive(Debug)]
pub(super) struct Listing {
    roots: Arc<ShareRoots>,
    pub(super) catalogue: Catalogue,
    pub(super) files: Files,
    /// Files of contents that `files` already has from another path.
    pub(super) twins: HashMap<FileId, BTreeMap<SafePath, Arc<SharedFile>>>,
    /// Entries that changed since the catalogue was made.
    changes: BTreeMap<SafePath, Option<EntryKind>>,
    /// The shelf has never been given, or other files serve its contents.
    stale: bool,
}

impl Listing {
    pub(super) fn new(root: LibraryRoot) -> Self {
        Self {
            roots: Arc::new(ShareRoots::of(root)),
            catalogue: Catalogue::default(),
            files: Files::default(),
            twins: HashMap::new(),
            changes: BTreeMap::new(),
            stale: true,
        }
    }

    pub(super) fn set(&mut self, path: &SafePath, kind: Option<EntryKind>) {
        self.changes.insert(path.clone(), kind);
    }

    pub(super) fn add(&mut self, file: &Arc<SharedFile>, executable: bool) {
        let id = file.manifest.file();
        let size = file.stamp.size;
        let (modified, since) = (file.stamp.modified_millis(), file.since);
        self.set(&file.path, Some(EntryKind::File { id, size, modified, executable, since }));
        if self.files.contains_key(&id) {
            self.twins.entry(id).or_default().insert(file.path.clone(), Arc::clone(file));
        } else {
            self.files.insert(Arc::clone(file));
            self.stale = true;
        }
    }

    pub(super) fn remove(&mut self, file: &SharedFile) {
        let id = file.manifest.file();
        self.set(&file.path, None);
        self.stale = true;
        let twins = self.twins.get_mut(&id);
        if self.files.get(&id).is_some_and(|served| served.path == file.path) {
            match twins.and_then(BTreeMap::pop_first) {
                Some((_, twin)) => self.files.insert(twin),
                None => self.files.remove(&id),
            };
        } else if let Some(twins) = twins {
            twins.remove(&file.path);
        }
        if self.twins.get(&id).is_some_and(BTreeMap::is_empty) {
            self.twins.remove(&id);
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.stale || !self.changes.is_empty()
    }

    /// Something that is reported with it changed.
    pub(super) const fn touch(&mut self) {
        self.stale = true;
    }

    /// `None` if nothing changed, or all of it changed back.
    pub(super) fn publish(
        &mut self,
        marker: FolderIdentity,
        mounts: Arc<Mounts>,
        waiting: Option<Arc<UnlistedContent>>,
        left_out: Arc<LeftOut>,
    ) -> Option<Arc<Shelf>> {
        if !self.is_changed() {
            return None;
        }
        let mut changes = std::mem::take(&mut self.changes);
        changes.retain(|path, kind| self.catalogue.get(path).map(|e| &e.kind) != kind.as_ref());
        if changes.is_empty() && !self.stale {
            return None;
        }
        self.stale = false;
        self.catalogue = self.catalogue.changed(&changes);
        Some(Arc::new(Shelf {
            roots: Arc::clone(&self.roots),
            catalogue: self.catalogue.clone(),
            files: self.files.clone(),
            marker,
            mounts,
            waiting,
            left_out,
        }))
    }
}
