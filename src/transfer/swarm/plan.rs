//! Which file is begun next, who is connected to, what is asked of whom. Pure; part of swarm/mod.rs.

use std::collections::BTreeSet;

use super::download::{Download, Phase};
use super::job::Running;
use super::{Asked, AskedItem, Link, Output, REQUESTS, Swarm, TAG, TWINS};
use crate::content::{Chunks, FileId, SafePath};
use crate::disk::{self, FileToken, Plan};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::limits;
use crate::time::Time;
use crate::transfer::{JobId, ReceiverEvent, Wanted};
use crate::wire::Message;
use crate::wire::message::{GetBlocks, GetManifest, Item};

impl Swarm {
    pub(super) fn token(&mut self) -> FileToken {
        self.next_token += 1;
        FileToken(self.next_token)
    }

    /// A file is no longer being fetched.
    pub(super) fn forget(&mut self, token: FileToken) -> Option<Download> {
        let download = self.downloads.remove(&token)?;
        if let Some(peer) = download.source {
            self.take_back(peer, token);
        }
        if let Some(job) = self.jobs.get_mut(&download.job) {
            job.begun -= 1;
        }
        Some(download)
    }

    pub(super) fn fail(&mut self, id: JobId, to: SafePath, failure: Failure) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.failure = Some(failure.clone());
            self.outputs.push_back(Output::Event(ReceiverEvent::Failed(id, to, failure)));
        }
    }

    pub(super) fn finish_if_over(&mut self, id: JobId) {
        if !self.jobs.get(&id).is_some_and(Running::is_over) {
            return;
        }
        // What was not yet told is: a bar ends full.
        self.report();
        if let Some(job) = self.jobs.remove(&id) {
            let event = ReceiverEvent::Finished(id, job.arrived, job.failure);
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// Begins files while there is room, connects to who has them, asks for bytes.
    pub(super) fn schedule(&mut self, now: Time) {
        if self.stopping {
            return;
        }
        self.begin_files(now);
        let mut dial = BTreeSet::new();
        for download in self.downloads.values() {
            if download.source.is_some() || download.phase == Phase::Publishing {
                continue;
            }
            let holders = download.holders.iter().filter(|p| download.is_candidate(**p));
            let usable: Vec<_> = holders
                .filter_map(|p| self.sources.get(p).filter(|s| s.is_usable()).map(|s| (*p, s)))
                .collect();
            if usable.iter().any(|(_, s)| s.link != Link::Down) {
                continue;
            }
            let rested = usable.iter().filter(|(_, s)| s.rest_until <= now);
            if let Some((peer, _)) = rested.min_by_key(|(_, s)| s.failures) {
                dial.insert(*peer);
            }
        }
        for peer in dial {
            self.source(now, peer).link = Link::Dialling;
            self.outputs.push_back(Output::Dial(peer));
        }
        let up: Vec<_> = self.sources.iter().filter(|(_, s)| s.link == Link::Up).map(|(p, _)| *p).collect();
        for peer in up {
            self.fill(now, peer);
        }
    }

    /// Opens files, one of each job in turn, while there is room.
    pub(super) fn begin_files(&mut self, now: Time) {
        while self.downloads.len() < limits::OPEN_DOWNLOADS {
            let Some((id, at)) = self.next_file() else { return };
            let token = self.token();
            let Some(job) = self.jobs.get_mut(&id) else { return };
            let Some(wanted) = job.queue.remove(at) else { return };
            let Some(chunks) = Chunks::of(wanted.size) else {
                self.fail(id, wanted.to, Failure::other("the file is larger than a file can be"));
                continue;
            };
            job.begun += 1;
            let plan = Plan {
                id: wanted.id,
                size: wanted.size,
                destination: job.destination.clone(),
                to: wanted.to.clone(),
                modified: wanted.modified,
                executable: wanted.executable,
            };
            self.outputs.push_back(Output::Disk(disk::Command::Open(token, plan)));
            let holders = wanted.holders.iter().copied().collect();
            let download = Download::new(now, (token, id), (wanted.id, chunks, wanted.to), holders);
            self.downloads.insert(token, download);
        }
    }

    /// The file to begin next: of the job with the fewest begun, and its place in the queue. The disk
    /// workers take a content once in a destination, so a twin of one under way waits for it.
    pub(super) fn next_file(&self) -> Option<(JobId, usize)> {
        let mut jobs: Vec<_> = self.jobs.values().filter(|j| !j.queue.is_empty()).collect();
        jobs.sort_by_key(|j| j.begun);
        jobs.into_iter().find_map(|job| {
            let is_twin = |d: &Download, w: &Wanted| {
                d.id == w.id && self.jobs.get(&d.job).is_some_and(|j| j.destination == job.destination)
            };
            let free = |w: &Wanted| !self.downloads.values().any(|d| is_twin(d, w));
            Some((job.id, job.queue.iter().take(TWINS).position(free)?))
        })
    }

    /// Asks `peer` for as much as its window allows.
    pub(super) fn fill(&mut self, now: Time, peer: PeerId) {
        let Some(source) = self.sources.get(&peer) else { return };
        let window = source.pacing.window();
        // A quarter of the window at a time, so that a request is worth its frame.
        if self.stopping
            || source.link != Link::Up
            || source.rest_until > now
            || source.requests.len() >= REQUESTS
            || source.owed > window - window / 4
        {
            return;
        }
        let mut room = window.saturating_sub(source.owed).next_multiple_of(limits::BLOCK as u64);
        let mut items = Vec::new();
        let mut manifests = Vec::new();
        for download in self.downloads.values_mut() {
            if room == 0 || items.len() >= limits::REQUEST_ITEMS || manifests.len() >= REQUESTS {
                break;
            }
            if !download.may_join(peer) || !download.wants_bytes() {
                continue;
            }
            download.source = Some(peer);
            if let Some(page) = download.next_page(peer) {
                manifests.push((download.token, download.id, page));
            }
            while room > 0
                && items.len() < limits::REQUEST_ITEMS
                && let Some(range) = download.next_range(peer, room.min(limits::CHUNK_MAX))
            {
                room = room.saturating_sub(range.len);
                let offset = download.chunks.range(range.chunk).start + range.offset;
                items.push((
                    download.id,
                    AskedItem { token: download.token, chunk: range.chunk, offset, left: range.len },
                ));
            }
        }
        for (token, file, page) in manifests {
            self.ask_manifest(now, peer, token, file, page);
        }
        self.ask_blocks(now, peer, items);
    }

    pub(super) fn ask_manifest(
        &mut self,
        now: Time,
        peer: PeerId,
        token: FileToken,
        file: FileId,
        page: u32,
    ) {
        let request = self.request(now, peer, 0);
        self.asked.insert(request, (peer, Asked::Manifest(token)));
        let message = Message::GetManifest(GetManifest { request, file, page });
        self.outputs.push_back(Output::Ask(peer, message));
    }

    pub(super) fn ask_blocks(&mut self, now: Time, peer: PeerId, items: Vec<(FileId, AskedItem)>) {
        if items.is_empty() {
            return;
        }
        let bytes = items.iter().map(|(_, i)| i.left).sum();
        let request = self.request(now, peer, bytes);
        let wire =
            items.iter().map(|(file, i)| Item { file: *file, offset: i.offset, len: i.left }).collect();
        self.outputs.push_back(Output::Ask(peer, Message::GetBlocks(GetBlocks { request, items: wire })));
        let items = items.into_iter().map(|(_, item)| item).collect();
        self.asked.insert(request, (peer, Asked::Blocks(items)));
    }

    /// A number for a request of `bytes` bytes to `peer`.
    pub(super) fn request(&mut self, now: Time, peer: PeerId, bytes: u64) -> u64 {
        self.next_request += 4;
        let request = self.next_request | TAG;
        if let Some(source) = self.sources.get_mut(&peer) {
            if source.requests.is_empty() {
                source.heard = now;
                source.pacing.begin(now);
            }
            source.requests.insert(request);
            source.owed += bytes;
        }
        request
    }
}
