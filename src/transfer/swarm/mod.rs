//! Fetching: from jobs to requests, from blocks to chunks, with failing, lying and returning sources.
//! Pure; its shell is transfer/receiver.rs.
//!
//! Inputs are `handle_*` with the time first; then [`Swarm::poll_output`] is drained until it is
//! `None`; [`Swarm::handle_timeout`] is due at [`Swarm::poll_timeout`]. Time never goes back.

mod download;
mod job;
mod pacing;
mod plan;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::download::{Checked, Download, Phase};
use self::job::Running;
use self::pacing::Pacing;
use super::{Job, JobId, Progress, ReceiverEvent, Wanted};
use crate::content::{ChunkIndex, FileId};
use crate::disk::{self, FileToken};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BlockIs, Cancel, ManifestIs, Reason, Refused};

/// While anything is fetched, stalls, waiting and progress are looked at this often.
const TICK: Duration = Duration::from_millis(250);

/// Requests for blocks that one source has not answered, at most; below [`limits::REQUESTS_OPEN`].
const REQUESTS: usize = 16;

/// How long a source rests after its first, second and third failure in a row.
const BACKOFF: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// How far a job's queue is searched for a file that is no twin of one under way.
const TWINS: usize = 64;

/// How long a source that is busy is not asked.
const BUSY: Duration = Duration::from_millis(500);

/// Low bits of the number of each request, which tell whose the answer is.
pub(super) const TAG: u64 = 0;

/// What the shell is to do.
#[derive(Debug)]
pub(super) enum Output {
    /// Connect to this peer's sender port; answered by `handle_up` or `handle_down`.
    Dial(PeerId),
    /// Close the connection to it, with the cause for the log. No `handle_down` follows.
    Drop(PeerId, String),
    /// Send it this.
    Ask(PeerId, Message),
    /// Order this of the disk workers.
    Disk(disk::Command),
    /// Order a write of nothing: the one chunk of an empty file.
    WriteNothing(FileToken, ChunkIndex),
    /// Tell the controller.
    Event(ReceiverEvent),
}

/// Where the bytes of a block go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) token: FileToken,
    pub(super) chunk: ChunkIndex,
    /// Offset in the chunk.
    pub(super) offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    Dialling,
    Up,
}

/// A peer that has, or may have, something that is wanted.
#[derive(Debug)]
struct Source {
    link: Link,
    /// The controller said how to reach it.
    known: bool,
    /// In a row.
    failures: u8,
    /// Not dialled before.
    rest_until: Time,
    /// When it ceased to be of use; while it is of use, the past.
    useless_since: Time,
    /// Bytes it owes.
    owed: u64,
    /// Bytes that were asked of it and taken back: they may be on their way.
    late: u64,
    /// Requests for blocks and manifests it has not answered.
    requests: BTreeSet<u64>,
    /// When it sent anything last, or was asked after owing nothing.
    heard: Time,
    pacing: Pacing,
}

impl Source {
    const fn is_usable(&self) -> bool {
        self.known && self.failures < limits::SOURCE_FAILURES
    }
}

#[derive(Debug)]
struct AskedItem {
    token: FileToken,
    chunk: ChunkIndex,
    /// Offset in the file.
    offset: u64,
    left: u64,
}

#[derive(Debug)]
enum Asked {
    Blocks(Vec<AskedItem>),
    Manifest(FileToken),
}

/// All downloads.
#[derive(Debug, Default)]
pub(super) struct Swarm {
    jobs: BTreeMap<JobId, Running>,
    downloads: BTreeMap<FileToken, Download>,
    sources: BTreeMap<PeerId, Source>,
    asked: BTreeMap<u64, (PeerId, Asked)>,
    outputs: VecDeque<Output>,
    next_token: u64,
    next_request: u64,
    tick: Time,
    /// No more is asked for.
    stopping: bool,
}

impl Swarm {
    /// The next thing to do; to be called until `None` after every input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due; `None` while nothing is fetched.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        (!self.jobs.is_empty() && !self.stopping).then_some(self.tick)
    }

    /// True if this peer owes something.
    pub(super) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.sources.get(&peer).is_some_and(|s| !s.requests.is_empty())
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
            for &peer in &wanted.holders {
                self.source(now, peer);
            }
        }
        let folders = job.folders.clone();
        let mut running = Running::new(job);
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
        job.queue.clear();
        job.failure = Some(Failure::other("the download was stopped"));
        let tokens: Vec<_> = self.downloads.values().filter(|d| d.job == id).map(|d| d.token).collect();
        for token in tokens {
            self.forget(token);
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
        }
        self.finish_if_over(id);
        self.schedule(now);
    }

    /// This peer can be reached now (again, or at another address): earlier failures are forgotten.
    pub(super) fn handle_peer(&mut self, now: Time, peer: PeerId) {
        let source = self.source(now, peer);
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
        let source = self.source(now, peer);
        if source.is_usable() {
            source.useless_since = now;
        }
        source.known = false;
        self.schedule(now);
    }

    /// More holders of a content.
    pub(super) fn handle_holders(&mut self, now: Time, file: FileId, holders: &[PeerId]) {
        for &peer in holders {
            self.source(now, peer);
        }
        for download in self.downloads.values_mut().filter(|d| d.id == file) {
            download.add_holders(holders);
        }
        let waiting = self.jobs.values_mut().flat_map(|j| &mut j.queue);
        for wanted in waiting.filter(|w| w.id == file) {
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
        for (token, _) in std::mem::take(&mut self.downloads) {
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
        }
        self.asked.clear();
    }

    // ---- what connections say ------------------------------------------------------------------

    /// A connection to this peer stands.
    pub(super) fn handle_up(&mut self, now: Time, peer: PeerId) {
        let source = self.source(now, peer);
        source.link = Link::Up;
        source.heard = now;
        self.schedule(now);
    }

    /// The connection to this peer could not be had, or is over.
    pub(super) fn handle_down(&mut self, now: Time, peer: PeerId) {
        let source = self.source(now, peer);
        // Closed in order while nothing was owed is no failure.
        let failed = source.link == Link::Dialling || !source.requests.is_empty();
        self.unlink(now, peer);
        if failed {
            self.failed(now, peer);
        }
        self.schedule(now);
    }

    /// Something came from this peer.
    pub(super) fn handle_heard(&mut self, at: Time, peer: PeerId) {
        if let Some(source) = self.sources.get_mut(&peer) {
            source.heard = source.heard.max(at);
        }
    }

    /// A block begins: where its bytes go. `Ok(None)`: nowhere, it is not wanted any more.
    ///
    /// # Errors
    /// In words, if nobody asked this peer for this: it is wrong, and its connection ends.
    pub(super) fn check_block(
        &self,
        peer: PeerId,
        block: &BlockIs,
        len: usize,
    ) -> Result<Option<Target>, &'static str> {
        const UNASKED: &str = "it sent a block that nobody asked for";
        let Some((asked_of, asked)) = self.asked.get(&block.request) else {
            let late = self.sources.get(&peer).map_or(0, |s| s.late);
            return if len as u64 <= late { Ok(None) } else { Err(UNASKED) };
        };
        let Asked::Blocks(items) = asked else { return Err("it sent a block for a manifest") };
        let item = items.get(block.item as usize).ok_or("it sent a block of no item")?;
        if *asked_of != peer || block.offset != item.offset || len == 0 || len as u64 > item.left {
            return Err(UNASKED);
        }
        let Some(download) = self.downloads.get(&item.token) else { return Ok(None) };
        if download.source != Some(peer) {
            return Ok(None);
        }
        if !download.is_proved() {
            return Err("it sent a block before its manifest");
        }
        let offset = item.offset - download.chunks.range(item.chunk).start;
        match download.expects(peer, item.chunk, offset) {
            Some(true) => Ok(Some(Target { token: item.token, chunk: item.chunk, offset })),
            Some(false) => Err("it sent a block out of order"),
            None => Ok(None),
        }
    }

    /// A block that [`Self::check_block`] let pass is complete. True: it is (still) wanted, and goes to
    /// its target.
    pub(super) fn handle_block(&mut self, now: Time, peer: PeerId, block: &BlockIs, len: usize) -> bool {
        let wanted = self.check_block(peer, block, len).is_ok_and(|t| t.is_some());
        let len = len as u64;
        let Some((_, Asked::Blocks(items))) = self.asked.get_mut(&block.request) else {
            if let Some(source) = self.sources.get_mut(&peer) {
                source.late = source.late.saturating_sub(len);
            }
            return false;
        };
        let Some(item) = items.get_mut(block.item as usize) else { return false };
        item.left = item.left.saturating_sub(len);
        item.offset += len;
        let (token, chunk) = (item.token, item.chunk);
        let answered = items.iter().all(|i| i.left == 0);
        if answered {
            self.asked.remove(&block.request);
        }
        if let Some(source) = self.sources.get_mut(&peer) {
            source.heard = now;
            source.owed = source.owed.saturating_sub(len);
            source.pacing.arrived(now, len);
            if answered {
                source.requests.remove(&block.request);
            }
        }
        if wanted && let Some(download) = self.downloads.get_mut(&token) {
            download.came(chunk, len);
            if let Some(job) = self.jobs.get_mut(&download.job) {
                job.fetched += len;
            }
        }
        self.fill(now, peer);
        wanted
    }

    /// A page of a manifest came.
    pub(super) fn handle_manifest(&mut self, now: Time, peer: PeerId, page: &ManifestIs) {
        let Some((asked_of, Asked::Manifest(token))) = self.asked.get(&page.request) else { return };
        if *asked_of != peer {
            return;
        }
        let token = *token;
        self.answered(peer, page.request);
        let Some(download) = self.downloads.get_mut(&token) else { return };
        match download.page(peer, &page.values) {
            Ok(Some(manifest)) => {
                self.outputs.push_back(Output::Disk(disk::Command::Manifest(token, manifest)));
                self.fill(now, peer);
            }
            Ok(None) => {
                let wrong = download.blame(peer);
                self.wrong(now, token, peer, wrong);
            }
            Err(next) => {
                let file = download.id;
                self.ask_manifest(now, peer, token, file, next);
            }
        }
    }

    /// A request, or one item of it, is not answered.
    pub(super) fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused) {
        let Some((asked_of, asked)) = self.asked.get_mut(&refused.request) else { return };
        if *asked_of != peer {
            return;
        }
        let mut tokens = BTreeSet::new();
        let mut given_back = 0;
        let over = match asked {
            Asked::Manifest(token) => {
                tokens.insert(*token);
                true
            }
            Asked::Blocks(items) => {
                for (n, item) in (0_u32..).zip(items.iter_mut()) {
                    if item.left > 0 && refused.item.is_none_or(|i| i == n) {
                        given_back += item.left;
                        item.left = 0;
                        tokens.insert(item.token);
                    }
                }
                items.iter().all(|i| i.left == 0)
            }
        };
        if over {
            self.answered(peer, refused.request);
        }
        if let Some(source) = self.sources.get_mut(&peer) {
            source.owed = source.owed.saturating_sub(given_back);
            source.late += given_back;
            source.heard = now;
        }
        for token in &tokens {
            self.take_back(peer, *token);
            let Some(download) = self.downloads.get_mut(token) else { continue };
            if refused.reason == Reason::Busy {
                download.put_off(now, peer);
            } else {
                // It does not give this file; it may well give others.
                download.give_up(now, peer);
            }
        }
        if refused.reason == Reason::Busy
            && let Some(source) = self.sources.get_mut(&peer)
        {
            // It has just started, or too much to do; others are asked first.
            source.rest_until = now + BUSY;
        }
        self.schedule(now);
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
                    download.check(chunk, None);
                    self.outputs.push_back(Output::WriteNothing(token, chunk));
                }
                self.schedule(now);
            }
            disk::Event::Chunk(token, chunk, good) => self.checked(now, token, chunk, good),
            disk::Event::Arrived(token, arrival) => {
                let Some(download) = self.forget(token) else { return };
                if let Some(job) = self.jobs.get_mut(&download.job) {
                    job.arrived += 1;
                    job.arrived_bytes = job.arrived_bytes.saturating_add(download.chunks.size());
                }
                let event = ReceiverEvent::Arrived(download.job, download.id, arrival);
                self.outputs.push_back(Output::Event(event));
                self.finish_if_over(download.job);
                self.schedule(now);
            }
            disk::Event::Failed(token, failure) => {
                if let Some(download) = self.forget(token) {
                    self.fail(download.job, download.to, failure);
                    self.finish_if_over(download.job);
                    self.schedule(now);
                } else if let Some(job) = self.jobs.values_mut().find(|j| j.folders.contains_key(&token))
                    && let Some(folder) = job.folders.remove(&token)
                {
                    let id = job.id;
                    self.fail(id, folder, failure);
                } else {
                    self.outputs.push_back(Output::Event(ReceiverEvent::Warning(failure.message)));
                }
            }
            disk::Event::Idle => {}
        }
    }

    fn checked(&mut self, now: Time, token: FileToken, chunk: ChunkIndex, good: bool) {
        let Some(download) = self.downloads.get_mut(&token) else { return };
        if good && let Some(source) = download.source.and_then(|p| self.sources.get_mut(&p)) {
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

    fn publish(&mut self, token: FileToken) {
        if let Some(download) = self.downloads.get_mut(&token) {
            download.phase = Phase::Publishing;
            self.outputs.push_back(Output::Disk(disk::Command::Publish(token)));
        }
    }

    // ---- time ----------------------------------------------------------------------------------

    /// Looks for stalled sources and for files that nobody gives, and reports.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.tick > now || self.stopping {
            return;
        }
        self.tick = now + TICK;
        let stalled: Vec<_> = self
            .sources
            .iter()
            .filter(|(_, s)| {
                s.link == Link::Up && !s.requests.is_empty() && now.since(s.heard) >= limits::STALL
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in stalled {
            self.drop_source(now, peer, "it owes blocks and sends nothing");
        }
        self.fail_stuck(now);
        self.schedule(now);
        self.report();
        let waiting = &self.jobs;
        if waiting.is_empty() {
            self.sources.retain(|_, s| s.link != Link::Down || s.known);
        }
    }

    /// Since when nobody can give a file; `None` if somebody can. `busy`: since when a holder says that it
    /// cannot now; it may say so for [`limits::BUSY_HOLDER`].
    fn stuck_since(
        &self,
        begun: Time,
        holders: impl Iterator<Item = PeerId>,
        busy: impl Fn(PeerId) -> Option<Time>,
    ) -> Option<Time> {
        let mut since = begun;
        for (peer, source) in holders.filter_map(|p| Some((p, self.sources.get(&p)?))) {
            let until =
                if source.is_usable() { busy(peer)? + limits::BUSY_HOLDER } else { source.useless_since };
            since = since.max(until);
        }
        Some(since)
    }

    /// Gives up files that nobody could give for [`limits::NO_HOLDER`].
    fn fail_stuck(&mut self, now: Time) {
        let too_long = |since: Option<Time>| since.is_some_and(|t| now.since(t) >= limits::NO_HOLDER);
        let stuck: Vec<_> = self
            .downloads
            .values()
            .filter(|d| d.phase == Phase::Fetching)
            .filter(|d| {
                let holders = d.holders.iter().copied().filter(|p| d.is_candidate(*p));
                too_long(self.stuck_since(d.since, holders, |p| d.busy_since(p)))
            })
            .map(|d| d.token)
            .collect();
        let any = !stuck.is_empty();
        for token in stuck {
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
            if let Some(download) = self.forget(token) {
                self.fail(download.job, download.to, no_holder());
            }
        }
        if any {
            self.fail_queued(now);
        }
        let ids: Vec<_> = self.jobs.keys().copied().collect();
        ids.into_iter().for_each(|id| self.finish_if_over(id));
    }

    /// Of files not begun yet, those that nobody can give for as long are given up too.
    fn fail_queued(&mut self, now: Time) {
        let mut jobs = std::mem::take(&mut self.jobs);
        let mut failed = Vec::new();
        for job in jobs.values_mut() {
            let (stuck, queue) = std::mem::take(&mut job.queue).into_iter().partition(|w: &Wanted| {
                let since = self.stuck_since(Time::ZERO, w.holders.iter().copied(), |_| None);
                since.is_some_and(|t| now.since(t) >= limits::NO_HOLDER)
            });
            job.queue = queue;
            let stuck: VecDeque<Wanted> = stuck;
            failed.extend(stuck.into_iter().map(|w| (job.id, w.to)));
        }
        self.jobs = jobs;
        for (id, to) in failed {
            self.fail(id, to, no_holder());
        }
    }

    fn report(&mut self) {
        let mut jobs = std::mem::take(&mut self.jobs);
        for job in jobs.values_mut() {
            let progress = self.progress(job);
            if job.told.as_ref() != Some(&progress) {
                job.told = Some(progress.clone());
                self.outputs.push_back(Output::Event(ReceiverEvent::Progress(progress)));
            }
        }
        self.jobs = jobs;
    }

    fn progress(&self, job: &Running) -> Progress {
        let mine = || self.downloads.values().filter(|d| d.job == job.id);
        let sources: BTreeSet<_> = mine().filter_map(|d| d.source).collect();
        let waiting = if sources.is_empty() { self.waiting(job) } else { None };
        Progress {
            job: job.id,
            done: job.arrived_bytes + mine().map(|d| d.done).sum::<u64>(),
            size: job.size,
            files_done: job.arrived,
            files: job.files,
            fetched: job.fetched,
            sources: sources.into_iter().collect(),
            waiting: waiting.map(str::to_owned),
        }
    }

    /// Why nothing of a job without sources moves.
    fn waiting(&self, job: &Running) -> Option<&'static str> {
        let mine = || self.downloads.values().filter(|d| d.job == job.id);
        if mine().all(|d| !d.waits()) {
            let writing =
                job.queue.is_empty() && job.begun > 0 && mine().all(|d| d.phase == Phase::Publishing);
            return writing.then_some("writing");
        }
        let holders =
            mine().filter(|d| d.waits()).flat_map(|d| d.holders.iter().filter(|p| d.is_candidate(**p)));
        let usable = || holders.clone().filter_map(|p| self.sources.get(p)).filter(|s| s.is_usable());
        if usable().any(|s| s.link == Link::Up) {
            Some("its holders are busy: trying again")
        } else if usable().any(|s| s.failures == 0) {
            // It is being dialled for the first time.
            None
        } else if usable().next().is_some() {
            Some("no holder answers: trying again")
        } else {
            Some("no holder is here: waiting")
        }
    }

    // ---- sources -------------------------------------------------------------------------------

    fn source(&mut self, now: Time, peer: PeerId) -> &mut Source {
        self.sources.entry(peer).or_insert_with(|| Source {
            link: Link::Down,
            known: false,
            failures: 0,
            rest_until: now,
            useless_since: now,
            owed: 0,
            late: 0,
            requests: BTreeSet::new(),
            heard: now,
            pacing: Pacing::default(),
        })
    }

    /// A wrong chunk or manifest costs its source the connection, the second one its trust.
    fn wrong(&mut self, now: Time, token: FileToken, peer: PeerId, wrong: u8) {
        let Some(download) = self.downloads.get_mut(&token) else { return };
        if wrong >= 2 {
            download.give_up(now, peer);
            let text =
                format!("{peer} sent wrong bytes of {} twice and is not asked for it any more", download.to);
            self.outputs.push_back(Output::Event(ReceiverEvent::Warning(text)));
        } else {
            let text = format!("{peer} sent wrong bytes of {}; they are fetched again", download.to);
            self.outputs.push_back(Output::Event(ReceiverEvent::Warning(text)));
        }
        self.drop_source(now, peer, "it sent wrong bytes");
    }

    fn drop_source(&mut self, now: Time, peer: PeerId, why: &str) {
        if self.sources.get(&peer).is_some_and(|s| s.link != Link::Down) {
            self.outputs.push_back(Output::Drop(peer, why.to_owned()));
            self.unlink(now, peer);
            self.failed(now, peer);
        }
        self.schedule(now);
    }

    /// Counts a failure; the third one in a row gives the source up until it is announced again.
    fn failed(&mut self, now: Time, peer: PeerId) {
        let source = self.source(now, peer);
        source.rest_until = now + BACKOFF[usize::from(source.failures).min(BACKOFF.len() - 1)];
        source.failures = source.failures.saturating_add(1);
        if source.failures == limits::SOURCE_FAILURES {
            source.useless_since = now;
        }
    }

    /// The link is down: what it owed is asked of others.
    fn unlink(&mut self, now: Time, peer: PeerId) {
        let source = self.source(now, peer);
        source.link = Link::Down;
        (source.owed, source.late) = (0, 0);
        for request in std::mem::take(&mut source.requests) {
            self.asked.remove(&request);
        }
        for download in self.downloads.values_mut() {
            download.release(peer);
        }
    }

    /// A request has its whole answer.
    fn answered(&mut self, peer: PeerId, request: u64) {
        self.asked.remove(&request);
        if let Some(source) = self.sources.get_mut(&peer) {
            source.requests.remove(&request);
        }
    }

    /// Nothing more of one file is expected of `peer`. Requests that only were about it are cancelled;
    /// items of others come and go nowhere.
    fn take_back(&mut self, peer: PeerId, token: FileToken) {
        let Some(source) = self.sources.get_mut(&peer) else { return };
        let mut over = Vec::new();
        for &request in &source.requests {
            match self.asked.get(&request) {
                Some((_, Asked::Blocks(items))) if items.iter().all(|i| i.token == token || i.left == 0) => {
                    let left: u64 = items.iter().map(|i| i.left).sum();
                    source.owed = source.owed.saturating_sub(left);
                    source.late += left;
                    over.push(request);
                }
                Some((_, Asked::Manifest(t))) if *t == token => over.push(request),
                _ => {}
            }
        }
        for request in over {
            self.answered(peer, request);
            self.outputs.push_back(Output::Ask(peer, Message::Cancel(Cancel { request })));
        }
    }
}

fn no_holder() -> Failure {
    Failure::new(
        Code::NoHolder,
        "no peer that has it could be reached or gives it (with the right bytes); what arrived is kept",
    )
}
