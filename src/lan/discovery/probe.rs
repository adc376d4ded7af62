//! Is a silent peer dead? Eight probes decide, whoever sends them. Pure.
//!
//! All who miss a peer begin to doubt it at about the same time. Each waits a random moment, so that one
//! probes first; the others hear that, count it as theirs, and go on only if it stops.

use core::time::Duration;

use crate::lan::limits;
use crate::lan::rng::Rng;
use crate::rate::TokenBucket;
use crate::time::Time;

/// Probes that must go unanswered. At 20 % loss all eight fail once in 4,000 times, and only after six
/// silent intervals (once in 15,000).
const PROBES: u8 = 8;

/// A probe within this time of the last one belongs to it.
const PROBED_AGAIN: Duration = Duration::from_secs(1);

/// Between two probes.
const GAP: Duration = Duration::from_millis(120);

/// A peer that is being asked whether it is alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    next: Time,
    last: Time,
    asked: u8,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeStep {
    /// Nothing before that time.
    Wait(Time),
    /// Broadcast a probe.
    Probe,
    /// It is dead.
    Dead,
}

impl Suspicion {
    /// The first probe goes out within `spread`.
    pub(super) fn begin(now: Time, spread: Duration, rng: &mut Rng) -> Self {
        Self { next: now + rng.delay(spread), last: Time::ZERO, asked: 0 }
    }

    /// Probes so far, whoever sent them.
    pub(super) const fn asked(&self) -> u8 {
        self.asked
    }

    /// When to look again.
    pub(super) const fn next(&self) -> Time {
        self.next
    }

    /// What is due. [`ProbeStep::Probe`] counts as done.
    pub(super) fn step(&mut self, now: Time) -> ProbeStep {
        if now < self.next {
            return ProbeStep::Wait(self.next);
        }
        if self.asked >= PROBES {
            return ProbeStep::Dead;
        }
        self.asked += 1;
        self.last = now;
        self.next = now + GAP;
        ProbeStep::Probe
    }

    /// Someone else probed: that counts, and ours waits a little longer than theirs, so that one goes on.
    /// `peers` spreads the taking over. False if it belongs to the last one.
    pub(super) fn heard(&mut self, now: Time, peers: usize, rng: &mut Rng) -> bool {
        // Two at once count as one: they may share one fate, and the peer answers them with one packet.
        if self.asked > 0 && now.since(self.last) < GAP / 2 {
            return false;
        }
        self.asked = self.asked.saturating_add(1).min(PROBES);
        self.last = now;
        let spread = if peers <= 50 { Duration::from_millis(20) } else { Duration::from_millis(100) };
        self.next = now + GAP + Duration::from_millis(5) + rng.delay(spread);
        true
    }
}

/// The answers to probes of others that look for this peer.
#[derive(Debug, Default)]
pub(super) struct ProbeAnswers {
    rate: TokenBucket,
    /// When a probe was answered last.
    last: Option<Time>,
}

impl ProbeAnswers {
    /// How many answers a probe gets. Asked again, it is two: the first answer was lost to somebody, and two
    /// are not so easily.
    pub(super) fn take(&mut self, now: Time) -> u8 {
        if !self.rate.take(now, limits::PROBED_RATE) {
            return 0;
        }
        let last = self.last.replace(now);
        1 + u8::from(last.is_some_and(|at| now.since(at) < PROBED_AGAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(t: Time) -> u64 {
        t.0 / 1_000_000
    }

    #[test]
    fn eight_probes_120_ms_apart_then_the_verdict() {
        let mut rng = Rng::new([0; 32]);
        let mut suspicion = Suspicion::begin(Time::ZERO, Duration::ZERO, &mut rng);
        let (mut now, mut probes) = (Time::ZERO, Vec::new());
        loop {
            match suspicion.step(now) {
                ProbeStep::Probe => probes.push(ms(now)),
                ProbeStep::Wait(at) => now = at,
                ProbeStep::Dead => break,
            }
        }
        assert_eq!(probes, [0, 120, 240, 360, 480, 600, 720, 840]);
        assert_eq!(ms(now), 960);
    }

    #[test]
    fn who_hears_a_probe_keeps_still_and_takes_over_when_it_stops() {
        let mut rng = Rng::new([0; 32]);
        let mut suspicion = Suspicion::begin(Time::ZERO, Duration::from_millis(300), &mut rng);
        let mut now = Time::ZERO;
        for _ in 0..7 {
            assert!(suspicion.heard(now, 50, &mut rng));
            now = now + GAP;
            assert!(matches!(suspicion.step(now), ProbeStep::Wait(_)));
        }
        // The prober died: one is missing, and is sent.
        now = now + Duration::from_millis(30);
        assert_eq!(suspicion.step(now), ProbeStep::Probe);
        assert_eq!(suspicion.step(now + GAP), ProbeStep::Dead);
    }

    #[test]
    fn two_that_probe_at_once_count_as_one() {
        let mut rng = Rng::new([0; 32]);
        let mut suspicion = Suspicion::begin(Time::ZERO, Duration::ZERO, &mut rng);
        assert_eq!(suspicion.step(Time::ZERO), ProbeStep::Probe);
        for us in 0..20 {
            assert!(!suspicion.heard(Time::ZERO + Duration::from_micros(us), 50, &mut rng));
        }
        assert_eq!(suspicion.asked, 1);
    }

    #[test]
    fn a_probe_is_answered_once_the_next_ones_twice_and_not_too_many() {
        let mut answers = ProbeAnswers::default();
        let start = Time::ZERO + Duration::from_secs(9);
        assert_eq!([0, 120, 240].map(|ms| answers.take(start + Duration::from_millis(ms))), [1, 2, 2]);
        assert_eq!(answers.take(start + Duration::from_secs(2)), 1);
        let many = (0..100).filter(|_| answers.take(start + Duration::from_secs(3)) > 0).count();
        assert_eq!(many, 4);
    }
}
