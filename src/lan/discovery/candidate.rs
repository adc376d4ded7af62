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

/// One that was asked for this long and answered nothing is told: what a firewall that lets in nothing but
/// answers needs for its peer to ask the others itself, and more.
const UNANSWERED: Duration = Duration::from_secs(12);

/// It is told again after this time, as long as it is heard.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

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
    /// When it was heard first.
    pub first: Time,
    /// When it was last told that it answers nothing.
    pub told: Option<Time>,
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
            first: now,
            told: None,
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

    /// True if it is to be told that it is heard and answers nothing, counted as told.
    pub(super) fn take_unanswered(&mut self, now: Time) -> bool {
        let is_unanswered = self.tries > 0 && !self.exchanged && now.since(self.first) >= UNANSWERED;
        let is_due = is_unanswered && self.told.is_none_or(|at| now.since(at) >= TOLD_AGAIN);
        if is_due {
            self.told = Some(now);
        }
        is_due
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

    fn candidate(now: Time) -> Candidate {
        let name = PeerName::of_folder("peer", PeerId([0; 32]));
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
        let instance = Instance { count: 1, random: 1 };
        let body = Body { instance, sequence: 1, presence, message: DatagramMessage::Here };
        let from = Endpoint { at: SocketAddr::from(([10, 0, 0, 1], 1)), via: Via::Own };
        let voice = Voice::new(&body, &Arc::from([]));
        Candidate::new(now, PeerId([1; 32]), voice, from, &mut Rng::new([1; 32]))
    }

    #[test]
    fn who_is_heard_and_answers_nothing_is_told_after_a_while_and_again() {
        let at = |s: u64| Time::ZERO + Duration::from_secs(9 + s);
        let mut candidate = candidate(at(0));
        assert!(!candidate.take_unanswered(at(60)), "nobody asked it");
        candidate.tries = 1;
        let told = (0..40).filter(|s| candidate.take_unanswered(at(*s)));
        assert_eq!(told.collect::<Vec<_>>(), [12, 22, 32]);
        candidate.exchanged = true;
        assert!(!candidate.take_unanswered(at(90)), "it was not heard");
    }

    #[test]
    fn who_answered_no_question_is_asked_again_after_a_rest() {
        let now = Time::ZERO + Duration::from_secs(9);
        let mut candidate = candidate(now);
        assert!(!candidate.is_rested(now + IDLE));
        candidate.tries = u8::try_from(RETRIES.len()).unwrap();
        assert!(!candidate.is_rested(now) && candidate.is_rested(now + IDLE));
        candidate.restart(now + IDLE);
        assert!(!candidate.is_rested(now + IDLE + IDLE));
    }
}
