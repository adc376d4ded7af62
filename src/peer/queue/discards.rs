//! What users do not want to keep of downloads that they removed: it is deleted once no disk worker has it open. Pure;
//! `files.rs` deletes it.

use core::time::Duration;
use std::collections::BTreeMap;
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
    ask: AskId,
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
    /// Unfinished files of a download are to be deleted, once it has ended.
    pub(super) fn add(&mut self, order: DiscardOrder, ask: AskId) {
        let DiscardOrder { job, destination, files } = order;
        self.0.insert(job, Discard { ask, destination, files, at: None, tries: 0 });
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

    /// It was deleted, but for what is still open. `Some`: it is over, and who is told what.
    pub(in crate::peer) fn handle_deleted(
        &mut self,
        now: Time,
        job: JobId,
        deleted: Result<Vec<FileId>, Failure>,
    ) -> Option<(AskId, Result<(), Failure>)> {
        let discard = self.0.get_mut(&job)?;
        let result = match deleted {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) if discard.tries < TRIES => {
                (discard.files, discard.at) = (left, Some(now + AGAIN));
                discard.tries += 1;
                return None;
            }
            Ok(left) => {
                let text = format!("{} unfinished files are still open and were not deleted", left.len());
                Err(Failure::other(text))
            }
            Err(failure) => Err(failure),
        };
        let ask = discard.ask;
        self.0.remove(&job);
        let is_last = self.0.values().all(|other| other.ask != ask);
        (is_last || result.is_err()).then_some((ask, result))
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
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(order(&[2]).files)), None);
        assert_eq!((discards.next(now), discards.poll_timeout()), (None, Some(now + AGAIN)));
        assert_eq!(discards.next(now + AGAIN), Some(order(&[2])));
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(Vec::new())), Some((AskId(7), Ok(()))));
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(Vec::new())), None);
        // Whoever removed several is told once.
        discards.add(order(&[1]), AskId(6));
        discards.add(DiscardOrder { job: JobId(2), ..order(&[2]) }, AskId(6));
        assert_eq!(discards.handle_deleted(now, JobId(2), Ok(Vec::new())), None);
        assert_eq!(discards.handle_deleted(now, JobId(1), Ok(Vec::new())), Some((AskId(6), Ok(()))));
        discards.add(order(&[1]), AskId(8));
        let told = (0..=TRIES).find_map(|_| discards.handle_deleted(now, JobId(1), Ok(order(&[1]).files)));
        assert!(matches!(told, Some((AskId(8), Err(failure))) if failure.message.contains("still open")));
        discards.add(order(&[1]), AskId(9));
        let failed = Failure::other("no permission");
        let told = discards.handle_deleted(now, JobId(1), Err(failed.clone()));
        assert_eq!((told, discards.poll_timeout()), (Some((AskId(9), Err(failed))), None));
    }
}
