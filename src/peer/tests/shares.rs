//! `share` and `unshare`, and what the libraries of several shares tell, in the machine of a peer.

use super::*;
use crate::content::{FolderIdentity, LeftOut, MountIdentity, Omission, SafePath, ShareName};
use crate::control::{ShareRequest, UnshareRequest};
use crate::distribution::chunk_store;
use crate::library::Share;
use crate::peer::output::ShareOrder;
use crate::settings::ShareArgument;

fn films() -> Share {
    Share { name: "Films".parse().unwrap(), folder: "/mnt/films".into() }
}

fn path(path: &str) -> SafePath {
    path.parse().unwrap()
}

/// The share `Films` is looked at: that lies there.
fn looked(peer: &mut TestPeer, entries: &[Entry], inode: u64) {
    looked_at(peer, entries, inode, LeftOut::default());
}

/// As [`looked`], and that is left out.
fn looked_at(peer: &mut TestPeer, entries: &[Entry], inode: u64, left_out: LeftOut) {
    let Share { name, folder } = films();
    let mount = MountIdentity { inode, birth: 1, filesystem: 1 };
    let shelf = Shelf {
        roots: Arc::new(ShareRoots { named: [(name.clone(), folder)].into(), ..ShareRoots::default() }),
        catalogue: Catalogue::of(entries.to_vec()),
        marker: FolderIdentity { device: 1, inode, birth: 1 },
        mounts: Arc::new([(name.path().clone(), mount)].into()),
        waiting: Some(Arc::default()),
        left_out: Arc::new(left_out),
        ..Shelf::default()
    };
    peer.event(PeerEvent::Share(name.clone(), library::Event::Changed(Arc::new(shelf))));
    peer.event(PeerEvent::Share(name, library::Event::Scanned));
    peer.pass(seconds(1));
}

fn orders(peer: &mut TestPeer) -> Vec<String> {
    peer.take(|output| match output {
        PeerOutput::Share(ShareOrder::Begin(share)) => Some(format!("begin {}", share.name)),
        PeerOutput::Share(ShareOrder::End(name)) => Some(format!("end {name}")),
        PeerOutput::Share(ShareOrder::Tell(name, command)) => Some(format!("{name}: {command:?}")),
        PeerOutput::Share(ShareOrder::ReadAgain(name, _)) => Some(format!("read {name}")),
        _ => None,
    })
}

/// A peer that shares a file in `shared/` and one in `Films`.
fn peer() -> TestPeer {
    let mut peer = TestPeer::new();
    let own = Shelf {
        roots: Arc::new(ShareRoots { own: "/peer/shared".into(), ..ShareRoots::default() }),
        catalogue: Catalogue::of([large("a", 1, 1)]),
        marker: FolderIdentity { device: 1, inode: 1, birth: 1 },
        waiting: Some(Arc::default()),
        ..Shelf::default()
    };
    peer.event(PeerEvent::Library(library::Event::Changed(Arc::new(own))));
    peer.event(PeerEvent::Library(library::Event::Scanned));
    peer.event(PeerEvent::Discovery(lan::Event::Settled));
    peer.outputs.clear();
    let request = ShareRequest { folder: "/mnt/films".into(), name: None };
    let ask = peer.ask(request.into());
    let work = peer.take(|output| if let PeerOutput::Files(work) = output { Some(work) } else { None });
    let asked = ShareArgument { name: None, folder: "/mnt/films".into() };
    assert_eq!(work, [FileWork::Share(ask, asked)]);
    peer.event(PeerEvent::Files(FileAnswer::Share(ask, Ok(films()))));
    assert!(matches!(peer.replies(ask)[..], [Reply::Note { .. }, Reply::Done]));
    assert_eq!(orders(&mut peer), ["begin Films"]);
    looked(&mut peer, &[large("Films/b", 2, 1)], 7);
    peer
}

fn offered(peer: &TestPeer) -> Vec<String> {
    let mut paths: Vec<String> =
        peer.machine.shared.offered_catalogue().entries().map(|e| e.path.to_string()).collect();
    paths.sort();
    paths
}

fn unshare(peer: &mut TestPeer) {
    let ask = peer.ask(UnshareRequest { share: "Films".into(), folder: None }.into());
    let name: ShareName = films().name;
    let work = peer.take(|output| if let PeerOutput::Files(work) = output { Some(work) } else { None });
    assert_eq!(work, [FileWork::Unshare(ask, name.clone())]);
    peer.event(PeerEvent::Files(FileAnswer::Unshare(ask, name, Ok(()))));
    assert!(matches!(peer.replies(ask)[..], [Reply::Note { .. }, Reply::Done]));
}

#[test]
fn what_is_shared_beside_is_given_out_with_the_rest_until_it_is_unshared() {
    let mut peer = peer();
    assert_eq!(offered(&peer), ["Films/b", "a"]);
    unshare(&mut peer);
    peer.pass(seconds(1));
    assert_eq!(offered(&peer), ["a"]);
    let recovery = peer.machine.custody.machine.recovery();
    assert_eq!((recovery.n_missing(), recovery.n_absent()), (0, 0), "it is withdrawn");
    let forgotten = peer.take(|output| match output {
        PeerOutput::Files(FileWork::ForgetShares(names)) => Some(names),
        _ => None,
    });
    assert_eq!(forgotten, [[films().name]]);
}

#[test]
fn a_share_whose_folder_is_gone_or_another_empty_one_is_absent_and_comes_back() {
    let mut peer = peer();
    for empty in [true, false] {
        if empty {
            looked(&mut peer, &[], 8);
        } else {
            let name = films().name;
            let gone = Shelf { waiting: Some(Arc::default()), ..Shelf::default() };
            peer.event(PeerEvent::Share(name, library::Event::Changed(Arc::new(gone))));
            peer.pass(seconds(1));
        }
        let recovery = peer.machine.custody.machine.recovery();
        assert_eq!((recovery.n_missing(), recovery.n_absent()), (0, 1), "empty: {empty}");
        looked(&mut peer, &[large("Films/b", 2, 1)], 7);
        assert_eq!(peer.machine.custody.machine.recovery().n_absent(), 0, "empty: {empty}");
        assert_eq!(offered(&peer), ["Films/b", "a"]);
    }
}

#[test]
fn a_share_that_is_empty_is_a_loss_and_one_file_less_is_not() {
    let mut peer = peer();
    looked(&mut peer, &[large("Films/b", 2, 1), large("Films/c", 3, 1)], 7);
    looked(&mut peer, &[large("Films/c", 3, 1)], 7);
    assert_eq!(peer.machine.custody.machine.recovery().n_missing(), 0, "it was deleted");
    assert_eq!(offered(&peer), ["Films/c", "a"]);
    looked(&mut peer, &[], 7);
    let recovery = peer.machine.custody.machine.recovery();
    let restored = recovery.n_missing() + recovery.restoring().count();
    assert_eq!((restored, recovery.n_absent()), (1, 0), "all of it at once");
}

#[test]
fn another_folder_in_the_place_of_a_share_gets_threads_of_its_own_and_nothing_is_judged_meanwhile() {
    let mut peer = peer();
    peer.event(PeerEvent::Share(films().name, library::Event::Moved));
    assert_eq!(orders(&mut peer), ["begin Films"]);
    peer.pass(seconds(1));
    let recovery = peer.machine.custody.machine.recovery();
    assert_eq!((recovery.n_missing(), recovery.n_absent()), (0, 0));
    assert_eq!(offered(&peer), ["Films/b", "a"]);
    // What a library of a share that is none any more tells is nothing.
    peer.event(PeerEvent::Share("other".parse().unwrap(), library::Event::Moved));
    assert!(orders(&mut peer).is_empty());
}

#[test]
fn each_share_is_asked_for_its_own() {
    use crate::sender::SenderEvent;
    let mut peer = peer();
    for (changed, told) in [("Films/b", "Films: Check("), ("a", "")] {
        peer.event(PeerEvent::Sender(SenderEvent::Changed(path(changed))));
        let orders = orders(&mut peer);
        assert!(orders.iter().all(|order| order.starts_with(told)), "{orders:?}");
        assert_eq!(orders.len(), usize::from(!told.is_empty()));
    }
    peer.ask(crate::control::RescanRequest::default().into());
    assert_eq!(orders(&mut peer), ["Films: Rescan"]);
    // All has to be read again by each before it is said how much it was.
    let ask = peer.ask(VerifyRequest::default().into());
    assert_eq!(orders(&mut peer), ["read Films"]);
    peer.event(PeerEvent::Chunks(chunk_store::Event::Verified(2, 20)));
    assert!(peer.replies(ask).is_empty());
    peer.event(PeerEvent::Chunks(chunk_store::Event::Verified(1, 5)));
    assert_eq!(peer.replies(ask), [Reply::VerifySum { files: 3, bytes: 25, bad: 0 }, Reply::Done]);
}

#[test]
fn the_rules_of_another_folder_take_nothing_back_of_what_lay_in_this_one() {
    let mut peer = peer();
    let rules = || [(path("Films/b"), Omission::Ignored)].into_iter().collect();
    looked_at(&mut peer, &[], 8, rules());
    let recovery = peer.machine.custody.machine.recovery();
    assert_eq!((recovery.n_absent(), recovery.n_missing()), (1, 0), "another drive");
    looked(&mut peer, &[large("Films/b", 2, 1)], 7);
    assert_eq!(offered(&peer), ["Films/b", "a"]);
    looked_at(&mut peer, &[], 7, rules());
    let recovery = peer.machine.custody.machine.recovery();
    assert_eq!((recovery.n_absent(), recovery.n_missing()), (0, 0), "its own rules do");
    assert_eq!(offered(&peer), ["a"]);
}
