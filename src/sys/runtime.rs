//! Folders of one user for what lasts as long as a process: the way to a peer whose own folder can hold no
//! socket (FAT, exFAT, many network drives) or no lock. `XDG_RUNTIME_DIR` of the XDG base directory
//! specification, what systemd has in its place where that is not set, and a folder in `/tmp`, which is on
//! every system.
//!
//! Others can write in `/tmp`: a folder counts only if it is this user's, no link, and closed to all others.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::facts::Facts;
use super::folder;
use super::owner::{Ownership, UserId};

/// What is ours in a runtime folder that programs share.
const OURS: &str = "potluck";

/// Where the folders of a user may lie, the best place first.
#[derive(Debug)]
struct Places {
    /// Folders of that user, for all of its programs.
    shared: Vec<PathBuf>,
    /// Folders for all users.
    public: PathBuf,
}

impl Places {
    /// Those of `user`; what is set for this process counts for its own user alone.
    fn of(user: UserId, set: Option<&OsStr>) -> Self {
        let set = set.map(PathBuf::from).filter(|path| path.is_absolute() && user == UserId::own());
        let usual = Path::new("/run/user").join(user.number());
        Self { shared: set.into_iter().chain([usual]).collect(), public: "/tmp".into() }
    }

    /// The folders that are ours there, whether they are there or not.
    fn folders(&self, user: UserId) -> Vec<PathBuf> {
        let shared =
            self.shared.iter().filter(|place| Ownership::at_link(place).is_ok_and(|o| o.owner == user));
        let public = self.public.join(format!("{OURS}-{}", user.number()));
        shared.map(|place| place.join(OURS)).chain([public]).collect()
    }
}

/// The runtime folder of this process's user, made if needed.
///
/// # Errors
/// Where none can be had: what the operating system says, or that somebody else has it.
pub(crate) fn make() -> io::Result<PathBuf> {
    let set = std::env::var_os("XDG_RUNTIME_DIR");
    make_in(&Places::of(UserId::own(), set.as_deref()))
}

fn make_in(places: &Places) -> io::Result<PathBuf> {
    let user = UserId::own();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for path in places.folders(user) {
        match folder::make_private(&path) {
            Ok(_) if is_private(&path, user) => return Ok(path),
            Ok(_) => {
                let text = format!("{} is not closed to other users, or not yours", path.display());
                last = io::Error::new(io::ErrorKind::PermissionDenied, text);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// The runtime folders of `user` that are there.
#[must_use]
pub(crate) fn of(user: UserId) -> Vec<PathBuf> {
    let set = std::env::var_os("XDG_RUNTIME_DIR");
    let mut all = Places::of(user, set.as_deref()).folders(user);
    all.retain(|path| is_private(path, user));
    all
}

/// A name in a runtime folder for what belongs to the folder at `path`, whatever that is called: for as long
/// as it is mounted, and kept open.
///
/// # Errors
/// What the operating system says.
pub(crate) fn name_for(path: &Path, extension: &str) -> io::Result<String> {
    let identity = Facts::at(path)?.identity();
    Ok(format!("{:x}-{:x}.{extension}", identity.volume, identity.id))
}

/// True for a folder, and no link, that is `user`'s and nobody else's.
fn is_private(path: &Path, user: UserId) -> bool {
    let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    is_folder && Ownership::at_link(path).is_ok_and(|found| found.owner == user && !found.is_open())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sys::testing;

    fn places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let [run, public] = ["run", "tmp"].map(|name| dir.path().join(name));
        fs::create_dir(&public).unwrap();
        testing::set_mode(&public, 0o1777);
        (dir, Places { shared: vec![run], public })
    }

    #[test]
    fn the_folder_of_the_session_is_taken_and_else_one_in_the_folder_of_all() {
        let (dir, places) = places();
        let made = make_in(&places).unwrap();
        assert_eq!(made.parent(), Some(&*places.public));
        assert_eq!(testing::mode(&made), 0o700);
        assert_eq!(make_in(&places).unwrap(), made, "it is used again");
        fs::create_dir(dir.path().join("run")).unwrap();
        assert_eq!(make_in(&places).unwrap(), dir.path().join("run").join(OURS));
    }

    #[test]
    fn what_others_may_have_made_is_not_used() {
        let (dir, places) = places();
        let ours = places.folders(UserId::own()).pop().unwrap();
        testing::link(dir.path().join("tmp"), &ours);
        assert_eq!(make_in(&places).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        fs::remove_file(&ours).unwrap();
        fs::write(&ours, "a file").unwrap();
        assert!(make_in(&places).is_err());
        assert!(!is_private(&ours, UserId::own()) && !is_private(dir.path(), UserId::of(4_000_111)));
    }

    #[test]
    fn what_is_set_for_this_process_counts_for_its_user_alone() {
        let set = Some(OsStr::new("/set"));
        assert_eq!(Places::of(UserId::own(), set).shared[0], Path::new("/set"));
        assert_eq!(Places::of(UserId::of(4_000_111), set).shared, [Path::new("/run/user/4000111")]);
        assert_eq!(Places::of(UserId::own(), Some(OsStr::new("relative"))).shared.len(), 1);
    }

    #[test]
    fn a_folder_has_one_name_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let [before, after] = ["before", "after"].map(|name| dir.path().join(name));
        fs::create_dir(&before).unwrap();
        let name = name_for(&before, "sock").unwrap();
        fs::rename(&before, &after).unwrap();
        assert_eq!(name_for(&after, "sock").unwrap(), name);
        assert_ne!(name_for(dir.path(), "sock").unwrap(), name);
    }
}
