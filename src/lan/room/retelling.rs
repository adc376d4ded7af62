//! The last words of those that are not here: somebody else has to say that there are any. Pure.
//!
//! While an origin is here, each of its datagrams tells the number of its newest line. Once it is gone, those who have
//! that line send it once more when it goes, and when somebody comes: a few times, and each time only who was first.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::lan::limits;
use crate::time::Time;

/// How often it is sent once more, by whomever: one that hears a datagram of five misses three once in 125 times.
const TIMES: u8 = 3;

/// Between two of them.
const APART: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct LastWord {
    due: Time,
    left: u8,
}

/// Whose last words are to be told, at most [`limits::ROOM_RETOLD`]. The hosts of the origins have equal shares.
#[derive(Debug)]
pub(super) struct Retelling {
    all: BTreeMap<PeerId, LastWord>,
    places: Account<PeerId, PeerId>,
}

impl Default for Retelling {
    fn default() -> Self {
        let places = Account::new(limits::ROOM_RETOLD as u64, limits::ROOM_RETOLD_OF_HOST);
        Self { all: BTreeMap::new(), places }
    }
}

impl Retelling {
    /// What this origin said last is to be told, for the first time `after` a while.
    pub(super) fn plan(&mut self, now: Time, origin: Payer<PeerId>, after: Duration) {
        let peer = origin.peer;
        if let Some(word) = self.all.get_mut(&peer) {
            word.left = TIMES;
            return;
        }
        let Grant::Given(yielding) = self.places.charge(now, origin, peer, 1) else { return };
        for other in yielding {
            self.all.remove(&other);
        }
        self.all.insert(peer, LastWord { due: now + after, left: TIMES });
        self.places.check("last words", self.all.keys().map(|peer| (*peer, 1)));
    }

    /// It is here again, or forgotten.
    pub(super) fn remove(&mut self, peer: PeerId) {
        self.all.remove(&peer);
        self.places.free(peer);
    }

    /// Somebody told it: us too, that is the next one `after` a while from then.
    pub(super) fn note_told(&mut self, now: Time, peer: PeerId, after: Duration) {
        let Some(word) = self.all.get_mut(&peer) else { return };
        (word.due, word.left) = (now + APART + after, word.left - 1);
        if word.left == 0 {
            self.remove(peer);
        }
    }

    /// When the next one is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.all.values().map(|word| word.due).min()
    }

    /// One whose last word is to be told now. [`Self::note_told`] is to follow.
    pub(super) fn next_due(&self, now: Time) -> Option<PeerId> {
        self.all.iter().find(|(_, word)| word.due <= now).map(|(peer, _)| *peer)
    }

    /// There are no more than may be.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.all.len() <= limits::ROOM_RETOLD && self.all.len() as u64 == self.places.held());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountHost;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    fn origin(n: u8) -> Payer<PeerId> {
        Payer { host: AccountHost::Unproved, peer: PeerId([n; 32]) }
    }

    #[test]
    fn a_last_word_is_told_three_times_a_second_apart_whoever_tells_it() {
        let mut all = Retelling::default();
        all.plan(at(0), origin(1), Duration::from_millis(70));
        assert_eq!((all.next_due(at(69)), all.next_due(at(70))), (None, Some(origin(1).peer)));
        for ms in [70, 1_200, 2_400] {
            all.note_told(at(ms), origin(1).peer, Duration::ZERO);
        }
        assert_eq!(all.poll_timeout(), None);
        all.plan(at(5_000), origin(1), Duration::ZERO);
        all.remove(origin(1).peer);
        assert_eq!(all.poll_timeout(), None);
        all.check_bounds();
    }
}
