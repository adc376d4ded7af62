//! Catalogues of other owners, and what is kept for them, are had from keepers; what a keeper makes up is
//! not.

use super::*;
use crate::limits;
use crate::time::Time;
use crate::transfer::connection::Closed;
use crate::transfer::engine::Role;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{KeptFile, KeptIs, Reason, Refused};

/// An owner that is away, and what it shares.
struct Away {
    identity: Identity,
    catalogue: Catalogue,
    signed: Arc<[u8]>,
}

impl Away {
    fn new(files: u32) -> Self {
        let kind = EntryKind::File { id: FileId([1; 32]), size: 1, modified: 0, executable: false, since: 0 };
        let entry = |n: u32| Entry { path: format!("f{n}").parse().unwrap(), kind: kind.clone() };
        let (identity, catalogue) = (Identity::generate().unwrap(), Catalogue::of((0..files).map(entry)));
        let head = catalogue.head(identity.public(), Instance { count: 1, random: 1 }, 7);
        let signed = head.sign(&identity).into();
        Self { identity, catalogue, signed }
    }

    fn id(&self) -> PeerId {
        self.identity.id()
    }

    /// Gives what it shares to a keeper.
    fn tell(&self, keeper: &Owner) {
        let served = (Arc::clone(&self.signed), Arc::new(self.catalogue.clone()));
        keeper.send(SenderCommand::OwnerCatalogue(self.id(), Some(served)));
    }
}

fn of(origin: PeerId, rows: u32) -> KeptOf {
    let row =
        |n: u32| KeptFile { file: FileId([n.to_le_bytes()[0]; 32]), size: 1 << 20, from: n % 16, to: 16 };
    KeptOf { origin, announcement: vec![7; 900].into(), rows: (0..rows).map(row).collect() }
}

fn knows(keeper: &Owner) -> Getter {
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(keeper.contact()));
    getter
}

impl Getter {
    fn ask_owner_catalogue(&self, from: PeerId, origin: PeerId) {
        self.handle.send(ReceiverCommand::OwnerCatalogue { from, origin });
    }

    /// What came of it; `None`: nothing.
    #[track_caller]
    fn owner_catalogue(&self, of: PeerId) -> Option<(Arc<[u8]>, Arc<Catalogue>)> {
        self.wait(|event| match event {
            ReceiverEvent::OwnerCatalogue { origin, signed, catalogue, .. } if origin == of => {
                Some(Some((signed, catalogue)))
            }
            ReceiverEvent::NoOwnerCatalogue { origin, .. } if origin == of => Some(None),
            _ => None,
        })
    }

    /// What the peer keeps; `None`: it did not say.
    #[track_caller]
    fn kept(&self, of: PeerId) -> Option<Vec<KeptOf>> {
        self.handle.send(ReceiverCommand::Kept(of));
        self.wait(|event| match event {
            ReceiverEvent::Kept(peer, kept) if peer == of => Some(Some(kept)),
            ReceiverEvent::NoKept(peer) if peer == of => Some(None),
            _ => None,
        })
    }
}

#[test]
fn the_catalogue_of_an_absent_owner_comes_from_its_keeper() {
    let mut keeper = Owner::new();
    keeper.share(&[("own", b"content")]);
    let away = Away::new(3_000);
    keeper.send(SenderCommand::Open([away.id()].into()));
    away.tell(&keeper);
    let getter = knows(&keeper);
    getter.ask_owner_catalogue(keeper.id(), away.id());
    let (signed, catalogue) = getter.owner_catalogue(away.id()).unwrap();
    assert_eq!((&signed, &*catalogue), (&away.signed, &away.catalogue));
    // Again: nothing but the head crosses, and it is the same.
    getter.ask_owner_catalogue(keeper.id(), away.id());
    assert_eq!(*getter.owner_catalogue(away.id()).unwrap().1, away.catalogue);
    // Its own, asked for in the same way.
    getter.ask_owner_catalogue(keeper.id(), keeper.id());
    let (signed, catalogue) = getter.owner_catalogue(keeper.id()).unwrap();
    assert_eq!(Head::open(&signed).unwrap().owner.peer_id(), keeper.id());
    assert_eq!(*catalogue, keeper.catalogue());
    // One that it does not have, or not any more.
    getter.ask_owner_catalogue(keeper.id(), PeerId([9; 32]));
    assert!(getter.owner_catalogue(PeerId([9; 32])).is_none());
    keeper.send(SenderCommand::OwnerCatalogue(away.id(), None));
    getter.ask_owner_catalogue(keeper.id(), away.id());
    assert!(getter.owner_catalogue(away.id()).is_none());
}

#[test]
fn several_pulls_from_one_keeper_are_all_answered() {
    let mut keeper = Owner::new();
    keeper.share(&[("own", b"content")]);
    let owners: Vec<_> = (0..20).map(|n| Away::new(10 * n)).collect();
    keeper.send(SenderCommand::Open(owners.iter().map(Away::id).collect()));
    owners.iter().for_each(|away| away.tell(&keeper));
    keeper.send(SenderCommand::Kept(Arc::new(vec![of(owners[3].id(), 9)])));
    let getter = knows(&keeper);
    for away in &owners {
        getter.ask_owner_catalogue(keeper.id(), away.id());
    }
    getter.ask_owner_catalogue(keeper.id(), PeerId([9; 32]));
    getter.handle.send(ReceiverCommand::Catalogue(keeper.id()));
    getter.handle.send(ReceiverCommand::Kept(keeper.id()));
    let mut open: BTreeMap<PeerId, &Away> = owners.iter().map(|away| (away.id(), away)).collect();
    let (mut own, mut kept, mut none) = (0, 0, 0);
    while !open.is_empty() || own + kept + none < 3 {
        getter.wait(|event| {
            match event {
                ReceiverEvent::OwnerCatalogue { origin, catalogue, .. } => {
                    assert_eq!(*catalogue, open.remove(&origin).unwrap().catalogue);
                }
                ReceiverEvent::Catalogue(..) => own += 1,
                ReceiverEvent::Kept(_, rows) => {
                    assert_eq!(rows, [of(owners[3].id(), 9)]);
                    kept += 1;
                }
                ReceiverEvent::NoOwnerCatalogue { origin, .. } if origin == PeerId([9; 32]) => none += 1,
                ReceiverEvent::Proved(..) => {}
                other => panic!("{other:?}"),
            }
            Some(())
        });
    }
    assert_eq!((own, kept, none), (1, 1, 1));
}

#[test]
fn what_is_not_for_everybody_is_reported_to_its_owner_only() {
    let keeper = Owner::new();
    let away = Away::new(5);
    away.tell(&keeper);
    keeper.send(SenderCommand::Kept(Arc::new(vec![of(away.id(), 3)])));
    let stranger = knows(&keeper);
    stranger.ask_owner_catalogue(keeper.id(), away.id());
    assert!(stranger.owner_catalogue(away.id()).is_none());
    assert_eq!(stranger.kept(keeper.id()), Some(vec![]));
    let home = Getter::of(away.identity.clone());
    home.handle.send(ReceiverCommand::Peer(keeper.contact()));
    home.ask_owner_catalogue(keeper.id(), away.id());
    assert_eq!(home.owner_catalogue(away.id()).unwrap().0, away.signed);
    assert_eq!(home.kept(keeper.id()), Some(vec![of(away.id(), 3)]));
    keeper.send(SenderCommand::Open([away.id()].into()));
    assert_eq!(stranger.kept(keeper.id()), Some(vec![of(away.id(), 3)]));
}

#[test]
fn a_keeper_that_makes_up_a_catalogue_loses_the_connection_and_is_named() {
    let mut keeper = Owner::new();
    keeper.share(&[("own", b"content")]);
    let away = Away::new(300);
    keeper.send(SenderCommand::Open([away.id()].into()));
    let other = Away::new(301);
    let mut flipped = away.signed.to_vec();
    flipped[70] ^= 1;
    let lies: [(Arc<[u8]>, &Catalogue); 4] = [
        // Signed by nobody, by another, nothing at all, and a catalogue that the head does not name.
        (flipped.into(), &away.catalogue),
        (Arc::clone(&other.signed), &other.catalogue),
        (Arc::from(&away.signed[..40]), &away.catalogue),
        (Arc::clone(&away.signed), &other.catalogue),
    ];
    let getter = knows(&keeper);
    for (n, (signed, catalogue)) in lies.into_iter().enumerate() {
        let served = Some((signed, Arc::new(catalogue.clone())));
        keeper.send(SenderCommand::OwnerCatalogue(away.id(), served));
        getter.ask_owner_catalogue(keeper.id(), away.id());
        let (mut warned, mut lost, mut none) = (false, false, false);
        while !(warned && lost && none) {
            getter.wait(|event| {
                match event {
                    ReceiverEvent::Warning(text) => {
                        assert!(text.contains(&keeper.id().to_string()), "{n}: {text}");
                        assert!(text.contains(&away.id().to_string()), "{n}: {text}");
                        warned = true;
                    }
                    ReceiverEvent::Lost(peer) => lost = peer == keeper.id(),
                    ReceiverEvent::NoOwnerCatalogue { origin, .. } => none = origin == away.id(),
                    ReceiverEvent::Proved(..) => {}
                    other => panic!("{n}: {other:?}"),
                }
                Some(())
            });
        }
    }
    // It may say the truth later.
    away.tell(&keeper);
    getter.ask_owner_catalogue(keeper.id(), away.id());
    assert_eq!(*getter.owner_catalogue(away.id()).unwrap().1, away.catalogue);
}

#[test]
fn what_is_kept_crosses_in_pages() {
    let keeper = Owner::new();
    let page = u32::try_from(limits::KEPT_PAGE).unwrap();
    let kept: Vec<_> = (1..=3).map(|n| of(PeerId([n; 32]), u32::from(n) * page + 5)).collect();
    keeper.send(SenderCommand::Open(kept.iter().map(|of| of.origin).collect()));
    keeper.send(SenderCommand::Kept(Arc::new(kept.clone())));
    let getter = knows(&keeper);
    assert!(getter.kept(keeper.id()) == Some(kept));
    keeper.send(SenderCommand::Kept(Arc::default()));
    assert_eq!(getter.kept(keeper.id()), Some(vec![]));
}

/// A sender that answers the question what it keeps with these frames, or by closing.
struct Fabulist {
    say: fn(u64) -> Option<Vec<u8>>,
    asked: Sender<()>,
}

impl Role for Fabulist {
    type Command = ();

    fn on_command(&mut self, _now: Time, _net: &mut Net, (): ()) {}

    fn on_proved(&mut self, _now: Time, _net: &mut Net, _id: ConnId, _peer: PeerId, _host: Host) {}

    fn on_alive(&mut self, _peer: PeerId, _host: Host) {}

    fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        let Some(Message::GetKept(m)) = Message::decode(&frame).unwrap() else { return Ok(()) };
        self.asked.send(()).unwrap();
        match (self.say)(m.request) {
            Some(bytes) => net.push(id, &bytes, &[]),
            None => net.close(now, id),
        }
        Ok(())
    }

    fn is_busy(&self, _id: ConnId) -> bool {
        false
    }

    fn on_closed(&mut self, _now: Time, _net: &mut Net, _id: ConnId, _how: Closed) {}
}

fn page(request: u64, file: KeptFile, last: bool) -> Message {
    Message::Kept(KeptIs {
        origin: PeerId([1; 32]),
        rows: vec![file].into(),
        last,
        ..KeptIs::nothing(request)
    })
}

const ROW: KeptFile = KeptFile { file: FileId([1; 32]), size: 1, from: 0, to: 1 };

#[test]
fn what_cannot_be_kept_is_not_believed() {
    type Say = fn(u64) -> Option<Vec<u8>>;
    // What is said, how often it is asked, and whether that is an answer.
    let cases: [(&str, Say, usize, bool); 9] = [
        ("the truth", |r| Some(page(r, ROW, true).encode()), 1, true),
        (
            "a chunk that the file does not have",
            |r| Some(page(r, KeptFile { to: 2, ..ROW }, true).encode()),
            3,
            false,
        ),
        ("no chunk", |r| Some(page(r, KeptFile { to: 0, ..ROW }, true).encode()), 3, false),
        (
            "a size that cannot be",
            |r| Some(page(r, KeptFile { size: u64::MAX, ..ROW }, true).encode()),
            3,
            false,
        ),
        (
            "no last page, and then the end",
            |r| {
                // The frame of a second page is cut off: so is the connection, by whoever hears it.
                let frames = [page(r, ROW, false).encode(), vec![0xff; 8]].concat();
                Some(frames)
            },
            3,
            false,
        ),
        ("nothing at all", |_| None, 3, false),
        (
            "an empty page behind a full one",
            |r| Some([page(r, ROW, false).encode(), Message::Kept(KeptIs::nothing(r)).encode()].concat()),
            1,
            false,
        ),
        (
            "a version of before",
            |request| {
                let refused = Refused { request, item: None, reason: Reason::NotOffered };
                Some(Message::Refused(refused).encode())
            },
            1,
            true,
        ),
        (
            "busy",
            |request| {
                let refused = Refused { request, item: None, reason: Reason::Busy };
                Some(Message::Refused(refused).encode())
            },
            1,
            false,
        ),
    ];
    for (name, say, times, answered) in cases {
        let (identity, (socket, port)) = (Identity::generate().unwrap(), listener());
        let (asked, questions) = crossbeam_channel::unbounded();
        let (_never, events) = crossbeam_channel::bounded::<()>(0);
        let tls = Tls::new(&identity).unwrap();
        let role = Fabulist { say, asked };
        let _fabulist = Engine::new().unwrap().start("fabulist", tls, vec![socket], events, role).unwrap();
        let getter = Getter::new();
        let ports = Ports { receiver: 1, sender: port, distributor: 1, distributee: 1 };
        getter.handle.send(ReceiverCommand::Peer(Contact { id: identity.id(), hosts: vec![HOST], ports }));
        let kept = getter.kept(identity.id());
        assert_eq!(kept.is_some(), answered, "{name}: {kept:?}");
        assert_eq!(questions.try_iter().count(), times, "{name}");
    }
}
