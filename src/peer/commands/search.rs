//! `search`: what is shared here and by others, by words. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::named::search_ended;
use super::{Answer, Command, Needs, catalogues_until};
use crate::content::HeadNumber;
use crate::control::{self, Reply, SearchRequest, UnlistedCause};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::index::answer::IndexQuestion;
use crate::index::{FileType, IndexEvent, Query, SearchWords};
use crate::peer::custody::CustodyDriver;
use crate::peer::departure::Departure;
use crate::peer::event::AskId;
use crate::peer::limits;
use crate::peer::listing::unlisted_rows;
use crate::peer::machine::PeerMachine;
use crate::peer::own_peer::OwnPeer;
use crate::peer::owners::Owners;
use crate::peer::presence::Presence;
use crate::peer::roster::Roster;
use crate::peer::search::{
    AskingAct, EndedSearch, LARGE_SEARCH, OwnCatalogue, OwnFacts, RowContext, SearchContext, SearchGoal,
    SearchOrder,
};
use crate::peer::shared::SharedFolder;
use crate::receiver::ReceiverCommand;
use crate::receiver::search::FoundOutcome;
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
        if !peer.presence.asks_keepers() {
            peer.presence.pull(now, &mut peer.out);
        }
        let is_large = peer.presence.roster.is_large();
        let until = if is_large { now + LARGE_SEARCH } else { catalogues_until(now, peer) };
        begin(now, SearchOrder { ask, query, owners, until, goal: SearchGoal::Rows }, peer);
        Ok(Answer::Later)
    }
}

/// Begins a search.
pub(super) fn begin(now: Time, order: SearchOrder, peer: &mut PeerMachine) {
    let PeerMachine { own, presence, shared, custody, departure, requests, out, .. } = peer;
    let context = context(own, presence, shared, custody, departure);
    requests.searches.begin(now, order, &context, out);
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

/// What searches go by now.
fn context<'a>(
    own: &OwnPeer,
    presence: &'a Presence,
    shared: &'a SharedFolder,
    custody: &'a CustodyDriver,
    departure: &Departure,
) -> SearchContext<'a> {
    let (me, roster) = (own.id(), &presence.roster);
    let version = shared.given.map_or(0, |given| given.version);
    let own_head = HeadNumber { instance: own.instance, version };
    let holders = presence.offices.holders();
    SearchContext {
        facts: OwnFacts { me, own_head, own: shared.offered_catalogue(), roster, holders },
        rows: RowContext { me, roster, shared, custody },
        asks_keepers: presence.asks_keepers(),
        is_small: !roster.is_large(),
        is_settled: shared.is_scanned && presence.is_settled(),
        is_hurried: departure.is_begun(),
    }
}

/// The index answers.
pub(in crate::peer) fn on_index(now: Time, event: IndexEvent, peer: &mut PeerMachine) {
    let PeerMachine { own, presence, shared, custody, departure, requests, out, .. } = peer;
    match event {
        IndexEvent::Taken => requests.searches.taken(),
        IndexEvent::Found { number, found } => {
            let context = context(own, presence, shared, custody, departure);
            requests.searches.found(now, number, found, &context, out);
        }
    }
}

/// A keeper of the index answers a search, or will not.
pub(in crate::peer) fn on_keeper(
    now: Time,
    keeper: PeerId,
    number: u64,
    outcome: FoundOutcome,
    peer: &mut PeerMachine,
) {
    let PeerMachine { own, presence, shared, custody, departure, requests, .. } = peer;
    let context = context(own, presence, shared, custody, departure);
    let answer = if let FoundOutcome::Came(answer) = outcome { Some(answer) } else { None };
    requests.searches.keeper_answered(now, keeper, number, answer, &context.facts);
}

/// A peer searches the index of this one.
pub(in crate::peer) fn searched(now: Time, search: RemoteSearch, peer: &mut PeerMachine) {
    peer.requests.searches.asked(now, search, &mut peer.out);
}

/// What lies in `shared/` changed.
pub(in crate::peer) fn own_files_changed(now: Time, peer: &mut PeerMachine) {
    let PeerMachine { own, presence, shared, custody, departure, requests, out, .. } = peer;
    let me = own.id();
    requests.searches.own_changed(me, &shared.shelf.catalogue, out);
    let context = context(own, presence, shared, custody, departure);
    requests.searches.search_again(now, &BTreeSet::from([me]), &context.facts, out);
}

/// Tells the index what changed with others, searches that and for others, and ends the searches that are over.
pub(in crate::peer) fn turn_searches(now: Time, peer: &mut PeerMachine) {
    let changed = peer.requests.searches.feed(&mut peer.presence.roster, &mut peer.out);
    let keeps_index = peer.presence.keeps_index() && !peer.departure.is_begun();
    let own = keeps_index.then(|| OwnCatalogue {
        id: peer.own.id(),
        instance: peer.own.instance,
        given: peer.shared.given,
    });
    peer.requests.searches.serve(now, own, &mut peer.out);
    if peer.requests.searches.is_idle() {
        return;
    }
    let PeerMachine { own, presence, shared, custody, departure, requests, out, .. } = peer;
    let searches = &mut requests.searches;
    let context = context(own, presence, shared, custody, departure);
    searches.search_again(now, &changed, &context.facts, out);
    searches.turn(now, &context, out);
    do_acts(now, peer);
    let PeerMachine { own, presence, shared, custody, departure, requests, out, .. } = peer;
    let is_known = shared.is_scanned && presence.is_known(now);
    let awaits = !is_known && !departure.is_begun();
    let awaited = awaits.then(|| presence.roster.awaited().count() as u64);
    let context = self::context(own, presence, shared, custody, departure);
    let patience = |owner| presence.patience_with(now, owner);
    for ended in requests.searches.end_finished(now, awaited, patience, &context, out) {
        end(now, ended, peer);
    }
    do_acts(now, peer);
}

/// Does what searches want done.
fn do_acts(now: Time, peer: &mut PeerMachine) {
    while let Some(act) = peer.requests.searches.poll_act(&mut peer.out) {
        match act {
            AskingAct::Ask { keeper: from, number, judge, known } => {
                let (query, most) = (judge.query().clone(), limits::SEARCH_HITS);
                let search = Arc::new(IndexQuestion { query, most });
                peer.out.receiver(ReceiverCommand::Search { from, number, search, known });
            }
            AskingAct::Pull(owner) => peer.presence.pull_from(now, owner, &mut peer.out),
            AskingAct::Skipped { keeper, about } => {
                let roster = &peer.presence.roster;
                let whose = if about == peer.own.id() { "this peer".to_owned() } else { roster.name(about) };
                let text = format!(
                    "{} ({keeper}) keeps the index, and what it says of the files of {whose} is wrong: it is not \
                     asked any more",
                    roster.name(keeper)
                );
                peer.warnings.warn(text, &mut peer.out);
            }
            // Done where it is polled.
            AskingAct::AskIndex { .. } => {}
        }
    }
}

/// Why the files of these are missing.
fn causes(roster: &Roster, missing: &[PeerId]) -> BTreeMap<UnlistedCause, Vec<PeerId>> {
    let mut all: BTreeMap<UnlistedCause, Vec<PeerId>> = BTreeMap::new();
    for (id, member) in missing.iter().filter_map(|id| Some((*id, roster.member(*id)?))) {
        all.entry(member.missing_cause()).or_default().push(id);
    }
    all
}

/// Says what there is to say when all rows were told.
fn end(now: Time, ended: EndedSearch, peer: &mut PeerMachine) {
    let EndedSearch { order, files, more, unindexed, is_late, missing, late } = ended;
    if missing.is_some() {
        peer.presence.waited_for(now, &late);
    } else if is_late {
        peer.presence.waited(now);
    }
    if order.goal != SearchGoal::Rows {
        return search_ended(now, order.ask, files, peer);
    }
    if more > 0 {
        peer.out.reply(order.ask, Reply::FoundMore { more });
    }
    let roster = &peer.presence.roster;
    let mut missing =
        missing.map_or_else(|| roster.unlisted(&order.owners), |missing| causes(roster, &missing));
    if !unindexed.is_empty() {
        missing.entry(UnlistedCause::TooMany).or_default().extend(unindexed);
    }
    for row in unlisted_rows(roster, missing) {
        peer.out.reply(order.ask, Reply::Unlisted(row));
    }
    peer.out.reply(order.ask, Reply::Done);
}
