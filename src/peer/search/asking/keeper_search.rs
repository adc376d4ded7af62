//! One search that keepers are asked: who answered, what of it is told, and what is pulled for it. Pure.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answer::{Dispute, KeeperAnswer, KeeperAnswerOf, disputes};
use super::coverage::is_current;
use super::facts::{OwnFacts, is_at, names};
use super::{Asking, AskingAct};
use crate::content::HeadNumber;
use crate::identity::{Instance, PeerId};
use crate::index::answer::IndexAnswer;
use crate::index::{FoundFile, QueryJudge};
use crate::peer::limits;
use crate::peer::owners::Owners;
use crate::time::Time;

/// A keeper is waited for this long: then the other one alone counts.
const KEEPER: Duration = Duration::from_millis(700);

/// How far a keeper is.
#[derive(Debug)]
enum KeeperState {
    /// It is waited for until then.
    Asked(Time),
    /// It may still answer.
    Late,
    Answered(Arc<KeeperAnswer>),
    /// It does not answer, or what it said does not count.
    Over,
}

#[derive(Debug)]
struct KeeperQuestion {
    instance: Instance,
    state: KeeperState,
}

/// A hit of a keeper, as it is told.
#[derive(Debug)]
pub(in crate::peer) struct KeeperHit {
    /// On whose word.
    pub(in crate::peer) by: PeerId,
    pub(in crate::peer) found: FoundFile,
    /// Who shares it, of those who are here; never this peer.
    pub(in crate::peer) owners: Vec<PeerId>,
}

/// What may be said of a hit now.
enum HitStanding {
    Told(Vec<PeerId>),
    /// Something is pulled that decides.
    Waits,
    /// Nobody who is here shares it, or not there.
    Nobody,
}

/// What is known of an owner that a hit names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HitOwner {
    Shares,
    /// Another keeper denies it, or what the keeper knows is old: the catalogue decides.
    Undecided,
    /// It is not here, or not covered, or this very peer, whose files are known.
    Unasked,
    /// The catalogue says otherwise.
    Not,
}

/// A pull of a catalogue for a search.
#[derive(Clone, Copy, Debug)]
struct OwnerPull {
    announced: HeadNumber,
    since: Time,
    /// It was begun for this search, so what comes is newer than what any answer of before goes by.
    is_fresh: bool,
}

/// The search.
#[derive(Debug)]
pub(in crate::peer) struct KeeperSearch {
    number: u64,
    judge: Arc<QueryJudge>,
    questions: BTreeMap<PeerId, KeeperQuestion>,
    /// Hits that were not told, with who answered them.
    pending: Vec<(PeerId, FoundFile)>,
    /// What this peer found itself, the first ones.
    own: Vec<FoundFile>,
    disputes: Vec<Dispute>,
    /// Owners whose catalogues were pulled to decide.
    disputed: BTreeSet<PeerId>,
    pulls: BTreeMap<PeerId, OwnerPull>,
}

impl KeeperSearch {
    /// The search of this number.
    pub(in crate::peer::search) fn new(number: u64, judge: QueryJudge) -> Self {
        Self {
            number,
            judge: Arc::new(judge),
            questions: BTreeMap::new(),
            pending: Vec::new(),
            own: Vec::new(),
            disputes: Vec::new(),
            disputed: BTreeSet::new(),
            pulls: BTreeMap::new(),
        }
    }

    /// Its number.
    #[cfg(test)]
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// What is looked for.
    pub(super) const fn judge(&self) -> &Arc<QueryJudge> {
        &self.judge
    }

    /// The answers that count.
    pub(super) fn answers(&self) -> impl Iterator<Item = (PeerId, &Arc<KeeperAnswer>)> {
        self.questions.iter().filter_map(|(keeper, question)| match &question.state {
            KeeperState::Answered(answer) => Some((*keeper, answer)),
            _ => None,
        })
    }

    fn answer_of(&self, keeper: PeerId) -> Option<&KeeperAnswer> {
        match &self.questions.get(&keeper)?.state {
            KeeperState::Answered(answer) => Some(answer),
            _ => None,
        }
    }

    /// Files that a keeper found, the most that one of them did.
    pub(in crate::peer::search) fn found(&self) -> u64 {
        self.answers().map(|(_, answer)| answer.found()).max().unwrap_or(0)
    }

    /// True while a keeper is waited for.
    pub(in crate::peer::search) fn awaits_keepers(&self) -> bool {
        self.questions.values().any(|question| matches!(question.state, KeeperState::Asked(_)))
    }

    /// When [`Self::turn`] is due, if nothing comes before.
    pub(in crate::peer::search) fn poll_timeout(&self) -> Option<Time> {
        let until = |question: &KeeperQuestion| {
            if let KeeperState::Asked(until) = question.state { Some(until) } else { None }
        };
        self.questions.values().filter_map(until).min()
    }

    /// Does what is due: asks who has an office now, decides what can be decided, and has pulled what is missing.
    /// `is_settled`: it is known who is here.
    pub(in crate::peer::search) fn turn(
        &mut self,
        now: Time,
        owners: &Owners,
        is_settled: bool,
        facts: &OwnFacts<'_>,
        asking: &mut Asking,
    ) {
        self.drop_keepers(now, facts, asking);
        if owners.each().count() <= limits::SEARCH_OWNERS {
            self.ask_holders(now, facts, asking);
        }
        self.decide(now, facts, asking);
        self.drop_keepers(now, facts, asking);
        let is_here = |owner: &PeerId| facts.announced(*owner).is_some();
        for owner in self.disputes.iter().map(|dispute| dispute.owner).filter(is_here).collect::<Vec<_>>() {
            if self.disputed.len() < limits::DISPUTED_OWNERS || self.disputed.contains(&owner) {
                self.disputed.insert(owner);
                self.pull(now, owner, facts, asking);
            }
        }
        if is_settled && !self.awaits_keepers() {
            for owner in self.missing(owners, facts) {
                self.pull(now, owner, facts, asking);
            }
        }
    }

    /// Who is gone or skipped is not waited for, and what a liar said does not count.
    fn drop_keepers(&mut self, now: Time, facts: &OwnFacts<'_>, asking: &Asking) {
        for (keeper, question) in &mut self.questions {
            let is_skipped = asking.liars.is_skipped(now, *keeper, question.instance);
            let is_gone = facts.instance(*keeper) != Some(question.instance);
            match question.state {
                _ if is_skipped => question.state = KeeperState::Over,
                KeeperState::Asked(_) | KeeperState::Late if is_gone => question.state = KeeperState::Over,
                KeeperState::Asked(until) if until <= now => question.state = KeeperState::Late,
                _ => {}
            }
        }
        let counts = |keeper: &PeerId| {
            let question = self.questions.get(keeper);
            question.is_some_and(|question| matches!(question.state, KeeperState::Answered(_)))
        };
        self.pending.retain(|(by, _)| counts(by));
        self.disputes.retain(|dispute| counts(&dispute.says) && counts(&dispute.denies));
    }

    fn ask_holders(&mut self, now: Time, facts: &OwnFacts<'_>, asking: &mut Asking) {
        for keeper in facts.holders.into_iter().flatten().filter(|keeper| *keeper != facts.me) {
            let Some(instance) = facts.instance(keeper) else { continue };
            let is_asked = self.questions.get(&keeper).is_some_and(|q| q.instance == instance);
            let is_skipped = asking.liars.is_skipped(now, keeper, instance);
            if is_asked || is_skipped || self.questions.len() >= limits::HOLDERS_ASKED {
                continue;
            }
            self.questions
                .insert(keeper, KeeperQuestion { instance, state: KeeperState::Asked(now + KEEPER) });
            asking.ask(keeper, self.number, &self.judge);
        }
    }

    /// Has a catalogue pulled, once for each that is announced.
    fn pull(&mut self, now: Time, owner: PeerId, facts: &OwnFacts<'_>, asking: &mut Asking) {
        let Some(announced) = facts.announced(owner).filter(|head| head.version > 0) else { return };
        let is_asked = self.pulls.get(&owner).is_some_and(|pull| pull.announced == announced);
        if is_asked || facts.has_current(owner) {
            return;
        }
        let is_fresh = !facts.is_pulled(owner);
        self.pulls.insert(owner, OwnerPull { announced, since: now, is_fresh });
        asking.acts.push_back(AskingAct::Pull(owner));
    }

    /// A keeper answers, or will not.
    pub(in crate::peer::search) fn answered(
        &mut self,
        now: Time,
        keeper: PeerId,
        answer: Option<IndexAnswer>,
        facts: &OwnFacts<'_>,
        asking: &mut Asking,
    ) {
        let answer = asking.learn(keeper, self.number, answer, &facts.holders);
        let answer = answer.and_then(|(list, answer)| KeeperAnswer::of(answer, list, &self.judge));
        let Some(question) = self.questions.get_mut(&keeper) else { return };
        if !matches!(question.state, KeeperState::Asked(_) | KeeperState::Late) {
            return;
        }
        let Some(answer) = answer.map(Arc::new) else {
            question.state = KeeperState::Over;
            return;
        };
        let mut all = Vec::new();
        let one = KeeperAnswerOf { keeper, answer: &answer };
        for (keeper, answer) in self.answers() {
            let other = KeeperAnswerOf { keeper, answer };
            all.extend(disputes(one, other));
            all.extend(disputes(other, one));
        }
        self.disputes.append(&mut all);
        for about in answer.wrong_about(facts).union(&answer.lacks(&self.own, facts)) {
            asking.wrong(now, keeper, *about, facts);
        }
        self.pending.extend(answer.hits().iter().map(|found| (keeper, found.clone())));
        if let Some(question) = self.questions.get_mut(&keeper) {
            question.state = KeeperState::Answered(answer);
        }
    }

    /// The index of this peer found something: keepers that know the same have to have found it, too.
    pub(in crate::peer::search) fn own_found(
        &mut self,
        now: Time,
        found: &[FoundFile],
        facts: &OwnFacts<'_>,
        asking: &mut Asking,
    ) {
        for (keeper, answer) in self.answers() {
            for about in answer.lacks(found, facts) {
                asking.wrong(now, keeper, about, facts);
            }
        }
        let places = limits::SEARCH_HITS.saturating_sub(self.own.len());
        self.own.extend(found.iter().take(places).cloned());
    }

    /// Decides what the catalogues that are known can decide.
    fn decide(&mut self, now: Time, facts: &OwnFacts<'_>, asking: &mut Asking) {
        let Self { disputes, pulls, .. } = self;
        disputes.retain(|dispute| {
            let Some((known, catalogue)) = facts.known(dispute.owner) else { return true };
            if known == dispute.version {
                if let Some(wrong) = dispute.wrong(catalogue) {
                    asking.wrong(now, wrong, dispute.owner, facts);
                }
                return false;
            }
            // Asked after both answered, the owner has nothing so new.
            let is_asked_since = pulls.get(&dispute.owner).is_some_and(|pull| {
                pull.is_fresh && known >= pull.announced && !facts.is_pulled(dispute.owner)
            });
            if known < dispute.version && is_asked_since {
                asking.wrong(now, dispute.says, dispute.owner, facts);
                asking.wrong(now, dispute.denies, dispute.owner, facts);
                return false;
            }
            // If it moved meanwhile, that decides nothing.
            known < dispute.version
        });
    }

    /// Those that are here and share something that no answer covers and this peer does not know.
    pub(in crate::peer::search) fn missing(&self, owners: &Owners, facts: &OwnFacts<'_>) -> Vec<PeerId> {
        let sharing = facts.sharing(owners).map(|(owner, _)| owner);
        sharing.filter(|owner| !facts.has_current(*owner) && !self.covers(*owner, facts)).collect()
    }

    /// True if an answer goes by what this owner, who is here, shares now.
    pub(in crate::peer::search) fn covers(&self, owner: PeerId, facts: &OwnFacts<'_>) -> bool {
        let Some(announced) = facts.announced(owner) else { return false };
        let mut covered = self.answers().filter_map(|(_, answer)| answer.covers(owner));
        covered.any(|covered| is_current(covered, announced))
    }

    /// Whose catalogues were pulled and are on their way, and since when. Others would come too late.
    pub(in crate::peer::search) fn awaited(
        &self,
        owners: &Owners,
        facts: &OwnFacts<'_>,
    ) -> impl Iterator<Item = (PeerId, Time)> {
        let disputed = self.disputes.iter().map(|dispute| dispute.owner);
        let wanted: BTreeSet<PeerId> = self.missing(owners, facts).into_iter().chain(disputed).collect();
        let pulled = wanted.into_iter().filter_map(|owner| Some((owner, self.pulls.get(&owner)?.since)));
        pulled.filter(|(owner, _)| facts.is_pulled(*owner))
    }

    /// True if what this keeper said does not count.
    pub(in crate::peer::search) fn is_discarded(&self, keeper: PeerId) -> bool {
        self.questions.get(&keeper).is_none_or(|q| matches!(q.state, KeeperState::Over))
    }

    /// The hits that may be told now, the best of each answer first. `is_end`: nothing is waited for any more.
    pub(in crate::peer::search) fn take_hits(
        &mut self,
        facts: &OwnFacts<'_>,
        is_end: bool,
    ) -> Vec<KeeperHit> {
        let (mut told, mut waiting) = (Vec::new(), Vec::new());
        for (by, found) in std::mem::take(&mut self.pending) {
            match self.standing(by, &found, facts, is_end) {
                HitStanding::Told(owners) => told.push(KeeperHit { by, found, owners }),
                HitStanding::Waits => waiting.push((by, found)),
                HitStanding::Nobody => {}
            }
        }
        self.pending = waiting;
        told
    }

    /// There is no place for this hit now.
    pub(in crate::peer::search) fn put_back(&mut self, hit: KeeperHit) {
        self.pending.push((hit.by, hit.found));
    }

    fn standing(&self, by: PeerId, found: &FoundFile, facts: &OwnFacts<'_>, is_end: bool) -> HitStanding {
        let Some(answer) = self.answer_of(by) else { return HitStanding::Nobody };
        let mut owners = Vec::new();
        let mut waits = false;
        for (at, owner) in found.hit.owners.iter().enumerate() {
            let sharing = match self.sharing(KeeperAnswerOf { keeper: by, answer }, found, *owner, facts) {
                HitOwner::Undecided if is_end => HitOwner::Shares,
                sharing => sharing,
            };
            match sharing {
                HitOwner::Shares => owners.push(*owner),
                // That it lies at this path is the word for its first owner.
                HitOwner::Not if at == 0 => return HitStanding::Nobody,
                HitOwner::Undecided if at == 0 => return HitStanding::Waits,
                HitOwner::Undecided => waits = true,
                HitOwner::Unasked | HitOwner::Not => {}
            }
        }
        match owners.is_empty() {
            false => HitStanding::Told(owners),
            true if waits => HitStanding::Waits,
            true => HitStanding::Nobody,
        }
    }

    fn sharing(
        &self,
        of: KeeperAnswerOf<'_>,
        found: &FoundFile,
        owner: PeerId,
        facts: &OwnFacts<'_>,
    ) -> HitOwner {
        let announced = facts.announced(owner).filter(|_| owner != facts.me);
        let Some((announced, covered)) = announced.zip(of.answer.covers(owner)) else {
            return HitOwner::Unasked;
        };
        let claim = found.hit.claim();
        if let Some((_, catalogue)) = facts.known(owner).filter(|(known, _)| *known >= covered) {
            let is_first = found.hit.owners.first() == Some(&owner);
            let shares = is_at(catalogue, &found.hit.path, claim)
                || !is_first && names(catalogue, claim) != Some(false);
            return if shares { HitOwner::Shares } else { HitOwner::Not };
        }
        let is_disputed =
            self.disputes.iter().any(|d| d.says == of.keeper && d.owner == owner && d.claim == claim);
        if is_disputed || !is_current(covered, announced) { HitOwner::Undecided } else { HitOwner::Shares }
    }
}
