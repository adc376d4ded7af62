//! Names of files in a large network: keepers of the index are asked who shares them, and what those signed decides.

use std::collections::BTreeSet;

use super::*;
use crate::content::HeadNumber;
use crate::control::{CompletionNames, HoldersRequest};
use crate::error::Code;
use crate::identity::Instance;
use crate::index::answer::{CoverageChange, CoverageVersion, CoveredOwner, IndexAnswer, IndexQuestion};
use crate::index::{FoundFile, Hit, Rank};
use crate::lan::{IndexDuty, OrderClaim, PeerInfo};
use crate::receiver::search::FoundOutcome;

const COUNT: u8 = 40;

/// The supernode and the deputy.
const KEEPERS: [u8; 2] = [1, 2];

fn id(n: u8) -> PeerId {
    key(n).peer_id()
}

/// A search that a keeper is asked.
struct Asked {
    keeper: PeerId,
    number: u64,
    question: Arc<IndexQuestion>,
}

/// What a keeper answers to each question: hits of contents `n`, with the paths and owners.
type Hits<'a> = &'a [(&'a str, u8, &'a [u8])];

impl TestPeer {
    /// A peer among many, of whom each shares something in version 1.
    fn in_a_crowd() -> Self {
        let mut peer = Self::sharing(&[]);
        for n in 1..=COUNT {
            let arrival = OrderClaim { ticket: n.into(), duty: IndexDuty::InTurn };
            let info = PeerInfo { arrival, says_large: true, ..info(n, &format!("peer{n}"), 1) };
            peer.event(PeerEvent::Discovery(lan::Event::Here(info)));
        }
        peer.event(PeerEvent::Discovery(lan::Event::Ticket(99)));
        peer.outputs.clear();
        peer
    }

    /// The questions to keepers that came out; all else is left.
    fn index_questions(&mut self) -> Vec<Asked> {
        let (mut asked, mut others) = (Vec::new(), VecDeque::new());
        for output in self.outputs.drain(..) {
            match output {
                PeerOutput::Receiver(ReceiverCommand::Search { from, number, search, .. }) => {
                    asked.push(Asked { keeper: from, number, question: search });
                }
                other => others.push_back(other),
            }
        }
        self.outputs = others;
        asked
    }

    fn found(&mut self, asked: &Asked, hits: Hits<'_>) {
        let row = |n| {
            let instance = Instance { count: 1, random: 1 };
            CoveredOwner { owner: id(n), head: Some(HeadNumber { instance, version: 1 }) }
        };
        let coverage = CoverageChange {
            version: CoverageVersion { epoch: 1, number: 1 },
            is_whole: true,
            owners: (1..=COUNT).map(row).collect(),
        };
        let hit = |(path, n, owners): &(&str, u8, &[u8])| {
            let Entry { path, kind: EntryKind::File { id: file, size, modified, .. } } = file(path, *n)
            else {
                panic!()
            };
            let copies = u32::try_from(owners.len()).unwrap();
            let owners = owners.iter().copied().map(id).collect();
            let hit = Hit { path, size, file, modified, owners, copies, rank: Rank::default() };
            FoundFile { hit, is_ambiguous: false }
        };
        let answer = IndexAnswer { coverage, files: hits.iter().map(hit).collect(), more: 0 };
        self.outcome(asked, FoundOutcome::Came(answer));
    }

    fn outcome(&mut self, asked: &Asked, outcome: FoundOutcome) {
        let (from, number) = (asked.keeper, asked.number);
        self.event(PeerEvent::Receiver(ReceiverEvent::Found { from, number, outcome }));
    }

    /// Both keepers answer all that they are asked with these.
    fn keepers_find(&mut self, hits: Hits<'_>) {
        for asked in self.index_questions() {
            self.found(&asked, hits);
        }
    }

    /// Of whom catalogues are asked for, of whomever; all else is left.
    fn wanted(&mut self) -> BTreeSet<PeerId> {
        let (mut owners, mut others) = (BTreeSet::new(), VecDeque::new());
        for output in self.outputs.drain(..) {
            match output {
                PeerOutput::Receiver(
                    ReceiverCommand::OwnerCatalogue { origin, .. } | ReceiverCommand::Catalogue(origin),
                ) => drop(owners.insert(origin)),
                other => others.push_back(other),
            }
        }
        self.outputs = others;
        owners
    }
}

#[test]
fn a_download_pulls_what_those_share_whom_keepers_name_and_begins() {
    let mut peer = TestPeer::in_a_crowd();
    peer.ask(download("docs/a.txt", false));
    let asked = peer.index_questions();
    assert_eq!(asked.iter().map(|a| a.keeper).collect::<BTreeSet<_>>(), KEEPERS.map(id).into());
    assert!(asked.iter().all(|a| a.question.query.at == Some("docs/a.txt".parse().unwrap())));
    for asked in &asked {
        peer.found(asked, &[("docs/a.txt", 7, &[20, 21])]);
    }
    // One more is looked at by chance.
    let wanted = peer.wanted();
    assert!(wanted.is_superset(&[20, 21].map(id).into()) && wanted.len() <= 3, "{wanted:?}");
    assert!(peer.fetched().is_empty());
    peer.catalogue(20, &[file("docs/a.txt", 7)]);
    peer.catalogue(21, &[file("other", 7)]);
    let jobs = peer.fetched();
    assert_eq!(jobs[0].files[0].holders.iter().copied().collect::<BTreeSet<_>>(), [20, 21].map(id).into());
    // What is known needs not be pulled again.
    peer.ask(download("./docs/a.txt", false));
    peer.keepers_find(&[("docs/a.txt", 7, &[20, 21])]);
    assert_eq!(peer.fetched().len(), 1);
}

#[test]
fn an_id_is_asked_for_by_its_first_bytes() {
    let mut peer = TestPeer::in_a_crowd();
    peer.ask(download("b3:07070", false));
    let asked = peer.index_questions();
    assert!(
        asked.iter().all(|a| a.question.query.file.as_ref().is_some_and(|file| file.as_bytes() == [7, 7]))
    );
    for asked in &asked {
        peer.found(asked, &[("docs/a.txt", 7, &[20])]);
    }
    peer.catalogue(20, &[file("docs/a.txt", 7)]);
    assert_eq!(peer.fetched().len(), 1);
}

#[test]
fn whoever_names_the_wrong_owners_hides_nothing_while_the_other_keeper_is_right() {
    let mut peer = TestPeer::in_a_crowd();
    peer.ask(download("docs/a.txt", false));
    for asked in peer.index_questions() {
        let is_liar = asked.keeper == id(KEEPERS[0]);
        let owners: &[u8] = if is_liar { &[30] } else { &[20] };
        peer.found(&asked, &[("docs/a.txt", 7, owners)]);
    }
    peer.catalogue(30, &[file("nothing", 3)]);
    peer.catalogue(20, &[file("docs/a.txt", 7)]);
    let jobs = peer.fetched();
    assert_eq!(jobs[0].files[0].holders, [id(20)]);
}

#[test]
fn whoever_is_named_is_asked_and_no_keeper() {
    let mut peer = TestPeer::in_a_crowd();
    let from = DownloadRequest {
        files: vec!["docs/a.txt".to_owned()],
        from: vec!["peer20".to_owned()],
        to: None,
        wait: false,
        no_wait: false,
        ..DownloadRequest::default()
    };
    peer.ask(from.into());
    assert!(peer.index_questions().is_empty());
    assert_eq!(peer.wanted(), [id(20)].into());
    let ask = peer.ask(ListRequest { from: Some("peer21".to_owned()), ..ListRequest::default() }.into());
    assert_eq!(peer.wanted(), [id(21)].into());
    peer.catalogue(21, &[file("x", 3)]);
    assert!(matches!(peer.replies(ask)[..], [Reply::File(_), Reply::Done]));
}

#[test]
fn what_nobody_shares_is_said_with_what_is_called_alike() {
    let mut peer = TestPeer::in_a_crowd();
    let ask = peer.ask(download("docs/repotr.txt", false));
    peer.keepers_find(&[]);
    let halves = peer.index_questions();
    let words: BTreeSet<_> = halves.iter().map(|a| a.question.query.words.as_slice().concat()).collect();
    assert_eq!(words, ["rep", "otr"].map(str::to_owned).into());
    for asked in &halves {
        let is_right = asked.question.query.words.as_slice() == ["rep"];
        peer.found(asked, if is_right { &[("docs/report.txt", 7, &[20])] } else { &[] });
    }
    let replies = peer.replies(ask);
    let Some(Reply::Failed(failure)) = replies.last() else { panic!("{replies:?}") };
    assert_eq!(failure.code, Code::NotFound);
    assert!(failure.message.contains("did you mean `docs/report.txt`"), "{failure}");
}

#[test]
fn where_no_keeper_answers_all_is_pulled() {
    let mut peer = TestPeer::in_a_crowd();
    peer.ask(download("docs/a.txt", false));
    for asked in peer.index_questions() {
        peer.outcome(&asked, FoundOutcome::NotOffered);
    }
    assert_eq!(peer.wanted().len(), usize::from(COUNT));
    for n in 1..=COUNT {
        peer.catalogue(n, &[file(if n == 20 { "docs/a.txt" } else { "x" }, n)]);
    }
    assert_eq!(peer.fetched()[0].files[0].holders, [id(20)]);
}

#[test]
fn all_who_have_a_file_are_told_also_when_more_have_it_than_a_keeper_names() {
    let mut peer = TestPeer::in_a_crowd();
    let ask = peer.ask(HoldersRequest { file: "a".to_owned() }.into());
    peer.keepers_find(&[("a", 7, &[20, 21])]);
    for n in [20, 21] {
        peer.catalogue(n, &[file("a", 7)]);
    }
    let holders = |replies: Vec<Reply>| replies.iter().filter(|r| matches!(r, Reply::Holder(_))).count();
    assert_eq!(holders(peer.replies(ask)), 2);
}

#[test]
fn a_word_is_completed_by_what_keepers_find_within_a_moment() {
    let mut peer = TestPeer::in_a_crowd();
    let request = || CompleteRequest { prefix: "mu".to_owned(), names: CompletionNames::Offered };
    let ask = peer.ask(request().into());
    assert!(peer.replies(ask).is_empty());
    peer.keepers_find(&[("music/a", 7, &[20]), ("old/music", 8, &[20])]);
    let names = |replies: Vec<Reply>| match replies.into_iter().next() {
        Some(Reply::Names { names }) => names,
        other => panic!("{other:?}"),
    };
    assert_eq!(names(peer.replies(ask)), ["music/"]);
    // Nobody answers in time.
    let ask = peer.ask(request().into());
    peer.pass(Duration::from_millis(200));
    assert_eq!(names(peer.replies(ask)), [""; 0]);
}
