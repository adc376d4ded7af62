//! After a search one owner that a keeper covered is looked at: does the answer agree with what the owner signed? Pure.
//! So keepers that lie together are found out in the course of time.

use core::time::Duration;
use std::sync::Arc;

use super::answer::KeeperAnswer;
use super::coverage::is_current;
use super::facts::OwnFacts;
use crate::content::HeadNumber;
use crate::identity::PeerId;
use crate::index::{FoundFile, QueryJudge};
use crate::peer::owners::Owners;
use crate::time::Time;

/// So long is the catalogue waited for.
const CHECK: Duration = Duration::from_secs(10);

/// From one check to the next, at least: a search more often costs no more.
const REST: Duration = Duration::from_secs(1);

/// And so long for each MiB that the catalogue took: whoever searches all the time has no more than that on the wire.
const REST_OF_MIB: Duration = Duration::from_secs(1);

/// A check that is under way.
#[derive(Debug)]
pub(super) struct SpotCheck {
    pub(super) owner: PeerId,
    announced: HeadNumber,
    judge: Arc<QueryJudge>,
    answers: Vec<(PeerId, Arc<KeeperAnswer>)>,
    until: Time,
    /// The number of the question to the index of this peer: which files of it answer?
    question: Option<u64>,
}

/// What is to be done for a check.
#[derive(Debug)]
pub(super) enum CheckStep {
    /// The index is to be asked under this number which files of the owner answer.
    Ask(Arc<QueryJudge>, PeerId),
    /// A keeper was wrong about the owner.
    Wrong(PeerId, PeerId),
}

/// One at a time.
#[derive(Debug, Default)]
pub(super) struct SpotChecks {
    rests_until: Option<Time>,
    open: Option<SpotCheck>,
}

impl SpotChecks {
    /// Chooses an owner that was covered, and whose catalogue is not known here. Returns whose catalogue is to be pulled.
    /// By the nanosecond at which a search ends nobody else can tell whom that will be.
    pub(super) fn begin(
        &mut self,
        now: Time,
        judge: &Arc<QueryJudge>,
        answers: Vec<(PeerId, Arc<KeeperAnswer>)>,
        facts: &OwnFacts<'_>,
    ) -> Option<PeerId> {
        if self.open.is_some() || self.rests_until.is_some_and(|until| now < until) {
            return None;
        }
        let is_covered = |owner: PeerId, announced: HeadNumber| {
            let covered = answers.iter().filter_map(|(_, answer)| answer.covers(owner));
            covered.into_iter().any(|covered| is_current(covered, announced))
        };
        let is_unknown = |owner: PeerId| facts.known(owner).is_none() && !facts.is_pulled(owner);
        let all: Vec<_> = facts
            .sharing(&judge_owners(judge))
            .filter(|(owner, announced)| is_unknown(*owner) && is_covered(*owner, *announced))
            .collect();
        let chosen = blake3::hash(&now.0.to_le_bytes());
        let [a, b, c, d, ..] = *chosen.as_bytes();
        let at = u32::from_le_bytes([a, b, c, d]) as usize % all.len().max(1);
        let (owner, announced) = *all.get(at)?;
        let judge = Arc::clone(judge);
        self.open = Some(SpotCheck { owner, announced, judge, answers, until: now + CHECK, question: None });
        self.rests_until = Some(now + REST);
        Some(owner)
    }

    /// Goes on with what came. `is_fed`: the index knows what is known here; `number` is that of its next question.
    pub(super) fn turn(
        &mut self,
        now: Time,
        facts: &OwnFacts<'_>,
        is_fed: bool,
        number: &mut u64,
    ) -> Vec<CheckStep> {
        let mut steps = Vec::new();
        let Some(check) = &mut self.open else { return steps };
        let owner = check.owner;
        let is_failed = !facts.is_pulled(owner) && facts.known(owner).is_none();
        if facts.announced(owner).is_none() || now >= check.until || is_failed {
            self.open = None;
            return steps;
        }
        let came = facts.known(owner).filter(|(known, _)| *known >= check.announced);
        let Some((known, catalogue)) = came.filter(|_| is_fed && check.question.is_none()) else {
            return steps;
        };
        for (keeper, answer) in &check.answers {
            let covered = answer.covers(owner);
            // It was pulled after the answer came.
            let is_too_new = covered.is_some_and(|covered| covered > known);
            let is_same = covered == Some(known);
            if is_too_new || is_same && answer.misnames(owner, catalogue) {
                steps.push(CheckStep::Wrong(*keeper, owner));
            }
        }
        *number += 1;
        check.question = Some(*number);
        let mib = u32::try_from(catalogue.memory() >> 20).unwrap_or(u32::MAX);
        self.rests_until = Some(now + REST.max(REST_OF_MIB * mib));
        steps.push(CheckStep::Ask(Arc::clone(&check.judge), owner));
        steps
    }

    /// The index answers a question. `None`: it is not that of a check. Else which keepers left something out.
    pub(super) fn found(
        &mut self,
        number: u64,
        found: &[FoundFile],
        facts: &OwnFacts<'_>,
    ) -> Option<Vec<(PeerId, PeerId)>> {
        let check = self.open.take_if(|check| check.question == Some(number))?;
        let lacking = check.answers.iter().flat_map(|(keeper, answer)| {
            answer.lacks(found, facts).into_iter().map(|about| (*keeper, about))
        });
        Some(lacking.collect())
    }

    /// When [`Self::turn`] is due, if nothing comes before.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.open.as_ref().map(|check| check.until)
    }
}

/// Whose files were searched.
fn judge_owners(judge: &QueryJudge) -> Owners {
    judge.query().owners.clone().map_or(Owners::Anyone, Owners::Only)
}
