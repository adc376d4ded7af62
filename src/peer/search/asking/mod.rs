//! Searches in a large network, as whoever keeps no index asks them. Pure; `search/mod.rs` hosts it.
//!
//! Supernode and deputy are asked both, and what either finds is told. What neither covers is pulled from its owner and
//! searched here. Nobody is believed: where two differ, or an answer differs from what this peer knows, the catalogue
//! that the owner signed decides, and whoever is found wrong is not asked any more. docs/INDEX.md says what that comes
//! to.

mod answer;
mod coverage;
mod facts;
mod keeper_search;
mod liars;
mod spot_check;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::coverage::{CoverageList, CoverageLists};
pub(in crate::peer) use self::facts::OwnFacts;
pub(super) use self::keeper_search::{KeeperHit, KeeperSearch};
use self::liars::Liars;
use self::spot_check::{CheckStep, SpotChecks};
use crate::identity::PeerId;
use crate::index::answer::{CoverageVersion, IndexAnswer};
use crate::index::{FoundFile, QueryJudge};
use crate::peer::limits;
use crate::time::Time;

/// What is to be done.
#[derive(Debug)]
pub(in crate::peer) enum AskingAct {
    /// A keeper is to be asked this, under this number.
    Ask { keeper: PeerId, number: u64, judge: Arc<QueryJudge>, known: Option<CoverageVersion> },
    /// The index of this peer is to be asked which files of an owner answer, under this number.
    AskIndex { number: u64, judge: Arc<QueryJudge>, owner: PeerId },
    /// The catalogue of an owner is to be pulled, if what it announced is not known.
    Pull(PeerId),
    /// A keeper is skipped from now on, for it was wrong about this owner.
    Skipped { keeper: PeerId, about: PeerId },
}

/// What all searches have in common.
#[derive(Debug, Default)]
pub(super) struct Asking {
    lists: CoverageLists,
    /// What was known of the coverage of a keeper when it was asked, by search and keeper, until it answers.
    asked: BTreeMap<(u64, PeerId), CoverageList>,
    liars: Liars,
    checks: SpotChecks,
    acts: VecDeque<AskingAct>,
}

impl Asking {
    /// What is to be done next.
    pub(super) fn poll_act(&mut self) -> Option<AskingAct> {
        self.acts.pop_front()
    }

    /// Asks a keeper.
    fn ask(&mut self, keeper: PeerId, number: u64, judge: &Arc<QueryJudge>) {
        let list = self.lists.of(keeper);
        let (known, judge) = (list.version(), Arc::clone(judge));
        self.acts.push_back(AskingAct::Ask { keeper, number, judge, known });
        if self.asked.len() >= limits::KEEPERS_ASKED {
            self.asked.pop_first();
        }
        self.asked.insert((number, keeper), list);
    }

    /// A keeper answers a search that is over, or will not. What it covers is worth knowing all the same.
    pub(super) fn answered_late(
        &mut self,
        keeper: PeerId,
        number: u64,
        answer: Option<IndexAnswer>,
        holders: &[Option<PeerId>],
    ) {
        let _late = self.learn(keeper, number, answer, holders);
    }

    /// Takes what a keeper says that it covers, and returns that with its answer.
    fn learn(
        &mut self,
        keeper: PeerId,
        number: u64,
        answer: Option<IndexAnswer>,
        holders: &[Option<PeerId>],
    ) -> Option<(CoverageList, IndexAnswer)> {
        let asked = self.asked.remove(&(number, keeper));
        let (asked, answer) = asked.zip(answer)?;
        let Some(list) = asked.after(&answer.coverage) else {
            self.lists.forget(keeper);
            return None;
        };
        self.lists.learn(keeper, list.clone(), holders);
        Some((list, answer))
    }

    /// A keeper was wrong about an owner.
    fn wrong(&mut self, now: Time, keeper: PeerId, about: PeerId, facts: &OwnFacts<'_>) {
        let Some(instance) = facts.instance(keeper) else { return };
        let host = facts.roster.account_host(about);
        if about != facts.me && host.is_none() {
            return;
        }
        if self.liars.wrong(now, keeper, instance, host.filter(|_| about != facts.me)) {
            self.lists.forget(keeper);
            self.acts.push_back(AskingAct::Skipped { keeper, about });
        }
    }

    /// A search ended: one owner is looked at.
    pub(super) fn check(&mut self, now: Time, search: &KeeperSearch, facts: &OwnFacts<'_>) {
        let owner = self.checks.begin(
            now,
            search.judge(),
            search.answers().map(|(keeper, answer)| (keeper, Arc::clone(answer))).collect(),
            facts,
        );
        self.acts.extend(owner.map(AskingAct::Pull));
    }

    /// Goes on with looking at owners. `is_fed`: the index knows what is known here; `number` is counted up for what
    /// it is asked.
    pub(super) fn turn(&mut self, now: Time, facts: &OwnFacts<'_>, is_fed: bool, number: &mut u64) {
        for step in self.checks.turn(now, facts, is_fed, number) {
            match step {
                CheckStep::Ask(judge, owner) => {
                    self.acts.push_back(AskingAct::AskIndex { number: *number, judge, owner });
                }
                CheckStep::Wrong(keeper, owner) => self.wrong(now, keeper, owner, facts),
            }
        }
    }

    /// The index answers a question that is of no search.
    pub(super) fn index_found(&mut self, now: Time, number: u64, found: &[FoundFile], facts: &OwnFacts<'_>) {
        for (keeper, about) in self.checks.found(number, found, facts).into_iter().flatten() {
            self.wrong(now, keeper, about, facts);
        }
    }

    /// True if nothing is under way, and nothing is to be done.
    pub(super) fn is_idle(&self) -> bool {
        self.acts.is_empty() && self.checks.poll_timeout().is_none()
    }

    /// When [`Self::turn`] is due, if nothing comes before.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.checks.poll_timeout()
    }
}
