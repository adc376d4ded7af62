//! More than may wait, from those who ask and those who do not read.

use super::*;

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
