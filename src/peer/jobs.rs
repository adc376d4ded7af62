//! The jobs that the receiver was given, and what each of them is for. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::content::{Claim, FileId, SafePath, Span};
use crate::custody::ledger::LedgerKey;
use crate::identity::PeerId;
use crate::swarm::JobId;

/// What the folders are called that challenged chunks are fetched into, each with a number.
pub(super) const CHALLENGE: &str = "proof-";

/// The number before the first job that users do not see. Users type the numbers of theirs, which therefore
/// have no gaps; these come behind all of those.
const BEFORE_UNSEEN: u64 = 1 << 62;

/// What a job is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobPurpose {
    /// A user asked for it.
    Download,
    /// What was shared here and is missing comes back.
    Restore,
    /// To have a good one of the shared file at this path, which has rotted.
    Repair(SafePath),
    /// Chunks for the store.
    Keep { file: FileId, size: u64, span: Span },
    /// All of this content for the store, for a peer that cannot reach its owner.
    Carry(FileId),
    /// To see whether a peer has a chunk, which comes into a folder of its own.
    Prove { peer: PeerId, key: LedgerKey, folder: PathBuf },
}

impl JobPurpose {
    /// True if users see it among their downloads.
    const fn is_seen(&self) -> bool {
        matches!(self, Self::Download | Self::Restore | Self::Repair(_))
    }
}

/// All jobs that are under way.
#[derive(Debug)]
pub(super) struct Jobs {
    running: BTreeMap<JobId, JobPurpose>,
    last_seen: u64,
    last_unseen: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { running: BTreeMap::new(), last_seen: 0, last_unseen: BEFORE_UNSEEN }
    }
}

impl Jobs {
    /// A new job. Its number is not used again.
    pub(super) fn begin(&mut self, purpose: JobPurpose) -> JobId {
        let last = if purpose.is_seen() { &mut self.last_seen } else { &mut self.last_unseen };
        *last += 1;
        let job = JobId(*last);
        self.running.insert(job, purpose);
        job
    }

    /// The number of a job that is to be given out before it runs.
    pub(super) fn number(&mut self) -> JobId {
        self.last_seen += 1;
        JobId(self.last_seen)
    }

    /// A job that has its number runs from now on, perhaps once more.
    pub(super) fn run(&mut self, job: JobId, purpose: JobPurpose) {
        self.running.insert(job, purpose);
    }

    /// Users see a job of this number from earlier: no new one gets it.
    pub(super) fn note_number(&mut self, job: JobId) {
        self.last_seen = self.last_seen.max(job.0);
    }

    /// A new job that proves whether `peer` has a chunk of `key`, and the folder below `store` that it comes
    /// into.
    pub(super) fn begin_proof(&mut self, store: &Path, peer: PeerId, key: LedgerKey) -> (JobId, PathBuf) {
        let folder = store.join(format!("{CHALLENGE}{}", self.last_unseen + 1));
        (self.begin(JobPurpose::Prove { peer, key, folder: folder.clone() }), folder)
    }

    /// What a job is for; `None` once it is over, or was taken back.
    pub(super) fn get(&self, job: JobId) -> Option<&JobPurpose> {
        self.running.get(&job)
    }

    /// A job is over, or was taken back.
    pub(super) fn end(&mut self, job: JobId) -> Option<JobPurpose> {
        self.running.remove(&job)
    }

    /// Takes back all jobs but those that prove what others have.
    pub(super) fn take_back_fetches(&mut self) -> Vec<JobId> {
        let fetches = self.running.extract_if(.., |_, purpose| !matches!(purpose, JobPurpose::Prove { .. }));
        fetches.map(|(job, _)| job).collect()
    }

    /// The jobs that bring back what is missing: one for each share.
    pub(super) fn restoring(&self) -> Vec<JobId> {
        self.running.iter().filter(|(_, p)| **p == JobPurpose::Restore).map(|(job, _)| *job).collect()
    }

    /// How many files are being fetched into the store.
    pub(super) fn n_keeping(&self) -> usize {
        self.keeps().count()
    }

    /// True if this content is fetched into the store now.
    pub(super) fn is_keeping(&self, claim: Claim) -> bool {
        self.keeps().any(|keep| (keep.file, keep.size) == claim)
    }

    /// True if these chunks of a content are fetched into the store now.
    pub(super) fn is_keeping_span(&self, file: FileId, span: Span) -> bool {
        self.keeps().any(|keep| (keep.file, keep.span) == (file, span))
    }

    /// The size of a content that is fetched into the store now.
    pub(super) fn kept_size(&self, file: FileId) -> Option<u64> {
        self.keeps().find(|keep| keep.file == file).map(|keep| keep.size)
    }

    /// The jobs that fetch other chunks of a content into the store than these.
    pub(super) fn keeps_beside(&self, file: FileId, spans: &[Span]) -> Vec<JobId> {
        let beside = self.keeps().filter(|keep| keep.file == file && !spans.contains(&keep.span));
        beside.map(|keep| keep.job).collect()
    }

    fn keeps(&self) -> impl Iterator<Item = KeepJob> {
        self.running.iter().filter_map(|(job, purpose)| match purpose {
            JobPurpose::Keep { file, size, span } => {
                Some(KeepJob { job: *job, file: *file, size: *size, span: *span })
            }
            _ => None,
        })
    }
}

/// A job that fetches chunks into the store.
#[derive(Clone, Copy, Debug)]
struct KeepJob {
    job: JobId,
    file: FileId,
    size: u64,
    span: Span,
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::key;
    use super::*;

    fn keep(n: u8, from: u32, to: u32) -> JobPurpose {
        JobPurpose::Keep { file: FileId([n; 32]), size: 1 << 30, span: Span { from, to } }
    }

    #[test]
    fn the_numbers_that_users_type_have_no_gaps() {
        let mut jobs = Jobs::default();
        assert_eq!(jobs.begin(JobPurpose::Download), JobId(1));
        let unseen = jobs.begin(keep(1, 0, 1));
        assert_eq!(jobs.begin(JobPurpose::Repair("a".parse().unwrap())), JobId(2));
        assert_eq!(jobs.begin(JobPurpose::Restore), JobId(3));
        assert!(unseen > JobId(3) && jobs.begin(keep(1, 1, 2)) > unseen);
        assert_eq!(jobs.restoring(), [JobId(3)]);
        assert_eq!(jobs.end(JobId(3)), Some(JobPurpose::Restore));
        assert_eq!((jobs.restoring(), jobs.end(JobId(3))), (Vec::new(), None));
        assert_eq!(jobs.begin(JobPurpose::Download), JobId(4), "a number is not used again");
    }

    #[test]
    fn what_is_kept_is_found_by_its_content() {
        let mut jobs = Jobs::default();
        let (one, two) = (jobs.begin(keep(1, 0, 1)), jobs.begin(keep(1, 5, 9)));
        jobs.begin(keep(2, 0, 1));
        let file = FileId([1; 32]);
        let span = |from, to| Span { from, to };
        assert!(jobs.is_keeping((file, 1 << 30)) && !jobs.is_keeping((file, 1)));
        assert!(jobs.is_keeping_span(file, span(5, 9)) && !jobs.is_keeping_span(file, span(5, 8)));
        assert_eq!((jobs.n_keeping(), jobs.kept_size(file)), (3, Some(1 << 30)));
        assert_eq!(jobs.keeps_beside(file, &[span(5, 9)]), [one]);
        assert_eq!(jobs.keeps_beside(file, &[]), [one, two]);
        assert!(jobs.end(one).is_some() && jobs.keeps_beside(file, &[span(5, 9)]).is_empty());
    }

    #[test]
    fn each_proof_has_a_folder_of_its_own() {
        let mut jobs = Jobs::default();
        let key = (key(1).peer_id(), FileId([1; 32]));
        let (job, folder) = jobs.begin_proof(Path::new("/store"), key.0, key);
        assert_eq!(folder, Path::new("/store").join(format!("proof-{}", job.0)));
        assert_eq!(jobs.get(job), Some(&JobPurpose::Prove { peer: key.0, key, folder: folder.clone() }));
        assert_ne!(jobs.begin_proof(Path::new("/store"), key.0, key).1, folder);
    }

    #[test]
    fn all_jobs_are_taken_back_but_proofs() {
        let mut jobs = Jobs::default();
        let download = jobs.begin(JobPurpose::Download);
        let kept = jobs.begin(keep(1, 0, 1));
        let peer = key(1).peer_id();
        let (proof, _) = jobs.begin_proof(Path::new("/store"), peer, (peer, FileId([1; 32])));
        assert_eq!(jobs.take_back_fetches(), [download, kept]);
        assert_eq!((jobs.get(download), jobs.get(kept)), (None, None));
        assert!(jobs.get(proof).is_some());
    }
}
