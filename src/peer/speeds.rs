//! How fast others gave lately what was asked of them, for whoever chooses one of them; and how fast something moves
//! now. Pure.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use super::roster::Roster;
use crate::identity::PeerId;
use crate::swarm::SourceRate;
use crate::time::Time;

/// Speeds are means over this time.
const WINDOW: Duration = Duration::from_secs(3);

/// Bytes against time, over the last seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Speed {
    points: VecDeque<(Time, u64)>,
}

impl Speed {
    /// Notes that `bytes` in all had passed at `now`.
    pub(super) fn note(&mut self, now: Time, bytes: u64) {
        self.points.push_back((now, bytes));
        while self.points.len() > 2 && self.points.get(1).is_some_and(|p| now.since(p.0) >= WINDOW) {
            self.points.pop_front();
        }
    }

    /// Bytes a second; 0 when nothing was noted for a while.
    #[must_use]
    pub(super) fn get(&self, now: Time) -> u64 {
        let (Some(first), Some(last)) = (self.points.front(), self.points.back()) else { return 0 };
        let millis = now.since(first.0).as_millis().max(1);
        let bytes = u128::from(last.1.saturating_sub(first.1));
        if now.since(last.0) > WINDOW { 0 } else { u64::try_from(bytes * 1_000 / millis).unwrap_or(u64::MAX) }
    }
}

/// Bytes a second of each peer that is here and gave something. Only who is fetched from is remembered.
#[derive(Debug, Default)]
pub(super) struct SpeedsSeen(BTreeMap<PeerId, u64>);

impl SpeedsSeen {
    /// These give so fast now. Whoever is gone is forgotten.
    pub(super) fn note(&mut self, rates: &[SourceRate], roster: &Roster) {
        if rates.is_empty() {
            return;
        }
        self.0.extend(rates.iter().map(|source| (source.peer, source.rate)));
        self.0.retain(|peer, _| roster.contact(*peer).is_some());
    }

    /// How fast this one gave when it gave last.
    pub(super) fn get(&self, peer: PeerId) -> Option<u64> {
        self.0.get(&peer).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{key, roster};
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn speed_is_the_mean_of_the_last_seconds() {
        let mut s = Speed::default();
        assert_eq!(s.get(at(0)), 0);
        for i in 0..=100 {
            s.note(at(i * 100), i * 1_000);
        }
        assert_eq!(s.get(at(10_000)), 10_000);
        for i in 101..=200 {
            s.note(at(i * 100), 100_000);
        }
        assert_eq!(s.get(at(20_000)), 0);
        s.note(at(20_100), 150_000);
        assert!(s.get(at(20_100)) > 10_000);
        assert_eq!(s.get(at(30_000)), 0);
        assert!(s.points.len() < 50);
    }

    #[test]
    fn the_last_speed_counts_and_whoever_is_gone_has_none() {
        let (mut seen, [anna, bert]) = (SpeedsSeen::default(), [1, 2].map(|n| key(n).peer_id()));
        let rates = |rate| [anna, bert].map(|peer| SourceRate { peer, rate });
        let both = roster(&[("anna", &[]), ("bert", &[])]);
        seen.note(&rates(7), &both);
        seen.note(&rates(9)[..1], &both);
        assert_eq!((seen.get(anna), seen.get(bert)), (Some(9), Some(7)));
        seen.note(&[], &roster(&[]));
        seen.note(&rates(5)[..1], &roster(&[("anna", &[])]));
        assert_eq!((seen.get(anna), seen.get(bert)), (Some(5), None));
    }
}
