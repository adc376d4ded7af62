//! Answers that wait: nonces of others that are to be echoed, one by one or many in one datagram. Pure.

use std::collections::VecDeque;

use core::time::Duration;

use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::identity::PeerId;
use crate::lan::limits;
use crate::lan::traffic::Endpoint;
use crate::time::Time;
use crate::wire::datagram::ECHOES;

/// Answers that are due within this time of each other go out together.
const TOGETHER: Duration = Duration::from_millis(15);

/// What went to everyone is repeated, where there is room, for this time: a datagram that goes out anyway
/// makes up for one that was lost.
const REPEATED: Duration = Duration::from_millis(300);

/// A nonce to be echoed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingProof {
    /// When.
    pub due: Time,
    /// To where the question came from, from the socket that it came in on.
    pub to: Endpoint,
    /// Who asked.
    pub peer: PeerId,
    /// What it asked.
    pub nonce: u64,
}

impl PendingProof {
    const fn key(&self) -> (PeerId, u64) {
        (self.peer, self.nonce)
    }
}

/// The answers that wait, at most [`limits::PENDING_PROOFS`]. The hosts that ask have equal shares of them.
#[derive(Debug)]
pub(super) struct PendingProofs {
    waiting: Vec<PendingProof>,
    places: Account<PeerId, (PeerId, u64)>,
    next: Option<Time>,
    /// Those that went to everyone, and when; at most [`ECHOES`].
    recent: VecDeque<(Time, u64)>,
}

impl Default for PendingProofs {
    fn default() -> Self {
        let places = Account::new(limits::PENDING_PROOFS as u64, limits::PENDING_PROOFS_OF_HOST);
        Self { waiting: Vec::new(), places, next: None, recent: VecDeque::new() }
    }
}

impl PendingProofs {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the first is due.
    pub(super) const fn next(&self) -> Option<Time> {
        self.next
    }

    /// Adds one. A question asked again keeps its earlier place; with no room left in the share of its host
    /// the new one is dropped, for it will be asked again.
    pub(super) fn push(&mut self, proof: PendingProof) {
        if self.places.payer(proof.key()).is_some() {
            return;
        }
        // Where a peer behind a gateway is, only that says: all of them share one place.
        let is_told = proof.to.gateway().is_some();
        let host = if is_told { AccountHost::Unproved } else { proof.to.host().into() };
        let payer = Payer { host, peer: proof.peer };
        let Grant::Given(yielding) = self.places.charge(proof.due, payer, proof.key(), 1) else { return };
        if !yielding.is_empty() {
            self.waiting.retain(|e| !yielding.contains(&e.key()));
            self.next = self.waiting.iter().map(|e| e.due).min();
        }
        self.next = Some(self.next.map_or(proof.due, |next| next.min(proof.due)));
        self.waiting.push(proof);
    }

    /// Takes those that are due, and the ones due soon after them: as many as fit one datagram.
    pub(super) fn take(&mut self, now: Time) -> Vec<PendingProof> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut taken = Vec::new();
        self.waiting.retain(|e| {
            let take = e.due <= now + TOGETHER && taken.len() < ECHOES;
            if take {
                taken.push(*e);
            }
            !take
        });
        self.next = self.waiting.iter().map(|e| e.due).min();
        taken.iter().for_each(|e| self.places.free(e.key()));
        self.places.check("pending proofs", self.waiting.iter().map(|e| (e.key(), 1)));
        taken
    }

    /// Those that went to everyone a moment ago.
    pub(super) fn recent(&self, now: Time) -> usize {
        self.recent.iter().rev().take_while(|(at, _)| now.since(*at) <= REPEATED).count()
    }

    /// What one datagram to everyone says: these, and what it has room for of those before.
    pub(super) fn for_all(&mut self, now: Time, these: &[PendingProof]) -> Vec<u64> {
        let old = self.recent.len() - self.recent(now);
        self.recent.drain(..old);
        let mut nonces: Vec<_> = these.iter().map(|e| e.nonce).collect();
        self.recent.retain(|(_, nonce)| !nonces.contains(nonce));
        // The newest first: what was said often enough leaves its room to others.
        let room = ECHOES.saturating_sub(nonces.len());
        let again: Vec<_> = self.recent.iter().rev().take(room).map(|(_, nonce)| *nonce).collect();
        self.recent.extend(nonces.iter().map(|nonce| (now, *nonce)));
        let over = self.recent.len().saturating_sub(ECHOES);
        self.recent.drain(..over);
        nonces.extend(again);
        nonces
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;
    use crate::lan::traffic::Via;

    fn proof(ms: u64, nonce: u64) -> PendingProof {
        let due = Time::ZERO + Duration::from_millis(ms);
        let to = Endpoint { at: SocketAddr::from(([10, 0, 0, 1], 1)), via: Via::Own };
        PendingProof { due, to, peer: PeerId([1; 32]), nonce }
    }

    #[test]
    fn what_is_due_goes_with_what_is_nearly_due() {
        let mut pending = PendingProofs::default();
        for (ms, nonce) in [(50, 1), (10, 2), (20, 3), (10, 2)] {
            pending.push(proof(ms, nonce));
        }
        assert_eq!(pending.next(), Some(proof(10, 0).due));
        assert!(pending.take(proof(9, 0).due).is_empty());
        let nonces: Vec<_> = pending.take(proof(10, 0).due).iter().map(|e| e.nonce).collect();
        assert_eq!(nonces, [2, 3]);
        assert_eq!(pending.next(), Some(proof(50, 0).due));
    }

    #[test]
    fn what_went_to_all_is_repeated_for_a_while_where_there_is_room() {
        let mut pending = PendingProofs::default();
        let of = |nonces: core::ops::Range<u64>| nonces.map(|n| proof(0, n)).collect::<Vec<_>>();
        let at = |ms| proof(ms, 0).due;
        assert_eq!(pending.for_all(at(0), &of(0..3)), [0, 1, 2]);
        assert_eq!(pending.for_all(at(100), &of(2..5)), [2, 3, 4, 1, 0]);
        assert_eq!(pending.for_all(at(350), &of(9..10)), [9, 4, 3, 2]);
        assert_eq!(pending.for_all(at(351), &of(100..164)).len(), ECHOES);
        assert_eq!(pending.for_all(at(352), &of(1..2)).len(), ECHOES);
        assert_eq!(pending.recent(at(352)), ECHOES);
        assert_eq!(pending.recent(at(9_000)), 0);
    }

    #[test]
    fn who_asks_much_does_not_keep_another_host_from_being_answered() {
        for (hosts, keys) in [(1, 1_000), (120, 64)] {
            let mut pending = PendingProofs::default();
            for n in 0..hosts * keys {
                let host = u8::try_from(n % hosts).unwrap();
                let to = Endpoint { at: SocketAddr::from(([10, 0, 1, host], 1)), via: Via::Own };
                pending.push(PendingProof { to, ..proof(0, n) });
            }
            pending.push(proof(0, 1_000_000));
            let mut taken = Vec::new();
            loop {
                let some = pending.take(Time::ZERO);
                if some.is_empty() {
                    break;
                }
                taken.extend(some.into_iter().map(|e| e.nonce));
            }
            assert!(taken.contains(&1_000_000) && taken.len() == limits::PENDING_PROOFS, "{}", taken.len());
        }
    }

    #[test]
    fn many_are_bounded_in_memory_and_by_datagram() {
        let mut pending = PendingProofs::default();
        for nonce in 0..10_000 {
            pending.push(proof(0, nonce));
        }
        let mut all = 0;
        loop {
            let some = pending.take(Time::ZERO).len();
            if some == 0 {
                break;
            }
            assert!(some <= ECHOES);
            all += some;
        }
        assert_eq!(all, limits::PENDING_PROOFS);
    }
}
