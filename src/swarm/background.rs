//! Jobs in the background are throttled: while another one moves, each source is asked for one block at a
//! time for them, for all of them together for a sixteenth of what comes, and few of their files are begun.
//! They never stand still: however little or much comes for others, they get [`LEAST`] at each tick and a file
//! every [`FILE_EVERY`]. Pure; part of swarm/mod.rs.

use core::time::Duration;

use super::download::{DownloadPhase, Downloads};
use super::jobs::Jobs;
use super::requests::PendingRequest;
use super::sources::Sources;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;

/// So long after the last sign of another job the background is still throttled: between two files nothing
/// moves for a moment.
const AFTER: Duration = Duration::from_millis(500);

/// Of this many bytes that come for others, one may be asked for in the background.
const SHARE: u64 = 16;

/// Bytes that one block in the background comes nearer at each tick, even if less comes for others: a
/// download that hardly moves does not stop it.
const LEAST: u64 = 16 << 10;

/// A file in the background is begun this often, at most. Of small files the bytes say nothing: each is
/// opened, hashed, synced and noted down. (Of 256 that an owner has placed at a time, none waits so long that
/// its promise is void.)
const FILE_EVERY: Duration = Duration::from_secs(2);

/// What may be saved up, in bytes: a moment's worth, so that nothing comes in a great burst.
const SAVED: u64 = 1 << 20;

/// How much may be asked for in the background.
#[derive(Debug, Default)]
pub(super) struct BackgroundBudget {
    /// Until then it is throttled.
    until: Time,
    /// Bytes.
    credit: u64,
    /// When a file was begun last.
    begun: Time,
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

    /// True while the background is throttled.
    pub(super) fn is_throttled(&self, now: Time) -> bool {
        now < self.until
    }

    /// True if one more file may be begun.
    pub(super) fn may_begin(&self, now: Time) -> bool {
        !self.is_throttled(now) || now.since(self.begun) >= FILE_EVERY
    }

    /// A file was begun.
    pub(super) const fn begin(&mut self, now: Time) {
        self.begun = now;
    }

    /// Another job moves, though perhaps nothing of it came just now.
    pub(super) fn others_move(&mut self, now: Time) {
        self.until = now + AFTER;
    }

    /// A tick passed.
    pub(super) const fn refill(&mut self) {
        if self.credit < limits::BLOCK as u64 {
            self.credit += LEAST;
        }
    }

    /// Bytes that a peer may be asked for in the background on each connection, while it is throttled: a
    /// block after the other, on the first connection.
    pub(super) fn little(&self, owes_background: impl FnOnce() -> bool) -> [u64; limits::LANES as usize] {
        let mut room = [0; limits::LANES as usize];
        let block = limits::BLOCK as u64;
        if self.credit >= block && !owes_background() {
            room[0] = block;
        }
        room
    }
}

impl Jobs {
    /// True if a job in the background has to wait: something moves that a user waits for.
    pub(super) fn background_waits(&self) -> bool {
        // One without a source waits for a holder, perhaps for long: nobody need wait with it.
        self.has_background()
            && self.downloads.values().filter(|d| d.is_for_user).any(|d| match d.phase {
                DownloadPhase::Opening | DownloadPhase::Publishing => true,
                DownloadPhase::Fetching => !d.sources.is_empty() && d.givers().next().is_some(),
            })
    }

    fn has_background(&self) -> bool {
        self.running.values().any(|j| j.background)
    }

    /// True if one more file in the background may be opened. They leave room, so that others need not wait
    /// until one of them is done.
    pub(super) fn has_room_behind(&self) -> bool {
        let behind = self.downloads.values().filter(|d| d.background).count();
        self.open_large() < self.most_open && behind < (self.most_open / 2).max(1)
    }
}

impl Sources {
    /// True if `peer` owes bytes of a file in the background.
    pub(super) fn owes_background(&self, peer: PeerId, downloads: &Downloads) -> bool {
        let Some(source) = self.get(peer) else { return false };
        let behind = |token| downloads.get(&token).is_some_and(|d| d.background);
        source.requests.iter().filter_map(|request| self.asked.get(request)).any(|(_, asked)| match asked {
            PendingRequest::Blocks(items) => items.iter().any(|i| i.left > 0 && !i.void && behind(i.token)),
            PendingRequest::Any(any) => behind(any.token),
            PendingRequest::Manifest(token) => behind(*token),
            PendingRequest::Haves(_) => false,
        })
    }
}
