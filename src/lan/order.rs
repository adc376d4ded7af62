//! The order in which peers came, and the two offices that go by it. Pure.
//!
//! An office gives no power: whoever has it keeps the index for the others, and nobody has to believe it. So each
//! peer reckons the order by itself, from what all that are here say of themselves, and two peers that hear
//! different ones may name different holders for a while. Nothing but speed depends on it.

use crate::identity::PeerId;
use crate::wire::datagram::{Presence, features};

/// What a peer does for the index, by its user's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexDuty {
    /// It takes an office when its turn comes.
    #[default]
    InTurn,
    /// It is here for the index alone: its turn comes before that of all others.
    First,
    /// It takes no office. Peers of earlier versions know of none.
    Never,
}

impl IndexDuty {
    /// As a peer tells it.
    pub(super) const fn features(self) -> u64 {
        match self {
            Self::InTurn => features::OFFICE,
            Self::First => features::OFFICE | features::INDEX_ONLY,
            Self::Never => 0,
        }
    }

    const fn of(features: u64) -> Self {
        match (features & features::OFFICE != 0, features & features::INDEX_ONLY != 0) {
            (false, _) => Self::Never,
            (true, true) => Self::First,
            (true, false) => Self::InTurn,
        }
    }
}

/// What a peer says of its place in the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderClaim {
    /// One more than the highest that it heard when it came; 0: it has none yet, or is of an earlier version.
    pub ticket: u64,
    /// What it does for the index.
    pub duty: IndexDuty,
}

impl OrderClaim {
    /// That of a peer that says this of itself.
    pub(super) const fn of(presence: &Presence) -> Self {
        Self { ticket: presence.ticket, duty: IndexDuty::of(presence.features) }
    }

    /// What the order goes by: whoever has less comes first.
    #[must_use]
    pub fn place(self, id: PeerId) -> OrderPlace {
        let Self { ticket, duty } = self;
        OrderPlace { is_ordinary: duty != IndexDuty::First, has_none: ticket == 0, ticket, id }
    }

    /// True if this peer takes an office when its turn comes.
    #[must_use]
    pub fn takes_office(self) -> bool {
        self.ticket > 0 && self.duty != IndexDuty::Never
    }
}

/// A place in the order: peers that are here for the index alone come first, then whoever has the lower ticket, then
/// whoever has the lower id. Without a ticket a peer comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderPlace {
    is_ordinary: bool,
    has_none: bool,
    ticket: u64,
    /// Whose it is.
    pub id: PeerId,
}

/// The supernode and its deputy: the first two of these that take an office.
#[must_use]
pub fn offices(all: impl IntoIterator<Item = (PeerId, OrderClaim)>) -> [Option<PeerId>; 2] {
    let mut first: [Option<OrderPlace>; 2] = [None; 2];
    for (id, arrival) in all {
        if !arrival.takes_office() {
            continue;
        }
        let place = arrival.place(id);
        if first[0].is_none_or(|known| place < known) {
            first = [Some(place), first[0]];
        } else if first[1].is_none_or(|known| place < known) {
            first[1] = Some(place);
        }
    }
    first.map(|place| place.map(|place| place.id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: u8) -> PeerId {
        PeerId([n; 32])
    }

    const fn arrival(ticket: u64, duty: IndexDuty) -> OrderClaim {
        OrderClaim { ticket, duty }
    }

    #[test]
    fn those_for_the_index_alone_come_first_then_tickets_then_ids() {
        let peers = [
            (id(9), arrival(7, IndexDuty::First)),
            (id(5), arrival(1, IndexDuty::Never)),
            (id(8), arrival(2, IndexDuty::InTurn)),
            (id(3), arrival(3, IndexDuty::InTurn)),
            (id(4), arrival(3, IndexDuty::InTurn)),
            (id(7), arrival(u64::MAX, IndexDuty::InTurn)),
            (id(1), arrival(0, IndexDuty::Never)),
            (id(2), arrival(0, IndexDuty::InTurn)),
        ];
        let mut places: Vec<_> = peers.iter().rev().map(|(id, arrival)| arrival.place(*id)).collect();
        places.sort_unstable();
        assert_eq!(places.iter().map(|place| place.id).collect::<Vec<_>>(), peers.map(|(id, _)| id));
        // Who takes none is passed over, and so is who has no ticket yet.
        assert_eq!(offices(peers), [Some(id(9)), Some(id(8))]);
        assert_eq!(offices(peers[6..].to_vec()), [None, None]);
        assert_eq!(offices(peers[5..].to_vec()), [Some(id(7)), None]);
    }

    #[test]
    fn what_a_peer_does_for_the_index_is_told_in_its_features() {
        for duty in [IndexDuty::InTurn, IndexDuty::First, IndexDuty::Never] {
            assert_eq!(IndexDuty::of(duty.features() | features::SLICES), duty);
        }
        assert_eq!(IndexDuty::of(features::INDEX_ONLY), IndexDuty::Never, "that alone means nothing");
        assert_eq!(IndexDuty::of(u64::MAX), IndexDuty::First);
    }

    proptest! {
        #[test]
        fn the_holders_are_the_first_two_of_the_order(
            peers in proptest::collection::btree_map(any::<u8>(), (0_u64..4, 0_u64..16), 0..20),
        ) {
            let peers: Vec<_> = peers
                .into_iter()
                .map(|(n, (ticket, features))| (id(n), arrival(ticket, IndexDuty::of(features))))
                .collect();
            let mut takers: Vec<_> =
                peers.iter().filter(|(_, a)| a.takes_office()).map(|(id, a)| a.place(*id)).collect();
            takers.sort_unstable();
            let mut takers = takers.into_iter().map(|place| place.id);
            prop_assert_eq!(offices(peers), [takers.next(), takers.next()]);
        }
    }
}
