//! Whether an offer is taken. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use core::net::IpAddr;

use super::{Keeper, KeeperOutput, KeptCopy};
use crate::content::{FileId, Head};
use crate::custody::ledger::{KeptRow, LedgerKey, Lived, Record};
use crate::custody::limits;
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{CustodyOffer, OfferAnswer, OfferRefusal, Replica, Space};

impl Keeper {
    /// The space that there is for an origin, offered from an address.
    #[must_use]
    pub fn space(&self, origin: PeerId, source: IpAddr) -> Space {
        if self.leaving {
            return Space { request: 0, free: 0, share: 0 };
        }
        self.quota.space(origin, source, |o| self.live.contains_key(&o))
    }

    /// The store's file system has so many free bytes, beside what was accepted and is not here yet.
    pub const fn set_free(&mut self, free: u64) {
        self.quota.set_free(free);
    }

    /// An offer of `from`, from the address `source`. The answer goes out after the records before it are
    /// written.
    pub fn offered(&mut self, now: Time, from: PeerId, source: IpAddr, offer: &CustodyOffer) -> OfferAnswer {
        let (origin, refusal) = match self.judge(now, from, source, offer) {
            Ok(origin) => (origin, None),
            Err((origin, refusal)) => (origin, Some(refusal)),
        };
        let all = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        if refusal.is_some() && self.kept.range(all).next().is_none() {
            // Nothing is remembered of whoever gets nothing kept.
            self.owner_catalogues.remove(&origin);
        }
        let space = self.space(origin, source);
        let span = self.kept.get(&(origin, offer.file)).map(|k| k.row.span);
        let head = self.owner_catalogues.get(&origin).map(|e| Arc::clone(e.signed()));
        OfferAnswer {
            request: offer.request,
            refusal,
            span: span.filter(|_| refusal == Some(OfferRefusal::Keeps)),
            free: space.free,
            share: space.share,
            head: head.filter(|_| refusal == Some(OfferRefusal::Older)),
        }
    }

    fn judge(
        &mut self,
        now: Time,
        from: PeerId,
        source: IpAddr,
        offer: &CustodyOffer,
    ) -> Result<PeerId, (PeerId, OfferRefusal)> {
        let known = self.owner_catalogues.iter().find(|(_, e)| e.signed() == &offer.head).map(|(o, _)| *o);
        let origin = match known {
            Some(origin) => origin,
            None => Head::open(&offer.head).map_err(|_| (from, OfferRefusal::NotListed))?.owner.peer_id(),
        };
        let no = |refusal| Err((origin, refusal));
        if self.leaving || self.quota_is_off() {
            return no(OfferRefusal::Unwilling);
        }
        if origin == self.me {
            return no(OfferRefusal::NotListed);
        }
        if from != origin && self.live.contains_key(&origin) {
            return no(OfferRefusal::NotActing);
        }
        self.renew(now, origin, from, offer).map_err(|r| (origin, r))?;
        let key = (origin, offer.file);
        if let Some(kept) = self.kept.get_mut(&key) {
            if from == origin {
                let (copies, was) = (offer.copies, kept.row.clone());
                (kept.row.copies, kept.row.released) = (copies, None);
                if kept.row != was {
                    let row = kept.row.clone();
                    self.record(Record::Kept(key, Some(row)));
                }
            }
            let places = offer.others.clone();
            self.merge(now, key, &places);
            // Whoever acts for it and offers it does not know how much of it is here.
            if self.kept.get(&key).is_some_and(|kept| kept.acting == Some(from)) {
                self.report_in(now, from, key, 200);
            }
            return no(OfferRefusal::Keeps);
        }
        let bytes = offer.span.bytes(offer.size);
        let space = self.space(origin, source);
        if bytes > space.share || self.kept.len() >= limits::KEPT {
            return no(OfferRefusal::Full);
        }
        self.take(now, key, from, source, offer);
        Ok(origin)
    }

    const fn quota_is_off(&self) -> bool {
        self.config.lend.bytes == 0
    }

    /// Goes over to the offer's head if it is newer, and checks that the head names the file.
    fn renew(
        &mut self,
        now: Time,
        origin: PeerId,
        from: PeerId,
        offer: &CustodyOffer,
    ) -> Result<(), OfferRefusal> {
        let claim = (offer.file, offer.size);
        let Some(known) = self.owner_catalogues.get_mut(&origin) else {
            let mut owner = OwnerCatalogue::open(origin, &offer.head).ok_or(OfferRefusal::NotListed)?;
            owner.check(&offer.path, claim, offer.proof.as_ref())?;
            // It is filed together with the file.
            self.owner_catalogues.insert(origin, owner);
            return Ok(());
        };
        if known.signed() != &offer.head {
            let mut newer = OwnerCatalogue::open(origin, &offer.head).ok_or(OfferRefusal::NotListed)?;
            if newer.number() < known.number() {
                return Err(OfferRefusal::Older);
            }
            if newer.number() > known.number() {
                if let Some(proof) = &offer.proof {
                    newer.learn_digests(&proof.digests);
                }
                known.renew(newer);
                self.record_owner(origin);
                self.pull(origin, from);
                self.named_again(now, origin);
            }
        }
        let Some(known) = self.owner_catalogues.get_mut(&origin) else { return Err(OfferRefusal::NotListed) };
        known.check(&offer.path, claim, offer.proof.as_ref())
    }

    fn take(&mut self, now: Time, key: LedgerKey, from: PeerId, source: IpAddr, offer: &CustodyOffer) {
        let (origin, file) = key;
        self.quota.take(origin, source, offer.span.bytes(offer.size));
        let heard = Lived(self.lived(now).0.saturating_sub(offer.quiet));
        let row = KeptRow {
            size: offer.size,
            path: offer.path.clone(),
            copies: offer.copies,
            copy: offer.copy,
            span: offer.span,
            whole: false,
            others: self.fit_others(key, offer.size, &offer.others),
            source,
            heard,
            released: None,
        };
        let live: Vec<PeerId> = self.live.keys().copied().collect();
        let witnesses = self.witnesses.entry(origin).or_default();
        for peer in [origin, from].into_iter().chain(live) {
            if witnesses.len() < limits::WITNESSES {
                witnesses.insert(peer);
            }
        }
        self.record_owner(origin);
        let index = offer.path.bucket();
        let bucket = self.owner_catalogues.get(&origin).and_then(|e| e.buckets().find(|(i, _)| *i == index));
        if let Some(bytes) = bucket.map(|(_, b)| b.bytes()) {
            self.record(Record::Bucket(origin, index, Some(bytes)));
        }
        self.record(Record::Kept(key, Some(row.clone())));
        self.insert(
            (origin, file),
            KeptCopy {
                row,
                have: 0,
                acting: None,
                denied: BTreeMap::new(),
                sparing: None,
                retry: None,
                act_from: now + limits::ACT_AFTER,
            },
        );
        self.fetch(key, Some(from));
        self.pull(origin, from);
        self.recompute(now, key);
    }

    /// Has the rest of an owner's catalogue pulled, once for each head.
    pub(super) fn pull(&mut self, origin: PeerId, from: PeerId) {
        let Some(owner) = self.owner_catalogues.get(&origin).filter(|e| !e.is_whole()) else { return };
        if self.pulled.insert(origin, owner.number()) != Some(owner.number()) {
            self.out.push_back(KeeperOutput::Pull { origin, from });
        }
    }

    /// Keepers that others reported, as far as they can be true.
    pub(super) fn fit_others(&self, key: LedgerKey, size: u64, places: &[Replica]) -> Vec<Replica> {
        let fits = |p: &&Replica| p.peer != self.me && p.peer != key.0 && p.copy > 0 && p.span.fits(size);
        places.iter().filter(fits).take(limits::PLACES).copied().collect()
    }

    /// What this peer's distributor knows of a file's keepers: they were challenged.
    pub fn learn_places(&mut self, now: Time, key: LedgerKey, places: &[Replica]) {
        self.merge(now, key, places);
    }

    /// Learns of more keepers of a file.
    pub(super) fn merge(&mut self, now: Time, key: LedgerKey, places: &[Replica]) {
        let Some(size) = self.kept.get(&key).map(|k| k.row.size) else { return };
        let places = self.fit_others(key, size, places);
        let Some(kept) = self.kept.get_mut(&key) else { return };
        let mut changed = false;
        for place in places {
            let is_known = kept.row.others.iter().any(|p| p.peer == place.peer);
            let is_denied = kept.denied.get(&place.peer).is_some_and(|until| *until > now);
            if is_known || is_denied || kept.row.others.len() >= limits::PLACES {
                continue;
            }
            kept.row.others.push(place);
            self.by_peer.add(place.peer, key);
            changed = true;
        }
        if changed {
            let row = kept.row.clone();
            self.record(Record::Kept(key, Some(row)));
            self.recompute(now, key);
        }
    }
}
