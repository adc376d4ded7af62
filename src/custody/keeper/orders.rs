//! What becomes of the answers to reports; what expires. Pure.

use super::accounting::{pull_again, settle_catalogue};
use super::kept::KeptCopy;
use super::offers::fit_others;
use super::sources::{challenge_others, confirm_source, hear_source};
use super::{Keeper, KeeperOutput};
use crate::content::Span;
use crate::custody::ledger::{LedgerKey, Record};
use crate::custody::limits;
use crate::custody::placement;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{Order, Orders, Replica, ReportRow, Verdict};

impl Keeper {
    /// The answer to a report. Whoever does not act for a file orders nothing.
    pub fn ordered(&mut self, now: Time, from: PeerId, orders: &Orders) {
        let origin = orders.origin;
        if let Some(signed) = &orders.head {
            self.hear_head(now, from, origin, signed);
        }
        for Order { file, verdict } in &orders.rows {
            let key = (origin, *file);
            hear_source(self, now, from, key, verdict);
            if self.files.get(key).is_some_and(|k| k.acting == Some(from) || from == origin) {
                self.obey(now, from, key, verdict);
            }
        }
    }

    fn obey(&mut self, now: Time, from: PeerId, key: LedgerKey, verdict: &Verdict) {
        let is_owner = from == key.0;
        let lived = self.clock.at(now);
        match verdict {
            Verdict::Keep(places) | Verdict::GiveBack(places) => {
                let Some(size) = self.files.get(key).map(|k| k.row.size) else { return };
                let mut others = fit_others(self.me, key, size, places);
                let Some(kept) = self.files.get_mut(key) else { return };
                // Whoever acts knows better than before who is here; itself it does not name.
                others.extend(kept.row.others.iter().filter(|p| p.peer == from));
                others.sort_unstable();
                others.dedup_by_key(|p| p.peer);
                let before = kept.row.clone();
                if is_owner {
                    kept.row.released = None;
                }
                // Those who are away stay known: if all others go, one of them may come back and act.
                let away = kept.row.others.iter().filter(|p| !self.live.has(p.peer));
                let away: Vec<Replica> =
                    away.filter(|p| !others.iter().any(|o| o.peer == p.peer)).copied().collect();
                others.extend(away);
                others.truncate(limits::PLACES);
                self.files.set_keepers(key, others);
                if self.files.get(key).is_some_and(|kept| kept.row != before) {
                    self.files.record(key, &mut self.out);
                    self.recompute(now, key);
                }
            }
            Verdict::Release if is_owner => {
                let Some(kept) = self.files.get_mut(key) else { return };
                if kept.row.released.is_none() {
                    kept.row.released = Some(lived);
                    self.files.record(key, &mut self.out);
                    self.recompute(now, key);
                    self.sweep_for(now, lived);
                }
            }
            Verdict::Spare if is_owner => self.drop_file(now, key),
            Verdict::Spare => challenge_others(self, now, key),
            Verdict::NotActing(places) => self.learn_places(now, key, places),
            Verdict::NotKept => {
                let Some(kept) = self.files.get_mut(key) else { return };
                kept.denied.insert(from, now + limits::REFUSED_FOR);
                kept.denied.retain(|_, until| *until > now);
                forget_keeper(self, now, key, from);
            }
            Verdict::Release | Verdict::Other => {}
        }
    }

    /// Whether the chunk of [`KeeperOutput::Challenge`] was right.
    pub fn challenge_answered(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        let Some(kept) = self.files.get_mut(key) else { return };
        let Some((shown, until)) = &mut kept.sparing else { return };
        let Some(place) = kept.row.others.iter().find(|p| p.peer == peer) else { return };
        if !is_right || *until <= now {
            return;
        }
        shown.push(place.span);
        let whole = Span::whole(kept.row.size).unwrap_or(kept.row.span);
        if placement::copies(whole, shown) >= u32::from(kept.row.copies) {
            self.drop_file(now, key);
        }
    }

    /// A keeper reports a file to this peer, which does not act for it. What to tell it.
    pub fn reported(&mut self, now: Time, from: PeerId, key: LedgerKey, row: &ReportRow) -> Verdict {
        if self.files.get(key).is_none() {
            return Verdict::NotKept;
        }
        if row.dropped {
            forget_keeper(self, now, key, from);
            return Verdict::NotKept;
        }
        self.learn_places(now, key, &[Replica { copy: row.copy, span: row.span, peer: from }]);
        if row.have > 0 {
            confirm_source(self, now, from, key);
        }
        let Some(kept) = self.files.get(key) else { return Verdict::NotKept };
        let mut places: Vec<Replica> = kept.row.others.iter().filter(|p| p.peer != from).copied().collect();
        if kept.row.whole {
            places.push(kept.place(self.me));
        }
        places.truncate(limits::PLACES);
        Verdict::NotActing(places)
    }

    /// Drops what has expired.
    pub(super) fn expire(&mut self, now: Time) {
        let lived = self.clock.at(now);
        self.out.push_back(KeeperOutput::Record(Record::Lived(lived)));
        for (origin, _) in self.owners.iter().filter(|(origin, _)| self.live.has(*origin)) {
            self.files.hear(origin, lived, &mut self.out);
        }
        let is_old = |k: &KeptCopy| {
            let released = k.row.released.is_some_and(|at| lived.since(at) >= self.config.keep_deleted);
            released || lived.since(k.row.heard) >= self.config.keep
        };
        let old: Vec<LedgerKey> = self.files.iter().filter(|(_, k)| is_old(k)).map(|(key, _)| key).collect();
        for key in old {
            self.drop_file(now, key);
        }
        pull_again(self);
    }

    /// Forgets a file, and drops its chunks as far as no other owner has them kept here.
    pub(super) fn drop_file(&mut self, now: Time, key: LedgerKey) {
        let Some(kept) = self.files.remove(key) else { return };
        let (origin, file) = key;
        self.quota.give_back(kept.quota_item(key));
        if kept.acting == Some(self.me) {
            self.out.push_back(KeeperOutput::Untend(key));
        }
        self.out.push_back(KeeperOutput::Record(Record::Kept(key, None)));
        let others = self.files.keys_of(file);
        let keep = others.into_iter().filter_map(|k| self.files.get(k)).map(|k| k.row.span).collect();
        self.out.push_back(KeeperOutput::Drop { file, keep });
        if self.files.of_owner(origin).next().is_none() {
            self.live.forget(origin);
            self.owners.forget(origin, &mut self.out);
            settle_catalogue(self, now, origin);
        }
    }
}

/// A peer says that it keeps nothing of a file.
fn forget_keeper(keeper: &mut Keeper, now: Time, key: LedgerKey, peer: PeerId) {
    let Some(kept) = keeper.files.get(key) else { return };
    let others: Vec<Replica> = kept.row.others.iter().filter(|p| p.peer != peer).copied().collect();
    if others.len() < kept.row.others.len() {
        keeper.files.set_keepers(key, others);
        keeper.files.record(key, &mut keeper.out);
    }
    keeper.recompute(now, key);
}
