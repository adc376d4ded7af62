//! All shares: what lies in each, and what that is together. Pure.
//!
//! `shared/` is listed as it is; another share is a top folder of its name. To custody it is a mount on that folder
//! ([`MountIdentity`](crate::content::MountIdentity)): what is gone with it is absent, and it is judged for itself. Of
//! a share that was not looked at yet nothing is known, which holds up none of the others.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::content::{
    Catalogue, Entry, EntryKind, FolderIdentity, LeftOut, Omission, SafePath, ShareName, UnlistedContent,
};
use crate::library::{Event, Files, Hashing, MergedFiles, Share, ShareRoots, Shelf};
use crate::time::Time;

/// A share that was not looked at after this time is waited for no longer: its disk may hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Files that are still to be hashed and are told by name, at most.
const HASHING_NAMED: usize = 100;

/// The shares beside `shared/` at the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharesAtStart {
    /// Those that there are.
    pub(crate) shares: Vec<Share>,
    /// Those that are shared no more, of which others may not know it.
    pub(crate) unshared: Vec<ShareName>,
    /// Those that cannot be shared as folders lie now.
    pub(crate) left_aside: Vec<ShareName>,
}

/// What one library told.
#[derive(Clone, Debug, Default)]
struct ShareState {
    folder: PathBuf,
    shelf: Arc<Shelf>,
    hashing: Vec<Hashing>,
    /// How many these are in all, and their bytes.
    unhashed: (u64, u64),
    is_scanned: bool,
    /// It looks at everything again, as somebody asked.
    is_looking: bool,
    /// What of its catalogue is in the merged one.
    merged: Catalogue,
}

impl ShareState {
    /// Whether the folder is there; `None`: it was not looked at yet.
    fn is_there(&self) -> Option<bool> {
        let is_there = self.shelf.marker != FolderIdentity::default();
        // While something is looked at again, what it was holds.
        (is_there || self.is_scanned).then_some(is_there)
    }
}

/// The shares of this peer.
#[derive(Debug, Default)]
pub(super) struct Shares {
    own: ShareState,
    named: BTreeMap<ShareName, ShareState>,
    /// Those that are shared no more, and may still be named by the head.
    unshared: BTreeSet<ShareName>,
    /// Those that are remembered, and cannot be shared as folders lie now.
    left_aside: BTreeSet<ShareName>,
    /// Those that hide something in `shared/`; true: that was told.
    hiding: BTreeMap<ShareName, bool>,
    catalogue: Catalogue,
    files: MergedFiles,
    /// It was told that all was scanned.
    is_told: bool,
    /// Nothing is waited for after that.
    until: Option<Time>,
}

impl Shares {
    /// What there is at the start.
    pub(super) fn new(start: SharesAtStart) -> Self {
        let SharesAtStart { shares, unshared, left_aside } = start;
        let (unshared, left_aside) = (unshared.into_iter().collect(), left_aside.into_iter().collect());
        let mut all = Self { unshared, left_aside, ..Self::default() };
        for share in shares {
            all.add(share);
        }
        all
    }

    /// The shares that hide something in `shared/` under their names, each once.
    pub(super) fn take_hiding(&mut self) -> Vec<ShareName> {
        let news = |(name, told): (&ShareName, &mut bool)| (!mem::replace(told, true)).then(|| name.clone());
        self.hiding.iter_mut().filter_map(news).collect()
    }

    /// Those that are remembered, and cannot be shared as folders lie now.
    pub(super) fn left_aside(&self) -> impl Iterator<Item = &ShareName> {
        self.left_aside.iter()
    }

    /// One more is shared. Nothing is known of it yet.
    pub(super) fn add(&mut self, share: Share) {
        self.unshared.remove(&share.name);
        // What lies in `shared/` under this name is hidden by it.
        let hidden = self.catalogue.entries().filter(|e| share.name.has(&e.path));
        self.catalogue = self.catalogue.changed(&hidden.map(|e| (e.path.clone(), None)).collect());
        self.named.insert(share.name, ShareState { folder: share.folder, ..ShareState::default() });
        self.files = MergedFiles::default();
    }

    /// One is shared no more.
    pub(super) fn remove(&mut self, name: &ShareName) {
        self.left_aside.remove(name);
        let Some(mut state) = self.named.remove(name) else { return };
        self.unshared.insert(name.clone());
        self.files = MergedFiles::default();
        let changes = mem::take(&mut state.merged).entries().map(|e| (e.path.clone(), None)).collect();
        self.catalogue = self.catalogue.changed(&changes);
        // What lies in `shared/` under this name was hidden by it.
        self.own.merged = Catalogue::default();
    }

    /// The library of a share begins again: what it told last holds until it tells more, but for what is gone. True if
    /// it was to look at everything again.
    pub(super) fn begins_again(&mut self, name: &ShareName) -> bool {
        let Some(state) = self.named.get_mut(name) else { return false };
        state.shelf = Arc::new(Shelf { waiting: None, ..(*state.shelf).clone() });
        (state.hashing, state.unhashed) = (Vec::new(), (0, 0));
        state.is_looking
    }

    /// Those beside `shared/`.
    pub(super) fn all(&self) -> Vec<Share> {
        let share = |(name, state): (&ShareName, &ShareState)| Share {
            name: name.clone(),
            folder: state.folder.clone(),
        };
        self.named.iter().map(share).collect()
    }

    /// The names of those beside `shared/`.
    pub(super) fn names(&self) -> impl Iterator<Item = &ShareName> {
        self.named.keys()
    }

    /// The one beside `shared/` in which a path lies.
    pub(super) fn of(&self, path: &SafePath) -> Option<Share> {
        let (name, state) = self.named.iter().find(|(name, _)| name.has(path))?;
        Some(Share { name: name.clone(), folder: state.folder.clone() })
    }

    /// True once those beside `shared/` were looked at.
    pub(super) fn are_scanned(&self) -> bool {
        self.named.values().all(|state| state.is_scanned)
    }

    /// The folder of one of them.
    pub(super) fn folder(&self, name: &ShareName) -> Option<&Path> {
        self.named.get(name).map(|state| state.folder.as_path())
    }

    /// The head that is given out names these. Returns what is shared no more and not among them, which need not be
    /// remembered.
    pub(super) fn forget_unshared<'a>(&mut self, named: impl Iterator<Item = &'a Entry>) -> Vec<ShareName> {
        if self.unshared.is_empty() {
            return Vec::new();
        }
        let tops: BTreeSet<&str> = named.map(|entry| entry.path.top(1)).collect();
        self.unshared.extract_if(.., |name| !tops.contains(name.as_str())).collect()
    }

    /// Whether the folder of a share is there; `None`: it was not looked at yet.
    pub(super) fn is_there(&self, name: &ShareName) -> Option<bool> {
        self.named.get(name)?.is_there()
    }

    /// Whether `shared/` is there.
    pub(super) fn is_own_there(&self) -> Option<bool> {
        self.own.is_there()
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.until
    }

    /// What is reported if a share was waited for long enough.
    pub(super) fn handle_timeout(&mut self, now: Time) -> Option<Event> {
        self.until.take_if(|until| *until <= now)?;
        self.is_told = true;
        Some(Event::Scanned)
    }

    /// A library reports; `None`: that of `shared/`. Returns what that means for all of them.
    pub(super) fn handle(&mut self, now: Time, share: Option<&ShareName>, event: Event) -> Option<Event> {
        let state = match share {
            None => &mut self.own,
            Some(name) => self.named.get_mut(name)?,
        };
        match event {
            Event::Changed(shelf) => {
                state.shelf = shelf;
                Some(Event::Changed(self.shelf()))
            }
            Event::Hashing { first, files, bytes } => {
                (state.hashing, state.unhashed) = (first, (files, bytes));
                Some(self.hashing())
            }
            Event::Scanned => {
                state.is_scanned = true;
                self.scanned(now)
            }
            Event::Rescanned => {
                state.is_looking = false;
                (!self.is_looking()).then_some(Event::Rescanned)
            }
            Event::Warning(_) | Event::Moved => Some(event),
        }
    }

    /// Everything is to be looked at again: of these shares, beside `shared/`.
    pub(super) fn rescan(&mut self) -> Vec<ShareName> {
        self.own.is_looking = true;
        for state in self.named.values_mut() {
            state.is_looking = true;
        }
        self.named.keys().cloned().collect()
    }

    fn is_looking(&self) -> bool {
        self.own.is_looking || self.named.values().any(|state| state.is_looking)
    }

    fn scanned(&mut self, now: Time) -> Option<Event> {
        if self.is_told || !self.own.is_scanned {
            return None;
        }
        self.is_told = self.named.values().all(|state| state.is_scanned);
        self.until = (!self.is_told).then(|| self.until.unwrap_or(now + PATIENCE));
        self.is_told.then_some(Event::Scanned)
    }

    fn hashing(&self) -> Event {
        let all = || [&self.own].into_iter().chain(self.named.values());
        let first = all().flat_map(|state| state.hashing.iter().cloned()).take(HASHING_NAMED).collect();
        let (files, bytes) = all().fold((0_u64, 0_u64), |(files, bytes), state| {
            (files + state.unhashed.0, bytes.saturating_add(state.unhashed.1))
        });
        Event::Hashing { first, files, bytes }
    }

    /// What lies in all of them.
    pub(super) fn shelf(&mut self) -> Arc<Shelf> {
        if self.named.is_empty() && self.unshared.is_empty() && self.catalogue.count() == 0 {
            return Arc::clone(&self.own.shelf);
        }
        self.merge_catalogues();
        let names: Vec<&ShareName> = self.named.keys().collect();
        let parts: Vec<&Files> =
            [&self.own].into_iter().chain(self.named.values()).map(|state| &state.shelf.files).collect();
        let hides = |path: &SafePath| names.iter().any(|name| name.has(path));
        let takes = |number: usize, file: &crate::library::SharedFile| number > 0 || !hides(&file.path);
        self.files = Files::merged(&parts, takes, Some(&self.files));
        let own = &self.own.shelf;
        let mut mounts = (*own.mounts).clone();
        mounts.retain(|path, _| !hides(path));
        for state in self.named.values() {
            mounts.extend(state.shelf.mounts.iter().map(|(path, mount)| (path.clone(), *mount)));
        }
        let named = self.named.iter().map(|(name, state)| (name.clone(), state.folder.clone()));
        let roots = ShareRoots { own: own.roots.own.clone(), named: named.collect() };
        Arc::new(Shelf {
            roots: Arc::new(roots),
            catalogue: self.catalogue.clone(),
            files: self.files.files.clone(),
            marker: own.marker,
            mounts: Arc::new(mounts),
            waiting: own.waiting.as_ref().map(|own| Arc::new(self.waiting(own))),
            left_out: Arc::new(self.left_out(hides)),
        })
    }

    /// What is there and not listed, or of which it is not known whether it is.
    fn waiting(&self, own: &UnlistedContent) -> UnlistedContent {
        let mut all = own.clone();
        for (name, state) in &self.named {
            match &state.shelf.waiting {
                None => drop(all.paths.insert(name.path().clone())),
                Some(waiting) => {
                    all.paths.extend(waiting.paths.iter().cloned());
                    all.sizes.extend(&waiting.sizes);
                }
            }
        }
        all
    }

    fn left_out(&self, hides: impl Fn(&SafePath) -> bool) -> LeftOut {
        let own = self.own.shelf.left_out.into_iter().filter(|(path, _)| !hides(path));
        let named = self.named.values().flat_map(|state| &*state.shelf.left_out);
        let all = own.chain(named).map(|(path, why)| (path.clone(), *why));
        let unshared = self.unshared.iter().map(|name| (name.path().clone(), Omission::Unshared));
        all.chain(unshared).collect()
    }

    /// Brings the merged catalogue up to date with what changed in each.
    fn merge_catalogues(&mut self) {
        let names: Vec<ShareName> = self.named.keys().cloned().collect();
        let mut changes = changes(&self.own.merged, &self.own.shelf.catalogue);
        // What lies in `shared/` under the name of a share is hidden by that.
        changes.retain(|path, kind| {
            let hides = names.iter().find(|name| name.has(path));
            if let (Some(name), Some(_)) = (hides, kind) {
                self.hiding.entry(name.clone()).or_default();
            }
            hides.is_none()
        });
        self.own.merged = self.own.shelf.catalogue.clone();
        for state in self.named.values_mut() {
            changes.extend(self::changes(&state.merged, &state.shelf.catalogue));
            state.merged = state.shelf.catalogue.clone();
        }
        if !changes.is_empty() {
            self.catalogue = self.catalogue.changed(&changes);
        }
    }
}

/// What makes one catalogue of another one.
fn changes(before: &Catalogue, after: &Catalogue) -> BTreeMap<SafePath, Option<EntryKind>> {
    let mut changes = BTreeMap::new();
    for index in 0..=255 {
        let at = usize::from(index);
        if before.digests().get(at) == after.digests().get(at) {
            continue;
        }
        let gone = before.bucket(index).entries().iter();
        changes.extend(gone.filter(|e| after.get(&e.path).is_none()).map(|e| (e.path.clone(), None)));
        let there = after.bucket(index).entries().iter();
        let there = there.filter(|e| before.get(&e.path) != Some(*e));
        changes.extend(there.map(|e| (e.path.clone(), Some(e.kind.clone()))));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{FileId, MountIdentity, Stamp};
    use crate::library::{SharedFile, manifest_of};

    fn name(name: &str) -> ShareName {
        name.parse().unwrap()
    }

    /// A shelf with these files, each with a content of its own; all of it was looked at.
    fn shelf(folder: &str, files: &[(&str, u8)]) -> Arc<Shelf> {
        let file = |(path, n): &(&str, u8)| {
            let manifest = manifest_of(&[*n][..], 1).unwrap();
            let stamp = Stamp { device: 1, inode: 1, size: 1, modified: 0, changed: 0 };
            SharedFile { path: path.parse().unwrap(), stamp, manifest: Arc::new(manifest), since: 0 }
        };
        let files: Vec<SharedFile> = files.iter().map(file).collect();
        let entry = |file: &SharedFile| Entry {
            path: file.path.clone(),
            kind: EntryKind::File {
                id: file.manifest.file(),
                size: 1,
                modified: 0,
                executable: false,
                since: 0,
            },
        };
        Arc::new(Shelf {
            roots: Arc::new(ShareRoots { own: folder.into(), ..ShareRoots::default() }),
            catalogue: Catalogue::of(files.iter().map(entry)),
            files: files.into_iter().collect(),
            marker: FolderIdentity { device: 1, inode: 2, birth: 3 },
            waiting: Some(Arc::default()),
            ..Shelf::default()
        })
    }

    fn share(of: &str) -> Share {
        Share { name: name(of), folder: format!("/mnt/{of}").into() }
    }

    fn with(shares: &[&str]) -> Shares {
        Shares::new(SharesAtStart {
            shares: shares.iter().map(|of| share(of)).collect(),
            ..SharesAtStart::default()
        })
    }

    fn now() -> Time {
        Time::ZERO + Duration::from_secs(100)
    }

    fn told(shares: &mut Shares, of: Option<&str>, shelf: &Arc<Shelf>) -> Arc<Shelf> {
        let name = of.map(name);
        match shares.handle(now(), name.as_ref(), Event::Changed(Arc::clone(shelf))) {
            Some(Event::Changed(shelf)) => shelf,
            other => panic!("{other:?}"),
        }
    }

    fn names(shelf: &Shelf) -> Vec<String> {
        let mut names: Vec<String> = shelf.catalogue.entries().map(|e| e.path.to_string()).collect();
        names.sort();
        names
    }

    fn served(shelf: &Shelf) -> Vec<String> {
        let ids: Vec<FileId> = shelf.catalogue.entries().filter_map(Entry::content).collect();
        let mut files: Vec<String> =
            ids.iter().filter_map(|id| shelf.files.get(id)).map(|file| file.path.to_string()).collect();
        files.sort();
        files
    }

    #[test]
    fn shared_alone_is_what_its_library_tells() {
        let mut shares = with(&[]);
        let own = shelf("/peer/shared", &[("a", 1)]);
        assert!(Arc::ptr_eq(&told(&mut shares, None, &own), &own));
    }

    #[test]
    fn all_shares_together_are_one_shelf_and_each_changes_for_itself() {
        let mut shares = with(&["v", "w"]);
        told(&mut shares, None, &shelf("/peer/shared", &[("a", 1), ("v/hidden", 9), ("same", 2)]));
        let all = told(&mut shares, Some("v"), &shelf("", &[("v/x", 3), ("v/same", 2)]));
        assert_eq!(names(&all), ["a", "same", "v/same", "v/x"], "the name is that of the share");
        assert_eq!((shares.take_hiding(), shares.take_hiding()), (vec![name("v")], Vec::new()), "told once");
        assert_eq!(served(&all), ["a", "same", "same", "v/x"]);
        assert_eq!(all.roots.share(&"v/x".parse().unwrap()), Some(&name("v")));
        assert_eq!((all.roots.own.to_str(), all.roots.named.len()), (Some("/peer/shared"), 2));
        let all = told(&mut shares, Some("v"), &shelf("", &[("v/y", 4)]));
        assert_eq!(
            (names(&all), served(&all)),
            (vec!["a".into(), "same".into(), "v/y".into()], vec!["a".into(), "same".into(), "v/y".into()])
        );
        let all = told(&mut shares, None, &shelf("/peer/shared", &[("b", 5), ("v/hidden", 9)]));
        assert_eq!(names(&all), ["b", "v/y"]);
        // What is shared no more is left out by that, until the head does not name it any more.
        shares.remove(&name("v"));
        let all = shares.shelf();
        assert_eq!(names(&all), ["b", "v/hidden"], "which it hid");
        assert_eq!(all.left_out.get(name("v").path()), Some(Omission::Unshared));
        assert_eq!(shares.forget_unshared(shelf("", &[("v/y", 4)]).catalogue.entries()), []);
        assert_eq!(shares.forget_unshared(shelf("", &[("b", 4)]).catalogue.entries()), [name("v")]);
        assert!(shares.shelf().left_out.is_empty());
    }

    #[test]
    fn what_a_new_share_hides_is_not_listed_any_more() {
        let mut shares = with(&["w"]);
        told(&mut shares, None, &shelf("/peer/shared", &[("a", 1), ("v/hidden", 9)]));
        assert_eq!(names(&shares.shelf()), ["a", "v/hidden"]);
        shares.add(share("v"));
        assert_eq!(names(&shares.shelf()), ["a"]);
        let all = told(&mut shares, Some("v"), &shelf("", &[("v/x", 3)]));
        assert_eq!(
            (names(&all), served(&all)),
            (vec!["a".into(), "v/x".into()], vec!["a".into(), "v/x".into()])
        );
    }

    #[test]
    fn nothing_is_known_of_a_share_before_it_was_looked_at_and_that_holds_up_no_other() {
        let mut shares = with(&["v"]);
        let all = told(&mut shares, None, &shelf("/peer/shared", &[("a", 1)]));
        assert!(all.waiting.as_ref().is_some_and(|w| w.covers(&"v/x".parse().unwrap())), "{:?}", all.waiting);
        let mount = MountIdentity { inode: 7, birth: 7, filesystem: 7 };
        let looked = Shelf {
            mounts: Arc::new([(name("v").path().clone(), mount)].into()),
            ..(*shelf("", &[])).clone()
        };
        let all = told(&mut shares, Some("v"), &Arc::new(looked.clone()));
        assert!(all.waiting.as_ref().is_some_and(|w| w.paths.is_empty()));
        assert_eq!(
            (all.mounts.get(name("v").path()), shares.is_there(&name("v"))),
            (Some(&mount), Some(true))
        );
        // Its folder is gone: so is what is like a mount.
        let gone = Shelf { marker: FolderIdentity::default(), mounts: Arc::default(), ..looked };
        shares.handle(now(), Some(&name("v")), Event::Scanned);
        let all = told(&mut shares, Some("v"), &Arc::new(gone));
        assert!(all.mounts.is_empty() && shares.is_there(&name("v")) == Some(false));
        // It begins again: nothing is judged.
        assert!(!shares.begins_again(&name("v")));
        assert!(shares.shelf().waiting.as_ref().is_some_and(|w| w.covers(&"v/x".parse().unwrap())));
        assert!(shares.shelf().marker != FolderIdentity::default(), "that of shared/");
    }

    #[test]
    fn all_is_scanned_once_and_a_share_that_hangs_is_not_waited_for_forever() {
        let mut shares = with(&["v", "w"]);
        assert!(shares.handle(now(), Some(&name("v")), Event::Scanned).is_none());
        assert!(shares.handle(now(), None, Event::Scanned).is_none() && !shares.are_scanned());
        assert_eq!(shares.poll_timeout(), Some(now() + PATIENCE));
        assert!(shares.handle_timeout(now()).is_none());
        assert!(matches!(shares.handle_timeout(now() + PATIENCE), Some(Event::Scanned)));
        assert!(shares.handle(now(), Some(&name("w")), Event::Scanned).is_none(), "that was told");
        assert!(shares.are_scanned() && shares.poll_timeout().is_none());
        let mut shares = with(&["v"]);
        shares.handle(now(), None, Event::Scanned);
        let all = shares.handle(now(), Some(&name("v")), Event::Scanned);
        assert!(matches!(all, Some(Event::Scanned)) && shares.poll_timeout().is_none());
    }

    #[test]
    fn a_look_is_over_when_all_looked_and_what_is_hashed_adds_up() {
        let mut shares = with(&["v", "w"]);
        assert_eq!(shares.rescan(), [name("v"), name("w")]);
        assert!(shares.handle(now(), None, Event::Rescanned).is_none());
        assert!(shares.handle(now(), Some(&name("w")), Event::Rescanned).is_none());
        assert!(matches!(shares.handle(now(), Some(&name("v")), Event::Rescanned), Some(Event::Rescanned)));
        let hashing = |files, bytes| Event::Hashing { first: Vec::new(), files, bytes };
        shares.handle(now(), None, hashing(1, 10));
        let all = shares.handle(now(), Some(&name("v")), hashing(2, 5));
        assert!(matches!(all, Some(Event::Hashing { files: 3, bytes: 15, .. })), "{all:?}");
        let end = shares.handle(now(), None, hashing(0, 0));
        assert!(matches!(end, Some(Event::Hashing { files: 2, bytes: 5, .. })), "{end:?}");
        assert!(shares.handle(now(), Some(&name("gone")), hashing(1, 1)).is_none());
    }
}
