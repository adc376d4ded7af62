//! Chance for the machine, out of a seed. Pure.
//!
//! Two kinds: delays that only spread load (SplitMix64, public domain, Steele, Lea and Flood 2014), and
//! nonces that nobody may foresee (keyed BLAKE3 over a counter).

use core::time::Duration;

/// Seeded chance.
#[derive(Clone, Debug)]
pub(super) struct Rng {
    state: u64,
    key: [u8; 32],
    drawn: u64,
}

impl Rng {
    /// From a seed that, in a running peer, is fit for keys.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let first = blake3::derive_key("potluck discovery delays 1", &seed);
        let mut state = [0; 8];
        state.copy_from_slice(&first[..8]);
        Self {
            state: u64::from_le_bytes(state),
            key: blake3::derive_key("potluck discovery nonces 1", &seed),
            drawn: 0,
        }
    }

    /// Foreseeable; for delays only.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A delay below `bound`.
    pub(super) fn delay(&mut self, bound: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(bound.as_micros()).unwrap_or(u64::MAX)))
    }

    /// A number that nobody can foresee.
    pub(super) fn nonce(&mut self) -> u64 {
        self.drawn += 1;
        let hash = blake3::keyed_hash(&self.key, &self.drawn.to_le_bytes());
        let mut nonce = [0; 8];
        nonce.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_course_and_bounds_hold() {
        let (mut a, mut b, mut c) = (Rng::new([1; 32]), Rng::new([1; 32]), Rng::new([2; 32]));
        let (x, y, z) = (a.nonce(), b.nonce(), c.nonce());
        assert_eq!(x, y);
        assert_ne!(x, z);
        assert_ne!(x, a.nonce());
        assert_eq!(a.below(0), 0);
        for _ in 0..1_000 {
            assert!(a.delay(Duration::from_millis(3)) < Duration::from_millis(3));
        }
    }
}
