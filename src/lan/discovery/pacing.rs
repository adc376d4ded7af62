//! How much may be said, in a network of some size and by a peer that is new or is not. Pure.

use core::time::Duration;

use super::hellos::Hellos;
use super::table::PeerTable;
use crate::lan::limits;
use crate::lan::network_size::NetworkSize;
use crate::rate::Rate;
use crate::time::Time;

/// In a small network: between two answers by broadcast, so that a newcomer's answers last for all that were
/// lost.
const SMALL_GAP: Duration = Duration::from_millis(25);

/// Of a newcomer, unless it came with many others: between two answers by broadcast. It alone has to answer
/// all.
const NEWCOMER_GAP: Duration = Duration::from_millis(100);

/// After this time it is known how many others came together with a peer.
const CROWD: Duration = Duration::from_millis(500);

/// Peers up to which candidates make nobody wait, in a small network.
const FEW_CANDIDATES: usize = 64;

/// What decides how much may be said now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacing {
    /// Peers of the network.
    pub size: NetworkSize,
    /// Peers that are not here and have to prove themselves.
    pub candidates: usize,
    /// True if this peer said hello a moment ago.
    pub is_new: bool,
    /// True if it did so together with many others.
    pub is_of_many: bool,
    /// True if it came alone.
    pub is_of_few: bool,
    /// When those that are here may be asked whether they can be reached. Of many that come together nobody
    /// knows at first how many they are.
    pub reach_from: Time,
}

impl Pacing {
    /// That of a peer with this table that said these hellos.
    pub(super) fn of(now: Time, table: &PeerTable, hellos: &Hellos) -> Self {
        Self {
            size: table.network(),
            candidates: table.strangers(),
            is_new: hellos.are_recent(now),
            is_of_many: hellos.are_of_many(),
            is_of_few: hellos.are_of_few(),
            reach_from: if hellos.are_of_few() { Time::ZERO } else { hellos.burst() + CROWD },
        }
    }

    /// How many answers and questions go out.
    pub(super) const fn proofs(&self) -> Rate {
        let alone = self.is_of_few && self.size.is_small();
        if alone { limits::PROOF_RATE_ALONE } else { limits::PROOF_RATE }
    }

    /// How often something goes to everyone: in a large network once in `each` for each peer of it, but from
    /// a newcomer, whom all have to get to know, more often.
    pub(super) fn broadcasts(&self, each: Duration) -> Rate {
        let period = if self.size.is_small() {
            SMALL_GAP
        } else if self.is_new && !self.is_of_many {
            NEWCOMER_GAP
        } else {
            each * self.size.factor()
        };
        Rate { period, burst: 1 }
    }

    /// How many times longer than in a small network an answer may take: everyone has many to give.
    pub(super) fn wait_factor(&self) -> u32 {
        if self.candidates > FEW_CANDIDATES {
            return u32::try_from(self.candidates).unwrap_or(u32::MAX) / 16;
        }
        // In a large network it is a newcomer, whom all the others ask as well.
        if self.size.is_small() { 1 } else { 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacing(others: usize, candidates: usize) -> Pacing {
        let size = NetworkSize::of(others, candidates);
        let reach_from = Time::ZERO;
        Pacing { size, candidates, is_new: false, is_of_many: false, is_of_few: true, reach_from }
    }

    #[test]
    fn the_larger_the_network_the_less_one_peer_says_to_all() {
        let each = Duration::from_millis(20);
        let period = |pacing: &Pacing| pacing.broadcasts(each).period;
        assert_eq!(period(&pacing(10, 0)), SMALL_GAP);
        let large = pacing(999, 0);
        assert_eq!(period(&large), Duration::from_secs(20));
        let new = Pacing { is_new: true, ..large };
        assert_eq!(period(&new), NEWCOMER_GAP);
        assert_eq!(period(&Pacing { is_of_many: true, ..new }), Duration::from_secs(20));
    }

    #[test]
    fn who_came_alone_to_a_small_network_may_say_more_at_once() {
        let burst = |pacing: &Pacing| pacing.proofs().burst;
        let (alone, usual) = (limits::PROOF_RATE_ALONE.burst, limits::PROOF_RATE.burst);
        assert_eq!(burst(&pacing(10, 0)), alone);
        assert_eq!(burst(&Pacing { is_of_few: false, ..pacing(10, 0) }), usual);
        assert_eq!(burst(&pacing(100, 0)), usual);
    }

    #[test]
    fn answers_take_longer_where_all_have_many_to_give() {
        let factors = [(10, 5), (100, 5), (100, 64), (10, 65), (0, 640)];
        let factors = factors.map(|(others, candidates)| pacing(others, candidates).wait_factor());
        assert_eq!(factors, [1, 8, 8, 4, 40]);
    }
}
