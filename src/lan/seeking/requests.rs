//! Seeks of others that wait for what the controller has to say. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::lan::limits;
use crate::lan::traffic::Endpoint;
use crate::time::Time;

/// The controller says within this time what there is to be answered, or nothing is.
pub(super) const ASKED: Duration = Duration::from_secs(2);

/// Where the answer to a seek goes.
#[derive(Clone, Copy, Debug)]
struct SeekRequest {
    at: Time,
    to: Endpoint,
}

/// Those that wait, at most [`limits::SOUGHT_WAITING`]. The hosts that seek have equal shares of them.
#[derive(Debug)]
pub(super) struct SeekRequests {
    all: BTreeMap<PeerId, SeekRequest>,
    places: Account<PeerId, PeerId>,
}

impl Default for SeekRequests {
    fn default() -> Self {
        let places = Account::new(limits::SOUGHT_WAITING as u64, limits::SOUGHT_OF_HOST);
        Self { all: BTreeMap::new(), places }
    }
}

impl SeekRequests {
    /// `peer` seeks something, and the answer goes there; without a place for it there is none. What it
    /// sought before is not answered any more.
    pub(super) fn put(&mut self, now: Time, peer: PeerId, to: Option<Endpoint>) {
        self.remove(peer);
        let Some(to) = to else { return };
        if self.all.len() >= limits::SOUGHT_WAITING {
            let over = self.all.iter().filter(|(_, request)| now.since(request.at) >= ASKED);
            let over: Vec<_> = over.map(|(peer, _)| *peer).collect();
            for peer in over {
                self.remove(peer);
            }
        }
        let payer = Payer { host: to.host().into(), peer };
        let Grant::Given(yielding) = self.places.charge(now, payer, peer, 1) else { return };
        for other in yielding {
            self.all.remove(&other);
        }
        self.all.insert(peer, SeekRequest { at: now, to });
        self.places.check("seeks", self.all.keys().map(|peer| (*peer, 1)));
    }

    /// Where the answer to `peer` goes, if it may still be given; it is given now.
    pub(super) fn take(&mut self, now: Time, peer: PeerId) -> Option<Endpoint> {
        self.remove(peer).filter(|request| now.since(request.at) < ASKED).map(|request| request.to)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn remove(&mut self, peer: PeerId) -> Option<SeekRequest> {
        self.places.free(peer);
        self.all.remove(&peer)
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;
    use crate::lan::traffic::Via;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(1_000_000 + ms)
    }

    fn id(n: u16) -> PeerId {
        let mut id = [9; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    fn endpoint(host: u8) -> Option<Endpoint> {
        Some(Endpoint { at: SocketAddr::from(([10, 0, 0, host], 5)), via: Via::Own })
    }

    #[test]
    fn whoever_many_seek_at_one_host_another_is_answered() {
        for (hosts, keys) in [(1, 1), (1, 64), (1, 1_000), (120, 8)] {
            let mut requests = SeekRequests::default();
            for n in 0..hosts * keys {
                requests.put(at(0), id(n), endpoint(100 + u8::try_from(n % hosts).unwrap()));
            }
            requests.put(at(1), id(9_999), endpoint(1));
            let is_room = hosts < 64;
            assert_eq!(requests.take(at(2), id(9_999)), endpoint(1).filter(|_| is_room), "{hosts} {keys}");
            assert!(requests.all.len() <= limits::SOUGHT_WAITING);
        }
    }

    #[test]
    fn what_waits_for_too_long_is_not_answered_and_makes_room() {
        let mut requests = SeekRequests::default();
        (0..64).for_each(|n| requests.put(at(0), id(n), endpoint(1)));
        requests.put(at(2_000), id(100), endpoint(1));
        assert_eq!(requests.all.len(), 1);
        assert_eq!((requests.take(at(2_001), id(0)), requests.take(at(4_000), id(100))), (None, None));
        requests.put(at(5_000), id(1), None);
        assert_eq!(requests.take(at(5_000), id(1)), None);
    }
}
