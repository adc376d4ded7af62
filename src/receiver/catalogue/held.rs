//! The catalogues of others that are held, and who pays for the memory that they take, and that what is still
//! coming takes. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::CatalogueKey;
use crate::accounts::{AccountHost, Grant};
use crate::content::{Catalogue, Head, HeadNumber};
use crate::identity::PeerId;
use crate::receiver::peer_memory::PeerMemory;
use crate::time::Time;

/// Something that takes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HeldItem {
    /// The newest catalogue of this owner.
    Catalogue(PeerId),
    /// What came of a catalogue that is being pulled.
    Coming(CatalogueKey),
}

/// The newest catalogue known of an owner.
#[derive(Debug)]
pub(super) struct HeldCatalogue {
    pub(super) head: Head,
    pub(super) catalogue: Arc<Catalogue>,
    bytes: u64,
    /// The newest number that came from its owner itself.
    pub(super) reported: Option<HeadNumber>,
    /// Those that are here and gave it, or said that they have the same: keepers of it, or the owner, of whom whatever
    /// others gave counts as given by itself. One of them pays.
    givers: BTreeSet<PeerId>,
}

/// The newest catalogue known of each owner, and an account of their memory: `limits::REMOTE_CATALOGUES` bytes, or
/// what its user says while this peer keeps the index, for all of them, those of absent owners and those that are
/// still coming included. Nothing else holds a catalogue of another peer for long: the controller lets go of what is
/// given up here.
///
/// An owner that is here pays for what it signed, whoever gave it. Of one that is away what came through a keeper goes
/// with that keeper. What its owner paid for is remembered when it goes, for when it comes back: that is in nobody's
/// way, for it is the first to be given up.
#[derive(Debug)]
pub(super) struct HeldCatalogues {
    pub(super) known: BTreeMap<PeerId, HeldCatalogue>,
    pub(super) memory: PeerMemory<HeldItem>,
    /// Owners that are gone, and whose catalogue nobody pays for. The first one goes first.
    remembered: VecDeque<PeerId>,
    /// What had to be given up, and was not told yet.
    given_up: VecDeque<HeldItem>,
    /// Bytes that all of it may take.
    limit: u64,
}

impl HeldCatalogues {
    /// Up to `limit` bytes, of which every host may have `share` at least.
    pub(super) const fn new(limit: u64, share: u64) -> Self {
        Self {
            known: BTreeMap::new(),
            memory: PeerMemory::new(limit, share),
            remembered: VecDeque::new(),
            given_up: VecDeque::new(),
            limit,
        }
    }

    /// From now on so many bytes may be held; what is above is given up, those first that are only remembered.
    pub(super) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
        self.memory.set_limit(limit);
        self.forget_remembered();
        while let Some(item) = self.memory.shed() {
            self.give_up(item);
        }
    }

    pub(super) fn get(&self, owner: PeerId) -> Option<&HeldCatalogue> {
        self.known.get(&owner)
    }

    /// This peer is here: what it gives is charged to this host.
    pub(super) fn here(&mut self, peer: PeerId, host: AccountHost) {
        self.memory.here(peer, host);
    }

    /// This peer is gone: for what it gave somebody else pays who has it too, or it is given up.
    pub(super) fn gone(&mut self, now: Time, peer: PeerId) {
        let gave = |(owner, held): (&PeerId, &mut HeldCatalogue)| held.givers.remove(&peer).then_some(*owner);
        let gave: Vec<PeerId> = self.known.iter_mut().filter_map(gave).collect();
        for owner in gave {
            let is_payer =
                self.memory.account().payer(HeldItem::Catalogue(owner)).is_some_and(|p| p.peer == peer);
            if !is_payer || self.passed_on(now, owner) {
                continue;
            }
            self.memory.free(HeldItem::Catalogue(owner));
            if owner == peer {
                self.remembered.push_back(owner);
            } else {
                self.give_up(HeldItem::Catalogue(owner));
            }
        }
        self.memory.gone(peer);
    }

    /// Charges the catalogue of this owner to another of its givers. False: there is none who could pay.
    fn passed_on(&mut self, now: Time, owner: PeerId) -> bool {
        let Some(held) = self.known.get(&owner) else { return false };
        let bytes = held.bytes;
        let mut givers: Vec<PeerId> = held.givers.iter().copied().collect();
        givers.sort_by_key(|giver| self.memory.account().held_by(self.memory.payer(*giver).host));
        givers.into_iter().any(|giver| self.charge(now, giver, HeldItem::Catalogue(owner), bytes))
    }

    /// So much of a catalogue has come. False if there is no place for it, not even that of the one before it.
    pub(super) fn coming(&mut self, now: Time, key: CatalogueKey, bytes: u64) -> bool {
        let (item, before, paying) =
            (HeldItem::Coming(key), HeldItem::Catalogue(key.subject), self.paying(key));
        if self.charge(now, paying, item, bytes) {
            return true;
        }
        if self.memory.account().payer(before).is_none_or(|payer| payer.peer != paying) {
            return false;
        }
        self.memory.free(before);
        self.give_up(before);
        self.charge(now, paying, item, bytes)
    }

    /// Nothing is held any more of what was coming.
    pub(super) fn came(&mut self, key: CatalogueKey) {
        self.memory.free(HeldItem::Coming(key));
    }

    /// Holds a catalogue instead of what was known of its owner. False if there is no place for it; then all
    /// stays as it was.
    pub(super) fn hold(
        &mut self,
        now: Time,
        key: CatalogueKey,
        head: &Head,
        catalogue: &Arc<Catalogue>,
    ) -> bool {
        let owner = key.subject;
        let bytes = catalogue.memory() as u64;
        if !self.charge_known(now, key, bytes) {
            return false;
        }
        let reported = self.known.get(&owner).and_then(|held| held.reported);
        let (head, catalogue) = (head.clone(), Arc::clone(catalogue));
        let givers = BTreeSet::from([self.paying(key)]);
        self.known.insert(owner, HeldCatalogue { head, catalogue, bytes, reported, givers });
        true
    }

    /// A head came whose catalogue is held already. False if nobody pays for it, and there is no place for it.
    pub(super) fn renew(&mut self, now: Time, key: CatalogueKey, head: &Head) -> bool {
        let (owner, item) = (key.subject, HeldItem::Catalogue(key.subject));
        let Some(held) = self.known.get(&owner) else { return false };
        let (bytes, paying) = (held.bytes, self.paying(key));
        let new = self.memory.payer(paying);
        let is_for_it = self.memory.account().payer(item).is_none_or(|payer| {
            // Its owner pays for itself, and of keepers the one whose host holds least: so nobody makes a
            // catalogue go by giving it first, and then too much of others.
            let holds_less =
                self.memory.account().held_by(new.host) + bytes < self.memory.account().held_by(payer.host);
            paying == owner || (payer.peer != owner && holds_less)
        });
        if is_for_it && !self.charge_known(now, key, bytes) {
            return false;
        }
        self.memory.touch(now, item);
        if let Some(held) = self.known.get_mut(&owner) {
            held.givers.insert(paying);
            if super::is_own(key) {
                held.reported = Some(head.number());
            }
            if super::is_own(key) || held.head.number() < head.number() {
                held.head = head.clone();
            }
        }
        true
    }

    /// What had to be given up, one after the other.
    pub(super) fn poll_given_up(&mut self) -> Option<HeldItem> {
        self.given_up.pop_front()
    }

    /// In a debug build: what is paid for is what is held. `coming` has what came of each pull.
    pub(super) fn check(&self, coming: impl Iterator<Item = (CatalogueKey, u64)>) {
        if !cfg!(debug_assertions) {
            return;
        }
        let paid = self.known.iter().filter(|(owner, _)| !self.remembered.contains(owner));
        let paid = paid.map(|(owner, held)| (HeldItem::Catalogue(*owner), held.bytes));
        let coming = coming.map(|(key, bytes)| (HeldItem::Coming(key), bytes));
        self.memory.account().check("catalogues", paid.chain(coming));
        let held = self.bytes();
        assert!(held <= self.limit, "catalogues: {held} bytes are held");
    }

    /// Who pays for what comes by this pull. A head is signed by the owner, and says how much follows it: so nobody makes
    /// an owner that is here pay for more than it shares, or once did.
    fn paying(&self, key: CatalogueKey) -> PeerId {
        if self.memory.is_here(key.subject) { key.subject } else { key.from }
    }

    fn charge(&mut self, now: Time, paying: PeerId, item: HeldItem, bytes: u64) -> bool {
        let Grant::Given(yielding) = self.memory.charge(now, paying, item, bytes) else {
            return false;
        };
        yielding.into_iter().for_each(|item| self.give_up(item));
        self.forget_remembered();
        true
    }

    /// Charges a catalogue of which it may be that it was only remembered until now.
    fn charge_known(&mut self, now: Time, key: CatalogueKey, bytes: u64) -> bool {
        let owner = key.subject;
        let at = self.remembered.iter().position(|o| *o == owner);
        if let Some(at) = at {
            self.remembered.remove(at);
        }
        let is_charged = self.charge(now, self.paying(key), HeldItem::Catalogue(owner), bytes);
        if let Some(at) = at.filter(|_| !is_charged) {
            self.remembered.insert(at, owner);
        }
        is_charged
    }

    fn give_up(&mut self, item: HeldItem) {
        if let HeldItem::Catalogue(owner) = item {
            self.known.remove(&owner);
        }
        self.given_up.push_back(item);
    }

    /// Makes place for those that are here.
    fn forget_remembered(&mut self) {
        while self.bytes() > self.limit {
            let Some(owner) = self.remembered.pop_front() else { return };
            self.give_up(HeldItem::Catalogue(owner));
        }
    }

    /// Bytes of all of it.
    pub(super) fn bytes(&self) -> u64 {
        let remembered = self.remembered.iter().filter_map(|owner| self.known.get(owner));
        self.memory.account().held() + remembered.map(|held| held.bytes).sum::<u64>()
    }
}
