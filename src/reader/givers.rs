//! The peers that bytes are read from: their links, what they owe, how fast they give. Pure; part of reader/mod.rs.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::content::slice::SLICE;
use crate::identity::PeerId;
use crate::rate::Limit;
use crate::reader::limits;
use crate::swarm::Pacing;
use crate::swarm::limits::AHEAD_MIN;
use crate::time::Time;
use crate::transfer::ahead;

/// How long a giver rests after its first, second and third failure in a row.
const BACKOFF: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// What taking something over costs at least: a request to one, the cancelling of another.
const ROUND_TRIP: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum GiverLink {
    #[default]
    Down,
    Dialling,
    Up,
}

/// A peer that bytes are read from.
#[derive(Debug, Default)]
pub(super) struct Giver {
    pub(super) link: GiverLink,
    /// In a row.
    failures: u8,
    /// Neither dialled nor asked before.
    rest_until: Time,
    /// Bytes that it owes.
    owed: u64,
    /// Bytes that were asked of it and taken back: they may be on their way.
    late: u64,
    /// Requests that it has not answered.
    open: usize,
    /// When it sent anything last, or was asked after owing nothing.
    heard: Time,
    pub(super) pacing: Pacing,
    /// It does not know slices: it is asked for whole chunks.
    pub(super) lacks_slices: bool,
}

impl Giver {
    /// Bytes that it may be asked for now, in whole slices.
    pub(super) fn room(&self, now: Time, limit: Limit) -> u64 {
        if self.link != GiverLink::Up || self.rest_until > now || self.open >= limits::READ_REQUESTS {
            return 0;
        }
        let window = self.window(limit).max(SLICE);
        let room = window.saturating_sub(self.owed);
        let least = if self.open == 0 { 0 } else { limits::READ_REQUEST_MIN.min(window / 4).max(SLICE) };
        if room < least { 0 } else { room }
    }

    /// Bytes that it may owe.
    fn window(&self, limit: Limit) -> u64 {
        let window = self.pacing.window_of_path(AHEAD_MIN);
        limit.map_or(window, |limit| window.min(ahead(limit)))
    }

    /// True if it owes something.
    pub(super) fn owes(&self) -> bool {
        self.link == GiverLink::Up && self.open > 0
    }

    /// True if it owes something and has said nothing for so long.
    pub(super) fn is_silent(&self, now: Time, time: Duration) -> bool {
        self.owes() && now.since(self.heard) >= time
    }

    /// True if what it owes comes much later than `other` would give so many bytes behind what that one owes. Of whom
    /// it is not known how fast it gives, nothing is expected.
    pub(super) fn is_later(&self, other: &Self, bytes: u64) -> bool {
        other.pacing.rate().is_some()
            && self.pacing.time_for(self.owed) > 2 * other.pacing.time_for(other.owed + bytes) + ROUND_TRIP
    }

    /// It is asked for so many bytes.
    pub(super) fn asked(&mut self, now: Time, bytes: u64) {
        if self.open == 0 {
            self.heard = now;
            self.pacing.begin(now);
        }
        self.open += 1;
        self.owed += bytes;
    }

    /// A request is over of which so many bytes did not come; `taken_back`: they still may.
    pub(super) const fn answered(&mut self, left: u64, taken_back: bool) {
        self.open = self.open.saturating_sub(1);
        self.owed = self.owed.saturating_sub(left);
        if taken_back {
            self.late = self.late.saturating_add(left);
        }
    }

    /// Bytes came that it owed.
    pub(super) fn gave(&mut self, now: Time, bytes: u64) {
        self.heard = now;
        self.owed = self.owed.saturating_sub(bytes);
        self.pacing.arrived(now, bytes);
    }

    /// Bytes come that were taken back; false: there were none such.
    pub(super) const fn gave_late(&mut self, bytes: u64) -> bool {
        let is_right = bytes <= self.late;
        self.late = self.late.saturating_sub(bytes);
        is_right
    }

    /// True if so many bytes may come that were taken back.
    pub(super) const fn may_be_late(&self, bytes: u64) -> bool {
        bytes <= self.late
    }

    /// Something came.
    pub(super) fn heard(&mut self, at: Time) {
        self.heard = self.heard.max(at);
    }

    /// What it gave was right.
    pub(super) const fn did_well(&mut self) {
        self.failures = 0;
    }

    /// It is dialled again later.
    pub(super) fn failed(&mut self, now: Time) {
        self.rest_until = now + BACKOFF[usize::from(self.failures).min(BACKOFF.len() - 1)];
        self.failures = self.failures.saturating_add(1);
    }

    /// It is not asked for a while.
    pub(super) fn rest(&mut self, now: Time) {
        self.rest_until = self.rest_until.max(now + limits::GIVER_BUSY);
    }

    /// It can be reached (again, or elsewhere): earlier failures are forgotten.
    pub(super) const fn forgive(&mut self, now: Time) {
        self.failures = 0;
        self.rest_until = now;
    }

    /// There is no connection with it any more, and what it owed does not come.
    pub(super) const fn unlink(&mut self) {
        self.link = GiverLink::Down;
        (self.owed, self.late, self.open) = (0, 0, 0);
    }
}

/// Of these peers, those to dial for `wanted` of them to be linked; who failed least comes first.
pub(super) fn to_dial(
    now: Time,
    givers: &BTreeMap<PeerId, Giver>,
    peers: impl Iterator<Item = PeerId>,
    wanted: usize,
) -> Vec<PeerId> {
    let known: Vec<_> = peers.filter_map(|peer| Some((peer, givers.get(&peer)?))).collect();
    let linked = known.iter().filter(|(_, giver)| giver.link != GiverLink::Down).count();
    let mut rested: Vec<_> =
        known.iter().filter(|(_, g)| g.link == GiverLink::Down && g.rest_until <= now).collect();
    rested.sort_by_key(|(peer, giver)| (giver.failures, *peer));
    rested.iter().take(wanted.saturating_sub(linked)).map(|(peer, _)| *peer).collect()
}
