//! Who keeps the index for the others, as this peer sees it. Pure; the order is that of `lan/order.rs`.
//!
//! The first two in the order of arrival have the offices, whoever leaves hands over at once: it takes none from the
//! moment on at which it says that it does not stay.

use std::collections::BTreeMap;

use super::output::Outputs;
use super::roster::Roster;
use crate::control::Office;
use crate::identity::PeerId;
use crate::lan::order::offices;
use crate::lan::{OrderClaim, PeerInfo};
use crate::wire::datagram::PresenceState;

/// This very peer, as far as the order goes by it.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnArrival {
    pub(super) id: PeerId,
    pub(super) arrival: OrderClaim,
    pub(super) state: PresenceState,
}

/// Who has which office.
#[derive(Debug, Default)]
pub(super) struct Offices {
    holders: [Option<PeerId>; 2],
}

impl Offices {
    /// Looks at who is here now. True if an office passed on.
    pub(super) fn reckon(&mut self, own: OwnArrival, roster: &Roster, out: &mut Outputs) -> bool {
        let stays = |(_, state, _): &(PeerId, PresenceState, OrderClaim)| *state != PresenceState::Leaving;
        let others = roster.iter().map(|(id, member)| arrival_of(*id, &member.info));
        let all = others.chain([(own.id, own.state, own.arrival)]).filter(stays);
        let holders = offices(all.map(|(id, _, arrival)| (id, arrival)));
        let passes = holders != self.holders;
        if passes {
            let name =
                |holder: Option<PeerId>| holder.map_or_else(|| "nobody".to_owned(), |id| id.to_string());
            let [first, second] = holders.map(name);
            out.debug(format!("supernode: {first}, deputy: {second}"));
        }
        self.holders = holders;
        passes
    }

    /// The supernode, and its deputy.
    pub(super) const fn holders(&self) -> [Option<PeerId>; 2] {
        self.holders
    }

    /// The office of this peer, if it has one.
    pub(super) fn of(&self, id: PeerId) -> Option<Office> {
        match self.holders {
            [Some(first), _] if first == id => Some(Office::Supernode),
            [_, Some(second)] if second == id => Some(Office::Deputy),
            _ => None,
        }
    }
}

fn arrival_of(id: PeerId, info: &PeerInfo) -> (PeerId, PresenceState, OrderClaim) {
    (id, info.state, info.arrival)
}

/// The number of each peer in the order, from 1, this one counted.
pub(super) fn numbers(own: OwnArrival, roster: &Roster) -> BTreeMap<PeerId, u64> {
    let others = roster.iter().map(|(id, member)| member.info.arrival.place(*id));
    let mut places: Vec<_> = others.chain([own.arrival.place(own.id)]).collect();
    places.sort_unstable();
    places.into_iter().map(|place| place.id).zip(1..).collect()
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{info, key};
    use super::*;
    use crate::lan::IndexDuty;
    use crate::time::Time;

    fn arrival(ticket: u64) -> OrderClaim {
        OrderClaim { ticket, duty: IndexDuty::InTurn }
    }

    fn peer(n: u8, ticket: u64) -> PeerInfo {
        PeerInfo { arrival: arrival(ticket), ..info(n, "x", 0) }
    }

    fn own(ticket: u64) -> OwnArrival {
        OwnArrival { id: key(9).peer_id(), arrival: arrival(ticket), state: PresenceState::Here }
    }

    fn holders(offices: &Offices) -> [Option<Office>; 4] {
        [1, 2, 3, 9].map(|n| offices.of(key(n).peer_id()))
    }

    #[test]
    fn offices_pass_down_in_the_order_of_arrival_and_never_back() {
        let (mut offices, mut roster, mut out) = (Offices::default(), Roster::default(), Outputs::default());
        let (first, second) = (Some(Office::Supernode), Some(Office::Deputy));
        assert!(!offices.reckon(own(0), &roster, &mut out), "whoever has no ticket yet has no office");
        for (n, ticket) in [(1, 1), (2, 2), (3, 4)] {
            roster.here(Time::ZERO, peer(n, ticket));
        }
        assert!(offices.reckon(own(3), &roster, &mut out) && !offices.reckon(own(3), &roster, &mut out));
        assert_eq!(holders(&offices), [first, second, None, None]);
        assert_eq!(numbers(own(3), &roster).get(&key(9).peer_id()), Some(&3));
        roster.gone(key(1).peer_id());
        assert!(offices.reckon(own(3), &roster, &mut out));
        assert_eq!(holders(&offices), [None, first, None, second]);
        // It comes again, behind all others.
        roster.here(Time::ZERO, peer(1, 0));
        assert!(!offices.reckon(own(3), &roster, &mut out));
        roster.here(Time::ZERO, peer(1, 5));
        assert!(!offices.reckon(own(3), &roster, &mut out));
        // Whoever says that it leaves has handed over.
        roster.here(Time::ZERO, PeerInfo { state: PresenceState::Leaving, ..peer(2, 2) });
        assert!(offices.reckon(own(3), &roster, &mut out));
        assert_eq!(holders(&offices), [None, None, second, first]);
        assert!(offices.reckon(OwnArrival { state: PresenceState::Leaving, ..own(3) }, &roster, &mut out));
        assert_eq!(holders(&offices), [second, None, first, None]);
        assert_eq!(numbers(own(3), &roster).len(), 4, "whoever leaves is in the order until it is gone");
    }
}
