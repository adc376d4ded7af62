//! The command `identity`: works on the key file, with or without a running peer.

use std::path::Path;

use super::local::IdentityAct;
use super::show::parts::shown_path;
use crate::control::{keyfile, trust};
use crate::error::Failure;
use crate::identity::{Identity, PeerName};

/// Does it for the peer in `directory`; returns what is to be said.
pub(super) fn run(act: Option<IdentityAct>, directory: &Path) -> Result<String, Failure> {
    // A key that is put into a folder of others is theirs.
    trust::check(directory)?;
    let state = directory.join(".potluck");
    match act {
        None => show(directory, &state),
        Some(IdentityAct::Export { file }) => {
            let file = std::path::absolute(&file).unwrap_or(file);
            let key = keyfile::export(&state, &file)?;
            Ok(format!(
                "the key of peer {} is in {}: keep it safe, whoever has it can be this peer\n",
                key.id(),
                shown_path(&file)
            ))
        }
        Some(IdentityAct::Import { file, replace }) => {
            let (key, aside) = keyfile::import(&state, &file, replace)?;
            Ok(changed(&key, aside.as_deref()))
        }
        Some(IdentityAct::New) => {
            let (key, aside) = keyfile::renew(&state)?;
            Ok(changed(&key, aside.as_deref()))
        }
    }
}

fn show(directory: &Path, state: &Path) -> Result<String, Failure> {
    let Some(key) = keyfile::load(state)? else {
        return Ok("no key here yet: the first start of a peer makes one, or `identity new`\n".to_owned());
    };
    let folder = directory.file_name().unwrap_or_default().to_string_lossy();
    let exported = if keyfile::is_exported(state, key.id()) {
        "yes"
    } else {
        "never: `potluck identity export FILE`, and keep that file safe"
    };
    Ok(format!(
        "  id        {}\n  name      {} (unless started with --name)\n  key file  {}\n  exported  {exported}\n",
        key.id().full(),
        PeerName::of_folder(&folder, key.id()),
        shown_path(&keyfile::key_path(state)),
    ))
}

fn changed(key: &Identity, aside: Option<&Path>) -> String {
    let aside = aside.map(|path| format!("; the old key is kept as {}", shown_path(path)));
    format!("this is peer {} now{}\n", key.id(), aside.unwrap_or_default())
}
