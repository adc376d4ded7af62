//! The walking thread: looks at `shared/`, all of it or some paths, and tells what is there. It decides
//! nothing; `inventory` does.
//!
//! Folders are opened relative to each other, never by a path, so that a folder which is swapped for a
//! link meanwhile is refused and nothing outside is ever seen.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::Receiver;
use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, statat};
use rustix::io::Errno;

use super::Stamp;
use super::inventory::{Seen, Sight, What};
use super::open::{open_folder, open_root};
use super::warnings::Skip;
use crate::content::path::{PathError, RESERVED};
use crate::content::{Chunks, SafePath};
use crate::sys::clock;

/// Sights in one message.
const BATCH: usize = 512;

/// A file whose content was last written this long ago is taken as finished when it is first seen.
const OLD: Duration = Duration::from_secs(3);

/// What the walker is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// Look at everything.
    Everything,
    /// Look at these paths, relative to the root; true: a file there was closed after writing.
    Paths(Vec<(PathBuf, bool)>),
}

/// What the walker tells.
#[derive(Debug)]
pub(super) enum Told {
    /// First, for each request: device and inode of the root; `None` when it is not there.
    Root(Option<(u64, u64)>),
    /// This is there.
    Sights(Vec<Sight>),
    /// Nothing that can be shared is there, nor below.
    Gone(SafePath),
    /// All below this path (`None`: the root) was told with this generation; what was not is gone.
    Swept(Option<SafePath>, u32),
    /// This was left out.
    Skipped(PathBuf, Skip),
    /// Last, for each request; true if it was [`Ask::Everything`].
    Done(bool),
}

/// The library went away.
struct Stopped;

/// The walker. `tell` returns false once nobody listens.
pub(super) struct Walker<F> {
    root: PathBuf,
    tell: F,
    generation: u32,
    sights: Vec<Sight>,
    /// Nanoseconds since 1970, at the begin of the request.
    now: i128,
}

impl<F: Fn(Told) -> bool> Walker<F> {
    pub(super) const fn new(root: PathBuf, tell: F) -> Self {
        Self { root, tell, generation: 0, sights: Vec::new(), now: 0 }
    }

    /// Works until the requests end or nobody listens.
    pub(super) fn run(mut self, asked: &Receiver<Ask>) {
        for ask in asked {
            if self.handle(ask).is_err() {
                return;
            }
        }
    }

    fn handle(&mut self, ask: Ask) -> Result<(), Stopped> {
        self.now = clock::unix_nanos();
        let everything = matches!(ask, Ask::Everything);
        match open_root(&self.root).and_then(|root| fstat(&root).map(|stat| (root, stat))) {
            Ok((root, stat)) => {
                self.tell(Told::Root(Some((device(&stat), stat.st_ino))))?;
                match ask {
                    Ask::Everything => self.sweep(root, None)?,
                    Ask::Paths(paths) => {
                        for (path, closed) in paths {
                            self.look(&root, &path, closed)?;
                        }
                    }
                }
            }
            Err(e) => {
                if e != Errno::NOENT {
                    self.skip(PathBuf::new(), Skip::Unreadable(io::Error::from(e).to_string()))?;
                }
                self.tell(Told::Root(None))?;
            }
        }
        self.flush()?;
        self.tell(Told::Done(everything))
    }

    /// Tells all below an open folder, then that this was all.
    fn sweep(&mut self, folder: OwnedFd, path: Option<SafePath>) -> Result<(), Stopped> {
        self.generation = self.generation.wrapping_add(1);
        self.folder(folder, path.as_ref())?;
        self.flush()?;
        self.tell(Told::Swept(path, self.generation))
    }

    fn folder(&mut self, folder: OwnedFd, path: Option<&SafePath>) -> Result<(), Stopped> {
        let local = |name: &std::ffi::CStr| {
            use std::os::unix::ffi::OsStrExt;
            let below = path.map_or_else(PathBuf::new, |p| PathBuf::from(p.as_str()));
            below.join(std::ffi::OsStr::from_bytes(name.to_bytes()))
        };
        let mut folders = Vec::new();
        let entries = match Dir::read_from(&folder) {
            Ok(entries) => entries,
            Err(e) => return self.unreadable(local(c""), e),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => return self.unreadable(local(c""), e),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match child(path, name) {
                Ok(path) => {
                    if self.entry(&folder, &path, false)? {
                        folders.push(path);
                    }
                }
                // The folder of partial downloads is where it should be.
                Err(PathError::Reserved) if name.to_bytes() == RESERVED[1].as_bytes() => {}
                Err(e) => self.skip(local(name), Skip::Name(e))?,
            }
        }
        for path in folders {
            match open_folder(&folder, path.name()) {
                Ok(below) => self.folder(below, Some(&path))?,
                // Gone or swapped since; the watcher tells, or the next scan.
                Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => {}
                Err(e) => self.unreadable(PathBuf::from(path.as_str()), e)?,
            }
        }
        Ok(())
    }

    /// Tells what one entry is; true if it is a folder to go into.
    fn entry(&mut self, folder: &OwnedFd, path: &SafePath, closed: bool) -> Result<bool, Stopped> {
        let local = || PathBuf::from(path.as_str());
        let stat = match statat(folder, path.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return self.gone(path),
            Err(e) => {
                self.unreadable(local(), e)?;
                return self.gone(path);
            }
        };
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => What::Folder,
            FileType::RegularFile => {
                let stamp = stamp(&stat);
                if Chunks::of(stamp.size).is_none() {
                    self.skip(local(), Skip::Large)?;
                    return self.gone(path);
                }
                let executable = stat.st_mode & 0o100 != 0;
                let stood = u64::try_from((self.now - stamp.modified).max(0)).unwrap_or(u64::MAX);
                let stood = Duration::from_nanos(stood);
                What::File(Seen { stamp, executable, ready: closed || stood >= OLD, stood })
            }
            FileType::Symlink => {
                self.skip(local(), Skip::Link)?;
                return self.gone(path);
            }
            _ => {
                self.skip(local(), Skip::Special)?;
                return self.gone(path);
            }
        };
        let is_folder = matches!(what, What::Folder);
        self.sights.push(Sight { path: path.clone(), what, generation: self.generation });
        if self.sights.len() >= BATCH {
            self.flush()?;
        }
        Ok(is_folder)
    }

    /// Looks at one path below the root, and at all below it if it is a folder.
    fn look(&mut self, root: &OwnedFd, local: &Path, closed: bool) -> Result<(), Stopped> {
        let path = match SafePath::from_relative(local) {
            Ok(path) => path,
            Err(e) => {
                let ours = local.iter().any(|c| RESERVED.iter().any(|r| c == *r));
                if !ours && self.root.join(local).symlink_metadata().is_ok() {
                    self.skip(local.to_owned(), Skip::Name(e))?;
                }
                return Ok(());
            }
        };
        let parent = path.parent().map(|parent| {
            let mut components = parent.components();
            let first = open_folder(root, components.next().unwrap_or_default());
            components.try_fold(first?, |folder, name| open_folder(&folder, name))
        });
        let parent = match &parent {
            None => root,
            Some(Ok(parent)) => parent,
            Some(Err(_)) => return self.gone(&path).map(|_| ()),
        };
        if self.entry(parent, &path, closed)? {
            match open_folder(parent, path.name()) {
                Ok(folder) => self.sweep(folder, Some(path))?,
                Err(e) => {
                    self.gone(&path)?;
                    if !matches!(e, Errno::NOENT | Errno::LOOP | Errno::NOTDIR) {
                        self.unreadable(PathBuf::from(path.as_str()), e)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn gone(&mut self, path: &SafePath) -> Result<bool, Stopped> {
        self.flush()?;
        self.tell(Told::Gone(path.clone()))?;
        Ok(false)
    }

    fn unreadable(&self, path: PathBuf, e: Errno) -> Result<(), Stopped> {
        self.skip(path, Skip::Unreadable(io::Error::from(e).to_string()))
    }

    fn skip(&self, path: PathBuf, why: Skip) -> Result<(), Stopped> {
        self.tell(Told::Skipped(path, why))
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        if self.sights.is_empty() {
            return Ok(());
        }
        let sights = std::mem::replace(&mut self.sights, Vec::with_capacity(BATCH));
        self.tell(Told::Sights(sights))
    }

    fn tell(&self, told: Told) -> Result<(), Stopped> {
        if (self.tell)(told) { Ok(()) } else { Err(Stopped) }
    }
}

fn child(parent: Option<&SafePath>, name: &std::ffi::CStr) -> Result<SafePath, PathError> {
    let name = name.to_str().map_err(|_| PathError::Encoding)?;
    parent.map_or_else(|| name.parse(), |parent| parent.join(name))
}

const fn device(stat: &Stat) -> u64 {
    stat.st_dev
}

fn stamp(stat: &Stat) -> Stamp {
    let time = |seconds, nanos| i128::from(seconds) * 1_000_000_000 + nanos;
    Stamp {
        device: device(stat),
        inode: stat.st_ino,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: time(stat.st_mtime, i128::from(stat.st_mtime_nsec)),
        changed: time(stat.st_ctime, i128::from(stat.st_ctime_nsec)),
    }
}
