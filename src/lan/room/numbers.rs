//! Which lines of one start of an origin arrived, and which is to be shown next. Pure.

use crate::identity::Instance;
use crate::lan::{HeardMark, limits};

/// The window, as a number of lines.
const WINDOW: u64 = limits::ROOM_WINDOW as u64;

/// What comes next of an origin, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberStep {
    /// This line is shown.
    Line(u64),
    /// So many lines are past the window, or given up.
    Missed(u64),
}

/// The numbers of one start.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    pub instance: Instance,
    /// The next one to be shown.
    next: u64,
    /// The newest one, as the origin says.
    newest: u64,
    /// Bit n: line `next + n` arrived, and waits for those before it.
    waiting: u32,
}

impl Numbers {
    /// Those of a start that was never heard before.
    pub(super) const fn new(instance: Instance) -> Self {
        Self { instance, next: 1, newest: 0, waiting: 0 }
    }

    /// Those of a start of which all lines up to this one were heard before.
    pub(super) const fn after(mark: HeardMark) -> Self {
        let HeardMark { instance, number } = mark;
        Self { instance, next: number + 1, newest: number, waiting: 0 }
    }

    /// How far they were shown, or missed.
    pub(super) const fn passed(&self) -> HeardMark {
        HeardMark { instance: self.instance, number: self.next - 1 }
    }

    /// The newest one, as the origin says.
    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// By how much this number is above the newest one that is known.
    pub(super) const fn ahead(&self, number: u64) -> u64 {
        number.saturating_sub(self.newest)
    }

    /// The origin says that this is its newest one.
    pub(super) fn advance(&mut self, number: u64) {
        self.newest = self.newest.max(number);
    }

    /// True if this line is still to be shown, and did not arrive yet.
    pub(super) const fn lacks(&self, number: u64) -> bool {
        match number.checked_sub(self.next) {
            Some(ahead) => ahead < WINDOW && number <= self.newest && self.waiting & 1 << ahead == 0,
            None => false,
        }
    }

    /// This line, which [`Self::lacks`] names, arrived.
    pub(super) const fn arrive(&mut self, number: u64) {
        self.waiting |= 1 << (number - self.next);
    }

    /// This line had to be given up before it was shown.
    pub(super) const fn lose(&mut self, number: u64) {
        if let Some(ahead) = number.checked_sub(self.next)
            && ahead < WINDOW
        {
            self.waiting &= !(1 << ahead);
        }
    }

    /// True if all are shown.
    pub(super) const fn are_shown(&self) -> bool {
        self.next > self.newest
    }

    /// The number of the first line that is missing, and which others are: bit n stands for the nth after it.
    pub(super) const fn missing(&self) -> Option<(u64, u32)> {
        if self.are_shown() {
            return None;
        }
        let count = self.newest - self.next + 1;
        let all = if count >= WINDOW { u32::MAX } else { (1 << count) - 1 };
        match all & !self.waiting {
            0 => None,
            missing => Some((self.next, missing)),
        }
    }

    /// What comes next, until a line is missing that may still come.
    pub(super) fn step(&mut self) -> Option<NumberStep> {
        if self.are_shown() {
            return None;
        }
        if self.waiting & 1 != 0 {
            let number = self.next;
            self.pass(1);
            return Some(NumberStep::Line(number));
        }
        let past = (self.newest - self.next + 1).saturating_sub(WINDOW);
        let missed = past.min(self.gap());
        self.pass(missed);
        (missed > 0).then_some(NumberStep::Missed(missed))
    }

    /// Waits no longer for those that are missing before the next one that arrived: how many there are.
    pub(super) fn give_up(&mut self) -> u64 {
        let missed = self.gap().min((self.newest + 1).saturating_sub(self.next));
        self.pass(missed);
        missed
    }

    /// How many are missing before the next one that arrived.
    const fn gap(&self) -> u64 {
        if self.waiting == 0 { u64::MAX } else { self.waiting.trailing_zeros() as u64 }
    }

    const fn pass(&mut self, count: u64) {
        self.next += count;
        self.waiting = if count < WINDOW { self.waiting >> count } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(newest: u64) -> Numbers {
        let mut numbers = Numbers::new(Instance { count: 1, random: 1 });
        numbers.advance(newest);
        numbers
    }

    fn steps(numbers: &mut Numbers) -> Vec<NumberStep> {
        core::iter::from_fn(|| numbers.step()).collect()
    }

    fn arrive(numbers: &mut Numbers, number: u64) {
        assert!(numbers.lacks(number));
        numbers.arrive(number);
        assert!(!numbers.lacks(number));
    }

    #[test]
    fn lines_are_shown_in_order_and_each_once() {
        let mut all = numbers(3);
        assert_eq!(all.missing(), Some((1, 0b111)));
        arrive(&mut all, 3);
        arrive(&mut all, 2);
        assert_eq!((steps(&mut all), all.missing()), (vec![], Some((1, 1))));
        arrive(&mut all, 1);
        assert_eq!(steps(&mut all), [1, 2, 3].map(NumberStep::Line));
        assert!(all.are_shown() && all.missing().is_none());
        assert!((0..10).all(|number| !all.lacks(number)));
    }

    #[test]
    fn what_is_past_the_window_is_missed_and_what_arrived_of_it_is_shown() {
        let mut all = numbers(100);
        assert_eq!(steps(&mut all), [NumberStep::Missed(68)]);
        assert_eq!(all.missing(), Some((69, u32::MAX)));
        arrive(&mut all, 71);
        assert!(!all.lacks(68) && !all.lacks(101));
        all.advance(104);
        let expected = [NumberStep::Missed(2), NumberStep::Line(71), NumberStep::Missed(1)];
        assert_eq!(steps(&mut all), expected);
        assert_eq!(all.give_up(), 32);
        assert!(all.are_shown());
    }

    #[test]
    fn a_line_that_was_given_up_is_missing_again() {
        let mut all = numbers(2);
        arrive(&mut all, 2);
        all.lose(2);
        assert_eq!(all.missing(), Some((1, 0b11)));
        arrive(&mut all, 2);
        assert_eq!((all.give_up(), steps(&mut all)), (1, vec![NumberStep::Line(2)]));
    }

    proptest! {
        #[test]
        fn whatever_arrives_each_number_is_shown_or_missed_once_in_order(
            heard in proptest::collection::vec((1_u64..200, any::<bool>()), 0..400),
        ) {
            let mut all = Numbers::new(Instance { count: 1, random: 1 });
            let mut next = 1;
            for (number, gives_up) in heard {
                all.advance(number);
                let mut done = steps(&mut all);
                if all.lacks(number) {
                    all.arrive(number);
                }
                done.extend(steps(&mut all));
                if gives_up && all.missing().is_some() {
                    done.push(NumberStep::Missed(all.give_up()));
                    done.extend(steps(&mut all));
                }
                for step in done {
                    match step {
                        NumberStep::Line(number) => {
                            prop_assert_eq!(number, next);
                            next += 1;
                        }
                        NumberStep::Missed(count) => next += count,
                    }
                }
                prop_assert!(next <= all.newest() + 1);
            }
        }
    }
}
