//! How many peers a network has, and what follows from it: how often each may speak. Pure.

use core::time::Duration;

use crate::lan::limits;

/// Up to this many peers a network is small: a newcomer is answered at once.
const SMALL: u64 = 64;

/// Peers whose announcements come once a second. Of more, all together send about 46 a second, which leaves
/// the rest of 50 to probes.
pub(super) const ONCE_A_SECOND: u64 = 50;

/// Of a large network's peers one announces itself each 22 ms.
const ANNOUNCE_GAP_MS: u64 = 22;

/// Peers of the network as far as this one can tell, itself included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NetworkSize(u64);

impl NetworkSize {
    /// That of a network of which `here` others are known, and of which `candidates` were heard. Candidates
    /// count, for after a power cut nobody is proved yet; but invented peers may at most double the number.
    pub(super) const fn of(here: usize, candidates: usize) -> Self {
        let (here, candidates) = (here as u64, candidates as u64);
        let most = here + 64;
        Self(1 + here + if candidates < most { candidates } else { most })
    }

    /// As many as the longest interval between two announcements of a peer tells. The shortest one tells
    /// nothing: all small networks have it.
    pub(super) fn announced(longest: Duration) -> Self {
        let longest = longest.min(limits::INTERVAL_MAX);
        let tells = longest > limits::INTERVAL_MIN;
        let ms = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Self(if tells { ms / ANNOUNCE_GAP_MS } else { 0 })
    }

    /// The number.
    pub(super) const fn peers(self) -> u64 {
        self.0
    }

    /// The number, as a factor of times.
    pub(super) fn factor(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// True if so few speak that nobody has to wait for others.
    pub(super) const fn is_small(self) -> bool {
        self.0 <= SMALL
    }

    /// Between two announcements of one peer.
    pub(super) fn interval(self) -> Duration {
        if self.0 <= ONCE_A_SECOND {
            return limits::INTERVAL_MIN;
        }
        Duration::from_millis(self.0 * ANNOUNCE_GAP_MS).clamp(limits::INTERVAL_MIN, limits::INTERVAL_MAX)
    }

    /// The time over which all spread what each of them has to say to a newcomer: at once in a small
    /// network; 333 a second in a large one, fewer than the answers that a newcomer verifies.
    pub(super) const fn spread(self) -> Duration {
        if self.is_small() { Duration::from_millis(60) } else { Duration::from_millis(3 * self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_peers_together_announce_less_than_50_times_a_second() {
        for others in [0, 1, 49, 50, 63, 64, 100, 999, limits::PEERS] {
            let size = NetworkSize::of(others, 0);
            let a_second = size.peers() as f64 / size.interval().as_secs_f64();
            assert!(a_second <= 50.0, "{size:?}: {a_second}");
        }
    }

    #[test]
    fn invented_peers_at_most_double_the_number() {
        assert_eq!(NetworkSize::of(0, 10).peers(), 11);
        assert_eq!(NetworkSize::of(0, 10_000).peers(), 65);
        assert_eq!(NetworkSize::of(500, 10_000).peers(), 1_065);
        assert!(NetworkSize::of(63, 0).is_small() && !NetworkSize::of(64, 0).is_small());
    }

    #[test]
    fn an_interval_tells_the_number_that_it_was_made_of() {
        for others in [100, 999, 4_000] {
            let size = NetworkSize::of(others, 0);
            assert_eq!(NetworkSize::announced(size.interval()), size);
        }
        assert_eq!(NetworkSize::announced(limits::INTERVAL_MIN).peers(), 0);
        assert_eq!(NetworkSize::announced(Duration::MAX), NetworkSize::announced(limits::INTERVAL_MAX));
    }
}
