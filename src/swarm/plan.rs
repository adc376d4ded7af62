//! What is asked next of whom. Pure; part of swarm/mod.rs.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::VecDeque;

use super::background::BackgroundBudget;
use super::download::{Downloads, FileDownload, Range};
use super::members::least_ahead;
use super::requests::{AskedItem, AskedPage};
use super::sources::{SourceLink, Sources};
use super::{Outputs, REQUESTS};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::rate::Limit;
use crate::swarm::limits;
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

/// How much is asked of each source, and of which files.
#[derive(Debug, Default)]
pub(super) struct Planner {
    /// The rate at which blocks are taken: little more is asked ahead.
    pub(super) limit: Limit,
    /// How much jobs in the background may ask for.
    pub(super) background: BackgroundBudget,
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
        let lanes = source.lanes.used();
        let least = source.swarm_chunk.map_or(limits::AHEAD_MIN, least_ahead);
        let window = source.pacing.window(least).max(u64::from(lanes - 1) * limits::LANE_AHEAD);
        let (window, unit) = match self.limit.map(ahead) {
            Some(ahead) if ahead < window => (ahead, (ahead / 4).min(limits::BLOCK as u64)),
            _ => (window, limits::BLOCK as u64),
        };
        if source.link != SourceLink::Up
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
        if self.ask(now, peer, room, downloads, sources, outputs) {
            return;
        }
        if idle && self.take_over(now, peer, downloads, sources, outputs) {
            self.ask(now, peer, room, downloads, sources, outputs);
        } else if !idle {
            self.ask_again(now, peer, downloads, sources, outputs);
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
                items.push(item(download, &range));
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
        mut room: [u64; limits::LANES as usize],
        downloads: &mut Downloads,
        sources: &mut Sources,
        outputs: &mut Outputs,
    ) -> bool {
        let mut batch = Batch::default();
        self.choose_ranges(peer, &mut room, FileChoice::Foreground, &mut batch, downloads);
        if self.background.is_throttled(now) {
            let mut little = self.background.little(|| sources.owes_background(peer, downloads));
            self.choose_ranges(peer, &mut little, FileChoice::OneInBackground, &mut batch, downloads);
        } else {
            self.choose_ranges(peer, &mut room, FileChoice::Background, &mut batch, downloads);
        }
        let Batch { mut items, manifests } = batch;
        let chosen = self.ask_any(now, peer, room[0], downloads, sources, outputs);
        let any = chosen || !items.is_empty() || !manifests.is_empty();
        for page in &manifests {
            sources.ask_manifest(now, peer, page, outputs);
        }
        // What goes over one connection stands in one request: there the order is kept.
        for lane in 0..limits::LANES {
            let (here, others) = items.into_iter().partition(|(_, i)| i.lane == lane);
            sources.ask_blocks(now, peer, lane, here, downloads, outputs);
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
        downloads: &mut Downloads,
    ) {
        let gently = which == FileChoice::OneInBackground;
        let background = which != FileChoice::Foreground;
        for download in downloads.values_mut().filter(|d| d.background == background) {
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
                        self.background.spent(range.len);
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

fn item(download: &FileDownload, range: &Range) -> (FileId, AskedItem) {
    let offset = download.chunks.range(range.chunk).start + range.offset;
    let Range { chunk, len: left, lane, .. } = *range;
    (download.id, AskedItem { token: download.token, chunk, offset, left, lane, void: false })
}
