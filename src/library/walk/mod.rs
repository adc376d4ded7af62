//! The walking thread: looks at `shared/`, all of it or some paths, and tells what is there. It decides
//! nothing; `inventory` does. It has each folder watched before it reads it, so that what is put there
//! meanwhile is either read or heard of.
//!
//! Folders are opened relative to each other, never by a path, so that a folder which is swapped for a
//! link meanwhile is refused and nothing outside is ever seen. A link that leads to what lies inside is followed by the
//! path without links (`linked`).

mod linked;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use self::linked::{Followed, LinkedFolder};
use super::ignore_file::{IGNORE_FILE, IgnoreFile};
use super::inventory::{KnownContent, Seen, Sight};
use super::left_out::NameRules;
use super::root::LibraryRoot;
use super::warnings::Skip;
use super::watch::{Ears, FolderWatch};
use crate::content::path::{PathError, RESERVED};
use crate::content::{Chunks, MountIdentity, Omission, SafePath, Stamp};
use crate::sys::clock;
use crate::sys::facts::{Facts, FileIdentity};
use crate::sys::folder::{FileKind, Folder, Mounted};
use crate::sys::refusal::{Refusal, refusal};

/// Sights in one message.
const BATCH: usize = 512;

/// A file whose content was last written this long ago is taken as finished when it is first seen.
const OLD: Duration = Duration::from_secs(3);

/// What the walker is asked.
#[derive(Debug)]
pub(super) enum WalkRequest {
    /// Look at everything.
    Everything {
        /// Have all folders watched from now on.
        watch: bool,
    },
    /// Look at these paths, as they are listed; true: a file there was closed after writing.
    Paths(Vec<(PathBuf, bool)>),
}

/// What the walker tells.
#[derive(Debug)]
pub(super) enum WalkReply {
    /// First, for each request: which folder the root is, if it is one that can be opened.
    Root(RootSight),
    /// This is there.
    Sights(Vec<Sight>),
    /// This is mounted on a folder on the way to a path, or nothing is.
    Way(SafePath, Option<MountIdentity>),
    /// Nothing that can be shared is there, nor below.
    Gone(SafePath),
    /// A link at the first path leads to what lies at the second one, and is shared as that: what changes there changes
    /// here.
    Linked(SafePath, SafePath),
    /// This is there and cannot be opened or read. A folder whose content is unknown is no empty one.
    Closed(SafePath, Skip),
    /// The root is there, but what lies in it could not be read.
    Unread,
    /// All below this path (`None`: the root) was reported with this generation; what was not is gone.
    Swept(Option<SafePath>, u32),
    /// This was left out.
    Skipped(PathBuf, Skip),
    /// All folders are watched now; or not, and why.
    Watched(Result<(), String>),
    /// Last, for each request; true if it was [`WalkRequest::Everything`].
    Done(bool),
}

/// What lies at the place of the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RootSight {
    /// This folder.
    Folder(FileIdentity),
    /// Something that cannot be opened.
    Closed,
    /// Nothing.
    Gone,
}

/// What one entry of a folder is.
enum WalkEntry {
    /// A folder to go into; not reported yet.
    Folder,
    /// A link to a folder, to go into that.
    Linked(LinkedFolder),
    /// Something else; reported, if it is to be.
    Other,
    /// Nothing may be known of it: the folder that it lies in cannot be searched.
    Closed,
}

/// A folder to go into, and the link that leads there if it is one.
type FolderToEnter = (SafePath, Option<LinkedFolder>);

/// The library went away.
struct LibraryGone;

/// The walker. `tell` returns false once nobody listens.
pub(super) struct Walker<F> {
    root: LibraryRoot,
    tell: F,
    ears: Ears,
    /// With device and inode of the root that is watched.
    watch: Option<(FileIdentity, FolderWatch)>,
    generation: u32,
    sights: Vec<Sight>,
    /// Folders of which [`WalkReply::Way`] was told in this request.
    ways: BTreeSet<SafePath>,
    /// Which names are left out.
    names: NameRules,
    /// What the folders from the root to where the walker is leave out beside that; the deepest is the last.
    ignores: Vec<Arc<IgnoreFile>>,
    /// What was read of that on the way to single paths, in this request.
    ignores_read: BTreeMap<Option<SafePath>, Option<Arc<IgnoreFile>>>,
    /// The root, in this request.
    opened: Option<Arc<Folder>>,
    /// The links to folders by which the walker went to where it is; the deepest is the last.
    linked: Vec<LinkedFolder>,
    /// Nanoseconds since 1970, at the begin of the request.
    now: i128,
}

impl<F: Fn(WalkReply) -> bool> Walker<F> {
    pub(super) const fn new(root: LibraryRoot, names: NameRules, ears: Ears, tell: F) -> Self {
        Self {
            root,
            tell,
            ears,
            watch: None,
            generation: 0,
            sights: Vec::new(),
            ways: BTreeSet::new(),
            names,
            ignores: Vec::new(),
            ignores_read: BTreeMap::new(),
            opened: None,
            linked: Vec::new(),
            now: 0,
        }
    }

    /// Works until the requests end or nobody listens.
    pub(super) fn run(mut self, asked: &Receiver<WalkRequest>) {
        for ask in asked {
            if self.handle(ask).is_err() {
                return;
            }
        }
    }

    fn handle(&mut self, ask: WalkRequest) -> Result<(), LibraryGone> {
        self.now = clock::unix_nanos();
        self.ways.clear();
        self.ignores.clear();
        self.ignores_read.clear();
        let everything = matches!(ask, WalkRequest::Everything { .. });
        match self.open_root() {
            Ok((root, identity, mount)) => {
                let root = Arc::new(root);
                self.opened = Some(Arc::clone(&root));
                self.tell(WalkReply::Root(RootSight::Folder(identity)))?;
                self.prepare_watch(identity, matches!(ask, WalkRequest::Everything { watch: true }))?;
                match ask {
                    WalkRequest::Everything { .. } => {
                        let top = self.root.path().cloned();
                        if let (Some(path), Some(_)) = (&top, mount) {
                            self.sight(path.clone(), KnownContent::Folder(mount))?;
                        }
                        self.sweep(&root, top)?;
                    }
                    WalkRequest::Paths(paths) => {
                        for (path, closed) in paths {
                            self.look(&root, &path, closed)?;
                        }
                    }
                }
            }
            Err(e) => {
                self.watch = None;
                if refusal(&e) == Refusal::Gone {
                    self.tell(WalkReply::Root(RootSight::Gone))?;
                } else {
                    self.skip(PathBuf::new(), Skip::of(&e))?;
                    self.tell(WalkReply::Root(RootSight::Closed))?;
                }
            }
        }
        // An open folder keeps its file system from being unmounted.
        self.opened = None;
        self.flush()?;
        if let Some(outcome) = self.watch.as_mut().map(|(_, watch)| watch.outcome())
            && (everything || outcome.is_err())
        {
            self.tell(WalkReply::Watched(outcome))?;
        }
        self.tell(WalkReply::Done(everything))
    }

    /// Opens the root. A share that has a name is like a mount on the folder of that name: what lies there is judged
    /// for itself.
    fn open_root(&self) -> io::Result<(Folder, FileIdentity, Option<MountIdentity>)> {
        let root = Folder::open(&self.root.folder)?;
        let mount = self.root.name.is_some().then(|| root.top()).transpose()?;
        let identity = root.identity()?;
        Ok((root, identity, mount.map(mount_identity)))
    }

    /// Begins to watch if it is wanted. What is watched is one folder, not whatever lies at its place.
    fn prepare_watch(&mut self, root: FileIdentity, wanted: bool) -> Result<(), LibraryGone> {
        self.watch.take_if(|(watched, _)| *watched != root);
        match &mut self.watch {
            Some((_, watch)) if wanted => watch.begin(),
            None if wanted => match FolderWatch::start(self.root.clone(), self.ears.clone()) {
                Ok(watch) => self.watch = Some((root, watch)),
                Err(why) => self.tell(WalkReply::Watched(Err(why)))?,
            },
            _ => {}
        }
        Ok(())
    }

    /// Tells all below an open folder, then that this was all.
    fn sweep(&mut self, folder: &Folder, path: Option<SafePath>) -> Result<(), LibraryGone> {
        self.generation = self.generation.wrapping_add(1);
        let is_read = self.folder(folder, path.as_ref())?;
        self.flush()?;
        if !is_read && self.root.is(path.as_ref()) {
            return self.tell(WalkReply::Unread);
        }
        self.tell(WalkReply::Swept(path, self.generation))
    }

    /// False if it could not be read.
    fn folder(&mut self, folder: &Folder, path: Option<&SafePath>) -> Result<bool, LibraryGone> {
        // What a link leads to is watched where it lies.
        if let Some((_, watch)) = self.watch.as_mut().filter(|_| self.linked.is_empty()) {
            watch.folder(path);
        }
        let above = self.ignores.len();
        let is_read = match self.ignore_file(folder, path)? {
            Ok(file) => {
                self.ignores.extend(file);
                self.all_in(folder, path)?
            }
            Err(e) => Err(e),
        };
        self.ignores.truncate(above);
        let Err(e) = is_read else { return Ok(true) };
        match path {
            Some(path) if !self.root.is(Some(path)) => self.refused(path, &e)?,
            _ => self.skip(PathBuf::new(), Skip::of(&e))?,
        }
        Ok(false)
    }

    /// What a folder leaves out of all below it.
    fn ignore_file(
        &self,
        folder: &Folder,
        path: Option<&SafePath>,
    ) -> Result<io::Result<Option<Arc<IgnoreFile>>>, LibraryGone> {
        let real = path.map(|path| self.real(path));
        let read = match IgnoreFile::read(folder, real.as_ref()) {
            Ok(read) => read,
            Err(e) => return Ok(Err(e)),
        };
        if let Some(wrong) = read.wrong {
            let local = path.map_or_else(PathBuf::new, |path| PathBuf::from(path.as_str()));
            self.skip(local.join(IGNORE_FILE), Skip::Pattern(wrong))?;
        }
        Ok(Ok(read.file.map(Arc::new)))
    }

    /// Tells all below a folder, unless its entries cannot be read.
    fn all_in(&mut self, folder: &Folder, path: Option<&SafePath>) -> Result<io::Result<()>, LibraryGone> {
        let folders = match self.entries(folder, path)? {
            Ok(folders) => folders,
            Err(e) => return Ok(Err(e)),
        };
        for (path, linked) in folders {
            if let Some(linked) = linked {
                self.go_linked(&path, linked, false)?;
                continue;
            }
            match enter(folder, path.name()) {
                Ok((below, mount)) => {
                    self.sight(path.clone(), KnownContent::Folder(mount))?;
                    self.folder(&below, Some(&path))?;
                }
                Err(e) => self.refused(&path, &e)?,
            }
        }
        Ok(Ok(()))
    }

    /// Tells what lies in a folder; the folders in it are for the caller to go into.
    fn entries(
        &mut self,
        folder: &Folder,
        path: Option<&SafePath>,
    ) -> Result<io::Result<Vec<FolderToEnter>>, LibraryGone> {
        let local = |name: &OsStr| {
            let below = path.map_or_else(PathBuf::new, |p| PathBuf::from(p.as_str()));
            below.join(name)
        };
        let mut folders = Vec::new();
        let entries = match folder.entries() {
            Ok(entries) => entries,
            Err(e) => return Ok(Err(e)),
        };
        for name in entries {
            let name = match name {
                Ok(name) => name,
                Err(e) => return Ok(Err(e)),
            };
            if name == IGNORE_FILE {
                continue;
            }
            match child(path, &name) {
                Ok(path) => match self.entry(folder, &path, false)? {
                    WalkEntry::Folder => folders.push((path, None)),
                    WalkEntry::Linked(linked) => folders.push((path, Some(linked))),
                    WalkEntry::Other => {}
                    WalkEntry::Closed => return Ok(Err(closed_folder())),
                },
                // The folder of partial downloads is where it should be.
                Err(PathError::Reserved) if name == RESERVED[1] => {}
                // What cannot be listed is no loss where it would be left out.
                Err(e) if e != PathError::Reserved && self.is_omitted_name(&name) => {}
                Err(e) => self.skip(local(&name), Skip::Name(e))?,
            }
        }
        Ok(Ok(folders))
    }

    /// Tells what one entry is, unless it is a folder: that must be opened first.
    fn entry(&mut self, folder: &Folder, path: &SafePath, closed: bool) -> Result<WalkEntry, LibraryGone> {
        let facts = match folder.facts(path.name()) {
            Ok(facts) => facts,
            Err(e) if refusal(&e) == Refusal::Denied => return Ok(WalkEntry::Closed),
            Err(e) => return self.refused(path, &e).map(|()| WalkEntry::Other),
        };
        if let Some(why) = self.left_out(path, &facts) {
            return self.sight(path.clone(), KnownContent::LeftOut(why)).map(|()| WalkEntry::Other);
        }
        let skip = match facts.kind {
            FileKind::Folder => return Ok(WalkEntry::Folder),
            FileKind::File(_) => return self.file(path, &facts, closed).map(|()| WalkEntry::Other),
            FileKind::Link => match self.follow(path)? {
                Followed::File(facts) => {
                    return self.file(path, &facts, closed).map(|()| WalkEntry::Other);
                }
                Followed::Folder(linked) => return Ok(WalkEntry::Linked(linked)),
                Followed::LeftOut(why) => {
                    return self.sight(path.clone(), KnownContent::LeftOut(why)).map(|()| WalkEntry::Other);
                }
                Followed::Not(skip) => skip,
            },
            FileKind::Other => Skip::Special,
        };
        self.not_shared(path, skip).map(|()| WalkEntry::Other)
    }

    /// Tells of a file, if it can be shared.
    fn file(&mut self, path: &SafePath, facts: &Facts, closed: bool) -> Result<(), LibraryGone> {
        if Chunks::of(facts.size).is_none() {
            return self.not_shared(path, Skip::Large);
        }
        let (stamp, executable) = (Stamp::of(facts), facts.executable);
        let stood = u64::try_from((self.now - stamp.modified).max(0)).unwrap_or(u64::MAX);
        let stood = Duration::from_nanos(stood);
        let seen = Seen { stamp, executable, ready: closed || stood >= OLD, stood };
        self.sight(path.clone(), KnownContent::File(seen))
    }

    fn not_shared(&mut self, path: &SafePath, why: Skip) -> Result<(), LibraryGone> {
        self.skip(PathBuf::from(path.as_str()), why)?;
        self.gone(path)
    }

    /// Why something is left out of what is shared, if it is.
    fn left_out(&self, path: &SafePath, facts: &Facts) -> Option<Omission> {
        let is_folder = facts.kind == FileKind::Folder;
        let path = &self.real(path);
        self.names.judge(path.name(), is_folder, facts.hidden).or_else(|| {
            let is_ignored = self.ignores.iter().rev().find_map(|file| file.judge(path, is_folder));
            is_ignored.unwrap_or(false).then_some(Omission::Ignored)
        })
    }

    /// True if a name alone says that what has it is left out.
    fn is_omitted_name(&self, name: &OsStr) -> bool {
        self.names.judge(&name.to_string_lossy(), false, false).is_some()
    }

    fn sight(&mut self, path: SafePath, what: KnownContent) -> Result<(), LibraryGone> {
        self.sights.push(Sight { path, what, generation: self.generation });
        if self.sights.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Looks at one path below the root, and at all below it if it is a folder.
    fn look(&mut self, root: &Folder, local: &Path, closed: bool) -> Result<(), LibraryGone> {
        let path = match SafePath::from_relative(local) {
            Ok(path) => path,
            Err(e) => {
                let ours = local.iter().any(|c| RESERVED.iter().any(|r| c == *r));
                let is_omitted = local.file_name().is_some_and(|name| self.is_omitted_name(name));
                if !ours && !is_omitted && self.root.place(local).symlink_metadata().is_ok() {
                    self.skip(local.to_owned(), Skip::Name(e))?;
                }
                return Ok(());
            }
        };
        if path.name() == IGNORE_FILE || self.root.is(Some(&path)) {
            // The library looks at everything again.
            return Ok(());
        }
        self.ignores.clear();
        self.linked.clear();
        let way = self.way(root, &path)?;
        let done = match way {
            Some(parent) => self.look_in(parent.as_ref().unwrap_or(root), path, closed),
            None => Ok(()),
        };
        self.linked.clear();
        done
    }

    /// Looks at one path in the folder `parent`.
    fn look_in(&mut self, parent: &Folder, path: SafePath, closed: bool) -> Result<(), LibraryGone> {
        match self.entry(parent, &path, closed)? {
            WalkEntry::Folder => match enter(parent, path.name()) {
                Ok((folder, mount)) => {
                    self.sight(path.clone(), KnownContent::Folder(mount))?;
                    self.sweep(&folder, Some(path))
                }
                Err(e) => self.refused(&path, &e),
            },
            WalkEntry::Linked(linked) => self.go_linked(&path, linked, true),
            WalkEntry::Other => Ok(()),
            WalkEntry::Closed => match path.parent() {
                Some(parent) if !self.root.is(Some(&parent)) => self.refused(&parent, &closed_folder()),
                _ => {
                    self.skip(PathBuf::new(), Skip::of(&closed_folder()))?;
                    self.tell(WalkReply::Unread)
                }
            },
        }
    }

    /// Opens the folder that a path lies in, and tells what is mounted on those on the way: what lay below may be
    /// hidden by it, or be gone with it. `Some(None)`: it is the root. `None`: there is no way, which was told.
    fn way(&mut self, root: &Folder, path: &SafePath) -> Result<Option<Option<Folder>>, LibraryGone> {
        let above = std::iter::successors(path.parent(), SafePath::parent);
        let above = above.take_while(|path| !self.root.is(Some(path))).collect::<Vec<_>>();
        let top = self.root.path().cloned();
        if let Err(e) = self.ignore_file_once(root, top.as_ref())? {
            self.skip(PathBuf::new(), Skip::of(&e))?;
            return self.tell(WalkReply::Unread).map(|()| None);
        }
        let mut last: Option<Folder> = None;
        for path in above.into_iter().rev() {
            let parent = last.as_ref().unwrap_or(root);
            // All that lies below shares its fate.
            let facts = parent.facts(path.name());
            if let Some(why) = facts.as_ref().ok().and_then(|facts| self.left_out(&path, facts)) {
                return self.sight(path, KnownContent::LeftOut(why)).map(|()| None);
            }
            if facts.is_ok_and(|facts| facts.kind == FileKind::Link) {
                match self.way_by_link(&path)? {
                    Some(folder) => last = Some(folder),
                    None => return Ok(None),
                }
                continue;
            }
            match enter(parent, path.name()) {
                Ok((folder, mount)) => {
                    if self.ways.insert(path.clone()) {
                        self.flush()?;
                        self.tell(WalkReply::Way(path.clone(), mount))?;
                    }
                    if let Err(e) = self.ignore_file_once(&folder, Some(&path))? {
                        return self.refused(&path, &e).map(|()| None);
                    }
                    last = Some(folder);
                }
                // A file is there where a folder was: only what lay below it is gone.
                Err(e) if matches!(refusal(&e), Refusal::Link | Refusal::NotFolder) => {
                    return self.entry(parent, &path, false).map(|_| None);
                }
                Err(e) => return self.refused(&path, &e).map(|()| None),
            }
        }
        Ok(Some(last))
    }

    /// As [`Self::ignore_file`], for a folder on the way to several paths; what it says holds from now on.
    fn ignore_file_once(
        &mut self,
        folder: &Folder,
        path: Option<&SafePath>,
    ) -> Result<io::Result<()>, LibraryGone> {
        let key = path.cloned();
        if !self.ignores_read.contains_key(&key) {
            match self.ignore_file(folder, path)? {
                Ok(file) => drop(self.ignores_read.insert(key.clone(), file)),
                Err(e) => return Ok(Err(e)),
            }
        }
        self.ignores.extend(self.ignores_read.get(&key).cloned().flatten());
        Ok(Ok(()))
    }

    /// What cannot be opened or read is not listed, and what is gone is gone with all that lay below.
    fn refused(&mut self, path: &SafePath, e: &io::Error) -> Result<(), LibraryGone> {
        // Gone or swapped since; the watcher tells, or the next scan.
        if matches!(refusal(e), Refusal::Gone | Refusal::Link | Refusal::NotFolder) {
            return self.gone(path);
        }
        self.flush()?;
        self.tell(WalkReply::Closed(path.clone(), Skip::of(e)))
    }

    fn gone(&mut self, path: &SafePath) -> Result<(), LibraryGone> {
        self.flush()?;
        self.tell(WalkReply::Gone(path.clone()))
    }

    fn skip(&self, path: PathBuf, why: Skip) -> Result<(), LibraryGone> {
        self.tell(WalkReply::Skipped(path, why))
    }

    fn flush(&mut self) -> Result<(), LibraryGone> {
        if self.sights.is_empty() {
            return Ok(());
        }
        let sights = std::mem::replace(&mut self.sights, Vec::with_capacity(BATCH));
        self.tell(WalkReply::Sights(sights))
    }

    fn tell(&self, reply: WalkReply) -> Result<(), LibraryGone> {
        if (self.tell)(reply) { Ok(()) } else { Err(LibraryGone) }
    }
}

/// Opens a folder in another one, and says what is mounted on it.
fn enter(folder: &Folder, name: &str) -> io::Result<(Folder, Option<MountIdentity>)> {
    let below = folder.enter(name)?;
    let mounted = below.mounted(folder)?;
    Ok((below, mounted.map(mount_identity)))
}

const fn mount_identity(mounted: Mounted) -> MountIdentity {
    MountIdentity { inode: mounted.id, birth: mounted.birth, filesystem: mounted.filesystem }
}

fn child(parent: Option<&SafePath>, name: &OsStr) -> Result<SafePath, PathError> {
    let name = name.to_str().ok_or(PathError::Encoding)?;
    parent.map_or_else(|| name.parse(), |parent| parent.join(name))
}

/// The error for a folder whose names can be read, but not what they stand for.
fn closed_folder() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}
