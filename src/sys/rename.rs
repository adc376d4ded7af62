//! Giving a file its final name, or a second one, without ever replacing what bears it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::AtFlags;
use tempfile::{NamedTempFile, PersistError};

use super::folder::{FileKind, Folder};
use super::refusal::is_missing;

/// Moves `from` in `here` to `to` in `there`, both on one file system. Atomic where the file system
/// knows `RENAME_NOREPLACE` or hard links; else `to` is first taken by an empty file of our own, in whose
/// place `from` is moved. A crash in between leaves that empty file.
///
/// # Errors
/// `AlreadyExists` if the name is taken, by whatever; or what the operating system says.
pub(crate) fn rename_new(here: &Folder, from: &str, there: &Folder, to: &str) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match rustix::fs::renameat_with(here, from, there, to, rustix::fs::RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(e) if is_missing(e) => {}
        Err(e) => return Err(e.into()),
    }
    by_link(here, from, there, to)
}

fn by_link(here: &Folder, from: &str, there: &Folder, to: &str) -> io::Result<()> {
    match rustix::fs::linkat(here, from, there, to, AtFlags::empty()) {
        Ok(()) => here.remove(from),
        Err(e) if is_missing(e) || e == rustix::io::Errno::MLINK => by_claim(here, from, there, to),
        Err(e) => Err(e.into()),
    }
}

fn by_claim(here: &Folder, from: &str, there: &Folder, to: &str) -> io::Result<()> {
    drop(there.create(to, false)?);
    // Whoever wrote into it meanwhile keeps what was written.
    if there.look(to)? != Some(FileKind::File(0)) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    rustix::fs::renameat(here, from, there, to).or_else(|e| {
        // We made it, so we may take it away.
        there.remove(to)?;
        Err(e.into())
    })
}

/// Gives a temporary file the name `path`, as [`rename_new`] does.
///
/// # Errors
/// `AlreadyExists` if the name is taken, by whatever; or what the operating system says.
pub(crate) fn persist_new(file: NamedTempFile, path: PathBuf) -> Result<File, PersistError> {
    match file.persist_noclobber(&path) {
        Err(PersistError { error, file }) if error.kind() != io::ErrorKind::AlreadyExists => {
            persist_by_claim(file, &path)
        }
        done => done,
    }
}

fn persist_by_claim(file: NamedTempFile, path: &Path) -> Result<File, PersistError> {
    match File::create_new(path) {
        Ok(claim) => drop(claim),
        Err(error) => return Err(PersistError { error, file }),
    }
    file.persist(path).inspect_err(|_| {
        // We made it, so we may take it away.
        if let Err(e) = fs::remove_file(path) {
            log::debug!("{} stays, and is empty: {e}", path.display());
        }
    })
}

/// Gives the file at `path`, which only its user can read, the name `second` as well. Where a file has one
/// name alone (FAT), a copy of it gets that, synced.
///
/// # Errors
/// `AlreadyExists` if the name is taken, `NotFound` without the file; or what the operating system says.
pub(crate) fn name_twice(path: &Path, second: &Path) -> io::Result<()> {
    match fs::hard_link(path, second) {
        Err(e) if !matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
            copy_new(path, second)
        }
        done => done,
    }
}

fn copy_new(path: &Path, second: &Path) -> io::Result<()> {
    let mut content = Vec::new();
    File::open(path)?.read_to_end(&mut content)?;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(second)?;
    let copied = copy.write_all(&content).and_then(|()| copy.sync_all());
    if copied.is_err() {
        fs::remove_file(second)?;
    }
    copied
}

#[cfg(test)]
mod tests {
    use std::fs::{read, read_dir, write};

    use super::*;
    use crate::sys::testing;

    #[test]
    fn no_way_of_moving_replaces_anything() {
        for way in [rename_new, by_link, by_claim] {
            let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (here, there) = (Folder::open(a.path()).unwrap(), Folder::open(b.path()).unwrap());
            write(a.path().join("x"), "new").unwrap();
            write(b.path().join("taken"), "old").unwrap();
            testing::link("nowhere", b.path().join("dangling"));
            for name in ["taken", "dangling"] {
                let e = way(&here, "x", &there, name).unwrap_err();
                assert_eq!(e.kind(), io::ErrorKind::AlreadyExists);
            }
            assert_eq!(read(b.path().join("taken")).unwrap(), b"old");
            way(&here, "x", &there, "free").unwrap();
            assert_eq!(read(b.path().join("free")).unwrap(), b"new");
            assert_eq!(read_dir(a.path()).unwrap().count(), 0);
            // What cannot be moved leaves no name behind.
            assert_eq!(way(&here, "x", &there, "nothing").unwrap_err().kind(), io::ErrorKind::NotFound);
            assert!(!b.path().join("nothing").exists());
        }
    }

    #[test]
    fn no_way_of_storing_replaces_anything() {
        for way in [persist_new, |file, path: PathBuf| persist_by_claim(file, &path)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(testing::not_utf8());
            for content in ["first", "second"] {
                let mut file = NamedTempFile::new_in(dir.path()).unwrap();
                file.write_all(content.as_bytes()).unwrap();
                let stored = way(file, path.clone()).map_err(|e| e.error.kind()).map(drop);
                assert_eq!(stored.is_ok(), content == "first", "{stored:?}");
                assert!(stored.is_ok() || stored == Err(io::ErrorKind::AlreadyExists));
            }
            assert_eq!(read(&path).unwrap(), b"first");
            assert_eq!(read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_second_name_is_given_or_made_by_a_copy() {
        for way in [name_twice, copy_new] {
            let dir = tempfile::tempdir().unwrap();
            let [path, second] = ["key", "old"].map(|name| dir.path().join(name));
            assert_eq!(way(&path, &second).unwrap_err().kind(), io::ErrorKind::NotFound);
            write(&path, "secret").unwrap();
            testing::set_mode(&path, 0o600);
            way(&path, &second).unwrap();
            assert_eq!((read(&second).unwrap(), testing::mode(&second)), (b"secret".to_vec(), 0o600));
            assert_eq!(way(&path, &second).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
    }
}
