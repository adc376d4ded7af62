//! Whether an offer is taken. Pure.

use std::sync::Arc;

use core::net::IpAddr;

use super::Keeper;
use super::accounting::{check_turn, settle_catalogue, yield_file};
use super::kept::KeptCopy;
use super::sources::Sources;
use crate::accounts::AccountHost;
use crate::address::Host;
use crate::content::Head;
use crate::custody::ledger::{KeptRow, LedgerKey, Lived};
use crate::custody::limits;
use crate::custody::quota::QuotaItem;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{CustodyOffer, OfferAnswer, OfferRefusal, Replica, Space};

impl Keeper {
    /// The space that there is for an origin, offered by a peer at an address.
    #[must_use]
    pub fn space(&self, now: Time, from: PeerId, origin: PeerId, source: IpAddr) -> Space {
        if self.leaving {
            return Space { request: 0, free: 0, share: 0 };
        }
        let space = self.quota.space(origin, source, |o| self.live.has(o));
        let left = self.offerers.left(now, from, host(source));
        Space { share: space.share.min(left), ..space }
    }

    /// The store's file system has so many free bytes, beside what was accepted and is not here yet.
    pub fn set_free(&mut self, free: u64) {
        self.quota.set_free(free);
    }

    /// An offer of `from`, from the address `source`. The answer goes out after the records before it are
    /// written.
    pub fn offered(&mut self, now: Time, from: PeerId, source: IpAddr, offer: &CustodyOffer) -> OfferAnswer {
        let (origin, refusal) = match self.judge(now, from, source, offer) {
            Ok(origin) => (origin, None),
            Err((origin, refusal)) => (origin, Some(refusal)),
        };
        if refusal.is_some() && self.files.of_owner(origin).next().is_none() {
            self.owners.refuse(origin);
        }
        check_turn(self);
        let space = self.space(now, from, origin, source);
        let span = self.files.get((origin, offer.file)).map(|k| k.row.span);
        let head = self.owners.get(origin).map(|e| Arc::clone(e.signed()));
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
        let origin = match self.owners.by_head(&offer.head) {
            Some(origin) => origin,
            None => Head::open(&offer.head).map_err(|_| (from, OfferRefusal::NotListed))?.owner.peer_id(),
        };
        let no = |refusal| Err((origin, refusal));
        if self.leaving || self.config.lend.bytes == 0 {
            return no(OfferRefusal::Unwilling);
        }
        if origin == self.me {
            return no(OfferRefusal::NotListed);
        }
        if from != origin && self.live.has(origin) {
            return no(OfferRefusal::NotActing);
        }
        match self.owners.renew(origin, from, offer, &mut self.out) {
            Ok(true) => {
                settle_catalogue(self, now, origin);
                self.named_again(now, origin);
            }
            Ok(false) => {}
            Err(refusal) => return no(refusal),
        }
        self.owners.check(origin, offer).map_err(|refusal| (origin, refusal))?;
        let key = (origin, offer.file);
        if let Some(kept) = self.files.get_mut(key) {
            if from == origin {
                let (copies, was) = (offer.copies, kept.row.clone());
                (kept.row.copies, kept.row.released) = (copies, None);
                if kept.row != was {
                    self.files.record(key, &mut self.out);
                }
            }
            self.learn_places(now, key, &offer.others);
            // Whoever acts for it and offers it does not know how much of it is here.
            if self.files.get(key).is_some_and(|kept| kept.acting == Some(from)) {
                self.reports.report_in(now, from, key, 200);
            }
            return no(OfferRefusal::Keeps);
        }
        let bytes = offer.span.bytes(offer.size);
        if bytes > self.space(now, from, origin, source).share {
            return no(OfferRefusal::Full);
        }
        let Some(yielding) = self.quota.take(now, QuotaItem { key, source, bytes }) else {
            return no(OfferRefusal::Full);
        };
        self.take(now, key, from, source, offer);
        for other in yielding {
            yield_file(self, now, other);
        }
        Ok(origin)
    }

    /// Promises to keep what is offered, for which the quota has taken the space.
    fn take(&mut self, now: Time, key: LedgerKey, from: PeerId, source: IpAddr, offer: &CustodyOffer) {
        let origin = key.0;
        let heard = Lived(self.clock.at(now).0.saturating_sub(offer.quiet));
        let row = KeptRow {
            size: offer.size,
            path: offer.path.clone(),
            copies: offer.copies,
            copy: offer.copy,
            span: offer.span,
            whole: false,
            others: fit_others(self.me, key, offer.size, &offer.others),
            source,
            heard,
            released: None,
        };
        self.owners.witness(origin, [origin, from].into_iter().chain(self.live.peers()));
        self.owners.record(origin, &mut self.out);
        let mut kept = KeptCopy::new(now, row, 0);
        (kept.sources, kept.offerer) = (Sources::of(from), Some(from));
        self.offerers.accept(now, from, host(source), kept.quota_item(key).bytes);
        self.files.insert(key, kept);
        self.files.promise(now, key);
        self.files.record(key, &mut self.out);
        self.fetch(now, key, Some(from));
        self.owners.pull(origin, from, &mut self.out);
        self.recompute(now, key);
    }

    /// Learns of more keepers of a file: they were reported, or this peer's distributor challenged them.
    pub fn learn_places(&mut self, now: Time, key: LedgerKey, places: &[Replica]) {
        let Some(size) = self.files.get(key).map(|k| k.row.size) else { return };
        let places = fit_others(self.me, key, size, places);
        let Some(kept) = self.files.get(key) else { return };
        let mut others = kept.row.others.clone();
        for place in places {
            let is_known = others.iter().any(|p| p.peer == place.peer);
            let is_denied = kept.denied.get(&place.peer).is_some_and(|until| *until > now);
            if !is_known && !is_denied && others.len() < limits::PLACES {
                others.push(place);
            }
        }
        if others.len() > kept.row.others.len() {
            self.files.set_keepers(key, others);
            self.files.record(key, &mut self.out);
            self.recompute(now, key);
        }
    }
}

/// The host that an address belongs to.
fn host(source: IpAddr) -> AccountHost {
    Host { ip: source, scope: 0 }.into()
}

/// Keepers that others reported, as far as they can be true.
pub(super) fn fit_others(me: PeerId, key: LedgerKey, size: u64, places: &[Replica]) -> Vec<Replica> {
    let fits = |p: &&Replica| p.peer != me && p.peer != key.0 && p.copy > 0 && p.span.fits(size);
    places.iter().filter(fits).take(limits::PLACES).copied().collect()
}
