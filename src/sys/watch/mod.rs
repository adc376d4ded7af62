//! Hearing of changes in folders as they happen: by inotify(7) on Linux, by the crate `notify` elsewhere. (That crate hears
//! of each file that is opened, too, and whoever gives many small files opens many.)

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(not(target_os = "linux"))]
mod other;

use std::io;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
pub(crate) use self::inotify::Watcher;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::other::Watcher;
use super::refusal::{Refusal, refusal};

/// What the user can do about too many folders.
const FOLDERS: &str = "the system's limit is reached: raise fs.inotify.max_user_watches";

/// What the user can do about too many programs that watch.
const INSTANCES: &str = "the system's limit is reached: raise fs.inotify.max_user_instances";

/// How many folders a user may have watched, all programs together (inotify(7)).
const ALLOWED: &str = "/proc/sys/fs/inotify/max_user_watches";

/// The open files of this process, and what is told of each (proc(5)).
const OPEN: &str = "/proc/self/fd";
const INFO: &str = "/proc/self/fdinfo";

/// What a line says of one folder that is watched.
const ONE: &str = "inotify wd:";

/// What an open watcher is.
const WATCHER: &str = "anon_inode:inotify";

/// How many folders are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchUsage {
    /// By this process.
    pub used: u64,
    /// By all programs of the user together, at most.
    pub allowed: u64,
}

/// Counts them. `None` where the system does not tell.
#[must_use]
pub(crate) fn usage() -> Option<WatchUsage> {
    let allowed = std::fs::read_to_string(ALLOWED).ok()?.trim().parse().ok()?;
    let open = std::fs::read_dir(OPEN).ok()?.filter_map(Result::ok);
    let watchers =
        open.filter(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == Path::new(WATCHER)));
    let of = |file: std::fs::DirEntry| std::fs::read_to_string(Path::new(INFO).join(file.file_name())).ok();
    let watched = |info: String| info.lines().filter(|line| line.starts_with(ONE)).count() as u64;
    Some(WatchUsage { used: watchers.filter_map(of).map(watched).sum(), allowed })
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Something to this path: it was made, changed, renamed or removed.
    At {
        /// Below the folder that was watched, as that was named.
        path: PathBuf,
        /// It was written to.
        written: bool,
        /// It is complete: closed after writing, or moved here.
        closed: bool,
    },
    /// More than was reported: some changes were lost.
    Lost,
}

/// Why a folder is not watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwatched {
    /// It is gone, is no folder, or this user may not read it.
    #[error("{0}")]
    Away(String),
    /// The system watches no more folders for this user; what to do about it.
    #[error("{FOLDERS}")]
    Full,
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

fn by_system(e: &io::Error) -> Unwatched {
    match refusal(e) {
        Refusal::Gone | Refusal::NotFolder | Refusal::Denied => Unwatched::Away(e.to_string()),
        Refusal::TooManyOpen => Unwatched::Failed(INSTANCES.to_owned()),
        _ => Unwatched::Failed(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::fs;

    use crossbeam_channel::{Receiver, unbounded};

    use super::*;

    /// The changes up to one that `fits`.
    fn until(changes: &Receiver<Change>, fits: impl Fn(&Change) -> bool) -> Vec<Change> {
        let mut all = Vec::new();
        while !all.last().is_some_and(&fits) {
            all.push(changes.recv_timeout(Duration::from_secs(20)).unwrap());
        }
        all
    }

    #[test]
    fn writing_closing_moving_and_removing_are_reported_and_reading_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let [a, b] = ["a", "b"].map(|name| top.join(name));
        let (tell, changes) = unbounded();
        let mut watcher = Watcher::new(move |change| drop(tell.send(change))).unwrap();
        watcher.add(&top).unwrap();
        watcher.add(&top).unwrap();
        fs::write(&a, "text").unwrap();
        let at = |path: &PathBuf, written, closed| Change::At { path: path.clone(), written, closed };
        let seen = until(&changes, |change| *change == at(&a, true, true));
        assert!(seen.contains(&at(&a, true, false)) && seen.contains(&at(&a, false, false)), "{seen:?}");
        fs::read(&a).unwrap();
        fs::rename(&a, &b).unwrap();
        let seen = until(&changes, |change| *change == at(&b, false, true));
        assert!(seen.iter().all(|change| matches!(change, Change::At { written: false, .. })), "{seen:?}");
        fs::remove_file(&b).unwrap();
        until(&changes, |change| *change == at(&b, false, false));
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_reason_to_worry() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = Watcher::new(|_| {}).unwrap();
        assert!(matches!(watcher.add(&dir.path().join("gone")), Err(Unwatched::Away(_))));
    }

    #[test]
    fn a_folder_that_was_moved_away_is_watched_no_more_until_it_is_asked_for_again() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let [from, to, inner] = ["from", "to", "from/inner"].map(|name| top.join(name));
        fs::create_dir_all(&inner).unwrap();
        let (tell, changes) = unbounded();
        let mut watcher = Watcher::new(move |change| drop(tell.send(change))).unwrap();
        for folder in [&top, &from, &inner] {
            watcher.add(folder).unwrap();
        }
        let at = |path: PathBuf, written, closed| Change::At { path, written, closed };
        fs::rename(&from, &to).unwrap();
        until(&changes, |change| *change == at(to.clone(), false, true));
        // Nobody is told of it by a name that is gone.
        fs::write(to.join("inner/unheard"), "text").unwrap();
        fs::write(top.join("heard"), "text").unwrap();
        let seen = until(&changes, |change| *change == at(top.join("heard"), true, true));
        let is_unheard =
            |change: &Change| matches!(change, Change::At { path, .. } if path.ends_with("unheard"));
        assert!(!seen.iter().any(is_unheard), "{seen:?}");
        for folder in [to.clone(), to.join("inner")] {
            watcher.add(&folder).unwrap();
        }
        fs::write(to.join("inner/new"), "text").unwrap();
        until(&changes, |change| *change == at(to.join("inner/new"), true, true));
        // And by its new name once it is gone from there.
        fs::remove_dir_all(&to).unwrap();
        until(&changes, |change| *change == at(to.clone(), false, false));
    }

    #[test]
    fn a_limit_is_reported_with_its_remedy() {
        assert_eq!(Unwatched::Full.to_string(), FOLDERS);
        let none_left = io::Error::from(rustix::io::Errno::MFILE);
        assert_eq!(by_system(&none_left), Unwatched::Failed(INSTANCES.to_owned()));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(matches!(by_system(&denied), Unwatched::Away(_)));
    }
}
