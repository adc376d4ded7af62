//! Jobs in the background are throttled: while bytes of another one come, each source is asked for one block
//! at a time for them, and for all of them together for less than a quarter of what comes. Pure; part of
//! swarm/mod.rs.

use core::time::Duration;

use super::Swarm;
use super::download::DownloadPhase;
use super::requests::PendingRequest;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;

/// So long after the last sign of another job the background is still throttled: between two files nothing
/// moves for a moment.
const AFTER: Duration = Duration::from_millis(500);

/// Of this many bytes that come for others, one may be asked for in the background.
const SHARE: u64 = 6;

/// Bytes that one block in the background comes nearer at each tick, even if less comes for others: a
/// download that hardly moves does not stop it.
const LEAST: u64 = 16 << 10;

/// What may be saved up, in bytes: a moment's worth, so that nothing comes in a great burst.
const SAVED: u64 = 1 << 20;

/// How much may be asked for in the background.
#[derive(Debug, Default)]
pub(super) struct BackgroundBudget {
    /// Until then it is throttled.
    until: Time,
    /// Bytes.
    credit: u64,
}

impl BackgroundBudget {
    /// Bytes of another job came.
    pub(super) fn came(&mut self, now: Time, bytes: u64) {
        self.until = now + AFTER;
        self.credit = (self.credit + bytes / SHARE).min(SAVED);
    }

    /// So much was asked for in the background.
    pub(super) const fn spent(&mut self, bytes: u64) {
        self.credit = self.credit.saturating_sub(bytes);
    }
}

impl Swarm {
    /// True while the background is throttled.
    pub(super) fn is_throttled(&self, now: Time) -> bool {
        now < self.way.until
    }

    /// Looks whether something moves that is not in the background.
    pub(super) fn look_who_moves(&mut self, now: Time) {
        // One without a source waits for a holder, perhaps for long: nobody need wait with it.
        if !self.jobs.values().any(|j| j.background) {
            return;
        }
        let moves = self.downloads.values().filter(|d| !d.background).any(|d| match d.phase {
            DownloadPhase::Opening => true,
            DownloadPhase::Fetching => !d.sources.is_empty() && d.givers().next().is_some(),
            DownloadPhase::Publishing => false,
        });
        if moves {
            self.way.until = now + AFTER;
        }
    }

    /// A tick passed.
    pub(super) fn refill_credit(&mut self) {
        if self.way.credit < limits::BLOCK as u64 {
            self.way.credit += LEAST;
        }
    }

    /// Bytes that `peer` may be asked for in the background on each connection, while it is throttled: a
    /// block after the other, on the first connection.
    pub(super) fn little(&self, peer: PeerId) -> [u64; limits::LANES as usize] {
        let mut room = [0; limits::LANES as usize];
        let block = limits::BLOCK as u64;
        if self.way.credit >= block && !self.owes_background(peer) {
            room[0] = block;
        }
        room
    }

    /// True if `peer` owes bytes of a file in the background.
    fn owes_background(&self, peer: PeerId) -> bool {
        let Some(source) = self.sources.get(peer) else { return false };
        let behind = |token| self.downloads.get(&token).is_some_and(|d| d.background);
        source.requests.iter().filter_map(|request| self.sources.asked.get(request)).any(|(_, asked)| {
            match asked {
                PendingRequest::Blocks(items) => {
                    items.iter().any(|i| i.left > 0 && !i.void && behind(i.token))
                }
                PendingRequest::Any(any) => behind(any.token),
                PendingRequest::Manifest(token) => behind(*token),
                PendingRequest::Haves(_) => false,
            }
        })
    }

    /// True if one more file may be opened. Those in the background leave room, so that others need not wait
    /// until one of them is done.
    pub(super) fn has_room(&self, background: bool) -> bool {
        // Mostly there is none.
        let any = background || self.jobs.values().any(|j| j.background);
        let behind = if any { self.downloads.values().filter(|d| d.background).count() } else { 0 };
        let before = self.downloads.len() - behind;
        if background {
            self.downloads.len() < self.most_open && behind < (self.most_open / 2).max(1)
        } else {
            self.downloads.len() < self.most_open || before == 0
        }
    }
}
