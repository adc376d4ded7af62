//! Of whom lines are missing, and when they are asked for. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use super::turns::{WaitingItem, next_turn};
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::identity::PeerId;
use crate::lan::limits;
use crate::lan::network_size::NetworkSize;
use crate::lan::rng::Rng;
use crate::time::Time;

/// A line that is missing is asked for within this time: others may ask first, and what was overtaken comes.
const FIRST: Duration = Duration::from_millis(40);

/// It is asked for again after this time, and a part of it more by chance.
const AGAIN: Duration = Duration::from_millis(250);

/// After so many times in vain it is asked for more seldom.
const QUICK: u32 = 8;

/// Then it is asked for after this time.
const LATER: Duration = Duration::from_millis(900);

/// After so many times in vain it is given up.
const TRIES: u32 = 24;

/// Each time of so many it is asked for of one peer alone: a firewall may keep back what goes to everyone.
const ALONE: u32 = 3;

/// What is to be asked for.
#[derive(Clone, Copy, Debug)]
struct PlannedAsk {
    due: Time,
    /// How often it was asked for since something came.
    tries: u32,
    /// True if another one asked since we did. That puts it off once: who asks each time could else keep us from
    /// asking.
    is_put_off: bool,
    host: AccountHost,
}

/// How it is asked for this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HowAsked {
    /// Of everyone.
    Everyone,
    /// Of one peer alone.
    Alone,
    /// No more.
    GivenUp,
}

/// The origins of which lines are missing, at most [`limits::ROOM_ASKED`]. Their hosts have equal shares, and equal
/// turns.
#[derive(Debug)]
pub(super) struct Asks {
    all: BTreeMap<PeerId, PlannedAsk>,
    places: Account<PeerId, PeerId>,
}

impl Default for Asks {
    fn default() -> Self {
        let places = Account::new(limits::ROOM_ASKED as u64, limits::ROOM_ASKED_OF_HOST);
        Self { all: BTreeMap::new(), places }
    }
}

impl Asks {
    /// Lines of this peer are missing. Without a place they are not asked for.
    pub(super) fn plan(&mut self, now: Time, payer: Payer<PeerId>, size: NetworkSize, rng: &mut Rng) {
        if self.all.contains_key(&payer.peer) {
            return;
        }
        let Grant::Given(yielding) = self.places.charge(now, payer, payer.peer, 1) else { return };
        for other in yielding {
            self.all.remove(&other);
        }
        let due = now + FIRST / 4 + rng.delay(spread(FIRST, size));
        self.all.insert(payer.peer, PlannedAsk { due, tries: 0, is_put_off: false, host: payer.host });
        self.places.check("asks", self.all.keys().map(|peer| (*peer, 1)));
    }

    /// True if lines of this peer are asked for.
    pub(super) fn has(&self, peer: PeerId) -> bool {
        self.all.contains_key(&peer)
    }

    /// One of its lines came.
    pub(super) fn note_arrived(&mut self, peer: PeerId) {
        if let Some(ask) = self.all.get_mut(&peer) {
            ask.tries = 0;
        }
    }

    /// Nothing is missing of it any more.
    pub(super) fn remove(&mut self, peer: PeerId) {
        self.all.remove(&peer);
        self.places.free(peer);
    }

    /// Another peer asked everyone for lines of this one that are missing here, too.
    pub(super) fn put_off(&mut self, now: Time, peer: PeerId, size: NetworkSize, rng: &mut Rng) {
        if let Some(ask) = self.all.get_mut(&peer)
            && !ask.is_put_off
        {
            (ask.is_put_off, ask.due) = (true, now + again(ask.tries, size, rng));
        }
    }

    /// When the next one may be due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.all.values().map(|ask| ask.due).min()
    }

    /// Whose lines are to be asked for now, and how. They count as asked for.
    pub(super) fn take_due(
        &mut self,
        now: Time,
        size: NetworkSize,
        rng: &mut Rng,
    ) -> Option<(PeerId, HowAsked)> {
        let waiting =
            self.all.iter().map(|(key, ask)| WaitingItem { host: ask.host, due: ask.due, key: *key });
        let peer = next_turn(now, rng, waiting)?;
        let ask = self.all.get_mut(&peer)?;
        if ask.tries >= TRIES {
            ask.tries = 0;
            return Some((peer, HowAsked::GivenUp));
        }
        ask.tries += 1;
        ask.due = now + again(ask.tries, size, rng);
        ask.is_put_off = false;
        let how = if ask.tries.is_multiple_of(ALONE) { HowAsked::Alone } else { HowAsked::Everyone };
        Some((peer, how))
    }

    /// There are no more than may be.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.all.len() <= limits::ROOM_ASKED && self.all.len() as u64 == self.places.held());
    }
}

/// A time that grows with the network, for all of it may have to say the same.
pub(super) fn spread(time: Duration, size: NetworkSize) -> Duration {
    if size.is_small() { time } else { time * size.factor() / 64 }
}

fn again(tries: u32, size: NetworkSize, rng: &mut Rng) -> Duration {
    let least = spread(if tries < QUICK { AGAIN } else { LATER }, size);
    least + rng.delay(least / 2)
}
