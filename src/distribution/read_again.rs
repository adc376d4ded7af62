//! Reads shared files again, to tell which are not what was hashed: those of `shared/` on the thread of the chunk store,
//! those of another share on one that can open it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;

use super::chunk_store::{Event, Finding};
use crate::content::{EntryKind, SafePath, ShareName};
use crate::disk::{self, unchanged};
use crate::library::{OpenError, SharedFile, Shelf, open, open_twin};

/// What is to be read again.
#[derive(Clone, Debug)]
pub(crate) struct SharedCheck {
    /// What is shared.
    pub(crate) shelf: Arc<Shelf>,
    /// In which share the files lie; `None`: in `shared/`.
    pub(crate) share: Option<ShareName>,
}

impl SharedCheck {
    /// The files, with what is known of their content and the time that is listed.
    fn files(&self) -> impl Iterator<Item = (&SafePath, &SharedFile, i64)> {
        let shelf = &self.shelf;
        let is_meant = |path: &SafePath| shelf.roots.share(path) == self.share.as_ref();
        shelf.catalogue.entries().filter(move |entry| is_meant(&entry.path)).filter_map(|entry| {
            match entry.kind {
                EntryKind::File { id, modified, .. } => Some((&entry.path, shelf.files.get(&id)?, modified)),
                EntryKind::Folder => None,
            }
        })
    }
}

/// Who reads.
#[derive(Debug)]
pub(crate) struct ReadAgain {
    pub(super) tell: Sender<Event>,
    pub(super) stop: Arc<AtomicBool>,
}

impl ReadAgain {
    /// Reads them, and tells what was found, and at last how much was read.
    pub(crate) fn run(&self, check: &SharedCheck) {
        if let Some((files, bytes)) = self.all(check) {
            self.tell(Event::Verified(files, bytes));
        }
    }

    /// There is nothing to be read.
    pub(crate) fn nothing(&self) {
        self.tell(Event::Verified(0, 0));
    }

    /// As [`Self::run`], but that the sum is returned; `None`: the peer ends.
    pub(super) fn all(&self, check: &SharedCheck) -> Option<(u64, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for (path, shared, modified) in check.files() {
            if self.stops() {
                return None;
            }
            if let Err(finding) = self.read(&check.shelf, path, shared, modified) {
                self.tell(Event::Shared(path.clone(), shared.manifest.file(), finding));
            }
            files += 1;
            bytes += shared.stamp.size;
        }
        Some((files, bytes))
    }

    fn tell(&self, event: Event) {
        // The peer ends.
        drop(self.tell.send(event));
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn read(
        &self,
        shelf: &Shelf,
        path: &SafePath,
        shared: &SharedFile,
        modified: i64,
    ) -> Result<(), Finding> {
        let opened = match shared.path == *path {
            true => open(&shelf.roots, shared).map(|file| (file, shared.stamp)),
            // The file that is known lies elsewhere, perhaps in another share.
            false => open_twin(&shelf.roots, path, shared, modified),
        };
        let (file, stamp) = opened.map_err(|e| match e {
            OpenError::Io(_) => Finding::Unreadable,
            _ => Finding::Changed,
        })?;
        let mut buffer = vec![0; 1 << 20];
        let mut is_good = true;
        for chunk in shared.manifest.chunks().iter() {
            match disk::matches_manifest(&file, &shared.manifest, chunk, &mut buffer, &mut |_| !self.stops())
            {
                Ok(Some(holds)) => is_good &= holds,
                Ok(None) => return Ok(()),
                Err(_) => return Err(Finding::Unreadable),
            }
        }
        match unchanged(&file, &stamp) {
            Ok(true) if is_good => Ok(()),
            Ok(true) => Err(Finding::Rotten),
            Ok(false) => Err(Finding::Changed),
            Err(_) => Err(Finding::Unreadable),
        }
    }
}
