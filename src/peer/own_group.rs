//! Which group a peer is in when it starts. Shell.

use std::env::{self, VarError};

use crate::error::{Code, Failure};
use crate::group::{Group, GroupFile, GroupFileError, GroupWords};
use crate::settings::Settings;

/// Holds a group as a file of it would. An argument never does: every user of the machine can list those.
const VARIABLE: &str = "POTLUCK_GROUP";

/// Joins the group that the user names, if one is named: it is remembered from then on.
///
/// # Errors
/// What is named is no group.
pub(super) fn remember_named(config: &Settings) -> Result<(), Failure> {
    let Some(words) = named(config)? else { return Ok(()) };
    GroupFile::join(&config.state(), words).map(drop).map_err(|e| remembered(&e))
}

/// The group that is remembered; `None`: the open network.
///
/// # Errors
/// What is remembered is no group. Then no peer starts, for in the open network it would give to everyone
/// what is for the group.
pub(super) fn own_group(config: &Settings) -> Result<Option<Group>, Failure> {
    let file = GroupFile::load(&config.state()).map_err(|e| remembered(&e))?;
    Ok(file.map(|file| file.group()))
}

/// What the user names, if anything.
fn named(config: &Settings) -> Result<Option<GroupWords>, Failure> {
    let wrong = |what: &str, e: &GroupFileError| Failure::new(Code::Usage, format!("{what}: {e}"));
    if let Some(path) = &config.on.group_file {
        let words = GroupWords::from_file(path);
        let shown = path.display().to_string();
        return words
            .map(Some)
            .map_err(|e| wrong(&format!("--group-file {}", crate::text::shown(&shown)), &e));
    }
    match env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => GroupWords::parse(&text).map(Some).map_err(|e| wrong(VARIABLE, &e)),
        Ok(_) | Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(wrong(VARIABLE, &GroupFileError::Encoding)),
    }
}

fn remembered(e: &GroupFileError) -> Failure {
    Failure::other(format!(
        "the group of this peer (.potluck/group): {e}; `potluck group join` takes it from you again, `potluck group \
         leave` makes this a peer of the open network"
    ))
}
