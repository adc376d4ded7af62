//! Downloads of users: begun, told, ended.

use super::*;
use crate::control::DownloadOutcome;
use crate::disk::Arrival;
use crate::error::{Code, Failure};
use crate::peer::swarms::LiveSeed;
use crate::swarm::JobGivers;

/// A peer beside anna, who shares one file.
fn beside_anna() -> TestPeer {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("song", 1)]);
    peer.outputs.clear();
    peer
}

#[test]
fn a_download_is_begun_once_its_destination_is_there() {
    let mut peer = beside_anna();
    peer.makes_folders = false;
    let ask = peer.ask(
        DownloadRequest {
            files: vec!["song".to_owned()],
            from: Vec::new(),
            to: Some("/elsewhere".into()),
            wait: true,
            no_wait: false,
            ..DownloadRequest::default()
        }
        .into(),
    );
    let Some(PeerOutput::Files(FileWork::Destination(_, folder))) = peer.outputs.pop_front() else {
        panic!()
    };
    assert_eq!((folder.as_path(), peer.fetched().len()), ("/elsewhere".as_ref(), 0));
    // Whoever comes meanwhile can be asked for it, too.
    let bert = peer.join(2, "bert", 1);
    peer.catalogue(2, &[file("the same", 1)]);
    peer.outputs.clear();
    peer.event(PeerEvent::Files(FileAnswer::Destination(ask, Ok(()))));
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Begun(row)] if row.job == 1));
    let [job] = peer.fetched().try_into().unwrap();
    assert_eq!((job.id, job.destination.as_path()), (JobId(1), "/elsewhere".as_ref()));
    assert!(job.files[0].holders.contains(&bert) && job.files[0].holders.contains(&key(1).peer_id()));
}

#[test]
fn a_destination_that_cannot_be_made_is_told_and_nothing_is_begun() {
    let mut peer = beside_anna();
    peer.makes_folders = false;
    let ask = peer.ask(download("song", true));
    peer.outputs.clear();
    let failure = Failure::other("the folder x cannot be used: no");
    peer.event(PeerEvent::Files(FileAnswer::Destination(ask, Err(failure.clone()))));
    assert_eq!((peer.replies(ask), peer.fetched().len()), (vec![Reply::Failed(failure)], 0));
}

#[test]
fn no_folder_is_made_for_what_nobody_shares() {
    let mut peer = beside_anna();
    let into = |file: &str, to: &str| DownloadRequest {
        files: vec![file.to_owned()],
        from: Vec::new(),
        to: Some(to.into()),
        wait: true,
        no_wait: false,
        ..DownloadRequest::default()
    };
    let ask = peer.ask(into("nothing", "/elsewhere").into());
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Failed(f)] if f.code == Code::NotFound));
    let ask = peer.ask(into("song", "elsewhere").into());
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Failed(f)] if f.code == Code::Usage));
    assert!(peer.outputs.is_empty());
    let ask = peer.ask(download("nothing", true));
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Failed(f)] if f.code == Code::NotFound));
}

/// A request for `word` from these peers.
fn download_from(word: &str, from: &[String]) -> Request {
    let (files, from) = (vec![word.to_owned()], from.to_vec());
    DownloadRequest { files, from, to: None, wait: true, no_wait: false, ..DownloadRequest::default() }.into()
}

#[test]
fn a_folder_that_differs_is_fetched_once_its_owner_is_named() {
    let mut peer = TestPeer::sharing(&[]);
    let (anna, bert) = (peer.join(1, "anna", 1), peer.join(2, "bert", 1));
    peer.catalogue(1, &[file("p/a", 1)]);
    peer.catalogue(2, &[file("p/a", 1), file("p/.git/hooks/post-checkout", 2)]);
    let ask = peer.ask(download("p", true));
    let replies = peer.replies(ask);
    let [Reply::Failed(failure)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((failure.code, peer.fetched().len()), (Code::Ambiguous, 0));
    peer.ask(download_from("p", &[anna.full()]));
    let [job] = peer.fetched().try_into().unwrap();
    assert_eq!((job.files.len(), job.files[0].holders.as_slice()), (1, &[anna][..]));
    for all in [vec!["all".to_owned()], vec![anna.full(), bert.full()]] {
        peer.ask(download_from("p/", &all));
        let [job] = peer.fetched().try_into().unwrap();
        let holders: Vec<usize> = job.files.iter().map(|f| f.holders.len()).collect();
        assert_eq!(holders, [1, 2], "the file that both have comes from both");
    }
}

#[test]
fn an_id_is_not_fetched_from_whoever_is_called_so() {
    let mut peer = beside_anna();
    let (anna, short) = (key(1).peer_id(), key(1).peer_id().prefix(8));
    peer.join(2, &short, 1);
    peer.catalogue(2, &[file("song", 2), file("b3:01010101", 3)]);
    peer.outputs.clear();
    let ask = peer.ask(download_from("song", &[short]));
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Failed(f)] if f.code == Code::Ambiguous));
    peer.ask(download_from("song", &[anna.full()]));
    peer.ask(download("b3:01010101", true));
    peer.ask(download("./b3:01010101", true));
    let ids: Vec<u8> = peer.fetched().iter().map(|job| job.files[0].id.0[0]).collect();
    assert_eq!(ids, [1, 1, 3]);
}

#[test]
fn whoever_waits_for_a_download_hears_how_it_goes_and_how_it_ends() {
    let mut peer = beside_anna();
    let ask = peer.ask(download("song", true));
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Begun(_)]));
    peer.event(progress(JobId(1), 77));
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Progress(row)] if row.done == 77));
    let arrived = JobEvent::Arrived(JobId(1), FileId([1; 32]), Arrival::Saved("/peer/downloads/song".into()));
    peer.event(PeerEvent::Receiver(ReceiverEvent::Job(arrived)));
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Saved(saved)] if saved.how == "saved"));
    peer.finish(JobId(1), None);
    let replies = peer.replies(ask);
    let [Reply::DownloadSum(sum), Reply::Done] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((sum.outcome, sum.files, sum.saved, sum.fetched), (DownloadOutcome::Done, 1, 1, 77));
    assert_eq!(sum.to.as_path(), peer.machine.own.settings.downloads());
    assert_eq!(peer.notices().last(), Some(&Notice::Downloads(Vec::new())));
}

#[test]
fn a_download_that_nobody_waits_for_is_told_to_the_screen() {
    let mut peer = beside_anna();
    let ask = peer.ask(download("song", false));
    assert!(matches!(peer.replies(ask).as_slice(), [Reply::Begun(_), Reply::Done]));
    assert!(matches!(peer.notices().as_slice(), [Notice::Download(1, Reply::Begun(_))]));
    let failure = Failure::new(Code::NoHolder, "nobody has it");
    peer.finish(JobId(1), Some(failure.clone()));
    let notices = peer.notices();
    let Notice::Download(1, Reply::DownloadSum(sum)) = &notices[0] else { panic!("{notices:?}") };
    assert_eq!((sum.outcome, &sum.waits_for[..]), (DownloadOutcome::Waiting, &["anna".to_owned()][..]));
    let Notice::Download(1, Reply::Failed(waits)) = &notices[1] else { panic!("{notices:?}") };
    assert!(waits.code == failure.code && waits.message.contains("waits for anna in the queue"), "{waits}");
}

#[test]
fn who_gave_is_named_at_the_end_even_if_it_is_gone() {
    let mut peer = beside_anna();
    let (me, anna, ask) = (peer.machine.own.id(), key(1).peer_id(), peer.ask(download("song", true)));
    let bert = peer.join(2, "bert", 1);
    let PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Progress(mut step))) = progress(JobId(1), 77) else {
        panic!()
    };
    step.sources = vec![anna];
    peer.event(PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Progress(step))));
    peer.event(PeerEvent::Discovery(lan::Event::Gone(anna, lan::Gone::Silent)));
    let givers = JobGivers { fetched: 90, resumed: 5, peers: vec![anna, me, bert] };
    peer.event(PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Given(JobId(1), givers))));
    peer.finish(JobId(1), None);
    let replies = peer.replies(ask);
    let [.., Reply::DownloadSum(sum), Reply::Done] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((&sum.from[..], sum.from_count), (&["anna".to_owned(), "bert".to_owned()][..], 2));
    assert_eq!((sum.fetched, sum.resumed), (90, 5));
}

#[test]
fn whoever_comes_with_the_content_is_named_to_the_receiver() {
    let mut peer = beside_anna();
    peer.ask(download("song", true));
    let bert = peer.join(2, "bert", 1);
    peer.outputs.clear();
    peer.catalogue(2, &[file("other name", 1), file("other file", 2)]);
    let told = peer.told_receiver();
    let holders: Vec<_> = told.iter().filter(|c| matches!(c, ReceiverCommand::Holders(..))).collect();
    let [ReceiverCommand::Holders(claim, peers)] = holders.as_slice() else { panic!("{told:?}") };
    assert_eq!((*claim, peers.as_slice()), ((FileId([1; 32]), 1), &[bert][..]));
}

#[test]
fn what_changed_at_its_owner_is_told_to_the_receiver_once_its_new_content_is_known() {
    let mut peer = beside_anna();
    peer.ask(download("song", true));
    let changed = |peer: &mut TestPeer| {
        let told = peer.told_receiver().into_iter();
        told.filter_map(
            |c| if let ReceiverCommand::Changed(claim, of) = c { Some((claim, of)) } else { None },
        )
        .collect::<Vec<_>>()
    };
    // It may be found under another name, and while it is hashed again it may turn out to be the same.
    peer.catalogue(1, &[file("song", 3), file("moved", 1)]);
    peer.catalogue(1, &[file("other", 2)]);
    assert_eq!(changed(&mut peer), []);
    peer.catalogue(1, &[file("song", 3)]);
    assert_eq!(changed(&mut peer), [((FileId([1; 32]), 1), key(1).peer_id())]);
}

#[test]
fn a_download_that_waits_for_a_destination_can_be_stopped_and_is_begun_in_its_turn() {
    let mut peer = beside_anna();
    let into = |n: usize| DownloadRequest {
        files: vec!["song".to_owned()],
        from: Vec::new(),
        to: Some(format!("/far/{n}").into()),
        wait: true,
        no_wait: false,
        ..DownloadRequest::default()
    };
    let most = crate::peer::limits::DESTINATIONS;
    let asks: Vec<_> = (1..=most + 2).map(|n| peer.ask(into(n).into())).collect();
    assert_eq!(peer.fetched().len(), most);
    let bert = peer.join(2, "bert", 1);
    peer.catalogue(2, &[file("the same", 1)]);
    peer.outputs.clear();
    peer.ask(CancelRequest::number(most as u64 + 1).into());
    let replies = peer.replies(asks[most]);
    let [Reply::DownloadSum(sum), Reply::Failed(f)] = replies.as_slice() else { panic!("{replies:?}") };
    assert!(sum.outcome == DownloadOutcome::Stopped && f.message.contains("stopped"), "{sum:?}");
    peer.outputs.clear();
    peer.finish(JobId(3), None);
    let [job] = peer.fetched().try_into().unwrap();
    assert_eq!((job.id, job.files[0].holders.contains(&bert)), (JobId(most as u64 + 2), true));
}

#[test]
fn this_peer_is_never_named_as_a_source() {
    let mut peer = beside_anna();
    let (me, ask) = (peer.machine.own.id(), peer.ask(download("song", true)));
    let PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Progress(mut step))) = progress(JobId(1), 77) else {
        panic!()
    };
    step.sources = vec![me, key(1).peer_id()];
    peer.event(PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Progress(step))));
    let replies = peer.replies(ask);
    let Some(Reply::Progress(row)) = replies.last() else { panic!("{replies:?}") };
    assert_eq!(row.from, ["anna"]);
}

#[test]
fn a_lost_catalogue_is_pulled_again_after_five_seconds() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 1);
    let pulls = |peer: &mut TestPeer| {
        let told = peer.told_receiver();
        told.iter().filter(|c| matches!(c, ReceiverCommand::Catalogue(id) if *id == anna)).count()
    };
    assert_eq!(pulls(&mut peer), 1);
    peer.event(PeerEvent::Receiver(ReceiverEvent::Lost(anna)));
    let doubted = |output: &_| matches!(output, PeerOutput::Discovery(lan::Command::Doubt(_)));
    assert!(peer.outputs.iter().any(doubted));
    peer.pass(Duration::from_millis(4_999));
    assert_eq!(pulls(&mut peer), 0);
    peer.pass(Duration::from_millis(1));
    assert_eq!(pulls(&mut peer), 1);
}

/// A file that is being fetched.
#[derive(Debug)]
struct FakeSeed(FileId, u64);

impl LiveSeed for FakeSeed {
    fn claim(&self) -> crate::content::Claim {
        (self.0, self.1)
    }

    fn is_gone(&self) -> bool {
        false
    }

    fn is_complete(&self) -> bool {
        false
    }
}

#[test]
fn a_large_file_is_given_and_sought_while_it_is_fetched() {
    let (id, size) = (FileId([4; 32]), 1 << 30);
    let seed: Arc<dyn LiveSeed> = Arc::new(FakeSeed(id, size));
    let mut peer = beside_anna();
    peer.catalogue(1, &[large("film", 4, size)]);
    peer.ask(download("film", true));
    peer.outputs.clear();
    peer.event(PeerEvent::PartialSeed(Arc::clone(&seed)));
    let given = peer.take(|output| match output {
        PeerOutput::Give(file) => Some((file, Vec::new())),
        PeerOutput::Discovery(lan::Command::Seek(files)) => Some((id, files)),
        _ => None,
    });
    assert_eq!(given, [(id, Vec::new()), (id, vec![id])]);
    peer.finish(JobId(1), None);
    let sought = |output| match output {
        PeerOutput::Discovery(lan::Command::Seek(files)) => Some(files),
        _ => None,
    };
    assert_eq!(peer.take(sought), [Vec::new()], "no download wants it any more");
    let mut alone = TestPeer::with(|settings| settings.swarm = false);
    alone.event(PeerEvent::PartialSeed(seed));
    assert!(alone.outputs.is_empty());
}
