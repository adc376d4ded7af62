//! What becomes of the answers to reports; what expires. Pure.

use super::{Keeper, KeeperOutput};
use crate::content::{FileId, Span};
use crate::custody::ledger::{LedgerKey, Record, Shared};
use crate::custody::limits;
use crate::custody::owner_catalogue::OwnerCatalogue;
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
            if self.kept.get(&key).is_some_and(|k| k.acting == Some(from) || from == origin) {
                self.obey(now, from, key, verdict);
            }
        }
    }

    /// A head of an owner, signed by it; if it is newer than the known one, the catalogue is pulled.
    pub fn hear_head(&mut self, now: Time, from: PeerId, origin: PeerId, signed: &Shared) {
        if let Some(known) = self.owner_catalogues.get_mut(&origin)
            && known.signed() != signed
            && let Some(newer) = OwnerCatalogue::open(origin, signed)
            && newer.number() > known.number()
        {
            known.renew(newer);
            self.record_owner(origin);
            self.pull(origin, from);
            self.named_again(now, origin);
        }
    }

    fn obey(&mut self, now: Time, from: PeerId, key: LedgerKey, verdict: &Verdict) {
        let is_owner = from == key.0;
        let lived = self.lived(now);
        match verdict {
            Verdict::Keep(places) | Verdict::GiveBack(places) => {
                let Some(size) = self.kept.get(&key).map(|k| k.row.size) else { return };
                let mut others = self.fit_others(key, size, places);
                let Some(kept) = self.kept.get_mut(&key) else { return };
                // Whoever acts knows better than before who is here; itself it does not name.
                others.extend(kept.row.others.iter().filter(|p| p.peer == from));
                others.sort_unstable();
                others.dedup_by_key(|p| p.peer);
                let before = kept.row.clone();
                if is_owner {
                    kept.row.released = None;
                }
                // Those who are away stay known: if all others go, one of them may come back and act.
                let away = kept.row.others.iter().filter(|p| !self.live.contains_key(&p.peer));
                let away: Vec<Replica> =
                    away.filter(|p| !others.iter().any(|o| o.peer == p.peer)).copied().collect();
                others.extend(away);
                others.truncate(limits::PLACES);
                kept.row.others = others;
                if kept.row != before {
                    let row = kept.row.clone();
                    for place in &row.others {
                        self.by_peer.add(place.peer, key);
                    }
                    self.record(Record::Kept(key, Some(row)));
                    self.recompute(now, key);
                }
            }
            Verdict::Release if is_owner => {
                let Some(kept) = self.kept.get_mut(&key) else { return };
                if kept.row.released.is_none() {
                    kept.row.released = Some(lived);
                    let row = kept.row.clone();
                    self.record(Record::Kept(key, Some(row)));
                    self.recompute(now, key);
                    self.sweep_for(now, lived);
                }
            }
            Verdict::Spare if is_owner => self.drop_file(key),
            Verdict::Spare => self.ask_others(now, key),
            Verdict::NotActing(places) => self.merge(now, key, places),
            Verdict::NotKept => {
                let Some(kept) = self.kept.get_mut(&key) else { return };
                kept.row.others.retain(|p| p.peer != from);
                kept.denied.insert(from, now + limits::REFUSED_FOR);
                kept.denied.retain(|_, until| *until > now);
                let row = kept.row.clone();
                self.record(Record::Kept(key, Some(row)));
                self.recompute(now, key);
            }
            Verdict::Release | Verdict::Other => {}
        }
    }

    /// Another keeper says that this part is not needed: the others are challenged first.
    fn ask_others(&mut self, now: Time, key: LedgerKey) {
        let Some(kept) = self.kept.get_mut(&key) else { return };
        if kept.sparing.as_ref().is_some_and(|(_, until)| *until > now) {
            return;
        }
        kept.sparing = Some((Vec::new(), now + limits::REFUSED_FOR));
        let size = kept.row.size;
        let others: Vec<Replica> =
            kept.row.others.iter().filter(|p| self.live.get(&p.peer) == Some(&false)).copied().collect();
        for place in others {
            let hash = blake3::keyed_hash(&self.me.0, &[&now.0.to_le_bytes()[..], &place.peer.0].concat());
            let [a, b, c, d, ..] = *hash.as_bytes();
            let chunk = place.span.from + u32::from_le_bytes([a, b, c, d]) % place.span.len().max(1);
            self.out.push_back(KeeperOutput::Challenge { peer: place.peer, key, size, chunk });
        }
    }

    /// Whether the chunk of [`KeeperOutput::Challenge`] was right.
    pub fn challenge_answered(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        let Some(kept) = self.kept.get_mut(&key) else { return };
        let Some((shown, until)) = &mut kept.sparing else { return };
        let Some(place) = kept.row.others.iter().find(|p| p.peer == peer) else { return };
        if !is_right || *until <= now {
            return;
        }
        shown.push(place.span);
        let whole = Span::whole(kept.row.size).unwrap_or(kept.row.span);
        if placement::copies(whole, shown) >= u32::from(kept.row.copies) {
            self.drop_file(key);
        }
    }

    /// A keeper reports a file to this peer, which does not act for it. What to tell it.
    pub fn reported(&mut self, now: Time, from: PeerId, key: LedgerKey, row: &ReportRow) -> Verdict {
        if !self.kept.contains_key(&key) {
            return Verdict::NotKept;
        }
        self.merge(now, key, &[Replica { copy: row.copy, span: row.span, peer: from }]);
        let Some(kept) = self.kept.get(&key) else { return Verdict::NotKept };
        let mut places: Vec<Replica> = kept.row.others.iter().filter(|p| p.peer != from).copied().collect();
        if kept.row.whole {
            places.push(self.place(kept));
        }
        places.truncate(limits::PLACES);
        Verdict::NotActing(places)
    }

    /// Drops what has expired.
    pub(super) fn expire(&mut self, now: Time) {
        let lived = self.lived(now);
        self.record(Record::Lived(lived));
        for origin in self.owner_catalogues.keys().copied().collect::<Vec<_>>() {
            if self.live.contains_key(&origin) {
                self.hear(now, origin);
            }
        }
        let is_old = |k: &super::KeptCopy| {
            let released = k.row.released.is_some_and(|at| lived.since(at) >= self.config.keep_deleted);
            released || lived.since(k.row.heard) >= self.config.keep
        };
        let old: Vec<LedgerKey> = self.kept.iter().filter(|(_, k)| is_old(k)).map(|(key, _)| *key).collect();
        for key in old {
            self.drop_file(key);
        }
    }

    /// Forgets a file, and drops its chunks as far as no other owner has them kept here.
    pub(super) fn drop_file(&mut self, key: LedgerKey) {
        let Some(kept) = self.kept.remove(&key) else { return };
        let (origin, file) = key;
        self.quota.give_back(origin, kept.row.source, kept.row.span.bytes(kept.row.size));
        if kept.acting == Some(self.me) {
            self.out.push_back(KeeperOutput::Untend(key));
        }
        self.acts.remove(&(kept.act_from, key));
        if let Some(at) = kept.retry {
            self.retries.remove(&(at, key));
        }
        for peer in kept.row.others.iter().map(|p| p.peer).chain([origin]) {
            self.by_peer.remove(peer, key);
        }
        self.by_file.remove(&(file, origin));
        self.record(Record::Kept(key, None));
        let keep = self.keys_of(file).iter().filter_map(|k| self.kept.get(k)).map(|k| k.row.span).collect();
        self.out.push_back(KeeperOutput::Drop { file, keep });
        let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        if self.kept.range(range).next().is_none() {
            self.forget_owner(origin);
        }
    }

    fn forget_owner(&mut self, origin: PeerId) {
        self.away.remove(&origin);
        self.pulled.remove(&origin);
        self.witnesses.remove(&origin);
        if let Some(owner) = self.owner_catalogues.remove(&origin) {
            for (index, _) in owner.buckets() {
                self.out.push_back(KeeperOutput::Record(Record::Bucket(origin, index, None)));
            }
            self.record(Record::OwnerCatalogue(origin, None));
        }
    }
}
