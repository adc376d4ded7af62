//! What custody's machine wants done, in order: nothing is done before all that it wanted recorded before
//! that is on the disk. Pure; `records.rs` has it written and done.

use std::collections::VecDeque;

use crate::custody::ledger::Record;

/// Acts and records, in the order in which they were wanted.
#[derive(Debug)]
pub(super) struct Ordered<A> {
    /// Records that are not being written yet.
    records: Vec<Record>,
    /// Each with the number of the writing that must be over before it is done.
    acts: VecDeque<(u64, A)>,
    /// The writing under way, and what is in it.
    writing: Option<Vec<Record>>,
    /// Number of the last writing that was begun.
    begun: u64,
    /// Number of the last one that is on the disk.
    done: u64,
}

impl<A> Default for Ordered<A> {
    fn default() -> Self {
        Self { records: Vec::new(), acts: VecDeque::new(), writing: None, begun: 0, done: 0 }
    }
}

impl<A> Ordered<A> {
    /// This is to be recorded before whatever comes next is done.
    pub(super) fn record(&mut self, record: Record) {
        self.records.push(record);
    }

    /// This is to be done.
    pub(super) fn push(&mut self, act: A) {
        let after = if self.records.is_empty() { self.begun } else { self.begun + 1 };
        self.acts.push_back((after, act));
    }

    /// What is to be written now, under this number; `None` while something is being written, or nothing is
    /// to be.
    pub(super) fn next_writing(&mut self) -> Option<(u64, &[Record])> {
        if self.writing.is_some() || self.records.is_empty() {
            return None;
        }
        self.begun += 1;
        let records = std::mem::take(&mut self.records);
        Some((self.begun, self.writing.insert(records)))
    }

    /// The writing of this number is on the disk.
    pub(super) fn written(&mut self, number: u64) {
        if number == self.begun && self.writing.take().is_some() {
            self.done = number;
        }
    }

    /// It failed: it is written again, with all that came since, when [`Self::next_writing`] is asked next.
    pub(super) fn failed(&mut self, number: u64) {
        if number == self.begun
            && let Some(mut records) = self.writing.take()
        {
            records.append(&mut self.records);
            self.records = records;
        }
    }

    /// The next thing to be done, if it may be done now.
    pub(super) fn next_act(&mut self) -> Option<A> {
        let (after, _) = self.acts.front()?;
        if *after <= self.done { self.acts.pop_front().map(|(_, act)| act) } else { None }
    }

    /// How many acts wait.
    pub(super) fn len(&self) -> usize {
        self.acts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::ledger::Lived;

    const fn record(n: u64) -> Record {
        Record::Lived(Lived(n))
    }

    fn acts(ordered: &mut Ordered<u8>) -> Vec<u8> {
        std::iter::from_fn(|| ordered.next_act()).collect()
    }

    #[test]
    fn nothing_overtakes_a_record() {
        let mut o = Ordered::default();
        o.push(1);
        o.record(record(1));
        o.push(2);
        assert_eq!(acts(&mut o), [1]);
        let (first, records) = o.next_writing().unwrap();
        assert_eq!(records, [record(1)]);
        o.record(record(2));
        o.push(3);
        assert!(o.next_writing().is_none(), "one at a time");
        assert_eq!(acts(&mut o), [0; 0]);
        o.written(first);
        assert_eq!(acts(&mut o), [2]);
        let (second, records) = o.next_writing().unwrap();
        assert_eq!(records, [record(2)]);
        o.push(4);
        o.written(first);
        assert_eq!(acts(&mut o), [0; 0], "an earlier one says nothing of it");
        o.written(second);
        assert_eq!((acts(&mut o), o.len()), (vec![3, 4], 0));
        o.push(5);
        assert_eq!(acts(&mut o), [5]);
    }

    #[test]
    fn what_could_not_be_written_is_written_again_with_what_came_since() {
        let mut o = Ordered::default();
        o.record(record(1));
        o.push(1);
        let (first, _) = o.next_writing().unwrap();
        o.record(record(2));
        o.push(2);
        o.failed(first);
        assert_eq!(acts(&mut o), [0; 0]);
        let (again, records) = o.next_writing().unwrap();
        assert_eq!(records, [record(1), record(2)]);
        o.written(again);
        assert_eq!(acts(&mut o), [1, 2]);
    }
}
