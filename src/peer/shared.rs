//! What this peer shares: what lies in `shared/`, and what others are given of it. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::event::AskId;
use super::file_work::FilePlace;
use super::output::Outputs;
use super::shares::{Shares, SharesAtStart};
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, Entry, EntryKind, FileId, OmissionCounts, SafePath, ShareName};
use crate::control::{LeftOutRow, ShareRow, Sharing};
use crate::library::{Hashing, SharedFile, Shelf};
use crate::sender::{GivenFiles, SenderCommand, SharedContent};

/// A head of this peer's, to be given out once it is recorded.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    pub(super) version: u64,
    pub(super) signed: Arc<[u8]>,
    /// What lies in `shared/`, with the catalogue under the head.
    pub(super) shelf: Arc<Shelf>,
}

/// What the library tells, and what the sender is told.
#[derive(Debug, Default)]
pub(super) struct SharedFolder {
    /// What lies in all shares.
    pub(super) shelf: Arc<Shelf>,
    /// What lies in each.
    pub(super) shares: Shares,
    /// True once what was shared before is listed.
    pub(super) is_scanned: bool,
    /// The first files that are still to be hashed.
    pub(super) hashing: Vec<Hashing>,
    /// How many these are in all.
    pub(super) unhashed: u64,
    /// What lies in `shared/`, with the catalogue that others are given: it may name what is to come back.
    offered: Arc<Shelf>,
    /// The head over that catalogue; empty before the first one.
    head: Arc<[u8]>,
    /// Whoever waits for a look, and what was shared when the first of them asked.
    rescans: (Vec<AskId>, Catalogue),
    /// What that head says.
    pub(super) given: Option<GivenHead>,
    /// What is given to some peers alone.
    given_files: FilesGiven,
}

/// Files that are in no share, where they lie, and who may have each content.
#[derive(Debug, Default)]
struct FilesGiven {
    files: Vec<Arc<SharedFile>>,
    folders: BTreeMap<ShareName, PathBuf>,
    peers: Arc<GivenFiles>,
}

/// What the head says that others get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GivenHead {
    pub(super) version: u64,
    /// Of the catalogue that it is over.
    pub(super) root: [u8; 32],
}

impl SharedFolder {
    /// Nothing is known yet of what lies in these shares.
    pub(super) fn new(shares: SharesAtStart) -> Self {
        Self { shares: Shares::new(shares), ..Self::default() }
    }

    /// True once all that is shared is listed.
    pub(super) fn is_known(&self) -> bool {
        self.is_scanned && self.unhashed == 0 && self.shares.are_scanned()
    }

    /// Where what was lost is to come back; `None`: the folder of its share is not there. `own`: that of `shared/`.
    pub(super) fn place_to_restore(&self, path: &SafePath, own: &Path) -> Option<FilePlace> {
        let Some(share) = self.shares.of(path) else {
            return Some(FilePlace { folder: own.to_owned(), inner: path.clone() });
        };
        let is_there = self.shares.is_there(&share.name) == Some(true);
        let inner = path.below(share.name.path()).filter(|_| is_there)?;
        Some(FilePlace { folder: share.folder, inner })
    }

    /// Files that are still to be hashed: the first of them, and how many.
    pub(super) fn hashing(&mut self, first: Vec<Hashing>, files: u64) {
        (self.hashing, self.unhashed) = (first, files);
    }

    /// What is shared, in numbers.
    pub(super) fn sharing(&self) -> Sharing {
        let sizes = self.shelf.catalogue.entries().filter_map(file_size);
        let (files, bytes) = sizes.fold((0, 0_u64), |(n, sum), size| (n + 1, sum.saturating_add(size)));
        Sharing { files, bytes, hashing: self.unhashed, left_out: self.left_out() }
    }

    /// What is shared, by folder; `own`: that of `shared/`.
    pub(super) fn share_rows(&self, own: &Path) -> Vec<ShareRow> {
        let mut counts: BTreeMap<Option<&ShareName>, (u64, u64)> = BTreeMap::new();
        for entry in self.shelf.catalogue.entries() {
            if let Some(size) = file_size(entry) {
                let (files, bytes) = counts.entry(self.shelf.roots.share(&entry.path)).or_default();
                (*files, *bytes) = (*files + 1, bytes.saturating_add(size));
            }
        }
        let row = |name: Option<&ShareName>, folder: &Path, state: Option<bool>| {
            let (files, bytes) = counts.get(&name).copied().unwrap_or_default();
            let state = match state {
                Some(true) => "here",
                Some(false) => "gone",
                None => "looking",
            };
            let name = name.map_or("", ShareName::as_str).to_owned();
            ShareRow { name, folder: folder.to_owned(), state: state.to_owned(), files, bytes }
        };
        let own = row(None, own, self.shares.is_own_there());
        let all = self.shares.all();
        let others = all.iter().map(|s| row(Some(&s.name), &s.folder, self.shares.is_there(&s.name)));
        [own].into_iter().chain(others).collect()
    }

    /// What lies there and is not shared, in numbers.
    pub(super) fn left_out(&self) -> LeftOutRow {
        let OmissionCounts { hidden, junk, ignored } = self.shelf.left_out.counts();
        LeftOutRow { hidden, junk, ignored }
    }

    /// Somebody waits for a look at everything.
    pub(super) fn rescan(&mut self, ask: AskId) {
        let (asks, before) = &mut self.rescans;
        if asks.is_empty() {
            *before = self.shelf.catalogue.clone();
        }
        asks.push(ask);
    }

    /// It is over: who waited for it, and how many files are not shared any more since the first of them asked.
    pub(super) fn rescanned(&mut self) -> (Vec<AskId>, u64) {
        let (asks, before) = std::mem::take(&mut self.rescans);
        let now = &self.shelf.catalogue;
        let is_gone = |e: &&Entry| now.get(&e.path).is_none_or(|there| there.content() != e.content());
        let gone = before.entries().filter(|e| file_size(e).is_some()).filter(is_gone).count();
        (asks, gone as u64)
    }

    /// Gives the sender what it is to serve from now on.
    fn offer(&self, out: &mut Outputs) {
        let (head, mut shelf) = (Arc::clone(&self.head), Arc::clone(&self.offered));
        let mut given = Arc::clone(&self.given_files.peers);
        if !given.is_empty() {
            let all = Arc::make_mut(&mut shelf);
            // What is shared anyhow is given to everyone.
            Arc::make_mut(&mut given).retain(|id, _| !all.files.contains_key(id));
            for file in self.given_files.files.iter().filter(|file| given.contains_key(&file.manifest.file()))
            {
                all.files.insert(Arc::clone(file));
            }
            Arc::make_mut(&mut all.roots).named.extend(self.given_files.folders.clone());
        }
        out.sender(SenderCommand::Offer(Arc::new(SharedContent { head, shelf, given })));
    }

    /// These files, which lie in these folders, are given to some peers alone from now on.
    pub(super) fn give(
        &mut self,
        files: Vec<Arc<SharedFile>>,
        folders: BTreeMap<ShareName, PathBuf>,
        peers: GivenFiles,
        out: &mut Outputs,
    ) {
        self.given_files = FilesGiven { files, folders, peers: Arc::new(peers) };
        if !self.head.is_empty() {
            self.offer(out);
        }
    }

    /// What is named did not change, but other files are behind it.
    pub(super) fn serve(&mut self, shelf: &Shelf, catalogue: Catalogue, out: &mut Outputs) {
        if !self.head.is_empty() {
            self.offered = Arc::new(Shelf { catalogue, ..shelf.clone() });
            self.offer(out);
        }
    }

    /// From now on others get this.
    pub(super) fn announce(&mut self, announcement: Announcement, out: &mut Outputs) {
        let root = root_of(announcement.shelf.catalogue.digests());
        self.given = Some(GivenHead { version: announcement.version, root });
        self.head = announcement.signed;
        self.offered = announcement.shelf;
        self.offer(out);
    }

    /// What others are given.
    pub(super) fn offered_catalogue(&self) -> &Catalogue {
        &self.offered.catalogue
    }

    /// True if others are given any file.
    pub(super) fn offers_files(&self) -> bool {
        self.offered.catalogue.entries().any(|e| matches!(e.kind, EntryKind::File { .. }))
    }

    /// The paths of each content that others are given, and its size. Custody counts contents; users count
    /// files, of which several may have the same.
    pub(super) fn paths(&self) -> OwnPaths<'_> {
        let mut paths = OwnPaths::new();
        for entry in self.offered.catalogue.entries() {
            if let EntryKind::File { id, size, .. } = entry.kind {
                paths.entry(id).or_default().push((&entry.path, size));
            }
        }
        paths
    }
}

/// The size of a file; `None` for a folder.
const fn file_size(entry: &Entry) -> Option<u64> {
    match entry.kind {
        EntryKind::File { size, .. } => Some(size),
        EntryKind::Folder => None,
    }
}

/// The paths of own contents, each with the size of the file.
pub(super) type OwnPaths<'a> = BTreeMap<FileId, Vec<(&'a SafePath, u64)>>;

#[cfg(test)]
mod tests {
    use super::super::roster::tests::file;
    use super::*;
    use crate::peer::output::PeerOutput;

    fn shelf(paths: &[&str]) -> Arc<Shelf> {
        let catalogue = Catalogue::of(paths.iter().map(|path| file(path, 1)));
        Arc::new(Shelf { catalogue, ..Shelf::default() })
    }

    /// What the sender was told last.
    fn offered(out: &mut Outputs) -> Option<(usize, usize)> {
        let all = std::iter::from_fn(|| out.pop());
        let offers = all.filter_map(|output| match output {
            PeerOutput::Sender(SenderCommand::Offer(content)) => {
                Some((content.head.len(), content.shelf.catalogue.entries().count()))
            }
            _ => None,
        });
        offers.last()
    }

    #[test]
    fn nothing_is_served_before_a_head_is_given_out() {
        let (mut shared, mut out) = (SharedFolder::default(), Outputs::default());
        let one = shelf(&["a"]);
        shared.serve(&one, one.catalogue.clone(), &mut out);
        assert_eq!(offered(&mut out), None);
        let announcement = Announcement { version: 1, signed: Arc::from([7; 3]), shelf: one };
        shared.announce(announcement, &mut out);
        assert_eq!(offered(&mut out), Some((3, 1)));
        let two = shelf(&["a", "b"]);
        shared.serve(&two, two.catalogue.clone(), &mut out);
        assert_eq!(offered(&mut out), Some((3, 2)));
        assert_eq!(shared.paths().len(), 1, "two files of one content");
        assert!(shared.offers_files());
    }

    #[test]
    fn what_is_shared_is_known_once_it_is_scanned_and_hashed() {
        let mut shared = SharedFolder::default();
        assert!(!shared.is_known());
        shared.is_scanned = true;
        assert!(shared.is_known());
        let first = vec![Hashing { path: "a".parse().unwrap(), done: 0, size: 1 }];
        shared.hashing(first, 1);
        assert!(!shared.is_known());
        shared.hashing(Vec::new(), 0);
        assert!(shared.is_known());
    }
}
