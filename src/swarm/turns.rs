//! Whose turn it is: jobs share what the sources give. Pure; part of swarm/mod.rs.
//!
//! This is deficit round robin by counts: each job is charged what is asked for it, and the one that was
//! charged least comes next. So jobs that can have as much as they want get equal shares, from however many
//! sources each of them fetches. None saves up more than [`limits::LEAD`]: so much it may have at once when it
//! begins, or when it can be fetched again. Within a job that file comes first of which least is missing: it is
//! whole soonest, and the last one is whole no later.

use std::collections::BTreeMap;

use crate::disk::FileToken;
use crate::swarm::{JobId, Swarm, limits};

/// A file that bytes can be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitingFile {
    pub(super) token: FileToken,
    pub(super) job: JobId,
    /// Bytes of it that are not there.
    pub(super) left: u64,
}

/// What was asked for one job.
#[derive(Clone, Copy, Debug, Default)]
struct JobTurn {
    /// Bytes.
    asked: u64,
    /// The number of its last turn; 0 before the first one.
    turn: u64,
}

/// What was asked for each job.
#[derive(Debug, Default)]
pub(super) struct JobTurns {
    jobs: BTreeMap<JobId, JobTurn>,
    /// The most that was asked for any of them.
    most: u64,
    turn: u64,
    /// It comes before all others.
    first: Option<JobId>,
}

impl JobTurns {
    /// Which of these files comes next; its place among them.
    pub(super) fn next(&self, waiting: &[WaitingFile]) -> Option<usize> {
        let order = |file: &WaitingFile| {
            let JobTurn { asked, turn } = self.of(file.job);
            (self.first != Some(file.job), asked, turn, file.left, file.token)
        };
        let (at, _) = waiting.iter().enumerate().min_by_key(|(_, file)| order(file))?;
        Some(at)
    }

    /// True if a job may have so much at once before it takes turns with the others.
    pub(super) fn is_behind(&self, job: JobId, bytes: u64) -> bool {
        self.of(job).asked.saturating_add(bytes) <= self.most
    }

    /// So much was asked for a job.
    pub(super) fn charge(&mut self, job: JobId, bytes: u64) {
        self.turn += 1;
        let asked = self.of(job).asked.saturating_add(bytes);
        self.jobs.insert(job, JobTurn { asked, turn: self.turn });
        self.most = self.most.max(asked);
    }

    /// Only these jobs are not over.
    pub(super) fn retain(&mut self, runs: impl Fn(JobId) -> bool) {
        self.jobs.retain(|job, _| runs(*job));
    }

    fn of(&self, job: JobId) -> JobTurn {
        let turn = self.jobs.get(&job).copied().unwrap_or_default();
        JobTurn { asked: turn.asked.max(self.most.saturating_sub(limits::LEAD)), ..turn }
    }
}

/// This job comes before all others, as long as it wants something; `None`: they take turns.
pub(crate) const fn put_first(swarm: &mut Swarm, job: Option<JobId>) {
    swarm.planner.turns.first = job;
    swarm.jobs.first = job;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    const fn file(token: u64, job: u64, left: u64) -> WaitingFile {
        WaitingFile { token: FileToken(token), job: JobId(job), left }
    }

    /// What each of these files gets of so much, by turns of a mebibyte and what is left of it.
    fn share(turns: &mut JobTurns, mut files: Vec<WaitingFile>, mut room: u64) -> BTreeMap<u64, u64> {
        let mut got = BTreeMap::new();
        while room > 0
            && let Some(at) = turns.next(&files)
        {
            let file = &mut files[at];
            let bytes = file.left.min(limits::TURN).min(room);
            (file.left, room) = (file.left - bytes, room - bytes);
            *got.entry(file.token.0).or_default() += bytes;
            turns.charge(file.job, bytes);
            files.retain(|file| file.left > 0);
        }
        got
    }

    #[test]
    fn jobs_get_equal_shares_however_many_files_they_have() {
        let mut turns = JobTurns::default();
        let mut files = vec![file(1, 1, 100 * MIB)];
        files.extend((2..100).map(|n| file(n, 2, 2 * MIB)));
        let got = share(&mut turns, files, 60 * MIB);
        assert_eq!(got[&1], 30 * MIB);
        // Of the other one the files come one after the other.
        assert_eq!((got[&2], got[&16], got.contains_key(&17)), (2 * MIB, 2 * MIB, false));
    }

    #[test]
    fn a_small_one_comes_at_once_and_a_large_one_takes_turns() {
        let mut turns = JobTurns::default();
        share(&mut turns, vec![file(1, 1, 100 * MIB)], 100 * MIB);
        let files = vec![file(1, 1, 100 * MIB), file(2, 2, 50 * MIB), file(3, 3, 3 * MIB), file(4, 4, 10)];
        assert!(turns.is_behind(JobId(3), 3 * MIB) && !turns.is_behind(JobId(2), 50 * MIB));
        assert!(!turns.is_behind(JobId(1), 1));
        assert_eq!(turns.next(&files), Some(3));
        let got = share(&mut turns, files, 7 * MIB + 10);
        assert_eq!((got.get(&1), got[&2], got[&3], got[&4]), (None, 4 * MIB, 3 * MIB, 10));
    }

    #[test]
    fn what_is_put_first_has_all_until_it_wants_no_more() {
        let mut turns = JobTurns { first: Some(JobId(2)), ..JobTurns::default() };
        let files = || vec![file(1, 1, 9 * MIB), file(2, 2, 6 * MIB), file(3, 3, MIB)];
        let got = share(&mut turns, files(), 6 * MIB);
        assert_eq!((got.get(&1), got[&2], got.get(&3)), (None, 6 * MIB, None));
        let got = share(&mut turns, files()[..1].to_vec(), MIB);
        assert_eq!(got[&1], MIB, "others have what it does not want");
        turns.first = None;
        assert_eq!(share(&mut turns, files(), 2 * MIB).get(&2), None, "it had its share");
    }

    #[test]
    fn within_a_job_the_file_comes_first_that_is_whole_soonest() {
        let mut turns = JobTurns::default();
        let files = vec![file(1, 1, 9 * MIB), file(2, 1, 10), file(3, 1, 3 * MIB), file(4, 1, 9 * MIB)];
        let got = share(&mut turns, files, 5 * MIB + 10);
        assert_eq!((got[&2], got[&3], got[&1], got.get(&4)), (10, 3 * MIB, 2 * MIB, None));
    }

    #[test]
    fn whoever_is_far_ahead_does_not_wait_until_all_have_as_much() {
        let mut turns = JobTurns::default();
        // The first one had a source of its own for long.
        share(&mut turns, vec![file(1, 1, 500 * MIB)], 500 * MIB);
        share(&mut turns, vec![file(2, 2, MIB), file(3, 3, MIB)], 2 * MIB);
        let all = (1..=3).map(|n| file(n, n, 500 * MIB)).collect();
        let got = share(&mut turns, all, 60 * MIB);
        assert!(got[&1] >= 16 * MIB && got[&2].abs_diff(got[&3]) <= limits::TURN, "{got:?}");
        turns.retain(|job| job != JobId(1));
        assert_eq!(turns.jobs.len(), 2);
    }

    #[test]
    fn those_that_lag_behind_a_faster_one_take_turns_too() {
        let mut turns = JobTurns::default();
        let mut got = BTreeMap::new();
        for _ in 0..100 {
            // The first one gets ten times as much elsewhere.
            turns.charge(JobId(1), 10 * MIB);
            for (file, bytes) in share(&mut turns, vec![file(2, 2, 900 * MIB), file(3, 3, 500 * MIB)], MIB) {
                *got.entry(file).or_default() += bytes;
            }
        }
        assert_eq!(got, BTreeMap::from([(2, 50 * MIB), (3, 50 * MIB)]));
    }
}
