//! How far ahead of one source is asked: by time of its measured rate, not by number. Pure.
//!
//! On a long path what is asked now comes a round trip later. To keep such a path full, as much has to be
//! owed as it holds (the product of bandwidth and delay). While that is not owed yet, the rate is what is
//! owed in each round trip: so twice that is asked for, and the rate doubles with each round trip, as that of
//! TCP does at a start (RFC 5681 §3.1), until it is that of the path.

use core::time::Duration;

use crate::swarm::limits;
use crate::time::Time;

/// The rate is measured over spans of at least this length.
const SPAN: Duration = Duration::from_millis(50);

/// A round trip counts as no longer than this: whoever needs more time for its first byte looks for it on a
/// disk.
const ROUND_TRIP_MOST: Duration = Duration::from_secs(1);

/// With each sample below it, the best rate fades by this part.
const FADES: u64 = 16;

/// The rate of one source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacing {
    /// Bytes a second; 0 until the first span is over.
    rate: u64,
    /// The best rate of a span, a while ago or now: on a path that is not full bytes come in bursts.
    best: u64,
    /// When it was asked after it owed nothing, if nothing came since.
    asked: Option<Time>,
    /// The shortest time from such a question to the first byte of its answer.
    round_trip: Option<Duration>,
    since: Time,
    bytes: u64,
    /// Bytes that came in all.
    total: u64,
}

impl Pacing {
    /// Blocks are asked for after nothing was owed: the span begins now.
    pub(crate) const fn begin(&mut self, now: Time) {
        self.asked = Some(now);
        self.begin_span(now);
    }

    const fn begin_span(&mut self, now: Time) {
        self.since = now;
        self.bytes = 0;
    }

    /// The first of an answer came, or more of it.
    pub(crate) fn answered(&mut self, now: Time) {
        if let Some(asked) = self.asked.take() {
            let took = now.since(asked);
            self.round_trip = Some(self.round_trip.map_or(took, |least| least.min(took)));
        }
    }

    /// `bytes` of blocks came.
    pub(crate) fn arrived(&mut self, now: Time, bytes: u64) {
        self.answered(now);
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
        self.best = sample.max(self.best - self.best / FADES);
        self.begin_span(now);
    }

    /// Bytes a second, a mean of the last spans; `None` before the first one is over.
    pub(crate) fn rate(&self) -> Option<u64> {
        Some(self.rate).filter(|rate| *rate > 0)
    }

    /// The shortest time from a question to the first byte of its answer; zero before that is known.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or_default().min(ROUND_TRIP_MOST)
    }

    /// How long `bytes` take at this rate. Before the rate is known: at the lowest one that the window is
    /// made for.
    pub(crate) fn time_for(&self, bytes: u64) -> Duration {
        let least = limits::AHEAD_MIN * 1_000 / u64::try_from(limits::AHEAD.as_millis()).unwrap_or(1);
        let rate = if self.rate == 0 { least } else { self.rate };
        Duration::from_micros(bytes.saturating_mul(1_000_000) / rate)
    }

    /// Bytes that may be owed; at least `least`, or before as many came, [`limits::AHEAD_FIRST`] and as many
    /// as came: whoever fetches the same is found a moment later, and then should have asked for others.
    pub(crate) fn window(&self, least: u64) -> u64 {
        let least = least.min(limits::AHEAD_FIRST + self.total);
        bytes_in(self.rate, limits::AHEAD).clamp(least, limits::AHEAD_MAX)
    }

    /// Bytes that may be owed by a source that may be far away: beside what [`Self::window`] says, twice as much
    /// as its path holds. Not for a source of a swarm, where the rate follows what there is to ask for.
    pub(crate) fn window_of_path(&self, least: u64) -> u64 {
        let path = bytes_in(self.best, 2 * self.round_trip());
        let near = self.window(least);
        bytes_in(self.rate, limits::AHEAD).saturating_add(path).clamp(near, limits::AHEAD_MAX)
    }
}

/// Bytes that come in `time` at `rate` bytes a second.
fn bytes_in(rate: u64, time: Duration) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    rate.saturating_mul(micros) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_of_a_long_path_doubles_until_the_path_is_full_and_then_holds_it_twice() {
        let (mut p, way, line) = (Pacing::default(), Duration::from_millis(300), 12_500_000_u32);
        let mut now = Time::ZERO;
        let mut windows = Vec::new();
        for _ in 0..12 {
            let window = p.window_of_path(limits::AHEAD_MIN);
            windows.push(window);
            p.begin(now);
            // As much as was owed comes, one round trip later, and no faster than the line carries it.
            now = now + way;
            let took = Duration::from_secs_f64(window as f64 / f64::from(line));
            for _ in 0..8 {
                p.arrived(now, window / 8);
                now = now + took / 8;
            }
        }
        let holds = bytes_in(line.into(), 2 * way + limits::AHEAD);
        let last = windows.last().copied().unwrap();
        assert!((holds / 2..=holds).contains(&last), "{windows:?}, {holds}");
        assert!(windows[5] >= holds / 3, "{windows:?}");
        assert!(windows.iter().all(|window| *window <= holds.max(limits::AHEAD_MIN)), "{windows:?}");
        // Near sources are asked as ever.
        assert!(p.window(limits::AHEAD_MIN) <= bytes_in(line.into(), limits::AHEAD));
    }

    #[test]
    fn a_disk_that_is_slow_at_first_is_no_long_path() {
        let mut p = Pacing::default();
        p.begin(Time::ZERO);
        p.arrived(Time(5_000_000_000), 1_000_000);
        assert_eq!(p.round_trip, Some(Duration::from_secs(5)));
        p.best = 1_000_000;
        let path = |p: &Pacing| p.window_of_path(0) - bytes_in(p.rate, limits::AHEAD);
        assert_eq!(path(&p), 2_000_000);
        p.begin(Time(6_000_000_000));
        p.answered(Time(6_001_000_000));
        assert_eq!(path(&p), 2_000, "the shortest counts");
    }

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
