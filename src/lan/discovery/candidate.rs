//! A peer that was heard, or heard of, and has not proved itself. Pure.

use core::time::Duration;

use super::voice::Voice;
use crate::accounts::Payer;
use crate::identity::PeerId;
use crate::lan::rng::Rng;
use crate::lan::traffic::Endpoint;
use crate::time::Time;

/// After each question to a candidate, when it is asked again. Then not before [`IDLE`] has passed.
pub(super) const RETRIES: [Duration; 16] = [
    Duration::from_millis(60),
    Duration::from_millis(60),
    Duration::from_millis(60),
    Duration::from_millis(60),
    Duration::from_millis(80),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
];

/// A candidate that answered no question is left alone for this time.
const IDLE: Duration = Duration::from_secs(60);

/// A peer, or a new address of one, that has to prove itself.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub voice: Voice,
    /// Where it was heard, or where another peer says that it answers.
    pub from: Endpoint,
    /// What it has to echo: it goes to that address alone.
    pub nonce: u64,
    /// Questions sent.
    pub tries: u8,
    /// When the last one was sent, or when it was heard first.
    pub since: Time,
    /// What everyone was asked, if a question went out by broadcast. It is another nonce, for whoever hears it
    /// can echo it under any address, and none is proved by that.
    pub called: Option<u64>,
    /// The hello that the questions answer too.
    pub carried: Option<u64>,
    /// True if it is only known from another peer's table.
    pub exchanged: bool,
    /// To whom its place is charged: to itself, or to the peer that told of it.
    pub payer: Payer<PeerId>,
    /// When it is asked next.
    pub due: Option<Time>,
}

impl Candidate {
    /// One that is not asked yet.
    pub(super) fn new(now: Time, peer: PeerId, voice: Voice, from: Endpoint, rng: &mut Rng) -> Self {
        Self {
            voice,
            from,
            nonce: rng.nonce(),
            tries: 0,
            since: now,
            called: None,
            carried: None,
            exchanged: false,
            payer: Payer { host: from.host().into(), peer },
            due: None,
        }
    }

    /// This one, asked at `due`, or not at all.
    pub(super) fn asked_at(self, due: Option<Time>) -> Self {
        Self { due, ..self }
    }

    /// True if `holds` tells that a datagram holds what it was asked.
    pub(super) fn is_answered_by(&self, holds: impl Fn(u64) -> bool) -> bool {
        self.tries > 0 && holds(self.nonce) || self.called.is_some_and(holds)
    }

    /// True if it was asked often enough, and not for a while, so that it may be asked again.
    pub(super) fn is_rested(&self, now: Time) -> bool {
        usize::from(self.tries) >= RETRIES.len() && now.since(self.since) >= IDLE
    }

    /// Begins to count the questions to it again.
    pub(super) const fn restart(&mut self, now: Time) {
        (self.tries, self.since) = (0, now);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use core::net::SocketAddr;

    use super::*;
    use crate::address::Ports;
    use crate::identity::{Instance, PeerId, PeerName};
    use crate::lan::traffic::Via;
    use crate::wire::datagram::{Body, DatagramMessage, Presence, PresenceState};

    #[test]
    fn who_answered_no_question_is_asked_again_after_a_rest() {
        let name = PeerName::of_folder("peer", PeerId([0; 32]));
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
        let instance = Instance { count: 1, random: 1 };
        let body = Body { instance, sequence: 1, presence, message: DatagramMessage::Here };
        let from = Endpoint { at: SocketAddr::from(([10, 0, 0, 1], 1)), via: Via::Own };
        let now = Time::ZERO + Duration::from_secs(9);
        let voice = Voice::new(&body, &Arc::from([]));
        let peer = PeerId([1; 32]);
        let mut candidate = Candidate::new(now, peer, voice, from, &mut Rng::new([1; 32]));
        assert!(!candidate.is_rested(now + IDLE));
        candidate.tries = u8::try_from(RETRIES.len()).unwrap();
        assert!(!candidate.is_rested(now) && candidate.is_rested(now + IDLE));
        candidate.restart(now + IDLE);
        assert!(!candidate.is_rested(now + IDLE + IDLE));
    }
}
