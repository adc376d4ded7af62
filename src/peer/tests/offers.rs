//! Offers: what others send waits for the user, is accepted or rejected, and comes; what this peer sends is offered and
//! given to whom it is for.

use super::*;
use crate::accounts::{AccountHost, Payer};
use crate::control::{
    AcceptRequest, OfferRow, OfferState, OffersRequest, QueueWord, RejectRequest, SendPath, SendRequest,
};
use crate::error::{Code, Failure};
use crate::lan::PeerInfo;
use crate::library::SharedFile;
use crate::library::sending::{SendRoot, SendingStep, SentContent, SentFile};
use crate::peer::limits;
use crate::peer::output::SendingOrder;
use crate::receiver::offering::{LetterOutcome, OfferLetter, OfferSaying};
use crate::sender::{SenderCommand, SenderEvent, SharedContent};
use crate::settings::AcceptPolicy;
use crate::wire::datagram::features;
use crate::wire::message::{OfferFiles, OfferNews, OfferWord, OfferedFile};

fn page(number: u64, paths: &[&str]) -> OfferFiles {
    let file = |(n, path): (u8, &&str)| OfferedFile {
        path: path.parse().unwrap(),
        id: FileId([n; 32]),
        size: 1 << 20,
        modified: 0,
        executable: false,
    };
    let page: Vec<_> = (1..).zip(paths).map(file).collect();
    let files = page.len() as u64;
    OfferFiles { request: 0, number, files, folders: 0, bytes: 0, at: 0, page, page_folders: Vec::new() }
}

fn offered(n: u8, page: OfferFiles) -> PeerEvent {
    let payer = Payer { host: AccountHost::V4([10, 0, 0, n].into()), peer: key(n).peer_id() };
    PeerEvent::Sender(SenderEvent::OfferFiles(payer, page))
}

fn news(n: u8, number: u64, news: OfferWord) -> PeerEvent {
    PeerEvent::Sender(SenderEvent::OfferNews(key(n).peer_id(), OfferNews { request: 0, number, news }))
}

fn accept() -> Request {
    AcceptRequest { wait: true, ..AcceptRequest::default() }.into()
}

/// What can be offered: one file of this peer, of 4 bytes.
fn content() -> SentContent {
    content_of("text")
}

fn content_of(text: &str) -> SentContent {
    let manifest = library::manifest_of(text.as_bytes(), 4).unwrap();
    let stamp = crate::content::Stamp { device: 1, inode: 1, size: 4, modified: 0, changed: 0 };
    let path = ".potluck-send-1-0/a.txt".parse().unwrap();
    let file = Arc::new(SharedFile { path, stamp, manifest: Arc::new(manifest), since: 0 });
    let sent = SentFile { path: "a.txt".parse().unwrap(), executable: false, file };
    SentContent { files: vec![sent], folders: Vec::new(), left_out: 0 }
}

fn roots() -> Vec<SendRoot> {
    let (name, share) = ("a.txt".parse().unwrap(), ".potluck-send-1-0".parse().unwrap());
    vec![SendRoot { inner: "a.txt".parse().unwrap(), name, share, folder: "/x".into() }]
}

impl TestPeer {
    fn offers(&mut self) -> Vec<OfferRow> {
        let ask = self.ask(OffersRequest {}.into());
        let row = |reply| if let Reply::Offer(row) = reply { Some(*row) } else { None };
        self.replies(ask).into_iter().filter_map(row).collect()
    }

    /// What it says of offers; all else is forgotten.
    fn letters(&mut self) -> Vec<OfferLetter> {
        let letter = |command| match command {
            ReceiverCommand::SayOfOffer(letter) => Some(letter),
            _ => None,
        };
        self.told_receiver().into_iter().filter_map(letter).collect()
    }

    /// The word that it says, and that came; all else is forgotten.
    fn says(&mut self) -> OfferWord {
        let letter = self.letters().pop().unwrap();
        self.came(&letter, LetterOutcome::Came);
        match letter.saying {
            OfferSaying::News(news) => news.news,
            OfferSaying::Page(page) => panic!("{page:?}"),
        }
    }

    fn came(&mut self, letter: &OfferLetter, outcome: LetterOutcome) {
        let OfferLetter { to, serial, .. } = *letter;
        self.event(PeerEvent::Receiver(ReceiverEvent::Letter { to, serial, outcome }));
    }

    fn offer_notices(&mut self) -> Vec<OfferState> {
        let state = |notice| if let Notice::Offer(row) = notice { Some(row.state) } else { None };
        self.notices().into_iter().filter_map(state).collect()
    }

    /// Sends `a.txt` to anna, and waits for the end; it was read.
    fn sends(&mut self) -> AskId {
        let paths = vec![SendPath("/x/a.txt".into())];
        let request = SendRequest { paths, to: "anna".into(), wait: true, ..SendRequest::default() };
        let ask = self.ask(request.into());
        let work = self.outputs.iter().rev().find_map(|output| match output {
            PeerOutput::Files(FileWork::Send(number, _)) => Some(*number),
            _ => None,
        });
        let number = work.unwrap();
        self.event(PeerEvent::Files(FileAnswer::Send(number, Ok(roots()))));
        self.event(PeerEvent::Sending(number, SendingStep::Ready(Ok(content()))));
        ask
    }

    /// What the sender was given last; all else is forgotten.
    fn given(&mut self) -> Arc<SharedContent> {
        let offers = self.take(|output| match output {
            PeerOutput::Sender(SenderCommand::Offer(offer)) => Some(offer),
            _ => None,
        });
        offers.into_iter().next_back().unwrap()
    }
}

#[test]
fn what_is_offered_waits_and_is_fetched_from_its_sender_once_it_is_accepted() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.join(2, "bert", 0);
    peer.catalogue(2, &[large("mine", 1, 1 << 20)]);
    peer.outputs.clear();
    peer.event(offered(1, page(7, &["Photos/a", "Photos/b"])));
    assert_eq!(peer.offer_notices(), [OfferState::Waiting]);
    let rows = peer.offers();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (row.number, &row.name[..], &row.what[..], row.files, row.size),
        (1, "anna", "Photos", 2, 2 << 20)
    );
    peer.outputs.clear();
    let ask = peer.ask(accept());
    let jobs = peer.outputs.iter().filter_map(|output| match output {
        PeerOutput::Fetch(job) => Some(job.clone()),
        _ => None,
    });
    let jobs: Vec<Job> = jobs.collect();
    let [job] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(job.destination, std::path::Path::new("/peer/downloads"));
    let holders: Vec<_> = job.files.iter().map(|file| (file.to.as_str(), file.holders.clone())).collect();
    assert_eq!(holders, [("Photos/a", vec![anna]), ("Photos/b", vec![anna])], "others are not asked");
    assert_eq!(peer.says(), OfferWord::Accepted);
    let id = job.id;
    for (n, path) in [(1, "Photos/a"), (2, "Photos/b")] {
        let arrival = crate::disk::Arrival::Saved(format!("/peer/downloads/{path}").into());
        let event = JobEvent::Arrived(id, FileId([n; 32]), arrival);
        peer.event(PeerEvent::Receiver(ReceiverEvent::Job(event)));
    }
    peer.outputs.clear();
    peer.event(PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Finished(id, 2, None))));
    assert!(matches!(peer.replies(ask)[..], [.., Reply::Done]));
    assert_eq!(peer.says(), OfferWord::Done);
    assert_eq!(peer.offers()[0].state, OfferState::Done);
    // Whoever did not hear it asks again.
    peer.outputs.clear();
    peer.event(offered(1, page(7, &["Photos/a", "Photos/b"])));
    assert_eq!(peer.says(), OfferWord::Done);
}

#[test]
fn who_was_started_again_is_asked_once_more_for_what_is_being_fetched() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.event(offered(1, page(7, &["Photos/a", "Photos/b"])));
    peer.ask(accept());
    let job = peer.offers()[0].job.map(JobId);
    let named = |command: ReceiverCommand| match command {
        ReceiverCommand::HasAll(of, who) => Some((Some(of), who)),
        _ => None,
    };
    peer.outputs.clear();
    // She is here before she has read it again, and refuses what she is asked for until then.
    peer.join(1, "anna", 0);
    assert_eq!(peer.told_receiver().into_iter().filter_map(named).collect::<Vec<_>>(), [(job, anna)]);
    peer.event(offered(1, page(7, &["Photos/a", "Photos/b"])));
    assert_eq!(peer.told_receiver().into_iter().filter_map(named).collect::<Vec<_>>(), [(job, anna)]);
    // What others say of an offer of the same number is another one.
    peer.join(2, "bert", 0);
    peer.event(offered(2, page(7, &["Photos/a", "Photos/b"])));
    assert!(peer.told_receiver().into_iter().filter_map(named).next().is_none());
}

#[test]
fn what_is_rejected_or_expires_is_told_and_an_offer_is_named_by_number_or_peer() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    let failed = |peer: &mut TestPeer, request: Request| {
        let ask = peer.ask(request);
        match peer.replies(ask).pop() {
            Some(Reply::Failed(failure)) => (failure.code, failure.message),
            other => panic!("{other:?}"),
        }
    };
    let reject = |which: &str| RejectRequest { which: Some(which.parse::<QueueWord>().unwrap()) };
    assert_eq!(failed(&mut peer, accept()).0, Code::NotFound);
    for number in 1..=3 {
        peer.event(offered(1, page(number, &["a"])));
    }
    let (code, said) = failed(&mut peer, accept());
    assert!(code == Code::Ambiguous && said.contains("offers wait: say which, or `all`"), "{said}");
    assert_eq!(failed(&mut peer, reject("9").into()).0, Code::NotFound);
    assert_eq!(failed(&mut peer, reject("bert").into()).0, Code::NotFound);
    peer.outputs.clear();
    peer.ask(reject("2").into());
    assert_eq!(peer.says(), OfferWord::Rejected);
    let (code, said) = failed(&mut peer, reject("2").into());
    assert!(code == Code::NotFound && said.contains("does not wait any more"), "{said}");
    peer.outputs.clear();
    peer.pass(Duration::from_secs(25 * 3_600));
    assert!(peer.offers().iter().all(|row| row.state != OfferState::Waiting));
}

#[test]
fn the_policy_decides_for_the_user() {
    let with = |policy| TestPeer::with(|settings| settings.accept = policy);
    let mut none = with(AcceptPolicy::None);
    none.join(1, "anna", 0);
    none.outputs.clear();
    none.event(offered(1, page(1, &["a"])));
    assert_eq!((none.says(), none.offers().len()), (OfferWord::Rejected, 0));
    let mut all = with(AcceptPolicy::All);
    all.join(1, "anna", 0);
    all.outputs.clear();
    all.event(offered(1, page(1, &["a"])));
    assert_eq!((all.says(), all.offers()[0].state), (OfferWord::Accepted, OfferState::Accepted));
    let mut known = with(AcceptPolicy::Known);
    known.join(1, "anna", 0);
    known.event(offered(1, page(1, &["a"])));
    assert_eq!(known.offers()[0].state, OfferState::Waiting, "nothing went between them yet");
    known.ask(accept());
    known.event(offered(1, page(2, &["b"])));
    assert_eq!(known.offers()[1].state, OfferState::Accepted);
}

#[test]
fn what_the_policy_accepts_of_one_host_leaves_the_queue_to_others() {
    let mut peer = TestPeer::with(|settings| settings.accept = AcceptPolicy::All);
    peer.join(1, "anna", 0);
    peer.join(2, "bert", 0);
    let of = |peer: &mut TestPeer, state| peer.offers().iter().filter(|row| row.state == state).count();
    let taken = limits::OFFERS_TAKEN_OF_HOST;
    for number in 0..=taken as u64 {
        peer.event(offered(1, page(1 + number, &["a"])));
    }
    assert_eq!((of(&mut peer, OfferState::Accepted), of(&mut peer, OfferState::Waiting)), (taken, 1));
    // Others are no worse off for it.
    peer.event(offered(2, page(1, &["b"])));
    assert_eq!(of(&mut peer, OfferState::Accepted), taken + 1);
    // One that is over makes place for the one that waits.
    peer.event(news(1, 1, OfferWord::Withdrawn));
    assert_eq!((of(&mut peer, OfferState::Accepted), of(&mut peer, OfferState::Waiting)), (taken + 1, 0));
}

#[test]
fn what_is_offered_waits_while_the_queue_is_full() {
    let mut peer = TestPeer::with_full_queue();
    peer.event(offered(1, page(1, &["a"])));
    let full = "the queue is full (1000 downloads): `cancel` takes some away";
    let ask = peer.ask(accept());
    assert_eq!(peer.replies(ask), [Reply::Failed(Failure::other(full))]);
    assert_eq!(peer.offers()[0].state, OfferState::Waiting);
    peer.cancel(1_000);
    peer.ask(accept());
    assert_eq!(peer.offers()[0].state, OfferState::Accepted);
}

#[test]
fn a_peer_makes_so_many_offers_at_a_time_of_what_is_named_as_a_whole() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    let send = |path: &str| -> Request {
        let paths = vec![SendPath(path.into())];
        SendRequest { paths, to: "anna".into(), wait: true, ..SendRequest::default() }.into()
    };
    let ask = peer.ask(send("a.txt"));
    let relative = Failure::new(Code::Usage, "what is sent is named by absolute paths");
    assert_eq!(peer.replies(ask), [Reply::Failed(relative)]);
    for _ in 0..limits::OFFERS_MADE {
        peer.sends();
    }
    let ask = peer.ask(send("/x/a.txt"));
    let many = Failure::other("64 offers are open already: `reject` takes one back");
    assert_eq!(peer.replies(ask), [Reply::Failed(many)]);
    peer.ask(RejectRequest { which: Some(QueueWord::number(1)) }.into());
    peer.sends();
}

#[test]
fn who_is_ignored_offers_nothing() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    peer.ask(crate::control::IgnoreRequest { peer: "anna".into() }.into());
    peer.outputs.clear();
    peer.event(offered(1, page(1, &["a"])));
    assert_eq!((peer.letters().len(), peer.offers().len()), (0, 0));
}

#[test]
fn offers_outlive_a_restart_and_a_sender_that_comes_back_is_tried_at_once() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.event(offered(1, page(1, &["a"])));
    peer.event(offered(1, page(2, &["b"])));
    peer.outputs.clear();
    peer.ask(AcceptRequest { which: Some(QueueWord::number(1)), ..AcceptRequest::default() }.into());
    let job = peer.fetched().remove(0).id;
    let rows = peer.queue_rows.clone();

    let mut again = TestPeer::with_queue(rows);
    again.share(&[]);
    let states: Vec<_> = again.offers().iter().map(|row| (row.number, row.state)).collect();
    assert_eq!(states, [(1, OfferState::Accepted), (2, OfferState::Waiting)]);
    again.outputs.clear();
    again.join(1, "anna", 0);
    let jobs = again.fetched();
    assert_eq!((jobs.len(), jobs[0].id, jobs[0].files[0].holders.clone()), (1, job, vec![anna]));
    // It does not give it now; it was started again, reads what it offers, and offers it once more.
    let nobody = Failure::new(Code::NoHolder, "nobody gives it");
    again.finish(job, Some(nobody));
    assert_eq!(again.fetched().len(), 0);
    again.event(offered(1, page(1, &["a"])));
    assert_eq!(again.fetched().len(), 1);
}

#[test]
fn what_a_peer_shares_under_the_name_of_what_it_offered_is_another_download() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[large("Photos/b", 9, 1 << 20)]);
    peer.event(offered(1, page(1, &["Photos/a"])));
    peer.outputs.clear();
    peer.ask(accept());
    let files = vec!["Photos".to_owned()];
    let from = vec!["anna".to_owned()];
    peer.ask(DownloadRequest { files, from, ..DownloadRequest::default() }.into());
    let fetched: Vec<String> = peer.fetched().iter().map(|job| job.files[0].to.to_string()).collect();
    assert_eq!(fetched, ["Photos/a", "Photos/b"]);
    assert_eq!(peer.offers()[0].state, OfferState::Accepted);
}

#[test]
fn what_a_peer_offered_that_ran_for_one_command_goes_with_it() {
    let mut peer = TestPeer::sharing(&[]);
    for (n, name, features) in
        [(1, "visitor", features::OURS | features::VISITOR), (2, "bert", features::OURS)]
    {
        peer.event(PeerEvent::Discovery(lan::Event::Here(PeerInfo { features, ..info(n, name, 0) })));
        for number in 1..=2 {
            peer.event(offered(n, page(number, &["a"])));
        }
    }
    let accepted = AcceptRequest { which: Some(QueueWord::number(1)), ..AcceptRequest::default() };
    peer.ask(accepted.into());
    for n in [1, 2] {
        peer.event(PeerEvent::Discovery(lan::Event::Gone(key(n).peer_id(), lan::Gone::Left)));
    }
    let states = peer.offers().iter().map(|row| row.state).collect::<Vec<_>>();
    let (waits, is_back) = (OfferState::Waiting, OfferState::Withdrawn);
    assert_eq!(states, [is_back, is_back, waits, waits]);
}

#[test]
fn what_is_taken_back_is_not_fetched_any_more() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    peer.event(offered(1, page(1, &["a"])));
    peer.event(offered(1, page(2, &["b"])));
    let which = Some(QueueWord::number(1));
    let waits = peer.ask(AcceptRequest { which, wait: true, ..AcceptRequest::default() }.into());
    let job = peer.fetched().remove(0).id;
    peer.event(news(1, 1, OfferWord::Withdrawn));
    let answers = peer.replies(waits);
    let is_told =
        |reply: &&Reply| matches!(reply, Reply::Failed(f) if f.message.contains("took the offer back"));
    assert!(answers.iter().any(|reply| is_told(&reply)), "{answers:?}");
    let cancels = peer.told_receiver();
    assert!(cancels.iter().any(|c| matches!(c, ReceiverCommand::Cancel(id) if *id == job)), "{cancels:?}");
    peer.event(news(1, 2, OfferWord::Withdrawn));
    // Nobody else can take it back.
    peer.event(offered(1, page(3, &["c"])));
    peer.event(news(2, 3, OfferWord::Withdrawn));
    let states: Vec<_> = peer.offers().iter().map(|row| row.state).collect();
    assert_eq!(states, [OfferState::Withdrawn, OfferState::Withdrawn, OfferState::Waiting]);
}

#[test]
fn what_is_sent_is_given_to_whom_it_is_for_until_that_has_it() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.outputs.clear();
    let ask = peer.sends();
    let letters: Vec<OfferLetter> = peer
        .outputs
        .iter()
        .filter_map(|output| match output {
            PeerOutput::Receiver(ReceiverCommand::SayOfOffer(letter)) => Some(letter.clone()),
            _ => None,
        })
        .collect();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let OfferSaying::Page(page) = &letter.saying else { panic!("{letter:?}") };
    assert_eq!((page.files, page.page[0].path.as_str(), page.page[0].size), (1, "a.txt", 4));
    let replies = peer.replies(ask);
    assert!(
        matches!(&replies[..], [Reply::Offer(read), Reply::Offer(row)]
            if (read.state, row.state) == (OfferState::Reading, OfferState::Offering)),
        "{replies:?}"
    );
    let (given, id) = (peer.given(), page.page[0].id);
    let bert = key(2).peer_id();
    assert!(given.file(anna, id).is_some() && given.file(bert, id).is_none(), "anna alone may have it");
    assert!(given.shelf.catalogue.entries().next().is_none(), "and nobody sees it listed");
    peer.came(letter, LetterOutcome::Came);
    peer.event(news(1, page.number, OfferWord::Accepted));
    let states: Vec<_> = peer.replies(ask);
    assert!(matches!(&states[..], [Reply::Offer(a), Reply::Offer(b)]
        if (a.state, b.state) == (OfferState::Waiting, OfferState::Accepted)));
    // Another one cannot say it for her.
    peer.event(news(2, page.number, OfferWord::Done));
    assert!(peer.replies(ask).is_empty());
    peer.event(news(1, page.number, OfferWord::Done));
    let ends = peer.outputs.iter().filter(|o| matches!(o, PeerOutput::Sending(SendingOrder::End(_)))).count();
    assert_eq!(ends, 1, "its threads end");
    assert!(matches!(peer.replies(ask)[..], [Reply::Offer(_), Reply::Done]));
    assert!(peer.given().file(anna, id).is_none());
}

#[test]
fn why_something_was_not_sent_is_said() {
    for (word, code, said) in [
        (OfferWord::Rejected, Code::Failed, "anna rejected it"),
        (OfferWord::Full, Code::Full, "too many offers wait at anna; try again later"),
        (OfferWord::Expired, Code::NoHolder, "did not answer within a day"),
        (OfferWord::Stopped, Code::Failed, "stopped the download"),
        (OfferWord::Lost, Code::Failed, "takes nothing of the offer"),
    ] {
        let mut peer = TestPeer::sharing(&[]);
        peer.join(1, "anna", 0);
        let ask = peer.sends();
        let number = match &peer.letters()[0].saying {
            OfferSaying::Page(page) => page.number,
            OfferSaying::News(_) => panic!(),
        };
        // What was lost is offered again a few times.
        let last = (0..20).find_map(|_| {
            peer.event(news(1, number, word));
            peer.replies(ask).pop()
        });
        let Some(Reply::Failed(failure)) = last else { panic!("{word:?}: {last:?}") };
        assert!(failure.code == code && failure.message.contains(said), "{failure}");
    }
    // A potluck that knows no offers; nobody who decides.
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    let ask = peer.sends();
    let letter = peer.letters().remove(0);
    peer.came(&letter, LetterOutcome::NotOffered);
    let Some(Reply::Failed(failure)) = peer.replies(ask).pop() else { panic!() };
    assert!(failure.message.contains("'s potluck is too old for `send`: have it updated"), "{failure}");
    let ask = peer.sends();
    let letter = peer.letters().remove(0);
    peer.came(&letter, LetterOutcome::Came);
    peer.pass(Duration::from_secs(25 * 3_600));
    let Some(Reply::Failed(failure)) = peer.replies(ask).pop() else { panic!() };
    assert_eq!(failure.code, Code::NoHolder);
}

/// One that sent `a.txt` to anna, who accepted it; and the number of the offer.
fn sender() -> (TestPeer, u64) {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    peer.sends();
    let letter = peer.letters().remove(0);
    let OfferSaying::Page(page) = &letter.saying else { panic!() };
    peer.came(&letter, LetterOutcome::Came);
    peer.event(news(1, page.number, OfferWord::Accepted));
    (peer, page.number)
}

/// It is started again, and has read this of what it sends.
fn sender_again(rows: Vec<LedgerRow>, content: SentContent) -> TestPeer {
    let mut again = TestPeer::with_queue(rows);
    again.share(&[]);
    let number = again.offers()[0].number;
    again.event(PeerEvent::Files(FileAnswer::Send(number, Ok(roots()))));
    again.event(PeerEvent::Sending(number, SendingStep::Ready(Ok(content))));
    again
}

#[test]
fn what_changed_while_the_sender_was_away_is_taken_back() {
    let (peer, number) = sender();
    let mut again = sender_again(peer.queue_rows, content_of("TEXT"));
    let row = again.offers().remove(0);
    assert_eq!(
        (row.state, row.why.as_deref()),
        (OfferState::Failed, Some("a.txt was changed meanwhile: send it again"))
    );
    again.outputs.clear();
    again.join(1, "anna", 0);
    let letter = again.letters().remove(0);
    assert!(
        matches!(letter.saying, OfferSaying::News(OfferNews { number: n, news: OfferWord::Withdrawn, .. })
        if n == number)
    );
}

#[test]
fn who_accepts_what_is_offered_no_more_is_told_so() {
    let (mut peer, number) = sender();
    peer.event(news(1, number, OfferWord::Done));
    peer.outputs.clear();
    peer.event(news(1, number, OfferWord::Done));
    assert!(peer.letters().is_empty());
    for unknown in [number, number + 1] {
        peer.event(news(1, unknown, OfferWord::Accepted));
        assert_eq!(peer.says(), OfferWord::Withdrawn);
    }
}

#[test]
fn what_was_offered_is_read_and_offered_again_after_a_restart() {
    let (peer, number) = sender();
    let mut again = sender_again(peer.queue_rows, content());
    assert!(again.letters().is_empty(), "she is not here yet");
    again.join(1, "anna", 0);
    let letter = again.letters().remove(0);
    assert!(matches!(&letter.saying, OfferSaying::Page(page) if page.number == number));
    again.came(&letter, LetterOutcome::Came);
    assert_eq!(again.offers()[0].state, OfferState::Accepted);
}
