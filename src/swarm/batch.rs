//! What one source is to be asked for at once, while it is chosen. Pure; part of swarm/plan.rs.

use core::cmp::Reverse;
use std::collections::VecDeque;

use super::download::{Downloads, FileDownload, Range};
use super::members::AskedAny;
use super::requests::{AskedItem, AskedPage};
use super::sources::Sources;
use super::{JobId, Outputs, REQUESTS};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;

/// Bytes that may be asked for on each connection.
pub(super) type Room = [u64; limits::LANES as usize];

/// Requests for blocks that one batch is made into, at most: above it, what is asked for different downloads
/// goes together. Far below what a sender takes ([`limits::REQUESTS_OPEN`]), beside [`REQUESTS`] that are open.
const GROUPS: usize = 8;

/// Ranges that go into one request. A sender answers requests for different files in turn, but one request as
/// it stands (sender/file_turns.rs), so nothing large stands in one with what is small, or with another
/// download.
#[derive(Debug)]
struct RangeGroup {
    lane: u8,
    background: bool,
    /// All of them are the last bytes of small files, of whichever jobs.
    is_small: bool,
    job: JobId,
    items: Vec<(FileId, AskedItem)>,
}

/// What one source is to be asked for.
#[derive(Debug)]
pub(super) struct Batch {
    /// Bytes that may still be chosen.
    room: Room,
    /// Requests for any chunk that may still be chosen.
    any_left: usize,
    items: usize,
    groups: Vec<RangeGroup>,
    manifests: Vec<AskedPage>,
    any: Vec<AskedAny>,
}

impl Batch {
    /// Nothing yet, for a source that has not answered so many requests.
    pub(super) fn new(room: Room, open: usize) -> Self {
        let any_left = REQUESTS.saturating_sub(open);
        Self { room, any_left, items: 0, groups: Vec::new(), manifests: Vec::new(), any: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items == 0 && self.manifests.is_empty() && self.any.is_empty()
    }

    /// True if nothing more can be chosen.
    pub(super) fn is_full(&self) -> bool {
        self.room.iter().all(|&room| room == 0)
            || self.items >= limits::REQUEST_ITEMS
            || self.manifests.len() >= REQUESTS
    }

    /// So much may be chosen from now on.
    pub(super) const fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// Chooses up to about `most` bytes of a file, and what proves it. The bytes that were chosen.
    /// `gently`: nobody is asked for any of several chunks.
    pub(super) fn choose(
        &mut self,
        peer: PeerId,
        download: &mut FileDownload,
        most: u64,
        gently: bool,
    ) -> u64 {
        let before = self.items + self.manifests.len() + self.any.len();
        if let Some(page) = download.next_page(peer) {
            self.manifests.push(AskedPage { token: download.token, file: download.id, page });
        }
        let mut chosen = self.choose_ranges(peer, download, most, gently);
        while !gently
            && chosen < most
            && self.room[0] > 0
            && self.any_left > 0
            && let Some(any) = download.ask_any(peer)
        {
            self.room[0] = self.room[0].saturating_sub(any.bytes);
            self.any_left -= 1;
            chosen += any.bytes;
            self.any.push(any);
        }
        if self.items + self.manifests.len() + self.any.len() > before {
            download.sources.insert(peer);
        }
        chosen
    }

    fn choose_ranges(&mut self, peer: PeerId, download: &mut FileDownload, most: u64, gently: bool) -> u64 {
        // Each in turn, from the one that least is owed on.
        let mut lanes: VecDeque<u8> =
            (0..limits::LANES).filter(|&lane| self.room[usize::from(lane)] > 0).collect();
        lanes.make_contiguous().sort_by_key(|&lane| Reverse(self.room[usize::from(lane)]));
        let mut chosen = 0;
        while chosen < most
            && self.items < limits::REQUEST_ITEMS
            && let Some(lane) = lanes.pop_front()
        {
            let room = self.room[usize::from(lane)];
            let rest = (most - chosen).checked_next_multiple_of(limits::BLOCK as u64).unwrap_or(most);
            if room > 0
                && let Some(range) =
                    download.next_range(peer, lane, room.min(rest).min(limits::CHUNK_MAX), gently)
            {
                self.room[usize::from(lane)] = room.saturating_sub(range.len);
                chosen += range.len;
                self.push(download, &range);
                lanes.push_back(lane);
            }
        }
        chosen
    }

    fn push(&mut self, download: &FileDownload, range: &Range) {
        self.items += 1;
        let item = (download.id, asked_item(download, range));
        let (lane, job, background) = (range.lane, download.job, download.background);
        let is_small = download.left() <= limits::BLOCK as u64;
        let fits = |group: &RangeGroup| {
            (group.is_small, group.background) == (is_small, background) && (is_small || group.job == job)
        };
        let may_begin = self.groups.len() < GROUPS;
        match self.groups.iter_mut().rev().find(|group| group.lane == lane) {
            Some(group) if fits(group) || !may_begin => group.items.push(item),
            _ => self.groups.push(RangeGroup { lane, background, is_small, job, items: vec![item] }),
        }
    }

    /// Asks for all that was chosen.
    pub(super) fn ask(
        self,
        now: Time,
        peer: PeerId,
        downloads: &Downloads,
        sources: &mut Sources,
        outputs: &mut Outputs,
    ) {
        // A manifest proves the blocks behind it.
        for page in &self.manifests {
            sources.ask_manifest(now, peer, page, outputs);
        }
        for any in self.any {
            sources.ask_any(now, peer, any, outputs);
        }
        for RangeGroup { lane, items, .. } in self.groups {
            sources.ask_blocks(now, peer, lane, items, downloads, outputs);
        }
    }
}

/// A range of a file, as it is asked for.
pub(super) fn asked_item(download: &FileDownload, range: &Range) -> AskedItem {
    let offset = download.chunks.range(range.chunk).start + range.offset;
    let Range { chunk, len: left, lane, .. } = *range;
    AskedItem { token: download.token, chunk, offset, left, lane, void: false }
}
