//! Answers that wait: nonces of others that are to be echoed, one by one or many in one datagram. Pure.

use core::net::SocketAddr;
use core::time::Duration;

use super::Via;
use crate::identity::PeerId;
use crate::limits;
use crate::time::Time;
use crate::wire::datagram::ECHOES;

/// Answers that are due within this time of each other go out together.
const TOGETHER: Duration = Duration::from_millis(15);

/// A nonce to be echoed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Echo {
    /// When.
    pub due: Time,
    /// To where the question came from.
    pub to: SocketAddr,
    /// From the socket that it came in on.
    pub via: Via,
    /// Who asked.
    pub peer: PeerId,
    /// What it asked.
    pub nonce: u64,
}

/// The answers that wait, at most [`limits::ECHOES_WAITING`].
#[derive(Debug, Default)]
pub(super) struct Echoes {
    waiting: Vec<Echo>,
    next: Option<Time>,
}

impl Echoes {
    /// When the first is due.
    pub(super) const fn next(&self) -> Option<Time> {
        self.next
    }

    /// Adds one. A question asked again keeps its earlier place; with no room left the new one is
    /// dropped, for it will be asked again.
    pub(super) fn push(&mut self, echo: Echo) {
        let again = self.waiting.iter().any(|e| e.nonce == echo.nonce && e.peer == echo.peer);
        if again || self.waiting.len() >= limits::ECHOES_WAITING {
            return;
        }
        self.next = Some(self.next.map_or(echo.due, |next| next.min(echo.due)));
        self.waiting.push(echo);
    }

    /// Takes those that are due, and the ones due soon after them: as many as fit one datagram.
    pub(super) fn take(&mut self, now: Time) -> Vec<Echo> {
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
        taken
    }

    /// Puts one back that was taken.
    pub(super) fn put_back(&mut self, echo: Echo) {
        self.next = Some(self.next.map_or(echo.due, |next| next.min(echo.due)));
        self.waiting.push(echo);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(ms: u64, nonce: u64) -> Echo {
        let due = Time::ZERO + Duration::from_millis(ms);
        let to = SocketAddr::from(([10, 0, 0, 1], 1));
        Echo { due, to, via: Via::Own, peer: PeerId([1; 32]), nonce }
    }

    #[test]
    fn what_is_due_goes_with_what_is_nearly_due() {
        let mut echoes = Echoes::default();
        for (ms, nonce) in [(50, 1), (10, 2), (20, 3), (10, 2)] {
            echoes.push(echo(ms, nonce));
        }
        assert_eq!(echoes.next(), Some(echo(10, 0).due));
        assert!(echoes.take(echo(9, 0).due).is_empty());
        let nonces: Vec<_> = echoes.take(echo(10, 0).due).iter().map(|e| e.nonce).collect();
        assert_eq!(nonces, [2, 3]);
        assert_eq!(echoes.next(), Some(echo(50, 0).due));
    }

    #[test]
    fn a_crowd_is_bounded_in_memory_and_by_datagram() {
        let mut echoes = Echoes::default();
        for nonce in 0..10_000 {
            echoes.push(echo(0, nonce));
        }
        let mut all = 0;
        loop {
            let some = echoes.take(Time::ZERO).len();
            if some == 0 {
                break;
            }
            assert!(some <= ECHOES);
            all += some;
        }
        assert_eq!(all, limits::ECHOES_WAITING);
    }
}
