//! Pauses that differ by chance, so that networks do not ask in step. Pure.

use core::time::Duration;

/// Where chance comes from.
#[derive(Debug)]
pub(super) struct Spread {
    seed: [u8; 32],
    drawn: u64,
}

impl Spread {
    /// One that nobody can foresee who does not know the seed.
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// This pause, a fifth longer or shorter.
    pub(super) fn of(&mut self, pause: Duration) -> Duration {
        self.drawn += 1;
        let hash = blake3::keyed_hash(&self.seed, &self.drawn.to_le_bytes());
        let percent = 80 + u32::from(hash.as_bytes()[0]) * 40 / 255;
        pause * percent / 100
    }
}
