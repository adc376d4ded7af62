//! `copies`: how many copies of own files there are to be. Pure.

use std::collections::BTreeMap;

use super::{Answer, Command, Needs, is_meant};
use crate::content::{Catalogue, EntryKind, FileId, SafePath};
use crate::control::{CopiesRequest, Reply};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::text;
use crate::time::Time;

impl Command for CopiesRequest {
    fn needs(&self) -> Needs {
        Needs::Own
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let mut chosen: BTreeMap<FileId, SafePath> = BTreeMap::new();
        for word in &self.files {
            chosen.extend(own_files(word, &peer.shared.shelf.catalogue)?);
        }
        let copies = self.copies;
        for (file, path) in chosen {
            peer.custody.machine.set_copies(now, file, copies);
            peer.out.reply(ask, Reply::Copied { path: path.as_str().to_owned(), copies });
        }
        Ok(Answer::Done)
    }
}

/// Own files that a word means: a path, a folder, or `b3:` and the first digits of an id.
fn own_files(word: &str, catalogue: &Catalogue) -> Result<Vec<(FileId, SafePath)>, Failure> {
    let meant = catalogue.entries().filter_map(|e| match e.kind {
        EntryKind::File { id, .. } if is_meant(word, e) => Some((id, e.path.clone())),
        _ => None,
    });
    let meant: Vec<_> = meant.collect();
    if meant.is_empty() {
        let message = format!("`{}` is no file that this peer shares; see `list --mine`", text::shown(word));
        return Err(Failure::new(Code::NotFound, message));
    }
    Ok(meant)
}
