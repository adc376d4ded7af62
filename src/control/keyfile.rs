//! The key file of a peer directory: shown, exported, imported, replaced by a new one. Nothing here deletes a
//! key: one that is replaced is kept beside it as `key.old-N`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Code, Failure};
use crate::identity::{Identity, IdentityError, PeerId};
use crate::sys::folder::Folder;
use crate::sys::lock::DirectoryLock;
use crate::sys::rename::name_twice;
use crate::sys::sync;
use crate::text;

/// The key of the peer whose state lies in `state` (`.potluck`).
#[must_use]
pub(crate) fn key_path(state: &Path) -> PathBuf {
    state.join("key")
}

/// The lock that a running peer holds.
#[must_use]
pub(crate) fn lock_path(state: &Path) -> PathBuf {
    state.join("lock")
}

/// Where it is noted which key was exported, by its id.
fn exported_path(state: &Path) -> PathBuf {
    state.join("key.exported")
}

/// True once the key of this id was exported from here, or imported.
#[must_use]
pub(crate) fn is_exported(state: &Path, id: PeerId) -> bool {
    fs::read_to_string(exported_path(state)).is_ok_and(|text| text.trim() == id.full())
}

/// The key, if there is one.
///
/// # Errors
/// When it is damaged or cannot be read.
pub(crate) fn load(state: &Path) -> Result<Option<Identity>, Failure> {
    Identity::load(&key_path(state)).map_err(|e| failure(&e))
}

/// Writes the key to `file` as well, readable by this user only, and replaces nothing.
///
/// # Errors
/// [`Code::NotFound`] without a key; when `file` exists or cannot be written.
pub(crate) fn export(state: &Path, file: &Path) -> Result<Identity, Failure> {
    let key = load(state)?.ok_or_else(no_key)?;
    key.store(file).map_err(|e| match e {
        IdentityError::Exists(path) => {
            Failure::other(format!("{} exists already: name another file", path.display()))
        }
        IdentityError::Io { path, source } => Failure::other(format!("{}: {source}", path.display())),
        other => failure(&other),
    })?;
    note_export(state, key.id());
    Ok(key)
}

/// Takes the key in `file`. Another key is kept aside if `replace`, and is the reason to refuse if not.
/// Returns the key, and where the other one lies now.
///
/// # Errors
/// When a peer runs here, when `file` holds no key, when another key is here already.
pub(crate) fn import(
    state: &Path,
    file: &Path,
    replace: bool,
) -> Result<(Identity, Option<PathBuf>), Failure> {
    let key = match Identity::load(file) {
        Ok(Some(key)) => key,
        Ok(None) => {
            return Err(Failure::new(Code::NotFound, format!("no file {}", file.display())));
        }
        Err(IdentityError::Damaged { found, .. }) => {
            return Err(Failure::other(format!(
                "{} is no exported key: it has {found} bytes, not 32",
                file.display()
            )));
        }
        Err(other) => return Err(failure(&other)),
    };
    let _lock = lock(state)?;
    // A damaged key is no reason to refuse: this is how it is repaired.
    let old = Identity::load(&key_path(state)).unwrap_or(None);
    if let Some(old) = old {
        if old.id() == key.id() {
            note_export(state, key.id());
            return Ok((key, None));
        }
        if !replace {
            return Err(Failure::other(format!(
                "another key is here already (peer {}): `--replace` keeps it aside and takes this one",
                old.id()
            )));
        }
    }
    let aside = keep_aside(state)?;
    key.replace(&key_path(state)).map_err(|e| failure(&e))?;
    note_export(state, key.id());
    Ok((key, aside))
}

/// Makes a new key: the peer becomes another one. Returns it, and where the old one lies now.
///
/// # Errors
/// When a peer runs here, or the key cannot be written.
pub(crate) fn renew(state: &Path) -> Result<(Identity, Option<PathBuf>), Failure> {
    let _lock = lock(state)?;
    let key = Identity::generate().map_err(|e| failure(&e))?;
    let aside = keep_aside(state)?;
    key.replace(&key_path(state)).map_err(|e| failure(&e))?;
    Ok((key, aside))
}

/// Takes the lock of a peer directory, whose `.potluck` is made if needed; `None`: somebody has it.
///
/// # Errors
/// When that folder, or the lock in it, cannot be made.
pub(crate) fn take_lock(state: &Path) -> Result<Option<DirectoryLock>, Failure> {
    let taken = super::make_state(state).and_then(|()| DirectoryLock::take(&lock_path(state)));
    taken.map_err(|e| {
        let shown = state.display().to_string();
        Failure::other(format!("the folder {} cannot be used: {e}", text::shown(&shown)))
    })
}

/// The directory's lock: while a peer runs, its key stays as it is.
fn lock(state: &Path) -> Result<DirectoryLock, Failure> {
    take_lock(state)?.ok_or_else(|| {
        Failure::new(Code::AlreadyRuns, "a peer runs here with this key: end it first (`potluck exit`)")
    })
}

/// Gives the key the first free name `key.old-N` as well, and syncs that: from then on it may be replaced,
/// and at no moment is there none.
fn keep_aside(state: &Path) -> Result<Option<PathBuf>, Failure> {
    let key = key_path(state);
    let mut n = 0_u64;
    loop {
        n += 1;
        let aside = state.join(format!("key.old-{n}"));
        match name_twice(&key, &aside).and_then(|()| sync::folder(&Folder::open(state)?)) {
            Ok(()) => return Ok(Some(aside)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Failure::other(format!("{}: {e}", aside.display()))),
        }
    }
}

/// Notes that the key is kept elsewhere. If that cannot be noted, `status` asks for it again.
fn note_export(state: &Path, id: PeerId) {
    if let Err(e) = fs::write(exported_path(state), format!("{}\n", id.full())) {
        log::debug!("the export is not noted: {e}");
    }
}

fn no_key() -> Failure {
    Failure::new(Code::NotFound, "no key here yet: the first start of a peer makes one, or `identity new`")
}

fn failure(error: &IdentityError) -> Failure {
    Failure::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_key_is_kept_aside() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".potluck");
        let file = dir.path().join("backup");
        assert_eq!(export(&state, &file).unwrap_err().code, Code::NotFound);
        let (first, aside) = renew(&state).unwrap();
        assert_eq!(aside, None);
        assert!(!is_exported(&state, first.id()));
        assert_eq!(export(&state, &file).unwrap().id(), first.id());
        assert!(is_exported(&state, first.id()));
        assert!(export(&state, &file).unwrap_err().message.contains("exists already"));
        let (second, aside) = renew(&state).unwrap();
        assert_ne!(first.id(), second.id());
        assert!(!is_exported(&state, second.id()));
        assert_eq!(Identity::load(&aside.unwrap()).unwrap().unwrap().id(), first.id());
        let refused = import(&state, &file, false).unwrap_err();
        let said = format!(
            "another key is here already (peer {}): `--replace` keeps it aside and takes this one",
            second.id()
        );
        assert_eq!((refused.code, refused.message), (Code::Failed, said));
        let (back, aside) = import(&state, &file, true).unwrap();
        assert_eq!((back.id(), aside.unwrap()), (first.id(), state.join("key.old-2")));
        assert_eq!(load(&state).unwrap().unwrap().id(), first.id());
        assert_eq!(import(&state, &file, false).unwrap().1, None);
    }

    #[test]
    fn a_running_peer_keeps_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".potluck");
        let (key, _) = renew(&state).unwrap();
        let _running = DirectoryLock::take(&lock_path(&state)).unwrap().unwrap();
        assert_eq!(renew(&state).unwrap_err().code, Code::AlreadyRuns);
        assert_eq!(load(&state).unwrap().unwrap().id(), key.id());
    }

    #[test]
    fn junk_is_no_key_and_a_damaged_key_can_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".potluck");
        let (good, junk) = (dir.path().join("good"), dir.path().join("junk"));
        let (key, _) = renew(&state).unwrap();
        export(&state, &good).unwrap();
        fs::write(&junk, "no key").unwrap();
        assert!(import(&state, &junk, true).unwrap_err().message.contains("6 bytes"));
        assert_eq!(import(&state, &dir.path().join("none"), true).unwrap_err().code, Code::NotFound);
        assert_eq!(load(&state).unwrap().unwrap().id(), key.id());
        fs::write(key_path(&state), "cut").unwrap();
        let (back, aside) = import(&state, &good, false).unwrap();
        assert_eq!(back.id(), key.id());
        assert_eq!(fs::read(aside.unwrap()).unwrap(), b"cut");
    }
}
