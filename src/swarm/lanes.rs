//! How many connections one source is asked over, and what is owed on each. Pure.
//!
//! One TCP connection with loss-based congestion control does not fill a lossy link: at 5 % loss and
//! 100 Mbit/s, cubic reaches less than half of it, eight of them together nine tenths. Loss cannot be seen
//! from here, but what it does can: goodput that falls far below what the link gave before, again and
//! again, or a silence as long as TCP waits before it sends the last packets again (200 ms at least; at low
//! delay nearly all the time that a lossy link loses is lost in such silences). Then there are more
//! connections, and they stay for as long as the source is linked.
//!
//! (Comparing the goodput before and after a trial does not tell: on a lossy link it differs by more from
//! one moment to the next than one more connection brings.)

use core::time::Duration;

use crate::swarm::limits;
use crate::time::Time;

/// Goodput is looked at in spans of this length, or longer ones on slow links: see [`WORTH`].
const SPAN: Duration = Duration::from_millis(100);

/// A span is at least as long as these bytes take at the best goodput: eight blocks, so that it does not
/// matter much where between two blocks it begins.
const WORTH: u64 = 8 * limits::BLOCK as u64;

/// Of this many spans …
const LOOK: u32 = 8;

/// … this many below half of the best one are a sign of loss.
const LOW: u32 = 3;

/// Nothing at all for this long, or for as long as [`WORTH`] takes, is one too: little less than TCP waits.
const SILENCE: Duration = Duration::from_millis(150);

/// A connection that owes something and gave no block for this long, or for as long as its share of the
/// goodput needs for one, is late.
const LATE: Duration = Duration::from_millis(50);

/// Those that there may be.
const MOST: usize = limits::LANES as usize;

/// The connections to one source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    /// Those in use.
    used: u8,
    /// Those that were asked for.
    wanted: u8,
    /// Begin of the present span, and bytes in it.
    span: Option<(Time, u64)>,
    /// When a block came last.
    heard: Time,
    /// From a question to its answer. On a long path it is no sign of loss that nothing comes for that time.
    round_trip: Duration,
    /// Best goodput, bytes a second.
    best: u64,
    /// The last spans, the newest in the lowest bit: set where goodput was low.
    low: u32,
    /// Of each: bytes owed, and when a block came or it was asked after owing nothing.
    each: [(u64, Time); MOST],
}

impl Default for Lanes {
    fn default() -> Self {
        let each = [(0, Time::ZERO); MOST];
        Self {
            used: 1,
            wanted: 1,
            span: None,
            heard: Time::ZERO,
            round_trip: Duration::ZERO,
            best: 0,
            low: 0,
            each,
        }
    }
}

impl Lanes {
    /// How many are used.
    pub(super) const fn used(&self) -> u8 {
        self.used
    }

    /// What is known of the path now.
    pub(super) const fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// Something is owed after nothing was.
    pub(super) const fn begin(&mut self, now: Time) {
        self.span = Some((now, 0));
        self.heard = now;
    }

    /// `bytes` were asked for on `lane`.
    pub(super) fn asked(&mut self, now: Time, lane: u8, bytes: u64) {
        if let Some((owed, heard)) = self.each.get_mut(usize::from(lane)) {
            if *owed == 0 {
                *heard = now;
            }
            *owed += bytes;
        }
    }

    /// `bytes` are not owed on `lane` any more.
    pub(super) fn settled(&mut self, lane: u8, bytes: u64) {
        if let Some((owed, _)) = self.each.get_mut(usize::from(lane)) {
            *owed = owed.saturating_sub(bytes);
        }
    }

    /// Bytes that may be asked for on each, in multiples of `unit`, of a window of that many together. A
    /// quarter of its share at a time, so that a request is worth its frame; each has a share of its own, so
    /// that the others go on while some are stuck with theirs.
    pub(super) fn room(&self, window: u64, unit: u64) -> [u64; MOST] {
        let share = window / u64::from(self.used);
        let mut room =
            self.each.map(
                |(owed, _)| {
                    if owed > share - share / 4 { 0 } else { (share - owed).next_multiple_of(unit) }
                },
            );
        room[usize::from(self.used)..].fill(0);
        room
    }

    /// One that owes nothing, if there are several.
    pub(super) fn idle(&self) -> Option<u8> {
        (0..self.used).find(|&lane| self.used > 1 && self.each[usize::from(lane)].0 == 0)
    }

    /// Those that are late, as a set of bits, while a block takes the time `block` at the rate of all.
    pub(super) fn late(&self, now: Time, block: Duration) -> u8 {
        let timeout = self.round_trip + LATE.max(block * u32::from(self.used));
        let is_late = |&lane: &u8| {
            let (owed, heard) = self.each[usize::from(lane)];
            owed > 0 && now.since(heard) >= timeout
        };
        (0..self.used).filter(is_late).fold(0, |set, lane| set | 1 << lane)
    }

    /// `bytes` came on `lane`. `Some`: that many connections are wanted, at most `most`; answered by
    /// [`Self::made`].
    pub(super) fn arrived(&mut self, now: Time, lane: u8, bytes: u64, most: u8) -> Option<u8> {
        // Whoever looks seldom sees a silence only when it is over.
        let silence = self.silent(now, most);
        self.settled(lane, bytes);
        if let Some((_, heard)) = self.each.get_mut(usize::from(lane)) {
            *heard = now;
        }
        self.heard = now;
        let (since, count) = self.span.unwrap_or((now, 0));
        let count = count + bytes;
        self.span = Some((since, count));
        let least = micros(SPAN).max(self.worth()).max(micros(self.round_trip));
        let took = micros(now.since(since));
        if took < least {
            return silence;
        }
        self.span = Some((now, 0));
        let goodput = count.saturating_mul(1_000_000) / took;
        self.best = self.best.max(goodput);
        // A long silence is one span after another.
        for _ in 0..(took / least).min(u64::from(LOOK)) {
            self.low = self.low << 1 | u32::from(goodput < self.best / 2);
        }
        let low = (self.low & ((1 << LOOK) - 1)).count_ones();
        if silence.is_some() || low < LOW {
            return silence;
        }
        self.more(self.wanted.saturating_mul(4).min(most))
    }

    /// Something is owed. `Some`, if nothing has come for too long: that many connections are wanted, as
    /// with [`Self::arrived`].
    pub(super) fn silent(&mut self, now: Time, most: u8) -> Option<u8> {
        let timeout = micros(SILENCE).max(self.worth()) + micros(self.round_trip);
        if self.best == 0 || micros(now.since(self.heard)) < timeout { None } else { self.more(most) }
    }

    /// Microseconds that [`WORTH`] takes at the best goodput.
    fn worth(&self) -> u64 {
        (WORTH * 1_000_000).checked_div(self.best).unwrap_or(0)
    }

    fn more(&mut self, count: u8) -> Option<u8> {
        let count = count.min(limits::LANES);
        if count <= self.wanted || self.used < self.wanted {
            return None;
        }
        self.low = 0;
        self.wanted = count;
        Some(count)
    }

    /// This many connections stand now; `all`: no more are coming.
    pub(super) fn made(&mut self, count: u8, all: bool) {
        let grows = self.used < self.wanted;
        self.used = count.clamp(1, self.wanted);
        if !all {
            return;
        }
        // Whoever did not get more is not asked again; whoever lost some for want of use may be.
        self.wanted = if grows && self.used < self.wanted { limits::LANES } else { self.used };
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives blocks for ten seconds at `rate(milliseconds, lanes)` bytes a second; how many lanes are used
    /// then.
    fn run(rate: impl Fn(u64, u8) -> u64) -> u8 {
        let mut lanes = Lanes::default();
        let begin = Time(5_000_000_000);
        let mut now = begin;
        lanes.begin(now);
        while now.since(begin) < Duration::from_secs(10) {
            let rate = rate(micros(now.since(begin)) / 1_000, lanes.used()).max(1);
            now = now + Duration::from_secs_f64(limits::BLOCK as f64 / rate as f64);
            if let Some(count) = lanes.arrived(now, 0, limits::BLOCK as u64, 8) {
                lanes.made(count, true);
            }
        }
        lanes.used()
    }

    #[test]
    fn a_steady_link_keeps_one_however_slow() {
        for rate in [20_000, 300_000, 12_000_000, 1_000_000_000] {
            assert_eq!(run(|_, _| rate), 1, "{rate}");
        }
        // One that fades to half, or has grown, is no lossy one.
        assert_eq!(run(|t, _| if t < 5_000 { 12_000_000 } else { 6_500_000 }), 1);
        assert_eq!(run(|t, _| 1_000_000 + t * 1_000), 1);
    }

    #[test]
    fn a_link_that_stops_and_goes_gets_more() {
        let stutters = |t: u64, _| if t % 500 < 250 { 12_000_000 } else { 500_000 };
        assert_eq!(run(stutters), 8);
        // Slow now and then, but never silent: step by step.
        let until_four = |t: u64, lanes| if lanes < 4 && t % 500 < 250 { 2_000_000 } else { 12_000_000 };
        assert_eq!(run(until_four), 4);
    }

    #[test]
    fn each_has_a_share_of_its_own_and_the_stuck_one_is_known() {
        let mut lanes = Lanes { used: 4, wanted: 4, ..Lanes::default() };
        let (now, block) = (Time(1_000_000_000), limits::BLOCK as u64);
        assert_eq!(lanes.room(8 * block, block), [2 * block, 2 * block, 2 * block, 2 * block, 0, 0, 0, 0]);
        lanes.asked(now, 0, 2 * block);
        lanes.asked(now, 1, 2 * block);
        assert_eq!(lanes.room(8 * block, block)[..3], [0, 0, 2 * block]);
        assert_eq!(lanes.idle(), Some(2));
        let later = now + Duration::from_millis(60);
        assert_eq!(lanes.arrived(later, 1, block, 8), None);
        assert_eq!(lanes.late(later, Duration::from_millis(5)), 1);
        assert_eq!(lanes.late(later, Duration::from_millis(50)), 0, "on a slow link a block takes longer");
        assert_eq!(lanes.room(8 * block, block)[..3], [0, block, 2 * block]);
    }

    #[test]
    fn on_a_long_path_a_round_trip_without_a_block_is_no_sign_of_loss() {
        for (round_trip, widened) in [(0, Some(8)), (300, None)] {
            let mut lanes = Lanes::default();
            lanes.set_round_trip(Duration::from_millis(round_trip));
            let at = |ms| Time(1_000_000_000) + Duration::from_millis(ms);
            lanes.begin(at(0));
            lanes.asked(at(0), 0, 1 << 25);
            for ms in [300, 301] {
                lanes.arrived(at(ms), 0, 1 << 24, 8);
            }
            assert_eq!(lanes.silent(at(600), 8), widened);
            lanes.asked(at(600), 0, 1 << 20);
            assert_eq!(lanes.late(at(800), Duration::from_millis(5)), u8::from(round_trip == 0));
        }
    }

    #[test]
    fn whoever_refuses_more_is_not_asked_again() {
        let mut lanes = Lanes::default();
        let mut now = Time(1);
        let mut asked = 0;
        for n in 0..10_000_u64 {
            now = now + Duration::from_millis(if n % 100 < 50 { 5 } else { 50 });
            if lanes.arrived(now, 0, limits::BLOCK as u64, 8).is_some() {
                asked += 1;
                lanes.made(1, true);
            }
        }
        assert_eq!((asked, lanes.used()), (1, 1));
    }
}
