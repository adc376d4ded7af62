//! Leaving, with everything around it.

use core::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::content::Span;
use crate::control::DownloadOutcome;
use crate::distribution::CustodyEvent;
use crate::error::{Code, Failure};
use crate::sender::{SenderCommand, SenderEvent};
use crate::wire::custody::{CustodyMessage, KeeperReport, ReportRow};
use crate::wire::datagram::PresenceState;

const EXIT: Request = Request::Exit(ExitRequest { now: false });
const EXIT_NOW: Request = Request::Exit(ExitRequest { now: true });

/// What the sender was told; all else is forgotten.
fn told_sender(peer: &mut TestPeer) -> Vec<SenderCommand> {
    peer.take(|output| if let PeerOutput::Sender(command) = output { Some(command) } else { None })
}

/// How it ended; `None`: it did not.
fn end(peer: &mut TestPeer) -> Option<Option<Failure>> {
    peer.take(|output| if let PeerOutput::End(failure) = output { Some(failure) } else { None }).pop()
}

fn stop_parts(peer: &mut TestPeer) {
    peer.event(PeerEvent::Sender(SenderEvent::Stopped));
    peer.event(PeerEvent::Receiver(ReceiverEvent::Stopped));
}

#[test]
fn exit_hands_own_files_over_then_finishes_what_is_sent_and_ends() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    peer.join(1, "anna", 0);
    peer.outputs.clear();
    let ask = peer.ask(EXIT);
    let announced = peer.outputs.iter().any(|output| {
        matches!(output, PeerOutput::Discovery(lan::Command::Own(own)) if own.state == PresenceState::Leaving)
    });
    assert!(announced, "others count this peer as a copy no longer");
    assert!(!told_sender(&mut peer).iter().any(|c| matches!(c, SenderCommand::Finish)));
    // Nobody takes any of it.
    peer.pass(seconds(31));
    let replies = peer.replies(ask);
    let report =
        replies.iter().find_map(|r| if let Reply::ExitReport(report) = r { Some(report) } else { None });
    assert_eq!(report.map(|r| (r.total, r.safe, r.not_kept.len())), Some((1, 0, 1)));
    assert!(told_sender(&mut peer).iter().any(|c| matches!(c, SenderCommand::Finish)));
    stop_parts(&mut peer);
    let replies = peer.replies(ask);
    assert!(matches!(replies.as_slice(), [Reply::Failed(f)] if f.code == Code::NotKept), "{replies:?}");
    assert_eq!(end(&mut peer).flatten().map(|f| f.code), Some(Code::NotKept));
}

/// What the receiver was told of jobs, in short; all else is forgotten.
fn told_of_jobs(peer: &mut TestPeer) -> Vec<String> {
    let told = |command| match command {
        ReceiverCommand::Cancel(job) => Some(format!("cancel {}", job.0)),
        ReceiverCommand::Fetch(job) => Some(format!("fetch {}", job.destination.display())),
        ReceiverCommand::Stop => Some("stop".to_owned()),
        _ => None,
    };
    peer.told_receiver().into_iter().filter_map(told).collect()
}

#[test]
fn while_own_files_are_handed_over_proofs_are_fetched_and_nothing_else() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    let anna = peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("song", 2)]);
    let running = peer.ask(download("song", true));
    peer.replies(running);
    peer.outputs.clear();
    peer.ask(EXIT);
    assert_eq!(told_of_jobs(&mut peer), ["cancel 1"], "the download stops, the receiver does not");
    // It keeps the file, says so, and is to prove that.
    let row = ReportRow {
        file: FileId([1; 32]),
        size: 1,
        copies: 2,
        copy: 1,
        span: Span::whole(1).unwrap(),
        have: 1,
        dropped: false,
    };
    let origin = peer.machine.own.id();
    let report = KeeperReport { request: 1, origin, instance: INSTANCE, version: 1, rows: vec![row].into() };
    let source = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
    let message = CustodyEvent::Message(anna, source, CustodyMessage::Report(report));
    peer.event(PeerEvent::Custody(message));
    let told = told_of_jobs(&mut peer);
    assert!(told.len() == 1 && told[0].starts_with("fetch /peer/.potluck/store/proof-"), "{told:?}");
    // Of the download nothing more is said before the end.
    peer.finish(JobId(1), Some(Failure::other("the download was stopped")));
    assert_eq!(peer.replies(running), []);
    peer.ask(EXIT_NOW);
    assert_eq!(told_of_jobs(&mut peer), ["stop"]);
    stop_parts(&mut peer);
    let replies = peer.replies(running);
    let [Reply::DownloadSum(sum), Reply::Failed(f)] = replies.as_slice() else { panic!("{replies:?}") };
    assert!(sum.outcome == DownloadOutcome::Continues && f.message.contains("this peer left"), "{sum:?}");
}

#[test]
fn without_own_files_exit_waits_for_what_is_sent_only_and_says_so() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.event(PeerEvent::Sender(SenderEvent::Serving(vec![(anna, 10)])));
    peer.outputs.clear();
    let ask = peer.ask(EXIT);
    assert!(matches!(told_sender(&mut peer).as_slice(), [SenderCommand::Finish]));
    peer.pass(Duration::from_millis(600));
    let text = "leaving once anna got what is being sent; Ctrl-C leaves now".to_owned();
    assert_eq!(peer.replies(ask), [Reply::Note { text: text.clone() }]);
    assert_eq!(peer.notices(), [Notice::Text(text)]);
    stop_parts(&mut peer);
    // The last replies come behind the end, when nobody hears of this peer any more.
    let order = peer.take(|output| match output {
        PeerOutput::Discovery(lan::Command::Leave) => Some("leave"),
        PeerOutput::End(None) => Some("end"),
        PeerOutput::Reply(to, Reply::Done) if to == ask => Some("reply"),
        PeerOutput::Notice(Notice::Ended(None)) => Some("notice"),
        _ => None,
    });
    assert_eq!(order, ["leave", "end", "reply", "notice"]);
}

#[test]
fn exit_now_ends_soon_and_a_second_one_at_once() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    peer.ask(EXIT_NOW);
    assert!(matches!(told_sender(&mut peer).as_slice(), [SenderCommand::Stop]));
    peer.pass(Duration::from_millis(1_199));
    assert_eq!(end(&mut peer), None);
    peer.pass(Duration::from_millis(1));
    assert_eq!(end(&mut peer), Some(None));
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    peer.ask(EXIT_NOW);
    let second = peer.ask(EXIT_NOW);
    assert_eq!((peer.replies(second), end(&mut peer)), (vec![Reply::Done], Some(None)));
}

#[test]
fn while_it_leaves_nothing_is_begun_and_everything_is_answered() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    let waits = peer.ask(ListRequest::default().into());
    assert_eq!(peer.replies(waits), []);
    peer.ask(EXIT);
    let replies = peer.replies(waits);
    assert!(matches!(replies[..], [Reply::Unlisted(_), Reply::Done]), "what it waited for may not come");
    let late = peer.ask(download("song", true));
    assert!(matches!(peer.replies(late).as_slice(), [Reply::Failed(f)] if f.message.contains("is leaving")));
}

#[test]
fn downloads_that_the_end_cuts_off_are_told() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("song", 1), file("film", 2)]);
    let running = peer.ask(download("song", true));
    peer.replies(running);
    peer.makes_folders = false;
    let preparing = peer.ask(download("film", true));
    peer.ask(EXIT_NOW);
    peer.ask(EXIT_NOW);
    let is_end = |reply: &Reply| matches!(reply, Reply::Failed(f) if f.message.contains("this peer left"));
    // What was begun is summed up, too.
    let replies = peer.replies(running);
    assert!(matches!(&replies[..], [Reply::DownloadSum(_), end] if is_end(end)), "{replies:?}");
    let replies = peer.replies(preparing);
    assert!(matches!(&replies[..], [end] if is_end(end)), "{replies:?}");
}

#[test]
fn a_part_that_broke_ends_the_peer_with_the_reason() {
    for part in ["receiver", "sender", "distributor", "store"] {
        let mut peer = TestPeer::sharing(&[file("a", 1)]);
        peer.join(1, "anna", 0);
        peer.event(PeerEvent::Broken(part));
        // Others hear that it leaves, and nothing is waited for.
        let said = peer.take(|output| match output {
            PeerOutput::Discovery(lan::Command::Leave) => Some("leave".to_owned()),
            PeerOutput::End(failure) => Some(failure.unwrap().message),
            _ => None,
        });
        let [leave, message] = said.as_slice() else { panic!("{said:?}") };
        assert!(leave == "leave" && message.starts_with(&format!("the {part} thread ended")), "{said:?}");
    }
    let mut peer = TestPeer::sharing(&[]);
    let address = "10.0.0.7:9".parse().unwrap();
    peer.event(PeerEvent::Discovery(lan::Event::CopiedFolder(address)));
    assert!(end(&mut peer).flatten().unwrap().message.contains("10.0.0.7:9"));
}

#[test]
fn no_head_is_given_out_any_more_while_it_leaves() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    peer.ask(EXIT);
    peer.outputs.clear();
    peer.share(&[file("a", 1), file("b", 2)]);
    let announced = |output| matches!(output, PeerOutput::Discovery(lan::Command::Own(_))).then_some(());
    assert_eq!(peer.take(announced), []);
}

#[test]
fn whoever_changes_its_network_starts_again_unless_it_is_to_leave_for_good() {
    for is_to_leave in [false, true] {
        let mut peer = TestPeer::sharing(&[file("a", 1)]);
        let ask = peer.ask(RejoinRequest {}.into());
        if is_to_leave {
            peer.ask(EXIT_NOW);
        }
        stop_parts(&mut peer);
        assert_eq!(peer.replies(ask), [Reply::Done]);
        let ends = peer.take(|output| match output {
            PeerOutput::Discovery(lan::Command::Leave) => Some("leave"),
            PeerOutput::Again => Some("again"),
            PeerOutput::End(None) => Some("end"),
            PeerOutput::Notice(Notice::Ended(None)) => Some("ended"),
            _ => None,
        });
        let expected: &[&str] = if is_to_leave { &["leave", "end", "ended"] } else { &["leave", "again"] };
        assert_eq!(ends, expected);
    }
}

#[test]
fn whoever_leaves_changes_no_network_any_more() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    peer.ask(EXIT_NOW);
    let ask = peer.ask(RejoinRequest {}.into());
    assert!(matches!(&peer.replies(ask)[..], [Reply::Failed(f)] if f.message == "this peer is leaving"));
    stop_parts(&mut peer);
    assert_eq!(end(&mut peer), Some(None));
}
