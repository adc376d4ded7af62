//! `announce`: which files are found by members of the group from networks that are not joined. Pure.

use std::collections::BTreeSet;

use super::{Answer, Command, Needs, is_meant};
use crate::content::{EntryKind, FileId};
use crate::control::file_word::FileWord;
use crate::control::{AnnounceRequest, AnnouncedRow, Reply};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::text;
use crate::time::Time;

impl Command for AnnounceRequest {
    fn needs(&self) -> Needs {
        Needs::Own
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if !peer.routes.sites.is_on() {
            let text = "nobody can be told of a file beyond this network: start this peer with `--wan`, as a member of \
                        a group (`potluck group join`)";
            return Err(Failure::new(Code::Usage, text));
        }
        let Some(word) = &self.file else {
            for (file, is_known) in peer.routes.sites.announced.iter() {
                let state = if is_known { "announced" } else { "waiting" };
                peer.out.reply(ask, Reply::Announced(row(file, state, peer)));
            }
            return Ok(Answer::Done);
        };
        let meant = one_of(word, if self.stop { announced(word, peer) } else { held(word, peer) })?;
        let sites = &mut peer.routes.sites;
        let state = if self.stop {
            sites.announced.remove(meant, &mut peer.out);
            "stopped"
        } else {
            sites.announced.add(meant, &mut peer.out)?;
            if sites.announced.is_known(meant) == Some(true) { "announced" } else { "waiting" }
        };
        peer.out.reply(ask, Reply::Announced(row(meant, state, peer)));
        Ok(Answer::Done)
    }
}

/// What is told of it.
fn row(file: FileId, state: &str, peer: &PeerMachine) -> AnnouncedRow {
    let entries = peer.shared.shelf.catalogue.entries();
    let path =
        entries.filter(|e| matches!(e.kind, EntryKind::File { id, .. } if id == file)).map(|e| &e.path);
    AnnouncedRow { id: file.to_string(), path: path.min().map(ToString::to_string), state: state.to_owned() }
}

/// The contents that this peer has, of those that a word means: what it shares, and what it keeps for others.
fn held(word: &str, peer: &PeerMachine) -> BTreeSet<FileId> {
    let own = peer.shared.shelf.catalogue.entries().filter_map(|e| match e.kind {
        EntryKind::File { id, .. } if is_meant(word, e) => Some(id),
        _ => None,
    });
    own.chain(with_id(word, peer.custody.served.ids())).collect()
}

/// The contents that are announced, of those that a word means.
fn announced(word: &str, peer: &PeerMachine) -> BTreeSet<FileId> {
    let files = || peer.routes.sites.announced.iter().map(|(file, _)| file);
    let own = held(word, peer).into_iter().filter(|file| files().any(|announced| announced == *file));
    own.chain(with_id(word, files())).collect()
}

/// Of these, those whose ids begin as a word says.
fn with_id(word: &str, files: impl Iterator<Item = FileId>) -> impl Iterator<Item = FileId> {
    let digits = match FileWord::of(word) {
        FileWord::Id(digits) if digits.len() >= 4 => Some(digits.to_lowercase()),
        FileWord::Id(_) | FileWord::Path(_) => None,
    };
    files.filter(move |file| digits.as_ref().is_some_and(|digits| file.to_string().starts_with(digits)))
}

/// The one that is meant.
fn one_of(word: &str, meant: BTreeSet<FileId>) -> Result<FileId, Failure> {
    let mut all = meant.iter();
    match (all.next(), all.next()) {
        (Some(file), None) => Ok(*file),
        (None, _) => {
            let text = format!(
                "`{}` is no file that this peer has; see `list --mine`, and `announce` for what is announced",
                text::shown(word)
            );
            Err(Failure::new(Code::NotFound, text))
        }
        (Some(_), Some(_)) => {
            let text = format!(
                "`{}` means {} files: say which one, by its path or its whole id",
                text::shown(word),
                meant.len()
            );
            Err(Failure::new(Code::Ambiguous, text))
        }
    }
}
