//! `unshare`: a folder is shared no more; answered once that is remembered. Pure.

use super::{Answer, Command, Needs};
use crate::content::{EntryKind, ShareName};
use crate::control::{Reply, UnshareRequest};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::file_work::FileWork;
use crate::peer::machine::{PeerMachine, shares_changed};
use crate::peer::output::{PeerOutput, ShareOrder};
use crate::text;
use crate::time::Time;

impl Command for UnshareRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let name = meant(&self, peer)?;
        peer.out.files(FileWork::Unshare(ask, name));
        Ok(Answer::Later)
    }
}

/// The share that is meant, by its name or its folder.
fn meant(request: &UnshareRequest, peer: &PeerMachine) -> Result<ShareName, Failure> {
    let all = peer.shared.shares.all();
    let typed = request.share.to_string_lossy();
    let typed = typed.strip_suffix('/').unwrap_or(&typed);
    let is_folder = |folder: &std::path::Path| request.folder.as_deref() == Some(folder);
    let by_name = all.iter().find(|share| share.name.as_str() == typed);
    if let Some(share) = by_name.or_else(|| all.iter().find(|share| is_folder(&share.folder))) {
        return Ok(share.name.clone());
    }
    // One that cannot be shared as it is now is forgotten by its name.
    if let Some(name) = peer.shared.shares.left_aside().find(|name| name.as_str() == typed) {
        return Ok(name.clone());
    }
    let shown = text::shown(typed);
    if is_folder(&peer.own.settings.shared()) || typed == "shared" {
        let text = "shared/ is always shared: move out of it what is not to be";
        return Err(Failure::new(Code::Usage, text));
    }
    let names: Vec<String> = all.iter().map(|share| share.name.to_string()).collect();
    let there = match names.is_empty() {
        true => "only shared/ is shared".to_owned(),
        false => format!("shared beside shared/: {}", names.join(", ")),
    };
    Err(Failure::new(Code::NotFound, format!("no share `{shown}`; {there}")))
}

/// That is remembered, or could not be.
pub(super) fn unshared(
    now: Time,
    ask: AskId,
    name: &ShareName,
    done: Result<(), Failure>,
    peer: &mut PeerMachine,
) {
    if let Err(failure) = done {
        return peer.out.reply(ask, Reply::Failed(failure));
    }
    let entries = peer.shared.shelf.catalogue.entries();
    let files = entries.filter(|e| name.has(&e.path) && matches!(e.kind, EntryKind::File { .. })).count();
    peer.shared.shares.remove(name);
    peer.out.push(PeerOutput::Share(ShareOrder::End(name.clone())));
    shares_changed(now, peer);
    let files = match files {
        0 => String::new(),
        1 => ": 1 file, of which others drop their copies".to_owned(),
        n => format!(": {n} files, of which others drop their copies"),
    };
    let text = format!("{name}/ is no longer shared{files}; the files stay where they are");
    peer.out.reply(ask, Reply::Note { text });
    peer.out.reply(ask, Reply::Done);
}
