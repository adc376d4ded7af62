//! A set of small numbers, one bit each. Pure.

/// Numbers from zero on. It takes no memory before the first one is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct NumberSet {
    words: Vec<u64>,
    count: usize,
}

impl NumberSet {
    #[inline]
    pub(super) fn contains(&self, n: usize) -> bool {
        self.words.get(n / 64).is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    /// Puts a number in. True if it was not there.
    #[inline]
    pub(super) fn insert(&mut self, n: usize) -> bool {
        if self.words.len() <= n / 64 {
            self.grow(n / 64 + 1);
        }
        let word = &mut self.words[n / 64];
        let is_new = *word >> (n % 64) & 1 == 0;
        *word |= 1 << (n % 64);
        self.count += usize::from(is_new);
        is_new
    }

    #[cold]
    fn grow(&mut self, words: usize) {
        self.words.resize(words, 0);
    }

    /// How many numbers are in it.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The numbers from `from` to `to`, in order.
    pub(super) fn range(&self, from: usize, to: usize) -> impl Iterator<Item = usize> {
        let last = to.div_ceil(64).min(self.words.len());
        let words = (from / 64..last).flat_map(|at| {
            let mut word = self.words[at];
            core::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit)
            })
        });
        words.skip_while(move |n| *n < from).take_while(move |n| *n < to)
    }

    /// It takes no more memory than it needs.
    pub(super) fn shrink(&mut self) {
        self.words.shrink_to_fit();
    }

    /// Bytes of memory.
    pub(super) const fn bytes(&self) -> usize {
        self.words.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    proptest::proptest! {
        #[test]
        fn it_is_a_set(numbers in proptest::collection::vec(0..300_usize, 0..50), ends in (0..320_usize, 0..320_usize)) {
            let (mut numbers_in, mut set) = (NumberSet::default(), BTreeSet::new());
            for n in numbers {
                assert_eq!(numbers_in.insert(n), set.insert(n));
            }
            assert_eq!(numbers_in.count(), set.len());
            assert!((0..320).all(|n| numbers_in.contains(n) == set.contains(&n)));
            let (from, to) = (ends.0.min(ends.1), ends.0.max(ends.1));
            assert!(numbers_in.range(from, to).eq(set.range(from..to).copied()));
        }
    }
}
