//! A search in a large network: who is asked, and what is told of what they answer.

use super::*;
use crate::content::HeadNumber;
use crate::control::{ListRow, SearchProgress, SearchRequest, UnlistedCause};
use crate::index::answer::{CoverageChange, CoverageVersion, CoveredOwner, IndexAnswer};
use crate::index::{FoundFile, Hit, Rank};
use crate::lan::{IndexDuty, OrderClaim, PeerInfo};
use crate::receiver::search::FoundOutcome;

/// Others in the network: more than know of each other what all share.
const OTHERS: u8 = 40;

/// The supernode and its deputy.
const KEEPERS: [u8; 2] = [39, 40];

fn id(n: u8) -> PeerId {
    key(n).peer_id()
}

/// A peer with own files, among forty others that share something each.
fn among_many(own: &[Entry]) -> TestPeer {
    let mut peer = TestPeer::sharing(own);
    peer.pass(seconds(10));
    for n in 1..=OTHERS {
        let ticket = 1 + u64::from(OTHERS - n);
        let arrival = OrderClaim { ticket, duty: IndexDuty::InTurn };
        let info = PeerInfo { arrival, says_large: true, ..info(n, &format!("peer{n}"), 1) };
        peer.event(PeerEvent::Discovery(lan::Event::Here(info)));
    }
    peer.event(PeerEvent::Discovery(lan::Event::Ticket(100)));
    peer.outputs.clear();
    peer
}

fn hit(path: &str, n: u8, owners: &[u8]) -> FoundFile {
    let owners: Vec<_> = owners.iter().map(|n| id(*n)).collect();
    let copies = u32::try_from(owners.len()).unwrap();
    let (path, file) = (path.parse().unwrap(), FileId([n; 32]));
    let hit = Hit { path, size: n.into(), file, modified: 5_000, owners, copies, rank: Rank::default() };
    FoundFile { hit, is_ambiguous: false }
}

/// An answer of whoever knows what all share but these.
fn answer(but: &[u8], files: Vec<FoundFile>) -> IndexAnswer {
    let instance = Instance { count: 1, random: 1 };
    let row = |n| CoveredOwner { owner: id(n), head: Some(HeadNumber { instance, version: 1 }) };
    let owners = (1..=OTHERS).filter(|n| !but.contains(n)).map(row).collect();
    let version = CoverageVersion { epoch: 1, number: 1 };
    IndexAnswer { coverage: CoverageChange { version, is_whole: true, owners }, files, more: 0 }
}

/// A keeper that was asked.
#[derive(Clone, Copy)]
struct KeeperAsked {
    from: PeerId,
    number: u64,
}

impl TestPeer {
    fn begin(&mut self, word: &str) -> AskId {
        let request = SearchRequest { words: vec![word.to_owned()], ..SearchRequest::default() };
        self.ask(request.into())
    }

    /// Who was asked, and how many catalogues are pulled; all else but replies is left out.
    fn questions(&mut self) -> (Vec<KeeperAsked>, usize) {
        let (mut asked, mut pulled) = (Vec::new(), 0);
        self.outputs.retain(|output| match output {
            PeerOutput::Receiver(ReceiverCommand::Search { from, number, .. }) => {
                asked.push(KeeperAsked { from: *from, number: *number });
                false
            }
            PeerOutput::Receiver(ReceiverCommand::Catalogue(_)) => {
                pulled += 1;
                false
            }
            _ => true,
        });
        (asked, pulled)
    }

    fn keeper_says(&mut self, question: KeeperAsked, outcome: FoundOutcome) {
        let KeeperAsked { from, number } = question;
        self.event(PeerEvent::Receiver(ReceiverEvent::Found { from, number, outcome }));
    }
}

fn rows(replies: &[Reply]) -> Vec<&ListRow> {
    replies.iter().filter_map(|r| if let Reply::File(row) = r { Some(row) } else { None }).collect()
}

#[test]
fn own_files_and_hits_of_keepers_are_told_as_they_come() {
    let mut peer = among_many(&[file("my song", 1), file("both song", 2)]);
    let ask = peer.begin("song");
    let (asked, pulled) = peer.questions();
    let mut keepers: Vec<_> = asked.iter().map(|question| question.from).collect();
    keepers.sort_unstable();
    let mut expected = KEEPERS.map(id).to_vec();
    expected.sort_unstable();
    assert_eq!((keepers, pulled), (expected, 0));
    let first = peer.replies(ask);
    assert_eq!(rows(&first).len(), 2);
    // One that is known already, and one of a peer that is not here.
    let files = vec![hit("their song", 3, &[5, 6]), hit("both song", 2, &[7]), hit("gone song", 4, &[99])];
    peer.keeper_says(asked[0], FoundOutcome::Came(answer(&[], files)));
    let second = peer.replies(ask);
    let row = rows(&second)[0];
    assert_eq!((rows(&second).len(), row.path.as_str(), row.copies, row.mine), (1, "their song", 2, false));
    assert_eq!(row.peers, ["peer5", "peer6"]);
    let progress = Reply::Searching(SearchProgress { found: 3, awaited: 1 });
    assert_eq!(second.last(), Some(&progress));
    peer.keeper_says(asked[1], FoundOutcome::Came(answer(&[], Vec::new())));
    // Their answers differ, and what those have who are named decides. They do not give it.
    let (_, pulled) = peer.questions();
    assert!(pulled > 0);
    peer.pass(seconds(2));
    assert_eq!(peer.replies(ask).last(), Some(&Reply::Done));
}

#[test]
fn who_is_missing_in_what_both_know_is_asked_and_named() {
    let mut peer = among_many(&[]);
    let ask = peer.begin("song");
    let (asked, _) = peer.questions();
    for question in asked {
        peer.keeper_says(question, FoundOutcome::Came(answer(&[37, 38], Vec::new())));
    }
    let (_, pulled) = peer.questions();
    assert_eq!(pulled, 2);
    peer.catalogue(38, &[file("new song", 8)]);
    let replies = peer.replies(ask);
    assert_eq!(rows(&replies).len(), 1);
    peer.pass(seconds(2));
    let replies = peer.replies(ask);
    let [Reply::Unlisted(row), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((row.cause, &row.peers[..]), (UnlistedCause::Coming, &["peer37".to_owned()][..]));
    // The next search waits for its host a moment only.
    let ask = peer.begin("song");
    let (asked, _) = peer.questions();
    for question in asked {
        peer.keeper_says(question, FoundOutcome::Came(answer(&[37], Vec::new())));
    }
    peer.pass(Duration::from_millis(100));
    assert_eq!(peer.replies(ask).last(), Some(&Reply::Done));
}

#[test]
fn if_no_keeper_answers_all_is_pulled_and_the_search_ends_in_two_seconds() {
    let mut peer = among_many(&[]);
    let ask = peer.begin("song");
    let (asked, pulled) = peer.questions();
    assert_eq!(pulled, 0);
    for question in asked {
        peer.keeper_says(question, FoundOutcome::NotOffered);
    }
    let (_, pulled) = peer.questions();
    assert_eq!(pulled, usize::from(OTHERS));
    peer.pass(Duration::from_millis(1_999));
    assert!(!peer.replies(ask).contains(&Reply::Done));
    peer.pass(Duration::from_millis(1));
    assert_eq!(peer.replies(ask).last(), Some(&Reply::Done));
}

#[test]
fn what_a_keeper_answers_while_the_network_is_small_or_nobody_asked_is_not_told() {
    let mut peer = among_many(&[]);
    let ask = peer.begin("song");
    let (asked, _) = peer.questions();
    for n in 1..=30 {
        peer.event(PeerEvent::Discovery(lan::Event::Gone(id(n), lan::Gone::Left)));
    }
    // Of the ten that stay most said that it is large.
    for n in 31..=OTHERS {
        let info = PeerInfo { says_large: false, ..info(n, &format!("peer{n}"), 1) };
        peer.event(PeerEvent::Discovery(lan::Event::Here(info)));
    }
    peer.keeper_says(asked[0], FoundOutcome::Came(answer(&[], vec![hit("x song", 9, &[35])])));
    peer.keeper_says(
        KeeperAsked { from: id(35), number: 77 },
        FoundOutcome::Came(answer(&[], vec![hit("y song", 9, &[35])])),
    );
    assert!(rows(&peer.replies(ask)).is_empty());
    peer.pass(seconds(3));
    assert_eq!(peer.replies(ask).last(), Some(&Reply::Done));
}
