//! Fetching: from jobs to requests, from blocks to chunks, with failing, lying and returning sources.
//! Pure; its shell is receiver/mod.rs.
//!
//! Inputs are `handle_*` with the time first; then [`Swarm::poll_output`] is drained until it is
//! `None`; [`Swarm::handle_timeout`] is due at [`Swarm::poll_timeout`]. Time never goes back.
//!
//! Here is what the controller and the disk workers say; what connections say is in answers.rs, what
//! time brings in watch.rs, what is asked next of whom in plan.rs.

mod answers;
mod background;
mod download;
mod job;
mod lanes;
pub(crate) mod limits;
mod members;
mod pacing;
mod plan;
mod requests;
mod shuffle;
mod sources;
#[cfg(test)]
mod tests;
mod watch;
mod work;

pub(crate) use self::work::{Job, JobEvent, JobId, Progress, Wanted};

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use self::background::BackgroundBudget;
use self::download::{Checked, DownloadPhase, Downloads};
use self::job::RunningJob;
use self::shuffle::Shuffle;
use self::sources::Sources;
use crate::content::{ChunkIndex, Claim};
use crate::disk::{self, Arrival, FileToken};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::rate::Limit;
use crate::time::Time;
use crate::wire::Message;

/// While anything is fetched, stalls, waiting and progress are looked at this often.
const TICK: Duration = Duration::from_millis(250);

/// While a source owes something, its connections are looked at this often.
const LOOK: Duration = Duration::from_millis(25);

/// Requests for blocks that one connection has not answered, at most; below [`limits::REQUESTS_OPEN`].
const REQUESTS: usize = 16;

/// How far a job's queue is searched for a file that is no twin of one under way.
const TWINS: usize = 64;

/// Low bits of the number of each request, which tell whose the answer is.
pub(super) const TAG: u64 = 0;

/// What the shell is to do.
#[derive(Debug)]
pub(super) enum Output {
    /// Connect to this peer's sender port; answered by `handle_up` or `handle_down`.
    Dial(PeerId),
    /// Close the connection to it, with the cause for the log. No `handle_down` follows.
    Drop(PeerId, String),
    /// Send it this, on its connection of this number (the first one is 0).
    Ask(PeerId, u8, Message),
    /// Have this many connections to it; answered by `handle_lanes`, each time that one stands or fails.
    Lanes(PeerId, u8),
    /// Order this of the disk workers.
    Disk(disk::Command),
    /// Order a write of nothing: the one chunk of an empty file.
    WriteNothing(FileToken, ChunkIndex),
    /// Tell the controller how a job goes.
    Event(JobEvent),
    /// Tell the user.
    Warning(String),
}

/// What is to be done, in order.
type Outputs = VecDeque<Output>;

/// Where the bytes of a block go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockTarget {
    pub(super) token: FileToken,
    pub(super) chunk: ChunkIndex,
    /// Offset in the chunk.
    pub(super) offset: u64,
}

/// All downloads.
#[derive(Debug, Default)]
pub(super) struct Swarm {
    jobs: BTreeMap<JobId, RunningJob>,
    downloads: Downloads,
    /// Files that the disk workers make from one that arrived, and whose they are.
    copies: BTreeMap<FileToken, (JobId, Wanted)>,
    sources: Sources,
    outputs: Outputs,
    next_token: u64,
    tick: Time,
    /// No more is asked for.
    stopping: bool,
    shuffle: Shuffle,
    /// Files that are put together at once, at most.
    most_open: usize,
    /// The rate at which blocks are taken: little more is asked ahead.
    limit: Limit,
    /// How much jobs in the background may ask for.
    way: BackgroundBudget,
}

impl Swarm {
    /// Without downloads. Peers with different seeds prefer different holders.
    pub(super) fn new(seed: u64) -> Self {
        let shuffle = Shuffle(seed);
        let sources = Sources::new(shuffle);
        Self { sources, shuffle, most_open: limits::OPEN_DOWNLOADS, ..Self::default() }
    }

    /// Puts at most this many files together at once, where that is less than usual.
    pub(super) fn open_at_most(&mut self, files: usize) {
        self.most_open = files.clamp(1, limits::OPEN_DOWNLOADS);
    }

    /// Asks little more ahead than a receiver takes in that takes blocks at this rate.
    pub(super) fn limited(self, limit: Limit) -> Self {
        Self { limit, ..self }
    }

    /// The next thing to do; to be called until `None` after every input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due; `None` while nothing is fetched.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let owed = self.sources.by_peer.values().any(|s| !s.requests.is_empty());
        let due = if owed { self.tick.min(self.sources.look) } else { self.tick };
        (!self.jobs.is_empty() && !self.stopping).then_some(due)
    }

    /// True if this peer owes something.
    pub(super) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.sources.get(peer).is_some_and(|s| !s.requests.is_empty())
    }

    // ---- what the controller says --------------------------------------------------------------

    /// A job is to be done.
    pub(super) fn handle_job(&mut self, now: Time, job: Job) {
        if self.stopping || self.jobs.contains_key(&job.id) {
            return;
        }
        if self.jobs.is_empty() {
            self.tick = now + TICK;
        }
        for wanted in &job.files {
            for &peer in wanted.holders.iter().chain(&wanted.some) {
                self.sources.entry(now, peer);
            }
        }
        let folders = job.folders.clone();
        let mut running = RunningJob::new(job);
        for folder in folders {
            let token = self.token();
            running.folders.insert(token, folder.clone());
            let order = disk::Command::Folder(token, running.destination.clone(), folder);
            self.outputs.push_back(Output::Disk(order));
        }
        let id = running.id;
        self.jobs.insert(id, running);
        self.schedule(now);
        self.finish_if_over(id);
    }

    /// A job is not wanted any more; what arrived stays.
    pub(super) fn handle_cancel(&mut self, now: Time, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.clear();
        job.failure = Some(Failure::other("the download was stopped"));
        let copies = self.copies.iter().filter(|(_, (job, _))| *job == id).map(|(token, _)| *token);
        let tokens = self.downloads.values().filter(|d| d.job == id).map(|d| d.token).chain(copies);
        for token in tokens.collect::<Vec<_>>() {
            self.forget(token);
            self.forget_copy(token);
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
        }
        self.finish_if_over(id);
        self.schedule(now);
    }

    /// This peer can be reached now (again, or at another address): earlier failures are forgotten.
    pub(super) fn handle_peer(&mut self, now: Time, peer: PeerId) {
        let source = self.sources.entry(now, peer);
        source.known = true;
        source.failures = 0;
        source.rest_until = now;
        for download in self.downloads.values_mut() {
            download.forgive(peer);
        }
        self.schedule(now);
    }

    /// This peer is gone. The shell closes its connection.
    pub(super) fn handle_gone(&mut self, now: Time, peer: PeerId) {
        self.unlink(now, peer);
        let source = self.sources.entry(now, peer);
        if source.is_usable() {
            source.useless_since = now;
        }
        source.known = false;
        self.schedule(now);
    }

    /// More holders of a content.
    pub(super) fn handle_holders(&mut self, now: Time, claim: Claim, holders: &[PeerId]) {
        for &peer in holders {
            self.sources.entry(now, peer);
        }
        for download in self.downloads.values_mut().filter(|d| d.claim() == claim) {
            download.add_holders(holders);
        }
        let waiting = self.jobs.values_mut().flat_map(RunningJob::not_begun);
        for wanted in waiting.filter(|w| (w.id, w.size) == claim) {
            for &peer in holders {
                if !wanted.holders.contains(&peer) {
                    wanted.holders.push(peer);
                }
            }
        }
        self.schedule(now);
    }

    /// Nothing more is asked for; files are closed as they are.
    pub(super) fn handle_stop(&mut self) {
        self.stopping = true;
        let copies = std::mem::take(&mut self.copies).into_keys();
        for token in std::mem::take(&mut self.downloads).into_keys().chain(copies) {
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
        }
        self.sources.asked.clear();
    }

    // ---- what the disk workers say ---------------------------------------------------------------

    /// An event of the disk workers, but `Idle`.
    pub(super) fn handle_disk(&mut self, now: Time, event: disk::Event) {
        match event {
            disk::Event::Opened(token, there, manifest) => {
                let Some(download) = self.downloads.get_mut(&token) else { return };
                let complete = download.opened(&there, manifest.as_ref());
                if complete {
                    self.publish(token);
                } else if download.chunks.size() == 0 {
                    let chunk = download.chunks.last();
                    download.progress.check(chunk, None);
                    self.outputs.push_back(Output::WriteNothing(token, chunk));
                }
                self.schedule(now);
            }
            disk::Event::Chunk(token, chunk, good) => self.checked(now, token, chunk, good),
            disk::Event::Arrived(token, arrival) => self.arrived(now, token, arrival),
            disk::Event::NotCopied(token) => {
                let Some((id, wanted)) = self.forget_copy(token) else { return };
                if let Some(job) = self.jobs.get_mut(&id) {
                    job.fetch_instead(wanted);
                }
                self.schedule(now);
            }
            disk::Event::Failed(token, failure) => self.not_written(now, token, failure),
            disk::Event::PartialSeed(..) | disk::Event::Idle => {}
        }
    }

    fn arrived(&mut self, now: Time, token: FileToken, arrival: Arrival) {
        let (id, file, size) = if let Some(download) = self.forget(token) {
            if let (Some(job), Some(path)) = (self.jobs.get_mut(&download.job), arrival.path()) {
                job.copy_twins(download.claim(), path);
            }
            (download.job, download.id, download.size())
        } else if let Some((id, wanted)) = self.forget_copy(token) {
            (id, wanted.id, wanted.size)
        } else {
            return;
        };
        if let Some(job) = self.jobs.get_mut(&id) {
            job.arrived += 1;
            job.arrived_bytes = job.arrived_bytes.saturating_add(size);
        }
        self.outputs.push_back(Output::Event(JobEvent::Arrived(id, file, arrival)));
        self.finish_if_over(id);
        self.schedule(now);
    }

    /// A file or an empty folder cannot be made.
    fn not_written(&mut self, now: Time, token: FileToken, failure: Failure) {
        if let Some(download) = self.forget(token) {
            if let Some(job) = self.jobs.get_mut(&download.job) {
                // Another path may do better.
                job.next_twin(download.claim());
            }
            self.fail(download.job, download.to, failure);
            self.finish_if_over(download.job);
            self.schedule(now);
        } else if let Some((id, wanted)) = self.forget_copy(token) {
            self.fail(id, wanted.to, failure);
            self.finish_if_over(id);
            self.schedule(now);
        } else if let Some(job) = self.jobs.values_mut().find(|j| j.folders.contains_key(&token))
            && let Some(folder) = job.folders.remove(&token)
        {
            let id = job.id;
            self.fail(id, folder, failure);
        } else {
            self.outputs.push_back(Output::Warning(failure.message));
        }
    }

    fn checked(&mut self, now: Time, token: FileToken, chunk: ChunkIndex, good: bool) {
        let Some(download) = self.downloads.get_mut(&token) else { return };
        let giver = download.progress.giver(chunk);
        if good && let Some(source) = giver.and_then(|p| self.sources.get_mut(p)) {
            source.failures = 0;
        }
        match download.checked(chunk, good) {
            Checked::Fine if download.chunks.size() == 0 && !good => {
                // Nothing is what it is made of, and it is not what was promised: nobody can give it.
                let holders = download.holders.clone();
                for peer in holders {
                    download.give_up(now, peer);
                }
            }
            Checked::Fine => {}
            Checked::Complete => self.publish(token),
            Checked::Wrong(peer, wrong) => self.wrong(now, token, peer, wrong),
        }
        if !good {
            self.schedule(now);
        }
    }

    pub(super) fn publish(&mut self, token: FileToken) {
        if let Some(download) = self.downloads.get_mut(&token) {
            download.phase = DownloadPhase::Publishing;
            self.outputs.push_back(Output::Disk(disk::Command::Publish(token)));
        }
    }
}
