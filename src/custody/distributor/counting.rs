//! Which copies of a file count, which it lacks, and when that may change. Pure.

use super::replicas::{FileReplicas, ReplicaState};
use super::{Distributor, DistributorOutput, Standing};
use crate::content::Span;
use crate::custody::ledger::LedgerKey;
use crate::custody::{limits, placement};
use crate::time::Time;

impl Distributor {
    /// How a file stands; `None` if this machine does not act for it.
    #[must_use]
    pub fn standing(&self, key: LedgerKey) -> Option<Standing> {
        let tended = self.files.get(&key)?;
        let spots = tended.spots.iter().filter(|(p, s)| **p != self.me && s.lost.is_none());
        let held: Vec<Span> =
            spots.clone().filter(|(_, s)| s.state == ReplicaState::Held).map(|(_, s)| s.span).collect();
        let coming: Vec<Span> =
            spots.filter(|(_, s)| s.state != ReplicaState::Claimed).map(|(_, s)| s.span).collect();
        Some(Standing {
            held: placement::copies(tended.whole(), &held),
            coming: placement::copies(tended.whole(), &coming),
            wanted: tended.want.copies.into(),
            starved: tended.rare().starved,
        })
    }

    /// Looks at one file again: does it lack a copy, or have one too many, and when might that change?
    pub(super) fn evaluate(&mut self, now: Time, key: LedgerKey) {
        let Some(mut tended) = self.files.remove(&key) else { return };
        let mut wake = self.expire(now, key, &mut tended);
        if tended.rare().asking.is_none() {
            let lacks = self.lacking(now, &tended).is_some();
            if lacks && !tended.rare().starved {
                let level = placement::copies(tended.whole(), &self.spans(now, &tended, false, false));
                self.enqueue(key, &mut tended, level);
            } else {
                self.dequeue(key, &mut tended);
            }
            if tended.rare().starved {
                wake = wake.min(now + limits::REFUSED_FOR);
            }
            wake = wake.min(self.look_for_surplus(now, key, &mut tended));
            let is_promised = tended.spots.values().any(|s| matches!(s.state, ReplicaState::Promised(_)));
            if !is_promised {
                self.placing.remove(&key);
            }
        } else if let Some(asking) = &tended.rare().asking {
            wake = wake.min(asking.deadline());
        }
        if let Some(old) = tended.wake.take() {
            self.agenda.remove(&(old, key));
        }
        if wake != Time(u64::MAX) {
            tended.wake = Some(wake);
            self.agenda.insert((wake, key));
        }
        tended.rare.take_if(|rare| rare.is_empty());
        self.files.insert(key, tended);
        self.pump(now);
    }

    /// Forgets what is too old, and says when the next thing will be.
    fn expire(&mut self, now: Time, key: LedgerKey, tended: &mut FileReplicas) -> Time {
        let mut wake = Time(u64::MAX);
        let mut changed = false;
        let me = self.me;
        let by_peer = &mut self.by_peer;
        tended.spots.retain(|peer, spot| {
            let until = match (spot.lost, spot.state) {
                _ if *peer == me => return true,
                (Some((_, true)), _) => now,
                (Some((at, false)), _) => at + self.repair,
                (None, ReplicaState::Held) => spot.seen + limits::REPORT_MISSED,
                (None, ReplicaState::Promised(_) | ReplicaState::Claimed) => spot.seen + limits::PROMISE,
            };
            if until > now {
                wake = wake.min(until);
                return true;
            }
            if let Some(keys) = by_peer.get_mut(peer) {
                keys.remove(&key);
            }
            changed = true;
            false
        });
        if let Some(rare) = &mut tended.rare {
            rare.refused.retain(|_, until| *until > now);
        }
        if let Some((at, false)) = tended.rare().owner_lost
            && at + self.repair > now
        {
            wake = wake.min(at + self.repair);
        }
        if changed && key.0 == self.me {
            self.out.push_back(DistributorOutput::Placed(key.1, Some(tended.row())));
        }
        wake
    }

    /// The parts that count. `promised`: those that are only on their way, too; `grace`: those that were
    /// lost in a crash not long ago, too.
    pub(super) fn spans(&self, now: Time, tended: &FileReplicas, promised: bool, grace: bool) -> Vec<Span> {
        let is_new = |lost: Option<(Time, bool)>| {
            lost.is_some_and(|(at, properly)| !properly && now < at + self.repair)
        };
        let spots = tended.spots.iter().filter(|(peer, spot)| {
            let is_there = spot.lost.is_none() || grace && is_new(spot.lost);
            let is_held = spot.state == ReplicaState::Held
                || promised && matches!(spot.state, ReplicaState::Promised(_));
            is_there && is_held && !(self.leaving && **peer == self.me)
        });
        let mut spans: Vec<Span> = spots.map(|(_, s)| s.span).collect();
        let owner_counts = if tended.rare().owner_lost.is_none() {
            !self.leaving
        } else {
            grace && is_new(tended.rare().owner_lost)
        };
        if owner_counts {
            spans.push(tended.whole());
        }
        spans
    }

    /// The part that is to be placed now, if any.
    pub(super) fn lacking(&self, now: Time, tended: &FileReplicas) -> Option<Span> {
        let held = self.spans(now, tended, false, false);
        let is_last = tended.rare().owner_lost.is_some() && placement::copies(tended.whole(), &held) <= 1;
        let counted = self.spans(now, tended, true, !is_last && !self.leaving);
        placement::lacking(tended.whole(), &counted, tended.want.copies.into())
    }

    fn enqueue(&mut self, key: LedgerKey, tended: &mut FileReplicas, level: u32) {
        self.dequeue(key, tended);
        tended.rare_mut().queued = Some((level, tended.want.size));
        self.queue.insert((level, tended.want.size, key));
    }

    pub(super) fn dequeue(&mut self, key: LedgerKey, tended: &mut FileReplicas) {
        if let Some((level, size)) = tended.rare.as_mut().and_then(|rare| rare.queued.take()) {
            self.queue.remove(&(level, size, key));
        }
    }
}
