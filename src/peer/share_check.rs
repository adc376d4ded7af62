//! Whether a folder can be shared, and under which name. It looks at the folders of this machine, as its user may.

use std::fs;
use std::path::{Path, PathBuf};

use super::remembered_shares::RememberedShares;
use crate::content::ShareName;
use crate::error::{Code, Failure};
use crate::library::Share;
use crate::settings::{Settings, ShareArgument};
use crate::sys::facts::{Facts, FileIdentity};
use crate::sys::folder::FileKind;
use crate::text;

/// The share that is asked for, beside those that there are.
///
/// # Errors
/// Why it cannot be had, and what to do.
pub(super) fn check(
    settings: &Settings,
    all: &RememberedShares,
    asked: &ShareArgument,
) -> Result<Share, Failure> {
    let ShareArgument { name, folder } = asked;
    let is_known = |share: &&Share| {
        share.folder == *folder && name.as_ref().is_none_or(|name| share.name.as_str() == name)
    };
    if let Some(known) = all.shares.iter().find(is_known) {
        // It need not be there now.
        return Ok(known.clone());
    }
    let shown = shown(folder);
    let Some(identity) = folder_at(folder) else {
        return Err(wrong(format!("no folder {shown}: nothing can be shared there")));
    };
    if let Some(why) = out_of_place(settings, all, folder, identity) {
        return Err(wrong(format!("{shown} cannot be shared: {why}")));
    }
    let name = match name {
        Some(name) => name.clone(),
        None => default_name(folder).ok_or_else(|| {
            wrong(format!("{shown} has no name that others could see: give one, as NAME={shown}"))
        })?,
    };
    let name: ShareName =
        name.parse().map_err(|e| wrong(format!("a share cannot be called `{}`: {e}", text::shown(&name))))?;
    let share = Share { name, folder: folder.clone() };
    if let Some(why) = taken(settings, all, &share.name) {
        return Err(wrong(format!("{shown} cannot be shared under the name `{}`: {why}", share.name)));
    }
    Ok(share)
}

/// Why a share that is remembered is not shared now, if so: folders may have been moved meanwhile.
pub(super) fn conflict(settings: &Settings, all: &RememberedShares, share: &Share) -> Option<String> {
    let others = RememberedShares {
        shares: all.shares.iter().filter(|other| other.name != share.name).cloned().collect(),
        unshared: Vec::new(),
    };
    let why = out_of_place(settings, &others, &share.folder, folder_at(&share.folder)?)?;
    Some(format!(
        "the share {} ({}) is not shared: {why}; `unshare {}` forgets it",
        share.name,
        shown(&share.folder),
        share.name.typed()
    ))
}

/// Why no share can have this name, if so.
fn taken(settings: &Settings, all: &RememberedShares, name: &ShareName) -> Option<String> {
    if name.looks_like("shared") {
        return Some("that is the first share; choose another one, as NAME=DIR".to_owned());
    }
    if let Some(other) = all.shares.iter().find(|share| name.looks_like(share.name.as_str())) {
        let (other, folder) = (&other.name, shown(&other.folder));
        return Some(format!("the share {other} ({folder}) has it; choose another one, as NAME=DIR"));
    }
    let mut inside = fs::read_dir(settings.shared()).ok()?.flatten().map(|entry| entry.file_name());
    let like = inside.find(|there| name.looks_like(&there.to_string_lossy()))?;
    let like = like.to_string_lossy();
    Some(format!("there is a shared/{} already; choose another one, as NAME=DIR", text::shown(&like)))
}

/// Why a folder is none that can be shared, if so. As the kernel looks at it: by what the folders above are, not by how
/// they are called.
fn out_of_place(
    settings: &Settings,
    all: &RememberedShares,
    shared: &Path,
    identity: FileIdentity,
) -> Option<String> {
    let above = above(shared);
    let is_in = |folder: &Path| folder_at(folder).is_some_and(|other| above.contains(&other));
    let has = |folder: &Path| self::above(folder).contains(&identity);
    let directory = &settings.directory;
    if is_in(&settings.shared()) {
        return Some("it lies in shared/, whose files are shared anyway".to_owned());
    }
    if has(directory) {
        return Some(format!("the peer's own folder, {}, lies in it", shown(directory)));
    }
    for (own, name) in [(settings.downloads(), "downloads/"), (settings.state(), ".potluck/")] {
        if is_in(&own) || has(&own) {
            return Some(format!("it and the peer's {name} are one, or lie in each other"));
        }
    }
    if has(&settings.shared()) {
        return Some("shared/ lies in it".to_owned());
    }
    for Share { name, folder } in &all.shares {
        if folder_at(folder) == Some(identity) {
            return Some(format!("it is shared already, as {name}"));
        }
        if is_in(folder) || shared.starts_with(folder) {
            return Some(format!("it lies in the share {name} ({})", shown(folder)));
        }
        if has(folder) || folder.starts_with(shared) {
            return Some(format!("the share {name} ({}) lies in it", shown(folder)));
        }
    }
    None
}

/// Which folder lies there; links are followed.
fn folder_at(path: &Path) -> Option<FileIdentity> {
    Facts::at(path).ok().filter(|facts| facts.kind == FileKind::Folder).map(|facts| facts.identity())
}

/// A folder and those above it.
fn above(folder: &Path) -> Vec<FileIdentity> {
    let Ok(real) = folder.canonicalize() else { return Vec::new() };
    real.ancestors().filter_map(folder_at).collect()
}

/// What the folder is called.
fn default_name(folder: &Path) -> Option<String> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    name(folder).or_else(|| name(&folder.canonicalize().ok()?))
}

fn shown(folder: &Path) -> String {
    text::shown(&folder.to_string_lossy()).into_owned()
}

fn wrong(message: String) -> Failure {
    Failure::new(Code::Usage, message)
}

/// A path without `.` and `..`, where these lead nowhere else; as the user would name it.
pub(super) fn tidy(folder: &Path) -> PathBuf {
    use std::path::Component;
    if folder.components().any(|c| matches!(c, Component::ParentDir)) {
        return folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    }
    folder.components().filter(|c| !matches!(c, Component::CurDir)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    fn peer() -> (tempfile::TempDir, Settings) {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path().join("peer"));
        for folder in ["peer/shared/Music", "peer/downloads/x", "peer/.potluck", "Videos/deep", "b"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        (dir, settings)
    }

    fn asked(name: &str, folder: PathBuf) -> ShareArgument {
        ShareArgument { name: (!name.is_empty()).then(|| name.to_owned()), folder }
    }

    #[test]
    fn a_folder_is_shared_under_its_name_or_another_one() {
        let (dir, settings) = peer();
        let all = RememberedShares::default();
        let videos = dir.path().join("Videos");
        for (name, expected) in [("", "Videos"), ("films", "films")] {
            let share = check(&settings, &all, &asked(name, videos.clone())).unwrap();
            assert_eq!((share.name.as_str(), &share.folder), (expected, &videos));
        }
        // The user may name a link.
        let link = dir.path().join("link");
        testing::link(&videos, &link);
        let share = check(&settings, &all, &asked("", link.clone())).unwrap();
        assert_eq!((share.name.as_str(), share.folder), ("link", link));
        // One inside the peer directory that is nothing of its own.
        fs::create_dir(dir.path().join("peer/more")).unwrap();
        assert!(check(&settings, &all, &asked("", dir.path().join("peer/more"))).is_ok());
    }

    #[test]
    fn what_is_shared_already_or_is_the_peers_own_is_refused_clearly() {
        let (dir, settings) = peer();
        let mut all = RememberedShares::default();
        let at = |path: &str| dir.path().join(path);
        all.add(Share { name: "Videos".parse().unwrap(), folder: at("Videos") });
        testing::link(at("Videos"), at("link"));
        for (name, folder, said) in [
            ("", "missing", "no folder"),
            ("", "peer", "the peer's own folder"),
            ("x", "", "the peer's own folder"),
            ("", "peer/shared", "it lies in shared/"),
            ("", "peer/shared/Music", "it lies in shared/"),
            ("", "peer/downloads/x", "the peer's downloads/"),
            ("", "peer/.potluck", "the peer's .potluck/"),
            ("other", "Videos", "it is shared already, as Videos"),
            ("", "link", "it is shared already, as Videos"),
            ("", "Videos/deep", "it lies in the share Videos"),
            ("Videos", "b", "the share Videos ("),
            ("videos", "b", "the share Videos ("),
            ("MUSIC", "b", "there is a shared/Music already"),
            ("shared", "b", "that is the first share"),
            ("a/b", "b", "the name contains `/`"),
        ] {
            let failure = check(&settings, &all, &asked(name, at(folder))).unwrap_err();
            assert!(failure.message.contains(said), "{name} {folder}: {}", failure.message);
            assert_eq!(failure.code, Code::Usage);
        }
        let known = check(&settings, &all, &asked("", at("Videos"))).unwrap();
        assert_eq!(known, all.shares[0], "the same once more changes nothing");
        all = RememberedShares::default();
        all.add(Share { name: "deep".parse().unwrap(), folder: at("Videos/deep") });
        let failure = check(&settings, &all, &asked("", at("Videos"))).unwrap_err();
        assert!(failure.message.contains("the share deep"), "{}", failure.message);
    }

    #[test]
    fn a_share_in_whose_folder_the_peer_was_moved_is_not_shared() {
        let (dir, settings) = peer();
        let mut all = RememberedShares::default();
        let share =
            |name: &str, folder: &str| Share { name: name.parse().unwrap(), folder: dir.path().join(folder) };
        all.add(share("all", ""));
        all.add(share("b", "missing"));
        assert!(conflict(&settings, &all, &all.shares[0]).unwrap().contains("`unshare all` forgets it"));
        assert_eq!(conflict(&settings, &all, &all.shares[1]), None, "it is away");
    }
}
