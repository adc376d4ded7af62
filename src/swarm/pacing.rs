//! How far ahead of one source is asked: by time of its measured rate, not by number. Pure.

use core::time::Duration;

use crate::swarm::limits;
use crate::time::Time;

/// The rate is measured over spans of at least this length.
const SPAN: Duration = Duration::from_millis(50);

/// The rate of one source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacing {
    /// Bytes a second; 0 until the first span is over.
    rate: u64,
    since: Time,
    bytes: u64,
    /// Bytes that came in all.
    total: u64,
}

impl Pacing {
    /// Blocks are asked for after nothing was owed: the span begins now.
    pub(super) const fn begin(&mut self, now: Time) {
        self.since = now;
        self.bytes = 0;
    }

    /// `bytes` of blocks came.
    pub(super) fn arrived(&mut self, now: Time, bytes: u64) {
        self.bytes += bytes;
        self.total = self.total.saturating_add(bytes);
        let span = now.since(self.since);
        if span < SPAN {
            return;
        }
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(1);
        let sample = self.bytes.saturating_mul(1_000_000) / micros;
        // A mean of old and new: one slow span does not empty the pipe, ten do.
        self.rate = if self.rate == 0 { sample } else { self.rate / 2 + sample / 2 };
        self.begin(now);
    }

    /// How long `bytes` take at this rate. Before the rate is known: at the lowest one that the window is
    /// made for.
    pub(super) fn time_for(&self, bytes: u64) -> Duration {
        let least = limits::AHEAD_MIN * 1_000 / u64::try_from(limits::AHEAD.as_millis()).unwrap_or(1);
        let rate = if self.rate == 0 { least } else { self.rate };
        Duration::from_micros(bytes.saturating_mul(1_000_000) / rate)
    }

    /// Bytes that may be owed; at least `least`, or before as many came, [`limits::AHEAD_FIRST`] and as many
    /// as came: whoever fetches the same is found a moment later, and then should have asked for others.
    pub(super) fn window(&self, least: u64) -> u64 {
        let least = least.min(limits::AHEAD_FIRST + self.total);
        let micros = u64::try_from(limits::AHEAD.as_micros()).unwrap_or(u64::MAX);
        let ahead = (self.rate / 1_000_000).saturating_mul(micros);
        ahead.clamp(least, limits::AHEAD_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_a_tenth_of_a_second_within_its_bounds() {
        let mut p = Pacing::default();
        assert_eq!(p.window(limits::AHEAD_MIN), limits::AHEAD_FIRST);
        p.arrived(Time::ZERO, 1_000);
        assert_eq!(p.window(limits::AHEAD_MIN), limits::AHEAD_FIRST + 1_000);
        let mut now = Time::ZERO;
        p.begin(now);
        for _ in 0..40 {
            now = now + Duration::from_millis(10);
            p.arrived(now, 500_000);
        }
        assert_eq!(p.window(limits::AHEAD_MIN), 5_000_000, "50 MB/s");
        for _ in 0..400 {
            now = now + Duration::from_millis(10);
            p.arrived(now, 20_000_000);
        }
        assert_eq!(p.window(limits::AHEAD_MIN), limits::AHEAD_MAX);
        for _ in 0..40 {
            now = now + Duration::from_millis(100);
            p.arrived(now, 1_000);
        }
        assert_eq!(p.window(limits::AHEAD_MIN), limits::AHEAD_MIN);
    }
}
