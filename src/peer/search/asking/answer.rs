//! The answer of a keeper, and where two of them differ that cannot both be right. Pure.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::coverage::CoverageList;
use super::facts::{OwnFacts, is_at, names};
use crate::content::{Catalogue, Claim, HeadNumber, SafePath};
use crate::identity::PeerId;
use crate::index::answer::IndexAnswer;
use crate::index::{FoundFile, Hit, QueryJudge, Rank};
use crate::peer::limits;

/// An answer, bound to what the keeper covered when it gave it.
#[derive(Debug)]
pub(super) struct KeeperAnswer {
    coverage: CoverageList,
    /// The best ones in their order. Each one answers, and has the rank that its path has here.
    hits: Vec<FoundFile>,
    places: BTreeMap<Claim, usize>,
    /// Files beside these.
    more: u64,
}

/// An answer, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeeperAnswerOf<'a> {
    pub(super) keeper: PeerId,
    pub(super) answer: &'a KeeperAnswer,
}

/// Something that one keeper says of an owner and another one, which knows the same catalogue, denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dispute {
    pub(super) owner: PeerId,
    /// The catalogue that both know, as they say.
    pub(super) version: HeadNumber,
    pub(super) claim: Claim,
    /// Where it is said to lie; `None`: somewhere.
    path: Option<SafePath>,
    /// Who says that the owner shares it.
    pub(super) says: PeerId,
    /// Who says that it does not.
    pub(super) denies: PeerId,
    /// Whoever denies it is wrong if it is so. Else it may have meant another path of the same content.
    is_denied: bool,
}

impl Dispute {
    /// Who is wrong, by the catalogue that both mean; `None`: nobody can say.
    pub(super) fn wrong(&self, catalogue: &Catalogue) -> Option<PeerId> {
        let is_so = match &self.path {
            Some(path) => Some(is_at(catalogue, path, self.claim)),
            None => names(catalogue, self.claim),
        };
        match is_so? {
            true => self.is_denied.then_some(self.denies),
            false => Some(self.says),
        }
    }
}

impl KeeperAnswer {
    /// What a keeper answers. `None`: it cannot be so, whatever anybody shares.
    pub(super) fn of(answer: IndexAnswer, coverage: CoverageList, judge: &QueryJudge) -> Option<Self> {
        let IndexAnswer { files, more, .. } = answer;
        if files.len() > limits::SEARCH_HITS || more > 0 && files.len() < limits::SEARCH_HITS {
            return None;
        }
        // A hit that does not answer says nothing about anybody: this peer may fold some letter otherwise.
        let mut hits: Vec<FoundFile> = files.into_iter().filter_map(|found| judged(found, judge)).collect();
        hits.sort_by(|a, b| order(&a.hit).cmp(&order(&b.hit)));
        let mut places = BTreeMap::new();
        for (at, found) in hits.iter().enumerate() {
            places.entry(found.hit.claim()).or_insert(at);
        }
        Some(Self { coverage, hits, places, more })
    }

    /// Its hits, the best first.
    pub(super) fn hits(&self) -> &[FoundFile] {
        &self.hits
    }

    /// Files that it found in all.
    pub(super) fn found(&self) -> u64 {
        self.hits.len() as u64 + self.more
    }

    /// The catalogue of an owner that it goes by.
    pub(super) fn covers(&self, owner: PeerId) -> Option<HeadNumber> {
        self.coverage.of(owner)
    }

    fn hit(&self, claim: Claim) -> Option<&Hit> {
        self.places.get(&claim).map(|at| &self.hits[*at].hit)
    }

    /// True if a file of an owner that is covered has to be among the hits, wherever else its content lies: it is
    /// at least as good as this path of it, with one copy.
    fn must_have(&self, rank: Rank, path: &SafePath) -> bool {
        let is_better = |worst: &FoundFile| (rank, Reverse(1), path.as_str()) < order(&worst.hit);
        self.more == 0 || self.hits.last().is_some_and(is_better)
    }

    /// About whom among those whose catalogue is known here it is wrong.
    pub(super) fn wrong_about(&self, facts: &OwnFacts<'_>) -> BTreeSet<PeerId> {
        // What others are given is known here before any of them.
        let is_early = |covered: HeadNumber| covered > facts.own_head && facts.own_head.version > 0;
        if self.covers(facts.me).is_some_and(is_early) {
            return BTreeSet::from([facts.me]);
        }
        let own = self.same(facts.me, facts);
        let mut all = BTreeSet::new();
        for FoundFile { hit, .. } in &self.hits {
            let (claim, first) = (hit.claim(), hit.owners.first());
            let is_elsewhere =
                |owner: &PeerId| self.same(*owner, facts).is_some_and(|c| !is_at(c, &hit.path, claim));
            all.extend(first.copied().filter(is_elsewhere));
            let own = own.filter(|_| hit.owners.contains(&facts.me));
            if own.is_some_and(|own| names(own, claim) == Some(false)) {
                all.insert(facts.me);
            }
        }
        all
    }

    /// True if a hit names this owner, and the catalogue that the answer goes by does not.
    pub(super) fn misnames(&self, owner: PeerId, catalogue: &Catalogue) -> bool {
        let mut naming = self.hits.iter().map(|found| &found.hit).filter(|hit| hit.owners.contains(&owner));
        naming.any(|hit| {
            let is_first = hit.owners.first() == Some(&owner);
            let is_elsewhere = is_first && !is_at(catalogue, &hit.path, hit.claim());
            is_elsewhere || names(catalogue, hit.claim()) == Some(false)
        })
    }

    /// Of whom a file is missing that this peer found itself in the catalogue that the keeper says it knows, too.
    pub(super) fn lacks(&self, found: &[FoundFile], facts: &OwnFacts<'_>) -> BTreeSet<PeerId> {
        let is_lacking = |owner: &PeerId, hit: &Hit| {
            let catalogue = self.same(*owner, facts);
            // The index of this peer may be behind what is known.
            let is_there = catalogue.is_some_and(|catalogue| is_at(catalogue, &hit.path, hit.claim()));
            is_there && self.hit(hit.claim()).is_none() && self.must_have(hit.rank, &hit.path)
        };
        let all = found.iter().map(|found| &found.hit);
        all.filter_map(|hit| hit.owners.first().copied().filter(|owner| is_lacking(owner, hit))).collect()
    }

    /// What an owner shares, if it is known here and is what this answer goes by.
    pub(super) fn same<'a>(&self, owner: PeerId, facts: &OwnFacts<'a>) -> Option<&'a Catalogue> {
        let (number, catalogue) = facts.known(owner)?;
        (self.covers(owner) == Some(number)).then_some(catalogue)
    }
}

/// What `one` says and `other` denies, each of whom knows the same catalogue of the owner.
pub(super) fn disputes(one: KeeperAnswerOf<'_>, other: KeeperAnswerOf<'_>) -> Vec<Dispute> {
    let (says, denies) = (one.keeper, other.keeper);
    let (one, other) = (one.answer, other.answer);
    let both = |owner: PeerId| one.covers(owner).filter(|version| other.covers(owner) == Some(*version));
    let mut all = Vec::new();
    for Hit { path, owners, rank, file, size, .. } in one.hits.iter().map(|found| &found.hit) {
        let claim = (*file, *size);
        let Some(first) = owners.first() else { continue };
        let at_path = |owner: PeerId, version, is_denied| {
            let path = Some(path.clone());
            Dispute { owner, version, claim, path, says, denies, is_denied }
        };
        let Some(same) = other.hit(claim) else {
            let version = both(*first).filter(|_| other.must_have(*rank, path));
            all.extend(version.map(|version| at_path(*first, version, true)));
            continue;
        };
        if (*rank, path) < (same.rank, &same.path) {
            all.extend(both(*first).map(|version| at_path(*first, version, false)));
        }
        if usize::try_from(same.copies) == Ok(same.owners.len()) {
            let others = owners.iter().skip(1).filter(|owner| !same.owners.contains(owner));
            let disputed = others.filter_map(|owner| Some((*owner, both(*owner)?)));
            all.extend(
                disputed.map(|(owner, version)| Dispute { path: None, ..at_path(owner, version, true) }),
            );
        }
    }
    all
}

/// A hit with the rank that it has here, if it answers and somebody is said to share it.
fn judged(mut found: FoundFile, judge: &QueryJudge) -> Option<FoundFile> {
    found.hit.rank = judge.rank(&found.hit)?;
    (!found.hit.owners.is_empty()).then_some(found)
}

/// The less, the better: as in the index.
pub(super) fn order(hit: &Hit) -> (Rank, Reverse<u32>, &str) {
    (hit.rank, Reverse(hit.copies), hit.path.as_str())
}
