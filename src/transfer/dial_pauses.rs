//! How long a place is left alone where dialling failed. Pure; its shell is net/dialling.rs.
//!
//! A peer says itself at which port it listens. What answers there may be a printer, or another program that
//! is not to be connected to again and again. So each failure in a row, of the connection or of its
//! handshake, makes the pause before the next attempt longer, whichever peer was looked for.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::address::Host;
use crate::identity::PeerId;
use crate::time::Time;
use crate::transfer::limits;

/// After the first failure in a row, the second, and so on: the pause before the next attempt. The first ones
/// are shorter than what roles wait by themselves, so that a peer that restarts is found as soon as before.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
];

/// This long after the end of a pause the failures before it are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Where a peer may be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DialTarget {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// What came of dialling a place.
#[derive(Clone, Copy, Debug)]
struct DialRecord {
    /// In a row.
    failures: usize,
    /// Failures since it is remembered: each time another way is tried, if there are several.
    way: usize,
    /// Not dialled before.
    until: Time,
    /// Whom TLS proved there last. Others that claim the same place do not keep it from being dialled.
    proved: Option<PeerId>,
}

/// The places that were dialled, at most [`limits::DIAL_TARGETS`].
#[derive(Debug, Default)]
pub(super) struct DialPauses {
    targets: BTreeMap<DialTarget, DialRecord>,
}

impl DialPauses {
    /// True if `peer` may be dialled there now.
    pub(super) fn may_dial(&self, now: Time, target: DialTarget, peer: PeerId) -> bool {
        let record = self.targets.get(&target);
        record.is_none_or(|record| record.until <= now || record.proved == Some(peer))
    }

    /// Which of several ways to that place is to be tried next, counted from 0 without an end: the one that
    /// led there last, or the one after that which did not.
    pub(super) fn way(&self, target: DialTarget) -> usize {
        self.targets.get(&target).map_or(0, |record| record.way)
    }

    /// `peer` could not be had there.
    pub(super) fn handle_failed(&mut self, now: Time, target: DialTarget, peer: PeerId) {
        let record = self.record(now, target);
        // Whoever else claims that place does not turn us from the way to the one that is there.
        if record.proved.is_none_or(|proved| proved == peer) {
            record.way = record.way.wrapping_add(1);
        }
        if record.proved == Some(peer) {
            record.proved = None;
        }
        if now.since(record.until) >= FORGOTTEN {
            record.failures = 0;
        }
        record.until = now + PAUSES[record.failures.min(PAUSES.len() - 1)];
        record.failures += 1;
    }

    /// TLS proved `peer` there.
    pub(super) fn handle_proved(&mut self, now: Time, target: DialTarget, peer: PeerId) {
        let record = self.record(now, target);
        *record = DialRecord { failures: 0, way: record.way, until: now, proved: Some(peer) };
    }

    fn record(&mut self, now: Time, target: DialTarget) -> &mut DialRecord {
        if self.targets.len() >= limits::DIAL_TARGETS && !self.targets.contains_key(&target) {
            let oldest = self.targets.iter().min_by_key(|(_, record)| record.until);
            if let Some(oldest) = oldest.map(|(target, _)| *target) {
                self.targets.remove(&oldest);
            }
        }
        self.targets.entry(target).or_insert(DialRecord { failures: 0, way: 0, until: now, proved: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: PeerId = PeerId([1; 32]);
    const OTHER: PeerId = PeerId([2; 32]);

    const fn at(ms: u64) -> Time {
        Time(1_000_000_000_000 + ms * 1_000_000)
    }

    fn target(host: u8, port: u16) -> DialTarget {
        DialTarget { host: Host { ip: [10, 0, 0, host].into(), scope: 0 }, port }
    }

    /// Dials as often as that may be, until `until`, and fails each time; how often.
    fn fail(pauses: &mut DialPauses, until: u64, peer: impl Fn(u64) -> PeerId) -> usize {
        let mut failed = 0;
        for ms in (0..until).step_by(10) {
            if pauses.may_dial(at(ms), target(1, 9_100), peer(ms)) {
                pauses.handle_failed(at(ms), target(1, 9_100), peer(ms));
                failed += 1;
            }
        }
        failed
    }

    #[test]
    fn a_place_where_nobody_answers_is_dialled_seldom_whoever_is_looked_for() {
        assert_eq!(fail(&mut DialPauses::default(), 20_000, |_| ID), 7);
        let many = |ms: u64| PeerId([u8::try_from(ms / 10 % 64).unwrap(); 32]);
        assert_eq!(fail(&mut DialPauses::default(), 20_000, many), 7);
        let hour = fail(&mut DialPauses::default(), 3_600_000, |_| ID);
        assert!((120..=130).contains(&hour), "{hour}");
    }

    #[test]
    fn another_port_and_another_host_are_other_places() {
        let mut pauses = DialPauses::default();
        pauses.handle_failed(at(0), target(1, 1), ID);
        assert!(!pauses.may_dial(at(99), target(1, 1), ID) && pauses.may_dial(at(100), target(1, 1), ID));
        assert!(pauses.may_dial(at(0), target(1, 2), ID) && pauses.may_dial(at(0), target(2, 1), ID));
    }

    #[test]
    fn who_was_proved_there_is_dialled_whatever_others_claim() {
        let mut pauses = DialPauses::default();
        pauses.handle_failed(at(0), target(1, 1), ID);
        pauses.handle_proved(at(500), target(1, 1), ID);
        assert!(pauses.may_dial(at(500), target(1, 1), OTHER), "a success ends the pause");
        for ms in [500, 1_000, 2_000] {
            pauses.handle_failed(at(ms), target(1, 1), OTHER);
        }
        assert!(pauses.may_dial(at(2_001), target(1, 1), ID));
        assert!(!pauses.may_dial(at(2_001), target(1, 1), OTHER));
        pauses.handle_failed(at(2_001), target(1, 1), ID);
        assert!(!pauses.may_dial(at(2_002), target(1, 1), ID), "it is not there any more");
    }

    #[test]
    fn each_failure_turns_to_the_next_way_and_a_success_keeps_it() {
        let mut pauses = DialPauses::default();
        assert_eq!(pauses.way(target(1, 1)), 0);
        pauses.handle_failed(at(0), target(1, 1), ID);
        assert_eq!((pauses.way(target(1, 1)), pauses.way(target(2, 1))), (1, 0));
        pauses.handle_proved(at(1), target(1, 1), ID);
        pauses.handle_failed(at(2), target(1, 1), OTHER);
        assert_eq!(pauses.way(target(1, 1)), 1, "that one was not there");
        pauses.handle_failed(at(3), target(1, 1), ID);
        assert_eq!(pauses.way(target(1, 1)), 2);
    }

    #[test]
    fn after_a_minute_without_a_failure_they_are_forgotten() {
        let mut pauses = DialPauses::default();
        (0..5).for_each(|_| pauses.handle_failed(at(0), target(1, 1), ID));
        assert!(!pauses.may_dial(at(3_999), target(1, 1), ID));
        pauses.handle_failed(at(64_000), target(1, 1), ID);
        assert!(pauses.may_dial(at(64_100), target(1, 1), ID));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes() {
        let mut pauses = DialPauses::default();
        for port in 0..2_000_u16 {
            pauses.handle_failed(at(port.into()), target(1, port), ID);
        }
        assert_eq!(pauses.targets.len(), limits::DIAL_TARGETS);
        assert!(
            pauses.targets.contains_key(&target(1, 1_999)) && !pauses.targets.contains_key(&target(1, 0))
        );
    }
}
