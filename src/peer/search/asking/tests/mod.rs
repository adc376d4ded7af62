//! What is asked of keepers of the index, and what comes of their answers, in virtual time.

mod liars;

use core::time::Duration;
use std::sync::Arc;

use super::*;
use crate::content::{Catalogue, Entry, EntryKind, HeadNumber};
use crate::identity::Instance;
use crate::index::answer::{CoverageChange, CoveredOwner};
use crate::index::{Hit, Query, Rank, SearchWords};
use crate::peer::output::Outputs;
use crate::peer::owners::Owners;
use crate::peer::presence::Presence;
use crate::peer::roster::tests::{file, info, key};

pub(super) fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

pub(super) const fn owner(n: u8) -> PeerId {
    PeerId([n; 32])
}

pub(super) const fn head(version: u64) -> HeadNumber {
    HeadNumber { instance: Instance { count: 1, random: 1 }, version }
}

pub(super) const fn version(epoch: u64, number: u64) -> CoverageVersion {
    CoverageVersion { epoch, number }
}

pub(super) fn change(
    epoch: u64,
    number: u64,
    is_whole: bool,
    owners: &[(u8, Option<u64>)],
) -> CoverageChange {
    let row = |(n, version): &(u8, Option<u64>)| CoveredOwner { owner: owner(*n), head: version.map(head) };
    let owners = owners.iter().map(row).collect();
    CoverageChange { version: version(epoch, number), is_whole, owners }
}

/// The supernode, the deputy, and who comes next.
const SUPERNODE: u8 = 201;
const DEPUTY: u8 = 202;
const NEXT: u8 = 203;

/// This peer.
const ME: u8 = 99;

fn id(n: u8) -> PeerId {
    key(n).peer_id()
}

/// A hit at a path, of these owners.
fn hit(path: &str, n: u8, owners: &[u8]) -> FoundFile {
    let Entry { path, kind: EntryKind::File { id: file, size, modified, .. } } = file(path, n) else {
        panic!()
    };
    let copies = u32::try_from(owners.len()).unwrap();
    let owners = owners.iter().map(|n| id(*n)).collect();
    let hit = Hit { path, size, file, modified, owners, copies, rank: Rank::default() };
    FoundFile { hit, is_ambiguous: false }
}

/// An answer that covers these owners at these versions.
fn answer(covered: &[(u8, u64)], files: Vec<FoundFile>, more: u64) -> IndexAnswer {
    let row = |(n, version): &(u8, u64)| CoveredOwner { owner: id(*n), head: Some(head(*version)) };
    let owners = covered.iter().map(row).collect();
    let coverage = CoverageChange { version: version(1, 1), is_whole: true, owners };
    IndexAnswer { coverage, files, more }
}

/// A peer in a large network, and one search of it.
struct Asker {
    now: Time,
    presence: Presence,
    own: Catalogue,
    own_head: HeadNumber,
    holders: [Option<PeerId>; 2],
    asking: Asking,
    search: KeeperSearch,
    owners: Owners,
    /// What was to be done, in words.
    done: Vec<String>,
    told: Vec<String>,
}

impl Asker {
    /// Peers `1..=count` share something in version 1; the keepers share nothing.
    fn among(count: u8) -> Self {
        let judge = QueryJudge::new(Query::of(SearchWords::new(["x"]).unwrap()));
        let mut presence = Presence::default();
        for n in (1..=count).chain([SUPERNODE, DEPUTY, NEXT]) {
            let version = u64::from(n <= count);
            presence.roster.here(at(0), info(n, &format!("peer{n}"), version));
        }
        let mut asker = Self {
            now: at(100),
            presence,
            own: Catalogue::default(),
            own_head: head(0),
            holders: [Some(id(SUPERNODE)), Some(id(DEPUTY))],
            asking: Asking::default(),
            search: KeeperSearch::new(1, judge),
            owners: Owners::Anyone,
            done: Vec::new(),
            told: Vec::new(),
        };
        asker.turn();
        asker
    }

    fn with(&mut self, act: impl FnOnce(&mut KeeperSearch, Time, &OwnFacts<'_>, &mut Asking)) {
        let facts = OwnFacts {
            me: id(ME),
            own_head: self.own_head,
            own: &self.own,
            roster: &self.presence.roster,
            holders: self.holders,
        };
        act(&mut self.search, self.now, &facts, &mut self.asking);
    }

    /// Does what is due, and has done what is to be done.
    fn turn(&mut self) {
        let owners = self.owners.clone();
        let mut told = Vec::new();
        self.with(|search, now, facts, asking| {
            search.turn(now, &owners, true, facts, asking);
            told.extend(search.take_hits(facts, false));
        });
        self.tell(told);
        while let Some(act) = self.asking.poll_act() {
            if let AskingAct::Pull(owner) = act {
                self.presence.pull_from(self.now, owner, &mut Outputs::default());
            }
            let name = |peer: PeerId| self.presence.roster.name(peer);
            let text = match act {
                AskingAct::Ask { keeper, known, .. } => {
                    format!("ask {} {:?}", name(keeper), known.map(|known| known.number))
                }
                AskingAct::AskIndex { owner, .. } => format!("look at {}", name(owner)),
                AskingAct::Pull(owner) => format!("pull {}", name(owner)),
                AskingAct::Skipped { keeper, about } => {
                    let about = if about == id(ME) { "me".to_owned() } else { name(about) };
                    format!("skip {} about {about}", name(keeper))
                }
            };
            self.done.push(text);
        }
    }

    fn tell(&mut self, hits: Vec<KeeperHit>) {
        let text = |hit: &KeeperHit| {
            let owners: Vec<_> = hit.owners.iter().map(|owner| self.presence.roster.name(*owner)).collect();
            format!("{} of {}", hit.found.hit.path, owners.join(" "))
        };
        let told: Vec<String> = hits.iter().map(text).collect();
        self.told.extend(told);
    }

    /// In the order of the letters: that of ids is by chance.
    fn done(&mut self) -> Vec<String> {
        let mut done = std::mem::take(&mut self.done);
        done.sort();
        done
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    fn answers(&mut self, keeper: u8, answer: IndexAnswer) {
        self.with(|search, now, facts, asking| search.answered(now, id(keeper), Some(answer), facts, asking));
        self.turn();
    }

    fn refuses(&mut self, keeper: u8) {
        self.with(|search, now, facts, asking| search.answered(now, id(keeper), None, facts, asking));
        self.turn();
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.turn();
    }

    /// The catalogue of a peer came, in this version.
    fn comes(&mut self, n: u8, version: u64, entries: &[Entry]) {
        let catalogue = Catalogue::of(entries.to_vec());
        let head = catalogue.head(key(n), Instance { count: 1, random: 1 }, version);
        self.presence.roster.shares(id(n), head, Arc::new(catalogue));
        self.turn();
    }

    fn announces(&mut self, n: u8, version: u64) {
        self.presence.roster.here(self.now, info(n, &format!("peer{n}"), version));
        self.turn();
    }

    fn missing(&mut self) -> Vec<String> {
        let owners = self.owners.clone();
        let mut missing = Vec::new();
        self.with(|search, _, facts, _| missing = search.missing(&owners, facts));
        let mut names: Vec<_> = missing.into_iter().map(|owner| self.presence.roster.name(owner)).collect();
        names.sort();
        names
    }

    fn end(&mut self) {
        let mut told = Vec::new();
        self.with(|search, _, facts, _| told = search.take_hits(facts, true));
        self.tell(told);
    }

    /// Another search of the same.
    fn again(&mut self) {
        let mut search =
            KeeperSearch::new(self.search.number() + 1, QueryJudge::new(self.search.judge().query().clone()));
        std::mem::swap(&mut self.search, &mut search);
        self.with(|_, now, facts, asking| asking.check(now, &search, facts));
        self.turn();
    }

    /// A second later, when the next search begins, an owner is looked at: who it is.
    fn looks_at(&mut self) -> u8 {
        self.now = self.now + Duration::from_secs(1);
        self.again();
        let pulls = pulled(&self.done());
        assert_eq!(pulls.len(), 1);
        pulls[0]
    }

    fn is_waiting(&self) -> bool {
        self.search.awaits_keepers()
    }
}

/// Whose catalogues were pulled.
fn pulled(done: &[String]) -> Vec<u8> {
    done.iter().filter_map(|act| act.strip_prefix("pull peer")?.parse().ok()).collect()
}

const ASKED: [&str; 2] = ["ask peer201 None", "ask peer202 None"];

#[test]
fn both_keepers_are_asked_and_the_first_answer_is_told_at_once() {
    let mut asker = Asker::among(3);
    assert_eq!(asker.done(), ASKED);
    let all = [(1, 1), (2, 1), (3, 1)];
    asker.answers(DEPUTY, answer(&all, vec![hit("x", 1, &[1, 2])], 0));
    assert_eq!((asker.told(), asker.is_waiting()), (vec!["x of peer1 peer2".to_owned()], true));
    asker.answers(SUPERNODE, answer(&all, vec![hit("x", 1, &[1, 2])], 0));
    assert!(!asker.is_waiting() && asker.missing().is_empty() && asker.done().is_empty());
}

#[test]
fn what_no_answer_covers_is_pulled_once_no_keeper_is_waited_for() {
    let mut asker = Asker::among(4);
    asker.announces(3, 2);
    asker.done();
    asker.answers(DEPUTY, answer(&[(1, 1), (3, 1)], Vec::new(), 0));
    assert_eq!((asker.done(), asker.missing().len()), (Vec::new(), 3));
    // What the other one covers needs not be asked for; and it may be newer than what was announced.
    asker.answers(SUPERNODE, answer(&[(1, 1), (2, 7)], Vec::new(), 0));
    assert_eq!(
        (asker.done(), asker.missing().len()),
        (vec!["pull peer3".to_owned(), "pull peer4".to_owned()], 2)
    );
    asker.comes(4, 1, &[]);
    // It changes once more, and is asked once more.
    asker.announces(3, 3);
    asker.announces(3, 3);
    assert_eq!((asker.done(), asker.missing()), (vec!["pull peer3".to_owned()], vec!["peer3".to_owned()]));
    asker.comes(3, 3, &[]);
    assert!(asker.missing().is_empty());
}

#[test]
fn after_seven_hundred_milliseconds_the_other_keeper_alone_counts() {
    let mut asker = Asker::among(2);
    asker.answers(DEPUTY, answer(&[(1, 1)], Vec::new(), 0));
    assert_eq!(asker.search.poll_timeout(), Some(asker.now + Duration::from_millis(700)));
    asker.pass(699);
    assert!(asker.is_waiting() && asker.done() == ASKED);
    asker.pass(1);
    assert!(!asker.is_waiting() && asker.search.poll_timeout().is_none());
    assert_eq!(asker.done(), ["pull peer2"]);
    // What comes late is told, as long as the search lasts.
    asker.answers(SUPERNODE, answer(&[(2, 1)], vec![hit("x", 1, &[2])], 0));
    assert_eq!((asker.told(), asker.missing()), (vec!["x of peer2".to_owned()], Vec::new()));
}

#[test]
fn whoever_refuses_or_goes_is_not_waited_for_and_without_both_all_is_pulled() {
    let mut asker = Asker::among(2);
    asker.done();
    asker.refuses(SUPERNODE);
    assert!(asker.is_waiting());
    asker.presence.roster.gone(id(DEPUTY));
    asker.holders = [Some(id(SUPERNODE)), None];
    asker.turn();
    assert!(!asker.is_waiting());
    assert_eq!(asker.done(), ["pull peer1", "pull peer2"]);
    // A keeper that is gone may have said something, but nobody knows from when on it was so.
    asker.answers(DEPUTY, answer(&[(1, 1), (2, 1)], vec![hit("x", 1, &[1])], 0));
    assert_eq!((asker.told(), asker.missing().len()), (Vec::new(), 2));
    let mut nobody = Asker::among(1);
    nobody.holders = [None, None];
    nobody.search = KeeperSearch::new(2, QueryJudge::new(Query::of(SearchWords::new(["x"]).unwrap())));
    nobody.done();
    nobody.turn();
    assert_eq!(nobody.done(), ["pull peer1"]);
}

#[test]
fn whoever_takes_an_office_in_the_middle_of_a_search_is_asked_too() {
    let mut asker = Asker::among(1);
    asker.refuses(DEPUTY);
    asker.done();
    asker.presence.roster.gone(id(SUPERNODE));
    asker.holders = [Some(id(DEPUTY)), Some(id(NEXT))];
    asker.turn();
    assert_eq!(asker.done(), ["ask peer203 None"]);
    asker.answers(NEXT, answer(&[(1, 1)], vec![hit("x", 1, &[1])], 0));
    assert_eq!((asker.told(), asker.missing()), (vec!["x of peer1".to_owned()], Vec::new()));
}

#[test]
fn only_those_are_told_who_are_here_and_own_files_are_those_that_lie_here_now() {
    let mut asker = Asker::among(2);
    let files = vec![
        hit("x both", 1, &[1, 9]),
        hit("x gone", 2, &[9]),
        hit("x mine", 3, &[ME]),
        hit("x uncovered", 4, &[2]),
        hit("nothing", 5, &[1]),
    ];
    asker.answers(SUPERNODE, answer(&[(1, 1), (9, 1), (ME, 1)], files, 0));
    assert_eq!(asker.told(), ["x both of peer1"]);
}

#[test]
fn what_an_old_catalogue_has_waits_for_the_new_one() {
    let mut asker = Asker::among(2);
    asker.announces(1, 2);
    asker.announces(2, 2);
    let files = vec![hit("x kept", 1, &[1]), hit("x deleted", 2, &[1]), hit("x", 3, &[2])];
    asker.answers(SUPERNODE, answer(&[(1, 1), (2, 1)], files, 0));
    asker.refuses(DEPUTY);
    assert!(asker.told().is_empty());
    asker.comes(1, 2, &[file("x kept", 1)]);
    assert_eq!(asker.told(), ["x kept of peer1"]);
    asker.end();
    assert_eq!(asker.told(), ["x of peer2"], "nothing better came");
}

#[test]
fn the_coverage_of_a_keeper_is_told_by_what_changed_and_known_after_a_search_too() {
    let mut asker = Asker::among(2);
    let mut first = answer(&[(1, 1)], Vec::new(), 0);
    first.coverage.version = version(7, 4);
    asker.answers(SUPERNODE, first);
    let late = answer(&[(2, 1)], Vec::new(), 0);
    asker.refuses(DEPUTY);
    asker.done();
    asker.again();
    assert_eq!(asker.done()[..2], ["ask peer201 Some(4)", "ask peer202 None"]);
    let mut second = answer(&[(2, 1)], Vec::new(), 0);
    second.coverage = CoverageChange { version: version(7, 5), is_whole: false, ..second.coverage };
    asker.answers(SUPERNODE, second.clone());
    assert!(asker.missing().is_empty());
    // The deputy answers once the search has ended.
    asker.again();
    asker.done();
    let holders = asker.holders;
    asker.asking.answered_late(id(DEPUTY), 2, Some(late), &holders);
    asker.again();
    let asked: Vec<_> = asker.done().into_iter().filter(|act| act.starts_with("ask")).collect();
    assert_eq!(asked, ["ask peer201 Some(5)", "ask peer202 Some(1)"]);
    // What is told cannot be: then all of it is wanted.
    second.coverage.version = version(8, 1);
    asker.answers(SUPERNODE, second);
    assert_eq!(asker.missing().len(), 2);
    asker.again();
    assert!(asker.done().contains(&"ask peer201 None".to_owned()));
}

#[test]
fn more_files_beside_fewer_than_a_hundred_hits_are_no_answer() {
    let mut asker = Asker::among(1);
    asker.answers(SUPERNODE, answer(&[(1, 1)], vec![hit("x", 1, &[1])], 1));
    assert_eq!((asker.told(), asker.missing()), (Vec::new(), vec!["peer1".to_owned()]));
}
