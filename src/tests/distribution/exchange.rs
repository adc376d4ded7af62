//! Requests and answers that have their place, in both directions.

use super::*;

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
