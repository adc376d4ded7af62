//! The ports of custody: requests and answers in both directions, and peers that ask, answer or keep silent
//! as they must not.

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
    let row = ReportRow { file: FileId([1; 32]), size: 9, copies: 2, copy: 1, span: span(), have: 1 };
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

#[test]
fn requests_and_answers_cross_in_both_directions() {
    let (owner, keeper) = (Desk::distributor(), Desk::distributee());
    owner.knows(keeper.id(), keeper.port);
    keeper.knows(owner.id(), owner.port);
    // Requests of different kinds have one number, and are answered in another order.
    owner.send(keeper.id(), get_space(1));
    owner.send(keeper.id(), offer(1, 3));
    assert_eq!(keeper.message(), (owner.id(), get_space(1)));
    assert_eq!(keeper.message(), (owner.id(), offer(1, 3)));
    keeper.send(owner.id(), answer(1));
    keeper.send(owner.id(), space(1));
    assert_eq!(owner.message(), (keeper.id(), answer(1)));
    assert_eq!(owner.message(), (keeper.id(), space(1)));
    keeper.send(owner.id(), report(u64::MAX));
    assert_eq!(owner.message(), (keeper.id(), report(u64::MAX)));
    owner.send(keeper.id(), orders(u64::MAX));
    assert_eq!(keeper.message(), (owner.id(), orders(u64::MAX)));
    // An answer that nobody waits for any more goes nowhere, and what comes after it does.
    keeper.send(owner.id(), space(1));
    // A number may come again once it was answered; the longest offer that there is passes.
    let long = offer(1, 3_500);
    assert!(long.encode().1.len() > 900_000);
    owner.send(keeper.id(), long.clone());
    assert_eq!(keeper.message(), (owner.id(), long));
    keeper.send(owner.id(), answer(1));
    assert_eq!(owner.message(), (keeper.id(), answer(1)));
}

#[test]
fn more_requests_than_may_be_open_and_more_peers_than_may_be_connected_are_all_answered() {
    let owner = Desk::distributor();
    let answers = |net: &mut Net, id, frame: &Frame| {
        net.send_frame(id, &bytes(&space(number(frame))));
        Ok(())
    };
    let peers: Vec<_> =
        (0..crate::distribution::limits::CUSTODY_DIALLED + 8).map(|_| fake(answers)).collect();
    let each = 3 * crate::distribution::limits::CUSTODY_ASKED as u64;
    for (id, port, _) in &peers {
        owner.knows(*id, *port);
        for request in 0..each {
            owner.send(*id, get_space(request));
        }
    }
    let mut got: BTreeMap<PeerId, u64> = BTreeMap::new();
    for _ in 0..peers.len() as u64 * each {
        let (peer, message) = owner.message();
        let next = got.entry(peer).or_default();
        assert_eq!(message, space(*next), "in order");
        *next += 1;
    }
    assert!(got.len() == peers.len() && got.values().all(|n| *n == each));
}

#[test]
fn what_has_no_place_at_a_port_ends_the_connection() {
    let refused = Message::Refused(Refused { request: 1, item: None, reason: Reason::Busy });
    let common = [
        bytes(&space(1)),
        bytes(&answer(1)),
        bytes(&orders(1)),
        raw(Kind::Orders.number(), &[0xc1]),
        Message::GetHead(GetHead { request: 1, known: None, origin: None }).encode(),
        Message::Cancel(Cancel { request: 1 }).encode(),
        raw(Kind::Block.number(), &[]),
        refused.encode(),
        vec![0xff; 9],
        [&frame::prefix(Kind::Block.number(), 0, 7)[..], b"payload"].concat(),
    ];
    for (desk, takes, wrong) in [
        (Desk::distributor(), report(5), vec![bytes(&get_space(1)), bytes(&offer(1, 0))]),
        (Desk::distributee(), get_space(5), vec![bytes(&report(1))]),
    ] {
        for wrong in common.iter().chain(&wrong) {
            let mut client = Client::dial(desk.id(), desk.port);
            client.say(wrong);
            assert_closed(&mut client, wrong);
        }
        let mut client = Client::dial(desk.id(), desk.port);
        // Kinds of a later version: an answer is skipped, a request refused; a bad request is refused.
        client.say(&raw(126, b"whatever"));
        client.say(&raw(63, &encode(&Cancel { request: 9 })));
        let refused = |request, reason| Refused { request, item: None, reason };
        assert_eq!(client.refused(), refused(9, Reason::NotOffered));
        let kind = takes.encode().0;
        client.say(&raw(kind, &encode(&Cancel { request: 8 })));
        assert_eq!(client.refused(), refused(8, Reason::Malformed));
        client.say(&raw(kind, &[0xc1]));
        assert_eq!(client.refused(), refused(0, Reason::Malformed));
        // The right one comes through, once.
        client.say(&bytes(&takes));
        client.say(&bytes(&takes));
        assert_eq!(client.refused(), refused(5, Reason::Malformed));
        assert_eq!(desk.message(), (client.identity.id(), takes), "and nothing before it");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let wrong = [
        bytes(&space(2)),
        bytes(&answer(1)),
        bytes(&orders(1)),
        bytes(&get_space(1)),
        bytes(&report(1)),
        raw(Kind::Space.number(), &[0xc1]),
        Message::Refused(Refused { request: 2, item: None, reason: Reason::Busy }).encode(),
        Message::GetHead(GetHead { request: 1, known: None, origin: None }).encode(),
        [bytes(&answer(0)), bytes(&space(1))].concat(),
    ];
    let owner = Desk::distributor();
    for wrong in wrong {
        let said = wrong.clone();
        let (id, port, peer) = fake(move |net, id, _| {
            net.send_frame(id, &said);
            Ok(())
        });
        owner.knows(id, port);
        owner.send(id, get_space(1));
        assert_eq!(owner.next(), CustodyEvent::Unreachable(id), "{wrong:?}");
        let lives = [true, false].map(|_| peer.events.recv_timeout(DEADLINE).unwrap());
        assert_eq!(lives, [true, false], "asked once, over one connection");
    }
    // What a later version may say is skipped, and only the first answer counts.
    let (id, port, peer) = fake(|net, id, frame| {
        let all = [raw(126, b"?"), bytes(&space(number(frame))), bytes(&space(number(frame)))].concat();
        net.send_frame(id, &all);
        Ok(())
    });
    owner.knows(id, port);
    owner.send(id, get_space(1));
    assert_eq!(owner.message(), (id, space(1)));
    let lives = [true, false].map(|_| peer.events.recv_timeout(DEADLINE).unwrap());
    assert_eq!(lives, [true, false]);
    owner.send(id, get_space(2));
    assert_eq!(owner.message(), (id, space(2)), "it was not out of reach");
}

#[test]
fn who_refuses_is_out_of_reach() {
    for reason in [Reason::NotOffered, Reason::Busy, Reason::Other] {
        let owner = Desk::distributor();
        let (id, port, _peer) = fake(move |net, id, frame| {
            net.send(id, &Message::Refused(Refused { request: number(frame), item: None, reason }));
            Ok(())
        });
        owner.knows(id, port);
        (1..=5).for_each(|request| owner.send(id, get_space(request)));
        assert_eq!(owner.next(), CustodyEvent::Unreachable(id));
    }
}

#[test]
fn a_flood_of_requests_is_refused_and_others_are_served() {
    let keeper = Desk::distributee();
    let mut flood = Client::dial(keeper.id(), keeper.port);
    let most = crate::distribution::limits::CUSTODY_UNANSWERED as u64;
    for request in 0..1_000 {
        flood.say(&bytes(&get_space(request)));
    }
    for request in most..1_000 {
        assert_eq!(flood.refused(), Refused { request, item: None, reason: Reason::Busy });
    }
    assert!(keeper.handle.events.len() as u64 <= most + 5, "{}", keeper.handle.events.len());
    // An honest one has its place among them.
    let owner = Desk::distributor();
    owner.knows(keeper.id(), keeper.port);
    owner.send(keeper.id(), get_space(1));
    keeper.serve(owner.id());
    assert_eq!(owner.message(), (keeper.id(), space(1)));
    // What was taken is answered, and then the flood may ask again.
    for request in 0..most {
        let (frame, _) = flood.hear_frame().unwrap();
        assert_eq!(CustodyMessage::decode(&frame).unwrap(), Some(space(request)));
    }
    flood.say(&bytes(&get_space(0)));
    keeper.serve(flood.identity.id());
    assert_eq!(flood.hear_frame().unwrap().0.kind, Kind::Space.number());
}

#[test]
fn long_requests_wait_in_the_network_while_nobody_decides() {
    // Ends after the keeper, which ends their connections.
    let floods: Vec<Thread>;
    let keeper = Desk::distributee();
    let long = offer(0, 3_500).encode().1.len();
    assert!(long > 900_000 && long <= Kind::Offer.row().header);
    floods = (0..4)
        .map(|n| {
            let (id, port) = (keeper.id(), keeper.port);
            let (tell, begun) = crossbeam_channel::bounded(1);
            let flood = Thread::spawn("flood", move || {
                let mut client = Client::dial(id, port);
                for request in 0.. {
                    if client.stream.write_all(&bytes(&offer(request, 3_500))).is_err() {
                        return;
                    }
                    let _sent = tell.try_send(());
                }
            });
            begun.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("flood {n} does not begin"));
            flood.unwrap()
        })
        .collect();
    // What waits is bounded, however many write.
    let waiting = || keeper.handle.events.len();
    let end = now() + DEADLINE;
    while waiting() < 3 && now() < end {
        std::thread::yield_now();
    }
    let owner = Desk::distributor();
    owner.knows(keeper.id(), keeper.port);
    owner.send(keeper.id(), get_space(1));
    // Who is out of reach is reported when there is room again.
    keeper.send(PeerId([9; 32]), report(1));
    // And one short one.
    let most = crate::distribution::limits::CUSTODY_WAITING / long + 2;
    let (mut served, mut unreachable) = (false, false);
    while !served || !unreachable {
        // The reading goes on while this takes them out.
        let events: Vec<_> = keeper.handle.events.try_iter().take(waiting()).collect();
        let messages = events.iter().filter(|e| matches!(e, CustodyEvent::Message(..))).count();
        assert!(messages <= most, "{messages} messages were waiting");
        for event in events {
            match event {
                CustodyEvent::Message(peer, _, CustodyMessage::Offer(m)) => {
                    keeper.send(peer, answer(m.request))
                }
                CustodyEvent::Message(peer, _, message) => {
                    assert_eq!((peer, message), (owner.id(), get_space(1)));
                    keeper.send(peer, space(1));
                    served = true;
                }
                CustodyEvent::Unreachable(peer) => unreachable = peer == PeerId([9; 32]),
                CustodyEvent::Authenticated(..) => {}
            }
        }
        assert!(now() < end, "served: {served}, unreachable: {unreachable}");
        std::thread::yield_now();
    }
    assert_eq!(owner.message(), (keeper.id(), space(1)));
    drop(keeper);
    assert_eq!(floods.len(), 4);
}

#[test]
fn who_does_not_read_its_answers_is_not_read_from_and_dropped() {
    let timeouts = Timeouts { idle: SHORT, ..Timeouts::default() };
    let owner = Desk::with(timeouts, start_distributor);
    let (tell, over) = crossbeam_channel::bounded(1);
    let (id, port) = (owner.id(), owner.port);
    let greedy = Thread::spawn("greedy", move || {
        let mut client = Client::dial(id, port);
        client.stream.sock.set_write_timeout(Some(DEADLINE)).unwrap();
        for request in 0.. {
            if let Err(e) = client.stream.write_all(&bytes(&report(request))) {
                let _sent = tell.send((request, e.kind()));
                return;
            }
        }
    });
    let _greedy = greedy.unwrap();
    let long = orders(0).encode().1.len();
    assert!(long > 500_000);
    let mut answered = 0;
    let (asked, how) = loop {
        crossbeam_channel::select! {
            recv(owner.handle.events) -> event => if let CustodyEvent::Message(peer, _, CustodyMessage::Report(m)) = event.unwrap() {
                answered += 1;
                owner.send(peer, orders(m.request));
            },
            recv(over) -> over => break over.unwrap(),
            default(DEADLINE) => panic!("it is kept although it takes nothing"),
        }
    };
    assert!(matches!(how, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{how:?}");
    // What the buffers of two kernels take, and what was taken before that was noticed.
    assert!(answered * long < 64 << 20, "{answered} answers of {long} bytes to {asked} requests");
    let keeper = Desk::distributee();
    keeper.knows(owner.id(), owner.port);
    keeper.send(owner.id(), report(1));
    let served = |(peer, message)| {
        if peer == keeper.id() {
            assert_eq!(message, report(1));
        }
        peer == keeper.id()
    };
    while !served(owner.message()) {}
    owner.send(keeper.id(), orders(1));
    assert_eq!(keeper.message(), (owner.id(), orders(1)));
}

#[test]
fn who_breaks_off_is_asked_once_more_and_then_out_of_reach() {
    let owner = Desk::distributor();
    // As if it had closed an idle connection at this moment.
    let mut times = 0;
    let (id, port, peer) = fake(move |net, id, frame| {
        times += 1;
        match times {
            1 => net.close(now(), id),
            _ => net.send_frame(id, &bytes(&space(number(frame)))),
        }
        Ok(())
    });
    owner.knows(id, port);
    (1..=2).for_each(|request| owner.send(id, get_space(request)));
    assert_eq!([owner.message(), owner.message()], [(id, space(1)), (id, space(2))]);
    drop(peer);
    // One that always does that.
    let (id, port, peer) = fake(|_, _, _| Err("it closes".to_owned()));
    owner.knows(id, port);
    owner.send(id, get_space(1));
    assert_eq!(owner.next(), CustodyEvent::Unreachable(id));
    assert_eq!(peer.events.try_iter().filter(|begins| *begins).count(), 2);
}

#[test]
fn a_peer_that_vanishes_with_open_requests_is_out_of_reach() {
    let owner = Desk::distributor();
    let (tell, asked) = crossbeam_channel::bounded(1);
    let (id, port, peer) = fake(move |_, _, _| {
        let _sent = tell.try_send(());
        Ok(())
    });
    owner.knows(id, port);
    owner.send(id, get_space(1));
    asked.recv_timeout(DEADLINE).unwrap();
    drop(peer);
    assert_eq!(owner.next(), CustodyEvent::Unreachable(id));
}

#[test]
fn idle_connections_are_closed_and_made_again() {
    let owner = Desk::with(Timeouts { idle: SHORT, ..Timeouts::default() }, start_distributor);
    let (id, port, peer) = fake(|net, id, frame| {
        net.send_frame(id, &bytes(&space(number(frame))));
        Ok(())
    });
    owner.knows(id, port);
    for request in 0..2 {
        owner.send(id, get_space(request));
        assert_eq!(owner.message(), (id, space(request)));
        let lives = [true, false].map(|_| peer.events.recv_timeout(DEADLINE).unwrap());
        assert_eq!(lives, [true, false]);
    }
}

#[test]
fn who_cannot_be_dialled_or_keeps_silent_is_out_of_reach() {
    let owner = Desk::with(Timeouts { idle: SHORT, ..Timeouts::default() }, start_distributor);
    let unreachable = |id| assert_eq!(owner.next(), CustodyEvent::Unreachable(id));
    // Not known; nobody there; somebody else there.
    let nobody = PeerId([1; 32]);
    owner.send(nobody, get_space(1));
    unreachable(nobody);
    owner.knows(nobody, 1);
    owner.send(nobody, get_space(1));
    unreachable(nobody);
    let keeper = Desk::distributee();
    owner.knows(nobody, keeper.port);
    owner.send(nobody, get_space(1));
    unreachable(nobody);
    // It takes everything and says nothing, or only what does not count.
    let (id, port, _silent) = fake(|_, _, _| Ok(()));
    owner.knows(id, port);
    (1..=20).for_each(|request| owner.send(id, get_space(request)));
    unreachable(id);
    // Nothing more is reported of one that is gone, and it can come back.
    owner.send(id, get_space(1));
    owner.handle.send(CustodyCommand::Gone(id));
    owner.knows(keeper.id(), keeper.port);
    owner.send(keeper.id(), get_space(1));
    keeper.serve(owner.id());
    assert_eq!(owner.message(), (keeper.id(), space(1)));
}

#[test]
fn more_than_a_queue_holds_is_too_much() {
    let owner = Desk::distributor();
    let (id, port, _silent) = fake(|_, _, _| Ok(()));
    owner.knows(id, port);
    let most =
        (crate::distribution::limits::CUSTODY_QUEUE + crate::distribution::limits::CUSTODY_ASKED) as u64;
    (0..=most).for_each(|request| owner.send(id, get_space(request)));
    assert_eq!(owner.next(), CustodyEvent::Unreachable(id));
    // It may be asked again.
    let keeper = Desk::distributee();
    owner.knows(keeper.id(), keeper.port);
    owner.send(keeper.id(), get_space(1));
    keeper.serve(owner.id());
    assert_eq!(owner.message(), (keeper.id(), space(1)));
}
