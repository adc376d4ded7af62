//! What a gateway passed on already, and which nonces of others it brought. Pure.

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use crate::lan::limits;
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// A line of the room may be asked for again, and passes once more after this time.
const LINE_AGAIN: Duration = Duration::from_millis(400);

/// For so long an answer to a question of another network is waited for.
const ANSWERED: Duration = Duration::from_secs(30);

/// The first bytes of the hash of a datagram: all copies of it have the same.
pub(super) type DatagramHash = [u8; 16];

/// The datagrams that were passed on, the last [`limits::PASSED`] of them.
#[derive(Debug, Default)]
pub(super) struct PassedDatagrams {
    times: BTreeMap<DatagramHash, Time>,
    order: VecDeque<DatagramHash>,
}

impl PassedDatagrams {
    /// True if this may pass, counted as passed. `is_line`: it may pass again after a while.
    pub(super) fn take(&mut self, now: Time, signed: &[u8], is_line: bool) -> bool {
        let hash = hash(signed);
        if let Some(passed) = self.times.get_mut(&hash) {
            let is_again = is_line && now.since(*passed) >= LINE_AGAIN;
            if is_again {
                *passed = now;
            }
            return is_again;
        }
        if self.order.len() >= limits::PASSED
            && let Some(oldest) = self.order.pop_front()
        {
            self.times.remove(&oldest);
        }
        self.times.insert(hash, now);
        self.order.push_back(hash);
        true
    }

    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.order.len() <= limits::PASSED && self.times.len() == self.order.len());
    }
}

/// The nonces of questions that came from other networks, the last [`limits::NONCES_ACROSS`] of them.
#[derive(Debug, Default)]
pub(super) struct NoncesAcross {
    times: BTreeMap<u64, Time>,
    order: VecDeque<u64>,
}

impl NoncesAcross {
    /// This came from another network: what it asks is to be answered there.
    pub(super) fn note(&mut self, now: Time, message: &DatagramMessage) {
        let nonce = match message {
            DatagramMessage::Hello { nonce } | DatagramMessage::Probe { nonce, .. } => *nonce,
            DatagramMessage::Proof { ask: Some(nonce), .. } => *nonce,
            _ => return,
        };
        if self.times.insert(nonce, now).is_some() {
            return;
        }
        self.order.push_back(nonce);
        if self.order.len() > limits::NONCES_ACROSS
            && let Some(oldest) = self.order.pop_front()
        {
            self.times.remove(&oldest);
        }
    }

    /// True if one of these answers a question of another network.
    pub(super) fn has_any(&self, now: Time, echoes: &[u64]) -> bool {
        let is_awaited = |nonce| self.times.get(nonce).is_some_and(|at: &Time| now.since(*at) < ANSWERED);
        echoes.iter().any(is_awaited)
    }

    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.order.len() <= limits::NONCES_ACROSS && self.times.len() == self.order.len());
    }
}

/// What tells a datagram from all others.
pub(super) fn hash(signed: &[u8]) -> DatagramHash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(signed).as_bytes()[..16]);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    #[test]
    fn a_datagram_passes_once_and_a_line_again_after_a_while() {
        let mut passed = PassedDatagrams::default();
        assert!(passed.take(at(0), b"one", false) && !passed.take(at(60_000), b"one", false));
        assert!(passed.take(at(0), b"line", true) && !passed.take(at(399), b"line", true));
        assert!(passed.take(at(400), b"line", true) && !passed.take(at(401), b"line", true));
        for n in 0..2 * limits::PASSED as u64 {
            assert!(passed.take(at(n), &n.to_be_bytes(), false));
            passed.check_bounds();
        }
    }

    #[test]
    fn an_answer_is_known_by_its_nonce_for_a_while() {
        let mut across = NoncesAcross::default();
        across.note(at(0), &DatagramMessage::Hello { nonce: 7 });
        across.note(at(0), &DatagramMessage::Proof { ask: Some(8), echoes: vec![9] });
        assert!(across.has_any(at(29_999), &[1, 7]) && across.has_any(at(0), &[8]));
        assert!(!across.has_any(at(0), &[9]) && !across.has_any(at(30_000), &[7]));
        for nonce in 0..2 * limits::NONCES_ACROSS as u64 {
            across.note(at(nonce), &DatagramMessage::Hello { nonce });
            across.check_bounds();
        }
    }
}
