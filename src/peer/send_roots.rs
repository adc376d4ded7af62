//! Where it lies what a user sends: the folder of each path, without links, so that what is read there later is what was
//! named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::limits;
use crate::content::{SafePath, ShareName};
use crate::error::{Code, Failure};
use crate::library::sending::SendRoot;
use crate::text::shown;

/// How the folders that are read for offers are called to the sender's readers; no share can be called so, for what
/// begins like this is hidden and refused.
pub(super) const SENT: &str = ".potluck-send-";

/// Those of the offer of this number.
///
/// # Errors
/// Something is not there, has a name that cannot be sent, or two have the same name.
pub(super) fn send_roots(number: u64, paths: &[PathBuf]) -> Result<Vec<SendRoot>, Failure> {
    let mut folders: BTreeMap<PathBuf, ShareName> = BTreeMap::new();
    let mut roots: Vec<SendRoot> = Vec::new();
    for path in paths {
        let word = shown(&path.to_string_lossy()).into_owned();
        let real = path.canonicalize().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Failure::new(Code::NotFound, format!("no file {word}")),
            _ => Failure::other(format!("{word} cannot be read: {e}")),
        })?;
        let (Some(folder), Some(inner)) = (real.parent(), name_of(&real, &word)?) else {
            return Err(Failure::new(Code::Usage, format!("{word} cannot be sent as a whole")));
        };
        // A link is sent under its own name.
        let name = name_of(path, &word)?.unwrap_or_else(|| inner.clone());
        if roots.iter().any(|root| root.name.folded() == name.folded()) {
            let message = format!("two of them are called {name}: send them one after the other");
            return Err(Failure::new(Code::Usage, message));
        }
        let next = folders.len();
        if next >= limits::OFFER_FOLDERS && !folders.contains_key(folder) {
            let message = format!("they lie in more than {} folders", limits::OFFER_FOLDERS);
            return Err(Failure::new(Code::Usage, message));
        }
        let share = match folders.get(folder) {
            Some(share) => share.clone(),
            None => {
                let share: ShareName = format!("{SENT}{number}-{next}")
                    .parse()
                    .map_err(|e| Failure::other(format!("{word} cannot be sent: {e}")))?;
                folders.insert(folder.to_owned(), share.clone());
                share
            }
        };
        roots.push(SendRoot { name, share, folder: folder.to_owned(), inner });
    }
    Ok(roots)
}

/// The last component, if the path ends in a name.
fn name_of(path: &Path, word: &str) -> Result<Option<SafePath>, Failure> {
    let Some(name) = path.file_name() else { return Ok(None) };
    let name = SafePath::from_relative(Path::new(name));
    name.map(Some).map_err(|e| Failure::new(Code::Usage, format!("{word} cannot be sent: {e}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sys::testing;

    #[test]
    fn each_path_is_a_name_in_a_folder_without_links() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        for folder in ["one", "two"] {
            fs::create_dir(at.join(folder)).unwrap();
        }
        for file in ["one/a", "one/b", "two/c"] {
            fs::write(at.join(file), file).unwrap();
        }
        testing::link(at.join("two/c"), at.join("one/link"));
        let roots = send_roots(7, &["one/a", "one/b", "one/link", "one/../two"].map(|p| at.join(p))).unwrap();
        let seen: Vec<_> = roots
            .iter()
            .map(|root| (root.name.as_str(), root.share.as_str(), root.folder.clone(), root.inner.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", ".potluck-send-7-0", at.join("one"), "a"),
                ("b", ".potluck-send-7-0", at.join("one"), "b"),
                ("link", ".potluck-send-7-1", at.join("two"), "c"),
                ("two", ".potluck-send-7-2", at.clone(), "two"),
            ]
        );
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::create_dir(at.join("x")).unwrap();
        for file in ["a", "x/A"] {
            fs::write(at.join(file), "").unwrap();
        }
        let failed = |paths: &[PathBuf]| send_roots(1, paths).unwrap_err().code;
        assert_eq!(failed(&[at.join("nothing")]), Code::NotFound);
        assert_eq!(failed(&[at.join("a"), at.join("x/A")]), Code::Usage);
        assert_eq!(failed(&["/".into()]), Code::Usage);
        fs::write(at.join(testing::not_utf8()), "").unwrap();
        let failure = send_roots(1, &[at.join(testing::not_utf8())]).unwrap_err();
        let said = " cannot be sent: the name is not UTF-8";
        assert!(failure.code == Code::Usage && failure.message.ends_with(said), "{failure}");
        let many: Vec<_> = (0..=limits::OFFER_FOLDERS).map(|n| at.join(format!("{n}/f{n}"))).collect();
        for file in &many {
            fs::create_dir(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let failure = send_roots(1, &many).unwrap_err();
        assert!(failure.message.contains("they lie in more than"), "{failure}");
    }
}
