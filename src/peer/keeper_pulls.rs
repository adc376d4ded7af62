//! Catalogues that are asked of a keeper of the index, over one connection, and not each of its owner. Pure; presence/mod.rs
//! does what it says.
//!
//! One keeper is asked at a time: the supernode, and the deputy if that fails. Its word counts for nothing: heads are
//! signed by their owners. What it does not have, or has older than its owner announced, is asked of the owner, and so is
//! everything if both fail.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::limits;
use crate::identity::PeerId;
use crate::receiver::catalogue::NoCatalogueCause;
use crate::time::Time;

/// A keeper that answers nothing for so long is asked no more: a command waits for 3 s, and there is to be time for the
/// deputy and the owners.
const SILENCE: Duration = Duration::from_millis(700);

/// Nor is it asked again for this time.
const REST: Duration = Duration::from_secs(30);

/// Who is asked for a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CatalogueAsk {
    OfKeeper { keeper: PeerId, owner: PeerId },
    OfOwner(PeerId),
}

/// What a keeper answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeeperAnswer {
    /// What the owner announced, or newer.
    Newest,
    /// Something older.
    Older,
    /// Nothing, for this cause.
    None(NoCatalogueCause),
}

/// What is asked of keepers.
#[derive(Debug, Default)]
pub(super) struct KeeperPulls {
    /// Who is asked now.
    keeper: Option<PeerId>,
    /// Owners of whom it is to be asked.
    waiting: BTreeSet<PeerId>,
    /// Owners of whom it was asked and has not answered.
    open: BTreeSet<PeerId>,
    /// When it answered last, or was asked first.
    heard: Time,
    /// Those of whom it has not what is wanted.
    of_owners: BTreeSet<PeerId>,
    /// Keepers that are not asked, and until when; `None`: as long as this peer runs.
    skipped: BTreeMap<PeerId, Option<Time>>,
}

impl KeeperPulls {
    /// The catalogue of this owner is wanted.
    pub(super) fn want(&mut self, owner: PeerId) {
        if !self.open.contains(&owner) {
            self.waiting.insert(owner);
        }
    }

    /// True if a keeper is, or will be, asked for the catalogue of this owner.
    pub(super) fn has(&self, owner: PeerId) -> bool {
        self.waiting.contains(&owner) || self.open.contains(&owner) || self.of_owners.contains(&owner)
    }

    /// Whoever was asked for the catalogue of this owner answered.
    pub(super) fn answered(&mut self, now: Time, from: PeerId, owner: PeerId, answer: KeeperAnswer) {
        if answer == KeeperAnswer::Newest {
            // Whoever gave it.
            self.waiting.remove(&owner);
            self.of_owners.remove(&owner);
        }
        if self.keeper != Some(from) || !self.open.remove(&owner) {
            return;
        }
        self.heard = now;
        match answer {
            // Of what finds no place here the owner has as much.
            KeeperAnswer::Newest | KeeperAnswer::None(NoCatalogueCause::TooMuch) => {}
            KeeperAnswer::Older | KeeperAnswer::None(NoCatalogueCause::Busy | NoCatalogueCause::NoAnswer) => {
                self.of_owners.insert(owner);
            }
            KeeperAnswer::None(NoCatalogueCause::Wrong) => {
                self.waiting.insert(owner);
                self.skip(now, from, None);
                self.leave_keeper();
            }
        }
    }

    /// The connection with this peer is lost.
    pub(super) fn lost(&mut self, now: Time, peer: PeerId) {
        if self.keeper == Some(peer) && !self.open.is_empty() {
            self.skip(now, peer, Some(now + REST));
            self.leave_keeper();
        }
    }

    /// This peer is gone.
    pub(super) fn gone(&mut self, peer: PeerId) {
        for owners in [&mut self.waiting, &mut self.open, &mut self.of_owners] {
            owners.remove(&peer);
        }
        if self.keeper == Some(peer) {
            self.leave_keeper();
        }
    }

    /// What was asked of the keeper is asked of another one.
    pub(super) fn leave_keeper(&mut self) {
        self.keeper = None;
        self.waiting.append(&mut self.open);
    }

    /// The next one to ask. `keepers`: those that can be asked, the supernode first.
    pub(super) fn poll_ask(&mut self, now: Time, keepers: &[PeerId]) -> Option<CatalogueAsk> {
        if let Some(owner) = self.of_owners.pop_first() {
            return Some(CatalogueAsk::OfOwner(owner));
        }
        if self.open.is_empty() {
            // With each stream of questions it is looked anew who keeps the index.
            self.keeper = None;
        }
        if self.open.len() >= limits::KEEPER_PULLS {
            return None;
        }
        let owner = self.waiting.pop_first()?;
        let is_asked = |keeper: &&PeerId| match self.skipped.get(keeper) {
            None => true,
            Some(until) => until.is_some_and(|until| until <= now),
        };
        let keeper = self.keeper.or_else(|| keepers.iter().find(is_asked).copied());
        // What a keeper shares itself it is asked for as any other owner.
        let Some(keeper) = keeper.filter(|keeper| *keeper != owner) else {
            return Some(CatalogueAsk::OfOwner(owner));
        };
        if self.open.is_empty() {
            self.heard = now;
        }
        self.keeper = Some(keeper);
        self.open.insert(owner);
        Some(CatalogueAsk::OfKeeper { keeper, owner })
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        (!self.open.is_empty()).then(|| self.heard + SILENCE)
    }

    /// Leaves a keeper that answers nothing.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if let Some(keeper) = self.keeper
            && self.poll_timeout().is_some_and(|at| at <= now)
        {
            self.skip(now, keeper, Some(now + REST));
            self.leave_keeper();
        }
    }

    fn skip(&mut self, now: Time, keeper: PeerId, until: Option<Time>) {
        self.skipped.retain(|_, until| until.is_none_or(|until| now < until));
        if self.skipped.len() < limits::KEEPERS_SKIPPED {
            self.skipped.insert(keeper, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> PeerId {
        PeerId([n; 32])
    }

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(ms)
    }

    const KEEPERS: [PeerId; 2] = [PeerId([100; 32]), PeerId([101; 32])];

    fn wanting(owners: core::ops::RangeInclusive<u8>) -> KeeperPulls {
        let mut pulls = KeeperPulls::default();
        owners.for_each(|n| pulls.want(id(n)));
        pulls
    }

    /// Owners that a keeper is asked for, by the first bytes, and those who are asked themselves.
    fn asked(pulls: &mut KeeperPulls, now: Time, keepers: &[PeerId]) -> (Vec<(u8, u8)>, Vec<u8>) {
        let (mut of_keepers, mut of_owners) = (Vec::new(), Vec::new());
        while let Some(ask) = pulls.poll_ask(now, keepers) {
            match ask {
                CatalogueAsk::OfKeeper { keeper, owner } => of_keepers.push((keeper.0[0], owner.0[0])),
                CatalogueAsk::OfOwner(owner) => of_owners.push(owner.0[0]),
            }
        }
        (of_keepers, of_owners)
    }

    #[test]
    fn the_supernode_is_asked_for_a_few_at_a_time_and_owners_for_what_it_has_not_or_older() {
        let mut pulls = wanting(1..=20);
        let (first, of_owners) = asked(&mut pulls, at(0), &KEEPERS);
        assert_eq!(first, (1..=8).map(|n| (100, n)).collect::<Vec<_>>());
        assert!(of_owners.is_empty());
        let none = |cause| KeeperAnswer::None(cause);
        for (n, answer) in [
            (1, KeeperAnswer::Newest),
            (2, KeeperAnswer::Older),
            (3, none(NoCatalogueCause::NoAnswer)),
            (4, none(NoCatalogueCause::Busy)),
            (5, none(NoCatalogueCause::TooMuch)),
        ] {
            pulls.answered(at(1), KEEPERS[0], id(n), answer);
        }
        let next = (9..=13).map(|n| (100, n)).collect();
        assert_eq!(asked(&mut pulls, at(1), &KEEPERS), (next, vec![2, 3, 4]));
        assert!(!pulls.has(id(1)) && pulls.has(id(6)) && pulls.has(id(20)));
    }

    #[test]
    fn whoever_is_silent_lost_or_gone_is_left_for_the_deputy_and_that_for_the_owners() {
        let mut pulls = wanting(1..=3);
        asked(&mut pulls, at(0), &KEEPERS);
        pulls.answered(at(100), KEEPERS[0], id(1), KeeperAnswer::Newest);
        assert_eq!(pulls.poll_timeout(), Some(at(800)));
        pulls.handle_timeout(at(799));
        assert_eq!(asked(&mut pulls, at(799), &KEEPERS), (vec![], vec![]));
        pulls.handle_timeout(at(800));
        assert_eq!(asked(&mut pulls, at(800), &KEEPERS), (vec![(101, 2), (101, 3)], vec![]));
        // An answer that comes late is one all the same.
        pulls.answered(at(900), KEEPERS[0], id(2), KeeperAnswer::Newest);
        pulls.lost(at(900), KEEPERS[1]);
        assert_eq!(asked(&mut pulls, at(900), &KEEPERS), (vec![], vec![2, 3]));
        assert_eq!(pulls.poll_timeout(), None);
        // After a while they are asked again.
        pulls.want(id(4));
        assert_eq!(asked(&mut pulls, at(30_800), &KEEPERS).0, [(100, 4)]);
        pulls.gone(KEEPERS[0]);
        assert_eq!(asked(&mut pulls, at(30_900), &KEEPERS[1..]).0, [(101, 4)]);
    }

    #[test]
    fn whoever_lies_is_not_asked_again() {
        let mut pulls = wanting(1..=2);
        asked(&mut pulls, at(0), &KEEPERS);
        pulls.answered(at(1), KEEPERS[0], id(1), KeeperAnswer::None(NoCatalogueCause::Wrong));
        assert_eq!(asked(&mut pulls, at(1), &KEEPERS).0, [(101, 1), (101, 2)]);
        pulls.want(id(3));
        for n in 1..=2 {
            pulls.answered(at(2), KEEPERS[1], id(n), KeeperAnswer::Newest);
        }
        assert_eq!(asked(&mut pulls, at(100_000_000), &KEEPERS).0, [(101, 3)]);
    }

    #[test]
    fn what_keepers_share_themselves_comes_from_them_and_without_keepers_all_comes_from_its_owners() {
        let mut pulls = KeeperPulls::default();
        KEEPERS.into_iter().for_each(|keeper| pulls.want(keeper));
        assert_eq!(asked(&mut pulls, at(0), &KEEPERS), (vec![(100, 101)], vec![100]));
        pulls.leave_keeper();
        assert_eq!(asked(&mut pulls, at(0), &[]), (vec![], vec![101]));
    }
}
