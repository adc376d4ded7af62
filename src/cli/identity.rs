//! The command `identity`: works on the key file, with or without a running peer.

use std::path::Path;

use super::local::IdentityAct;
use super::local_answer::{IdentityRow, LocalAnswer, LocalReply};
use super::show::parts::shown_path;
use crate::control::{keyfile, trust};
use crate::error::Failure;
use crate::identity::{Identity, PeerName};

/// Does it for the peer in `directory`; returns what is to be said.
pub(super) fn run(act: Option<IdentityAct>, directory: &Path) -> Result<LocalAnswer, Failure> {
    // A key that is put into a folder of others is theirs.
    trust::check(directory)?;
    let state = directory.join(".potluck");
    match act {
        None => show(directory, &state),
        Some(IdentityAct::Export { file }) => {
            let file = std::path::absolute(&file).unwrap_or(file);
            let key = keyfile::export(&state, &file)?;
            let text = format!(
                "the key of peer {} is in {}: keep it safe, whoever has it can be this peer\n",
                key.id(),
                shown_path(&file)
            );
            Ok(LocalAnswer { text, objects: object(directory, &state, Some(&key), None) })
        }
        Some(IdentityAct::Import { file, replace }) => {
            let (key, aside) = keyfile::import(&state, &file, replace)?;
            Ok(changed(directory, &state, &key, aside.as_deref()))
        }
        Some(IdentityAct::New) => {
            let (key, aside) = keyfile::renew(&state)?;
            Ok(changed(directory, &state, &key, aside.as_deref()))
        }
    }
}

fn show(directory: &Path, state: &Path) -> Result<LocalAnswer, Failure> {
    let key = keyfile::load(state)?;
    let objects = object(directory, state, key.as_ref(), None);
    let Some(key) = key else {
        let text = "no key here yet: the first start of a peer makes one, or `identity new`\n".to_owned();
        return Ok(LocalAnswer { text, objects });
    };
    let exported = if keyfile::is_exported(state, key.id()) {
        "yes"
    } else {
        "never: `potluck identity export FILE`, and keep that file safe"
    };
    let text = format!(
        "  id        {}\n  name      {} (unless started with --name)\n  key file  {}\n  exported  {exported}\n",
        key.id().full(),
        name(directory, &key),
        shown_path(&keyfile::key_path(state)),
    );
    Ok(LocalAnswer { text, objects })
}

fn changed(directory: &Path, state: &Path, key: &Identity, aside: Option<&Path>) -> LocalAnswer {
    let kept = aside.map(|path| format!("; the old key is kept as {}", shown_path(path)));
    let text = format!("this is peer {} now{}\n", key.id(), kept.unwrap_or_default());
    LocalAnswer { text, objects: object(directory, state, Some(key), aside) }
}

/// The name of the peer in this folder unless it is started with another one.
fn name(directory: &Path, key: &Identity) -> PeerName {
    PeerName::of_folder(&directory.file_name().unwrap_or_default().to_string_lossy(), key.id())
}

fn object(directory: &Path, state: &Path, key: Option<&Identity>, aside: Option<&Path>) -> Vec<LocalReply> {
    vec![LocalReply::Identity(IdentityRow {
        id: key.map(|key| key.id().full()),
        name: key.map(|key| name(directory, key).to_string()),
        file: keyfile::key_path(state).display().to_string(),
        is_exported: key.is_some_and(|key| keyfile::is_exported(state, key.id())),
        old_file: aside.map(|path| path.display().to_string()),
    })]
}
