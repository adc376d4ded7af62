//! Who said something in the room, and how far each of them was heard. Pure.
//!
//! Of an origin that restarted, what it said before is shown first: it is waited for, as long as it is asked
//! for, and then given up.

use std::collections::BTreeMap;

use super::line_id::{LineId, Origin};
use super::numbers::{NumberStep, Numbers};
use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::lan::{HeardMark, limits};
use crate::rate::{Rate, TokenBucket};
use crate::time::Time;
use crate::wire::room::RoomGap;

/// Numbers beyond this one are nonsense; so no sum of them overflows.
const NUMBER_MAX: u64 = 1 << 62;

/// What comes next of a peer, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OriginStep {
    /// This line is shown.
    Line(LineId),
    /// Lines did not come, and are not waited for any more.
    Missed(MissedNumbers),
}

/// Lines of one start that are not waited for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MissedNumbers {
    pub count: u64,
    /// The last one of them.
    pub mark: HeardMark,
}

/// What is known of one peer that speaks.
#[derive(Debug)]
struct HeardSpeaker {
    /// Its start before the present one, until all of that is shown.
    previous: Option<Numbers>,
    current: Numbers,
    /// How much of what it says is taken.
    pace: TokenBucket,
    /// Where it was when it was heard first.
    payer: Payer<PeerId>,
}

/// All that speak, at most [`limits::ROOM_ORIGINS`]. Their hosts have equal shares.
#[derive(Debug)]
pub(super) struct Origins {
    all: BTreeMap<PeerId, HeardSpeaker>,
    /// How far others were heard before this start of ours: as many as whoever keeps that remembers.
    before: BTreeMap<PeerId, HeardMark>,
    places: Account<PeerId, PeerId>,
}

impl Default for Origins {
    fn default() -> Self {
        let places = Account::new(limits::ROOM_ORIGINS as u64, limits::ROOM_ORIGINS_OF_HOST);
        Self { all: BTreeMap::new(), before: BTreeMap::new(), places }
    }
}

impl Origins {
    /// So far others were heard before this start of ours. Numbers that are nonsense count as none.
    pub(super) fn restore(&mut self, heard: impl IntoIterator<Item = (PeerId, HeardMark)>) {
        self.before = heard.into_iter().filter(|(_, mark)| mark.number <= NUMBER_MAX).collect();
    }

    /// An origin says that `number` is its newest line. Returns who had to go for it; `None`: it does not count,
    /// for the origin is over, says too much, or finds no place.
    pub(super) fn hear(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        origin: Origin,
        number: u64,
    ) -> Option<Vec<PeerId>> {
        if number > NUMBER_MAX {
            return None;
        }
        let mut yielding = Vec::new();
        if !self.all.contains_key(&origin.peer) {
            let current = self.first_heard(origin)?;
            let Grant::Given(others) = self.places.charge(now, payer, origin.peer, 1) else { return None };
            for other in &others {
                self.all.remove(other);
            }
            yielding = others;
            let speaker = HeardSpeaker { previous: None, current, pace: TokenBucket::default(), payer };
            self.all.insert(origin.peer, speaker);
            self.check();
        }
        self.places.touch(now, origin.peer);
        let speaker = self.all.get_mut(&origin.peer)?;
        speaker.hear(now, origin, number).then_some(yielding)
    }

    /// To whom what a peer says is charged.
    pub(super) fn payer(&self, peer: PeerId) -> Option<Payer<PeerId>> {
        self.all.get(&peer).map(|speaker| speaker.payer)
    }

    /// From now on what this peer says is charged there, for it proved to be there.
    pub(super) fn settle(&mut self, now: Time, payer: Payer<PeerId>) -> Vec<PeerId> {
        let Some(speaker) = self.all.get_mut(&payer.peer).filter(|speaker| speaker.payer != payer) else {
            return Vec::new();
        };
        // Without a place in the share of its host it keeps the one that it has.
        let Grant::Given(yielding) = self.places.charge(now, payer, payer.peer, 1) else { return Vec::new() };
        speaker.payer = payer;
        for other in &yielding {
            self.all.remove(other);
        }
        yielding
    }

    /// True if this line is still to be shown, and did not arrive yet.
    pub(super) fn lacks(&self, line: LineId) -> bool {
        self.numbers(line.origin).is_some_and(|numbers| numbers.lacks(line.number))
    }

    /// This line, which [`Self::lacks`] names, arrived.
    pub(super) fn arrive(&mut self, line: LineId) {
        if let Some(numbers) = self.numbers_mut(line.origin) {
            numbers.arrive(line.number);
        }
    }

    /// This line had to be given up; if it was not shown it is missing again.
    pub(super) fn lose(&mut self, line: LineId) {
        if let Some(numbers) = self.numbers_mut(line.origin) {
            numbers.lose(line.number);
        }
    }

    /// What comes next of a peer, until a line is missing that may still come.
    pub(super) fn step(&mut self, peer: PeerId) -> Option<OriginStep> {
        let speaker = self.all.get_mut(&peer)?;
        let numbers = speaker.previous.as_mut().unwrap_or(&mut speaker.current);
        let origin = Origin { peer, instance: numbers.instance };
        if let Some(step) = numbers.step() {
            return Some(match step {
                NumberStep::Line(number) => OriginStep::Line(LineId { origin, number }),
                NumberStep::Missed(count) => {
                    OriginStep::Missed(MissedNumbers { count, mark: numbers.passed() })
                }
            });
        }
        speaker.previous.take_if(|previous| previous.are_shown())?;
        self.step(peer)
    }

    /// Waits no longer for what is missing of a peer before the next line that arrived: what that is.
    pub(super) fn give_up(&mut self, peer: PeerId) -> Option<MissedNumbers> {
        let speaker = self.all.get_mut(&peer)?;
        let numbers = speaker.previous.as_mut().unwrap_or(&mut speaker.current);
        let count = numbers.give_up();
        (count > 0).then(|| MissedNumbers { count, mark: numbers.passed() })
    }

    /// The lines that are missing of a peer, the oldest first, at most `most` of them.
    pub(super) fn gaps(&self, peer: PeerId, most: usize) -> Vec<RoomGap> {
        let Some(speaker) = self.all.get(&peer) else { return Vec::new() };
        let mut left = most;
        let mut gaps = Vec::new();
        for numbers in speaker.previous.iter().chain([&speaker.current]) {
            let Some((first, mut missing)) = numbers.missing() else { continue };
            while missing.count_ones() as usize > left {
                missing &= !(1 << (31 - missing.leading_zeros()));
            }
            left -= missing.count_ones() as usize;
            if missing != 0 {
                gaps.push(RoomGap { origin: peer, instance: numbers.instance, first, missing });
            }
        }
        gaps
    }

    /// True if something is missing of a peer, in a start whose random number is in a datagram.
    pub(super) fn are_missing(&self, peer: PeerId, holds: impl Fn(u64) -> bool) -> bool {
        let Some(speaker) = self.all.get(&peer) else { return false };
        let mut all = speaker.previous.iter().chain([&speaker.current]);
        all.any(|numbers| numbers.missing().is_some() && holds(numbers.instance.random))
    }

    /// The newest line of the latest start of a peer.
    pub(super) fn newest(&self, peer: PeerId) -> Option<LineId> {
        let Numbers { instance, .. } = self.all.get(&peer)?.current;
        let number = self.all.get(&peer)?.current.newest();
        Some(LineId { origin: Origin { peer, instance }, number })
    }

    /// All that speak.
    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.all.keys().copied()
    }

    /// In a debug build: the account gave a place to those that have one. Of many only now and then, for it is a
    /// look at all of them.
    fn check(&self) {
        if self.all.len() <= 64 || self.all.len().is_multiple_of(256) {
            self.places.check("origins", self.all.keys().map(|peer| (*peer, 1)));
        }
    }

    /// There are no more than may be, and each has a place.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.all.len() <= limits::ROOM_ORIGINS && self.all.len() as u64 == self.places.held());
    }

    /// What is known of an origin that is heard for the first time since our start. `None`: a later start of it
    /// was heard before, so that this is a replay.
    fn first_heard(&self, origin: Origin) -> Option<Numbers> {
        match self.before.get(&origin.peer) {
            Some(mark) if mark.instance > origin.instance => None,
            Some(mark) if mark.instance == origin.instance => Some(Numbers::after(*mark)),
            _ => Some(Numbers::new(origin.instance)),
        }
    }

    fn numbers(&self, origin: Origin) -> Option<&Numbers> {
        let speaker = self.all.get(&origin.peer)?;
        let mut all = speaker.previous.iter().chain([&speaker.current]);
        all.find(|numbers| numbers.instance == origin.instance)
    }

    fn numbers_mut(&mut self, origin: Origin) -> Option<&mut Numbers> {
        let speaker = self.all.get_mut(&origin.peer)?;
        let mut all = speaker.previous.iter_mut().chain([&mut speaker.current]);
        all.find(|numbers| numbers.instance == origin.instance)
    }
}

impl HeardSpeaker {
    /// True if it counts that `number` is the newest line of `origin`, or was before.
    fn hear(&mut self, now: Time, origin: Origin, number: u64) -> bool {
        if let Some(previous) = &self.previous
            && previous.instance == origin.instance
        {
            return number <= previous.newest();
        }
        if origin.instance < self.current.instance {
            return false;
        }
        let is_later = origin.instance > self.current.instance;
        let mut numbers = if is_later { Numbers::new(origin.instance) } else { self.current.clone() };
        if !self.may_advance(now, numbers.ahead(number)) {
            return false;
        }
        numbers.advance(number);
        let before = core::mem::replace(&mut self.current, numbers);
        // Of three starts within a moment the first one is not waited for any more.
        if is_later && self.previous.is_none() {
            self.previous = Some(before).filter(|before| !before.are_shown());
        }
        true
    }

    /// True if so many new lines are no more than a peer may say. Those past the window cost nothing: they are
    /// missed at once.
    fn may_advance(&mut self, now: Time, count: u64) -> bool {
        let Rate { period, burst } = limits::LINES_HEARD_RATE;
        let count = u32::try_from(count.min(limits::ROOM_WINDOW as u64)).unwrap_or(u32::MAX);
        if count == 0 {
            return true;
        }
        let is_free = self.pace.has(now, Rate { period, burst: burst - (count - 1) });
        is_free && (0..count).all(|_| self.pace.take(now, limits::LINES_HEARD_RATE))
    }
}
