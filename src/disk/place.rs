//! A destination that stays open: its folder, and the folder of its partial files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::names::substitutes;
use super::{Plan, copy};
use crate::content::{FileId, SafePath};
use crate::disk::limits;
use crate::error::{Code, Failure};
use crate::sys::facts::{Facts, FileIdentity};
use crate::sys::file::write_all_at;
use crate::sys::folder::Folder;
use crate::sys::names;
use crate::sys::refusal::{Refusal, refusal};
use crate::text;

/// The folder of partial files in each destination.
pub(crate) const PARTIAL: &str = crate::content::partial::FOLDER;

/// A destination.
#[derive(Debug)]
pub(super) struct Destination {
    /// As it was given.
    pub(super) path: PathBuf,
    /// The folder.
    pub(super) root: Folder,
    /// Which folder that is.
    pub(super) identity: FileIdentity,
    partial: OnceLock<Folder>,
    /// Set once it was said that something cannot be set here.
    unset: OnceLock<()>,
}

impl Destination {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = Folder::open(path)?;
        let identity = root.identity()?;
        Ok(Self { path: path.to_owned(), root, identity, partial: OnceLock::new(), unset: OnceLock::new() })
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
            Ok(now) => Ok(now.identity() == self.identity),
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
