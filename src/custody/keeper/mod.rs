//! What a peer keeps for others: takes offers, fetches, reports, obeys those who may order. Pure.
//!
//! Offers are decided in `offers`, orders and expiry in `orders`; `acting` finds out who acts for a file,
//! `reports` tells it, `fetching` gets what was accepted, and `owners` keeps their catalogues. Only the
//! owner can have anything dropped as deleted, and only after a day; a copy too many is dropped for another
//! keeper's word only after the others proved to *this* peer that they have theirs. No message makes it
//! name, write or open a path.

mod acting;
mod fetching;
mod offers;
mod orders;
mod owners;
mod reports;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::by_peer::FilesByPeer;
use super::distributor::Want;
use super::ledger::{KeptRow, Ledger, LedgerKey, Lived, LivedClock, Present, Record};
use super::owner_catalogue::OwnerCatalogue;
use super::quota::{Lend, Quota};
use crate::content::{FileId, HeadNumber, Span};
use crate::custody::limits;
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
        /// At most [`limits::REPORT_ROWS`].
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

/// One file of one owner.
#[derive(Debug)]
struct KeptCopy {
    row: KeptRow,
    /// Chunks that are here.
    have: u32,
    /// Who acts for it.
    acting: Option<PeerId>,
    /// Peers that said they keep nothing of it, and until when that is believed.
    denied: BTreeMap<PeerId, Time>,
    /// What other keepers have proved, since one of them said that this part is not needed.
    sparing: Option<(Vec<Span>, Time)>,
    /// When what failed is tried again.
    retry: Option<Time>,
    /// From when on this peer may act for it.
    act_from: Time,
}

/// A report that will be due.
#[derive(Debug)]
struct Due {
    at: Time,
    /// When all is reported again, not only what changed.
    all: Time,
    /// What changed since the last report.
    news: BTreeSet<FileId>,
}

/// What this peer lends, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct KeeperConfig {
    /// How much.
    pub lend: Lend,
    /// Free bytes of the store's file system at the start.
    pub free: u64,
    /// How long for an owner that nobody heard of. Default: [`limits::KEEP_DAYS`].
    pub keep: core::time::Duration,
    /// How long what was deleted. Default: [`limits::KEEP_DELETED`].
    pub keep_deleted: core::time::Duration,
}

/// The machine.
#[derive(Debug)]
pub struct Keeper {
    me: PeerId,
    config: KeeperConfig,
    clock: LivedClock,
    /// Others that are here; true: about to leave.
    live: BTreeMap<PeerId, bool>,
    /// Since when others are away, and whether they left gracefully.
    away: BTreeMap<PeerId, (Time, bool)>,
    began: Time,
    quota: Quota,
    owner_catalogues: BTreeMap<PeerId, OwnerCatalogue>,
    witnesses: BTreeMap<PeerId, BTreeSet<PeerId>>,
    /// Heads whose catalogue was asked for.
    pulled: BTreeMap<PeerId, HeadNumber>,
    kept: BTreeMap<LedgerKey, KeptCopy>,
    /// Where a file of this owner, or of this keeper, is concerned.
    by_peer: FilesByPeer,
    /// Whose files have a content.
    by_file: BTreeSet<(FileId, PeerId)>,
    /// When whom is reported to, about whose files.
    due: BTreeMap<(PeerId, PeerId), Due>,
    retries: BTreeSet<(Time, LedgerKey)>,
    /// When this peer may begin to act for files.
    acts: BTreeSet<(Time, LedgerKey)>,
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
            live: BTreeMap::new(),
            away: BTreeMap::new(),
            began: now,
            quota: Quota::new(config.lend, config.free),
            owner_catalogues: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            pulled: BTreeMap::new(),
            kept: BTreeMap::new(),
            by_peer: FilesByPeer::new(),
            by_file: BTreeSet::new(),
            due: BTreeMap::new(),
            retries: BTreeSet::new(),
            acts: BTreeSet::new(),
            sweep: now + SWEEP,
            leaving: false,
            out: VecDeque::new(),
        };
        for (origin, row) in &ledger.owners {
            let all = (*origin, 0)..=(*origin, u8::MAX);
            let buckets = ledger.buckets.range(all).map(|((_, i), bytes)| (*i, bytes.clone()));
            if let Some(owner) = OwnerCatalogue::restore(*origin, row, buckets) {
                keeper.owner_catalogues.insert(*origin, owner);
                keeper.witnesses.insert(*origin, row.witnesses.iter().copied().collect());
            }
        }
        for (key, row) in &ledger.kept {
            if keeper.owner_catalogues.contains_key(&key.0) && row.span.fits(row.size) {
                let is_there = present.get(&key.1).is_some_and(|s| s.iter().any(|s| s.covers(&row.span)));
                keeper.restore(now, *key, row.clone(), is_there);
            } else {
                keeper.record(Record::Kept(*key, None));
            }
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
        self.quota.take(key.0, row.source, bytes);
        if is_there {
            // Its space is no longer free; the books take it off only once.
            self.config.free = self.config.free.saturating_add(bytes);
            self.quota.set_free(self.config.free);
        }
        row.whole = is_there;
        let have = if is_there { row.span.len() } else { 0 };
        self.insert(
            key,
            KeptCopy {
                row,
                have,
                acting: None,
                denied: BTreeMap::new(),
                sparing: None,
                retry: None,
                act_from: now + limits::ACT_AFTER,
            },
        );
        if !is_there {
            self.retry_at(now, key);
        }
        self.recompute(now, key);
    }

    /// What was released then is dropped in time.
    fn sweep_for(&mut self, now: Time, released: Lived) {
        let left = self.config.keep_deleted.saturating_sub(self.lived(now).since(released));
        self.sweep = self.sweep.min(now + left);
    }

    fn insert(&mut self, key: LedgerKey, kept: KeptCopy) {
        for peer in kept.row.others.iter().map(|p| p.peer).chain([key.0]) {
            self.by_peer.add(peer, key);
        }
        self.by_file.insert((key.1, key.0));
        self.acts.insert((kept.act_from, key));
        self.kept.insert(key, kept);
    }

    /// Bytes kept for others.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.quota.taken()
    }

    /// Bytes kept for one of them.
    #[must_use]
    pub fn taken_for(&self, origin: PeerId) -> u64 {
        self.quota.taken_for(origin)
    }

    /// Bytes that were accepted and are not here: their space is not free, though nothing lies there yet.
    #[must_use]
    pub fn coming(&self) -> u64 {
        let coming = self.kept.values().filter(|k| !k.row.whole).map(|k| k.row.span.bytes(k.row.size));
        coming.fold(0, u64::saturating_add)
    }

    /// All that was taken, by owner and file, and how many of its chunks are here.
    pub fn all(&self) -> impl Iterator<Item = (LedgerKey, &KeptRow, u32)> {
        self.kept.iter().map(|(key, kept)| (*key, &kept.row, kept.have))
    }

    /// Bytes that are lent in all.
    #[must_use]
    pub const fn lent(&self) -> u64 {
        self.config.lend.bytes
    }

    /// Who shares a content that is kept here.
    #[must_use]
    pub fn owners_of(&self, file: FileId) -> Vec<PeerId> {
        let all = (file, PeerId([0; 32]))..=(file, PeerId([255; 32]));
        self.by_file.range(all).map(|(_, owner)| *owner).collect()
    }

    /// True if some of what was taken of this content is not here.
    #[must_use]
    pub fn lacks(&self, file: FileId) -> bool {
        self.keys_of(file).iter().filter_map(|key| self.kept.get(key)).any(|kept| !kept.row.whole)
    }

    fn keys_of(&self, file: FileId) -> Vec<LedgerKey> {
        self.owners_of(file).into_iter().map(|owner| (owner, file)).collect()
    }

    fn record(&mut self, record: Record) {
        self.out.push_back(KeeperOutput::Record(record));
    }

    /// When [`Self::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let due = self.due.values().map(|due| due.at).min();
        [Some(self.sweep), due, self.retries.first().map(|(t, _)| *t), self.acts.first().map(|(t, _)| *t)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((at, key)) = self.retries.first().copied().filter(|(at, _)| *at <= now) {
            self.retries.remove(&(at, key));
            if let Some(kept) = self.kept.get_mut(&key) {
                kept.retry = None;
                // It may have come meanwhile.
                if !kept.row.whole {
                    self.fetch(key, None);
                }
            }
        }
        while let Some((at, key)) = self.acts.first().copied().filter(|(at, _)| *at <= now) {
            self.acts.remove(&(at, key));
            self.recompute(now, key);
        }
        let due: Vec<(PeerId, PeerId)> =
            self.due.iter().filter(|(_, due)| due.at <= now).map(|(pair, _)| *pair).collect();
        for (to, origin) in due {
            self.report(now, to, origin);
        }
        if self.sweep <= now {
            self.sweep = now + SWEEP;
            self.expire(now);
            for released in self.kept.values().filter_map(|k| k.row.released).collect::<Vec<_>>() {
                self.sweep_for(now, released);
            }
        }
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<KeeperOutput> {
        self.out.pop_front()
    }

    fn lived(&self, now: Time) -> Lived {
        self.clock.at(now)
    }
}
