//! How a peer says that it leaves: several times, for a datagram may be lost. Pure.

use core::time::Duration;

use crate::time::Time;

/// Leaves at the end: lost all with 30 % loss once in 37 times, and then the probe finds out.
const LEAVES: u8 = 3;

/// Between two of them.
const LEAVE_GAP: Duration = Duration::from_millis(20);

/// The leaves of this peer.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// When the next one is due, once it leaves.
    next: Option<Time>,
    said: u8,
}

impl Leaves {
    /// Begins now, if it has not. True if it had not.
    pub(super) const fn begin(&mut self, now: Time) -> bool {
        let first = self.next.is_none();
        if first {
            self.next = Some(now);
        }
        first
    }

    /// True once they began.
    pub(super) const fn have_begun(&self) -> bool {
        self.next.is_some()
    }

    /// True once all were said.
    pub(super) const fn are_said(&self) -> bool {
        self.said >= LEAVES
    }

    /// When the next one is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.next.filter(|_| !self.are_said())
    }

    /// True if one is due now; it counts as said.
    pub(super) fn take_due(&mut self, now: Time) -> bool {
        let due = self.poll_timeout().is_some_and(|at| at <= now);
        if due {
            self.next = Some(now + LEAVE_GAP);
            self.said += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_within_40_ms_and_none_after_them() {
        let start = Time::ZERO + Duration::from_secs(9);
        let mut leaves = Leaves::default();
        assert!(!leaves.have_begun() && !leaves.take_due(start));
        assert!(leaves.begin(start) && !leaves.begin(start + LEAVE_GAP));
        let mut said = Vec::new();
        while let Some(now) = leaves.poll_timeout() {
            assert!(leaves.take_due(now) && !leaves.take_due(now));
            said.push(now.since(start));
        }
        assert_eq!(said, [0, 20, 40].map(Duration::from_millis));
        assert!(leaves.are_said() && leaves.have_begun() && !leaves.take_due(start + Duration::from_secs(1)));
    }
}
