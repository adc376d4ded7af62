//! What is asked next of whom. Pure; part of swarm/mod.rs.

use core::cmp::Reverse;
use core::time::Duration;

use super::background::BackgroundBudget;
use super::batch::{Batch, Room, asked_item};
use super::download::{Downloads, FileDownload};
use super::members::least_ahead;
use super::requests::AskedItem;
use super::sources::{Source, SourceLink, Sources};
use super::turns::{JobTurns, WaitingFile};
use super::{Outputs, REQUESTS};
use crate::identity::PeerId;
use crate::rate::Limit;
use crate::swarm::limits;
use crate::time::Time;
use crate::transfer::ahead;

/// What taking a chunk over costs at least: a request to one, the cancelling of another.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// Which files are chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileChoice {
    /// Those that somebody waits for.
    Foreground,
    /// Of those, what is soon whole, and small enough for its job to have it at once.
    Hurried,
    /// Those that give way to others.
    Background,
    /// One of those that give way, while it does.
    OneInBackground,
}

/// How much is asked of each source, and of which files.
#[derive(Debug, Default)]
pub(super) struct Planner {
    /// The rate at which blocks are taken: little more is asked ahead.
    pub(super) limit: Limit,
    /// How much jobs in the background may ask for.
    pub(super) background: BackgroundBudget,
    /// What was asked for each job.
    pub(super) turns: JobTurns,
}

impl Planner {
    /// Asks `peer` for as much as its window allows; if there is nothing more to ask for, for what a
    /// slower source still owes.
    pub(super) fn fill(
        &mut self,
        now: Time,
        peer: PeerId,
        downloads: &mut Downloads,
        sources: &mut Sources,
        outputs: &mut Outputs,
    ) {
        let Some(source) = sources.get(peer) else { return };
        let room = self.room(now, source);
        if room.iter().all(|&r| r == 0) {
            return;
        }
        let idle = source.requests.is_empty();
        if !source.is_exhausted && self.ask(now, peer, room, downloads, sources, outputs) {
            return;
        }
        if idle && self.take_over(now, peer, downloads, sources, outputs) {
            self.ask(now, peer, room, downloads, sources, outputs);
        } else if !idle {
            self.ask_again(now, peer, downloads, sources, outputs);
        }
    }

    /// Asks `peer` for what is soon whole, though it owes as much as its window allows: the sender gives it
    /// before it has given all of that (sender/file_turns.rs).
    pub(super) fn hurry(
        &mut self,
        now: Time,
        peer: PeerId,
        downloads: &mut Downloads,
        sources: &mut Sources,
        outputs: &mut Outputs,
    ) {
        let Some(source) = sources.get(peer) else { return };
        // With room left, everything was asked for.
        let is_full = self.room(now, source).iter().all(|&room| room == 0);
        if !is_full || !is_open(now, source) || source.requests.len() >= 2 * REQUESTS {
            return;
        }
        let (window, unit) = self.window(source);
        let more = (window + window.min(limits::HURRIED)).saturating_sub(source.owed);
        let mut room = Room::default();
        room[0] = more - more % unit;
        let mut batch = Batch::new(room, source.requests.len());
        self.choose(now, peer, FileChoice::Hurried, &mut batch, downloads);
        batch.ask(now, peer, downloads, sources, outputs);
    }

    /// Bytes that a source may be asked for on each connection.
    fn room(&self, now: Time, source: &Source) -> Room {
        let lanes = source.lanes.used();
        if !is_open(now, source) || source.requests.len() >= REQUESTS * usize::from(lanes) {
            return Room::default();
        }
        let (window, unit) = self.window(source);
        source.lanes.room(window, unit)
    }

    /// Bytes that a source may owe, and of which it is asked for multiples.
    fn window(&self, source: &Source) -> (u64, u64) {
        let more = source.lanes.used() - 1;
        let window = match source.swarm_chunk {
            Some(chunk) => source.pacing.window(least_ahead(chunk)),
            None => source.pacing.window_of_path(limits::AHEAD_MIN),
        };
        let window = window.max(u64::from(more) * limits::LANE_AHEAD);
        match self.limit.map(ahead) {
            Some(ahead) if ahead < window => (ahead, (ahead / 4).min(limits::BLOCK as u64)),
            _ => (window, limits::BLOCK as u64),
        }
    }

    /// There is nothing new to ask `peer` for: what a connection to it is late with is asked for again over
    /// one that has nothing to do.
    fn ask_again(
        &self,
        now: Time,
        peer: PeerId,
        downloads: &mut Downloads,
        sources: &mut Sources,
        outputs: &mut Outputs,
    ) {
        let Some(source) = sources.get(peer) else { return };
        let Some(lane) = source.lanes.idle() else { return };
        let late = source.lanes.late(now, source.pacing.time_for(limits::BLOCK as u64));
        let throttled = self.background.is_throttled(now);
        let mut items = Vec::new();
        let mut room = limits::LANE_AHEAD;
        for download in downloads.values_mut().filter(|d| late != 0 && !(throttled && d.background)) {
            while room > 0
                && items.len() < limits::REQUEST_ITEMS
                && let Some(range) = download.progress.late_range(peer, late, lane)
            {
                room = room.saturating_sub(range.len);
                items.push((download.id, asked_item(download, &range)));
            }
        }
        sources.ask_blocks(now, peer, lane, items, downloads, outputs);
    }

    /// Asks `peer` for up to `room` bytes on each connection, and for manifests; false: there is nothing to
    /// ask it for.
    fn ask(
        &mut self,
        now: Time,
        peer: PeerId,
        room: Room,
        downloads: &mut Downloads,
        sources: &mut Sources,
        outputs: &mut Outputs,
    ) -> bool {
        let open = sources.get(peer).map_or(0, |source| source.requests.len());
        let mut batch = Batch::new(room, open);
        let mut is_exhausted = self.choose(now, peer, FileChoice::Foreground, &mut batch, downloads);
        if self.background.is_throttled(now) {
            // Time alone may let one of these have something.
            is_exhausted = is_exhausted && !downloads.values().any(|download| download.background);
            batch.set_room(self.background.little(|| sources.owes_background(peer, downloads)));
            self.choose(now, peer, FileChoice::OneInBackground, &mut batch, downloads);
        } else {
            is_exhausted &= self.choose(now, peer, FileChoice::Background, &mut batch, downloads);
        }
        if let Some(source) = sources.get_mut(peer) {
            source.is_exhausted = is_exhausted;
        }
        let any = !batch.is_empty();
        batch.ask(now, peer, downloads, sources, outputs);
        any
    }

    /// Chooses what to ask `peer` for, of these files: each job has its turn. True: there is nothing to choose from.
    fn choose(
        &mut self,
        now: Time,
        peer: PeerId,
        which: FileChoice,
        batch: &mut Batch,
        downloads: &mut Downloads,
    ) -> bool {
        if batch.is_full() {
            return false;
        }
        let mut waiting = self.waiting(now, peer, which, downloads);
        let is_exhausted = waiting.is_empty();
        let is_shared = waiting.iter().any(|file| Some(file.job) != waiting.first().map(|first| first.job));
        let most = if is_shared { limits::TURN } else { u64::MAX };
        let gently = which == FileChoice::OneInBackground;
        if !is_shared {
            // Hundreds of small files of one job: they are put in order once.
            waiting.sort_unstable_by_key(|file| Reverse((file.left, file.token)));
        }
        while !batch.is_full()
            && let Some(at) = if is_shared { self.turns.next(&waiting) } else { waiting.len().checked_sub(1) }
        {
            let WaitingFile { token, job, .. } = waiting[at];
            let Some(download) = downloads.get_mut(&token) else { break };
            let was_empty = batch.is_empty();
            let bytes = batch.choose(peer, download, most, gently);
            if bytes > 0 {
                self.turns.charge(job, bytes);
            }
            if gently && (bytes > 0 || was_empty != batch.is_empty()) {
                self.background.spent(bytes);
                break;
            }
            if bytes < most || !download.wants_bytes() {
                waiting.swap_remove(at);
            }
        }
        is_exhausted
    }

    /// Those of these files that bytes can be asked of `peer` for.
    fn waiting(&self, now: Time, peer: PeerId, which: FileChoice, downloads: &Downloads) -> Vec<WaitingFile> {
        let is_meant = |download: &&FileDownload| match which {
            FileChoice::Foreground => !download.background,
            FileChoice::Hurried => !download.background && self.is_hurried(download),
            FileChoice::Background | FileChoice::OneInBackground => download.background,
        };
        let meant = downloads.values().filter(is_meant);
        // Of thousands of small files most that are open were asked for: that is looked at first.
        let wanting = meant.filter(|d| d.wants_bytes() && d.may_join(peer) && !d.refusals.rests(now, peer));
        let file = |d: &FileDownload| WaitingFile { token: d.token, job: d.job, left: d.left() };
        wanting.map(file).collect()
    }

    /// True if a file is one block, or little enough for its job to have all of it before it takes turns.
    fn is_hurried(&self, download: &FileDownload) -> bool {
        let left = download.left();
        left <= limits::BLOCK as u64 || self.turns.is_behind(download.job, left)
    }

    /// Takes a chunk from a source that would give it much later than `peer`, which has nothing to do.
    fn take_over(
        &self,
        now: Time,
        peer: PeerId,
        downloads: &mut Downloads,
        sources: &mut Sources,
        outputs: &mut Outputs,
    ) -> bool {
        let Some(mine) = sources.get(peer).map(|s| s.pacing) else { return false };
        let throttled = self.background.is_throttled(now);
        let late = |other: PeerId, left: u64| {
            sources.get(other).is_some_and(|o| {
                o.silent(now) || o.pacing.time_for(o.owed) > 2 * mine.time_for(left) + ROUND_TRIP
            })
        };
        let found = downloads
            .values()
            .filter(|d| d.may_join(peer) && !(throttled && d.background))
            .find_map(|d| d.latest(peer, late).map(|(chunk, from)| (d.token, chunk, from)));
        let Some((token, chunk, from)) = found else { return false };
        let which = |item: &AskedItem| item.token == token && item.chunk == chunk;
        sources.take_back(from, which, None, downloads, outputs);
        if let Some(download) = downloads.get_mut(&token) {
            download.progress.take_from(chunk);
        }
        true
    }
}

/// True if `source` can be asked for something now.
fn is_open(now: Time, source: &Source) -> bool {
    source.link == SourceLink::Up && source.rest_until <= now
}
