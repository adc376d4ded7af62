//! What a peer keeps for others: takes offers, fetches, reports, obeys those who may order. Pure.
//!
//! Its state lies in `live` (who is here), `owners` (their catalogues), `kept` (what was taken), `offerers` (who
//! proved something) and `reports` (what is to be told). Offers are decided in `offers`, orders and expiry in
//! `orders`; `acting` finds out who acts for a file, `fetching` gets what was accepted from those of whom
//! `sources` knows that they have it, `heads` looks what an owner names, `accounting` what all of it counts.
//!
//! Only the owner can have anything dropped as deleted, and only after a day. A copy too many is dropped for
//! another keeper's word only after the others proved to *this* peer that they have theirs. No message makes
//! it name, write or open a path.

mod accounting;
mod acting;
mod fetching;
mod heads;
mod kept;
mod live;
mod offerers;
mod offers;
mod orders;
mod owners;
mod reports;
mod sources;

use std::collections::VecDeque;

use self::accounting::{check_accounts, settle_catalogue};
use self::kept::{KeptCopy, KeptFiles};
use self::live::LivePeers;
use self::offerers::Offerers;
use self::owners::Owners;
use self::reports::Reports;
use super::distributor::Want;
use super::ledger::{KeptRow, Ledger, LedgerKey, Lived, LivedClock, Present, Record};
use super::quota::{Lend, Quota};
use crate::content::{FileId, Span};
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{Replica, ReportRow};

/// What it wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum KeeperOutput {
    /// Fetch these chunks into the store; then [`Keeper::fetched`], or [`Keeper::failed`].
    Fetch {
        /// Which content.
        file: FileId,
        /// Its size.
        size: u64,
        /// Which chunks.
        span: Span,
        /// Who has some of them.
        sources: Vec<PeerId>,
    },
    /// Drop everything of this content from the store but these chunks.
    Drop {
        /// Which content.
        file: FileId,
        /// What stays.
        keep: Vec<Span>,
    },
    /// Report to whoever acts.
    Report {
        /// Whom.
        to: PeerId,
        /// Whose files.
        origin: PeerId,
        /// At most `limits::REPORT_ROWS`.
        rows: Vec<ReportRow>,
    },
    /// See whether that peer has this chunk; then [`Keeper::challenge_answered`].
    Challenge {
        /// Whose.
        peer: PeerId,
        /// Which file.
        key: LedgerKey,
        /// Its size.
        size: u64,
        /// Which chunk.
        chunk: u32,
    },
    /// This peer acts for a file from now on.
    Tend {
        /// Which file.
        key: LedgerKey,
        /// What it is.
        want: Want,
        /// Who keeps it, this peer among them.
        places: Vec<Replica>,
        /// Since when the owner is away, and whether it left gracefully.
        owner_lost: (Time, bool),
    },
    /// It does so no longer.
    Untend(LedgerKey),
    /// Pull this owner's whole catalogue from that peer; then [`Keeper::learned`].
    Pull {
        /// Whose.
        origin: PeerId,
        /// Who has its newest head.
        from: PeerId,
    },
    /// To be written before anything that was returned or comes after goes out.
    Record(Record),
}

/// What this peer lends, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct KeeperConfig {
    /// How much.
    pub lend: Lend,
    /// Free bytes of the store's file system at the start.
    pub free: u64,
    /// How long for an owner that nobody heard of. Default: `limits::KEEP_DAYS`.
    pub keep: core::time::Duration,
    /// How long what was deleted. Default: `limits::KEEP_DELETED`.
    pub keep_deleted: core::time::Duration,
}

/// The machine.
#[derive(Debug)]
pub struct Keeper {
    me: PeerId,
    config: KeeperConfig,
    clock: LivedClock,
    live: LivePeers,
    quota: Quota,
    pub(super) owners: Owners,
    offerers: Offerers,
    files: KeptFiles,
    reports: Reports,
    sweep: Time,
    leaving: bool,
    out: VecDeque<KeeperOutput>,
}

/// Between two looks at what has expired; the lived time is filed as often.
const SWEEP: core::time::Duration = core::time::Duration::from_secs(600);

impl Keeper {
    /// Goes on from the ledger. `present` is what the store really holds: what the ledger knows and the store
    /// lacks is fetched again, what the store has and nobody wants is dropped.
    #[must_use]
    pub fn new(now: Time, me: PeerId, config: KeeperConfig, ledger: &Ledger, present: &Present) -> Self {
        let mut keeper = Self {
            me,
            config,
            clock: LivedClock::new(now, ledger.lived),
            live: LivePeers::new(now),
            quota: Quota::new(config.lend, config.free),
            owners: Owners::restore(ledger),
            offerers: Offerers::default(),
            files: KeptFiles::new(),
            reports: Reports::new(),
            sweep: now + SWEEP,
            leaving: false,
            out: VecDeque::new(),
        };
        for (key, row) in &ledger.kept {
            if keeper.owners.get(key.0).is_some() && row.span.fits(row.size) {
                let is_there = present.get(&key.1).is_some_and(|s| s.iter().any(|s| s.covers(&row.span)));
                keeper.restore(now, *key, row.clone(), is_there);
            } else {
                keeper.out.push_back(KeeperOutput::Record(Record::Kept(*key, None)));
            }
        }
        for origin in ledger.owners.keys() {
            settle_catalogue(&mut keeper, now, *origin);
        }
        for file in present.keys().filter(|f| keeper.owners_of(**f).is_empty()).copied().collect::<Vec<_>>() {
            keeper.out.push_back(KeeperOutput::Drop { file, keep: Vec::new() });
        }
        keeper
    }

    fn restore(&mut self, now: Time, key: LedgerKey, mut row: KeptRow, is_there: bool) {
        let bytes = row.span.bytes(row.size);
        if let Some(released) = row.released {
            self.sweep_for(now, released);
        }
        // The ledger says that it was all here once.
        let is_promise = !row.whole && !is_there;
        row.whole = is_there;
        let have = if is_there { row.span.len() } else { 0 };
        let kept = KeptCopy::new(now, row, have);
        self.quota.restore(now, kept.quota_item(key), is_promise);
        if is_there {
            // Its space is no longer free; the books take it off only once.
            self.config.free = self.config.free.saturating_add(bytes);
            self.quota.set_free(self.config.free);
        }
        self.files.insert(key, kept);
        if is_promise {
            self.files.promise(now, key);
        }
        if !is_there {
            self.files.retry_at(now, key);
        }
        self.recompute(now, key);
    }

    /// What was released then is dropped in time.
    fn sweep_for(&mut self, now: Time, released: Lived) {
        let left = self.config.keep_deleted.saturating_sub(self.clock.at(now).since(released));
        self.sweep = self.sweep.min(now + left);
    }

    /// What is lent, and how much of it is taken.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Bytes that were accepted and are not here: their space is not free, though nothing lies there yet.
    #[must_use]
    pub fn coming(&self) -> u64 {
        let coming =
            self.files.iter().filter(|(_, k)| !k.row.whole).map(|(_, k)| k.row.span.bytes(k.row.size));
        coming.fold(0, u64::saturating_add)
    }

    /// All that was taken, by owner and file, and how many of its chunks are here.
    pub fn all(&self) -> impl Iterator<Item = (LedgerKey, &KeptRow, u32)> {
        self.files.iter().map(|(key, kept)| (key, &kept.row, kept.have))
    }

    /// Who shares a content that is kept here.
    #[must_use]
    pub fn owners_of(&self, file: FileId) -> Vec<PeerId> {
        self.files.owners_of(file).collect()
    }

    /// True if some of what was taken of this content is not here.
    #[must_use]
    pub fn lacks(&self, file: FileId) -> bool {
        self.files.keys_of(file).into_iter().filter_map(|key| self.files.get(key)).any(|kept| !kept.row.whole)
    }

    /// When [`Self::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        [Some(self.sweep), self.reports.next_due(), self.files.next_due()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(key) = self.files.due_retry(now) {
            // It may have come meanwhile.
            if self.files.get(key).is_some_and(|kept| !kept.row.whole) {
                self.fetch(now, key, None);
            }
        }
        while let Some(key) = self.files.void_promise(now) {
            self.drop_file(now, key);
        }
        while let Some(key) = self.files.due_act(now) {
            self.recompute(now, key);
        }
        self.reports.make(now, &self.files, &mut self.out);
        if self.sweep <= now {
            self.sweep = now + SWEEP;
            self.expire(now);
            for released in self.files.iter().filter_map(|(_, k)| k.row.released).collect::<Vec<_>>() {
                self.sweep_for(now, released);
            }
            check_accounts(self);
        }
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<KeeperOutput> {
        self.out.pop_front()
    }
}
