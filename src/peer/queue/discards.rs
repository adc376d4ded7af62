//! What users do not want to keep of downloads that they removed: it is deleted once no disk worker has it open. Pure;
//! `files.rs` deletes it.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::content::FileId;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::swarm::JobId;
use crate::time::Time;

/// What is open is tried again after this time.
const AGAIN: Duration = Duration::from_millis(100);

/// So often, at most: a disk that hangs longer has other troubles.
const TRIES: u32 = 100;

/// What is to be deleted of one download.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Discard {
    /// Who is told that it is done.
    asks: BTreeSet<AskId>,
    destination: PathBuf,
    files: Vec<FileId>,
    /// When it is due; `None`: the receiver has not ended the download, or it is being deleted.
    at: Option<Time>,
    tries: u32,
}

/// All of that.
#[derive(Debug, Default)]
pub(in crate::peer) struct Discards(BTreeMap<JobId, Discard>);

/// What is to be deleted next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) struct DiscardOrder {
    pub(in crate::peer) job: JobId,
    pub(in crate::peer) destination: PathBuf,
    pub(in crate::peer) files: Vec<FileId>,
}

impl Discards {
    /// Unfinished files of a download are to be deleted, once it has ended. It may be asked for more than once.
    pub(super) fn add(&mut self, order: DiscardOrder, ask: AskId) {
        let DiscardOrder { job, destination, files } = order;
        let mut asks = self.0.remove(&job).map(|before| before.asks).unwrap_or_default();
        asks.insert(ask);
        self.0.insert(job, Discard { asks, destination, files, at: None, tries: 0 });
    }

    /// The receiver has nothing of a download any more.
    pub(super) fn handle_ended(&mut self, job: JobId) {
        if let Some(discard) = self.0.get_mut(&job) {
            discard.at = Some(Time::ZERO);
        }
    }

    /// What is to be deleted now.
    pub(in crate::peer) fn next(&mut self, now: Time) -> Option<DiscardOrder> {
        let (job, discard) = self.0.iter_mut().find(|(_, discard)| discard.at.is_some_and(|at| at <= now))?;
        discard.at = None;
        let (destination, files) = (discard.destination.clone(), discard.files.clone());
        Some(DiscardOrder { job: *job, destination, files })
    }

    /// It was deleted, but for what is still open. Who is told what, now that it is over.
    pub(in crate::peer) fn handle_deleted(
        &mut self,
        now: Time,
        job: JobId,
        deleted: Result<Vec<FileId>, Failure>,
    ) -> Vec<(AskId, Result<(), Failure>)> {
        let Some(discard) = self.0.get_mut(&job) else { return Vec::new() };
        let result = match deleted {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) if discard.tries < TRIES => {
                (discard.files, discard.at) = (left, Some(now + AGAIN));
                discard.tries += 1;
                return Vec::new();
            }
            Ok(left) => {
                let text = format!("{} unfinished files are still open and were not deleted", left.len());
                Err(Failure::other(text))
            }
            Err(failure) => Err(failure),
        };
        let mut asks = core::mem::take(&mut discard.asks);
        self.0.remove(&job);
        for other in self.0.values_mut() {
            if result.is_err() {
                // Nobody is told twice.
                other.asks.retain(|ask| !asks.contains(ask));
            } else {
                asks.retain(|ask| !other.asks.contains(ask));
            }
        }
        asks.into_iter().map(|ask| (ask, result.clone())).collect()
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.0.values().filter_map(|discard| discard.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_tried_again_and_not_for_ever() {
        let mut discards = Discards::default();
        let order = |files: &[u8]| DiscardOrder {
            job: JobId(1),
            destination: "/d".into(),
            files: files.iter().map(|n| FileId([*n; 32])).collect(),
        };
        let now = Time(5);
        discards.add(order(&[1, 2]), AskId(7));
        assert_eq!((discards.next(now), discards.poll_timeout()), (None, None), "it runs");
        discards.handle_ended(JobId(1));
        assert_eq!((discards.next(now), discards.next(now)), (Some(order(&[1, 2])), None));
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(order(&[2]).files)), []);
        assert_eq!((discards.next(now), discards.poll_timeout()), (None, Some(now + AGAIN)));
        assert_eq!(discards.next(now + AGAIN), Some(order(&[2])));
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(Vec::new())), [(AskId(7), Ok(()))]);
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(Vec::new())), []);
        // Whoever removed several is told once.
        discards.add(order(&[1]), AskId(6));
        discards.add(DiscardOrder { job: JobId(2), ..order(&[2]) }, AskId(6));
        assert_eq!(discards.handle_deleted(now, JobId(2), Ok(Vec::new())), []);
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(Vec::new())), [(AskId(6), Ok(()))]);
        // Of what several removed each is told.
        discards.add(order(&[1]), AskId(4));
        discards.add(order(&[1]), AskId(5));
        let both = [(AskId(4), Ok(())), (AskId(5), Ok(()))];
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(Vec::new())), both);
        discards.add(order(&[1]), AskId(8));
        discards.add(DiscardOrder { job: JobId(2), ..order(&[2]) }, AskId(8));
        let tries = (0..=TRIES).map(|_| discards.handle_deleted(now, JobId(1), Ok(order(&[1]).files)));
        let told: Vec<_> = tries.flatten().collect();
        assert!(
            matches!(&told[..], [(AskId(8), Err(failure))] if failure.message.contains("unfinished files are still open"))
        );
        assert_eq!(discards.handle_deleted(now, JobId(2), Ok(Vec::new())), [], "it was told that");
        discards.add(order(&[1]), AskId(9));
        let failed = Failure::other("no permission");
        let told = discards.handle_deleted(now, JobId(1), Err(failed.clone()));
        assert_eq!((told, discards.poll_timeout()), (vec![(AskId(9), Err(failed))], None));
    }
}
