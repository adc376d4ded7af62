//! Who the controller knows to be served.

use core::time::Duration;

use crate::identity::PeerId;
use crate::time::Time;

/// How often the controller hears who is served, at most.
const SERVING: Duration = Duration::from_millis(250);

/// Peers that are served with the bytes that each was sent, as reported.
pub(crate) type ServedPeers = Vec<(PeerId, u64)>;

/// What was reported, and when it is reported again.
#[derive(Debug, Default)]
pub(crate) struct ServingReport {
    reported: ServedPeers,
    /// When it is to be looked at again; `None` while nobody is served.
    due: Option<Time>,
}

impl ServingReport {
    /// It is looked at as soon as can be.
    pub(crate) const fn hasten(&mut self, now: Time) {
        self.due = Some(now);
    }

    /// It is looked at as soon as can be, if somebody is known to be served.
    pub(crate) const fn hasten_if_reported(&mut self, now: Time) {
        if !self.reported.is_empty() {
            self.due = Some(now);
        }
    }

    /// It is looked at, soon or as was planned.
    pub(crate) fn begin(&mut self, now: Time) {
        self.due.get_or_insert(now);
    }

    /// When it is to be looked at.
    pub(crate) const fn due(&self) -> Option<Time> {
        self.due
    }

    /// These are served. `tell` tells it, unless it is known, and says whether that could be.
    pub(crate) fn renew(&mut self, now: Time, serving: ServedPeers, tell: impl FnOnce(&ServedPeers) -> bool) {
        let reported = serving == self.reported || tell(&serving);
        self.due = (!reported || !serving.is_empty()).then_some(now + SERVING);
        if reported {
            self.reported = serving;
        }
    }
}
