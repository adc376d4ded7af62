//! Which paths a segment does not have. Pure.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

/// A Bloom filter (Bloom, Communications of the ACM 13(7), 1970) of paths as their owner writes them, with two bits
/// for each path: of a hundred paths that are not there, it takes two for there at most.
///
/// An owner may choose names that fill it. Then what that owner lists is looked up where it need not be.
#[derive(Debug, Default)]
pub(super) struct PathBloom {
    words: Vec<u64>,
}

/// A path to be looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathKey([u32; 2]);

impl PathKey {
    /// Of a file's folder and name. At the top the folder is empty.
    pub(super) fn new(folder: &str, name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        for part in [folder, name] {
            hasher.write(part.as_bytes());
            // No text in UTF-8 has this byte.
            hasher.write_u8(0xff);
        }
        let hash = hasher.finish().to_le_bytes();
        let (halves, _) = hash.as_chunks::<4>();
        Self([u32::from_le_bytes(halves[0]), u32::from_le_bytes(halves[1])])
    }

    /// Which two of `bits` bits it has; `bits` is a power of two.
    const fn bits(self, bits: usize) -> [usize; 2] {
        let Self([a, b]) = self;
        [a as usize & (bits - 1), b as usize & (bits - 1)]
    }
}

impl PathBloom {
    /// Bytes of memory that a path takes at most, with its key while it is made.
    pub(super) const ROW: u64 = 12;

    /// Of these paths: between 16 and 32 bits for each.
    pub(super) fn of(paths: &[PathKey]) -> Self {
        if paths.is_empty() {
            return Self::default();
        }
        let mut words = vec![0; (paths.len() * 16).next_power_of_two().div_ceil(64)];
        let bits = words.len() * 64;
        for bit in paths.iter().flat_map(|path| path.bits(bits)) {
            words[bit / 64] |= 1 << (bit % 64);
        }
        Self { words }
    }

    /// False: it is not there.
    pub(super) fn may_have(&self, path: PathKey) -> bool {
        let bits = self.words.len() * 64;
        let has = |bit: usize| self.words[bit / 64] >> (bit % 64) & 1 == 1;
        bits > 0 && path.bits(bits).into_iter().all(has)
    }

    /// Bytes of memory.
    pub(super) const fn bytes(&self) -> usize {
        self.words.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(from: usize, to: usize) -> Vec<PathKey> {
        (from..to).map(|n| PathKey::new("folder", &n.to_string())).collect()
    }

    #[test]
    fn what_is_there_may_be_there_and_most_of_what_is_not_is_not() {
        for count in [1, 3, 4, 1_000, 70_000] {
            let bloom = PathBloom::of(&keys(0, count));
            assert!(keys(0, count).into_iter().all(|key| bloom.may_have(key)), "{count}");
            let wrong = keys(100_000, 110_000).into_iter().filter(|key| bloom.may_have(*key)).count();
            // 1.4 % at most; of three paths 48 are no power of two.
            assert!(wrong < 250, "{count}: {wrong} of 10,000");
            assert!(bloom.bytes() <= (count * 4).max(8), "{count}");
        }
    }

    #[test]
    fn an_empty_one_has_nothing() {
        assert!(!PathBloom::of(&[]).may_have(PathKey::new("", "a")));
        assert_eq!(PathBloom::default().bytes(), 0);
    }

    #[test]
    fn where_the_folder_ends_is_part_of_the_path() {
        let bloom = PathBloom::of(&[PathKey::new("ab", "c")]);
        assert!(!bloom.may_have(PathKey::new("a", "bc")) && bloom.may_have(PathKey::new("ab", "c")));
    }
}
