//! Fetching: from jobs to requests, from blocks to chunks, with failing, lying and returning sources.
//! Pure; its shell is receiver/mod.rs.
//!
//! Inputs are `handle_*` with the time first; then [`Swarm::poll_output`] is drained until it is
//! `None`; [`Swarm::handle_timeout`] is due at [`Swarm::poll_timeout`]. Time never goes back.
//!
//! `Swarm` routes what it hears to those who know more about it. [`Jobs`] has what is to be done and which
//! files of it are open (jobs.rs). [`Sources`] has who gives, what was asked of each and has not come
//! (sources.rs, requests.rs). [`Planner`] decides what is asked next of whom (plan.rs), and jobs take turns
//! (turns.rs). Here is what the controller and the disk workers say; what connections say is in answers.rs, what
//! time brings in watch.rs.

mod answers;
mod background;
mod batch;
mod download;
mod file_queue;
mod got;
mod job;
mod jobs;
mod lanes;
pub(crate) mod limits;
mod members;
mod pacing;
mod plan;
mod reports;
mod requests;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
mod shuffle;
mod sources;
#[cfg(test)]
mod tests;
mod turns;
mod watch;
mod work;

pub(crate) use self::got::handle_noted;
pub(crate) use self::jobs::has_all;
pub(crate) use self::pacing::Pacing;
pub(crate) use self::turns::put_first;
pub(crate) use self::watch::is_changed;
pub(crate) use self::work::{Job, JobEvent, JobGivers, JobId, Progress, SourceRate, Wanted};

use core::time::Duration;
use std::collections::VecDeque;

use self::download::{Checked, FileDownload};
use self::jobs::Jobs;
use self::plan::Planner;
use self::shuffle::Shuffle;
use self::sources::{Source, SourceLink, Sources};
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

/// How long a source that is too busy to give a file is not asked for it.
const BUSY: Duration = Duration::from_millis(500);

/// Requests for blocks that one connection has not answered, at most; below [`limits::REQUESTS_OPEN`].
const REQUESTS: usize = 16;

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
    jobs: Jobs,
    sources: Sources,
    outputs: Outputs,
    /// It is to be looked at what can be begun and asked, as of this time.
    due: Option<Time>,
    tick: Time,
    /// No more is asked for.
    stopping: bool,
    planner: Planner,
}

impl Swarm {
    /// Without downloads. Peers with different seeds prefer different holders.
    pub(super) fn new(seed: u64) -> Self {
        let shuffle = Shuffle(seed);
        Self { jobs: Jobs::new(shuffle), sources: Sources::new(shuffle), ..Self::default() }
    }

    /// Puts at most this many files together at once, where that is less than usual.
    pub(super) fn open_at_most(&mut self, files: usize) {
        self.jobs.open_at_most(files);
    }

    /// Asks little more ahead than a receiver takes in that takes blocks at this rate.
    pub(super) fn limited(mut self, limit: Limit) -> Self {
        self.set_limit(limit);
        self
    }

    /// The rate is this from now on.
    pub(super) const fn set_limit(&mut self, limit: Limit) {
        self.planner.limit = limit;
    }

    /// The next thing to do; to be called until `None` after every input, or after several.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty()
            && let Some(now) = self.due.take()
        {
            begin_and_ask(now, self);
        }
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due; `None` while nothing is fetched.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let owed = self.sources.by_peer.values().any(|s| !s.requests.is_empty());
        let due = if owed { self.tick.min(self.sources.look) } else { self.tick };
        let is_busy = !self.jobs.running.is_empty() || self.sources.by_peer.values().any(Source::is_untold);
        (is_busy && !self.stopping).then_some(due)
    }

    /// True if this peer owes something.
    pub(super) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.sources.get(peer).is_some_and(|s| !s.requests.is_empty())
    }

    // ---- what the controller says --------------------------------------------------------------

    /// A job is to be done.
    pub(super) fn handle_job(&mut self, now: Time, job: Job) {
        if self.stopping || self.jobs.running.contains_key(&job.id) {
            return;
        }
        if self.jobs.running.is_empty() {
            self.tick = now + TICK;
        }
        for wanted in &job.files {
            for &peer in wanted.holders.iter().chain(&wanted.some) {
                self.sources.entry(now, peer);
            }
        }
        let id = job.id;
        self.jobs.add(job, &mut self.outputs);
        self.schedule(now);
        self.jobs.finish_if_over(id, &self.sources, &mut self.outputs);
    }

    /// A job is not wanted any more; what arrived stays.
    pub(super) fn handle_cancel(&mut self, now: Time, id: JobId) {
        let Some(open) = self.jobs.cancel(id) else { return };
        for token in open {
            self.forget(token);
            self.jobs.forget_copy(token);
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
        }
        self.jobs.finish_if_over(id, &self.sources, &mut self.outputs);
        self.schedule(now);
    }

    /// This peer can be reached now (again, or at another address): earlier failures are forgotten.
    pub(super) fn handle_peer(&mut self, now: Time, peer: PeerId) {
        let source = self.sources.entry(now, peer);
        source.known = true;
        source.failures = 0;
        source.rest_until = now;
        for download in self.jobs.downloads.values_mut() {
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
        source.untold.clear();
        self.schedule(now);
    }

    /// More holders of a content.
    pub(super) fn handle_holders(&mut self, now: Time, claim: Claim, holders: &[PeerId]) {
        for &peer in holders {
            self.sources.entry(now, peer);
        }
        self.jobs.add_holders(claim, holders);
        self.schedule(now);
    }

    /// Nothing more is asked for; files are closed as they are.
    pub(super) fn handle_stop(&mut self) {
        self.stopping = true;
        let copies = std::mem::take(&mut self.jobs.copies).into_keys();
        for token in std::mem::take(&mut self.jobs.downloads).into_keys().chain(copies) {
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
        }
        self.sources.asked.clear();
    }

    // ---- what the disk workers say ---------------------------------------------------------------

    /// An event of the disk workers, but `Idle`.
    pub(super) fn handle_disk(&mut self, now: Time, event: disk::Event) {
        match event {
            disk::Event::Opened(token, there, manifest) => {
                let Some(download) = self.jobs.downloads.get_mut(&token) else { return };
                let complete = download.opened(&there, manifest.as_ref());
                if let Some(job) = self.jobs.running.get_mut(&download.job) {
                    job.resumed += download.done;
                }
                if complete {
                    self.jobs.publish(token, &mut self.outputs);
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
                let Some((id, wanted)) = self.jobs.forget_copy(token) else { return };
                if let Some(job) = self.jobs.running.get_mut(&id) {
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
            if let (Some(job), Some(path)) = (self.jobs.running.get_mut(&download.job), arrival.path()) {
                job.copy_twins(download.claim(), path);
                self.sources.note_got(now, &download, &mut self.outputs);
            }
            (download.job, download.id, download.size())
        } else if let Some((id, wanted)) = self.jobs.forget_copy(token) {
            (id, wanted.id, wanted.size)
        } else {
            return;
        };
        if let Some(job) = self.jobs.running.get_mut(&id) {
            job.arrived += 1;
            job.arrived_bytes = job.arrived_bytes.saturating_add(size);
        }
        self.outputs.push_back(Output::Event(JobEvent::Arrived(id, file, arrival)));
        self.jobs.finish_if_over(id, &self.sources, &mut self.outputs);
        self.schedule(now);
    }

    /// A file or an empty folder cannot be made.
    fn not_written(&mut self, now: Time, token: FileToken, failure: Failure) {
        if let Some(download) = self.forget(token) {
            if let Some(job) = self.jobs.running.get_mut(&download.job) {
                // Another path may do better.
                job.next_twin(download.claim());
            }
            self.jobs.fail(download.job, download.to, failure, &mut self.outputs);
            self.jobs.finish_if_over(download.job, &self.sources, &mut self.outputs);
            self.schedule(now);
        } else if let Some((id, wanted)) = self.jobs.forget_copy(token) {
            self.jobs.fail(id, wanted.to, failure, &mut self.outputs);
            self.jobs.finish_if_over(id, &self.sources, &mut self.outputs);
            self.schedule(now);
        } else if let Some(job) = self.jobs.running.values_mut().find(|j| j.folders.contains_key(&token))
            && let Some(folder) = job.folders.remove(&token)
        {
            let id = job.id;
            self.jobs.fail(id, folder, failure, &mut self.outputs);
        } else {
            self.outputs.push_back(Output::Warning(failure.message));
        }
    }

    fn checked(&mut self, now: Time, token: FileToken, chunk: ChunkIndex, good: bool) {
        let Some(download) = self.jobs.downloads.get_mut(&token) else { return };
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
            Checked::Complete => self.jobs.publish(token, &mut self.outputs),
            Checked::Wrong(peer, wrong) => self.wrong(now, token, peer, wrong),
        }
        if !good {
            self.schedule(now);
        }
    }

    /// A file is no longer being fetched, and nothing of it is expected any more.
    fn forget(&mut self, token: FileToken) -> Option<FileDownload> {
        let download = self.jobs.forget(token)?;
        for &peer in &download.sources {
            let (downloads, outputs) = (&mut self.jobs.downloads, &mut self.outputs);
            self.sources.take_back(peer, |item| item.token == token, Some(token), downloads, outputs);
        }
        Some(download)
    }

    /// Has [`begin_and_ask`] be done once all inputs of now are known: with thousands of small files each look goes
    /// through all that are open, and many are opened or arrive at once.
    const fn schedule(&mut self, now: Time) {
        self.due = Some(now);
    }

    /// Asks `peer` for as much as may be asked of it now.
    fn fill(&mut self, now: Time, peer: PeerId) {
        if let Some(source) = self.sources.get_mut(peer) {
            source.is_exhausted = false;
        }
        fill_on(now, peer, self);
    }
}

/// Asks `peer` for as much as may be asked of it now, where nothing is wanted that was not before.
fn fill_on(now: Time, peer: PeerId, swarm: &mut Swarm) {
    if !swarm.stopping {
        let (downloads, sources) = (&mut swarm.jobs.downloads, &mut swarm.sources);
        swarm.planner.fill(now, peer, downloads, sources, &mut swarm.outputs);
    }
}

/// Begins files while there is room, connects to who has them, asks for bytes.
fn begin_and_ask(now: Time, swarm: &mut Swarm) {
    if swarm.stopping {
        return;
    }
    swarm.jobs.begin_copies(&mut swarm.outputs);
    swarm.jobs.begin_files(now, &mut swarm.planner.background, &mut swarm.outputs);
    swarm.sources.tell_got(now, &mut swarm.outputs);
    let to_tell = swarm.sources.to_tell(now);
    for peer in swarm.jobs.to_dial(now, &swarm.sources).union(&to_tell).copied() {
        let source = swarm.sources.entry(now, peer);
        source.link = SourceLink::Dialling;
        if to_tell.contains(&peer) {
            source.untold.handle_dial();
        }
        swarm.outputs.push_back(Output::Dial(peer));
    }
    swarm.sources.note_swarms(&swarm.jobs.downloads);
    let up: Vec<_> =
        swarm.sources.by_peer.iter().filter(|(_, s)| s.link == SourceLink::Up).map(|(p, _)| *p).collect();
    for &peer in &up {
        swarm.sources.watch(now, peer, &mut swarm.jobs.downloads, &mut swarm.outputs);
        swarm.fill(now, peer);
    }
    for peer in up {
        let (downloads, sources) = (&mut swarm.jobs.downloads, &mut swarm.sources);
        swarm.planner.hurry(now, peer, downloads, sources, &mut swarm.outputs);
    }
}
