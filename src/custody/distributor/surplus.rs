//! A copy too many: tolerated for a day, then the last in order is spared, after the others were challenged
//! and showed that they have theirs. Pure.

use std::collections::BTreeSet;

use super::replicas::{FileReplicas, ReplicaState};
use super::{Distributor, DistributorOutput};
use crate::content::Span;
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::custody::placement;
use crate::identity::PeerId;
use crate::time::Time;

/// Who is to be spared, and whose answer to a challenge is still to come.
#[derive(Debug)]
pub(super) struct Checking {
    spare: PeerId,
    waits_for: BTreeSet<PeerId>,
    until: Time,
}

impl Distributor {
    /// Looks whether somebody can be spared, and says when to look again.
    pub(super) fn look_for_surplus(
        &mut self,
        now: Time,
        key: LedgerKey,
        replicas: &mut FileReplicas,
    ) -> Time {
        let never = Time(u64::MAX);
        let Some(spare) = self.spare(now, replicas) else {
            if let Some(extra) = &mut replicas.extra {
                (extra.surplus, extra.checking, extra.spared) = (None, None, None);
            }
            return never;
        };
        let since = *replicas.extra_mut().surplus.get_or_insert(now);
        if now < since + limits::SURPLUS {
            return since + limits::SURPLUS;
        }
        if replicas.extra().spared.is_some() {
            return never;
        }
        if let Some(checking) = &replicas.extra().checking
            && checking.until > now
        {
            return checking.until;
        }
        let others = replicas.by_peer.iter().filter(|(p, s)| {
            **p != spare && **p != self.me && s.lost.is_none() && s.state == ReplicaState::Kept
        });
        let others: Vec<(PeerId, Span)> = others.map(|(p, s)| (*p, s.span)).collect();
        let size = replicas.want.size;
        for (peer, span) in &others {
            let chunk = self.any_chunk(*span);
            self.out.push_back(DistributorOutput::Challenge { peer: *peer, key, size, chunk });
        }
        let until = now + limits::REFUSED_FOR;
        if others.is_empty() {
            // Only this peer has it beside the one to be spared, and it knows what it has.
            replicas.extra_mut().spared = Some(spare);
            return never;
        }
        let waits_for = others.into_iter().map(|(p, _)| p).collect();
        replicas.extra_mut().checking = Some(Checking { spare, waits_for, until });
        until
    }

    /// The last in order without whom there are still copies enough.
    fn spare(&self, now: Time, replicas: &FileReplicas) -> Option<PeerId> {
        if self.rules.leaving || replicas.extra().asking.is_some() {
            return None;
        }
        let wanted = replicas.want.copies.into();
        if placement::copies(replicas.whole(), &self.rules.spans(now, replicas, false, false)) <= wanted
            && replicas.by_peer.len() <= usize::from(replicas.want.copies)
        {
            return None;
        }
        let mut places = replicas.places(self.me);
        places.reverse();
        let own = replicas.extra().owner_lost.is_none().then_some(replicas.whole());
        let is_enough = |but: PeerId| {
            let rest = replicas
                .by_peer
                .iter()
                .filter(|(p, s)| **p != but && s.lost.is_none() && s.state == ReplicaState::Kept);
            let rest: Vec<Span> = rest.map(|(_, s)| s.span).chain(own).collect();
            placement::copies(replicas.whole(), &rest) >= wanted
        };
        places.into_iter().map(|p| p.peer).find(|p| is_enough(*p))
    }

    /// The answer to a challenge came.
    pub(super) fn checked(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        let Some(replicas) = self.files.get_mut(&key) else { return };
        let Some(extra) = &mut replicas.extra else { return };
        let Some(checking) = &mut extra.checking else { return };
        if !is_right {
            extra.checking = None;
            return;
        }
        checking.waits_for.remove(&peer);
        if checking.waits_for.is_empty() && now < checking.until {
            extra.spared = Some(checking.spare);
            extra.checking = None;
        }
    }

    /// Has a random chunk of what `peer` says it keeps looked at.
    pub(super) fn challenge(&mut self, key: LedgerKey, peer: PeerId, span: Span) {
        let Some(size) = self.files.get(&key).map(|t| t.want.size) else { return };
        let chunk = self.any_chunk(span);
        self.out.push_back(DistributorOutput::Challenge { peer, key, size, chunk });
    }

    /// A chunk of `span` that nobody else can foresee.
    pub(super) fn any_chunk(&mut self, span: Span) -> u32 {
        span.from + self.secret.draw() % span.len().max(1)
    }
}
