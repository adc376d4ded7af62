//! Searches that run: the index is asked, its answers are told, and what comes meanwhile is searched, too. Pure.
//!
//! The index (index/host.rs) runs in a thread of its own. What each peer shares is passed on to it as it comes, so
//! that it knows all when somebody searches. A search is answered from what is there at once; while catalogues are on
//! their way it stays open, and each one that comes is searched alone. In a large network this peer knows the
//! catalogues of few: then it asks those who keep an index of all (`asking/`).

mod asking;
mod coverage;
mod feeding;
mod rows;
mod running;
mod serving;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use self::asking::Asking;
pub(super) use self::asking::{AskingAct, OwnFacts};
use self::feeding::Feeding;
use self::running::RunningSearch;
use self::serving::SearchServer;
use super::event::AskId;
use super::limits;
use super::output::{Outputs, PeerOutput};
use super::owners::Owners;
use super::roster::Roster;
use crate::content::Catalogue;
use crate::identity::PeerId;
use crate::index::answer::IndexAnswer;
use crate::index::{FoundFiles, IndexCommand, Query};
use crate::sender::searches::RemoteSearch;
use crate::time::Time;

pub(super) use self::feeding::OwnCatalogue;
pub(super) use self::rows::RowContext;
pub(super) use self::running::{EndedSearch, NamedFile};

/// In a large network a search takes this long, at most.
pub(super) const LARGE_SEARCH: Duration = Duration::from_secs(2);

/// A completion takes this long, at most: less than the prompt waits for it.
const COMPLETION: Duration = Duration::from_millis(150);

/// A search that is to be begun.
#[derive(Debug)]
pub(super) struct SearchOrder {
    /// Who is answered.
    pub(super) ask: AskId,
    pub(super) query: Query,
    /// Whose files are wanted.
    pub(super) owners: Owners,
    /// It ends then, whatever is still on its way.
    pub(super) until: Time,
    pub(super) goal: SearchGoal,
}

/// What is wanted of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchGoal {
    /// Rows, told as they are found.
    Rows,
    /// Those who share what is found.
    Owners,
    /// Where it lies, as far as that is found while a user waits for the completion of a word.
    Paths,
}

impl SearchGoal {
    /// In a large network it takes this long, at most.
    pub(super) const fn longest(self) -> Duration {
        match self {
            Self::Rows | Self::Owners => LARGE_SEARCH,
            Self::Paths => COMPLETION,
        }
    }
}

/// What searches are told by, and how far this peer knows others.
#[derive(Clone, Copy)]
pub(super) struct SearchContext<'a> {
    pub(super) facts: OwnFacts<'a>,
    pub(super) rows: RowContext<'a>,
    /// Others keep an index of what all share, and this peer knows but some of it.
    pub(super) asks_keepers: bool,
    /// So few are here that everybody knows what all share.
    pub(super) is_small: bool,
    /// It is known who is here, and what this peer shares.
    pub(super) is_settled: bool,
    /// Whoever waits is to be answered now, with what is there.
    pub(super) is_hurried: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Searches {
    feeding: Feeding,
    asking: Asking,
    last: u64,
    running: BTreeMap<u64, RunningSearch>,
    /// Those of others.
    serving: SearchServer,
}

impl Searches {
    /// Begins one.
    pub(super) fn begin(
        &mut self,
        now: Time,
        order: SearchOrder,
        context: &SearchContext<'_>,
        out: &mut Outputs,
    ) {
        let facts = &context.facts;
        self.feeding.feed_absent(facts.roster, out);
        self.last += 1;
        let mut search = RunningSearch::new(now, self.last, order);
        search.set_large(context.asks_keepers);
        let owners = context.asks_keepers.then(|| facts.searched_here(&search.order.owners));
        search.ask(owners, out);
        self.running.insert(self.last, search);
    }

    /// This peer shares something else now.
    pub(super) fn own_changed(&mut self, me: PeerId, catalogue: &Catalogue, out: &mut Outputs) {
        self.feeding.feed_own(me, catalogue, out);
    }

    /// Tells the index what others share now, or that they are gone. Returns whose files are others.
    pub(super) fn feed(&mut self, roster: &mut Roster, out: &mut Outputs) -> BTreeSet<PeerId> {
        self.feeding.feed(roster, out)
    }

    /// What these share is there now, or was changed: what is searched for may be among it. It is searched for the time
    /// of a search only, so that whoever changes something all the time makes none last.
    pub(super) fn search_again(
        &mut self,
        now: Time,
        owners: &BTreeSet<PeerId>,
        facts: &OwnFacts<'_>,
        out: &mut Outputs,
    ) {
        for search in self.running.values_mut().filter(|search| now < search.order.until) {
            owners.iter().for_each(|owner| search.changed(*owner, facts, out));
        }
    }

    /// The index has taken over what it was told last.
    pub(super) fn taken(&mut self) {
        self.feeding.taken();
    }

    /// A peer searches the index of this one.
    pub(super) fn asked(&mut self, now: Time, search: RemoteSearch, out: &mut Outputs) {
        self.serving.asked(now, search, out);
    }

    /// Has the index look for what others search; `None`: this peer keeps it for nobody.
    pub(super) fn serve(&mut self, now: Time, own: Option<OwnCatalogue>, out: &mut Outputs) {
        let Some(own) = own.filter(|_| !self.feeding.coverage.is_empty()) else {
            return self.serving.refuse_all(out);
        };
        if self.serving.may_ask() {
            let head = self.feeding.own_head(&own);
            self.feeding.coverage.set(own.id, head);
            self.last += 1;
            self.serving.ask_next(now, self.last, &self.feeding.coverage, own.instance.random, out);
        }
    }

    /// The index answers a question.
    pub(super) fn found(
        &mut self,
        now: Time,
        number: u64,
        found: FoundFiles,
        context: &SearchContext<'_>,
        out: &mut Outputs,
    ) {
        let coverage = &mut self.feeding.coverage;
        let Some(found) = self.serving.found(number, found, coverage, out) else { return };
        let (facts, asking) = (&context.facts, &mut self.asking);
        let Some(search) = self.running.get_mut(&number) else {
            return asking.index_found(now, number, &found.files, facts);
        };
        if let Some(keepers) = &mut search.keepers {
            keepers.own_found(now, &found.files, facts, asking);
        }
        search.own_found(found, &context.rows, out);
    }

    /// A keeper of the index answers a question; `None`: it does not.
    pub(super) fn keeper_answered(
        &mut self,
        now: Time,
        keeper: PeerId,
        number: u64,
        answer: Option<IndexAnswer>,
        facts: &OwnFacts<'_>,
    ) {
        let asking = &mut self.asking;
        match self.running.get_mut(&number).and_then(|search| search.keepers.as_mut()) {
            Some(search) => search.answered(now, keeper, answer, facts, asking),
            // What it covers is worth knowing all the same.
            None => asking.answered_late(keeper, number, answer, &facts.holders),
        }
    }

    /// Does what is due with keepers of the index. [`Self::poll_act`] says what follows.
    pub(super) fn turn(&mut self, now: Time, context: &SearchContext<'_>, out: &mut Outputs) {
        for search in self.running.values_mut() {
            if context.asks_keepers || context.is_small {
                search.set_large(context.asks_keepers);
            }
            search.turn_keepers(now, context, &mut self.asking, out);
        }
        self.asking.turn(now, &context.facts, !self.feeding.is_behind(), &mut self.last);
    }

    /// What is to be done next for searches.
    pub(super) fn poll_act(&mut self, out: &mut Outputs) -> Option<AskingAct> {
        loop {
            match self.asking.poll_act()? {
                AskingAct::AskIndex { number, judge, owner } => {
                    let query = Query { owners: Some(BTreeSet::from([owner])), ..judge.query().clone() };
                    let most = limits::SEARCH_HITS;
                    out.push(PeerOutput::Index(IndexCommand::Search { number, query, most }));
                }
                act => return Some(act),
            }
        }
    }

    /// Ends those that are over, and returns them in the order of their beginning. `awaited`: something is still on
    /// its way, the catalogues of so many peers; `patience`: how long one that was pulled in a large network is waited
    /// for.
    pub(super) fn end_finished(
        &mut self,
        now: Time,
        awaited: Option<u64>,
        patience: impl Fn(PeerId) -> Duration,
        context: &SearchContext<'_>,
        out: &mut Outputs,
    ) -> Vec<EndedSearch> {
        let mut ended = Vec::new();
        let numbers: Vec<u64> = self.running.keys().copied().collect();
        for number in numbers {
            let Some(search) = self.running.get_mut(&number).filter(|search| search.asked == 0) else {
                continue;
            };
            let is_late = now >= search.order.until;
            let awaited = match &search.keepers {
                Some(_) => search.awaited(now, &patience, context),
                None => awaited,
            };
            if let Some(awaited) = awaited.filter(|_| !is_late) {
                search.tell_progress(awaited, out);
                continue;
            }
            if self.feeding.is_behind() && !is_late {
                continue;
            }
            if let Some(search) = self.running.remove(&number) {
                ended.push(search.end(now, awaited.is_some(), context, &mut self.asking, out));
            }
        }
        ended
    }

    /// True if none runs, and nothing else is to be done.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.asking.is_idle()
    }

    /// When [`Self::turn`] and [`Self::end_finished`] are due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = self.running.values().filter_map(RunningSearch::poll_timeout);
        due.chain(self.asking.poll_timeout()).min()
    }
}
