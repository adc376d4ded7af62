//! What keepers report and prove of the files that this machine acts for. Pure.

use super::replicas::{ReplicaSpot, ReplicaState};
use super::{Distributor, DistributorOutput};
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{ReportRow, Verdict};

impl Distributor {
    /// What a keeper reports of the files that this machine acts for. The answers are in the order of
    /// `rows`; `None` for files that it does not act for.
    pub fn reported(
        &mut self,
        now: Time,
        from: PeerId,
        origin: PeerId,
        rows: &[ReportRow],
    ) -> Vec<Option<Verdict>> {
        rows.iter().map(|row| self.reported_one(now, from, (origin, row.file), row)).collect()
    }

    fn reported_one(&mut self, now: Time, from: PeerId, key: LedgerKey, row: &ReportRow) -> Option<Verdict> {
        let tended = self.files.get_mut(&key)?;
        if row.size != tended.want.size {
            return Some(Verdict::Keep(Vec::new()));
        }
        if tended.rare().spared == Some(from) {
            tended.rare_mut().spared = None;
            tended.spots.remove(&from);
            self.forget_spot(from, key);
            self.placed(key);
            self.evaluate(now, key);
            return Some(Verdict::Spare);
        }
        let is_full = tended.spots.len() >= limits::PLACES;
        let before = tended.spots.get(&from).copied();
        if !row.is_whole() && before.is_none_or(|s| s.state == ReplicaState::Claimed) {
            // One chunk that it can prove would make a copy of what is none yet. It reports again.
            if before.is_some() {
                tended.spots.remove(&from);
                self.forget_spot(from, key);
                self.evaluate(now, key);
            }
            return Some(Verdict::Keep(self.places(key)));
        }
        let state = match before.map(|s| s.state) {
            None | Some(ReplicaState::Claimed) => ReplicaState::Claimed,
            Some(ReplicaState::Held | ReplicaState::Promised(_)) if row.is_whole() => ReplicaState::Held,
            Some(_) => ReplicaState::Promised(row.have),
        };
        // A promise that comes no further is as old as its last chunk.
        let seen = match (before, state) {
            (Some(b), ReplicaState::Promised(_)) if b.state == state => b.seen,
            _ => now,
        };
        if before.is_some() || !is_full {
            let is_leaving = self.live.get(&from) == Some(&true);
            let lost = is_leaving.then(|| before.and_then(|s| s.lost).unwrap_or((now, true)));
            tended.spots.insert(from, ReplicaSpot { copy: row.copy, span: row.span, state, seen, lost });
            self.by_peer.entry(from).or_default().insert(key);
        }
        let others = tended.places(from);
        if before.is_none_or(|b| b.state != state || b.span != row.span || b.lost.is_some()) {
            if state != ReplicaState::Claimed {
                self.out.push_back(DistributorOutput::Moved);
            }
            if state == ReplicaState::Claimed && before.is_none() && !is_full {
                self.ask_proof(key, from, row.span);
            }
            self.placed(key);
            self.evaluate(now, key);
        }
        Some(Verdict::Keep(others))
    }

    /// Whether the chunk of [`DistributorOutput::Prove`] was right.
    pub fn proved(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        let Some(tended) = self.files.get_mut(&key) else { return };
        let Some(spot) = tended.spots.get_mut(&peer) else { return };
        match (is_right, spot.state) {
            (true, ReplicaState::Claimed) => {
                spot.state = ReplicaState::Held;
                self.placed(key);
            }
            (true, _) => {}
            (false, _) => {
                tended.spots.remove(&peer);
                tended.rare_mut().refused.insert(peer, now + limits::REFUSED_FOR);
                self.forget_spot(peer, key);
                self.placed(key);
            }
        }
        self.checked(now, peer, key, is_right);
        self.evaluate(now, key);
    }
}
