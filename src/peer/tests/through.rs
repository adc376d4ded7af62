//! What cannot be reached is fetched through others, and for others what they cannot reach.

use super::*;
use crate::content::Claim;
use crate::peer::limits;
use crate::receiver::through::{ThroughAnswer, ThroughFile};
use crate::sender::through::ThroughTicket;
use crate::sender::{SenderCommand, SenderEvent};
use crate::wire::message::{FetchThrough, Reason};

const SIZE: u64 = 3 << 20;

fn receiver(event: ReceiverEvent) -> PeerEvent {
    PeerEvent::Receiver(event)
}

fn song() -> Entry {
    large("song", 1, SIZE)
}

fn through(owner: PeerId, entry: &Entry) -> ThroughFile {
    let EntryKind::File { id, size, .. } = entry.kind else { panic!("no file") };
    ThroughFile { owner, file: id, size, bucket: entry.path.bucket() }
}

fn claim(entry: &Entry) -> Claim {
    through(PeerId([0; 32]), entry).claim()
}

impl TestPeer {
    /// The catalogue of peer `n` came from `from`.
    fn catalogue_from(&mut self, from: PeerId, n: u8, entries: &[Entry]) {
        let identity = Identity::from_seed([n; 32]).unwrap();
        let catalogue = Catalogue::of(entries.to_vec());
        let head = catalogue.head(identity.public(), Instance { count: 1, random: 1 }, 1);
        self.event(receiver(ReceiverEvent::OwnerCatalogue {
            from,
            origin: identity.id(),
            signed: head.sign(&identity).into(),
            catalogue: Arc::new(catalogue),
            is_held: true,
        }));
    }

    /// Whom the receiver was told to ask for a file; all else is forgotten.
    fn asked(&mut self) -> Vec<(PeerId, ThroughFile)> {
        let asked = self.told_receiver().into_iter().filter_map(|command| match command {
            ReceiverCommand::FetchThrough { from, file } => Some((from, file)),
            _ => None,
        });
        asked.collect()
    }

    /// What the sender answers whoever asks for a file.
    fn carries(&mut self, from: PeerId, file: &ThroughFile) -> Vec<Result<u64, Reason>> {
        let ThroughFile { owner, file, size, bucket } = *file;
        let asked = FetchThrough { request: 7, owner, file, size, bucket };
        let event = SenderEvent::FetchThrough(from, ThroughTicket(3), asked);
        self.handle(PeerEvent::Sender(event));
        let mut answers = Vec::new();
        self.drain();
        for output in &self.outputs {
            if let PeerOutput::Sender(SenderCommand::Through(ThroughTicket(3), answer)) = output {
                answers.push(*answer);
            }
        }
        self.outputs.retain(|o| !matches!(o, PeerOutput::Sender(SenderCommand::Through(..))));
        answers
    }

    /// The jobs that the receiver was given for others; all else is forgotten.
    fn jobs_for_others(&mut self) -> Vec<Job> {
        let jobs = self.told_receiver().into_iter().filter_map(|command| match command {
            ReceiverCommand::Fetch(job) => Some(job),
            _ => None,
        });
        jobs.collect()
    }
}

/// A peer that cannot reach `anna`, whose catalogue `carl` gave; it downloads her song.
fn walled() -> (TestPeer, PeerId, [PeerId; 2]) {
    let mut peer = TestPeer::sharing(&[]);
    let identity = Identity::from_seed([1; 32]).unwrap();
    let anna = identity.id();
    let mut about = info(1, "anna", 1);
    about.contact.id = anna;
    peer.event(PeerEvent::Discovery(lan::Event::Here(about)));
    let (bert, carl) = (peer.join(2, "bert", 0), peer.join(3, "carl", 0));
    peer.event(receiver(ReceiverEvent::Unreached(anna)));
    let first = peer.told_receiver().into_iter().find_map(|command| match command {
        ReceiverCommand::OwnerCatalogue { from, origin } if origin == anna => Some(from),
        _ => None,
    });
    let (first, second) = if first == Some(bert) { (bert, carl) } else { (carl, bert) };
    let cause = crate::receiver::catalogue::NoCatalogueCause::NoAnswer;
    peer.event(receiver(ReceiverEvent::NoOwnerCatalogue { from: first, origin: anna, cause }));
    let is_asked = |c: &ReceiverCommand| match c {
        ReceiverCommand::OwnerCatalogue { from, origin } => (*from, *origin) == (second, anna),
        _ => false,
    };
    assert!(peer.told_receiver().iter().any(is_asked), "whoever has none is followed by the next one");
    peer.catalogue_from(second, 1, &[song()]);
    peer.outputs.clear();
    (peer, anna, [second, first])
}

/// Whoever gets a catalogue a little later than it is asked for it is asked again soon, and whoever never gets it is
/// left in peace.
#[test]
fn who_has_no_catalogue_yet_is_asked_again_soon_and_then_ever_more_seldom() {
    let mut peer = TestPeer::sharing(&[]);
    let (anna, bert) = (peer.join(1, "anna", 1), peer.join(2, "bert", 0));
    peer.event(receiver(ReceiverEvent::Unreached(anna)));
    let asked = |peer: &mut TestPeer| {
        let is_it = |c: &ReceiverCommand| match c {
            ReceiverCommand::OwnerCatalogue { from, origin } => (*from, *origin) == (bert, anna),
            _ => false,
        };
        let count = peer.told_receiver().iter().filter(|c| is_it(c)).count();
        if count > 0 {
            let cause = crate::receiver::catalogue::NoCatalogueCause::NoAnswer;
            peer.event(receiver(ReceiverEvent::NoOwnerCatalogue { from: bert, origin: anna, cause }));
        }
        count
    };
    assert_eq!(asked(&mut peer), 1);
    peer.pass(limits::THROUGH_BUSY + limits::THROUGH_AGAIN);
    assert_eq!(asked(&mut peer), 1, "once more soon");
    let mut count = 0;
    for _ in 0..300 {
        peer.pass(seconds(1));
        count += asked(&mut peer);
    }
    assert!((9..=13).contains(&count), "{count} in five minutes");
}

/// Whom this peer tries to meet, by whom; and whom it asks to come.
fn meetings(peer: &mut TestPeer) -> (Vec<(PeerId, PeerId)>, Vec<PeerId>) {
    peer.drain();
    let (mut met, mut asked) = (Vec::new(), Vec::new());
    for output in std::mem::take(&mut peer.outputs) {
        match output {
            PeerOutput::Receiver(ReceiverCommand::Meet(m)) => met.push((m.with, m.introducer.id)),
            PeerOutput::Discovery(lan::Command::AskBack(id, _)) => asked.push(id),
            _ => {}
        }
    }
    (met, asked)
}

/// A peer that hears `anna` through `bert` only, and has no address of hers.
fn behind_a_gateway() -> (TestPeer, PeerId, PeerId) {
    let mut peer = TestPeer::sharing(&[]);
    let bert = peer.join(2, "bert", 0);
    let mut about = info(1, "anna", 1);
    about.contact.hosts = Vec::new();
    let anna = about.contact.id;
    about.told = Some(lan::ToldPeer { through: bert, hosts: Vec::new() });
    peer.event(PeerEvent::Discovery(lan::Event::Here(about)));
    assert_eq!(meetings(&mut peer), (vec![], vec![]), "it may still be reached");
    (peer, anna, bert)
}

#[test]
fn whoever_is_heard_through_a_gateway_is_met_and_asked_itself_as_long_as_that_lasts() {
    let (mut peer, anna, bert) = behind_a_gateway();
    let asked = |peer: &mut TestPeer| {
        let is_it = |c: &ReceiverCommand| matches!(c, ReceiverCommand::Catalogue(id) if *id == anna);
        peer.told_receiver().iter().filter(|c| is_it(c)).count()
    };
    peer.pass(limits::THROUGH_UNADDRESSED + limits::THROUGH_AGAIN);
    assert_eq!(meetings(&mut peer), (vec![(anna, bert)], vec![anna]));
    // Once a minute is enough.
    peer.pass(limits::MEET_AGAIN - seconds(5));
    assert_eq!(meetings(&mut peer), (vec![], vec![]));
    peer.pass(seconds(5) + limits::THROUGH_AGAIN);
    assert_eq!(meetings(&mut peer), (vec![(anna, bert)], vec![anna]));
    peer.event(receiver(ReceiverEvent::Met(anna)));
    assert_eq!(asked(&mut peer), 1, "her catalogue is asked of herself");
    peer.catalogue(1, &[song()]);
    peer.pass(limits::MEET_AGAIN * 2);
    assert_eq!(meetings(&mut peer), (vec![], vec![]), "nothing more is wanted");
    peer.event(receiver(ReceiverEvent::MetOver(anna)));
    peer.pass(limits::MEET_AGAIN * 2);
    assert_eq!(meetings(&mut peer), (vec![], vec![]), "nor now");
    peer.ask(download("song", false));
    peer.pass(limits::THROUGH_AGAIN);
    assert_eq!(meetings(&mut peer), (vec![(anna, bert)], vec![anna]), "a file of hers is");
    // Of a peer that is gone nothing is wanted, whatever the receiver says of it.
    peer.event(PeerEvent::Discovery(lan::Event::Gone(anna, lan::Gone::Left)));
    peer.event(receiver(ReceiverEvent::MetOver(anna)));
    peer.event(receiver(ReceiverEvent::Met(anna)));
    peer.pass(limits::MEET_AGAIN * 2);
    assert_eq!(meetings(&mut peer), (vec![], vec![]));
}

#[test]
fn whoever_asks_to_be_met_is_if_a_gateway_tells_of_it() {
    let (mut peer, anna, bert) = behind_a_gateway();
    let me = peer.machine.own.id();
    let asks = |peer: &mut TestPeer, id| {
        peer.event(PeerEvent::Discovery(lan::Event::AskedToMeet(id)));
        peer.take(|output| match output {
            PeerOutput::Sender(SenderCommand::Meet(m)) => Some((m.with, m.introducer.id, m.is_server)),
            _ => None,
        })
    };
    assert_eq!(asks(&mut peer, anna), [(anna, bert, me < anna)], "one end is the server");
    assert_eq!(asks(&mut peer, bert), [], "it can be dialled");
    assert_eq!(asks(&mut peer, key(9).peer_id()), [], "it is not here");
}

/// Anyone can be a peer that nobody reaches, with as many keys as it likes.
#[test]
fn keys_that_nobody_reaches_make_this_peer_ask_little() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(250, "bert", 0);
    for n in 0..200 {
        let stranger = peer.join(n, "stranger", 1);
        peer.event(receiver(ReceiverEvent::Unreached(stranger)));
    }
    let mut asked = 0;
    for _ in 0..40 {
        let is_it = |c: &ReceiverCommand| matches!(c, ReceiverCommand::OwnerCatalogue { .. });
        asked += peer.told_receiver().iter().filter(|c| is_it(c)).count();
        peer.pass(limits::THROUGH_AGAIN);
    }
    let burst = limits::THROUGH_CATALOGUES.burst;
    // Ten a second, for ten seconds.
    assert!((burst as usize..=burst as usize + 100).contains(&asked), "{asked} questions in ten seconds");
}

#[test]
fn what_cannot_be_reached_is_asked_of_whoever_gave_its_catalogue_and_then_of_others() {
    let (mut peer, anna, [first, second]) = walled();
    peer.ask(download("song", false));
    peer.pass(limits::THROUGH_AGAIN);
    let file = through(anna, &song());
    assert_eq!(peer.asked(), [(first, file)]);
    // While the answer is on its way nothing is asked again.
    peer.pass(seconds(5));
    assert_eq!(peer.asked(), []);
    let says = |peer: &mut TestPeer, from, answer| {
        peer.event(receiver(ReceiverEvent::Through { from, file, answer }));
    };
    says(&mut peer, first, ThroughAnswer::Has(0));
    peer.pass(limits::THROUGH_AGAIN * 2);
    assert_eq!(peer.asked(), [(first, file)]);
    says(&mut peer, first, ThroughAnswer::Has(1 << 20));
    let told = peer.told_receiver();
    let is_source = |c: &ReceiverCommand, from| match c {
        ReceiverCommand::Swarm(of, peers) => *of == claim(&song()) && *peers == [from],
        _ => false,
    };
    assert!(told.iter().any(|c| is_source(c, first)), "{told:?}");
    // It goes: the next one is asked.
    peer.event(PeerEvent::Discovery(lan::Event::Gone(first, lan::Gone::Silent)));
    peer.pass(limits::THROUGH_AGAIN_SOME + limits::THROUGH_AGAIN);
    assert_eq!(peer.asked(), [(second, file)]);
    says(&mut peer, second, ThroughAnswer::Has(SIZE));
    let told = peer.told_receiver();
    let is_holder = |c: &ReceiverCommand| match c {
        ReceiverCommand::Holders(of, peers) => *of == claim(&song()) && *peers == [second],
        _ => false,
    };
    assert!(told.iter().any(is_holder), "{told:?}");
    // It is asked again, so that it keeps it, until all is here.
    peer.pass(limits::THROUGH_AGAIN_WHOLE * 2);
    assert_eq!(peer.asked(), [(second, file)]);
    peer.finish(JobId(1), None);
    peer.pass(limits::THROUGH_AGAIN_WHOLE * 3);
    assert_eq!(peer.asked(), []);
}

#[test]
fn whoever_says_that_it_fetches_and_never_does_is_left_for_another() {
    let (mut peer, anna, [first, second]) = walled();
    peer.ask(download("song", false));
    let file = through(anna, &song());
    let begun = peer.now;
    loop {
        peer.pass(limits::THROUGH_AGAIN);
        let asked = peer.asked();
        if asked.iter().any(|(from, _)| *from == second) {
            break;
        }
        for _ in asked {
            let answer = ThroughAnswer::Has(0);
            peer.event(receiver(ReceiverEvent::Through { from: first, file, answer }));
        }
        assert!(peer.now.since(begun) < seconds(60));
    }
    assert!(peer.now.since(begun) >= limits::THROUGH_STALLED);
}

#[test]
fn once_it_can_be_reached_nobody_else_is_asked() {
    let (mut peer, anna, _) = walled();
    peer.ask(download("song", false));
    let host = info(1, "anna", 1).contact.hosts[0];
    peer.event(receiver(ReceiverEvent::Proved(anna, host)));
    peer.pass(seconds(30));
    assert_eq!(peer.asked(), []);
}

#[test]
fn a_file_is_fetched_for_whoever_cannot_reach_its_owner() {
    let mut peer = TestPeer::sharing(&[]);
    let (anna, bert) = (peer.join(1, "anna", 1), peer.join(2, "bert", 0));
    peer.catalogue(1, &[song()]);
    let listed = peer.take(|output| match output {
        PeerOutput::Sender(SenderCommand::Listed(owner, what)) => Some((owner, what.is_some())),
        _ => None,
    });
    assert_eq!(listed, [(anna, true)]);
    let file = through(anna, &song());
    // What she does not share is not asked of her: she would be taken for a liar.
    for other in [ThroughFile { size: SIZE + 1, ..file }, ThroughFile { bucket: file.bucket ^ 1, ..file }] {
        assert_eq!(peer.carries(bert, &other), [Err(Reason::Unknown)]);
    }
    assert_eq!(peer.carries(key(9).peer_id(), &file), [Err(Reason::Busy)], "it is not here");
    assert_eq!(peer.carries(bert, &file), [Ok(0)]);
    let jobs = peer.jobs_for_others();
    let [job] = &jobs[..] else { panic!("{jobs:?}") };
    assert!(job.destination.ends_with("store") && job.files[0].holders == [anna]);
    assert_eq!(peer.carries(bert, &file), [Ok(0)]);
    peer.event(progress(job.id, 1 << 20));
    assert_eq!(peer.carries(bert, &file), [Ok(1 << 20)]);
    peer.finish(job.id, None);
    let stored = peer.take(|output| match output {
        PeerOutput::Sender(SenderCommand::Stored(file, stored)) => Some((file, stored.map(|s| s.size))),
        _ => None,
    });
    assert_eq!(stored, [(file.file, Some(SIZE))], "whoever asks is given it");
    assert_eq!(peer.carries(bert, &file), [Ok(SIZE)]);
    peer.outputs.clear();
    // Nobody wants it any more.
    peer.pass(limits::LINGER + seconds(1));
    let dropped = |output| match output {
        PeerOutput::Chunks(crate::distribution::chunk_store::Command::Drop(file, kept)) => Some((file, kept)),
        _ => None,
    };
    assert_eq!(peer.take(dropped), [(file.file, Vec::new())]);
}

#[test]
fn whoever_cannot_reach_the_owner_either_or_lends_nothing_fetches_nothing() {
    let mut peer = TestPeer::sharing(&[]);
    let (anna, bert) = (peer.join(1, "anna", 1), peer.join(2, "bert", 0));
    peer.catalogue(1, &[song()]);
    peer.event(receiver(ReceiverEvent::Unreached(anna)));
    assert_eq!(peer.carries(bert, &through(anna, &song())), [Err(Reason::Unknown)]);
    let (me, carl) = (peer.machine.own.id(), key(7).peer_id());
    for owner in [me, carl] {
        assert_eq!(peer.carries(bert, &through(owner, &song())), [Err(Reason::Unknown)]);
    }
    assert!(peer.jobs_for_others().is_empty());
}
