//! What is to happen in a simulation, in the order of virtual time. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::time::Time;

/// Something that is to happen when; of things of one time, the one that was put in first.
#[derive(Debug)]
struct Due<T> {
    at: Time,
    order: u64,
    what: T,
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// All that is to happen.
#[derive(Debug)]
pub struct Queue<T> {
    due: BinaryHeap<Reverse<Due<T>>>,
    /// How many were put in.
    order: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { due: BinaryHeap::new(), order: 0 }
    }
}

impl<T> Queue<T> {
    /// When the next thing happens.
    #[must_use]
    pub fn first(&self) -> Option<Time> {
        self.due.peek().map(|Reverse(due)| due.at)
    }

    /// Puts something in.
    pub fn push(&mut self, at: Time, what: T) {
        self.order += 1;
        self.due.push(Reverse(Due { at, order: self.order, what }));
    }

    /// A part of the next thing that happens by `until`, and when. `take` takes it out, and says when the
    /// rest of it happens, if anything is left: that keeps its place among what was put in at that time.
    pub fn pop_part<P>(
        &mut self,
        until: Time,
        take: impl FnOnce(&mut T) -> (P, Option<Time>),
    ) -> Option<(Time, P)> {
        let mut top = self.due.peek_mut().filter(|top| top.0.at <= until)?;
        let now = top.0.at;
        let (part, rest) = take(&mut top.0.what);
        match rest {
            Some(at) => top.0.at = at,
            None => drop(PeekMut::pop(top)),
        }
        Some((now, part))
    }

    /// The next thing that happens by `until`, and when.
    pub fn pop(&mut self, until: Time) -> Option<(Time, T)> {
        let top = self.due.peek_mut().filter(|top| top.0.at <= until)?;
        let Reverse(due) = PeekMut::pop(top);
        Some((due.at, due.what))
    }
}
