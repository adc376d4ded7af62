//! What is known of the owners whose files are kept: their heads and catalogues. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::KeeperOutput;
use super::live::LivePeers;
use crate::content::{Catalogue, EntryKind, FileId, HeadNumber, SafePath};
use crate::custody::ledger::{Ledger, LedgerKey, Record, Shared};
use crate::custody::limits;
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::identity::PeerId;
use crate::wire::custody::{CustodyOffer, OfferRefusal};

/// With fewer witnesses than this whoever comes later to the same network becomes one: with one or two, both of which
/// are away, a keeper that starts again could not tell where it is.
const FEW_WITNESSES: usize = 3;

/// The owners.
#[derive(Debug, Default)]
pub(in crate::custody) struct Owners {
    catalogues: BTreeMap<PeerId, OwnerCatalogue>,
    /// Who was here when the first of an owner's files were taken.
    witnesses: BTreeMap<PeerId, BTreeSet<PeerId>>,
    /// Owners whose files were taken in the network that this machine is in: a witness was heard since the network
    /// changed last. So one keeper alone still knows where it is once the owner has left.
    of_this_network: BTreeSet<PeerId>,
    /// Heads whose catalogue was asked for.
    pulled: BTreeMap<PeerId, HeadNumber>,
    /// Heads under which lies more than there is space for.
    too_much: BTreeMap<PeerId, HeadNumber>,
}

impl Owners {
    /// As the ledger has them.
    pub(super) fn restore(ledger: &Ledger) -> Self {
        let mut owners = Self::default();
        for (origin, row) in &ledger.owners {
            let all = (*origin, 0)..=(*origin, u8::MAX);
            let buckets = ledger.buckets.range(all).map(|((_, i), bytes)| (*i, bytes.clone()));
            if let Some(owner) = OwnerCatalogue::restore(*origin, row, buckets) {
                owners.catalogues.insert(*origin, owner);
                owners.witnesses.insert(*origin, row.witnesses.iter().copied().collect());
            }
        }
        owners
    }

    /// The owners whose files anybody may have now: one who was here when they were taken is heard, or was since the
    /// network changed last.
    pub(super) fn open(&self, live: &LivePeers) -> BTreeSet<PeerId> {
        let heard = |w: &BTreeSet<PeerId>| w.iter().any(|w| live.has(*w));
        let is_open =
            |(owner, w): &(&PeerId, &BTreeSet<PeerId>)| self.of_this_network.contains(owner) || heard(w);
        self.witnesses.iter().filter(is_open).map(|(owner, _)| *owner).collect()
    }

    /// This peer was heard: in the network that this machine is in now are those whose files were taken where it was.
    /// Where few can tell that after a restart, it is one more of those who can.
    pub(super) fn hear(&mut self, peer: PeerId, out: &mut VecDeque<KeeperOutput>) {
        let of_it = self.witnesses.iter().filter(|(_, w)| w.contains(&peer)).map(|(owner, _)| *owner);
        self.of_this_network.extend(of_it);
        let mut told = Vec::new();
        for (owner, witnesses) in &mut self.witnesses {
            if self.of_this_network.contains(owner)
                && witnesses.len() < FEW_WITNESSES
                && witnesses.insert(peer)
            {
                told.push(*owner);
            }
        }
        told.into_iter().for_each(|owner| self.record(owner, out));
    }

    /// This machine may be in another network.
    pub(in crate::custody) fn network_changed(&mut self) {
        self.of_this_network.clear();
    }

    pub(super) fn get(&self, origin: PeerId) -> Option<&OwnerCatalogue> {
        self.catalogues.get(&origin)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &OwnerCatalogue)> {
        self.catalogues.iter().map(|(owner, catalogue)| (*owner, catalogue))
    }

    /// Whose head this is, if it is the newest known one.
    pub(super) fn by_head(&self, signed: &Shared) -> Option<PeerId> {
        self.catalogues.iter().find(|(_, e)| e.signed() == signed).map(|(origin, _)| *origin)
    }

    /// True if the owner's newest head names a file at this path, `None` if that is not known.
    pub(super) fn is_named(&self, (origin, file): LedgerKey, path: &SafePath) -> Option<bool> {
        self.catalogues.get(&origin).and_then(|e| e.names(file, path))
    }

    /// Where the owner's newest head has each content.
    pub(super) fn paths(&self, origin: PeerId) -> Option<BTreeMap<FileId, SafePath>> {
        let files = self.catalogues.get(&origin)?.entries().filter_map(|e| match e.kind {
            EntryKind::File { id, .. } => Some((id, e.path.clone())),
            EntryKind::Folder => None,
        });
        Some(files.collect())
    }

    /// An owner's whole catalogue, under its signed head. True if it is taken over.
    pub(super) fn learn(
        &mut self,
        origin: PeerId,
        signed: &Shared,
        catalogue: &Catalogue,
        out: &mut VecDeque<KeeperOutput>,
    ) -> bool {
        let Some(known) = self.catalogues.get_mut(&origin) else { return false };
        let Some(newer) = OwnerCatalogue::whole(origin, signed, catalogue) else { return false };
        if newer.number() < known.number() {
            return false;
        }
        let before: BTreeSet<u8> = known.buckets().map(|(i, _)| i).collect();
        known.renew(newer);
        let after: Vec<_> = known.buckets().map(|(i, b)| (i, b.bytes())).collect();
        for index in before.iter().filter(|i| !after.iter().any(|(j, _)| j == *i)) {
            out.push_back(KeeperOutput::Record(Record::Bucket(origin, *index, None)));
        }
        for (index, bytes) in after {
            out.push_back(KeeperOutput::Record(Record::Bucket(origin, index, Some(bytes))));
        }
        self.record(origin, out);
        true
    }

    /// A head of an owner, signed by it; if it is newer than the known one, the catalogue is pulled from
    /// whoever gave it. True if it is newer.
    pub(super) fn hear_head(
        &mut self,
        origin: PeerId,
        from: PeerId,
        signed: &Shared,
        out: &mut VecDeque<KeeperOutput>,
    ) -> bool {
        let Some(known) = self.catalogues.get_mut(&origin).filter(|e| e.signed() != signed) else {
            return false;
        };
        let newer = OwnerCatalogue::open(origin, signed).filter(|newer| newer.number() > known.number());
        let Some(newer) = newer else { return false };
        known.renew(newer);
        self.record(origin, out);
        self.pull(origin, from, out);
        true
    }

    /// Goes over to an offer's head if it is newer. True if it is, and something was known of its owner.
    pub(super) fn renew(
        &mut self,
        origin: PeerId,
        from: PeerId,
        offer: &CustodyOffer,
        out: &mut VecDeque<KeeperOutput>,
    ) -> Result<bool, OfferRefusal> {
        let open = || OwnerCatalogue::open(origin, &offer.head).ok_or(OfferRefusal::NotListed);
        let Some(known) = self.catalogues.get_mut(&origin) else {
            // It is filed together with the file, and forgotten if the file is not taken.
            self.catalogues.insert(origin, open()?);
            return Ok(false);
        };
        if known.signed() == &offer.head {
            return Ok(false);
        }
        let mut newer = open()?;
        if newer.number() < known.number() {
            return Err(OfferRefusal::Older);
        }
        if newer.number() == known.number() {
            return Ok(false);
        }
        if let Some(proof) = offer.proof.as_ref().filter(|_| known.is_whole()) {
            newer.learn_digests(&proof.digests);
        }
        known.renew(newer);
        self.record(origin, out);
        self.pull(origin, from, out);
        Ok(true)
    }

    /// Checks that the owner's head names the file of an offer.
    pub(super) fn check(&self, origin: PeerId, offer: &CustodyOffer) -> Result<(), OfferRefusal> {
        let known = self.catalogues.get(&origin).ok_or(OfferRefusal::NotListed)?;
        known.check(&offer.path, (offer.file, offer.size), offer.proof.as_ref())
    }

    /// These were here when a file of an owner was taken.
    pub(super) fn witness(&mut self, origin: PeerId, peers: impl Iterator<Item = PeerId>) {
        let witnesses = self.witnesses.entry(origin).or_default();
        for peer in peers {
            if witnesses.len() < limits::WITNESSES {
                witnesses.insert(peer);
            }
        }
        self.of_this_network.insert(origin);
    }

    /// Has the rest of an owner's catalogue pulled, once for each head.
    pub(super) fn pull(&mut self, origin: PeerId, from: PeerId, out: &mut VecDeque<KeeperOutput>) {
        let Some(owner) = self.catalogues.get(&origin).filter(|e| !e.is_whole()) else { return };
        if self.too_much.get(&origin) == Some(&owner.number()) {
            return;
        }
        if self.pulled.insert(origin, owner.number()) != Some(owner.number()) {
            out.push_back(KeeperOutput::Pull { origin, from });
        }
    }

    /// Has the rest of an owner's catalogue pulled once more, if it has not come.
    pub(super) fn pull_again(&mut self, origin: PeerId, from: PeerId, out: &mut VecDeque<KeeperOutput>) {
        self.pulled.remove(&origin);
        self.pull(origin, from, out);
    }

    /// There is no space for the catalogue under an owner's head.
    pub(super) fn is_too_much(&mut self, origin: PeerId) {
        if let Some(owner) = self.catalogues.get(&origin) {
            self.too_much.insert(origin, owner.number());
        }
    }

    /// Forgets all of an owner's catalogue but its head: others need the space.
    pub(super) fn shrink(&mut self, origin: PeerId, out: &mut VecDeque<KeeperOutput>) {
        let Some(owner) = self.catalogues.get_mut(&origin) else { return };
        for (index, _) in owner.buckets() {
            out.push_back(KeeperOutput::Record(Record::Bucket(origin, index, None)));
        }
        owner.shrink();
        self.is_too_much(origin);
        self.record(origin, out);
    }

    /// Files what is known of an owner, as it is now.
    pub(super) fn record(&self, origin: PeerId, out: &mut VecDeque<KeeperOutput>) {
        if let Some(owner) = self.catalogues.get(&origin) {
            let witnesses = self.witnesses.get(&origin).map(|w| w.iter().copied().collect());
            let row = owner.row(witnesses.unwrap_or_default());
            out.push_back(KeeperOutput::Record(Record::OwnerCatalogue(origin, Some(row))));
        }
    }

    /// Nothing is remembered of whoever gets nothing kept.
    pub(super) fn refuse(&mut self, origin: PeerId) {
        self.catalogues.remove(&origin);
    }

    /// The last file of an owner is kept no longer.
    pub(super) fn forget(&mut self, origin: PeerId, out: &mut VecDeque<KeeperOutput>) {
        self.pulled.remove(&origin);
        self.too_much.remove(&origin);
        self.witnesses.remove(&origin);
        self.of_this_network.remove(&origin);
        if let Some(owner) = self.catalogues.remove(&origin) {
            for (index, _) in owner.buckets() {
                out.push_back(KeeperOutput::Record(Record::Bucket(origin, index, None)));
            }
            out.push_back(KeeperOutput::Record(Record::OwnerCatalogue(origin, None)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    const OWNER: PeerId = PeerId([1; 32]);
    const OTHER: PeerId = PeerId([2; 32]);
    const LATE: PeerId = PeerId([3; 32]);

    /// An owner's files are taken while these are here, and then the owner is away.
    fn taken(witnesses: &[PeerId]) -> (Owners, LivePeers) {
        let mut owners = Owners::default();
        owners.witness(OWNER, witnesses.iter().copied());
        (owners, LivePeers::new(Time::ZERO))
    }

    fn is_open(owners: &Owners, live: &LivePeers) -> bool {
        owners.open(live).contains(&OWNER)
    }

    #[test]
    fn one_keeper_alone_gives_what_it_keeps_until_its_network_changes() {
        let (mut owners, live) = taken(&[OWNER]);
        assert!(is_open(&owners, &live), "nobody else is here, and nothing changed");
        owners.network_changed();
        assert!(!is_open(&owners, &live), "it may be anywhere");
        owners.hear(OTHER, &mut VecDeque::new());
        assert!(!is_open(&owners, &live), "a stranger tells nothing, and is no witness");
        owners.network_changed();
        owners.hear(OTHER, &mut VecDeque::new());
        assert!(!is_open(&owners, &live));
        owners.hear(OWNER, &mut VecDeque::new());
        assert!(is_open(&owners, &live), "it is where the owner is, which leaves again");
    }

    #[test]
    fn who_came_later_tells_where_a_keeper_is_that_starts_again() {
        let (mut owners, mut live) = taken(&[OWNER]);
        owners.hear(LATE, &mut VecDeque::new());
        // What a restart forgets, a change of the network makes it forget, too.
        owners.network_changed();
        assert!(!is_open(&owners, &live));
        live.come(LATE);
        assert!(is_open(&owners, &live));
    }

    #[test]
    fn where_enough_can_tell_nobody_is_added() {
        let (mut owners, mut live) = taken(&[OWNER, OTHER, PeerId([4; 32])]);
        owners.hear(LATE, &mut VecDeque::new());
        owners.network_changed();
        live.come(LATE);
        assert!(!is_open(&owners, &live));
    }

    #[test]
    fn of_an_owner_of_whom_nothing_is_kept_nothing_is_known() {
        let (mut owners, live) = taken(&[OWNER]);
        owners.forget(OWNER, &mut VecDeque::new());
        owners.hear(OWNER, &mut VecDeque::new());
        assert!(!is_open(&owners, &live));
    }
}
