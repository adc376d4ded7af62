//! What was asked of other peers and is not answered. Pure.

use std::collections::BTreeMap;

use crate::custody::limits;
use crate::identity::PeerId;
use crate::wire::custody::CustodyOffer;

/// Requests under way.
#[derive(Debug, Default)]
pub(super) struct PendingRequests {
    last: u64,
    /// Offers without an answer, in case one has to be repeated with a proof.
    offers: BTreeMap<u64, CustodyOffer>,
    /// Whose files a peer was asked about, by peer and request.
    spaces: BTreeMap<(PeerId, u64), PeerId>,
}

impl PendingRequests {
    /// The number of one more.
    pub(super) const fn number(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// `peer` is asked about its space for an owner's files: the request's number.
    pub(super) fn ask_space(&mut self, peer: PeerId, origin: PeerId) -> u64 {
        let request = self.number();
        self.spaces.insert((peer, request), origin);
        while self.spaces.len() > limits::PEERS {
            self.spaces.pop_first();
        }
        request
    }

    /// `peer` tells its space: for whose files it was asked.
    pub(super) fn take_space(&mut self, peer: PeerId, request: u64) -> Option<PeerId> {
        self.spaces.remove(&(peer, request))
    }

    /// An offer goes out.
    pub(super) fn offer(&mut self, offer: CustodyOffer) {
        self.offer_again(offer);
        while self.offers.len() > 4 * limits::PLACINGS_SMALL {
            self.offers.pop_first();
        }
    }

    /// An offer goes out once more.
    pub(super) fn offer_again(&mut self, offer: CustodyOffer) {
        self.offers.insert(offer.request, offer);
    }

    /// An offer is answered.
    pub(super) fn take_offer(&mut self, request: u64) -> Option<CustodyOffer> {
        self.offers.remove(&request)
    }
}
