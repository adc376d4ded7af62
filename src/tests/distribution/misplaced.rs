//! What has no place at a port, or was not asked for.

use super::*;

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
