//! Publishing: whole files get their final names, in groups, without replacing anything.
//!
//! The steps of a group, each for all its files before the next: time and mode; one sync of the data;
//! renames; one sync of each folder; then the sidecars go. A crash between two steps leaves either a
//! partial file that can be published again or a published one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::keep::Note;
use super::names::candidate;
use super::place::{Destination, discard, manifest_name};
use super::twins::Twins;
use super::walk::{FolderWay, Ways, loss};
use super::{FileToken, Plan, copy};
use crate::content::FileId;
use crate::disk::Arrival;
use crate::error::Failure;
use crate::sys::file;
use crate::sys::folder::{FileKind, Folder};
use crate::sys::punch::punch;
use crate::sys::rename::rename_new;
use crate::sys::sync;

/// Names that are tried, at most, before a file is given up.
pub(super) const NAMES: u32 = 1_000;

/// A file whose bytes all verified.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) token: FileToken,
    pub(super) place: Arc<Destination>,
    pub(super) plan: Arc<Plan>,
    /// The partial file; `None` for a small one, which was closed with its time and mode set.
    pub(super) file: Option<Arc<File>>,
    /// It is a copy, and lies under the name of one.
    pub(super) is_copy: bool,
    /// Bytes of it that are to be holes.
    pub(super) holes: Vec<Range<u64>>,
    /// Of a large file that is only kept: what its sidecar is to say.
    pub(super) note: Option<Note>,
}

/// The name that a file got.
enum TakenName {
    /// The one of this number beside the wanted one; nobody had it.
    Free(String, u32),
    /// One under which its content lay already.
    Same(String),
    /// All that were tried are taken.
    None,
}

/// What became of the files of a group.
pub(super) type Published = Vec<(FileToken, Result<Arrival, Failure>)>;

/// Publishes a group.
pub(super) fn publish(group: Vec<Ready>, twins: &mut Twins) -> Published {
    let mut out = Published::new();
    let (kept, group): (Vec<_>, Vec<_>) = group.into_iter().partition(|r| r.plan.keep.is_some());
    super::keep::settle(kept, &mut out);
    let mut there = Vec::new();
    let group = keep(group, &mut out, "finish the file", |ready| {
        ready.find_place(&mut there)?;
        ready.finish();
        Ok(())
    });
    let group = sync_data(group, &mut out);
    twins.begin();
    let mut ways = Ways::default();
    let mut moved: Vec<(Ready, Rc<FolderWay>, Arrival)> = Vec::new();
    for ready in group {
        match ready.rename(twins, &mut ways) {
            Ok((way, arrival)) => moved.push((ready, way, arrival)),
            Err(failure) => out.push((ready.token, Err(failure))),
        }
    }
    let lost = ways.sync(twins);
    for (ready, way, arrival) in moved {
        let done = match loss(&lost, &way, &ready.place) {
            None => Ok(arrival),
            Some(e) => Err(ready.place.failure("sync a folder", e)),
        };
        // A small one has nothing beside it.
        if done.is_ok()
            && ready.file.is_some()
            && !ready.is_copy
            && let Err(e) = ready.place.partial().and_then(|p| discard(p, ready.plan.id, false))
        {
            log::debug!("a sidecar of {:?} stays: {e}", ready.plan.id);
        }
        out.push((ready.token, done));
    }
    out
}

/// Does `step` for each; those that failed go to `out`.
pub(super) fn keep(
    group: Vec<Ready>,
    out: &mut Published,
    doing: &str,
    mut step: impl FnMut(&Ready) -> io::Result<()>,
) -> Vec<Ready> {
    group
        .into_iter()
        .filter(|ready| match step(ready) {
            Ok(()) => true,
            Err(e) => {
                out.push((ready.token, Err(ready.place.failure(doing, &e))));
                false
            }
        })
        .collect()
}

/// Brings the data of a group to the disk: a lone file by itself, several by their file systems where that
/// can be done. Those that are not there go to `out`.
pub(super) fn sync_data(group: Vec<Ready>, out: &mut Published) -> Vec<Ready> {
    let mut synced: BTreeMap<u64, bool> = BTreeMap::new();
    if group.len() > 1 {
        for ready in &group {
            synced.entry(ready.place.identity.volume).or_insert_with(|| sync::file_system(&ready.place.root));
        }
    }
    let is_synced = |ready: &Ready| synced.get(&ready.place.identity.volume) == Some(&true);
    keep(group, out, "sync", |ready| if is_synced(ready) { Ok(()) } else { ready.sync() })
}

impl Ready {
    pub(super) fn name(&self) -> String {
        if self.is_copy { copy::name(self.plan.id, self.token) } else { self.plan.id.to_string() }
    }

    /// An error unless the destination still is where its path leads. Those that are `there` were looked at before.
    fn find_place(&self, there: &mut Vec<Arc<Destination>>) -> io::Result<()> {
        if there.iter().any(|place| Arc::ptr_eq(place, &self.place)) {
            return Ok(());
        }
        if !self.place.is_there()? {
            return Err(io::ErrorKind::NotFound.into());
        }
        there.push(Arc::clone(&self.place));
        Ok(())
    }

    /// Holes, time and mode of a large file, as far as it can have them. The umask was applied when the file
    /// was made.
    fn finish(&self) {
        let Some(file) = &self.file else { return };
        // Where there are no holes, the first one says so.
        let mut holes = self.holes.iter();
        while holes.next().is_some_and(|hole| punch(file, hole.start, hole.end - hole.start)) {}
        // An earlier plan may have made it that wanted another mode.
        self.place.set("the right to run it", file::set_executable(file, self.plan.executable));
        self.place.set("the time", file::set_modified(file, self.plan.modified));
    }

    fn sync(&self) -> io::Result<()> {
        match &self.file {
            Some(file) => file::sync(file)?,
            None => file::sync(&self.place.partial()?.open_file(&self.name(), true)?)?,
        }
        // A chunk that is kept is of no use to others without what proves it.
        let manifest = self.note.as_ref().map(|_| manifest_name(self.plan.id));
        manifest.map_or(Ok(()), |name| file::sync(&self.place.partial()?.open_file(&name, true)?))
    }

    /// Moves the file to the first name that is free; or finds that its content is there. Also gives the way there.
    fn rename(&self, twins: &mut Twins, ways: &mut Ways) -> Result<(Rc<FolderWay>, Arrival), Failure> {
        let failed = |e: io::Error| self.place.failure("save the file", &e);
        let way = ways.to(&self.place, self.plan.to.parent(), twins)?;
        let path = |name: String| way.walked.path.join(name);
        let mut is_renamed = way.walked.is_renamed;
        let named = self.take_name(&way, self.plan.to.name(), twins).or_else(|e| {
            let other = self.place.substitute(self.plan.to.name()).ok_or(e)?;
            is_renamed = true;
            self.take_name(&way, &other, twins)
        });
        let arrival = match named.map_err(failed)? {
            TakenName::Free(name, _) if is_renamed => {
                Arrival::Renamed { path: path(name), wanted: self.plan.to.clone() }
            }
            TakenName::Free(name, 1) => Arrival::Saved(path(name)),
            TakenName::Free(name, _) => Arrival::SavedAs(path(name)),
            TakenName::Same(name) => Arrival::AlreadyThere(path(name)),
            TakenName::None => {
                return Err(Failure::other(format!(
                    "too many files named {} are there: move some away, or choose another folder with --to",
                    self.plan.to
                )));
            }
        };
        Ok((way, arrival))
    }

    /// Moves the file to the first of the names beside `wanted` that is free.
    fn take_name(&self, way: &FolderWay, wanted: &str, twins: &mut Twins) -> io::Result<TakenName> {
        let here = way.folder(&self.place);
        let partial = self.place.partial()?;
        for n in 1..=NAMES {
            let name = candidate(wanted, n);
            let taken = twins.of(here, way.identity, &name)?;
            if taken.is_empty() {
                match rename_new(partial, &self.name(), here, &name) {
                    Ok(()) => {
                        twins.made(way.identity, &name);
                        return Ok(TakenName::Free(name, n));
                    }
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(e) => return Err(e),
                }
            }
            if let Some(twin) = taken.iter().chain([&name]).find(|twin| self.is_same(here, twin)) {
                partial.remove(&self.name())?;
                return Ok(TakenName::Same(twin.clone()));
            }
        }
        Ok(TakenName::None)
    }

    fn is_same(&self, here: &Folder, name: &str) -> bool {
        matches!(here.look(name), Ok(Some(FileKind::File(size))) if size == self.plan.size)
            && here.open_file(name, false).and_then(|f| content_of(&f)).is_ok_and(|id| id == self.plan.id)
    }
}

/// The file id of what `file` holds.
pub(super) fn content_of(mut file: &File) -> io::Result<FileId> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(n) => drop(hasher.update(&buffer[..n]).count()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
