//! What keepers report and prove of the files that this machine acts for. Pure.

use super::proving::distrust;
use super::replicas::{KnownReplica, ReplicaProof, ReplicaState};
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
        let replicas = self.files.get_mut(&key)?;
        if row.size != replicas.want.size {
            return Some(Verdict::Keep(Vec::new()));
        }
        if row.dropped {
            if replicas.by_peer.contains_key(&from) {
                replicas.by_peer.remove(&from);
                self.by_peer.remove(from, key);
                self.placed(key);
                self.evaluate(now, key);
            }
            return Some(Verdict::NotKept);
        }
        if replicas.extra().spared == Some(from) {
            replicas.extra_mut().spared = None;
            replicas.by_peer.remove(&from);
            self.by_peer.remove(from, key);
            self.placed(key);
            self.evaluate(now, key);
            return Some(Verdict::Spare);
        }
        let is_full = replicas.by_peer.len() >= limits::PLACES;
        let before = replicas.by_peer.get(&from).copied();
        if !row.is_whole() && before.is_none_or(|s| s.state == ReplicaState::Claimed) {
            // One chunk that it can show would make a copy of what is none yet. It reports again.
            if before.is_some() {
                replicas.by_peer.remove(&from);
                self.by_peer.remove(from, key);
                self.evaluate(now, key);
            }
            return Some(Verdict::Keep(self.places(key)));
        }
        let state = match before.map(|s| s.state) {
            None | Some(ReplicaState::Claimed) => ReplicaState::Claimed,
            Some(ReplicaState::Kept | ReplicaState::Promised(_)) if row.is_whole() => ReplicaState::Kept,
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
            // Of other chunks than before nothing is proved.
            let same = before.filter(|b| b.span == row.span && state == ReplicaState::Kept);
            let proof = same.map_or(ReplicaProof::None, |b| b.proof);
            let (copy, span) = (row.copy, row.span);
            replicas.by_peer.insert(from, KnownReplica { copy, span, state, proof, seen, lost });
            self.by_peer.add(from, key);
        }
        let others = replicas.places(from);
        if before.is_none_or(|b| b.state != state || b.span != row.span || b.lost.is_some()) {
            if state != ReplicaState::Claimed {
                self.out.push_back(DistributorOutput::Moved);
            }
            if state == ReplicaState::Kept {
                self.starved.came(now);
            }
            if state == ReplicaState::Claimed && before.is_none() && !is_full {
                self.challenge(key, from, row.span);
            }
            self.placed(key);
            self.evaluate(now, key);
        }
        Some(Verdict::Keep(others))
    }

    /// Whether the chunk of [`DistributorOutput::Challenge`] was right.
    pub fn challenge_answered(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        let Some(replicas) = self.files.get_mut(&key) else { return };
        let Some(replica) = replicas.by_peer.get_mut(&peer) else { return };
        match (is_right, replica.state) {
            (true, ReplicaState::Promised(_)) => {}
            (true, state) => {
                (replica.proof, replica.state) = (ReplicaProof::Proved, ReplicaState::Kept);
                if state == ReplicaState::Claimed {
                    self.placed(key);
                }
                self.out.push_back(DistributorOutput::Moved);
            }
            (false, _) => {
                replicas.by_peer.remove(&peer);
                replicas.extra_mut().refused.insert(peer, now + limits::REFUSED_FOR);
                self.by_peer.remove(peer, key);
                self.placed(key);
                distrust(self, now, peer);
            }
        }
        self.checked(now, peer, key, is_right);
        self.evaluate(now, key);
    }
}
