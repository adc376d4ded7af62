//! The envelopes that a gateway is about to broadcast. Pure.

use std::sync::Arc;

use core::net::SocketAddr;

use super::passed::{DatagramHash, hash};
use crate::accounts::{FairQueue, Payer};
use crate::identity::PeerId;
use crate::lan::limits;
use crate::time::Time;

/// A datagram of another network on its way to everyone here.
#[derive(Clone, Debug)]
pub(super) struct WaitingEnvelope {
    pub due: Time,
    pub hops: u8,
    /// Who signed it, and where the link leads that brought it.
    pub payer: Payer<PeerId>,
    pub at: SocketAddr,
    /// The next announcement makes up for it.
    pub is_presence: bool,
    pub signed: Arc<[u8]>,
}

/// One that waits, and by what it is known again.
#[derive(Clone, Debug)]
struct KnownEnvelope {
    hash: DatagramHash,
    envelope: WaitingEnvelope,
}

/// Those that wait, at most [`limits::ENVELOPES_WAITING`]. Links have equal shares by the host where they lead, and
/// inside a link those who signed.
#[derive(Debug)]
pub(super) struct WaitingEnvelopes(FairQueue<PeerId, KnownEnvelope>);

impl Default for WaitingEnvelopes {
    fn default() -> Self {
        Self(FairQueue::new(limits::ENVELOPES_WAITING, limits::ENVELOPES_OF_HOST))
    }
}

impl WaitingEnvelopes {
    /// One more.
    pub(super) fn push(&mut self, now: Time, envelope: WaitingEnvelope) {
        let WaitingEnvelope { payer, is_presence, .. } = envelope;
        let known = KnownEnvelope { hash: hash(&envelope.signed), envelope };
        self.0.push(now, payer, is_presence, known);
    }

    /// Another gateway has broadcast this one.
    pub(super) fn forget(&mut self, signed: &[u8]) {
        if self.0.is_empty() {
            return;
        }
        let of = hash(signed);
        let same: Vec<_> = self.0.iter().filter(|(_, known)| known.hash == of).map(|(n, _)| n).collect();
        for number in same {
            self.0.remove(number);
        }
    }

    /// When the first is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.0.iter().map(|(_, known)| known.envelope.due).min()
    }

    /// One that is due.
    pub(super) fn take_due(&mut self, now: Time) -> Option<WaitingEnvelope> {
        let (number, _) = self.0.iter().find(|(_, known)| known.envelope.due <= now)?;
        self.0.remove(number).map(|known| known.envelope)
    }

    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.0.len() as u64 <= limits::ENVELOPES_WAITING);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::accounts::AccountHost;

    /// The `n`th, of that peer, through a link to that host.
    fn envelope(link: u8, peer: u8, n: u64, is_presence: bool) -> WaitingEnvelope {
        let at = SocketAddr::from(([10, 0, 0, 1], 1));
        let due = Time::ZERO + Duration::from_millis(n);
        let payer = Payer { host: AccountHost::V4([10, 9, 0, link].into()), peer: PeerId([peer; 32]) };
        WaitingEnvelope { due, hops: 1, payer, at, is_presence, signed: Arc::from(n.to_be_bytes()) }
    }

    fn push(all: &mut WaitingEnvelopes, envelope: WaitingEnvelope) {
        all.push(envelope.due, envelope);
        all.check_bounds();
    }

    /// How many of this peer wait that came through a link to that host.
    fn held(all: &WaitingEnvelopes, link: u8, peer: u8) -> u64 {
        let of = envelope(link, peer, 0, false).payer;
        all.0.iter().filter(|(_, known)| known.envelope.payer == of).count() as u64
    }

    #[test]
    fn with_no_room_left_announcements_go_first() {
        let mut all = WaitingEnvelopes::default();
        let most = limits::ENVELOPES_WAITING;
        (0..most + 2).for_each(|n| push(&mut all, envelope(1, 1, n, n % 2 == 1)));
        let due = all.0.iter().map(|(_, known)| known.envelope.due.since(Time::ZERO).as_millis());
        assert_eq!(due.take(3).collect::<Vec<_>>(), [0, 2, 4]);
        let mut lines = WaitingEnvelopes::default();
        (0..=most).for_each(|n| push(&mut lines, envelope(1, 1, n, false)));
        assert_eq!(lines.poll_timeout(), Some(Time::ZERO + Duration::from_millis(1)));
    }

    #[test]
    fn one_that_another_gateway_sent_is_not_sent_again() {
        let mut all = WaitingEnvelopes::default();
        (0..3).for_each(|n| push(&mut all, envelope(1, 1, n, true)));
        all.forget(&1_u64.to_be_bytes());
        let due = core::iter::from_fn(|| all.take_due(Time::ZERO + Duration::from_millis(9)));
        assert_eq!(due.map(|waiting| waiting.signed[7]).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(all.poll_timeout(), None);
    }

    #[test]
    fn one_origin_that_says_too_much_leaves_others_of_its_link_their_share() {
        let (mut all, most) = (WaitingEnvelopes::default(), limits::ENVELOPES_WAITING);
        (0..3 * most).for_each(|n| push(&mut all, envelope(1, 1, n, false)));
        for n in 0..20 {
            push(&mut all, envelope(1, 2, 4 * most + n, true));
            push(&mut all, envelope(1, 1, 5 * most + n, false));
        }
        assert_eq!((held(&all, 1, 1), held(&all, 1, 2)), (most - 20, 20));
    }

    #[test]
    fn a_link_with_origins_without_number_leaves_another_link_half() {
        let (mut all, most) = (WaitingEnvelopes::default(), limits::ENVELOPES_WAITING);
        (0..3 * most).for_each(|n| push(&mut all, envelope(1, n.to_le_bytes()[0], n, false)));
        for n in 0..most {
            push(&mut all, envelope(2, 7, 4 * most + n, true));
            push(&mut all, envelope(1, n.to_le_bytes()[0], 5 * most + n, false));
        }
        assert_eq!(held(&all, 2, 7), most / 2);
    }
}
