//! An owner leaves: it waits until others keep its files, as far as that is possible. Pure.
//!
//! The distributor does the work, fewest copies first, because this peer's own copies count no longer. Here
//! is decided when it is done, or without success, and what can then be said.

use crate::content::FileId;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;

use super::distributor::Standing;
use super::ledger::LedgerKey;

/// How far a departure has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandoffProgress {
    /// Own files that others do not keep as often as they can.
    pub left: Vec<FileId>,
    /// Bytes of those that are still to be placed.
    pub bytes_left: u64,
}

/// Why nobody else keeps a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKeptCause {
    /// Nobody else is here.
    NobodyHere,
    /// Nobody has space for it, or wants it.
    NoSpace,
    /// It was still on its way when nothing moved any more, or the departure was cut short.
    Unfinished,
    /// It is not copied by itself: copies are off, or it is beyond what `--auto-copy` allows.
    NotChosen,
}

/// What can be said to whoever leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffReport {
    /// Own files.
    pub total: usize,
    /// Of them, those that at least two others keep, and have proved to keep.
    pub safe: usize,
    /// Those that one other keeps: a second failure would lose them.
    pub once: Vec<FileId>,
    /// Of those that others keep, those that only peers of this very machine keep.
    pub here: Vec<FileId>,
    /// Those that nobody else keeps.
    pub not_kept: Vec<(FileId, NotKeptCause)>,
}

/// One departure.
#[derive(Clone, Debug)]
pub struct Handoff {
    /// Own files, and those of absent owners for which this peer acted.
    files: Vec<(LedgerKey, u64)>,
    /// Own files that are not copied.
    not_chosen: Vec<FileId>,
    me: PeerId,
    moved: Time,
}

impl Handoff {
    /// Begins. `files` have copies, `not_chosen` of the own ones have none.
    #[must_use]
    pub const fn begin(now: Time, me: PeerId, files: Vec<(LedgerKey, u64)>, not_chosen: Vec<FileId>) -> Self {
        Self { files, not_chosen, me, moved: now }
    }

    /// A byte moved, or something was accepted.
    pub const fn moved(&mut self, now: Time) {
        self.moved = now;
    }

    /// When it ends if nothing moves.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.moved + limits::HANDOFF_STILL
    }

    /// How far it is, and what is to be said if it is over. `others`: live peers that are not about to leave.
    pub fn look(
        &self,
        now: Time,
        others: usize,
        standing: impl Fn(LedgerKey) -> Option<Standing>,
    ) -> (HandoffProgress, Option<HandoffReport>) {
        let mut progress = HandoffProgress { left: self.not_chosen.clone(), bytes_left: 0 };
        let mut report = HandoffReport {
            total: self.not_chosen.len(),
            safe: 0,
            once: Vec::new(),
            here: Vec::new(),
            not_kept: self.not_chosen.iter().map(|f| (*f, NotKeptCause::NotChosen)).collect(),
        };
        let mut is_done = true;
        for (key, size) in &self.files {
            // Somebody else acts for it now: it is in good hands.
            let Some(standing) = standing(*key) else { continue };
            let ready = standing.is_done(others);
            is_done &= ready;
            if key.0 != self.me {
                continue;
            }
            report.total += 1;
            if !ready {
                progress.left.push(key.1);
                progress.bytes_left += *size;
            }
            if standing.is_here && standing.proved > 0 {
                report.here.push(key.1);
            }
            match standing.proved {
                0 => report.not_kept.push((key.1, why(&standing, others))),
                1 => report.once.push(key.1),
                _ => report.safe += 1,
            }
        }
        let is_over = is_done || now >= self.deadline();
        (progress, is_over.then_some(report))
    }
}

const fn why(standing: &Standing, others: usize) -> NotKeptCause {
    match (others, standing.coming) {
        (0, _) => NotKeptCause::NobodyHere,
        (_, 0) if standing.starved => NotKeptCause::NoSpace,
        _ => NotKeptCause::Unfinished,
    }
}

impl Standing {
    /// True if nothing better can be waited for: it is there as often as wanted, or as there are others.
    const fn is_done(&self, others: usize) -> bool {
        let nobody_left = others == 0 || self.starved && self.proved >= self.coming;
        self.proved >= self.wanted || nobody_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const ME: PeerId = PeerId([1; 32]);

    fn key(n: u8) -> LedgerKey {
        (ME, FileId([n; 32]))
    }

    const fn standing(kept: u32, coming: u32, starved: bool) -> Standing {
        Standing { kept, proved: kept, coming, wanted: 2, starved, is_here: false }
    }

    #[test]
    fn it_ends_when_all_is_kept_as_often_as_it_can_be() {
        let handoff = Handoff::begin(Time::ZERO, ME, vec![(key(1), 5), (key(2), 7)], vec![FileId([9; 32])]);
        let look = |second| {
            handoff.look(Time(1), 3, |k| Some(if k == key(1) { standing(2, 2, false) } else { second }))
        };
        let (progress, report) = look(standing(1, 2, false));
        assert_eq!((progress.left, progress.bytes_left), (vec![FileId([9; 32]), key(2).1], 7));
        assert_eq!(report, None);
        let (_, report) = look(standing(1, 1, true));
        let report = report.unwrap();
        assert_eq!((report.total, report.safe), (3, 1));
        assert_eq!(report.once, [key(2).1]);
        assert_eq!(report.not_kept, [(FileId([9; 32]), NotKeptCause::NotChosen)]);
        assert!(look(standing(2, 2, false)).1.is_some());
        let (_, report) = look(Standing { is_here: true, ..standing(1, 1, true) });
        assert_eq!(report.unwrap().here, [key(2).1]);
        let none = Standing { is_here: true, ..standing(0, 0, true) };
        assert!(look(none).1.unwrap().here.is_empty(), "what nobody keeps is nowhere");
        let only_said = Standing { proved: 1, ..standing(2, 2, false) };
        assert!(look(only_said).1.is_none(), "a copy that is only said to be there is waited for");
    }

    #[test]
    fn thirty_seconds_without_movement_end_it_and_movement_does_not() {
        let mut handoff = Handoff::begin(Time::ZERO, ME, vec![(key(1), 5)], Vec::new());
        let slow = |_| Some(standing(0, 2, false));
        let s = Duration::from_secs(1);
        assert_eq!(handoff.look(Time::ZERO + 29 * s, 2, slow).1, None);
        handoff.moved(Time::ZERO + 29 * s);
        assert_eq!(handoff.look(Time::ZERO + 58 * s, 2, slow).1, None);
        let report = handoff.look(Time::ZERO + 59 * s, 2, slow).1.unwrap();
        assert_eq!(report.not_kept, [(key(1).1, NotKeptCause::Unfinished)]);
        assert_eq!(
            handoff.look(Time::ZERO, 0, slow).1.unwrap().not_kept,
            [(key(1).1, NotKeptCause::NobodyHere)]
        );
        let full = |_| Some(standing(0, 0, true));
        assert_eq!(
            handoff.look(Time::ZERO, 2, full).1.unwrap().not_kept,
            [(key(1).1, NotKeptCause::NoSpace)]
        );
        let none = Handoff::begin(Time::ZERO, ME, Vec::new(), Vec::new());
        assert!(none.look(Time::ZERO, 0, full).1.unwrap().not_kept.is_empty());
    }
}
