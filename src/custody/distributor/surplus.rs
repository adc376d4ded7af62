//! A copy too many: tolerated for a day, then the last in order is spared, after the others proved that
//! they have theirs. Pure.

use std::collections::BTreeSet;

use super::replicas::{FileReplicas, ReplicaState};
use super::{Distributor, DistributorOutput};
use crate::content::Span;
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::custody::placement;
use crate::identity::PeerId;
use crate::time::Time;

/// Who is to be spared, and whose proof is still to come.
#[derive(Debug)]
pub(super) struct Checking {
    spare: PeerId,
    waits_for: BTreeSet<PeerId>,
    until: Time,
}

impl Distributor {
    /// Looks whether somebody can be spared, and says when to look again.
    pub(super) fn look_for_surplus(&mut self, now: Time, key: LedgerKey, tended: &mut FileReplicas) -> Time {
        let never = Time(u64::MAX);
        let Some(spare) = self.spare(now, tended) else {
            if let Some(rare) = &mut tended.rare {
                (rare.surplus, rare.checking, rare.spared) = (None, None, None);
            }
            return never;
        };
        let since = *tended.rare_mut().surplus.get_or_insert(now);
        if now < since + limits::SURPLUS {
            return since + limits::SURPLUS;
        }
        if tended.rare().spared.is_some() {
            return never;
        }
        if let Some(checking) = &tended.rare().checking
            && checking.until > now
        {
            return checking.until;
        }
        let others = tended.spots.iter().filter(|(p, s)| {
            **p != spare && **p != self.me && s.lost.is_none() && s.state == ReplicaState::Held
        });
        let others: Vec<(PeerId, Span)> = others.map(|(p, s)| (*p, s.span)).collect();
        let size = tended.want.size;
        for (peer, span) in &others {
            let chunk = self.any_chunk(*span);
            self.out.push_back(DistributorOutput::Prove { peer: *peer, key, size, chunk });
        }
        let until = now + limits::REFUSED_FOR;
        if others.is_empty() {
            // Only this peer has it beside the one to be spared, and it knows what it has.
            tended.rare_mut().spared = Some(spare);
            return never;
        }
        let waits_for = others.into_iter().map(|(p, _)| p).collect();
        tended.rare_mut().checking = Some(Checking { spare, waits_for, until });
        until
    }

    /// The last in order without whom there are still copies enough.
    fn spare(&self, now: Time, tended: &FileReplicas) -> Option<PeerId> {
        if self.leaving || tended.rare().asking.is_some() {
            return None;
        }
        let wanted = tended.want.copies.into();
        if placement::copies(tended.whole(), &self.spans(now, tended, false, false)) <= wanted
            && tended.spots.len() <= usize::from(tended.want.copies)
        {
            return None;
        }
        let mut places = tended.places(self.me);
        places.reverse();
        let own = tended.rare().owner_lost.is_none().then_some(tended.whole());
        let is_enough = |but: PeerId| {
            let rest = tended
                .spots
                .iter()
                .filter(|(p, s)| **p != but && s.lost.is_none() && s.state == ReplicaState::Held);
            let rest: Vec<Span> = rest.map(|(_, s)| s.span).chain(own).collect();
            placement::copies(tended.whole(), &rest) >= wanted
        };
        places.into_iter().map(|p| p.peer).find(|p| is_enough(*p))
    }

    /// One proof came.
    pub(super) fn checked(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        let Some(tended) = self.files.get_mut(&key) else { return };
        let Some(rare) = &mut tended.rare else { return };
        let Some(checking) = &mut rare.checking else { return };
        if !is_right {
            rare.checking = None;
            return;
        }
        checking.waits_for.remove(&peer);
        if checking.waits_for.is_empty() && now < checking.until {
            rare.spared = Some(checking.spare);
            rare.checking = None;
        }
    }

    /// Has a random chunk of what `peer` says it keeps looked at.
    pub(super) fn ask_proof(&mut self, key: LedgerKey, peer: PeerId, span: Span) {
        let Some(size) = self.files.get(&key).map(|t| t.want.size) else { return };
        let chunk = self.any_chunk(span);
        self.out.push_back(DistributorOutput::Prove { peer, key, size, chunk });
    }

    /// One of these chunks, which nobody else can foresee.
    fn any_chunk(&mut self, span: Span) -> u32 {
        self.next_request = self.next_request.wrapping_add(1);
        let hash = blake3::keyed_hash(&self.me.0, &self.next_request.to_le_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        span.from + u32::from_le_bytes([a, b, c, d]) % span.len().max(1)
    }
}
