//! One search that runs: what was told of it, and what is still to come. Pure.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::asking::{Asking, KeeperSearch, OwnFacts};
use super::rows::{FoundRow, RowContext};
use super::{LARGE_SEARCH, SearchContext, SearchGoal, SearchOrder};
use crate::content::{Claim, SafePath};
use crate::control::{Reply, SearchProgress};
use crate::identity::PeerId;
use crate::index::{FoundFiles, IndexCommand, QueryJudge};
use crate::peer::limits;
use crate::peer::output::{Outputs, PeerOutput};
use crate::time::Time;

/// A search that runs.
#[derive(Debug)]
pub(super) struct RunningSearch {
    pub(super) number: u64,
    pub(super) order: SearchOrder,
    /// When it began.
    begun: Time,
    /// Questions that the index of this peer has not answered.
    pub(super) asked: usize,
    /// The contents that were told, so that none is told twice, however many share it under whatever path; and on
    /// whose word, if it is that of a keeper alone.
    told: BTreeMap<Claim, Option<PeerId>>,
    /// What was found instead, if no rows are wanted.
    files: Vec<NamedFile>,
    /// Files beside those that this peer found itself.
    more: u64,
    /// Owners whose files the index of this peer could not take.
    unindexed: BTreeSet<PeerId>,
    /// How far it was told to be.
    progress: Option<SearchProgress>,
    /// In a large network: what keepers of the index are asked.
    pub(super) keepers: Option<KeeperSearch>,
    /// Those of whom an old catalogue was searched, for nothing better is there.
    searched_old: BTreeSet<PeerId>,
    /// When it is to be looked at again.
    pub(super) wake: Option<Time>,
}

/// A file that a search found that is to find owners.
#[derive(Clone, Debug)]
pub(in crate::peer) struct NamedFile {
    pub(in crate::peer) path: SafePath,
    /// Some of those who share its content, whoever lists it at this path first.
    pub(in crate::peer) owners: Vec<PeerId>,
    /// Those who share it.
    pub(in crate::peer) copies: u32,
}

/// A search of which all rows were told.
#[derive(Debug)]
pub(in crate::peer) struct EndedSearch {
    pub(in crate::peer) order: SearchOrder,
    /// What was found, if no rows of it are told.
    pub(in crate::peer) files: Vec<NamedFile>,
    /// Files that were found and not told.
    pub(in crate::peer) more: u64,
    /// Owners whose files could not be searched: there is no place for so many.
    pub(in crate::peer) unindexed: BTreeSet<PeerId>,
    /// Something that it waited for did not come.
    pub(in crate::peer) is_late: bool,
    /// In a large network: those whose files are missing.
    pub(in crate::peer) missing: Option<Vec<PeerId>>,
    /// Of them those for whom it waited long enough.
    pub(in crate::peer) late: Vec<PeerId>,
}

impl RunningSearch {
    pub(super) const fn new(now: Time, number: u64, order: SearchOrder) -> Self {
        Self {
            number,
            order,
            begun: now,
            asked: 0,
            told: BTreeMap::new(),
            files: Vec::new(),
            more: 0,
            unindexed: BTreeSet::new(),
            progress: None,
            keepers: None,
            searched_old: BTreeSet::new(),
            wake: None,
        }
    }

    /// Asks the index for what these share, or all of the wanted owners.
    pub(super) fn ask(&mut self, of: Option<BTreeSet<PeerId>>, out: &mut Outputs) {
        let mut query = self.order.query.clone();
        if let Some(mut owners) = of {
            owners.retain(|owner| self.order.owners.has(*owner));
            if owners.is_empty() {
                return;
            }
            query.owners = Some(owners);
        }
        self.asked += 1;
        let (number, most) = (self.number, limits::SEARCH_HITS);
        out.push(PeerOutput::Index(IndexCommand::Search { number, query, most }));
    }

    /// What an owner shares changed, or became known.
    pub(super) fn changed(&mut self, owner: PeerId, facts: &OwnFacts<'_>, out: &mut Outputs) {
        // In a large network what is known of most owners is old.
        let is_old = self.keepers.is_some()
            && owner != facts.me
            && facts.roster.member(owner).is_some()
            && !facts.has_current(owner);
        if !is_old {
            self.ask(Some(BTreeSet::from([owner])), out);
        }
    }

    /// From now on keepers are asked, or, as the network is small, none is.
    pub(super) fn set_large(&mut self, is_large: bool) {
        match (is_large, self.keepers.is_some()) {
            (true, false) => {
                self.keepers =
                    Some(KeeperSearch::new(self.number, QueryJudge::new(self.order.query.clone())));
                self.order.until = self.begun + self.order.goal.longest();
            }
            (false, true) => self.keepers = None,
            _ => {}
        }
    }

    /// Tells what the index of this peer found, the best first, as far as there is a place for it.
    pub(super) fn own_found(&mut self, found: FoundFiles, rows: &RowContext<'_>, out: &mut Outputs) {
        self.asked -= 1;
        self.more += found.more;
        self.unindexed.extend(found.unindexed.into_iter().filter(|owner| self.order.owners.has(*owner)));
        if self.order.goal != SearchGoal::Rows {
            let hits = found.files.into_iter().map(|found| found.hit);
            return self.note(hits.map(|hit| NamedFile {
                path: hit.path,
                owners: hit.owners,
                copies: hit.copies,
            }));
        }
        for row in rows.rows(&found.files) {
            if !self.tell(row, None, out) {
                self.more += 1;
            }
        }
    }

    /// Does what is due with keepers, and tells what they found.
    pub(super) fn turn_keepers(
        &mut self,
        now: Time,
        context: &SearchContext<'_>,
        asking: &mut Asking,
        out: &mut Outputs,
    ) {
        let SearchContext { facts, rows, is_settled, .. } = context;
        let is_settled = *is_settled;
        let Some(keepers) = &mut self.keepers else { return };
        keepers.turn(now, &self.order.owners, is_settled, facts, asking);
        if is_settled && !keepers.awaits_keepers() {
            let missing = keepers.missing(&self.order.owners, facts);
            let is_old = |owner: &PeerId| facts.roster.catalogue(*owner).is_some();
            let mut old: BTreeSet<PeerId> = missing.into_iter().filter(is_old).collect();
            old.retain(|owner| self.searched_old.insert(*owner));
            if !old.is_empty() {
                self.ask(Some(old), out);
            }
        }
        self.tell_hits(facts, rows, false, out);
    }

    /// Tells hits of keepers for which there is a place. `is_end`: those, too, of which nobody decided whether they are so.
    fn tell_hits(&mut self, facts: &OwnFacts<'_>, rows: &RowContext<'_>, is_end: bool, out: &mut Outputs) {
        if self.is_full() {
            return;
        }
        let hits = self.keepers.as_mut().map(|keepers| keepers.take_hits(facts, is_end)).unwrap_or_default();
        let is_wanted = |owner: &PeerId| self.order.owners.has(*owner);
        let hits: Vec<_> = hits.into_iter().filter(|hit| hit.owners.iter().any(is_wanted)).collect();
        if self.order.goal != SearchGoal::Rows {
            return self.note(hits.into_iter().map(|hit| NamedFile {
                path: hit.found.hit.path,
                owners: hit.owners,
                copies: hit.found.hit.copies,
            }));
        }
        let all = rows.keeper_rows(&hits);
        for (row, hit) in all.into_iter().zip(hits) {
            let by = Some(hit.by);
            if !self.tell(row, by, out)
                && let Some(keepers) = &mut self.keepers
            {
                keepers.put_back(hit);
            }
        }
    }

    /// Remembers what was found.
    fn note(&mut self, files: impl Iterator<Item = NamedFile>) {
        let places = limits::NAMED_FILES.saturating_sub(self.files.len());
        self.files.extend(files.take(places));
    }

    /// True if as many were told as there is a place for. What a liar filled it with takes none.
    fn is_full(&self) -> bool {
        let most = limits::SEARCH_HITS;
        let counts = |by: &&Option<PeerId>| !self.is_discarded(by.as_ref());
        self.told.len() >= most && self.told.values().filter(counts).count() >= most
    }

    /// True if this is a keeper whose word does not count.
    fn is_discarded(&self, by: Option<&PeerId>) -> bool {
        let keepers = self.keepers.as_ref();
        by.is_some_and(|by| keepers.is_some_and(|keepers| keepers.is_discarded(*by)))
    }

    /// Tells a row, if it was not told. False if there is no place for it.
    fn tell(&mut self, row: FoundRow, by: Option<PeerId>, out: &mut Outputs) -> bool {
        // What a liar told is told again, as it is.
        if self.told.get(&row.claim).is_some_and(|by| !self.is_discarded(by.as_ref())) {
            return true;
        }
        if self.is_full() {
            return false;
        }
        self.told.insert(row.claim, by);
        out.reply(self.order.ask, Reply::File(row.row));
        true
    }

    /// Files that were found and not told, as far as that is known: who counted them counts some twice, or not at all.
    fn more(&self) -> u64 {
        let keepers = self.keepers.as_ref().map_or(0, KeeperSearch::found);
        self.more.max(keepers.saturating_sub(self.told.len() as u64))
    }

    /// Says how far it is, if that was not said yet.
    pub(super) fn tell_progress(&mut self, awaited: u64, out: &mut Outputs) {
        let progress = SearchProgress { found: self.told.len() as u64 + self.more(), awaited };
        if self.order.goal == SearchGoal::Rows && self.progress != Some(progress) {
            self.progress = Some(progress);
            out.reply(self.order.ask, Reply::Searching(progress));
        }
    }

    /// In a large network: of how many peers the files are still to be searched; `None`: of none.
    pub(super) fn awaited(
        &mut self,
        now: Time,
        patience: impl Fn(PeerId) -> Duration,
        context: &SearchContext<'_>,
    ) -> Option<u64> {
        let keepers = self.keepers.as_ref().filter(|_| !context.is_hurried)?;
        let (owners, facts) = (&self.order.owners, &context.facts);
        let until = keepers.awaited(owners, facts).map(|(owner, since)| since + patience(owner));
        self.wake = until.filter(|until| *until > now).min();
        let waits = self.wake.is_some() || keepers.awaits_keepers() || !context.is_settled;
        waits.then(|| (keepers.missing(owners, facts).len() as u64).max(1))
    }

    /// When it is to be looked at again.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let keepers = self.keepers.as_ref();
        let asked = keepers.and_then(KeeperSearch::poll_timeout);
        let wake = self.wake.filter(|_| keepers.is_some());
        let end = [Some(self.order.until), wake].into_iter().flatten().filter(|_| self.asked == 0);
        end.chain(asked).min()
    }

    /// It is over.
    pub(super) fn end(
        mut self,
        now: Time,
        is_late: bool,
        context: &SearchContext<'_>,
        asking: &mut Asking,
        out: &mut Outputs,
    ) -> EndedSearch {
        let SearchContext { facts, rows, .. } = context;
        self.tell_hits(facts, rows, true, out);
        let more = self.more();
        let Self { order, files, mut unindexed, keepers, .. } = self;
        let (mut missing, mut late) = (None, Vec::new());
        if let Some(keepers) = keepers {
            let lacking = keepers.missing(&order.owners, facts);
            let is_covered = |owner: PeerId| keepers.covers(owner, facts);
            unindexed.retain(|owner| !is_covered(*owner));
            let awaited = keepers.awaited(&order.owners, facts);
            late = awaited.filter(|(_, since)| *since + LARGE_SEARCH / 2 <= now).map(|(id, _)| id).collect();
            missing = Some(lacking);
            asking.check(now, &keepers, facts);
        }
        EndedSearch { order, files, more, unindexed, is_late, missing, late }
    }
}
