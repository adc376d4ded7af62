//! Whether an offer is taken. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use core::net::IpAddr;

use super::{Keeper, Kept, Output};
use crate::content::{FileId, Head};
use crate::custody::estate::Estate;
use crate::custody::ledger::{KeptRow, Key, Lived, Record};
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{Answer, Offer, Place, Refusal, Room};

impl Keeper {
    /// The room that there is for an origin, offered from an address.
    #[must_use]
    pub fn room(&self, origin: PeerId, source: IpAddr) -> Room {
        if self.leaving {
            return Room { request: 0, free: 0, share: 0 };
        }
        self.quota.room(origin, source, |o| self.live.contains_key(&o))
    }

    /// The store's file system has so many free bytes, beside what was accepted and is not here yet.
    pub const fn set_free(&mut self, free: u64) {
        self.quota.set_free(free);
    }

    /// An offer of `from`, from the address `source`. The answer goes out after the records before it are
    /// written.
    pub fn offered(&mut self, now: Time, from: PeerId, source: IpAddr, offer: &Offer) -> Answer {
        let (origin, refusal) = match self.judge(now, from, source, offer) {
            Ok(origin) => (origin, None),
            Err((origin, refusal)) => (origin, Some(refusal)),
        };
        let all = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        if refusal.is_some() && self.kept.range(all).next().is_none() {
            // Nothing is remembered of whoever gets nothing kept.
            self.estates.remove(&origin);
        }
        let room = self.room(origin, source);
        let span = self.kept.get(&(origin, offer.file)).map(|k| k.row.span);
        let head = self.estates.get(&origin).map(|e| Arc::clone(e.signed()));
        Answer {
            request: offer.request,
            refusal,
            span: span.filter(|_| refusal == Some(Refusal::Keeps)),
            free: room.free,
            share: room.share,
            head: head.filter(|_| refusal == Some(Refusal::Older)),
        }
    }

    fn judge(
        &mut self,
        now: Time,
        from: PeerId,
        source: IpAddr,
        offer: &Offer,
    ) -> Result<PeerId, (PeerId, Refusal)> {
        let known = self.estates.iter().find(|(_, e)| e.signed() == &offer.head).map(|(o, _)| *o);
        let origin = match known {
            Some(origin) => origin,
            None => Head::open(&offer.head).map_err(|_| (from, Refusal::NotListed))?.owner.peer_id(),
        };
        let no = |refusal| Err((origin, refusal));
        if self.leaving || self.quota_is_off() {
            return no(Refusal::Unwilling);
        }
        if origin == self.me {
            return no(Refusal::NotListed);
        }
        if from != origin && self.live.contains_key(&origin) {
            return no(Refusal::NotActing);
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
            return no(Refusal::Keeps);
        }
        let bytes = offer.span.bytes(offer.size);
        let room = self.room(origin, source);
        if bytes > room.share || self.kept.len() >= limits::KEPT {
            return no(Refusal::Full);
        }
        self.take(now, key, from, source, offer);
        Ok(origin)
    }

    const fn quota_is_off(&self) -> bool {
        self.config.lend.bytes == 0
    }

    /// Goes over to the offer's head if it is newer, and checks that the head names the file.
    fn renew(&mut self, now: Time, origin: PeerId, from: PeerId, offer: &Offer) -> Result<(), Refusal> {
        let claim = (offer.file, offer.size);
        let Some(known) = self.estates.get_mut(&origin) else {
            let mut estate = Estate::open(origin, &offer.head).ok_or(Refusal::NotListed)?;
            estate.check(&offer.path, claim, offer.proof.as_ref())?;
            // It is filed together with the file.
            self.estates.insert(origin, estate);
            return Ok(());
        };
        if known.signed() != &offer.head {
            let mut newer = Estate::open(origin, &offer.head).ok_or(Refusal::NotListed)?;
            if newer.number() < known.number() {
                return Err(Refusal::Older);
            }
            if newer.number() > known.number() {
                if let Some(proof) = &offer.proof {
                    newer.learn_digests(&proof.digests);
                }
                known.renew(newer);
                self.record_estate(origin);
                self.pull(origin, from);
                self.named_anew(now, origin);
            }
        }
        let Some(known) = self.estates.get_mut(&origin) else { return Err(Refusal::NotListed) };
        known.check(&offer.path, claim, offer.proof.as_ref())
    }

    fn take(&mut self, now: Time, key: Key, from: PeerId, source: IpAddr, offer: &Offer) {
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
        self.record_estate(origin);
        let index = offer.path.bucket();
        let bucket = self.estates.get(&origin).and_then(|e| e.buckets().find(|(i, _)| *i == index));
        if let Some(bytes) = bucket.map(|(_, b)| b.bytes()) {
            self.record(Record::Bucket(origin, index, Some(bytes)));
        }
        self.record(Record::Kept(key, Some(row.clone())));
        self.insert(
            (origin, file),
            Kept {
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
        let Some(estate) = self.estates.get(&origin).filter(|e| !e.is_whole()) else { return };
        if self.pulled.insert(origin, estate.number()) != Some(estate.number()) {
            self.out.push_back(Output::Pull { origin, from });
        }
    }

    /// Keepers that others told of, as far as they can be true.
    pub(super) fn fit_others(&self, key: Key, size: u64, places: &[Place]) -> Vec<Place> {
        let fits = |p: &&Place| p.peer != self.me && p.peer != key.0 && p.copy > 0 && p.span.fits(size);
        places.iter().filter(fits).take(limits::PLACES).copied().collect()
    }

    /// What this peer's distributor knows of a file's keepers: they proved it.
    pub fn learn_places(&mut self, now: Time, key: Key, places: &[Place]) {
        self.merge(now, key, places);
    }

    /// Learns of more keepers of a file.
    pub(super) fn merge(&mut self, now: Time, key: Key, places: &[Place]) {
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
            self.by_peer.entry(place.peer).or_default().insert(key);
            changed = true;
        }
        if changed {
            let row = kept.row.clone();
            self.record(Record::Kept(key, Some(row)));
            self.recompute(now, key);
        }
    }
}
