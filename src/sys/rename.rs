//! Giving a file its final name without ever replacing what bears it.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, Mode, fstat};
use rustix::io::Errno;

use super::file::RIGHTS;
use super::folder::Folder;

/// Moves `from` in `here` to `to` in `there`, both on one file system. Atomic where the file system
/// knows `RENAME_NOREPLACE` or hard links; else a copy into a name made exclusively, which is synced
/// before the source is removed.
///
/// # Errors
/// `AlreadyExists` if the name is taken, by whatever; or what the operating system says.
pub(crate) fn rename_new(here: &Folder, from: &str, there: &Folder, to: &str) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match rustix::fs::renameat_with(here, from, there, to, rustix::fs::RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        Err(e) => return Err(e.into()),
    }
    by_link(here, from, there, to)
}

fn by_link(here: &Folder, from: &str, there: &Folder, to: &str) -> io::Result<()> {
    match rustix::fs::linkat(here, from, there, to, AtFlags::empty()) {
        Ok(()) => here.remove(from),
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => by_copy(here, from, there, to),
        Err(e) => Err(e.into()),
    }
}

fn by_copy(here: &Folder, from: &str, there: &Folder, to: &str) -> io::Result<()> {
    let mut source = here.open_file(from, false)?;
    let meta = source.metadata()?;
    let mode = Mode::from_raw_mode(fstat(&source)?.st_mode) & RIGHTS;
    let mut target = there.create_with(to, mode)?;
    let copied = io::copy(&mut source, &mut target)
        .and_then(|_| File::set_modified(&target, meta.modified()?))
        .and_then(|()| target.sync_all());
    if let Err(e) = copied {
        // Nothing unfinished under a final name: we made it, so we may take it away.
        there.remove(to)?;
        return Err(e);
    }
    here.remove(from)
}

#[cfg(test)]
mod tests {
    use std::fs::{read, read_dir, write};

    use super::*;
    use crate::sys::testing;

    #[test]
    fn no_way_of_moving_replaces_anything() {
        for way in [rename_new, by_link, by_copy] {
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
        }
    }
}
