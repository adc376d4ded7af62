//! Datagrams that wait to cross a link. Pure.

use std::collections::VecDeque;

use crate::transfer::limits;
use crate::wire::message::RelayedDatagram;

/// A datagram that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueuedDatagram {
    /// True of an announcement, which the next one makes up for.
    pub(crate) is_presence: bool,
    pub(crate) datagram: RelayedDatagram,
}

/// Those of one link, at most [`limits::LINK_QUEUE`].
#[derive(Debug, Default)]
pub(crate) struct LinkQueue(VecDeque<QueuedDatagram>);

impl LinkQueue {
    /// True if nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more. A slow link loses the oldest announcement, or else the oldest of all.
    pub(crate) fn push(&mut self, queued: QueuedDatagram) {
        if self.0.len() >= limits::LINK_QUEUE {
            let presence = self.0.iter().position(|waiting| waiting.is_presence);
            self.0.remove(presence.unwrap_or(0));
        }
        self.0.push_back(queued);
    }

    /// As many as one message brings, the oldest first.
    pub(crate) fn take(&mut self) -> Vec<RelayedDatagram> {
        let count = self.0.len().min(limits::RELAYED);
        self.0.drain(..count).map(|queued| queued.datagram).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_link_loses_announcements_first_and_never_more_than_it_must() {
        let mut queue = LinkQueue::default();
        let most = limits::LINK_QUEUE;
        for n in 0..most + 2 {
            let signed = n.to_be_bytes().to_vec().into();
            let datagram = RelayedDatagram { at: None, hops: 1, signed };
            queue.push(QueuedDatagram { is_presence: n % 2 == 1, datagram });
        }
        let taken = core::iter::from_fn(|| Some(queue.take()).filter(|page| !page.is_empty()));
        let pages: Vec<_> = taken.collect();
        assert!(pages.iter().all(|page| page.len() <= limits::RELAYED));
        let numbers: Vec<_> = pages.concat().iter().map(|d| d.signed[7]).collect();
        assert_eq!((numbers.len(), &numbers[..4]), (most, &[0, 2, 4, 5][..]));
        assert!(queue.is_empty());
    }
}
