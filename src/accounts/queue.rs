//! A queue whose places have fair shares, so that whoever says much keeps nobody else from being heard. Pure.

use core::fmt::Debug;
use std::collections::BTreeMap;

use super::{Account, Grant, Payer};
use crate::time::Time;

/// Something that waits.
#[derive(Clone, Debug)]
struct QueuedItem<P, T> {
    payer: Payer<P>,
    is_spare: bool,
    item: T,
}

/// What waits, in the order in which it came. Each item takes one place.
#[derive(Clone, Debug)]
pub(crate) struct FairQueue<P, T> {
    waiting: BTreeMap<u64, QueuedItem<P, T>>,
    places: Account<P, u64>,
    /// How many came so far.
    came: u64,
}

impl<P: Copy + Ord + Debug, T> FairQueue<P, T> {
    /// A queue of `limit` places. The share of a host is never less than `minimum`, however many hosts there are.
    pub(crate) const fn new(limit: u64, minimum: u64) -> Self {
        Self { waiting: BTreeMap::new(), places: Account::new(limit, minimum), came: 0 }
    }

    /// How many wait.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// One more. With no place left that is free, one of whoever is furthest above its share goes for it, or else an
    /// older one of the payer itself. `is_spare`: something later makes up for it, so that of a peer's items it goes
    /// before those of which that is not true.
    pub(crate) fn push(&mut self, now: Time, payer: Payer<P>, is_spare: bool, item: T) {
        drop(self.swap(now, payer, is_spare, item));
    }

    /// The same; what has no place any more comes back, which may be the item itself.
    pub(crate) fn swap(&mut self, now: Time, payer: Payer<P>, is_spare: bool, item: T) -> Vec<T> {
        self.came += 1;
        let number = self.came;
        // What was used longest ago yields first.
        let used = if is_spare { Time::ZERO } else { now };
        let (mut grant, mut gone) = (self.places.charge(used, payer, number, 1), Vec::new());
        if grant == Grant::Refused
            && let Some(older) = self.first_to_go(payer)
        {
            gone.extend(self.remove(older));
            grant = self.places.charge(used, payer, number, 1);
        }
        let Grant::Given(yielding) = grant else {
            gone.push(item);
            return gone;
        };
        gone.extend(
            yielding.iter().filter_map(|other| self.waiting.remove(other)).map(|waiting| waiting.item),
        );
        self.waiting.insert(number, QueuedItem { payer, is_spare, item });
        self.places.check("what waits in a queue", self.waiting.keys().map(|number| (*number, 1)));
        gone
    }

    /// All that waits, each with its number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.waiting.iter().map(|(number, waiting)| (*number, &waiting.item))
    }

    /// Takes the one out that came first.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (number, _) = self.waiting.first_key_value()?;
        self.remove(*number)
    }

    /// Takes the one with this number out.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        self.places.free(number);
        self.waiting.remove(&number).map(|waiting| waiting.item)
    }

    /// The first of the payer's own that is spare, or else the first of all of them.
    fn first_to_go(&self, payer: Payer<P>) -> Option<u64> {
        let own = self.waiting.iter().filter(|(_, waiting)| waiting.payer == payer);
        own.min_by_key(|(number, waiting)| (!waiting.is_spare, **number)).map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::accounts::AccountHost;

    const LIMIT: u64 = 12;

    fn payer(host: u8, peer: u16) -> Payer<u16> {
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer }
    }

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(1_000 + ms)
    }

    /// Of how many items each of these payers is the owner.
    fn held<const N: usize>(queue: &FairQueue<u16, Payer<u16>>, payers: [Payer<u16>; N]) -> [usize; N] {
        payers.map(|payer| queue.iter().filter(|(_, of)| **of == payer).count())
    }

    #[test]
    fn one_alone_has_all_places_and_loses_its_own_oldest_spare_ones_first() {
        let mut queue = FairQueue::new(LIMIT, 1);
        for n in 0..LIMIT + 3 {
            queue.push(at(n), payer(1, 1), n % 4 == 1, n);
        }
        let left: Vec<_> = core::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(left, [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 13, 14]);
        assert!(queue.is_empty());
    }

    #[test]
    fn whoever_says_much_leaves_others_their_share_and_gets_what_they_leave() {
        let mut queue = FairQueue::new(LIMIT, 1);
        let [loud, quiet, late] = [payer(1, 1), payer(2, 2), payer(3, 3)];
        (0..100).for_each(|n| queue.push(at(n), loud, false, loud));
        for n in 100..102 {
            queue.push(at(n), quiet, false, quiet);
        }
        (102..200).for_each(|n| queue.push(at(n), loud, false, loud));
        assert_eq!(held(&queue, [loud, quiet]), [10, 2], "what is within a share stays");
        (200..220).for_each(|n| queue.push(at(n), late, false, late));
        assert_eq!(held(&queue, [loud, quiet, late]), [6, 2, 4]);
        assert_eq!(queue.len() as u64, LIMIT);
    }

    #[test]
    fn keys_without_number_on_one_host_have_the_share_of_one() {
        let mut queue = FairQueue::new(LIMIT, 1);
        (0..1_000).for_each(|n| queue.push(at(n.into()), payer(1, n), false, payer(1, n)));
        let honest = [payer(2, 1), payer(3, 1)];
        for n in 0..4 {
            honest.into_iter().for_each(|one| queue.push(at(2_000 + n), one, false, one));
        }
        (0..1_000).for_each(|n| queue.push(at(3_000), payer(1, n), false, payer(1, n)));
        assert_eq!(held(&queue, honest), [4, 4]);
    }

    #[test]
    fn of_one_host_a_key_that_says_much_makes_way_for_one_that_says_little() {
        let mut queue = FairQueue::new(LIMIT, 1);
        let [loud, quiet] = [payer(1, 1), payer(1, 2)];
        (0..100).for_each(|n| queue.push(at(n), loud, false, loud));
        (100..103).for_each(|n| queue.push(at(n), quiet, false, quiet));
        assert_eq!(held(&queue, [loud, quiet]), [9, 3]);
    }
}
