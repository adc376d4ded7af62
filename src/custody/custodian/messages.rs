//! What the machine of `mod.rs` does with the messages of others: each goes to the keeper or to the
//! distributor, and the answer back. Pure.

use std::sync::Arc;

use core::net::IpAddr;

use super::{Custodian, CustodianOutput};
use crate::content::{Head, HeadNumber};
use crate::custody::distributor::note_source;
use crate::custody::ledger::{LedgerKey, Shared};
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{
    CustodyMessage, CustodyOffer, GetSpace, KeeperReport, OfferAnswer, OfferRefusal, Order, Orders,
    ReportRow, Space, Verdict,
};

/// Whose file an offer is of.
fn origin_of(me: PeerId, own: Option<&OwnerCatalogue>, offer: &CustodyOffer) -> PeerId {
    // Mostly it is an own one, whose signature need not be looked at again.
    if own.is_some_and(|own| Arc::ptr_eq(own.signed(), &offer.head)) {
        return me;
    }
    Head::open(&offer.head).map_or(me, |h| h.owner.peer_id())
}

impl Custodian {
    /// A message of `from`, authenticated by TLS, from the address `source`.
    pub fn message(&mut self, now: Time, from: PeerId, source: IpAddr, message: CustodyMessage) {
        note_source(&mut self.distributor, from, source);
        match message {
            CustodyMessage::GetSpace(GetSpace { request, origin }) => {
                let space = Space { request, ..self.keeper.space(now, from, origin, source) };
                self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Space(space)));
            }
            CustodyMessage::Space(space) => {
                if let Some(origin) = self.requests.take_space(from, space.request) {
                    self.distributor.space(now, from, origin, space);
                }
            }
            CustodyMessage::Offer(offer) => {
                let answer = self.keeper.offered(now, from, source, &offer);
                self.gather(now);
                self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Answer(answer)));
            }
            CustodyMessage::Answer(answer) => self.answered(now, from, &answer),
            CustodyMessage::Report(report) => self.reported(now, from, &report),
            CustodyMessage::Orders(orders) => self.keeper.ordered(now, from, &orders),
        }
        self.gather(now);
    }

    fn answered(&mut self, now: Time, from: PeerId, answer: &OfferAnswer) {
        if let Some(mut offer) = self.requests.take_offer(answer.request) {
            let origin = origin_of(self.me, self.own.as_ref(), &offer);
            if answer.refusal == Some(OfferRefusal::Unproved) && offer.proof.is_none() {
                let owner =
                    if origin == self.me { self.own.as_ref() } else { self.keeper.owner_catalogue(origin) };
                offer.proof = owner.and_then(|e| e.bucket_proof(&offer.path));
                if offer.proof.is_some() {
                    self.requests.offer_again(offer.clone());
                    self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Offer(Box::new(offer))));
                    return;
                }
            }
            if let Some(head) = &answer.head {
                if origin == self.me {
                    newer_own(self, now, from, head);
                } else {
                    self.keeper.hear_head(now, from, origin, head);
                }
            }
        }
        self.distributor.answered(now, from, answer);
    }

    /// A later instance with this peer's key is about: it decides from now on.
    pub(super) fn stop_placing(&mut self, now: Time) {
        if std::mem::replace(&mut self.conflict, true) {
            return;
        }
        self.out.push_back(CustodianOutput::Conflict);
        let own: Vec<LedgerKey> =
            self.distributor.wanted().map(|(k, _)| k).filter(|k| k.0 == self.me).collect();
        for key in own {
            self.distributor.unwant(now, key);
        }
    }

    /// What a keeper keeps for this peer, or for an absent owner for which this peer acts.
    fn reported(&mut self, now: Time, from: PeerId, report: &KeeperReport) {
        let origin = report.origin;
        let verdicts = self.distributor.reported(now, from, origin, &report.rows);
        let rows = report
            .rows
            .iter()
            .zip(verdicts)
            .map(|(row, verdict)| {
                let verdict = self.verdict(now, from, origin, row, verdict);
                Order { file: row.file, verdict }
            })
            .collect();
        let known = if origin == self.me { self.own.as_ref() } else { self.keeper.owner_catalogue(origin) };
        let known = known.map(|e| (e.number(), Arc::clone(e.signed())));
        let head = HeadNumber { instance: report.instance, version: report.version };
        let is_news = origin == self.me && self.recovery.is_news(head);
        // A number alone proves nothing; the head that is pulled is signed.
        let is_later = origin == self.me && report.instance > self.instance && !self.conflict;
        if is_news || is_later {
            // The keeper must not go over to this peer's new head before it has given the old one.
            self.out.push_back(CustodianOutput::Pull { origin, from });
        } else if known.as_ref().is_some_and(|(number, _)| origin != self.me && *number < head) {
            self.out.push_back(CustodianOutput::Pull { origin, from });
        }
        let head = known.filter(|(number, _)| *number > head && !is_news).map(|(_, signed)| signed);
        self.gather(now);
        let orders = Orders { request: report.request, origin, head, rows };
        self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Orders(orders)));
    }

    fn verdict(
        &mut self,
        now: Time,
        from: PeerId,
        origin: PeerId,
        row: &ReportRow,
        verdict: Option<Verdict>,
    ) -> Verdict {
        let key = (origin, row.file);
        if origin == self.me {
            let alone = self.copies.is_asked_to_be_alone(row.file);
            return verdict.unwrap_or_else(|| self.recovery.verdict(row.file, alone));
        }
        match verdict {
            Some(verdict) => {
                let places = self.distributor.places(key);
                self.keeper.learn_places(now, key, &places);
                verdict
            }
            None => self.keeper.reported(now, from, key, row),
        }
    }
}

/// A keeper has a head with this peer's signature that is newer than its own.
fn newer_own(custodian: &mut Custodian, now: Time, from: PeerId, signed: &Shared) {
    let me = custodian.me;
    let Some(theirs) = OwnerCatalogue::open(me, signed) else { return };
    if theirs.number().instance > custodian.instance {
        custodian.stop_placing(now);
    } else if custodian.recovery.is_news(theirs.number()) {
        custodian.out.push_back(CustodianOutput::Pull { origin: me, from });
    }
}
