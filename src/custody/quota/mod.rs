//! What is lent to others, and how it is divided. Pure.
//!
//! Lent is `--lend`, and never so much that the file system's reserve is touched. One origin may have
//! `lent / max(8, live origins)`, and so may one host: a thousand identities at one address get no more than
//! one. When all is taken, who holds less than its share gets it from the host furthest above its own.
//!
//! Each file costs more than its bytes: a row in memory and in the ledger, a file and its sidecar in the
//! store. So nobody fills a peer with files of one byte. What is only promised is bounded apart, for it costs
//! whoever offers it nothing.

use std::collections::BTreeMap;

use core::net::IpAddr;

use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::address::Host;
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Space;

/// How much may be lent.
#[derive(Clone, Copy, Debug)]
pub struct Lend {
    /// Bytes for others, in all; 0 turns keeping off. Default: [`default_lend`].
    pub bytes: u64,
    /// Bytes of free space that are never touched. Default: `LEND_RESERVE`.
    pub reserve: u64,
}

impl Lend {
    /// Bytes that may be promised before any of them came.
    const fn promised(self) -> u64 {
        self.bytes / limits::PROMISED_PART
    }
}

/// What is lent when nothing else was said: the smaller of 10 GiB and a tenth of the free space.
#[must_use]
pub fn default_lend(free: u64) -> u64 {
    limits::LEND.min(free / 10)
}

/// Chunks of a file: whose they are, where the offer came from, and how much they are.
#[derive(Clone, Copy, Debug)]
pub struct QuotaItem {
    /// Which file of which owner.
    pub key: LedgerKey,
    /// The address that offered it.
    pub source: IpAddr,
    /// Bytes of its chunks.
    pub bytes: u64,
}

/// The books: what is taken, by origin and by host.
#[derive(Clone, Debug)]
pub struct Quota {
    lend: Lend,
    /// Free bytes of the file system, without what is promised but not here yet.
    free: u64,
    /// All that is taken, with what each file costs beside its bytes.
    space: Account<PeerId, LedgerKey>,
    /// Of this, what was accepted and nothing came of.
    promises: Account<PeerId, LedgerKey>,
    /// The catalogues of owners.
    catalogues: Account<PeerId, PeerId>,
    taken: TakenSpace,
    origins: BTreeMap<PeerId, TakenSpace>,
    hosts: BTreeMap<AccountHost, TakenSpace>,
}

#[derive(Clone, Copy, Debug, Default)]
struct TakenSpace {
    bytes: u64,
    files: u64,
}

impl TakenSpace {
    /// What this costs on the disk.
    const fn cost(self) -> u64 {
        self.bytes.saturating_add(self.files.saturating_mul(limits::KEPT_COST))
    }
}

/// The payer of what `origin` has kept here, offered from the address `source`.
fn payer(origin: PeerId, source: IpAddr) -> Payer<PeerId> {
    Payer { host: Host { ip: source, scope: 0 }.into(), peer: origin }
}

impl Quota {
    /// Nothing is taken yet; `free` bytes are free.
    #[must_use]
    pub fn new(lend: Lend, free: u64) -> Self {
        let promised = lend.promised();
        let catalogues = limits::CATALOGUES_KEPT.min(promised);
        let mut quota = Self {
            lend,
            free,
            space: Account::new(lend.bytes, lend.bytes / limits::HOSTS_KEPT_FOR),
            promises: Account::new(promised, promised / limits::HOSTS_KEPT_FOR),
            catalogues: Account::new(catalogues, catalogues / limits::HOSTS_KEPT_FOR),
            taken: TakenSpace::default(),
            origins: BTreeMap::new(),
            hosts: BTreeMap::new(),
        };
        quota.limit();
        quota
    }

    /// The file system has so many free bytes, those aside that accepted chunks will still need.
    pub fn set_free(&mut self, free: u64) {
        self.free = free;
        self.limit();
    }

    /// Bytes that are lent in all.
    #[must_use]
    pub const fn lent(&self) -> u64 {
        self.lend.bytes
    }

    /// Bytes that may be lent and are not.
    #[must_use]
    pub fn spare(&self) -> u64 {
        self.lendable().saturating_sub(self.space.held())
    }

    /// Bytes of content taken in all.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken.bytes
    }

    /// Bytes of content taken for one origin.
    #[must_use]
    pub fn taken_for(&self, origin: PeerId) -> u64 {
        self.origins.get(&origin).map_or(0, |taken| taken.bytes)
    }

    /// What one origin or one host may have: by those origins that are live and have something here, `asker`
    /// with them.
    #[must_use]
    pub fn share(&self, asker: PeerId, is_live: impl Fn(PeerId) -> bool) -> u64 {
        let others = self.origins.keys().filter(|o| **o != asker && is_live(**o)).count() as u64;
        self.lend.bytes / limits::SHARES_MIN.max(others + 1)
    }

    /// The space for `origin` when it is offered from `source`.
    #[must_use]
    pub fn space(&self, origin: PeerId, source: IpAddr, is_live: impl Fn(PeerId) -> bool) -> Space {
        let payer = payer(origin, source);
        let share = self.share(origin, is_live);
        let left = |taken: Option<&TakenSpace>| share.saturating_sub(taken.map_or(0, |t| t.cost()));
        let by_host = match payer.host {
            // All peers of a link are one host for the account, and still are many peers.
            AccountHost::Link(_) => u64::MAX,
            AccountHost::V4(_) | AccountHost::V6(_) | AccountHost::Unproved => {
                left(self.hosts.get(&payer.host))
            }
        };
        let by_share = left(self.origins.get(&origin)).min(by_host).saturating_sub(limits::KEPT_COST);
        let by_account = self.space.available(payer).min(self.promises.available(payer));
        let share = by_share.min(by_account.saturating_sub(self.row()));
        let free = self.lendable().saturating_sub(self.space.held()).saturating_sub(self.row());
        Space { request: 0, free: free.max(share), share }
    }

    /// What a file counts beside its bytes: so much that no more than [`limits::KEPT`] fit into what is lent.
    fn row(&self) -> u64 {
        limits::KEPT_COST.max(self.lend.bytes / limits::KEPT as u64)
    }

    /// What may be lent at present, as catalogues and the disk allow.
    fn lendable(&self) -> u64 {
        let lent = self.lend.bytes.saturating_sub(self.catalogues.held());
        lent.min(self.space.held().saturating_add(self.free.saturating_sub(self.lend.reserve)))
    }

    fn limit(&mut self) {
        let limit = self.lendable();
        self.space.set_limit(limit);
    }

    /// Takes chunks that are only promised yet; the files that yield for it are to be dropped. `None`: there is no
    /// space for it, and nothing is taken. [`Self::space`] tells how many bytes fit, but not whether a file without
    /// any has room for what it costs beside them.
    pub fn take(&mut self, now: Time, item: QuotaItem) -> Option<Vec<LedgerKey>> {
        let (payer, cost) = (payer(item.key.0, item.source), item.bytes.saturating_add(self.row()));
        if self.promises.available(payer).min(self.space.available(payer)) < cost {
            return None;
        }
        let mut yielding = Vec::new();
        for account in [&mut self.promises, &mut self.space] {
            match account.charge(now, payer, item.key, cost) {
                Grant::Given(gone) => yielding.extend(gone),
                Grant::Refused => debug_assert!(false, "what is available is given"),
            }
        }
        self.count(&item);
        yielding.sort_unstable();
        yielding.dedup();
        Some(yielding)
    }

    /// Takes what was kept before this start, though less may be lent now. `promised`: nothing of it is here.
    pub fn restore(&mut self, now: Time, item: QuotaItem, promised: bool) {
        let (payer, cost) = (payer(item.key.0, item.source), item.bytes.saturating_add(self.row()));
        self.space.set_limit(u64::MAX);
        self.space.charge(now, payer, item.key, cost);
        if promised {
            self.promises.set_limit(u64::MAX);
            self.promises.charge(now, payer, item.key, cost);
            self.promises.set_limit(self.lend.promised());
        }
        self.count(&item);
    }

    fn count(&mut self, item: &QuotaItem) {
        let host = payer(item.key.0, item.source).host;
        let (origin, host) =
            (self.origins.entry(item.key.0).or_default(), self.hosts.entry(host).or_default());
        for taken in [&mut self.taken, origin, host] {
            taken.bytes = taken.bytes.saturating_add(item.bytes);
            taken.files += 1;
        }
        self.free = self.free.saturating_sub(item.bytes);
        self.limit();
    }

    /// Some of a file came: it is no longer only promised, and of its owner's files the last to yield.
    pub fn came(&mut self, now: Time, key: LedgerKey) {
        self.promises.free(key);
        self.space.touch(now, key);
    }

    /// Gives back what was taken so.
    pub fn give_back(&mut self, item: QuotaItem) {
        fn less<K: Ord>(map: &mut BTreeMap<K, TakenSpace>, key: K, bytes: u64) {
            if let Some(taken) = map.get_mut(&key) {
                taken.bytes = taken.bytes.saturating_sub(bytes);
                taken.files = taken.files.saturating_sub(1);
                if taken.files == 0 {
                    map.remove(&key);
                }
            }
        }
        self.promises.free(item.key);
        self.space.free(item.key);
        self.taken.bytes = self.taken.bytes.saturating_sub(item.bytes);
        self.taken.files = self.taken.files.saturating_sub(1);
        less(&mut self.origins, item.key.0, item.bytes);
        less(&mut self.hosts, payer(item.key.0, item.source).host, item.bytes);
        self.free = self.free.saturating_add(item.bytes);
        self.limit();
    }

    /// Takes so many bytes of an owner's catalogue; 0: it is no longer known. `None` if there is no space for
    /// it; else the owners whose catalogues yield for it.
    pub fn catalogue(
        &mut self,
        now: Time,
        origin: PeerId,
        source: IpAddr,
        bytes: u64,
    ) -> Option<Vec<PeerId>> {
        let grant = match bytes {
            0 => {
                self.catalogues.free(origin);
                Grant::Given(Vec::new())
            }
            bytes => self.catalogues.charge(now, payer(origin, source), origin, bytes),
        };
        self.limit();
        match grant {
            Grant::Given(gone) => Some(gone),
            Grant::Refused => None,
        }
    }

    /// In a debug build: what is charged is what is kept, promised and known.
    ///
    /// # Panics
    /// When it is not.
    pub(super) fn check(
        &self,
        kept: impl Iterator<Item = QuotaItem> + Clone,
        promised: impl Fn(LedgerKey) -> bool,
        catalogues: impl Iterator<Item = (PeerId, u64)>,
    ) {
        let cost = |item: QuotaItem| (item.key, item.bytes.saturating_add(self.row()));
        self.space.check("what is kept", kept.clone().map(cost));
        self.promises.check("what is promised", kept.map(cost).filter(|(key, _)| promised(*key)));
        self.catalogues.check("catalogues of owners", catalogues);
    }
}

#[cfg(test)]
mod tests;
