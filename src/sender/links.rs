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
        let is_at_once = self.asked.len() > 1 || !self.queue.is_empty();
        Some(if is_at_once { oldest.since } else { oldest.since + ANSWERED })
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
    pub(super) fn push(&mut self, peer: PeerId, queued: &QueuedDatagram) {
        for link in self.links.values_mut().filter(|link| link.peer == peer) {
            link.queue.push(queued.clone());
        }
    }

    /// The next answer that is due, and over which connection it goes.
    pub(super) fn next_answer(&mut self, now: Time) -> Option<(ConnId, Relayed)> {
        let due = |(_, link): &(&ConnId, &mut ServedLink)| link.due().is_some_and(|at| at <= now);
        let (id, link) = self.links.iter_mut().find(due)?;
        let request = link.asked.pop_front()?.request;
        Some((*id, Relayed { request, datagrams: link.queue.take().into() }))
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
