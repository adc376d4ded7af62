//! The peers that something is fetched from: their links, their failures, what they owe. Pure; part of
//! swarm/mod.rs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::got::Untold;
use super::lanes::Lanes;
use super::pacing::Pacing;
use super::requests::PendingRequest;
use super::shuffle::Shuffle;
use super::{Output, Outputs, Swarm};
use crate::disk::FileToken;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;

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
    /// Times in a row that it was connected, and gave nothing of what it was asked for until it was given up.
    pub(super) stalls: u8,
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
    /// There was nothing that it could have been asked for when that was looked for last; blocks that come change nothing
    /// about it.
    pub(super) is_exhausted: bool,
    /// When it sent anything last, or was asked after owing nothing.
    pub(super) heard: Time,
    pub(super) pacing: Pacing,
    pub(super) lanes: Lanes,
    /// Files that are here as a whole, which it is to know.
    pub(super) untold: Untold,
}

/// A source that owes something and says nothing for this long may lose what it owes to another one that
/// has nothing to do; after [`limits::STALL`] it loses its connection.
const SILENT: Duration = Duration::from_millis(500);

impl Source {
    /// True if it owes something and has said nothing for a while.
    pub(super) fn silent(&self, now: Time) -> bool {
        !self.requests.is_empty() && now.since(self.heard) >= SILENT
    }

    /// True if it is linked, and has not answered everything.
    pub(super) fn owes(&self) -> bool {
        self.link == SourceLink::Up && !self.requests.is_empty()
    }

    /// True if it is to be told something, and may be reached.
    pub(super) fn is_untold(&self) -> bool {
        !self.untold.is_empty() && self.known && self.untold.may_be_dialled()
    }

    pub(super) const fn is_usable(&self) -> bool {
        self.known && self.failures < limits::SOURCE_FAILURES
    }

    /// `bytes` that were asked of it are not owed any more.
    pub(super) fn settle(&mut self, lane: u8, bytes: u64) {
        self.owed = self.owed.saturating_sub(bytes);
        self.lanes.settled(lane, bytes);
    }

    /// `bytes` that were asked of it are not wanted any more, but may be on their way.
    pub(super) fn take_back(&mut self, lane: u8, bytes: u64) {
        self.settle(lane, bytes);
        self.late += bytes;
    }
}

/// All sources, and what they were asked for.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) by_peer: BTreeMap<PeerId, Source>,
    /// By the number of the request: of whom, and what.
    pub(super) asked: BTreeMap<u64, (PeerId, PendingRequest)>,
    pub(super) next_request: u64,
    /// When connections are looked at next, if anything is owed.
    pub(super) look: Time,
    shuffle: Shuffle,
}

impl Sources {
    /// Without any.
    pub(super) fn new(shuffle: Shuffle) -> Self {
        Self { shuffle, ..Self::default() }
    }

    pub(super) fn get(&self, peer: PeerId) -> Option<&Source> {
        self.by_peer.get(&peer)
    }

    pub(super) fn get_mut(&mut self, peer: PeerId) -> Option<&mut Source> {
        self.by_peer.get_mut(&peer)
    }

    /// `peer`, as a source from now on.
    pub(super) fn entry(&mut self, now: Time, peer: PeerId) -> &mut Source {
        self.by_peer.entry(peer).or_insert_with(|| Source {
            link: SourceLink::Down,
            known: false,
            failures: 0,
            stalls: 0,
            blocked: false,
            rest_until: now,
            useless_since: now,
            owed: 0,
            late: 0,
            requests: BTreeSet::new(),
            watches: BTreeSet::new(),
            swarm_chunk: None,
            is_exhausted: false,
            heard: now,
            pacing: Pacing::default(),
            lanes: Lanes::default(),
            untold: Untold::default(),
        })
    }

    /// Counts a failure; the third one in a row gives the source up until it is announced again.
    pub(super) fn failed(&mut self, now: Time, peer: PeerId) {
        let source = self.entry(now, peer);
        source.rest_until = now + BACKOFF[usize::from(source.failures).min(BACKOFF.len() - 1)];
        source.failures = source.failures.saturating_add(1);
        if source.failures == limits::SOURCE_FAILURES {
            source.useless_since = now;
        }
    }

    /// The link is down: what it owed will not come.
    fn unlink(&mut self, now: Time, peer: PeerId) {
        let source = self.entry(now, peer);
        source.link = SourceLink::Down;
        source.lanes = Lanes::default();
        (source.owed, source.late, source.swarm_chunk) = (0, 0, None);
        source.untold.unlinked();
        let watches = std::mem::take(&mut source.watches);
        for request in std::mem::take(&mut source.requests).into_iter().chain(watches) {
            self.asked.remove(&request);
        }
    }

    /// Those that owe something and have said nothing for [`limits::STALL`].
    pub(super) fn stalled(&self, now: Time) -> Vec<PeerId> {
        let owing = self.by_peer.iter().filter(|(_, s)| s.owes());
        owing.filter(|(_, s)| now.since(s.heard) >= limits::STALL).map(|(peer, _)| *peer).collect()
    }

    /// Asks for more connections to those that have fallen silent. Those that are asked over several.
    pub(super) fn watch_lanes(&mut self, now: Time, outputs: &mut Outputs) -> Vec<PeerId> {
        let most = self.lanes_for_one();
        let mut several = Vec::new();
        for (&peer, source) in self.by_peer.iter_mut().filter(|(_, s)| s.owes()) {
            let most = if source.swarm_chunk.is_some() { 1 } else { most };
            if let Some(count) = source.lanes.silent(now, most) {
                outputs.push_back(Output::Lanes(peer, count));
            }
            if source.lanes.used() > 1 {
                several.push(peer);
            }
        }
        several
    }

    /// Connections that one source may be asked over now.
    pub(super) fn lanes_for_one(&self) -> u8 {
        let up = self.by_peer.values().filter(|s| s.owes()).count();
        u8::try_from(limits::ALL_LANES / up.max(1)).unwrap_or(u8::MAX).max(1)
    }

    /// Of `peers`, adds as many to those to dial as it takes for `wanted` of them to be linked.
    pub(super) fn choose(&self, now: Time, dial: &mut BTreeSet<PeerId>, peers: Vec<PeerId>, wanted: usize) {
        let usable = peers.into_iter().filter_map(|p| Some((p, self.by_peer.get(&p)?)));
        let usable: Vec<_> = usable.filter(|(_, s)| s.is_usable()).collect();
        let linked = usable.iter().filter(|(p, s)| s.link != SourceLink::Down || dial.contains(p)).count();
        let mut rested: Vec<_> =
            usable.iter().filter(|(_, s)| s.link == SourceLink::Down && s.rest_until <= now).collect();
        // Whoever failed least; among equals, each peer that downloads has an order of its own, so that not
        // all of them ask the same holder.
        rested.sort_by_key(|(peer, s)| (s.failures, self.shuffle.key(&peer.0)));
        dial.extend(rested.iter().take(wanted.saturating_sub(linked)).map(|(peer, _)| *peer));
    }

    /// Since when nobody can give a file; `None` if somebody can. `busy`: since when a holder says that it
    /// cannot now; it may say so for [`limits::BUSY_HOLDER`].
    pub(super) fn stuck_since(
        &self,
        begun: Time,
        holders: impl Iterator<Item = PeerId>,
        busy: impl Fn(PeerId) -> Option<Time>,
    ) -> Option<Time> {
        let mut since = begun;
        for (peer, source) in holders.filter_map(|p| Some((p, self.by_peer.get(&p)?))) {
            let until =
                if source.is_usable() { busy(peer)? + limits::BUSY_HOLDER } else { source.useless_since };
            since = since.max(until);
        }
        Some(since)
    }
}

impl Swarm {
    /// A wrong chunk or manifest costs its source the connection, the second one its trust.
    pub(super) fn wrong(&mut self, now: Time, token: FileToken, peer: PeerId, wrong: u8) {
        let Some(download) = self.jobs.downloads.get_mut(&token) else { return };
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
        if self.sources.get(peer).is_some_and(|s| s.link != SourceLink::Down) {
            self.outputs.push_back(Output::Drop(peer, why.to_owned()));
            self.unlink(now, peer);
            self.sources.failed(now, peer);
        }
        self.schedule(now);
    }

    /// The link is down: what it owed is asked of others.
    pub(super) fn unlink(&mut self, now: Time, peer: PeerId) {
        self.sources.unlink(now, peer);
        for download in self.jobs.downloads.values_mut() {
            download.release(peer);
        }
    }
}
