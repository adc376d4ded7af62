//! Links that others made to this peer: what waits for each, and which of its questions is answered now. Pure.
//!
//! Whoever made a link has two questions open, so that one always waits here when something comes. A new one has
//! the older one answered at once, with whatever there is.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::sender::limits;
use crate::time::Time;
use crate::transfer::link_queue::{LinkQueue, QueuedDatagram};
use crate::transfer::net::ConnId;
use crate::wire::message::{Reason, Relayed};

/// A question is answered after this time, though there is nothing to say: so both ends know that the link stands.
const ANSWERED: Duration = Duration::from_secs(3);

/// A question that waits.
#[derive(Debug)]
struct LinkQuestion {
    request: u64,
    since: Time,
}

/// One link.
#[derive(Debug)]
struct ServedLink {
    peer: PeerId,
    asked: VecDeque<LinkQuestion>,
    queue: LinkQueue,
}

impl ServedLink {
    /// When its oldest question is to be answered.
    fn due(&self) -> Option<Time> {
        let oldest = self.asked.front()?;
        if self.asked.len() > 1 {
            return Some(oldest.since);
        }
        let quiet = oldest.since + ANSWERED;
        Some(self.queue.next().map_or(quiet, |at| at.max(oldest.since).min(quiet)))
    }
}

/// All of them. Hosts have equal shares of the places.
#[derive(Debug)]
pub(super) struct ServedLinks {
    links: BTreeMap<ConnId, ServedLink>,
    places: Account<PeerId, ConnId>,
}

/// What a question did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// True if it made a link.
    pub(super) is_new: bool,
    /// The peers whose links had to go for it.
    pub(super) yielded: Vec<PeerId>,
}

impl Default for ServedLinks {
    fn default() -> Self {
        let places = Account::new(limits::LINKS as u64, limits::LINKS_OF_HOST);
        Self { links: BTreeMap::new(), places }
    }
}

impl ServedLinks {
    /// A question came over this connection; the first one makes it a link.
    ///
    /// # Errors
    /// There is no place for one more link.
    pub(super) fn ask(
        &mut self,
        now: Time,
        id: ConnId,
        payer: Payer<PeerId>,
        request: u64,
    ) -> Result<Asked, Reason> {
        let mut asked = Asked { is_new: !self.links.contains_key(&id), yielded: Vec::new() };
        if asked.is_new {
            let Grant::Given(yielding) = self.places.charge(now, payer, id, 1) else {
                return Err(Reason::Busy);
            };
            asked.yielded = yielding.into_iter().filter_map(|other| self.forget(other)).collect();
            let link = ServedLink { peer: payer.peer, asked: VecDeque::new(), queue: LinkQueue::default() };
            self.links.insert(id, link);
        }
        if let Some(link) = self.links.get_mut(&id) {
            if link.asked.len() >= limits::LINK_QUESTIONS {
                return Err(Reason::Busy);
            }
            link.asked.push_back(LinkQuestion { request, since: now });
        }
        Ok(asked)
    }

    /// This is to cross the link with `peer`.
    pub(super) fn push(&mut self, now: Time, peer: PeerId, queued: &QueuedDatagram) {
        for link in self.links.values_mut().filter(|link| link.peer == peer) {
            link.queue.push(now, queued.clone());
        }
    }

    /// The next answer that is due, and over which connection it goes.
    pub(super) fn next_answer(&mut self, now: Time) -> Option<(ConnId, Relayed)> {
        let due = |(_, link): &(&ConnId, &mut ServedLink)| link.due().is_some_and(|at| at <= now);
        let (id, link) = self.links.iter_mut().find(due)?;
        let request = link.asked.pop_front()?.request;
        Some((*id, Relayed { request, datagrams: link.queue.take(now).into() }))
    }

    /// When [`Self::next_answer`] has one.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.links.values().filter_map(ServedLink::due).min()
    }

    /// This connection is over. `Some`: with this peer there is no link any more.
    pub(super) fn forget(&mut self, id: ConnId) -> Option<PeerId> {
        let link = self.links.remove(&id)?;
        self.places.free(id);
        let has_other = self.links.values().any(|other| other.peer == link.peer);
        (!has_other).then_some(link.peer)
    }

    /// True if this connection is a link.
    pub(super) fn has(&self, id: ConnId) -> bool {
        self.links.contains_key(&id)
    }

    /// In a debug build: each link is charged, and nothing else is.
    pub(super) fn check(&self) {
        self.places.check("links", self.links.keys().map(|id| (*id, 1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountHost;
    use crate::wire::message::RelayedDatagram;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    fn payer(host: u8, peer: u8) -> Payer<PeerId> {
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([peer; 32]) }
    }

    fn datagram() -> QueuedDatagram {
        let datagram = RelayedDatagram { at: None, hops: 1, signed: vec![7; 500].into() };
        QueuedDatagram { payer: payer(3, 3), is_presence: false, datagram }
    }

    /// The numbers of the questions that are answered now, each with how many datagrams.
    fn answers(links: &mut ServedLinks, now: Time) -> Vec<(u64, usize)> {
        let answers = core::iter::from_fn(|| links.next_answer(now));
        answers.map(|(_, relayed)| (relayed.request, relayed.datagrams.count())).collect()
    }

    #[test]
    fn a_host_with_many_links_leaves_another_one_its_share() {
        let mut links = ServedLinks::default();
        let most = u8::try_from(limits::LINKS).unwrap();
        for n in 0..most {
            let asked = links.ask(at(0), ConnId::numbered(n.into()), payer(1, n), 1);
            assert_eq!(asked, Ok(Asked { is_new: true, yielded: Vec::new() }));
        }
        // The same host gets no more, whatever its keys are.
        assert_eq!(links.ask(at(1), ConnId::numbered(100), payer(1, 100), 1), Err(Reason::Busy));
        // Two others get a third of all places each, from the first one.
        for host in [2, 3] {
            for n in 0..most / 3 {
                let id = ConnId::numbered(1_000 * u32::from(host) + u32::from(n));
                let asked = links.ask(at(2), id, payer(host, 200), 1).unwrap();
                let [yielded] = asked.yielded[..] else { panic!("{asked:?}") };
                assert!(asked.is_new && yielded.0[0] < most);
                links.check();
            }
        }
        assert_eq!(links.ask(at(3), ConnId::numbered(101), payer(1, 101), 1), Err(Reason::Busy));
        // With what ends there is room again.
        assert_eq!(links.forget(ConnId::numbered(2_000)), None, "it has other links");
        assert!(links.ask(at(3), ConnId::numbered(101), payer(1, 101), 1).is_ok());
    }

    #[test]
    fn a_question_waits_until_something_comes_or_another_one_or_some_seconds() {
        let (mut links, id) = (ServedLinks::default(), ConnId::numbered(1));
        let ask =
            |links: &mut ServedLinks, now, n| links.ask(now, id, payer(1, 1), n).map(|asked| asked.is_new);
        assert_eq!(ask(&mut links, at(0), 1), Ok(true));
        assert_eq!((answers(&mut links, at(2_999)), links.poll_timeout()), (vec![], Some(at(3_000))));
        assert_eq!(answers(&mut links, at(3_000)), [(1, 0)]);
        assert_eq!(ask(&mut links, at(4_000), 2), Ok(false));
        links.push(at(4_001), PeerId([1; 32]), &datagram());
        links.push(at(4_001), PeerId([2; 32]), &datagram());
        assert_eq!(answers(&mut links, at(4_001)), [(2, 1)]);
        assert_eq!((ask(&mut links, at(5_000), 3), ask(&mut links, at(5_000), 4)), (Ok(false), Ok(false)));
        assert_eq!(answers(&mut links, at(5_000)), [(3, 0)]);
        assert_eq!(links.forget(id), Some(PeerId([1; 32])));
        assert_eq!((links.has(id), links.poll_timeout()), (false, None));
    }

    #[test]
    fn whoever_asks_more_than_it_may_is_refused_and_who_asks_nothing_costs_one_queue() {
        let (mut links, id) = (ServedLinks::default(), ConnId::numbered(1));
        for n in 0..limits::LINK_QUESTIONS as u64 {
            assert!(links.ask(at(0), id, payer(1, 1), n).is_ok());
        }
        assert_eq!(links.ask(at(0), id, payer(1, 1), 9), Err(Reason::Busy));
        assert_eq!(answers(&mut links, at(0)).len(), limits::LINK_QUESTIONS - 1);
        // It does not ask any more: what comes meanwhile is as much as a queue holds.
        links.forget(id);
        assert!(links.ask(at(0), id, payer(1, 1), 1).is_ok());
        assert_eq!(answers(&mut links, at(3_000)), [(1, 0)]);
        (0..10_000).for_each(|_| links.push(at(3_000), PeerId([1; 32]), &datagram()));
        let mut kept = 0;
        for n in 2..1_000 {
            assert!(links.ask(at(4_000 + 10 * n), id, payer(1, 1), n).is_ok());
            kept += answers(&mut links, at(4_000 + 10 * n)).iter().map(|(_, count)| count).sum::<usize>();
        }
        assert_eq!(kept as u64, crate::transfer::limits::LINK_QUEUE);
    }
}
