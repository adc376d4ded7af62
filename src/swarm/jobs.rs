//! All jobs, and the files of theirs that the disk workers have open. Pure; part of swarm/mod.rs.
//!
//! How far each is, is in reports.rs; how those in the background wait, in background.rs.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::background::BackgroundBudget;
use super::download::{DownloadPhase, Downloads, FileDownload};
use super::file_queue::QueuePlace;
use super::job::RunningJob;
use super::members::fits_map;
use super::shuffle::Shuffle;
use super::sources::{SourceLink, Sources};
use super::{Output, Outputs, Swarm};
use crate::content::{Chunks, Claim, FileId, SafePath};
use crate::disk::{self, FileToken, Plan};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::swarm::{Job, JobEvent, JobId, Wanted};
use crate::time::Time;

/// How far a job's queue is searched for a file that is no twin of one under way.
const TWINS: usize = 64;

/// All that is to be done.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) running: BTreeMap<JobId, RunningJob>,
    pub(super) downloads: Downloads,
    /// Files that the disk workers make from one that arrived, and whose they are.
    pub(super) copies: BTreeMap<FileToken, (JobId, Wanted)>,
    /// How often each content is among the downloads, and how many of these are small.
    open_contents: BTreeMap<FileId, usize>,
    open_small: usize,
    next_token: u64,
    /// Files that are put together at once, at most.
    pub(super) most_open: usize,
    /// Its files are begun before those of others.
    pub(super) first: Option<JobId>,
    shuffle: Shuffle,
}

impl Jobs {
    /// Without any.
    pub(super) fn new(shuffle: Shuffle) -> Self {
        Self { shuffle, most_open: limits::OPEN_DOWNLOADS, ..Self::default() }
    }

    /// Puts at most this many files together at once, where that is less than usual.
    pub(super) fn open_at_most(&mut self, files: usize) {
        self.most_open = files.clamp(1, limits::OPEN_DOWNLOADS);
    }

    /// A number for a file that is opened.
    fn token(&mut self) -> FileToken {
        self.next_token += 1;
        FileToken(self.next_token)
    }

    /// One more is to be done.
    pub(super) fn add(&mut self, job: Job, outputs: &mut Outputs) {
        let folders = job.folders.clone();
        let mut running = RunningJob::new(job);
        for folder in folders {
            let token = self.token();
            running.folders.insert(token, folder.clone());
            let order = disk::Command::Folder(token, running.destination.clone(), folder);
            outputs.push_back(Output::Disk(order));
        }
        self.running.insert(running.id, running);
    }

    /// Nothing of a job is wanted any more. Its files that are open; `None` if there is no such job.
    pub(super) fn cancel(&mut self, id: JobId) -> Option<Vec<FileToken>> {
        let job = self.running.get_mut(&id)?;
        job.clear();
        job.failure = Some(Failure::other("the download was stopped"));
        let copies = self.copies.iter().filter(|(_, (job, _))| *job == id).map(|(token, _)| *token);
        let tokens = self.downloads.values().filter(|d| d.job == id).map(|d| d.token);
        Some(tokens.chain(copies).collect())
    }

    /// The open files with a content.
    fn open_with(&mut self, claim: Claim) -> impl Iterator<Item = &mut FileDownload> {
        // Of a hundred thousand that somebody has a few are open.
        let is_any = self.open_contents.contains_key(&claim.0);
        let open = is_any.then(|| self.downloads.values_mut()).into_iter().flatten();
        open.filter(move |download| download.claim() == claim)
    }

    /// More holders of a content.
    pub(super) fn add_holders(&mut self, claim: Claim, holders: &[PeerId]) {
        for download in self.open_with(claim) {
            download.add_holders(holders);
        }
        for job in self.running.values_mut() {
            job.each_of(claim, |wanted| {
                for &peer in holders {
                    if !wanted.holders.contains(&peer) {
                        wanted.holders.push(peer);
                    }
                }
            });
        }
    }

    /// One more holder of all that a job wants.
    fn add_holder_of_all(&mut self, job: JobId, peer: PeerId) {
        for download in self.downloads.values_mut().filter(|d| d.job == job) {
            download.add_holders(&[peer]);
        }
        let waiting = self.running.get_mut(&job).into_iter().flat_map(RunningJob::not_begun);
        for wanted in waiting.filter(|wanted| !wanted.holders.contains(&peer)) {
            wanted.holders.push(peer);
        }
    }

    /// More peers that fetch a content too, or have some of it. True if it is wanted.
    pub(super) fn add_members(&mut self, claim: Claim, peers: &[PeerId]) -> bool {
        let mut wanted = false;
        for download in self.open_with(claim).filter(|download| fits_map(download.chunks)) {
            download.add_members(peers);
            wanted = true;
        }
        for job in self.running.values_mut() {
            job.each_of(claim, |file| {
                let new: Vec<_> = peers.iter().filter(|p| !file.some.contains(p)).copied().collect();
                file.some.extend(new.into_iter().take(limits::SWARM_MEMBERS.saturating_sub(file.some.len())));
                wanted = true;
            });
        }
        wanted
    }

    /// A file is no longer being fetched. What was asked for it is still expected.
    pub(super) fn forget(&mut self, token: FileToken) -> Option<FileDownload> {
        let download = self.downloads.remove(&token)?;
        self.open_small -= usize::from(is_small(download.chunks.size()));
        if let Entry::Occupied(mut open) = self.open_contents.entry(download.id) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
        if let Some(job) = self.running.get_mut(&download.job) {
            job.begun -= 1;
        }
        Some(download)
    }

    /// A copy is no longer being made.
    pub(super) fn forget_copy(&mut self, token: FileToken) -> Option<(JobId, Wanted)> {
        let (id, wanted) = self.copies.remove(&token)?;
        if let Some(job) = self.running.get_mut(&id) {
            job.begun -= 1;
        }
        Some((id, wanted))
    }

    /// A file of a job, that was to go there, will not come.
    pub(super) fn fail(&mut self, id: JobId, to: SafePath, failure: Failure, outputs: &mut Outputs) {
        if let Some(job) = self.running.get_mut(&id) {
            job.failure = Some(failure.clone());
            outputs.push_back(Output::Event(JobEvent::Failed(id, to, failure)));
        }
    }

    /// Ends a job of which nothing is left to be done.
    pub(super) fn finish_if_over(&mut self, id: JobId, sources: &Sources, outputs: &mut Outputs) {
        if !self.running.get(&id).is_some_and(RunningJob::is_over) {
            return;
        }
        // What was not yet reported is: a bar ends full.
        self.report(sources, outputs);
        if let Some(job) = self.running.remove(&id) {
            outputs.push_back(Output::Event(JobEvent::Given(id, job.givers())));
            let event = JobEvent::Finished(id, job.arrived, job.failure);
            outputs.push_back(Output::Event(event));
        }
    }

    /// All of a file is there.
    pub(super) fn publish(&mut self, token: FileToken, outputs: &mut Outputs) {
        if let Some(download) = self.downloads.get_mut(&token) {
            download.phase = DownloadPhase::Publishing;
            outputs.push_back(Output::Disk(disk::Command::Publish(token)));
        }
    }

    /// Whom to connect to: for each file somebody, and several if so much is left that it is worth it.
    pub(super) fn to_dial(&self, now: Time, sources: &Sources) -> BTreeSet<PeerId> {
        let mut dial = BTreeSet::new();
        for download in self.downloads.values() {
            // With thousands of small files this is looked at for each of those that are open, whenever one
            // comes.
            let linked = |p| sources.get(p).is_some_and(|s| s.link != SourceLink::Down);
            if download.phase == DownloadPhase::Publishing || download.candidates().all(linked) {
                continue;
            }
            let left = self.running.get(&download.job).map_or(0, |j| j.size.saturating_sub(j.arrived_bytes));
            let several = left.saturating_sub(download.done) >= limits::WORTH_ANOTHER;
            let (whole, some): (Vec<_>, Vec<_>) =
                download.candidates().partition(|p| download.holders.contains(p));
            // Where nobody has all of it, those who have nothing that is missing keep nobody out.
            let some = some.into_iter().filter(|p| !download.holders.is_empty() || download.may_give(*p));
            let some = some.collect();
            sources.choose(now, &mut dial, whole, if several { limits::FILE_SOURCES } else { 1 });
            sources.choose(now, &mut dial, some, limits::NEIGHBOURS);
        }
        dial
    }

    /// Has copies made of what arrived, of each job in turn, while there is room.
    pub(super) fn begin_copies(&mut self, outputs: &mut Outputs) {
        while self.copies.len() < limits::OPEN_COPIES {
            let jobs = self.running.values_mut().filter(|j| !j.copies.is_empty());
            let Some(job) = jobs.min_by_key(|j| (j.background, j.begun)) else { return };
            let Some(wanted) = job.copies.pop_front() else { return };
            // Invariant: each of these says where it is copied from (job.rs); from nowhere it would be fetched instead.
            let source = wanted.here.clone().unwrap_or_default();
            job.begun += 1;
            let (id, plan) = (job.id, plan(&wanted, &job.destination));
            let token = self.token();
            outputs.push_back(Output::Disk(disk::Command::Copy(token, plan, source)));
            self.copies.insert(token, (id, wanted));
        }
    }

    /// Opens files, one of each job in turn, while there is room; those in the background last, and as many of
    /// them as `budget` allows.
    pub(super) fn begin_files(&mut self, now: Time, budget: &mut BackgroundBudget, outputs: &mut Outputs) {
        while let Some((id, at)) = self.next_file(false) {
            self.begin_file(now, id, at, outputs);
        }
        if self.background_waits() {
            budget.others_move(now);
        }
        while budget.may_begin(now)
            && let Some((id, at)) = self.next_file(true)
        {
            self.begin_file(now, id, at, outputs);
            budget.begin(now);
        }
    }

    /// Opens the file at this place in the queue of a job.
    fn begin_file(&mut self, now: Time, id: JobId, at: QueuePlace, outputs: &mut Outputs) {
        let token = self.token();
        let Some(job) = self.running.get_mut(&id) else { return };
        let Some(wanted) = job.queue.remove(at) else { return };
        let Some(chunks) = Chunks::of(wanted.size) else {
            job.next_twin((wanted.id, wanted.size));
            let failure = Failure::other("the file is larger than a file can be");
            return self.fail(id, wanted.to, failure, outputs);
        };
        if wanted.keep.is_some_and(|span| !span.fits(wanted.size)) {
            return self.fail(id, wanted.to, Failure::other("the file has no such part"), outputs);
        }
        job.begun += 1;
        let background = job.background;
        let plan = plan(&wanted, &job.destination);
        outputs.push_back(Output::Disk(disk::Command::Open(token, plan)));
        let shuffle_key = self.shuffle.key(&wanted.id.0);
        self.open_small += usize::from(is_small(chunks.size()));
        *self.open_contents.entry(wanted.id).or_default() += 1;
        let download = FileDownload::new(now, token, id, wanted, chunks, background, shuffle_key);
        self.downloads.insert(token, download);
    }

    /// The file to begin next, if there is room, in the background or not: of the job with the fewest begun;
    /// and its place in the queue. The disk workers take a content once in a destination, so a twin of one under
    /// way waits for it.
    fn next_file(&self, background: bool) -> Option<(JobId, QueuePlace)> {
        let behind = background && self.has_room_behind();
        let has_room = |job: &RunningJob, size| if background { behind } else { self.has_room(job, size) };
        let may_any = |j: &RunningJob| has_room(j, 0) || has_room(j, u64::MAX);
        let may = |j: &&RunningJob| j.background == background && !j.queue.is_empty() && may_any(j);
        let mut jobs: Vec<_> = self.running.values().filter(may).collect();
        jobs.sort_by_key(|j| (self.first != Some(j.id), j.begun));
        jobs.into_iter().find_map(|job| {
            let is_twin = |d: &FileDownload, w: &Wanted| {
                d.id == w.id && self.running.get(&d.job).is_some_and(|j| j.destination == job.destination)
            };
            let is_open = |w: &Wanted| self.open_contents.contains_key(&w.id);
            let free = |w: &Wanted| !is_open(w) || !self.downloads.values().any(|d| is_twin(d, w));
            let may_begin = |(_, w): &(QueuePlace, &Wanted)| has_room(job, w.size) && free(w);
            Some((job.id, job.queue.iter().take(TWINS).find(may_begin)?.0))
        })
    }

    /// True if one more file of a job may be opened, of this size. The first one of each job does not wait for those of others; nor do
    /// small ones for large ones.
    fn has_room(&self, job: &RunningJob, size: u64) -> bool {
        if is_small(size) {
            return self.open_small < self.most_open * limits::OPEN_SMALL;
        }
        let first = limits::OPEN_FIRST.min(self.most_open.div_ceil(4));
        let more = if job.begun == 0 { first } else { 0 };
        self.open_large() < self.most_open + more
    }

    /// How many are open that are not small.
    pub(super) fn open_large(&self) -> usize {
        self.downloads.len().saturating_sub(self.open_small)
    }
}

/// True for a file that comes in one block, and that no descriptor is held for until it is there.
const fn is_small(size: u64) -> bool {
    size <= limits::BLOCK as u64
}

fn plan(wanted: &Wanted, destination: &Path) -> Plan {
    Plan {
        id: wanted.id,
        size: wanted.size,
        destination: destination.to_owned(),
        to: wanted.to.clone(),
        asked: Arc::clone(&wanted.asked),
        modified: wanted.modified,
        executable: wanted.executable,
        keep: wanted.keep,
    }
}

/// This peer has all that a job still wants, also where it said before that it has not.
pub(crate) fn has_all(now: Time, job: JobId, peer: PeerId, swarm: &mut Swarm) {
    swarm.sources.entry(now, peer);
    swarm.jobs.add_holder_of_all(job, peer);
    swarm.schedule(now);
}
