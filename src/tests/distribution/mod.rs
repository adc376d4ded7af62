//! The ports of custody: requests and answers in both directions, and peers that ask, answer or keep silent
//! as they must not.

mod exchange;
mod floods;
mod misplaced;
mod unreachable;

use core::convert::Infallible;
use std::io::{ErrorKind, Write};

use super::liar::Client;
use super::*;
use crate::codec::encode;
use crate::content::Span;
use crate::limits;
use crate::sys::clock::now;
use crate::sys::thread::Thread;
use crate::time::Time;
use crate::transfer::connection::Closed;
use crate::transfer::engine::{Role, Timeouts};
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::custody::{
    BucketProof, CustodyMessage, CustodyOffer as Offered, GetSpace, KeeperReport, OfferAnswer, Order, Orders,
    Replica, ReportRow, Space, Verdict,
};
use crate::wire::frame::{self, Frame};
use crate::wire::message::{Cancel, GetHead, Reason, Refused};
use crate::wire::registry::Kind;

/// Long enough for an answer over loopback on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

const ORIGIN: PeerId = PeerId([7; 32]);

/// One of the two ports, and whoever decides behind it.
struct Desk {
    identity: Identity,
    handle: CustodyHandle,
    port: u16,
}

impl Desk {
    fn distributor() -> Self {
        Self::with(Timeouts::default(), start_distributor)
    }

    fn distributee() -> Self {
        Self::with(Timeouts::default(), start_distributee)
    }

    fn with(
        timeouts: Timeouts,
        start: impl FnOnce(Engine, Vec<TcpListener>, Tls) -> io::Result<CustodyHandle>,
    ) -> Self {
        let identity = Identity::generate().unwrap();
        let (socket, port) = listener();
        let mut engine = Engine::new().unwrap();
        engine.timeouts = timeouts;
        let handle = start(engine, vec![socket], Tls::new(&identity).unwrap()).unwrap();
        Self { identity, handle, port }
    }

    fn id(&self) -> PeerId {
        self.identity.id()
    }

    fn knows(&self, id: PeerId, port: u16) {
        let ports = Ports { receiver: 1, sender: 1, distributor: port, distributee: port };
        self.handle.send(CustodyCommand::Peer(Contact { id, hosts: vec![HOST], ports }));
    }

    fn send(&self, to: PeerId, message: CustodyMessage) {
        self.handle.send(CustodyCommand::Send(to, message));
    }

    /// The next event but signs of life.
    #[track_caller]
    fn next(&self) -> CustodyEvent {
        let end = now() + DEADLINE;
        loop {
            match self.handle.events.recv_timeout(end.since(now())).expect("nothing came in time") {
                CustodyEvent::Authenticated(..) => {}
                event => return event,
            }
        }
    }

    #[track_caller]
    fn message(&self) -> (PeerId, CustodyMessage) {
        match self.next() {
            CustodyEvent::Message(peer, source, message) => {
                assert_eq!(source, HOST.ip);
                (peer, message)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Serves whatever question for space comes, until one of this peer was.
    #[track_caller]
    fn serve(&self, until: PeerId) {
        loop {
            let (peer, message) = self.message();
            if let CustodyMessage::GetSpace(m) = message {
                self.send(peer, space(m.request));
            } else if let CustodyMessage::Offer(m) = message {
                self.send(peer, answer(m.request));
            }
            if peer == until {
                return;
            }
        }
    }
}

fn get_space(request: u64) -> CustodyMessage {
    CustodyMessage::GetSpace(GetSpace { request, origin: ORIGIN })
}

fn space(request: u64) -> CustodyMessage {
    CustodyMessage::Space(Space { request, free: 5, share: 4 })
}

fn span() -> Span {
    Span { from: 0, to: 1 }
}

/// An offer whose proof is long.
fn offer(request: u64, entries: usize) -> CustodyMessage {
    let kind = EntryKind::File { id: FileId([3; 32]), size: 9, modified: 1, executable: false, since: 0 };
    let path = |n| format!("{n:0>200}").parse().unwrap();
    let entries = (0..entries).map(|n| Entry { path: path(n), kind: kind.clone() });
    let bucket = entries.flat_map(|entry| encode(&entry)).collect();
    CustodyMessage::Offer(Box::new(Offered {
        request,
        head: Arc::from([1; 64]),
        path: "a".parse().unwrap(),
        file: FileId([3; 32]),
        size: 9,
        copies: 2,
        copy: 1,
        span: span(),
        others: Vec::new(),
        quiet: 0,
        proof: Some(BucketProof { digests: Arc::from([9; 8_192]), bucket }),
    }))
}

fn answer(request: u64) -> CustodyMessage {
    CustodyMessage::Answer(OfferAnswer { request, refusal: None, span: None, free: 1, share: 1, head: None })
}

fn report(request: u64) -> CustodyMessage {
    let row = ReportRow {
        file: FileId([1; 32]),
        size: 9,
        copies: 2,
        copy: 1,
        span: span(),
        have: 1,
        dropped: false,
    };
    let (instance, version) = (Instance { count: 1, random: 2 }, 3);
    CustodyMessage::Report(KeeperReport {
        request,
        origin: ORIGIN,
        instance,
        version,
        rows: vec![row].into(),
    })
}

/// Orders as long as they may be.
fn orders(request: u64) -> CustodyMessage {
    let places = vec![Replica { copy: 1, span: span(), peer: ORIGIN }; limits::PLACES];
    let row = || Order { file: FileId([1; 32]), verdict: Verdict::Keep(places.clone()) };
    let rows = (0..limits::REPORT_ROWS).map(|_| row()).collect();
    CustodyMessage::Orders(Orders { request, origin: ORIGIN, head: None, rows })
}

fn bytes(message: &CustodyMessage) -> Vec<u8> {
    let (kind, header) = message.encode();
    raw(kind, &header)
}

fn raw(kind: u8, header: &[u8]) -> Vec<u8> {
    [&frame::prefix(kind, header.len(), 0)[..], header].concat()
}

/// A peer whose answers a test chooses. It says `true` when it was connected to, `false` at the end of that.
struct Fake<F> {
    on_frame: F,
    lives: Sender<bool>,
}

impl<F: FnMut(&mut Net, ConnId, &Frame) -> Result<(), String>> Role for Fake<F> {
    type Command = Infallible;

    fn on_command(&mut self, _now: Time, _net: &mut Net, command: Infallible) {
        match command {}
    }

    fn on_proved(&mut self, _now: Time, _net: &mut Net, _id: ConnId, _peer: PeerId, _host: Host) {
        let _sent = self.lives.send(true);
    }

    fn on_alive(&mut self, _peer: PeerId, _host: Host) {}

    fn on_frame(&mut self, _now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        (self.on_frame)(net, id, &frame)
    }

    fn is_busy(&self, _id: ConnId) -> bool {
        false
    }

    fn on_closed(&mut self, _now: Time, _net: &mut Net, _id: ConnId, _how: Closed) {
        let _sent = self.lives.send(false);
    }
}

/// Starts such a peer: who it is, where, and how it lives.
fn fake<F>(on_frame: F) -> (PeerId, u16, EngineHandle<Infallible, bool>)
where
    F: FnMut(&mut Net, ConnId, &Frame) -> Result<(), String> + Send + 'static,
{
    let identity = Identity::generate().unwrap();
    let (socket, port) = listener();
    let (lives, events) = crossbeam_channel::unbounded();
    let engine = Engine::new().unwrap();
    let tls = Tls::new(&identity).unwrap();
    let handle = engine.start("fake", tls, vec![socket], events, Fake { on_frame, lives }).unwrap();
    (identity.id(), port, handle)
}

/// Waits for the other end to close, without a frame before.
#[track_caller]
fn assert_closed(client: &mut Client, why: &dyn std::fmt::Debug) {
    let begin = now();
    assert_eq!(client.hear_frame(), None, "{why:?}");
    assert!(now().since(begin) < DEADLINE / 2, "it waits after {why:?}");
}

fn number(frame: &Frame) -> u64 {
    crate::wire::message::request_of(frame)
}
