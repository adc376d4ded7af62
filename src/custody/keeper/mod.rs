//! What a peer keeps for others: takes offers, fetches, reports, obeys those who may order. Pure.
//!
//! Offers are decided in `offers`, orders and expiry in `orders`. Only the owner can have anything dropped
//! as deleted, and only after a day; a copy too many is dropped for another keeper's word only after the
//! others proved to *this* peer that they have theirs. No message makes it name, write or open a path.

mod offers;
mod orders;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::distributor::Want;
use super::ledger::{KeptRow, Ledger, LedgerKey, Lived, LivedClock, Present, Record, Shared};
use super::owner_catalogue::OwnerCatalogue;
use super::placement;
use super::quota::{Lend, Quota};
use crate::content::{Catalogue, FileId, Span};
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
    /// See whether that peer has this chunk; then [`Keeper::proved`].
    Prove {
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
        /// Since when the owner is away, and whether it left properly.
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
    /// Since when others are away, and whether they left properly.
    away: BTreeMap<PeerId, (Time, bool)>,
    began: Time,
    quota: Quota,
    estates: BTreeMap<PeerId, OwnerCatalogue>,
    witnesses: BTreeMap<PeerId, BTreeSet<PeerId>>,
    /// Heads whose catalogue was asked for.
    pulled: BTreeMap<PeerId, (crate::identity::Instance, u64)>,
    kept: BTreeMap<LedgerKey, KeptCopy>,
    /// Where a file of this owner, or of this keeper, is concerned.
    by_peer: BTreeMap<PeerId, BTreeSet<LedgerKey>>,
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
            estates: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            pulled: BTreeMap::new(),
            kept: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            by_file: BTreeSet::new(),
            due: BTreeMap::new(),
            retries: BTreeSet::new(),
            acts: BTreeSet::new(),
            sweep: now + SWEEP,
            leaving: false,
            out: VecDeque::new(),
        };
        for (origin, row) in &ledger.estates {
            let all = (*origin, 0)..=(*origin, u8::MAX);
            let buckets = ledger.buckets.range(all).map(|((_, i), bytes)| (*i, bytes.clone()));
            if let Some(estate) = OwnerCatalogue::restore(*origin, row, buckets) {
                keeper.estates.insert(*origin, estate);
                keeper.witnesses.insert(*origin, row.witnesses.iter().copied().collect());
            }
        }
        for (key, row) in &ledger.kept {
            if keeper.estates.contains_key(&key.0) && row.span.fits(row.size) {
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
            // Its room is no longer free; the books take it off only once.
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
            self.by_peer.entry(peer).or_default().insert(key);
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

    /// Bytes that were accepted and are not here: their room is not free, though nothing lies there yet.
    #[must_use]
    pub fn coming(&self) -> u64 {
        let coming = self.kept.values().filter(|k| !k.row.whole).map(|k| k.row.span.bytes(k.row.size));
        coming.fold(0, u64::saturating_add)
    }

    /// All that was taken, by owner and file, and how many of its chunks are here.
    pub fn all(&self) -> impl Iterator<Item = (LedgerKey, &KeptRow, u32)> {
        self.kept.iter().map(|(key, kept)| (*key, &kept.row, kept.have))
    }

    /// The owners whose files anybody may have now: one who was here when they were taken is heard.
    #[must_use]
    pub fn open_owners(&self) -> BTreeSet<PeerId> {
        let heard = |w: &BTreeSet<PeerId>| w.iter().any(|w| self.live.contains_key(w));
        self.witnesses.iter().filter(|(_, w)| heard(w)).map(|(owner, _)| *owner).collect()
    }

    /// The owners whose catalogues are known here.
    pub fn owners(&self) -> impl Iterator<Item = (PeerId, &OwnerCatalogue)> {
        self.estates.iter().map(|(owner, estate)| (*owner, estate))
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

    /// What is known of an owner whose files are kept here: for a list that shows it as away.
    #[must_use]
    pub fn estate(&self, origin: PeerId) -> Option<&OwnerCatalogue> {
        self.estates.get(&origin)
    }

    /// Seconds since an owner was last heard.
    #[must_use]
    pub fn quiet(&self, now: Time, key: LedgerKey) -> u64 {
        let Some(kept) = self.kept.get(&key).filter(|_| !self.live.contains_key(&key.0)) else { return 0 };
        self.clock.at(now).since(kept.row.heard).as_secs()
    }

    /// A peer is here.
    pub fn here(&mut self, now: Time, peer: PeerId) {
        if peer == self.me || self.live.insert(peer, false).is_some() {
            return;
        }
        self.away.remove(&peer);
        self.concerned(now, peer);
        for key in self.by_peer.get(&peer).map(|k| k.iter().copied().collect::<Vec<_>>()).unwrap_or_default()
        {
            // Also what is being fetched: it is one more who may have it.
            if self.kept.get(&key).is_some_and(|k| !k.row.whole) {
                self.retry_at(now, key);
            }
        }
    }

    /// A peer that is here is about to leave.
    pub fn leaving(&mut self, now: Time, peer: PeerId) {
        if let Some(leaving) = self.live.get_mut(&peer) {
            *leaving = true;
        }
        self.concerned(now, peer);
    }

    /// A peer is gone; `properly`: it said so.
    pub fn gone(&mut self, now: Time, peer: PeerId, properly: bool) {
        if self.live.remove(&peer).is_some() {
            self.due.retain(|(to, _), _| *to != peer);
            if self.by_peer.contains_key(&peer) {
                self.hear(now, peer);
                self.away.insert(peer, (now, properly));
            }
        }
        self.concerned(now, peer);
    }

    /// This peer is about to leave: it takes nothing more.
    pub const fn leave(&mut self) {
        self.leaving = true;
    }

    fn concerned(&mut self, now: Time, peer: PeerId) {
        let keys = self.by_peer.get(&peer).map(|k| k.iter().copied().collect::<Vec<_>>());
        for key in keys.unwrap_or_default() {
            self.recompute(now, key);
        }
    }

    /// The owner itself was heard: its files begin to age anew.
    fn hear(&mut self, now: Time, origin: PeerId) {
        let lived = self.clock.at(now);
        let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        for (key, kept) in self.kept.range_mut(range) {
            // Not more often than once a day: it is a write for each file.
            if lived.since(kept.row.heard) >= limits::KEEP_DELETED {
                kept.row.heard = lived;
                self.out.push_back(KeeperOutput::Record(Record::Kept(*key, Some(kept.row.clone()))));
            }
        }
    }

    /// Who acts for a file: its owner, else the first live one in order.
    fn acting(&self, key: LedgerKey, kept: &KeptCopy) -> Option<PeerId> {
        if self.live.contains_key(&key.0) {
            return Some(key.0);
        }
        let others = kept.row.others.iter().filter(|p| self.live.get(&p.peer) == Some(&false));
        let own = (kept.row.whole && !self.leaving).then_some(self.place(kept));
        others.copied().chain(own).min().map(|p| p.peer).or_else(|| kept.row.whole.then_some(self.me))
    }

    const fn place(&self, kept: &KeptCopy) -> Replica {
        Replica { copy: kept.row.copy, span: kept.row.span, peer: self.me }
    }

    /// Looks again who acts for a file.
    fn recompute(&mut self, now: Time, key: LedgerKey) {
        let Some(kept) = self.kept.get(&key) else { return };
        let is_wanted = kept.row.released.is_none() && self.is_named(key, kept) != Some(false);
        let may_act = is_wanted && now >= kept.act_from;
        let acting = self.acting(key, kept).filter(|a| *a != self.me || may_act);
        let owner_lost = self.away.get(&key.0).copied().unwrap_or((self.began, false));
        let own = self.place(kept);
        let Some(kept) = self.kept.get_mut(&key) else { return };
        let before = std::mem::replace(&mut kept.acting, acting);
        if before == acting {
            return;
        }
        if before == Some(self.me) {
            self.out.push_back(KeeperOutput::Untend(key));
        }
        match acting {
            Some(peer) if peer == self.me => {
                let row = &kept.row;
                let want = Want { size: row.size, path: row.path.clone(), copies: row.copies };
                let places = row.others.iter().copied().chain([own]).collect();
                self.out.push_back(KeeperOutput::Tend { key, want, places, owner_lost });
            }
            // Not all keepers at the same moment.
            Some(to) => self.report_in(now, to, key, placement::rank(key.1, 0, self.me) % 2_000),
            None => {}
        }
    }

    /// True if the owner's newest head names the file, `None` if that is not known.
    fn is_named(&self, key: LedgerKey, kept: &KeptCopy) -> Option<bool> {
        self.estates.get(&key.0).and_then(|e| e.names(key.1, &kept.row.path))
    }

    fn report_in(&mut self, now: Time, to: PeerId, (origin, file): LedgerKey, milliseconds: u64) {
        let at = now + core::time::Duration::from_millis(milliseconds);
        let all = now + limits::REPORT_EVERY;
        let due = self.due.entry((to, origin)).or_insert_with(|| Due { at, all, news: BTreeSet::new() });
        due.at = at.min(due.at);
        due.news.insert(file);
    }

    /// So many of a file's chunks are here, all of those that [`KeeperOutput::Fetch`] named if `is_whole`.
    pub fn fetched(&mut self, now: Time, file: FileId, span: Span, have: u32, is_whole: bool) {
        for key in self.keys_of(file) {
            let Some(kept) = self.kept.get_mut(&key).filter(|k| k.row.span == span && !k.row.whole) else {
                continue;
            };
            kept.have = have.min(span.len());
            if is_whole {
                kept.have = span.len();
                kept.row.whole = true;
                let row = kept.row.clone();
                self.record(Record::Kept(key, Some(row)));
                self.recompute(now, key);
            }
            if let Some(to) = self.kept.get(&key).and_then(|k| k.acting).filter(|a| *a != self.me) {
                self.report_in(now, to, key, if is_whole { 200 } else { 5_000 });
            }
        }
    }

    /// A file's chunks could not be had from those that were named.
    pub fn failed(&mut self, now: Time, file: FileId) {
        for key in self.keys_of(file) {
            if self.kept.get(&key).is_some_and(|k| !k.row.whole) {
                self.retry_at(now + limits::NO_HOLDER, key);
            }
        }
    }

    /// Chunks that were here turned out to be damaged or gone: they are fetched again.
    pub fn lost(&mut self, now: Time, file: FileId) {
        for key in self.keys_of(file) {
            if let Some(kept) = self.kept.get_mut(&key) {
                (kept.row.whole, kept.have) = (false, 0);
                let row = kept.row.clone();
                self.record(Record::Kept(key, Some(row)));
                self.recompute(now, key);
                self.retry_at(now, key);
            }
        }
    }

    fn retry_at(&mut self, at: Time, key: LedgerKey) {
        if let Some(kept) = self.kept.get_mut(&key) {
            if let Some(old) = kept.retry.replace(at) {
                self.retries.remove(&(old, key));
            }
            self.retries.insert((at, key));
        }
    }

    fn keys_of(&self, file: FileId) -> Vec<LedgerKey> {
        self.owners_of(file).into_iter().map(|owner| (owner, file)).collect()
    }

    /// `from` offered it just now, so that it is here whatever presence says.
    fn fetch(&mut self, key: LedgerKey, from: Option<PeerId>) {
        let Some(kept) = self.kept.get(&key) else { return };
        let known = kept.row.others.iter().map(|p| p.peer).chain([key.0]);
        let mut sources: Vec<PeerId> = known.filter(|p| self.live.contains_key(p)).chain(from).collect();
        sources.sort_unstable();
        sources.dedup();
        let row = &kept.row;
        self.out.push_back(KeeperOutput::Fetch { file: key.1, size: row.size, span: row.span, sources });
    }

    /// An owner's whole catalogue, under its signed head.
    pub fn learned(&mut self, now: Time, origin: PeerId, signed: &Shared, catalogue: &Catalogue) {
        let Some(known) = self.estates.get_mut(&origin) else { return };
        let Some(newer) = OwnerCatalogue::whole(origin, signed, catalogue) else { return };
        if newer.number() < known.number() {
            return;
        }
        let before: BTreeSet<u8> = known.buckets().map(|(i, _)| i).collect();
        known.renew(newer);
        let after: Vec<_> = known.buckets().map(|(i, b)| (i, b.bytes())).collect();
        for index in before.iter().filter(|i| !after.iter().any(|(j, _)| j == *i)) {
            self.out.push_back(KeeperOutput::Record(Record::Bucket(origin, *index, None)));
        }
        for (index, bytes) in after {
            self.out.push_back(KeeperOutput::Record(Record::Bucket(origin, index, Some(bytes))));
        }
        self.record_estate(origin);
        self.named_anew(now, origin);
    }

    /// The owner's head is another one: what it names may be at other paths, or gone.
    fn named_anew(&mut self, now: Time, origin: PeerId) {
        let Some(estate) = self.estates.get(&origin) else { return };
        let paths: BTreeMap<FileId, _> = estate
            .entries()
            .filter_map(|e| match e.kind {
                crate::content::EntryKind::File { id, .. } => Some((id, e.path.clone())),
                crate::content::EntryKind::Folder => None,
            })
            .collect();
        let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        let keys: Vec<LedgerKey> = self.kept.range(range).map(|(k, _)| *k).collect();
        for key in keys {
            let Some(kept) = self.kept.get(&key) else { continue };
            if let Some(path) = paths.get(&key.1).filter(|_| self.is_named(key, kept) == Some(true))
                && self.estates.get(&origin).is_some_and(|e| !e.lies_at(key.1, &kept.row.path))
                && let Some(kept) = self.kept.get_mut(&key)
            {
                kept.row.path = path.clone();
                let row = kept.row.clone();
                self.record(Record::Kept(key, Some(row)));
            }
            self.recompute(now, key);
            // What the owner does not name any more, or names again, it may want to say more of.
            let is_settled = self
                .kept
                .get(&key)
                .is_some_and(|kept| self.is_named(key, kept) == Some(true) && kept.row.released.is_none());
            if self.live.contains_key(&origin) && !is_settled {
                self.report_in(now, origin, key, 1_000);
            }
        }
    }

    fn record_estate(&mut self, origin: PeerId) {
        if let Some(estate) = self.estates.get(&origin) {
            let witnesses = self.witnesses.get(&origin).map(|w| w.iter().copied().collect());
            let row = estate.row(witnesses.unwrap_or_default());
            self.record(Record::Estate(origin, Some(row)));
        }
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

    fn report(&mut self, now: Time, to: PeerId, origin: PeerId) {
        let Some(mut due) = self.due.remove(&(to, origin)) else { return };
        let row = |file: FileId, k: &KeptCopy| ReportRow {
            file,
            size: k.row.size,
            copies: k.row.copies,
            copy: k.row.copy,
            span: k.row.span,
            have: k.have,
        };
        let news = std::mem::take(&mut due.news);
        let is_all = due.all <= now;
        let rows: Vec<ReportRow> = if is_all {
            due.all = now + limits::REPORT_EVERY;
            let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
            let kept = self.kept.range(range).filter(|(_, k)| k.acting == Some(to));
            kept.map(|((_, file), k)| row(*file, k)).collect()
        } else {
            let kept = news.into_iter().filter_map(|file| Some((file, self.kept.get(&(origin, file))?)));
            kept.filter(|(_, k)| k.acting == Some(to)).map(|(file, k)| row(file, k)).collect()
        };
        for page in rows.chunks(limits::REPORT_ROWS) {
            self.out.push_back(KeeperOutput::Report { to, origin, rows: page.to_vec() });
        }
        // The last of it may have been dropped: then there is nothing more to be said.
        if !(is_all && rows.is_empty()) {
            due.at = due.all;
            self.due.insert((to, origin), due);
        }
    }

    /// The head that is known of an owner.
    #[must_use]
    pub fn head(&self, origin: PeerId) -> Option<((crate::identity::Instance, u64), Shared)> {
        self.estates.get(&origin).map(|e| (e.number(), Shared::clone(e.signed())))
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<KeeperOutput> {
        self.out.pop_front()
    }

    fn lived(&self, now: Time) -> Lived {
        self.clock.at(now)
    }
}
