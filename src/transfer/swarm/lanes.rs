//! How many connections one source is asked over. Pure.
//!
//! One TCP connection with loss-based congestion control does not fill a lossy link: at 5 % loss and
//! 100 Mbit/s, cubic reaches less than half of it, eight of them together nine tenths. Loss cannot be seen
//! from here, but what it does can: goodput that falls far below what the link gave before, again and
//! again. Then there are more connections, and they stay for as long as the source is linked.
//!
//! (Comparing the goodput before and after a trial does not tell: on a lossy link it differs by more from
//! one moment to the next than one more connection brings.)

use core::time::Duration;

use crate::limits;
use crate::time::Time;

/// Goodput is looked at in spans of this length, or longer ones on slow links: see [`WORTH`].
const SPAN: Duration = Duration::from_millis(100);

/// A span is at least as long as these bytes take at the best goodput: eight blocks, so that it does not
/// matter much where between two blocks it begins.
const WORTH: u64 = 8 * limits::BLOCK as u64;

/// Of so many spans …
const LOOK: u32 = 8;

/// … so many below half of the best one are a sign of loss.
const LOW: u32 = 3;

/// The connections to one source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    /// Those in use.
    used: u8,
    /// Those that were asked for.
    wanted: u8,
    /// Begin of the present span, and bytes in it.
    span: Option<(Time, u64)>,
    /// Best goodput, bytes a second.
    best: u64,
    /// The last spans, the newest in the lowest bit: set where goodput was low.
    low: u32,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { used: 1, wanted: 1, span: None, best: 0, low: 0 }
    }
}

impl Lanes {
    /// How many are used.
    pub(super) const fn used(&self) -> u8 {
        self.used
    }

    /// Something is owed after nothing was.
    pub(super) const fn begin(&mut self, now: Time) {
        self.span = Some((now, 0));
    }

    /// `bytes` came. `Some`: that many connections are wanted, at most `most`; answered by [`Self::made`].
    pub(super) fn arrived(&mut self, now: Time, bytes: u64, most: u8) -> Option<u8> {
        let (since, count) = self.span.unwrap_or((now, 0));
        let count = count + bytes;
        self.span = Some((since, count));
        let least = micros(SPAN).max((WORTH * 1_000_000).checked_div(self.best).unwrap_or(0));
        let took = micros(now.since(since));
        if took < least {
            return None;
        }
        self.span = Some((now, 0));
        let goodput = count.saturating_mul(1_000_000) / took;
        self.best = self.best.max(goodput);
        // A long silence is one span after another.
        for _ in 0..(took / least).min(u64::from(LOOK)) {
            self.low = self.low << 1 | u32::from(goodput < self.best / 2);
        }
        let low = (self.low & ((1 << LOOK) - 1)).count_ones();
        let more = self.wanted.saturating_mul(4).min(most).min(limits::LANES);
        if low < LOW || more <= self.wanted || self.used < self.wanted {
            return None;
        }
        self.low = 0;
        self.wanted = more;
        Some(more)
    }

    /// So many connections stand now; no more are coming.
    pub(super) fn made(&mut self, count: u8) {
        self.used = count.clamp(1, self.wanted);
        // Whoever did not get more is not asked again.
        self.wanted = self.used.max(if count < self.wanted { limits::LANES } else { 0 });
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
            if let Some(count) = lanes.arrived(now, limits::BLOCK as u64, 8) {
                lanes.made(count);
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
        let until_four = |t: u64, lanes| if lanes < 4 && t % 500 < 250 { 500_000 } else { 12_000_000 };
        assert_eq!(run(until_four), 4);
    }

    #[test]
    fn whoever_refuses_more_is_not_asked_again() {
        let mut lanes = Lanes::default();
        let mut now = Time(1);
        let mut asked = 0;
        for n in 0..10_000_u64 {
            now = now + Duration::from_millis(if n % 100 < 50 { 5 } else { 50 });
            if lanes.arrived(now, limits::BLOCK as u64, 8).is_some() {
                asked += 1;
                lanes.made(1);
            }
        }
        assert_eq!((asked, lanes.used()), (1, 1));
    }
}
