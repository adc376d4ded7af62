//! `search`: what is shared here and by others, by words. Pure.

use std::collections::BTreeSet;

use super::{Answer, Command, Needs, catalogues_until};
use crate::control::{self, Reply, SearchRequest, UnlistedCause};
use crate::error::{Code, Failure};
use crate::index::{FileType, IndexEvent, Query, SearchWords};
use crate::peer::event::AskId;
use crate::peer::listing::unlisted_rows;
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::search::{EndedSearch, OwnCatalogue, RowContext, SearchOrder};
use crate::sender::searches::RemoteSearch;
use crate::time::Time;

impl Command for SearchRequest {
    fn needs(&self) -> Needs {
        // What others share may come meanwhile.
        Needs::Own
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let owners = Owners::named(&self.from, &peer.presence.roster)?;
        let query = query(&self, &owners)?;
        peer.presence.pull(now, &mut peer.out);
        let until = catalogues_until(now, peer);
        let order = SearchOrder { ask, query, owners, until };
        peer.requests.searches.begin(order, &peer.presence.roster, &mut peer.out);
        Ok(Answer::Later)
    }
}

/// What the index is asked.
fn query(request: &SearchRequest, owners: &Owners) -> Result<Query, Failure> {
    let wrong = |text: String| Failure::new(Code::Usage, text);
    if request.is_empty() {
        return Err(wrong(
            "say what to search for: words, or --type, --min, --max, --newer, --from".to_owned(),
        ));
    }
    let (min, max) = (request.min.unwrap_or(0), request.max.unwrap_or(u64::MAX));
    if min > max {
        return Err(wrong("--min is more than --max: no file is so large and so small".to_owned()));
    }
    let words =
        SearchWords::new(request.words.iter().map(String::as_str)).map_err(|e| wrong(e.to_string()))?;
    let owners: BTreeSet<_> = owners.each().collect();
    Ok(Query {
        words,
        types: request.types.iter().copied().map(file_type).collect(),
        size: min..=max,
        newer: request.newer.map(|seconds| seconds.saturating_mul(1_000)),
        owners: (!owners.is_empty()).then_some(owners),
        at: None,
        file: None,
    })
}

const fn file_type(typed: control::FileType) -> FileType {
    match typed {
        control::FileType::Audio => FileType::Audio,
        control::FileType::Video => FileType::Video,
        control::FileType::Picture => FileType::Picture,
        control::FileType::Document => FileType::Document,
        control::FileType::Archive => FileType::Archive,
        control::FileType::Program => FileType::Program,
    }
}

/// The index answers.
pub(in crate::peer) fn on_index(event: IndexEvent, peer: &mut PeerMachine) {
    let rows = RowContext {
        me: peer.own.id(),
        roster: &peer.presence.roster,
        shared: &peer.shared,
        custody: &peer.custody,
    };
    match event {
        IndexEvent::Taken => peer.requests.searches.taken(),
        IndexEvent::Found { number, found } => {
            peer.requests.searches.found(number, found, &rows, &mut peer.out);
        }
    }
}

/// A peer searches the index of this one.
pub(in crate::peer) fn searched(now: Time, search: RemoteSearch, peer: &mut PeerMachine) {
    peer.requests.searches.asked(now, search, &mut peer.out);
}

/// What lies in `shared/` changed.
pub(in crate::peer) fn own_files_changed(now: Time, peer: &mut PeerMachine) {
    let (me, catalogue) = (peer.own.id(), &peer.shared.shelf.catalogue);
    peer.requests.searches.own_changed(now, me, catalogue, &mut peer.out);
}

/// Tells the index what changed with others, searches that and for others, and ends the searches that are over.
pub(in crate::peer) fn turn_searches(now: Time, peer: &mut PeerMachine) {
    peer.requests.searches.others_changed(now, &mut peer.presence.roster, &mut peer.out);
    let keeps_index = peer.presence.keeps_index() && !peer.departure.is_begun();
    let own = keeps_index.then(|| OwnCatalogue {
        id: peer.own.id(),
        instance: peer.own.instance,
        given: peer.shared.given,
    });
    peer.requests.searches.serve(now, own, &mut peer.out);
    if peer.requests.searches.is_empty() {
        return;
    }
    let is_known = peer.shared.is_scanned && peer.presence.is_known(now);
    let awaits = !is_known && !peer.departure.is_begun();
    let awaited = awaits.then(|| peer.presence.roster.awaited().count() as u64);
    for ended in peer.requests.searches.end_finished(now, awaited, &mut peer.out) {
        end(now, ended, peer);
    }
}

/// Says what there is to say when all rows were told.
fn end(now: Time, ended: EndedSearch, peer: &mut PeerMachine) {
    let EndedSearch { order, more, unindexed, is_late } = ended;
    if is_late {
        peer.presence.waited(now);
    }
    if more > 0 {
        peer.out.reply(order.ask, Reply::FoundMore { more });
    }
    let roster = &peer.presence.roster;
    let mut missing = roster.unlisted(&order.owners);
    if !unindexed.is_empty() {
        missing.entry(UnlistedCause::TooMany).or_default().extend(unindexed);
    }
    for row in unlisted_rows(roster, missing) {
        peer.out.reply(order.ask, Reply::Unlisted(row));
    }
    peer.out.reply(order.ask, Reply::Done);
}
