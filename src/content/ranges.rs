//! Which bytes of a file: a few ranges. Pure.

/// Ranges that are remembered of one file, at most. Whoever takes a file from one end to the other makes one of them.
const RANGES: usize = 16;

/// Some bytes of a file. With more than a few ranges the shortest one is forgotten: what is told is there, and there may
/// be more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByteRanges {
    /// From where to where; each begins behind the end of the one before.
    ranges: Vec<(u64, u64)>,
}

impl ByteRanges {
    /// These, in any order.
    pub fn of(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut all = Self::default();
        for (from, to) in ranges {
            all.insert(from, to);
        }
        all
    }

    /// The bytes from this one up to that one, which is not among them, are there, too.
    pub fn insert(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        // Those that it meets or touches become one with it.
        let first = self.ranges.partition_point(|range| range.1 < from);
        let behind = self.ranges.partition_point(|range| range.0 <= to);
        let met = self.ranges.get(first..behind).unwrap_or_default();
        let from = met.first().map_or(from, |range| range.0.min(from));
        let to = met.last().map_or(to, |range| range.1.max(to));
        self.ranges.splice(first..behind.max(first), [(from, to)]);
        if self.ranges.len() > RANGES {
            let shortest = (0..self.ranges.len()).min_by_key(|n| self.ranges[*n].1 - self.ranges[*n].0);
            if let Some(n) = shortest {
                self.ranges.remove(n);
            }
        }
    }

    /// Those of another one are there, too.
    pub fn extend(&mut self, other: &Self) {
        for (from, to) in &other.ranges {
            self.insert(*from, *to);
        }
    }

    /// True if all bytes of a file of this size are there.
    #[must_use]
    pub fn are_all(&self, size: u64) -> bool {
        size == 0 || self.ranges.iter().any(|range| range.0 == 0 && range.1 >= size)
    }

    /// How many bytes are there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.1 - range.0).sum()
    }

    /// Each range: its first byte, and the one behind its last.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_touches_is_one() {
        let mut ranges = ByteRanges::default();
        for (from, to) in [(10, 20), (30, 40), (5, 5), (20, 25), (0, 3), (25, 30)] {
            ranges.insert(from, to);
        }
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(0, 3), (10, 40)]);
        assert!(!ranges.are_all(40) && ranges.bytes() == 33);
        ranges.insert(2, 11);
        assert!(ranges.are_all(40) && ranges.are_all(7) && !ranges.are_all(41));
        assert!(ByteRanges::default().are_all(0) && !ByteRanges::default().are_all(1));
    }

    #[test]
    fn of_too_many_pieces_the_shortest_is_forgotten() {
        let mut ranges = ByteRanges::of((0..RANGES as u64).map(|n| (n * 10, n * 10 + 5)));
        ranges.insert(1_000, 1_001);
        assert_eq!((ranges.iter().count(), ranges.bytes()), (RANGES, 5 * RANGES as u64));
    }

    proptest! {
        #[test]
        fn never_more_is_told_than_is_there(pieces in prop::collection::vec((0_u64..200, 0_u64..20), 0..60)) {
            let at = |byte: u64| usize::try_from(byte).unwrap();
            let mut is_there = [false; 256];
            let mut ranges = ByteRanges::default();
            for (from, len) in pieces {
                ranges.insert(from, from + len);
                (from..from + len).for_each(|byte| is_there[at(byte)] = true);
                let told: Vec<(u64, u64)> = ranges.iter().collect();
                prop_assert!(told.len() <= RANGES && told.is_sorted());
                prop_assert!(told.windows(2).all(|two| two[0].1 < two[1].0));
                prop_assert!(told.iter().all(|(from, to)| (*from..*to).all(|byte| is_there[at(byte)])));
            }
        }
    }
}
