//! How many connections one source is asked over. Pure.
//!
//! One TCP connection with loss-based congestion control does not fill a lossy link: at 5 % loss and
//! 100 Mbit/s, cubic reaches a third of it, eight of them together nine tenths. Loss cannot be seen from
//! here, but what more connections do to the goodput can: while a source gives, more of them are tried now and then,
//! and kept if they raise its goodput by a tenth.

use core::time::Duration;

use crate::limits;
use crate::time::Time;

/// Goodput is compared between spans of this length, each after as long a time to settle.
const SPAN: Duration = Duration::from_millis(150);

/// After an attempt that brought nothing, the next one comes after this time: loss may set in later.
const REST: Duration = Duration::from_secs(10);

/// What is being done about the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was owed, or it has just begun.
    Idle,
    /// Whatever comes is not counted until then.
    Settling(Time),
    /// Bytes are counted since then.
    Counting(Time, u64),
    /// Connections are being made until there are so many.
    Growing(u8),
}

/// The connections to one source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    /// Those in use; there may be more.
    used: u8,
    stage: Stage,
    /// Goodput with fewer connections, in bytes of a span, and how many they were, while more are tried.
    before: Option<(u64, u8)>,
    rest_until: Time,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { used: 1, stage: Stage::Idle, before: None, rest_until: Time::ZERO }
    }
}

impl Lanes {
    /// How many are used.
    pub(super) const fn used(&self) -> u8 {
        self.used
    }

    /// Something is owed after nothing was.
    pub(super) fn begin(&mut self, now: Time) {
        if !matches!(self.stage, Stage::Growing(_)) {
            self.stage = Stage::Settling(now + SPAN);
        }
    }

    /// `bytes` came, and more is owed. `Some`: that many connections are wanted, at most `most`; answered
    /// by [`Self::made`].
    pub(super) fn arrived(&mut self, now: Time, bytes: u64, most: u8) -> Option<u8> {
        match self.stage {
            Stage::Idle => self.begin(now),
            Stage::Settling(until) if now >= until => self.stage = Stage::Counting(now, 0),
            Stage::Settling(_) | Stage::Growing(_) => {}
            Stage::Counting(since, count) => {
                let count = count + bytes;
                self.stage = Stage::Counting(since, count);
                let span = now.since(since);
                if span >= SPAN {
                    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
                    let of_a_span =
                        count.saturating_mul(u64::try_from(SPAN.as_micros()).unwrap_or(1)) / micros;
                    return self.counted(now, of_a_span, most);
                }
            }
        }
        None
    }

    fn counted(&mut self, now: Time, goodput: u64, most: u8) -> Option<u8> {
        self.stage = Stage::Counting(now, 0);
        if let Some((before, fewer)) = self.before.take()
            && goodput < before + before / 10
        {
            self.used = fewer;
            self.rest_until = now + REST;
            self.stage = Stage::Settling(now + SPAN);
            return None;
        }
        let more = self.used.saturating_mul(4).min(most).min(limits::LANES);
        if more <= self.used || now < self.rest_until {
            return None;
        }
        self.before = Some((goodput, self.used));
        self.stage = Stage::Growing(more);
        Some(more)
    }

    /// So many connections stand now.
    pub(super) fn made(&mut self, now: Time, count: u8) {
        if let Stage::Growing(wanted) = self.stage {
            if count <= self.used {
                self.before = None;
                self.rest_until = now + REST;
            }
            self.used = count.clamp(1, wanted);
            self.stage = Stage::Settling(now + SPAN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `rate(lanes)` bytes a second for `time`; how many lanes were used at its end, and at most.
    fn run(time: Duration, rate: impl Fn(u8) -> u64) -> (u8, u8) {
        let mut lanes = Lanes::default();
        let mut now = Time(5_000_000_000);
        let end = now + time;
        let mut most = 1;
        lanes.begin(now);
        while now < end {
            now = now + Duration::from_millis(5);
            if let Some(count) = lanes.arrived(now, rate(lanes.used()) / 200, 8) {
                lanes.made(now, count);
            }
            most = most.max(lanes.used());
        }
        (lanes.used(), most)
    }

    #[test]
    fn a_link_that_one_fills_keeps_one() {
        assert_eq!(run(Duration::from_secs(8), |_| 12_000_000), (1, 4));
    }

    #[test]
    fn a_lossy_link_gets_as_many_as_help() {
        let lossy = |lanes: u8| (3_000_000 * u64::from(lanes)).min(12_000_000);
        assert_eq!(run(Duration::from_secs(8), lossy).0, 4);
        let worse = |lanes: u8| 1_000_000 * u64::from(lanes);
        assert_eq!(run(Duration::from_secs(2), worse), (8, 8));
    }

    #[test]
    fn it_is_tried_again_after_a_while() {
        let (_, first) = run(Duration::from_secs(2), |_| 1_000_000);
        assert_eq!(first, 4);
        let mut lanes = Lanes::default();
        let mut now = Time(1);
        let mut asked = 0;
        for _ in 0..5_000 {
            now = now + Duration::from_millis(5);
            if let Some(count) = lanes.arrived(now, 1_000, 8) {
                asked += 1;
                // None could be had.
                lanes.made(now, if asked == 1 { 1 } else { count });
            }
        }
        assert_eq!(asked, 3, "in 25 s");
    }
}
