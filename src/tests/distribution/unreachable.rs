//! Who is out of reach, and how whoever asks hears of it.

use super::*;

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
