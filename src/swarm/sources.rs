//! The peers that something is fetched from: their links, their failures, what they owe. Pure; part of
//! swarm/mod.rs.

use core::time::Duration;
use std::collections::BTreeSet;

use super::lanes::Lanes;
use super::pacing::Pacing;
use super::{Any, AskedItem, Output, PendingRequest, Swarm};
use crate::disk::FileToken;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::Cancel;

/// How long a source rests after its first, second and third failure in a row.
const BACKOFF: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceLink {
    Down,
    Dialling,
    Up,
}

/// A peer that has, or may have, something that is wanted.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) link: SourceLink,
    /// The controller said how to reach it.
    pub(super) known: bool,
    /// In a row.
    pub(super) failures: u8,
    /// Neither can it be dialled nor does it dial back.
    pub(super) blocked: bool,
    /// Not dialled before.
    pub(super) rest_until: Time,
    /// When it ceased to be of use; while it is of use, the past.
    pub(super) useless_since: Time,
    /// Bytes it owes.
    pub(super) owed: u64,
    /// Bytes that were asked of it and taken back: they may be on their way.
    pub(super) late: u64,
    /// Requests for blocks and manifests it has not answered.
    pub(super) requests: BTreeSet<u64>,
    /// Requests to hear which chunks it has.
    pub(super) watches: BTreeSet<u64>,
    /// It is asked for a file that others fetch too, of chunks of this many bytes.
    pub(super) swarm_chunk: Option<u64>,
    /// When it sent anything last, or was asked after owing nothing.
    pub(super) heard: Time,
    pub(super) pacing: Pacing,
    pub(super) lanes: Lanes,
}

/// A source that owes something and says nothing for this long may lose what it owes to another one that
/// has nothing to do; after [`limits::STALL`] it loses its connection.
const SILENT: Duration = Duration::from_millis(500);

impl Source {
    /// True if it owes something and has said nothing for a while.
    pub(super) fn silent(&self, now: Time) -> bool {
        !self.requests.is_empty() && now.since(self.heard) >= SILENT
    }

    pub(super) const fn is_usable(&self) -> bool {
        self.known && self.failures < limits::SOURCE_FAILURES
    }
}

impl Swarm {
    pub(super) fn source(&mut self, now: Time, peer: PeerId) -> &mut Source {
        self.sources.entry(peer).or_insert_with(|| Source {
            link: SourceLink::Down,
            known: false,
            failures: 0,
            blocked: false,
            rest_until: now,
            useless_since: now,
            owed: 0,
            late: 0,
            requests: BTreeSet::new(),
            watches: BTreeSet::new(),
            swarm_chunk: None,
            heard: now,
            pacing: Pacing::default(),
            lanes: Lanes::default(),
        })
    }

    /// A wrong chunk or manifest costs its source the connection, the second one its trust.
    pub(super) fn wrong(&mut self, now: Time, token: FileToken, peer: PeerId, wrong: u8) {
        let Some(download) = self.downloads.get_mut(&token) else { return };
        if wrong >= 2 {
            download.give_up(now, peer);
            let text =
                format!("{peer} sent wrong bytes of {} twice and is not asked for it any more", download.to);
            self.outputs.push_back(Output::Warning(text));
        } else {
            let text = format!("{peer} sent wrong bytes of {}; they are fetched again", download.to);
            self.outputs.push_back(Output::Warning(text));
        }
        self.drop_source(now, peer, "it sent wrong bytes");
    }

    pub(super) fn drop_source(&mut self, now: Time, peer: PeerId, why: &str) {
        if self.sources.get(&peer).is_some_and(|s| s.link != SourceLink::Down) {
            self.outputs.push_back(Output::Drop(peer, why.to_owned()));
            self.unlink(now, peer);
            self.failed(now, peer);
        }
        self.schedule(now);
    }

    /// Counts a failure; the third one in a row gives the source up until it is announced again.
    pub(super) fn failed(&mut self, now: Time, peer: PeerId) {
        let source = self.source(now, peer);
        source.rest_until = now + BACKOFF[usize::from(source.failures).min(BACKOFF.len() - 1)];
        source.failures = source.failures.saturating_add(1);
        if source.failures == limits::SOURCE_FAILURES {
            source.useless_since = now;
        }
    }

    /// The link is down: what it owed is asked of others.
    pub(super) fn unlink(&mut self, now: Time, peer: PeerId) {
        let source = self.source(now, peer);
        source.link = SourceLink::Down;
        source.lanes = Lanes::default();
        (source.owed, source.late, source.swarm_chunk) = (0, 0, None);
        let watches = std::mem::take(&mut source.watches);
        for request in std::mem::take(&mut source.requests).into_iter().chain(watches) {
            self.asked.remove(&request);
        }
        for download in self.downloads.values_mut() {
            download.release(peer);
        }
    }

    /// A request has its whole answer.
    pub(super) fn answered(&mut self, peer: PeerId, request: u64) {
        self.asked.remove(&request);
        if let Some(source) = self.sources.get_mut(&peer) {
            source.requests.remove(&request);
            source.watches.remove(&request);
        }
    }

    /// The items that `which` names, and the manifest of a file, are not expected of `peer` any more.
    /// Requests of which nothing else is left are cancelled; of others such items come and go nowhere.
    pub(super) fn take_back(
        &mut self,
        peer: PeerId,
        which: impl Fn(&AskedItem) -> bool,
        manifest: Option<FileToken>,
    ) {
        let Some(source) = self.sources.get_mut(&peer) else { return };
        let (mut over, mut ended) = (Vec::new(), Vec::new());
        for &request in &source.requests {
            match self.asked.get_mut(&request) {
                Some((_, PendingRequest::Blocks(items))) => {
                    let mut wanted = false;
                    for item in items.iter_mut() {
                        item.void |= which(item);
                        wanted |= !item.void && item.left > 0;
                    }
                    if !wanted {
                        let left: u64 = items.iter().map(|i| i.left).sum();
                        let lane = items.first().map_or(0, |i| i.lane);
                        source.owed = source.owed.saturating_sub(left);
                        source.lanes.settled(lane, left);
                        source.late += left;
                        over.push((request, lane));
                    }
                }
                Some((_, PendingRequest::Manifest(token))) if manifest == Some(*token) => {
                    over.push((request, 0))
                }
                Some((_, PendingRequest::Any(any))) => {
                    let Any { token, chunk, offset, left, lane, .. } = *any;
                    let item = |chunk| AskedItem { token, chunk, offset, left, lane, void: false };
                    if manifest == Some(token) || chunk.is_some_and(|c| which(&item(c))) {
                        source.owed = source.owed.saturating_sub(left);
                        source.lanes.settled(lane, left);
                        source.late += left;
                        over.push((request, lane));
                        ended.push(token);
                    }
                }
                _ => {}
            }
        }
        for token in ended {
            self.any_over(peer, token);
        }
        if let Some(token) = manifest {
            self.unwatch(peer, token);
        }
        for (request, lane) in over {
            self.answered(peer, request);
            self.outputs.push_back(Output::Ask(peer, lane, Message::Cancel(Cancel { request })));
        }
    }
}
