//! Searches of others in the index that this peer keeps, as the sender carries them to the controller and their answers
//! back. Whose turn it is, is decided in peer/search/serving.rs. Part of sender/; what is open is pure.
//!
//! Over one connection one search at a time is with the controller or being answered; those behind it wait as they came.
//! An answer is made into pages as the asker takes them. What is held of all answers is charged to those who asked.

use core::fmt::Debug;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::SenderEvent;
use super::through::OtherOwners;
use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::index::answer::{CoverageVersion, IndexAnswer, IndexQuestion};
use crate::index::remote::AnswerPages;
use crate::sender::limits;
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{Reason, Refused, SearchIndex};

/// The number of a search that the controller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SearchTicket(pub(crate) u64);

/// A search of another peer.
#[derive(Debug)]
pub(crate) struct RemoteSearch {
    /// Who asks, where.
    pub(crate) payer: Payer<PeerId>,
    pub(crate) ticket: SearchTicket,
    /// What is asked.
    pub(crate) question: IndexQuestion,
    /// The coverage list that the asker has of this peer.
    pub(crate) known: Option<CoverageVersion>,
}

/// How far the first search of a connection is.
#[derive(Debug)]
enum SearchStep {
    /// The controller has it.
    Asked(SearchTicket),
    /// Its answer is sent.
    Answered(AnswerPages),
}

/// The searches of one connection.
#[derive(Debug)]
struct ConnSearches {
    payer: Payer<PeerId>,
    request: u64,
    step: SearchStep,
    waiting: VecDeque<SearchIndex>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum SearchPortOutput<C> {
    /// The controller is to answer this.
    Ask(RemoteSearch),
    /// A request is refused over this connection.
    Refuse(C, Refused),
}

/// All of them. `C` names a connection. After each call [`Self::poll_output`] is to be called until it gives nothing.
#[derive(Debug)]
pub(crate) struct SearchPort<C> {
    last: u64,
    conns: BTreeMap<C, ConnSearches>,
    /// Which connection a search with the controller is of.
    tickets: BTreeMap<SearchTicket, C>,
    /// A place for each connection of which a search is open.
    places: Account<PeerId, C>,
    outputs: VecDeque<SearchPortOutput<C>>,
}

impl<C: Copy + Ord + Debug> Default for SearchPort<C> {
    fn default() -> Self {
        Self {
            last: 0,
            conns: BTreeMap::new(),
            tickets: BTreeMap::new(),
            places: Account::new(limits::SEARCHES_OPEN, limits::SEARCHES_OPEN_OF_HOST),
            outputs: VecDeque::new(),
        }
    }
}

impl<C: Copy + Ord + Debug> SearchPort<C> {
    /// A search came over `conn`.
    ///
    /// # Errors
    /// There are too many of that connection.
    pub(crate) fn ask(
        &mut self,
        now: Time,
        conn: C,
        payer: Payer<PeerId>,
        search: SearchIndex,
    ) -> Result<(), Reason> {
        match self.conns.get_mut(&conn) {
            Some(open) if open.waiting.len() >= limits::SEARCHES_BEHIND => Err(Reason::Busy),
            Some(open) => {
                open.waiting.push_back(search);
                Ok(())
            }
            None => self.begin(now, conn, payer, search, &mut VecDeque::new()),
        }
    }

    /// Gives a search to the controller: the first one of its connection. Those of it that wait are taken out of
    /// `waiting`, unless it fails.
    fn begin(
        &mut self,
        now: Time,
        conn: C,
        payer: Payer<PeerId>,
        search: SearchIndex,
        waiting: &mut VecDeque<SearchIndex>,
    ) -> Result<(), Reason> {
        let request = search.request;
        let (question, known) = IndexQuestion::of_message(search).map_err(|_| Reason::Malformed)?;
        let Grant::Given(yielding) = self.places.charge(now, payer, conn, 1) else {
            return Err(Reason::Busy);
        };
        for other in yielding {
            self.give_up(other);
        }
        self.last += 1;
        let ticket = SearchTicket(self.last);
        self.tickets.insert(ticket, conn);
        let (step, waiting) = (SearchStep::Asked(ticket), std::mem::take(waiting));
        self.conns.insert(conn, ConnSearches { payer, request, step, waiting });
        self.outputs.push_back(SearchPortOutput::Ask(RemoteSearch { payer, ticket, question, known }));
        self.places.check("searches of others", self.conns.keys().map(|conn| (*conn, 1)));
        Ok(())
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self) -> Option<SearchPortOutput<C>> {
        self.outputs.pop_front()
    }

    /// The controller has decided. The connection over which there is something to be sent now.
    pub(crate) fn answer(
        &mut self,
        now: Time,
        ticket: SearchTicket,
        answer: Result<Arc<IndexAnswer>, Reason>,
    ) -> Option<C> {
        let conn = self.tickets.remove(&ticket)?;
        let open = self.conns.get_mut(&conn)?;
        match answer {
            Ok(answer) => {
                open.step = SearchStep::Answered(AnswerPages::new(open.request, answer));
                Some(conn)
            }
            Err(reason) => {
                let request = open.request;
                self.refuse(conn, request, reason);
                self.go_on(now, conn);
                None
            }
        }
    }

    /// The next page for this connection.
    pub(crate) fn next_page(&mut self, now: Time, conn: C) -> Option<Message> {
        let SearchStep::Answered(pages) = &mut self.conns.get_mut(&conn)?.step else { return None };
        let page = pages.next_page();
        if page.last {
            self.go_on(now, conn);
        }
        Some(Message::Found(page))
    }

    /// The first search of a connection is over: the next one that is one takes its place.
    fn go_on(&mut self, now: Time, conn: C) {
        let Some(ConnSearches { payer, mut waiting, .. }) = self.remove(conn) else { return };
        while let Some(search) = waiting.pop_front() {
            let request = search.request;
            match self.begin(now, conn, payer, search, &mut waiting) {
                Ok(()) => return,
                Err(reason) => self.refuse(conn, request, reason),
            }
        }
    }

    /// The host of another asker needs its place.
    fn give_up(&mut self, conn: C) {
        let Some(ConnSearches { request, waiting, .. }) = self.remove(conn) else { return };
        for request in [request].into_iter().chain(waiting.into_iter().map(|search| search.request)) {
            self.refuse(conn, request, Reason::Busy);
        }
    }

    fn remove(&mut self, conn: C) -> Option<ConnSearches> {
        self.places.free(conn);
        let open = self.conns.remove(&conn)?;
        if let SearchStep::Asked(ticket) = open.step {
            self.tickets.remove(&ticket);
        }
        Some(open)
    }

    fn refuse(&mut self, conn: C, request: u64, reason: Reason) {
        self.outputs.push_back(SearchPortOutput::Refuse(conn, Refused { request, item: None, reason }));
    }

    /// A request is taken back.
    pub(crate) fn cancel(&mut self, now: Time, conn: C, request: u64) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        open.waiting.retain(|search| search.request != request);
        if open.request == request {
            self.go_on(now, conn);
        }
    }

    /// This connection is over.
    pub(crate) fn forget(&mut self, conn: C) {
        self.remove(conn);
    }

    /// True if this connection is owed something.
    pub(crate) fn has(&self, conn: C) -> bool {
        self.conns.contains_key(&conn)
    }
}

impl OtherOwners {
    /// A client searches the index of this peer.
    pub(super) fn search(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        search: SearchIndex,
        events: &Sender<SenderEvent>,
    ) -> Result<(), Reason> {
        let payer = net.payer(id).ok_or(Reason::Busy)?;
        self.searches.ask(now, id, payer, search)?;
        self.pass_searches_on(now, net, events);
        Ok(())
    }

    /// A client takes a request back.
    pub(super) fn cancel_search(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        request: u64,
        events: &Sender<SenderEvent>,
    ) {
        self.searches.cancel(now, id, request);
        self.pass_searches_on(now, net, events);
    }

    /// The controller answers a search.
    pub(super) fn found(
        &mut self,
        now: Time,
        net: &mut Net,
        ticket: SearchTicket,
        answer: Result<Arc<IndexAnswer>, Reason>,
        events: &Sender<SenderEvent>,
    ) {
        if let Some(id) = self.searches.answer(now, ticket, answer) {
            net.enqueue(id);
        }
        self.pass_searches_on(now, net, events);
    }

    /// Sends a page of an answer to a search; false: there is none.
    pub(super) fn push_found(
        &mut self,
        now: Time,
        net: &mut Net,
        id: ConnId,
        events: &Sender<SenderEvent>,
    ) -> bool {
        let Some(page) = self.searches.next_page(now, id) else { return false };
        net.push(id, &page.encode(), &[]);
        self.pass_searches_on(now, net, events);
        true
    }

    /// Does what follows from what clients search.
    fn pass_searches_on(&mut self, now: Time, net: &mut Net, events: &Sender<SenderEvent>) {
        while let Some(output) = self.searches.poll_output() {
            match output {
                SearchPortOutput::Refuse(id, refused) => net.send(id, &Message::Refused(refused)),
                SearchPortOutput::Ask(search) => {
                    let ticket = search.ticket;
                    if events.try_send(SenderEvent::Search(Box::new(search))).is_err() {
                        // The controller is behind. Nothing of it waits here.
                        self.searches.answer(now, ticket, Err(Reason::Busy));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountHost;
    use crate::index::answer::{CoverageChange, CoveredOwner};
    use crate::index::{Query, SearchWords};

    const NOW: Time = Time(7);

    fn payer(host: u8) -> Payer<PeerId> {
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([host; 32]) }
    }

    fn search(request: u64) -> SearchIndex {
        let query = Query::of(SearchWords::new(["moon"]).unwrap());
        IndexQuestion { query, most: 1 }.to_message(None, request)
    }

    fn answer(covered: usize) -> Arc<IndexAnswer> {
        let version = CoverageVersion { epoch: 1, number: 2 };
        let owners = vec![CoveredOwner { owner: PeerId([1; 32]), head: None }; covered];
        let coverage = CoverageChange { version, is_whole: true, owners };
        Arc::new(IndexAnswer { coverage, files: Vec::new(), more: 0 })
    }

    /// The tickets that the controller hears of, and what is refused.
    fn outputs(port: &mut SearchPort<u64>) -> (Vec<SearchTicket>, Vec<(u64, u64, Reason)>) {
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        while let Some(output) = port.poll_output() {
            match output {
                SearchPortOutput::Ask(search) => asked.push(search.ticket),
                SearchPortOutput::Refuse(conn, m) => refused.push((conn, m.request, m.reason)),
            }
        }
        (asked, refused)
    }

    #[test]
    fn over_one_connection_one_search_is_answered_after_the_other_page_by_page() {
        let mut port = SearchPort::default();
        for request in 0..3 {
            port.ask(NOW, 7, payer(1), search(request)).unwrap();
        }
        let (asked, _) = outputs(&mut port);
        assert_eq!(asked.len(), 1);
        assert!(port.next_page(NOW, 7).is_none() && port.has(7));
        assert_eq!(port.answer(NOW, asked[0], Ok(answer(limits::FOUND_COVERED + 1))), Some(7));
        let page = |port: &mut SearchPort<u64>| match port.next_page(NOW, 7) {
            Some(Message::Found(page)) => Some((page.request, page.covered.len(), page.last)),
            _ => None,
        };
        assert_eq!(page(&mut port), Some((0, limits::FOUND_COVERED, false)));
        assert!(outputs(&mut port).0.is_empty(), "the next one waits until all of it was taken");
        assert_eq!(page(&mut port), Some((0, 1, true)));
        let (asked, _) = outputs(&mut port);
        assert_eq!((asked.len(), page(&mut port)), (1, None));
        assert_eq!(port.answer(NOW, asked[0], Err(Reason::NotOffered)), None);
        let (asked, refused) = outputs(&mut port);
        assert_eq!((asked.len(), refused), (1, vec![(7, 1, Reason::NotOffered)]));
        port.forget(7);
        assert_eq!(port.answer(NOW, asked[0], Ok(answer(1))), None, "whoever asked is gone");
        assert!(!port.has(7) && port.tickets.is_empty() && port.places.held() == 0);
    }

    #[test]
    fn of_one_connection_few_wait_and_what_is_no_search_is_refused() {
        let mut port = SearchPort::default();
        let taken = (0..100).filter(|n| port.ask(NOW, 7, payer(1), search(*n)).is_ok()).count();
        assert_eq!(taken, 1 + limits::SEARCHES_BEHIND);
        let none = SearchIndex { words: vec!["\u{301}".to_owned()], ..search(200) };
        assert_eq!(port.ask(NOW, 8, payer(1), none.clone()), Err(Reason::Malformed));
        assert!(!port.has(8));
        // Behind another one it is found out later.
        port.ask(NOW, 9, payer(1), search(201)).unwrap();
        port.ask(NOW, 9, payer(1), none).unwrap();
        port.ask(NOW, 9, payer(1), search(202)).unwrap();
        port.cancel(NOW, 9, 201);
        let (asked, refused) = outputs(&mut port);
        assert_eq!((asked.len(), refused), (3, vec![(9, 200, Reason::Malformed)]));
        port.cancel(NOW, 9, 202);
        assert!(!port.has(9));
    }

    #[test]
    fn strangers_on_many_connections_make_place_for_another_host() {
        let mut port = SearchPort::default();
        let most = limits::SEARCHES_OPEN;
        for conn in 0..most {
            port.ask(NOW, conn, payer(9), search(conn)).unwrap();
        }
        assert_eq!(port.ask(NOW, most, payer(9), search(most)), Err(Reason::Busy));
        let (asked, _) = outputs(&mut port);
        // They take their answers, and read nothing.
        for ticket in asked {
            port.answer(NOW, ticket, Ok(answer(9)));
        }
        port.ask(NOW, 1_000, payer(1), search(1_000)).unwrap();
        let (asked, refused) = outputs(&mut port);
        assert_eq!((asked.len(), refused.len()), (1, 1));
        assert!(refused[0].2 == Reason::Busy && !port.has(refused[0].0));
    }
}
