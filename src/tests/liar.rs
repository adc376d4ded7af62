//! Peers that speak the protocol, and mean ill.

use core::convert::Infallible;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::time::Time;
use crate::transfer::connection::Closed;
use crate::transfer::engine::Role;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::frame::{Decoder, Frame, Piece};
use crate::wire::message::{BlockIs, GetBlocks, GetManifest, Item, ManifestIs, Reason, Refused};

/// A sender whose manifests are right and whose bytes are wrong.
struct Liar {
    file: Vec<u8>,
}

impl Role for Liar {
    type Command = Infallible;

    fn on_command(&mut self, _now: Time, _net: &mut Net, command: Infallible) {
        match command {}
    }

    fn on_proved(&mut self, _now: Time, _net: &mut Net, _id: ConnId, _peer: PeerId, _host: Host) {}

    fn on_alive(&mut self, _peer: PeerId, _host: Host) {}

    fn on_frame(&mut self, _now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        match Message::decode(&frame).unwrap().unwrap() {
            Message::GetManifest(m) => {
                let values = manifest(&self.file).as_bytes().to_vec();
                net.push(id, &Message::Manifest(ManifestIs { request: m.request, values }).encode(), &[]);
            }
            Message::GetBlocks(m) => {
                for (item, i) in (0..).zip(&m.items) {
                    for offset in (i.offset..i.offset + i.len).step_by(crate::limits::BLOCK) {
                        let len = (i.offset + i.len - offset).min(crate::limits::BLOCK as u64);
                        let len = usize::try_from(len).unwrap();
                        let head = Message::Block(BlockIs { request: m.request, item, offset });
                        net.push(id, &head.encode_with(len), &vec![0xaa; len]);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_busy(&self, _id: ConnId) -> bool {
        false
    }

    fn on_closed(&mut self, _now: Time, _net: &mut Net, _id: ConnId, _how: Closed) {}
}

#[test]
fn wrong_bytes_are_noticed_reported_and_fetched_from_another() {
    let bytes = content(3 << 20, 1);
    let mut honest = Owner::new();
    honest.share(&[("a", &bytes)]);
    let identity = Identity::generate().unwrap();
    let (socket, port) = listener();
    let (_never, events) = crossbeam_channel::bounded::<()>(0);
    let role = Liar { file: bytes.clone() };
    let tls = Tls::new(&identity).unwrap();
    let _liar = Engine::new().unwrap().start("liar", tls, vec![socket], events, role).unwrap();
    let getter = Getter::new();
    let ports = Ports { receiver: 1, sender: port, distributor: 1, distributee: 1 };
    getter.handle.send(ReceiverCommand::Peer(Contact { id: identity.id(), hosts: vec![HOST], ports }));
    let job = getter.fetch(1, vec![wanted("a", &bytes, &[identity.id(), honest.id()])]);
    let warnings: Vec<_> = (0..2)
        .map(|_| {
            getter.wait(|event| match event {
                ReceiverEvent::Warning(text) => Some(text),
                _ => None,
            })
        })
        .collect();
    assert!(warnings.iter().all(|w| w.contains(&identity.id().to_string())), "{warnings:?}");
    assert!(warnings[1].contains("not asked for it any more"), "{warnings:?}");
    getter.handle.send(ReceiverCommand::Peer(honest.contact()));
    assert_eq!(getter.wait_finished(job), (1, None));
    assert_eq!(getter.disk.arrived()[Path::new("/nowhere/a")], bytes);
}

/// A client that sends what it likes.
pub(super) struct Client {
    pub(super) identity: Identity,
    pub(super) stream: rustls::StreamOwned<rustls::ClientConnection, TcpStream>,
    decoder: Decoder,
    unread: Vec<u8>,
}

impl Client {
    pub(super) fn new(owner: &Owner) -> Self {
        Self::dial(owner.id(), owner.port)
    }

    /// With this key.
    pub(super) fn of(owner: &Owner, identity: &Identity) -> Self {
        Self::dial_as(identity.clone(), owner.id(), owner.port)
    }

    pub(super) fn dial(peer: PeerId, port: u16) -> Self {
        Self::dial_as(Identity::generate().unwrap(), peer, port)
    }

    fn dial_as(identity: Identity, peer: PeerId, port: u16) -> Self {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        tcp.set_read_timeout(Some(DEADLINE)).unwrap();
        let tls = Tls::new(&identity).unwrap().dial(Some(peer), HOST).unwrap();
        let stream = rustls::StreamOwned::new(tls, tcp);
        Self { identity, stream, decoder: Decoder::default(), unread: Vec::new() }
    }

    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next message, with its payload; `None` when the other end closed.
    pub(super) fn hear(&mut self) -> Option<(Message, Vec<u8>)> {
        let (frame, payload) = self.hear_frame()?;
        Some((Message::decode(&frame).unwrap().unwrap(), payload))
    }

    /// The next frame of any kind, with its payload; `None` when the other end closed.
    pub(super) fn hear_frame(&mut self) -> Option<(Frame, Vec<u8>)> {
        let (mut header, mut payload) = (None, Vec::new());
        loop {
            let (used, end) = match self.decoder.feed(&self.unread).unwrap() {
                (n, Piece::Frame(frame)) => {
                    let end = frame.payload == 0;
                    header = Some(frame);
                    (n, end)
                }
                (n, Piece::Payload(bytes, end)) => {
                    payload.extend(bytes);
                    (n, end)
                }
                (n, Piece::More) => {
                    self.unread.drain(..n);
                    let mut buffer = [0; 4_096];
                    let n = self.stream.read(&mut buffer).unwrap_or(0);
                    if n == 0 {
                        return None;
                    }
                    self.unread.extend(&buffer[..n]);
                    continue;
                }
            };
            self.unread.drain(..used);
            if end {
                return header.map(|frame| (frame, payload));
            }
        }
    }

    #[track_caller]
    pub(super) fn refused(&mut self) -> Refused {
        match self.hear() {
            Some((Message::Refused(refused), _)) => refused,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_bytes_of_the_shelf_leave_whatever_is_asked() {
    let bytes = content(100_000, 1);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    std::fs::write(owner.dir.path().join("canary"), b"canary").unwrap();
    let file = FileId(*blake3::hash(&bytes).as_bytes());
    let canary = FileId(*blake3::hash(b"canary").as_bytes());
    let mut client = Client::new(&owner);
    let items = vec![
        Item { file: canary, offset: 0, len: 6 },
        Item { file, offset: 99_999, len: 2 },
        Item { file, offset: u64::MAX, len: 1 },
        Item { file, offset: 99_999, len: 1 },
    ];
    client.say(&Message::GetBlocks(GetBlocks { request: 5, items, background: false }).encode());
    let mut refusals = Vec::new();
    let block = loop {
        match client.hear().unwrap() {
            (Message::Refused(r), _) => refusals.push((r.item, r.reason)),
            (Message::Block(block), payload) => break (block, payload),
            other => panic!("{other:?}"),
        }
    };
    while refusals.len() < 3 {
        let r = client.refused();
        refusals.push((r.item, r.reason));
    }
    refusals.sort_unstable_by_key(|r| r.0);
    assert_eq!(
        refusals,
        [(Some(0), Reason::Unknown), (Some(1), Reason::Malformed), (Some(2), Reason::Malformed)]
    );
    assert_eq!(block, (BlockIs { request: 5, item: 3, offset: 99_999 }, vec![bytes[99_999]]));
    client.say(&Message::GetManifest(GetManifest { request: 6, file: canary, page: 0 }).encode());
    assert_eq!(client.refused().reason, Reason::Unknown);
    client.say(&Message::GetManifest(GetManifest { request: 7, file, page: u32::MAX }).encode());
    assert_eq!(client.refused().reason, Reason::Malformed);
    // A kind of a later version, and a header that is none.
    client.say(&[0, 0, 0, 1, 63, 0, 0, 0, 0x80]);
    assert_eq!(client.refused().reason, Reason::NotOffered);
    client.say(&[0, 0, 0, 1, 4, 0, 0, 0, 0xc1]);
    assert_eq!(client.refused().reason, Reason::Malformed);
    // A length that cannot be: the connection ends, the sender does not.
    client.say(&[0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0]);
    assert_eq!(client.hear(), None);
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(owner.contact()));
    let job = getter.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]);
    assert_eq!(getter.wait_finished(job), (1, None));
}

#[test]
fn a_link_that_leads_out_is_not_followed() {
    let mut owner = Owner::new();
    let outside = tempfile::tempdir().unwrap();
    let bytes = content(1_000, 2);
    std::fs::write(outside.path().join("a"), &bytes).unwrap();
    owner.share(&[("d/a", &bytes)]);
    // The folder is swapped for a link to one that has a file of that name and content.
    std::fs::remove_dir_all(owner.dir.path().join("d")).unwrap();
    crate::sys::testing::link(outside.path(), owner.dir.path().join("d"));
    let mut client = Client::new(&owner);
    let items = vec![Item { file: FileId(*blake3::hash(&bytes).as_bytes()), offset: 0, len: 1_000 }];
    client.say(&Message::GetBlocks(GetBlocks { request: 1, items, background: false }).encode());
    assert_eq!(client.refused(), Refused { request: 1, item: Some(0), reason: Reason::Changed });
}

#[test]
fn idle_connections_and_endless_questions_do_not_keep_others_out() {
    let bytes = content(1 << 20, 3);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let idle: Vec<_> =
        (0..600).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, owner.port)).unwrap()).collect();
    // One asks for the whole file a thousand times and takes nothing.
    let mut greedy = Client::new(&owner);
    let items = vec![Item { file: FileId(*blake3::hash(&bytes).as_bytes()), offset: 0, len: 1 << 20 }];
    for request in 0..60 {
        greedy.say(
            &Message::GetBlocks(GetBlocks { request, items: items.clone(), background: false }).encode(),
        );
    }
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(owner.contact()));
    let job = getter.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]);
    assert_eq!(getter.wait_finished(job), (1, None));
    drop(idle);
}
