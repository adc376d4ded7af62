//! Which file is begun next, who is connected to, what is asked of whom. Pure; part of swarm/mod.rs.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::download::{DownloadPhase, FileDownload, Range};
use super::job::RunningJob;
use super::members::least_ahead;
use super::sources::SourceLink;
use super::{AskedItem, LOOK, Output, PendingRequest, REQUESTS, Swarm, TAG, TWINS};
use crate::content::{Chunks, FileId, SafePath};
use crate::disk::{self, FileToken, Plan};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::swarm::{JobEvent, JobId, Wanted};
use crate::time::Time;
use crate::transfer::ahead;
use crate::wire::Message;
use crate::wire::message::{GetBlocks, GetManifest, Item};

/// What taking a chunk over costs at least: a request to one, the cancelling of another.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// What one source is to be asked for.
#[derive(Debug, Default)]
struct Batch {
    items: Vec<(FileId, AskedItem)>,
    /// File, and page of its manifest.
    manifests: Vec<(FileToken, FileId, u32)>,
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
            self.take_back(peer, |item| item.token == token, Some(token));
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
            self.source(now, peer).link = SourceLink::Dialling;
            self.outputs.push_back(Output::Dial(peer));
        }
        self.note_swarms();
        let up: Vec<_> =
            self.sources.iter().filter(|(_, s)| s.link == SourceLink::Up).map(|(p, _)| *p).collect();
        for peer in up {
            self.watch(now, peer);
            self.fill(now, peer);
        }
    }

    /// Whom to connect to: for each file somebody, and several if so much is left that it is worth it.
    fn to_dial(&self, now: Time) -> BTreeSet<PeerId> {
        let mut dial = BTreeSet::new();
        for download in self.downloads.values() {
            // With thousands of small files this is looked at for each of those that are open, whenever one
            // comes.
            let linked = |p| self.sources.get(&p).is_some_and(|s| s.link != SourceLink::Down);
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
            self.choose(now, &mut dial, whole, if several { limits::FILE_SOURCES } else { 1 });
            self.choose(now, &mut dial, some, limits::NEIGHBOURS);
        }
        dial
    }

    /// Of `peers`, adds as many to those to dial as it takes for `wanted` of them to be linked.
    fn choose(&self, now: Time, dial: &mut BTreeSet<PeerId>, peers: Vec<PeerId>, wanted: usize) {
        let usable = peers.into_iter().filter_map(|p| Some((p, self.sources.get(&p)?)));
        let usable: Vec<_> = usable.filter(|(_, s)| s.is_usable()).collect();
        let linked = usable.iter().filter(|(p, s)| s.link != SourceLink::Down || dial.contains(p)).count();
        let mut rested: Vec<_> =
            usable.iter().filter(|(_, s)| s.link == SourceLink::Down && s.rest_until <= now).collect();
        // Whoever failed least; among equals, each peer that downloads has an order of its own, so that not
        // all of them ask the same holder.
        rested.sort_by_key(|(peer, s)| (s.failures, self.shuffle_key(*peer)));
        dial.extend(rested.iter().take(wanted.saturating_sub(linked)).map(|(peer, _)| *peer));
    }

    /// A number for a peer that looks random and is always the same here (SplitMix64's finaliser, public
    /// domain, Steele, Lea and Flood 2014).
    fn shuffle_key(&self, peer: PeerId) -> u64 {
        self.shuffle_key_of(&peer.0)
    }

    fn shuffle_key_of(&self, id: &[u8; 32]) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&id[..8]);
        let z = u64::from_le_bytes(first) ^ self.seed;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
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
            let shuffle_key = self.shuffle_key_of(&wanted.id.0);
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
        let Some(source) = self.sources.get(&peer) else { return };
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
        let Some(source) = self.sources.get(&peer) else { return };
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
        self.ask_blocks(now, peer, lane, items);
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
        for (token, file, page) in manifests {
            self.ask_manifest(now, peer, token, file, page);
        }
        // What goes over one connection stands in one request: there the order is kept.
        for lane in 0..limits::LANES {
            let (here, others) = items.into_iter().partition(|(_, i)| i.lane == lane);
            self.ask_blocks(now, peer, lane, here);
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
                manifests.push((download.token, download.id, page));
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

    /// Connections that one source may be asked over now.
    pub(super) fn lanes_for_one(&self) -> u8 {
        let up = self.sources.values().filter(|s| s.link == SourceLink::Up && !s.requests.is_empty()).count();
        u8::try_from(limits::ALL_LANES / up.max(1)).unwrap_or(u8::MAX).max(1)
    }

    /// Takes a chunk from a source that would give it much later than `peer`, which has nothing to do.
    fn take_over(&mut self, now: Time, peer: PeerId) -> bool {
        let sources = &self.sources;
        let Some(mine) = sources.get(&peer).map(|s| s.pacing) else { return false };
        let throttled = self.is_throttled(now);
        let late = |other: PeerId, left: u64| {
            sources.get(&other).is_some_and(|o| {
                o.silent(now) || o.pacing.time_for(o.owed) > 2 * mine.time_for(left) + ROUND_TRIP
            })
        };
        let found = self
            .downloads
            .values()
            .filter(|d| d.may_join(peer) && !(throttled && d.background))
            .find_map(|d| d.latest(peer, late).map(|(chunk, from)| (d.token, chunk, from)));
        let Some((token, chunk, from)) = found else { return false };
        self.take_back(from, |item| item.token == token && item.chunk == chunk, None);
        if let Some(download) = self.downloads.get_mut(&token) {
            download.progress.take_from(chunk);
        }
        true
    }

    pub(super) fn ask_manifest(
        &mut self,
        now: Time,
        peer: PeerId,
        token: FileToken,
        file: FileId,
        page: u32,
    ) {
        let request = self.request(now, peer, 0, 0);
        self.asked.insert(request, (peer, PendingRequest::Manifest(token)));
        let message = Message::GetManifest(GetManifest { request, file, page });
        self.outputs.push_back(Output::Ask(peer, 0, message));
    }

    pub(super) fn ask_blocks(&mut self, now: Time, peer: PeerId, lane: u8, items: Vec<(FileId, AskedItem)>) {
        if items.is_empty() {
            return;
        }
        let bytes = items.iter().map(|(_, i)| i.left).sum();
        let request = self.request(now, peer, lane, bytes);
        let wire =
            items.iter().map(|(file, i)| Item { file: *file, offset: i.offset, len: i.left }).collect();
        let behind = |item: &AskedItem| self.downloads.get(&item.token).is_some_and(|d| d.background);
        let background = items.iter().all(|(_, item)| behind(item));
        let message = Message::GetBlocks(GetBlocks { request, items: wire, background });
        self.outputs.push_back(Output::Ask(peer, lane, message));
        let items = items.into_iter().map(|(_, item)| item).collect();
        self.asked.insert(request, (peer, PendingRequest::Blocks(items)));
    }

    /// A number for a request of `bytes` bytes to `peer`, on the connection `lane`.
    pub(super) fn request(&mut self, now: Time, peer: PeerId, lane: u8, bytes: u64) -> u64 {
        if self.look <= now {
            self.look = now + LOOK;
        }
        self.next_request += 4;
        let request = self.next_request | TAG;
        if let Some(source) = self.sources.get_mut(&peer) {
            if source.requests.is_empty() {
                source.heard = now;
                source.pacing.begin(now);
                source.lanes.begin(now);
            }
            source.requests.insert(request);
            source.owed += bytes;
            source.lanes.asked(now, lane, bytes);
        }
        request
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
