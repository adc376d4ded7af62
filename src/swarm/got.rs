//! Telling those who have a file that it is here as a whole, where several gave parts of it. Pure; part of
//! swarm/mod.rs.
//!
//! Whoever shares a file is asked by its user who has it. It knows what it sent, and not what the others gave each other.

use core::mem;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::download::FileDownload;
use super::sources::{Source, SourceLink, Sources};
use super::{Output, Outputs, Swarm};
use crate::content::Claim;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::GotFile;

/// A source that was told something, and then says nothing of it for so long, is of a version that does not answer.
const ANSWERED: Duration = Duration::from_secs(30);

/// Over so many links a source is told of a file, at most: one can end while the word is on its way.
const TIMES: u8 = 4;

/// A source is dialled so often to be told, at most, also when nothing more is asked of it: one that all ask at once may
/// have no place for a while.
const DIALS: u8 = 12;

/// What a source is to know of files that are here, until it says that it does.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// What it was not told over this link, and over how many before.
    waiting: BTreeMap<Claim, u8>,
    /// What it was told over this link, over how many before, and when: by the request.
    told: BTreeMap<u64, (Claim, u8, Time)>,
    /// How often it was dialled for that.
    dials: u8,
}

impl Untold {
    /// True if there is nothing that it does not know.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.told.is_empty()
    }

    /// True if it may be dialled for that once more.
    pub(super) const fn may_be_dialled(&self) -> bool {
        self.dials < DIALS
    }

    /// It is dialled for that.
    pub(super) const fn handle_dial(&mut self) {
        self.dials += 1;
    }

    /// One thing more, if there is room.
    fn insert(&mut self, claim: Claim) {
        if self.waiting.len() + self.told.len() < limits::UNTOLD {
            self.waiting.entry(claim).or_default();
        }
    }

    /// The link is down: what was not answered is told again over the next one.
    pub(super) fn unlinked(&mut self) {
        for (claim, times, _) in mem::take(&mut self.told).into_values() {
            if times + 1 < TIMES {
                self.waiting.insert(claim, times + 1);
            }
        }
    }

    /// It says nothing more of what it was told long ago.
    fn handle_timeout(&mut self, now: Time) {
        self.told.retain(|_, (.., at)| now.since(*at) < ANSWERED);
    }

    /// It cannot be told.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// This peer has heard what it was told by this request, or does not want to.
pub(crate) fn handle_noted(swarm: &mut Swarm, peer: PeerId, request: u64) {
    if let Some(source) = swarm.sources.get_mut(peer) {
        source.untold.told.remove(&request);
        if source.untold.is_empty() {
            source.untold.dials = 0;
        }
    }
}

impl Sources {
    /// A file is here as a whole: those are told who are asked for it, and those who have all of it: who are linked, or were
    /// asked, or, where none was, all of few. They are dialled for that. One that gave all at once knows.
    pub(super) fn note_got(&mut self, now: Time, download: &FileDownload, outputs: &mut Outputs) {
        if !download.is_for_user {
            return;
        }
        let is_one = download.chunks.is_single();
        // Where all of it came from those who had some, no holder knows of it.
        let is_dialled = download.holders.len() <= limits::FILE_SOURCES
            && download.sources.is_disjoint(&download.holders)
            && download.lost.is_disjoint(&download.holders);
        for (peer, source) in &mut self.by_peer {
            let is_asked = download.sources.contains(peer);
            let knows = is_one && is_asked && download.sources.len() == 1 && download.lost.is_empty();
            let is_holder = download.lost.contains(peer)
                || download.holders.contains(peer) && (source.link == SourceLink::Up || is_dialled);
            if (is_asked || is_holder) && !knows {
                source.untold.insert(download.claim());
            }
        }
        self.tell_got(now, outputs);
    }

    /// Tells those who are linked what they were not told yet.
    pub(super) fn tell_got(&mut self, now: Time, outputs: &mut Outputs) {
        for (peer, source) in self.by_peer.iter_mut().filter(|(_, source)| source.link == SourceLink::Up) {
            for (claim, times) in mem::take(&mut source.untold.waiting) {
                self.next_request += 1;
                source.untold.told.insert(self.next_request, (claim, times, now));
                let got = GotFile { request: self.next_request, file: claim.0, size: claim.1 };
                outputs.push_back(Output::Ask(*peer, 0, Message::GotFile(got)));
            }
        }
    }

    /// Waits no longer for those that do not answer.
    pub(super) fn expect_no_answer(&mut self, now: Time) {
        self.by_peer.values_mut().for_each(|source| source.untold.handle_timeout(now));
    }

    /// Whom to connect to, to tell them.
    pub(super) fn to_tell(&self, now: Time) -> BTreeSet<PeerId> {
        let waits = |source: &Source| {
            source.is_untold() && source.link == SourceLink::Down && source.rest_until <= now
        };
        self.by_peer.iter().filter(|(_, source)| waits(source)).map(|(peer, _)| *peer).collect()
    }
}
