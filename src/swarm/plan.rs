//! Which file is begun next, who is connected to, what is asked of whom. Pure; part of swarm/mod.rs.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::download::{DownloadPhase, FileDownload, Range};
use super::job::RunningJob;
use super::members::least_ahead;
use super::requests::{AskedItem, AskedPage};
use super::sources::SourceLink;
use super::{Output, REQUESTS, Swarm, TWINS};
use crate::content::{Chunks, FileId, SafePath};
use crate::disk::{self, FileToken, Plan};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::swarm::{JobEvent, JobId, Wanted};
use crate::time::Time;
use crate::transfer::ahead;

/// What taking a chunk over costs at least: a request to one, the cancelling of another.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// What one source is to be asked for.
#[derive(Debug, Default)]
struct Batch {
    items: Vec<(FileId, AskedItem)>,
    manifests: Vec<AskedPage>,
}

/// Which files are chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileChoice {
    /// Those that somebody waits for.
    Foreground,
    /// Those that give way to others.
    Background,
    /// One of those that give way, while it does.
    OneInBackground,
}

impl Swarm {
    pub(super) fn token(&mut self) -> FileToken {
        self.next_token += 1;
        FileToken(self.next_token)
    }

    /// A file is no longer being fetched.
    pub(super) fn forget(&mut self, token: FileToken) -> Option<FileDownload> {
        let download = self.downloads.remove(&token)?;
        for &peer in &download.sources {
            let (downloads, outputs) = (&mut self.downloads, &mut self.outputs);
            self.sources.take_back(peer, |item| item.token == token, Some(token), downloads, outputs);
        }
        if let Some(job) = self.jobs.get_mut(&download.job) {
            job.begun -= 1;
        }
        Some(download)
    }

    /// A copy is no longer being made.
    pub(super) fn forget_copy(&mut self, token: FileToken) -> Option<(JobId, Wanted)> {
        let (id, wanted) = self.copies.remove(&token)?;
        if let Some(job) = self.jobs.get_mut(&id) {
            job.begun -= 1;
        }
        Some((id, wanted))
    }

    pub(super) fn fail(&mut self, id: JobId, to: SafePath, failure: Failure) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.failure = Some(failure.clone());
            self.outputs.push_back(Output::Event(JobEvent::Failed(id, to, failure)));
        }
    }

    pub(super) fn finish_if_over(&mut self, id: JobId) {
        if !self.jobs.get(&id).is_some_and(RunningJob::is_over) {
            return;
        }
        // What was not yet reported is: a bar ends full.
        self.report();
        if let Some(job) = self.jobs.remove(&id) {
            let event = JobEvent::Finished(id, job.arrived, job.failure);
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// Begins files while there is room, connects to who has them, asks for bytes.
    pub(super) fn schedule(&mut self, now: Time) {
        if self.stopping {
            return;
        }
        self.begin_copies();
        self.begin_files(now);
        self.look_who_moves(now);
        for peer in self.to_dial(now) {
            self.sources.entry(now, peer).link = SourceLink::Dialling;
            self.outputs.push_back(Output::Dial(peer));
        }
        self.sources.note_swarms(&self.downloads);
        let up: Vec<_> =
            self.sources.by_peer.iter().filter(|(_, s)| s.link == SourceLink::Up).map(|(p, _)| *p).collect();
        for peer in up {
            self.sources.watch(now, peer, &mut self.downloads, &mut self.outputs);
            self.fill(now, peer);
        }
    }

    /// Whom to connect to: for each file somebody, and several if so much is left that it is worth it.
    fn to_dial(&self, now: Time) -> BTreeSet<PeerId> {
        let mut dial = BTreeSet::new();
        for download in self.downloads.values() {
            // With thousands of small files this is looked at for each of those that are open, whenever one
            // comes.
            let linked = |p| self.sources.get(p).is_some_and(|s| s.link != SourceLink::Down);
            if download.phase == DownloadPhase::Publishing || download.candidates().all(linked) {
                continue;
            }
            let left = self.jobs.get(&download.job).map_or(0, |j| j.size.saturating_sub(j.arrived_bytes));
            let several = left.saturating_sub(download.done) >= limits::WORTH_ANOTHER;
            let (whole, some): (Vec<_>, Vec<_>) =
                download.candidates().partition(|p| download.holders.contains(p));
            // Where nobody has all of it, those who have nothing that is missing keep nobody out.
            let some = some.into_iter().filter(|p| !download.holders.is_empty() || download.may_give(*p));
            let some = some.collect();
            self.sources.choose(now, &mut dial, whole, if several { limits::FILE_SOURCES } else { 1 });
            self.sources.choose(now, &mut dial, some, limits::NEIGHBOURS);
        }
        dial
    }

    /// Has copies made of what arrived, of each job in turn, while there is room.
    fn begin_copies(&mut self) {
        while self.copies.len() < limits::OPEN_COPIES {
            let jobs = self.jobs.values_mut().filter(|j| !j.copies.is_empty());
            let Some(job) = jobs.min_by_key(|j| (j.background, j.begun)) else { return };
            let Some((wanted, source)) = job.copies.pop_front() else { return };
            job.begun += 1;
            let (id, plan) = (job.id, plan(&wanted, &job.destination));
            let token = self.token();
            self.outputs.push_back(Output::Disk(disk::Command::Copy(token, plan, source)));
            self.copies.insert(token, (id, wanted));
        }
    }

    /// Opens files, one of each job in turn, while there is room.
    pub(super) fn begin_files(&mut self, now: Time) {
        while let Some((id, at)) = self.next_file() {
            let token = self.token();
            let Some(job) = self.jobs.get_mut(&id) else { return };
            let Some(wanted) = job.queue.remove(at) else { return };
            let Some(chunks) = Chunks::of(wanted.size) else {
                job.next_twin((wanted.id, wanted.size));
                self.fail(id, wanted.to, Failure::other("the file is larger than a file can be"));
                continue;
            };
            if wanted.keep.is_some_and(|span| !span.fits(wanted.size)) {
                self.fail(id, wanted.to, Failure::other("the file has no such part"));
                continue;
            }
            job.begun += 1;
            let background = job.background;
            let plan = plan(&wanted, &job.destination);
            self.outputs.push_back(Output::Disk(disk::Command::Open(token, plan)));
            let shuffle_key = self.shuffle.key(&wanted.id.0);
            let download = FileDownload::new(now, token, id, wanted, chunks, background, shuffle_key);
            self.downloads.insert(token, download);
        }
    }

    /// The file to begin next, if there is room: of the job with the fewest begun, those in the background
    /// last; and its place in the queue. The disk workers take a content once in a destination, so a twin of
    /// one under way waits for it.
    pub(super) fn next_file(&self) -> Option<(JobId, usize)> {
        let room = [self.has_room(false), self.has_room(true)];
        let may = |j: &&RunningJob| !j.queue.is_empty() && room[usize::from(j.background)];
        let mut jobs: Vec<_> = self.jobs.values().filter(may).collect();
        jobs.sort_by_key(|j| (j.background, j.begun));
        jobs.into_iter().find_map(|job| {
            let is_twin = |d: &FileDownload, w: &Wanted| {
                d.id == w.id && self.jobs.get(&d.job).is_some_and(|j| j.destination == job.destination)
            };
            let free = |w: &Wanted| !self.downloads.values().any(|d| is_twin(d, w));
            Some((job.id, job.queue.iter().take(TWINS).position(free)?))
        })
    }

    /// Asks `peer` for as much as its window allows; if there is nothing more to ask for, for what a
    /// slower source still owes.
    pub(super) fn fill(&mut self, now: Time, peer: PeerId) {
        let Some(source) = self.sources.get(peer) else { return };
        let lanes = source.lanes.used();
        let least = source.swarm_chunk.map_or(limits::AHEAD_MIN, least_ahead);
        let window = source.pacing.window(least).max(u64::from(lanes - 1) * limits::LANE_AHEAD);
        let (window, unit) = match self.limit.map(ahead) {
            Some(ahead) if ahead < window => (ahead, (ahead / 4).min(limits::BLOCK as u64)),
            _ => (window, limits::BLOCK as u64),
        };
        if self.stopping
            || source.link != SourceLink::Up
            || source.rest_until > now
            || source.requests.len() >= REQUESTS * usize::from(lanes)
        {
            return;
        }
        let room = source.lanes.room(window, unit);
        if room.iter().all(|&r| r == 0) {
            return;
        }
        let idle = source.requests.is_empty();
        if self.ask(now, peer, room) {
            return;
        }
        if idle && self.take_over(now, peer) {
            self.ask(now, peer, room);
        } else if !idle {
            self.ask_again(now, peer);
        }
    }

    /// There is nothing new to ask `peer` for: what a connection to it is late with is asked for again over
    /// one that has nothing to do.
    fn ask_again(&mut self, now: Time, peer: PeerId) {
        let Some(source) = self.sources.get(peer) else { return };
        let Some(lane) = source.lanes.idle() else { return };
        let late = source.lanes.late(now, source.pacing.time_for(limits::BLOCK as u64));
        let throttled = self.is_throttled(now);
        let mut items = Vec::new();
        let mut room = limits::LANE_AHEAD;
        for download in self.downloads.values_mut().filter(|d| late != 0 && !(throttled && d.background)) {
            while room > 0
                && items.len() < limits::REQUEST_ITEMS
                && let Some(range) = download.progress.late_range(peer, late, lane)
            {
                room = room.saturating_sub(range.len);
                items.push(item(download, &range));
            }
        }
        self.sources.ask_blocks(now, peer, lane, items, &self.downloads, &mut self.outputs);
    }

    /// Asks `peer` for up to `room` bytes on each connection, and for manifests; false: there is nothing to
    /// ask it for.
    fn ask(&mut self, now: Time, peer: PeerId, mut room: [u64; limits::LANES as usize]) -> bool {
        let mut batch = Batch::default();
        self.choose_ranges(peer, &mut room, FileChoice::Foreground, &mut batch);
        if self.is_throttled(now) {
            let mut little = self.little(peer);
            self.choose_ranges(peer, &mut little, FileChoice::OneInBackground, &mut batch);
        } else {
            self.choose_ranges(peer, &mut room, FileChoice::Background, &mut batch);
        }
        let Batch { mut items, manifests } = batch;
        let chosen = self.ask_any(now, peer, room[0]);
        let any = chosen || !items.is_empty() || !manifests.is_empty();
        for page in &manifests {
            self.sources.ask_manifest(now, peer, page, &mut self.outputs);
        }
        // What goes over one connection stands in one request: there the order is kept.
        for lane in 0..limits::LANES {
            let (here, others) = items.into_iter().partition(|(_, i)| i.lane == lane);
            self.sources.ask_blocks(now, peer, lane, here, &self.downloads, &mut self.outputs);
            items = others;
        }
        any
    }

    /// Chooses what to ask `peer` for, of these files, up to `room` bytes on each connection, which is what
    /// is left of it then.
    fn choose_ranges(
        &mut self,
        peer: PeerId,
        room: &mut [u64; limits::LANES as usize],
        which: FileChoice,
        Batch { items, manifests }: &mut Batch,
    ) {
        let gently = which == FileChoice::OneInBackground;
        let background = which != FileChoice::Foreground;
        for download in self.downloads.values_mut().filter(|d| d.background == background) {
            if room.iter().all(|&r| r == 0)
                || items.len() >= limits::REQUEST_ITEMS
                || manifests.len() >= REQUESTS
            {
                break;
            }
            if !download.may_join(peer) || !download.wants_bytes() {
                continue;
            }
            let before = items.len() + manifests.len();
            if let Some(page) = download.next_page(peer) {
                manifests.push(AskedPage { token: download.token, file: download.id, page });
            }
            // Each in turn, from the one that least is owed on.
            let mut lanes: VecDeque<u8> = (0..limits::LANES).filter(|&l| room[usize::from(l)] > 0).collect();
            lanes.make_contiguous().sort_by_key(|&l| Reverse(room[usize::from(l)]));
            while items.len() < limits::REQUEST_ITEMS
                && let Some(lane) = lanes.pop_front()
            {
                let room = &mut room[usize::from(lane)];
                if *room > 0
                    && let Some(range) =
                        download.next_range(peer, lane, (*room).min(limits::CHUNK_MAX), gently)
                {
                    *room = room.saturating_sub(range.len);
                    items.push(item(download, &range));
                    lanes.push_back(lane);
                    if gently {
                        self.way.spent(range.len);
                    }
                }
            }
            if items.len() + manifests.len() > before {
                download.sources.insert(peer);
                if gently {
                    return;
                }
            }
        }
    }

    /// Takes a chunk from a source that would give it much later than `peer`, which has nothing to do.
    fn take_over(&mut self, now: Time, peer: PeerId) -> bool {
        let sources = &self.sources;
        let Some(mine) = sources.get(peer).map(|s| s.pacing) else { return false };
        let throttled = self.is_throttled(now);
        let late = |other: PeerId, left: u64| {
            sources.get(other).is_some_and(|o| {
                o.silent(now) || o.pacing.time_for(o.owed) > 2 * mine.time_for(left) + ROUND_TRIP
            })
        };
        let found = self
            .downloads
            .values()
            .filter(|d| d.may_join(peer) && !(throttled && d.background))
            .find_map(|d| d.latest(peer, late).map(|(chunk, from)| (d.token, chunk, from)));
        let Some((token, chunk, from)) = found else { return false };
        let which = |item: &AskedItem| item.token == token && item.chunk == chunk;
        self.sources.take_back(from, which, None, &mut self.downloads, &mut self.outputs);
        if let Some(download) = self.downloads.get_mut(&token) {
            download.progress.take_from(chunk);
        }
        true
    }
}

fn item(download: &FileDownload, range: &Range) -> (FileId, AskedItem) {
    let offset = download.chunks.range(range.chunk).start + range.offset;
    let Range { chunk, len: left, lane, .. } = *range;
    (download.id, AskedItem { token: download.token, chunk, offset, left, lane, void: false })
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
