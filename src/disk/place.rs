//! A destination that stays open: its folder, the folder of its partial files, and the way to a path below
//! it without following a link.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::names::substitutes;
use super::{Plan, copy};
use crate::content::path::fold;
use crate::content::{FileId, SafePath};
use crate::disk::limits;
use crate::error::{Code, Failure};
use crate::sys::facts::{Facts, FileIdentity};
use crate::sys::file::write_all_at;
use crate::sys::folder::{FileKind, Folder};
use crate::sys::names;
use crate::sys::refusal::{Refusal, refusal};
use crate::text;

/// The folder of partial files in each destination.
pub(crate) const PARTIAL: &str = crate::content::partial::FOLDER;

/// Folders whose names are kept in memory, at most.
const REMEMBERED: usize = 16;

/// A destination.
#[derive(Debug)]
pub(super) struct Destination {
    /// As it was given.
    pub(super) path: PathBuf,
    /// The folder.
    pub(super) root: Folder,
    /// The file system it lies on.
    pub(super) device: u64,
    partial: OnceLock<Folder>,
    /// Set once it was said that something cannot be set here.
    unset: OnceLock<()>,
}

impl Destination {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = Folder::open(path)?;
        let device = root.identity()?.volume;
        Ok(Self { path: path.to_owned(), root, device, partial: OnceLock::new(), unset: OnceLock::new() })
    }

    /// The folder of partial files, made when missing.
    pub(super) fn partial(&self) -> io::Result<&Folder> {
        if let Some(folder) = self.partial.get() {
            return Ok(folder);
        }
        let mut tries = 0;
        let folder = loop {
            match self.root.make(PARTIAL) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
            match self.root.enter(PARTIAL) {
                // Another peer with this destination just took the empty folder away.
                Err(e) if e.kind() == io::ErrorKind::NotFound && tries < 8 => tries += 1,
                other => break other?,
            }
        };
        sweep(&folder)?;
        Ok(self.partial.get_or_init(|| folder))
    }

    /// The name to be used in the place of `name`, if that is one that this file system cannot hold (`a:b` on
    /// FAT). File systems refuse such names each with an error of its own: so it is tried, where nobody sees
    /// it.
    pub(super) fn substitute(&self, name: &str) -> Option<String> {
        let others = substitutes(name);
        if others.is_empty() {
            return None;
        }
        let partial = self.partial().ok().filter(|partial| !can_hold(partial, name))?;
        others.into_iter().find(|other| can_hold(partial, other))
    }

    /// Removes the partial file `id` and what belongs to it, if there is any.
    pub(super) fn discard(&self, id: FileId) {
        let discarded = match self.partial.get() {
            Some(folder) => discard(folder, id, true),
            None => match self.root.enter(PARTIAL) {
                Ok(_) => self.partial().and_then(|folder| discard(folder, id, true)),
                Err(_) => Ok(()),
            },
        };
        if let Err(e) = discarded {
            log::debug!("a partial file of {id:?} stays: {e}");
        }
    }

    /// True unless the path leads to another folder by now, or to none. Opens nothing: that none can be opened says
    /// nothing of the folder.
    pub(super) fn is_there(&self) -> io::Result<bool> {
        match Facts::at(&self.path) {
            Ok(now) => Ok(now.identity() == self.root.identity()?),
            Err(e) if matches!(refusal(&e), Refusal::Gone | Refusal::NotFolder) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Takes the folder of partial files away if it is empty.
    pub(super) fn tidy(&self) {
        if self.partial.get().is_some()
            && let Err(e) = self.root.remove_folder(PARTIAL)
        {
            log::debug!("{PARTIAL} stays: {e}");
        }
    }

    /// What was tried to `set` about a file, as far as files have that here: a memory card or a network drive
    /// may keep neither times nor rights, or let only its own user set them. Said once for as long as this
    /// stays open.
    pub(super) fn set(&self, what: &str, set: io::Result<()>) {
        if let Err(e) = set
            && self.unset.set(()).is_ok()
        {
            let lossy = names::shown(&self.path);
            log::warn!(
                "{what} of files cannot be set in {}: {e}; they are saved without",
                text::shown(&lossy)
            );
        }
    }

    /// What `e` means to the user when it came up in this destination.
    pub(super) fn failure(&self, doing: &str, e: &io::Error) -> Failure {
        failure(&self.path, doing, e)
    }
}

/// What `e` means to the user.
pub(super) fn failure(path: &Path, doing: &str, e: &io::Error) -> Failure {
    let lossy = names::shown(path);
    let shown = text::shown(&lossy);
    match refusal(e) {
        Refusal::NoRoom => Failure::new(
            Code::Full,
            format!("no room left in {shown}: free some space and ask again, what arrived is kept"),
        ),
        Refusal::TooLarge => Failure::other(format!(
            "no file in {shown} may be so large, by its file system (4 GiB on FAT) or by `ulimit -f`: choose \
             another folder with --to"
        )),
        Refusal::Denied => Failure::other(format!(
            "no permission to write in {shown}: change its permissions, or choose another folder with --to"
        )),
        Refusal::ReadOnly => Failure::other(format!(
            "{shown} is on a file system that cannot be written: choose another folder with --to"
        )),
        Refusal::Gone => Failure::other(format!(
            "the folder {shown} is gone: make it again, or choose another one with --to"
        )),
        Refusal::TooManyOpen => too_many_open(),
        _ => Failure::other(format!("cannot {doing} in {shown}: {e}")),
    }
}

/// No descriptor is left.
pub(super) fn too_many_open() -> Failure {
    Failure::other(
        "too many open files: allow potluck more of them (`ulimit -n`) and ask again, what arrived is kept",
    )
}

/// True if an empty file of that name can be made, or something of that name lies there.
fn can_hold(partial: &Folder, name: &str) -> bool {
    match partial.create(name, false) {
        Ok(_) => {
            if let Err(e) = partial.remove(name) {
                log::debug!("an empty file stays in {PARTIAL}: {e}");
            }
            true
        }
        Err(e) => e.kind() == io::ErrorKind::AlreadyExists,
    }
}

/// Takes away what a crash left between publishing a file and removing its sidecar, and copies.
fn sweep(partial: &Folder) -> io::Result<()> {
    let names: BTreeSet<String> = partial.names()?.into_iter().collect();
    for name in &names {
        if let Some((id, "have" | "manifest" | "asked")) = name.split_once('.')
            && id.parse::<FileId>().is_ok()
        {
            // Another peer may just have made it: then it was not among the names yet.
            if !names.contains(id) && partial.look(id)?.is_none() {
                partial.remove(name)?;
            }
        } else {
            copy::sweep(partial, name)?;
        }
    }
    Ok(())
}

/// Removes all that belongs to the partial file `id`; `data` too if asked.
pub(super) fn discard(partial: &Folder, id: FileId, data: bool) -> io::Result<()> {
    if data {
        partial.remove(&id.to_string())?;
    }
    partial.remove(&have_name(id))?;
    partial.remove(&manifest_name(id))?;
    partial.remove(&asked_name(id))
}

/// Name of the sidecar.
pub(super) fn have_name(id: FileId) -> String {
    format!("{id}.have")
}

/// Name of the stored manifest.
pub(super) fn manifest_name(id: FileId) -> String {
    format!("{id}.manifest")
}

/// Name of what tells where it goes and who wanted it.
fn asked_name(id: FileId) -> String {
    format!("{id}.asked")
}

/// Notes where a file goes and the word that brings it, for people.
pub(super) fn note_asked(partial: &Folder, plan: &Plan) -> io::Result<()> {
    let name = asked_name(plan.id);
    partial.remove(&name)?;
    let text = format!("{}\0{}", plan.to, plan.asked);
    write_all_at(&partial.create(&name, false)?, text.as_bytes(), 0)
}

/// What was noted so; a torn note is none.
pub(super) fn asked(partial: &Folder, id: FileId) -> Option<(SafePath, String)> {
    let mut text = String::new();
    let file = partial.open_file(&asked_name(id), false).ok()?;
    file.take(2 * limits::PATH as u64 + 1).read_to_string(&mut text).ok()?;
    let (to, asked) = text.split_once('\0')?;
    Some((to.parse().ok()?, asked.to_owned()))
}

/// True if `file` still lies under `name`.
pub(super) fn is_under(folder: &Folder, name: &str, file: &File) -> io::Result<bool> {
    match folder.open_file(name, false) {
        Ok(there) => Ok(Facts::of(&there)?.identity() == Facts::of(file)?.identity()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// The names in folders, by the form in which twins are equal. Read again when a folder changed.
#[derive(Debug, Default)]
pub(super) struct Twins(HashMap<FileIdentity, ReservedNames>);

#[derive(Debug)]
struct ReservedNames {
    changed: i128,
    folded: HashMap<String, Vec<String>>,
}

impl Twins {
    /// What lies in `folder` under `name` or a name that counts as the same, `name` itself first.
    pub(super) fn of(&mut self, folder: &Folder, name: &str) -> io::Result<Vec<String>> {
        let (key, changed) = (folder.identity()?, folder.changed()?);
        if self.0.get(&key).is_none_or(|n| n.changed != changed) {
            if self.0.len() >= REMEMBERED {
                self.0.clear();
            }
            let mut folded: HashMap<String, Vec<String>> = HashMap::new();
            for name in folder.names()? {
                folded.entry(fold(&name)).or_default().push(name);
            }
            self.0.insert(key, ReservedNames { changed, folded });
        }
        let mut twins = self.0.get(&key).and_then(|n| n.folded.get(&fold(name))).cloned().unwrap_or_default();
        twins.sort_by_key(|twin| twin != name);
        Ok(twins)
    }

    /// Remembers that we made `name`, so that the folder need not be read again.
    pub(super) fn made(&mut self, folder: &Folder, name: &str) -> io::Result<()> {
        let (key, changed) = (folder.identity()?, folder.changed()?);
        if let Some(names) = self.0.get_mut(&key) {
            names.changed = changed;
            names.folded.entry(fold(name)).or_default().push(name.to_owned());
        }
        Ok(())
    }
}

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
    for twin in twins.of(here, name).map_err(Stop::System)? {
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
                twins.made(here, name).map_err(Stop::System)?;
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
