//! `who`: who has a file or a folder, and what a peer took. Pure.

use std::collections::BTreeSet;

use super::named::{NeededCatalogues, NeededWords};
use super::{Answer, Command, Needs};
use crate::content::{Claim, Entry, EntryKind, path};
use crate::control::file_word::FileWord;
use crate::control::{Reply, WhoRequest};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::naming::named_among;
use crate::peer::owners::Owners;
use crate::peer::resolve::{file_digits, is_there};
use crate::peer::roster::Roster;
use crate::peer::transfers::known_names;
use crate::peer::who::{WhoSubject, peer_rows, rows};
use crate::text;
use crate::time::Time;

/// Contents of one path that a failure names, at most.
const NAMED: usize = 4;

impl Command for WhoRequest {
    fn needs(&self) -> Needs {
        Needs::Catalogues
    }

    fn needed_catalogues(&self, _: &Roster) -> NeededCatalogues {
        let words = self.about.iter().cloned().collect();
        NeededCatalogues::Named(NeededWords { words, is_everyone: true })
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let meant = match &self.about {
            Some(word) => meant(word, peer)?,
            None => MeantByWord::Peers(peer.presence.roster.iter().map(|(id, _)| *id).collect()),
        };
        match meant {
            MeantByWord::Files(subject) => {
                let (rows, sum) = rows(now, &subject, peer);
                for row in rows {
                    peer.out.reply(ask, Reply::Who(row));
                }
                peer.out.reply(ask, Reply::WhoSum(sum));
            }
            MeantByWord::Peers(peers) => {
                for row in peer_rows(now, &peers, peer) {
                    peer.out.reply(ask, Reply::WhoPeer(Box::new(row)));
                }
            }
        }
        Ok(Answer::Done)
    }
}

/// What a word means.
enum MeantByWord {
    Files(WhoSubject),
    Peers(BTreeSet<PeerId>),
}

/// # Errors
/// [`Code::NotFound`], [`Code::Ambiguous`].
fn meant(word: &str, peer: &PeerMachine) -> Result<MeantByWord, Failure> {
    let names = known_names(&peer.transfers, &peer.presence.roster);
    let subject = match FileWord::of(word) {
        FileWord::Id(digits) => with_id(word, digits, peer)?,
        FileWord::Path(path) => at_path(&path, peer)?,
    };
    match (subject, named_among(names.iter().map(|(id, name)| (*id, *name)), word)) {
        (Some(subject), None | Some(Err(_))) => Ok(MeantByWord::Files(subject)),
        // What only begins like a peer's name or id is the file.
        (Some(subject), Some(Ok(id))) if names.get(&id) != Some(&word) => Ok(MeantByWord::Files(subject)),
        (Some(_), Some(Ok(id))) => {
            let word = text::shown(word);
            let message = format!("`{word}` is a file or folder and a peer: say `./{word}` or its id ({id})");
            Err(Failure::new(Code::Ambiguous, message))
        }
        (None, Some(found)) => found.map(|id| MeantByWord::Peers(BTreeSet::from([id]))),
        (None, None) => {
            let message = format!("no file, folder or peer `{}`; see `list` and `peers`", text::shown(word));
            Err(Failure::new(Code::NotFound, message))
        }
    }
}

fn claim(entry: &Entry) -> Option<Claim> {
    if let EntryKind::File { id, size, .. } = entry.kind { Some((id, size)) } else { None }
}

/// All that is known to be shared: by this peer, and by others.
fn own(peer: &PeerMachine) -> impl Iterator<Item = &Entry> {
    peer.shared.shelf.catalogue.entries()
}

fn others(peer: &PeerMachine) -> impl Iterator<Item = &Entry> {
    peer.presence.roster.entries(&Owners::Anyone).map(|(_, entry)| entry)
}

/// The content whose id begins so: one that somebody shares, or that was sent.
fn with_id(word: &str, digits: &str, peer: &PeerMachine) -> Result<Option<WhoSubject>, Failure> {
    let Some(digits) = file_digits(digits) else { return Ok(None) };
    let listed = own(peer).chain(others(peer)).filter_map(claim);
    let sent = peer.transfers.sent.iter().map(|(_, record)| record.claim());
    let claims = listed.chain(sent).filter(|(id, _)| id.to_string().starts_with(&digits));
    one_of(word, &format!("b3:{digits}"), claims.collect())
}

/// What lies at a path: here, else at others.
fn at_path(typed: &str, peer: &PeerMachine) -> Result<Option<WhoSubject>, Failure> {
    let trimmed = typed.trim_end_matches('/');
    let at = path::composed(trimmed);
    let sides: [Vec<&Entry>; 2] = [own(peer).collect(), others(peer).collect()];
    for side in sides {
        let there = || side.iter().filter(|entry| is_there(&entry.path, &at));
        let is_file = |entry: &&&Entry| path::composed(entry.path.as_str()) == at;
        let file: BTreeSet<Claim> = there().filter(is_file).filter_map(|entry| claim(entry)).collect();
        if !file.is_empty() && trimmed == typed {
            return one_of(trimmed, trimmed, file);
        }
        let claims: BTreeSet<Claim> =
            there().filter(|entry| !is_file(entry)).filter_map(|entry| claim(entry)).collect();
        if !claims.is_empty() {
            return Ok(Some(WhoSubject { what: format!("{trimmed}/"), claims }));
        }
    }
    Ok(None)
}

/// Of several contents the user is to choose one.
fn one_of(word: &str, what: &str, claims: BTreeSet<Claim>) -> Result<Option<WhoSubject>, Failure> {
    if claims.len() < 2 {
        let is_there = !claims.is_empty();
        return Ok(is_there.then(|| WhoSubject { what: what.to_owned(), claims }));
    }
    let ids: Vec<String> = claims.iter().take(NAMED).map(|(id, _)| format!("b3:{id}")).collect();
    let message = format!(
        "`{}` has {} different contents: {}; say which by its id",
        text::shown(word),
        claims.len(),
        ids.join(", ")
    );
    Err(Failure::new(Code::Ambiguous, message))
}
