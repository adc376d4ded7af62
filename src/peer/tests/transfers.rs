//! What is noted of transfers, and shown of them.

use super::*;
use crate::accounts::{AccountHost, Payer};
use crate::content::ByteRanges;
use crate::control::{
    CompletionNames, LogRequest, LogRow, PauseRequest, ResumeRequest, TransferOutcome, TransferWay,
    WatchKind, WatchRequest, WatchRow,
};
use crate::error::Code;
use crate::sender::{SenderEvent, SentFor, SentPart};

/// The number of the content, and which of its bytes went to peer `n`.
fn sent(n: u8, file: FileId, size: u64, from: u64, to: u64) -> PeerEvent {
    let host = AccountHost::V4([10, 0, 0, n].into());
    let ranges = ByteRanges::of([(from, to)]);
    let to_peer = Payer { host, peer: key(n).peer_id() };
    let part = SentPart { to: to_peer, file, size, why: SentFor::Fetch, bytes: to - from, ranges };
    PeerEvent::Sender(SenderEvent::Sent(vec![part]))
}

impl TestPeer {
    fn log(&mut self, about: Option<&str>) -> Result<Vec<LogRow>, crate::error::Failure> {
        let request = LogRequest { about: about.map(str::to_owned), ..LogRequest::default() };
        let ask = self.ask(request.into());
        let mut rows = Vec::new();
        for reply in self.replies(ask) {
            match reply {
                Reply::Transfer(row) => rows.push(*row),
                Reply::Failed(failure) => return Err(failure),
                _ => {}
            }
        }
        Ok(rows)
    }
}

#[test]
fn what_is_sent_and_fetched_is_in_the_log() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("plan", 3)]);
    assert_eq!(peer.log(None).unwrap(), []);
    assert_eq!(peer.log(Some("anna")).unwrap(), [], "nothing was transferred with her");
    assert_eq!(peer.log(Some("nobody")).unwrap_err().code, Code::NotFound);
    // What is not shared here is called as whoever shares it calls it.
    let plan = file("plan", 3).content().unwrap();
    peer.event(sent(1, plan, 3, 0, 2));
    peer.ask(download("plan", false));
    let job = peer.fetched().remove(0).id;
    peer.pass(seconds(2));
    peer.finish(job, None);
    let rows = peer.log(None).unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| (row.way, row.path.as_deref(), row.outcome, row.bytes)).collect();
    let expected = [
        (TransferWay::Out, Some("plan"), TransferOutcome::Running, 2),
        (TransferWay::In, Some("plan"), TransferOutcome::Done, 0),
    ];
    assert_eq!(told, expected);
    assert_eq!((rows[0].peers.as_slice(), rows[1].millis), (&["anna".to_owned()][..], 2_000));
    peer.pass(seconds(60));
    assert_eq!(peer.log(Some("anna")).unwrap()[0].outcome, TransferOutcome::Part);
    let written =
        peer.take(|output| if let PeerOutput::Transfers(rows) = output { Some(rows) } else { None });
    assert_eq!(written.concat().len(), 2);
}

#[test]
fn what_came_before_a_download_was_paused_is_in_the_log() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[large("plan", 3, 1 << 20)]);
    peer.ask(download("plan", false));
    let stopped = || Some(crate::error::Failure::other("the download was stopped"));
    let pause = PauseRequest { which: "1".parse().unwrap() };
    // Nothing came: there is nothing to be noted.
    peer.ask(pause.clone().into());
    peer.finish(JobId(1), stopped());
    assert_eq!(peer.log(None).unwrap(), []);
    peer.ask(ResumeRequest { which: "1".parse().unwrap() }.into());
    peer.event(progress(JobId(1), 1 << 19));
    peer.ask(pause.into());
    peer.finish(JobId(1), stopped());
    let [row] = &peer.log(None).unwrap()[..] else { panic!() };
    assert_eq!((row.outcome, row.bytes, row.size), (TransferOutcome::Part, 1 << 19, 1 << 20));
}

#[test]
fn files_of_anybody_and_peers_are_completed() {
    let mut peer = TestPeer::sharing(&[file("annals/one", 1), file("other", 2)]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("antics", 3)]);
    let names = CompletionNames::Known;
    let ask = peer.ask(CompleteRequest { prefix: "an".to_owned(), names }.into());
    let expected = ["anna", "annals/", "antics"].map(str::to_owned).to_vec();
    assert_eq!(peer.replies(ask), [Reply::Names { names: expected }, Reply::Done]);
}

#[test]
fn what_changed_last_is_written_before_the_end() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    peer.outputs.clear();
    peer.event(sent(1, FileId([1; 32]), 9, 0, 9));
    peer.ask(ExitRequest { now: true }.into());
    peer.event(PeerEvent::Sender(SenderEvent::Stopped));
    peer.event(PeerEvent::Receiver(ReceiverEvent::Stopped));
    peer.pass(seconds(10));
    let order: Vec<_> = peer.take(|output| match output {
        PeerOutput::Transfers(rows) => Some(rows.len()),
        PeerOutput::End(_) => Some(0),
        _ => None,
    });
    assert_eq!(order, [1, 0]);
}

impl TestPeer {
    /// What those who watch were told; all else is forgotten.
    fn happened(&mut self) -> Vec<WatchRow> {
        self.take(|output| if let PeerOutput::Event(row) = output { Some(*row) } else { None })
    }
}

#[test]
fn who_watches_is_told_what_happens_and_nothing_is_worked_out_for_nobody() {
    let mut peer = TestPeer::sharing(&[file("gone", 4), file("stays", 6), file("changes", 7)]);
    peer.join(1, "anna", 1);
    assert_eq!(peer.happened(), []);
    let ask = peer.ask(WatchRequest::default().into());
    assert_eq!(peer.take(|output| if let PeerOutput::Watch(ask) = output { Some(ask) } else { None }), [ask]);
    peer.machine.out.set_watched(true);
    peer.catalogue(1, &[file("plan", 3)]);
    peer.share(&[file("new", 5), file("stays", 6), file("changes", 8)]);
    let content = |n| file("x", n).content().unwrap();
    peer.event(sent(1, content(5), 9, 0, 2));
    peer.event(sent(1, content(5), 9, 2, 4));
    peer.event(sent(1, content(6), 6, 0, 6));
    peer.ask(download("plan", false));
    let kinds = |rows: Vec<WatchRow>| {
        rows.into_iter().map(|row| (row.event, row.path.or(row.name).unwrap_or_default())).collect::<Vec<_>>()
    };
    let told = kinds(peer.happened());
    let anna = || "anna".to_owned();
    assert_eq!(
        told,
        [
            (WatchKind::PeerShares, anna()),
            (WatchKind::FileChanged, "changes".to_owned()),
            (WatchKind::FileShared, "new".to_owned()),
            (WatchKind::FileGone, "gone".to_owned()),
            (WatchKind::UploadStarted, anna()),
            (WatchKind::UploadProgress, anna()),
            (WatchKind::UploadStarted, anna()),
            (WatchKind::UploadEnded, anna()),
            (WatchKind::DownloadStarted, "plan".to_owned()),
        ]
    );
    // Nothing more is asked for of the first one.
    peer.pass(seconds(20));
    let ended = peer.happened();
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!((ended[0].event, ended[0].outcome), (WatchKind::UploadEnded, Some(TransferOutcome::Part)));
    assert_eq!((ended[0].bytes, ended[0].size), (Some(4), Some(9)));
    peer.event(PeerEvent::Discovery(lan::Event::Gone(key(1).peer_id(), lan::Gone::Left)));
    peer.event(PeerEvent::Warning("disk full".to_owned()));
    assert_eq!(kinds(peer.happened()), [(WatchKind::PeerWent, anna()), (WatchKind::Warning, String::new())]);
    peer.machine.out.set_watched(false);
    peer.join(1, "anna", 1);
    peer.pass(seconds(5));
    assert_eq!(peer.happened(), []);
}
