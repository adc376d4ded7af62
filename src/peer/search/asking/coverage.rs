//! Of whom keepers of the index know what they share, as far as they told it: lists that each answer brings up to
//! date. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::HeadNumber;
use crate::identity::PeerId;
use crate::index::answer::{CoverageChange, CoverageVersion};
use crate::peer::limits;

/// True if whoever knows the first catalogue needs not be asked for the one that its owner announced. Of another
/// start of the same number it says nothing.
pub(super) fn is_current(covered: HeadNumber, announced: HeadNumber) -> bool {
    let is_later = covered.instance.count > announced.instance.count;
    is_later || covered.instance == announced.instance && covered.version >= announced.version
}

/// The list of one keeper, as of one of its answers.
#[derive(Clone, Debug, Default)]
pub(super) struct CoverageList {
    /// `None`: nothing is known.
    version: Option<CoverageVersion>,
    owners: Arc<BTreeMap<PeerId, HeadNumber>>,
}

impl CoverageList {
    /// As the keeper numbers it.
    pub(super) const fn version(&self) -> Option<CoverageVersion> {
        self.version
    }

    /// The catalogue of an owner that is in the index of the keeper.
    pub(super) fn of(&self, owner: PeerId) -> Option<HeadNumber> {
        self.owners.get(&owner).copied()
    }

    /// All owners that are covered.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, HeadNumber)> {
        self.owners.iter().map(|(owner, head)| (*owner, *head))
    }

    /// The list of an answer for which this one was said to be known. `None`: what is told cannot be, or is more than
    /// is taken.
    pub(super) fn after(&self, change: &CoverageChange) -> Option<Self> {
        let mut owners = if change.is_whole {
            Arc::default()
        } else {
            let known = self.version?;
            let is_later = known.epoch == change.version.epoch && known.number <= change.version.number;
            is_later.then(|| Arc::clone(&self.owners))?
        };
        if !change.owners.is_empty() {
            let owners = Arc::make_mut(&mut owners);
            for row in &change.owners {
                match row.head {
                    Some(head) => owners.insert(row.owner, head),
                    None => owners.remove(&row.owner),
                };
            }
        }
        (owners.len() <= limits::COVERED_OWNERS).then_some(Self { version: Some(change.version), owners })
    }
}

/// The newest list of each keeper.
#[derive(Debug, Default)]
pub(super) struct CoverageLists(BTreeMap<PeerId, CoverageList>);

impl CoverageLists {
    /// That of a keeper; an empty one if it has told none.
    pub(super) fn of(&self, keeper: PeerId) -> CoverageList {
        self.0.get(&keeper).cloned().unwrap_or_default()
    }

    /// The list of an answer, which may be older than one that came before. Lists of others than `holders` are
    /// forgotten: they are megabytes in a large network.
    pub(super) fn learn(&mut self, keeper: PeerId, list: CoverageList, holders: &[Option<PeerId>]) {
        let is_old = |known: &CoverageList| match (known.version, list.version) {
            (Some(known), Some(new)) => known.epoch == new.epoch && known.number > new.number,
            _ => false,
        };
        if !self.0.get(&keeper).is_some_and(is_old) {
            self.0.insert(keeper, list);
        }
        self.0.retain(|id, _| *id == keeper || holders.contains(&Some(*id)));
    }

    /// Nothing that this keeper told counts: it is asked for all of it.
    pub(super) fn forget(&mut self, keeper: PeerId) {
        self.0.remove(&keeper);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{change, head, owner, version};
    use super::*;

    fn owners(list: &CoverageList) -> Vec<(PeerId, u64)> {
        list.iter().map(|(owner, head)| (owner, head.version)).collect()
    }

    #[test]
    fn a_list_is_told_whole_once_and_then_by_what_changed() {
        let none = CoverageList::default();
        assert!(none.after(&change(1, 4, false, &[(1, Some(1))])).is_none(), "nothing was said to be known");
        let first = none.after(&change(1, 4, true, &[(1, Some(1)), (2, Some(7))])).unwrap();
        assert_eq!(
            (owners(&first), first.version()),
            (vec![(owner(1), 1), (owner(2), 7)], Some(version(1, 4)))
        );
        let second = first.after(&change(1, 6, false, &[(1, None), (3, Some(2))])).unwrap();
        assert_eq!(owners(&second), [(owner(2), 7), (owner(3), 2)]);
        assert_eq!(owners(&first).len(), 2, "an answer of before is bound to what it was told with");
        // A keeper that was started again has to tell all.
        assert!(second.after(&change(2, 9, false, &[])).is_none());
        assert!(second.after(&change(1, 5, false, &[])).is_none());
        assert_eq!(owners(&second.after(&change(2, 1, true, &[(9, Some(1))])).unwrap()), [(owner(9), 1)]);
    }

    #[test]
    fn an_answer_that_was_overtaken_takes_nothing_back() {
        let (one, other) = (owner(1), owner(2));
        let mut lists = CoverageLists::default();
        let base = CoverageList::default().after(&change(1, 1, true, &[(5, Some(1))])).unwrap();
        let late = base.after(&change(1, 2, false, &[(6, Some(1))])).unwrap();
        let early = base.after(&change(1, 3, false, &[(6, Some(2))])).unwrap();
        lists.learn(one, early, &[Some(one)]);
        lists.learn(one, late, &[Some(one)]);
        assert_eq!(owners(&lists.of(one)), [(owner(5), 1), (owner(6), 2)]);
        lists.learn(other, base, &[Some(other)]);
        assert!(lists.of(one).version().is_none(), "it has no office any more");
    }

    #[test]
    fn no_more_owners_are_taken_than_the_limit() {
        let whole = |count: usize| {
            let owners = (0..count).map(|n| {
                let mut id = PeerId([0; 32]);
                id.0[..8].copy_from_slice(&(n as u64).to_be_bytes());
                crate::index::answer::CoveredOwner { owner: id, head: Some(head(1)) }
            });
            CoverageChange { version: version(1, 1), is_whole: true, owners: owners.collect() }
        };
        let list = CoverageList::default().after(&whole(limits::COVERED_OWNERS)).unwrap();
        assert!(CoverageList::default().after(&whole(limits::COVERED_OWNERS + 1)).is_none());
        let mut more = change(1, 2, false, &[(1, Some(1))]);
        more.owners[0].owner = PeerId([0xff; 32]);
        assert!(list.after(&more).is_none());
    }

    #[test]
    fn what_is_covered_counts_if_it_is_as_new_as_what_is_announced() {
        let of = |count, random, version| {
            let instance = crate::identity::Instance { count, random };
            HeadNumber { instance, version }
        };
        for (covered, announced, expected) in [
            (of(1, 1, 3), of(1, 1, 3), true),
            (of(1, 1, 4), of(1, 1, 3), true),
            (of(1, 1, 2), of(1, 1, 3), false),
            (of(2, 9, 1), of(1, 1, 3), true),
            (of(1, 9, 9), of(2, 1, 1), false),
            // Not the start that announces.
            (of(1, 2, 9), of(1, 1, 3), false),
        ] {
            assert_eq!(is_current(covered, announced), expected, "{covered:?} {announced:?}");
        }
    }
}
