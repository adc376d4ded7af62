//! `log`: what was sent and fetched. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Command, Needs, is_meant};
use crate::content::FileId;
use crate::control::{LogRequest, LogRow, Reply, TransferWay};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::naming::named_among;
use crate::peer::owners::Owners;
use crate::peer::roster::Roster;
use crate::peer::transfers::{LogFilter, Transfers, known_names, log_rows};
use crate::text;
use crate::time::Time;

/// Lines that are shown if nobody says how many.
const LINES: u64 = 50;

impl Command for LogRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let roster = &peer.presence.roster;
        let found = self.about.as_deref().map(|word| (word, peer_of(word, &peer.transfers, roster)));
        let filter = match &found {
            Some((word, found)) => LogFilter::of(word, found.as_ref().and_then(|found| found.clone().ok())),
            None => LogFilter::default(),
        };
        let date = peer.transfers.calendar.date(now);
        let mut rows = log_rows(&peer.transfers, date, &filter, self.folders);
        if let (true, Some((word, found))) = (rows.is_empty(), found) {
            nothing(word, found, peer)?;
        }
        let last = self.last.unwrap_or(LINES);
        if last > 0 {
            rows.drain(..rows.len().saturating_sub(usize::try_from(last).unwrap_or(usize::MAX)));
        }
        name_others(&mut rows, roster);
        for row in rows {
            peer.out.reply(ask, Reply::Transfer(Box::new(row)));
        }
        Ok(Answer::Done)
    }
}

/// The peer that a word means: one that is here, or one that something was sent to or fetched from.
fn peer_of(word: &str, transfers: &Transfers, roster: &Roster) -> Option<Result<PeerId, Failure>> {
    named_among(known_names(transfers, roster), word)
}

/// There is nothing to be shown for this word.
///
/// # Errors
/// It means nothing that is known.
fn nothing(word: &str, found: Option<Result<PeerId, Failure>>, peer: &PeerMachine) -> Result<(), Failure> {
    if let Some(found) = found {
        return found.map(drop);
    }
    let is_known = peer.shared.shelf.catalogue.entries().any(|entry| is_meant(word, entry))
        || peer.presence.roster.entries(&Owners::Anyone).any(|(_, entry)| is_meant(word, entry));
    if is_known {
        return Ok(());
    }
    let message = format!("no transfer of `{0}` is known, and no peer `{0}`", text::shown(word));
    Err(Failure::new(Code::NotFound, message))
}

/// What was sent and not shared here is called as others call it who share it.
fn name_others(rows: &mut [LogRow], roster: &Roster) {
    let is_nameless = |row: &&mut LogRow| row.way == TransferWay::Out && row.path.is_none();
    let nameless: BTreeSet<String> =
        rows.iter_mut().filter(is_nameless).filter_map(|row| row.id.clone()).collect();
    if nameless.is_empty() {
        return;
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (_, entry) in roster.entries(&Owners::Anyone) {
        let id = entry.content().as_ref().map(FileId::to_string).filter(|id| nameless.contains(id));
        if let Some(id) = id {
            names.entry(id).or_insert_with(|| entry.path.as_str().to_owned());
        }
    }
    for row in rows.iter_mut().filter(is_nameless) {
        row.path = row.id.as_ref().and_then(|id| names.get(id)).cloned();
    }
}
