//! Datagrams that wait to cross a link, and when they may. Pure.
//!
//! They cross no faster than the other end takes them: what came faster would be lost there, whoever said it. So
//! what is too much waits here, where it is known which host said it, and hosts have equal shares of the places.

use crate::accounts::{FairQueue, Payer};
use crate::identity::PeerId;
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::transfer::limits;
use crate::wire::message::RelayedDatagram;

/// A datagram that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueuedDatagram {
    /// Who signed it, and where that peer is as far as it is proved; of what another link brought, where that leads.
    pub(crate) payer: Payer<PeerId>,
    /// True of an announcement, which the next one makes up for.
    pub(crate) is_presence: bool,
    pub(crate) datagram: RelayedDatagram,
}

/// Those of one link, at most [`limits::LINK_QUEUE`].
#[derive(Debug)]
pub(crate) struct LinkQueue {
    waiting: FairQueue<PeerId, RelayedDatagram>,
    pace: TokenBucket,
}

impl Default for LinkQueue {
    fn default() -> Self {
        let waiting = FairQueue::new(limits::LINK_QUEUE, limits::LINK_QUEUE_OF_HOST);
        Self { waiting, pace: TokenBucket::default() }
    }
}

impl LinkQueue {
    /// One more.
    pub(crate) fn push(&mut self, now: Time, queued: QueuedDatagram) {
        let QueuedDatagram { payer, is_presence, datagram } = queued;
        self.waiting.push(now, payer, is_presence, datagram);
    }

    /// When the first of those that wait may cross; `None`: nothing waits.
    pub(crate) fn next(&self) -> Option<Time> {
        (!self.waiting.is_empty()).then(|| self.pace.next(limits::LINK_PACE))
    }

    /// True if something waits that may cross now.
    pub(crate) fn is_ready(&self, now: Time) -> bool {
        self.next().is_some_and(|at| at <= now)
    }

    /// As many of those that may cross now as one message brings, the oldest first.
    pub(crate) fn take(&mut self, now: Time) -> Vec<RelayedDatagram> {
        let mut taken = Vec::new();
        while taken.len() < limits::RELAYED
            && !self.waiting.is_empty()
            && self.pace.take(now, limits::LINK_PACE)
        {
            taken.extend(self.waiting.pop());
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::accounts::AccountHost;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(100_000 + ms)
    }

    /// A datagram of that peer at that host, which its number is in.
    fn queued(host: u8, peer: u8, n: u64, is_presence: bool) -> QueuedDatagram {
        let payer = Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([peer; 32]) };
        let datagram = RelayedDatagram { at: None, hops: 1, signed: n.to_be_bytes().to_vec().into() };
        QueuedDatagram { payer, is_presence, datagram }
    }

    /// The numbers of all that crosses until nothing waits, and how long that takes.
    fn drain(queue: &mut LinkQueue, from: Time) -> (Vec<u64>, Duration) {
        let (mut now, mut numbers) = (from, Vec::new());
        while let Some(next) = queue.next() {
            now = now.max(next);
            let page = queue.take(now);
            assert!((1..=limits::RELAYED).contains(&page.len()));
            numbers.extend(page.iter().map(|d| u64::from_be_bytes(d.signed[..].try_into().unwrap())));
        }
        (numbers, now.since(from))
    }

    #[test]
    fn a_slow_link_loses_announcements_first_and_never_more_than_it_must() {
        let mut queue = LinkQueue::default();
        let most = limits::LINK_QUEUE;
        (0..most + 2).for_each(|n| queue.push(at(0), queued(1, 1, n, n % 2 == 1)));
        let (numbers, _) = drain(&mut queue, at(0));
        assert_eq!((numbers.len() as u64, &numbers[..4]), (most, &[0, 2, 4, 5][..]));
        assert!(queue.next().is_none() && !queue.is_ready(at(0)));
    }

    #[test]
    fn what_crosses_is_no_more_than_the_other_end_takes() {
        let (mut queue, mut taken_there, mut lost) = (LinkQueue::default(), TokenBucket::default(), 0);
        let rate = crate::rate::Rate { period: limits::LINK_PERIOD, burst: limits::LINK_BURST };
        let mut crossed = 0;
        for ms in 0..10_000 {
            queue.push(at(ms), queued(1, 1, ms, false));
            for _ in queue.take(at(ms)) {
                crossed += 1;
                lost += u32::from(!taken_there.take(at(ms), rate));
            }
        }
        assert_eq!(lost, 0);
        assert!(crossed >= 1_000, "{crossed} in ten seconds");
    }

    #[test]
    fn a_machine_with_many_keys_that_says_too_much_leaves_others_their_share_of_a_link() {
        let (mut queue, mut crossed) = (LinkQueue::default(), Vec::new());
        for ms in 0..10_000_u64 {
            // A thousand a second, of 200 keys in turn; two other hosts say one each second.
            queue.push(at(ms), queued(9, u8::try_from(ms % 200).unwrap(), 0, false));
            if ms % 1_000 == 500 {
                queue.push(at(ms), queued(1, 201, 1_000 + ms, true));
                queue.push(at(ms), queued(2, 202, 2_000_000 + ms, false));
            }
            let taken = queue.take(at(ms));
            let number = |d: &RelayedDatagram| u64::from_be_bytes(d.signed[..].try_into().unwrap());
            crossed.extend(taken.iter().map(|datagram| (ms, number(datagram))));
        }
        for n in 0..8 {
            for said in [1_500 + n * 1_000, 2_000_500 + n * 1_000] {
                let came = crossed.iter().find(|(_, number)| *number == said).map(|(ms, _)| *ms);
                let waited = came.map(|ms| ms - (500 + n * 1_000));
                assert!(waited.is_some_and(|ms| ms <= 2_000), "{said} waited {waited:?} ms");
            }
        }
    }
}
