//! When a peer asks everyone who is there: bursts of hellos at the start and after changes. Pure.

use core::time::Duration;

use crate::lan::network_size::NetworkSize;
use crate::lan::rng::Rng;
use crate::time::Time;

/// When a burst of hellos sends, counted from its start: three so early that even with 5 % loss a peer is
/// listed within the 300 ms that docs/TESTING.md promises. A peer that knows that its answer arrived answers
/// none of the others.
const HELLOS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(70), Duration::from_millis(160), Duration::from_millis(600)];

/// Hellos of a burst in a large network: who missed both hears an announcement soon.
const HELLOS_LARGE: usize = 2;

/// Between two bursts of hellos, at least.
const BURST_GAP: Duration = Duration::from_secs(1);

/// For so long a peer is a newcomer, and an answer to its hello is news.
const NEWCOMER: Duration = Duration::from_secs(30);

/// Hellos of others since its own that make it one of many.
const MANY_JOIN: u32 = 64;

/// Hellos of others since its own up to which a peer came alone, and may say more at once.
const FEW_JOIN: u32 = 4;

/// The hellos of this peer.
#[derive(Debug)]
pub(super) struct Hellos {
    /// The nonces of the last two bursts, the newest first.
    nonces: [u64; 2],
    /// Which one of the burst is next.
    next: Option<usize>,
    /// When the last burst began.
    burst: Time,
    /// Hellos of others since then.
    joining: u32,
}

impl Hellos {
    /// A burst that begins now.
    pub(super) fn new(now: Time, rng: &mut Rng) -> Self {
        Self { nonces: [rng.nonce(), rng.nonce()], next: Some(0), burst: now, joining: 0 }
    }

    /// Begins another burst, as soon as the last one is long enough ago.
    pub(super) fn begin(&mut self, now: Time, rng: &mut Rng) {
        self.burst = now.max(self.burst + BURST_GAP);
        self.joining = 0;
        self.nonces = [rng.nonce(), self.nonces[0]];
        self.next = Some(0);
    }

    /// Says no more.
    pub(super) const fn stop(&mut self) {
        self.next = None;
    }

    /// Counts one of another peer.
    pub(super) const fn hear_other(&mut self) {
        self.joining = self.joining.saturating_add(1);
    }

    /// When the next one is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.next.map(|n| self.burst + HELLOS[n])
    }

    /// The nonce of the hello that is due, counted as said.
    pub(super) fn take_due(&mut self, now: Time, size: NetworkSize) -> Option<u64> {
        let n = self.next.filter(|n| self.burst + HELLOS[*n] <= now)?;
        let all = if size.is_small() { HELLOS.len() } else { HELLOS_LARGE };
        self.next = Some(n + 1).filter(|next| *next < all);
        (n < all).then_some(self.nonces[0])
    }

    /// When the last burst began.
    pub(super) const fn burst(&self) -> Time {
        self.burst
    }

    /// True from the end of a burst until another one could begin.
    pub(super) fn have_just_ended(&self, now: Time) -> bool {
        self.next.is_none() && now.since(self.burst) < BURST_GAP
    }

    /// The nonce of the newest ones.
    pub(super) const fn nonce(&self) -> u64 {
        self.nonces[0]
    }

    /// True if that is one of the last nonces.
    pub(super) fn are_answered_by(&self, mut holds: impl FnMut(u64) -> bool) -> bool {
        self.nonces.iter().any(|nonce| holds(*nonce))
    }

    /// True if this peer said hello a moment ago.
    pub(super) fn are_recent(&self, now: Time) -> bool {
        now.since(self.burst) < NEWCOMER
    }

    /// True if it said hello together with many others.
    pub(super) const fn are_of_many(&self) -> bool {
        self.joining > MANY_JOIN
    }

    /// True if few others said hello since.
    pub(super) const fn are_of_few(&self) -> bool {
        self.joining <= FEW_JOIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    /// When the hellos of a burst go out.
    fn course(hellos: &mut Hellos, size: NetworkSize) -> Vec<Time> {
        let mut times = Vec::new();
        while let Some(now) = hellos.poll_timeout() {
            times.extend(hellos.take_due(now, size).map(|_| now));
        }
        times
    }

    #[test]
    fn a_small_network_hears_four_and_a_large_one_two() {
        let mut rng = Rng::new([0; 32]);
        let mut hellos = Hellos::new(at(0), &mut rng);
        assert_eq!(hellos.take_due(at(0) - Duration::from_millis(1), NetworkSize::of(0, 0)), None);
        assert_eq!(course(&mut hellos, NetworkSize::of(0, 0)), [0, 70, 160, 600].map(at));
        assert!(hellos.have_just_ended(at(999)) && !hellos.have_just_ended(at(1_000)));
        hellos.begin(at(5_000), &mut rng);
        assert!(!hellos.have_just_ended(at(5_001)));
        assert_eq!(course(&mut hellos, NetworkSize::of(100, 0)), [5_000, 5_070].map(at));
    }

    #[test]
    fn bursts_keep_apart_and_the_last_two_can_be_answered() {
        let mut rng = Rng::new([0; 32]);
        let mut hellos = Hellos::new(at(0), &mut rng);
        let first = hellos.nonce();
        hellos.begin(at(100), &mut rng);
        assert_eq!(hellos.poll_timeout(), Some(at(1_000)));
        assert!(hellos.nonce() != first && hellos.are_answered_by(|nonce| nonce == first));
        hellos.begin(at(5_000), &mut rng);
        assert!(!hellos.are_answered_by(|nonce| nonce == first));
        assert!(hellos.are_recent(at(34_999)) && !hellos.are_recent(at(35_000)));
    }

    #[test]
    fn who_comes_with_others_knows_it() {
        let mut hellos = Hellos::new(at(0), &mut Rng::new([0; 32]));
        for n in 0..100 {
            assert_eq!((hellos.are_of_few(), hellos.are_of_many()), (n <= 4, n > 64), "{n}");
            hellos.hear_other();
        }
    }
}
