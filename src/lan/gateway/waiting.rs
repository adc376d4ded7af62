//! The envelopes that a gateway is about to broadcast. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use core::net::SocketAddr;

use super::passed::hash;
use crate::identity::PeerId;
use crate::lan::limits;
use crate::time::Time;

/// A datagram of another network on its way to everyone here.
#[derive(Clone, Debug)]
pub(super) struct WaitingEnvelope {
    pub due: Time,
    pub hops: u8,
    pub peer: PeerId,
    pub at: SocketAddr,
    /// The next announcement makes up for it.
    pub is_presence: bool,
    pub signed: Arc<[u8]>,
}

/// Those that wait, at most [`limits::ENVELOPES_WAITING`].
#[derive(Debug, Default)]
pub(super) struct WaitingEnvelopes(VecDeque<WaitingEnvelope>);

impl WaitingEnvelopes {
    /// One more. With no room left the oldest announcement goes, or else the oldest of all.
    pub(super) fn push(&mut self, envelope: WaitingEnvelope) {
        if self.0.len() >= limits::ENVELOPES_WAITING {
            let presence = self.0.iter().position(|waiting| waiting.is_presence);
            self.0.remove(presence.unwrap_or(0));
        }
        self.0.push_back(envelope);
    }

    /// Another gateway has broadcast this one.
    pub(super) fn forget(&mut self, signed: &[u8]) {
        if !self.0.is_empty() {
            let of = hash(signed);
            self.0.retain(|waiting| hash(&waiting.signed) != of);
        }
    }

    /// When the first is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.0.iter().map(|waiting| waiting.due).min()
    }

    /// One that is due.
    pub(super) fn take_due(&mut self, now: Time) -> Option<WaitingEnvelope> {
        let place = self.0.iter().position(|waiting| waiting.due <= now)?;
        self.0.remove(place)
    }

    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.0.len() <= limits::ENVELOPES_WAITING);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn envelope(n: u64, is_presence: bool) -> WaitingEnvelope {
        let at = SocketAddr::from(([10, 0, 0, 1], 1));
        let due = Time::ZERO + Duration::from_millis(n);
        let peer = PeerId([1; 32]);
        WaitingEnvelope { due, hops: 1, peer, at, is_presence, signed: Arc::from(n.to_be_bytes()) }
    }

    #[test]
    fn with_no_room_left_announcements_go_first() {
        let mut all = WaitingEnvelopes::default();
        let most = limits::ENVELOPES_WAITING as u64;
        (0..most + 2).for_each(|n| all.push(envelope(n, n % 2 == 1)));
        all.check_bounds();
        let left: Vec<_> = all.0.iter().map(|waiting| waiting.due.since(Time::ZERO).as_millis()).collect();
        assert_eq!(left[..3], [0, 2, 4]);
        let mut lines = WaitingEnvelopes::default();
        (0..=most).for_each(|n| lines.push(envelope(n, false)));
        assert_eq!(lines.poll_timeout(), Some(Time::ZERO + Duration::from_millis(1)));
    }

    #[test]
    fn one_that_another_gateway_sent_is_not_sent_again() {
        let mut all = WaitingEnvelopes::default();
        (0..3).for_each(|n| all.push(envelope(n, true)));
        all.forget(&1_u64.to_be_bytes());
        let due = core::iter::from_fn(|| all.take_due(Time::ZERO + Duration::from_millis(9)));
        assert_eq!(due.map(|waiting| waiting.signed[7]).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(all.poll_timeout(), None);
    }
}
