//! A map by peer id that is fast with a thousand peers. Pure.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use crate::identity::PeerId;

/// Peers by id. An id is a hash already, so a part of it will do; the seed keeps others from choosing ids
/// that meet in one place. Ordered maps cost three times as much with 1,000 peers, most of it cache misses.
pub(super) type ById<T> = HashMap<PeerId, T, Seed>;

/// The secret of [`ById`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(pub u64);

/// Hashes one id with it.
#[derive(Debug)]
pub(super) struct IdHasher(u64);

impl BuildHasher for Seed {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks_exact(8).take(2) {
            let word = part.try_into().map_or(0, u64::from_le_bytes);
            // Folded, so that every bit of the id and of the seed reaches every bit of the result.
            let wide = u128::from(self.0 ^ word) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
            let bytes = wide.to_le_bytes();
            let (low, high) = bytes.split_at(8);
            let half = |half: &[u8]| half.try_into().map_or(0, u64::from_le_bytes);
            self.0 = half(low) ^ half(high);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_byte_of_the_first_half_and_the_secret_change_the_hash() {
        let hash = |seed, id| Seed(seed).hash_one(PeerId(id));
        let mut hashes = BTreeSet::from([hash(1, [0; 32]), hash(2, [0; 32])]);
        for byte in 0..16 {
            let mut id = [0; 32];
            id[byte] = 1;
            hashes.insert(hash(1, id));
        }
        assert_eq!(hashes.len(), 18);
    }
}
