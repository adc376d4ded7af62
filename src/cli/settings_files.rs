//! The files of settings: where they lie, and how they are read and written. Shell of `settings::layers`.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::limits;
use crate::error::{Code, Failure};
use crate::settings::layers::{SettingLayers, SettingsText};
use crate::sys::folder::Folder;
use crate::sys::owner::{self, Ownership, UserId};
use crate::sys::{file, sync};
use crate::text::shown;

/// The name of each.
const FILE: &str = "potluck.toml";

/// Where the one for all peers of this user lies, if there is a place for it: in the user's configuration folder
/// (XDG base directory specification).
pub(super) fn of_user() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    Some(folder?.join("potluck").join(FILE))
}

/// Where the one of the peer in `directory` lies.
pub(super) fn of_peer(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// What stands below the flags for the peer in `directory`.
///
/// # Errors
/// A file cannot be read or trusted, or something in it or in the environment is wrong.
pub(super) fn layers(directory: &Path) -> Result<SettingLayers, Failure> {
    let peer = of_peer(directory);
    let mut files = Vec::new();
    for path in of_user().filter(|user| *user != peer).into_iter().chain([peer]) {
        if let Some(text) = read(&path)? {
            files.push(SettingsText { path, text });
        }
    }
    SettingLayers::of(&files, |variable| env::var_os(variable))
}

/// The text of one of them; `None`: there is none.
///
/// # Errors
/// It cannot be read, it is no text, or others can have written it.
pub(super) fn read(path: &Path) -> Result<Option<String>, Failure> {
    let opened = match File::open(path) {
        Ok(opened) => opened,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        // In a folder that this user cannot even enter lies nobody's file that is meant for it (`HOME` of another user).
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && is_out_of_reach(path) => return Ok(None),
        Err(e) => return Err(failed(path, &e)),
    };
    check_writers(path)?;
    let mut bytes = Vec::new();
    opened.take(limits::SETTINGS_FILE + 1).read_to_end(&mut bytes).map_err(|e| failed(path, &e))?;
    let refused = |why: &str| Failure::new(Code::Usage, format!("{}: {why}", named(path)));
    if bytes.len() as u64 > limits::SETTINGS_FILE {
        return Err(refused("this is too long for a file of settings"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("this is no text in UTF-8"))?;
    Ok(Some(text.trim_start_matches('\u{feff}').to_owned()))
}

fn is_out_of_reach(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
}

/// Refuses what others can have written: it may let this peer out of its sandbox, or into another group.
fn check_writers(path: &Path) -> Result<(), Failure> {
    let (user, found) = (UserId::own(), Ownership::at(path).map_err(|e| failed(path, &e))?);
    // Root is told of a folder of another user when a peer starts there (control/trust.rs).
    let is_others = found.owner != user && !found.owner.is_root() && !user.is_root();
    if !is_others && !found.is_open_to_all() && !found.is_open_to_group(user) {
        return Ok(());
    }
    if path.parent().is_some_and(|folder| !owner::are_kept(folder)) {
        return Ok(());
    }
    let who = if is_others { found.owner.name() } else { "other users of this machine".to_owned() };
    let how = if is_others { "make it yours, or remove it" } else { "`chmod go-w` on it ends that" };
    Err(Failure::other(format!("{}: {} can write it: {how}", named(path), shown(&who))))
}

/// Puts `text` in the place of one of them: whole, or not at all. The folder must be there.
///
/// # Errors
/// What the operating system says.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        // Behind a link lies what is meant.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = target.parent().unwrap_or_else(|| Path::new("."));
        // tempfile makes it 0600.
        let mut written = NamedTempFile::new_in(folder)?;
        written.write_all(text.as_bytes())?;
        if let Ok(before) = fs::metadata(&target) {
            written.as_file().set_permissions(before.permissions())?;
        }
        file::sync(written.as_file())?;
        written.persist(&target).map_err(|e| e.error)?;
        sync::folder(&Folder::open(folder)?)
    };
    write().map_err(|e| failed(path, &e))
}

fn failed(path: &Path, e: &io::Error) -> Failure {
    Failure::other(format!("{}: {e}", named(path)))
}

/// A path as it is shown.
pub(super) fn named(path: &Path) -> String {
    shown(&path.display().to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    #[test]
    fn a_file_is_read_as_long_as_nobody_else_can_have_written_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = of_peer(dir.path());
        assert_eq!(read(&path).unwrap(), None);
        fs::write(&path, "\u{feff}copies = 3\n").unwrap();
        testing::set_mode(&path, 0o644);
        assert_eq!(read(&path).unwrap().unwrap(), "copies = 3\n");
        testing::set_mode(&path, 0o646);
        let why = read(&path).unwrap_err().message;
        let said = ": other users of this machine can write it: `chmod go-w` on it ends that";
        assert!(why.ends_with(said), "{why}");
    }

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = of_peer(dir.path());
        for (bytes, said) in [
            (vec![b'#'; usize::try_from(limits::SETTINGS_FILE).unwrap() + 1], "too long"),
            (vec![0xff], "UTF-8"),
        ] {
            fs::write(&path, bytes).unwrap();
            assert!(read(&path).unwrap_err().message.contains(said), "{said}");
        }
        fs::write(&path, vec![b'#'; usize::try_from(limits::SETTINGS_FILE).unwrap()]).unwrap();
        assert!(read(&path).is_ok());
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_rights_and_its_link() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = of_peer(dir.path());
        write(&path, "a").unwrap();
        assert_eq!(testing::mode(&path), 0o600);
        fs::remove_file(&path).unwrap();
        let target = other.path().join("mine.toml");
        fs::write(&target, "b").unwrap();
        testing::set_mode(&target, 0o640);
        testing::link(&target, path.clone());
        write(&path, "c").unwrap();
        assert_eq!((fs::read_to_string(&target).unwrap().as_str(), testing::mode(&target)), ("c", 0o640));
        assert!(path.symlink_metadata().unwrap().is_symlink());
    }
}
