//! Whoever keeps the index of a large network answers what others search.

use std::collections::BTreeMap;

use super::*;
use crate::accounts::{AccountHost, Payer};
use crate::content::HeadNumber;
use crate::control::SearchRequest;
use crate::index::answer::{CoverageVersion, IndexAnswer, IndexQuestion};
use crate::index::{IndexCommand, Query, SearchWords};
use crate::peer::limits;
use crate::sender::searches::{RemoteSearch, SearchTicket};
use crate::sender::{SenderCommand, SenderEvent};
use crate::wire::message::Reason;

fn remote(ticket: u64, word: &str, known: Option<CoverageVersion>) -> PeerEvent {
    let payer = Payer { host: AccountHost::Unproved, peer: key(200).peer_id() };
    let question = IndexQuestion { query: Query::of(SearchWords::new([word]).unwrap()), most: 100 };
    let search = RemoteSearch { payer, ticket: SearchTicket(ticket), question, known };
    PeerEvent::Sender(SenderEvent::Search(Box::new(search)))
}

impl TestPeer {
    /// The first one of a network that is too large for each to know all.
    fn keeping(entries: &[Entry]) -> Self {
        let mut peer = Self::sharing(entries);
        peer.event(PeerEvent::Discovery(lan::Event::Ticket(1)));
        for n in 1..=u8::try_from(limits::CATALOGUES_ON_SIGHT).unwrap() + 2 {
            peer.join(n, "x", 1);
        }
        peer
    }

    fn searched(&mut self, word: &str, known: Option<CoverageVersion>) -> Result<Arc<IndexAnswer>, Reason> {
        self.outputs.clear();
        self.event(remote(7, word, known));
        let told = self.take(|output| match output {
            PeerOutput::Sender(SenderCommand::Found(SearchTicket(7), answer)) => Some(answer),
            _ => None,
        });
        told.into_iter().next().expect("it is answered")
    }
}

fn covered(answer: &IndexAnswer) -> BTreeMap<PeerId, Option<u64>> {
    answer.coverage.owners.iter().map(|o| (o.owner, o.head.map(|head| head.version))).collect()
}

fn paths(answer: &IndexAnswer) -> Vec<&str> {
    answer.files.iter().map(|found| found.hit.path.as_str()).collect()
}

#[test]
fn a_keeper_tells_what_it_found_and_of_whom_it_knows_what_they_share() {
    let mut peer = TestPeer::keeping(&[file("own moon", 1)]);
    let me = peer.machine.own.id();
    peer.catalogue(1, &[file("her moon", 2), file("sun", 3)]);
    let answer = peer.searched("moon", None).unwrap();
    assert_eq!((paths(&answer), answer.more), (vec!["her moon", "own moon"], 0));
    assert!(answer.coverage.is_whole);
    let own = peer.machine.own.presence.catalogue;
    assert!(own > 0);
    assert_eq!(covered(&answer), [(me, Some(own)), (key(1).peer_id(), Some(1))].into());
    let head = HeadNumber { instance: INSTANCE, version: own };
    assert!(answer.coverage.owners.iter().any(|o| o.head == Some(head)));
    // Whoever has that list hears what changed since.
    let known = answer.coverage.version;
    peer.catalogue(2, &[file("third moon", 4)]);
    peer.event(PeerEvent::Discovery(lan::Event::Gone(key(1).peer_id(), lan::Gone::Left)));
    let answer = peer.searched("moon", Some(known)).unwrap();
    assert_eq!(paths(&answer), ["own moon", "third moon"]);
    assert!(!answer.coverage.is_whole);
    assert_eq!(covered(&answer), [(key(1).peer_id(), None), (key(2).peer_id(), Some(1))].into());
    let answer = peer.searched("moon", Some(answer.coverage.version)).unwrap();
    assert!(!answer.coverage.is_whole && covered(&answer).is_empty());
}

#[test]
fn own_files_are_covered_once_they_are_announced_and_found_before() {
    let mut peer = TestPeer::keeping(&[file("old moon", 1)]);
    peer.catalogue(1, &[]);
    let me = peer.machine.own.id();
    let before = peer.searched("moon", None).unwrap();
    assert!(covered(&before).contains_key(&me));
    peer.is_recorded = false;
    peer.share(&[file("new moon", 2)]);
    let meanwhile = peer.searched("moon", None).unwrap();
    assert_eq!((paths(&meanwhile), covered(&meanwhile).get(&me)), (vec!["new moon"], None));
    peer.is_recorded = true;
    peer.recorded();
    peer.drain();
    let after = peer.searched("moon", None).unwrap();
    assert_eq!(covered(&after).get(&me), Some(&Some(peer.machine.own.presence.catalogue)));
    assert!(covered(&after).get(&me) > covered(&before).get(&me));
}

#[test]
fn whoever_keeps_no_index_says_so() {
    // In a small network nobody does.
    let mut peer = TestPeer::sharing(&[file("moon", 1)]);
    peer.event(PeerEvent::Discovery(lan::Event::Ticket(1)));
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("her moon", 2)]);
    assert_eq!(peer.searched("moon", None).map(drop), Err(Reason::NotOffered));
    // In a large one the first two do, once they know what somebody shares.
    let mut peer = TestPeer::keeping(&[file("moon", 1)]);
    assert_eq!(peer.searched("moon", None).map(drop), Err(Reason::NotOffered));
    peer.catalogue(1, &[file("her moon", 2)]);
    assert_eq!(peer.searched("moon", None).map(drop), Ok(()));
    peer.event(PeerEvent::Discovery(lan::Event::Ticket(0)));
    assert_eq!(peer.searched("moon", None).map(drop), Err(Reason::NotOffered));
    peer.event(PeerEvent::Discovery(lan::Event::Ticket(1)));
    peer.ask(ExitRequest { now: true }.into());
    assert_eq!(peer.searched("moon", None).map(drop), Err(Reason::NotOffered), "it leaves");
}

#[test]
fn searches_of_others_come_one_by_one_and_those_of_the_own_user_wait_for_one_at_most() {
    let mut peer = TestPeer::keeping(&[file("moon", 1)]);
    peer.catalogue(1, &[file("her moon", 2)]);
    peer.outputs.clear();
    peer.is_index_slow = true;
    (1..=9).for_each(|ticket| peer.event(remote(ticket, "moon", None)));
    let asked = |peer: &TestPeer| {
        peer.outputs
            .iter()
            .filter(|output| matches!(output, PeerOutput::Index(IndexCommand::Search { .. })))
            .count()
    };
    assert_eq!(asked(&peer), 1);
    peer.ask(SearchRequest { words: vec!["moon".to_owned()], ..SearchRequest::default() }.into());
    assert_eq!(asked(&peer), 2);
}
