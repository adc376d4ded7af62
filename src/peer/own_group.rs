//! Which group a peer is in when it starts. Shell.

use std::env::{self, VarError};

use crate::error::{Code, Failure};
use crate::group::{Group, GroupFile, GroupFileError, GroupWords};
use crate::settings::Settings;

/// Holds a group as a file of it would. An argument never does: every user of the machine can list those.
const VARIABLE: &str = "POTLUCK_GROUP";

/// The group that the user names, which is remembered from then on, or else the one that is remembered; `None`: the
/// open network.
///
/// # Errors
/// What is named, or remembered, is no group. Then no peer starts, for in the open network it would give to everyone
/// what is for the group.
pub(super) fn own_group(config: &Settings) -> Result<Option<Group>, Failure> {
    let state = config.state();
    if let Some(words) = named(config)? {
        let joined = GroupFile::join(&state, words).map_err(|e| remembered(&e))?;
        return Ok(Some(joined.group()));
    }
    let file = GroupFile::load(&state).map_err(|e| remembered(&e))?;
    Ok(file.map(|file| file.group()))
}

/// What the user names, if anything.
fn named(config: &Settings) -> Result<Option<GroupWords>, Failure> {
    let wrong = |what: &str, e: &GroupFileError| Failure::new(Code::Usage, format!("{what}: {e}"));
    if let Some(path) = &config.group_file {
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
