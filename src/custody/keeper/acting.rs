//! Who acts for a file that is kept here: its owner while that is here, else the first live keeper. Pure.

use super::{Keeper, KeeperOutput, KeptCopy};
use crate::content::FileId;
use crate::custody::distributor::Want;
use crate::custody::ledger::{LedgerKey, Record};
use crate::custody::{limits, placement};
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Replica;

impl Keeper {
    /// A peer is here.
    pub fn here(&mut self, now: Time, peer: PeerId) {
        if peer == self.me || self.live.insert(peer, false).is_some() {
            return;
        }
        self.away.remove(&peer);
        self.concerned(now, peer);
        for key in self.by_peer.of(peer) {
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

    /// A peer is gone; `graceful`: it said so.
    pub fn gone(&mut self, now: Time, peer: PeerId, graceful: bool) {
        if self.live.remove(&peer).is_some() {
            self.due.retain(|(to, _), _| *to != peer);
            if self.by_peer.has(peer) {
                self.hear(now, peer);
                self.away.insert(peer, (now, graceful));
            }
        }
        self.concerned(now, peer);
    }

    /// This peer is about to leave: it takes nothing more.
    pub const fn leave(&mut self) {
        self.leaving = true;
    }

    fn concerned(&mut self, now: Time, peer: PeerId) {
        for key in self.by_peer.of(peer) {
            self.recompute(now, key);
        }
    }

    /// The owner itself was heard: its files begin to age again.
    pub(super) fn hear(&mut self, now: Time, origin: PeerId) {
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
    pub(super) fn acting(&self, key: LedgerKey, kept: &KeptCopy) -> Option<PeerId> {
        if self.live.contains_key(&key.0) {
            return Some(key.0);
        }
        let others = kept.row.others.iter().filter(|p| self.live.get(&p.peer) == Some(&false));
        let own = (kept.row.whole && !self.leaving).then_some(self.place(kept));
        others.copied().chain(own).min().map(|p| p.peer).or_else(|| kept.row.whole.then_some(self.me))
    }

    pub(super) const fn place(&self, kept: &KeptCopy) -> Replica {
        Replica { copy: kept.row.copy, span: kept.row.span, peer: self.me }
    }

    /// Looks again who acts for a file.
    pub(super) fn recompute(&mut self, now: Time, key: LedgerKey) {
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
}
