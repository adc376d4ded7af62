//! The records of custody's machine, and what waits for them: a record is written, then what was wanted after
//! it is done. Pure.

use core::time::Duration;
use std::collections::VecDeque;

use super::ordered::Ordered;
use crate::custody::custodian::{Custodian, CustodianOutput};
use crate::custody::ledger::Record;
use crate::peer::output::{Outputs, PeerOutput};
use crate::peer::shared::Announcement;
use crate::store::{LedgerRow, LedgerWritten};
use crate::time::Time;

/// The number of writings that nothing waits for. Those of records begin with 1.
const NOTES: u64 = 0;

/// What could not be written is written again after this time.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Acts that may wait for the disk; what comes beyond is not taken in.
const ACTS: usize = 20_000;

/// What is done once all that was recorded before is on the disk.
#[derive(Debug)]
pub(in crate::peer) enum Act {
    Do(CustodianOutput),
    Announce(Box<Announcement>),
}

/// What custody's machine wants, in that order, and how far the disk is.
#[derive(Debug, Default)]
pub(in crate::peer) struct Records {
    ordered: Ordered<Act>,
    /// What is reported of the departure.
    reports: VecDeque<CustodianOutput>,
    /// The last writing failed: when it is tried again.
    write_again: Option<Time>,
    /// That was reported.
    is_warned: bool,
}

impl Records {
    /// Takes in what the machine wants, so that what is pushed next comes behind it.
    pub(super) fn take_in(&mut self, machine: &mut Custodian) {
        while let Some(output) = machine.poll_output() {
            match output {
                CustodianOutput::Record(record) => self.ordered.record(record),
                // No report of a departure depends on a record, and a full disk delays nobody.
                output @ (CustodianOutput::Leaving(_) | CustodianOutput::Left(_)) => {
                    self.reports.push_back(output);
                }
                output => self.ordered.push(Act::Do(output)),
            }
        }
    }

    /// This head is given out once all that was recorded before is on the disk.
    pub(super) fn push(&mut self, announcement: Announcement) {
        self.ordered.push(Act::Announce(Box::new(announcement)));
    }

    /// The next thing that may be done now, after [`Self::write`].
    pub(super) fn next_act(&mut self) -> Option<Act> {
        self.ordered.next_act()
    }

    /// The next report of a departure.
    pub(super) fn next_report(&mut self) -> Option<CustodianOutput> {
        self.reports.pop_front()
    }

    /// Has written what is to be. False: the disk takes nothing for now.
    pub(super) fn write(&mut self, now: Time, out: &mut Outputs) -> bool {
        if self.write_again.is_some_and(|at| now < at) {
            return false;
        }
        self.write_again = None;
        if let Some((number, records)) = self.ordered.next_writing() {
            let row = |record: &Record| LedgerRow { key: record.key(), value: record.value() };
            out.push(PeerOutput::Ledger { rows: records.iter().map(row).collect(), number });
        }
        true
    }

    /// Files some notes. Nothing waits for them: what they tell is only shown.
    pub(super) fn note(rows: Vec<LedgerRow>, out: &mut Outputs) {
        out.push(PeerOutput::Ledger { rows, number: NOTES });
    }

    /// Some records were written, or could not be. False: the disk takes nothing for now.
    pub(super) fn written(&mut self, now: Time, written: LedgerWritten, out: &mut Outputs) -> bool {
        let (number, result) = written;
        match result {
            Ok(()) => {
                self.ordered.written(number);
                self.is_warned = false;
            }
            // A name that is not noted down is learned again.
            Err(e) if number == NOTES => out.debug(format!("the names of owners cannot be noted down: {e}")),
            Err(e) => {
                self.ordered.failed(number);
                self.write_again = Some(now + WRITE_AGAIN);
                if !std::mem::replace(&mut self.is_warned, true) {
                    out.log_warning(format!("what is kept where cannot be noted down, so nothing is: {e}"));
                }
                return false;
            }
        }
        true
    }

    /// True while the disk takes no records.
    pub(in crate::peer) const fn are_refused(&self) -> bool {
        self.is_warned
    }

    /// True while no message of other peers can be dealt with: the disk is behind.
    pub(super) fn are_behind(&self) -> bool {
        self.write_again.is_some() || self.ordered.len() > ACTS
    }

    /// When something is written again.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.write_again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Catalogue;
    use crate::custody::ledger::Lived;
    use crate::library::Shelf;

    fn announcement(version: u64) -> Announcement {
        let catalogue = Catalogue::default();
        Announcement { version, signed: [].into(), shelf: Shelf { catalogue, ..Shelf::default() }.into() }
    }

    fn acts(records: &mut Records) -> Vec<u64> {
        let acts = std::iter::from_fn(|| records.next_act());
        acts.map(|act| if let Act::Announce(head) = act { head.version } else { panic!() }).collect()
    }

    /// The numbers of the writings that were wanted, and how many lines were logged.
    fn wanted(out: &mut Outputs) -> (Vec<u64>, usize) {
        let (mut numbers, mut lines) = (Vec::new(), 0);
        while let Some(output) = out.pop() {
            match output {
                PeerOutput::Ledger { number, .. } => numbers.push(number),
                PeerOutput::Log(..) => lines += 1,
                other => panic!("{other:?}"),
            }
        }
        (numbers, lines)
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_head_is_given_out_only_once_it_is_recorded() {
        let (mut records, mut out) = (Records::default(), Outputs::default());
        records.ordered.record(Record::Lived(Lived(1)));
        records.push(announcement(1));
        assert!(records.write(at(0), &mut out) && acts(&mut records).is_empty());
        assert_eq!(wanted(&mut out), (vec![1], 0));
        assert!(records.write(at(0), &mut out));
        assert_eq!(wanted(&mut out).0, [0; 0], "one writing at a time");
        assert!(records.written(at(0), (NOTES, Ok(())), &mut out) && acts(&mut records).is_empty());
        assert!(records.written(at(0), (1, Ok(())), &mut out));
        assert_eq!(acts(&mut records), [1]);
    }

    #[test]
    fn a_disk_that_takes_no_records_is_asked_again_after_five_seconds_and_reported_once() {
        let (mut records, mut out) = (Records::default(), Outputs::default());
        records.ordered.record(Record::Lived(Lived(1)));
        records.push(announcement(1));
        assert!(records.write(at(0), &mut out));
        assert!(!records.written(at(1), (1, Err("full".to_owned())), &mut out));
        assert!(records.are_refused() && records.are_behind());
        assert_eq!((wanted(&mut out), records.poll_timeout()), ((vec![1], 1), Some(at(6))));
        assert!(!records.write(at(5), &mut out) && records.write(at(6), &mut out));
        assert!(!records.written(at(6), (2, Err("full".to_owned())), &mut out));
        assert_eq!(wanted(&mut out), (vec![2], 0), "that is known");
        assert!(records.write(at(11), &mut out) && records.written(at(11), (3, Ok(())), &mut out));
        assert!(!records.are_refused() && !records.are_behind());
        assert_eq!(acts(&mut records), [1]);
    }

    #[test]
    fn a_name_that_cannot_be_noted_down_holds_up_nothing() {
        let (mut records, mut out) = (Records::default(), Outputs::default());
        Records::note(Vec::new(), &mut out);
        assert_eq!(wanted(&mut out).0, [NOTES]);
        assert!(records.written(at(0), (NOTES, Err("full".to_owned())), &mut out));
        assert!(!records.are_refused() && !records.are_behind());
    }
}
