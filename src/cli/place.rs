//! Which peer is meant: that of the folder that was named, or the nearest one from here up that is a peer directory.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use crate::control::typed;
use crate::error::{Code, Failure};
use crate::text;

/// The variable that names the peer directory where no flag does.
const VARIABLE: &str = "POTLUCK_DIR";

/// What a peer directory has once a peer ran in it.
const STATE: &str = ".potluck";

/// Goes to the folder from which all else is to be taken.
///
/// # Errors
/// It is not there, or cannot be entered.
pub(super) fn enter(folder: &Path) -> Result<(), Failure> {
    let folder = existing(folder)?;
    let shown = folder.display().to_string();
    env::set_current_dir(&folder)
        .map_err(|e| Failure::other(format!("the folder {}: {e}", text::shown(&shown))))
}

/// Where a peer runs, or is to run.
#[derive(Debug)]
pub(super) struct Place {
    /// The peer directory, absolute.
    pub(super) directory: PathBuf,
    /// It was named, or a peer ran in it.
    pub(super) is_peers: bool,
}

/// The place that is meant. `named`: by a flag; `is_asked`: a peer that runs is wanted, which may be that of a folder
/// above.
///
/// # Errors
/// It is not there.
pub(super) fn of(named: Option<&Path>, is_asked: bool) -> Result<Place, Failure> {
    let variable = || env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = named.map(Path::to_owned).or_else(variable) {
        return Ok(Place { directory: existing(&named)?, is_peers: true });
    }
    let here = existing(Path::new("."))?;
    let above = is_asked.then(|| nearest(&here)).flatten().map(Path::to_owned);
    Ok(Place { is_peers: above.is_some(), directory: above.unwrap_or(here) })
}

/// The nearest peer directory from `here` up. Whether it can be trusted is seen when its peer is asked.
fn nearest(here: &Path) -> Option<&Path> {
    here.ancestors().find(|folder| folder.join(STATE).is_dir())
}

/// `given` as an absolute path of a folder.
fn existing(given: &Path) -> Result<PathBuf, Failure> {
    let shown = given.display().to_string();
    let shown = text::shown(&shown);
    match given.canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err(Failure::new(Code::Usage, format!("{shown} is no folder"))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(match env::current_dir() {
            Err(_) if given.is_relative() => typed::folder_deleted(),
            _ => Failure::new(Code::Usage, format!("no folder {shown}: make it first")),
        }),
        Err(e) => Err(Failure::other(format!("the folder {shown}: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_peer_directory_from_here_up_is_meant() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let below = top.join("shared/photos/2026");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(nearest(&below).filter(|found| found.starts_with(&top)), None);
        std::fs::create_dir(top.join(STATE)).unwrap();
        assert_eq!([&below, &top].map(|here| nearest(here)), [Some(top.as_path()); 2]);
        // A file of that name is no state, and what is nearer counts.
        std::fs::write(below.join(STATE), "").unwrap();
        assert_eq!(nearest(&below), Some(top.as_path()));
        std::fs::create_dir(top.join("shared/.potluck")).unwrap();
        assert_eq!(nearest(&below), Some(top.join("shared").as_path()));
    }
}
