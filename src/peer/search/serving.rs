//! Searches of others in the index of this peer, while it keeps the index for them. Pure; how they come and go is in
//! sender/searches.rs.
//!
//! One of them at a time is in the thread of the index, so that an own search waits for one at most. Hosts take turns,
//! and on a host its peers: so a stranger with a thousand searches delays another asker by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coverage::{Coverage, without};
use crate::accounts::{AccountHost, FairQueue, Payer};
use crate::identity::PeerId;
use crate::index::answer::{CoverageChange, IndexAnswer, IndexQuestion};
use crate::index::{FoundFiles, IndexCommand};
use crate::peer::limits;
use crate::peer::output::{Outputs, PeerOutput};
use crate::sender::SenderCommand;
use crate::sender::searches::{RemoteSearch, SearchTicket};
use crate::time::Time;
use crate::wire::message::Reason;

/// A search that waits.
#[derive(Debug)]
struct WaitingSearch {
    search: RemoteSearch,
    since: Time,
}

/// The search that the index was asked.
#[derive(Debug)]
struct AskedSearch {
    /// The number of the question.
    number: u64,
    ticket: SearchTicket,
    /// From the list that the asker has to that of the moment at which the index was asked.
    coverage: CoverageChange,
}

/// Who has been answered when: a number that rises with each answer. Whoever is not in it comes first.
#[derive(Debug, Default)]
struct Turns {
    last: u64,
    hosts: BTreeMap<AccountHost, u64>,
    peers: BTreeMap<PeerId, u64>,
}

impl Turns {
    /// The less, the sooner it is the turn of this payer.
    fn of(&self, payer: Payer<PeerId>) -> (u64, u64) {
        let host = self.hosts.get(&payer.host).copied().unwrap_or_default();
        (host, self.peers.get(&payer.peer).copied().unwrap_or_default())
    }

    fn take(&mut self, payer: Payer<PeerId>) {
        self.last += 1;
        self.hosts.insert(payer.host, self.last);
        self.peers.insert(payer.peer, self.last);
        forget_first(&mut self.hosts);
        forget_first(&mut self.peers);
    }
}

/// Forgets whose turn was longest ago, if there are too many.
fn forget_first<K: Copy + Ord>(turns: &mut BTreeMap<K, u64>) {
    if turns.len() > limits::SEARCH_TURNS
        && let Some(first) = turns.iter().min_by_key(|(_, turn)| **turn).map(|(key, _)| *key)
    {
        turns.remove(&first);
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct SearchServer {
    waiting: FairQueue<PeerId, WaitingSearch>,
    turns: Turns,
    asked: Option<AskedSearch>,
}

impl Default for SearchServer {
    fn default() -> Self {
        let waiting = FairQueue::new(limits::SEARCHES_WAITING, limits::SEARCHES_WAITING_OF_HOST);
        Self { waiting, turns: Turns::default(), asked: None }
    }
}

impl SearchServer {
    /// A peer asks.
    pub(super) fn asked(&mut self, now: Time, search: RemoteSearch, out: &mut Outputs) {
        let waiting = WaitingSearch { search, since: now };
        for gone in self.waiting.swap(now, waiting.search.payer, false, waiting) {
            refuse(gone.search.ticket, Reason::Busy, out);
        }
    }

    /// True if the index is to be asked by [`Self::ask_next`].
    pub(super) fn may_ask(&self) -> bool {
        self.asked.is_none() && !self.waiting.is_empty()
    }

    /// Asks the index for whose turn it is, under this number. `epoch`: that of this start.
    pub(super) fn ask_next(
        &mut self,
        now: Time,
        number: u64,
        coverage: &Coverage,
        epoch: u64,
        out: &mut Outputs,
    ) {
        while let Some(WaitingSearch { search, since }) = self.next() {
            let RemoteSearch { payer, ticket, question, known } = search;
            if now.since(since) >= limits::SEARCH_WAITS {
                refuse(ticket, Reason::Busy, out);
                continue;
            }
            self.turns.take(payer);
            let IndexQuestion { query, most } = question;
            self.asked = Some(AskedSearch { number, ticket, coverage: coverage.since(epoch, known) });
            return out.push(PeerOutput::Index(IndexCommand::Search { number, query, most }));
        }
    }

    /// Takes out whose turn it is.
    fn next(&mut self) -> Option<WaitingSearch> {
        let turn = |(number, waiting): (u64, &WaitingSearch)| (self.turns.of(waiting.search.payer), number);
        let (_, number) = self.waiting.iter().map(turn).min()?;
        self.waiting.remove(number)
    }

    /// The index answers a question of this number. What it found comes back if that is none of these.
    pub(super) fn found(
        &mut self,
        number: u64,
        found: FoundFiles,
        coverage: &mut Coverage,
        out: &mut Outputs,
    ) -> Option<FoundFiles> {
        let Some(AskedSearch { ticket, coverage: mut change, .. }) =
            self.asked.take_if(|asked| asked.number == number)
        else {
            return Some(found);
        };
        let FoundFiles { files, more, unindexed } = found;
        let unindexed: BTreeSet<PeerId> = unindexed.into_iter().collect();
        without(&mut change, &unindexed);
        coverage.set_unindexed(&unindexed);
        let answer = Arc::new(IndexAnswer { coverage: change, files, more });
        out.sender(SenderCommand::Found(ticket, Ok(answer)));
        None
    }

    /// This peer keeps no index for others now.
    pub(super) fn refuse_all(&mut self, out: &mut Outputs) {
        while let Some(waiting) = self.waiting.pop() {
            refuse(waiting.search.ticket, Reason::NotOffered, out);
        }
    }
}

/// A search is not answered, for this reason.
pub(super) fn refuse(ticket: SearchTicket, reason: Reason, out: &mut Outputs) {
    out.sender(SenderCommand::Found(ticket, Err(reason)));
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::index::{Query, SearchWords};

    fn search(host: u8, peer: u8, ticket: u64) -> RemoteSearch {
        let payer = Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([peer; 32]) };
        let question = IndexQuestion { query: Query::of(SearchWords::default()), most: 1 };
        RemoteSearch { payer, ticket: SearchTicket(ticket), question, known: None }
    }

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    /// A server, and what it put out.
    #[derive(Default)]
    struct Served {
        server: SearchServer,
        coverage: Coverage,
        out: Outputs,
        number: u64,
    }

    impl Served {
        fn ask(&mut self, ms: u64, search: RemoteSearch) {
            self.server.asked(at(ms), search, &mut self.out);
            self.turn(ms);
        }

        fn turn(&mut self, ms: u64) {
            if self.server.may_ask() {
                self.number += 1;
                self.server.ask_next(at(ms), self.number, &self.coverage, 5, &mut self.out);
            }
        }

        /// The index answers what it was asked.
        fn answer(&mut self, ms: u64) {
            let found = FoundFiles::default();
            let rest = self.server.found(self.number, found, &mut self.coverage, &mut self.out);
            assert!(rest.is_none());
            self.turn(ms);
        }

        /// Tickets that were answered, and those that were refused as busy.
        fn told(&mut self) -> (Vec<u64>, Vec<u64>) {
            let (mut answered, mut busy) = (Vec::new(), Vec::new());
            while let Some(output) = self.out.pop() {
                match output {
                    PeerOutput::Sender(SenderCommand::Found(ticket, Ok(_))) => answered.push(ticket.0),
                    PeerOutput::Sender(SenderCommand::Found(ticket, Err(Reason::Busy))) => {
                        busy.push(ticket.0)
                    }
                    PeerOutput::Index(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            (answered, busy)
        }
    }

    #[test]
    fn a_stranger_with_a_thousand_searches_delays_another_asker_by_one() {
        let mut served = Served::default();
        // It has many identities, and asks again as soon as it is answered.
        let mut ticket = 1_000;
        for n in 0..1_000_u64 {
            served.ask(0, search(9, u8::try_from(n % 200).unwrap(), n));
        }
        for round in 0..50 {
            served.answer(round);
            served.ask(round, search(9, 3, ticket));
            ticket += 1;
        }
        served.told();
        served.ask(60, search(1, 250, 9_000));
        served.answer(61);
        served.ask(61, search(9, 4, ticket));
        served.answer(62);
        let (answered, _) = served.told();
        assert_eq!((answered.len(), answered.last()), (2, Some(&9_000)), "{answered:?}");
        // And again.
        served.ask(63, search(1, 250, 9_001));
        served.answer(63);
        served.answer(63);
        assert_eq!(served.told().0.last(), Some(&9_001));
    }

    #[test]
    fn peers_of_one_host_take_turns() {
        let mut served = Served::default();
        for n in 0..10 {
            served.ask(0, search(1, 1, n));
        }
        served.ask(0, search(1, 2, 100));
        for _ in 0..3 {
            served.answer(1);
        }
        assert_eq!(served.told().0, [0, 100, 1]);
    }

    #[test]
    fn what_finds_no_place_or_waits_too_long_is_refused_as_busy() {
        let mut served = Served::default();
        let most = limits::SEARCHES_WAITING;
        for n in 0..most + 3 {
            served.ask(0, search(1, 1, n));
        }
        // The first one is in the index; of the others the oldest make place.
        assert_eq!(served.told(), (vec![], vec![1, 2]));
        served.answer(1_999);
        served.answer(2_000);
        let (answered, busy) = served.told();
        assert_eq!((answered, busy.len() as u64), (vec![0, 3], most - 1));
        assert!(!served.server.may_ask());
    }

    #[test]
    fn an_answer_is_of_the_list_at_which_the_index_was_asked() {
        use crate::content::HeadNumber;
        use crate::identity::Instance;
        use crate::index::answer::CoveredOwner;
        let head = |version| Some(HeadNumber { instance: Instance { count: 1, random: 1 }, version });
        let (one, two) = (PeerId([1; 32]), PeerId([2; 32]));
        let mut served = Served::default();
        served.coverage.set(one, head(1));
        served.ask(0, search(1, 1, 7));
        // The index hears of these behind the search, and has no place for the first one.
        served.coverage.set(one, head(2));
        served.coverage.set(two, head(1));
        let answered = |served: &mut Served, unindexed: Vec<PeerId>| {
            let found = FoundFiles { unindexed, ..FoundFiles::default() };
            served.server.found(served.number, found, &mut served.coverage, &mut served.out);
            std::iter::from_fn(|| served.out.pop()).find_map(|output| match output {
                PeerOutput::Sender(SenderCommand::Found(_, Ok(answer))) => {
                    Some(answer.coverage.owners.clone())
                }
                _ => None,
            })
        };
        assert_eq!(answered(&mut served, vec![]), Some(vec![CoveredOwner { owner: one, head: head(1) }]));
        served.ask(1, search(1, 1, 8));
        assert_eq!(answered(&mut served, vec![one]), Some(vec![CoveredOwner { owner: two, head: head(1) }]));
        served.ask(2, search(1, 1, 9));
        assert_eq!(answered(&mut served, vec![one]), Some(vec![CoveredOwner { owner: two, head: head(1) }]));
        // There was a place for it: the next list has it.
        served.ask(3, search(1, 1, 10));
        assert_eq!(answered(&mut served, vec![]).map(|all| all.len()), Some(1));
        served.ask(4, search(1, 1, 11));
        assert_eq!(answered(&mut served, vec![]).map(|all| all.len()), Some(2));
    }
}
