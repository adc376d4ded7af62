//! Searches that run: the index is asked, its answers are told, and what comes meanwhile is searched, too. Pure.
//!
//! The index (index/host.rs) runs in a thread of its own. What each peer shares is passed on to it as it comes, so
//! that it knows all when somebody searches. A search is answered from what is there at once; while catalogues are on
//! their way it stays open, and each one that comes is searched alone.

mod coverage;
mod feeding;
mod rows;
mod serving;

use std::collections::{BTreeMap, BTreeSet};

use self::feeding::Feeding;
use self::serving::SearchServer;
use super::event::AskId;
use super::limits;
use super::output::{Outputs, PeerOutput};
use super::owners::Owners;
use super::roster::Roster;
use crate::content::{Catalogue, Claim};
use crate::control::{Reply, SearchProgress};
use crate::identity::PeerId;
use crate::index::{FoundFiles, IndexCommand, Query};
use crate::sender::searches::RemoteSearch;
use crate::time::Time;

pub(super) use self::feeding::OwnCatalogue;
pub(super) use self::rows::RowContext;

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
}

/// A search that runs.
#[derive(Debug)]
struct RunningSearch {
    order: SearchOrder,
    /// Questions that the index has not answered.
    asked: usize,
    /// The contents that were told, so that none is told twice, however many share it under whatever path.
    told: BTreeSet<Claim>,
    /// Files beside those.
    more: u64,
    /// Owners whose files could not be searched.
    unindexed: BTreeSet<PeerId>,
    /// How far it was told to be.
    progress: Option<SearchProgress>,
}

impl RunningSearch {
    /// Asks the index for what these of the wanted owners share.
    fn ask(&mut self, number: u64, of: Option<PeerId>, out: &mut Outputs) {
        let wanted = of.is_none_or(|owner| self.order.owners.has(owner));
        if !wanted {
            return;
        }
        let mut query = self.order.query.clone();
        if let Some(owner) = of {
            query.owners = Some(BTreeSet::from([owner]));
        }
        self.asked += 1;
        out.push(PeerOutput::Index(IndexCommand::Search { number, query, most: limits::SEARCH_HITS }));
    }

    /// Tells what was found, the best first, as far as there is a place for it.
    fn tell(&mut self, found: FoundFiles, rows: &RowContext<'_>, out: &mut Outputs) {
        self.more += found.more;
        self.unindexed.extend(found.unindexed.into_iter().filter(|owner| self.order.owners.has(*owner)));
        for row in rows.rows(&found.files) {
            if self.told.contains(&row.claim) {
                continue;
            }
            if self.told.len() >= limits::SEARCH_HITS {
                self.more += 1;
                continue;
            }
            self.told.insert(row.claim);
            out.reply(self.order.ask, Reply::File(row.row));
        }
    }

    /// Says how far it is, if that was not said yet.
    fn tell_progress(&mut self, awaited: u64, out: &mut Outputs) {
        let progress = SearchProgress { found: self.told.len() as u64 + self.more, awaited };
        if self.progress != Some(progress) {
            self.progress = Some(progress);
            out.reply(self.order.ask, Reply::Searching(progress));
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Searches {
    feeding: Feeding,
    last: u64,
    running: BTreeMap<u64, RunningSearch>,
    /// Those of others.
    serving: SearchServer,
}

impl Searches {
    /// Begins one.
    pub(super) fn begin(&mut self, order: SearchOrder, roster: &Roster, out: &mut Outputs) {
        self.feeding.feed_absent(roster, out);
        self.last += 1;
        let mut search = RunningSearch {
            order,
            asked: 0,
            told: BTreeSet::new(),
            more: 0,
            unindexed: BTreeSet::new(),
            progress: None,
        };
        search.ask(self.last, None, out);
        self.running.insert(self.last, search);
    }

    /// This peer shares something else now.
    pub(super) fn own_changed(&mut self, now: Time, me: PeerId, catalogue: &Catalogue, out: &mut Outputs) {
        self.feeding.feed_own(me, catalogue, out);
        self.search_again(now, &BTreeSet::from([me]), out);
    }

    /// Others may share something else now, or be gone.
    pub(super) fn others_changed(&mut self, now: Time, roster: &mut Roster, out: &mut Outputs) {
        let changed = self.feeding.feed(roster, out);
        self.search_again(now, &changed, out);
    }

    /// What these share is there now, or was changed: what is searched for may be among it. It is searched for the time
    /// of a search only, so that whoever changes something all the time makes none last.
    fn search_again(&mut self, now: Time, owners: &BTreeSet<PeerId>, out: &mut Outputs) {
        for (number, search) in self.running.iter_mut().filter(|(_, search)| now < search.order.until) {
            owners.iter().for_each(|owner| search.ask(*number, Some(*owner), out));
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

    /// The index answers a question of this search.
    pub(super) fn found(&mut self, number: u64, found: FoundFiles, rows: &RowContext<'_>, out: &mut Outputs) {
        let coverage = &mut self.feeding.coverage;
        let Some(found) = self.serving.found(number, found, coverage, out) else { return };
        if let Some(search) = self.running.get_mut(&number) {
            search.asked -= 1;
            search.tell(found, rows, out);
        }
    }

    /// Ends those that are over, and returns them in the order of their beginning. `awaited`: something is still on
    /// its way, the catalogues of so many peers.
    pub(super) fn end_finished(
        &mut self,
        now: Time,
        awaited: Option<u64>,
        out: &mut Outputs,
    ) -> Vec<EndedSearch> {
        let mut ended = Vec::new();
        let numbers: Vec<u64> = self.running.keys().copied().collect();
        for number in numbers {
            let Some(search) = self.running.get_mut(&number).filter(|search| search.asked == 0) else {
                continue;
            };
            let is_late = now >= search.order.until;
            if let Some(awaited) = awaited.filter(|_| !is_late) {
                search.tell_progress(awaited, out);
                continue;
            }
            if self.feeding.is_behind() && !is_late {
                continue;
            }
            if let Some(search) = self.running.remove(&number) {
                let RunningSearch { order, more, unindexed, .. } = search;
                ended.push(EndedSearch { order, more, unindexed, is_late: awaited.is_some() });
            }
        }
        ended
    }

    /// True if none runs.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// When [`Self::end_finished`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = self.running.values().filter(|search| search.asked == 0).map(|search| search.order.until);
        due.min()
    }
}

/// A search of which all rows were told.
#[derive(Debug)]
pub(super) struct EndedSearch {
    pub(super) order: SearchOrder,
    /// Files that were found and not told.
    pub(super) more: u64,
    /// Owners whose files could not be searched: there is no place for so many.
    pub(super) unindexed: BTreeSet<PeerId>,
    /// Something that it waited for did not come.
    pub(super) is_late: bool,
}
