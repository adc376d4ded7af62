//! What others ask to be fetched for them, as the sender carries it to the controller and back. Whether it is
//! fetched is decided in peer/through/carrier.rs. Part of sender/; the questions that are open are pure.

use std::collections::BTreeMap;

use crossbeam_channel::Sender;

use super::SenderEvent;
use super::owner_catalogues::OwnerCatalogues;
use super::searches::SearchPort;
use crate::identity::PeerId;
use crate::sender::limits;
use crate::transfer::net::ConnId;
use crate::wire::Message;
use crate::wire::message::{FetchThrough, Reason, Refused, ThroughIs};

/// What is told of other owners, and what is to be fetched from them.
#[derive(Debug, Default)]
pub(super) struct OtherOwners {
    pub(super) catalogues: OwnerCatalogues,
    pub(super) questions: ThroughQuestions<ConnId>,
    /// What is searched for among what they share.
    pub(super) searches: SearchPort<ConnId>,
}

impl OtherOwners {
    /// This connection is over.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.questions.forget(conn);
        self.searches.forget(conn);
    }
}

/// The number of a question that the controller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThroughTicket(pub(crate) u64);

/// A question that is not answered yet.
#[derive(Clone, Copy, Debug)]
struct OpenQuestion<C> {
    conn: C,
    request: u64,
}

/// All of them. `C` names a connection.
#[derive(Debug)]
pub(crate) struct ThroughQuestions<C> {
    last: u64,
    open: BTreeMap<ThroughTicket, OpenQuestion<C>>,
}

impl<C> Default for ThroughQuestions<C> {
    fn default() -> Self {
        Self { last: 0, open: BTreeMap::new() }
    }
}

impl<C: Copy + PartialEq> ThroughQuestions<C> {
    /// One more came over `conn`. `None`: the controller has as many as it may, and is behind.
    pub(crate) fn ask(&mut self, conn: C, request: u64) -> Option<ThroughTicket> {
        if self.open.len() >= limits::THROUGH_QUESTIONS {
            return None;
        }
        self.last += 1;
        let ticket = ThroughTicket(self.last);
        self.open.insert(ticket, OpenQuestion { conn, request });
        Some(ticket)
    }

    /// The controller has decided: what is to be sent, and over which connection. `None`: that one is over.
    pub(crate) fn answer(
        &mut self,
        ticket: ThroughTicket,
        answer: Result<u64, Reason>,
    ) -> Option<(C, Message)> {
        let OpenQuestion { conn, request } = self.open.remove(&ticket)?;
        let message = match answer {
            Ok(have) => Message::Through(ThroughIs { request, have }),
            Err(reason) => Message::Refused(Refused { request, item: None, reason }),
        };
        Some((conn, message))
    }

    /// This connection is over.
    pub(crate) fn forget(&mut self, conn: C) {
        self.open.retain(|_, question| question.conn != conn);
    }
}

impl ThroughQuestions<ConnId> {
    /// A client asks over `conn` that a file is fetched for it: the controller hears of it.
    pub(super) fn take(
        &mut self,
        conn: ConnId,
        peer: PeerId,
        asked: FetchThrough,
        events: &Sender<SenderEvent>,
    ) -> Result<(), Reason> {
        let ticket = self.ask(conn, asked.request).ok_or(Reason::Busy)?;
        let told = events.try_send(SenderEvent::FetchThrough(peer, ticket, asked));
        told.map_err(|_| {
            self.open.remove(&ticket);
            Reason::Busy
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_answered_over_its_own_connection_and_there_are_not_too_many() {
        let mut questions = ThroughQuestions::default();
        let tickets: Vec<_> =
            (0..limits::THROUGH_QUESTIONS as u64).map(|n| questions.ask(n % 2, n)).collect();
        assert!(tickets.iter().all(Option::is_some) && questions.ask(3, 9).is_none());
        let is = |n: u64, have| Some((n % 2, Message::Through(ThroughIs { request: n, have })));
        assert_eq!(questions.answer(tickets[4].unwrap(), Ok(7)), is(4, 7));
        assert_eq!(questions.answer(tickets[4].unwrap(), Ok(7)), None, "it is answered");
        let refused = Refused { request: 5, item: None, reason: Reason::Busy };
        let answered = questions.answer(tickets[5].unwrap(), Err(Reason::Busy));
        assert_eq!(answered, Some((1, Message::Refused(refused))));
        questions.forget(0);
        assert_eq!(questions.answer(tickets[6].unwrap(), Ok(7)), None, "whoever asked is gone");
        assert_eq!(questions.answer(tickets[7].unwrap(), Ok(7)), is(7, 7));
    }
}
