//! Who acts for a file that is kept here: its owner while that is here, else the first live keeper. Pure.

use super::kept::KeptCopy;
use super::live::LivePeers;
use super::{Keeper, KeeperOutput};
use crate::custody::distributor::Want;
use crate::custody::ledger::LedgerKey;
use crate::custody::placement;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Replica;

impl Keeper {
    /// A peer is here.
    pub fn here(&mut self, now: Time, peer: PeerId) {
        if peer == self.me || !self.live.come(peer) {
            return;
        }
        self.owners.hear(peer, &mut self.out);
        self.concerned(now, peer);
        for key in self.files.concerning(peer) {
            // Also what is being fetched: it is one more who may have it.
            if self.files.get(key).is_some_and(|k| !k.row.whole) {
                self.files.retry_at(now, key);
            }
        }
    }

    /// A peer that is here is about to leave.
    pub fn leaving(&mut self, now: Time, peer: PeerId) {
        self.live.leaving(peer);
        self.concerned(now, peer);
    }

    /// A peer is gone; `graceful`: it said so.
    pub fn gone(&mut self, now: Time, peer: PeerId, graceful: bool) {
        if self.live.gone(peer) {
            if graceful {
                // Its last word was heard, and so in the network that this machine is in now.
                self.owners.hear(peer, &mut self.out);
            }
            self.reports.gone(peer);
            if self.files.has_any_concerning(peer) {
                self.files.hear(peer, self.clock.at(now), &mut self.out);
                self.live.miss(now, peer, graceful);
            }
        }
        self.concerned(now, peer);
    }

    /// This peer is about to leave: it takes nothing more.
    pub const fn leave(&mut self) {
        self.leaving = true;
    }

    fn concerned(&mut self, now: Time, peer: PeerId) {
        for key in self.files.concerning(peer) {
            self.recompute(now, key);
        }
    }

    /// Looks again who acts for a file.
    pub(super) fn recompute(&mut self, now: Time, key: LedgerKey) {
        let Some(kept) = self.files.get(key) else { return };
        let own = kept.place(self.me);
        let is_wanted =
            kept.row.released.is_none() && self.owners.is_named(key, &kept.row.path) != Some(false);
        let may_act = is_wanted && now >= kept.act_from;
        let acting =
            kept.next_acting(key, own, self.leaving, &self.live).filter(|a| *a != self.me || may_act);
        let owner_lost = self.live.away_since(key.0);
        let Some(kept) = self.files.get_mut(key) else { return };
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
            Some(to) => self.reports.report_in(now, to, key, placement::rank(key.1, 0, self.me) % 2_000),
            None => {}
        }
    }
}

impl KeptCopy {
    /// Who acts for a file: its owner, else the first live keeper in order. `own`: what this peer has of it,
    /// which is no place for others any more if it is leaving.
    fn next_acting(&self, key: LedgerKey, own: Replica, leaving: bool, live: &LivePeers) -> Option<PeerId> {
        if live.has(key.0) {
            return Some(key.0);
        }
        let others = self.row.others.iter().filter(|p| live.stays(p.peer)).copied();
        let me = (self.row.whole && !leaving).then_some(own);
        others.chain(me).min().map(|p| p.peer).or_else(|| self.row.whole.then_some(own.peer))
    }
}
