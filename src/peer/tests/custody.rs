//! Custody, as the machine of a peer drives it.

use core::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::content::{MountIdentity, Span};
use crate::control::UnlistedCause;
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::distribution::{CustodyCommand, CustodyEvent, chunk_store};
use crate::peer::custody::Challenge;
use crate::sender::{KeptOf, SenderCommand, SenderEvent};
use crate::wire::custody::{CustodyMessage, CustodyOffer, KeeperReport, ReportRow};
use crate::wire::message::KeptFile;

const FILE: FileId = FileId([4; 32]);
const SIZE: u64 = 1 << 20;

/// The announced version of the own catalogue, as often as it was told; all else is forgotten.
fn announced(peer: &mut TestPeer) -> Vec<u64> {
    peer.take(|output| match output {
        PeerOutput::Discovery(lan::Command::Own(own)) => Some(own.catalogue),
        _ => None,
    })
}

/// An offer of an owner's only file, to keep it.
fn offer(owner: &Identity) -> CustodyMessage {
    let catalogue = Catalogue::of([large("film", 4, SIZE)]);
    let instance = Instance { count: 1, random: 1 };
    let head: Arc<[u8]> = catalogue.head(owner.public(), instance, 1).sign(owner).into();
    let path = "film".parse().unwrap();
    let proof = OwnerCatalogue::whole(owner.id(), &head, &catalogue).unwrap().bucket_proof(&path);
    CustodyMessage::Offer(Box::new(CustodyOffer {
        request: 1,
        head,
        path,
        file: FILE,
        size: SIZE,
        copies: 2,
        copy: 1,
        span: Span::whole(SIZE).unwrap(),
        others: Vec::new(),
        quiet: 0,
        proof,
    }))
}

fn message(from: PeerId, message: CustodyMessage) -> PeerEvent {
    let source = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
    PeerEvent::Custody(CustodyEvent::Message(from, source, message))
}

/// A peer that was offered a file and fetches it into its store, and the job that does.
fn keeping() -> (TestPeer, PeerId, Job) {
    let mut peer = TestPeer::sharing(&[]);
    let owner = Identity::from_seed([8; 32]).unwrap();
    peer.event(message(owner.id(), offer(&owner)));
    let told = peer.told_receiver();
    let job =
        told.into_iter().find_map(|c| if let ReceiverCommand::Fetch(job) = c { Some(job) } else { None });
    (peer, owner.id(), job.unwrap())
}

#[test]
fn nothing_is_given_out_before_it_is_recorded() {
    let mut peer = TestPeer::new();
    peer.is_recorded = false;
    peer.share(&[file("a", 1)]);
    assert_eq!(announced(&mut peer), [0; 0]);
    assert!(!peer.writings.is_empty());
    peer.recorded();
    peer.drain();
    let versions = announced(&mut peer);
    assert!(!versions.is_empty() && versions.is_sorted(), "{versions:?}");
    // An answer to others waits as well.
    let owner = Identity::from_seed([8; 32]).unwrap();
    peer.event(message(owner.id(), offer(&owner)));
    let sent = |output: &_| matches!(output, PeerOutput::Distributee(CustodyCommand::Send(..)));
    assert!(!peer.outputs.iter().any(sent));
    peer.recorded();
    peer.drain();
    assert!(peer.outputs.iter().any(sent));
}

#[test]
fn on_a_disk_that_takes_no_records_files_are_shared_and_no_copies_made() {
    let mut peer = TestPeer::new();
    peer.is_recorded = false;
    peer.share(&[file("a", 1)]);
    let number = peer.writings.pop().unwrap();
    peer.event(PeerEvent::Written((number, Err("disk full".to_owned()))));
    assert!(!announced(&mut peer).is_empty(), "it is given out all the same");
    let owner = Identity::from_seed([8; 32]).unwrap();
    peer.event(message(owner.id(), offer(&owner)));
    assert!(peer.outputs.is_empty(), "a promise could not be kept: {:?}", peer.outputs);
    assert!(peer.writings.is_empty());
    peer.pass(seconds(5));
    assert!(!peer.writings.is_empty(), "it is tried again");
    // What cannot be recorded is not waited for at the end either.
    let ask = peer.ask(ExitRequest { now: false }.into());
    let replies = peer.replies(ask);
    assert!(
        matches!(replies.as_slice(), [Reply::ExitReport(report)] if report.safe == 0 && report.total == 1)
    );
}

#[test]
fn what_is_kept_is_fetched_unseen_and_served_once_it_is_here() {
    let (mut peer, owner, job) = keeping();
    assert!(job.background && job.destination.ends_with("store"), "{job:?}");
    assert_eq!((job.files[0].id, job.files[0].holders.as_slice()), (FILE, &[owner][..]));
    let ask = peer.ask(StatusRequest {}.into());
    let replies = peer.replies(ask);
    let [Reply::Status(status), Reply::Done] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((status.downloads.len(), status.custody.as_ref().map(|c| c.fetching)), (0, Some(1)));
    peer.event(progress(job.id, SIZE / 2));
    assert_eq!(peer.notices(), [], "no user asked for it");
    peer.finish(job.id, None);
    let space = peer.take(|o| matches!(o, PeerOutput::Chunks(chunk_store::Command::Space)).then_some(()));
    assert_eq!(space.len(), 1);
    peer.pass(seconds(1));
    let stored = peer.take(|output| match output {
        PeerOutput::Sender(SenderCommand::Stored(file, is)) => Some((file, is.map(|s| s.owners))),
        _ => None,
    });
    assert_eq!(stored, [(FILE, Some(vec![owner]))]);
}

#[test]
fn a_kept_file_that_has_rotted_is_served_no_more_and_fetched_again() {
    let (mut peer, _, job) = keeping();
    peer.finish(job.id, None);
    peer.pass(seconds(1));
    peer.outputs.clear();
    peer.event(PeerEvent::Sender(SenderEvent::Missing(FILE)));
    let done = peer.take(|output| match output {
        PeerOutput::Sender(SenderCommand::Stored(file, None)) if file == FILE => Some("served no more"),
        PeerOutput::Chunks(chunk_store::Command::Clear(file)) if file == FILE => Some("cleared"),
        _ => None,
    });
    assert_eq!(done, ["served no more", "cleared"]);
    peer.event(PeerEvent::Chunks(chunk_store::Event::Lost(FILE, Vec::new())));
    peer.pass(seconds(60));
    let again = peer.told_receiver().into_iter().any(|command| match command {
        ReceiverCommand::Fetch(again) => again.id != job.id && again.files[0].id == FILE,
        _ => false,
    });
    assert!(again);
}

#[test]
fn own_files_that_are_lost_come_back_from_those_who_keep_them() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    let anna = peer.join(1, "anna", 0);
    // All of it is gone at once, which no user does.
    peer.share(&[]);
    peer.pass(seconds(1));
    let lost = peer.machine.custody.machine.recovery().restoring().count();
    assert_eq!(lost, 1, "nobody can be asked, so it is to come back");
    let report = |have| KeeperReport {
        request: 1,
        origin: peer_id(),
        instance: INSTANCE,
        version: 1,
        rows: vec![ReportRow {
            file: FileId([1; 32]),
            size: 1,
            copies: 2,
            copy: 1,
            span: Span::whole(1).unwrap(),
            have,
            dropped: false,
        }]
        .into_iter()
        .collect(),
    };
    let jobs = peer.fetched();
    let [job] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!((job.destination.as_path(), job.files.len()), ("/peer/shared".as_ref(), 1));
    peer.event(message(anna, CustodyMessage::Report(report(1))));
    let told = peer.told_receiver();
    let named = |c: &_| matches!(c, ReceiverCommand::Holders(_, peers) if peers.as_slice() == [anna]);
    assert!(told.iter().any(named), "{told:?}");
    peer.finish(job.id, Some(crate::error::Failure::other("no")));
    peer.pass(seconds(29));
    assert_eq!(peer.fetched().len(), 0);
    peer.pass(seconds(1));
    assert_eq!(peer.fetched().len(), 1, "it is tried again after 30 s");
    let ask = peer.ask(RestoreRequest { forget: true, files: Vec::new() }.into());
    assert!(peer.outputs.iter().any(|o| matches!(o, PeerOutput::Receiver(ReceiverCommand::Cancel(_)))));
    assert_eq!(peer.replies(ask).last(), Some(&Reply::Done));
}

/// What `entries` are there, with a drive mounted on `usb` or without it.
fn look(peer: &mut TestPeer, entries: &[Entry], has_drive: bool) {
    let catalogue = Catalogue::of(entries.to_vec());
    let drive = MountIdentity { inode: 2, birth: 1, filesystem: 1 };
    let mounts = has_drive.then(|| ("usb".parse().unwrap(), drive)).into_iter().collect();
    let shelf =
        Shelf { catalogue, mounts: Arc::new(mounts), waiting: Some(Arc::default()), ..Shelf::default() };
    peer.event(PeerEvent::Library(library::Event::Changed(Arc::new(shelf))));
    peer.event(PeerEvent::Library(library::Event::Scanned));
    peer.pass(seconds(1));
}

#[test]
fn what_lies_on_a_drive_that_is_gone_is_named_on_and_its_user_is_told() {
    let all = [file("a", 1), file("usb/b", 2), file("usb/c", 3)];
    for copies in [2, 1] {
        let mut peer = TestPeer::with(|settings| settings.copies = copies);
        look(&mut peer, &all, true);
        assert!(peer.notices().is_empty());
        look(&mut peer, &all[..1], false);
        let told: Vec<String> = peer
            .notices()
            .into_iter()
            .map(|notice| if let Notice::Warning(text) = notice { text } else { panic!("{notice:?}") })
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("2 shared files in usb"), "{told:?}");
        assert_eq!(told[0].contains("`restore --forget usb`"), copies > 1, "{told:?}");
        let recovery = peer.machine.custody.machine.recovery();
        assert_eq!((recovery.n_absent(), recovery.n_missing()), (if copies > 1 { 2 } else { 0 }, 0));
        assert_eq!(peer.fetched().len(), 0, "nothing is fetched to where the drive was");
        look(&mut peer, &all, true);
        assert_eq!(peer.machine.custody.machine.recovery().n_absent(), 0);
        assert!(peer.notices().is_empty());
    }
}

#[test]
fn what_lies_on_a_drive_that_is_gone_is_forgotten_or_fetched_if_it_is_named() {
    let mut peer = TestPeer::new();
    let all = [file("a", 1), file("usb/b", 2), file("usb/c", 3)];
    look(&mut peer, &all, true);
    look(&mut peer, &all[..1], false);
    let mut restore = |forget, words: &[&str]| {
        let files = words.iter().map(|word| (*word).to_owned()).collect();
        let ask = peer.ask(RestoreRequest { forget, files }.into());
        let said = match peer.replies(ask).first() {
            Some(Reply::Note { text }) => text.clone(),
            Some(Reply::Failed(failure)) => failure.message.clone(),
            other => panic!("{other:?}"),
        };
        (said, peer.machine.custody.machine.recovery().n_absent())
    };
    for forget in [false, true] {
        let (said, absent) = restore(forget, &[]);
        assert!(said.starts_with("nothing that was shared here is missing") && absent == 2, "{said}");
        let (said, absent) = restore(forget, &["nowhere"]);
        assert!(said.starts_with("nothing that was shared here as `nowhere`") && absent == 2, "{said}");
    }
    assert!(matches!(restore(false, &["usb/b"]), (said, 1) if said.starts_with("1 file is fetched")));
    assert!(matches!(restore(true, &["usb"]), (said, 0) if said.starts_with("2 files count as deleted")));
}

fn peer_id() -> PeerId {
    Identity::from_seed([9; 32]).unwrap().id()
}

#[test]
fn a_later_copy_of_this_folder_is_overtaken_once_a_later_start_is_stored() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    let copy = Instance { count: 77, random: 1 };
    peer.event(PeerEvent::Discovery(lan::Event::Overtaken(copy)));
    let works = peer.take(|output| if let PeerOutput::Files(work) = output { Some(work) } else { None });
    assert_eq!(works, [FileWork::Instance(77)]);
    let later = Instance { count: 78, random: 2 };
    peer.event(PeerEvent::Files(FileAnswer::Instance(Ok(later))));
    let told = peer.take(|output| match output {
        PeerOutput::Discovery(lan::Command::Instance(instance)) => Some(instance.count),
        PeerOutput::Discovery(lan::Command::Own(own)) => Some(own.catalogue),
        _ => None,
    });
    let [78, version] = told.as_slice() else { panic!("{told:?}") };
    assert!(*version > 1, "others are called to look again");
}

/// Asks anna for the first chunk of a file that she says she keeps.
fn challenge(peer: &mut TestPeer, anna: PeerId) {
    let challenge = Challenge { peer: anna, key: (peer_id(), FILE), size: SIZE, chunk: 0 };
    let PeerMachine { custody, own, jobs, out, .. } = &mut peer.machine;
    custody.challenge(challenge, own, jobs, out);
    peer.drain();
}

#[test]
fn a_challenged_chunk_is_fetched_into_a_folder_that_goes_again() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.makes_folders = false;
    challenge(&mut peer, anna);
    let works = peer.take(|output| if let PeerOutput::Files(work) = output { Some(work) } else { None });
    let [FileWork::Challenge(job, folder)] = works.as_slice() else { panic!("{works:?}") };
    peer.event(PeerEvent::Files(FileAnswer::Challenge(*job, Ok(()))));
    let told = peer.told_receiver();
    let [ReceiverCommand::Fetch(fetched)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((fetched.id, &fetched.destination, fetched.background), (*job, folder, false));
    let first = Some(Span { from: 0, to: 1 });
    assert_eq!((fetched.files[0].some.as_slice(), fetched.files[0].keep), (&[anna][..], first));
    peer.finish(*job, None);
    let removed = peer.take(|output| match output {
        PeerOutput::Chunks(chunk_store::Command::Remove(folder)) => Some(folder),
        _ => None,
    });
    assert_eq!(removed, std::slice::from_ref(folder));
    assert_eq!(peer.machine.jobs.get(*job), None);
}

#[test]
fn a_challenge_whose_folder_cannot_be_made_is_over() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.makes_folders = false;
    challenge(&mut peer, anna);
    let works = peer.take(|output| if let PeerOutput::Files(work) = output { Some(work) } else { None });
    let [FileWork::Challenge(job, _)] = works.as_slice() else { panic!("{works:?}") };
    peer.event(PeerEvent::Files(FileAnswer::Challenge(*job, Err("full".to_owned()))));
    assert_eq!(peer.machine.jobs.get(*job), None);
    assert!(peer.told_receiver().is_empty());
}

#[test]
fn files_of_an_absent_owner_are_listed_while_somebody_keeps_them() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    let owner = Identity::from_seed([8; 32]).unwrap();
    let rows = vec![KeptFile { file: FILE, size: SIZE, from: 0, to: 1 }];
    let kept = KeptOf { origin: owner.id(), announcement: Arc::from([]), rows };
    peer.outputs.clear();
    peer.event(PeerEvent::Receiver(ReceiverEvent::Kept(anna, vec![kept])));
    let asked = peer.told_receiver();
    let is_asked = |c: &_| matches!(c, ReceiverCommand::OwnerCatalogue { from, .. } if *from == anna);
    assert!(asked.iter().any(is_asked), "a keeper's word alone names no file: {asked:?}");
    let catalogue = Arc::new(Catalogue::of([large("film", 4, SIZE), large("not kept", 5, SIZE)]));
    let head = catalogue.head(owner.public(), Instance { count: 1, random: 1 }, 1);
    let signed = head.sign(&owner).into();
    let event =
        ReceiverEvent::OwnerCatalogue { from: anna, origin: owner.id(), signed, catalogue, is_held: true };
    peer.event(PeerEvent::Receiver(event));
    let listed = |peer: &mut TestPeer| {
        let ask = peer.ask(ListRequest::default().into());
        let rows = peer.replies(ask);
        rows.into_iter().filter_map(|r| if let Reply::File(row) = r { Some(row) } else { None }).collect()
    };
    let rows: Vec<crate::control::ListRow> = listed(&mut peer);
    assert_eq!(rows.iter().map(|r| (r.path.as_str(), r.away)).collect::<Vec<_>>(), [("film", true)]);
    peer.event(PeerEvent::Discovery(lan::Event::Gone(anna, lan::Gone::Silent)));
    assert_eq!(listed(&mut peer), [], "nobody keeps it any more");
}

#[test]
fn what_an_absent_owner_shared_goes_when_the_receiver_gives_it_up() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    let owner = Identity::from_seed([8; 32]).unwrap();
    let rows = vec![KeptFile { file: FILE, size: SIZE, from: 0, to: 1 }];
    let kept = KeptOf { origin: owner.id(), announcement: Arc::from([]), rows };
    peer.event(PeerEvent::Receiver(ReceiverEvent::Kept(anna, vec![kept])));
    let catalogue = Arc::new(Catalogue::of([large("film", 4, SIZE)]));
    let head = catalogue.head(owner.public(), Instance { count: 1, random: 1 }, 1);
    let came = |is_held| ReceiverEvent::OwnerCatalogue {
        from: anna,
        origin: owner.id(),
        signed: head.sign(&owner).into(),
        catalogue: Arc::clone(&catalogue),
        is_held,
    };
    let listed = |peer: &mut TestPeer| {
        let ask = peer.ask(ListRequest::default().into());
        peer.replies(ask)
    };
    peer.event(PeerEvent::Receiver(came(false)));
    assert_eq!(listed(&mut peer), [Reply::Done], "it is not counted among what is held");
    peer.event(PeerEvent::Receiver(came(true)));
    assert!(matches!(listed(&mut peer)[..], [Reply::File(_), Reply::Done]));
    peer.event(PeerEvent::Receiver(ReceiverEvent::CatalogueGivenUp(owner.id())));
    let replies = listed(&mut peer);
    let [Reply::Unlisted(row), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((row.cause, row.count, &row.peer_ids), (UnlistedCause::TooMany, 1, &vec![owner.id().full()]));
    // Its keeper is asked again when there may be place.
    peer.outputs.clear();
    peer.pass(seconds(31));
    let is_asked = |c: &_| matches!(c, ReceiverCommand::OwnerCatalogue { from, .. } if *from == anna);
    assert_eq!(peer.told_receiver().iter().filter(|c| is_asked(c)).count(), 1);
}
