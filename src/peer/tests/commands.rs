//! When requests are answered, and with what.

use super::*;
use crate::content::Omission;
use crate::control::{Diagnosis, DoctorRequest, LeftOutRow, NamedPeers, RescanRequest, WhoRequest};
use crate::doctor::MachineFacts;
use crate::error::{Code, Failure};
use crate::lan::LanFacts;
use crate::peer::file_work::DiagnosisFacts;

fn list() -> Request {
    ListRequest::default().into()
}

fn paths(replies: &[Reply]) -> Vec<&str> {
    replies
        .iter()
        .filter_map(|r| if let Reply::File(row) = r { Some(row.path.as_str()) } else { None })
        .collect()
}

#[test]
fn a_request_waits_for_catalogues_for_three_seconds() {
    let mut peer = TestPeer::sharing(&[]);
    peer.pass(seconds(10));
    peer.join(1, "anna", 1);
    let ask = peer.ask(list());
    peer.pass(Duration::from_millis(2_999));
    assert_eq!(peer.replies(ask), [], "what anna shares is on its way");
    peer.pass(Duration::from_millis(1));
    assert!(matches!(peer.replies(ask)[..], [Reply::Unlisted(_), Reply::Done]), "and has not come");
}

#[test]
fn a_request_is_answered_as_soon_as_the_catalogues_are_here() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    let ask = peer.ask(list());
    assert_eq!(peer.replies(ask), []);
    peer.catalogue(1, &[file("song", 1)]);
    let replies = peer.replies(ask);
    assert_eq!((paths(&replies), replies.last()), (vec!["song"], Some(&Reply::Done)));
}

#[test]
fn the_first_requests_wait_for_the_network_to_answer() {
    let mut peer = TestPeer::new();
    let (all, mine) =
        (peer.ask(list()), peer.ask(ListRequest { mine: true, ..ListRequest::default() }.into()));
    peer.pass(Duration::from_millis(400));
    assert_eq!((peer.replies(all), peer.replies(mine)), (vec![], vec![Reply::Done]));
    peer.share(&[file("own", 1)]);
    assert_eq!(peer.replies(all), [], "others may answer yet");
    peer.event(PeerEvent::Discovery(lan::Event::Settled));
    let replies = peer.replies(all);
    assert_eq!((paths(&replies), replies.last()), (vec!["own"], Some(&Reply::Done)));
}

#[test]
fn doctor_asks_lan_and_then_this_machine_and_tells_who_could_not_connect() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    let anna = key(1).peer_id();
    peer.event(PeerEvent::Discovery(lan::Event::DialBack(anna)));
    peer.event(PeerEvent::Receiver(ReceiverEvent::AskBack(anna, 0)));
    // Nothing is said of whom nobody knows.
    peer.event(PeerEvent::Discovery(lan::Event::DialBack(key(2).peer_id())));
    let ask = peer.ask(DoctorRequest {}.into());
    assert!(peer.outputs.iter().any(|o| matches!(o, PeerOutput::Discovery(lan::Command::Facts))));
    peer.event(PeerEvent::Discovery(lan::Event::Facts(LanFacts::default())));
    let lan = peer.outputs.iter().find_map(|output| match output {
        PeerOutput::Diagnose(of, lan) if *of == ask => Some(lan.clone()),
        _ => None,
    });
    assert_eq!(peer.replies(ask), []);
    let confinement = local_facts().confinement;
    let facts = DiagnosisFacts { lan: lan.unwrap(), confinement, machine: MachineFacts::default() };
    peer.event(PeerEvent::Files(FileAnswer::Diagnose(ask, Box::new(facts))));
    let replies = peer.replies(ask);
    let names = |is: fn(&Diagnosis) -> Option<&NamedPeers>| {
        let found = replies.iter().find_map(|reply| match reply {
            Reply::Finding(found) => is(&found.what),
            _ => None,
        });
        found.map(|peers| (peers.names.clone(), peers.count))
    };
    let anna = Some((vec!["anna".to_owned()], 1));
    let not_reachable =
        names(|what| if let Diagnosis::NotReachable(peers) = what { Some(peers) } else { None });
    let cannot_reach =
        names(|what| if let Diagnosis::CannotReach(peers) = what { Some(peers) } else { None });
    assert_eq!((not_reachable, cannot_reach), (anna.clone(), anna));
    assert!(
        matches!(replies.last(), Some(Reply::Failed(failure)) if failure.code == Code::Failed),
        "no network"
    );
}

#[test]
fn status_tells_what_the_machine_and_the_shell_know() {
    let mut peer = TestPeer::sharing(&[file("a", 1), file("b", 2)]);
    peer.join(1, "anna", 0);
    peer.event(PeerEvent::Warning("something".to_owned()));
    peer.makes_folders = false;
    let ask = peer.ask(StatusRequest {}.into());
    let replies = peer.replies(ask);
    let [Reply::Status(status), Reply::Done] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((status.on.peers, status.sharing.files, status.sharing.bytes), (1, 2, 3));
    assert_eq!((status.name.as_str(), status.warnings.len(), status.gives), ("me", 1, Some(0)));
}

#[test]
fn what_cannot_be_done_is_said() {
    let mut peer = TestPeer::sharing(&[]);
    let ask = peer.ask(CancelRequest::number(7).into());
    let replies = peer.replies(ask);
    let [Reply::Failed(failure)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (Code::NotFound, "no download 7 in the queue; `queue` shows what there is")
    );
    let ask = peer.ask(CopiesRequest { copies: Some(3), files: vec!["x".to_owned()] }.into());
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Failed(f)] if f.code == Code::NotFound));
    let ask = peer.ask(RestoreRequest { forget: false, files: Vec::new() }.into());
    let replies = peer.replies(ask);
    assert!(matches!(replies.as_slice(), [Reply::Note { text }, Reply::Done] if text.starts_with("nothing")));
}

#[test]
fn who_asks_about_a_word_that_means_several_is_told_what_to_say() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 1);
    peer.join(2, "bert", 1);
    peer.catalogue(1, &[file("anna", 1), file("song", 2)]);
    peer.catalogue(2, &[file("song", 3)]);
    let mut who = |about: &str| {
        let ask = peer.ask(WhoRequest { about: Some(about.to_owned()) }.into());
        peer.replies(ask)
    };
    let said = format!("`anna` is a file or folder and a peer: say `./anna` or its id ({anna})");
    assert_eq!(who("anna"), [Reply::Failed(Failure::new(Code::Ambiguous, said))]);
    assert!(matches!(who("./anna")[..], [Reply::Who(_), .., Reply::WhoSum(_), Reply::Done]));
    assert!(matches!(who(&anna.to_string())[..], [Reply::WhoPeer(_), Reply::Done]));
    let [two, three] = [2, 3].map(|n| FileId([n; 32]));
    let said = format!("`song` has 2 different contents: b3:{two}, b3:{three}; say which by its id");
    assert_eq!(who("song"), [Reply::Failed(Failure::new(Code::Ambiguous, said))]);
}

#[test]
fn the_number_of_copies_is_set_for_own_files() {
    let mut peer = TestPeer::sharing(&[file("docs/a", 1), file("docs/b", 2), file("c", 3)]);
    let ask = peer.ask(CopiesRequest { copies: Some(3), files: vec!["docs/".to_owned()] }.into());
    let copied = |path: &str| Reply::Copied { path: path.to_owned(), copies: Some(3) };
    assert_eq!(peer.replies(ask), [copied("docs/a"), copied("docs/b"), Reply::Done]);
    let copies = |n| peer.machine.custody.machine.copies().of(FileId([n; 32]));
    assert_eq!((copies(1), copies(3)), (3, 2));
}

#[test]
fn names_are_completed_step_by_step() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("music/a/1", 1), file("music/b", 2), file("notes", 3), file("b3:00ff", 4)]);
    let mut names = |prefix: &str, names| {
        let ask = peer.ask(CompleteRequest { prefix: prefix.to_owned(), names }.into());
        let replies = peer.replies(ask);
        let [Reply::Names { names }, Reply::Done] = replies.as_slice() else { panic!("{replies:?}") };
        names.clone()
    };
    use crate::control::CompletionNames::{Lost, Offered, Own, Peers};
    assert_eq!(names("", Offered), ["./b3:00ff", "music/", "notes"]);
    assert_eq!(names("music/", Offered), ["music/a/", "music/b"]);
    assert_eq!(names("a", Peers), ["anna"]);
    assert_eq!(
        (names("b3", Offered), names("./no", Offered)),
        (vec!["./b3:00ff".into()], vec!["./notes".into()])
    );
    peer.join(2, "\u{430}nna", 0);
    let mut names = |prefix: &str, names| {
        let ask = peer.ask(CompleteRequest { prefix: prefix.to_owned(), names }.into());
        match peer.replies(ask).swap_remove(0) {
            Reply::Names { names } => names,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(names("a", Peers), [key(1).peer_id().prefix(8)], "two are called so, as it seems");
    assert!(names("", Own).is_empty() && names("", Lost).is_empty());
}

#[test]
fn a_rescan_is_answered_once_the_library_looked_with_what_it_found() {
    let mut peer = TestPeer::sharing(&[file("a", 1), file("b", 2), file("c", 3)]);
    let (one, two) = (peer.ask(RescanRequest {}.into()), peer.ask(RescanRequest {}.into()));
    let asked = peer.outputs.iter().filter(|o| matches!(o, PeerOutput::Library(library::Command::Rescan)));
    assert_eq!(asked.count(), 2);
    assert_eq!((peer.replies(one), peer.replies(two)), (vec![], vec![]));
    let left_out = [(".x".parse().unwrap(), Omission::Hidden), ("b".parse().unwrap(), Omission::Ignored)];
    let shelf = Shelf {
        catalogue: Catalogue::of([file("a", 1), file("c", 4)]),
        left_out: Arc::new(left_out.into_iter().collect()),
        ..Shelf::default()
    };
    peer.event(PeerEvent::Library(library::Event::Changed(Arc::new(shelf))));
    peer.event(PeerEvent::Library(library::Event::Rescanned));
    let replies = peer.replies(one);
    let [Reply::Rescanned(row), Reply::Done] = replies[..] else { panic!("{replies:?}") };
    let left_out = LeftOutRow { hidden: 1, junk: 0, ignored: 1 };
    assert_eq!((row.sharing.files, row.sharing.left_out, row.gone), (2, left_out, 2));
    assert_eq!(peer.replies(two), replies);
    // Whoever lists its own files is told what is not among them.
    let mine = peer.ask(ListRequest { mine: true, ..ListRequest::default() }.into());
    assert!(peer.replies(mine).contains(&Reply::LeftOut(left_out)));
    let all = peer.ask(list());
    assert!(!peer.replies(all).contains(&Reply::LeftOut(left_out)));
}
