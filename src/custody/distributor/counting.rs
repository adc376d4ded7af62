//! Which copies of a file count, which it lacks, and when that may change. Pure.

use core::time::Duration;

use super::proving::ask_for_proofs;
use super::replicas::{FileReplicas, KnownReplica, ReplicaState};
use super::{Distributor, DistributorOutput, Standing};
use crate::content::Span;
use crate::custody::ledger::LedgerKey;
use crate::custody::{limits, placement};
use crate::identity::PeerId;
use crate::time::Time;

/// Which copies count.
#[derive(Debug)]
pub(super) struct CountingRules {
    pub(super) me: PeerId,
    /// This peer is about to leave: its own copies count no longer.
    pub(super) leaving: bool,
    /// For how long what was lost in a crash still counts.
    pub(super) repair: Duration,
}

impl CountingRules {
    /// True if a copy of this file counts only once it was proved.
    pub(super) fn must_be_proved(&self, key: LedgerKey) -> bool {
        self.leaving && key.0 == self.me
    }

    /// The parts that count. `promised`: those that are only on their way, too; `grace`: those that were
    /// lost in a crash not long ago, too.
    pub(super) fn spans(&self, now: Time, replicas: &FileReplicas, promised: bool, grace: bool) -> Vec<Span> {
        let is_new = |lost: Option<(Time, bool)>| {
            lost.is_some_and(|(at, graceful)| !graceful && now < at + self.repair)
        };
        let others = replicas.by_peer.iter().filter(|(peer, replica)| {
            let is_there = replica.lost.is_none() || grace && is_new(replica.lost);
            let is_kept = replica.state == ReplicaState::Kept
                || promised && matches!(replica.state, ReplicaState::Promised(_));
            is_there && is_kept && !(self.leaving && **peer == self.me)
        });
        let mut spans: Vec<Span> = others.map(|(_, s)| s.span).collect();
        let owner_counts = if replicas.extra().owner_lost.is_none() {
            !self.leaving
        } else {
            grace && is_new(replicas.extra().owner_lost)
        };
        if owner_counts {
            spans.push(replicas.whole());
        }
        spans
    }

    /// The part that is to be placed now, if any.
    pub(super) fn lacking(&self, now: Time, replicas: &FileReplicas) -> Option<Span> {
        let kept = self.spans(now, replicas, false, false);
        let is_last =
            replicas.extra().owner_lost.is_some() && placement::copies(replicas.whole(), &kept) <= 1;
        let counted = self.spans(now, replicas, true, !is_last && !self.leaving);
        placement::lacking(replicas.whole(), &counted, replicas.want.copies.into())
    }
}

impl Distributor {
    /// How a file stands; `None` if this machine does not act for it.
    #[must_use]
    pub fn standing(&self, key: LedgerKey) -> Option<Standing> {
        let replicas = self.files.get(&key)?;
        let others = replicas.by_peer.iter().filter(|(p, s)| **p != self.me && s.lost.is_none());
        let kept = others.clone().filter(|(_, s)| s.state == ReplicaState::Kept);
        let must_be_proved = self.rules.must_be_proved(key);
        let counts = |s: &KnownReplica| !must_be_proved || self.proving.counts(key.1, s);
        let proved: Vec<Span> = kept.clone().filter(|(_, s)| counts(s)).map(|(_, s)| s.span).collect();
        let mut keepers = kept.clone().map(|(peer, _)| *peer).peekable();
        let is_here = keepers.peek().is_some() && keepers.all(|peer| self.spaces.is_here(peer));
        let kept: Vec<Span> = kept.map(|(_, s)| s.span).collect();
        let coming: Vec<Span> =
            others.filter(|(_, s)| s.state != ReplicaState::Claimed).map(|(_, s)| s.span).collect();
        Some(Standing {
            kept: placement::copies(replicas.whole(), &kept),
            proved: placement::copies(replicas.whole(), &proved),
            coming: placement::copies(replicas.whole(), &coming),
            wanted: replicas.want.copies.into(),
            starved: replicas.extra().starved && !self.starved.is_hopeful(),
            is_here,
        })
    }

    /// Looks at one file again, and begins with those that may be placed now.
    pub(super) fn evaluate(&mut self, now: Time, key: LedgerKey) {
        if self.files.contains_key(&key) {
            look_at(self, now, key);
            self.pump(now);
        }
    }

    /// Forgets what is too old, and says when the next thing will be.
    fn expire(&mut self, now: Time, key: LedgerKey, replicas: &mut FileReplicas) -> Time {
        let mut wake = Time(u64::MAX);
        let mut changed = false;
        let me = self.me;
        let by_peer = &mut self.by_peer;
        replicas.by_peer.retain(|peer, replica| {
            let until = match (replica.lost, replica.state) {
                _ if *peer == me => return true,
                (Some((_, true)), _) => now,
                (Some((at, false)), _) => at + self.rules.repair,
                (None, ReplicaState::Kept) => replica.seen + limits::REPORT_MISSED,
                (None, ReplicaState::Promised(_) | ReplicaState::Claimed) => replica.seen + limits::PROMISE,
            };
            if until > now {
                wake = wake.min(until);
                return true;
            }
            by_peer.remove(*peer, key);
            changed = true;
            false
        });
        if let Some(extra) = &mut replicas.extra {
            extra.refused.retain(|_, until| *until > now);
        }
        if let Some((at, false)) = replicas.extra().owner_lost
            && at + self.rules.repair > now
        {
            wake = wake.min(at + self.rules.repair);
        }
        if changed && key.0 == self.me {
            self.out.push_back(DistributorOutput::Placed(key.1, Some(replicas.row())));
        }
        wake
    }
}

/// Looks at one file again: does it lack a copy, or have one too many, and when might that change?
pub(super) fn look_at(distributor: &mut Distributor, now: Time, key: LedgerKey) {
    let Some(mut replicas) = distributor.files.remove(&key) else { return };
    let mut wake = distributor.expire(now, key, &mut replicas);
    ask_for_proofs(distributor, key, &mut replicas);
    if replicas.extra().asking.is_none() {
        let lacks = distributor.rules.lacking(now, &replicas).is_some();
        if lacks && !replicas.extra().starved {
            let level =
                placement::copies(replicas.whole(), &distributor.rules.spans(now, &replicas, false, false));
            distributor.queue.enqueue(key, &mut replicas, level);
        } else {
            distributor.queue.dequeue(key, &mut replicas);
        }
        if replicas.extra().starved {
            wake = wake.min(now + limits::REFUSED_FOR);
        }
        wake = wake.min(distributor.look_for_surplus(now, key, &mut replicas));
        let is_promised = replicas.by_peer.values().any(|s| matches!(s.state, ReplicaState::Promised(_)));
        if !is_promised {
            distributor.placing.remove(&key);
        }
    } else if let Some(asking) = &replicas.extra().asking {
        wake = wake.min(asking.deadline());
    }
    if let Some(old) = replicas.wake.take() {
        distributor.agenda.remove(&(old, key));
    }
    if wake != Time(u64::MAX) {
        replicas.wake = Some(wake);
        distributor.agenda.insert((wake, key));
    }
    replicas.extra.take_if(|extra| extra.is_empty());
    distributor.files.insert(key, replicas);
}
