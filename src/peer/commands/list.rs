//! `list`: what is shared here and by others. Pure.

use super::named::NeededCatalogues;
use super::{Answer, Command, Needs};
use crate::content::{Catalogue, SafePath};
use crate::control::file_word::FileWord;
use crate::control::{ListRequest, Reply};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::listing::{self, Filter, ListedRow, Stored};
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::roster::Roster;
use crate::text;
use crate::time::Time;

impl Command for ListRequest {
    fn needs(&self) -> Needs {
        if self.mine { Needs::Own } else { Needs::Catalogues }
    }

    fn needed_catalogues(&self, roster: &Roster) -> NeededCatalogues {
        // Of whom nobody here is, nothing is listed.
        let from = self.from.as_ref().map(|word| roster.find(word).into_iter().collect());
        from.map_or(NeededCatalogues::All, NeededCatalogues::Of)
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let roster = &peer.presence.roster;
        let (own, hashing) = (&peer.shared.shelf.catalogue, &peer.shared.hashing);
        let filter = filter(&self, own, roster)?;
        let copies = |file| peer.custody.own_copies(peer.own.id(), file);
        let spans = |claim| peer.custody.served.spans(claim);
        let stored = Stored { me: peer.own.id(), spans: &spans };
        let rows = listing::rows(own, copies, &stored, hashing, roster, &filter);
        let unlisted = listing::unlisted(roster, &filter);
        let is_found = !rows.is_empty() || filter.is_in_folder();
        for row in rows {
            let reply = match row {
                ListedRow::File(row) => Reply::File(row),
                ListedRow::Folder(row) => Reply::Folder(row),
            };
            peer.out.reply(ask, reply);
        }
        let is_all = unlisted.is_empty();
        for row in unlisted {
            peer.out.reply(ask, Reply::Unlisted(row));
        }
        if filter.mine {
            let left_out = peer.shared.left_out();
            if !left_out.is_empty() {
                peer.out.reply(ask, Reply::LeftOut(left_out));
            }
        }
        match &self.pattern {
            Some(pattern) if !is_found => Err(nothing(pattern, is_all)),
            _ => Ok(Answer::Done),
        }
    }
}

/// Why nothing is listed. `is_all`: the files of all peers were looked through.
fn nothing(pattern: &str, is_all: bool) -> Failure {
    let pattern = text::shown(pattern);
    let message = match is_all {
        true => format!("nothing matches `{pattern}`; `list` shows everything"),
        false => format!("`{pattern}` is not among the files that are known here"),
    };
    Failure::new(Code::NotFound, message)
}

/// What is to be listed.
fn filter(request: &ListRequest, own: &Catalogue, roster: &Roster) -> Result<Filter, Failure> {
    let ListRequest { pattern, mine, from, sort, folders, flat: _ } = request;
    let from = from.as_deref().map(|word| roster.find(word)).transpose()?.map(Owners::one);
    let filter = Filter::new(*mine, from.unwrap_or_default(), *sort).by_folder(*folders);
    let Some(word) = pattern else { return Ok(filter) };
    let all = || own.entries().chain(roster.entries(&Owners::Anyone).map(|(_, entry)| entry));
    let is_there =
        |folder: &SafePath| all().any(|entry| entry.path.is_below(folder) || entry.path == *folder);
    Ok(match folder(word).filter(is_there) {
        Some(folder) => filter.in_folder(folder),
        None => filter.with_pattern(word),
    })
}

/// The folder that is typed with a slash at its end.
fn folder(word: &str) -> Option<SafePath> {
    let FileWord::Path(path) = FileWord::of(word) else { return None };
    path.strip_suffix('/')?.parse().ok()
}
