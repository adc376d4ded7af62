//! The queue of a whole peer: what is remembered, who is waited for, and what users are told of that.

use super::*;
use crate::control::{
    DownloadOutcome, FirstRequest, PauseRequest, QueueRequest, QueueRow, QueueState, ResumeRequest,
};
use crate::disk::Arrival;
use crate::error::{Code, Failure};
use crate::peer::limits;
use crate::peer::owners::Owners;
use crate::peer::queue::{QueueOrder, queue_download};
use crate::swarm::Wanted;

/// A peer beside anna, who shares three large files.
fn beside_anna() -> TestPeer {
    let mut peer = TestPeer::sharing(&[]);
    peer.anna_comes();
    peer
}

impl TestPeer {
    fn anna_comes(&mut self) {
        self.join(1, "anna", 1);
        self.catalogue(1, &[1, 2, 3].map(|n| large(&format!("f{n}"), n, 1 << 30)));
        self.outputs.clear();
    }

    fn anna_goes(&mut self) {
        self.event(PeerEvent::Discovery(lan::Event::Gone(key(1).peer_id(), lan::Gone::Left)));
        self.outputs.clear();
    }

    /// Another start of this peer, with what was written of the queue.
    fn restarted(&self) -> Self {
        let mut peer = Self::with_queue(self.queue_rows.clone());
        peer.share(&[]);
        peer.event(PeerEvent::Discovery(lan::Event::Settled));
        peer.outputs.clear();
        peer
    }

    fn queue(&mut self) -> Vec<QueueRow> {
        let ask = self.ask(QueueRequest::default().into());
        let row = |reply| if let Reply::Queued(row) = reply { Some(row) } else { None };
        self.replies(ask).into_iter().filter_map(row).collect()
    }

    /// Numbers and states of the queue, in order.
    fn states(&mut self) -> Vec<(u64, QueueState)> {
        self.queue().into_iter().map(|row| (row.job, row.state)).collect()
    }

    /// A peer beside anna, of whose three files the first one is in its queue, which is full.
    pub(super) fn with_full_queue() -> Self {
        let mut peer = beside_anna();
        peer.ask(download("f1", false));
        for n in 1..limits::QUEUED as u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_le_bytes());
            let word = format!("other{n}");
            let wanted = Wanted {
                here: None,
                id: FileId(id),
                size: 1 << 20,
                modified: 5_000,
                executable: false,
                asked: word.as_str().into(),
                to: word.parse().unwrap(),
                holders: Vec::new(),
                keep: None,
                some: Vec::new(),
            };
            let order = QueueOrder {
                words: vec![word],
                options: Vec::new(),
                owners: Owners::Anyone,
                destination: "/peer/downloads".into(),
                files: vec![wanted],
                folders: Vec::new(),
                is_offered: false,
            };
            queue_download(peer.now, order, &mut peer.machine);
        }
        peer.drain();
        peer.outputs.clear();
        peer
    }

    /// Takes a download away, which may run.
    pub(super) fn cancel(&mut self, job: u64) {
        self.ask(CancelRequest::number(job).into());
        self.finish(JobId(job), Some(Failure::other("the download was stopped")));
    }

    fn arrive(&mut self, job: u64, n: u8) {
        let path = format!("/peer/downloads/f{n}").into();
        let arrived = JobEvent::Arrived(JobId(job), FileId([n; 32]), Arrival::Saved(path));
        self.event(PeerEvent::Receiver(ReceiverEvent::Job(arrived)));
    }
}

fn nobody() -> Failure {
    Failure::new(Code::NoHolder, "nobody has it")
}

#[test]
fn downloads_go_on_at_the_next_start_in_their_order() {
    let mut peer = beside_anna();
    for file in ["f1", "f2", "f3"] {
        peer.ask(download(file, false));
    }
    peer.ask(PauseRequest { which: "f2".parse().unwrap() }.into());
    peer.ask(FirstRequest { which: "3".parse().unwrap() }.into());
    peer.event(progress(JobId(1), 5 << 20));
    peer.pass(seconds(2));
    let mut again = peer.restarted();
    assert_eq!(again.states(), [(3, QueueState::Waiting), (1, QueueState::Waiting), (2, QueueState::Paused)]);
    let [third, first, _] = &again.queue()[..] else { panic!() };
    assert_eq!((first.done, first.why.as_deref(), third.is_first), (5 << 20, Some("waits for anna"), true));
    again.join(1, "anna", 1);
    again.outputs.clear();
    again.catalogue(1, &[1, 2, 3].map(|n| large(&format!("other name {n}"), n, 1 << 30)));
    let begun: Vec<u64> = again.fetched().iter().map(|job| job.id.0).collect();
    assert_eq!(begun, [3, 1]);
    // Until the receiver has opened what is here, it is what was remembered.
    let done = |again: &mut TestPeer| again.queue().into_iter().find(|row| row.job == 1).unwrap().done;
    assert_eq!(done(&mut again), 5 << 20);
    again.event(progress(JobId(1), 0));
    assert_eq!(done(&mut again), 5 << 20);
    again.event(progress(JobId(1), 4 << 20));
    assert_eq!(done(&mut again), 4 << 20, "the last of it was not on the disk");
    let ask = again.ask(download("b3:0202", false));
    assert!(matches!(&again.replies(ask)[..], [Reply::Begun(row), Reply::Done] if row.job == 4));
}

#[test]
fn a_full_queue_takes_no_more_until_something_is_taken_away() {
    let mut peer = TestPeer::with_full_queue();
    let full = "the queue is full (1000 downloads): `cancel` takes some away";
    let ask = peer.ask(download("f2", false));
    assert_eq!(peer.replies(ask), [Reply::Failed(Failure::other(full))]);
    // What is in it already takes no place.
    let ask = peer.ask(download("f1", false));
    assert!(matches!(peer.replies(ask)[..], [Reply::Begun(_), Reply::Done]));
    peer.cancel(1_000);
    let ask = peer.ask(download("f2", false));
    assert!(matches!(peer.replies(ask)[..], [Reply::Begun(_), Reply::Done]));
}

#[test]
fn of_a_folder_only_what_is_missing_is_fetched_again() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    let folder = [1, 2, 3].map(|n| large(&format!("p/f{n}"), n, 1 << 30));
    peer.catalogue(1, &folder);
    peer.ask(download("p", false));
    peer.arrive(1, 2);
    peer.pass(seconds(2));
    let mut again = peer.restarted();
    again.join(1, "anna", 1);
    again.catalogue(1, &folder);
    let [job] = again.fetched().try_into().unwrap();
    let names: Vec<&str> = job.files.iter().map(|file| file.to.as_str()).collect();
    assert_eq!(names, ["p/f1", "p/f3"]);
    let [row] = again.queue().try_into().unwrap();
    assert_eq!((row.files_done, row.files, row.size), (1, 3, 3 << 30));
    again.arrive(1, 1);
    again.arrive(1, 3);
    again.finish(JobId(1), None);
    let notices = again.notices();
    let sum = |n: &Notice| {
        if let Notice::Download(1, Reply::DownloadSum(sum)) = n { Some(sum.clone()) } else { None }
    };
    let sum = notices.iter().find_map(sum).unwrap();
    assert_eq!((sum.outcome, sum.files, sum.saved, sum.already_there), (DownloadOutcome::Done, 3, 2, 1));
    assert_eq!(again.queue(), []);
    assert_eq!(peer.restarted().queue().len(), 1);
}

#[test]
fn whose_owner_is_away_is_waited_for_and_a_one_shot_is_told_so() {
    let mut peer = beside_anna();
    let ask = peer.ask(download("f1", true));
    peer.fetched();
    peer.anna_goes();
    peer.finish(JobId(1), Some(nobody()));
    let replies = peer.replies(ask);
    let [Reply::DownloadSum(sum), Reply::Failed(failure)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((sum.outcome, &sum.waits_for[..]), (DownloadOutcome::Waiting, &["anna".to_owned()][..]));
    assert_eq!(failure.code, Code::NoHolder);
    assert!(failure.message.contains("download 1 waits for anna in the queue"), "{failure}");
    assert_eq!(peer.queue()[0].why.as_deref(), Some("waits for anna"));
    // These words mean the one that waits.
    let ask = peer.ask(download("f1", true));
    let replies = peer.replies(ask);
    let [Reply::Begun(row), Reply::Failed(failure)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((row.job, row.waiting.as_deref()), (1, Some("waits for anna")));
    assert!(failure.code == Code::NotFound && failure.message.contains("waits for anna"), "{failure}");
    assert_eq!(peer.states(), [(1, QueueState::Waiting)]);
    // Somebody else who has it is as good.
    peer.join(2, "bert", 1);
    peer.outputs.clear();
    peer.catalogue(2, &[large("same", 1, 1 << 30)]);
    let [job] = peer.fetched().try_into().unwrap();
    assert_eq!((job.id, &job.files[0].holders[..]), (JobId(1), &[key(2).peer_id()][..]));
    peer.arrive(1, 1);
    peer.finish(JobId(1), None);
    assert_eq!(peer.queue(), []);
}

#[test]
fn what_somebody_shared_who_is_away_can_be_asked_for() {
    let mut peer = beside_anna();
    peer.anna_goes();
    let ask = peer.ask(download("f2", false));
    let replies = peer.replies(ask);
    let [Reply::Begun(row), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((row.job, row.waiting.as_deref(), row.size), (1, Some("waits for anna"), 1 << 30));
    let from = DownloadRequest {
        files: vec!["f3".to_owned()],
        from: vec![key(1).peer_id().full()],
        wait: true,
        ..DownloadRequest::default()
    };
    let ask = peer.ask(from.into());
    let replies = peer.replies(ask);
    let [.., Reply::Failed(failure)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(failure.code, Code::NotFound, "as ever for who does not want to wait");
    assert!(failure.message.contains("download 2 waits for"), "{failure}");
    let ask = peer.ask(download("f4", false));
    assert!(matches!(&peer.replies(ask)[..], [Reply::Failed(f)] if f.message.starts_with("no file `f4`")));
    peer.join(1, "anna", 1);
    peer.outputs.clear();
    peer.catalogue(1, &[2, 3].map(|n| large(&format!("f{n}"), n, 1 << 30)));
    assert_eq!(peer.fetched().iter().map(|job| job.id.0).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn whoever_waits_for_a_download_hears_of_it_over_a_pause() {
    let mut peer = beside_anna();
    let ask = peer.ask(download("f1", true));
    peer.outputs.clear();
    let pause = peer.ask(PauseRequest { which: "all".parse().unwrap() }.into());
    assert!(
        peer.outputs.iter().any(|o| matches!(o, PeerOutput::Receiver(ReceiverCommand::Cancel(JobId(1)))))
    );
    let replies = peer.replies(pause);
    let [Reply::Queued(row), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((row.job, row.state), (1, QueueState::Paused));
    peer.finish(JobId(1), Some(Failure::other("the download was stopped")));
    assert_eq!((peer.replies(ask), peer.fetched().len()), (vec![], 0));
    peer.ask(ResumeRequest { which: "all".parse().unwrap() }.into());
    let [job] = peer.fetched().try_into().unwrap();
    assert_eq!(job.id, JobId(1));
    peer.arrive(1, 1);
    peer.finish(JobId(1), None);
    assert!(matches!(&peer.replies(ask)[..], [Reply::Saved(_), Reply::DownloadSum(_), Reply::Done]));
}

#[test]
fn what_failed_stays_with_its_reason_until_it_is_removed() {
    let mut peer = beside_anna();
    peer.ask(download("f1", false));
    let full = Failure::new(Code::Full, "no room left in /peer/downloads");
    let failed = JobEvent::Failed(JobId(1), "f1".parse().unwrap(), full.clone());
    peer.event(PeerEvent::Receiver(ReceiverEvent::Job(failed)));
    peer.finish(JobId(1), Some(full));
    let [row] = peer.queue().try_into().unwrap();
    let why = "f1: no room left in /peer/downloads";
    assert_eq!((row.state, row.why.as_deref()), (QueueState::Failed, Some(why)));
    let mut again = peer.restarted();
    again.anna_comes();
    assert_eq!(again.queue()[0].why.as_deref(), Some(why));
    let ask = again.ask(CancelRequest::number(1).into());
    assert!(
        matches!(&again.replies(ask)[..], [Reply::Queued(row), Reply::Done] if row.state == QueueState::Removed)
    );
    assert_eq!(again.queue(), []);
    // To ask for it once more is to try it once more.
    let ask = peer.ask(download("f1", false));
    assert!(matches!(&peer.replies(ask)[..], [Reply::Begun(row), Reply::Done] if row.job == 1));
    assert_eq!(peer.states(), [(1, QueueState::Downloading)]);
}

#[test]
fn what_is_asked_for_again_while_it_rests_is_looked_for_again_as_a_whole() {
    let both = || {
        let files = ["f1", "f2"].map(str::to_owned).to_vec();
        Request::from(DownloadRequest { files, ..DownloadRequest::default() })
    };
    for (again, wanted) in
        [(Request::from(ResumeRequest { which: "1".parse().unwrap() }), vec![2]), (both(), vec![1, 2])]
    {
        let mut peer = beside_anna();
        peer.ask(both());
        peer.arrive(1, 1);
        peer.ask(PauseRequest { which: "1".parse().unwrap() }.into());
        peer.finish(JobId(1), Some(Failure::other("the download was stopped")));
        peer.outputs.clear();
        // Who goes on with it has put what came elsewhere, who asks for all wants all.
        peer.ask(again);
        let [job] = peer.fetched().try_into().unwrap();
        let files: Vec<u8> = job.files.iter().map(|file| file.id.0[0]).collect();
        assert_eq!((job.id, files), (JobId(1), wanted));
    }
}

#[test]
fn what_the_same_words_mean_by_now_takes_the_place_of_what_they_meant() {
    let mut peer = beside_anna();
    peer.ask(download("f1", false));
    peer.ask(PauseRequest { which: "1".parse().unwrap() }.into());
    peer.finish(JobId(1), Some(Failure::other("the download was stopped")));
    peer.catalogue(1, &[large("f1", 9, 1 << 30)]);
    peer.outputs.clear();
    peer.ask(download("f1", false));
    let [job] = peer.fetched().try_into().unwrap();
    assert_eq!((job.id, job.files[0].id), (JobId(2), FileId([9; 32])));
    assert_eq!(peer.states(), [(2, QueueState::Downloading)]);
}

#[test]
fn those_behind_the_places_wait_for_their_turn() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    let most = u8::try_from(limits::QUEUE_RUNNING).unwrap();
    let files: Vec<_> = (1..=most + 1).map(|n| large(&format!("f{n}"), n, 1 << 30)).collect();
    peer.catalogue(1, &files);
    for n in 1..=most + 1 {
        peer.ask(download(&format!("f{n}"), false));
    }
    assert_eq!(peer.fetched().len(), usize::from(most));
    assert_eq!(peer.states().pop(), Some((u64::from(most) + 1, QueueState::Queued)));
    peer.arrive(2, 2);
    peer.finish(JobId(2), None);
    let [job] = peer.fetched().try_into().unwrap();
    assert_eq!(job.id, JobId(u64::from(most) + 1));
}

#[test]
fn what_is_cancelled_while_it_runs_is_gone_once_it_has_stopped() {
    let mut peer = beside_anna();
    let waiting = peer.ask(download("f1", true));
    peer.outputs.clear();
    let ask = peer.ask(CancelRequest::number(1).into());
    assert!(
        matches!(&peer.replies(ask)[..], [Reply::Queued(row), Reply::Done] if row.state == QueueState::Stopping)
    );
    peer.ask(CancelRequest::number(1).into());
    let told = peer.told_receiver();
    assert_eq!(told.iter().filter(|c| matches!(c, ReceiverCommand::Cancel(_))).count(), 1);
    peer.finish(JobId(1), Some(Failure::other("the download was stopped")));
    assert!(matches!(&peer.replies(waiting)[..], [Reply::DownloadSum(sum), Reply::Failed(_)]
        if sum.outcome == DownloadOutcome::Stopped));
    assert_eq!((peer.queue(), peer.restarted().queue()), (vec![], vec![]));
}
