//! The way to a path below a destination, without following a link.
//!
//! A folder that is open can be moved away, and what is put into it then lies elsewhere. So what was opened on the way is
//! kept for those files only that are looked at or published together, some milliseconds: for a person who moves a folder
//! meanwhile that is as long as the moment between two calls.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::names::substitutes;
use super::place::Destination;
use super::twins::Twins;
use crate::content::SafePath;
use crate::error::Failure;
use crate::sys::facts::FileIdentity;
use crate::sys::folder::{FileKind, Folder};
use crate::sys::{names, sync};
use crate::text;

/// Where a walk came to.
#[derive(Debug)]
pub(super) struct Walked {
    /// The folder; `None`: the destination itself.
    pub(super) folder: Option<Folder>,
    /// Its path as it is on the disk (a twin's spelling counts).
    pub(super) path: PathBuf,
    /// Folders in which one was made; their names are to be synced.
    pub(super) made_in: Vec<Folder>,
    /// A folder on the way has a substitute for its name.
    pub(super) is_renamed: bool,
}

/// The way to a folder that files of a group are moved to.
#[derive(Debug)]
pub(super) struct FolderWay {
    pub(super) walked: Walked,
    /// Which folder it leads to.
    pub(super) identity: FileIdentity,
    /// And those in which one was made.
    made_in: Vec<FileIdentity>,
}

impl FolderWay {
    /// The folder that it leads to.
    pub(super) fn folder<'a>(&'a self, place: &'a Destination) -> &'a Folder {
        self.walked.folder.as_ref().unwrap_or(&place.root)
    }
}

/// The ways of a group, each walked once.
#[derive(Debug, Default)]
pub(super) struct Ways {
    known: BTreeMap<(PathBuf, Option<SafePath>), Rc<FolderWay>>,
    /// The destinations themselves: what is moved away from their folders of partial files, or made in them, is theirs.
    places: BTreeMap<FileIdentity, Arc<Destination>>,
}

impl Ways {
    /// The way to the folder `to`, which is made if it is missing.
    pub(super) fn to(
        &mut self,
        place: &Arc<Destination>,
        to: Option<SafePath>,
        twins: &mut Twins,
    ) -> Result<Rc<FolderWay>, Failure> {
        let key = (place.path.clone(), to);
        if let Some(way) = self.known.get(&key) {
            return Ok(Rc::clone(way));
        }
        let failed = |e: io::Error| place.failure("save the file", &e);
        let walked = walk(place, key.1.as_ref(), Some(twins))?;
        let walked = walked.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let identity = walked.folder.as_ref().map_or(Ok(place.identity), Folder::identity).map_err(failed)?;
        let made_in =
            walked.made_in.iter().map(Folder::identity).collect::<io::Result<_>>().map_err(failed)?;
        let way = Rc::new(FolderWay { walked, identity, made_in });
        self.places.entry(place.identity).or_insert_with(|| Arc::clone(place));
        self.known.insert(key, Rc::clone(&way));
        Ok(way)
    }

    /// All folders whose names changed.
    fn folders(&self) -> BTreeMap<FileIdentity, &Folder> {
        let mut all: BTreeMap<_, _> =
            self.places.iter().map(|(identity, place)| (*identity, &place.root)).collect();
        for way in self.known.values() {
            all.extend(way.walked.folder.as_ref().map(|folder| (way.identity, folder)));
            all.extend(way.made_in.iter().copied().zip(&way.walked.made_in));
        }
        all
    }

    /// Brings all names to the disk. Folders of which they are not there now, and why.
    pub(super) fn sync(&self, twins: &mut Twins) -> BTreeMap<FileIdentity, io::Error> {
        let mut lost = BTreeMap::new();
        for (identity, folder) in self.folders() {
            lost.extend(sync::folder(folder).err().map(|e| (identity, e)));
            twins.settle(folder, identity);
        }
        lost
    }
}

/// Why what lies at the end of a way in `place` may not be on the disk, if it may not.
pub(super) fn loss<'l>(
    lost: &'l BTreeMap<FileIdentity, io::Error>,
    way: &FolderWay,
    place: &Destination,
) -> Option<&'l io::Error> {
    let folders = [&place.identity, &way.identity].into_iter().chain(&way.made_in);
    folders.into_iter().find_map(|identity| lost.get(identity))
}

/// The way to the folder that was looked at last.
#[derive(Debug, Default)]
pub(super) struct LastWay(Option<(Arc<Destination>, Option<SafePath>, Option<Walked>)>);

impl LastWay {
    /// The way to the folder `to`, of which nothing is made; `None`: it is not there.
    pub(super) fn to(
        &mut self,
        place: &Arc<Destination>,
        to: Option<SafePath>,
    ) -> Result<Option<&Walked>, Failure> {
        let is_it =
            |(at, last, _): &(Arc<Destination>, Option<SafePath>, _)| Arc::ptr_eq(at, place) && *last == to;
        if !self.0.as_ref().is_some_and(is_it) {
            let walked = walk(place, to.as_ref(), None)?;
            self.0 = Some((Arc::clone(place), to, walked));
        }
        Ok(self.0.as_ref().and_then(|(_, _, walked)| walked.as_ref()))
    }
}

/// Walks from the destination to the folder `to`, making what is missing if `twins` is given.
/// `None`: a folder on the way is missing, and was not to be made.
pub(super) fn walk(
    place: &Destination,
    to: Option<&SafePath>,
    mut twins: Option<&mut Twins>,
) -> Result<Option<Walked>, Failure> {
    let mut walked =
        Walked { folder: None, path: place.path.clone(), made_in: Vec::new(), is_renamed: false };
    for name in to.into_iter().flat_map(SafePath::components) {
        let here = walked.folder.as_ref().unwrap_or(&place.root);
        let entered = match enter(here, name, twins.as_deref_mut(), &walked.path) {
            Err(Stop::Said(failure)) => return Err(failure),
            Ok(Some(entered)) => Ok(Some(entered)),
            refused => match substitute_folder(place, here, name, refused.is_err()) {
                Some(other) => {
                    walked.is_renamed = true;
                    enter(here, &other, twins.as_deref_mut(), &walked.path)
                }
                None => refused,
            },
        };
        let Some(entered) = entered.map_err(|e| e.failure(place))? else { return Ok(None) };
        if entered.is_new
            && let Some(folder) = walked.folder.take()
        {
            walked.made_in.push(folder);
        }
        walked.path.push(entered.name);
        walked.folder = Some(entered.folder);
    }
    Ok(Some(walked))
}

/// The substitute for the name of a folder that was refused, or is only missing: then one must lie there.
fn substitute_folder(place: &Destination, here: &Folder, name: &str, is_refused: bool) -> Option<String> {
    let is_there = |other: &String| matches!(here.look(other), Ok(Some(FileKind::Folder)));
    let may_be = is_refused || substitutes(name).iter().any(is_there);
    may_be.then(|| place.substitute(name)).flatten()
}

/// A folder that a walk came to, under the name that it has.
struct EnteredFolder {
    name: String,
    folder: Folder,
    /// It was made just now.
    is_new: bool,
}

/// Enters the folder `name`, or one that counts as the same; makes it if `twins` is given. `None`: it is
/// missing, and was not to be made.
fn enter(
    here: &Folder,
    name: &str,
    twins: Option<&mut Twins>,
    path: &Path,
) -> Result<Option<EnteredFolder>, Stop> {
    match here.enter(name) {
        Ok(folder) => Ok(Some(EnteredFolder { name: name.to_owned(), folder, is_new: false })),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            twins.map(|twins| enter_twin(here, name, twins, path)).transpose()
        }
        Err(e) => Err(obstacle(here, name, path, e)),
    }
}

/// Why a walk stops.
enum Stop {
    Said(Failure),
    System(io::Error),
}

impl Stop {
    fn failure(self, place: &Destination) -> Failure {
        match self {
            Self::Said(failure) => failure,
            Self::System(e) => place.failure("make a folder", &e),
        }
    }
}

/// Enters a folder that counts as `name`, or makes `name`.
fn enter_twin(here: &Folder, name: &str, twins: &mut Twins, path: &Path) -> Result<EnteredFolder, Stop> {
    let identity = here.identity().map_err(Stop::System)?;
    for twin in twins.of(here, identity, name).map_err(Stop::System)? {
        match here.enter(&twin) {
            Ok(folder) => return Ok(EnteredFolder { name: twin, folder, is_new: false }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(obstacle(here, &twin, path, e)),
        }
    }
    match here.make(name) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(Stop::System(e)),
        made => {
            if made.is_ok() {
                twins.made(identity, name);
            }
        }
    }
    let folder = here.enter(name).map_err(|e| obstacle(here, name, path, e))?;
    Ok(EnteredFolder { name: name.to_owned(), folder, is_new: true })
}

/// A file or a link where a folder is needed is left alone and named; there is no `name (2)/`, for the
/// files of one folder would then come to lie in two.
fn obstacle(here: &Folder, name: &str, path: &Path, e: io::Error) -> Stop {
    let at = path.join(name);
    let lossy = names::shown(&at);
    let shown = text::shown(&lossy);
    match here.look(name) {
        Ok(Some(FileKind::Link)) => Stop::Said(Failure::other(format!(
            "{shown} is a link, and downloads follow none: move it away, or choose another folder with --to"
        ))),
        Ok(Some(FileKind::File(_) | FileKind::Other)) => Stop::Said(Failure::other(format!(
            "{shown} is a file where a folder is needed: move it away, or choose another folder with --to"
        ))),
        _ => Stop::System(e),
    }
}
