//! Searches in the index of another peer, over real connections.

use super::*;
use crate::content::HeadNumber;
use crate::index::answer::{CoverageChange, CoverageVersion, CoveredOwner, IndexAnswer, IndexQuestion};
use crate::index::{FoundFile, Hit, Query, Rank, SearchWords};
use crate::receiver::search::FoundOutcome;
use crate::sender::searches::{RemoteSearch, SearchTicket};
use crate::wire::message::Reason;

const KNOWN: CoverageVersion = CoverageVersion { epoch: 4, number: 5 };

fn question() -> Arc<IndexQuestion> {
    let query = Query { newer: Some(-7), ..Query::of(SearchWords::new(["Blue Moon"]).unwrap()) };
    Arc::new(IndexQuestion { query, most: 3 })
}

fn search(getter: &Getter, owner: &Owner, number: u64) {
    let (from, search) = (owner.id(), question());
    getter.handle.send(ReceiverCommand::Search { from, number, search, known: Some(KNOWN) });
}

/// The search that the controller of the owner hears of.
fn asked(owner: &Owner) -> RemoteSearch {
    let events = &owner.sender.as_ref().unwrap().events;
    loop {
        if let SenderEvent::Search(search) = events.recv_timeout(DEADLINE).expect("somebody searches") {
            return *search;
        }
    }
}

fn answer(owner: &Owner, ticket: SearchTicket, answer: Result<Arc<IndexAnswer>, Reason>) {
    owner.send(SenderCommand::Found(ticket, answer));
}

fn found(getter: &Getter) -> (u64, FoundOutcome) {
    getter.wait(|event| match event {
        ReceiverEvent::Found { number, outcome, .. } => Some((number, outcome)),
        _ => None,
    })
}

#[test]
fn a_search_crosses_and_its_answer_of_many_pages_comes_back() {
    let owner = Owner::new();
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(owner.contact()));
    search(&getter, &owner, 8);
    let heard = asked(&owner);
    assert_eq!((&heard.question, heard.known), (&*question(), Some(KNOWN)));
    assert_eq!(heard.payer.peer, getter.identity.id());
    let covered = |n: u16| {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let head = HeadNumber { instance: Instance { count: 1, random: 2 }, version: n.into() };
        CoveredOwner { owner: PeerId(id), head: (n % 2 == 0).then_some(head) }
    };
    let coverage =
        CoverageChange { version: KNOWN, is_whole: true, owners: (0..10_000).map(covered).collect() };
    let hit = Hit {
        path: "a/Blue Moon.mp3".parse().unwrap(),
        size: 9,
        file: FileId([3; 32]),
        modified: -4,
        owners: vec![owner.id()],
        copies: 7,
        rank: Rank::default(),
    };
    let files = vec![FoundFile { hit, is_ambiguous: true }];
    let told = Arc::new(IndexAnswer { coverage, files, more: 0 });
    answer(&owner, heard.ticket, Ok(Arc::clone(&told)));
    let (8, FoundOutcome::Came(came)) = found(&getter) else { panic!("the answer comes") };
    assert_eq!(format!("{came:?}"), format!("{told:?}"));
}

#[test]
fn searches_over_one_connection_come_one_after_the_other_and_a_refusal_says_why() {
    let owner = Owner::new();
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(owner.contact()));
    (1..=3).for_each(|number| search(&getter, &owner, number));
    for (number, reason) in [(1, Reason::NotOffered), (2, Reason::Busy), (3, Reason::Malformed)] {
        let heard = asked(&owner);
        answer(&owner, heard.ticket, Err(reason));
        let (told, outcome) = found(&getter);
        assert_eq!(told, number);
        let is_it = match reason {
            Reason::NotOffered => matches!(outcome, FoundOutcome::NotOffered),
            Reason::Busy => matches!(outcome, FoundOutcome::Busy),
            _ => matches!(outcome, FoundOutcome::Failed),
        };
        assert!(is_it, "{reason:?}: {outcome:?}");
    }
}
