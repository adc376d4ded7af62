//! What connections say: they stand, they end, blocks and manifests come, or are refused. Pure; part of
//! swarm/mod.rs.

use std::collections::BTreeSet;

use super::download::{NotGiven, not_as_hashed};
use super::got::handle_noted;
use super::members::any_over;
use super::requests::{AskedItem, AskedPage, PendingRequest};
use super::sources::SourceLink;
use super::{BUSY, BlockTarget, Output, Swarm, fill_on};
use crate::disk;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::message::{BlockIs, ManifestIs, Reason, Refused};

impl Swarm {
    /// A connection to this peer stands.
    pub(crate) fn handle_up(&mut self, now: Time, peer: PeerId) {
        let source = self.sources.entry(now, peer);
        source.link = SourceLink::Up;
        source.blocked = false;
        source.heard = now;
        self.schedule(now);
    }

    /// Neither can this peer be dialled nor does it dial back: said to whoever waits for it.
    pub(crate) fn handle_blocked(&mut self, now: Time, peer: PeerId) {
        self.sources.entry(now, peer).blocked = true;
    }

    /// This many connections to this peer stand, of those that [`Output::Lanes`] asked for; `all`: no more
    /// are coming.
    pub(crate) fn handle_lanes(&mut self, now: Time, peer: PeerId, count: u8, all: bool) {
        if let Some(source) = self.sources.get_mut(peer) {
            let fewer = count < source.lanes.used();
            source.lanes.made(count, all);
            if fewer {
                // Those that are over were not in use. What was begun over one of them goes on over another.
                self.jobs.downloads.values_mut().for_each(|d| d.release(peer));
            }
        }
        self.fill(now, peer);
    }

    /// The connection to this peer could not be had, or is over.
    pub(crate) fn handle_down(&mut self, now: Time, peer: PeerId) {
        let source = self.sources.entry(now, peer);
        // Closed in order while nothing was owed is no failure.
        let failed = source.link == SourceLink::Dialling || !source.requests.is_empty();
        self.unlink(now, peer);
        if failed {
            self.sources.failed(now, peer);
        }
        self.schedule(now);
    }

    /// Something came from this peer.
    pub(crate) fn handle_heard(&mut self, at: Time, peer: PeerId) {
        if let Some(source) = self.sources.get_mut(peer) {
            source.heard = source.heard.max(at);
        }
    }

    /// A block begins: where its bytes go. `Ok(None)`: nowhere, it is not wanted any more.
    ///
    /// # Errors
    /// In words, if nobody asked this peer for this: it is wrong, and its connection ends.
    pub(crate) fn check_block(
        &self,
        peer: PeerId,
        block: &BlockIs,
        len: usize,
    ) -> Result<Option<BlockTarget>, &'static str> {
        self.sources.check_block(peer, block, len, &self.jobs.downloads)
    }

    /// A block that [`Self::check_block`] let pass is complete. True: it is (still) wanted, and goes to
    /// its target.
    pub(crate) fn handle_block(&mut self, now: Time, peer: PeerId, block: &BlockIs, len: usize) -> bool {
        let target = self.check_block(peer, block, len).ok().flatten();
        let wanted = target.is_some();
        let len = len as u64;
        let (answered, lane) = match self.sources.asked.get_mut(&block.request) {
            Some((_, PendingRequest::Blocks(items))) => {
                let Some(item) = items.get_mut(block.item as usize) else { return false };
                item.left = item.left.saturating_sub(len);
                item.offset += len;
                let lane = item.lane;
                (items.iter().all(|i| i.left == 0), lane)
            }
            Some((_, PendingRequest::Any(any))) => {
                let lane = any.lane;
                let chunk = target.map(|t| t.chunk);
                let (downloads, outputs) = (&mut self.jobs.downloads, &mut self.outputs);
                (self.sources.any_came(peer, block, chunk, len, downloads, outputs), lane)
            }
            _ => {
                if let Some(source) = self.sources.get_mut(peer) {
                    source.late = source.late.saturating_sub(len);
                }
                return false;
            }
        };
        if answered {
            self.sources.asked.remove(&block.request);
        }
        let most = self.sources.lanes_for_one();
        if let Some(source) = self.sources.get_mut(peer) {
            source.heard = now;
            source.stalls = 0;
            source.owed = source.owed.saturating_sub(len);
            source.pacing.arrived(now, len);
            source.lanes.set_round_trip(source.pacing.round_trip());
            // In a swarm goodput comes and goes with what there is to ask for.
            let most = if source.swarm_chunk.is_some() { 1 } else { most };
            if let Some(count) = source.lanes.arrived(now, lane, len, most) {
                self.outputs.push_back(Output::Lanes(peer, count));
            }
            if answered {
                source.requests.remove(&block.request);
            }
        }
        let mut is_new = false;
        if let Some(BlockTarget { token, chunk, .. }) = target
            && let Some(download) = self.jobs.downloads.get_mut(&token)
        {
            let twice = download.came(chunk, len);
            download.moved = now;
            if download.is_for_user {
                self.planner.background.came(now, len);
            }
            if let Some(job) = self.jobs.running.get_mut(&download.job) {
                job.came(peer, len);
            }
            if twice {
                is_new = true;
                let which = |item: &AskedItem| item.token == token && item.chunk == chunk;
                self.sources.take_back(peer, which, None, &mut self.jobs.downloads, &mut self.outputs);
            }
        }
        if is_new {
            self.fill(now, peer)
        } else {
            fill_on(now, peer, self)
        }
        wanted
    }

    /// A page of a manifest came.
    pub(crate) fn handle_manifest(&mut self, now: Time, peer: PeerId, page: &ManifestIs) {
        let Some((asked_of, PendingRequest::Manifest(token))) = self.sources.asked.get(&page.request) else {
            return;
        };
        if *asked_of != peer {
            return;
        }
        let token = *token;
        self.sources.answered(peer, page.request);
        if let Some(source) = self.sources.get_mut(peer) {
            source.pacing.answered(now);
            source.lanes.set_round_trip(source.pacing.round_trip());
        }
        let Some(download) = self.jobs.downloads.get_mut(&token) else { return };
        match download.page(peer, &page.values) {
            Ok(Some(manifest)) => {
                let whole = download.is_whole();
                self.outputs.push_back(Output::Disk(disk::Command::Manifest(token, manifest)));
                if whole {
                    self.jobs.publish(token, &mut self.outputs);
                }
                // Now the others can be asked too.
                self.schedule(now);
            }
            Ok(None) => {
                let wrong = download.refusals.blame(peer);
                self.wrong(now, token, peer, wrong);
            }
            Err(page) => {
                let asked = AskedPage { token, file: download.id, page };
                self.sources.ask_manifest(now, peer, &asked, &mut self.outputs);
            }
        }
    }

    /// A request, or one item of it, is not answered.
    pub(crate) fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused) {
        // Earlier versions do not know `got_file`.
        handle_noted(self, peer, refused.request);
        let Some((asked_of, asked)) = self.sources.asked.get_mut(&refused.request) else { return };
        if *asked_of != peer {
            return;
        }
        let mut tokens = BTreeSet::new();
        let (mut given_back, mut lane, mut ended) = (0, 0, None);
        let is_of_swarm = matches!(asked, PendingRequest::Haves(_));
        let over = match asked {
            PendingRequest::Manifest(token) | PendingRequest::Haves(token) => {
                tokens.insert(*token);
                true
            }
            PendingRequest::Any(any) => {
                tokens.insert(any.token);
                (given_back, lane) = (any.left, any.lane);
                ended = Some(any.token);
                true
            }
            PendingRequest::Blocks(items) => {
                for (n, item) in (0_u32..).zip(items.iter_mut()) {
                    if item.left > 0 && refused.item.is_none_or(|i| i == n) {
                        given_back += item.left;
                        lane = item.lane;
                        item.left = 0;
                        tokens.insert(item.token);
                    }
                }
                items.iter().all(|i| i.left == 0)
            }
        };
        if over {
            self.sources.answered(peer, refused.request);
        }
        if let Some(token) = ended {
            any_over(&mut self.jobs.downloads, peer, token);
        }
        if let Some(source) = self.sources.get_mut(peer) {
            source.take_back(lane, given_back);
            source.heard = now;
        }
        for token in &tokens {
            let (downloads, outputs) = (&mut self.jobs.downloads, &mut self.outputs);
            self.sources.take_back(peer, |item| item.token == *token, Some(*token), downloads, outputs);
            let Some(download) = self.jobs.downloads.get_mut(token) else { continue };
            if refused.reason == Reason::Busy {
                download.put_off(now, peer);
            } else if is_of_swarm {
                download.deny(now, peer);
            } else {
                // It does not give this file; it may well give others.
                match refused.reason {
                    Reason::Changed => not_as_hashed(now, peer, download),
                    Reason::Unknown => download.refused(now, peer, NotGiven::Unknown),
                    _ => download.give_up(now, peer),
                }
            }
        }
        if refused.reason == Reason::Busy
            && let Some(source) = self.sources.get_mut(peer).filter(|source| source.requests.is_empty())
        {
            // It has just started, or too much to do; others are asked first. One that gives something else is
            // not asked for this file alone.
            source.rest_until = now + BUSY;
        }
        self.schedule(now);
    }
}
