//! Of whom the index of a keeper knows what they share, and up to which catalogue. Pure.
//!
//! Each change has a number, and of an owner its last change counts. So whoever has the list of an earlier number is
//! told what changed since, and nothing is kept of who has which.

use std::collections::{BTreeMap, BTreeSet};

use crate::content::HeadNumber;
use crate::identity::PeerId;
use crate::index::answer::{CoverageChange, CoverageVersion, CoveredOwner};
use crate::peer::limits;

/// How an owner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CoverageEntry {
    /// What the index was told last; `None`: nothing any more.
    head: Option<HeadNumber>,
    /// There was no place for it.
    is_unindexed: bool,
    /// The number of its last change.
    changed: u64,
}

impl CoverageEntry {
    /// What others are told.
    fn told(&self) -> Option<HeadNumber> {
        self.head.filter(|_| !self.is_unindexed)
    }
}

/// The list. It is made anew with each start.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// The number of the last change.
    number: u64,
    owners: BTreeMap<PeerId, CoverageEntry>,
    /// Whose change has which number, of those in `owners`.
    changes: BTreeMap<u64, PeerId>,
    /// The changes of those of `owners` of whom the index has nothing any more.
    tombstones: BTreeSet<u64>,
    /// Up to this number it is forgotten who is covered no more.
    forgotten: u64,
}

impl Coverage {
    /// The index has this catalogue of an owner from now on; `None`: none.
    pub(super) fn set(&mut self, owner: PeerId, head: Option<HeadNumber>) {
        let entry = self.owners.get(&owner).copied();
        let is_unindexed = entry.is_some_and(|entry| entry.is_unindexed && head.is_some());
        self.put(owner, head, is_unindexed);
    }

    /// There was a place for all owners but these.
    pub(super) fn set_unindexed(&mut self, unindexed: &BTreeSet<PeerId>) {
        let others = |(owner, entry): (&PeerId, &CoverageEntry)| {
            let is_unindexed = unindexed.contains(owner) && entry.head.is_some();
            (entry.is_unindexed != is_unindexed).then_some((*owner, entry.head, is_unindexed))
        };
        let changed: Vec<_> = self.owners.iter().filter_map(others).collect();
        for (owner, head, is_unindexed) in changed {
            self.put(owner, head, is_unindexed);
        }
    }

    fn put(&mut self, owner: PeerId, head: Option<HeadNumber>, is_unindexed: bool) {
        let before = self.owners.get(&owner).copied();
        let mut entry = CoverageEntry { head, is_unindexed, changed: self.number + 1 };
        if before.and_then(|before| before.told()) == entry.told() {
            // Nobody sees a difference. Of whom nothing was told nothing is kept.
            if let Some(before) = before {
                entry.changed = before.changed;
                self.insert(owner, entry);
            }
            return;
        }
        if let Some(before) = before {
            self.changes.remove(&before.changed);
            self.tombstones.remove(&before.changed);
        }
        self.insert(owner, entry);
        while self.tombstones.len() > limits::COVERAGE_TOMBSTONES {
            let Some(oldest) = self.tombstones.pop_first() else { break };
            self.forgotten = oldest;
            if let Some(owner) = self.changes.remove(&oldest) {
                self.owners.remove(&owner);
            }
        }
    }

    fn insert(&mut self, owner: PeerId, entry: CoverageEntry) {
        self.number = self.number.max(entry.changed);
        self.changes.insert(entry.changed, owner);
        self.owners.insert(owner, entry);
        if entry.head.is_none() {
            self.tombstones.insert(entry.changed);
        } else {
            self.tombstones.remove(&entry.changed);
        }
    }

    /// True if nobody is covered.
    pub(super) fn is_empty(&self) -> bool {
        self.owners.values().all(|entry| entry.told().is_none())
    }

    /// From the list that an asker has to the present one. `epoch`: that of this start.
    pub(super) fn since(&self, epoch: u64, known: Option<CoverageVersion>) -> CoverageChange {
        let version = CoverageVersion { epoch, number: self.number };
        let is_of_here = |known: &CoverageVersion| {
            known.epoch == epoch && (self.forgotten..=self.number).contains(&known.number)
        };
        let row = |owner: &PeerId, entry: &CoverageEntry| CoveredOwner { owner: *owner, head: entry.told() };
        match known.filter(is_of_here) {
            Some(known) => {
                let changed = self.changes.range(known.number + 1..).map(|(_, owner)| owner);
                let owners = changed.filter_map(|owner| Some(row(owner, self.owners.get(owner)?))).collect();
                CoverageChange { version, is_whole: false, owners }
            }
            None => {
                let covered = self.owners.iter().filter(|(_, entry)| entry.told().is_some());
                let owners = covered.map(|(owner, entry)| row(owner, entry)).collect();
                CoverageChange { version, is_whole: true, owners }
            }
        }
    }
}

/// Takes those out of a list that the index had no place for.
pub(super) fn without(change: &mut CoverageChange, unindexed: &BTreeSet<PeerId>) {
    change.owners.retain(|covered| !unindexed.contains(&covered.owner));
    if !change.is_whole {
        // The asker may have them from before.
        change.owners.extend(unindexed.iter().map(|owner| CoveredOwner { owner: *owner, head: None }));
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Instance;

    type List = BTreeMap<PeerId, HeadNumber>;

    const EPOCH: u64 = 9;

    fn owner(n: u16) -> PeerId {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    fn head(version: u64) -> HeadNumber {
        HeadNumber { instance: Instance { count: 1, random: 2 }, version }
    }

    /// What whoever asks makes of an answer.
    fn apply(list: &mut List, change: &CoverageChange) {
        if change.is_whole {
            list.clear();
        }
        for CoveredOwner { owner, head } in &change.owners {
            match head {
                Some(head) => drop(list.insert(*owner, *head)),
                None => drop(list.remove(owner)),
            }
        }
    }

    fn whole(coverage: &Coverage) -> List {
        let mut list = List::new();
        apply(&mut list, &coverage.since(EPOCH, None));
        list
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(u16, u64),
        Gone(u16),
        Unindexed(BTreeSet<u16>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..12_u16, 0..4_u64).prop_map(|(n, version)| Step::Set(n, version)),
            3 => (0..12_u16).prop_map(Step::Gone),
            1 => btree_set(0..12_u16, 0..3).prop_map(Step::Unindexed),
        ]
    }

    proptest! {
        /// Whichever earlier list an asker has, what changed since makes it the whole one, and that is what the index
        /// was told.
        #[test]
        fn what_changed_makes_the_same_list_as_a_whole_one(steps in vec(step(), 0..60)) {
            let (mut coverage, mut told) = (Coverage::default(), List::new());
            let mut unindexed: BTreeSet<PeerId> = BTreeSet::new();
            let mut lists = vec![(coverage.since(EPOCH, None).version, List::new())];
            for step in steps {
                match step {
                    Step::Set(n, version) => {
                        coverage.set(owner(n), Some(head(version)));
                        told.insert(owner(n), head(version));
                    }
                    Step::Gone(n) => {
                        coverage.set(owner(n), None);
                        told.remove(&owner(n));
                        unindexed.remove(&owner(n));
                    }
                    Step::Unindexed(all) => {
                        unindexed = all.into_iter().map(owner).filter(|o| told.contains_key(o)).collect();
                        coverage.set_unindexed(&unindexed);
                    }
                }
                let expected: List =
                    told.iter().filter(|(o, _)| !unindexed.contains(*o)).map(|(o, h)| (*o, *h)).collect();
                prop_assert_eq!(&whole(&coverage), &expected);
                prop_assert_eq!(coverage.is_empty(), expected.is_empty());
                for (version, list) in &lists {
                    let (change, mut list) = (coverage.since(EPOCH, Some(*version)), list.clone());
                    apply(&mut list, &change);
                    prop_assert_eq!(&list, &expected, "since {:?}: {:?}", version, change);
                }
                lists.push((coverage.since(EPOCH, None).version, expected));
            }
        }
    }

    #[test]
    fn whoever_has_a_list_of_another_start_or_of_none_gets_the_whole_one() {
        let mut coverage = Coverage::default();
        (0..3).for_each(|n| coverage.set(owner(n), Some(head(1))));
        for known in [(EPOCH, 4), (EPOCH, u64::MAX), (EPOCH + 1, 2)] {
            let known = CoverageVersion { epoch: known.0, number: known.1 };
            let change = coverage.since(EPOCH, Some(known));
            assert!(change.is_whole && change.owners.len() == 3, "{known:?}");
        }
        let change = coverage.since(EPOCH, Some(CoverageVersion { epoch: EPOCH, number: 3 }));
        assert!(!change.is_whole && change.owners.is_empty());
    }

    #[test]
    fn those_who_are_gone_are_not_remembered_without_end() {
        let mut coverage = Coverage::default();
        let most = limits::COVERAGE_TOMBSTONES;
        coverage.set(owner(0), Some(head(1)));
        let first = coverage.since(EPOCH, None).version;
        let all = u16::try_from(most + 2).unwrap();
        (1..all).for_each(|n| coverage.set(owner(n), Some(head(1))));
        (1..all).for_each(|n| coverage.set(owner(n), None));
        assert_eq!(coverage.owners.len(), most + 1);
        let version = coverage.since(EPOCH, None).version;
        let before = CoverageVersion { number: version.number - most as u64, ..version };
        let change = coverage.since(EPOCH, Some(before));
        assert!(!change.is_whole && change.owners.len() == most);
        let change = coverage.since(EPOCH, Some(first));
        assert!(change.is_whole && change.owners.len() == 1, "who went first is forgotten");
    }

    #[test]
    fn what_the_index_has_no_place_for_is_in_no_list() {
        let mut coverage = Coverage::default();
        (0..3).for_each(|n| coverage.set(owner(n), Some(head(1))));
        let version = coverage.since(EPOCH, None).version;
        let unindexed = BTreeSet::from([owner(1)]);
        let mut change = coverage.since(EPOCH, None);
        without(&mut change, &unindexed);
        assert_eq!(change.owners.iter().map(|o| o.owner).collect::<Vec<_>>(), [owner(0), owner(2)]);
        // Whoever had it before hears that it is not there now.
        let mut change = coverage.since(EPOCH, Some(version));
        without(&mut change, &unindexed);
        assert_eq!(change.owners, [CoveredOwner { owner: owner(1), head: None }]);
    }
}
